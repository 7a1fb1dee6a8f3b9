import { describe, expect, it } from 'vitest'
import { COURIER_DEFAULTS, courierSettings } from '../../../mesh/courier/settings.ts'
import type { CourierOptions } from '../../../mesh/courier/settings.ts'

describe('courierSettings', () => {
  it('gives the defaults with what is given on top, frozen', () => {
    expect(courierSettings('startMesh')).toEqual(COURIER_DEFAULTS)
    const settings = courierSettings('startMesh', { pathTtlMs: 0 })
    expect(settings).toEqual({ ...COURIER_DEFAULTS, pathTtlMs: 0 })
    expect(Object.isFrozen(settings)).toBe(true)
  })

  it.each<[string, unknown]>([
    ['chunkBytes', 511],
    ['valueBytesMax', 4_294_967_296],
    ['envelopesPerNodeMax', 0],
    ['waitTimeoutMs', Number.NaN],
    ['sendersMax', '7'],
    ['chunkByte', 1_000],
  ])('refuses %s of %s, by name', (name, value) => {
    expect(() => courierSettings('startMesh', { [name]: value } as CourierOptions)).toThrow(name)
  })
})
