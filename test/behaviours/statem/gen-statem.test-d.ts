/**
 * Types of state machines, compiled by `tsc`: what must be accepted, what must be refused, and that
 * nothing of it is `any`.
 */
import {
  contract,
  stop,
  type Contract,
  type From,
  type Ref,
  type Server,
} from '../../../behaviours/index.ts'
import { implementHandleEvent, implementStatem } from '../../../behaviours/index.ts'
import {
  answer,
  eventTimeout,
  genericTimeout,
  hibernate,
  initialState,
  keepState,
  keepStateAndData,
  nextEvent,
  nextState,
  postpone,
  repeatState,
  repeatStateAndData,
  replyTo,
  stateTimeout,
  stopAndReply,
  type Initial,
} from '../../../behaviours/index.ts'

type Eq<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type IsAny<T> = 0 extends 1 & T ? true : false
declare function assert<T extends true>(): void
declare function assertNot<T extends false>(): void

export interface LockApi {
  call: { entered(): number; open(code: string): boolean; wait(): 'opened' | 'late' }
  cast: { button(digit: number): void; list(digits: number[]): void; lock(): void }
}
export const LockContract: Contract<LockApi> = contract('lock/1', {
  call: { entered: true, open: true, wait: true },
  cast: { button: true, list: true, lock: true },
})
interface Data {
  code: string
  entered: string
  waiting: readonly From<'opened' | 'late'>[]
}

export const Lock: Server<LockApi, string> = implementStatem(LockContract, {
  init: (code: string) =>
    initialState('locked', { code, entered: '', waiting: [] } as Data, [
      genericTimeout('session', 1000),
      nextEvent({ type: 'cast', name: 'lock' }),
    ]),
  states: {
    locked: {
      enter: (data, previous) => {
        assert<Eq<typeof previous, 'locked' | 'open'>>()
        assert<Eq<typeof data, Data>>()
        return keepState({ ...data, entered: '' }, [stateTimeout(10)])
      },
      call: {
        entered: (data) => keepStateAndData(answer(data.entered.length)),
        open: (data, code, ctx) => {
          assert<Eq<typeof code, string>>()
          assert<Eq<typeof ctx.state, 'locked' | 'open'>>()
          assertNot<IsAny<typeof ctx.from>>()
          return code === data.code
            ? nextState('open', data, [answer(true), stateTimeout(10_000, 'lock')])
            : keepState(data, [answer(false), eventTimeout(5)])
        },
        wait: (data, _input, ctx) => keepState({ ...data, waiting: [...data.waiting, ctx.from] }),
      },
      cast: {
        button: (data, digit) => {
          assert<Eq<typeof digit, number>>()
          if (digit < 0) return stop('negative')
          if (digit > 9) return stop('too_big', data)
          return digit === 0
            ? repeatState({ ...data, entered: '' })
            : nextState('open', { ...data, entered: data.entered + digit })
        },
        list: () =>
          keepStateAndData([
            nextEvent({ type: 'cast', name: 'button', input: 1 }),
            nextEvent({ type: 'cast', name: 'list', input: [1] }),
            nextEvent({ type: 'internal', name: 'check' }),
            nextEvent({ type: 'info', info: { type: 'message', message: 1 } }),
            hibernate(),
          ]),
      },
      internal: { check: (data, payload: string) => keepState({ ...data, entered: payload }) },
      stateTimeout: async (data, payload) => {
        assert<Eq<typeof payload, unknown>>()
        await 0
        return nextState('open', data)
      },
      genericTimeout: { session: () => repeatStateAndData() },
      eventTimeout: () => nextState('locked', { code: '', entered: '', waiting: [] }),
      info: (data, info) => (info.type === 'down' ? stop(info.reason, data) : keepStateAndData()),
    },
    open: {
      call: {
        open: () => keepStateAndData(postpone()),
        entered: (data) => stopAndReply('normal', answer(data.entered.length)),
      },
      cast: {
        lock: (data) =>
          nextState(
            'locked',
            data,
            data.waiting.map((f) => replyTo(f, 'late')),
          ),
      },
    },
  },
  any: { cast: { lock: () => keepStateAndData() } },
  terminate: (_reason, state, data) => {
    assert<Eq<typeof state, 'locked' | 'open'>>()
    assert<Eq<typeof data, Data>>()
  },
})

export async function client(): Promise<void> {
  const ref = await Lock.start('1234')
  assert<Eq<typeof ref, Ref<LockApi>>>()
  const n = ref.call.entered()
  assert<Eq<typeof n, Promise<number>>>()
  // @ts-expect-error wrong argument of init
  void Lock.start(1)
}

// --- refused

type Small = Contract<{ call: { get(): number }; cast: { go(): void } }>
declare const small: Small

implementStatem(small, {
  // @ts-expect-error no such first state
  init: () => initialState('opne', 0),
  states: { open: { call: { get: (n) => keepState(n, answer(n)) } } },
})
implementStatem(small, {
  init: () => initialState('open', 0),
  states: {
    open: {
      // @ts-expect-error no such state
      cast: { go: (n) => nextState('opne', n) },
    },
  },
})
implementStatem(small, {
  init: () => initialState('open', 0),
  states: {
    open: {
      cast: {
        // @ts-expect-error no such state, in a function without parameters
        go: () => nextState('opne', 0),
      },
    },
  },
})
implementStatem(small, {
  init: () => initialState('open', 0),
  states: {
    open: {
      call: {
        // @ts-expect-error the contract says number
        get: (n) => keepState(n, answer('x')),
      },
      cast: {
        // @ts-expect-error another type of data
        go: () => keepState('x'),
      },
    },
  },
})
implementStatem(small, {
  init: () => initialState('open', 0),
  states: {
    open: {
      call: {
        // @ts-expect-error in a list too
        get: (n) => nextState('open', n, [stateTimeout(1), answer('x')]),
      },
      cast: {
        // @ts-expect-error nobody waits for the answer to a cast
        go: () => keepStateAndData(answer(1)),
      },
    },
  },
})
implementStatem(small, {
  init: () => initialState('open', 0),
  states: {
    open: {
      // @ts-expect-error an enter callback does not change the state
      enter: (n) => nextState('open', n),
      call: {
        // @ts-expect-error kept callers are typed too
        get: (_n, _input, ctx) => keepStateAndData(replyTo(ctx.from, 'x')),
      },
      // @ts-expect-error not a cast of the contract
      cast: { gone: () => keepStateAndData() },
    },
  },
})
implementStatem(small, {
  init: () => initialState('open', 0),
  states: {
    open: {
      // @ts-expect-error an enter callback does not postpone
      enter: () => keepStateAndData(postpone()),
      cast: {
        // @ts-expect-error no such cast to insert
        go: () => keepStateAndData(nextEvent({ type: 'cast', name: 'gone' })),
      },
      call: {
        // @ts-expect-error the same with another input
        get: () => keepStateAndData(nextEvent({ type: 'cast', name: 'go', input: 1 })),
      },
      // @ts-expect-error a result is not data
      info: () => 5,
    },
  },
})
implementStatem(small, {
  init: () => initialState('open', 0),
  states: { open: { call: { get: (n) => stopAndReply('normal', answer(n), n) } } },
})
implementStatem(small, {
  init: () => initialState('open', 0),
  states: {
    open: {
      call: {
        // @ts-expect-error the last reply is typed
        get: (n) => stopAndReply('normal', answer('x'), n),
      },
      cast: {
        // @ts-expect-error only replies
        go: (n) => stopAndReply('normal', postpone(), n),
      },
    },
  },
})
// @ts-expect-error not an action
keepStateAndData('postpone')
// @ts-expect-error no such word
stateTimeout('never')
// @ts-expect-error absolute times have a unit
stateTimeout({ at: 5 })

// --- generic, and referring to itself

export interface BoxApi<T> {
  call: { take(): T; fork(): Ref<BoxApi<T>> }
  cast: { put(value: T): void }
}
export const boxStatem = <T>(): Server<BoxApi<T>, T | undefined> => {
  const declared: Contract<BoxApi<T>> = contract('box/1', {
    call: { take: true, fork: true },
    cast: { put: true },
  })
  const Box: Server<BoxApi<T>, T | undefined> = implementStatem(declared, {
    init: (first: T | undefined) => initialState('empty', { value: first }),
    states: {
      empty: {
        cast: { put: (_data, value) => nextState('full', { value }) },
        call: { take: () => keepStateAndData(postpone()) },
      },
      full: {
        cast: { put: () => keepStateAndData(postpone()) },
        call: { take: (data) => nextState('empty', data, answer(data.value as T)) },
      },
    },
    any: { call: { fork: async (data) => keepState(data, answer(await Box.start(data.value))) } },
  })
  return Box
}

// --- handle event

type Light = { tag: 'red' } | { tag: 'green'; since: number }
export const Lights: Server<{ call: { get(): string }; cast: { go(to: number): void } }, number> =
  implementHandleEvent(
    small as never as Contract<{ call: { get(): string }; cast: { go(to: number): void } }>,
    {
      init: (n: number): Initial<Light, number> => initialState({ tag: 'red' }, n),
      handleEvent: (event, state, data, ctx) => {
        assert<Eq<typeof state, Light>>()
        assert<Eq<typeof data, number>>()
        assert<Eq<typeof ctx.state, Light>>()
        switch (event.type) {
          case 'call':
            assert<Eq<typeof event.name, 'get'>>()
            assert<Eq<typeof event.from, From<string>>>()
            // @ts-expect-error the contract says string
            replyTo(event.from, 5)
            return keepStateAndData(replyTo(event.from, state.tag))
          case 'cast':
            assert<Eq<typeof event.input, number>>()
            return event.input > 0
              ? nextState({ tag: 'green', since: event.input }, data)
              : keepStateAndData([postpone(), nextEvent(event)])
          case 'info':
            return keepStateAndData()
          case 'internal':
          case 'generic_timeout':
            assert<Eq<typeof event.name, string>>()
            return keepState(data + 1)
          case 'state_timeout':
          case 'event_timeout':
            assert<Eq<typeof event.payload, unknown>>()
            return nextState({ tag: 'red' }, data)
        }
      },
      enter: (previous, state) =>
        previous.tag === state.tag ? keepStateAndData() : repeatStateAndData(),
    },
  )
implementHandleEvent(small, {
  init: (): Initial<'a' | 'b', number> => initialState('a', 0),
  // @ts-expect-error no such state
  handleEvent: (_event, _state, data) => nextState('c', data),
})
// @ts-expect-error one of the two callbacks is needed
implementHandleEvent(small, { init: () => initialState('a', 0) })
