/** The door of `sys` into state machines: the state is the pair `[state, data]` (S-36). */
import { ArgumentError, type Pid, type Process, type ProgramDebug } from '../../runtime/index.ts'
import { StatemCell } from './gen-statem-cell.ts'
import { describeEvent } from './gen-statem-events.ts'
import { isResult } from '../server/results.ts'
import { Transition } from './gen-statem-results.ts'

/** How a machine's callbacks are written, in OTP's words. */
export type CallbackMode = 'state_functions' | 'handle_event_function'

/** The {@link ProgramDebug} of a machine. */
export class StatemDebug implements ProgramDebug {
  readonly behaviour = 'gen_statem'
  readonly #mode: CallbackMode

  constructor(mode: CallbackMode) {
    this.#mode = mode
  }

  getState(process: Process): unknown {
    const cell = process.state
    return cell instanceof StatemCell ? [cell.core.state, cell.core.data] : undefined
  }

  /** As OTP's: timers, postponed events and enter callbacks are not touched. */
  replaceState(process: Process, pair: unknown): void {
    const cell = process.state
    if (!(cell instanceof StatemCell)) {
      throw new ArgumentError('process', 'a machine whose init is done', process.label)
    }
    if (!Array.isArray(pair) || pair.length !== 2 || pair.some(isOrder)) {
      throw new ArgumentError('state', 'a pair [state, data]', pair)
    }
    cell.core.replace(pair[0], pair[1])
  }

  status(process: Process): Readonly<Record<string, unknown>> {
    const cell = process.state
    if (!(cell instanceof StatemCell)) return { initializing: true }
    const { core } = cell
    return {
      callbackMode: this.#mode,
      state: core.state,
      postponed: core.postponed.map(describeEvent),
      nextEvents: core.queued.map(describeEvent),
      timers: core.timers.map((timer) => ({
        type: timer.kind,
        ...(timer.name === undefined ? {} : { name: timer.name }),
        payload: timer.payload,
        leftMs: cell.leftMs(timer),
      })),
    }
  }

  parent(process: Process): Pid | undefined {
    return process.state instanceof StatemCell ? process.state.parent : process.parent
  }
}

function isOrder(value: unknown): boolean {
  return value instanceof Transition || isResult(value)
}
