import { describe, expect, it } from 'vitest'
import { createRpcContext } from '../../../mesh/rpc/context.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import { ServiceRegistry } from '../../../mesh/services/registry.ts'
import { codeOf } from '../cluster.ts'
import { dhtCluster, startAll } from '../routing/dht-cluster.ts'
import { ServiceNet } from './service-net.ts'

describe('waiting until others know', () => {
  it('R5 after it a call and a publish find what was advertised and subscribed to a moment before', async () => {
    await using cluster = dhtCluster()
    const [a, b] = (await startAll(cluster, 3, { more: { services: {} } })) as [Mesh, Mesh]
    await b.rpc.advertise('shop.price', () => 3)
    const early = await cluster.during(codeOf(a.rpc.call('shop.price')))
    expect(early).toBe('ERR_RPC_NO_PROVIDER')
    await b.rpc.advertise('shop.stock', () => 4)
    b.pubsub.subscribe('shop.sold', () => {})
    expect(await cluster.during(b.services.told(), 1)).toBe(true)
    const publish = a.pubsub.publish('shop.sold', 1)
    const [stock, { nodes }] = await cluster.during(
      Promise.all([a.rpc.call('shop.stock'), publish]),
    )
    expect([stock, nodes]).toEqual([4, 1])
  })

  it('ends with false after its time, when the node stops, and with a code when it is given up', async () => {
    const net = new ServiceNet()
    net.latencyMs = 100
    const node = net.node()
    const services = new ServiceRegistry(createRpcContext(node), {}, () => {})
    expect(await services.told()).toBe(true)
    node.catalog.set('procedure', 'shop.price')
    const told: unknown[] = []
    const abort = new AbortController()
    const note = (name: string, promise: Promise<unknown>): void =>
      void promise.then(
        (value) => told.push(`${name} ${String(value)} at ${net.clock.now() - startMs}`),
        (error: { code: string }) => told.push(`${name} ${error.code}`),
      )
    const startMs = net.clock.now()
    note('short', services.told({ timeoutMs: 95 }))
    note('long', services.told({ timeoutMs: 100 }))
    note('signal', services.told({ signal: abort.signal }))
    note('aborted', services.told({ signal: AbortSignal.abort() }))
    await net.clock.advance(50)
    abort.abort()
    await net.clock.advance(60)
    expect(told).toEqual([
      ...['aborted ERR_SERVICES_ABORTED', 'signal ERR_SERVICES_ABORTED'],
      ...['short false at 95', 'long true at 100'],
    ])
    node.catalog.set('procedure', 'shop.stock')
    note('stopped', services.told())
    services.close()
    await net.clock.settle()
    expect(told.at(-1)).toBe('stopped false at 110')
  })
})
