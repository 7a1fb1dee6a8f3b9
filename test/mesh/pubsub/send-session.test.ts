import { describe, expect, it } from 'vitest'
import { SendSession } from '../../../mesh/pubsub/send-session.ts'
import type { ItemEnd, SessionSink } from '../../../mesh/pubsub/send-session.ts'

const SETTINGS = {
  windowMessagesMax: 3,
  windowBytesMax: 100,
  retryBaseMs: 100,
  retryMaxMs: 1_000,
  retryJitter: 0,
}

function session(settings: Partial<typeof SETTINGS> = {}) {
  const sent: (readonly [number, number])[] = []
  const over: (readonly [number, ItemEnd])[] = []
  let takes = true
  const sink: SessionSink<string> = {
    send: ({ number }, { previous }) => {
      sent.push([number, previous])
      return takes
    },
    over: ({ number }, end) => void over.push([number, end]),
  }
  const machine = new SendSession<string>(7, { ...SETTINGS, ...settings }, () => 0.5)
  const state = (next: number, unsettled: number[] = [], held: number[] = []) =>
    ({ type: 'state', session: 7, next, unsettled, held }) as const
  const refuse = (): void => {
    takes = false
  }
  const take = (): void => {
    takes = true
  }
  return { machine, sink, sent, over, state, refuse, take }
}

describe('a sending session', () => {
  it('sends within the window, each with the one before it', () => {
    const { machine, sink, sent } = session()
    for (let i = 0; i < 5; i++) machine.add('x', 10, 10_000)
    machine.pump(0, sink)
    expect(sent).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ])
    expect([machine.size, machine.bytes, machine.hasRoom]).toEqual([5, 50, false])
  })

  it('lets one through that is larger than the window, and nothing beside it', () => {
    const { machine, sink, sent, state } = session()
    machine.add('large', 500, 10_000)
    machine.add('small', 1, 10_000)
    machine.pump(0, sink)
    expect(sent).toHaveLength(1)
    machine.acknowledge(state(2), 1, sink)
    expect(sent.at(-1)).toEqual([2, 0])
  })

  it('repeats with waits that double up to the longest', () => {
    const { machine, sink, sent } = session()
    machine.add('x', 1, 100_000)
    machine.pump(0, sink)
    const times: number[] = []
    for (let now = 0; now < 5_000; now += 10) {
      const { length } = sent
      if (machine.nextDueMs <= now) machine.tick(now, sink)
      if (sent.length > length) times.push(now)
    }
    expect(times).toEqual([100, 300, 700, 1_500, 2_500, 3_500, 4_500])
  })

  it('does not repeat what is there and not settled until the longest wait is over', () => {
    const { machine, sink, sent, over, state } = session()
    machine.add('x', 1, 100_000)
    machine.pump(0, sink)
    machine.acknowledge(state(2, [1, 1]), 5, sink)
    machine.tick(900, sink)
    expect([sent.length, over]).toEqual([1, []])
    machine.tick(1_005, sink)
    expect(sent.length).toBe(2)
    machine.acknowledge(state(2), 1_010, sink)
    expect(over).toEqual([[1, 'acknowledged']])
  })

  it('repeats at once what later ones have overtaken', () => {
    const { machine, sink, sent, state } = session()
    for (let i = 0; i < 3; i++) machine.add('x', 1, 100_000)
    machine.pump(0, sink)
    machine.acknowledge(state(0, [], [2, 3]), 5, sink)
    expect(sent.slice(3)).toEqual([[1, 0]])
  })

  it('repeats what a receiver without memory does not know any more', () => {
    const { machine, sink, sent, state } = session()
    for (let i = 0; i < 3; i++) machine.add('x', 1, 100_000)
    machine.pump(0, sink)
    machine.acknowledge(state(4, [1, 3]), 5, sink)
    machine.acknowledge(state(0), 10, sink)
    expect(sent.slice(3)).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ])
  })

  it('tells the next one that nothing is before it when the first is given up', () => {
    const { machine, sink, sent, over } = session()
    machine.add('short', 1, 50)
    machine.add('long', 1, 10_000)
    machine.pump(0, sink)
    expect(machine.nextDueMs).toBe(50)
    machine.tick(50, sink)
    expect(over).toEqual([[1, 'expired']])
    expect(sent.at(-1)).toEqual([2, 0])
  })

  it('asks a silent receiver with few messages, and sends the rest when it speaks', () => {
    const { machine, sink, sent, state } = session({ windowMessagesMax: 100 })
    for (let i = 0; i < 50; i++) machine.add('x', 1, 1_000_000)
    machine.pump(0, sink)
    for (let now = 0; now < 10_000; now += 100) machine.tick(now, sink)
    const silent = sent.length
    expect(silent).toBeLessThan(50 * 3 + 80)
    machine.acknowledge(state(0), 10_001, sink)
    expect(sent.length - silent).toBe(50)
  })

  it('stops when it is told to, and goes on where it was', () => {
    const { machine, sink, sent, refuse, take } = session()
    machine.add('x', 1, 10_000)
    machine.add('x', 1, 10_000)
    refuse()
    machine.pump(0, sink)
    expect(sent).toHaveLength(1)
    take()
    machine.pump(1, sink)
    expect(sent.at(-1)).toEqual([2, 1])
  })

  it('ends with everything that it has, and goes on with the numbers of a life before', () => {
    const { machine, sink, over } = session()
    machine.add('x', 1, 10_000, 5)
    machine.add('x', 1, 10_000, 9)
    expect(machine.add('x', 1, 10_000)).toBe(10)
    machine.end('denied', sink)
    expect(over.map(([number]) => number)).toEqual([5, 9, 10])
    expect([machine.size, machine.bytes]).toEqual([0, 0])
  })
})
