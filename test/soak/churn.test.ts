/**
 * Long churn of services in virtual time: an hour in `npm run test:soak`, nothing but the shortest form in `npm test`. In
 * the end everything is as small as in the beginning, which the run itself checks (ML6).
 */
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { runServices, servicesScheduleOf } from '../simulation/services-chaos.ts'

const TROUBLE_MS = Number(process.env['FOVEA_SOAK_CHURN_MS'] ?? 20_000)
const SEED = Number(process.env['FOVEA_SOAK_SEED'] ?? 7)

describe('services under churn', () => {
  it('ML6 PS6 R20 account for all of it, and all maps are back at their baseline', async () => {
    const before = process.memoryUsage()
    const schedule = servicesScheduleOf(SEED, { troubleMs: TROUBLE_MS })
    const { counts, virtualMs } = await runServices(SEED, schedule, { troubleMs: TROUBLE_MS })
    const after = process.memoryUsage()
    const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`
    process.stdout.write(
      `seed ${SEED}, ${virtualMs} ms of virtual time, heap ${mib(before.heapUsed)} -> ${mib(after.heapUsed)}, ` +
        `resident ${mib(before.rss)} -> ${mib(after.rss)}\n${JSON.stringify(Object.fromEntries(counts))}\n`,
    )
    expect(counts.get('delivered')).toBeGreaterThan(0)
  }, 1_200_000)
})
