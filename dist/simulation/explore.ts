/**
 * `explore`: the same test with many seeds, each with a schedule of its own, until one fails. Then the schedule is
 * made as small as it gets, and the error says how to repeat that run.
 */
import { numberOption, resolveOptions, type OptionCheck } from '../../runtime/index.ts'
import { objectOption, optional } from '../../runtime/index.ts'
import type { Schedule } from './fault.ts'
import { drawSchedule, type SchedulePlan } from './schedule-plan.ts'
import { shrinkSchedule } from './shrink.ts'
import { simulate } from './simulate.ts'
import type { SimulateOptions } from './simulate-options.ts'
import { SimulationError } from './simulation-errors.ts'
import { EntropyStreams } from './streams.ts'

/** How the search is made. */
export interface ExploreOptions extends Omit<SimulateOptions, 'seed' | 'faults' | 'commands'> {
  /** How many seeds, from 1 on, or which. Default 20. */
  readonly seeds?: number | readonly number[]
  /** What may happen in each run. Default: six faults within ten seconds. */
  readonly plan?: SchedulePlan
  /** Runs that may be spent on making a failing schedule small. Default 200. */
  readonly shrinkRunsMax?: number
}

/** What a search that found nothing has done. */
export interface ExploreResult {
  readonly runs: number
  /** Messages, arrivals, timers, faults of all runs. */
  readonly events: number
  /** Virtual time of all runs. */
  readonly virtualMs: number
}

interface OwnOptions {
  readonly seeds: number | readonly number[] | undefined
  readonly plan: SchedulePlan | undefined
  readonly shrinkRunsMax: number | undefined
}

const DEFAULTS: OwnOptions = Object.freeze({ seeds: 20, plan: {}, shrinkRunsMax: 200 })

const seedsOption: OptionCheck = {
  expected: 'a number of seeds, or a list of seeds',
  test: (value) => Array.isArray(value) || numberOption(1, 1_000_000).test(value),
}

const CHECKS: { readonly [K in keyof OwnOptions]: OptionCheck } = {
  seeds: seedsOption,
  plan: optional(objectOption),
  shrinkRunsMax: numberOption(0, 1_000_000),
}

/**
 * Searches seeds and schedules for a run that fails. Rejects with the `SimulationError` of the smallest one found.
 *
 * @example
 * await explore({
 *   nodes: 3,
 *   seeds: 100,
 *   plan: { faults: ['crash', 'partition'], withinMs: 5_000 },
 *   setup: () => Counter.start(0, { name: 'counter' }),
 *   run: (sim) => sim.sleep(20_000),
 *   check: (sim) => assert.ok(isSafe(sim)),
 * })
 */
export async function explore(options: ExploreOptions): Promise<ExploreResult> {
  const { seeds, plan, shrinkRunsMax, ...rest } = options
  const own = resolveOptions<OwnOptions>('explore', DEFAULTS, CHECKS, {
    seeds,
    plan,
    shrinkRunsMax,
  })
  const list =
    typeof own.seeds === 'number' ? Array.from({ length: own.seeds }, (_, i) => i + 1) : own.seeds!
  const nodes = typeof options.nodes === 'number' ? options.nodes : options.nodes.length
  const total = { runs: 0, events: 0, virtualMs: 0 }
  for (const seed of list) {
    const schedule = drawSchedule(nodes, own.plan ?? {}, new EntropyStreams(seed).of('schedule'))
    const failure = await run(rest, seed, schedule, (events, virtualMs) => {
      total.runs++
      total.events += events
      total.virtualMs += virtualMs
    })
    if (failure !== undefined) throw await smallest(rest, failure, own.shrinkRunsMax ?? 0)
  }
  return total
}

/** One run; gives its failure. */
async function run(
  options: Omit<SimulateOptions, 'seed' | 'faults' | 'commands'>,
  seed: number,
  schedule: Schedule,
  done?: (events: number, virtualMs: number) => void,
): Promise<SimulationError | undefined> {
  try {
    const { events, virtualMs } = await simulate({ ...options, seed, ...schedule })
    done?.(events, virtualMs)
    return undefined
  } catch (error) {
    if (error instanceof SimulationError) return error
    throw error
  }
}

async function smallest(
  options: Omit<SimulateOptions, 'seed' | 'faults' | 'commands'>,
  failure: SimulationError,
  runsMax: number,
): Promise<SimulationError> {
  let best = failure
  const { faults, commands, seed } = failure
  const { runs } = await shrinkSchedule({ faults, commands }, runsMax, async (schedule) => {
    const again = await run(options, seed, schedule)
    if (again === undefined || !isSame(again.cause, failure.cause)) return false
    best = again
    return true
  })
  const { virtualMs, traceHash } = best
  const { faults: fewest, commands: least } = best
  const found = { seed, faults: fewest, commands: least, virtualMs, traceHash, shrinkRuns: runs }
  return new SimulationError(found, best.cause)
}

/** Whether two runs failed for the same reason, as far as one can see: class and code. */
function isSame(a: unknown, b: unknown): boolean {
  const kind = (error: unknown): string => {
    const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown }
    return `${String(name)} ${String(code)}`
  }
  return kind(a) === kind(b)
}
