/**
 * Runs the built examples: `node examples/run.mjs 02 [arguments]` one of them, `--all` each in turn.
 * An example passes when it ends by itself with exit code 0 and leaves no process behind.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runToTheEnd } from '../.ci/clean-exit.mjs'

const SECONDS_MAX = 60
const folder = fileURLToPath(new URL('../build/examples', import.meta.url))
const names = existsSync(folder)
  ? readdirSync(folder)
      .filter((name) => /^\d+-.*\.js$/.test(name))
      .sort()
  : []
const [wanted, ...rest] = process.argv.slice(2)

if (wanted === '--all') await runAll()
else await runOne()

async function runAll() {
  const failed = []
  for (const name of names) {
    console.log(`\n== ${name}`)
    const problem = await run(name, [], SECONDS_MAX)
    if (problem !== undefined) failed.push(`${name}: ${problem}`)
  }
  console.log(`\n${names.length - failed.length} examples passed, ${failed.length} failed`)
  for (const line of failed) console.error(line)
  process.exitCode = failed.length > 0 || names.length === 0 ? 1 : 0
}

async function runOne() {
  const matching = wanted === undefined ? [] : names.filter((name) => name.startsWith(wanted))
  if (matching.length !== 1 || matching[0] === undefined) {
    console.error(`usage: npm run example NUMBER\n${names.map((name) => `  ${name}`).join('\n')}`)
    process.exitCode = 2
    return
  }
  const problem = await run(matching[0], rest, undefined)
  if (problem === undefined) return
  console.error(`${matching[0]}: ${problem}`)
  process.exitCode = 1
}

/**
 * @param {string} name
 * @param {readonly string[]} args
 * @param {number | undefined} secondsMax
 */
function run(name, args, secondsMax) {
  return runToTheEnd([process.execPath, join(folder, name), ...args], secondsMax)
}
