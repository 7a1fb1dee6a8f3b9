import { describe, expect, it } from 'vitest'
import { addressId, Sightings } from '../../../dist/discovery/sightings.ts'

const at = (host: string, port = 1) => ({ host, port })
const a = at('10.0.0.1')
const b = at('10.0.0.2')

describe('Sightings', () => {
  it('D3 an address is gone only when no answer named it for forgetAfterMs', () => {
    const book = new Sightings(10_000)
    expect(book.answer([a, b], 0)).toEqual({ seen: [a, b], gone: [] })
    expect(book.answer([a], 5_000)).toEqual({ seen: [], gone: [] })
    expect(book.answer([a], 9_999)).toEqual({ seen: [], gone: [] })
    expect(book.answer([a], 10_000)).toEqual({ seen: [], gone: [b] })
    expect(book.answer([a, b], 10_001)).toEqual({ seen: [b], gone: [] })
  })

  it('gives up at once what a whole answer does not name', () => {
    const book = new Sightings(0)
    book.answer([a, b], 0)
    expect(book.answer([b], 0)).toEqual({ seen: [], gone: [a] })
    expect(book.answer([], 0)).toEqual({ seen: [], gone: [b] })
  })

  it('D1 time in which questions failed makes nothing older', () => {
    const book = new Sightings(10_000)
    book.answer([a], 0)
    book.failed()
    expect(book.answer([b], 3_600_000)).toEqual({ seen: [b], gone: [] })
    expect(book.answer([b], 3_609_999)).toEqual({ seen: [], gone: [] })
    expect(book.answer([b], 3_610_000)).toEqual({ seen: [], gone: [a] })
  })

  it('D1 what is missing from a part of an answer is not gone', () => {
    const book = new Sightings(0)
    book.answer([a], 0)
    expect(book.part([b], 1)).toEqual({ seen: [b], gone: [] })
    expect(book.answer([b], 2)).toEqual({ seen: [], gone: [a] })
  })

  it('D7 takes names of any case for one address', () => {
    expect(addressId(at('Seed.Example'))).toBe(addressId(at('seed.example')))
    expect(addressId(at('a', 1))).not.toBe(addressId(at('a', 2)))
  })
})
