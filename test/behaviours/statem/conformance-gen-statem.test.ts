/**
 * gen_statem as the real BEAM does it: one test per case of `otp-conformance.md` section 7. Deviations on
 * purpose say so in their names.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { CallExitError, CallTimeoutError, type System } from '../../../runtime/index.ts'
import {
  BadActionError,
  BadEnterError,
  BadReturnError,
  eventTimeout,
  genericTimeout,
  ignore,
  InitializationError,
  initialState,
  keepState,
  keepStateAndData,
  nextEvent,
  nextState,
  postpone,
  repeatState,
  repeatStateAndData,
  replyTo,
  StartIgnoredError,
  stateTimeout,
  stop,
  stopAndReply,
  sys,
  type Actions,
  type EnterResult,
  type EventAction,
  type From,
  type InsertedEvent,
} from '../../../behaviours/index.ts'
import {
  label,
  machine,
  type MachineApi,
  type MachineRef,
  type MachineScript,
  type Result,
  type Step,
} from './statem-world.ts'
import { ending, idler, outcome, within, world, type World } from '../world.ts'

let w: World
let system: System
let log: unknown[]
beforeEach(() => {
  w = world()
  system = w.system
  log = []
})

type Acts = Actions<EventAction<never, InsertedEvent<MachineApi>>>

/** Starts a machine whose unhandled events go to `log`. */
const start = (script: MachineScript = {}, options: object = {}): Promise<MachineRef> =>
  machine({ log, ...script }).start(undefined, { system, ...options })

const internal = (name: string): { type: 'internal'; name: string } => ({ type: 'internal', name })
const to =
  (state: string, actions?: Acts): Step =>
  (_state, data) =>
    nextState(state, data, actions)
const act =
  (actions: Acts): Step =>
  () =>
    keepStateAndData(actions)
/** Puts `what` aside while the machine is in one of `states`; else it is logged. */
const postponeIn =
  (...states: string[]): NonNullable<MachineScript['on']> =>
  (event, state) =>
    event.type === 'cast' && states.includes(state)
      ? (log.push(`${String(label(event))}?`), keepStateAndData(postpone()))
      : undefined

describe('start', () => {
  it('S-01 start resolves with a ref, and events see the current state and data', async () => {
    const ref = await start()
    expect(await ref.call.run((from, s, d) => keepStateAndData(replyTo(from, [s, d])))).toEqual([
      'a',
      1,
    ])
  })

  it('S-02 init may ignore or stop', async () => {
    await expect(start({ init: () => ignore() })).rejects.toBeInstanceOf(StartIgnoredError)
    const failed = await start({ init: () => stop('r') }).catch((error: unknown) => error)
    expect(failed).toBeInstanceOf(InitializationError)
    expect(failed).toMatchObject({ reason: 'r' })
  })

  it('S-03 an event inserted by init comes before one that is queued already', async () => {
    await start({
      init: (ctx) => {
        ;(ctx as { self: MachineRef }).self.cast.tell('x')
        return initialState('a', 1, nextEvent(internal('e')))
      },
    })
    await w.clock.settle()
    expect(log).toEqual(['e', 'x'])
  })
})

describe('enter callbacks', () => {
  const entered = (previous: string, state: string): EnterResult<number> => {
    log.push(['enter', previous, state])
    return keepStateAndData()
  }

  it('S-05 the enter callback runs before the inserted event', async () => {
    const ref = await start({
      enter: entered,
      on: (event, state) => (log.push([event.type, label(event), state]), keepStateAndData()),
    })
    await w.clock.settle()
    expect(log.splice(0)).toEqual([['enter', 'a', 'a']])
    ref.cast.run(to('b', nextEvent(internal('e'))))
    await w.clock.settle()
    expect(log).toEqual([
      ['enter', 'a', 'b'],
      ['internal', 'e', 'b'],
    ])
  })

  it('S-06 nextState to the same state does not enter it', async () => {
    const ref = await start({ enter: entered })
    await w.clock.settle()
    log.length = 0
    ref.cast.run(to('a'))
    await w.clock.settle()
    expect(log).toEqual([])
  })

  it('S-07 repeatState and repeatStateAndData enter again, from the state itself', async () => {
    const ref = await start({ enter: entered })
    await w.clock.settle()
    log.length = 0
    ref.cast.run((_s, d) => repeatState(d + 1))
    await w.clock.settle()
    expect(log.splice(0)).toEqual([['enter', 'a', 'a']])
    ref.cast.run(() => repeatStateAndData())
    expect(await ref.call.run((from, _s, d) => keepStateAndData(replyTo(from, d)))).toBe(2)
    expect(log).toEqual([['enter', 'a', 'a']])
  })

  it('S-08 an enter callback that changes the state crashes the machine', async () => {
    const ended = await crash({
      enter: (_previous, state) =>
        state === 'b' ? (nextState('c', 1) as never) : keepStateAndData(),
    })
    expect(ended).toBeInstanceOf(BadEnterError)
    expect(ended).toMatchObject({ code: 'ERR_STATEM_ENTER_RETURN', state: 'b' })
  })

  it('S-08 an enter callback may name the state it enters', async () => {
    const ref = await start({ enter: (_p, state, d) => nextState(state, d + 1) as never })
    ref.cast.run(to('b'))
    expect(await ref.call.run((from, s, d) => keepStateAndData(replyTo(from, [s, d])))).toEqual([
      'b',
      3,
    ])
  })

  it('S-09 an enter callback that postpones or inserts crashes; replies and timeouts may', async () => {
    for (const action of [nextEvent(internal('x')), postpone()]) {
      const ended = await crash({
        enter: (_previous, state) => keepStateAndData((state === 'b' ? action : []) as never),
      })
      expect(ended).toBeInstanceOf(BadEnterError)
      expect(ended).toMatchObject({ code: 'ERR_STATEM_ENTER_ACTION', state: 'b' })
    }
    let waiting: From<unknown> | undefined
    const ref = await start({
      enter: (_previous, state) =>
        state === 'b' && waiting !== undefined
          ? keepStateAndData([replyTo(waiting, 'entered'), stateTimeout(10, 'st')])
          : keepStateAndData(),
    })
    const answered = ref.call.run((from, _s, d) => {
      waiting = from
      return nextState('b', d)
    })
    expect(await answered).toBe('entered')
    await w.clock.advance(10)
    expect(log).toEqual(['st'])
  })

  /** Moves a machine to state b; gives its exit reason. */
  async function crash(script: MachineScript): Promise<unknown> {
    const ref = await start(script)
    const ended = ending(system, ref.pid)
    ref.cast.run(to('b'))
    await w.clock.settle()
    return ended.reason
  }
})

describe('order of events', () => {
  it('S-11 a postponed event is not tried again while the state stays', async () => {
    const ref = await start({ on: postponeIn('a') })
    ref.cast.tell('p')
    ref.cast.run(act([]))
    await w.clock.settle()
    expect(log).toEqual(['p?'])
  })

  it('S-12 neither nextState to the same state nor repeatState tries it again', async () => {
    const ref = await start({ on: postponeIn('a') })
    ref.cast.tell('p')
    ref.cast.run(to('a'))
    ref.cast.run((_s, d) => repeatState(d))
    await w.clock.settle()
    expect(log).toEqual(['p?'])
    ref.cast.run(to('b'))
    await w.clock.settle()
    expect(log).toEqual(['p?', 'p'])
  })

  it('S-13 inserted events come before postponed ones', async () => {
    const ref = await start({ on: postponeIn('a') })
    ref.cast.tell('p1')
    ref.cast.tell('p2')
    await w.clock.settle()
    log.length = 0
    ref.cast.run(to('b', [nextEvent(internal('e1')), nextEvent(internal('e2'))]))
    await w.clock.settle()
    expect(log).toEqual(['e1', 'e2', 'p1', 'p2'])
  })

  it('S-14 an event inserted by an inserted one comes before the next', async () => {
    const ref = await start({
      on: (event) => {
        if (label(event) !== 'ea') return undefined
        log.push('ea')
        return keepStateAndData(nextEvent(internal('a1')))
      },
    })
    ref.cast.run(act([nextEvent(internal('ea')), nextEvent(internal('eb'))]))
    await w.clock.settle()
    expect(log).toEqual(['ea', 'a1', 'eb'])
  })

  it('S-15 an inserted event comes with exactly its type', async () => {
    const seen: unknown[] = []
    const ref = await start({ on: (event) => (seen.push(event), keepStateAndData()) })
    const asked = ref.call.run((from) =>
      keepStateAndData([
        nextEvent({ type: 'cast', name: 'tell', input: 'c' }),
        nextEvent({ type: 'info', info: { type: 'message', message: 'i' } }),
        nextEvent({ type: 'state_timeout', payload: 's' }),
        nextEvent({ type: 'event_timeout', payload: 't' }),
        nextEvent({ type: 'generic_timeout', name: 'n', payload: 'g' }),
        nextEvent({ type: 'call', name: 'ask', input: 'q', from }),
      ]),
    )
    await w.clock.settle()
    expect(seen).toMatchObject([
      { type: 'cast', name: 'tell', input: 'c' },
      { type: 'info', info: { type: 'message', message: 'i' } },
      { type: 'state_timeout', payload: 's' },
      { type: 'event_timeout', payload: 't' },
      { type: 'generic_timeout', name: 'n', payload: 'g' },
      { type: 'call', name: 'ask', input: 'q' },
    ])
    const inserted = seen[5] as { from: { reply(value: unknown): boolean } }
    inserted.from.reply('answered')
    expect(await asked).toBe('answered')
  })
})

describe('timeouts', () => {
  it('S-16 an event timeout ends when any other event comes', async () => {
    const ref = await start()
    ref.cast.run(act(eventTimeout(50, 'm')))
    await w.clock.advance(20)
    ref.cast.run(act([]))
    await w.clock.advance(500)
    expect(log).toEqual([])
  })

  it('S-17 an event timeout fires once when it is quiet', async () => {
    const ref = await start()
    ref.cast.run(act(eventTimeout(50, 'm')))
    await w.clock.advance(49)
    expect(log).toEqual([])
    await w.clock.advance(500)
    expect(log).toEqual(['m'])
  })

  it('S-18 a state timeout fires in time although other events come', async () => {
    const ref = await start()
    ref.cast.run(act(stateTimeout(50, 'm')))
    await w.clock.advance(30)
    ref.cast.run(act([]))
    await w.clock.advance(19)
    expect(log).toEqual([])
    await w.clock.advance(1)
    expect(log).toEqual(['m'])
  })

  it('S-19 a state timeout ends with the state, also if it is due already', async () => {
    const ref = await start()
    ref.cast.run(act(stateTimeout(50, 'm')))
    await w.clock.advance(10)
    ref.cast.run(to('b'))
    await w.clock.advance(500)
    expect(log).toEqual([])
    ref.cast.run(act(stateTimeout(10, 'm')))
    // The timeout becomes due while an asynchronous handler runs, which then leaves the state.
    ref.cast.run(async (_s, d) => {
      await new Promise<void>((resolve) => w.clock.setTimer(20, resolve))
      return nextState('c', d)
    })
    await w.clock.advance(500)
    expect(log).toEqual([])
  })

  it('S-20 a generic timeout survives a state change', async () => {
    const ref = await start({ on: (event, s) => (log.push([s, label(event)]), keepStateAndData()) })
    ref.cast.run(act(genericTimeout('n', 50, 'm')))
    await w.clock.advance(10)
    ref.cast.run(to('b'))
    await w.clock.advance(40)
    expect(log).toEqual([['b', 'm']])
  })

  it('S-21 setting a timeout again replaces it, cancel ends it, update changes its payload', async () => {
    const ref = await start({
      on: (event) =>
        event.type === 'generic_timeout'
          ? (log.push([event.name, event.payload]), keepStateAndData())
          : undefined,
    })
    ref.cast.run(
      act([genericTimeout('r', 10, 1), genericTimeout('c', 10, 1), genericTimeout('u', 30, 'old')]),
    )
    ref.cast.run(act([genericTimeout('r', 20, 2), genericTimeout('c', 'cancel')]))
    await w.clock.advance(19)
    expect(log).toEqual([])
    ref.cast.run(act(genericTimeout('u', 'update', 'new')))
    await w.clock.advance(1)
    expect(log).toEqual([['r', 2]])
    await w.clock.advance(9)
    expect(log).toHaveLength(1)
    await w.clock.advance(500)
    expect(log).toEqual([
      ['r', 2],
      ['u', 'new'],
    ])
  })

  it('S-21b update of a timeout that is not running fires at once', async () => {
    const ref = await start()
    ref.cast.run(act(genericTimeout('u', 'update', 'new')))
    ref.cast.tell('later')
    await w.clock.settle()
    expect(log).toEqual(['new', 'later'])
  })

  it('S-22 inserted events, then timeouts of 0, then the mailbox', async () => {
    const ref = await start()
    ref.cast.run(act([eventTimeout(0, 't'), stateTimeout(0, 's'), nextEvent(internal('e'))]))
    ref.cast.tell('ext')
    await w.clock.settle()
    expect(log).toEqual(['e', 's', 'ext'])
  })

  it('S-23 timeouts of 0 come in the order they were started, before the mailbox', async () => {
    const ref = await start()
    ref.cast.run(act([eventTimeout(0, 't'), stateTimeout(0, 's')]))
    ref.cast.tell('ext')
    await w.clock.settle()
    expect(log).toEqual(['t', 's', 'ext'])
  })

  it('S-24 absolute times, and Infinity for never', async () => {
    const ref = await start()
    const now = w.clock.now()
    ref.cast.run(
      act([
        genericTimeout('a', { atMs: now + 30 }, 'c'),
        genericTimeout('b', 10, 'gone'),
        stateTimeout(Infinity, 'never'),
      ]),
    )
    ref.cast.run(act(genericTimeout('b', Infinity)))
    await w.clock.advance(29)
    expect(log).toEqual([])
    await w.clock.advance(100_000)
    expect(log).toEqual(['c'])
  })

  it('S-34 an enter callback starts the state timeout of its state', async () => {
    const ref = await start({
      enter: (_previous, s) => keepStateAndData(s === 'b' ? stateTimeout(50, 'm') : []),
      on: (event, s) => (log.push([s, label(event)]), keepStateAndData()),
    })
    ref.cast.run(to('b'))
    await w.clock.advance(50)
    expect(log).toEqual([['b', 'm']])
    ref.cast.run(to('c'))
    ref.cast.run(to('b'))
    await w.clock.advance(49)
    ref.cast.run(to('c'))
    await w.clock.advance(500)
    expect(log).toEqual([['b', 'm']])
  })

  it('S-38 an inserted event ends a pending event timeout as well', async () => {
    const ref = await start({
      on: (event) => (event.type === 'internal' ? keepStateAndData() : undefined),
    })
    ref.cast.run(to('b', [eventTimeout(50, 'm'), nextEvent(internal('e'))]))
    await w.clock.advance(500)
    expect(log).toEqual([])
  })

  it('S-41 repeatState enters again but leaves the state timeout running', async () => {
    const ref = await start({ enter: (p) => (log.push(['enter', p]), keepStateAndData()) })
    await w.clock.settle()
    log.length = 0
    ref.cast.run(act(stateTimeout(50, 'st')))
    await w.clock.advance(30)
    ref.cast.run(() => repeatStateAndData())
    await w.clock.advance(19)
    expect(log).toEqual([['enter', 'a']])
    await w.clock.advance(1)
    expect(log).toEqual([['enter', 'a'], 'st'])
  })
})

describe('replies', () => {
  it('S-25 several kept callers are replied to in one transition', async () => {
    const kept: From<unknown>[] = []
    const ref = await start({
      on: (event) => {
        if (event.type !== 'call') return undefined
        kept.push(event.from)
        if (kept.length < 2) return keepStateAndData()
        return keepStateAndData(kept.map((from, i) => replyTo(from, i + 1)))
      },
    })
    const order: unknown[] = []
    const first = ref.call.ask('one').then((value) => order.push(['one', value]))
    const second = ref.call.ask('two').then((value) => order.push(['two', value]))
    await Promise.all([first, second])
    expect(order).toEqual([
      ['one', 1],
      ['two', 2],
    ])
  })

  it('S-26 a call without a reply times out, and the late reply goes nowhere', async () => {
    let late: From<unknown> | undefined
    const ref = await start()
    const caller = within(system, async (ctx) => {
      const asked = ref.call.run(
        (from) => {
          late = from
          return keepStateAndData()
        },
        { timeoutMs: 50 },
      )
      const error = await asked.catch((thrown: unknown) => thrown)
      const taken = late?.reply('late')
      return { error, taken, queued: system.process(ctx.self)?.mailboxLength }
    })
    await w.clock.advance(50)
    const { error, taken, queued } = await caller
    expect(error).toBeInstanceOf(CallTimeoutError)
    expect({ taken, queued }).toEqual({ taken: false, queued: 0 })
  })

  it('S-27 stopAndReply replies first, then terminates', async () => {
    const ref = await start({
      terminate: (reason, _state, data) => {
        log.push(['terminate', reason, data])
      },
    })
    const ended = ending(system, ref.pid)
    const answered = ref.call.run((from) => {
      const watched = {
        reply: (value: unknown) => (log.push('reply'), from.reply(value)),
        fail: () => false,
      }
      return stopAndReply('r', replyTo(watched, 'rep'), 5)
    })
    expect(await answered).toBe('rep')
    expect(log).toEqual(['reply', ['terminate', 'r', 5]])
    expect(ended.reason).toBe('r')
  })

  it('S-32 a postponed call fails with the reason that the machine stops for', async () => {
    const ref = await start({
      on: (event) => (event.type === 'call' ? keepStateAndData(postpone()) : undefined),
    })
    const asked = outcome(ref.call.ask('q', { timeoutMs: Infinity }))
    ref.cast.run(() => stop('r'))
    await w.clock.settle()
    expect(asked.error).toBeInstanceOf(CallExitError)
    expect(asked.error).toMatchObject({ reason: 'r' })
  })

  it('S-37 the last postpone of a list counts', async () => {
    const ref = await start({
      on: (event, s) => {
        log.push([label(event), s])
        return keepStateAndData([postpone(true), postpone(false)])
      },
    })
    ref.cast.tell('p')
    ref.cast.run(to('b'))
    await w.clock.settle()
    expect(log).toEqual([['p', 'a']])
  })

  it('S-40 a call waits 5000 ms by default, as of any server (deviation: OTP waits for ever)', async () => {
    const ref = await start({ on: () => keepStateAndData() })
    const asked = outcome(ref.call.ask('q'))
    const patient = outcome(ref.call.ask('q', { timeoutMs: Infinity }))
    await w.clock.advance(4999)
    expect(asked.settled).toBe(false)
    await w.clock.advance(1)
    expect(asked.error).toBeInstanceOf(CallTimeoutError)
    await w.clock.advance(100_000)
    expect(patient.settled).toBe(false)
  })
})

describe('stop and failure', () => {
  const terminate: NonNullable<MachineScript['terminate']> = (reason, state, data) => {
    log.push(['terminate', reason, state, data])
  }

  /** Runs `step` as a cast; gives the exit reason. */
  async function run(step: () => unknown, script: MachineScript = {}): Promise<unknown> {
    const ref = await start({ terminate, ...script })
    const ended = ending(system, ref.pid)
    ref.cast.run(step as () => Result)
    await w.clock.settle()
    return ended.reason
  }

  it('S-28 stop terminates with the newest data', async () => {
    expect(await run(() => stop('normal'))).toBe('normal')
    expect(await run(() => stop('r', 2))).toBe('r')
    expect(log).toEqual([
      ['terminate', 'normal', 'a', 1],
      ['terminate', 'r', 'a', 2],
    ])
  })

  it('S-29 terminate gets the error itself, and state and data from before the event', async () => {
    const error = new Error('e')
    const reason = await run(() => {
      throw error
    })
    // In OTP the exit reason is {E, Stack}; here the error carries its stack, so both are the same.
    expect(reason).toBe(error)
    expect(log).toEqual([['terminate', error, 'a', 1]])
  })

  it('S-30 a handler that returns no result ends the machine', async () => {
    const reason = await run(() => 'vv')
    expect(reason).toBeInstanceOf(BadReturnError)
    expect(reason).toMatchObject({ code: 'ERR_BAD_RETURN' })
    expect(log).toEqual([['terminate', reason, 'a', 1]])
  })

  it('S-31 an unknown action ends the machine', async () => {
    const reason = await run(() => keepState(2, 'aa' as never))
    expect(reason).toBeInstanceOf(BadActionError)
    expect(reason).toMatchObject({ code: 'ERR_STATEM_ACTION', action: 'aa' })
    expect(log).toEqual([['terminate', reason, 'a', 1]])
  })

  it('S-35 a machine that traps exits terminates when its parent ends', async () => {
    const parent = idler(system)
    const ref = await start({ terminate }, { parent, link: true, trapExit: true })
    const ended = ending(system, ref.pid)
    system.exit(parent, 'boom')
    await w.clock.settle()
    expect(log).toEqual([['terminate', 'boom', 'a', 1]])
    expect(ended.reason).toBe('boom')
  })
})

describe('sys', () => {
  it('S-36 the state that sys shows is the pair of state and data', async () => {
    const ref = await start()
    expect(await sys.getState(ref)).toEqual(['a', 1])
  })
})
