/**
 * The wire form of what belongs to processes: pids, refs, monitor references and errors, as extensions
 * of the mesh's value codec (which brings Map, Set, Date, bigint, typed arrays and the rest).
 *
 * - A pid says where it lives in one of three ways: at the sender, at the receiver, or at a third
 *   node named by key. "At the sender" carries neither key nor incarnation: they are those of the
 *   authenticated connection, so no peer can make up pids of its own under another name. A pid of the
 *   receiver comes back as the receiver's own.
 * - A ref is its pid and the name of its contract. A contract this program knows gives a ref that is
 *   used like a local one; an unknown one a bare ref; one of another major version a ref whose every
 *   use fails with `ERR_CONTRACT_VERSION`.
 * - An error is name, message, code, stack, cause and its own fields. Fields that cannot travel are left
 *   out: an error is a report, and half a report is better than none. It arrives as a `RemoteError`.
 */
import { inspect } from 'node:util'
import { bareRef, isRef, type Ref } from '../behaviours/index.ts'
import { checkTravels, UnsendableError, VALUE_LIMITS, type Extension } from '../mesh/index.ts'
import {
  formatReason,
  isPid,
  MonitorRefValue,
  type MonitorRef,
  type Pid,
  type System,
} from '../runtime/index.ts'
import type { ContractTable } from './contract-table.ts'
import { DistProtocolError, RemoteError } from './errors.ts'

/** What encoding and decoding need to know of the connection. */
export interface TermContext {
  readonly system: System
  /** Key of this node, hex; differs from `system.node` when the system was given to the node. */
  readonly ownKeyHex: string
  readonly ownIncarnation: number
  readonly peerKeyHex: string
  readonly peerIncarnation: number
  readonly contracts: ContractTable
  /** Whether stacks of errors are sent. */
  readonly errorStacks: boolean
}

/** Extension types of this layer on the wire. */
export const TermType = { pid: 0x28, ref: 0x29, monitorRef: 0x2a, error: 0x2b } as const

const PidPlace = { sender: 0, receiver: 1, elsewhere: 2 } as const

const SENDER_BYTES = 9
const RECEIVER_BYTES = 17
const ELSEWHERE_BYTES = 49
const KEY_HEX_PATTERN = /^[0-9a-f]{64}$/

function fault(what: string): DistProtocolError {
  return new DistProtocolError('ERR_DIST_MESSAGE', `the peer sent ${what}`)
}

/** Whether `value` can be the number of a process, a reference or an incarnation. */
export function isWireNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function encodePid(pid: Pid, context: TermContext): Uint8Array {
  const { system } = context
  const isLocal = pid.node === system.node
  if (isLocal && pid.incarnation === system.incarnation) {
    return pidBytes(PidPlace.sender, SENDER_BYTES, pid.id, 0)
  }
  const node = isLocal ? context.ownKeyHex : pid.node
  if (node === context.peerKeyHex) {
    return pidBytes(PidPlace.receiver, RECEIVER_BYTES, pid.id, pid.incarnation)
  }
  if (!KEY_HEX_PATTERN.test(node)) {
    throw unknowable('a pid of a system without a node')
  }
  const bytes = pidBytes(PidPlace.elsewhere, ELSEWHERE_BYTES, pid.id, pid.incarnation)
  bytes.set(Buffer.from(node, 'hex'), RECEIVER_BYTES)
  return bytes
}

/** Refused here, because the peer would have to end the link over it. */
function unknowable(detail: string): UnsendableError {
  return new UnsendableError('reference', '', detail, VALUE_LIMITS)
}

function pidBytes(place: number, length: number, id: number, incarnation: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  bytes[0] = place
  view.setFloat64(1, id)
  if (length > SENDER_BYTES) view.setFloat64(SENDER_BYTES, incarnation)
  return bytes
}

function decodePid(payload: unknown, context: TermContext): Pid {
  if (!(payload instanceof Uint8Array)) throw fault('a malformed pid')
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  const place = payload[0]
  const { system } = context
  if (place === PidPlace.sender && payload.length === SENDER_BYTES) {
    return system.pidFor(context.peerKeyHex, wireNumber(view, 1), context.peerIncarnation)
  }
  if (place === PidPlace.receiver && payload.length === RECEIVER_BYTES) {
    return ownPid(wireNumber(view, 1), wireNumber(view, SENDER_BYTES), context)
  }
  if (place === PidPlace.elsewhere && payload.length === ELSEWHERE_BYTES) {
    const hex = Buffer.from(
      payload.buffer,
      payload.byteOffset + RECEIVER_BYTES,
      ELSEWHERE_BYTES - RECEIVER_BYTES,
    ).toString('hex')
    const id = wireNumber(view, 1)
    const incarnation = wireNumber(view, SENDER_BYTES)
    if (hex === context.ownKeyHex) return ownPid(id, incarnation, context)
    return system.pidFor(hex, id, incarnation)
  }
  throw fault('a malformed pid')
}

function wireNumber(view: DataView, offset: number): number {
  const value = view.getFloat64(offset)
  if (!isWireNumber(value)) throw fault('a number out of range in a pid')
  return value
}

/** Of an earlier life of this node: keeps the key as its node, so it never equals a living one. */
function ownPid(id: number, incarnation: number, context: TermContext): Pid {
  const { system } = context
  return incarnation === context.ownIncarnation
    ? system.pidFor(system.node, id, system.incarnation)
    : system.pidFor(context.ownKeyHex, id, incarnation)
}

/** A pid that says everything about itself, for bytes that pass other hands. */
function encodeAbsolutePid(pid: Pid, context: TermContext): Uint8Array {
  const { system, ownKeyHex, ownIncarnation } = context
  const isLocal = pid.node === system.node
  const isAlive = isLocal && pid.incarnation === system.incarnation
  const node = isLocal ? ownKeyHex : pid.node
  if (!KEY_HEX_PATTERN.test(node)) throw unknowable('a pid of a system without a node')
  const incarnation = isAlive ? ownIncarnation : pid.incarnation
  const bytes = pidBytes(PidPlace.elsewhere, ELSEWHERE_BYTES, pid.id, incarnation)
  bytes.set(Buffer.from(node, 'hex'), RECEIVER_BYTES)
  return bytes
}

function decodeAbsolutePid(payload: unknown, context: TermContext): Pid {
  const isAbsolute = payload instanceof Uint8Array && payload[0] === PidPlace.elsewhere
  if (!isAbsolute) throw fault('a pid without a node')
  return decodePid(payload, context)
}

const pidExtension: Extension<Pid & object, TermContext> = Object.freeze({
  type: TermType.pid,
  matches: isPid,
  encode: encodePid,
  decode: decodePid,
})

const refExtension: Extension<Ref<unknown>, TermContext> = Object.freeze({
  type: TermType.ref,
  matches: isRef,
  encode: ({ pid, contract }: Ref<unknown>): unknown => {
    if (contract !== undefined && contract.length > CONTRACT_NAME_CHARS_MAX) {
      throw unknowable(`a contract's name of more than ${CONTRACT_NAME_CHARS_MAX} characters`)
    }
    return [pid, contract ?? null]
  },
  decode(payload: unknown, context: TermContext): Ref<unknown> {
    if (!Array.isArray(payload) || payload.length !== 2) throw fault('a malformed ref')
    const [pid, name] = payload as readonly unknown[]
    if (!isPid(pid)) throw fault('a ref without a pid')
    if (name === null) return bareRef(pid)
    if (typeof name !== 'string' || name === '' || name.length > CONTRACT_NAME_CHARS_MAX) {
      throw fault('a ref with a malformed contract name')
    }
    return context.contracts.refTo(pid, name)
  },
})

/** Longest name of a contract that travels. */
export const CONTRACT_NAME_CHARS_MAX = 256

const isMonitorRef = (value: object): value is MonitorRef => value instanceof MonitorRefValue

const monitorRefExtension: Extension<MonitorRef & object, TermContext> = Object.freeze({
  type: TermType.monitorRef,
  matches: isMonitorRef,
  encode: ({ node, id }: MonitorRef, context: TermContext): unknown => {
    const keyHex = node === context.system.node ? context.ownKeyHex : node
    if (!KEY_HEX_PATTERN.test(keyHex)) {
      throw unknowable('a monitor reference of a system without a node')
    }
    return [keyHex, id]
  },
  decode(payload: unknown, context: TermContext): MonitorRef {
    if (!Array.isArray(payload) || payload.length !== 2) throw fault('a malformed reference')
    const [node, id] = payload as readonly unknown[]
    if (typeof node !== 'string' || !KEY_HEX_PATTERN.test(node) || !isWireNumber(id)) {
      throw fault('a malformed reference')
    }
    const { system } = context
    return system.monitorRefFor(node === context.ownKeyHex ? system.node : node, id)
  },
})

/** Causes and errors in fields that are followed; beyond it an error is its text. */
const ERROR_DEPTH_MAX = 8
const ERROR_TEXT_CHARS_MAX = 8192
const ERROR_FIELDS_MAX = 32
const NAME_CHARS_MAX = 128

/** Own properties that have a place of their own, or must not be set on the error that arrives. */
const RESERVED_FIELDS: ReadonlySet<string> = new Set([
  ...['name', 'message', 'stack', 'code', 'cause', 'remoteNode', 'remoteStack'],
  ...['__proto__', 'constructor', 'prototype', 'then', 'toString', 'valueOf', 'toJSON'],
])

/** An error inside the payload of another one; encoded as the error it stands for. */
class ErrorForm {
  readonly payload: ErrorPayload
  constructor(payload: ErrorPayload) {
    this.payload = payload
  }
}

interface ErrorPayload {
  readonly name: string
  readonly message: string
  readonly code: string | null
  readonly stack?: string
  readonly origin?: string
  readonly cause?: unknown
  readonly fields?: Readonly<Record<string, unknown>>
}

const clip = (text: string, charsMax: number): string => text.slice(0, charsMax)

/** What `read` gives as text; the user's getters and `toString` may throw. */
function textOf(read: () => unknown, charsMax: number): string {
  try {
    return clip(String(read()), charsMax)
  } catch {
    return '(unreadable)'
  }
}

/** What `read` gives; `undefined` if it throws. */
function valueOf(read: () => unknown): unknown {
  try {
    return read()
  } catch {
    return undefined
  }
}

function errorPayload(error: Error, context: TermContext, depthLeft: number): ErrorPayload {
  const isRemote = error instanceof RemoteError
  const code = valueOf(() => (error as { readonly code?: unknown }).code)
  const stack = valueOf(() => (isRemote ? error.remoteStack : error.stack))
  const cause = valueOf(() => error.cause)
  const fields = errorFields(error, context, depthLeft)
  return {
    name: textOf(() => error.name, NAME_CHARS_MAX),
    message: textOf(() => error.message, ERROR_TEXT_CHARS_MAX),
    code: typeof code === 'string' ? clip(code, NAME_CHARS_MAX) : null,
    ...(context.errorStacks && typeof stack === 'string'
      ? { stack: clip(stack, ERROR_TEXT_CHARS_MAX) }
      : {}),
    ...(isRemote ? { origin: error.remoteNode } : {}),
    ...(cause === undefined ? {} : { cause: errorPart(cause, context, depthLeft) }),
    ...(fields === undefined ? {} : { fields }),
  }
}

function errorFields(
  error: Error,
  context: TermContext,
  depthLeft: number,
): Readonly<Record<string, unknown>> | undefined {
  const fields: Record<string, unknown> = {}
  let count = 0
  const source = error as unknown as Readonly<Record<string, unknown>>
  const names = error instanceof AggregateError ? ['errors'] : []
  for (const name of [...names, ...Object.keys(error)]) {
    if (RESERVED_FIELDS.has(name) || count >= ERROR_FIELDS_MAX) continue
    const part = errorPart(
      valueOf(() => source[name]),
      context,
      depthLeft,
    )
    if (part === undefined) continue
    fields[name] = part
    count++
  }
  return count === 0 ? undefined : fields
}

/** What travels for a cause or a field; text for a thing that does not travel. */
function errorPart(value: unknown, context: TermContext, depthLeft: number): unknown {
  if (value instanceof Error) {
    if (depthLeft === 0) return textOf(() => formatReason(value), ERROR_TEXT_CHARS_MAX)
    return new ErrorForm(errorPayload(value, context, depthLeft - 1))
  }
  if (Array.isArray(value) && value.some((item) => item instanceof Error)) {
    return value.slice(0, ERROR_FIELDS_MAX).map((item) => errorPart(item, context, depthLeft))
  }
  if (typeof value === 'function') return undefined
  try {
    checkTravels(value, { extensions: valueExtensions, context, limits: ERROR_PART_LIMITS })
    return value
  } catch {
    return textOf(() => inspect(value, { depth: 2, breakLength: Infinity }), ERROR_TEXT_CHARS_MAX)
  }
}

const ERROR_PART_LIMITS = Object.freeze({
  bytesMax: 65_536,
  depthMax: 16,
  elementsMax: 4096,
  mapKeysMax: 256,
})

const isErrorLike = (value: object): value is Error | ErrorForm =>
  value instanceof Error || value instanceof ErrorForm

const errorExtension: Extension<Error | ErrorForm, TermContext> = Object.freeze({
  type: TermType.error,
  matches: isErrorLike,
  encode: (value: Error | ErrorForm, context: TermContext): unknown =>
    value instanceof ErrorForm ? value.payload : errorPayload(value, context, ERROR_DEPTH_MAX),
  decode: decodeError,
})

function decodeError(payload: unknown, context: TermContext): RemoteError {
  if (typeof payload !== 'object' || payload === null) throw fault('a malformed error')
  const { name, message, code, stack, origin, cause, fields } = payload as Partial<
    Record<keyof ErrorPayload, unknown>
  >
  if (typeof name !== 'string' || typeof message !== 'string') throw fault('a malformed error')
  const from = typeof origin === 'string' && KEY_HEX_PATTERN.test(origin) ? origin : undefined
  const error = new RemoteError(
    {
      name,
      message,
      code: typeof code === 'string' ? code : 'ERR_REMOTE',
      stack: typeof stack === 'string' ? stack : undefined,
    },
    from ?? context.peerKeyHex,
    cause === undefined ? {} : { cause },
  )
  if (typeof fields !== 'object' || fields === null) return error
  for (const [key, value] of Object.entries(fields)) {
    if (RESERVED_FIELDS.has(key)) continue
    Object.defineProperty(error, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
  return error
}

const valueExtensions: readonly Extension<never, TermContext>[] = Object.freeze([
  pidExtension,
  refExtension,
  monitorRefExtension,
])

/** Pids, refs and monitor references for bytes that are not bound to one link; see `value-terms.ts`. */
export const absoluteExtensions: readonly Extension<never, TermContext>[] = Object.freeze([
  Object.freeze({ ...pidExtension, encode: encodeAbsolutePid, decode: decodeAbsolutePid }),
  refExtension,
  monitorRefExtension,
])

/** The extensions of the distribution codec. */
export const termExtensions: readonly Extension<never, TermContext>[] = Object.freeze([
  ...valueExtensions,
  errorExtension,
])

/**
 * An exit reason as it travels. A signal is never refused: what cannot travel becomes `{ unsendable }`
 * with its text.
 */
export function unsendableReason(reason: unknown): { readonly unsendable: string } {
  return { unsendable: textOf(() => formatReason(reason), ERROR_TEXT_CHARS_MAX) }
}
