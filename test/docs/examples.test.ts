/** Every export of the package that is not an error class has an example, and all of them compile and run. */
import { describe, expect, test } from 'vitest'
import * as entry from '../../index.ts'
import { libraryExamples, writePrograms } from './doc-examples.ts'
import { compileErrors, leftBehind } from './run-examples.ts'

const examples = libraryExamples()
const files = writePrograms('doc-examples', examples)
const programs = examples.map(({ name, path, line }, index) => ({
  where: `${name} (${path}:${line})`,
  file: files[index] ?? '',
}))

const isErrorClass = (value: unknown): boolean =>
  typeof value === 'function' && value.prototype instanceof Error

describe('examples in comments', () => {
  test('every exported value has one', () => {
    const shown = new Set(examples.map(({ name }) => name))
    const without = Object.entries(entry)
      .filter(([name, value]) => !isErrorClass(value) && !shown.has(name))
      .map(([name]) => name)
    expect(without).toEqual([])
  })

  test('all compile as strict users compile', async () => {
    expect(await compileErrors(files)).toBe('')
  }, 60_000)

  test.each(programs)('$where runs and leaves no process', async ({ file }) => {
    expect(await leftBehind(file)).toBe(0)
  })
})
