/**
 * What can be said of a process from outside, at any time and at once: nothing here waits for the process
 * or runs its code.
 */
import { runningCell } from './context.ts'
import { itemKindName } from './item.ts'
import { linkCount } from './links.ts'
import { BUSY, QUEUED } from './process-flags.ts'
import type { ItemKindName } from './item.ts'
import type { ProcessCell } from './process.ts'
import type { Process, ProgramDebug } from './program.ts'

/**
 * What a process is doing: nothing (`waiting`), about to be served (`queued`), in the synchronous part of a
 * handler right now (`running`), or in an asynchronous handler that is not settled (`busy`).
 */
export type ProcessActivity = 'waiting' | 'queued' | 'running' | 'busy'

/** A process from outside. */
export interface ProcessFacts {
  /** Its names in its system. */
  readonly names: readonly string[]
  readonly activity: ProcessActivity
  /** What a `busy` process works on; undefined for a plain process, which says nothing of that. */
  readonly busyWith:
    | {
        readonly kind: ItemKindName
        readonly name: string | undefined
        /** By the clock of its system, as of the turn in which it began. */
        readonly sinceMs: number
      }
    | undefined
  /** By the clock of its system; undefined if it is not suspended. */
  readonly suspendedSinceMs: number | undefined
  readonly links: number
  /** Monitors it owns. */
  readonly monitors: number
  /** Monitors that watch it. */
  readonly monitoredBy: number
  /** Timers that die with it. */
  readonly timers: number
}

/** What the program of a process shows of it. */
export function debugOf(process: Process): ProgramDebug | undefined {
  return (process as ProcessCell).program.debug
}

/** The facts of a live process. */
export function factsOf(process: Process): ProcessFacts {
  const cell = process as ProcessCell
  const { extras, flags } = cell
  return {
    names: [...(extras?.names ?? [])],
    activity: activityOf(cell, flags),
    busyWith: busyWith(cell),
    suspendedSinceMs: extras?.suspension?.sinceMs,
    links: linkCount(cell),
    monitors: extras?.monitoring?.size ?? 0,
    monitoredBy: extras?.monitoredBy?.size ?? 0,
    timers: extras?.timers?.size ?? 0,
  }
}

function activityOf(cell: ProcessCell, flags: number): ProcessActivity {
  if (runningCell() === cell) return 'running'
  if ((flags & BUSY) !== 0) return 'busy'
  return (flags & QUEUED) !== 0 ? 'queued' : 'waiting'
}

function busyWith({ flags, extras, lastName }: ProcessCell): ProcessFacts['busyWith'] {
  if ((flags & BUSY) === 0 || extras?.busyKind === undefined) return undefined
  const kind = itemKindName(extras.busyKind)
  const named = kind === 'call' || kind === 'cast'
  return { kind, name: named ? lastName : undefined, sinceMs: extras.busySinceMs }
}
