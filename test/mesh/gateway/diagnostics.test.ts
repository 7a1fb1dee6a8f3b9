import { describe, expect, it } from 'vitest'
import { DIAGNOSTICS_PREFIXES } from '../../../mesh/gateway/diagnostics.ts'
import { codeOf } from '../cluster.ts'
import { EdgeCluster, killPart } from './edge-cluster.ts'

describe('the diagnostics of a gateway', () => {
  it.each(DIAGNOSTICS_PREFIXES)('are called as %s by any member', async (prefix) => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1)
    const m = await cluster.start('m', 2, { seeds: ['10.0.0.1:4433'], services: {} })
    await cluster.clock.advance(2_000)
    const call = <T>(name: string, input?: unknown): Promise<T> =>
      cluster.during(m.rpc.call<T>(`${prefix}.${name}`, input))
    expect(await call('hello')).toMatchObject({
      message: `hello from ${g.nodeId}`,
      caller: m.key.hex,
    })
    const input = { a: [1, 2n], b: new Map([['x', new Uint8Array(3)]]) }
    expect(await call('echo', input)).toEqual(input)
    expect(await call('info')).toMatchObject({
      key: g.key.hex,
      realm: 'com.example.test',
      clients: 0,
      clientsMax: 10_000,
      links: 1,
      members: 1,
    })
  })

  it('are there again when their process was killed', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1)
    killPart(g, 'gateway.diagnostics')
    await cluster.clock.advance(100)
    expect(g.gateway!.health().status).toBe('ok')
    expect(await cluster.during(g.rpc.call('io.fovea.diagnostics.echo', 1))).toBe(1)
  })

  it('are not there when they are switched off', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { diagnostics: false })
    const call = g.rpc.call('io.fovea.diagnostics.echo', 1)
    expect(await cluster.during(codeOf(call))).toBe('ERR_RPC_NO_PROVIDER')
    expect(g.gateway!.health().status).toBe('ok')
  })
})
