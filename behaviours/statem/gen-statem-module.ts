/**
 * From a definition to a {@link StatemModule}, in both callback modes.
 *
 * In state-functions mode a state may have no handler for an event. A call is then answered with
 * `ERR_STATEM_UNHANDLED`, a cast or message is dropped with a warning, and in both cases it is as if it had
 * never come. For what the machine's own code caused, timeouts and internal events, it is a crash, as a
 * missing clause is in OTP for everything.
 */
import {
  formatPid,
  ItemKind,
  type Call,
  type ExitReason,
  type Message,
  type Pid,
} from '../../runtime/index.ts'
import type { Contract } from '../server/contract.ts'
import { HandlerMissingError } from '../server/server-errors.ts'
import { StatemDoor } from './gen-statem-door.ts'
import { CallUnhandledError } from './gen-statem-errors.ts'
import {
  describeEvent,
  fromOf,
  infoOf,
  OwnKind,
  publicEvent,
  type HeldEvent,
  type OwnEvent,
  type StatemContext,
  type StatemEvent,
} from './gen-statem-events.ts'
import type { StatemCallbacks, StatemModule } from './gen-statem-loop.ts'
import { keepStateAndData } from './gen-statem-results.ts'
import { resolveLimits, type StatemLimits } from './gen-statem-options.ts'
import { compileStates, type AnyStateFunctions, type StateTable } from './gen-statem-table.ts'
import type { ServerContext } from '../server/server-context.ts'
import { REFUSED } from '../server/server-loop.ts'

/** What definitions of both modes have, with its types forgotten. */
export interface AnyStatem {
  readonly init: (arg: unknown, ctx: ServerContext) => unknown
  readonly terminate?: (reason: ExitReason, state: unknown, data: unknown) => unknown
}

/** A definition in state-functions mode. */
export interface AnyStates extends AnyStatem {
  readonly states: Readonly<Record<string, AnyStateFunctions>>
  readonly any?: AnyStateFunctions
}

/** A definition in handle-event mode. */
export interface AnyHandleEvent extends AnyStatem {
  readonly handleEvent: (
    event: StatemEvent<unknown>,
    state: unknown,
    data: unknown,
    ctx: StatemContext,
  ) => unknown
  readonly enter?: StatemCallbacks['enter']
}

/** The module of a machine whose states are tables. */
export function statesModule(
  declared: Contract<unknown>,
  definition: AnyStates,
  limits: StatemLimits | undefined,
): StatemModule {
  const label = labelOf(declared)
  const tables = compileStates(label, declared, definition.states, definition.any)
  const door = new StatemDoor(label, declared)
  return moduleOf(declared, definition, limits, new StateFunctionCallbacks(label, door, tables))
}

/** The module of a machine with one handler for all events. */
export function handleEventModule(
  declared: Contract<unknown>,
  definition: AnyHandleEvent,
  limits: StatemLimits | undefined,
): StatemModule {
  const label = labelOf(declared)
  if (typeof definition.handleEvent !== 'function') {
    throw new HandlerMissingError(label, 'handleEvent')
  }
  const door = new StatemDoor(label, declared)
  return moduleOf(declared, definition, limits, new HandleEventCallbacks(door, definition))
}

function labelOf(declared: Contract<unknown>): string {
  return `gen_statem ${declared.name}`
}

function moduleOf(
  declared: Contract<unknown>,
  definition: AnyStatem,
  limits: StatemLimits | undefined,
  callbacks: StatemCallbacks,
): StatemModule {
  const label = labelOf(declared)
  if (typeof definition.init !== 'function') throw new HandlerMissingError(label, 'init')
  const terminates = definition.terminate !== undefined
  return {
    label,
    limits: resolveLimits(label, limits),
    callbacks,
    ref: (pid: Pid) => declared.at(pid),
    init: (arg, ctx) => definition.init(arg, ctx),
    terminate: terminates
      ? (reason, state, data) => definition.terminate?.(reason, state, data)
      : undefined,
  }
}

class HandleEventCallbacks implements StatemCallbacks {
  readonly mode = 'handle_event_function'
  readonly hasEnter: boolean
  readonly admit: NonNullable<StatemCallbacks['admit']>
  readonly #definition: AnyHandleEvent

  constructor(door: StatemDoor, definition: AnyHandleEvent) {
    this.#definition = definition
    this.hasEnter = definition.enter !== undefined
    this.admit = (item, process) => door.admit(item, process)
  }

  /** A state may be anything. */
  isState(): boolean {
    return true
  }
  run(event: HeldEvent, state: unknown, data: unknown, ctx: StatemContext): unknown {
    return this.#definition.handleEvent(publicEvent(event), state, data, ctx)
  }
  enter(previous: unknown, state: unknown, data: unknown, ctx: StatemContext): unknown {
    return this.#definition.enter?.(previous, state, data, ctx)
  }
}

// A constant of this module is folded, an imported one is loaded at each use.
const CALL: typeof ItemKind.call = ItemKind.call
const CAST: typeof ItemKind.cast = ItemKind.cast

class StateFunctionCallbacks implements StatemCallbacks {
  readonly mode = 'state_functions'
  readonly hasEnter: boolean
  readonly admit: StatemCallbacks['admit']
  readonly #label: string
  readonly #door: StatemDoor
  readonly #tables: ReadonlyMap<unknown, StateTable>
  // Events come in runs to one state; its table is found again without a look-up.
  #lastState: unknown
  #last: StateTable

  constructor(label: string, door: StatemDoor, tables: ReadonlyMap<unknown, StateTable>) {
    this.#label = label
    this.#door = door
    this.#tables = tables
    const [[lastState, last]] = [...tables] as [[unknown, StateTable]]
    this.#lastState = lastState
    this.#last = last
    this.hasEnter = [...tables.values()].some((table) => table.enter !== undefined)
    // Without schemas the tables know all names, and the door is asked only about what they do not have.
    this.admit = door.hasSchemas ? (item, process) => door.admit(item, process) : undefined
  }

  isState(state: unknown): boolean {
    return this.#tables.has(state)
  }

  enter(previous: unknown, state: unknown, data: unknown, ctx: StatemContext): unknown {
    const { enter } = this.#tables.get(state) as StateTable
    return enter === undefined ? keepStateAndData() : enter(data, previous, ctx)
  }

  run(event: HeldEvent, state: unknown, data: unknown, ctx: StatemContext): unknown {
    const table = state === this.#lastState ? this.#last : this.#table(state)
    switch (event.kind) {
      case CALL: {
        const handler = table.call.get(event.name)
        return handler === undefined ? this.#missing(event, ctx) : handler(data, event.input, ctx)
      }
      case CAST: {
        const handler = table.cast.get(event.name)
        return handler === undefined ? this.#missing(event, ctx) : handler(data, event.value, ctx)
      }
      case OwnKind.call:
      case OwnKind.cast:
      case OwnKind.internal:
      case OwnKind.state_timeout:
      case OwnKind.event_timeout:
      case OwnKind.generic_timeout: {
        const handler = table.own(event.kind, event.name)
        return handler === undefined ? this.#missing(event, ctx) : handler(data, event.value, ctx)
      }
      default: {
        const { info } = table
        if (info === undefined) return this.#missing(event, ctx)
        return info(data, infoOf(event as Message | OwnEvent), ctx)
      }
    }
  }

  #table(state: unknown): StateTable {
    this.#lastState = state
    return (this.#last = this.#tables.get(state) as StateTable)
  }

  #missing(event: HeldEvent, ctx: StatemContext): typeof REFUSED {
    switch (event.kind) {
      case ItemKind.call:
        if (!this.#door.hasCall(event.name)) return this.#door.refuse(event, ctx.process)
        return this.#unhandled(event, ctx)
      case OwnKind.call:
        return this.#unhandled(event, ctx)
      case ItemKind.cast:
        if (!this.#door.hasCast(event.name)) return this.#door.refuse(event, ctx.process)
        return this.#dropped(event, ctx)
      case OwnKind.internal:
      case OwnKind.state_timeout:
      case OwnKind.event_timeout:
      case OwnKind.generic_timeout: {
        const { type, name } = describeEvent(event)
        const what = name === undefined ? type : `${type} '${name}'`
        throw new HandlerMissingError(this.#label, `${what} in state '${String(ctx.state)}'`)
      }
      default:
        return this.#dropped(event, ctx)
    }
  }

  #unhandled(event: Call | OwnEvent, ctx: StatemContext): typeof REFUSED {
    const state = String(ctx.state)
    fromOf(event)?.fail(new CallUnhandledError(this.#door.contract, String(event.name), state))
    return REFUSED
  }

  #dropped(event: HeldEvent, ctx: StatemContext): typeof REFUSED {
    ctx.system.logger.warn(
      {
        process: formatPid(ctx.process.pid),
        label: this.#label,
        state: ctx.state,
        ...describeEvent(event),
      },
      'event dropped: the state has no handler for it',
    )
    return REFUSED
  }
}
