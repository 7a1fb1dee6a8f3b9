import { describe, expect, it } from 'vitest'
import {
  checkAdapterLint,
  checkDependencyList,
  checkDevOnly,
  checkIgnores,
  checkLinks,
  checkLock,
  checkMachinePaths,
  checkUnused,
  entriesOf,
  readAdapters,
} from './repository.ts'

// Pieces, so that this file does not break the rule that it tests.
const slash = '/'

describe('checkMachinePaths', () => {
  it('finds a path of one machine', () => {
    const text = `a\nsee ${slash}tmp/x and ${slash}home/me/y\n"${slash}root/z"`
    expect(checkMachinePaths([{ path: 'a.md', text }])).toEqual([
      `a.md:2 a machine's path: ${slash}tmp/x...`,
      `a.md:2 a machine's path: ${slash}home/me/y...`,
      `a.md:3 a machine's path: ${slash}root/z...`,
    ])
  })
  it('lets parts of other paths be', () => {
    const text = `https://a.b${slash}work/x ./tmp/x src${slash}tmp/x $HOME${slash}work/x **${slash}tmp/**`
    expect(checkMachinePaths([{ path: 'a.md', text }])).toEqual([])
  })
})

describe('checkLock', () => {
  it('finds a registry', () => {
    expect(
      checkLock('package-lock.json', '{ "resolved": "https://registry.example/a.tgz" }'),
    ).toHaveLength(1)
    expect(
      checkLock('package-lock.json', '{ "resolved": "dist", "url": "https://x.example/fund" }'),
    ).toEqual([])
  })
})

describe('checkLock: other platforms', () => {
  const lock = (...locked: string[]): string =>
    JSON.stringify({
      packages: {
        'node_modules/a': { optionalDependencies: { '@b/win': '1.0.0' } },
        ...Object.fromEntries(locked.map((name) => [name, {}])),
      },
    })
  it('finds an optional package that is left out', () => {
    expect(checkLock('package-lock.json', lock())).toEqual([
      'package-lock.json: @b/win is missing, run: node .ci/complete-lock.mjs',
    ])
    expect(checkLock('package-lock.json', lock('node_modules/@b/win'))).toEqual([])
    expect(checkLock('package-lock.json', lock('node_modules/a/node_modules/@b/win'))).toEqual([])
  })
})

describe('checkIgnores', () => {
  const attributes = '* text=auto\ndist/** -linguist-vendored -linguist-generated\n'
  it.each(['dist', 'dist/', '/dist', '/dist/', '**/dist'])(
    'does not let .gitignore say %s',
    (line) => {
      expect(checkIgnores(`build/\n${line}\n`, attributes)).toHaveLength(1)
    },
  )
  it('wants the attributes', () => {
    expect(checkIgnores('build/\n', attributes)).toEqual([])
    expect(checkIgnores('build/\n', '* text=auto\n')).toHaveLength(1)
  })
})

describe('dependencies', () => {
  const markdown = [
    '# Dependencies',
    '## Run time',
    '| package | for | imported in |',
    '| --- | --- | --- |',
    '| `a` | x | `mesh/a.ts`, `mesh/b.ts` |',
    '## Development',
    '| `tool` | x | scripts |',
    '## Decided against',
    '| `never` | x | `mesh/c.ts` |',
  ].join('\n')
  const adapters = readAdapters(markdown)

  it('are read from the tables of what is used', () => {
    expect(adapters).toEqual([
      { name: 'a', files: ['mesh/a.ts', 'mesh/b.ts'] },
      { name: 'tool', files: [] },
    ])
  })
  it('are those of package.json', () => {
    expect(
      checkDependencyList({ dependencies: { a: '1' }, devDependencies: { tool: '1' } }, adapters),
    ).toEqual([])
    expect(
      checkDependencyList({ dependencies: { b: '1' }, devDependencies: { tool: '1' } }, adapters),
    ).toHaveLength(2)
  })
  it('are used, each in the files listed', () => {
    const manifest = { dependencies: { a: '1', b: '1' } }
    expect(checkUnused(manifest, adapters, new Map([['a', new Set(['mesh/a.ts'])]]))).toEqual([
      'docs/dependencies.md: mesh/b.ts does not import a',
      'package.json: b is imported by no library file',
    ])
  })
  it('are shipped when the library imports them', () => {
    const imported = new Map([['tool', new Set(['mesh/a.ts'])]])
    expect(checkDevOnly({ devDependencies: { tool: '1' } }, imported)).toHaveLength(1)
    expect(checkDevOnly({ peerDependencies: { tool: '1' } }, imported)).toEqual([])
  })
  it('have the same adapter files in the lint configuration', () => {
    const config = (...files: string[]): string =>
      JSON.stringify({
        overrides: [{ files: ['mesh/**/*.ts'] }, { files: ['runtime/clock.ts'] }, { files }],
      })
    expect(checkAdapterLint(config('mesh/a.ts', 'mesh/b.ts'), adapters)).toEqual([])
    expect(checkAdapterLint(config('mesh/a.ts', 'mesh/c.ts'), adapters)).toEqual([
      '.oxlintrc.json: mesh/b.ts is missing among the adapter files',
      '.oxlintrc.json: mesh/c.ts is no adapter file of docs/dependencies.md',
    ])
  })
})

describe('entriesOf', () => {
  it('maps outputs to sources', () => {
    expect(
      entriesOf({
        exports: {
          '.': { types: './build/index.d.ts', default: './build/index.js' },
          './package.json': './package.json',
        },
        bin: { fovea: 'build/dist/cli/main.js' },
      }),
    ).toEqual(['index.ts', 'dist/cli/main.ts'])
  })
})

describe('checkLinks', () => {
  it('finds a link to nothing', () => {
    const text = [
      '[a](b.md) [c](./gone.md#part) [d](../mesh) [e](https://x.example/y) [f](#here)',
      '```',
      '[g](gone-too.md)',
      '```',
    ].join('\n')
    expect(
      checkLinks([{ path: 'docs/a.md', text }], new Set(['docs/b.md', 'mesh/index.ts'])),
    ).toEqual(['docs/a.md: links to ./gone.md, which is not there'])
  })
})
