/** gen_statem definitions as machine configs of xstate: built by xstate, shown by its graph functions. */
import { createMachine } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { describe, expect, it } from 'vitest'
import { contract, toMachine } from '../../../behaviours/index.ts'
import {
  answer,
  implementStatem,
  initialState,
  keepStateAndData,
  nextState,
} from '../../../behaviours/index.ts'
import type { Contract, StatemOutline } from '../../../behaviours/index.ts'

const handler = (): undefined => undefined

const lock = {
  states: {
    locked: { call: { push: handler }, cast: { reset: handler } },
    open: {
      enter: handler,
      stateTimeout: handler,
      call: { push: handler },
      cast: { push: handler },
    },
    broken: {
      info: handler,
      eventTimeout: handler,
      genericTimeout: { smoke: handler },
      internal: { next: handler },
    },
  },
  any: { cast: { hit: handler } },
} satisfies StatemOutline

describe('toMachine', () => {
  it('shows states and events, and says what it cannot see', () => {
    const config = toMachine(lock)
    const unknown = 'where it leads is decided at run time'
    expect(config).toEqual({
      id: 'statem',
      initial: 'locked',
      on: { hit: { description: `cast; ${unknown}` } },
      states: {
        locked: {
          on: {
            push: { description: `call; ${unknown}` },
            reset: { description: `cast; ${unknown}` },
          },
        },
        open: {
          entry: ['enter'],
          on: {
            'call.push': { description: `call; ${unknown}` },
            'cast.push': { description: `cast; ${unknown}` },
            state_timeout: { description: `state timeout; ${unknown}` },
          },
        },
        broken: {
          on: {
            info: { description: `info; ${unknown}` },
            'internal.next': { description: `internal event; ${unknown}` },
            event_timeout: { description: `event timeout; ${unknown}` },
            'timeout.smoke': { description: `timeout; ${unknown}` },
          },
        },
      },
    })
    expect(JSON.parse(JSON.stringify(config))).toEqual(config)
  })

  it('with notes xstate finds its way through', () => {
    const config = toMachine(lock, {
      id: 'lock',
      initial: 'locked',
      final: ['broken'],
      targets: {
        locked: { push: ['locked', 'open'], reset: 'locked' },
        open: { state_timeout: 'locked', 'call.push': 'open' },
        any: { hit: 'broken' },
      },
      stateTimeoutMs: { open: 5000 },
    })
    const machine = createMachine(config as never).provide({
      guards: { 'to locked': () => false, 'to open': () => true },
    } as never)
    const paths = getShortestPaths(machine, {
      events: [{ type: 'push' }, { type: 'hit' }] as never,
    })
    expect(paths.map(({ state }) => state.value).sort()).toEqual(['broken', 'locked', 'open'])
    expect(machine.root.states['open']?.after).toHaveLength(1)
    expect(paths.find(({ state }) => state.value === 'broken')?.state.status).toBe('done')
  })

  it('names with dots stay names', () => {
    const config = toMachine(
      { states: { 'a.b': { cast: { go: handler } }, 'c\\d': {} } },
      { targets: { 'a.b': { go: 'c\\d' } } },
    )
    const machine = createMachine(config as never)
    const next = machine.transition(
      machine.resolveState({ value: 'a.b' } as never),
      { type: 'go' },
      { system: { _sendInspectionEvent: () => {} } } as never,
    )
    expect(next.value).toBe('c\\d')
  })

  it('reads what implementStatem is given', () => {
    interface Api {
      call: { get(): number }
      cast: { go(): void }
    }
    const Declared: Contract<Api> = contract('x/1', { call: { get: true }, cast: { go: true } })
    const definition = {
      init: () => initialState('a' as const, 0),
      states: {
        a: { cast: { go: (n: number) => nextState('b' as const, n) } },
        b: { call: { get: (n: number) => keepStateAndData([answer(n)]) } },
      },
    }
    expect(implementStatem(Declared, definition).contract.name).toBe('x/1')
    expect(Object.keys(toMachine(definition).states)).toEqual(['a', 'b'])
  })

  it('notes about what is not there are refused', () => {
    for (const notes of [
      { initial: 'x' },
      { final: ['x'] },
      { stateTimeoutMs: { x: 1 } },
      { targets: { x: {} } },
      { targets: { locked: { push: 'x' } } },
      { targets: { locked: { pull: 'open' } } },
      { targets: { any: { push: 'open' } } },
    ]) {
      expect(() => toMachine(lock, notes as never)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT' }),
      )
    }
    for (const bad of [{}, { states: {} }, { handleEvent: handler }]) {
      expect(() => toMachine(bad as never)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT' }),
      )
    }
  })
})
