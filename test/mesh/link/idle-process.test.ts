import { describe, expect, it } from 'vitest'
import { CloseCode } from '../../../mesh/link/close-code.ts'
import { IdleServer } from '../../../mesh/link/idle-process.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { createSystem } from '../../../runtime/index.ts'
import { Cluster } from '../cluster.ts'
import { Hostile } from '../hostile.ts'
import { LinkNode } from './link-node.ts'

const open = (cluster: Cluster, name: string, n: number) =>
  LinkNode.open(cluster, cluster.network.transport(), name, { host: `10.0.0.${n}`, port: 4433 })

/** `a` dialled `b` and `c`, and closes what is idle. */
async function scene(cluster: Cluster, linksIdleMax = 32) {
  const [a, b, c] = [
    await open(cluster, 'a', 1),
    await open(cluster, 'b', 2),
    await open(cluster, 'c', 3),
  ]
  const downs: string[] = []
  for (const node of [a, b, c]) {
    node.pool.onLink((event) => {
      if (event.type === 'down') {
        downs.push(`${node.name} ${event.link.peer.name} ${event.reason}`)
      }
    })
  }
  await cluster.during(a.dial(b))
  await cluster.during(a.dial(c))
  const { clock } = cluster
  const system = createSystem({ clock, entropy: cluster.entropy })
  const options = { linkIdleMs: 10_000, linkIdleMinMs: 2_000, linksIdleMax }
  for (const { pool } of [a, b]) {
    await cluster.during(IdleServer.start({ options, clock, pool }, { system }))
  }
  return { a, b, c, downs, system }
}

describe('IdleServer', () => {
  it('closes an idle link when its peer agrees, and both sides say so', async () => {
    await using cluster = new Cluster()
    const { a, b, downs } = await scene(cluster)
    await cluster.clock.advance(9_000)
    expect(downs).toEqual([])
    a.link('c').send('sync', encodeFrame(0x40, new Uint8Array(1)))
    await cluster.clock.advance(4_000)
    expect(downs).toEqual(['b a idle', 'a b idle'])
    expect([a.peers, b.peers]).toEqual(['c', ''])
    await cluster.clock.advance(8_000)
    expect(downs.slice(2)).toEqual(['c a idle', 'a c idle'])
  })

  it('keepalives do not keep a link, frames and datagrams of either side do', async () => {
    await using cluster = new Cluster()
    const { a, b, c, downs } = await scene(cluster)
    a.frames.handle(0x30, 0x34, () => {})
    c.frames.handle(0x30, 0x34, () => {})
    const ping = encodeFrame(0x30, new Uint8Array(1))
    for (let at = 0; at < 10; at++) {
      b.link('a').sendDatagram(ping)
      a.link('c').sendDatagram(ping)
      await cluster.clock.advance(3_000)
    }
    expect(downs).toEqual([])
    await cluster.clock.advance(15_000)
    expect(downs.sort()).toEqual(['a b idle', 'a c idle', 'b a idle', 'c a idle'])
  })

  it('keeps linksIdleMax links and closes the least recently used early', async () => {
    await using cluster = new Cluster()
    const { a, downs } = await scene(cluster, 1)
    a.link('b').send('sync', encodeFrame(0x40, new Uint8Array(1)))
    await cluster.clock.advance(1_500)
    a.link('c').send('sync', encodeFrame(0x40, new Uint8Array(1)))
    await cluster.clock.advance(2_500)
    expect(downs).toEqual(['b a idle', 'a b idle'])
    expect(a.peers).toBe('c')
  })

  it('closes nothing that is held or vetoed', async () => {
    await using cluster = new Cluster()
    const { a, downs } = await scene(cluster)
    const release = a.link('b').hold()
    const stop = a.pool.keepLinks(({ peer }) => peer.name === 'c')
    await cluster.clock.advance(60_000)
    expect(downs).toEqual([])
    release()
    stop()
    await cluster.clock.advance(13_000)
    expect(downs.sort()).toEqual(['a b idle', 'a c idle', 'b a idle', 'c a idle'])
  })

  it('a peer whose goodbye was lost says the same by the code of its close', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const downs: string[] = []
    a.pool.onLink((event) => {
      if (event.type === 'down') downs.push(event.reason)
    })
    const peer = await Hostile.open(cluster, 66)
    await peer.join()
    peer.connection!.close(CloseCode.idle, '')
    await cluster.clock.advance(1_000)
    expect(downs).toEqual(['idle'])
  })
})
