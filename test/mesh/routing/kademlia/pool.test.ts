import { describe, expect, it } from 'vitest'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import { distanceOf, LookupScene, peerAt, replyTo, SMALL } from './lookup-scene.ts'

const table = (...distances: number[]) => distances.map((distance) => peerAt(distance))

describe('how many lookups there are', () => {
  it('runs so many at once, lets so many wait and refuses the next', () => {
    const scene = new LookupScene(table(10), { ...SMALL, lookupsMax: 2, lookupQueueMax: 2 })
    for (const lookupId of [1, 2, 3, 4]) expect(scene.start({}, lookupId)).toBe(true)
    expect(scene.start({}, 5)).toBe(false)
    expect([scene.pool.size, scene.pool.queued]).toEqual([2, 2])
    expect(scene.asked).toHaveLength(2)
    scene.answer(10)
    expect([scene.pool.size, scene.pool.queued]).toEqual([2, 1])
    for (let i = 0; i < 3; i++) scene.answer(10)
    expect([...scene.results.keys()]).toEqual([1, 2, 3, 4])
    expect([scene.pool.size, scene.pool.queued]).toEqual([0, 0])
  })

  it('begins those that wait in their order, also several that end at once', () => {
    const scene = new LookupScene(table(10), { ...SMALL, lookupsMax: 1 })
    for (const lookupId of [1, 2, 3, 4]) scene.start({}, lookupId)
    scene.table = []
    scene.answer(10)
    expect([...scene.results.keys()]).toEqual([1, 2, 3, 4])
    expect(scene.results.get(4)?.reason).toBe('exhausted')
  })

  it('starts from the table as it is when a lookup gets its place', () => {
    const scene = new LookupScene(table(10), { ...SMALL, lookupsMax: 1 })
    scene.start({}, 1)
    scene.start({}, 2)
    scene.table = table(7)
    scene.answer(10)
    expect(scene.asking()).toEqual([7])
  })

  it('never starts two lookups of one id', () => {
    const scene = new LookupScene(table(10))
    scene.start({}, 1)
    expect(() => scene.start({}, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_INVARIANT_DHT_LOOKUP' }),
    )
  })
})

describe('the time of a lookup', () => {
  it('K16 ends at its deadline with what it has', () => {
    const scene = new LookupScene(table(10, 20, 30))
    scene.start({ alpha: 3, deadlineMs: 500 })
    scene.answer(20)
    scene.advance(499)
    expect(scene.results.size).toBe(0)
    scene.advance(1)
    expect(scene.results.get(1)).toMatchObject({ reason: 'deadline', elapsedMs: 500 })
    expect(scene.found()).toEqual([20])
    expect(scene.cancelled).toHaveLength(2)
  })

  it('has a deadline by default, and no request outlives it', () => {
    const scene = new LookupScene(table(10), { ...SMALL, lookupTimeoutMs: 3_000 })
    scene.nowMs = 100
    scene.start()
    expect([...scene.open.values()][0]?.deadlineMs).toBe(2_100)
    scene.advance(1_900)
    scene.answer(10, [5])
    expect([...scene.open.values()][0]?.deadlineMs).toBe(3_100)
    scene.advance(1_100)
    expect(scene.results.get(1)?.reason).toBe('deadline')
  })

  it('ends with it, not as if nobody were there, when its requests end first', () => {
    const scene = new LookupScene(table(10, 20))
    scene.start({ alpha: 2, deadlineMs: 500 })
    scene.nowMs = 500
    scene.fail(10)
    expect(scene.results.get(1)).toMatchObject({ reason: 'deadline', closest: [] })
    expect([scene.pool.size, scene.pool.nextDeadline()]).toEqual([0, Infinity])
    expect(scene.cancelled).toHaveLength(1)
  })

  it('counts the time in the queue', () => {
    const scene = new LookupScene(table(10), { ...SMALL, lookupsMax: 1 })
    scene.start({ deadlineMs: 1_000 }, 1)
    scene.start({ deadlineMs: 400 }, 2)
    scene.advance(400)
    expect(scene.results.get(2)).toMatchObject({ reason: 'deadline', closest: [], requests: 0 })
    expect(scene.pool.queued).toBe(0)
    expect(scene.pool.size).toBe(1)
  })

  it('sets no mark for slowness behind the deadline of the request', () => {
    const scene = new LookupScene(table(10))
    scene.softTimeoutMs = 2_000
    scene.start()
    expect(scene.pool.nextDeadline()).toBe(30_000)
  })
})

describe('who ends a lookup', () => {
  it('K48 cancelled: no request, deadline or place in the queue is left, and nothing is said', () => {
    const scene = new LookupScene(table(10, 20), { ...SMALL, lookupsMax: 1 })
    scene.start({}, 1)
    scene.start({}, 2)
    const [first] = scene.open.keys()
    scene.pool.cancel(scene.nowMs, 2)
    expect(scene.pool.queued).toBe(0)
    scene.pool.cancel(scene.nowMs, 1)
    scene.pool.cancel(scene.nowMs, 1)
    expect(scene.open.size).toBe(0)
    expect(scene.cancelled).toHaveLength(2)
    expect([scene.pool.size, scene.pool.queued, scene.pool.requests]).toEqual([0, 0, 0])
    expect(scene.pool.owns(first!)).toBe(false)
    expect(scene.pool.nextDeadline()).toBe(Infinity)
    expect(scene.results.size).toBe(0)
  })

  it('cancelled: its place goes to the next', () => {
    const scene = new LookupScene(table(10), { ...SMALL, lookupsMax: 1 })
    scene.start({}, 1)
    scene.start({}, 2)
    scene.pool.cancel(scene.nowMs, 1)
    scene.answer(10)
    expect([...scene.results.keys()]).toEqual([2])
  })

  it('stopped: ends with what it has, running or not', () => {
    const scene = new LookupScene(table(10, 20), { ...SMALL, lookupsMax: 1 })
    scene.start({}, 1)
    scene.start({}, 2)
    scene.answer(20)
    scene.pool.stop(scene.nowMs, 2)
    expect(scene.results.get(2)).toMatchObject({ reason: 'stopped', closest: [] })
    scene.pool.stop(scene.nowMs, 1)
    expect(scene.results.get(1)?.reason).toBe('stopped')
    expect(scene.found()).toEqual([20])
    scene.pool.stop(scene.nowMs, 1)
    expect(scene.results.size).toBe(2)
    expect(scene.pool.nextDeadline()).toBe(Infinity)
  })

  it('nobody: an answer that nobody waits for changes nothing', () => {
    const scene = new LookupScene(table(10))
    scene.start()
    const request = [...scene.open.values()][0]!
    scene.pool.cancel(scene.nowMs, 1)
    scene.pool.answered(0, request.requestId, request.to, replyTo(request.question, table(5)))
    scene.pool.failed(0, request.requestId)
    expect(scene.replies).toEqual([])
    expect(scene.asked).toHaveLength(1)
  })
})

describe('the answers of a lookup', () => {
  it('go up as they come, of every kind, before the end of the lookup', () => {
    for (const kind of ['find_node', 'find_value', 'get_providers'] as const) {
      const scene = new LookupScene(table(10, 20))
      scene.start({ kind })
      expect([...scene.open.values()][0]?.question).toMatchObject({ kind, count: 8 })
      scene.answer(20)
      expect(scene.replies.map(({ from }) => distanceOf(from))).toEqual([20])
      scene.answer(10)
      expect(scene.replies.map(({ from }) => distanceOf(from))).toEqual([20, 10])
    }
  })

  it('of another kind, about another key or of another node are failures', () => {
    const scene = new LookupScene(table(10, 20, 30))
    scene.start({ alpha: 3 })
    const [first, second, third] = [...scene.open.values()]
    const { question } = first!
    scene.pool.answered(
      0,
      first!.requestId,
      first!.to,
      replyTo({ ...question, kind: 'find_value' }, []),
    )
    const target = keyFromHex('f'.repeat(64))
    scene.pool.answered(0, second!.requestId, second!.to, replyTo({ ...question, target }, []))
    scene.pool.answered(0, third!.requestId, peerAt(31), replyTo(question, []))
    expect(scene.results.get(1)).toMatchObject({ closest: [], failures: 3 })
    expect(scene.replies).toEqual([])
  })

  it('are from where they came, not from where the node was said to be', () => {
    const scene = new LookupScene(table(10))
    scene.start()
    const request = [...scene.open.values()][0]!
    const from = peerAt(10, 'moved')
    scene.pool.answered(0, request.requestId, from, replyTo(request.question, []))
    expect(scene.results.get(1)?.closest).toEqual([from])
  })
})

describe('what is left of lookups', () => {
  it('K48 6.2 case 3: nothing, after 100,000 of them, cancelled, stopped and ended', () => {
    const scene = new LookupScene(table(10, 20, 30), { ...SMALL, lookupsMax: 8 })
    let queuedMax = 0
    let refused = 0
    for (let lookupId = 1; lookupId <= 100_000; lookupId++) {
      if (!scene.start({ deadlineMs: scene.nowMs + 5 }, lookupId)) refused++
      queuedMax = Math.max(queuedMax, scene.pool.queued)
      if (lookupId % 3 === 0) scene.pool.cancel(scene.nowMs, lookupId - 1)
      if (lookupId % 5 === 0) scene.pool.stop(scene.nowMs, lookupId)
      const [request] = scene.open.values()
      if (lookupId % 2 === 0 && request !== undefined) scene.answer(distanceOf(request.to))
      if (lookupId % 7 === 0) scene.advance(3)
      scene.asked.length = 0
      scene.cancelled.length = 0
      scene.replies.length = 0
      scene.results.clear()
    }
    scene.advance(5)
    expect(refused).toBe(0)
    expect(queuedMax).toBeGreaterThan(0)
    expect([scene.pool.size, scene.pool.queued, scene.pool.requests]).toEqual([0, 0, 0])
    expect(scene.open.size).toBe(0)
    expect(scene.pool.nextDeadline()).toBe(Infinity)
  })
})
