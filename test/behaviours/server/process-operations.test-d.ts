/** What the compiler must and must not accept of `ctx.call` and `ctx.cast`. Checked by tsc; nothing here runs. */
import type { Pid, ProcessContext } from '../../../runtime/index.ts'
import type { Ctx, ProcessOperations, Ref, SupervisorRef } from '../../../behaviours/index.ts'

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function assert<T extends true>(): void
function assert(): void {}

interface CounterApi {
  call: { get(): number; add(by: number): bigint; find(key?: string): string[] }
  cast: { reset(): void; put(by: number): void }
}

declare const pid: Pid
declare const counter: Ref<CounterApi>
declare const readOnly: Ref<{ call: Pick<CounterApi['call'], 'get'> }>
declare const supervisor: SupervisorRef
declare const ctx: Ctx<never, CounterApi>
declare const plain: ProcessContext
declare const operations: ProcessOperations

export async function typed(): Promise<void> {
  const got = await ctx.call(counter, 'get')
  assert<Equal<typeof got, number>>()
  const added = await plain.call(counter, 'add', 5, { timeoutMs: 10 })
  assert<Equal<typeof added, bigint>>()
  const found = await operations.call(counter, 'find')
  assert<Equal<typeof found, string[]>>()
  const self = await ctx.call(ctx.self, 'get')
  assert<Equal<typeof self, number>>()
  const only = await ctx.call(readOnly, 'get')
  assert<Equal<typeof only, number>>()
  const untyped = await ctx.call(pid, 'get')
  assert<Equal<typeof untyped, unknown>>()
  await ctx.call('name', undefined, { type: 'x' })
  void ctx.call(supervisor, 'whichChildren')
  const cast = plain.cast(counter, 'put', 1)
  assert<Equal<typeof cast, boolean>>()
  ctx.cast(counter, 'reset')

  // @ts-expect-error no such call
  void ctx.call(counter, 'sub')
  // @ts-expect-error a cast is not a call
  void ctx.call(counter, 'reset')
  // @ts-expect-error the input is missing
  void ctx.call(counter, 'add')
  // @ts-expect-error the wrong input
  void plain.call(counter, 'add', 'five')
  // @ts-expect-error not among those that were handed on
  void operations.call(readOnly, 'add', 5)
  // @ts-expect-error no such cast
  ctx.cast(counter, 'get')
  // @ts-expect-error the wrong input
  plain.cast(counter, 'put', 'one')
  // @ts-expect-error neither a target nor a ref
  void ctx.call(5, 'get')
}
