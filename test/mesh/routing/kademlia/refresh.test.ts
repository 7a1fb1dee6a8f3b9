import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { Refresh } from '../../../../mesh/routing/kademlia/refresh.ts'
import { routingSettings } from '../../../../mesh/routing/kademlia/settings.ts'

function create(seed = 1): Refresh {
  const settings = routingSettings({ refreshIntervalMs: 1_000, refreshJitter: 0.5 })
  return new Refresh(settings, new RandomStream(seed, 1))
}

/** Buckets in the order in which they come due, each touched when it does, and when. */
function dues(refresh: Refresh, untilMs: number): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = []
  for (;;) {
    const nowMs = refresh.nextDeadline()
    if (nowMs > untilMs) return found
    const bucket = refresh.due(nowMs)
    found.push([bucket, nowMs])
    refresh.touched(bucket, nowMs)
  }
}

describe('Refresh', () => {
  it('K42 6.2#2 every covered bucket comes due again and again, each in its own time', () => {
    const refresh = create()
    refresh.cover(250, 0)
    const found = dues(refresh, 10_000)
    for (let bucket = 250; bucket < 256; bucket++) {
      const times = found.filter(([each]) => each === bucket).map(([, atMs]) => atMs)
      expect(times.length).toBeGreaterThanOrEqual(6)
      for (const [n, atMs] of times.entries()) {
        const passedMs = atMs - (times[n - 1] ?? 0)
        expect(passedMs).toBeGreaterThanOrEqual(500)
        expect(passedMs).toBeLessThanOrEqual(1_500)
      }
    }
    expect(new Set(found.map(([, atMs]) => atMs)).size).toBe(found.length)
  })

  it('K42 nodes that begin together do not refresh together', () => {
    const first = Array.from({ length: 20 }, (_, seed) => {
      const refresh = create(seed)
      refresh.cover(255, 0)
      return refresh.nextDeadline()
    })
    expect(new Set(first).size).toBeGreaterThan(15)
  })

  it('6.2#19 a lookup in a bucket postpones it, and one nearer than all entries the nearest', () => {
    const refresh = create()
    refresh.cover(254, 0)
    const firstMs = refresh.nextDeadline()
    const first = refresh.due(firstMs)
    refresh.touched(first, firstMs)
    expect(refresh.due(firstMs)).not.toBe(first)
    const nearest = create()
    nearest.cover(255, 0)
    for (const bucket of [3, -1]) {
      const dueMs = nearest.nextDeadline()
      nearest.touched(bucket, dueMs)
      expect(nearest.nextDeadline()).toBeGreaterThan(dueMs)
    }
  })

  it('K42 an empty table has nothing to refresh', () => {
    const refresh = create()
    refresh.touched(255, 0)
    expect([refresh.nextDeadline(), refresh.due(1e9)]).toEqual([Infinity, -1])
    refresh.cover(0, 0)
    expect(dues(refresh, 1_500).map(([bucket]) => bucket)).toContain(0)
    refresh.cover(-1, 0)
    expect(refresh.nextDeadline()).toBe(Infinity)
  })
})
