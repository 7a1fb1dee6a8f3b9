import { describe, expect, it } from 'vitest'
import {
  CONNECTIONS_MAX,
  CONNECTIONS_MIN,
  CONNECTIONS_SPARE,
  connectionsMaxOf,
} from '../../mesh/connections-max.ts'
import { GATEWAY_DEFAULTS } from '../../mesh/gateway/options.ts'
import type { MeshOptions } from '../../mesh/options.ts'
import { MESH_DEFAULTS } from '../../mesh/options.ts'

const ALL = (MESH_DEFAULTS.linksMax as number) + GATEWAY_DEFAULTS.clientsMax + CONNECTIONS_SPARE

describe('ML6 the endpoint of a node', () => {
  it.each<[string, Pick<MeshOptions, 'linksMax' | 'gateway'>, number]>([
    ['that is no gateway takes what every endpoint does', {}, CONNECTIONS_MIN],
    ['with few links as well', { linksMax: 8, gateway: false }, CONNECTIONS_MIN],
    [
      'of a gateway takes all clients, all links, and some that are told no',
      { gateway: true },
      ALL,
    ],
    ['of a gateway with other settings too', { gateway: { health: false } }, ALL],
    [
      'of a gateway for a hundred takes no fewer than others',
      { gateway: { clientsMax: 100 } },
      4_096,
    ],
    [
      'takes as many as both limits allow',
      { linksMax: 20_000, gateway: { clientsMax: 30_000 } },
      51_024,
    ],
    ['takes no more than QUIC can', { gateway: { clientsMax: 1_048_576 } }, CONNECTIONS_MAX],
  ])('%s', (_what, options, expected) => {
    expect(connectionsMaxOf(options)).toBe(expected)
  })

  it.each([
    { linksMax: Number.NaN },
    { linksMax: -1 },
    { gateway: null },
    { gateway: 'yes' },
    { gateway: { clientsMax: Number.POSITIVE_INFINITY } },
    { gateway: { clientsMax: 'all' } },
  ])('leaves %j to the check of options', (options) => {
    const max = connectionsMaxOf(options as never)
    expect([CONNECTIONS_MIN, ALL]).toContain(max)
  })
})
