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
  test('there are three, from Erlang and Elixir, from noex, and to simulation', () => {
    expect(guides).toEqual([
      'docs/guides/from-erlang.md',
      'docs/guides/from-noex.md',
      'docs/guides/simulation.md',
    ])
  })

  test('all blocks compile as strict users compile', async () => {
    expect(await compileErrors(files)).toBe('')
  }, 60_000)

  test.each(programs)('$where runs and leaves no process', async ({ file }) => {
    expect(await leftBehind(file)).toBe(0)
  })
})
