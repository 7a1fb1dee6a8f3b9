/**
 * Event handlers: what a user writes, and what its callbacks may return. A handler is no process: it
 * is a state and callbacks inside a manager, which runs them one after another (gen-event-manager.ts).
 *
 * Follows the callbacks of gen_event.erl: `init`, `handle_event`, `handle_call`, `handle_info`,
 * `terminate`. Differs: a handler has a name instead of a module.
 */
import { ArgumentError, type ExitReason, type Pid } from '../../runtime/index.ts'
import type { Ref } from '../server/contract.ts'
import { HandlerMissingError } from '../server/server-errors.ts'
import type { EventHandlerKey } from './gen-event-errors.ts'
import type { Maybe } from '../server/gen-server.ts'
import type { ProcessOperations } from '../server/process-operations.ts'
import type { Ok, Reply, Stop } from '../server/results.ts'
import type { Info } from '../server/server-context.ts'

/** What `init` of a handler gets that replaces another one: its argument, and the other's last word. */
export type SwapArg<A> = readonly [arg: A, fromOld: unknown]

/** A handler to be installed; its types were checked where it was named. */
export interface AnyHandlerSource {
  readonly handler: EventHandler<never, never, never>
  readonly arg: unknown
  readonly id?: string | undefined
}

/** From a callback: replace me by another handler; see {@link swapHandler}. */
export class SwapHandler<S, R = never> {
  declare readonly '~result': 'swap_handler'
  readonly state: S
  readonly arg: unknown
  readonly to: AnyHandlerSource
  readonly reply: { readonly value: R } | undefined
  constructor(
    state: S,
    arg: unknown,
    to: AnyHandlerSource,
    reply: { readonly value: R } | undefined,
  ) {
    this.state = state
    this.arg = arg
    this.to = to
    this.reply = reply
  }
}

/** From a callback: remove me; see {@link removeHandler}. */
export class RemoveHandler<R = never> {
  declare readonly '~result': 'remove_handler'
  readonly reply: { readonly value: R } | undefined
  constructor(reply: { readonly value: R } | undefined) {
    this.reply = reply
  }
}

/** What `event` and `info` return. */
export type EventResult<S> = Ok<S> | SwapHandler<S> | RemoveHandler

/** What `call` returns. */
export type EventCallResult<R, S> = Reply<R, S> | SwapHandler<S, R> | RemoveHandler<R>

/** What `init` of a handler can do: the operations of the manager's process. */
export interface HandlerCtx extends ProcessOperations {
  /** The manager. */
  readonly manager: Pid
  /** This handler. */
  readonly handler: EventHandlerKey
  /** The process that this handler is supervised by, if it was added so. */
  readonly owner: Pid | undefined
}

/** What the other callbacks can do. */
export interface EventCtx<E = unknown> extends HandlerCtx {
  /** The manager, as one that takes events. */
  readonly self: Ref<EventSink<E>>
}

/** The part of a manager that everybody may use who has events for it. */
export interface EventSink<E> {
  // Properties, not methods: methods would let an event pass that the manager does not know.
  call: { syncNotify: (event: E) => void }
  cast: { notify: (event: E) => void }
}

/** The callbacks of a handler. All may be asynchronous: the manager waits for each. */
export interface EventHandlerImpl<E, S, A, Q, R> {
  /** Tells it from other handlers of a manager, together with the id given to `addHandler`. */
  readonly name: string
  /** A bare state, `ok(state)`, or `stop(reason)` for not being installed. */
  readonly init: (arg: A, ctx: HandlerCtx) => Maybe<S | Ok<S> | Stop<never>>
  readonly event: (state: S, event: E, ctx: EventCtx<E>) => Maybe<EventResult<S>>
  /** Requests to this handler alone. Without it they are refused with `ERR_CALL_UNKNOWN`. */
  readonly call?: (state: S, request: Q, ctx: EventCtx<E>) => Maybe<EventCallResult<R, S>>
  /** Messages that are no events: EXIT, DOWN, timers, plain ones. */
  readonly info?: (state: S, info: Info, ctx: EventCtx<E>) => Maybe<EventResult<S>>
  /**
   * Runs when the handler goes. `reason` is `'stop'` (the manager stops), `{ stop: reason }` (its owner
   * ended), `'remove_handler'`, `{ error: reason }` (it failed), or the argument of a delete or swap. What
   * it returns is the result of `deleteHandler`, and what the handler that replaces it gets.
   */
  readonly terminate?: (reason: unknown, state: S) => unknown
}

/** A kind of handler that can be added to managers of events `E`, or of fewer. */
export interface EventHandler<E, A = void, Q = never, R = unknown> {
  readonly name: string
  readonly '~types'?: (event: E, arg: A, request: Q) => R
}

/** An implementation with its types forgotten, as the manager runs it. */
export type AnyHandlerImpl = EventHandlerImpl<unknown, unknown, unknown, unknown, unknown>

class DefinedHandler {
  readonly name: string
  readonly impl: AnyHandlerImpl
  constructor(impl: AnyHandlerImpl) {
    this.name = impl.name
    this.impl = impl
  }
}

/**
 * Defines a kind of event handler. The type of its events is that of `event`'s second parameter.
 *
 * @example
 * const Total = defineEventHandler({
 *   name: 'total',
 *   init: (start: number) => start,
 *   event: (total, amount: number) => ok(total + amount),
 *   call: (total, _request: 'get') => reply(total, total),
 * })
 * const manager = await GenEvent.start<number>()
 * await GenEvent.addHandler(manager, Total, 100)
 * manager.cast.notify(20)
 * assert.equal(await GenEvent.call(manager, Total, 'get'), 120)
 * await GenEvent.stop(manager)
 */
export function defineEventHandler<E, S, A = void, Q = never, R = never>(
  definition: EventHandlerImpl<E, S, A, Q, R>,
): EventHandler<E, A, Q, R> {
  const { name, init, event } = definition
  if (typeof name !== 'string' || name === '') {
    throw new ArgumentError('name', 'a string that is not empty', name)
  }
  if (typeof init !== 'function') throw new HandlerMissingError(name, 'init')
  if (typeof event !== 'function') throw new HandlerMissingError(name, 'event')
  return new DefinedHandler(definition as unknown as AnyHandlerImpl)
}

/** The callbacks of a handler; throws for what is none, such as one that came from another node. */
export function implOf(handler: unknown): AnyHandlerImpl {
  if (handler instanceof DefinedHandler) return handler.impl
  throw new ArgumentError('handler', 'what defineEventHandler gives, of this program', handler)
}

/** The handler that takes another one's place. */
export interface SwapSource<E, A> {
  readonly handler: EventHandler<E, SwapArg<A>>
  readonly arg: A
  readonly id?: string | undefined
}

/**
 * From a callback: hand over to another handler, which takes this one's place. It does not get the
 * event that is being handled. Its `init` gets `[arg, result of this handler's terminate]`.
 *
 * @example
 * const Loud = defineEventHandler({
 *   name: 'loud',
 *   init: ([, count]: SwapArg<void>) => count as number,
 *   event: (count, _event: string) => ok(count + 1),
 *   call: (count, _request: 'count') => reply(count, count),
 * })
 * const Quiet = defineEventHandler({
 *   name: 'quiet',
 *   init: () => 0,
 *   event: (count, event: string) =>
 *     event === 'louder' ? swapHandler(count, { handler: Loud, arg: undefined }) : ok(count + 1),
 *   terminate: (_reason, count) => count,
 * })
 * const manager = await GenEvent.start<string>()
 * await GenEvent.addHandler(manager, Quiet)
 * for (const event of ['one', 'louder', 'two']) manager.cast.notify(event)
 * assert.equal(await GenEvent.call(manager, Loud, 'count'), 2)
 * await GenEvent.stop(manager)
 */
export function swapHandler<S, E, A, R = never>(
  state: S,
  to: SwapSource<E, A>,
  options: { readonly arg?: unknown; readonly reply?: R } = {},
): SwapHandler<S, R> {
  const boxed = 'reply' in options ? { value: options.reply as R } : undefined
  return new SwapHandler<S, R>(state, options.arg, to as unknown as AnyHandlerSource, boxed)
}

/**
 * From a callback: remove this handler. Its `terminate` gets `'remove_handler'`.
 *
 * @example
 * const Once = defineEventHandler({
 *   name: 'once',
 *   init: () => 0,
 *   event: (_state, _event: string) => removeHandler(),
 * })
 * const manager = await GenEvent.start<string>()
 * await GenEvent.addHandler(manager, Once)
 * await GenEvent.syncNotify(manager, 'hello')
 * assert.deepEqual(await GenEvent.whichHandlers(manager), [])
 * await GenEvent.stop(manager)
 */
export function removeHandler<R = never>(options: { readonly reply?: R } = {}): RemoveHandler<R> {
  return new RemoveHandler<R>('reply' in options ? { value: options.reply as R } : undefined)
}

/** What the owner of a supervised handler gets when the handler goes (`gen_event_EXIT`). */
export interface EventHandlerExit {
  readonly type: 'gen_event_exit'
  readonly manager: Pid
  readonly handler: EventHandlerKey
  /**
   * `'normal'`: deleted, or it removed itself. `'shutdown'`: the manager stops. `{ swapped, owner }`: replaced
   * by that one, which has that owner. Anything else: it failed with that reason.
   */
  readonly reason: ExitReason
}
