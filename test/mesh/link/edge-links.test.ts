import { describe, expect, it } from 'vitest'
import type { NoRoom } from '../../../mesh/link/handshake.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { Cluster } from '../cluster.ts'
import { codec } from '../hostile.ts'
import { EDGE_BYTES_QUEUED_MAX, LinkNode } from './link-node.ts'
import type { LinkNodeOptions } from './link-node.ts'

/** Nodes by name in one world: `g` a gateway whose door is open, `m` a member, `e` and `f` at the edge. */
class Links {
  readonly cluster = new Cluster()
  readonly #n = new Map<string, number>()

  async node(name: string, options: LinkNodeOptions = {}): Promise<LinkNode> {
    const n = (this.#n.get('n') ?? 0) + 1
    this.#n.set('n', n)
    const at = { host: `10.0.0.${n}`, port: 4433 }
    return LinkNode.open(this.cluster, this.cluster.network.transport(), name, at, options)
  }

  async gateway(options: LinkNodeOptions = {}): Promise<LinkNode> {
    const node = await this.node('g', { kind: 'gateway', ...options })
    node.edges!.open(() => undefined)
    return node
  }

  /** How a dial ends: `linked`, or the reason of the refusal. */
  async dial(from: LinkNode, to: LinkNode): Promise<string> {
    return this.cluster.during(
      from.dial(to).then(
        () => 'linked',
        (error: unknown) => String((error as { reason?: unknown }).reason ?? error),
      ),
      1,
    )
  }
}

describe('links with peers at the edge', () => {
  it('are in a pool of their own, and members hear nothing of them', async () => {
    const links = new Links()
    const g = await links.gateway()
    const e = await links.node('e', { kind: 'edge' })
    const heard: string[] = []
    g.pool.onLink(({ type }) => heard.push(type))
    expect(await links.dial(e, g)).toBe('linked')
    expect(g.pool.linkCount).toBe(0)
    expect(g.pool.pendingCount).toBe(0)
    expect(heard).toEqual([])
    expect(g.edges!.pool.links().map(({ peer }) => [peer.name, peer.kind])).toEqual([['e', 'edge']])
    expect(e.pool.links().map(({ peer }) => [peer.name, peer.kind])).toEqual([['g', 'gateway']])
  })

  it('carry what the gateway handles, and no frame for members', async () => {
    const links = new Links()
    const g = await links.gateway()
    const e = await links.node('e', { kind: 'edge' })
    const seen: string[] = []
    g.frames.handle(0x10, 0xaf, () => seen.push('as a member'))
    g.edges!.frames.handle(WireType.call, WireType.call, (link) => seen.push(link.peer.name))
    await links.dial(e, g)
    for (const type of [WireType.swimSync, WireType.call, WireType.findNode]) {
      e.link('g').send('dist', codec.encodeFrame(type, {}))
    }
    await links.cluster.clock.advance(50)
    expect(seen).toEqual(['e'])
    expect(g.refused).toEqual({ ERR_LINK_FRAME_UNHANDLED: 2 })
  })

  it.each([
    ['edge', 'member', 'no_gateway'],
    ['edge', 'edge', 'no_gateway'],
    ['member', 'edge', 'no_gateway'],
    ['gateway', 'edge', 'no_gateway'],
    ['edge', 'gateway', 'linked'],
    ['member', 'gateway', 'linked'],
    ['gateway', 'member', 'linked'],
    ['gateway', 'gateway', 'linked'],
  ] as const)('%s dials %s: %s', async (from, to, outcome) => {
    const links = new Links()
    const a = await links.node('a', { kind: from })
    const b = await links.node('b', { kind: to })
    a.edges?.open(() => undefined)
    b.edges?.open(() => undefined)
    expect(await links.dial(a, b)).toBe(outcome)
    await links.cluster.clock.advance(2_000)
    expect([a.pool.pendingCount, b.pool.pendingCount]).toEqual([0, 0])
  })

  it.each(['too_many_clients', 'rate_limited'] as const)(
    'come in when the door lets them in, and else are told %s',
    async (reason: NoRoom) => {
      const links = new Links()
      const g = await links.node('g', { kind: 'gateway' })
      const e = await links.node('e', { kind: 'edge' })
      expect(await links.dial(e, g)).toBe('not_accepting')
      const shut = g.edges!.open(() => reason)
      expect(await links.dial(e, g)).toBe(reason)
      shut()
      g.edges!.open(() => undefined)
      shut()
      expect(await links.dial(e, g)).toBe('linked')
    },
  )

  it('are as many as the pool may have, and one more is refused', async () => {
    const links = new Links()
    const g = await links.gateway({ clientsMax: 2 })
    const outcomes: string[] = []
    for (const name of ['e', 'f', 'h']) {
      outcomes.push(await links.dial(await links.node(name, { kind: 'edge' }), g))
    }
    expect(outcomes).toEqual(['linked', 'linked', 'too_many_links'])
  })

  it('hold so many bytes in a lane, and one more frame is refused', async () => {
    const links = new Links()
    const g = await links.gateway()
    const e = await links.node('e', { kind: 'edge' })
    await links.dial(e, g)
    const link = g.edges!.pool.links()[0]!
    // Nothing is taken by the network any more.
    links.cluster.network.partition('10.0.0.1', '10.0.0.2')
    const frame = codec.encodeFrame(WireType.publish, { payload: new Uint8Array(32_000) })
    const outcomes: unknown[] = []
    for (let i = 0; i < 64; i++) {
      try {
        link.send('pubsub', frame)
        outcomes.push('queued')
      } catch (error) {
        outcomes.push((error as { code?: unknown }).code)
      }
    }
    expect(link.bytesQueued).toBeLessThanOrEqual(EDGE_BYTES_QUEUED_MAX)
    expect(outcomes.at(0)).toBe('queued')
    expect(outcomes.at(-1)).toBe('ERR_LINK_QUEUE_FULL')
    e.link('g').send('pubsub', frame)
    expect(e.link('g').state).toBe('established')
  })

  it('end when the same node comes in as a member, before its new link is told of', async () => {
    const links = new Links()
    const g = await links.gateway()
    const e = await links.node('e', { kind: 'edge' })
    await links.dial(e, g)
    const events: string[] = []
    g.edges!.pool.onLink(({ type }) => events.push(`edge ${type}`))
    g.pool.onLink(({ type }) => events.push(`member ${type}`))
    const m = await links.node('m', { keys: e.keys })
    expect(await links.dial(m, g)).toBe('linked')
    expect(events).toEqual(['edge down', 'member up'])
    expect([g.edges!.pool.linkCount, g.pool.linkCount]).toEqual([0, 1])
    expect(await links.dial(e, g)).toBe('key_in_use')
  })

  it('a newer connection of a peer takes the place of its old one', async () => {
    const links = new Links()
    const g = await links.gateway({ clientsMax: 1 })
    const e = await links.node('e', { kind: 'edge' })
    await links.dial(e, g)
    const old = g.edges!.pool.links()[0]!
    const events: string[] = []
    g.edges!.pool.onLink(({ type, link }) => events.push(`${type} ${link === old ? 'old' : 'new'}`))
    e.link('g').fail('ERR_TEST', 'lost')
    expect(await links.dial(e, g)).toBe('linked')
    expect(events).toEqual(['down old', 'up new'])
    expect(g.edges!.pool.linkCount).toBe(1)
  })
})
