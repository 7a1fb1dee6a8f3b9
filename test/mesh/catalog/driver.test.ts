import { describe, expect, it } from 'vitest'
import { CatalogWorld, SPARSE } from './catalog-world.ts'
import type { CatalogNode } from './catalog-world.ts'

/** A pair without a link. */
function strangers(world: CatalogWorld): readonly [CatalogNode, CatalogNode] {
  for (const a of world.nodes) {
    for (const b of world.nodes) if (a !== b && !world.isLinked(a, b)) return [a, b]
  }
  throw new Error('everybody is linked with everybody')
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
    a!.catalog.delete('topic', 'news.*')
    await world.advance(20)
    expect(world.lookup(b!, 'topic', 'news.now')).toBe('')
    expect(b!.changes.map(({ type, entry }) => `${type} ${entry.pattern}`)).toEqual([
      'added news.*',
      'added add',
      'removed news.*',
    ])
  })
})

describe('the catalog among strangers', () => {
  const options = { mesh: SPARSE, catalog: { seekMembersMax: 0 } }

  it('ML3 finds who wants a name over the DHT, without a link before', async () => {
    await using world = new CatalogWorld()
    await world.startAll(12, options)
    const [publisher, subscriber] = strangers(world)
    subscriber.catalog.set('topic', 'a.b.**')
    subscriber.catalog.set('procedure', 'p.q')
    await world.advance(3_000)
    expect(publisher.catalog.isSought('topic', 'a.b.c')).toBe(false)
    await world.during(publisher.catalog.seek('topic', 'a.b.c'))
    expect(world.lookup(publisher, 'topic', 'a.b.c')).toBe(world.nameOf(subscriber.key))
    await world.during(publisher.catalog.seek('procedure', 'p.q'))
    expect(world.lookup(publisher, 'procedure', 'p.q')).toBe(world.nameOf(subscriber.key))
    expect(publisher.catalog.isSought('topic', 'a.b.c')).toBe(true)
  })
})
