/** The guides, the page about services, and the READMEs of the local layers: every `ts` block of them is a program that compiles and runs. */
import { describe, expect, test } from 'vitest'
import { readText, repositoryFiles } from '../tidy/files.ts'
import { blocksOf, writePrograms } from './doc-examples.ts'
import { compileErrors, leftBehind } from './run-examples.ts'

const guides = repositoryFiles().filter((path) => /^docs\/guides\/.*\.md$/.test(path))
const pages = [...guides, 'docs/services.md', 'runtime/README.md', 'behaviours/README.md']
const blocks = pages.flatMap((path) => blocksOf(path, readText(path)))
const files = writePrograms('doc-guides', blocks)
const programs = blocks.map(({ name, path, line }, index) => ({
  where: `${path}:${line} ${name}`,
  file: files[index] ?? '',
}))

describe('guides', () => {
  test('there are five: from Erlang and Elixir, from noex, to simulation, and of two larger examples', () => {
    expect(guides).toEqual([
      'docs/guides/chat.md',
      'docs/guides/from-erlang.md',
      'docs/guides/from-noex.md',
      'docs/guides/iot.md',
      'docs/guides/simulation.md',
    ])
  })

  test('all blocks compile as strict users compile', async () => {
    expect(await compileErrors(files)).toBe('')
  }, 60_000)

  // The first one loads the whole library.
  test.each(programs)(
    'NX-D26 $where runs and leaves no process',
    { timeout: 60_000 },
    async ({ file }) => {
      expect(await leftBehind(file)).toBe(0)
    },
  )
})
