/**
 * Three gateways and two peers at their edge with everything that can go wrong, then calm: topics, groups, last values,
 * calls, streams and presence are accounted for to the last message. `npm run test:sim -- --seeds 10000` runs more seeds.
 */
import { describe, expect, it } from 'vitest'
import { runServices, servicesScheduleOf, shrinkServices } from './services-chaos.ts'
import type { ServicesRun } from './services-chaos.ts'
import { simulationSize } from './size.ts'
import pastFailures from './seeds.json' with { type: 'json' }

const { seeds, firstSeed, full } = simulationSize()
const COUNT = full ? seeds : 1
const CHUNK = 16
const WIDE: ServicesRun = { isWide: true }

/** Runs the schedule of one seed, and shrinks it when it fails. */
async function runSeed(seed: number, run: ServicesRun): Promise<ReadonlyMap<string, number>> {
  const schedule = servicesScheduleOf(seed, run)
  try {
    return (await runServices(seed, schedule, run)).counts
  } catch (error) {
    const smallest = await shrinkServices(seed, schedule, run)
    throw new Error(smallest ?? String(error), { cause: error })
  }
}

describe('PS6 PS9 PS13 ML33 R1 R2 R7 R8 R14 R20 PS14 ML6 hold for the services of whole nodes', () => {
  const total = new Map<string, number>()
  const firsts = Array.from({ length: Math.ceil(COUNT / CHUNK) }, (_, i) => firstSeed + i * CHUNK)

  it.each(firsts)(
    'through chaos and calm, seeds from %i',
    async (first) => {
      for (let seed = first; seed < Math.min(first + CHUNK, firstSeed + COUNT); seed++) {
        for (const [what, times] of await runSeed(seed, WIDE)) {
          total.set(what, (total.get(what) ?? 0) + times)
        }
      }
      expect(total.get('delivered')).toBeGreaterThan(0)
    },
    1_800_000,
  )

  it('and something did happen', () => {
    const always = ['certain', 'shared', 'late', 'publish done', 'many done']
    const often = [
      ...['kill', 'crash_edge', 'close_edge', 'pause_edge', 'cut_edge', 'joins', 'leaves'],
      ...['call done', 'cast sent', 'stream done', 'call ERR_RPC_TIMEOUT', 'call ERR_RPC_REMOTE'],
      ...['publish ERR_PUBSUB_UNACKNOWLEDGED', 'join', 'job', 'retain', 'many', 'chosen'],
    ]
    const wanted = COUNT >= 64 ? [...always, ...often] : always
    expect(wanted.filter((what) => !((total.get(what) ?? 0) > 0))).toEqual([])
  })
})

describe('seeds of services that once failed', () => {
  const narrow = pastFailures.services.map((seed): [number, ServicesRun] => [seed, {}])
  const wide = pastFailures.wideServices.map((seed): [number, ServicesRun] => [seed, WIDE])
  const failures = full ? [...narrow, ...wide] : [...narrow.slice(0, 2), ...wide.slice(0, 1)]

  it.each(failures)(
    '%i holds now',
    async (seed, run) => {
      expect((await runSeed(seed, run)).get('delivered')).toBeGreaterThan(0)
    },
    120_000,
  )

  it('one seed is one run', async () => {
    const run = async (): Promise<string> => {
      return (await runServices(5, servicesScheduleOf(5))).traceHash
    }
    expect(await run()).toBe(await run())
  }, 60_000)
})
