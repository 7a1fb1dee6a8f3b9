/**
 * Types of functions, supervisors and entities over nodes, compiled by `tsc`: what must be accepted, what must be
 * refused, and that nothing of it is `any`.
 */
import type { Ref } from '../../behaviours/index.ts'
import {
  DistributedSupervisor,
  Erpc,
  ErpcRequests,
  Sharding,
  type DistributedChildInfo,
  type DistributedSupervisorRef,
  type ErpcNodeResult,
  type ErpcResponse,
  type ErpcResponseTimeout,
  type NodeSelector,
} from '../../dist/index.ts'
import { CounterContract } from './support/world.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

export async function erpc(): Promise<void> {
  const untyped = Erpc.call('a@h:1', 'add', [1, 2])
  assert<Eq<typeof untyped, Promise<unknown>>>()
  const typed = Erpc.call<number>('a@h:1', 'add', [1, 2], { timeoutMs: 10 })
  assert<Eq<typeof typed, Promise<number>>>()
  const all = await Erpc.multicall<number>(['a@h:1'], 'add', [1])
  assert<Eq<typeof all, readonly ErpcNodeResult<number>[]>>()
  const request = Erpc.sendRequest<string>('a@h:1', 'name', [])
  const response = await request.waitResponse({ timeoutMs: 5 })
  assert<Eq<typeof response, ErpcResponse<string> | ErpcResponseTimeout>>()
  for await (const each of new ErpcRequests<7, string>().add(request, 7)) {
    assert<Eq<typeof each.label, 7>>()
  }
  Erpc.register('add', (x: number, y: number) => x + y, { concurrency: 2 })
  // @ts-expect-error arguments are a list
  void Erpc.call('a@h:1', 'add', 1)
  // @ts-expect-error timeouts name their unit
  void Erpc.call('a@h:1', 'add', [], { timeout: 5 })
}

export async function supervisors(): Promise<void> {
  const child = { id: 'x', behavior: CounterContract, arg: 1 }
  const sup = await DistributedSupervisor.start({ name: 'jobs', children: [child] })
  assert<Eq<typeof sup, DistributedSupervisorRef>>()
  const info = await DistributedSupervisor.startChild(sup, { ...child, id: 'y' })
  assert<Eq<typeof info, DistributedChildInfo>>()
  assert<Eq<typeof info.ref, Ref<unknown> | undefined>>()
  const children = await sup.call.getChildren()
  assert<Eq<typeof children, readonly DistributedChildInfo[]>>()
  const selectors: NodeSelector[] = ['rendezvous', { node: 'a@h:1' }, (nodes) => nodes[0]?.id]
  void selectors
  DistributedSupervisor.onLifecycleEvent((event) => {
    if (event.type === 'child_migrated') assert<Eq<typeof event.fromNodeId, string>>()
  })
  // @ts-expect-error a child has an id
  void DistributedSupervisor.start({ children: [{ behavior: 'x' }] })
  // @ts-expect-error there is no such selector
  void DistributedSupervisor.start({ nodeSelector: 'fastest' })
}

export async function entities(): Promise<void> {
  const counters = await Sharding.start({ entity: CounterContract, passivateAfterMs: 1_000 })
  const counter = counters.entityRef('c-1')
  const added = counter.call('add', 5, { timeoutMs: 10 })
  assert<Eq<typeof added, Promise<number>>>()
  const cast = counter.cast('reset')
  assert<Eq<typeof cast, boolean>>()
  const other = Sharding.entityRef(CounterContract, 'c-2').call('get')
  assertNot<IsAny<Awaited<typeof other>>>()
  assert<Eq<typeof other, Promise<number>>>()
  const bare = Sharding.entityRef('carts', 'c-3').call('anything', { any: 'input' })
  assert<Eq<typeof bare, Promise<unknown>>>()
  // @ts-expect-error the input is a number
  void counter.call('add', 'x')
  // @ts-expect-error there is no such call
  void counter.call('nope')
  // @ts-expect-error it is a call, not a cast
  counter.cast('get')
}
