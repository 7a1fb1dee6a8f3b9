/**
 * Every rule that the lint configuration promises is tried on a planted violation, in a copy of the
 * configuration beside a small tree. A rule that silently checks nothing fails here.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from './files.ts'
import { runOxlint, type Finding } from './oxlint.ts'

/** A file, and the rules that must be found in it; no others may be. */
type Plant = readonly [path: string, text: string, rules: readonly string[]]

const RESTRICTED = 'eslint(no-restricted-imports)'
const GLOBALS = 'eslint(no-restricted-globals)'
const PROPERTIES = 'eslint(no-restricted-properties)'
const long = (lines: number, line: string): string => `${line}\n`.repeat(lines)
const declarations = (lines: number): string =>
  Array.from({ length: lines }, (_, i) => `export const y${i} = ${i}\n`).join('')
const uses = (specifier: string): string =>
  `import { x } from '${specifier}'\nexport const y: unknown = x\n`

const PLANTS: readonly Plant[] = [
  ['runtime/index.ts', 'export const x = 1\nexport type X = number\n', []],
  ['runtime/inner.ts', 'export const x = 1\nexport type X = number\n', []],
  ['behaviours/index.ts', 'export const x = 1\n', []],
  ['mesh/index.ts', 'export const x = 1\n', []],
  ['mesh/wire/frame.ts', 'export const x = 1\n', []],
  ['dist/index.ts', 'export const x = 1\n', []],

  ['runtime/up.ts', uses('../mesh/index.ts'), [RESTRICTED]],
  [
    'runtime/up-type.ts',
    "import type { X } from '../behaviours/index.ts'\nexport type Y = X\n",
    [RESTRICTED],
  ],
  ['runtime/up-dynamic.ts', "export const y = import('../mesh/index.ts')\n", [RESTRICTED]],
  ['runtime/test-code.ts', uses('../test/support/x.ts'), [RESTRICTED]],
  ['runtime/third-party.ts', uses('msgpackr'), [RESTRICTED]],
  ['runtime/no-prefix.ts', "import { sep } from 'path'\nexport const y = sep\n", [RESTRICTED]],
  [
    'runtime/timers.ts',
    "import { setTimeout as x } from 'node:timers/promises'\nexport const y = x\n",
    [RESTRICTED],
  ],
  ['behaviours/good.ts', uses('../runtime/index.ts'), []],
  ['behaviours/inside.ts', uses('../runtime/inner.ts'), [RESTRICTED]],
  [
    'behaviours/inside-type.ts',
    "import type { X } from '../runtime/inner.ts'\nexport type Y = X\n",
    [RESTRICTED],
  ],
  ['behaviours/up.ts', uses('../mesh/index.ts'), [RESTRICTED]],
  ['dist/cli/table.ts', "import Table from 'cli-table3'\nexport const y: unknown = Table\n", []],
  [
    'behaviours/server/gen.ts',
    "import { Packr } from 'msgpackr'\nexport const y: unknown = Packr\n",
    [RESTRICTED],
  ],
  ['mesh/link/up.ts', uses('../../dist/index.ts'), [RESTRICTED]],
  ['mesh/link/inside.ts', uses('../../runtime/inner.ts'), [RESTRICTED]],
  ['mesh/link/sibling.ts', uses('../wire/frame.ts'), []],
  ['mesh/wire/codec.ts', "import { Packr } from 'msgpackr'\nexport const y: unknown = Packr\n", []],
  [
    'mesh/wire/third-party.ts',
    "import { Packr } from 'msgpackr'\nexport const y: unknown = Packr\n",
    [RESTRICTED],
  ],
  [
    'mesh/wire/scoped.ts',
    "import * as x from '@peculiar/x509'\nexport const y: unknown = x\n",
    [RESTRICTED],
  ],
  ['dist/deep.ts', uses('../mesh/wire/frame.ts'), [RESTRICTED]],
  ['dist/good.ts', uses('../mesh/index.ts'), []],
  ['dist/simulation/index.ts', "export { x } from '../../mesh/index.ts'\n", []],
  ['mesh/link/index.ts', uses('../../dist/index.ts'), [RESTRICTED]],
  [
    'index.ts',
    "export { x } from './runtime/index.ts'\nexport { x as z } from './mesh/index.ts'\n",
    [RESTRICTED],
  ],
  ['examples/01-deep.ts', uses('../runtime/index.ts'), [RESTRICTED]],

  ['mesh/date-now.ts', 'export const y = Date.now()\n', [PROPERTIES]],
  ['mesh/random.ts', 'export const y = Math.random()\n', [PROPERTIES]],
  ['mesh/signal.ts', 'export const y = AbortSignal.timeout(1)\n', [PROPERTIES]],
  ['mesh/hrtime.ts', 'export const y = process.hrtime()\n', [PROPERTIES]],
  ['mesh/global-this.ts', 'export const y = globalThis.setTimeout\n', [PROPERTIES]],
  ['mesh/performance.ts', 'export const y = performance.timeOrigin\n', [GLOBALS]],
  ['mesh/set-timeout.ts', 'export const y = setTimeout\n', [GLOBALS]],
  ['mesh/set-interval.ts', 'export const y = setInterval\n', [GLOBALS]],
  ['mesh/set-immediate.ts', 'export const y = setImmediate\n', [GLOBALS]],
  ['mesh/microtask.ts', 'export const y = queueMicrotask\n', [GLOBALS]],
  ['runtime/clock.ts', 'export const y = [Date.now(), setTimeout, performance.now()]\n', []],
  ['runtime/entropy.ts', 'export const y = Math.random()\n', []],
  ['mesh/transport/quic/loop.ts', 'export const y = [setImmediate, performance.now()]\n', []],
  ['test/sleep.test.ts', 'export const y = setTimeout\n', [GLOBALS]],
  [
    'test/only.test.ts',
    "import { expect, it } from 'vitest'\nit.only('x', () => {\n  expect(1).toBe(1)\n})\nit.skip('y', () => {\n  expect(1).toBe(1)\n})\n",
    ['vitest(no-focused-tests)', 'vitest(no-disabled-tests)'],
  ],

  [
    'dist/cycle-a.ts',
    "import { b } from './cycle-b.ts'\nexport const a: unknown = b\n",
    ['import(no-cycle)'],
  ],
  [
    'dist/cycle-b.ts',
    "import { a } from './cycle-a.ts'\nexport const b: unknown = a\n",
    ['import(no-cycle)'],
  ],
  ['dist/default.ts', 'const y = 1\nexport default y\n', ['import(no-default-export)']],
  ['dist/any.ts', 'export const f = (x: any): unknown => x\n', ['typescript(no-explicit-any)']],
  [
    'dist/floating.ts',
    'async function f(): Promise<void> {}\nf()\n',
    ['typescript(no-floating-promises)'],
  ],
  [
    'dist/misused.ts',
    'async function f(): Promise<void> {}\nexport const y = f() ? 1 : 2\n',
    ['typescript(no-misused-promises)'],
  ],
  [
    'dist/thenable.ts',
    'export const f = async (x: number): Promise<number> => await x\n',
    ['typescript(await-thenable)'],
  ],
  [
    'dist/switch.ts',
    "export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1\n  }\n  return 2\n}\n",
    ['typescript(switch-exhaustiveness-check)'],
  ],
  [
    'dist/namespace.ts',
    'export namespace N {\n  export const y = 1\n}\n',
    ['typescript(no-namespace)'],
  ],
  [
    'dist/parameter-property.ts',
    'export class C {\n  constructor(readonly x: number) {}\n}\n',
    ['typescript(parameter-properties)'],
  ],
  [
    'dist/type-import.ts',
    "import { X } from '../runtime/index.ts'\nexport type Y = X\n",
    ['typescript(consistent-type-imports)'],
  ],
  ['dist/unused.ts', 'const y = 1\nexport const z = 2\n', ['eslint(no-unused-vars)']],
  ['dist/long-file.ts', declarations(501), ['eslint(max-lines)']],
  ['dist/full-file.ts', declarations(500), []],
  [
    'dist/long-function.ts',
    `export function f(x: number): number {\n${long(68, '  x += 1')}  x += 1\n  return x\n}\n`,
    ['eslint(max-lines-per-function)'],
  ],
  [
    'dist/full-function.ts',
    `export function f(x: number): number {\n${long(67, '  x += 1')}  return x\n}\n`,
    [],
  ],
]

describe('.oxlintrc.json', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-lint-'))
  let findings: readonly Finding[] = []
  let files = 0

  beforeAll(() => {
    for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) {
      cpSync(join(ROOT, name), join(folder, name))
    }
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    for (const [path, text] of PLANTS) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const report = runOxlint(
      folder,
      '.oxlintrc.json',
      PLANTS.map(([path]) => path),
    )
    findings = report.findings
    files = report.files
  }, 60_000)
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true })
  })

  it('looks at every planted file', () => {
    expect(files).toBe(PLANTS.length)
  })
  it.each(PLANTS)('finds in %s what is planted there and nothing else', (path, _text, rules) => {
    const found = new Set(
      findings.filter((finding) => finding.path === path).map(({ rule }) => rule),
    )
    expect([...found].sort()).toEqual([...rules].sort())
  })
})
