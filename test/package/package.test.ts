/** The tarball: what is in it, and that a strict user can load and compile against every entry. */
import { posix } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../tidy/files.ts'
import { importsOf } from '../tidy/imports.ts'
import { readSource } from '../tidy/source.ts'
import { CONSUMER_SOURCE, CONSUMER_TSCONFIG } from './consumer-source.ts'
import { codeEntries, installPackage, type Consumer } from './tarball.ts'

const ENTRIES = ['fovea', 'fovea/mesh', 'fovea/dist', 'fovea/simulation', 'fovea/cores']

describe('the package', () => {
  let consumer: Consumer
  beforeAll(() => {
    consumer = installPackage()
  }, 60_000)
  afterAll(() => {
    consumer.dispose()
  })

  it('has the entries that the documentation names', () => {
    expect(codeEntries(consumer.manifest).map(({ specifier }) => specifier)).toEqual(ENTRIES)
  })

  it('holds compiled files, its papers and nothing else', () => {
    const known =
      /^(?:package\.json|README\.md|CHANGELOG\.md|LICENSE|build\/(?:index|(?:runtime|behaviours|mesh|dist)\/[\w./-]+)\.(?:js|d\.ts|html|css|svg))$/
    expect(consumer.files.filter((path) => !known.test(path))).toEqual([])
    expect(consumer.files).toEqual(
      expect.arrayContaining([
        'package.json',
        'README.md',
        'CHANGELOG.md',
        'LICENSE',
        'build/index.js',
      ]),
    )
  })

  it('has no maps, since the sources they would point at are not in it', () => {
    const mapped = consumer.files
      .filter((path) => path.endsWith('.js') || path.endsWith('.d.ts'))
      .filter((path) => consumer.read(path).includes('sourceMappingURL'))
    expect(mapped).toEqual([])
  })

  it('has declarations for every module, and the files that its entries name', () => {
    const bare = consumer.files.filter(
      (path) => path.endsWith('.js') && !consumer.files.includes(path.replace(/\.js$/, '.d.ts')),
    )
    expect(bare).toEqual([])
    for (const { js, types } of codeEntries(consumer.manifest)) {
      expect(consumer.files).toEqual(expect.arrayContaining([js, types]))
    }
  })

  it('names no third-party type in the declarations that a user can reach', () => {
    const queue = codeEntries(consumer.manifest).map(({ types }) => types)
    const seen = new Set<string>()
    const foreign: string[] = []
    for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
      if (seen.has(path)) continue
      seen.add(path)
      for (const { specifier } of importsOf(readSource(path, consumer.read(path)))) {
        if (specifier.startsWith('.')) {
          queue.push(posix.join(posix.dirname(path), specifier).replace(/\.[jt]s$/, '.d.ts'))
        } else if (!specifier.startsWith('node:')) foreign.push(`${path}: ${specifier}`)
      }
    }
    expect(foreign).toEqual([])
    expect(seen.size).toBeGreaterThan(ENTRIES.length)
  })

  it.each(ENTRIES)(
    'gives the same %s to import and to require, and leaves nothing running',
    (specifier) => {
      consumer.write(
        'load.mjs',
        `import { createRequire } from 'node:module'
       const imported = await import('${specifier}')
       const required = createRequire(import.meta.url)('${specifier}')
       const names = Object.keys(imported)
       const same = names.every((name) => imported[name] === required[name])
       console.log(JSON.stringify({ names: names.length, same, default: 'default' in imported }))`,
      )
      const ran = consumer.node('--no-warnings', 'load.mjs')
      expect(ran.stderr).toBe('')
      expect(JSON.parse(ran.stdout)).toEqual({
        names: expect.any(Number),
        same: true,
        default: false,
      })
      expect(JSON.parse(ran.stdout)).not.toMatchObject({ names: 0 })
      expect(ran.status).toBe(0)
    },
  )

  it('loads from CommonJS', () => {
    consumer.write(
      'load.cjs',
      `${ENTRIES.map((specifier) => `require('${specifier}')`).join('\n')}
       console.log(require('fovea/package.json').version)`,
    )
    const ran = consumer.node('--no-warnings', 'load.cjs')
    expect(ran).toMatchObject({ status: 0, stderr: '', stdout: `${consumer.manifest.version}\n` })
  })

  it('closes everything that is not an entry', () => {
    consumer.write(
      'deep.mjs',
      `try { await import('fovea/build/runtime/index.js') } catch (error) { console.log(error.code) }`,
    )
    expect(consumer.node('deep.mjs').stdout).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED\n')
  })

  it('compiles against a strict program without skipLibCheck', () => {
    consumer.write('tsconfig.json', JSON.stringify(CONSUMER_TSCONFIG))
    consumer.write('consumer.ts', CONSUMER_SOURCE)
    const tsc = posix.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    const ran = consumer.node(tsc, '-p', 'tsconfig.json')
    expect(ran).toMatchObject({ stdout: '', stderr: '', status: 0 })
    const after = consumer.node('--no-warnings', 'consumer.js')
    expect(after).toMatchObject({ stderr: '', stdout: 'ok\n', status: 0 })
  }, 60_000)

  describe('command line', () => {
    const cli = (...args: string[]): ReturnType<Consumer['node']> => {
      const bin = consumer.manifest.bin?.['fovea'] ?? ''
      return consumer.node(posix.join(consumer.installed, bin), ...args)
    }
    it('is executable by its first line', () => {
      expect(consumer.read(consumer.manifest.bin?.['fovea'] ?? '').split('\n')[0]).toBe(
        '#!/usr/bin/env node',
      )
    })
    it('explains itself', () => {
      const ran = cli('--help')
      expect(ran).toMatchObject({ status: 0, stderr: '' })
      expect(ran.stdout).toMatch(/^Usage: fovea /m)
    })
    it('says its version', () => {
      expect(cli('--version')).toMatchObject({
        status: 0,
        stderr: '',
        stdout: `${consumer.manifest.version}\n`,
      })
    })
  })
})
