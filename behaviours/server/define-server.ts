/**
 * Servers whose protocol is read off their handlers: less to write, for servers that are used where
 * they are defined. An exported one carries a `Server<Api, Arg>` annotation, or better a contract.
 *
 * The reply type of a call is what its handler gives to `reply(...)`; of a handler that replies later
 * it is the `R` of its `ctx: Ctx<R>`. An input without a type is refused at the call site, never `any`.
 */
import { contract, type Contract } from './contract.ts'
import { implement, type Common, type InitResult, type Maybe, type Server } from './gen-server.ts'
import type { NoReply, Reply, Stop } from './results.ts'
import type { Ctx } from './server-context.ts'

/** A call handler of a defined server. */
export type DefinedCall<S> = (
  state: S,
  input: never,
  ctx: Ctx<never, never>,
) => Maybe<Reply<unknown, S> | NoReply<S> | Stop<S, unknown>>

/** A cast handler of a defined server. */
export type DefinedCast<S> = (
  state: S,
  input: never,
  ctx: Ctx<never, never>,
) => Maybe<NoReply<S> | Stop<S>>

type HandlerInput<F> = F extends (...a: infer A) => unknown
  ? A extends readonly [unknown, infer I, ...unknown[]]
    ? [I] extends [never]
      ? []
      : [input: I]
    : []
  : never
type RepliedLater<F> = F extends (...a: infer A) => unknown
  ? A extends readonly [unknown, unknown, Ctx<infer R, never>]
    ? R
    : never
  : never
type ReplyIn<X> =
  X extends Reply<infer R, unknown> ? R : X extends Stop<unknown, infer R> ? R : never
type Replied<F> = F extends (...a: never) => infer X ? ReplyIn<Awaited<X>> : never

/** The protocol of a server defined by its handlers. */
export interface Inferred<C, K> {
  readonly call: {
    readonly [N in keyof C]: (
      ...a: HandlerInput<C[N]>
    ) => [Replied<C[N]>] extends [never] ? RepliedLater<C[N]> : Replied<C[N]>
  }
  readonly cast: { readonly [N in keyof K]: (...a: HandlerInput<K[N]>) => void }
}

/**
 * Defines a server without declaring its protocol first.
 *
 * @example
 * const Counter = defineServer({
 *   init: (start: number) => start,
 *   call: { add: (n, by: number) => reply(n + by, n + by) },
 *   cast: { reset: () => noreply(0) },
 * })
 * const counter = await Counter.start(10)
 * assert.equal(await counter.call.add(5), 15)
 * counter.cast.reset()
 * await GenServer.stop(counter)
 */
export function defineServer<
  S,
  C extends Record<string, DefinedCall<S>>,
  K extends Record<string, DefinedCast<S>>,
  A = void,
>(
  definition: {
    /** For logs; give it a version if refs travel: `'counter/1'`. */
    name?: string
    init: (arg: A, ctx: Ctx<never>) => Maybe<InitResult<S>>
    call: C
    cast: K
  } & Common<S, unknown>,
): Server<Inferred<C, K>, A> {
  const { name = 'server/0', call, cast } = definition
  const declared: Contract<unknown> = contract<unknown>(name, {
    call: namesOf(call),
    cast: namesOf(cast),
  })
  const made = implement<unknown, unknown, unknown>(declared, definition as unknown as never)
  return made as unknown as Server<Inferred<C, K>, A>
}

function namesOf(handlers: object): Readonly<Record<string, true>> {
  if (typeof handlers !== 'object' || handlers === null) return handlers // the contract says what is wrong
  return Object.fromEntries(Object.keys(handlers).map((name) => [name, true as const]))
}
