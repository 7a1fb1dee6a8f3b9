/** How much is simulated: little in `npm test`, as much as asked for in `npm run test:sim`. */
import process from 'node:process'

/** From the environment that `run.mjs` sets. */
export interface SimulationSize {
  /** Chaos runs. */
  readonly seeds: number
  readonly firstSeed: number
  /** Sizes of the statistical worlds. */
  readonly nodes: readonly number[]
  /** True in `npm run test:sim`. */
  readonly full: boolean
}

/** What this run was asked for. */
export function simulationSize(): SimulationSize {
  const { FOVEA_SIM_SEEDS, FOVEA_SIM_FIRST_SEED, FOVEA_SIM_NODES } = process.env
  const full = FOVEA_SIM_SEEDS !== undefined || FOVEA_SIM_NODES !== undefined
  const nodesMax = Number(FOVEA_SIM_NODES ?? 1_000)
  return {
    seeds: Number(FOVEA_SIM_SEEDS ?? 64),
    firstSeed: Number(FOVEA_SIM_FIRST_SEED ?? 0),
    nodes: [100, 1_000, 10_000].filter((nodes) => nodes <= nodesMax),
    full,
  }
}

/** All of them in `npm run test:sim`; every third one in `npm test`, which has ten minutes for everything. */
export function shareOf<T>(all: readonly T[]): readonly T[] {
  return simulationSize().full ? all : all.filter((_, index) => index % 3 === 0)
}
