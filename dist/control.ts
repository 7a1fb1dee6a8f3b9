/**
 * The messages between two nodes, 0xA0 to 0xB1: pure encoding and parsing. A message is one array, where
 * the place says the meaning; further elements are ignored, so that a later version can add some.
 *
 * | type | array |
 * |---|---|
 * | send | to, message |
 * | link | from, to |
 * | unlink, unlink_ack | from, to, id of the removal (unlinks.ts) |
 * | exit | from, to, reason, viaLink |
 * | monitor | ref, owner, to |
 * | demonitor | ref, owner |
 * | down | ref, reason |
 * | spawn | id, behaviour, arg, name, timeoutMs, watched |
 * | spawn_reply | id, status, process or detail, contract |
 * | call | id, to, name, input, timeoutMs, from |
 * | reply | id, status, value |
 * | cast | to, name, input |
 * | chunk | see chunk.ts; no array |
 * | cancel | id |
 * | leave, leave_ack | nothing (leave.ts) |
 * | taken | bytes of chunks taken since the last one (`mesh/link/shared-window.ts`) |
 *
 * `from` and `owner` are bare process numbers at the sender, 0 for code outside processes: a peer cannot
 * claim to speak for another node, because it has no way to say so (H32). `to` is a process number
 * at the receiver, or a registered name. An unset name is null.
 *
 * Parsing takes whatever a peer sent, after the codec: everything unexpected is a `DistProtocolError`.
 */
import { UnsendableError, WireType, type Codec } from '../mesh/index.ts'
import { InvariantError } from '../runtime/index.ts'
import { DistProtocolError, MessageSerializationError } from './errors.ts'
import type { LeaveWord } from './leave.ts'
import { isWireNumber, unsendableReason, type TermContext } from './term.ts'

/** Number of a process at the receiver, or a name registered there. */
export type WireTarget = number | string

/** How a call was answered. */
export const ReplyStatus = { value: 0, error: 1, exit: 2 } as const

/** How a spawn was answered. */
export const SpawnStatus = {
  ok: 0,
  notFound: 1,
  denied: 2,
  init: 3,
  timeout: 4,
  nameTaken: 5,
  refused: 6,
} as const

/** A parsed message. */
export type DistMessage =
  | { readonly type: 'send'; readonly to: WireTarget; readonly message: unknown }
  | { readonly type: 'link'; readonly from: number; readonly to: number }
  | { readonly type: 'unlink'; readonly from: number; readonly to: number; readonly id: number }
  | { readonly type: 'unlink_ack'; readonly from: number; readonly to: number; readonly id: number }
  | {
      readonly type: 'exit'
      readonly from: number
      readonly to: number
      readonly reason: unknown
      readonly viaLink: boolean
    }
  | {
      readonly type: 'monitor'
      readonly ref: number
      readonly owner: number
      readonly to: WireTarget
    }
  | { readonly type: 'demonitor'; readonly ref: number; readonly owner: number }
  | { readonly type: 'down'; readonly ref: number; readonly reason: unknown }
  | {
      readonly type: 'spawn'
      readonly id: number
      readonly behavior: string
      readonly arg: unknown
      readonly name: string | undefined
      readonly timeoutMs: number
      readonly watched: boolean
    }
  | {
      readonly type: 'spawn_reply'
      readonly id: number
      readonly status: number
      /** Number of the process if `status` is ok, else a code, name or reason. */
      readonly detail: unknown
      readonly contract: string | undefined
    }
  | {
      readonly type: 'call'
      readonly id: number
      readonly to: WireTarget
      readonly name: string | undefined
      readonly input: unknown
      readonly timeoutMs: number
      readonly from: number
    }
  | {
      readonly type: 'reply'
      readonly id: number
      readonly status: number
      readonly value: unknown
    }
  | {
      readonly type: 'cast'
      readonly to: WireTarget
      readonly name: string | undefined
      readonly input: unknown
    }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: LeaveWord }
  | { readonly type: 'taken'; readonly bytes: number }

/** Names on the wire are no longer than this. */
export const NAME_CHARS_MAX = 1024

function fault(message: string, field: string): DistProtocolError {
  return new DistProtocolError(
    'ERR_DIST_MESSAGE',
    `'${field}' of a ${message} message is malformed`,
  )
}

/** Whether a peer takes that as the name of a process. */
export function isTargetName(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && name.length <= NAME_CHARS_MAX
}

/** Refuses what the peer would have to end the link over. Throws `MessageSerializationError`. */
export function checkNames(to: WireTarget, name: string | undefined, root = 'to'): void {
  if (typeof to !== 'number' && !isTargetName(to)) throw unsendableName(root)
  const fits = name === undefined || (typeof name === 'string' && name.length <= NAME_CHARS_MAX)
  if (!fits) throw unsendableName('name')
}

function unsendableName(path: string): MessageSerializationError {
  const what = path === 'to' ? 'the name of the target' : path
  const text = `${what} can not be sent: it must be a name of at most ${NAME_CHARS_MAX} characters`
  return new MessageSerializationError('ERR_VALUE_UNSENDABLE', text, path, undefined)
}

/** Checks the array that the codec gave for a frame of `type`. Throws `ERR_DIST_MESSAGE`. */
export function parseMessage(type: number, value: unknown): DistMessage {
  if (!Array.isArray(value)) throw fault('dist', 'array')
  const a = value as readonly unknown[]
  switch (type) {
    case WireType.distCall:
      return {
        type: 'call',
        id: number('call', 'id', a[0]),
        to: target('call', a[1]),
        name: name('call', a[2]),
        input: value_('call', a, 3),
        timeoutMs: timeout('call', a[4]),
        from: number('call', 'from', a[5]),
      }
    case WireType.distReply:
      return {
        type: 'reply',
        id: number('reply', 'id', a[0]),
        status: number('reply', 'status', a[1]),
        value: value_('reply', a, 2),
      }
    case WireType.distCast:
      return {
        type: 'cast',
        to: target('cast', a[0]),
        name: name('cast', a[1]),
        input: value_('cast', a, 2),
      }
    case WireType.distSend:
      return { type: 'send', to: target('send', a[0]), message: value_('send', a, 1) }
    default:
      return parseSignal(type, a)
  }
}

function parseSignal(type: number, a: readonly unknown[]): DistMessage {
  switch (type) {
    case WireType.distLink:
      return { type: 'link', from: process('link', 'from', a[0]), to: process('link', 'to', a[1]) }
    case WireType.distUnlink:
      return { type: 'unlink', ...removal('unlink', a) }
    case WireType.distUnlinkAck:
      return { type: 'unlink_ack', ...removal('unlink_ack', a) }
    case WireType.distLeave:
      return { type: 'leave' }
    case WireType.distLeaveAck:
      return { type: 'leave_ack' }
    case WireType.distTaken:
      return { type: 'taken', bytes: number('taken', 'bytes', a[0]) }
    case WireType.distExit:
      if (typeof a[3] !== 'boolean') throw fault('exit', 'viaLink')
      return {
        type: 'exit',
        from: number('exit', 'from', a[0]),
        to: process('exit', 'to', a[1]),
        reason: a[2],
        viaLink: a[3],
      }
    case WireType.distMonitor:
      return {
        type: 'monitor',
        ref: number('monitor', 'ref', a[0]),
        owner: number('monitor', 'owner', a[1]),
        to: target('monitor', a[2]),
      }
    case WireType.distDemonitor:
      return {
        type: 'demonitor',
        ref: number('demonitor', 'ref', a[0]),
        owner: number('demonitor', 'owner', a[1]),
      }
    case WireType.distDown:
      return { type: 'down', ref: number('down', 'ref', a[0]), reason: value_('down', a, 1) }
    case WireType.distCancel:
      return { type: 'cancel', id: number('cancel', 'id', a[0]) }
    default:
      return parseSpawn(type, a)
  }
}

function removal(
  message: string,
  a: readonly unknown[],
): { readonly from: number; readonly to: number; readonly id: number } {
  return {
    from: process(message, 'from', a[0]),
    to: process(message, 'to', a[1]),
    id: number(message, 'id', a[2]),
  }
}

function parseSpawn(type: number, a: readonly unknown[]): DistMessage {
  if (type === WireType.distSpawn) {
    const behavior = name('spawn', a[1])
    if (behavior === undefined) throw fault('spawn', 'behaviour')
    if (typeof a[5] !== 'boolean') throw fault('spawn', 'watched')
    return {
      type: 'spawn',
      id: number('spawn', 'id', a[0]),
      behavior,
      arg: a[2],
      name: name('spawn', a[3]),
      timeoutMs: timeout('spawn', a[4]),
      watched: a[5],
    }
  }
  if (type === WireType.distSpawnReply) {
    const status = number('spawn_reply', 'status', a[1])
    if (status === SpawnStatus.ok) process('spawn_reply', 'process', a[2])
    return {
      type: 'spawn_reply',
      id: number('spawn_reply', 'id', a[0]),
      status,
      detail: a[2],
      contract: name('spawn_reply', a[3]),
    }
  }
  throw new DistProtocolError('ERR_DIST_MESSAGE', `frame type ${type} is no message of this layer`)
}

function number(message: string, field: string, value: unknown): number {
  if (!isWireNumber(value)) throw fault(message, field)
  return value
}

function process(message: string, field: string, value: unknown): number {
  if (!isWireNumber(value) || value === 0) throw fault(message, field)
  return value
}

function target(message: string, value: unknown): WireTarget {
  if (isWireNumber(value) && value > 0) return value
  if (isTargetName(value)) return value
  throw fault(message, 'to')
}

function name(message: string, value: unknown): string | undefined {
  if (value === null) return undefined
  if (typeof value === 'string' && value.length <= NAME_CHARS_MAX) return value
  throw fault(message, 'name')
}

function timeout(message: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0) return value
  throw fault(message, 'timeoutMs')
}

/** A user's value may be anything, also `undefined`, but it must be there. */
function value_(message: string, array: readonly unknown[], place: number): unknown {
  if (place >= array.length) throw fault(message, 'value')
  return array[place]
}

/** Where the user's value is in each array, and what a path into it begins with. */
const USER_VALUES: ReadonlyMap<number, readonly [place: number, root: string]> = new Map([
  [WireType.distSend, [1, 'message']],
  [WireType.distExit, [2, 'reason']],
  [WireType.distDown, [1, 'reason']],
  [WireType.distSpawn, [2, 'arg']],
  [WireType.distSpawnReply, [2, 'reason']],
  [WireType.distCall, [3, 'input']],
  [WireType.distReply, [2, 'reply']],
  [WireType.distCast, [2, 'input']],
])

/**
 * Encodes messages as frames, each in one pass into one buffer. A value that does not travel throws a
 * `MessageSerializationError` with the path from the user's own value, `input.items[3]`.
 */
export class MessageEncoder {
  readonly #codec: Codec<TermContext>
  readonly #context: TermContext

  constructor(codec: Codec<TermContext>, context: TermContext) {
    this.#codec = codec
    this.#context = context
  }

  /** A frame; or, for what is larger than any frame, its bare payload behind 8 unused bytes. */
  encode(type: number, message: readonly unknown[]): Uint8Array {
    try {
      return this.#codec.encodeFrame(type, message, this.#context)
    } catch (error) {
      if (error instanceof InvariantError) throw error
      if (!(error instanceof UnsendableError)) throw readingFailed(type, error)
      if (error.reason === 'bytes') return this.#encodeLarge(type, message, error)
      throw serializationError(type, error)
    }
  }

  /** As `encode`, for signals, which are never refused: a reason that does not travel is replaced. */
  encodeSignal(type: number, message: readonly unknown[]): Uint8Array {
    try {
      return this.encode(type, message)
    } catch (error) {
      const place = USER_VALUES.get(type)?.[0]
      if (!(error instanceof MessageSerializationError) || place === undefined) throw error
      const replaced = message.slice()
      replaced[place] = unsendableReason(message[place])
      return this.encode(type, replaced)
    }
  }

  /** Above the largest frame, below `valueBytesMax`: it will be cut into chunks anyway. */
  #encodeLarge(type: number, message: readonly unknown[], cause: UnsendableError): Uint8Array {
    let payload: Uint8Array
    try {
      payload = this.#codec.encode(message, this.#context)
    } catch (error) {
      throw error instanceof UnsendableError ? serializationError(type, cause) : error
    }
    const room = new Uint8Array(FRAME_HEADER_BYTES + payload.length)
    room.set(payload, FRAME_HEADER_BYTES)
    return room
  }
}

const FRAME_HEADER_BYTES = 8

/** The user's own code threw, and only when it ran for the second time: its place is not known. */
function readingFailed(type: number, cause: unknown): MessageSerializationError {
  const root = USER_VALUES.get(type)?.[1] ?? 'message'
  const text = `${root} can not be sent: reading it failed`
  return new MessageSerializationError('ERR_VALUE_UNSENDABLE', text, root, cause)
}

function serializationError(type: number, error: UnsendableError): MessageSerializationError {
  const [place, root] = USER_VALUES.get(type) ?? [0, 'message']
  const prefix = `[${place}]`
  const path = error.path.startsWith(prefix) ? root + error.path.slice(prefix.length) : root
  const message = error.message.replace(error.path === '' ? 'the value' : error.path, () => path)
  return new MessageSerializationError(
    error.code,
    message,
    path,
    error.reason === 'reading' ? error.cause : error,
  )
}
