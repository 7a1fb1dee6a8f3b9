import { describe, expect, it } from 'vitest'
import { createSeededEntropy, createSystemEntropy } from '../../runtime/index.ts'
import type { Entropy } from '../../runtime/index.ts'

const numbers = (entropy: Entropy): number[] => Array.from({ length: 1000 }, () => entropy.random())

describe.each([
  ['system', (): Entropy => createSystemEntropy()],
  ['seeded', (): Entropy => createSeededEntropy(7)],
])('%s entropy', (_name, make) => {
  it('gives numbers in [0, 1), spread out', () => {
    const drawn = numbers(make())
    expect(drawn.every((n) => n >= 0 && n < 1)).toBe(true)
    const mean = drawn.reduce((sum, n) => sum + n, 0) / drawn.length
    expect(mean).toBeGreaterThan(0.4)
    expect(mean).toBeLessThan(0.6)
  })

  it('gives as many bytes as asked for', () => {
    const bytes = make().bytes(32)
    expect(bytes).toBeInstanceOf(Uint8Array)
    expect(bytes).toHaveLength(32)
    expect(new Set(bytes).size).toBeGreaterThan(4)
  })
})

it('seeded entropy repeats for its seed and differs for another', () => {
  expect(numbers(createSeededEntropy(7))).toEqual(numbers(createSeededEntropy(7)))
  expect(numbers(createSeededEntropy(7))).not.toEqual(numbers(createSeededEntropy(8)))
  expect(createSeededEntropy(7).bytes(8)).toEqual(createSeededEntropy(7).bytes(8))
})
