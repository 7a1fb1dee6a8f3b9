import { describe, expect, it } from 'vitest'
import {
  checkCycles,
  checkDeadFiles,
  checkLayers,
  checkMissing,
  checkThirdParty,
  exportedNames,
  importsOf,
  packageOf,
} from './imports.ts'
import { readSource, type Source } from './source.ts'

const file = (path: string, text: string): Source => readSource(path, text)
const imports = (path: string, specifier: string): Source =>
  file(path, `import { x } from '${specifier}'\n`)

describe('importsOf', () => {
  it('finds every way to name another file', () => {
    const source = file(
      'mesh/link/a.ts',
      [
        "import { a } from './a1.ts'",
        "import type { b } from '../b.ts'",
        "import c, { type d } from './c.ts'",
        "import * as e from 'e'",
        "import 'f'",
        "export { g } from './g.ts'",
        "export type { h } from './h.ts'",
        'import {',
        '  i,',
        "} from './i.ts'",
        "const j = await import('./j.ts')",
        "const k = require('k')",
        "new Worker(new URL('./l.js', import.meta.url))",
        'export interface M { from: string }',
        "export * from './n.ts'",
        "type O = import('./o.ts').O",
      ].join('\n'),
    )
    expect(
      importsOf(source).map(
        ({ specifier, typeOnly, line }) => `${line} ${specifier}${typeOnly ? ' type' : ''}`,
      ),
    ).toEqual([
      '1 ./a1.ts',
      '2 ../b.ts type',
      '3 ./c.ts',
      '4 e',
      '5 f',
      '6 ./g.ts',
      '7 ./h.ts type',
      '8 ./i.ts',
      '11 ./j.ts',
      '12 k',
      '13 ./l.js',
      '15 ./n.ts',
      '16 ./o.ts',
    ])
    expect(
      importsOf(source)
        .map(({ target }) => target)
        .slice(0, 4),
    ).toEqual(['mesh/link/a1.ts', 'mesh/b.ts', 'mesh/link/c.ts', undefined])
  })
  it('does not read comments, strings or templates', () => {
    const text = "// import './a.ts'\nconst s = \"import './b.ts'\"\nconst t = `import './c.ts'`\n"
    expect(importsOf(file('x.ts', text))).toEqual([])
  })
})

describe('checkLayers', () => {
  it.each([
    ['behaviours/a.ts', '../runtime/index.ts'],
    ['mesh/link/a.ts', '../../behaviours/index.ts'],
    ['mesh/link/a.ts', '../wire/frame.ts'],
    ['dist/a.ts', '../mesh/index.ts'],
    ['index.ts', './runtime/index.ts'],
    ['examples/01-a.ts', 'fovea/dist'],
    ['test/runtime/a.test.ts', '../../runtime/inner.ts'],
  ])('lets %s import %s', (path, specifier) => {
    expect(checkLayers([imports(path, specifier)])).toEqual([])
  })
  it.each([
    ['runtime/a.ts', '../behaviours/index.ts'],
    ['behaviours/a.ts', '../mesh/index.ts'],
    ['mesh/link/a.ts', '../../dist/index.ts'],
    ['behaviours/a.ts', '../runtime/system.ts'],
    ['dist/a.ts', '../mesh/wire/index.ts'],
    ['dist/a.ts', 'fovea/mesh'],
    ['runtime/a.ts', '../test/support/a.ts'],
    ['index.ts', './mesh/index.ts'],
    ['index.ts', './runtime/system.ts'],
    ['examples/01-a.ts', '../runtime/index.ts'],
    ['bench/a.ts', '../dist/index.ts'],
  ])('does not let %s import %s', (path, specifier) => {
    expect(checkLayers([imports(path, specifier)])).toHaveLength(1)
  })
})

describe('checkCycles', () => {
  it('finds a cycle once, from its first file', () => {
    const sources = [
      imports('c.ts', './a.ts'),
      imports('a.ts', './b.ts'),
      imports('b.ts', './c.ts'),
    ]
    expect(checkCycles(sources)).toEqual(['a.ts -> b.ts -> c.ts -> a.ts'])
  })
  it('finds a file that imports itself', () => {
    expect(checkCycles([imports('a.ts', './a.ts')])).toEqual(['a.ts -> a.ts'])
  })
  it('lets a program that starts another copy of itself be', () => {
    const sources = [imports('a.ts', './b.ts'), file('b.ts', "new URL('./a.js', import.meta.url)")]
    expect(checkCycles(sources)).toEqual([])
  })
  it('lets a diamond and a type-only edge be', () => {
    const sources = [
      file('a.ts', "import './b.ts'\nimport './c.ts'\n"),
      imports('b.ts', './d.ts'),
      imports('c.ts', './d.ts'),
      file('d.ts', "import type { A } from './a.ts'\n"),
    ]
    expect(checkCycles(sources)).toEqual([])
  })
})

describe('checkMissing and checkDeadFiles', () => {
  it('find an import of nothing and a file that nothing imports', () => {
    const sources = [
      imports('index.ts', './runtime/a.ts'),
      file('runtime/a.ts', ''),
      imports('runtime/b.ts', './gone.ts'),
    ]
    expect(checkMissing(sources)).toEqual([
      "runtime/b.ts:1 imports './gone.ts', which is not there",
    ])
    expect(checkDeadFiles(sources, ['index.ts', 'dist/index.ts'])).toEqual([
      'dist/index.ts is an entry of package.json, but not there',
      'runtime/b.ts is reached by no entry of package.json',
    ])
  })
  it('let a test start a built program, but not import it', () => {
    const started = file('test/a.test.ts', "new URL('../build/x.js', import.meta.url)")
    expect(checkMissing([started])).toEqual([])
    expect(checkMissing([imports('test/a.test.ts', '../build/x.js')])).toHaveLength(1)
  })
  it('count a worker that is started by URL as reached', () => {
    const sources = [
      file('index.ts', "new URL('./dist/worker.js', import.meta.url)"),
      file('dist/worker.ts', ''),
    ]
    expect(checkDeadFiles(sources, ['index.ts'])).toEqual([])
  })
})

describe('checkThirdParty', () => {
  const adapters = [
    { name: 'msgpackr', files: ['mesh/wire/codec.ts'] },
    { name: 'vitest', files: [] },
  ]
  const check = (source: Source): readonly string[] =>
    checkThirdParty([source], adapters, new Set(['fs']))

  it.each([
    ['mesh/wire/codec.ts', 'msgpackr'],
    ['mesh/wire/codec.ts', 'msgpackr/pack'],
    ['mesh/wire/frame.ts', 'node:fs'],
    ['test/a.test.ts', 'vitest'],
    ['bench/a.ts', 'fovea/dist'],
  ])('lets %s import %s', (path, specifier) => {
    expect(check(imports(path, specifier))).toEqual([])
  })
  it.each([
    ['mesh/wire/frame.ts', 'msgpackr'],
    ['mesh/wire/frame.ts', 'left-pad'],
    ['mesh/wire/frame.ts', 'fs'],
    ['mesh/wire/frame.ts', 'vitest'],
    ['test/a.test.ts', 'left-pad'],
  ])('does not let %s import %s', (path, specifier) => {
    expect(check(imports(path, specifier))).toHaveLength(1)
  })
  it('knows the package of a deep or scoped specifier', () => {
    expect(['a', 'a/b', '@a/b', '@a/b/c'].map(packageOf)).toEqual(['a', 'a', '@a/b', '@a/b'])
  })
})

describe('exportedNames', () => {
  it('tells values from types', () => {
    const text = [
      "export { a, type B, c as d } from './x.ts'",
      "export type { E, F as G } from './x.ts'",
      'export declare const h: number',
      'export interface I { x: 1 }',
      'export type J = 1',
      'export declare class K {}',
      'export { };',
    ].join('\n')
    expect(exportedNames(file('index.d.ts', text))).toEqual([
      'type B',
      'type E',
      'type G',
      'type I',
      'type J',
      'value K',
      'value a',
      'value d',
      'value h',
    ])
  })
})
