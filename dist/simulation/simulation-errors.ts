/** What a simulation reports, and the catalogue of it. */
import { FoveaError, type ErrorCatalogue } from '../../runtime/index.ts'
import { formatSchedule, type Schedule } from './fault.ts'

/** What is known of a run that failed. */
export interface FailedRun extends Schedule {
  readonly seed: number
  /** Virtual time since the start of `run`. */
  readonly virtualMs: number
  readonly traceHash: string
  /** How many runs the search for the smallest schedule took; 0 without a search. */
  readonly shrinkRuns: number
}

/** A run failed: `cause` is what the user's code threw; `seed` and the schedule repeat it. */
export class SimulationError extends FoveaError implements FailedRun {
  override readonly name: string = 'SimulationError'
  readonly seed: number
  readonly faults: Schedule['faults']
  readonly commands: Schedule['commands']
  readonly virtualMs: number
  readonly traceHash: string
  readonly shrinkRuns: number

  constructor(run: FailedRun, cause: unknown) {
    super('ERR_SIMULATION_FAILED', describe(run, cause), { cause })
    this.seed = run.seed
    this.faults = run.faults
    this.commands = run.commands
    this.virtualMs = run.virtualMs
    this.traceHash = run.traceHash
    this.shrinkRuns = run.shrinkRuns
  }
}

/** A handler waits for something that no simulation can bring about. */
export class ForeignAwaitError extends FoveaError {
  override readonly name: string = 'ForeignAwaitError'
  /** Name of the node; `'run'` for the simulation's own functions. */
  readonly node: string
  /** The process: what logs call it, and its pid. */
  readonly process: string
  constructor(node: string, label: string, names: readonly string[], pid: string) {
    const process = `${[label, ...names.map((name) => `'${name}'`)].join(' ')} ${pid}`
    super(
      'ERR_SIMULATION_FOREIGN_AWAIT',
      `${process} on ${node} awaits something that is not of the simulation: a real timer, a file, a ` +
        'fetch, crypto.subtle, a thread, or a promise that nobody settles',
    )
    this.node = node
    this.process = process
  }
}

/** A limit of the simulation was reached, or nothing can happen any more. */
export class SimulationStuckError extends FoveaError {
  override readonly name: string = 'SimulationStuckError'
}

/** Codes of the simulator. */
export const SIMULATION_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_SIMULATION_FAILED: {
    when: '`run`, a command, a node or a checker threw; `cause` has what',
    stateChanged: 'the simulation is over',
    retry: 'the same seed and schedule fail again',
    action: 'put seed and schedule of the message into a test and find out why',
  },
  ERR_SIMULATION_FOREIGN_AWAIT: {
    when: 'a handler is suspended, nothing can run any more, and its process has no own wait',
    stateChanged: 'the simulation is over',
    retry: 'no',
    action: 'put what it awaits behind a parameter and give the simulation a stand-in',
  },
  ERR_SIMULATION_TIMEOUT: {
    when: '`timeoutMs` of virtual time passed before `run` was done, or a condition came true',
    stateChanged: 'the simulation is over',
    retry: 'no',
    action: 'look at what the condition needs; raise `timeoutMs` if it needs more time',
  },
  ERR_SIMULATION_STALLED: {
    when: '`run` waits and no timer is armed: nothing will ever happen again',
    stateChanged: 'the simulation is over',
    retry: 'no',
    action: 'look at what it waits for; a call with `timeoutMs: Infinity` to a lost process, say',
  },
  ERR_SIMULATION_NODE_DOWN: {
    when: 'a node is used that has crashed or was stopped',
    stateChanged: 'no',
    retry: 'after it was started again',
    action: 'ask `node.state` first, or wait until it is `running`',
  },
})

function describe(run: FailedRun, cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  const shrunk = run.shrinkRuns === 0 ? '' : ` (smallest schedule after ${run.shrinkRuns} runs)`
  const schedule = formatSchedule(run)
  return (
    `failed after ${Math.round(run.virtualMs)} ms of virtual time with seed ${run.seed}${shrunk}: ` +
    `${text}\nReplay it with the same nodes and\n\nseed: ${run.seed},\n` +
    (schedule === '' ? 'faults: [],\n' : schedule)
  )
}
