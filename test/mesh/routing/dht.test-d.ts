/** Types of `mesh.dht`, compiled by `tsc`: what must be accepted, what must be refused, nothing is `any`. */
import type {
  Dht,
  DhtContact,
  DhtError,
  DhtHop,
  DhtLookupResult,
  DhtNodeAddress,
  DhtProvider,
  DhtStanding,
  DhtStoreRefusal,
  DhtValue,
  Mesh,
} from '../../../mesh/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

declare const mesh: Mesh
declare const bytes: Uint8Array
declare const signal: AbortSignal

export async function calls(): Promise<void> {
  const { dht } = mesh
  assert<Eq<typeof dht, Dht>>()
  assertNot<IsAny<typeof dht>>()
  const { key, sequence } = await dht.put(bytes, { quorum: 2, signal })
  assertNot<IsAny<typeof key>>()
  assert<Eq<typeof sequence, number>>()
  await dht.put({ name: 'n', value: bytes, expectedSequence: sequence })
  const value = await dht.get(key, { disjointPaths: 8 })
  assert<Eq<typeof value, DhtValue>>()
  await dht.get(mesh.key)
  await dht.get('text')
  await dht.get(bytes)
  const node = await dht.findNode('a@10.0.0.1:4433', { timeoutMs: 5 })
  assert<Eq<typeof node, DhtNodeAddress | undefined>>()
  for await (const provider of dht.findProviders(key)) assert<Eq<typeof provider, DhtProvider>>()
  const lookup = dht.lookup(key)
  for await (const hop of lookup) assert<Eq<typeof hop, DhtHop>>()
  assert<Eq<typeof lookup.result, Promise<DhtLookupResult>>>()
  const withdrawn = await dht.withdraw(key)
  assert<Eq<typeof withdrawn, boolean>>()
  dht.nameKey('n', mesh.key)
  dht.nameKey('n', mesh.key.hex)
  const decoded = dht.decode(bytes)
  assert<Eq<typeof decoded, unknown>>()
}

export function failures(error: DhtError): void {
  assert<Eq<typeof error.holders, readonly DhtContact[]>>()
  assert<Eq<typeof error.refusals, readonly DhtStoreRefusal[]>>()
  assert<Eq<typeof error.standing, DhtStanding | undefined>>()
}

export async function refusals(): Promise<void> {
  const { dht } = mesh
  // @ts-expect-error a value is bytes; `encode` makes some of others
  await dht.put('text')
  // @ts-expect-error a named value has a name
  await dht.put({ value: bytes })
  // @ts-expect-error a key is no number
  await dht.get(7)
  // @ts-expect-error a get keeps nothing alive
  await dht.get('text', { ttlMs: 5 })
  // @ts-expect-error a publisher is no number
  dht.nameKey('n', 7)
  // @ts-expect-error a named value has no such field
  await dht.put({ name: 'n', value: bytes, seqence: 5 })
  // @ts-expect-error milliseconds are called so
  await dht.get('text', { timeout: 5 })
  // @ts-expect-error the value may be anything
  dht.decode(bytes).toString()
}
