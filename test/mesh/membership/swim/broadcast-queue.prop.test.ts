import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BroadcastQueue } from '../../../../mesh/membership/swim/broadcast-queue.ts'
import type { Update } from '../../../../mesh/membership/swim/message.ts'
import { retransmitLimit, swimSettings } from '../../../../mesh/membership/swim/settings.ts'

const news = (slot: number): Update => ({
  type: 'suspect',
  id: `m${slot}`,
  generation: 1,
  counter: 0,
  accuser: 'a',
})

function put(queue: BroadcastQueue, slot: number, bytes = 100, urgent = false): void {
  queue.put(slot, news(slot), { bytes, urgent })
}

function take(queue: BroadcastQueue, freeBytes: number, limit = 4, whole = false): string[] {
  const updates: Update[] = []
  queue.collect(updates, freeBytes, { limit, whole })
  return updates.map((update) => (update.type === 'statement' ? '' : update.id))
}

describe('the queue of news', () => {
  it('S27 sends each piece so often and no more', () => {
    const queue = new BroadcastQueue(0.5)
    put(queue, 1)
    const sent = Array.from({ length: 10 }, () => take(queue, 1_000, 4)).flat()
    expect(sent).toHaveLength(4)
    expect(queue.size).toBe(0)
  })

  it('S27 the limit is the multiplier times the logarithm of the cluster, rounded up', () => {
    const lan = swimSettings('lan')
    expect([1, 9, 10, 99, 100, 9_999].map((members) => retransmitLimit(lan, members))).toEqual([
      4, 4, 8, 8, 12, 16,
    ])
  })

  it('S29 least sent goes first, newest among equals', () => {
    const queue = new BroadcastQueue(0.5)
    for (const slot of [1, 2, 3]) put(queue, slot)
    expect(take(queue, 200)).toEqual(['m3', 'm2'])
    expect(take(queue, 200)).toEqual(['m1', 'm3'])
    put(queue, 4)
    // Of those sent once, the one that has waited least at that count.
    expect(take(queue, 200)).toEqual(['m4', 'm1'])
  })

  it('S29 case 10, memberlist #299: a storm of other news leaves deaths their share', () => {
    const queue = new BroadcastQueue(0.5)
    put(queue, 0, 100, true)
    for (let slot = 1; slot <= 500; slot++) put(queue, slot)
    expect(take(queue, 1_000)).toContain('m0')
    for (let slot = 501; slot <= 1_000; slot++) put(queue, slot)
    expect(take(queue, 1_000)).toContain('m0')
  })

  it('S29 a storm of deaths leaves other news theirs', () => {
    const queue = new BroadcastQueue(0.5)
    put(queue, 0)
    for (let slot = 1; slot <= 500; slot++) put(queue, slot, 100, true)
    const sent = take(queue, 1_000)
    expect(sent).toContain('m0')
    expect(sent).toHaveLength(10)
  })

  it('S28 the newest about a member replaces what waited', () => {
    const queue = new BroadcastQueue(0.5)
    for (let i = 0; i < 1_000; i++) put(queue, i % 7)
    expect(queue.size).toBe(7)
  })

  it('S27 case 9, cortex #4327: what does not fit is skipped, not lost, and gets its turn', () => {
    const queue = new BroadcastQueue(0.5)
    put(queue, 0, 900)
    let turns = 0
    for (let i = 1; i < 40 && queue.has(0); i++) {
      put(queue, i, 100)
      if (take(queue, 1_000, 1, true).includes('m0')) turns = i
    }
    expect(turns).toBeGreaterThan(0)
    expect(turns).toBeLessThan(10)
  })

  it('S44 case 20, al8n #165: news of a forgotten member are purged', () => {
    const queue = new BroadcastQueue(0.5)
    put(queue, 1)
    queue.delete(1)
    expect(take(queue, 1_000)).toEqual([])
    expect(queue.size).toBe(0)
  })

  it('S28 case 12, memberlist PR #167: a datagram looks at a bounded number of entries', () => {
    const queue = new BroadcastQueue(0.5)
    for (let slot = 0; slot < 10_000; slot++) put(queue, slot, 2_000)
    put(queue, 0, 10)
    expect(take(queue, 1_000)).toEqual(['m0'])
    // Three lists of 64 entries are looked at, never the ten thousand.
    const { entries } = queue.state()
    expect(entries.filter(({ misses }) => misses > 0).length).toBeLessThanOrEqual(192)
  })

  it('S27 S28 never exceeds the free bytes, never repeats within a datagram, and drains', () => {
    const entry = fc.record({
      slot: fc.nat(30),
      bytes: fc.integer({ min: 50, max: 900 }),
      urgent: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 60 }), fc.nat(1_000), (entries, freeBytes) => {
        const queue = new BroadcastQueue(0.5)
        const slots = new Set<number>()
        for (const { slot, bytes, urgent } of entries) {
          put(queue, slot, bytes, urgent)
          slots.add(slot)
        }
        expect(queue.size).toBe(slots.size)
        const bytesOf = new Map(queue.state().entries.map((each) => [`m${each.slot}`, each.bytes]))
        const sends = new Map<string, number>()
        for (let i = 0; i < slots.size * 5; i++) {
          const sent = take(queue, i % 2 === 0 ? freeBytes : 1_000, 4, true)
          expect(new Set(sent).size).toBe(sent.length)
          const bytes = sent.reduce((sum, id) => sum + (bytesOf.get(id) ?? 0), 0)
          expect(bytes).toBeLessThanOrEqual(i % 2 === 0 ? freeBytes : 1_000)
          for (const id of sent) sends.set(id, (sends.get(id) ?? 0) + 1)
        }
        for (let i = 0; i < slots.size * 5; i++) {
          for (const id of take(queue, 1_000, 4, true)) sends.set(id, (sends.get(id) ?? 0) + 1)
        }
        expect(queue.size).toBe(0)
        expect([...sends.values()].every((count) => count === 4)).toBe(true)
      }),
      { seed: 4_005, numRuns: 300 },
    )
  })
})
