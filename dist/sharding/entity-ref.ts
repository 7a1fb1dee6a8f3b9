/** An entity as its callers see it: a name, wherever it runs and whether or not it runs now. */
import type { CallArgs, CallsOf, CastsOf, InputsOf, OutputOf } from '../../behaviours/index.ts'
import {
  numberOption,
  optional,
  resolveOptions,
  signalOption,
  type CallOptions,
  type OptionCheck,
} from '../../runtime/index.ts'
import type { Outgoing } from './sender.ts'

/** See the head of this file. May be kept as long as its kind is started on this node. */
export interface EntityRef<P = unknown> {
  readonly entity: string
  readonly id: string
  /** Starts the entity if it does not run; fails as calls do, or with a `ShardError`. */
  call<K extends keyof CallsOf<P> & string>(
    name: K,
    ...args: CallArgs<CallsOf<P>[K]>
  ): Promise<OutputOf<CallsOf<P>[K]>>
  call(
    name: unknown extends P ? string : never,
    input?: unknown,
    options?: CallOptions,
  ): Promise<unknown>
  /** Does not wait. What cannot be delivered is counted and logged on this node; false if it is known at once. */
  cast<K extends keyof CastsOf<P> & string>(name: K, ...args: InputsOf<CastsOf<P>[K]>): boolean
  cast(name: unknown extends P ? string : never, input?: unknown): boolean
}

const CALL_TIMEOUT_MS = 5_000

const CHECKS: { readonly [K in 'timeoutMs' | 'signal']: OptionCheck } = {
  timeoutMs: numberOption(0, Number.POSITIVE_INFINITY),
  signal: optional(signalOption),
}

/** A ref that sends with `send`; `lost` hears of casts that did not arrive. */
export function entityRef(
  entity: string,
  id: string,
  send: (outgoing: Outgoing) => void,
  lost: (error: unknown) => void,
): EntityRef {
  return Object.freeze({
    ...{ entity, id },
    call: (name: string, input?: unknown, given?: CallOptions) =>
      new Promise<unknown>((resolve, reject) => {
        const { timeoutMs, signal } = resolveOptions<{
          timeoutMs: number
          signal?: AbortSignal | undefined
        }>('EntityRef.call', { timeoutMs: CALL_TIMEOUT_MS }, CHECKS, given)
        send({ id, kind: 'call', name, input, timeoutMs, signal, resolve, reject })
      }),
    cast: (name: string, input?: unknown) => {
      let isLost = false
      const reject = (error: unknown): void => {
        isLost = true
        lost(error)
      }
      const resolve = (): void => {}
      const signal = undefined
      send({ id, kind: 'cast', name, input, timeoutMs: Infinity, signal, resolve, reject })
      return !isLost
    },
  }) as unknown as EntityRef
}
