/** Waits and limits of locks, and how one is asked for. */
import {
  numberOption,
  objectOption,
  optional,
  resolveOptions,
  signalOption,
  type OptionCheck,
  type Pid,
} from '../../runtime/index.ts'
import type { NodeTarget } from '../node-directory.ts'

/** Everything decided. */
export interface LockSettings {
  /** Locks that this node keeps for one node. Default 16,384; `ERR_PEER_LOCKS_MAX`. */
  readonly peerLocksMax: number
  /** How long a node may take to answer; then the try has failed. Default 5,000. */
  readonly callTimeoutMs: number
  /** The first pause between two tries is up to this, by chance; each further one up to twice as long. Default 20. */
  readonly pauseMs: number
  /** No pause is longer. Default 1,000. Lower finds a free lock sooner and costs messages. */
  readonly pauseMaxMs: number
}

/** The defaults. */
export const LOCK_DEFAULTS: LockSettings = Object.freeze({
  peerLocksMax: 16_384,
  callTimeoutMs: 5_000,
  pauseMs: 20,
  pauseMaxMs: 1_000,
})

const TIME: OptionCheck = numberOption(1, 3_600_000)

/** Settings from options. Throws an `OptionError`. */
export function lockSettings(given: Partial<LockSettings> = {}): LockSettings {
  return resolveOptions<LockSettings>(
    'locks',
    LOCK_DEFAULTS,
    {
      peerLocksMax: numberOption(1, 16_777_216),
      callTimeoutMs: TIME,
      pauseMs: TIME,
      pauseMaxMs: TIME,
    },
    given,
  )
}

/** How a lock is asked for. */
export interface LockOptions {
  /** Where it is set. Default: this node and all that are connected, also those that come later. */
  readonly nodes?: readonly NodeTarget[] | undefined
  /** Tries after the first one. Default: without end. */
  readonly retries?: number | undefined
  /** No try begins later than this. Default: never too late. */
  readonly timeoutMs?: number | undefined
  /** Gives up: `ERR_LOCK_ABORTED`. A lock that is set is not touched by it. */
  readonly signal?: AbortSignal | undefined
  /** With whose end the lock ends. Default: the running process; outside of processes, the node. */
  readonly owner?: Pid | undefined
}

const LOCK_CHECKS: { readonly [K in keyof LockOptions]-?: OptionCheck } = {
  nodes: { expected: 'a list of nodes', test: (value) => Array.isArray(value) && value.length > 0 },
  retries: optional(numberOption(0, Infinity)),
  timeoutMs: optional(numberOption(0, Infinity)),
  signal: optional(signalOption),
  owner: optional(objectOption),
}

/** Checked. Throws an `OptionError`. */
export function lockOptions(where: string, given: LockOptions | undefined): LockOptions {
  return resolveOptions<LockOptions>(where, {}, LOCK_CHECKS, given)
}
