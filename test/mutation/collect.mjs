/**
 * What the tests import as `vitest` in a mutation run: it only writes down what is to be run. Matchers are
 * vitest's own. Its default export is what they import as `fast-check`: few runs of a random test, and the
 * same each time, so that no mutant lives or dies by luck.
 */
import { format } from 'node:util'
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  customMatchers,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
} from '@vitest/expect'
import fc from 'fast-check'

const RUNS_MAX = 40

chai.use(JestExtend)
chai.use(JestChaiExpect)
chai.use(JestAsymmetricMatchers)

const suiteIn = (parent, names) => ({ parent, names, before: [], after: [] })

/** What is being collected; of the runner and the bundled tests alike. */
const state = (globalThis.__collected ??= {
  file: '',
  tests: new Map(),
  suite: suiteIn(undefined, []),
})

export const tests = state.tests

/** Begins a file. */
export function begin(file) {
  state.file = file
  state.suite = suiteIn(undefined, [])
}

export function describe(name, fn) {
  const outer = state.suite
  state.suite = suiteIn(outer, [...outer.names, name])
  fn()
  state.suite = outer
}

export function it(name, ...rest) {
  const fn = rest.find((each) => typeof each === 'function')
  const { suite, file } = state
  const title = [...suite.names, name].join(' ')
  let id = `${file}#${title}`
  while (tests.has(id)) id += ' again'
  tests.set(id, { id, name: title, file, fn, suite, ms: 0 })
}

const each = (one) => (table) => (name, fn, options) => {
  for (const row of table) {
    const args = Array.isArray(row) ? row : [row]
    one(titleOf(name, args), () => fn(...args), options)
  }
}

function titleOf(name, args) {
  const slots = (name.match(/%[sdifjoO]/g) ?? []).length
  const named = name.replace(/\$(\w+)/g, (all, key) => String(args[0]?.[key] ?? all))
  return slots === 0 ? named : format(named, ...args.slice(0, slots))
}

it.each = each(it)
describe.each = each(describe)

export const beforeEach = (fn) => void state.suite.before.push(fn)
export const afterEach = (fn) => void state.suite.after.push(fn)
export const expectTypeOf = () => undefined

export const expect = Object.assign((value, message) => chai.expect(value, message), chai.expect)
Object.assign(expect, globalThis[ASYMMETRIC_MATCHERS_OBJECT])
expect.hasAssertions = () => undefined
expect.unreachable = (message) => chai.assert.fail(message ?? 'expected not to be reached')
expect.extend = (matchers) => chai.expect.extend(expect, matchers)
expect.extend(customMatchers)

const check = (property, options) => fc.assert(property, { ...options, numRuns: RUNS_MAX, seed: 7 })
// oxlint-disable-next-line import/no-default-export -- it stands for a module that has one
export default { ...fc, assert: check }
