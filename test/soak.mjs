/**
 * Long runs of the tests that draw their cases by chance or repeat a life many times: `npm run test:soak`.
 * The same tests run in `npm test` with smaller numbers. Bounded: about twenty minutes. A failure prints its
 * seed; put it into the test's list of seeds. `test/soak` is an hour of churn of services in virtual time, and ten
 * minutes on real sockets; both print memory before and after, and what was counted.
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
}
const FILES = [
  'test/soak',
  'test/behaviours/leaks.test.ts',
  'test/mesh/membership/swim/ledger.test.ts',
  '.prop.test.ts',
]
const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')

try {
  execFileSync(process.execPath, [vitest, 'run', '--test-timeout=600000', ...FILES], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...RUNS, ...process.env },
  })
} catch (error) {
  process.exitCode = error.status ?? 1
}
