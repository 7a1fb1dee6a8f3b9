/** Types of calls to many, requests answered later, and sys. */
import { expectTypeOf } from 'vitest'
import {
  GenServer,
  RequestIds,
  sys,
  type Asks,
  type CallResponse,
  type GenServerRef,
  type MultiCallResult,
  type Ref,
  type RequestId,
} from '../../../behaviours/index.ts'
import type { Pid } from '../../../runtime/index.ts'

interface SumApi {
  call: { add(by: number): number; name(): string }
  cast: { reset(): void; put(by: number): void }
}
declare const sum: Ref<SumApi>
type Get = { readonly type: 'get' } & Asks<number>
type Label = { readonly type: 'label' } & Asks<string>
declare const old: GenServerRef<Get | Label, { readonly type: 'put' }>

// A contract's calls keep their types over many servers.
const many = GenServer.multiCall([sum], 'add', [1])
expectTypeOf(many).resolves.toEqualTypeOf<MultiCallResult<Ref<SumApi>, number>>()
expectTypeOf(GenServer.multiCall([sum], 'name', [])).resolves.not.toBeAny()
expectTypeOf((await many).replies).toEqualTypeOf<
  readonly (readonly [target: Ref<SumApi>, value: number])[]
>()
expectTypeOf((await many).failed[0]![1]).toBeUnknown()
expectTypeOf(GenServer.multiCall(['name'], 'add', [1])).resolves.toEqualTypeOf<
  MultiCallResult<'name', unknown>
>()
expectTypeOf(
  (await GenServer.multiCall([old], { type: 'label' })).replies[0]![1],
).toEqualTypeOf<string>()
expectTypeOf(GenServer.abcast([sum], 'put', [1])).toEqualTypeOf<number>()

// One ref among names says what all of them are.
declare const pid: Pid
const mixed = GenServer.multiCall([sum, 'name', pid], 'add', [1])
expectTypeOf((await mixed).replies[0]![1]).toEqualTypeOf<number>()
expectTypeOf(GenServer.abcast([sum, 'name'], 'put', [1])).toEqualTypeOf<number>()
expectTypeOf(
  (await GenServer.multiCall([old, pid], { type: 'get' })).replies[0]![1],
).toEqualTypeOf<number>()

// What a ref does not know, or not so, is refused.
// @ts-expect-error no such call
GenServer.multiCall([sum], 'nope', [])
// @ts-expect-error no such call
GenServer.multiCall([sum, 'name'], 'nope', [])
// @ts-expect-error another input
GenServer.multiCall([sum], 'add', ['x'])
// @ts-expect-error no such message
GenServer.multiCall([old], { type: 'nope' })
// @ts-expect-error no such cast
GenServer.abcast([sum], 'nope', [])
// @ts-expect-error another input
GenServer.abcast([sum], 'put', ['x'])
// @ts-expect-error no such message
GenServer.abcast([old], { type: 'nope' })
// @ts-expect-error no such call
GenServer.sendRequest(sum, 'nope', [])
// @ts-expect-error another input
GenServer.sendRequest(sum, 'add', ['x'])
// @ts-expect-error no input
GenServer.sendRequest(sum, 'add', [])
// @ts-expect-error no such message
GenServer.sendRequest(old, { type: 'nope' })

// A request knows its response.
const request = GenServer.sendRequest(sum, 'add', [1])
expectTypeOf(request).toEqualTypeOf<RequestId<number>>()
expectTypeOf(request.checkResponse()).toEqualTypeOf<CallResponse<number> | undefined>()
expectTypeOf(GenServer.sendRequest(old, { type: 'get' })).toEqualTypeOf<RequestId<number>>()
expectTypeOf(GenServer.sendRequest('name', { type: 'get' })).toEqualTypeOf<RequestId>()

const numbers = new RequestIds<'a' | 'b', number>()
numbers.add(request, 'a')
// @ts-expect-error not a label of this collection
numbers.add(request, 'c')
// @ts-expect-error its reply is a string
numbers.add(GenServer.sendRequest(sum, 'name', []), 'a')
new RequestIds<string>().add(request, 'anything')
for await (const response of numbers) {
  expectTypeOf(response.label).toEqualTypeOf<'a' | 'b'>()
  if (response.type === 'reply') expectTypeOf(response.value).toEqualTypeOf<number>()
  else expectTypeOf(response.error).toBeUnknown()
}

// The state is what the caller takes it for, and unknown otherwise.
expectTypeOf(sys.getState(sum)).resolves.toBeUnknown()
expectTypeOf(sys.getState<number>(sum)).resolves.toEqualTypeOf<number>()
expectTypeOf(sys.replaceState(sum, (n: number) => n + 1)).resolves.toEqualTypeOf<number>()
// @ts-expect-error a state of another type
sys.replaceState(sum, (n: number) => String(n))
// @ts-expect-error nobody to look at
sys.status()
expectTypeOf(sys.statistics(sum, 'on')).toBeVoid()
expectTypeOf(sys.status(sum).state).toBeUnknown()
