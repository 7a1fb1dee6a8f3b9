import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { randomKey } from '../kademlia/static-network.ts'
import { GreedyWorld } from './greedy-world.ts'
import type { WorldOptions } from './greedy-world.ts'
import { strictLinks } from './strict-links.ts'
import type { Links } from './strict-links.ts'

const seeds = fc.integer({ min: 1, max: 2 ** 31 })

/** What holds of every hop, whatever the links are; a failed check costs nothing, which matters for so many. */
function checkHops({ hops }: GreedyWorld): void {
  const wrong = hops.filter(({ from, to, envelope: { visited, tried = [], source, hopsMax } }) => {
    const isBack = tried.at(-1) === from
    const ends = isBack ? to : from
    const known = isBack ? visited.slice(0, -1) : visited
    return (
      visited.at(-1) !== ends ||
      visited[0] !== source.hex ||
      new Set([...visited, ...tried]).size < visited.length + tried.length ||
      visited.length + tried.length > hopsMax ||
      known.includes(to) ||
      tried.includes(to)
    )
  })
  expect(wrong).toEqual([])
}

/** An honest node gives one envelope to each other one at most once. */
function checkOnce({ hops }: GreedyWorld, isLiar: (id: string) => boolean = () => false): void {
  const given = hops
    .filter(({ from }) => !isLiar(from))
    .map(({ from, to, envelope }) => `${from} ${to} ${envelope.source.hex} ${envelope.id}`)
  expect(new Set(given).size).toBe(given.length)
}

function checkRest({ nodes }: GreedyWorld): void {
  for (const { core } of nodes) {
    expect(core.stats()).toMatchObject({ sends: 0, forwards: 0 })
    expect(core.nextDeadline()).toBe(Infinity)
  }
}

describe('a strict network', () => {
  it('MG1 of up to 20 nodes is crossed between any two, and the second time without a search', () => {
    let searched = 0
    fc.assert(
      fc.property(seeds, fc.integer({ min: 2, max: 20 }), fc.nat(3), (seed, size, degree) => {
        const links = strictLinks(size, degree, new RandomStream(seed, 6))
        const world = new GreedyWorld(seed, size, { links })
        const detours = (): number =>
          world.nodes.reduce((sum, { core }) => sum + core.stats().detours, 0)
        for (const [n, from] of world.nodes.entries()) {
          for (const to of [world.nodes.at(n - 1)!, world.nodes[size - 1 - n]!]) {
            if (from === to) continue
            const first = world.send(from, to.contact.key, { hopsMax: 32 })
            const before = detours()
            const hops = world.delivered.at(-1)!.envelope.visited.length
            const second = world.send(from, to.contact.key, { hopsMax: 32 })
            expect([world.outcomes.get(first), world.outcomes.get(second)]).toEqual([
              { type: 'delivered' },
              { type: 'delivered' },
            ])
            expect(world.delivered.at(-1)!.at).toBe(to.contact.id)
            expect(world.delivered.at(-1)!.envelope.visited.length).toBeLessThanOrEqual(hops)
            expect(detours()).toBe(before)
            // Windows of peers are over, ways are not.
            world.nowMs += 1_000
          }
        }
        searched += detours()
        expect(world.refusals).toEqual({})
        checkHops(world)
        checkOnce(world)
        checkRest(world)
      }),
      { numRuns: 60, seed: 5_067 },
    )
    expect(searched).toBeGreaterThan(500)
  })

  it('is searched once for a node that is not there, and the source knows', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 2, max: 20 }), (seed, size) => {
        const random = new RandomStream(seed, 7)
        const world = new GreedyWorld(seed, size, { links: strictLinks(size, 2, random) })
        const from = world.nodes[random.below(size)]!
        const sendId = world.send(from, randomKey(random), { hopsMax: 32 })
        expect(world.outcomes.get(sendId)).toEqual({
          ...{ type: 'failed', reason: 'no_route', at: from.contact.id },
        })
        // To each other node and back.
        expect(world.hops).toHaveLength(2 * (size - 1))
        checkHops(world)
        checkRest(world)
      }),
      { numRuns: 40, seed: 5_068 },
    )
  })

  it('finds another way when a link on the one that it knows is gone', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 5, max: 20 }), (seed, size) => {
        const random = new RandomStream(seed, 8)
        const links = strictLinks(size, 3, random)
        let cut = ''
        const world: GreedyWorld = new GreedyWorld(seed, size, {
          links,
          reaches: (from, to) => cut !== `${from}${to}` && cut !== `${to}${from}`,
        })
        const [from, to] = [world.nodes[0]!, world.nodes[size - 1]!]
        world.send(from, to.contact.key, { hopsMax: 32 })
        const way = [...world.delivered[0]!.envelope.visited, to.contact.id]
        const at = random.below(way.length - 1)
        cut = `${way[at]}${way[at + 1]}`
        const sendId = world.send(from, to.contact.key, { hopsMax: 32 })
        const left = links.filter(
          ([a, b]) => world.nodes[a]!.contact.id + world.nodes[b]!.contact.id !== cut,
        )
        const isThere = reached(size, left).has(size - 1)
        expect(world.outcomes.get(sendId)?.type).toBe(isThere ? 'delivered' : 'failed')
        checkRest(world)
      }),
      { numRuns: 60, seed: 5_069 },
    )
  })

  it('is left at rest by liars, who make nobody pass an envelope on to one node twice', () => {
    let altered = 0
    fc.assert(
      fc.property(seeds, fc.integer({ min: 5, max: 70 }), (seed, lying) => {
        const random = new RandomStream(seed, 9)
        const isLiar = (id: string): boolean => Number.parseInt(id.slice(0, 4), 16) % 100 < lying
        const anyId = (): string => world.nodes[random.below(20)]!.contact.id
        const options: WorldOptions = {
          links: strictLinks(20, 2, random),
          alters: (from, to, envelope) => {
            if (!isLiar(from)) return envelope
            altered += 1
            const { visited } = envelope
            const lies: readonly Partial<typeof envelope>[] = [
              { tried: undefined },
              { tried: [] },
              { tried: [anyId()], hopsMax: 32 },
              { visited: [visited[0]!, from].slice(visited.length > 1 ? 0 : 1), tried: [] },
              { visited: [visited[0]!, to], tried: [from] },
              { visited: [envelope.source.hex, anyId(), to], tried: [anyId(), from] },
              { visited: [...visited, from] },
            ]
            return { ...envelope, ...lies[random.below(lies.length)] }
          },
        }
        const world: GreedyWorld = new GreedyWorld(seed, 20, options)
        for (let i = 0; i < 30; i++) {
          const [from, to] = [world.nodes[random.below(20)]!, world.nodes[random.below(20)]!]
          if (from !== to) world.send(from, to.contact.key, { hopsMax: 32 })
        }
        world.advance(60_000)
        checkOnce(world, isLiar)
        checkRest(world)
      }),
      { numRuns: 60, seed: 5_070 },
    )
    expect(altered).toBeGreaterThan(1_000)
  })
})

/** Who is connected with node 0. */
function reached(size: number, links: Links): ReadonlySet<number> {
  const found = new Set([0])
  for (let i = 0; i < size; i++) {
    for (const [a, b] of links) {
      if (found.has(a)) found.add(b)
      else if (found.has(b)) found.add(a)
    }
  }
  return found
}
