/** Types of contract clients and services, compiled by `tsc`. */
import type { Contract, Ref } from '../../../../behaviours/index.ts'
import type { ContractClient, ContractService } from '../../../../mesh/rpc/client/contract.ts'
import type { Rpc } from '../../../../mesh/rpc/rpc.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

interface CounterApi {
  call: { get(): number; add(by: number): Promise<number>; find(text?: string): string | undefined }
  cast: { reset(): void; set(to: number): void }
}
interface AskApi {
  call: { ask(what: string): boolean }
}

declare const rpc: Rpc
declare const CounterContract: Contract<CounterApi>
declare const AskContract: Contract<AskApi>
declare const counter: Ref<CounterApi>
declare const other: Ref<AskApi>
declare const signal: AbortSignal

export async function clients(): Promise<void> {
  const client = rpc.client(CounterContract, { strategy: 'closest' })
  assert<Eq<typeof client, ContractClient<CounterApi>>>()
  const sum = await client.call.add(5, { timeoutMs: 100, signal, idempotent: true })
  assert<Eq<typeof sum, number>>()
  assertNot<IsAny<typeof sum>>()
  const n = await client.call.get()
  assert<Eq<typeof n, number>>()
  await client.call.get(undefined, { timeoutMs: 5 })
  const found = await client.call.find()
  assert<Eq<typeof found, string | undefined>>()
  await client.call.find('a', {})
  const told = client.cast.set(1, { priority: 'low' })
  assert<Eq<typeof told, boolean>>()
  client.cast.reset()
  // @ts-expect-error its input is a number
  await client.call.add('5')
  // @ts-expect-error it has an input
  await client.call.add()
  // @ts-expect-error there is no such call
  await client.call.remove()
  // @ts-expect-error a cast is no call
  await client.call.reset()
  // @ts-expect-error casts have no signal
  client.cast.reset(undefined, { signal })
  // @ts-expect-error progress belongs to one call
  rpc.client(CounterContract, { onProgress: () => {} })
}

export async function services(): Promise<void> {
  const service = await rpc.serve(CounterContract, counter, { concurrency: 1 })
  assert<Eq<typeof service, ContractService>>()
  await rpc.serve(CounterContract, {
    call: {
      get: () => 1,
      add: (by, { signal: given }) => {
        assert<Eq<typeof by, number>>()
        assert<Eq<typeof given, AbortSignal>>()
        return by
      },
      find: (text) => {
        assert<Eq<typeof text, string | undefined>>()
        return text
      },
    },
    cast: { reset: () => {}, set: () => {} },
  })
  await rpc.serve(AskContract, { call: { ask: (what) => what === '' } })
  // @ts-expect-error a ref of another contract
  await rpc.serve(CounterContract, other)
  // @ts-expect-error a method is missing
  await rpc.serve(CounterContract, { call: { get: () => 1 }, cast: { reset: () => {} } })
  // @ts-expect-error a result of the wrong type
  await rpc.serve(AskContract, { call: { ask: () => 1 } })
}

export async function streams(): Promise<void> {
  const stream = rpc.stream<number, string, boolean>('a.b', 1, { mode: 'bidi', timeoutMs: 5 })
  for await (const item of stream) assert<Eq<typeof item, number>>()
  const result = await stream.result
  assert<Eq<typeof result, string>>()
  await stream.write(true)
  // @ts-expect-error it sends booleans
  await stream.write(1)
  const plain = rpc.stream('a.b')
  const { value } = await plain.next()
  assert<Eq<typeof value, unknown>>()
  assertNot<IsAny<typeof value>>()
  await rpc.advertiseStream('a.b', async function* (to: number) {
    yield to
    return 'done'
  })
  await rpc.advertiseStream<void, never, number, string>('a.b', async (_input, items) => {
    let characters = 0
    for await (const item of items) characters += item.length
    return characters
  })
  // @ts-expect-error no such mode
  rpc.stream('a.b', 1, { mode: 'both' })
}
