/** Chaos, then calm: every property is watched, and in the end all tables must agree. */
import { swimSettings } from '../../mesh/membership/swim/settings.ts'
import { watchProperties } from '../../mesh/simulation/checkers/index.ts'
import { calmFromMs, describeFaults } from '../../mesh/simulation/faults.ts'
import { SwimWorld, type SwimWorldOptions } from '../../mesh/simulation/swim-world.ts'
import type { Chaos } from './arbitraries.ts'

/** What happened, so that a run in which nothing did is noticed. */
export interface ChaosReport {
  readonly agreedAfterMs: number
  readonly counts: Record<string, number>
  readonly trace: string
}

/** Short tombstones and frequent exchanges, so that all of it happens within minutes. */
export const CHAOS_SETTINGS = swimSettings('lan', {
  tombstoneMs: 60_000,
  healIntervalMs: 10_000,
  syncIntervalMs: 10_000,
})

const CALM_MS = 900_000
const QUIET_MS = 30_000

/** Runs one schedule; throws with seed and schedule when a property breaks. */
export function runChaos(
  seed: number,
  { nodes, faults }: Chaos,
  options: Partial<SwimWorldOptions> = {},
): ChaosReport {
  const world = new SwimWorld({
    seed,
    nodes,
    settings: CHAOS_SETTINGS,
    seeds: Array.from({ length: nodes }, (_, index) => index),
    network: { lossShare: 0.01, duplicateShare: 0.02, reorderShare: 0.05 },
    ...options,
  })
  const counts: Record<string, number> = {}
  const count = (what: string): void => void (counts[what] = (counts[what] ?? 0) + 1)
  const work = watchProperties(world)
  world.core.observe({
    lost: () => count('lost'),
    event: (_, { type }) => count(type),
    started: ({ life }) => count(life === 1 ? 'start' : 'restart'),
    stopped: (node) => count(node.hasLeft ? 'stop' : 'crash'),
  })
  const took = world.runFaults(faults)
  try {
    world.run(calmFromMs(faults) + 1)
    const agreedAfterMs = world.runUntil(() => world.agrees(), CALM_MS, 500)
    if (agreedAfterMs === undefined) throw new Error(`S37: ${world.disagreements().join('; ')}`)
    world.run(QUIET_MS)
    if (!world.agrees()) throw new Error(`S32: ${world.disagreements().join('; ')}`)
    work.calm()
    for (const [type, times] of Object.entries(took)) counts[`fault ${type}`] = times
    for (const node of world.core.running()) {
      counts['refutations'] = (counts['refutations'] ?? 0) + node.core!.stats().refutations
    }
    return { agreedAfterMs, counts, trace: world.core.trace.hash }
  } catch (error) {
    const text = `seed ${seed}, ${nodes} nodes, at ${world.nowMs} ms: ${String(error)}`
    throw new Error(`${text}\n${describeFaults(faults)}`, { cause: error })
  }
}
