import { describe, expect, it } from 'vitest'
import { distanceOf, LookupScene, peerAt, SMALL } from './lookup-scene.ts'
import { nearest, randomKey, StaticNetwork } from './static-network.ts'

const table = (...distances: number[]) => distances.map((distance) => peerAt(distance))
const distances = (contacts: readonly ReturnType<typeof peerAt>[]) => contacts.map(distanceOf)

describe('disjoint paths', () => {
  it('K26 deal out the entries of the own table in turns', () => {
    const scene = new LookupScene(table(10, 20, 30, 40, 50, 60, 70))
    scene.start({ paths: 3, alpha: 1, beta: 0, trace: true })
    expect(scene.asking()).toEqual([10, 20, 30])
    for (const distance of [10, 20, 30]) scene.answer(distance)
    expect(scene.asking()).toEqual([40, 50, 60])
    for (const distance of [40, 50, 60]) scene.answer(distance)
    scene.answer(70)
    expect(scene.hops.map(({ contact, path }) => [distanceOf(contact), path])).toEqual([
      [10, 0],
      [20, 1],
      [30, 2],
      [40, 0],
      [50, 1],
      [60, 2],
      [70, 0],
    ])
  })

  it('K26 a peer that two paths know is asked by one, and none waits for what another saw', () => {
    const scene = new LookupScene(table(100, 200), { ...SMALL, k: 2 })
    scene.start({ paths: 2, alpha: 1, beta: 0 })
    scene.answer(100, [10, 20])
    scene.answer(200, [10, 20])
    expect(scene.asking()).toEqual([10, 20])
    scene.answer(10)
    expect(scene.results.size).toBe(0)
    scene.answer(20)
    expect(scene.found()).toEqual([10, 20])
    expect(scene.asked).toHaveLength(4)
  })

  it('K26 what a peer tells reaches only the path that asked it', () => {
    const scene = new LookupScene(table(100, 200, 300, 400))
    scene.start({ paths: 2, alpha: 1, beta: 0, trace: true })
    // A liar on path 0, with as many accomplices as a path wants.
    scene.answer(100, [1, 2, 3, 4])
    scene.answer(200, [10])
    expect(scene.asking()).toEqual([1, 10])
    while (scene.results.size === 0) {
      const [request] = scene.open.values()
      scene.answer(distanceOf(request!.to), [])
    }
    const asked = scene.hops.filter(({ path }) => path === 1).map(({ contact }) => contact)
    expect(distances(asked)).toEqual([200, 10, 400])
    expect(scene.found()).toEqual([1, 2, 3, 4])
  })

  it('K26 every path has its own requests in flight and its own budget', () => {
    const scene = new LookupScene(table(...Array.from({ length: 20 }, (_, i) => 10 + i)), {
      ...SMALL,
      k: 10,
    })
    scene.start({ paths: 3, alpha: 2, beta: 0, requestsMax: 3 })
    expect(scene.open.size).toBe(6)
    while (scene.results.size === 0) {
      const [request] = scene.open.values()
      scene.answer(distanceOf(request!.to))
    }
    expect(scene.results.get(1)?.requests).toBeLessThanOrEqual(9)
  })

  it('K26 a path that had ended goes on when a late answer gives it something to do', () => {
    const scene = new LookupScene(table(100, 200), { ...SMALL, k: 1, beta: 0 })
    scene.start({ paths: 2, alpha: 1 })
    scene.answer(100)
    expect(scene.results.size).toBe(0)
    scene.answer(200, [50])
    scene.answer(50)
    expect(scene.found()).toEqual([50])
  })

  it('K26 6.2 case 8: find what one path finds, for every kind of question', () => {
    const network = new StaticNetwork(300, 26)
    for (const kind of ['find_node', 'find_value', 'get_providers'] as const) {
      for (let i = 0; i < 10; i++) {
        const target = randomKey(network.chance)
        const origin = network.chance.next() % 300
        const plain = network.run({ origin, target, spec: { kind } })
        const disjoint = network.run({ origin, target, spec: { kind, paths: 4 } })
        expect(disjoint.result.reason).toBe('converged')
        expect(disjoint.result.closest).toEqual(plain.result.closest)
        expect(new Set(disjoint.asked).size).toBe(disjoint.result.requests)
      }
    }
  })

  it('K27 reach the nearest honest node among liars where one path often does not', () => {
    const network = new StaticNetwork(1_000, 27, { k: 8 })
    let plain = 0
    let disjoint = 0
    const runs = 60
    for (let i = 0; i < runs; i++) {
      const liars = network.contacts.filter(() => network.chance.next() % 2 === 0)
      const liarIds = new Set(liars.map(({ id }) => id))
      const honest = network.contacts.filter(({ id }) => !liarIds.has(id))
      const self = honest[network.chance.next() % honest.length]!
      const origin = network.contacts.indexOf(self)
      const target = randomKey(network.chance)
      const others = honest.filter((contact) => contact !== self)
      const wanted = nearest(others, target, 1)[0]!
      const crowd = nearest(liars, target, 100)
      const lie = (to: { id: string }, asked: ReadonlySet<string>) =>
        liarIds.has(to.id) ? crowd.filter(({ id }) => !asked.has(id)).slice(0, 16) : undefined
      const reached = (paths: number) =>
        network.run({ origin, target, lie, spec: { paths } }).asked.includes(wanted.id)
      if (reached(1)) plain++
      if (reached(8)) disjoint++
    }
    expect(plain / runs).toBeLessThan(0.9)
    expect(disjoint / runs).toBeGreaterThanOrEqual(0.98)
  })
})

describe('liars about addresses', () => {
  it('K26 cannot make a node fail on every path', () => {
    const scene = new LookupScene(table(100, 200), { ...SMALL, k: 3 })
    scene.start({ paths: 2, alpha: 1, beta: 0 })
    scene.answer(100, [peerAt(5, 'nowhere'), peerAt(5, 'nowhere either')])
    scene.fail(5)
    scene.fail(5)
    scene.answer(200, [peerAt(5, 'true')])
    scene.answer(5)
    expect(scene.found()).toEqual([5, 100, 200])
  })
})
