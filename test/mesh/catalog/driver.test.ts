import { describe, expect, it } from 'vitest'
import { CatalogProtocol } from '../../../mesh/catalog/protocol.ts'
import { CourierError } from '../../../mesh/courier/errors.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { CatalogWorld, killCatalog, SPARSE } from './catalog-world.ts'
import type { CatalogNode } from './catalog-world.ts'

/** A pair without a link. */
function strangers(world: CatalogWorld): readonly [CatalogNode, CatalogNode] {
  for (const a of world.nodes) {
    for (const b of world.nodes) if (a !== b && !world.isLinked(a, b)) return [a, b]
  }
  throw new Error('everybody is linked with everybody')
}

/** Advances time until it is so, and gives how long that took. */
async function until(world: CatalogWorld, isSo: () => boolean, maxMs = 20_000): Promise<number> {
  for (let ms = 0; ms <= maxMs; ms += 100) {
    if (isSo()) return ms
    await world.advance(100)
  }
  throw new Error(`not so within ${maxMs} ms`)
}

describe('the catalog over links', () => {
  it('tells linked nodes what a node wants and offers, and every change', async () => {
    await using world = new CatalogWorld()
    const [a, b] = await world.startAll(2, {}, 3_000)
    a!.catalog.set('topic', 'news.*', { plain: 2 })
    a!.catalog.set('procedure', 'add')
    await world.advance(20)
    expect(world.lookup(b!, 'topic', 'news.now')).toBe('n1')
    expect(b!.catalog.lookup('topic', 'news.now')[0]!.detail).toEqual({ plain: 2 })
    expect(world.lookup(b!, 'procedure', 'add')).toBe('n1')
    expect(b!.catalog.isSought('topic', 'whatever')).toBe(true)
    a!.catalog.delete('topic', 'news.*')
    await world.advance(20)
    expect(world.lookup(b!, 'topic', 'news.now')).toBe('')
    expect(b!.changes.map(({ type, entry }) => `${type} ${entry.pattern}`)).toEqual([
      'added news.*',
      'added add',
      'removed news.*',
    ])
    await world.advance(100)
    expect(a!.created.isTold()).toBe(true)
    // Nobody had to be looked for.
    expect(a!.created.driver()!.stats()).toMatchObject({ lookups: 0, published: 0 })
  })

  it('goes on when its process is killed: what was known and said is known and said', async () => {
    await using world = new CatalogWorld()
    const [a, b] = await world.startAll(2, {}, 3_000)
    a!.catalog.set('topic', 'x')
    b!.catalog.set('topic', 'y')
    await world.advance(20)
    killCatalog(b!)
    b!.catalog.set('topic', 'said.meanwhile')
    expect(world.lookup(b!, 'topic', 'x')).toBe('n1')
    await world.during(b!.catalog.seek('topic', 'x'))
    a!.catalog.set('topic', 'z')
    await world.advance(2_000)
    expect(world.lookup(b!, 'topic', 'z')).toBe('n1')
    expect(world.lookup(a!, 'topic', 'said.meanwhile')).toBe('n2')
    expect(world.lookup(a!, 'topic', 'y')).toBe('n2')
    expect(b!.changes.map(({ type, entry }) => `${type} ${entry.pattern}`)).toEqual([
      'added x',
      'added z',
    ])
  })
})

describe('the catalog among strangers', () => {
  const options = { mesh: SPARSE, catalog: { seekMembersMax: 0 } }

  it('MG3 ML3 ML14 finds who wants a name over the DHT, also late comers, and forgets who dies', async () => {
    await using world = new CatalogWorld()
    await world.startAll(12, options, 6_000)
    const [publisher, subscriber] = strangers(world)
    subscriber.catalog.set('topic', 'a.b.**')
    subscriber.catalog.set('procedure', 'p.q')
    // ML14: what this node wants itself hides nobody.
    publisher.catalog.set('topic', 'a.b.c')
    await world.advance(2_000)
    expect(publisher.catalog.isSought('topic', 'a.b.c')).toBe(false)
    await world.during(publisher.catalog.seek('topic', 'a.b.c'))
    expect(world.lookup(publisher, 'topic', 'a.b.c')).toBe(world.nameOf(subscriber.key))
    expect(publisher.catalog.isSought('topic', 'a.b.c')).toBe(true)
    await world.during(publisher.catalog.seek('procedure', 'p.q'))
    expect(world.lookup(publisher, 'procedure', 'p.q')).toBe(world.nameOf(subscriber.key))

    // Somebody comes later: it finds the publisher, which seeks nothing anew.
    await world.during(publisher.catalog.seek('topic', 'late.topic'))
    await world.advance(3_000)
    const isLate = (node: CatalogNode): boolean =>
      node !== publisher && node !== subscriber && !world.isLinked(node, publisher)
    await until(world, () => world.nodes.some(isLate))
    const late = world.nodes.find(isLate)!
    late.catalog.set('topic', 'late.*')
    const name = world.nameOf(late.key)
    await until(world, () => world.lookup(publisher, 'topic', 'late.topic') === name, 5_000)

    // An entry that ends is gone at the nodes with a link; one whose node dies is gone with it.
    await world.crash(subscriber)
    await until(world, () => world.lookup(publisher, 'topic', 'a.b.c') === '')
    expect(world.lookup(publisher, 'procedure', 'p.q')).toBe('')
  })

  it('asks members themselves where there is no DHT', async () => {
    await using world = new CatalogWorld(2)
    await world.startAll(6, { mesh: { ...SPARSE, dht: false } }, 4_000)
    const [publisher, subscriber] = strangers(world)
    subscriber.catalog.set('topic', 'x')
    await world.during(publisher.catalog.seek('topic', 'x'))
    expect(world.lookup(publisher, 'topic', 'x')).toBe(world.nameOf(subscriber.key))
  })
})

describe('the catalog of nodes that cannot dial each other', () => {
  const a2 = '10.0.0.2'
  const a3 = '10.0.0.3'

  /** The second and the third of three nodes, without a way to each other. */
  async function apart(world: CatalogWorld): Promise<readonly [CatalogNode, CatalogNode]> {
    world.cluster.network.partition(a2, a3)
    const nodes = await world.startAll(3, {}, 8_000)
    const [a, c] = [nodes[1]!, nodes[2]!]
    c.catalog.set('topic', 'x')
    await world.during(a.catalog.seek('topic', 'x'))
    await until(world, () => world.lookup(a, 'topic', 'x') === 'n3')
    expect(world.isLinked(a, c)).toBe(false)
    return [a, c]
  }

  it('tells changes through others, also after some of them got lost, and then over a link', async () => {
    await using world = new CatalogWorld()
    const [a, c] = await apart(world)
    const { network } = world.cluster
    c.catalog.set('topic', 'y')
    await until(world, () => world.lookup(a, 'topic', 'y') === 'n3', 5_000)
    // What it says gets lost for a while, and nobody asks it for anything.
    const send = c.courier.send.bind(c.courier)
    let lost = 0
    const lose: typeof send = (_to, _lane, _frame, options) => {
      lost += 1
      const error = new CourierError('ERR_COURIER_UNREACHABLE', 'nobody passes it on')
      world.cluster.clock.microtask(() => options?.lost?.(error))
      return 'waiting'
    }
    Object.assign(c.courier, { send: lose })
    c.catalog.set('topic', 'z')
    c.catalog.delete('topic', 'x')
    await world.advance(2_500)
    expect(world.lookup(a, 'topic', 'z')).toBe('')
    expect(lost).toBeGreaterThan(2)
    expect(lost).toBeLessThan(20)
    Object.assign(c.courier, { send })
    await until(world, () => world.lookup(a, 'topic', 'z') === 'n3', 10_000)
    expect(world.lookup(a, 'topic', 'x')).toBe('')
    expect(world.isLinked(a, c)).toBe(false)

    network.heal()
    c.catalog.set('topic', 'w')
    await until(world, () => world.isLinked(a, c), 120_000)
    await until(world, () => world.lookup(a, 'topic', 'w') === 'n3', 5_000)
    c.catalog.set('topic', 'v')
    await until(world, () => world.lookup(a, 'topic', 'v') === 'n3', 1_000)
    const seen = a.changes.map(({ type, entry }) => `${type} ${entry.pattern}`)
    expect(seen.filter((text) => text.startsWith('added')).sort()).toEqual(
      ['v', 'w', 'x', 'y', 'z'].map((name) => `added ${name}`),
    )
    expect(a.catalog.stats()).toMatchObject({ known: 4, nodes: 1 })
  })

  it('goes on when the process of the one that is told is killed', async () => {
    await using world = new CatalogWorld(2)
    const [a, c] = await apart(world)
    killCatalog(a)
    await world.advance(2_000)
    a.catalog.set('topic', 'of.a')
    await until(world, () => world.lookup(c, 'topic', 'of.a') === 'n2', 5_000)
    c.catalog.set('topic', 'y')
    await until(world, () => world.lookup(a, 'topic', 'y') === 'n3', 5_000)
    expect(world.isLinked(a, c)).toBe(false)
  })

  it('listens to members that are there and to nobody else', async () => {
    await using world = new CatalogWorld(3)
    const [a, c] = await apart(world)
    const protocol = new CatalogProtocol(a.core.codec, 512)
    const hello = protocol.encode({
      type: 'held',
      kind: 'topic',
      mode: 'hello',
      life: 0,
      version: 0,
    })
    const hear = (node: string): void => {
      const origin = { node, roles: [], path: 'relayed', via: undefined } as const
      a.created.driver()!.frame(origin, hello[1]!, hello.subarray(HEADER_BYTES))
    }
    const refused = (): number => a.core.refusals.counters()['ERR_CATALOG_UNLINKED'] ?? 0
    const { tellers } = a.created.driver()!.stats()
    hear(c.key)
    expect(refused()).toBe(0)
    for (let n = 0; n < 100; n++) hear(n.toString(16).padStart(64, '0'))
    expect(refused()).toBe(100)
    expect(a.created.driver()!.stats().tellers).toBe(tellers)
    await world.crash(c)
    await until(world, () => a.core.view.member(c.key)?.state === 'down', 60_000)
    hear(c.key)
    expect(refused()).toBe(101)
    expect(world.lookup(a, 'topic', 'x')).toBe('')
  })
})
