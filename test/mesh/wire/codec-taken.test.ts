import { addExtension } from 'msgpackr/pack'
import { describe, expect, it } from 'vitest'
import { Codec } from '../../../mesh/wire/codec.ts'
import { codeOf } from './bytes.ts'

// In a file of its own: the registration below lasts as long as the process.
describe('Codec', () => {
  it('notices that another library took an extension type, instead of passing its objects on', () => {
    const codec = new Codec()
    const bytes = codec.encode(new Int8Array(2))
    expect(codec.decode(bytes)).toEqual(new Int8Array(2))
    addExtension({ type: 0x21, unpack: () => ({ stolen: true }) })
    expect(codeOf(() => codec.decode(bytes))).toBe('ERR_CODEC_EXTENSION_TAKEN')
    expect(codec.decode(codec.encode({ a: 1 }))).toEqual({ a: 1 })
  })
})
