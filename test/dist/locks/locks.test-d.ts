/** Types of locks, leases and singletons. */
import type { FoveaNode, Lease, Singleton } from '../../../dist/index.ts'
import { Global, Leases, Singletons } from '../../../dist/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
declare function assert<T extends true>(): T
declare const node: FoveaNode

export async function locks(): Promise<void> {
  const total = await node.global.trans('report', () => 42)
  assert<Eq<typeof total, number | 'aborted'>>()
  const later = await Global.trans({ resource: 'report', requester: 'me' }, async () => 'text')
  assert<Eq<typeof later, string>>()
  const isSet = await node.global.setLock({ resource: 'r' }, { nodes: [node.id, node.key] })
  assert<Eq<typeof isSet, boolean>>()
  // @ts-expect-error a lock has a resource
  void node.global.setLock({ requester: 'me' })
  // @ts-expect-error no such option
  void node.global.setLock({ resource: 'r' }, { tries: 1 })
}

export async function leases(): Promise<void> {
  const lease = await Leases.acquire('billing', { timeoutMs: 0 })
  assert<Eq<typeof lease, Lease>>()
  assert<Eq<typeof lease.token, number>>()
  // @ts-expect-error a token is given, not taken
  lease.token = 7
  // @ts-expect-error no such option
  void node.leases.acquire('billing', { retries: 1 })
}

export function singletons(): void {
  const started = Singletons.start({
    name: 'billing',
    start: ({ system, token }) => {
      assert<Eq<typeof token, number>>()
      return { pid: system.spawn(() => {}) }
    },
  })
  assert<Eq<typeof started, Singleton>>()
  // @ts-expect-error it has to start something
  node.singletons.start({ name: 'billing' })
}
