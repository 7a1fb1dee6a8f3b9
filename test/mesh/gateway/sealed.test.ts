import { describe, expect, it } from 'vitest'
import { EdgeCluster } from './edge-cluster.ts'
import { Overheard } from './overheard.ts'

const SECRET = 'what only the two of them may read'

describe('a gateway', () => {
  it.each([
    ['peers of its own', [1]],
    ['a peer of its own and one of another gateway', [2]],
  ])('cannot read what passes it between %s', async (_what, atB) => {
    await using cluster = new EdgeCluster()
    const overheard = new Overheard()
    const transport = overheard.transport(cluster.network.transport())
    const g = await cluster.gateway('g', 1, {}, { dht: {}, transport })
    await cluster.gateway('h', 2, {}, { dht: {}, seeds: ['10.0.0.1:4433'] })
    await cluster.clock.advance(5_000)
    const a = await cluster.readyPeer('a', 8, [1])
    const b = await cluster.readyPeer('b', 9, atB)
    const got: unknown[] = []
    b.pubsub.subscribe('x.*', ({ payload }) => void got.push(payload))
    await cluster.during(b.rpc.advertise('b.echo', (x) => x))
    await cluster.clock.advance(2_000)
    const before = overheard.bytes
    const large = SECRET.repeat(5_000)
    for (const secret of [SECRET, large]) {
      await cluster.during(a.pubsub.publish('x.1', secret, { delivery: 'at_least_once' }))
      expect(await cluster.during(a.rpc.call('b.echo', secret))).toBe(secret)
    }
    expect(got).toEqual([SECRET, large])
    // All of it passed the gateway: twice there, and once back.
    expect(overheard.bytes - before).toBeGreaterThan(3 * large.length)
    expect(overheard.includes(SECRET)).toBe(false)
    // What is meant for the gateway itself is seen: this test would notice.
    g.pubsub.subscribe('g.*', () => {})
    await cluster.clock.advance(1_000)
    await cluster.during(a.pubsub.publish('g.1', SECRET, { delivery: 'at_least_once' }))
    expect(overheard.includes(SECRET)).toBe(true)
  })
})
