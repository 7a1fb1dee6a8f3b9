import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { compareDistance, keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import { randomKey } from '../kademlia/static-network.ts'
import { GreedyWorld } from './greedy-world.ts'
import type { WorldOptions } from './greedy-world.ts'

/** What holds of every hop of every world. */
function checkHops(world: GreedyWorld): void {
  for (const { from, to, envelope } of world.hops) {
    const { destination, visited, hopsMax, source } = envelope
    expect(compareDistance(destination, keyFromHex(to), keyFromHex(from))).toBeLessThan(0)
    expect(visited[0]).toBe(source.hex)
    expect(visited.at(-1)).toBe(from)
    expect(visited).not.toContain(to)
    expect(new Set(visited).size).toBe(visited.length)
    expect(visited.length).toBeLessThanOrEqual(hopsMax)
  }
}

/** Nothing waits for anything. */
function checkRest(world: GreedyWorld): void {
  for (const { core } of world.nodes) {
    expect(core.stats()).toMatchObject({ sends: 0, forwards: 0 })
    expect(core.nextDeadline()).toBe(Infinity)
  }
}

const seeds = fc.integer({ min: 1, max: 2 ** 31 })

describe('greedy routing by way of gateways', () => {
  it('brings what peers at the edge send each other, and tells each what became of it', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const world = new GreedyWorld(seed, 100)
        const random = new RandomStream(seed, 4)
        const edge = Array.from({ length: 10 }, () => {
          const gateway = world.nodes[random.below(100)]!
          return { gateway: gateway.contact.key, node: world.client(gateway) }
        })
        for (let i = 0; i < 40; i++) {
          const from = random.below(2) === 0 ? edge[random.below(10)]!.node : world.nodes[i]!
          const to = edge[random.below(10)]!
          if (from === to.node) continue
          // Now and then a gateway that has no link with it.
          const isRight = i % 4 !== 3
          const via = isRight ? to.gateway : world.nodes[99 - i]!.contact.key
          const isLost = !isRight && via !== to.gateway
          const before = world.delivered.length
          const sendId = world.send(from, to.node.contact.key, { via })
          const outcome = world.outcomes.get(sendId)!
          if (isLost) {
            expect(outcome).toEqual({ type: 'failed', reason: 'no_route', at: via.hex })
            continue
          }
          expect(outcome).toEqual({ type: 'delivered' })
          expect(world.delivered.slice(before).map(({ at }) => at)).toEqual([to.node.contact.id])
        }
        expect(world.refusals).toEqual({})
        // Nobody passes anything on through a peer at the edge.
        const ids = new Set(edge.map(({ node }) => node.contact.id))
        for (const { from, envelope } of world.hops) {
          if (ids.has(from)) expect(envelope.source.hex).toBe(from)
        }
        checkRest(world)
      }),
      { numRuns: 8, seed: 5_065 },
    )
  })

  it('never goes in circles, whatever liars make of an envelope on its way', () => {
    let altered = 0
    fc.assert(
      fc.property(seeds, fc.integer({ min: 5, max: 70 }), (seed, lying) => {
        const random = new RandomStream(seed, 5)
        const isLiar = (id: string): boolean => Number.parseInt(id.slice(0, 4), 16) % 100 < lying
        const anyKey = () => world.nodes[random.below(60)]!.contact.key
        const options: WorldOptions = {
          alters: (from, _to, envelope) => {
            if (!isLiar(from)) return envelope
            altered += 1
            const { destination, visited } = envelope
            const lies: readonly Partial<typeof envelope>[] = [
              { via: undefined },
              { via: anyKey() },
              { via: destination, sourceVia: anyKey() },
              { destination: anyKey(), via: anyKey() },
              { visited: [visited[0]!, from].slice(visited.length > 1 ? 0 : 1) },
              { visited: [...visited, from] },
              { hopsMax: 32, sourceVia: undefined },
            ]
            return { ...envelope, ...lies[random.below(lies.length)] }
          },
          closest: (own, truth) => (isLiar(own.id) ? truth.toReversed() : truth),
        }
        const world: GreedyWorld = new GreedyWorld(seed, 60, { k: 4, ...options })
        const edge = Array.from({ length: 4 }, () => world.client(world.nodes[random.below(60)]!))
        for (let i = 0; i < 20; i++) {
          const from = i % 3 === 0 ? edge[i % 4]! : world.nodes[random.below(60)]!
          const to = i % 2 === 0 ? edge[(i + 1) % 4]!.contact.key : anyKey()
          if (from.contact.key !== to) world.send(from, to, i % 2 === 0 ? { via: anyKey() } : {})
        }
        world.advance(60_000)
        // An honest node passes one envelope on once, however often it is given to it.
        const passed = new Set<string>()
        for (const { from, envelope } of world.hops) {
          if (isLiar(from)) continue
          const name = `${from} ${envelope.source.hex} ${envelope.id}`
          expect(passed.has(name)).toBe(false)
          passed.add(name)
        }
        // And each hop of it is nearer to what it is for then, but for the first one of a peer at the edge.
        const clients = new Set(edge.map(({ contact }) => contact.id))
        for (const { from, to, envelope } of world.hops) {
          if (isLiar(from) || clients.has(from)) continue
          const target = envelope.via ?? envelope.destination
          expect(compareDistance(target, keyFromHex(to), keyFromHex(from))).toBeLessThan(0)
        }
        checkRest(world)
      }),
      { numRuns: 40, seed: 5_066 },
    )
    expect(altered).toBeGreaterThan(100)
  })
})

describe('greedy routing', () => {
  it('in a whole network reaches every destination, nearer with each hop, in few hops', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const world = new GreedyWorld(seed, 200)
        const random = new RandomStream(seed, 2)
        const sent: string[] = []
        for (let i = 0; i < 60; i++) {
          const from = world.nodes[random.below(200)]!
          const to = world.nodes[random.below(200)]!
          sent.push(to.contact.id)
          const sendId = world.send(from, to.contact.key)
          expect(world.outcomes.get(sendId)).toEqual({ type: 'delivered' })
        }
        expect(world.delivered.map(({ at }) => at)).toEqual(sent)
        expect(world.refusals).toEqual({})
        checkHops(world)
        checkRest(world)
        const hops = world.delivered.map(({ envelope }) => envelope.visited.length)
        expect(Math.max(...hops)).toBeLessThanOrEqual(8)
      }),
      { numRuns: 5, seed: 5_061 },
    )
  })

  it('in a broken network ends always: delivered or given up, once, and never in circles', () => {
    const odds = fc.record({
      seed: seeds,
      /** In percent: links that fail, links that are silent, tables that lie, keys of nobody. */
      failing: fc.integer({ min: 0, max: 90 }),
      silent: fc.integer({ min: 0, max: 30 }),
      lying: fc.integer({ min: 0, max: 60 }),
      k: fc.integer({ min: 1, max: 20 }),
      hopsMax: fc.integer({ min: 1, max: 10 }),
    })
    const ends = new Map<string, number>()
    fc.assert(
      fc.property(odds, ({ seed, failing, silent, lying, k, hopsMax }) => {
        const random = new RandomStream(seed, 3)
        const broken = new Map<string, boolean | undefined>()
        const options: WorldOptions = {
          k,
          reaches: (from, to) => {
            const link = `${from}${to}`
            if (!broken.has(link)) {
              const lot = random.below(100)
              broken.set(link, lot < silent ? undefined : lot >= silent + failing)
            }
            return broken.get(link)
          },
          // Liars name themselves, nodes that are farther away, the same one twice, a false one, and nobody.
          closest: (own, truth, key) =>
            Number.parseInt(own.id.slice(0, 4), 16) % 100 >= lying
              ? truth
              : [own, ...truth, ...truth, { ...own, key }, { ...own, id: key.hex, key }].reverse(),
        }
        const world = new GreedyWorld(seed, 60, options)
        const sends: number[] = []
        for (let i = 0; i < 25; i++) {
          const from = world.nodes[random.below(60)]!
          const to = i % 8 === 7 ? randomKey(random) : world.nodes[random.below(60)]!.contact.key
          sends.push(world.send(from, to, { hopsMax, type: i % 3 === 0 ? 'publish' : 'call' }))
        }
        world.advance(60_000)
        for (const sendId of sends) {
          const outcome = world.outcomes.get(sendId)!
          const end = outcome.type === 'failed' ? outcome.reason : outcome.type
          expect(['delivered', 'no_route', 'max_hops_exceeded', 'timeout']).toContain(end)
          ends.set(end, (ends.get(end) ?? 0) + 1)
        }
        const ids = world.delivered.map(({ envelope }) => envelope.id)
        expect(new Set(ids).size).toBe(ids.length)
        for (const { at, envelope } of world.delivered) expect(at).toBe(envelope.destination.hex)
        checkHops(world)
        checkRest(world)
      }),
      { numRuns: 36, seed: 5_062 },
    )
    expect([...ends.keys()].sort()).toEqual([
      'delivered',
      'max_hops_exceeded',
      'no_route',
      'timeout',
    ])
  })
})
