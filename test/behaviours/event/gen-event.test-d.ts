/**
 * Types of event managers, compiled by `tsc`: what must be accepted, what must be refused, and that
 * nothing of it is `any`.
 */
import {
  defineEventHandler,
  GenEvent,
  ok,
  removeHandler,
  reply,
  swapHandler,
  type EventHandler,
  type GenEventRef,
  type SwapArg,
} from '../../../behaviours/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

type LogEvent = { readonly type: 'line'; readonly text: string } | { readonly type: 'rotate' }

// --- what is inferred

export const Count = defineEventHandler({
  name: 'count',
  init: (start: number) => start,
  event: (n, event: LogEvent) => (event.type === 'rotate' ? removeHandler() : ok(n + 1)),
  call: (n, _request: 'get' | 'peek') => reply(n, n),
  terminate: (_reason, n) => n,
})
assert<Eq<typeof Count, EventHandler<LogEvent, number, 'get' | 'peek', number>>>()

export const Silent = defineEventHandler({
  name: 'silent',
  init: () => ({ lines: 0 }),
  event: (state, _event: LogEvent) => ok({ lines: state.lines + 1 }),
  info: (state, info, ctx) => {
    assertNot<IsAny<typeof info>>()
    assertNot<IsAny<typeof ctx>>()
    return ok(state)
  },
})

export const Next = defineEventHandler({
  name: 'next',
  init: ([path, from]: SwapArg<string>) => `${path}${String(from)}`,
  event: (state, _event: LogEvent) => ok(state),
})

export const Handover = defineEventHandler({
  name: 'handover',
  init: () => 0,
  event: (n, _event: LogEvent) => swapHandler(n, { handler: Next, arg: 'path' }),
})

defineEventHandler({
  name: 'bad',
  init: () => 0,
  // @ts-expect-error a number is not a result
  event: (n, _event: LogEvent) => n + 1,
})
// @ts-expect-error the argument of the next handler is a string
swapHandler(0, { handler: Next, arg: 5 })
// @ts-expect-error a handler that starts from an argument alone cannot take over
swapHandler(0, { handler: Count, arg: 5 })

// --- what a manager takes

export async function use(manager: GenEventRef<LogEvent>): Promise<void> {
  manager.cast.notify({ type: 'rotate' })
  await manager.call.syncNotify({ type: 'line', text: 'x' }, { timeoutMs: 5 })
  GenEvent.notify(manager, { type: 'rotate' })
  await GenEvent.syncNotify(manager, { type: 'line', text: 'x' })
  // @ts-expect-error no such event
  manager.cast.notify({ type: 'close' })
  // @ts-expect-error no such event
  GenEvent.notify(manager, { type: 'close' })
  // @ts-expect-error no such event
  await GenEvent.syncNotify(manager, 'line')

  await GenEvent.addHandler(manager, Count, 5, { id: 'a' })
  await GenEvent.addHandler(manager, Silent, undefined)
  // @ts-expect-error the argument is a number
  await GenEvent.addHandler(manager, Count, 'five')

  const n = await GenEvent.call(manager, { handler: Count, id: 'a' }, 'get')
  assert<Eq<typeof n, number>>()
  assertNot<IsAny<typeof n>>()
  // @ts-expect-error no such request
  await GenEvent.call(manager, Count, 'set')
  const unknown = await GenEvent.call(manager, { handler: 'count' }, 'anything')
  assert<Eq<typeof unknown, unknown>>()

  const last = await GenEvent.deleteHandler(manager, Count)
  assert<Eq<typeof last, unknown>>()
  await GenEvent.swapHandler(manager, { handler: Count }, { handler: Next, arg: 'path' })
  // @ts-expect-error the argument of the new handler is a string
  await GenEvent.swapHandler(manager, { handler: Count }, { handler: Next, arg: 5 })
}

// --- a handler of fewer events does not fit, one of more does

export const Lines = defineEventHandler({
  name: 'lines',
  init: () => 0,
  event: (n, _event: { readonly type: 'line' }) => ok(n),
})
export async function variance(
  manager: GenEventRef<LogEvent>,
  narrow: GenEventRef<{ readonly type: 'rotate' }>,
): Promise<void> {
  // @ts-expect-error it would get events that it does not know
  await GenEvent.addHandler(manager, Lines, undefined)
  await GenEvent.addHandler(narrow, Silent, undefined)
  // @ts-expect-error somebody could add a handler of fewer events through it
  const seen: typeof narrow = manager
  void seen
}
