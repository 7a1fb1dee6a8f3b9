import { describe, expect, it } from 'vitest'
import type { Mesh } from '../../../../mesh/mesh.ts'
import { EdgeCluster } from '../../gateway/edge-cluster.ts'
import { dhtCluster, seedOf, startAll, startOne } from '../../routing/dht-cluster.ts'
import { fateOf, listen } from './stream-net.ts'

const SERVICES = { more: { services: {} } }

/** Numbers up to `to`, or without end. */
async function* count(to: unknown): AsyncGenerator<number, string, undefined> {
  for (let number = 1; number <= (to as number); number++) yield number
  return 'done'
}

describe('streams between nodes', () => {
  it('R8 over links: all items in order, the result after them, and a cancel that stops the producer', async () => {
    await using cluster = dhtCluster()
    const [a, b] = (await startAll(cluster, 2, SERVICES)) as [Mesh, Mesh]
    let stopped = 0
    await b.rpc.advertiseStream('math.count', async function* (to: unknown) {
      try {
        return yield* count(to)
      } finally {
        stopped += 1
      }
    })
    await cluster.clock.advance(1_000)
    const stream = a.rpc.stream<number, string>('math.count', 5_000, { mode: 'server' })
    const seen = listen(stream)
    await cluster.clock.advance(1_000)
    expect(seen.items).toEqual(Array.from({ length: 5_000 }, (_, at) => at + 1))
    await expect(stream.result).resolves.toBe('done')
    const endless = a.rpc.stream('math.count', Infinity)
    await cluster.clock.advance(100)
    endless.cancel()
    await cluster.clock.advance(10)
    expect(stopped).toBe(2)
    expect([a.rpc.streamStats().outbound, b.rpc.streamStats().inbound]).toEqual([0, 0])
    expect(b.rpc.streamStats().bytesUnacknowledged).toBe(0)
  })

  it('R10 R9 an item of 4 MB is on its way while calls go as fast as before', async () => {
    await using cluster = dhtCluster()
    const [a, b] = (await startAll(cluster, 2, SERVICES)) as [Mesh, Mesh]
    await b.rpc.advertise('echo', (input) => input)
    await b.rpc.advertiseStream('size', async (_input, items) => {
      const sizes: number[] = []
      for await (const item of items) sizes.push((item as Uint8Array).length)
      return sizes
    })
    await cluster.clock.advance(1_000)
    const timeCall = async (): Promise<number> => {
      const startMs = cluster.clock.now()
      await cluster.during(a.rpc.call('echo', 1))
      return cluster.clock.now() - startMs
    }
    const idleMs = await timeCall()
    const stream = a.rpc.stream<never, number[]>('size')
    const result = fateOf(stream.result)
    for (let item = 0; item < 3; item++) void stream.write(new Uint8Array(4_194_304))
    stream.end()
    let slowestMs = 0
    for (let calls = 0; calls < 200 && result.value === undefined; calls++) {
      slowestMs = Math.max(slowestMs, await timeCall())
      await cluster.clock.advance(1)
    }
    await cluster.clock.advance(5_000)
    expect(result.value).toEqual([4_194_304, 4_194_304, 4_194_304])
    expect(slowestMs).toBeLessThanOrEqual(2 * idleMs + 2)
  })

  it('R4 end as unreachable when the other node stops, and are served again elsewhere', async () => {
    await using cluster = dhtCluster()
    const [a, b, c] = (await startAll(cluster, 3, SERVICES)) as [Mesh, Mesh, Mesh]
    for (const node of [b, c]) await node.rpc.advertiseStream('math.count', count)
    await cluster.clock.advance(1_000)
    const stream = a.rpc.stream('math.count', Infinity)
    await cluster.clock.advance(100)
    const server = stream.node === b.key.hex ? b : c
    const result = fateOf(stream.result)
    await cluster.during(server.stop())
    await cluster.clock.advance(1_000)
    expect(result.error).toMatchObject({ code: 'ERR_RPC_UNREACHABLE', node: server.key.hex })
    const again = a.rpc.stream('math.count', 3)
    const seen = listen(again)
    await cluster.clock.advance(1_000)
    expect(seen.items).toEqual([1, 2, 3])
    expect(again.node).not.toBe(server.key.hex)
  })

  it('ML3 pass through others between nodes that cannot reach each other', async () => {
    await using cluster = dhtCluster()
    cluster.network.partition('10.0.0.1', '10.0.0.3')
    await startOne(cluster, 2, { more: { services: {}, seeds: [] } })
    const more = { services: {}, seeds: [seedOf(2)] }
    const a = await startOne(cluster, 1, { more })
    const c = await startOne(cluster, 3, { more })
    await startOne(cluster, 4, { more })
    await cluster.clock.advance(15_000)
    await c.rpc.advertiseStream('far.upper', async function* (_input, items) {
      for await (const item of items) yield (item as string).toUpperCase()
      return 'bye'
    })
    await cluster.clock.advance(20_000)
    const stream = a.rpc.stream<string, string, string>('far.upper', undefined, {
      node: c.key.hex,
    })
    const seen = listen(stream)
    for (let at = 0; at < 200; at++) void stream.write(`item ${at}`)
    stream.end()
    await cluster.clock.advance(30_000)
    expect(seen.error).toBeUndefined()
    expect(seen.items).toEqual(Array.from({ length: 200 }, (_, at) => `ITEM ${at}`))
    await expect(stream.result).resolves.toBe('bye')
    expect(a.linkTo(c.key.hex)).toBeUndefined()
  })

  it('reach peers at the edge, both ways, through their gateways', async () => {
    await using cluster = new EdgeCluster()
    await cluster.gateway('g', 1, {}, { dht: {} })
    const m = await cluster.start('m', 3, { dht: {}, seeds: ['10.0.0.1:4433'] })
    await cluster.clock.advance(5_000)
    const [p, q] = [await cluster.readyPeer('p', 8, [1]), await cluster.readyPeer('q', 9, [1])]
    for (const [name, node] of [
      ['m', m],
      ['p', p],
      ['q', q],
    ] as const) {
      await cluster.during(node.rpc.advertiseStream(`${name}.count`, count))
    }
    await cluster.clock.advance(2_000)
    for (const [caller, name] of [
      [p, 'm'],
      [p, 'q'],
      [m, 'p'],
      [q, 'p'],
    ] as const) {
      const stream = caller.rpc.stream<number, string>(`${name}.count`, 3_000)
      const seen = listen(stream)
      await cluster.clock.advance(3_000)
      expect([name, seen.error, seen.items.length]).toEqual([name, undefined, 3_000])
      expect(seen.items.every((item, at) => item === at + 1)).toBe(true)
    }
  })
})
