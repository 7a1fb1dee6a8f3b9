import { describe, expect, it } from 'vitest'
import { ByteStock } from '../../../mesh/machine/byte-stock.ts'
import { createSeededEntropy } from '../../../runtime/index.ts'

describe('ByteStock', () => {
  it('gives each byte of a draw once, and draws again when too few are left', () => {
    const draws: Uint8Array[] = []
    const source = createSeededEntropy(7)
    const stock = new ByteStock({
      bytes: (length) => {
        draws.push(source.bytes(length))
        return draws.at(-1)!
      },
    })
    const taken = Array.from({ length: 64 }, () => Buffer.from(stock.take(16)))
    expect(draws).toHaveLength(1)
    expect(Buffer.compare(Buffer.concat(taken), draws[0]!)).toBe(0)
    expect(stock.take(7)).toHaveLength(7)
    expect(draws).toHaveLength(2)
    expect(stock.take(1_017)).toHaveLength(1_017)
    expect(draws).toHaveLength(2)
    expect(Buffer.compare(stock.take(1_024), draws[2]!)).toBe(0)
  })
})
