import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { bucketIndex, type KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { LookupResult } from '../../../../mesh/routing/kademlia/machine.ts'
import { Refresh } from '../../../../mesh/routing/kademlia/refresh.ts'
import { routingSettings } from '../../../../mesh/routing/kademlia/settings.ts'
import { Upkeep } from '../../../../mesh/routing/kademlia/upkeep.ts'
import { contactOf, keyOf } from './keys.ts'

const OWN = keyOf(2n ** 255n + 12_345n)

/** A lookup that found these, nearest first; the number is that of the bucket. */
function found(
  buckets: readonly number[],
  reason: LookupResult['reason'] = 'converged',
): Pick<LookupResult, 'closest' | 'reason'> {
  const distances = buckets.map((bucket) => 2n ** BigInt(bucket))
  const own = 2n ** 255n + 12_345n
  return { closest: distances.map((distance) => contactOf(keyOf(own ^ distance))), reason }
}

function create(nearest: number, mode: 'runs' | 'ends at once' | 'no place' = 'runs') {
  const scene = {
    begun: [] as (readonly [number, KadKey])[],
    joined: [] as number[],
    good: 1,
    mode,
  }
  const settings = routingSettings({ k: 3, refreshIntervalMs: 1_000, bootstrapBaseMs: 100 })
  const upkeep = new Upkeep({
    own: OWN,
    settings,
    refresh: new Refresh(settings, new RandomStream(1, 1)),
    random: new RandomStream(1, 2),
    host: {
      lookup: (lookupId, target) => {
        if (scene.mode === 'no place') return false
        scene.begun.push([lookupId, target])
        if (scene.mode === 'ends at once') upkeep.ended(lookupId, found([]))
        return true
      },
      joinLookedUp: (complete) => void scene.joined.push(complete),
      goodSize: () => scene.good,
      nearestBucket: () => nearest,
    },
  })
  upkeep.refresh(0)
  return { scene, upkeep }
}

describe('Upkeep', () => {
  it('K4 6.2#14 refreshes with keys inside the bucket, and its neighbourhood with its own key', () => {
    const { scene, upkeep } = create(252, 'ends at once')
    for (let n = 0; n < 20; n++) {
      upkeep.refresh(upkeep.nextDeadline())
      upkeep.account()
    }
    const buckets = new Set(scene.begun.map(([, target]) => bucketIndex(OWN, target)))
    expect([...buckets].sort((a, b) => a - b)).toEqual([-1, 253, 254, 255])
    const targets = scene.begun.map(([, target]) => target.hex).filter((hex) => hex !== OWN.hex)
    expect(new Set(targets).size).toBe(targets.length)
    expect(upkeep.refreshes).toBe(scene.begun.length)
  })

  it('6.2#1 takes few places for lookups at once', () => {
    const { scene, upkeep } = create(250)
    upkeep.refresh(10_000)
    expect([scene.begun.length, upkeep.nextDeadline()]).toEqual([2, Infinity])
    upkeep.ended(scene.begun[0]![0], found([]))
    expect(upkeep.isPending).toBe(true)
    upkeep.account()
    upkeep.refresh(10_000)
    expect([scene.begun.length, scene.joined]).toEqual([3, []])
  })

  it('6.2#2 tries again soon when there was no place, and not before', () => {
    const { scene, upkeep } = create(254, 'no place')
    const dueMs = upkeep.nextDeadline()
    upkeep.refresh(dueMs)
    expect(upkeep.nextDeadline()).toBe(dueMs + 100)
    scene.mode = 'runs'
    upkeep.refresh(dueMs + 99)
    expect(scene.begun).toEqual([])
    upkeep.refresh(dueMs + 100)
    expect(scene.begun.length).toBeGreaterThan(0)
  })

  it('K41 tells the ends of lookups of the join from those of refreshes', () => {
    const { scene, upkeep } = create(254)
    expect([upkeep.joinSelf(0), upkeep.joinIn(255, 0)]).toEqual([true, true])
    expect(scene.begun.map(([, target]) => bucketIndex(OWN, target))).toEqual([-1, 255])
    for (const [lookupId] of scene.begun) upkeep.ended(lookupId, found([]))
    upkeep.account()
    expect([scene.joined, upkeep.isPending]).toEqual([[0, 0], false])
    scene.mode = 'no place'
    expect(upkeep.joinSelf(0)).toBe(false)
  })

  it.each([
    ['the bucket of the k-th, when the k nearest have answered', found([7, 9, 250]), 250],
    ['nothing, when fewer have', found([7, 9]), 0],
    ['nothing, when there are no more', found([7, 9], 'exhausted'), 0],
    ['nothing, when it did not end by itself', found([7, 9, 250], 'deadline'), 0],
  ])('K41 a lookup of itself has found everybody before %s', (_, result, complete) => {
    const { scene, upkeep } = create(0)
    upkeep.joinSelf(0)
    upkeep.ended(scene.begun[0]![0], result)
    upkeep.account()
    expect(scene.joined).toEqual([complete])
  })

  it('K40 an empty table has nothing to refresh', () => {
    const { scene, upkeep } = create(254)
    scene.good = 0
    upkeep.refresh(10_000)
    expect([scene.begun.length, upkeep.nextDeadline()]).toEqual([0, Infinity])
  })

  it('6.2#19 lookups of others postpone the refresh', () => {
    const { upkeep } = create(255)
    const dueMs = upkeep.nextDeadline()
    upkeep.touched(keyOf(1n), dueMs)
    expect(upkeep.nextDeadline()).toBeGreaterThan(dueMs)
  })
})
