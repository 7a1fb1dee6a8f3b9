/**
 * Types of contracts, refs and servers, compiled by `tsc`: what must be accepted, what must be refused,
 * and that nothing of it is `any`.
 */
import {
  contract,
  defineServer,
  GenServer,
  implement,
  ignore,
  noreply,
  ok,
  reply,
  stop,
  Supervisor,
  type Asks,
  type ChildSpec,
  type Contract,
  type Ctx,
  type From,
  type Ref,
  type RefOf,
  type Server,
  type SupervisorRef,
} from '../../../behaviours/index.ts'
import type { Pid } from '../../../runtime/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

// --- declared apart

export interface CounterApi {
  call: { get(): number; add(by: number): number; next(): number; fork(): Ref<CounterApi> }
  cast: { reset(): void; watch(who: Ref<CounterApi>): void }
}

export const CounterContract: Contract<CounterApi> = contract('counter/1', {
  call: { get: true, add: true, next: true, fork: true },
  cast: { reset: true, watch: true },
})

interface State {
  n: number
  waiting: readonly From<number>[]
}

export const Counter: Server<CounterApi, number> = implement(CounterContract, {
  init: (start: number): State => ({ n: start, waiting: [] }),
  call: {
    get: (s) => reply(s.n, s),
    add: (s, by) => reply(s.n + by, { ...s, n: s.n + by }),
    next: (s, _input, ctx) => noreply({ ...s, waiting: [...s.waiting, ctx.from] }),
    fork: async (s) => reply(await Counter.start(s.n + 1), s),
  },
  cast: {
    reset: (s, _input, ctx) => {
      ctx.self.cast.watch(ctx.self)
      return noreply({ ...s, n: 0 })
    },
    watch: (s, who) => {
      who.cast.reset()
      return noreply(s)
    },
  },
  info: (s, i) => (i.type === 'down' ? stop(i.reason, s) : noreply(s)),
})

export const spec: ChildSpec<Ref<CounterApi>> = Counter.child(10, { id: 'c' })

export async function client(pid: Pid): Promise<void> {
  const ref = CounterContract.at(pid)
  const added = ref.call.add(5, { timeoutMs: 100 })
  assert<Eq<typeof added, Promise<number>>>()
  assertNot<IsAny<Awaited<typeof added>>>()
  assertNot<IsAny<typeof ref.call>>()
  const got = ref.call.get(undefined, { timeoutMs: 1 })
  assert<Eq<typeof got, Promise<number>>>()
  const forked = ref.call.fork()
  assert<Eq<typeof forked, Promise<Ref<CounterApi>>>>()
  const told = ref.cast.reset()
  assert<Eq<typeof told, boolean>>()
  assert<Eq<RefOf<typeof Counter>, Ref<CounterApi>>>()
  assert<Eq<RefOf<typeof CounterContract>, Ref<CounterApi>>>()
  // @ts-expect-error a cast is no call
  ref.call.reset()
  // @ts-expect-error wrong input
  ref.call.add('x')
  // @ts-expect-error missing input
  ref.call.add()
  // @ts-expect-error unknown call
  ref.call.nope()
  // @ts-expect-error `timeout` has no unit
  void ref.call.add(5, { timeout: 1 })
  // @ts-expect-error wrong argument of init
  void Counter.start('x')
  // @ts-expect-error missing argument of init
  void Counter.start()
  const readOnly: Ref<{ call: Pick<CounterApi['call'], 'get'> }> = ref
  await readOnly.call.get()
  // @ts-expect-error narrowed
  readOnly.call.add(1)
}

// @ts-expect-error missing name
export const Incomplete: Contract<CounterApi> = contract('x', { call: { get: true }, cast: {} })

// a second input would be lost on the way
export const Lossy: Contract<{
  call: { add(a: number, b: number): number; all(...a: number[]): number; may(a?: number): number }
  cast: { set(a: number, b: string): void }
}> = contract('x', {
  call: {
    // @ts-expect-error two inputs
    add: true,
    // @ts-expect-error any number of inputs
    all: true,
    may: true,
  },
  cast: {
    // @ts-expect-error two inputs
    set: true,
  },
})

const wrongReply = contract<{ call: { get(): number }; cast: {} }>('x', {
  call: { get: true },
  cast: {},
})
implement(wrongReply, {
  init: () => 0,
  call: {
    // @ts-expect-error the contract says number
    get: (n) => reply('x', n),
  },
  cast: {},
})
implement(wrongReply, {
  init: () => 0,
  call: {
    // @ts-expect-error another state
    get: () => reply(1, 'x'),
  },
  cast: {},
})
implement(wrongReply, {
  init: () => 0,
  call: {
    // @ts-expect-error a stop replies what a reply would
    get: (n) => stop('normal', n, { reply: 'x' }),
  },
  cast: {},
})
implement(wrongReply, {
  init: () => 0,
  call: {
    get: (n, _input, ctx) => {
      // @ts-expect-error late replies are typed too
      ctx.from.reply('x')
      ctx.from.reply(1)
      return noreply(n)
    },
  },
  cast: {},
})
implement(wrongReply, {
  init: () => 0,
  call: {
    get: (n) => reply(n, n),
    // @ts-expect-error not in the contract
    surprise: (n: number) => reply(n, n),
  },
  cast: {},
})
implement(wrongReply, {
  init: () => 0,
  // @ts-expect-error missing handler
  call: {},
  cast: {},
})

implement(contract<{ call: {}; cast: { go(): void } }>('y', { call: {}, cast: { go: true } }), {
  init: () => 0,
  call: {},
  cast: {
    // @ts-expect-error nobody waits for the reply of a cast
    go: (n) => reply(1, n),
  },
})

// every shape of init
implement(wrongReply, {
  init: (n: number) => (n > 0 ? ok(n, { continue: 'go' }) : n < 0 ? ignore() : stop('no')),
  call: { get: (n) => reply(n, n) },
  cast: {},
})
implement(wrongReply, {
  init: async (n: number) => n,
  call: { get: (n) => stop('normal', n, { reply: n }) },
  cast: {},
})

export interface BoxApi<T> {
  call: { get(): T | undefined }
  cast: { put(value: T): void }
}
export const boxServer = <T>(): Server<BoxApi<T>> => {
  const declared: Contract<BoxApi<T>> = contract('box', {
    call: { get: true },
    cast: { put: true },
  })
  return implement(declared, {
    init: (): T | undefined => undefined,
    call: { get: (s) => reply(s, s) },
    cast: { put: (_s, value) => noreply(value) },
  })
}

// --- schemas

/** The interface as standardschema.dev publishes it and libraries implement it. */
interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (
      value: unknown,
    ) =>
      | { readonly value: Output; readonly issues?: undefined }
      | { readonly issues: ReadonlyArray<PublishedIssue> }
      | Promise<
          | { readonly value: Output; readonly issues?: undefined }
          | { readonly issues: ReadonlyArray<PublishedIssue> }
        >
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}
interface PublishedIssue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}
declare const named: StandardSchemaV1<{ name: string }>
declare const trimmed: StandardSchemaV1<string, { name: string }>
declare const numbered: StandardSchemaV1<{ name: number }>

interface UserApi {
  call: { rename(input: { name: string }): boolean }
  cast: {}
}
export const UserContract: Contract<UserApi> = contract('user/1', {
  call: { rename: named },
  cast: {},
})
export const Transforming: Contract<UserApi> = contract('user/1', {
  call: { rename: trimmed },
  cast: {},
})
export const WrongSchema: Contract<UserApi> = contract('user/1', {
  // @ts-expect-error the schema gives another type than the input
  call: { rename: numbered },
  cast: {},
})

// --- inferred

const Inferred = defineServer({
  init: (start: number) => start,
  call: {
    get: (n) => reply(n, n),
    add: (n, by: number) => reply(n + by, n + by),
    slow: async (n, ms: number) => {
      await 0
      return reply(String(n + ms), n)
    },
    maybe: (n, by: number) => (by > 0 ? reply(by, n) : stop('negative', n)),
    last: (n, by: number) => stop('normal', n, { reply: by }),
    later: (n, _input: undefined, ctx: Ctx<boolean>) => {
      ctx.from.reply(true)
      return noreply(n)
    },
  },
  cast: { reset: () => noreply(0), set: (_n, value: number) => noreply(value) },
  info: (n, info) => (info.type === 'down' ? stop(info.reason, n) : noreply(n)),
})

export async function inferred(): Promise<void> {
  const ref = await Inferred.start(10, { name: 'counter' })
  const added = ref.call.add(5)
  assert<Eq<typeof added, Promise<number>>>()
  const got = ref.call.get()
  assert<Eq<typeof got, Promise<number>>>()
  const slow = ref.call.slow(5, { timeoutMs: 10 })
  assert<Eq<typeof slow, Promise<string>>>()
  const maybe = ref.call.maybe(1)
  assert<Eq<typeof maybe, Promise<number>>>()
  const last = ref.call.last(1)
  assert<Eq<typeof last, Promise<number>>>()
  const later = ref.call.later(undefined)
  assert<Eq<typeof later, Promise<boolean>>>()
  assertNot<IsAny<Awaited<typeof later>>>()
  ref.cast.reset()
  ref.cast.set(3)
  // @ts-expect-error wrong input
  ref.call.add('x')
  // @ts-expect-error unknown call
  ref.call.nope()
  // @ts-expect-error wrong argument of init
  void Inferred.start('x')
  const child = Inferred.child(10, { id: 'c' })
  assert<Eq<typeof child.id, string>>()
}

type Light = { tag: 'idle' } | { tag: 'busy'; n: number }
export const Union = defineServer({
  init: (): Light => ({ tag: 'idle' }),
  call: { go: (s) => reply(s.tag, { tag: 'busy', n: 1 }) },
  cast: { off: () => noreply({ tag: 'idle' }) },
})
/** A state may use any name for its discriminant, also those that results could have used. */
export const Tagged = defineServer({
  init: () => ({ tag: 'stop', reason: 'x', state: 1 }),
  call: { get: (s) => reply(s.tag, { ...s, tag: 'reply' }) },
  cast: {},
})
export const WrongState = defineServer({
  init: (x: number) => x,
  cast: {},
  call: {
    // @ts-expect-error another state
    get: (n) => reply(n, 'x'),
  },
})
const Untyped = defineServer({
  init: () => 0,
  call: { add: (n, by) => reply(n + by, n) },
  cast: {},
})
export const untyped = async (): Promise<void> => {
  const ref = await Untyped.start()
  // @ts-expect-error an input without a type is refused at the call site, it is never any
  await ref.call.add(5)
}

// --- message shape

type Get = { readonly type: 'get' } & Asks<number>
type Add = { readonly type: 'add'; readonly by: number } & Asks<string>

export async function messages(): Promise<void> {
  const ref = await GenServer.start({
    init: () => 0,
    handleCall: (m: Get | Add, s) => (m.type === 'get' ? reply(s, s) : ['x', s + m.by]),
    handleCast: (_m: { type: 'reset' }, _s) => noreply(0),
  })
  const get: Get = { type: 'get' }
  const got = GenServer.call(ref, get)
  assert<Eq<typeof got, Promise<number>>>()
  const literal = await GenServer.call(ref, { type: 'get' })
  assert<Eq<typeof literal, number>>()
  const added = await GenServer.call(ref, { type: 'add', by: 1 }, { timeoutMs: 10 })
  assert<Eq<typeof added, string>>()
  assertNot<IsAny<typeof added>>()
  GenServer.cast(ref, { type: 'reset' })
  const named = GenServer.call('counter', { type: 'get' })
  assert<Eq<typeof named, Promise<unknown>>>()
  // @ts-expect-error not one of the messages
  void GenServer.call(ref, { type: 'nope' })
  // @ts-expect-error a field is missing
  void GenServer.call(ref, { type: 'add' })
  // @ts-expect-error a cast is no call
  void GenServer.call(ref, { type: 'reset' })
  // @ts-expect-error not one of the casts
  GenServer.cast(ref, { type: 'get' })
}

// --- supervisors

export async function supervised(): Promise<void> {
  const sup = await Supervisor.start({ strategy: 'one_for_all', children: [Counter.child(1)] })
  assert<Eq<typeof sup, SupervisorRef>>()
  const started = await Supervisor.startChild(sup, Counter.child(2, { id: 'two' }))
  assert<Eq<typeof started, Ref<CounterApi>>>()
  // @ts-expect-error no such strategy
  void Supervisor.start({ strategy: 'one_for_some' })
  // @ts-expect-error noex's name; ours has a unit
  void Supervisor.start({ withinMs: 1 })
}
