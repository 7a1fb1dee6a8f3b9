import { describe, expect, it } from 'vitest'
import { Pipe } from '../../../../mesh/transport/memory/pipe.ts'
import { LINK_CONDITIONS } from '../../../../mesh/transport/memory/conditions.ts'
import type { LinkConditions } from '../../../../mesh/transport/memory/conditions.ts'
import { LinkChance } from '../../../../mesh/transport/memory/link-chance.ts'
import { createSimClock } from '../../../../runtime/index.ts'
import type { SimClock } from '../../../../runtime/index.ts'

function setUp(conditions: Partial<LinkConditions> = {}): {
  clock: SimClock
  pipe: Pipe
  arrived: string[]
} {
  const clock = createSimClock()
  const arrived: string[] = []
  const pipe = new Pipe({
    clock,
    chance: new LinkChance(1, 'a>b'),
    conditions: { ...LINK_CONDITIONS, latencyMs: 10, ...conditions },
    deliver: (frame) => {
      const name = frame.type === 'credit' ? `${frame.stream}:${frame.length}` : frame.type
      arrived.push(`${clock.now()} ${name}`)
    },
  })
  return { clock, pipe, arrived }
}

const numbered = (stream: number, length: number): Parameters<Pipe['send']>[0] => ({
  type: 'credit',
  stream,
  length,
})

describe('Pipe', () => {
  it('keeps the order of one stream whatever the jitter, and lets streams overtake', async () => {
    const { clock, pipe, arrived } = setUp({ jitterMs: 50, lossRatio: 0.2 })
    const orders = [{ arrivesAtMs: 0 }, { arrivesAtMs: 0 }]
    for (let i = 0; i < 100; i++) {
      orders.forEach((order, stream) => pipe.send(numbered(stream, i), order))
      await clock.advance(1)
    }
    await clock.advance(10_000)
    const names = arrived.map((line) => line.split(' ')[1]!)
    for (const stream of ['0:', '1:']) {
      const own = names.filter((name) => name.startsWith(stream))
      expect(own).toEqual(Array.from({ length: 100 }, (_, i) => `${stream}${i}`))
    }
    expect(names).not.toEqual(names.toSorted())
    expect(names.indexOf('1:1')).not.toBe(names.indexOf('0:1') + 1)
  })

  it('lets nothing arrive before the first frame and nothing after the last', async () => {
    const { clock, pipe, arrived } = setUp({ jitterMs: 50 })
    pipe.sendFirst({ type: 'finished' })
    for (let i = 0; i < 20; i++) pipe.send(numbered(i, 0), { arrivesAtMs: 0 })
    pipe.sendLast({ type: 'close', by: 'peer', code: 0, reason: '' })
    await clock.advance(1_000)
    expect(arrived).toHaveLength(22)
    expect(arrived[0]).toContain('finished')
    expect(arrived[21]).toContain('close')
  })

  it('holds what a cut stops, even what was on its way, and keeps its order', async () => {
    const { clock, pipe, arrived } = setUp()
    const order = { arrivesAtMs: 0 }
    pipe.send(numbered(0, 1), order)
    await clock.advance(5)
    pipe.setCut(true)
    pipe.send(numbered(0, 2), order)
    pipe.sendOnce({ type: 'datagram', bytes: new Uint8Array(1) })
    await clock.advance(7) // 1 was stopped, 2 is on its way
    pipe.setCut(false)
    pipe.send(numbered(0, 3), order)
    await clock.advance(100)
    expect(arrived.map((line) => line.split(' ')[1])).toEqual(['0:1', '0:2', 'datagram', '0:3'])
  })

  it.each([
    { goneAtMs: 9, heals: 11, arrives: ['0:1', '0:2', '0:3'], what: 'before a cut stopped any' },
    {
      goneAtMs: 11,
      heals: 30,
      arrives: [],
      what: 'when a cut held some, which nobody sends again',
    },
    { goneAtMs: 9, heals: 30, arrives: [], what: 'before a cut stopped some' },
    { goneAtMs: 9, heals: 12, arrives: [], what: 'and a gap is never passed by what follows' },
  ])('of a sender that is gone $arrives come, $what', async ({ goneAtMs, heals, arrives }) => {
    const { clock, pipe, arrived } = setUp()
    const order = { arrivesAtMs: 0 }
    pipe.send(numbered(0, 1), order)
    await clock.advance(2)
    for (const n of [2, 3]) pipe.send(numbered(0, n), order)
    if (heals > 11) pipe.setCut(true)
    for (let atMs = 3; atMs < 50; atMs++) {
      await clock.advance(1)
      if (atMs === goneAtMs) pipe.abandon()
      if (atMs === heals) pipe.setCut(false)
    }
    expect(arrived.map((line) => line.split(' ')[1])).toEqual(arrives)
  })

  it('a cut inside a delivery holds the rest', async () => {
    const { clock, pipe, arrived } = setUp()
    pipe.setCut(true)
    const order = { arrivesAtMs: 0 }
    for (let i = 0; i < 3; i++) pipe.send(numbered(0, i), order)
    await clock.advance(50)
    pipe.setCut(false)
    pipe.setCut(true)
    await clock.advance(50)
    expect(arrived).toEqual([])
    pipe.setCut(false)
    await clock.advance(0)
    expect(arrived).toHaveLength(3)
  })

  it('delivers nothing after it was stopped and leaves no timer', async () => {
    const { clock, pipe, arrived } = setUp()
    pipe.send(numbered(0, 1), { arrivesAtMs: 0 })
    pipe.stop()
    pipe.send(numbered(0, 2), { arrivesAtMs: 0 })
    expect(clock.timerCount).toBe(0)
    await clock.advance(100)
    expect(arrived).toEqual([])
  })
})
