import { describe, expect, it } from 'vitest'
import { collect, PubSubNet } from './pubsub-net.ts'

describe('publish and subscribe', () => {
  it('ML3 ML16 brings a message to subscribers of this node and of others, through the public functions', async () => {
    const net = new PubSubNet()
    const [a, b, c] = await net.startAll(3)
    const atA = collect()
    const atB = collect()
    const atC = collect()
    a!.pubsub.subscribe('room.*', atA.handler)
    b!.pubsub.subscribe('room.one', atB.handler)
    c!.pubsub.subscribe('room.two', atC.handler)
    await net.advance(10)
    const result = await a!.pubsub.publish('room.one', { text: 'hello' })
    await net.advance(10)
    expect(result).toMatchObject({ local: 1, nodes: 1, dropped: 0 })
    expect(atA.payloads).toEqual([{ text: 'hello' }])
    expect(atB.payloads).toEqual([{ text: 'hello' }])
    expect(atC.payloads).toEqual([])
  })

  it('MG10 delivers at least once, acknowledged', async () => {
    const net = new PubSubNet()
    const [a, b] = await net.startAll(2)
    const atB = collect()
    b!.pubsub.subscribe('x', atB.handler)
    await net.advance(10)
    const done = a!.pubsub.publish('x', 1, { qos: 1 })
    await net.advance(10)
    expect(await done).toMatchObject({ nodes: 1 })
    expect(atB.payloads).toEqual([1])
    expect(a!.pubsub.stats().outbox).toBe(0)
  })
})
