/**
 * State machines: `implementStatem(contract, { init, states })` and
 * `implementHandleEvent(contract, { init, handleEvent })`, OTP's two callback modes.
 *
 * A machine is a process that speaks a contract, so callers have an ordinary `Ref` and see no difference
 * to a server. The core is gen-statem-core.ts, the process around it gen-statem-loop.ts.
 *
 * The modes are two functions, not one with two shapes, because a wrong state name is then reported
 * where it stands and not as "no overload matches".
 *
 * Differs from OTP on purpose: an event without a handler ends the machine only if the machine itself
 * caused it (gen-statem-module.ts); a call has 5000 ms as everywhere (S-40); enter callbacks need no
 * switch, they run because they are there; a state is another one by `Object.is`, not by its content.
 */
import type { ExitReason } from '../../runtime/index.ts'
import type { CallsOf, CastsOf, Contract, InputOf, OutputOf } from '../server/contract.ts'
import { ProgramServer, type Maybe, type Server } from '../server/gen-server.ts'
import type { InsertedEvent, StatemCtx, StatemEvent } from './gen-statem-events.ts'
import { StatemLoop } from './gen-statem-loop.ts'
import {
  handleEventModule,
  statesModule,
  type AnyHandleEvent,
  type AnyStates,
} from './gen-statem-module.ts'
import type { StatemLimits } from './gen-statem-options.ts'
import type {
  EnterAction,
  EventAction,
  InitAction,
  Initial,
  KeepState,
  NextState,
  RepeatState,
  StopAndReply,
} from './gen-statem-results.ts'
import type { Ignore, Stop } from '../server/results.ts'
import type { Ctx, Info } from '../server/server-context.ts'

/** What the handler of an event may return; `R` is the reply of the call in hand. */
export type StatemResult<S, D, R, P> =
  | NextState<S, D, EventAction<R, InsertedEvent<P>>>
  | KeepState<D, EventAction<R, InsertedEvent<P>>>
  | RepeatState<D, EventAction<R, InsertedEvent<P>>>
  | StopAndReply<D, R>
  | Stop<D>

/** What an enter callback may return: it cannot change the state (S-08). */
export type EnterResult<D> =
  KeepState<D, EnterAction> | RepeatState<D, EnterAction> | StopAndReply<D> | Stop<D>

/** What the `init` of a machine may return. */
export type StatemInit<S, D, P> = Initial<S, D, InitAction<InsertedEvent<P>>> | Ignore | Stop<never>

/** A handler that gets what the machine itself gave to a timeout or event, and may know its type. */
export type PayloadHandler<P, S, D> = {
  handle(
    data: D,
    payload: unknown,
    ctx: StatemCtx<never, P, S>,
  ): Maybe<StatemResult<S, D, never, P>>
}['handle']

/** The functions of one state: kind of event x name. */
export interface StateFunctions<P, S, D> {
  /** Runs when the state was entered from another one, at the start, and by `repeatState`. */
  enter?: (data: D, previous: S, ctx: StatemCtx<never, P, S>) => Maybe<EnterResult<D>>
  call?: {
    [K in keyof CallsOf<P>]?: (
      data: D,
      input: InputOf<CallsOf<P>[K]>,
      ctx: StatemCtx<OutputOf<CallsOf<P>[K]>, P, S>,
    ) => Maybe<StatemResult<S, D, OutputOf<CallsOf<P>[K]>, P>>
  }
  cast?: {
    [K in keyof CastsOf<P>]?: (
      data: D,
      input: InputOf<CastsOf<P>[K]>,
      ctx: StatemCtx<never, P, S>,
    ) => Maybe<StatemResult<S, D, never, P>>
  }
  /** Messages, EXIT, DOWN, timers of `sendAfter`. */
  info?: (data: D, info: Info, ctx: StatemCtx<never, P, S>) => Maybe<StatemResult<S, D, never, P>>
  stateTimeout?: PayloadHandler<P, S, D>
  eventTimeout?: PayloadHandler<P, S, D>
  genericTimeout?: { [name: string]: PayloadHandler<P, S, D> }
  /** Events of `nextEvent({ type: 'internal', name })`. */
  internal?: { [name: string]: PayloadHandler<P, S, D> }
}

/** A machine in state-functions mode. */
export interface Statem<P, A, S extends string, D> {
  init: (arg: A, ctx: Ctx<never, P>) => Maybe<StatemInit<NoInfer<S>, D, P>>
  states: { [K in S]: StateFunctions<P, NoInfer<S>, NoInfer<D>> }
  /** For what a state does not handle itself. */
  any?: StateFunctions<P, NoInfer<S>, NoInfer<D>>
  /** Runs before a death that the machine causes itself; see the README for when it does not. */
  terminate?: (reason: ExitReason, state: NoInfer<S>, data: NoInfer<D>) => Maybe<void>
}

/** A machine in handle-event mode. */
export interface HandleEvent<P, A, S, D> {
  init: (arg: A, ctx: Ctx<never, P>) => Maybe<StatemInit<S, D, P>>
  handleEvent: (
    event: StatemEvent<P>,
    state: NoInfer<S>,
    data: NoInfer<D>,
    ctx: StatemCtx<never, P, NoInfer<S>>,
  ) => Maybe<StatemResult<NoInfer<S>, NoInfer<D>, never, P>>
  /** Given, it runs when another state was entered, at the start, and by `repeatState`. */
  enter?: (
    previous: NoInfer<S>,
    state: NoInfer<S>,
    data: NoInfer<D>,
    ctx: StatemCtx<never, P, NoInfer<S>>,
  ) => Maybe<EnterResult<NoInfer<D>>>
  /** As in {@link Statem}. */
  terminate?: (reason: ExitReason, state: NoInfer<S>, data: NoInfer<D>) => Maybe<void>
}

/**
 * Gives a contract the behaviour of a state machine whose states are named functions.
 *
 * @example
 * interface LockApi {
 *   call: { entered(): number; open(): boolean }
 *   cast: { button(digit: number): void }
 * }
 * const LockContract: Contract<LockApi> = contract('lock/1', {
 *   call: { entered: true, open: true },
 *   cast: { button: true },
 * })
 * const Lock: Server<LockApi, string> = implementStatem(LockContract, {
 *   init: (code: string) => initialState('locked', { code, entered: '' }),
 *   states: {
 *     locked: {
 *       enter: (data) => keepState({ ...data, entered: '' }),
 *       cast: {
 *         button: (data, digit) => {
 *           const entered = data.entered + String(digit)
 *           return entered === data.code
 *             ? nextState('open', data, stateTimeout(10_000, 'lock'))
 *             : keepState({ ...data, entered })
 *         },
 *       },
 *       call: { open: () => keepStateAndData(answer(false)) },
 *     },
 *     open: {
 *       stateTimeout: (data) => nextState('locked', data),
 *       cast: { button: () => keepStateAndData(postpone()) },
 *       call: { open: () => keepStateAndData(answer(true)) },
 *     },
 *   },
 *   any: { call: { entered: (data) => keepStateAndData(answer(data.entered.length)) } },
 * })
 * const lock = await Lock.start('42')
 * lock.cast.button(4)
 * assert.equal(await lock.call.entered(), 1)
 * lock.cast.button(2)
 * assert.equal(await lock.call.open(), true)
 * await GenServer.stop(lock)
 */
export function implementStatem<P, A, S extends string, D>(
  contract: Contract<P>,
  machine: Statem<P, A, S, D>,
  limits?: StatemLimits,
): Server<P, A> {
  const declared = contract as Contract<unknown>
  const module = statesModule(declared, machine as unknown as AnyStates, limits)
  return new ProgramServer<P, A>(contract, new StatemLoop(module))
}

/**
 * Gives a contract the behaviour of a state machine with one handler for all events and states of any
 * type.
 *
 * @example
 * interface LightApi {
 *   call: { color(): string }
 *   cast: { next(): void }
 * }
 * type Light = { readonly color: 'red' } | { readonly color: 'green'; readonly round: number }
 * const LightContract: Contract<LightApi> = contract('light/1', {
 *   call: { color: true },
 *   cast: { next: true },
 * })
 * const Lights: Server<LightApi> = implementHandleEvent(LightContract, {
 *   init: (): Initial<Light, number> => initialState({ color: 'red' }, 0),
 *   handleEvent: (event, state, round) => {
 *     switch (event.type) {
 *       case 'call':
 *         return keepStateAndData(replyTo(event.from, state.color))
 *       case 'cast':
 *         return state.color === 'red'
 *           ? nextState({ color: 'green', round }, round)
 *           : nextState({ color: 'red' }, round + 1)
 *       default:
 *         return keepStateAndData()
 *     }
 *   },
 * })
 * const lights = await Lights.start()
 * lights.cast.next()
 * assert.equal(await lights.call.color(), 'green')
 * await GenServer.stop(lights)
 */
export function implementHandleEvent<P, A, S, D>(
  contract: Contract<P>,
  machine: HandleEvent<P, A, S, D>,
  limits?: StatemLimits,
): Server<P, A> {
  const declared = contract as Contract<unknown>
  const module = handleEventModule(declared, machine as unknown as AnyHandleEvent, limits)
  return new ProgramServer<P, A>(contract, new StatemLoop(module))
}
