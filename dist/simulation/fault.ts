/**
 * Faults: what happens to nodes and network of a simulation, and when. Plain data, so that a schedule can be
 * printed, kept in a test, and made smaller.
 */
import { ArgumentError } from '../../runtime/index.ts'
import type { LinkConditions } from '../../mesh/index.ts'

/** A node by its name or its number, from 0. */
export type NodeChoice = string | number

interface Scheduled {
  /** Milliseconds after the start of `run`. */
  readonly atMs: number
}

/** One fault; see the guide for what each does. */
export type Fault = Scheduled &
  (
    | {
        /** As `kill -9`, or with `disk: 'lost'` as a new machine. Starts again after `downMs`, if given. */
        readonly type: 'crash'
        readonly node: NodeChoice
        readonly disk?: 'kept' | 'lost'
        readonly downMs?: number
      }
    | {
        /** Starts a crashed node again. */
        readonly type: 'restart'
        readonly node: NodeChoice
      }
    | {
        /** As SIGSTOP, and SIGCONT after `forMs`. */
        readonly type: 'pause'
        readonly node: NodeChoice
        readonly forMs: number
      }
    | {
        /** The wall clock of one node is set; with `monotonic` its timers, too, believe that time has passed. */
        readonly type: 'clock_jump'
        readonly node: NodeChoice
        readonly byMs: number
        readonly monotonic?: boolean
      }
    | {
        /** Nodes of different groups do not hear each other; nodes in no group hear all. */
        readonly type: 'partition'
        readonly groups: readonly (readonly NodeChoice[])[]
        readonly forMs: number
      }
    | {
        /** One direction is cut. */
        readonly type: 'cut'
        readonly from: NodeChoice
        readonly to: NodeChoice
        readonly forMs: number
      }
    | {
        /** What `from` sends to `to` (anybody, if left out) has other conditions. */
        readonly type: 'conditions'
        readonly from?: NodeChoice
        readonly to?: NodeChoice
        readonly conditions: Partial<LinkConditions>
        readonly forMs: number
      }
  )

/** Something that the program under test is asked to do; `name` is one of `SimulateOptions.actions`. */
export interface Command extends Scheduled {
  readonly name: string
  readonly args?: unknown
}

/** What happens in a run: faults and commands. */
export interface Schedule {
  readonly faults: readonly Fault[]
  readonly commands: readonly Command[]
}

const TYPES: readonly string[] = Object.freeze([
  ...['crash', 'restart', 'pause', 'clock_jump', 'partition', 'cut', 'conditions'],
])

/** Those of them that end by themselves after `forMs`. */
const LASTING: readonly string[] = Object.freeze(['pause', 'partition', 'cut', 'conditions'])

/** Refuses what is no fault, before the simulation begins. */
export function checkFault(fault: Fault): void {
  if (typeof fault !== 'object' || fault === null || !TYPES.includes(fault.type)) {
    throw new ArgumentError('faults', `faults of type ${TYPES.join(', ')}`, fault)
  }
  checkTime('atMs', fault.atMs)
  if (LASTING.includes(fault.type)) checkTime('forMs', (fault as { forMs: number }).forMs)
  if (fault.type === 'crash' && fault.downMs !== undefined) checkTime('downMs', fault.downMs)
}

/** Refuses what is no command. */
export function checkCommand(command: Command, known: readonly string[]): void {
  if (typeof command !== 'object' || command === null) {
    throw new ArgumentError('commands', 'a list of commands', command)
  }
  checkTime('atMs', command.atMs)
  if (!known.includes(command.name)) {
    throw new ArgumentError('commands', `commands named ${known.join(', ')}`, command.name)
  }
}

/** The schedule as the text that goes into a test, one line per entry. */
export function formatSchedule({ faults, commands }: Schedule): string {
  const list = (name: string, entries: readonly object[]): string => {
    if (entries.length === 0) return ''
    const lines = entries.map((entry) => `  ${JSON.stringify(entry)},`)
    return `${name}: [\n${lines.join('\n')}\n],\n`
  }
  return list('faults', faults) + list('commands', commands)
}

/** Refuses what is no length of virtual time. */
export function checkTime(name: string, ms: number): void {
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= 2 ** 53)) {
    throw new ArgumentError(name, 'milliseconds of at least 0', ms)
  }
}
