/**
 * Types of supervisors, compiled by `tsc`: what start functions give comes back typed, what is not a
 * specification is refused, and nothing of it is `any`.
 */
import {
  defineServer,
  DynamicSupervisor,
  PartitionSupervisor,
  reply,
  Supervisor,
  type ChildInfo,
  type ChildSpec,
  type ChildStarted,
  type DynamicSupervisorRef,
  type Ref,
  type SupervisorRef,
} from '../../../behaviours/index.ts'
import type { Pid, System, Via } from '../../../runtime/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

const Counter = defineServer({
  init: (start: number) => start,
  call: { add: (n, by: number) => reply(n + by, n + by) },
  cast: {},
})
type CounterRef = Awaited<ReturnType<typeof Counter.start>>

declare const sup: SupervisorRef
declare const rooms: DynamicSupervisorRef
declare const system: System

export async function accepted(): Promise<void> {
  const counter = await Supervisor.startChild(sup, Counter.child(1, { id: 'c' }))
  assert<Eq<typeof counter, CounterRef>>()
  assertNot<IsAny<typeof counter>>()
  const room = await DynamicSupervisor.startChild(rooms, Counter.child(1))
  assert<Eq<typeof room, CounterRef>>()
  const one = await Supervisor.startChild(sup, ['x', 1])
  assert<Eq<typeof one, ChildStarted>>()
  const custom = await DynamicSupervisor.startChild(rooms, {
    args: [1],
    start: async ({ system: place, parent, signal }, n: number) => {
      assert<Eq<typeof parent, Pid>>()
      assert<Eq<typeof place, System>>()
      assert<Eq<typeof signal, AbortSignal | undefined>>()
      return { ...(await Counter.start(n, { parent, link: true })), port: 80 }
    },
  })
  assert<Eq<(typeof custom)['port'], number>>()
  const infos = await Supervisor.whichChildren(sup)
  assert<Eq<typeof infos, readonly ChildInfo[]>>()
  await Supervisor.terminateChild(sup, 'c')
  await Supervisor.terminateChild(sup, counter.pid)
  await DynamicSupervisor.terminateChild(rooms, room)
  const via = PartitionSupervisor.via('counters', ['any', { key: 1 }], { system })
  assert<Eq<typeof via, Via>>()
  await PartitionSupervisor.start({ child: (n) => Counter.child(n, { id: `p${n}` }) })
}

export const tree: readonly ChildSpec[] = [
  Supervisor.child({ strategy: 'simple_one_for_one', children: [Counter.child(0)] }, { id: 'a' }),
  DynamicSupervisor.child({ childrenMax: 5 }, { id: 'b', restart: 'transient' }),
  PartitionSupervisor.child({ child: Counter.child(0), partitions: () => 2 }, { id: 'c' }),
]

export async function refused(): Promise<void> {
  // @ts-expect-error no such strategy
  await Supervisor.start({ strategy: 'one_for_some' })
  // @ts-expect-error a child has an id
  await Supervisor.startChild(sup, { start: () => Counter.start(1) })
  // @ts-expect-error a start function gives something with a pid
  await Supervisor.startChild(sup, { id: 'a', start: async () => 5 })
  // @ts-expect-error noex's name
  await Supervisor.start({ maxRestarts: 3 })
  // @ts-expect-error init is synchronous
  await Supervisor.start({ init: async () => ({}) })
  // @ts-expect-error children of a dynamic supervisor have no ids to be stopped by
  await DynamicSupervisor.terminateChild(rooms, 'a')
  // @ts-expect-error one strategy
  await DynamicSupervisor.start({ strategy: 'one_for_all' })
  // @ts-expect-error it needs a child
  await PartitionSupervisor.start({ partitions: 2 })
  const counter = await Supervisor.startChild(sup, Counter.child(1))
  // @ts-expect-error another protocol
  const other: Ref<{ call: { ping(): string } }> = counter
  // @ts-expect-error its calls are not those of a Supervisor
  const wrong: SupervisorRef = rooms
  void [other, wrong]
}
