/** What the parts of procedures share, and what outlives restarts of the process behind them. */
import type { ServicesContext } from '../services/context.ts'
import { ResultCache } from './cache.ts'
import { rpcSettings } from './options.ts'
import type { RpcOptions, RpcSettings } from './options.ts'
import { Procedures } from './procedures.ts'
import type { RpcEngine } from './rpc-engine.ts'
import { rpcCounters } from './stats.ts'
import type { RpcCounters } from './stats.ts'
import type { StreamDriver } from './streams/driver.ts'

/** What survives when the process is restarted. */
export interface RpcMemory {
  /** What this node offers. */
  readonly procedures: Procedures
  readonly counters: RpcCounters
  /** Results of calls that wanted them kept. */
  readonly cache: ResultCache
  /** The one that runs; undefined while its process is being restarted. */
  engine: RpcEngine | undefined
  /** The same for streams. */
  streams: StreamDriver | undefined
  /** Something is due at another time; set by the engine that runs. */
  changed: () => void
}

/** Shared by calls, handlers and streams of one node. */
export interface RpcContext extends ServicesContext {
  readonly settings: RpcSettings
  readonly memory: RpcMemory
}

/** The context of a node. Throws an `OptionError`. */
export function createRpcContext(services: ServicesContext, options?: RpcOptions): RpcContext {
  const settings = rpcSettings(options)
  const { catalog, clock, system } = services
  const procedures = new Procedures({
    catalog,
    advertisedMax: settings.advertisedMax,
    watch: (pid, ended) => system.watch(pid, ended),
    now: () => clock.now(),
    changed: () => memory.changed(),
  })
  const { values, refusals } = services
  const counters = rpcCounters()
  const cache = new ResultCache({
    ...{ clock, values, refusals, counters },
    entriesMax: settings.cacheEntriesMax,
    bytesMax: settings.cacheBytesMax,
  })
  const memory: RpcMemory = {
    procedures,
    counters,
    cache,
    engine: undefined,
    streams: undefined,
    changed: () => {},
  }
  return { ...services, settings, memory }
}
