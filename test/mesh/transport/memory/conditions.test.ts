import { describe, expect, it } from 'vitest'
import {
  checkConditions,
  LINK_CONDITIONS,
  travelMs,
} from '../../../../mesh/transport/memory/conditions.ts'
import type { JitterKind, LinkConditions } from '../../../../mesh/transport/memory/conditions.ts'
import { LinkChance } from '../../../../mesh/transport/memory/link-chance.ts'
import { Pipe } from '../../../../mesh/transport/memory/pipe.ts'
import { createSimClock } from '../../../../runtime/index.ts'

/** Sends datagrams 0 to `count` - 1, one each `everyMs`; gives what arrived, with its time. */
async function arrivals(
  conditions: Partial<LinkConditions>,
  count: number,
  { everyMs = 1, bytes = 4 } = {},
): Promise<{ n: number; atMs: number }[]> {
  const clock = createSimClock()
  const arrived: { n: number; atMs: number }[] = []
  const pipe = new Pipe({
    clock,
    chance: new LinkChance(1, 'a>b'),
    conditions: { ...LINK_CONDITIONS, latencyMs: 10, ...conditions },
    deliver: (frame) => {
      if (frame.type !== 'datagram') return
      arrived.push({ n: Buffer.from(frame.bytes).readUInt32BE(0), atMs: clock.now() })
    },
  })
  for (let n = 0; n < count; n++) {
    const payload = Buffer.alloc(bytes)
    payload.writeUInt32BE(n, 0)
    pipe.sendOnce({ type: 'datagram', bytes: payload })
    if (everyMs > 0) await clock.advance(everyMs)
  }
  await clock.advance(60_000)
  return arrived
}

const share = (part: number, of: number): number => part / of

describe('the spread of latencies', () => {
  const draws = Array.from({ length: 10_000 }, (_, i) => (i + 0.5) / 10_000)
  const timesOf = (jitterKind: JitterKind): number[] =>
    draws.map((u) => travelMs({ ...LINK_CONDITIONS, latencyMs: 5, jitterMs: 20, jitterKind }, u))
  const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length

  it.each([
    ['uniform', 15, 5, 25],
    ['normal', 25, 5, Infinity],
    ['exponential', 25, 5, Infinity],
    ['heavy_tail', 25, 5, Infinity],
  ] as const)('%s has the mean and the least and the most it promises', (kind, about, min, max) => {
    const times = timesOf(kind)
    expect(Math.min(...times)).toBeGreaterThanOrEqual(min)
    expect(Math.max(...times)).toBeLessThanOrEqual(max)
    expect(Math.abs(mean(times) - about)).toBeLessThan(about * 0.02)
  })

  it('a heavy tail has one in a hundred beyond nine times the scale', () => {
    const late = timesOf('heavy_tail').filter((ms) => ms > 5 + 9 * 20)
    expect(late).toHaveLength(100)
  })
})

describe('datagrams', () => {
  it('come twice in the share that is asked for, and are otherwise those that were sent', async () => {
    const arrived = await arrivals({ duplicateRatio: 0.2 }, 2_000)
    const times = new Map<number, number>()
    for (const { n } of arrived) times.set(n, (times.get(n) ?? 0) + 1)
    const twice = [...times.values()].filter((count) => count === 2).length
    expect(times.size).toBe(2_000)
    expect(Math.max(...times.values())).toBe(2)
    expect(Math.abs(share(twice, 2_000) - 0.2)).toBeLessThan(0.03)
  })

  it('are overtaken in the share that is held back, and keep their order otherwise', async () => {
    const inOrder = await arrivals({}, 500)
    expect(inOrder.map(({ n }) => n)).toEqual(Array.from({ length: 500 }, (_, n) => n))
    const arrived = await arrivals({ reorderRatio: 0.1, reorderMs: 25 }, 2_000)
    const late = arrived.filter(({ n, atMs }) => atMs === n + 10 + 25)
    expect(Math.abs(share(late.length, 2_000) - 0.1)).toBeLessThan(0.03)
    expect(arrived.filter(({ n, atMs }) => atMs === n + 10)).toHaveLength(2_000 - late.length)
  })

  it('wait for a narrow line, and are lost when its queue is full, not before', async () => {
    // 100 bytes at 10,000 bytes a second are 10 ms each; 10 of them fill a queue of 1,000.
    const conditions = { bytesPerSecond: 10_000, queueBytesMax: 1_000 }
    const arrived = await arrivals(conditions, 11, { everyMs: 0, bytes: 100 })
    expect(arrived.map(({ n }) => n)).toEqual(Array.from({ length: 10 }, (_, n) => n))
    expect(arrived.map(({ atMs }) => atMs)).toEqual(
      Array.from({ length: 10 }, (_, n) => 10 + (n + 1) * 10),
    )
  })

  it('have the same fate whatever becomes of others on other links, and by number on their own', async () => {
    const conditions = { lossRatio: 0.3, jitterMs: 7, duplicateRatio: 0.1 }
    const first = await arrivals(conditions, 300)
    expect(await arrivals(conditions, 300)).toEqual(first)
    // More messages later change nothing about those before.
    const more = await arrivals(conditions, 400)
    expect(more.filter(({ n }) => n < 300)).toEqual(first)
    const [one, other] = [new LinkChance(1, 'a>b'), new LinkChance(1, 'a>c')]
    const fates = (chance: LinkChance): number[] =>
      Array.from({ length: 50 }, (_, n) => chance.at('datagram', n, 1))
    expect(fates(one)).not.toEqual(fates(other))
    expect(fates(new LinkChance(1, 'a>b'))).toEqual(fates(one))
  })
})

describe('conditions that make no sense', () => {
  it.each([
    [{ lossRatio: 1.1 }, 'lossRatio'],
    [{ duplicateRatio: -0.1 }, 'duplicateRatio'],
    [{ latencyMs: -1 }, 'latencyMs'],
    [{ bytesPerSecond: 0 }, 'bytesPerSecond'],
    [{ jitterKind: 'bell' }, 'jitterKind'],
    [{ lossRation: 0.1 }, 'lossRation'],
  ])('are refused by name: %j', (given, name) => {
    expect(() => checkConditions(given as Partial<LinkConditions>)).toThrow(name)
    expect(() => checkConditions({ lossRatio: 1, latencyMs: 0 })).not.toThrow()
  })
})
