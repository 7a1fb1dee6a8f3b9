/**
 * Mutation testing of the cores that others stand on: `npm run test:mutation [-- file.ts ...]`.
 *
 * Stryker changes one operator, condition or literal at a time and runs the tests that cover it; a change
 * that no test notices is a hole in the tests. It is installed here, by this run, because nothing else
 * needs it. The score is printed per file, the report is build/mutation/report.html.
 */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HERE = dirname(fileURLToPath(import.meta.url))
const ROOT = join(HERE, '..', '..')
const STRYKER = join(HERE, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js')

const run = (command, args, cwd) =>
  execFileSync(command, args, { cwd, stdio: 'inherit', shell: process.platform === 'win32' })

// Its peers, vitest and typescript, are those of the repository.
if (!existsSync(STRYKER)) run('npm', ['ci', '--ignore-scripts', '--legacy-peer-deps'], HERE)

const files = process.argv.slice(2)
const mutate = files.length === 0 ? [] : ['--mutate', files.join(',')]
try {
  run(process.execPath, [STRYKER, 'run', 'test/mutation/stryker.config.json', ...mutate], ROOT)
} catch (error) {
  process.exitCode = error.status ?? 1
}
