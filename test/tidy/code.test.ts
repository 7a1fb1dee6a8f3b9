import { describe, expect, it } from 'vitest'
import {
  checkBannedCalls,
  checkExports,
  checkFileNames,
  checkFileSize,
  checkModuleState,
  checkNotes,
  checkTests,
  EXAMPLE_LINES_MAX,
  FILE_CODE_LINES_MAX,
  TEST_CODE_LINES_MAX,
} from './code.ts'
import { readSource, type Source } from './source.ts'

const file = (path: string, text: string): Source => readSource(path, text)

describe('checkBannedCalls', () => {
  it.each([
    'Date.now()',
    'new Date()',
    'new Date',
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'setImmediate(f)',
    'queueMicrotask(f)',
    'const later = setTimeout',
    'globalThis.setTimeout(f)',
    'AbortSignal.timeout(5)',
    'Math.random()',
    'performance.now()',
    'process.hrtime.bigint()',
    'process.nextTick(f)',
    'crypto.randomUUID()',
    'randomBytes(8)',
    "import { scheduler } from 'node:timers/promises'",
    "import { createHistogram } from 'node:perf_hooks'",
  ])('finds %s', (text) => {
    expect(checkBannedCalls([file('mesh/a.ts', text)])).toHaveLength(1)
    expect(checkBannedCalls([file('bench/a.ts', text)])).toEqual([])
    expect(checkBannedCalls([file('mesh/transport/quic/endpoint.ts', text)])).toEqual([])
  })
  it.each([
    '// Date.now() is banned',
    "const s = 'setTimeout(f)'",
    'new Date(wallNowMs)',
    'clock.setTimeout(f)',
    'clearTimeout(x)',
    'entropy.randomBytes',
    'const options = { setTimeout: f }',
  ])('lets %s be', (text) => {
    expect(checkBannedCalls([file('mesh/a.ts', text)])).toEqual([])
  })
})

describe('checkFileSize', () => {
  const lines = (count: number): string => '// comment\n\nx()\n'.repeat(count)
  it.each([
    ['mesh/a.ts', FILE_CODE_LINES_MAX],
    ['test/support/a.ts', FILE_CODE_LINES_MAX],
    ['test/a.test.ts', TEST_CODE_LINES_MAX],
    ['examples/01-a.ts', EXAMPLE_LINES_MAX],
  ])('lets %s have %i code lines and not one more', (path, limit) => {
    expect(checkFileSize([file(path, lines(limit))])).toEqual([])
    expect(checkFileSize([file(path, lines(limit + 1))])).toHaveLength(1)
  })
})

describe('checkFileNames', () => {
  it('wants kebab-case and an idea', () => {
    expect(
      checkFileNames([
        'mesh/dial-race.ts',
        'test/a.prop.test.ts',
        'vitest.config.ts',
        'test/api.test-d.ts',
      ]),
    ).toEqual([])
    const bad = [
      'mesh/types.ts',
      'mesh/utils.ts',
      'test/support/helpers.ts',
      'mesh/DialRace.ts',
      'mesh/dial_race.ts',
    ]
    expect(checkFileNames(bad)).toHaveLength(bad.length)
  })
})

describe('checkExports', () => {
  it.each([
    'export default f',
    "export * from './a.ts'",
    "export type * from './a.ts'",
    "export * as a from './a.ts'",
  ])('finds %s', (text) => {
    expect(checkExports([file('mesh/index.ts', text)])).toHaveLength(1)
  })
  it('lets names be', () => {
    expect(checkExports([file('mesh/index.ts', "export { a as default1 } from './a.ts'")])).toEqual(
      [],
    )
  })
})

describe('checkModuleState', () => {
  it('finds a variable at module level, not one inside a function', () => {
    expect(
      checkModuleState([file('mesh/a.ts', 'let current = 1\nexport let next = 2\n')]),
    ).toHaveLength(2)
    expect(
      checkModuleState([file('mesh/a.ts', 'function f() {\n  let x = 1\n}\nconst y = 2\n')]),
    ).toEqual([])
    expect(checkModuleState([file('runtime/default-system.ts', 'let system\n')])).toEqual([])
  })
})

describe('checkNotes', () => {
  it('wants an issue beside a note', () => {
    expect(checkNotes([file('mesh/a.ts', '// TODO later\n/* FIXME: now */\n')])).toEqual([
      "mesh/a.ts:1 'TODO' needs its issue: TODO(#12)",
      "mesh/a.ts:2 'FIXME' needs its issue: FIXME(#12)",
    ])
    expect(checkNotes([file('mesh/a.ts', "// TODO(#12) later\nconst s = 'TODO'\n")])).toEqual([])
  })
})

describe('checkTests', () => {
  it.each([
    'it.skip("a", f)',
    'it.only("a", f)',
    'describe.only("a", f)',
    'it.todo("a")',
    'it.skipIf(x)("a", f)',
    'test.only.each`a`',
    'it.concurrent.skip("a", f)',
    'xit("a", f)',
    'setTimeout(f, 5)',
    'await sleep(5)',
    'vi.useFakeTimers()',
    "import { setTimeout as wait } from 'node:timers/promises'",
  ])('finds %s', (text) => {
    expect(checkTests([file('test/a.test.ts', text)])).toHaveLength(1)
  })
  it.each([
    'it("skip this", f)',
    'queue.skip()',
    'run.fails(x)',
    'fc.only(x)',
    'clock.setTimeout',
    'it.each([1])("a", f)',
  ])('lets %s be', (text) => {
    expect(checkTests([file('test/a.test.ts', text)])).toEqual([])
  })
})
