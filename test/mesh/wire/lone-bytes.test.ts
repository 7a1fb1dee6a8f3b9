import { Packr } from 'msgpackr/pack'
import { describe, expect, it } from 'vitest'
import { loneBytes } from '../../../mesh/wire/lone-bytes.ts'

const packr = new Packr({ useRecords: false, copyBuffers: true })

describe('a value that is bytes', () => {
  it('is read as msgpackr reads it, at every length of its head, into memory of its own', () => {
    for (const length of [0, 1, 128, 255, 256, 4_096, 65_535, 65_536, 200_000]) {
      const given = Uint8Array.from({ length }, (_, at) => at * 7)
      for (const bytes of [packr.encode(given), new Uint8Array(packr.encode(given))]) {
        const read = loneBytes(bytes)!
        expect(Buffer.isBuffer(read), `${length} bytes`).toBe(false)
        expect(Buffer.compare(read, packr.decode(bytes) as Uint8Array)).toBe(0)
        expect(read.buffer).not.toBe(bytes.buffer)
        bytes.fill(0)
        expect(Buffer.compare(read, given)).toBe(0)
      }
    }
  })

  it.each([
    ['nothing', []],
    ['a number', [0x07]],
    ['a string', [0xa1, 0x61]],
    ['bytes with something after them', [0xc4, 1, 9, 1]],
    ['half of them', [0xc4, 2, 9]],
    ['a head without its length', [0xc4]],
    ['a head with half its length', [0xc5, 0]],
    ['a large head with half its length', [0xc6, 0, 0]],
    ['more than there can be', [0xc6, 0xff, 0xff, 0xff, 0xff]],
  ])('%s is not', (_what, bytes) => {
    expect(loneBytes(new Uint8Array(bytes))).toBeUndefined()
  })
})
