/**
 * The program of a state machine: items of the mailbox become events, callbacks run between the steps of
 * {@link StatemCore}, and the machine's own events are drained before the next item is taken.
 *
 * Invariants:
 * - A handler sees the state and data of the last transition that succeeded.
 * - `terminate` runs once, and only for ends this loop causes itself, as for servers.
 * - Replies of a stop are sent before `terminate` (S-27).
 * - A machine that inserts events for ever does not keep the event loop from others: after `CHUNK` events
 *   of its own, handled synchronously or not, it is busy until the next turn.
 * - A synchronous callback costs no promise.
 */
import {
  isThenable,
  ItemKind,
  pidEquals,
  reasonOfThrown,
  runAs,
  tellOwnStep,
  type Call,
  type ExitReason,
  type Message,
  type Pid,
  type Process,
  type Program,
  type StopRequest,
} from '../../runtime/index.ts'
import { BadReturnError } from '../server/server-errors.ts'
import { runInit, Starting, STOP_NAME } from '../server/gen.ts'
import { StatemCell, type CellRules } from './gen-statem-cell.ts'
import type { Step, StatemTimer } from './gen-statem-core.ts'
import { StatemDebug, type CallbackMode } from './gen-statem-debug.ts'
import type { Admitted } from './gen-statem-door.ts'
import { fromOf, OwnKind, StatemContext, stepOf, type HeldEvent } from './gen-statem-events.ts'
import { Op, Transition } from './gen-statem-results.ts'
import type { Ref } from '../server/contract.ts'
import { Ignore, Stop } from '../server/results.ts'
import { NOBODY, ServerContext } from '../server/server-context.ts'
import { REFUSED } from '../server/server-loop.ts'

/** The user's callbacks, in one of the two modes. */
export interface StatemCallbacks {
  readonly mode: CallbackMode
  /** Whether there are enter callbacks. */
  readonly hasEnter: boolean
  isState(state: unknown): boolean
  /**
   * Looks at a call or cast from outside: the event as the machine shall keep it, or {@link REFUSED} when
   * the contract does not allow it. Undefined where nothing is to be looked at.
   */
  readonly admit:
    ((item: Call | Message, process: Process) => Admitted | Promise<Admitted>) | undefined
  /** Runs the handler of an event, or gives {@link REFUSED} when the state has none and that is no crash. */
  run(event: HeldEvent, state: unknown, data: unknown, ctx: StatemContext): unknown
  enter(previous: unknown, state: unknown, data: unknown, ctx: StatemContext): unknown
}

/** The user's part of a machine. */
export interface StatemModule extends CellRules {
  readonly callbacks: StatemCallbacks
  ref(pid: Pid): Ref<unknown>
  init(arg: unknown, ctx: ServerContext): unknown
  readonly terminate: ((reason: ExitReason, state: unknown, data: unknown) => unknown) | undefined
}

/** Events of its own that a machine may handle before others have their turn. */
const CHUNK = 32

// A constant of this module is folded, an imported one is loaded at each use.
const CALL: typeof ItemKind.call = ItemKind.call
const OWN_CALL: typeof OwnKind.call = OwnKind.call

/** The program of every machine of one module. */
export class StatemLoop implements Program {
  readonly label: string
  readonly debug: StatemDebug
  readonly #module: StatemModule
  readonly #callbacks: StatemCallbacks

  constructor(module: StatemModule) {
    this.label = module.label
    this.debug = new StatemDebug(module.callbacks.mode)
    this.#module = module
    this.#callbacks = module.callbacks
  }

  handle(process: Process, item: Message | Call): void | Promise<void> {
    if (item.kind === ItemKind.init) return this.#init(process)
    const cell = process.state as StatemCell
    switch (item.kind) {
      case ItemKind.cast:
        if (item.name === STOP_NAME) return this.#end(process, cell, item.value)
        return this.#arrive(process, cell, item)
      case ItemKind.call:
        return this.#arrive(process, cell, item)
      case ItemKind.exit:
        if (cell.parent !== undefined && pidEquals(item.from as Pid, cell.parent)) {
          return this.#end(process, cell, item.value)
        }
        return this.#event(process, cell, item)
      case ItemKind.stop:
        return this.#end(process, cell, (item.value as StopRequest).reason)
      case ItemKind.timeout:
        if (cell.core.fire(item.value as StatemTimer) === undefined) return undefined
        return this.#work(process, cell)
      default:
        return this.#event(process, cell, item)
    }
  }

  onExit(process: Process, reason: ExitReason): void {
    if (process.state instanceof Starting) process.state.fail(process, reason)
  }

  // --- start

  #init(process: Process): void | Promise<void> {
    return runInit(
      process,
      (arg) => this.#module.init(arg, new ServerContext(process, NOBODY, this.#module)),
      (starting, result) => this.#started(process, starting, result),
    )
  }

  #started(process: Process, starting: Starting, result: unknown): void | Promise<void> {
    if (!process.alive) return undefined
    if (result instanceof Stop) return process.exit(result.reason)
    if (result instanceof Ignore) return starting.ignore(process)
    if (!(result instanceof Transition) || result.op !== Op.initial) {
      return process.exit(new BadReturnError(`init of ${this.label}`, result))
    }
    const ref = this.#module.ref(process.pid)
    const cell = new StatemCell(process, this.#module, ref, process.parent)
    let step: Step
    try {
      step = cell.core.start(result)
    } catch (thrown) {
      return process.exit(reasonOfThrown(thrown))
    }
    process.state = cell
    starting.succeed(process, ref)
    if (step === 'done' && !this.#take(process, cell)) return undefined
    return this.#work(process, cell)
  }

  // --- events

  /** A call or cast from outside: through the door, if there is one. */
  #arrive(process: Process, cell: StatemCell, item: Call | Message): void | Promise<void> {
    const { admit } = this.#callbacks
    if (admit === undefined) return this.#event(process, cell, item)
    const admitted = admit(item, process)
    if (!(admitted instanceof Promise)) return this.#admitted(process, cell, admitted)
    return admitted.then((event) => runAs(process, () => this.#admitted(process, cell, event)))
  }

  #admitted(process: Process, cell: StatemCell, event: Admitted): void | Promise<void> {
    if (event === REFUSED || !process.alive) return undefined
    return this.#event(process, cell, event)
  }

  #event(process: Process, cell: StatemCell, event: HeldEvent): void | Promise<void> {
    cell.core.begin(event)
    return this.#work(process, cell)
  }

  /** Runs the callback in hand and all that follows from it, in chunks. */
  #work(process: Process, cell: StatemCell, chunk: number = CHUNK): void | Promise<void> {
    for (let left = chunk; left > 0; left--) {
      let result: unknown
      try {
        result = this.#callback(process, cell)
        if (!(result instanceof Transition) && isThenable(result)) {
          return this.#await(process, cell, result, left - 1)
        }
        if (!this.#settled(process, cell, result)) return this.#stopped(process, cell)
      } catch (thrown) {
        return this.#end(process, cell, reasonOfThrown(thrown))
      }
      if (cell.core.idle) return undefined
    }
    return this.#later(process, cell)
  }

  #callback(process: Process, cell: StatemCell): unknown {
    const { core } = cell
    const module = this.#module
    if (core.entering) {
      const ctx = new StatemContext(process, NOBODY, module, core.current)
      return this.#callbacks.enter(core.state, core.current, core.currentData, ctx)
    }
    const event = core.event as HeldEvent
    const { state } = core
    if (event.kind === CALL) {
      return this.#callbacks.run(
        event,
        state,
        core.data,
        new StatemContext(process, event, module, state),
      )
    }
    const from = event.kind === OWN_CALL ? fromOf(event) : undefined
    if (from === undefined)
      return this.#callbacks.run(event, state, core.data, this.#context(process, cell))
    const ctx = new StatemContext(process, from as ServerContext['from'], module, state)
    return this.#callbacks.run(event, state, core.data, ctx)
  }

  /** The context of events that nobody waits for; the same one as long as the state is. */
  #context(process: Process, cell: StatemCell): StatemContext {
    const { state } = cell.core
    const before = cell.context
    if (before !== undefined && before.state === state) return before
    return (cell.context = new StatemContext(process, NOBODY, this.#module, state))
  }

  /** Applies a result and takes what is next in hand; false when the machine stops. */
  #settled(process: Process, cell: StatemCell, result: unknown): boolean {
    const { core } = cell
    // A callback may have ended its own process by a signal: then there is nothing left to do.
    if (!process.alive) core.drop()
    else if (result === REFUSED) core.drop()
    else {
      const step = core.apply(result)
      if (step === 'stop') return false
      if (step === 'enter') return true
    }
    if (process.alive) this.#take(process, cell)
    return true
  }

  /** Takes the next event of the machine's own in hand, if there is one. */
  #take(process: Process, { core }: StatemCell): boolean {
    const event = core.take()
    if (event === undefined) return false
    tellOwnStep(process, stepOf, event)
    return true
  }

  #stopped(process: Process, cell: StatemCell): void | Promise<void> {
    return this.#end(process, cell, cell.core.stopReason)
  }

  #await(
    process: Process,
    cell: StatemCell,
    result: PromiseLike<unknown>,
    left: number,
  ): Promise<void> {
    return Promise.resolve(result).then(
      (settled) => runAs(process, () => this.#resume(process, cell, settled, left)),
      (thrown) => runAs(process, () => this.#end(process, cell, reasonOfThrown(thrown))),
    )
  }

  /** After an asynchronous callback; it may have been settled at once, so the chunk goes on. */
  #resume(process: Process, cell: StatemCell, result: unknown, left: number): void | Promise<void> {
    try {
      if (!this.#settled(process, cell, result)) return this.#stopped(process, cell)
    } catch (thrown) {
      return this.#end(process, cell, reasonOfThrown(thrown))
    }
    return cell.core.idle ? undefined : this.#work(process, cell, left)
  }

  /** The rest in the next turn; until then the process is busy. */
  #later(process: Process, cell: StatemCell): Promise<void> {
    return new Promise<void>((resolve) => {
      process.system.clock.nextTurn(() => {
        resolve(process.alive ? runAs(process, () => this.#work(process, cell)) : undefined)
      })
    })
  }

  // --- end

  #end(process: Process, cell: StatemCell, reason: ExitReason): void | Promise<void> {
    if (!process.alive) return undefined
    const { terminate } = this.#module
    const finish = (actual: ExitReason): void => {
      if (process.alive) process.exit(actual)
    }
    if (terminate === undefined) return finish(reason)
    let done: unknown
    try {
      done = terminate(reason, cell.core.state, cell.core.data)
    } catch (thrown) {
      return finish(reasonOfThrown(thrown))
    }
    if (!isThenable(done)) return finish(reason)
    return Promise.resolve(done).then(
      () => finish(reason),
      (thrown) => finish(reasonOfThrown(thrown)),
    )
  }
}
