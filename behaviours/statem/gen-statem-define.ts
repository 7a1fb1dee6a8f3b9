/**
 * State machines whose protocol is read off their handlers, as `defineServer` does for servers: a call or
 * cast exists if a state handles it. An exported one carries a `Server<Api, Arg>` annotation, or better a
 * contract.
 *
 * The reply type of a call is what its handlers give to `answer(...)`, in all states together; where they
 * reply later it is the `R` of their `ctx: StatemCtx<R>`. An input has the type that the handlers write
 * down; one without a type is refused at the call site, never `any`.
 */
import type { ExitReason } from '../../runtime/index.ts'
import { contract, type Contract } from '../server/contract.ts'
import type { Maybe, Server } from '../server/gen-server.ts'
import {
  implementStatem,
  type EnterResult,
  type StatemInit,
  type StatemResult,
} from './gen-statem.ts'
import type { StatemCtx } from './gen-statem-events.ts'
import type { StatemLimits } from './gen-statem-options.ts'
import type {
  AnswerAction,
  KeepState,
  NextState,
  RepeatState,
  StopAndReply,
} from './gen-statem-results.ts'
import type { Ctx, Info } from '../server/server-context.ts'

/** The protocol of a machine as its own handlers see it, before it is known. */
export interface AnyApi {
  readonly call: Readonly<Record<string, (input?: unknown) => unknown>>
  readonly cast: Readonly<Record<string, (input?: unknown) => void>>
}

/** A call handler of a defined machine. */
export type DefinedStateCall<S, D> = (
  data: D,
  input: never,
  ctx: StatemCtx<never, never, S>,
) => Maybe<StatemResult<S, D, unknown, AnyApi>>

/** A cast handler of a defined machine. */
export type DefinedStateCast<S, D> = (
  data: D,
  input: never,
  ctx: StatemCtx<never, never, S>,
) => Maybe<StatemResult<S, D, never, AnyApi>>

/** A handler of what the machine gave to a timeout or event; it may know the type. */
export type DefinedPayloadHandler<S, D> = {
  handle(
    data: D,
    payload: unknown,
    ctx: StatemCtx<never, never, S>,
  ): Maybe<StatemResult<S, D, never, AnyApi>>
}['handle']

/** The functions of one state of a defined machine; see `StateFunctions`. */
export interface DefinedState<S, D> {
  enter?: (data: D, previous: S, ctx: StatemCtx<never, never, S>) => Maybe<EnterResult<D>>
  call?: { [name: string]: DefinedStateCall<S, D> }
  cast?: { [name: string]: DefinedStateCast<S, D> }
  info?: (
    data: D,
    info: Info,
    ctx: StatemCtx<never, never, S>,
  ) => Maybe<StatemResult<S, D, never, AnyApi>>
  stateTimeout?: DefinedPayloadHandler<S, D>
  eventTimeout?: DefinedPayloadHandler<S, D>
  genericTimeout?: { [name: string]: DefinedPayloadHandler<S, D> }
  internal?: { [name: string]: DefinedPayloadHandler<S, D> }
}

/** The handlers called `N` of one kind, in all states `T`. */
type HandlersOf<T, Kind extends 'call' | 'cast', N> = T extends {
  readonly [K in Kind]: infer H
}
  ? N extends keyof H
    ? H[N]
    : never
  : never
type NamesOf<T, Kind extends 'call' | 'cast'> = T extends { readonly [K in Kind]: infer H }
  ? keyof H
  : never

/** Every handler's input, as a function of it, so that several states agree on their intersection. */
type Takes<F> = F extends (...a: infer A) => unknown
  ? A extends readonly [unknown, infer I, ...unknown[]]
    ? [I] extends [never]
      ? never
      : (input: I) => void
    : never
  : never
type InputsIn<F> = [Takes<F>] extends [never]
  ? []
  : Takes<F> extends (input: infer I) => void
    ? [I] extends [undefined]
      ? []
      : [input: I]
    : never
type AnswerIn<A> = A extends AnswerAction<infer R> ? R : never
type RepliesIn<X> =
  X extends NextState<unknown, unknown, infer A>
    ? AnswerIn<A>
    : X extends KeepState<unknown, infer A>
      ? AnswerIn<A>
      : X extends RepeatState<unknown, infer A>
        ? AnswerIn<A>
        : X extends StopAndReply<unknown, infer R>
          ? R
          : never
type Answered<F> = F extends (...a: never) => infer X ? RepliesIn<Awaited<X>> : never
type AnsweredLater<F> = F extends (...a: infer A) => unknown
  ? A extends readonly [unknown, unknown, StatemCtx<infer R, never, unknown>]
    ? R
    : never
  : never
type AnswerOf<F> = [Answered<F>] extends [never] ? AnsweredLater<F> : Answered<F>

/** The protocol of a machine defined by the functions `T` of its states. */
export interface InferredStatem<T> {
  readonly call: {
    readonly [N in NamesOf<T, 'call'>]: (
      ...a: InputsIn<HandlersOf<T, 'call', N>>
    ) => AnswerOf<HandlersOf<T, 'call', N>>
  }
  readonly cast: {
    readonly [N in NamesOf<T, 'cast'>]: (...a: InputsIn<HandlersOf<T, 'cast', N>>) => void
  }
}

/**
 * Defines a state machine without declaring its protocol first.
 *
 * @example
 * const Turnstile = defineStatem({
 *   name: 'turnstile/1',
 *   init: (price: number) => initialState('locked', { price, paid: 0 }),
 *   states: {
 *     locked: {
 *       cast: {
 *         coin: (data, value: number) => {
 *           const paid = data.paid + value
 *           return paid < data.price
 *             ? keepState({ ...data, paid })
 *             : nextState('unlocked', { ...data, paid: 0 })
 *         },
 *       },
 *       call: { push: () => keepStateAndData(answer('pay first')) },
 *     },
 *     unlocked: {
 *       call: { push: (data) => nextState('locked', data, answer('welcome')) },
 *     },
 *   },
 *   any: { cast: { coin: () => keepStateAndData() } },
 * })
 * const turnstile = await Turnstile.start(2)
 * turnstile.cast.coin(1)
 * assert.equal(await turnstile.call.push(), 'pay first')
 * turnstile.cast.coin(1)
 * assert.equal(await turnstile.call.push(), 'welcome')
 * await GenServer.stop(turnstile)
 */
export function defineStatem<
  D,
  N extends string,
  T extends { readonly [K in N]: object },
  Y extends object = {},
  A = void,
>(
  definition: {
    /** For logs; give it a version if refs travel: `'lock/1'`. */
    name?: string
    init: (arg: A, ctx: Ctx<never>) => Maybe<StatemInit<NoInfer<N>, D, AnyApi>>
    states: { readonly [K in N]: DefinedState<NoInfer<N>, NoInfer<D>> } & T
    /** For what a state does not handle itself. */
    any?: DefinedState<NoInfer<N>, NoInfer<D>> & Y
    terminate?: (reason: ExitReason, state: NoInfer<N>, data: NoInfer<D>) => Maybe<void>
  },
  limits?: StatemLimits,
): Server<InferredStatem<T[N] | Y>, A> {
  const { name = 'statem/0', states, any } = definition
  // What they are is checked by `implementStatem`.
  const all = [...Object.values(states ?? {}), any] as readonly (Loose | undefined)[]
  const declared: Contract<unknown> = contract<unknown>(name, {
    call: namesOf(all.map((state) => state?.call)),
    cast: namesOf(all.map((state) => state?.cast)),
  })
  const made = implementStatem<unknown, unknown, string, unknown>(
    declared,
    definition as unknown as never,
    limits,
  )
  return made as unknown as Server<InferredStatem<T[N] | Y>, A>
}

interface Loose {
  readonly call?: object
  readonly cast?: object
}

function namesOf(tables: readonly (object | undefined)[]): Readonly<Record<string, true>> {
  const names = tables.flatMap((table) => Object.keys(table ?? {}))
  return Object.fromEntries(names.map((name) => [name, true as const]))
}
