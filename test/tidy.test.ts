/**
 * The repository checks itself (house rule 25). Each check is a pure function in test/tidy/ with its
 * own test on a planted sample, so that none of them can pass by looking at nothing.
 */
import { builtinModules } from 'node:module'
import { describe, expect, it } from 'vitest'
import { cataloguesOf, checkCodes, checkOptions, codeUses, optionFields } from './tidy/catalogue.ts'
import {
  checkBannedCalls,
  checkExports,
  checkFileNames,
  checkFileSize,
  checkModuleState,
  checkNotes,
  checkTests,
} from './tidy/code.ts'
import { isText, readSources, readText, repositoryFiles, ROOT } from './tidy/files.ts'
import {
  checkCycles,
  checkDeadFiles,
  checkLayers,
  checkMissing,
  checkThirdParty,
  exportedNames,
  importsOf,
  LAYERS,
  layerOf,
  packageOf,
} from './tidy/imports.ts'
import { runOxlint } from './tidy/oxlint.ts'
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
  type Manifest,
} from './tidy/repository.ts'

const paths = repositoryFiles()
const sources = readSources(paths)
const library = sources.filter(
  ({ path }) => path === 'index.ts' || LAYERS.some((layer) => layer === layerOf(path)),
)
const manifest = JSON.parse(readText('package.json')) as Manifest
const adapters = readAdapters(readText('docs/dependencies.md'))
const readmes = new Map<string, string>(
  LAYERS.map((layer) => {
    const files = paths.filter((path) => layerOf(path) === layer && path.endsWith('README.md'))
    return [layer, files.map(readText).join('\n')]
  }),
)

/** Third-party packages of the library and the files that import them. */
const imported = new Map<string, Set<string>>()
for (const source of library) {
  for (const { specifier, target } of importsOf(source)) {
    if (target !== undefined || specifier.startsWith('node:')) continue
    const name = packageOf(specifier)
    imported.set(name, (imported.get(name) ?? new Set()).add(source.path))
  }
}

describe('imports', () => {
  it('point down only, and reach another layer through its index', () => {
    expect(checkLayers(sources)).toEqual([])
  })
  it('make no cycle', () => {
    expect(checkCycles(library)).toEqual([])
  })
  it('name files that are there', () => {
    expect(checkMissing(sources)).toEqual([])
  })
  it('reach every library file from an entry of package.json', () => {
    expect(checkDeadFiles(library, entriesOf(manifest))).toEqual([])
  })
  it('take third-party packages only in their adapter files', () => {
    expect(checkThirdParty(sources, adapters, new Set(builtinModules))).toEqual([])
  })
})

describe('code', () => {
  it('takes time and chance only from a Clock and an Entropy', () => {
    expect(checkBannedCalls(sources)).toEqual([])
  })
  it('keeps files short', () => {
    expect(checkFileSize(sources)).toEqual([])
  })
  it('keeps functions within a screen', () => {
    const targets = LAYERS.filter((layer) => library.some(({ path }) => layerOf(path) === layer))
    const { files, findings } = runOxlint(ROOT, 'test/tidy/function-size.oxlintrc.json', targets)
    expect(findings.map(({ path, line, message }) => `${path}:${line} ${message}`)).toEqual([])
    expect(files).toBeGreaterThanOrEqual(library.length - 1)
  })
  it('exports by name', () => {
    expect(checkExports(sources)).toEqual([])
  })
  it('has no state at module level', () => {
    expect(checkModuleState(sources)).toEqual([])
  })
  it('names files for their idea', () => {
    expect(checkFileNames(sources.map(({ path }) => path))).toEqual([])
  })
  it('notes nothing to do without an issue', () => {
    expect(checkNotes(sources)).toEqual([])
  })
})

describe('tests', () => {
  it('all run, and none sleeps', () => {
    expect(checkTests(sources)).toEqual([])
  })
})

describe('papers', () => {
  it('list every error code once, in its catalogue and in the README of its layer', () => {
    expect(checkCodes(codeUses(library), cataloguesOf(library), readmes)).toEqual([])
  })
  it('explain every option', () => {
    const indexes = library.filter(({ path }) => /^(?:\w+\/)?index\.ts$/.test(path))
    const names = indexes.flatMap(exportedNames).map((name) => name.replace(/^\w+ /, ''))
    expect(checkOptions(optionFields(library, new Set(names)), readmes)).toEqual([])
  })
  it('link to what is there', () => {
    const papers = paths
      .filter((path) => path.endsWith('.md'))
      .map((path) => ({ path, text: readText(path) }))
    expect(checkLinks(papers, new Set(paths))).toEqual([])
  })
  it('say why each dependency is used', () => {
    expect(checkDependencyList(manifest, adapters)).toEqual([])
    expect(checkAdapterLint(readText('.oxlintrc.json'), adapters)).toEqual([])
  })
})

describe('package', () => {
  it('ships the packages that the library imports, and no others', () => {
    expect(checkDevOnly(manifest, imported)).toEqual([])
    expect(checkUnused(manifest, adapters, imported)).toEqual([])
  })
  it('has lock files that name no registry', () => {
    const locks = paths.filter((path) => path.endsWith('package-lock.json'))
    expect(locks).toContain('package-lock.json')
    expect(locks.flatMap((path) => checkLock(path, readText(path)))).toEqual([])
  })
  it('keeps dist/ as source', () => {
    expect(checkIgnores(readText('.gitignore'), readText('.gitattributes'))).toEqual([])
  })
  it('names no path of one machine', () => {
    const texts = paths.filter(isText).map((path) => ({ path, text: readText(path) }))
    expect(checkMachinePaths(texts)).toEqual([])
  })
})
