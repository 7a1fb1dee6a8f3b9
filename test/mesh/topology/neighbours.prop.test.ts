import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseNeighbours } from '../../../mesh/topology/neighbours.ts'
import { createSeededEntropy } from '../../../runtime/index.ts'

const SEED = 20_261_129
const keys = fc.uniqueArray(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 40,
})
const worlds = fc.record({ keys, k: fc.integer({ min: 1, max: 9 }), seed: fc.nat() })

interface World {
  readonly keys: readonly string[]
  readonly k: number
  readonly seed: number
}

/** Everybody's choice, made from the list of all. */
function choices({ keys: all, k, seed }: World) {
  const entropy = createSeededEntropy(seed)
  return new Map(
    all.map((own) => {
      const living = all.filter((key) => key !== own)
      return [
        own,
        chooseNeighbours({ own, living, chosen: new Set(), k, chance: () => entropy.random() }),
      ] as const
    }),
  )
}

function connectedFrom(start: string, edges: ReadonlyMap<string, ReadonlySet<string>>): number {
  const seen = new Set([start])
  const todo = [start]
  for (let key = todo.pop(); key !== undefined; key = todo.pop()) {
    for (const next of edges.get(key) ?? []) {
      if (seen.has(next)) continue
      seen.add(next)
      todo.push(next)
    }
  }
  return seen.size
}

describe('neighbours of a whole mesh', () => {
  it('ring halves alone connect everybody who lives', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const edges = new Map<string, Set<string>>(world.keys.map((key) => [key, new Set()]))
        for (const [own, { ring }] of choices(world)) {
          for (const key of ring) {
            edges.get(own)?.add(key)
            edges.get(key)?.add(own)
          }
        }
        expect(connectedFrom(world.keys[0]!, edges)).toBe(world.keys.length)
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  it('nobody chooses itself, anybody twice, or more or fewer than it should', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        for (const [own, { ring, random }] of choices(world)) {
          const all = [...ring, ...random]
          expect(new Set(all).size).toBe(all.length)
          expect(all).not.toContain(own)
          expect(all).toHaveLength(Math.min(world.k, world.keys.length - 1))
        }
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  it('a second choice from the same list changes nothing', () => {
    fc.assert(
      fc.property(worlds, fc.nat(), (world, other) => {
        const entropy = createSeededEntropy(other)
        const chance = () => entropy.random()
        for (const [own, { ring, random }] of choices(world)) {
          const living = world.keys.filter((key) => key !== own).reverse()
          const chosen = new Set([...ring, ...random])
          const again = chooseNeighbours({ own, living, chosen, k: world.k, chance })
          expect(again.ring).toEqual(ring)
          expect([...again.random].sort()).toEqual([...random].sort())
        }
      }),
      { seed: SEED, numRuns: 200 },
    )
  })

  it('a death replaces the dead one only, and at most one place of the ring', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const [dead, ...rest] = world.keys
        for (const [own, { ring, random }] of choices(world)) {
          if (own === dead) continue
          const living = rest.filter((key) => key !== own)
          const before = new Set([...ring, ...random])
          const again = chooseNeighbours({
            ...{ own, living, chosen: before, k: world.k, chance: () => 0 },
          })
          const after = new Set([...again.ring, ...again.random])
          const lost = [...before].filter((key) => key !== dead && !after.has(key))
          // The next on the ring takes the place of the dead one, at the cost of one chosen by chance.
          expect(lost.length).toBeLessThanOrEqual(before.has(dead!) ? 1 : 0)
        }
      }),
      { seed: SEED, numRuns: 200 },
    )
  })
})
