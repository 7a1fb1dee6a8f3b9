/**
 * `npm run test:sim -- --seeds 4096 --nodes 10000`: the tests of this folder at full size, within bounds.
 *
 *     --seeds N       chaos runs (default 4,096, at most 1,000,000)
 *     --first-seed N  where they begin (default 0)
 *     --nodes N       largest statistical world: 100, 1000 or 10000 (default 10,000)
 *
 * A seed of services costs about 0.75 s of processor time on Node 20 and 0.45 s on Node 26, one of whole nodes 0.45 s and
 * 0.3 s: promises that remember who made them have become cheap. So run it with the newest Node there is (this program
 * starts the tests with the Node that it runs on); `--first-seed` cuts many seeds into slices. A failing run prints its
 * seed and the smallest schedule that fails. Add the seed to `seeds.json`: the tests replay it from then on.
 */
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '4096' },
    'first-seed': { type: 'string', default: '0' },
    nodes: { type: 'string', default: '10000' },
  },
})

/** A whole number in a range, or the end of the program. */
function whole(name, max) {
  const value = Number(values[name])
  if (Number.isInteger(value) && value >= 0 && value <= max) return String(value)
  console.error(`--${name} takes a whole number from 0 to ${max}, not '${values[name]}'`)
  process.exit(2)
}

const env = {
  ...process.env,
  FOVEA_SIM_SEEDS: whole('seeds', 1_000_000),
  FOVEA_SIM_FIRST_SEED: whole('first-seed', 4_294_967_295),
  FOVEA_SIM_NODES: whole('nodes', 10_000),
}
console.log(
  `seeds ${env.FOVEA_SIM_FIRST_SEED} and ${env.FOVEA_SIM_SEEDS} in all, worlds up to ${env.FOVEA_SIM_NODES} nodes`,
)
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/simulation'], {
  cwd: ROOT,
  env,
  stdio: 'inherit',
})
process.exit(status ?? 1)
