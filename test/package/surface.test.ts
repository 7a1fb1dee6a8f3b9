/**
 * The public names of every entry, written down. A change here is a change of the API: run
 * `npm run build && npx vitest run test/package -u` and read the difference.
 */
import { existsSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { readText, ROOT } from '../tidy/files.ts'
import { exportedNames } from '../tidy/imports.ts'
import type { Manifest } from '../tidy/repository.ts'
import { readSource } from '../tidy/source.ts'
import { codeEntries } from './tarball.ts'

describe('the public surface', () => {
  const entries = codeEntries(JSON.parse(readText('package.json')) as Manifest)

  beforeAll(() => {
    if (!existsSync(join(ROOT, 'build', 'index.js'))) throw new Error('run `npm run build` first')
  })

  it.each(entries)('of $specifier is what was written down', async ({ specifier, types }) => {
    const names = exportedNames(readSource(types, readText(types)))
    await expect(`${names.join('\n')}\n`).toMatchFileSnapshot(
      `surface/${specifier.replace('/', '-')}.txt`,
    )
  })

  it.each(entries)(
    'of $specifier has the same values in its declarations and at run time',
    async ({ js, types }) => {
      const loaded = (await import(
        /* @vite-ignore */ pathToFileURL(join(ROOT, js)).href
      )) as Record<string, unknown>
      const declared = exportedNames(readSource(types, readText(types)))
        .filter((name) => name.startsWith('value '))
        .map((name) => name.slice('value '.length))
      expect(Object.keys(loaded).sort()).toEqual(declared)
      expect(declared.filter((name) => loaded[name] === undefined)).toEqual([])
    },
  )
})
