/**
 * The door of `sys` into servers, and into the behaviours that are built on servers. The state it shows is
 * the one the last handler left, without what the loop keeps beside it.
 */
import { ArgumentError, type DebugChild, type Pid, type Process } from '../../runtime/index.ts'
import type { ProgramDebug } from '../../runtime/index.ts'
import { isResult } from './results.ts'
import { ServerCell } from './server-cell.ts'

/** What a behaviour that is built on servers adds. */
export interface ServerDoor {
  /** `'supervisor'`, `'registry'`, ... */
  readonly behaviour: string
  /** Its state is its own affair and cannot be replaced. */
  readonly sealed?: boolean
  /** What `sys.getState` gives; default the state itself. */
  readonly view?: (state: never) => unknown
  /** Turns what `sys.replaceState` was given into a state; for doors with a `view`. */
  readonly replace?: (state: never, given: unknown) => unknown
  readonly children?: (state: never) => readonly DebugChild[]
  readonly status?: (state: never) => Readonly<Record<string, unknown>>
}

const GEN_SERVER: ServerDoor = Object.freeze({ behaviour: 'gen_server' })

/** The {@link ProgramDebug} of a server loop. */
export class ServerDebug implements ProgramDebug {
  readonly behaviour: string
  readonly children: ((process: Process) => readonly DebugChild[]) | undefined
  readonly #label: string
  readonly #door: ServerDoor

  constructor(label: string, door: ServerDoor = GEN_SERVER) {
    this.behaviour = door.behaviour
    const { children } = door
    this.children =
      children &&
      (({ state }) => (state instanceof ServerCell ? children(state.state as never) : []))
    this.#label = label
    this.#door = door
  }

  getState(process: Process): unknown {
    const cell = process.state
    if (!(cell instanceof ServerCell)) return undefined
    const { view } = this.#door
    return view === undefined ? cell.state : view(cell.state as never)
  }

  replaceState(process: Process, state: unknown): void {
    const cell = process.state
    if (this.#door.sealed === true || !(cell instanceof ServerCell)) {
      throw new ArgumentError('process', 'one whose state can be replaced', this.#label)
    }
    if (isResult(state)) throw new ArgumentError('state', 'a state, not a result', state)
    const { replace } = this.#door
    cell.state = replace === undefined ? state : replace(cell.state as never, state)
  }

  status(process: Process): Readonly<Record<string, unknown>> {
    const cell = process.state
    if (!(cell instanceof ServerCell)) return { initializing: true }
    const { timeout, state } = cell
    const pending = timeout?.pending === true ? { timeoutMs: timeout.timeoutMs } : {}
    return { ...pending, ...this.#door.status?.(state as never) }
  }

  parent(process: Process): Pid | undefined {
    return process.state instanceof ServerCell ? process.state.parent : process.parent
  }
}
