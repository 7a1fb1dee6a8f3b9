import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { Cluster } from '../cluster.ts'
import { Hostile, SYNC } from '../hostile.ts'
import { LinkNode } from './link-node.ts'

const open = (cluster: Cluster, name: string, n: number, more: object = {}) =>
  LinkNode.open(
    cluster,
    cluster.network.transport(),
    name,
    { host: `10.0.0.${n}`, port: 4433 },
    more,
  )

const sync = (n: number) => encodeFrame(WireType.findNode, Uint8Array.of(n))

describe('the sync lane', () => {
  it('carries frames both ways from the first moment on, and says so', async () => {
    await using cluster = new Cluster()
    const seen: string[] = []
    const a = await open(cluster, 'a', 1)
    const b = await open(cluster, 'b', 2)
    for (const [name, node] of [
      ['a', a],
      ['b', b],
    ] as const) {
      node.frames.handle(0x40, 0x48, (link, _type, payload, via) => {
        seen.push(`${name} from ${link.peer.name}: ${payload[0]} on ${via}`)
      })
      node.pool.onLink(({ type, link }) => {
        if (type === 'up') expect(link.send('sync', sync(name === 'a' ? 1 : 2))).toBe(true)
      })
    }
    await cluster.during(b.dial(a))
    await cluster.clock.advance(100)
    expect(seen.sort()).toEqual(['a from b: 2 on sync', 'b from a: 1 on sync'])
  })

  it('what is said before the peer has opened it waits, in order and bounded', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1, { bytesQueuedMax: 4_096 })
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    const link = a.link('evil')
    for (let n = 0; n < 4_096 / 9 - 1; n++) expect(link.send('sync', sync(n))).toBe(true)
    expect(link.bytesQueued).toBe(455 * 9)
    expect(() => link.send('sync', sync(0))).toThrow(
      expect.objectContaining({ code: 'ERR_LINK_QUEUE_FULL' }),
    )
    const received: number[] = []
    const lane = evil.connection!.openStream()
    lane.handle({ onData: (bytes) => received.push(...bytes) })
    lane.write(SYNC)
    await cluster.clock.advance(100)
    expect(received).toHaveLength(455 * 9)
    expect(received.filter((_byte, at) => at % 9 === 8).slice(0, 4)).toEqual([0, 1, 2, 3])
    expect(link.bytesQueued).toBe(0)
    expect(link.send('sync', sync(7))).toBe(true)
    await cluster.clock.advance(100)
    expect(received.at(-1)).toBe(7)
  })

  it('a lane that opens late takes frames of the full size', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    let bytes = 0
    a.frames.handle(0x40, 0x48, (_link, _type, payload) => (bytes += payload.length))
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    const lane = evil.stream()
    lane.write(SYNC)
    lane.write(encodeFrame(WireType.findNode, new Uint8Array(1_048_576)))
    await cluster.clock.advance(1_000)
    expect(bytes).toBe(1_048_576)
  })

  it.each([
    ['below 0x30', WireType.cancel],
    ['above 0x5f', WireType.distSend],
    ['of the link itself', WireType.ping],
  ])('a frame %s on it ends the link', async (_claim, type) => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    let handled = 0
    a.frames.handle(0x10, 0xff, () => handled++)
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    const lane = evil.stream()
    lane.write(SYNC)
    lane.write(encodeFrame(type, new Uint8Array(1)))
    await cluster.clock.advance(2_000)
    expect(handled).toBe(0)
    expect(a.refused).toEqual({ ERR_LINK_PROTOCOL: 1 })
    expect(a.peers).toBe('')
  })

  it('H6 a frame on it before the link is accepted ends the connection', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const evil = await (await Hostile.open(cluster, 66)).dial()
    const lane = evil.stream()
    lane.write(SYNC)
    lane.write(sync(1))
    await cluster.clock.advance(2_000)
    expect(a.refused).toEqual({ ERR_LINK_EARLY_FRAME: 1 })
    expect(evil.closed).toBeDefined()
  })

  it('what came on it before a goodbye is handled before the link is down', async () => {
    await using cluster = new Cluster()
    const seen: string[] = []
    const a = await open(cluster, 'a', 1)
    const b = await open(cluster, 'b', 2)
    a.frames.handle(0x40, 0x48, (_link, _type, payload) => void seen.push(`frame ${payload[0]}`))
    a.pool.onLink(({ type }) => void seen.push(type))
    const link = await cluster.during(b.dial(a))
    for (let n = 0; n < 3; n++) link.send('sync', sync(n))
    await cluster.during(link.close())
    expect(seen).toEqual(['up', 'frame 0', 'frame 1', 'frame 2', 'down'])
  })
})
