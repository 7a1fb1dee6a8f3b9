/**
 * Stryker's test runner for this repository: it bundles the tests with the mutated sources and loads them
 * once per process, so that a mutant costs what the tests that reach it cost. Vitest starts a worker and
 * loads every module anew for each mutant, which costs ten times as much and more.
 *
 * - A test that hangs fails after TEST_MS_MAX; an endless loop is ended by Stryker, which counts how often a
 *   mutant is reached and, if that does not help, ends the process.
 * - A mutant may spoil the process for those after it: a test that found one is run again without it, and if
 *   it fails, or somebody is still the running process, the next mutant gets a new process.
 */
import { rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin'
import {
  determineHitLimitReached,
  DryRunStatus,
  TestStatus,
  toMutantRunResult,
} from '@stryker-mutator/api/test-runner'
import { build } from 'rolldown'
import { begin, tests } from './collect.mjs'
import { SLOW, testsIn } from './tests.mjs'

const RUNTIME = 'runtime/index.ts'
const COLLECTED = new Set(['vitest', 'fast-check'])
const USING = '@oxc-project/runtime/helpers/usingCtx'
const TEST_MS_MAX = 2_000
const COLLECT = new URL('collect.mjs', import.meta.url).href

class OneProcessRunner {
  /** The names that the mutated sources use: which mutant is active, what was reached. */
  #mutants = (globalThis.__stryker__ ??= {})
  #out = ''
  #runtime
  /** A mutant has left this process in a state in which tests fail without it. */
  #spoilt = false

  capabilities() {
    return { reloadEnvironment: false }
  }

  async init() {
    const root = process.cwd()
    this.#out = join(root, 'build', `mutation-bundle-${process.pid}`)
    await build({
      input: Object.fromEntries(
        [...testsIn(root), join(root, RUNTIME)].map((file) => [relative(root, file), file]),
      ),
      platform: 'node',
      transform: { target: 'node20' },
      external: (id) => /^[@a-z]/.test(id) && !COLLECTED.has(id) && !id.startsWith(USING),
      plugins: [
        {
          name: 'collect',
          resolveId: (id) =>
            COLLECTED.has(id)
              ? { id: COLLECT, external: true }
              : id.startsWith(USING)
                ? { id: new URL('using.mjs', import.meta.url).href, external: true }
                : null,
        },
      ],
      logLevel: 'silent',
      output: {
        dir: this.#out,
        format: 'esm',
        entryFileNames: '[name].mjs',
        chunkFileNames: '[name]-[hash].mjs',
      },
    })
    for (const file of testsIn(root)) {
      begin(relative(root, file))
      await import(pathToFileURL(join(this.#out, `${relative(root, file)}.mjs`)).href)
    }
    this.#runtime = await import(pathToFileURL(join(this.#out, `${RUNTIME}.mjs`)).href)
    for (const { id, name } of [...tests.values()]) if (SLOW.test(name)) tests.delete(id)
  }

  async dryRun() {
    const results = []
    for (const test of tests.values()) {
      this.#mutants.currentTestId = test.id
      results.push(await run(test))
      this.#mutants.currentTestId = undefined
    }
    return {
      status: DryRunStatus.Complete,
      tests: results,
      mutantCoverage: this.#mutants.mutantCoverage,
    }
  }

  async mutantRun({ activeMutant, testFilter, hitLimit }) {
    if (this.#spoilt) throw new Error('spoilt') // Stryker tries again in a new process
    const chosen =
      testFilter === undefined ? [...tests.values()] : testFilter.map((id) => tests.get(id))
    const results = []
    Object.assign(this.#mutants, { activeMutant: activeMutant.id, hitCount: 0, hitLimit })
    for (const test of chosen.sort((a, b) => a.ms - b.ms)) {
      const result = await run(test)
      results.push(result)
      if (result.status === TestStatus.Failed) break
    }
    const { hitCount } = this.#mutants
    Object.assign(this.#mutants, { activeMutant: undefined, hitLimit: undefined })
    await turn() // what the mutant has left ends without it
    const last = results.at(-1)
    if (last?.status === TestStatus.Failed) {
      const again = await run(tests.get(last.id))
      this.#spoilt =
        again.status === TestStatus.Failed || this.#runtime.currentProcess() !== undefined
    }
    return toMutantRunResult(
      determineHitLimitReached(hitCount, hitLimit) ?? {
        status: DryRunStatus.Complete,
        tests: results,
      },
    )
  }

  dispose() {
    rmSync(this.#out, { recursive: true, force: true })
  }
}

let strayed = () => undefined
process.on('uncaughtException', (error) => strayed(error))
process.on('unhandledRejection', (error) => strayed(error))

const turn = () => new Promise((resolve) => setImmediate(resolve))

async function run(test) {
  const { id, name, suite, fn } = test
  const start = performance.now()
  let failure
  let timer
  const over = new Promise((_resolve, reject) => {
    strayed = reject
    timer = setTimeout(() => reject(new Error(`no end after ${TEST_MS_MAX} ms`)), TEST_MS_MAX)
  })
  try {
    await Promise.race([over, inSuite(suite, fn)])
  } catch (error) {
    failure = error
  }
  clearTimeout(timer)
  strayed = () => undefined
  const timeSpentMs = performance.now() - start
  test.ms ||= timeSpentMs
  const base = { id, name, timeSpentMs }
  return failure === undefined
    ? { ...base, status: TestStatus.Success }
    : { ...base, status: TestStatus.Failed, failureMessage: messageOf(failure) }
}

async function inSuite(suite, fn) {
  const suites = []
  for (let each = suite; each !== undefined; each = each.parent) suites.push(each)
  for (const { before } of suites.toReversed()) for (const hook of before) await hook()
  try {
    await fn()
  } finally {
    for (const { after } of suites) for (const hook of after) await hook()
  }
}

function messageOf(failure) {
  try {
    return String(failure?.stack ?? failure)
  } catch {
    return 'a failure that cannot be printed'
  }
}

export const strykerPlugins = [
  declareClassPlugin(PluginKind.TestRunner, 'one-process', OneProcessRunner),
]
