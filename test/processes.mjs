/**
 * `npm run test:processes`: the tests of nodes as operating-system processes at the sizes that are promised,
 * twenty for membership and thirty for the DHT, alone on the machine. `npm test` runs the same tests with
 * fewer, beside everything else. CI ends it after ten minutes. Needs `npm run build`.
 */
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
// One after the other: either of them has use for all cores.
const files = ['test/e2e/processes.test.ts', 'test/e2e/dht-processes.test.ts']
const { status } = spawnSync(
  process.execPath,
  [vitest, 'run', '--no-file-parallelism', ...files, ...process.argv.slice(2)],
  {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { FOVEA_PROCESSES: '20', FOVEA_DHT_PROCESSES: '30', ...process.env },
    stdio: 'inherit',
  },
)
process.exit(status ?? 1)
