/** Counters and sizes of procedures, for metrics and tests. */

/** Since the start of the node. */
export interface RpcStats {
  /** Calls made here, and how they ended. `calls` = `results` + `errors` + those under way. */
  readonly calls: number
  readonly results: number
  readonly errors: number
  /** Attempts beyond the first one of a call, without hedges. */
  readonly retries: number
  readonly hedges: number
  /** Calls held back here because so many were refused. */
  readonly throttled: number
  readonly casts: number
  /** Attempts under way. */
  readonly pending: number
  /** Calls of others, and of this node to itself, that were run. */
  readonly served: number
  readonly running: number
  readonly queued: number
  /** Refused before dispatch. */
  readonly shed: number
  readonly cancelled: number
  readonly duplicates: number
  /** Answers that nobody waited for. */
  readonly late: number
  readonly advertised: number
  /** Calls with `cacheTtlMs`: answered from what was kept, made, and answered by one that was under way. */
  readonly cacheHits: number
  readonly cacheMisses: number
  readonly cacheJoined: number
  /** Results that are kept. */
  readonly cacheEntries: number
}

/** The counters, as they are kept. */
export type RpcCounters = {
  -readonly [
    K in Exclude<keyof RpcStats, 'pending' | 'running' | 'queued' | 'advertised' | 'cacheEntries'>
  ]: number
}

/** All at zero. */
export function rpcCounters(): RpcCounters {
  return {
    calls: 0,
    results: 0,
    errors: 0,
    retries: 0,
    hedges: 0,
    throttled: 0,
    casts: 0,
    served: 0,
    shed: 0,
    cancelled: 0,
    duplicates: 0,
    late: 0,
    cacheHits: 0,
    cacheMisses: 0,
    cacheJoined: 0,
  }
}
