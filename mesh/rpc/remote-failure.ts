/**
 * What a handler threw, to what travels, and back (ML38). Name, message and code go as texts, `details` as a value when it
 * travels and is not too large; stacks stay at home. Errors of processes that serve calls become what they mean to a
 * caller.
 */
import {
  CallExitError,
  CallTimeoutError,
  formatReason,
  MailboxFullError,
} from '../../runtime/index.ts'
import { CallInputError } from '../../behaviours/index.ts'
import type { Codec } from '../wire/codec.ts'
import { UnsendableError } from '../wire/errors.ts'
import { RpcError } from './errors.ts'
import type { RemoteFailure, RpcErrorCode, RpcErrorOptions } from './errors.ts'
import type { FailureKind, FailureMessage } from './frames.ts'

/** A failure and the bytes of its details. */
export interface SentFailure {
  readonly failure: FailureMessage
  readonly details: Uint8Array
}

const NOTHING: Uint8Array = new Uint8Array(0)

/** A refusal of this node. */
export function refusal(kind: FailureKind, message: string, retryAfterMs?: number): SentFailure {
  const failure = { kind, name: 'RpcError', message, code: CODES[kind], retryAfterMs }
  return { failure, details: NOTHING }
}

/** What a handler threw. */
export function failureOf(thrown: unknown, values: Codec, detailsBytesMax: number): SentFailure {
  const { details, ...texts } = read(thrown)
  const failure = { ...texts, retryAfterMs: undefined }
  return { failure, details: encoded(details, values, detailsBytesMax) }
}

/** How a call failed that was answered so. */
export function errorOf(
  failure: FailureMessage,
  details: unknown,
  options: RpcErrorOptions,
): RpcError {
  const { kind, name, message, code, retryAfterMs } = failure
  const remote: RemoteFailure | undefined =
    kind === 'remote' ? { name, message, code, details } : undefined
  return new RpcError(CODES[kind], message, { ...options, remote, retryAfterMs })
}

/** Codes by kind. */
const CODES: Readonly<Record<FailureKind, RpcErrorCode>> = Object.freeze({
  remote: 'ERR_RPC_REMOTE',
  timeout: 'ERR_RPC_TIMEOUT',
  cancelled: 'ERR_RPC_CANCELLED',
  no_provider: 'ERR_RPC_NO_PROVIDER',
  overloaded: 'ERR_RPC_OVERLOADED',
  payload_too_large: 'ERR_RPC_PAYLOAD_TOO_LARGE',
  unauthorized: 'ERR_RPC_UNAUTHORIZED',
  input: 'ERR_RPC_INPUT',
  unreachable: 'ERR_RPC_UNREACHABLE',
})

/** What a process that serves calls has done with one. */
function kindOf(thrown: unknown): FailureKind {
  if (thrown instanceof CallExitError) {
    return thrown.reason === 'noproc' ? 'no_provider' : 'unreachable'
  }
  if (thrown instanceof MailboxFullError) return 'overloaded'
  if (thrown instanceof CallTimeoutError) return 'timeout'
  if (thrown instanceof CallInputError) return 'input'
  return 'remote'
}

interface Thrown {
  readonly kind: FailureKind
  readonly name: string
  readonly message: string
  readonly code: string | undefined
  readonly details: unknown
}

/** A getter, a `toString` or a proxy may throw at any question, `instanceof` included. */
function read(thrown: unknown): Thrown {
  try {
    const kind = kindOf(thrown)
    if (typeof thrown !== 'object' || thrown === null) return { kind, ...bare(String(thrown)) }
    const { name, message, code, details } = thrown as Readonly<Record<string, unknown>>
    return {
      kind,
      name: textOf(name) ?? 'Error',
      message: textOf(message) ?? 'the handler threw an object',
      code: textOf(code) ?? (typeof code === 'number' ? String(code) : undefined),
      details,
    }
  } catch (error) {
    const told = `the handler threw what cannot be read: ${formatReason(error)}`
    return { kind: 'remote', ...bare(told) }
  }
}

const bare = (message: string): Omit<Thrown, 'kind'> => ({
  ...{ name: 'Error', message },
  ...{ code: undefined, details: undefined },
})

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function encoded(details: unknown, values: Codec, bytesMax: number): Uint8Array {
  if (details === undefined) return NOTHING
  try {
    const bytes = values.encode(details)
    return bytes.length <= bytesMax ? bytes : NOTHING
  } catch (error) {
    // They are an extra: the error travels without them.
    if (error instanceof UnsendableError) return NOTHING
    throw error
  }
}
