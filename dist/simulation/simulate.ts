/**
 * `simulate`: a cluster in a test tube. Whole nodes, with everything a user builds on them, in one thread and in
 * virtual time, repeated exactly by their seed.
 */
import { FoveaError } from '../../runtime/index.ts'
import { Simulation } from './simulation.ts'
import { resolveSimulateOptions, type SimulateOptions } from './simulate-options.ts'
import { SimulationError } from './simulation-errors.ts'

/** What a simulation gives that went well. */
export interface SimulationResult<R> {
  readonly seed: number
  /** Over every message, arrival, timer and fault in order: equal for equal runs, on every version of Node. */
  readonly traceHash: string
  /** Virtual time since the start of `run`. */
  readonly virtualMs: number
  /** What happened: messages, arrivals, timers, faults. */
  readonly events: number
  /** What `run` gave. */
  readonly value: R
}

/**
 * Runs a cluster in virtual time. Rejects with `SimulationError` when something of the user's throws, and with
 * `ERR_SIMULATION_FOREIGN_AWAIT` when a handler awaits what no simulation can bring about.
 *
 * @example
 * const { traceHash } = await simulate({
 *   seed: 7,
 *   nodes: 3,
 *   setup: () => Counter.start(0, { name: 'counter' }),
 *   faults: [{ type: 'crash', node: 'n2', atMs: 1_000, downMs: 5_000 }],
 *   run: async (sim) => {
 *     await sim.sleep(10_000)
 *     await sim.until(() => sim.node('n2').state === 'running')
 *   },
 * })
 */
export async function simulate<R = void>(
  options: SimulateOptions<R>,
): Promise<SimulationResult<R>> {
  const resolved = resolveSimulateOptions(options as SimulateOptions)
  const { seed, faults, commands } = resolved
  const simulation = new Simulation(resolved)
  for (const fault of faults) checkNodes(simulation, fault)
  try {
    const value = (await simulation.play()) as R
    const { traceHash, nowMs: virtualMs, events } = simulation
    return { seed, traceHash, virtualMs, events, value }
  } catch (error) {
    if (error instanceof FoveaError && error.code === 'ERR_SIMULATION_FOREIGN_AWAIT') throw error
    const { traceHash, nowMs: virtualMs } = simulation
    const run = { seed, faults, commands, virtualMs, traceHash, shrinkRuns: 0 }
    throw new SimulationError(run, error)
  }
}

/** Throws for a fault of a node that is not there. */
function checkNodes(simulation: Simulation, fault: object): void {
  const {
    node,
    from,
    to,
    groups = [],
  } = fault as {
    readonly [K in 'node' | 'from' | 'to']?: string | number
  } & { readonly groups?: readonly (readonly (string | number)[])[] }
  for (const choice of [node, from, to, ...groups.flat()]) {
    if (choice !== undefined) simulation.node(choice)
  }
}
