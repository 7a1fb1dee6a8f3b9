/**
 * Faults as data. Each names its own time, target and amount, so that a schedule is a plain array: drawn
 * by fast-check, printed, replayed, and shrunk by leaving out entries without changing the others. A
 * fault that makes no sense when its time comes (a crash of a node that is down) does nothing.
 */

import { ArgumentError } from '../../runtime/index.ts'
import { check, FINITE_MS, SHARE, STEP_MS } from './checked.ts'

/** What a node finds when it starts again. */
export type DiskFate = 'kept' | 'lost'

/** One fault. Nodes are indexes; times are milliseconds since the start of the world. */
export type Fault =
  /** Stops at once; starts again after `downMs` if that is given. */
  | {
      readonly type: 'crash'
      readonly atMs: number
      readonly node: number
      readonly downMs?: number
      readonly disk?: DiskFate
      /** Starts again under another address. */
      readonly moved?: boolean
    }
  /** Does and hears nothing for a while, then goes on with what waited. */
  | { readonly type: 'pause'; readonly atMs: number; readonly node: number; readonly forMs: number }
  /**
   * Again and again: for `blockedMs` it can neither send nor hear while its timers run, then all is well
   * for `everyMs` (a slow member, Lifeguard).
   */
  | {
      readonly type: 'slow'
      readonly atMs: number
      readonly node: number
      readonly forMs: number
      readonly blockedMs: number
      readonly everyMs: number
    }
  /** The wall clock jumps; a jump forward moves the monotonic clock too, as after a suspended machine. */
  | {
      readonly type: 'clock_jump'
      readonly atMs: number
      readonly node: number
      readonly byMs: number
    }
  | {
      readonly type: 'partition'
      readonly atMs: number
      readonly forMs: number
      readonly groups: readonly (readonly number[])[]
    }
  /** Nothing passes from one node to another; the other way is open. */
  | {
      readonly type: 'cut'
      readonly atMs: number
      readonly forMs: number
      readonly from: number
      readonly to: number
    }
  /** Datagrams get lost; changes evenly to `shareEnd` if that is given. */
  | {
      readonly type: 'loss'
      readonly atMs: number
      readonly forMs: number
      readonly share: number
      readonly shareEnd?: number
      readonly nodes?: readonly number[]
      readonly direction?: 'in' | 'out' | 'both'
    }
  | {
      readonly type: 'delay'
      readonly atMs: number
      readonly forMs: number
      readonly nodes: readonly number[]
      readonly byMs: number
    }
  /** Says goodbye and stops; starts again after `downMs` if that is given. */
  | {
      readonly type: 'leave'
      readonly atMs: number
      readonly node: number
      readonly downMs?: number
    }
  /** Starts a node that is down, knowing the addresses of `seeds`. */
  | {
      readonly type: 'join'
      readonly atMs: number
      readonly node: number
      readonly seeds: readonly number[]
    }
  /** New metadata of `bytes` bytes, different each time. */
  | {
      readonly type: 'set_meta'
      readonly atMs: number
      readonly node: number
      readonly bytes: number
    }

/** Name of a fault. */
export type FaultType = Fault['type']

/** Faults, and whether each has an end of its own. */
const LASTS: Readonly<Record<FaultType, boolean>> = Object.freeze({
  ...{ crash: false, leave: false, join: false, clock_jump: false, set_meta: false },
  ...{ pause: true, slow: true, partition: true, cut: true, loss: true, delay: true },
})

/** Refuses what is no fault, and times that never come or never end. */
export function checkFault(fault: Fault): void {
  if (!Object.hasOwn(LASTS, fault.type))
    throw new ArgumentError('type', 'that of a fault', fault.type)
  check('atMs', fault.atMs, FINITE_MS)
  if (LASTS[fault.type]) check('forMs', (fault as { forMs?: unknown }).forMs, FINITE_MS)
  if ('downMs' in fault && fault.downMs !== undefined) check('downMs', fault.downMs, FINITE_MS)
  if (fault.type === 'delay') check('byMs', fault.byMs, FINITE_MS)
  if (fault.type === 'loss') {
    check('share', fault.share, SHARE)
    check('shareEnd', fault.shareEnd ?? fault.share, SHARE)
  }
  if (fault.type !== 'slow') return
  check('blockedMs', fault.blockedMs, FINITE_MS)
  check('everyMs', fault.everyMs, FINITE_MS)
  check('blockedMs + everyMs', fault.blockedMs + fault.everyMs, STEP_MS)
}

/** When the last effect of a schedule is over and the calm begins. */
export function calmFromMs(faults: readonly Fault[]): number {
  return faults.reduce((latest, fault) => Math.max(latest, endOf(fault)), 0)
}

function endOf(fault: Fault): number {
  switch (fault.type) {
    case 'crash':
    case 'leave':
      return fault.atMs + (fault.downMs ?? 0)
    case 'pause':
    case 'slow':
    case 'partition':
    case 'cut':
    case 'loss':
    case 'delay':
      return fault.atMs + fault.forMs
    case 'clock_jump':
    case 'join':
    case 'set_meta':
      return fault.atMs
  }
}

/** A schedule for a person to read, one fault a line, in the order of time. */
export function describeFaults(faults: readonly Fault[]): string {
  return [...faults]
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ type, atMs, ...rest }) => `  ${atMs} ms ${type} ${JSON.stringify(rest)}`)
    .join('\n')
}
