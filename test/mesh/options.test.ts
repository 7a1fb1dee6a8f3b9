import { describe, expect, it } from 'vitest'
import { createRealm } from '../../mesh/identity/realm.ts'
import { SWIM_PRESETS } from '../../mesh/membership/swim/settings.ts'
import { MESH_DEFAULTS, resolveMeshOptions } from '../../mesh/options.ts'
import type { MeshOptions } from '../../mesh/options.ts'

const realm = createRealm('com.example.options')
const lookup = async () => []
const resolve = (given: object) => resolveMeshOptions({ realm, ...given } as MeshOptions, lookup)

describe('resolveMeshOptions', () => {
  it('fills in what is not given and freezes the result', () => {
    const options = resolve({})
    const { membership, gateway, ...same } = MESH_DEFAULTS
    expect(options).toMatchObject({ ...same, realm, lookup, candidates: [] })
    expect(membership).toBe('lan')
    expect(gateway).toBe(false)
    expect(options.gateway).toBeUndefined()
    expect(options.membership).toEqual({ ...SWIM_PRESETS.lan, membersMax: same.membersMax })
    expect(Object.isFrozen(options)).toBe(true)
  })

  it('a realm is required, and a message says how to get one', () => {
    expect(() => resolveMeshOptions({}, lookup)).toThrow(
      expect.objectContaining({
        code: 'ERR_REALM_REQUIRED',
        message: expect.stringContaining('fovea realm create') as string,
      }),
    )
  })

  it('takes a cluster secret of 16 to 1,024 characters, and shows none that it refuses', () => {
    for (const length of [16, 1_024]) {
      const clusterSecret = 's'.repeat(length)
      expect(resolve({ clusterSecret }).clusterSecret).toBe(clusterSecret)
    }
    for (const clusterSecret of ['q'.repeat(15), 'q'.repeat(1_025), 1_234_567, null]) {
      expect(() => resolve({ clusterSecret })).toThrow(
        expect.objectContaining({
          code: 'ERR_OPTION_INVALID',
          message: "startMesh: 'clusterSecret' must be a text of 16 to 1024 characters",
        }),
      )
    }
  })

  it('reads seeds once', () => {
    expect(resolve({ seeds: ['a@10.0.0.1:1', 'h'] }).candidates).toEqual([
      { name: 'a', host: '10.0.0.1', port: 1 },
      { host: 'h', port: 4433 },
    ])
    expect(() => resolve({ seeds: ['?'] })).toThrow(
      expect.objectContaining({ code: 'ERR_SEED_INVALID' }),
    )
  })

  it("takes noex's nodeName for name, and refuses two that differ", () => {
    expect(resolve({ nodeName: 'shop' }).name).toBe('shop')
    expect(resolve({ nodeName: 'shop', name: 'shop' }).name).toBe('shop')
    expect(() => resolve({ nodeName: 'shop', name: 'bar' })).toThrow(
      expect.objectContaining({ code: 'ERR_MESH_OPTIONS' }),
    )
  })

  it('takes a preset of membership, and what differs from it', () => {
    expect(resolve({ membership: 'wan' }).membership.probeIntervalMs).toBe(5_000)
    const changed = { preset: 'local', indirectProbes: 2 } as const
    const { membership } = resolve({ membership: changed, membersMax: 2_000 })
    const expected = { ...SWIM_PRESETS.local, indirectProbes: 2, membersMax: 2_000 }
    expect(membership).toEqual(expected)
    expect(resolve({ membership: { syncsMax: 1 } }).membership.probeIntervalMs).toBe(1_000)
  })

  it.each<[string, object]>([
    ['a preset that does not exist', { membership: 'moon' }],
    ['a setting that does not exist', { membership: { probes: 1 } }],
    ['a setting out of range', { membership: { probeIntervalMs: 0 } }],
    ['metadata longer than a datagram has room for', { membership: { metaBytesMax: 513 } }],
    ['a number for membership', { membership: 5 }],
  ])('refuses %s', (_claim, given) => {
    expect(() => resolve(given)).toThrow(/^startMesh: /)
  })

  it.each<[string, object]>([
    ['syncIntervalMs', { syncIntervalMs: 1_000 }],
    ['downMemberForgetMs', { downMemberForgetMs: 1_000 }],
    ['hearsayMax', { hearsayMax: 1 }],
    ['membership', { membership: { signature: new Uint8Array(64) } }],
  ])('says what takes the place of %s as it was before', (option, given) => {
    expect(() => resolve(given)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_RENAMED', option }),
    )
  })

  it.each<[string, object]>([
    ['a probe that waits longer than half an interval', { membership: { probeTimeoutMs: 501 } }],
    ['pauses that end before they begin', { membership: { joinRetryMaxMs: 499 } }],
    ['membersMax below linksMax', { linksMax: 10, membersMax: 9 }],
    ['more seeds than seedsMax', { seeds: ['a', 'b'], seedsMax: 1 }],
    ['reconnectMaxMs below reconnectBaseMs', { reconnectBaseMs: 100, reconnectMaxMs: 99 }],
  ])('refuses %s', (_claim, given) => {
    expect(() => resolve(given)).toThrow(expect.objectContaining({ code: 'ERR_MESH_OPTIONS' }))
  })

  it.each<[string, object]>([
    ['a bare wildcard name', { name: '1' }],
    ['a host with a port', { host: '0.0.0.0:1' }],
    ['a port out of range', { port: 65_536 }],
    ['a keepalive of nothing', { keepaliveIntervalMs: 0 }],
    ['a frame limit above 16 MiB', { frameBytesMax: 16_777_217 }],
    ['a frame limit below 1 KiB', { frameBytesMax: 1_023 }],
    ['seeds that are no list', { seeds: 'a:1' }],
    ['capabilities that are no words', { capabilities: ['a b'] }],
  ])('names the option for %s', (_claim, given) => {
    expect(() => resolve(given)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID', option: Object.keys(given)[0] }),
    )
  })

  it('ML49 refuses an unknown option', () => {
    expect(() => resolve({ keepAliveMs: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }),
    )
  })
})
