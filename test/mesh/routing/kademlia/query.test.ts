import { describe, expect, it } from 'vitest'
import { LookupPath, Peer } from '../../../../mesh/routing/kademlia/query.ts'
import { distanceOf, LookupScene, peerAt, SMALL, TARGET } from './lookup-scene.ts'

const table = (...distances: number[]) => distances.map((distance) => peerAt(distance))

describe('whom a path asks', () => {
  it('MG18 K14 has at most alpha requests in flight, to the nearest', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50))
    scene.start()
    expect(scene.asking()).toEqual([10, 20])
    scene.answer(20, [5, 6])
    expect(scene.asking()).toEqual([5, 10])
    scene.fail(5)
    expect(scene.asking()).toEqual([6, 10])
  })

  it('K14 asks all of the k nearest and nobody else once the beta nearest have answered', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50, 60))
    scene.start()
    scene.answer(10)
    expect(scene.asking()).toEqual([20, 30])
    scene.answer(20)
    expect(scene.asking()).toEqual([30, 40])
    expect(scene.results.size).toBe(0)
  })

  it('K14 never widens with beta 0', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50), { ...SMALL, k: 5 })
    scene.start({ alpha: 1, beta: 0 })
    for (const distance of [10, 20, 30, 40]) {
      expect(scene.asking()).toEqual([distance])
      scene.answer(distance)
    }
    expect(scene.asking()).toEqual([50])
  })

  it('K14 widens to k when a round of answers brought nothing nearer', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50, 60), { ...SMALL, k: 6 })
    scene.start({ alpha: 2, beta: 2 })
    // The nearest is not answering: by itself that would keep the search narrow.
    scene.answer(20)
    expect(scene.asking()).toEqual([10, 30])
    scene.answer(30)
    expect(scene.asking()).toEqual([10, 40, 50, 60])
  })

  it('K21 does not widen for answers alone that were asked for before the nearest was known', () => {
    const scene = new LookupScene(table(30, 40, 50, 60, 70, 80, 90), { ...SMALL, k: 8 })
    scene.start({ alpha: 2, beta: 2 })
    scene.advance(300)
    scene.answer(30, [10])
    // These were asked before anybody told of 10: that they tell nothing nearer says nothing.
    for (const distance of [40, 50]) scene.answer(distance)
    expect(scene.asking()).toEqual([10, 60])
    scene.answer(60)
    expect(scene.asking()).toEqual([10, 70])
    // This one was asked after it.
    scene.answer(70)
    expect(scene.asking()).toEqual([10, 80, 90])
  })

  it('K14 gives the place of a slow request to another one', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50, 60), { ...SMALL, beta: 0 })
    scene.start()
    scene.advance(299)
    expect(scene.asking()).toEqual([10, 20])
    scene.advance(1)
    expect(scene.asking()).toEqual([10, 20, 30, 40])
    expect(scene.pool.requests).toBe(4)
  })

  it('K14 uses late answers', () => {
    const scene = new LookupScene(table(10, 20, 30, 40))
    scene.start({ trace: true })
    scene.advance(300)
    scene.answer(10, [1])
    expect(scene.hops.map(({ outcome }) => outcome)).toEqual(['slow', 'slow', 'late'])
    scene.answer(30)
    expect(scene.asking()).toContain(1)
    for (const distance of [20, 1]) scene.answer(distance)
    expect(scene.found()).toEqual([1, 10, 20, 30])
  })

  it('K25 asks who takes the place of a slow peer before that has failed', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50, 60))
    scene.start({ alpha: 4 })
    for (const distance of [20, 30, 40]) scene.answer(distance)
    expect(scene.asking()).toEqual([10])
    scene.advance(300)
    expect(scene.asking()).toEqual([10, 50])
    scene.answer(50)
    expect(scene.results.size).toBe(0)
    scene.fail(10)
    expect(scene.found()).toEqual([20, 30, 40, 50])
  })

  it('K17 does not wait for who was asked in place of a slow peer when that answers after all', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50, 60))
    scene.start({ alpha: 4 })
    for (const distance of [20, 30, 40]) scene.answer(distance)
    scene.advance(300)
    expect(scene.asking()).toEqual([10, 50])
    scene.answer(10)
    expect(scene.found()).toEqual([10, 20, 30, 40])
    expect(scene.open.size).toBe(0)
  })

  it('asks peers that are down last, and only when fewer than k others are known', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50))
    scene.down.add(peerAt(10).id)
    scene.start({ alpha: 5 })
    expect(scene.asking()).toEqual([20, 30, 40, 50])
    scene.fail(20)
    expect(scene.asking()).toEqual([10, 30, 40, 50])
    for (const distance of [10, 30, 40, 50]) scene.answer(distance)
    expect(scene.found()).toEqual([10, 30, 40, 50])
  })

  it('takes a peer that was held for down and has answered like any other', () => {
    const scene = new LookupScene(table(10, 20, 30, 40))
    scene.down.add(peerAt(10).id)
    scene.start({ alpha: 4 })
    for (const distance of [10, 20, 30]) scene.answer(distance)
    scene.answer(40, [60, 70])
    expect(scene.found()).toEqual([10, 20, 30, 40])
    expect(scene.asked).toHaveLength(4)
  })

  it('notices that a peer went down while it waited', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50))
    scene.start()
    scene.down.add(peerAt(30).id)
    scene.answer(10)
    expect(scene.asking()).toEqual([20, 40])
  })

  it('remembers a bounded number of peers that wait: the nearest, and whom it has asked', () => {
    const path = new LookupPath({
      index: 3,
      target: TARGET,
      width: 4,
      alpha: 1,
      beta: 0,
      requestsMax: 9,
      peersMax: 3,
    })
    const peer = (distance: number) => new Peer(peerAt(distance), 1, false)
    const [first, second, third] = [peer(30), peer(10), peer(20)]
    for (const one of [first, second, third]) expect(path.add(one)).toBeUndefined()
    const farther = peer(40)
    expect(path.add(farther)).toBe(farther)
    expect(farther.paths).toBe(0)
    expect(path.add(peer(5))).toBe(first)
    third.state = 'asked'
    expect(path.add(peer(6))).toBe(second)
    expect(path.peers.map(({ contact }) => distanceOf(contact))).toEqual([5, 6, 20])
    for (const one of path.peers) one.state = 'asked'
    expect(path.add(peer(50))).toBeUndefined()
    expect(path.peers).toHaveLength(4)
  })
})

describe('when a path ends', () => {
  it('K17 not before the k nearest that have not failed have answered', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50))
    scene.start({ alpha: 5, beta: 0 })
    for (const distance of [40, 30, 20]) scene.answer(distance)
    expect(scene.results.size).toBe(0)
    scene.fail(10)
    expect(scene.asking()).toEqual([50])
    scene.answer(50)
    expect(scene.results.get(1)).toMatchObject({ reason: 'converged', requests: 5, failures: 1 })
    expect(scene.found()).toEqual([20, 30, 40, 50])
  })

  it('K17 6.2 case 2: as soon as they have, although farther peers are known', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50, 60, 70))
    scene.start({ alpha: 5 })
    for (const distance of [10, 20, 30, 40]) scene.answer(distance, [80, 90])
    expect(scene.results.get(1)).toMatchObject({ reason: 'converged', requests: 4 })
    expect(scene.asked).toHaveLength(4)
  })

  it('K17 6.2 case 9: whoever answers last without news does not end it', () => {
    const scene = new LookupScene(table(100, 200, 300))
    scene.start({ alpha: 3, beta: 0 })
    scene.answer(100, [10, 20, 30, 40])
    scene.answer(200)
    scene.answer(300)
    expect(scene.results.size).toBe(0)
    expect(scene.asking()).toEqual([10, 20, 30])
    scene.answer(30, [5])
    scene.answer(10)
    expect(scene.results.size).toBe(0)
    for (const distance of [5, 20]) scene.answer(distance)
    expect(scene.found()).toEqual([5, 10, 20, 30])
  })

  it('K17 when nobody is left to ask', () => {
    const scene = new LookupScene(table(10, 20))
    scene.start()
    scene.answer(10, [30])
    scene.fail(20)
    scene.answer(30)
    expect(scene.results.get(1)?.reason).toBe('exhausted')
    expect(scene.found()).toEqual([10, 30])
  })

  it('K17 not before all of the own table was tried, when fewer than k answer', () => {
    const far = Array.from({ length: 12 }, (_, i) => 10 + i)
    const scene = new LookupScene(table(...far))
    scene.start({ alpha: 8, beta: 0 })
    for (const distance of far.slice(0, 11)) scene.fail(distance)
    expect(scene.asking()).toEqual([21])
    scene.answer(21)
    expect(scene.results.get(1)?.reason).toBe('exhausted')
    expect(scene.found()).toEqual([21])
  })

  it('K40 an empty table gives an empty result, at once', () => {
    const scene = new LookupScene([])
    expect(scene.start()).toBe(true)
    expect(scene.results.get(1)).toEqual({
      closest: [],
      reason: 'exhausted',
      requests: 0,
      failures: 0,
      depth: 0,
      elapsedMs: 0,
    })
  })

  it('K16 after so many requests, once those in flight are settled', () => {
    const scene = new LookupScene(table(1000_000, 2_000_000))
    scene.start({ requestsMax: 5, beta: 0 })
    let next = 900_000
    while (scene.asked.length < 5) {
      scene.answer(scene.asking()[0]!, [next--, next--])
    }
    expect(scene.open.size).toBe(2)
    expect(scene.results.size).toBe(0)
    for (const distance of scene.asking()) scene.answer(distance, [next--])
    expect(scene.results.get(1)).toMatchObject({ reason: 'requests_max', requests: 5 })
  })
})

describe('what an answer brings', () => {
  it('K15 nobody is asked twice, never this node, nor who says it of itself', () => {
    const scene = new LookupScene(table(10, 20, 1000))
    scene.start()
    scene.answer(10, [10, 20, 1000, 20, 30])
    scene.answer(20, [10, 30, 20])
    scene.answer(30, [10, 20])
    expect(scene.asked.map((contact) => contact.host)).toEqual(['node-10', 'node-20', 'node-30'])
    expect(scene.found()).toEqual([10, 20, 30])
  })

  it('K15 6.2 case 2: who did not answer is not in the result', () => {
    const scene = new LookupScene(table(10, 20, 30))
    scene.start({ alpha: 3 })
    scene.answer(20, [1, 2])
    scene.fail(10)
    scene.advance(30_000)
    expect(scene.results.get(1)?.reason).toBe('deadline')
    expect(scene.found()).toEqual([20])
  })

  it('K15 as many as are wanted, more than k too', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50, 60, 70))
    scene.start({ count: 2 }, 1)
    for (const distance of [10, 20, 30, 40]) scene.answer(distance)
    expect(scene.found(1)).toEqual([10, 20])
    scene.start({ count: 6 }, 2)
    for (const distance of [10, 20, 30, 40, 50, 60]) scene.answer(distance)
    expect(scene.found(2)).toEqual([10, 20, 30, 40, 50, 60])
  })

  it('K18 6.2 case 4: peers farther than who told them count while fewer than k are known', () => {
    const scene = new LookupScene(table(10))
    scene.start()
    scene.answer(10, [500, 600, 700])
    for (const distance of [500, 600, 700]) scene.answer(distance)
    expect(scene.results.get(1)?.reason).toBe('converged')
    expect(scene.found()).toEqual([10, 500, 600, 700])
  })

  it('K18 an answer is cut at twice k', () => {
    const scene = new LookupScene(table(100))
    scene.start({ trace: true })
    scene.answer(100, [90, 80, 70, 60, 50, 40, 30, 20, 1])
    expect(scene.hops[0]?.learned).toBe(8)
    expect(scene.asking()).toEqual([20, 30])
  })

  it('K18 a failure does not undo an answer', () => {
    const scene = new LookupScene(table(10, 20))
    scene.start()
    const request = [...scene.open.values()][0]!
    scene.answer(10)
    scene.pool.failed(scene.nowMs, request.requestId)
    scene.answer(20)
    expect(scene.found()).toEqual([10, 20])
  })

  it('counts hops: 1 for the own table, one more for whom an answer told', () => {
    const scene = new LookupScene(table(300))
    scene.start({ trace: true })
    scene.advance(40)
    scene.answer(300, [200])
    scene.answer(200, [100])
    scene.answer(100)
    expect(scene.hops.map(({ depth }) => depth)).toEqual([1, 2, 3])
    expect(scene.hops[0]).toMatchObject({ outcome: 'answered', path: 0, rttMs: 40, learned: 1 })
    expect(scene.hops[0]?.prefixBits).toBe(247)
    expect(scene.results.get(1)).toMatchObject({ depth: 3, elapsedMs: 40 })
  })
})

describe('a peer that is told at a false address', () => {
  it('6.2#10 is tried at another address that was told', () => {
    const scene = new LookupScene(table(50, 60))
    scene.start({ beta: 0 })
    scene.answer(50, [peerAt(5, 'nowhere')])
    scene.answer(60, [peerAt(5, 'true')])
    scene.fail(5)
    expect(scene.asked.at(-1)?.host).toBe('true')
    scene.answer(5)
    expect(scene.found()).toEqual([5, 50, 60])
  })

  it('is tried when the true address comes after the failure', () => {
    const scene = new LookupScene(table(50, 60))
    scene.start({ beta: 0 })
    scene.answer(50, [peerAt(5, 'nowhere')])
    scene.fail(5)
    scene.answer(60, [peerAt(5, 'true')])
    scene.answer(5)
    expect(scene.found()).toEqual([5, 50, 60])
  })

  it('is tried at one more address per path, not at as many as are made up', () => {
    const scene = new LookupScene(table(50, 60))
    scene.start({ beta: 0 })
    scene.answer(50, [peerAt(5, 'a'), peerAt(5, 'b'), peerAt(5, 'c'), peerAt(5, 'b')])
    scene.answer(60, [peerAt(5, 'd')])
    scene.fail(5)
    scene.fail(5)
    expect(scene.asked.map(({ host }) => host)).toEqual(['node-50', 'node-60', 'a', 'b'])
    expect(scene.found()).toEqual([50, 60])
  })
})
