import { describe, expect, it } from 'vitest'
import { WireType } from '../../../mesh/wire/messages.ts'
import { encodeFrame, HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { Cluster } from '../cluster.ts'
import { LinkNode } from './link-node.ts'

const HOUR_MS = 3_600_000

/** Two linked nodes that nobody uses, and the pings that `b` got since the last look. */
async function scene(cluster: Cluster) {
  const open = (name: string, n: number) =>
    LinkNode.open(cluster, cluster.network.transport(), name, { host: `10.0.0.${n}`, port: 4433 })
  const [a, b] = [await open('a', 1), await open('b', 2)]
  await cluster.during(a.dial(b))
  const { stats } = b.endpoint as { stats(): { packetsReceived: number } }
  let seen = 0
  const packets = (): number => {
    const before = seen
    seen = stats.call(b.endpoint).packetsReceived
    return seen - before
  }
  await cluster.clock.advance(2_000)
  packets()
  return { a, b, packets }
}

describe('a link that nobody needs', () => {
  it('NX-D20 pings once in ten intervals from one side, and stays up for ever', async () => {
    await using cluster = new Cluster()
    const { a, b, packets } = await scene(cluster)
    await cluster.clock.advance(100_000)
    // The pings of its peer, or the answers to its own: one of the two sides pings.
    expect(packets()).toBe(10)
    await cluster.clock.advance(HOUR_MS)
    expect([a.peers, b.peers]).toEqual(['b', 'a'])
  })

  it('pings every interval while it is held, from the moment it is held', async () => {
    await using cluster = new Cluster()
    const { a, packets } = await scene(cluster)
    const release = a.link('b').hold()
    await cluster.clock.advance(11_000)
    expect(packets()).toBeGreaterThanOrEqual(10)
    release()
    await cluster.clock.advance(2_000)
    packets()
    await cluster.clock.advance(50_000)
    expect(packets()).toBe(5)
  })

  it('pings every interval while a layer above needs it', async () => {
    await using cluster = new Cluster()
    const { a, packets } = await scene(cluster)
    a.pool.keepLinks(() => true)
    a.link('b').send('dist', encodeFrame(WireType.distCast, new Uint8Array(0)))
    await cluster.clock.advance(10_000)
    expect(packets()).toBeGreaterThanOrEqual(10)
  })

  it('finds within four seconds that the peer is gone, once somebody speaks', async () => {
    await using cluster = new Cluster()
    const { a, b } = await scene(cluster)
    const downs: string[] = []
    a.pool.onLink((event) => {
      if (event.type === 'down') downs.push(event.reason)
    })
    cluster.network.kill(b.address)
    a.link('b').send('dist', encodeFrame(WireType.distCast, new Uint8Array(0)))
    await cluster.clock.advance(3_900)
    expect(downs).toEqual([])
    await cluster.clock.advance(200)
    expect(downs).toEqual(['heartbeat_timeout'])
  })

  it('is not woken up by what membership says', async () => {
    await using cluster = new Cluster()
    const { a, b, packets } = await scene(cluster)
    b.frames.handle(0x30, 0x35, () => {})
    for (let second = 0; second < 100; second++) {
      a.link('b').sendDatagram(encodeFrame(0x30, new Uint8Array(1)))
      a.link('b').send('sync', encodeFrame(0x35, new Uint8Array(HEADER_BYTES)))
      await cluster.clock.advance(1_000)
    }
    expect(packets()).toBe(210)
  })
})
