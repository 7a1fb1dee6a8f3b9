/** Types of `mesh.rpc`, compiled by `tsc`: what must be accepted, what must be refused, nothing is `any`. */
import { defineServer, reply } from '../../../behaviours/index.ts'
import type { StandardSchema } from '../../../behaviours/index.ts'
import type { Advertisement, ProviderResult, Rpc } from '../../../mesh/rpc/rpc.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

declare const rpc: Rpc
declare const signal: AbortSignal
declare const schema: StandardSchema<unknown, { id: number }>

export async function calls(): Promise<void> {
  const nothing = await rpc.call('a.b')
  assert<Eq<typeof nothing, unknown>>()
  assertNot<IsAny<typeof nothing>>()
  const sum = await rpc.call<number>('a.b', 1, { strategy: 'consistent_hash', key: 'k', signal })
  assert<Eq<typeof sum, number>>()
  const all = await rpc.callMany<string>('a.b')
  assert<Eq<typeof all, readonly ProviderResult<string>[]>>()
  const isTaken = rpc.cast('a.b', 1, { priority: 'low' })
  assert<Eq<typeof isTaken, boolean>>()
  // @ts-expect-error: no such strategy
  await rpc.call('a.b', 1, { strategy: 'best' })
  // @ts-expect-error: a cast has no answer to wait for
  rpc.cast('a.b', 1, { onProgress: () => {} })
  // @ts-expect-error: all of them are asked
  await rpc.callMany('a.b', 1, { node: 'x' })
}

export async function handlers(): Promise<void> {
  const offer = await rpc.advertise('a.b', (input, { signal: given, deadlineMs, call }) => {
    assert<Eq<typeof input, unknown>>()
    assert<Eq<typeof given, AbortSignal>>()
    assert<Eq<typeof deadlineMs, number>>()
    return call('c.d', input)
  })
  assert<Eq<typeof offer, Advertisement>>()
  await rpc.advertise('a.c', (input: { id: number }) => input.id, { input: schema })
  await rpc.advertise('a.d', async (input: string) => input.length)
  // @ts-expect-error: the schema gives another input
  await rpc.advertise('a.e', (input: string) => input, { input: schema })
  const Counter = defineServer({
    name: 'counter/1',
    init: () => 0,
    call: { add: (count, by: number) => reply(count + by, count + by) },
    cast: {},
  })
  const counter = await Counter.start()
  await rpc.advertise('counter.*', counter)
  await rpc.advertise('counter.pid', counter.pid, { method: 'add' })
  // @ts-expect-error: nothing that serves
  await rpc.advertise('a.f', 'text')
}
