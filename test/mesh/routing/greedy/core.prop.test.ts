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
