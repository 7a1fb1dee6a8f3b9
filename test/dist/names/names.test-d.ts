/** Types of global names and groups, compiled by `tsc`: refs are typed by the contract that is named, and never `any`. */
import type { Ref } from '../../../behaviours/index.ts'
import { GlobalRegistry, Groups, type GlobalEntry, type Registered } from '../../../dist/index.ts'
import type { Pid } from '../../../runtime/index.ts'
import { CounterContract, type CounterApi } from '../support/world.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

declare const ref: Ref<CounterApi>
declare const pid: Pid

export async function names(): Promise<void> {
  const found = GlobalRegistry.lookup('n', CounterContract)
  assert<Eq<typeof found, Ref<CounterApi>>>()
  const maybe = GlobalRegistry.whereis('n', CounterContract)
  assert<Eq<typeof maybe, Ref<CounterApi> | undefined>>()
  const bare = GlobalRegistry.whereis('n')
  assertNot<IsAny<typeof bare>>()
  assert<Eq<typeof bare, Ref<unknown> | undefined>>()
  const registered = await GlobalRegistry.register('n', ref, { mode: 'strict' })
  assert<Eq<typeof registered, Registered>>()
  await GlobalRegistry.register('n', pid, { resolver: (_name, own: GlobalEntry) => own })
  // @ts-expect-error no such mode
  await GlobalRegistry.register('n', pid, { mode: 'sometimes' })
  // @ts-expect-error a name is no process
  await GlobalRegistry.register('n', 'process')
  // @ts-expect-error no such event
  GlobalRegistry.on('gone', () => {})
  GlobalRegistry.on('synced', (nodeId) => assert<Eq<typeof nodeId, string>>())
}

export function groups(): void {
  const members = Groups.members('g', CounterContract)
  assert<Eq<typeof members, Ref<CounterApi>[]>>()
  Groups.join('g', [pid, ref])
  // @ts-expect-error no such way
  Groups.dispatch('g', 1, { to: 'some' })
  Groups.monitor(({ type }) => assert<Eq<typeof type, 'join' | 'leave'>>())
}
