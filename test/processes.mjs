/**
 * `npm run test:processes`: the tests of nodes as operating-system processes at the size that is promised,
 * twenty, alone on the machine. `npm test` runs the same tests with fewer, beside everything else.
 * Bounded: about four minutes. Needs `npm run build`.
 */
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/e2e/processes.test.ts'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: { FOVEA_PROCESSES: '20', ...process.env },
  stdio: 'inherit',
})
process.exit(status ?? 1)
