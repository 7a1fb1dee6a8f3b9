import { describe, expect, it } from 'vitest'
import type { CatalogOptions } from '../../../mesh/catalog/settings.ts'
import { createCatalog, createUplinkCatalog } from '../../../mesh/catalog/create-catalog.ts'
import type { CreatedCatalog, CreatedUplinkCatalog } from '../../../mesh/catalog/create-catalog.ts'
import type { LinkSource } from '../../../mesh/catalog/driver.ts'
import type { Dialer } from '../../../mesh/link/dialer.ts'
import type { Link, LinkEvent } from '../../../mesh/link/link.ts'
import { LinkPool } from '../../../mesh/link/pool.ts'
import { nodeKeyFromHex } from '../../../mesh/identity/node-key.ts'
import { MembershipLog } from '../../../mesh/membership/event-log.ts'
import { MembershipView } from '../../../mesh/membership/view.ts'
import type { NodeKind } from '../../../mesh/wire/check.ts'
import { Supervisor } from '../../../behaviours/index.ts'
import { ServiceNet } from '../services/service-net.ts'
import type { ServiceNode } from '../services/service-net.ts'

/** Links that the test makes. */
class Links implements LinkSource {
  readonly #links = new Map<string, Link>()
  #broken: Link | undefined
  readonly #handlers = new Set<(event: LinkEvent) => void>()

  readonly links = (): never[] => Array.from(this.#links.values()) as never[]
  readonly link = (key: string): never => this.#links.get(key) as never
  readonly onLink = (handler: (event: LinkEvent) => void): (() => void) => {
    this.#handlers.add(handler)
    return () => void this.#handlers.delete(handler)
  }

  up({ self, incarnation }: ServiceNode, kind: NodeKind): void {
    const link = {
      states: [],
      peer: { key: nodeKeyFromHex(self), incarnation, kind, states: [] },
    } as unknown as Link
    this.#links.set(self, link)
    for (const handler of this.#handlers) handler({ type: 'up', link })
  }

  /** Nobody is told yet. */
  breaks({ self }: ServiceNode): void {
    this.#broken = this.#links.get(self)
    this.#links.delete(self)
  }

  down({ self }: ServiceNode): void {
    const link = this.#links.get(self) ?? this.#broken!
    this.#links.delete(self)
    for (const handler of this.#handlers)
      handler({ type: 'down', link, reason: 'connection_closed' })
  }
}

interface Gateway extends CreatedCatalog {
  readonly node: ServiceNode
  readonly edges: Links
  readonly view: MembershipView
}

interface Edge extends CreatedUplinkCatalog {
  readonly node: ServiceNode
  readonly gateways: Links
}

/** Ends processes of that label; gives how many there were. */
function killed({ system }: ServiceNode, label: string): number {
  const ended = Array.from(system.processes()).filter((each) => each.label.includes(label))
  for (const { pid } of ended) system.exit(pid, 'kill')
  return ended.length
}

/** Gateways and peers at their edge without a mesh. */
class Edges {
  readonly net = new ServiceNet()

  async gateway(options: CatalogOptions = {}, hasAddresses = false): Promise<Gateway> {
    const node = this.net.node()
    const { self, incarnation, clock, chance, logger, refusals, codec, courier } = node
    const edges = new Links()
    const limits = { linksMax: 8, handshakesMax: 8, incarnationsMax: 8 }
    const onHandlerError = (error: unknown): void => {
      throw error
    }
    const log = new MembershipLog(8)
    const view = new MembershipView({ log, detailsOf: () => ({}), onHandlerError })
    const created = createCatalog({
      ...{ self, incarnation, clock, chance, logger, refusals, codec, courier, edges, options },
      ...{ pool: new LinkPool(nodeKeyFromHex(self), limits, onHandlerError), view },
      ...{
        dialer: undefined as unknown as Dialer,
        dialsMax: 1,
        dialTimeoutMs: 1_000,
        dht: undefined,
        hasAddresses: () => hasAddresses,
      },
    })
    await Supervisor.start({ system: node.system, children: [created.child] })
    return { ...created, node, edges, view }
  }

  async edge(options: CatalogOptions = {}): Promise<Edge> {
    const node = this.net.node()
    const { self, incarnation, clock, chance, refusals, codec, courier } = node
    const gateways = new Links()
    const created = createUplinkCatalog({
      ...{ self, incarnation, clock, chance, refusals, codec, courier, pool: gateways, options },
    })
    await Supervisor.start({ system: node.system, children: [created.child] })
    return { ...created, node, gateways }
  }

  link(edge: Edge, gateway: Gateway): void {
    gateway.edges.up(edge.node, 'edge')
    edge.gateways.up(gateway.node, 'gateway')
  }

  unlink(edge: Edge, gateway: Gateway): void {
    gateway.edges.down(edge.node)
    edge.gateways.down(gateway.node)
  }

  advance(ms: number): Promise<void> {
    return this.net.clock.advance(ms)
  }

  async sought(edge: Edge, name: string): Promise<string> {
    const seek = edge.catalog.seek('topic', name)
    await this.advance(2_500)
    await seek
    const short = (key: string): string => key.slice(0, 2)
    return edge.catalog
      .lookup('topic', name)
      .map(({ node, via }) => short(node) + (via === undefined ? '' : `(${short(via)})`))
      .sort()
      .join(' ')
  }
}

describe('a peer at the edge', () => {
  it('tells its gateway what it wants and offers, and learns by asking who else does', async () => {
    const edges = new Edges()
    const gateway = await edges.gateway()
    const [one, two] = [await edges.edge(), await edges.edge()]
    one.catalog.set('topic', 'a.*', { plain: 2 })
    gateway.catalog.set('topic', 'a.**')
    for (const edge of [one, two]) edges.link(edge, gateway)
    await edges.advance(200)
    expect(one.isTold()).toBe(true)
    expect(gateway.catalog.lookup('topic', 'a.b').map(({ node }) => node)).toEqual([one.node.self])
    expect(two.catalog.lookup('topic', 'a.b')).toEqual([])
    // Of the gateway itself, and of its other peer by way of it; never of who asks.
    expect(await edges.sought(two, 'a.b')).toBe('01 02(01)')
    expect(await edges.sought(one, 'a.b')).toBe('01')
    expect(two.catalog.stats()).toMatchObject({ known: 2, nodes: 2, seeks: 1 })
  })

  it('is told of changes for a name that it asked for, without asking again', async () => {
    const edges = new Edges()
    const gateway = await edges.gateway()
    const edge = await edges.edge()
    const changes: string[] = []
    edge.catalog.onChange('topic', () => {
      throw new Error('broken')
    })
    edge.catalog.onChange(
      'topic',
      ({ type, entry }) => void changes.push(`${type} ${entry.pattern}`),
    )
    edges.link(edge, gateway)
    gateway.catalog.set('topic', 'x')
    await edges.advance(200)
    expect(await edges.sought(edge, 'x')).toBe('01')
    const other = await edges.edge()
    edges.link(other, gateway)
    for (const change of [
      () => gateway.catalog.set('topic', 'x', { plain: 3 }),
      () => other.catalog.set('topic', '*'),
      () => other.catalog.delete('topic', '*'),
      () => gateway.catalog.delete('topic', 'x'),
      () => gateway.catalog.set('topic', 'nobody.asked'),
    ]) {
      change()
      await edges.advance(100)
    }
    expect(changes).toEqual(['added x', 'changed x', 'added *', 'removed *', 'removed x'])
    expect(edge.node.refusals.counters()).toEqual({ ERR_CATALOG_HANDLER: 5 })
    expect(edge.catalog.stats()).toMatchObject({ known: 0, seeks: 1 })
  })

  it('PS6 ML6 is told of changes also by a gateway whose catalog was restarted meanwhile', async () => {
    const edges = new Edges()
    const gateway = await edges.gateway()
    const edge = await edges.edge()
    edges.link(edge, gateway)
    gateway.catalog.set('topic', 'old')
    await edges.advance(200)
    for (const name of ['x', 'new', 'old']) await edges.sought(edge, name)
    const restarts = killed(gateway.node, 'fovea.catalog/')
    // While no process runs.
    gateway.catalog.set('topic', 'new')
    gateway.catalog.delete('topic', 'old')
    await edges.advance(100)
    expect(restarts).toBe(1)
    const other = await edges.edge()
    other.catalog.set('topic', 'x')
    edges.link(other, gateway)
    await edges.advance(100)
    const found = ['x', 'new', 'old'].map((name) => edge.catalog.lookup('topic', name).length)
    expect(found).toEqual([1, 1, 0])
    expect(edge.catalog.stats().seeks).toBe(3)
  })

  it('asks again for what it knew when its catalog was restarted, or its former gateway is gone', async () => {
    const edges = new Edges()
    const [gateway, next] = [await edges.gateway(), await edges.gateway()]
    const edge = await edges.edge()
    edges.link(edge, gateway)
    gateway.catalog.set('topic', 'x')
    await edges.advance(200)
    expect(await edges.sought(edge, 'x')).toBe('01')
    killed(edge.node, 'fovea.catalog.uplink/')
    await edges.advance(100)
    next.catalog.set('topic', 'x')
    edges.unlink(edge, gateway)
    edges.link(edge, next)
    await edges.advance(100)
    expect(edge.catalog.lookup('topic', 'x').map(({ node }) => node)).toEqual([next.node.self])
    edge.node.courier.gone(next.node.self, 'down')
    expect(edge.catalog.lookup('topic', 'x')).toEqual([])
    // The gateway of now knows better.
    await edges.advance(100)
    expect(edge.catalog.lookup('topic', 'x').map(({ node }) => node)).toEqual([next.node.self])
  })

  it('PS6 ML8 doubts what it knows when its gateway is gone, and learns at once from the next one', async () => {
    const edges = new Edges()
    const [gateway, next] = [await edges.gateway(), await edges.gateway()]
    const [edge, other] = [await edges.edge(), await edges.edge()]
    edges.link(edge, gateway)
    edges.link(other, gateway)
    gateway.catalog.set('topic', 'x')
    other.catalog.set('topic', 'x')
    await edges.advance(200)
    expect(await edges.sought(edge, 'x')).toBe('01 04(01)')
    expect(edge.catalog.isDoubtful('topic', 'x')).toBe(false)
    // The order in which a peer hears of it: its link is out of the pool, the courier tells, then the pool does.
    next.catalog.set('topic', 'x')
    edge.gateways.breaks(gateway.node)
    edge.node.courier.gone(gateway.node.self, 'down')
    edges.unlink(edge, gateway)
    expect(edge.catalog.lookup('topic', 'x').map(({ node }) => node)).toEqual([other.node.self])
    expect(edge.catalog.isDoubtful('topic', 'x')).toBe(true)
    await edges.advance(80)
    edges.link(edge, next)
    await edges.advance(20)
    expect(edge.catalog.lookup('topic', 'x').map(({ node }) => node)).toEqual([next.node.self])
    expect(edge.catalog.isDoubtful('topic', 'x')).toBe(false)
  })

  it.each([
    { hasAddresses: true, what: 'has begun and found nobody yet' },
    { hasAddresses: false, what: 'has nobody to find' },
  ])(
    'PS6 hears from a gateway that $what whether that is all, for edgeLeaseMs',
    async ({ hasAddresses }) => {
      const edges = new Edges()
      const gateway = await edges.gateway({ edgeLeaseMs: 6_000 }, hasAddresses)
      const edge = await edges.edge()
      edges.link(edge, gateway)
      gateway.catalog.set('topic', 'x')
      gateway.catalog.set('procedure', 'x')
      // What is known is known, and may not be all.
      expect(await edges.sought(edge, 'x')).toBe('01')
      expect(edge.catalog.isUnanswered('topic', 'x')).toBe(hasAddresses)
      expect(edge.catalog.isDoubtful('topic', 'x')).toBe(hasAddresses)
      // Calls are for whoever is there.
      const seek = edge.catalog.seek('procedure', 'x')
      await edges.advance(100)
      await seek
      expect(edge.catalog.isUnanswered('procedure', 'x')).toBe(false)
      await edges.advance(4_000)
      expect(await edges.sought(edge, 'x')).toBe('01')
      expect(edge.catalog.isUnanswered('topic', 'x')).toBe(false)
      expect(edge.catalog.isDoubtful('topic', 'x')).toBe(false)
    },
  )

  it('PS6 hears from a gateway that has found one member that there may be more, for a moment', async () => {
    const edges = new Edges()
    const [first, gateway] = [await edges.gateway(), await edges.gateway({}, true)]
    const edge = await edges.edge()
    first.edges.up(gateway.node, 'gateway')
    gateway.edges.up(first.node, 'gateway')
    gateway.view.put({
      ...{ key: nodeKeyFromHex(first.node.self), nodeId: 'first', state: 'up', sinceMs: 0 },
      ...{ incarnation: { generation: 1, counter: 0 }, metadata: {} },
      address: { host: '10.0.0.1', port: 1 },
    })
    edges.link(edge, gateway)
    await edges.advance(100)
    expect(gateway.catalog.isSought('topic', 'x')).toBe(true)
    for (const isUnanswered of [true, false]) {
      expect(await edges.sought(edge, 'x')).toBe('')
      expect(edge.catalog.isUnanswered('topic', 'x')).toBe(isUnanswered)
    }
  })

  it('ML17 tells the next gateway all of it after each of twenty links', async () => {
    const edges = new Edges()
    const gateways = [await edges.gateway(), await edges.gateway()]
    const edge = await edges.edge()
    edge.catalog.set('topic', 'x')
    for (let at = 0; at < 20; at++) {
      const gateway = gateways[at % 2]!
      edges.link(edge, gateway)
      edge.catalog.set('procedure', `p${at}`)
      await edges.advance(100 + at)
      expect(gateway.catalog.lookup('topic', 'x')).toHaveLength(1)
      expect(Array.from(gateway.catalog.entries('procedure'))).toHaveLength(at + 1)
      edges.unlink(edge, gateway)
    }
    await edges.advance(15_000)
    for (const gateway of gateways) expect(gateway.catalog.stats().known).toBe(0)
  })

  it('tells its gateway at once that it wants and offers nothing any more when it leaves', async () => {
    const edges = new Edges()
    const gateway = await edges.gateway()
    const edge = await edges.edge()
    edges.link(edge, gateway)
    edge.catalog.set('topic', 'x')
    edge.catalog.set('procedure', 'p')
    await edges.advance(100)
    expect(gateway.catalog.stats()).toMatchObject({ known: 2 })
    edge.leave()
    // What is on its way is what the link took before it ended.
    await edges.advance(1)
    edges.unlink(edge, gateway)
    await edges.advance(20)
    expect(gateway.catalog.stats()).toMatchObject({ known: 0 })
    expect(edge.catalog.stats()).toMatchObject({ own: 0 })
  })

  it('takes back what a node says that it has no use for', async () => {
    const edges = new Edges()
    const gateway = await edges.gateway()
    const edge = await edges.edge()
    edges.link(edge, gateway)
    gateway.catalog.set('topic', 'x')
    await edges.advance(200)
    expect(await edges.sought(edge, 'x')).toBe('01')
    gateway.catalog.unwanted('topic', 'x', edge.node.self)
    await edges.advance(10)
    expect(edge.catalog.lookup('topic', 'x')).toEqual([])
    expect(edge.catalog.isSought('topic', 'x')).toBe(false)
  })

  it('may ask edgeSeeksPerSecondMax questions a second; one more gets no answer and is counted', async () => {
    const edges = new Edges()
    const gateway = await edges.gateway({ edgeSeeksPerSecondMax: 5 })
    // It believes that it may ask more.
    const edge = await edges.edge({ edgeSeeksPerSecondMax: 64 })
    edges.link(edge, gateway)
    await edges.advance(1_500)
    for (let at = 0; at < 5; at++) void edge.catalog.seek('topic', `n${at}`)
    await edges.advance(50)
    expect(gateway.node.refusals.counters()['ERR_CATALOG_SEEKS_MAX']).toBe(undefined)
    const sixth = edge.catalog.seek('topic', 'n5')
    await edges.advance(50)
    expect(gateway.node.refusals.counters()['ERR_CATALOG_SEEKS_MAX']).toBe(1)
    await edges.advance(2_000)
    await expect(sixth).resolves.toBe(undefined)
  })

  it('is told of everything that a filter matches, and kept true while it follows it', async () => {
    const edges = new Edges()
    const gateway = await edges.gateway()
    const [edge, other] = [await edges.edge(), await edges.edge()]
    for (const each of [edge, other]) edges.link(each, gateway)
    gateway.catalog.set('procedure', 'shop.tea')
    other.catalog.set('procedure', 'shop.*.price')
    edge.catalog.set('procedure', 'shop.own')
    gateway.catalog.set('procedure', 'bar.tea')
    await edges.advance(200)
    const known = (): string =>
      Array.from(edge.catalog.entries('procedure'), ({ pattern }) => pattern)
        .sort()
        .join(' ')
    const release = edge.catalog.follow('procedure', 'shop.**')
    await edges.advance(50)
    expect(known()).toBe('shop.*.price shop.tea')
    // It is shown, and nobody is called by it: it may be a second old.
    expect(edge.catalog.lookup('procedure', 'shop.tea')).toEqual([])
    // Also after its process was restarted, and at another gateway, long after it was last asked for.
    killed(edge.node, 'fovea.catalog.uplink/')
    await edges.advance(200_000)
    gateway.catalog.delete('procedure', 'shop.tea')
    gateway.catalog.set('procedure', 'shop.milk')
    await edges.advance(1_100)
    expect(known()).toBe('shop.*.price shop.milk')
    release()
    release()
    await edges.advance(125_000)
    expect(known()).toBe('')
    expect(gateway.node.refusals.counters()).toEqual({})
  })

  it('may ask for edgeFilterSeeksPerSecondMax filters a second, and itself asks fewer', async () => {
    const edges = new Edges()
    const gateway = await edges.gateway({ edgeFilterSeeksPerSecondMax: 4 })
    const count = (): number | undefined =>
      gateway.node.refusals.counters()['ERR_CATALOG_SEEKS_MAX']
    const polite = await edges.edge({ edgeFilterSeeksPerSecondMax: 4 })
    edges.link(polite, gateway)
    const seeks = Array.from({ length: 6 }, (_, at) =>
      polite.catalog.seek('procedure', `a${at}.*`, { timeoutMs: 10_000 }),
    )
    // Those for names do not wait behind them.
    const named = polite.catalog.seek('procedure', 'a', { timeoutMs: 10_000 })
    await edges.advance(10)
    await named
    await edges.advance(3_000)
    await Promise.all(seeks)
    expect(count()).toBe(undefined)
    const pushing = await edges.edge({ edgeFilterSeeksPerSecondMax: 64 })
    edges.link(pushing, gateway)
    await edges.advance(1_500)
    for (let at = 0; at < 4; at++) pushing.catalog.follow('procedure', `b${at}.*`)
    await edges.advance(200)
    expect(count()).toBe(undefined)
    pushing.catalog.follow('procedure', 'c.*')
    await edges.advance(50)
    expect(count()).toBe(1)
  })

  it('gets answerEntriesMax entries for one question; what is above is counted at its gateway', async () => {
    const edges = new Edges()
    const gateway = await edges.gateway({ answerEntriesMax: 3 })
    const edge = await edges.edge()
    edges.link(edge, gateway)
    for (const name of ['a', 'b', 'c']) gateway.catalog.set('procedure', name)
    await edges.advance(100)
    edge.catalog.follow('procedure', '**')
    await edges.advance(100)
    expect([...edge.catalog.entries('procedure')]).toHaveLength(3)
    expect(gateway.node.refusals.counters()).toEqual({})
    gateway.catalog.set('procedure', 'd')
    await edges.advance(1_100)
    expect([...edge.catalog.entries('procedure')]).toHaveLength(3)
    expect(gateway.node.refusals.counters()['ERR_CATALOG_ANSWER_MAX']).toBe(1)
  })

  it('H32 is refused what only members and gateways may say, each with its counter', async () => {
    const edges = new Edges()
    const gateway = await edges.gateway()
    const edge = await edges.edge()
    edges.link(edge, gateway)
    await edges.advance(200)
    const { codec, courier, refusals } = edge.node
    const answer = codec.encodeFrame(0x16, [1, 0, true, []])
    courier.send(gateway.node.self, 'pubsub', answer)
    courier.send(gateway.node.self, 'pubsub', codec.encodeFrame(0x11, ['garbage']))
    gateway.node.courier.send(edge.node.self, 'pubsub', codec.encodeFrame(0x16, [0, 1, 0, 'a']))
    gateway.node.courier.send(
      edge.node.self,
      'pubsub',
      codec.encodeFrame(0x11, [1, 0, 1, 0, true, []]),
    )
    // What is no filter, or goes with too much, is left out; the rest of its message counts.
    const long = { text: 'x'.repeat(600) }
    const life = edge.node.incarnation
    const items = ['a..b', null, 'good', null, 'large', long]
    const entries = [life, 0, 1_000, 0, true, [[null, life, 1_000, items]]]
    courier.send(gateway.node.self, 'pubsub', codec.encodeFrame(0x11, entries))
    await edges.advance(50)
    expect(gateway.node.refusals.counters()).toMatchObject({
      ...{ ERR_CATALOG_MESSAGE: 2, ERR_CATALOG_ENTRY: 2 },
    })
    expect(gateway.catalog.lookup('topic', 'good').map(({ node }) => node)).toEqual([
      edge.node.self,
    ])
    expect(refusals.counters()).toMatchObject({ ERR_CATALOG_MESSAGE: 2 })
  })
})
