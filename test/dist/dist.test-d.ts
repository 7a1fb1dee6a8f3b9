/**
 * Types of remote calls and spawns, compiled by `tsc`: what must be accepted, what must be refused, and
 * that nothing of it is `any`.
 */
import type { Asks, Contract, GenServerRef, Ref } from '../../behaviours/index.ts'
import {
  BehaviorRegistry,
  NodeId,
  RemoteCall,
  RemoteMonitor,
  RemoteSpawn,
  startNode,
  type FoveaNode,
} from '../../dist/index.ts'
import type { MonitorRef, Pid } from '../../runtime/index.ts'
import { Counter, CounterContract, type CounterApi } from './support/world.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

declare const ref: Ref<CounterApi>
/** With inputs that may be left out. */
declare const search: Ref<{
  call: { find(text?: string): string; exact(text: string | undefined): string }
  cast: { forget(text?: string): void }
}>
declare const pid: Pid
declare const node: FoveaNode

export async function calls(): Promise<void> {
  const added = RemoteCall.call(ref, 'add', 5)
  assert<Eq<typeof added, Promise<number>>>()
  const got = RemoteCall.call(ref, 'get')
  assert<Eq<typeof got, Promise<number>>>()
  const self = RemoteCall.call(ref, 'self', undefined, { timeoutMs: 100 })
  assert<Eq<typeof self, Promise<Ref<CounterApi>>>>()
  const named = { name: 'hits', node: 'b@10.0.0.2:4433', contract: CounterContract }
  const viaName = RemoteCall.call(named, 'add', 1)
  assert<Eq<typeof viaName, Promise<number>>>()
  const untyped = RemoteCall.call({ name: 'hits', node: node.key }, 'add', 1)
  assert<Eq<typeof untyped, Promise<unknown>>>()
  const byPid = RemoteCall.call(pid, 'anything', { any: 'input' }, { timeoutMs: 1 })
  assert<Eq<typeof byPid, Promise<unknown>>>()
  const cast = RemoteCall.cast(ref, 'add', 1)
  assert<Eq<typeof cast, boolean>>()

  const bare = [search.call.find(), RemoteCall.call(search, 'find')] as const
  assert<Eq<typeof bare, readonly [Promise<string>, Promise<string>]>>()
  void RemoteCall.call(search, 'find', 'x', { timeoutMs: 1 })
  search.cast.forget()
  // @ts-expect-error the input may be left out, not be another
  void RemoteCall.call(search, 'find', 5)
  // @ts-expect-error the input may be undefined, not left out
  void search.call.exact()
  // @ts-expect-error the input is a number
  void RemoteCall.call(ref, 'add', 'x')
  // @ts-expect-error the input is a number
  void RemoteCall.call(named, 'add', 'x')
  // @ts-expect-error the input is missing
  void RemoteCall.call(ref, 'add')
  // @ts-expect-error not a message of this server
  void RemoteCall.call(ref, { type: 'get' })
  // @ts-expect-error there is no such call
  void RemoteCall.call(named, 'nope')
  // @ts-expect-error a cast is not a call
  void RemoteCall.call(named, 'reset')
  // @ts-expect-error a call is not a cast
  RemoteCall.cast(named, 'get', 1, 2)
  // @ts-expect-error old spelling
  void RemoteCall.call(pid, 'get', undefined, { timeout: 5 })
}

type Get = { readonly type: 'get' } & Asks<number>
type Add = { readonly type: 'add'; readonly by: number } & Asks<string>
declare const plain: GenServerRef<Get | Add, { readonly type: 'reset' }>

export async function messages(): Promise<void> {
  const got = RemoteCall.call(plain, { type: 'get' })
  assert<Eq<typeof got, Promise<number>>>()
  const added = RemoteCall.call(plain, { type: 'add', by: 1 })
  assert<Eq<typeof added, Promise<string>>>()
  const get: Get = { type: 'get' }
  const typed = RemoteCall.call(pid, get)
  assert<Eq<typeof typed, Promise<number>>>()
  const unknown = RemoteCall.call(pid, { type: 'whatever' })
  assert<Eq<typeof unknown, Promise<unknown>>>()
  RemoteCall.cast(plain, { type: 'reset' })
  // @ts-expect-error no such message
  void RemoteCall.call(plain, { type: 'nope' })
  // @ts-expect-error a call is not a cast
  RemoteCall.cast(plain, { type: 'get' })
}

export async function spawns(): Promise<void> {
  const spawned = RemoteSpawn.spawn(CounterContract, 'b@10.0.0.2:4433', { arg: 1 })
  assert<Eq<typeof spawned, Promise<Ref<CounterApi>>>>()
  assertNot<IsAny<Awaited<typeof spawned>>>()
  const byName = RemoteSpawn.spawn('counter', node.key)
  assert<Eq<typeof byName, Promise<Ref<unknown>>>>()
  const asked = RemoteSpawn.spawn<CounterApi>('counter', node.id)
  assert<Eq<typeof asked, Promise<Ref<CounterApi>>>>()
  const { ref: made, monitor } = await RemoteSpawn.spawnMonitor(CounterContract, node.id)
  assert<Eq<typeof made, Ref<CounterApi>>>()
  assert<Eq<typeof monitor, MonitorRef>>()
  const Bare: Contract<CounterApi> = CounterContract
  void RemoteSpawn.spawnLink(Bare, node.id, { owner: pid })
  // @ts-expect-error no such registration
  void RemoteSpawn.spawn(CounterContract, node.id, { registration: 'everywhere' })
  // @ts-expect-error a name is a text
  void RemoteSpawn.spawn(CounterContract, node.id, { name: 7 })
}

export function monitors(): void {
  const { ref: watched, unsubscribe } = RemoteMonitor.monitor(ref, (which, reason) => {
    assert<Eq<typeof which, Ref<CounterApi>>>()
    assert<Eq<typeof reason, unknown>>()
  })
  assert<Eq<typeof watched, Ref<CounterApi>>>()
  unsubscribe()
  RemoteMonitor.monitor({ name: 'hits', node: node.id }, () => {})
  // @ts-expect-error not a process
  RemoteMonitor.monitor(7, () => {})
}

export async function nodes(): Promise<void> {
  BehaviorRegistry.register('counter', Counter, { remote: true })
  BehaviorRegistry.register(Counter)
  const id: NodeId = NodeId.parse('a@10.0.0.1:1')
  const text: string = id
  // @ts-expect-error only parse and create make one
  const made: NodeId = text
  const started = await startNode({ realm: 'realm.json', peerCallsMax: 10 })
  assert<Eq<typeof started, FoveaNode>>()
  // @ts-expect-error no such option
  void startNode({ realm: 'realm.json', nope: 1 })
  void made
}
