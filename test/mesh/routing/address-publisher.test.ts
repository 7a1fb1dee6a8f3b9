import { describe, expect, it } from 'vitest'
import { dhtCluster, startOne } from './dht-cluster.ts'

describe('where a node is', () => {
  it('is published under its key and its id, and what fails is counted and logged', async () => {
    await using cluster = dhtCluster({ seed: 61 })
    const [a, b] = [
      await startOne(cluster, 1),
      await startOne(cluster, 2, { dht: { publishedMax: 1 } }),
    ]
    await cluster.clock.advance(10_000)
    expect(a.dht.stats().records?.published).toBe(2)
    expect(a.stats().refused['ERR_DHT_ADDRESS_UNPUBLISHED']).toBeUndefined()
    expect(b.dht.stats().records?.published).toBe(1)
    expect(b.stats().refused).toMatchObject({
      ERR_DHT_ADDRESS_UNPUBLISHED: 1,
      ERR_DHT_PUBLISHED_MAX: 1,
    })
    const said = cluster.lines.filter(({ code }) => code === 'ERR_DHT_ADDRESS_UNPUBLISHED')
    expect(said).toMatchObject([{ node: 'n2', level: 'warn' }])
  })
})
