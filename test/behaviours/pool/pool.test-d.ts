/**
 * Types of pools, compiled by `tsc`.
 */
import {
  defineServer,
  Pool,
  reply,
  type PoolLease,
  type PoolRef,
  type Ref,
  type RefOf,
} from '../../../behaviours/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

const Worker = defineServer({
  init: (base: number) => base,
  call: { add: (base, by: number) => reply(base + by, base) },
  cast: {},
})
type WorkerRef = RefOf<typeof Worker>

export async function use(): Promise<void> {
  const pool = await Pool.start({ worker: Worker.child(1), size: 2 })
  assert<Eq<typeof pool, PoolRef<WorkerRef>>>()
  const indexed = await Pool.start({ worker: (index) => Worker.child(index) })
  assert<Eq<typeof indexed, PoolRef<WorkerRef>>>()
  const lease = await Pool.checkout(pool, { timeoutMs: 5 })
  assert<Eq<typeof lease, PoolLease<WorkerRef>>>()
  assertNot<IsAny<typeof lease.worker>>()
  const sum = await lease.worker.call.add(1)
  assert<Eq<typeof sum, number>>()
  // @ts-expect-error no such call
  await lease.worker.call.sub(1)
  const text = await Pool.transaction(pool, async (worker) => String(await worker.call.add(1)))
  assert<Eq<typeof text, string>>()
  // @ts-expect-error a child specification, not a server
  await Pool.start({ worker: Worker })
  // @ts-expect-error no such strategy
  await Pool.start({ worker: Worker.child(1), strategy: 'random' })
  // @ts-expect-error an option is misspelt
  await Pool.checkout(pool, { timeout: 5 })
  const child = Pool.child({ worker: Worker.child(1) }, { id: 'pool' })
  const started = await child.start({ system: undefined as never, parent: undefined as never })
  assert<Eq<typeof started, PoolRef<WorkerRef>>>()
  const plain: Ref<unknown> = pool
  void plain
}
