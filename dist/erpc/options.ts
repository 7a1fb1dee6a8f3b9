/** Options of calls of registered functions: defaults and checks. */
import {
  numberOption,
  optional,
  resolveOptions,
  signalOption,
  TIMER_DELAY_MS_MAX,
  type OptionCheck,
} from '../../runtime/index.ts'

/** Limits of a node, its option `erpc`. */
export interface ErpcOptions {
  /**
   * Functions that may be registered. Default 4,096, then `ERR_ERPC_FUNCTIONS_MAX`. Raising it costs
   * memory only.
   */
  readonly functionsMax: number
  /**
   * Calls that run or wait here, of all functions and all nodes. Default 65,536, then `ERR_ERPC_CALLS_MAX`.
   * Lower it to protect the node, together with `concurrency` of the single function.
   */
  readonly callsMax: number
}

/** The defaults. */
export const ERPC_DEFAULTS: ErpcOptions = Object.freeze({ functionsMax: 4_096, callsMax: 65_536 })

/** How a function is registered. */
export interface ErpcRegisterOptions {
  /** Runs at the same time on this node. Default: no limit but `callsMax`. 1 makes it run one by one. */
  readonly concurrency?: number | undefined
  /** Calls that wait for their turn. Default 10,000, then `ERR_ERPC_QUEUE_FULL`. 0: none waits. */
  readonly queueMax?: number | undefined
}

/** How long to wait for an answer. */
export interface ErpcCallOptions {
  /** Default 5,000 ms; Infinity waits until the node is lost. */
  readonly timeoutMs?: number | undefined
  /** Stops waiting; the function goes on. */
  readonly signal?: AbortSignal | undefined
}

const CALL_TIMEOUT_MS = 5_000
const QUEUE_MAX = 10_000

const waitOption: OptionCheck = {
  expected: `milliseconds from 0 to ${TIMER_DELAY_MS_MAX}, or Infinity`,
  test: (v) =>
    typeof v === 'number' && v >= 0 && (v <= TIMER_DELAY_MS_MAX || v === Number.POSITIVE_INFINITY),
}

/** The limits of a node. */
export function resolveErpcOptions(given: Partial<ErpcOptions> | undefined): Readonly<ErpcOptions> {
  const checks = { functionsMax: numberOption(1, 1_000_000), callsMax: numberOption(1, 10_000_000) }
  return resolveOptions<ErpcOptions>('startNode erpc', ERPC_DEFAULTS, checks, given)
}

/** The options of one function. */
export function resolveRegisterOptions(given: ErpcRegisterOptions | undefined): {
  readonly concurrency: number
  readonly queueMax: number
} {
  const defaults = { concurrency: Infinity, queueMax: QUEUE_MAX }
  const checks = { concurrency: numberOption(1, Infinity), queueMax: numberOption(0, 10_000_000) }
  return resolveOptions('Erpc.register', defaults, checks, given)
}

/** The options of one call. */
export function resolveCallOptions(
  where: string,
  given: ErpcCallOptions | undefined,
): { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined } {
  const defaults: { timeoutMs: number; signal?: AbortSignal | undefined } = {
    timeoutMs: CALL_TIMEOUT_MS,
  }
  const checks = { timeoutMs: waitOption, signal: optional(signalOption) }
  return resolveOptions(where, defaults, checks, given)
}
