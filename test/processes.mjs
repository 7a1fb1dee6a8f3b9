/**
 * `npm run test:processes [membership|dht|singleton|chaos]`: the tests of nodes as operating-system processes at the sizes
 * that are promised, twenty for membership, thirty for the DHT and five for strict singletons, alone on the machine. `npm test` runs the same tests
 * with fewer, beside everything else, and so does CI. `chaos` is half a minute of what `npm run test:soak` does for ten, and
 * runs nowhere else. Needs `npm run build`.
 */
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const FILES = {
  membership: 'test/e2e/processes.test.ts',
  dht: 'test/e2e/dht-processes.test.ts',
  singleton: 'test/e2e/singleton-processes.test.ts',
  chaos: 'test/soak/processes.soak.ts',
}
const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => !Object.hasOwn(FILES, name))
if (unknown !== undefined) {
  console.error(
    `test:processes: there is no part '${unknown}'; there are ${Object.keys(FILES).join(', ')}`,
  )
  process.exit(2)
}
const files = Object.entries(FILES)
  .filter(([name]) => wanted.length === 0 || wanted.includes(name))
  .map(([, file]) => file)
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
// One after the other: either of them has use for all cores.
const { status } = spawnSync(process.execPath, [vitest, 'run', '--no-file-parallelism', ...files], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: {
    ...{ FOVEA_PROCESSES: '20', FOVEA_DHT_PROCESSES: '30', FOVEA_LEASE_PROCESSES: '5' },
    FOVEA_LONG: '1',
    ...process.env,
  },
  stdio: 'inherit',
})
process.exit(status ?? 1)
