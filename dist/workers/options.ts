/** Options of worker nodes: defaults and checks. */
import { availableParallelism } from 'node:os'
import {
  booleanOption,
  numberOption,
  objectOption,
  OptionError,
  optional,
  resolveOptions,
  type OptionCheck,
} from '../../runtime/index.ts'
import type { MeshOptions } from '../../mesh/index.ts'
import type { DistOptions } from '../options.ts'

/** What belongs to one thread or one node and cannot be told to another. */
export type WorkerOwnOption =
  | 'realm'
  | 'name'
  | 'nodeName'
  | 'host'
  | 'advertiseHost'
  | 'port'
  | 'advertisePort'
  | 'seeds'
  | 'discovery'
  | 'dataDir'
  | 'realmMembership'
  | 'gateway'
  | 'transport'
  | 'lookup'
  | 'clock'
  | 'entropy'
  | 'logger'
  | 'system'

/** Options that a worker node may have for itself; the others it has from the node that starts it. */
export type WorkerNodeOptions = Partial<Omit<MeshOptions, WorkerOwnOption> & DistOptions>

/** How worker nodes are started. */
export interface WorkersOptions {
  /**
   * Module that each worker loads, the URL of a JavaScript file; it exports `setup(node, data)`, which registers
   * behaviours. Code never travels: this is how it gets there.
   */
  readonly module: URL | string
  /**
   * Threads, each with a node. Default: the processors that this program may use less one, which the main thread
   * has; at least 1, at most 256. More than processors only adds switching; each costs about 50 MiB.
   */
  readonly count?: number | undefined
  /** Given to `setup` as it is, a copy for each worker. Default: nothing. */
  readonly data?: unknown
  /** Options of the worker nodes that differ from those of this node. Default: none. */
  readonly options?: WorkerNodeOptions | undefined
  /**
   * Whether workers have a QUIC port of their own, so that nodes of other processes reach them directly. Default: true
   * if this node has one. Without it only nodes of this process can call them and be called by them.
   */
  readonly quic?: boolean | undefined
  /** Time for a worker to be connected. Milliseconds, default 30,000; then `ERR_WORKER_START_TIMEOUT`. */
  readonly startTimeoutMs?: number | undefined
  /** Time for a worker to stop by itself; then its thread is ended. Milliseconds, default 5,000. */
  readonly stopTimeoutMs?: number | undefined
  /**
   * Restarts within `periodMs`, over all workers of this start together; one more and all are stopped. Default 3.
   * See `SupervisorOptions`.
   */
  readonly intensity?: number | undefined
  /** Length of that window. Milliseconds, default 5,000. */
  readonly periodMs?: number | undefined
  /** Flags of Node for the threads, e.g. a loader. Default: those of this program. */
  readonly execArgv?: readonly string[] | undefined
}

/** {@link WorkersOptions} with everything decided. */
export type ResolvedWorkersOptions = Readonly<
  Record<'count' | 'startTimeoutMs' | 'stopTimeoutMs' | 'intensity' | 'periodMs', number>
> & {
  readonly module: string
  readonly options: WorkerNodeOptions
  readonly data: unknown
  readonly quic: boolean | undefined
  readonly execArgv: readonly string[] | undefined
}

const DEFAULTS: Omit<ResolvedWorkersOptions, 'count' | 'module'> & { readonly module: undefined } =
  Object.freeze({
    module: undefined,
    data: undefined,
    options: Object.freeze({}),
    quic: undefined,
    startTimeoutMs: 30_000,
    stopTimeoutMs: 5_000,
    intensity: 3,
    periodMs: 5_000,
    execArgv: undefined,
  })

/** The most threads of one start. */
export const WORKERS_MAX = 256

const milliseconds = numberOption(1, 2_147_483_647)

const CHECKS: { readonly [K in keyof ResolvedWorkersOptions]-?: OptionCheck } = {
  module: { expected: 'the URL of a JavaScript module', test: isModule },
  count: numberOption(1, WORKERS_MAX),
  data: { expected: 'a value', test: () => true },
  options: objectOption,
  quic: optional(booleanOption),
  startTimeoutMs: milliseconds,
  stopTimeoutMs: milliseconds,
  intensity: numberOption(0, 1_000_000),
  periodMs: milliseconds,
  execArgv: optional({ expected: 'a list of flags', test: Array.isArray }),
}

/** Checks `given` and decides everything that is not given. */
export function resolveWorkersOptions(given: WorkersOptions): ResolvedWorkersOptions {
  const count = Math.max(1, Math.min(WORKERS_MAX, availableParallelism() - 1))
  const defaults = { ...DEFAULTS, count } as unknown as WorkersOptions
  const merged = resolveOptions<WorkersOptions>('startWorkers', defaults, CHECKS, given)
  if (merged.module === undefined) {
    const text = "startWorkers: option 'module' is needed, the URL of a JavaScript module"
    throw new OptionError('ERR_OPTION_INVALID', 'module', text)
  }
  return Object.freeze({ ...merged, module: String(merged.module) }) as ResolvedWorkersOptions
}

function isModule(value: unknown): boolean {
  if (value instanceof URL) return true
  return typeof value === 'string' && URL.canParse(value)
}
