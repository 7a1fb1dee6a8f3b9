import { describe, expect, it } from 'vitest'
import {
  DISCOVERY_DEFAULTS,
  resolveDiscoveryOptions,
  type DiscoveryOptions,
} from '../../../dist/discovery/options.ts'
import { staticNodes } from '../../../dist/discovery/static.ts'

const codeOf = (code: string) => expect.objectContaining({ code })

describe('options of discovery', () => {
  it('have defaults', () => {
    expect(resolveDiscoveryOptions()).toEqual(DISCOVERY_DEFAULTS)
    expect(resolveDiscoveryOptions({ kind: 'mdns' })).toEqual({
      ...DISCOVERY_DEFAULTS,
      kind: 'mdns',
    })
  })

  it.each<[string, Partial<DiscoveryOptions>]>([
    ['kind', { kind: 'wifi' as never }],
    ['autoCluster', { autoCluster: 1 as never }],
    ['requiredContacts', { requiredContacts: 0 }],
    ['requiredContacts', { requiredContacts: 3, addressesMax: 2 }],
    ['stableMarginMs', { stableMarginMs: -1 }],
    ['namesMax', { namesMax: 65 }],
    ['dhtIntervalMs', { dhtIntervalMs: 999 }],
    ['strategies', { strategies: staticNodes([]) as never }],
  ])('refuse a wrong %s: %j', (option, given) => {
    expect(() => resolveDiscoveryOptions(given)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID', option }),
    )
  })

  it('refuse strategies without a name or a start, and a name twice', () => {
    const start = (): void => {}
    for (const strategies of [
      [{ start }],
      [{ name: '', start }],
      [{ name: 'x'.repeat(65), start }],
      [{ name: 'x' }],
      [null],
      [staticNodes([]), staticNodes([])],
    ]) {
      expect(() => resolveDiscoveryOptions({ strategies: strategies as never })).toThrow(
        codeOf('ERR_DISCOVERY_STRATEGY'),
      )
    }
  })

  it('take 64 strategies and not one more', () => {
    const strategies = Array.from({ length: 65 }, (_, i) => staticNodes([], { name: `s${i}` }))
    expect(resolveDiscoveryOptions({ strategies: strategies.slice(1) }).strategies).toHaveLength(64)
    expect(() => resolveDiscoveryOptions({ strategies })).toThrow(
      codeOf('ERR_DISCOVERY_STRATEGIES_MAX'),
    )
  })
})
