import * as fc from 'fast-check'
import { Packr } from 'msgpackr/pack'
import { describe, expect, it } from 'vitest'
import { loneText } from '../../../mesh/wire/lone-text.ts'

const packr = new Packr({ useRecords: false })

describe('a value that is one string', () => {
  it('is read as msgpackr reads it, at every length of its head', () => {
    for (const length of [0, 1, 15, 16, 31, 32, 64, 65, 255, 256, 4_096, 65_535]) {
      const text = 'ä'.repeat(Math.floor(length / 2)) + (length % 2 === 1 ? 'a' : '')
      const bytes = new Uint8Array(packr.encode(text))
      expect(loneText(bytes), `${length} bytes`).toBe(text)
    }
  })

  it('keeps byte order marks, and reads what is not UTF-8 as msgpackr does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 255 }), fc.boolean(), (text, marked) => {
        const body = marked ? new Uint8Array([0xef, 0xbb, 0xbf, ...text.subarray(0, 252)]) : text
        const bytes = new Uint8Array([0xd9, body.length, ...body])
        expect(loneText(bytes)).toBe(packr.decode(bytes))
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  it.each([
    ['nothing', []],
    ['a number', [0x07]],
    ['a string with something after it', [0xa1, 0x61, 0x01]],
    ['half a string', [0xa2, 0x61]],
    ['a head without its length', [0xd9]],
    ['a head with half its length', [0xda, 0x00]],
    ['a text beyond two bytes of length', [0xdb, 0, 0, 0, 1, 0x61]],
  ])('%s is not', (_what, bytes) => {
    expect(loneText(new Uint8Array(bytes))).toBeUndefined()
  })
})
