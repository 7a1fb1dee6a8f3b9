/**
 * From what an application says to requests of the process behind: checks options and names, encodes the input once, and
 * makes promises of the ends. Shared by the functions of a node and by the contexts of handlers, whose calls inherit what
 * is left of the call that they serve.
 */
import {
  asNobody,
  currentProcess,
  OptionError,
  ownPromise,
  resolveOptions,
} from '../../runtime/index.ts'
import { callHandler } from '../call-handler.ts'
import { checkTopic } from '../topics/topic.ts'
import { UnsendableError } from '../wire/errors.ts'
import type { CallRequest, CallTarget } from './call-request.ts'
import type { RpcContext } from './context.ts'
import { givenUp, RpcError } from './errors.ts'
import { CALL_CHECKS, CAST_CHECKS } from './options.ts'
import { invalid } from './procedures.ts'
import type { RpcCallOptions, RpcCastOptions } from './rpc.ts'

/** The call that a handler serves while it makes others. */
export interface ParentCall {
  readonly dueMs: number
  readonly givenUp: RpcError | undefined
  adopt(cancel: (reason: unknown) => void): () => void
}

/** Makes calls and casts. */
export interface CallInvoker {
  call(
    procedure: string,
    input: unknown,
    options?: RpcCallOptions,
    parent?: ParentCall,
  ): Promise<unknown>
  cast(procedure: string, input: unknown, options?: RpcCastOptions, parent?: ParentCall): boolean
}

const ATTEMPTS_DEFAULT = 3
const NOTHING: RpcCallOptions = Object.freeze({})

/** See the head of this file. */
export class Invoker implements CallInvoker {
  readonly #context: RpcContext
  readonly #check: () => void

  /** `check` throws once the node has stopped. */
  constructor(context: RpcContext, check: () => void = () => {}) {
    this.#context = context
    this.#check = check
  }

  call(
    procedure: string,
    input: unknown,
    options?: RpcCallOptions,
    parent?: ParentCall,
  ): Promise<unknown> {
    return this.withInput(procedure, input, (bytes) => {
      const given =
        options === undefined
          ? NOTHING
          : resolveOptions<RpcCallOptions>('rpc.call', {}, CALL_CHECKS, options)
      checkKey('rpc.call', given)
      const { cacheTtlMs } = given
      return cacheTtlMs === undefined
        ? this.send(procedure, bytes, given, parent)
        : this.#cached(procedure, bytes, { ...given, idempotent: true }, cacheTtlMs, parent)
    })
  }

  /** Goes on with the encoded input; rejects when the procedure or the input is wrong. */
  withInput<T>(
    procedure: string,
    input: unknown,
    send: (bytes: Uint8Array) => Promise<T>,
  ): Promise<T> {
    try {
      this.#check()
      checkProcedure(procedure)
      return send(this.#encode(procedure, input))
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /** A call whose options were checked and whose input is encoded. */
  send(
    procedure: string,
    input: Uint8Array,
    options: RpcCallOptions,
    parent?: ParentCall,
  ): Promise<unknown> {
    const { system, memory } = this.#context
    const { signal } = options
    const owner = parent === undefined ? currentProcess()?.pid : undefined
    return ownPromise<unknown>((resolve, reject) => {
      const { engine } = memory
      if (engine === undefined) return reject(restarting(procedure))
      const before = signal?.aborted === true ? signal.reason : parent?.givenUp
      if (before !== undefined) return reject(givenUp(procedure, before))
      const releases: (() => void)[] = []
      let isOver = false
      const over = (): void => {
        isOver = true
        for (const release of releases) release()
      }
      const { timeoutMs, dueMs } = this.#time(options, parent)
      // Written out, here and in `#target`: properties after a spread cost more than the rest of a call.
      const request: CallRequest = {
        procedure,
        input,
        timeoutMs,
        dueMs,
        strategy: options.strategy ?? 'p2c_ewma',
        key: options.key,
        node: options.node,
        priority: options.priority,
        cancelMode: options.cancelMode ?? 'killnowait',
        isIdempotent: options.idempotent === true || isHedged(options),
        attemptsMax: options.attempts ?? ATTEMPTS_DEFAULT,
        attemptTimeoutMs: options.attemptTimeoutMs,
        hedge: options.hedge,
        progress: this.#progressOf(procedure, options),
        owner,
        done: (value) => {
          over()
          resolve(value)
        },
        failed: (error) => {
          over()
          reject(error)
        },
      }
      const call = engine.call(request)
      if (call === undefined || isOver) return
      if (signal === undefined && parent === undefined) return
      const cancel = (reason: unknown): void => engine.cancel(call, reason)
      if (signal !== undefined) releases.push(system.onAbort(signal, cancel))
      if (parent !== undefined) releases.push(parent.adopt(cancel))
    })
  }

  /** What is kept, or the result of a call that belongs to all who wait for it. */
  #cached(
    procedure: string,
    input: Uint8Array,
    options: RpcCallOptions,
    ttlMs: number,
    parent: ParentCall | undefined,
  ): Promise<unknown> {
    const { memory, system } = this.#context
    const { signal, node } = options
    const before = signal?.aborted === true ? signal.reason : parent?.givenUp
    if (before !== undefined) return Promise.reject(givenUp(procedure, before))
    const { timeoutMs } = this.#time(options, parent)
    return memory.cache.call({
      ...{ procedure, input, node, ttlMs, timeoutMs },
      onGivenUp: (giveUp) => {
        const stops = [
          ...(signal === undefined ? [] : [system.onAbort(signal, giveUp)]),
          ...(parent === undefined ? [] : [parent.adopt(giveUp)]),
        ]
        return () => {
          for (const stop of stops) stop()
        }
      },
      make: (leftMs, shared) =>
        asNobody(() =>
          this.send(procedure, input, { ...options, timeoutMs: leftMs, signal: shared }),
        ),
    })
  }

  cast(procedure: string, input: unknown, options?: RpcCastOptions, parent?: ParentCall): boolean {
    this.#check()
    checkProcedure(procedure)
    const given =
      options === undefined
        ? NOTHING
        : resolveOptions<RpcCastOptions>('rpc.cast', {}, CAST_CHECKS, options)
    checkKey('rpc.cast', given)
    let bytes: Uint8Array
    try {
      bytes = this.#encode(procedure, input)
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      this.#context.refusals.count('ERR_RPC_CAST_DROPPED', { procedure, why: error.message })
      return false
    }
    const target = this.#target(procedure, bytes, given, parent)
    return this.#context.memory.engine?.cast(target) ?? false
  }

  #target(
    procedure: string,
    input: Uint8Array,
    options: RpcCallOptions,
    parent: ParentCall | undefined,
  ): CallTarget {
    const { timeoutMs, dueMs } = this.#time(options, parent)
    return {
      procedure,
      input,
      timeoutMs,
      dueMs,
      strategy: options.strategy ?? 'p2c_ewma',
      key: options.key,
      node: options.node,
      priority: options.priority,
    }
  }

  #time(
    { timeoutMs: givenMs }: RpcCallOptions,
    parent: ParentCall | undefined,
  ): { readonly timeoutMs: number; readonly dueMs: number } {
    const { clock, settings } = this.#context
    const nowMs = clock.now()
    const wantedMs = givenMs ?? settings.callTimeoutMs
    const timeoutMs =
      parent === undefined ? wantedMs : Math.max(0, Math.min(wantedMs, parent.dueMs - nowMs))
    return { timeoutMs, dueMs: nowMs + timeoutMs }
  }

  /** What the user's function throws is its own affair, not that of the process behind. */
  #progressOf(
    procedure: string,
    { onProgress }: RpcCallOptions,
  ): ((value: unknown) => void) | undefined {
    if (onProgress === undefined) return undefined
    const { logger } = this.#context
    const failed = (error: unknown): void => logger.error({ procedure, error }, 'onProgress threw')
    return (value) => callHandler(() => onProgress(value), failed)
  }

  #encode(procedure: string, input: unknown): Uint8Array {
    const { values, settings } = this.#context
    let bytes: Uint8Array
    try {
      bytes = values.encode(input)
    } catch (cause) {
      const isLarge = cause instanceof UnsendableError && cause.reason === 'bytes'
      const code = isLarge ? 'ERR_RPC_PAYLOAD_TOO_LARGE' : 'ERR_RPC_INPUT'
      throw new RpcError(code, `'${procedure}': ${(cause as Error).message}`, { procedure, cause })
    }
    if (bytes.length <= settings.payloadBytesMax) return bytes
    throw new RpcError(
      'ERR_RPC_PAYLOAD_TOO_LARGE',
      `'${procedure}': the input has ${bytes.length} bytes, at most ${settings.payloadBytesMax}`,
      { procedure },
    )
  }
}

/** Throws `ERR_RPC_PROCEDURE_INVALID`. */
export function checkProcedure(procedure: string): void {
  try {
    checkTopic(procedure)
  } catch (cause) {
    throw invalid(cause)
  }
}

/** Without a key everything would go to one provider. */
function checkKey(where: string, { strategy, key }: RpcCallOptions): void {
  if (strategy !== 'consistent_hash' || key !== undefined) return
  const message = `${where}: option 'key' must be given with the strategy 'consistent_hash'`
  throw new OptionError('ERR_OPTION_INVALID', 'key', message)
}

function isHedged({ hedge }: RpcCallOptions): boolean {
  return hedge !== undefined && hedge !== false
}

function restarting(procedure: string): RpcError {
  return new RpcError('ERR_RPC_UNREACHABLE', 'the process behind procedures is not there', {
    procedure,
  })
}
