/** What the main thread and the thread of a worker node say to each other beside the mesh. */
import type { MessagePort } from 'node:worker_threads'
import { isNodeId } from '../node-id.ts'

/** What a thread is started with. */
export interface ThreadStart {
  /** Line to the switchboard. */
  readonly line: MessagePort
  readonly module: string
  readonly data: unknown
  /** Content of the realm file, with the authority's key if this process has it. */
  readonly realm: object
  readonly name: string
  /** Where its QUIC port is bound and advertised; undefined for a node that only this process reaches. */
  readonly outside: { readonly host: string; readonly advertiseHost: string } | undefined
  /** Where it is bound when it has no QUIC port. */
  readonly insideHost: string
  readonly dataDir: string | undefined
  /** The thread that used the data directory before has ended, perhaps without letting go of it. */
  readonly takesOver: boolean
  /** Address of the node that starts it. */
  readonly seed: string
  readonly options: Readonly<Record<string, unknown>>
}

/** What the main thread says. */
export interface ThreadStop {
  readonly type: 'stop'
}

/** An error of the thread, which has no class there. */
export interface ThreadFailure {
  readonly name: string
  readonly message: string
  readonly code: string | undefined
  readonly stack: string | undefined
}

/** What the thread says. */
export type ThreadMessage =
  | { readonly type: 'ready'; readonly id: string; readonly keyHex: string }
  | {
      readonly type: 'failed'
      readonly code: 'ERR_WORKER_MODULE' | 'ERR_WORKER_START'
      readonly failure: ThreadFailure
    }
  | {
      readonly type: 'log'
      readonly level: LogLevel
      readonly fields: Readonly<Record<string, unknown>>
      readonly text: string
    }

/** Levels that are passed on. */
export type LogLevel = 'info' | 'warn' | 'error'

const KEY_HEX = /^[0-9a-f]{64}$/

/** `value` as what a thread says; undefined for anything else, such as what the user's module posts. */
export function readThreadMessage(value: unknown): ThreadMessage | undefined {
  const { type, id, keyHex, code, failure, level, fields, text } = partsOf(value)
  switch (type) {
    case 'ready':
      if (!isNodeId(id) || typeof keyHex !== 'string' || !KEY_HEX.test(keyHex)) return undefined
      return { type, id, keyHex }
    case 'failed': {
      if (code !== 'ERR_WORKER_MODULE' && code !== 'ERR_WORKER_START') return undefined
      return { type, code, failure: readFailure(failure) }
    }
    case 'log':
      if (level !== 'info' && level !== 'warn' && level !== 'error') return undefined
      return { type, level, fields: partsOf(fields), text: String(text) }
    default:
      return undefined
  }
}

function readFailure(value: unknown): ThreadFailure {
  const { name, message, code, stack } = partsOf(value)
  const text = (part: unknown): string | undefined => (typeof part === 'string' ? part : undefined)
  return {
    name: text(name) ?? 'Error',
    message: text(message) ?? 'it did not say why',
    code: text(code),
    stack: text(stack),
  }
}

function partsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** `error` in a form that crosses threads. */
export function failureOf(error: unknown): ThreadFailure {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), code: undefined, stack: undefined }
  }
  const code: unknown = (error as { code?: unknown }).code
  const { name, message, stack } = error
  return { name, message, code: typeof code === 'string' ? code : undefined, stack }
}

/** An error with the words of `failure`. */
export function errorOf({ name, message, code, stack }: ThreadFailure): Error {
  const error = Object.assign(new Error(message), code === undefined ? {} : { code })
  Object.defineProperty(error, 'name', { value: name, configurable: true })
  if (stack !== undefined)
    Object.defineProperty(error, 'stack', { value: stack, configurable: true })
  return error
}
