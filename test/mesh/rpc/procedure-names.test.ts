import { describe, expect, it } from 'vitest'
import { ProcedureNames } from '../../../mesh/rpc/procedure-names.ts'
import { Codec } from '../../../mesh/wire/codec.ts'

const codec = new Codec()

describe('names of procedures and their bytes', () => {
  it('are read as they are written, again and again, wherever they stand', () => {
    const names = new ProcedureNames(codec)
    for (let round = 0; round < 2; round++) {
      // More than there are places, so that some take those of others.
      for (let i = 0; i < 600; i++) {
        const bytes = names.bytesOf(`shop.ä${i}`)
        const source = new Uint8Array([0xff, ...bytes, 0xff])
        expect(names.nameAt(source, 1, 1 + bytes.length)).toBe(`shop.ä${i}`)
      }
    }
  })

  it('what is no name, or more or less than one, is none', () => {
    const names = new ProcedureNames(codec)
    const good = codec.encode('a.b')
    expect(names.nameAt(good, 0, good.length)).toBe('a.b')
    expect(names.nameAt(good, 0, good.length - 1)).toBeUndefined()
    expect(names.nameAt(good, 0, 0)).toBeUndefined()
    for (const value of ['a.*', '', 'a..b', 5, null, ['a'], new Uint8Array(3)]) {
      const bytes = codec.encode(value)
      expect(names.nameAt(bytes, 0, bytes.length)).toBeUndefined()
    }
  })

  it('those that are written are known up to 1,024, then from anew', () => {
    const names = new ProcedureNames(codec)
    const first = names.bytesOf('n0')
    for (let i = 1; i < 1_024; i++) names.bytesOf(`n${i}`)
    expect(names.bytesOf('n0')).toBe(first)
    names.bytesOf('n1024')
    const again = names.bytesOf('n0')
    expect(again).not.toBe(first)
    expect(again).toEqual(first)
  })

  it('the bytes that are kept have no other memory behind them', () => {
    const bytes = new ProcedureNames(codec).bytesOf('a.b')
    expect(bytes.buffer.byteLength).toBe(bytes.length)
  })
})
