import * as unpack from 'msgpackr/unpack'
import { describe, expect, it } from 'vitest'
import { codecProperties } from './codec-properties.ts'

describe('Codec with the JavaScript string reader', () => {
  it('is what our import of msgpackr gives', () => {
    expect(unpack).toHaveProperty('isNativeAccelerationEnabled', false)
  })
  codecProperties()
})
