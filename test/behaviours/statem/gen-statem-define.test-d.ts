/**
 * Types of machines whose protocol is inferred, compiled by `tsc`: what must be accepted, what must be
 * refused, and that nothing of it is `any`.
 */
import {
  answer,
  defineStatem,
  initialState,
  keepState,
  keepStateAndData,
  nextEvent,
  nextState,
  postpone,
  replyTo,
  stateTimeout,
  stopAndReply,
  type Ctx,
  type From,
  type Server,
  type StatemCtx,
} from '../../../behaviours/index.ts'
import type { MonitorRef, Pid } from '../../../runtime/index.ts'
type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

interface Data {
  code: string
  entered: string
  waiting: readonly From<'x'>[]
}
const Lock = defineStatem({
  name: 'lock/1',
  init: (code: string) => initialState('locked', { code, entered: '', waiting: [] } as Data),
  states: {
    locked: {
      enter: (data, previous) => {
        assert<Eq<typeof data, Data>>()
        assert<Eq<typeof previous, 'locked' | 'open'>>()
        return keepState({ ...data, entered: '' }, stateTimeout(5))
      },
      call: {
        entered: (data) => keepStateAndData(answer(data.entered.length)),
        open: (data, code: string) =>
          code === data.code
            ? nextState('open', data, answer(true))
            : keepStateAndData(answer('no' as const)),
        wait: (data, _i: undefined, ctx: StatemCtx<'x'>) =>
          keepState({ ...data, waiting: [...data.waiting, ctx.from] }),
      },
      cast: {
        button: (data, digit: number) =>
          nextState('open', { ...data, entered: data.entered + digit }),
        push: () => keepStateAndData([nextEvent({ type: 'cast', name: 'button', input: 1 })]),
      },
    },
    open: {
      call: {
        open: () => keepStateAndData(postpone()),
        close: async (data) => stopAndReply('normal', answer(1n), data),
      },
      cast: {
        lock: (data) =>
          nextState(
            'locked',
            data,
            data.waiting.map((f) => replyTo(f, 'x')),
          ),
      },
      stateTimeout: (data) => nextState('locked', data),
    },
  },
  any: {
    cast: { lock: (data) => keepState(data) },
    call: { state: (_d, _i, ctx) => keepStateAndData(answer(ctx.state)) },
  },
})
export async function f(): Promise<void> {
  const ref = await Lock.start('1')
  const a = ref.call.entered()
  assert<Eq<typeof a, Promise<number>>>()
  const b = ref.call.open('x')
  assert<Eq<typeof b, Promise<boolean | 'no'>>>()
  const w = ref.call.wait()
  assert<Eq<typeof w, Promise<'x'>>>()
  const c = ref.call.close()
  assert<Eq<typeof c, Promise<bigint>>>()
  const s = ref.call.state()
  assert<Eq<typeof s, Promise<'locked' | 'open'>>>()
  ref.cast.button(1)
  ref.cast.lock()
  ref.cast.push()
  // @ts-expect-error
  ref.cast.button('x')
  // @ts-expect-error
  ref.call.nope()
  assertNot<IsAny<Awaited<typeof s>>>()
}
defineStatem({
  init: () => initialState('a', 0),
  states: {
    a: {
      // @ts-expect-error no such state
      cast: { go: (n) => nextState('c', n) },
    },
    b: { cast: { go: (n) => nextState('a', n) } },
  },
})
defineStatem({
  // @ts-expect-error no such state
  init: () => initialState('c', 0),
  states: { a: { cast: { go: (n) => keepState(n + 1) } } },
})
defineStatem({
  init: () => initialState('a', 0),
  states: {
    a: {
      // @ts-expect-error other data
      cast: { go: () => keepState('x') },
    },
  },
})

/** Exported ones carry an annotation, also for `isolatedDeclarations`. */
export const Toggle: Server<{ call: { flip(): boolean }; cast: {} }> = defineStatem({
  init: () => initialState('off', 0),
  states: {
    off: { call: { flip: (n) => nextState('on', n + 1, answer(true)) } },
    on: { call: { flip: (n) => nextState('off', n + 1, answer(false)) } },
  },
})
// @ts-expect-error it answers with a boolean
export const Wrong: Server<{ call: { flip(): string }; cast: {} }> = defineStatem({
  init: () => initialState('off', 0),
  states: { off: { call: { flip: () => keepStateAndData(answer(true)) } } },
})
const Watching = defineStatem({
  init: (of: Pid, ctx) => {
    assert<Eq<typeof ctx, Ctx<never>>>()
    return initialState('on', { ref: ctx.monitor(of) })
  },
  states: { on: { call: { ref: (data) => keepStateAndData(answer(data.ref)) } } },
})
export const watching = async (pid: Pid): Promise<void> => {
  const ref = await Watching.start(pid)
  const monitor = await ref.call.ref()
  assert<Eq<typeof monitor, MonitorRef>>()
  // @ts-expect-error the argument of init
  await Watching.start(5)
  // @ts-expect-error it has one
  await Watching.start()
}
const Untyped = defineStatem({
  init: () => initialState('a', 0),
  states: { a: { call: { add: (n, by) => keepStateAndData(answer(n + by)) } } },
})
export const untyped = async (): Promise<void> => {
  const ref = await Untyped.start()
  // @ts-expect-error an input without a type is refused at the call site, it is never any
  await ref.call.add(5)
}
const Disagreeing = defineStatem({
  init: () => initialState('a', 0),
  states: {
    a: { cast: { put: (_n, x: { a: number }) => keepState(x.a) } },
    b: { cast: { put: (_n, x: { b: number }) => keepState(x.b) } },
  },
})
export const disagreeing = async (): Promise<void> => {
  const ref = await Disagreeing.start()
  ref.cast.put({ a: 1, b: 2 })
  // @ts-expect-error every state must be able to take it
  ref.cast.put({ a: 1 })
}
