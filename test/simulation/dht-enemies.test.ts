/** Enemies of the DHT: colluders among all nodes, Sybils around a key, peers without end. */
import { describe, expect, it } from 'vitest'
import { routingSettings } from '../../mesh/routing/kademlia/settings.ts'
import { colluders, eclipse, honestPathShare } from '../../mesh/simulation/scenarios/dht-enemies.ts'
import { wilson } from '../../mesh/simulation/statistics.ts'
import { simulationSize } from './size.ts'

const { nodes: sizes, full } = simulationSize()
const nodes = sizes.at(-1)!
// Ten minutes of one core when it is free; four times that at the lowest priority.
const LONG = { timeout: full ? 3_600_000 : 600_000 }

describe('colluders', LONG, () => {
  const lookups = full ? 500 : 60
  // Shares that a model reached at N = 10,000, k 16.
  const grid = [
    { share: 0.2, paths: 1, least: 0.71 },
    { share: 0.2, paths: 4, least: 0.97 },
    { share: 0.2, paths: 8, least: 0.99 },
    { share: 0.5, paths: 1, least: 0.31 },
    { share: 0.5, paths: 8, least: 0.94 },
  ]

  it.each(full ? grid : grid.filter(({ paths }) => paths !== 4))(
    'K27 lookups with $paths paths reach the nearest honest node, $share collude',
    ({ share, paths, least }) => {
      const settings = routingSettings({ k: 16 })
      const found = colluders({ seed: 1, nodes, share, paths, lookups, settings })
      const bound = honestPathShare(share, found.depthMean, paths)
      const got = found.reached / lookups
      // Both bounds are printed with the figure when it falls short of one.
      const text = `${got.toFixed(3)} reached, model ${least}, closed form ${bound.toFixed(3)}`
      // The interval of a few lookups is wide; the figure itself counts where there are many.
      const reached = full && nodes === 10_000 ? got : wilson(found.reached, lookups).high
      expect(reached, text).toBeGreaterThanOrEqual(least)
      expect(wilson(found.reached, lookups).high, text).toBeGreaterThanOrEqual(bound)
      if (full) console.log(`K27 N ${nodes} a ${share} d ${paths}: ${text}`)
    },
  )
})

describe('Sybils around a key', LONG, () => {
  const keys = full ? 40 : 3

  it.each([20, 45])(
    'K45 6.2#17 do not hide a record put within the radius, %i Sybils',
    (sybils) => {
      const base = { seed: 5, nodes: full ? 1_000 : 200, sybils, keys } as const
      const wide = eclipse({ ...base, putRadius: true })
      const plain = eclipse({ ...base, keys: full ? 40 : 2, putRadius: false })
      expect(wide.found / wide.gets).toBeGreaterThanOrEqual(0.99)
      // And they do without it, or nothing is shown.
      expect(plain.found / plain.gets).toBeLessThan(0.6)
    },
  )
})
