import { describe, expect, it } from 'vitest'
import { GREEDY_DEFAULTS } from '../../../mesh/routing/greedy/settings.ts'
import { ROUTING_DEFAULTS } from '../../../mesh/routing/kademlia/settings.ts'
import { isDhtOption, resolveDht } from '../../../mesh/routing/options.ts'
import type { DhtOptions } from '../../../mesh/routing/options.ts'
import { RECORDS_DEFAULTS } from '../../../mesh/routing/records/settings.ts'

const refused = (given: object, code = 'ERR_OPTION_INVALID') =>
  expect(() => resolveDht(given as DhtOptions), JSON.stringify(given)).toThrow(
    expect.objectContaining({ code }),
  )

describe('the option dht', () => {
  it('is a server with the defaults of both cores', () => {
    expect(resolveDht({})).toEqual({
      ...{ mode: 'server', publishAddress: true, store: undefined },
      ...{ exchangesMax: 1_024, exchangesPerPeerMax: 256 },
      ...{ routing: ROUTING_DEFAULTS, records: RECORDS_DEFAULTS, envelopes: GREEDY_DEFAULTS },
    })
    expect(Object.isFrozen(resolveDht({}))).toBe(true)
  })

  it('is nothing when it is false', () => {
    expect(resolveDht(false)).toBeUndefined()
    expect([false, {}, true, 'server', 7].map(isDhtOption)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  it('gives what both cores have to both', () => {
    const { routing, records } = resolveDht({ k: 8, alpha: 4, valueBytesMax: 100 })!
    expect([routing.k, records.k, routing.alpha, records.valueBytesMax]).toEqual([8, 8, 4, 100])
    expect([routing, records].every((part) => !Object.hasOwn(part, 'mode'))).toBe(true)
  })

  it('takes every setting at its default, and refuses what is out of range or unknown', () => {
    const all = { ...RECORDS_DEFAULTS, ...ROUTING_DEFAULTS }
    expect(resolveDht(all)?.routing).toEqual(ROUTING_DEFAULTS)
    for (const [name, value] of Object.entries(all)) {
      refused({ [name]: typeof value === 'boolean' ? 1 : -1 })
      refused({ [name]: 'much' })
    }
    refused({ mode: 'root' })
    refused({ store: 'disk' })
    refused({ k: 65 })
    refused({ exchangesMax: 0 })
    refused({ answers: 2 }, 'ERR_OPTION_UNKNOWN')
  })

  it('takes the limits of envelopes by their names, within their ranges', () => {
    expect(resolveDht({ envelopes: GREEDY_DEFAULTS })?.envelopes).toEqual(GREEDY_DEFAULTS)
    expect(resolveDht({ envelopes: { hopsMax: 32, seenMax: 5 } })?.envelopes).toEqual({
      ...{ ...GREEDY_DEFAULTS, hopsMax: 32, seenMax: 5 },
    })
    for (const name of Object.keys(GREEDY_DEFAULTS)) {
      refused({ envelopes: { [name]: -1 } })
      refused({ envelopes: { [name]: 'much' } })
    }
    refused({ envelopes: 5 })
    refused({ envelopes: { hopsMax: 33 } })
    refused({ envelopes: { timeoutMs: 300_001 } })
    refused({ envelopes: { payloadBytesMax: 1_000_001 } })
    refused({ envelopes: { hops: 3 } }, 'ERR_OPTION_UNKNOWN')
  })

  it('gives both cores one answerFactor', () => {
    const { routing, records } = resolveDht({ answerFactor: 4 })!
    expect([routing.answerFactor, records.answerFactor]).toEqual([4, 4])
  })

  it('refuses what contradicts itself', () => {
    refused({ envelopes: { forwardsMax: 256 } }, 'ERR_MESH_OPTIONS')
    refused({ bootstrapBaseMs: 2_000, bootstrapMaxMs: 1_000 }, 'ERR_MESH_OPTIONS')
    refused({ recordTtlMaxMs: 1_000 }, 'ERR_MESH_OPTIONS')
  })
})
