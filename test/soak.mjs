/**
 * Long runs of the tests that draw their cases by chance or repeat a life many times: `npm run test:soak`.
 * The same tests run in `npm test` with smaller numbers. Bounded: about an hour. A failure prints its
 * seed; put it into the test's list of seeds. `test/soak` is an hour of churn of services in virtual time, ten
 * minutes on real sockets, ten minutes of real processes that are killed, stopped and restarted, four minutes of values that
 * must stay what they were, pools at their full size, and 4,100 connections on QUIC; all print memory, and what was counted.
 * `npm run test:soak -- processes` runs the files whose names match.
 */
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const RUNS = {
  FOVEA_MODEL_RUNS: '10000',
  FOVEA_LEAK_CYCLES: '1000000',
  FOVEA_SOAK_CHURN_MS: '3600000',
  FOVEA_SOAK_SOCKETS_MS: '600000',
  FOVEA_SOAK_PROCESSES_MS: '600000',
  FOVEA_SOAK_BYTES_MS: '120000',
  FOVEA_LONG: '1',
}
/** One after the other: what stands in one list shares the machine. */
const PARTS = [
  [
    ...['test/soak/churn', 'test/soak/sockets', 'test/soak/pools', 'test/soak/ledger'],
    'test/behaviours/leaks.test.ts',
    'test/mesh/membership/swim/ledger.test.ts',
    '.prop.test.ts',
  ],
  // Claims with a number that is larger here than in `npm test`: those that ask test/support/sizes.ts.
  [
    ...['pubsub/outbox-kill', 'pubsub/pubsub-functions', 'pubsub/retained', 'rpc/chaos'],
    ...['catalog/core.test', 'rpc/streams/streams.test'],
  ].map((name) => `test/mesh/${name}`),
  ['test/soak/connections', 'test/soak/crowd'],
  ['test/soak/processes'],
  ['test/soak/bytes'],
]
const wanted = process.argv.slice(2)
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')

for (const files of wanted.length > 0 ? [wanted] : PARTS) {
  try {
    execFileSync(process.execPath, [vitest, 'run', '--test-timeout=600000', ...files], {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...RUNS, ...process.env },
    })
  } catch (error) {
    process.exitCode = error.status ?? 1
  }
}
