import { describe, expect, it } from 'vitest'
import { DIST_DEFAULTS, resolveDistOptions, type DistOptions } from '../../dist/options.ts'

describe('resolveDistOptions', () => {
  it('takes its own options and leaves the rest to the mesh', () => {
    const given = { peerCallsMax: 5, port: 0, nope: 1 }
    const { dist, rest } = resolveDistOptions(given)
    expect(dist).toEqual({ ...DIST_DEFAULTS, peerCallsMax: 5 })
    expect(Object.isFrozen(dist)).toBe(true)
    expect(rest).toEqual({ port: 0, nope: 1 })
    expect(given).toEqual({ peerCallsMax: 5, port: 0, nope: 1 })
  })

  it.each(Object.entries(DIST_DEFAULTS).filter(([, value]) => typeof value === 'number'))(
    '%s refuses a negative number, a fraction and a text',
    (name) => {
      for (const value of [-1, 1.5, '7', NaN]) {
        expect(() => resolveDistOptions({ [name]: value })).toThrow(
          expect.objectContaining({ code: 'ERR_OPTION_INVALID', option: name }),
        )
      }
    },
  )

  it.each([
    ['heartbeatIntervalMs', 'keepaliveIntervalMs'],
    ['heartbeatMissThreshold', 'keepaliveMissesMax'],
    ['reconnectBaseDelayMs', 'reconnectBaseMs'],
    ['reconnectMaxDelayMs', 'reconnectMaxMs'],
  ])('refuses noex’s %s and names %s', (old, now) => {
    expect(() => resolveDistOptions({ [old]: 1 })).toThrow(
      expect.objectContaining({
        code: 'ERR_OPTION_RENAMED',
        message: expect.stringContaining(`'${now}'`) as string,
      }),
    )
  })

  it('has every default in its type', () => {
    const names: readonly (keyof DistOptions)[] = Object.keys(DIST_DEFAULTS) as never
    expect(names).toHaveLength(18)
  })
})
