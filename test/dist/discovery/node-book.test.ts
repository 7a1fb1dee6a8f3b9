import { describe, expect, it } from 'vitest'
import type { DiscoveryEvent } from '../../../dist/discovery/discovery.ts'
import { NodeBook } from '../../../dist/discovery/node-book.ts'

const word = (name: string, host = '10.0.0.1', cluster = 'main') => ({
  ...{ key: name.repeat(64).slice(0, 64), name, cluster },
  address: { host, port: 4433 },
})

function book(nodesMax = 8) {
  const errors: unknown[] = []
  return { errors, book: new NodeBook(nodesMax, (error) => errors.push(error)) }
}

const text = ({ type, node }: DiscoveryEvent) => `${type} ${node.name}`

describe('NodeBook', () => {
  it('tells of a node with its first source and of its loss with its last', () => {
    const { book: nodes } = book()
    const told: string[] = []
    nodes.found('mdns', word('a'))
    nodes.subscribe((event) => told.push(text(event)))
    nodes.found('dht', word('a'))
    nodes.found('membership', word('b'))
    nodes.lost('mdns', word('a'))
    nodes.lost('mdns', word('a'))
    expect(told).toEqual(['discovered a', 'discovered b'])
    nodes.lost('dht', word('a'))
    expect(told).toEqual(['discovered a', 'discovered b', 'lost a'])
    expect(nodes.nodes().map(({ name }) => name)).toEqual(['b'])
  })

  it('believes members before the DHT, and that before mDNS', () => {
    const { book: nodes } = book()
    nodes.found('mdns', word('a', '10.0.0.66'))
    expect(nodes.nodes()[0]).toMatchObject({ verified: false, sources: ['mdns'] })
    nodes.found('dht', word('a', '10.0.0.2'))
    nodes.found('membership', word('a', '10.0.0.1'))
    expect(nodes.nodes()).toEqual([
      {
        ...word('a'),
        id: 'a@10.0.0.1:4433',
        sources: ['membership', 'dht', 'mdns'],
        verified: true,
      },
    ])
  })

  it('takes a whole answer of one cluster for all that its source knows of it', () => {
    const { book: nodes } = book()
    nodes.replace('dht', 'main', [word('a'), word('b')])
    nodes.replace('dht', 'blue', [word('c', '10.0.0.3', 'blue')])
    nodes.replace('dht', 'main', [word('b')])
    expect(nodes.nodes().map(({ name }) => name)).toEqual(['b', 'c'])
  })

  it('lists nodesMax nodes of strangers and not one more; members have room', () => {
    const { book: nodes } = book(2)
    expect(nodes.found('mdns', word('a'))).toBe(true)
    expect(nodes.found('mdns', word('b'))).toBe(true)
    expect(nodes.found('mdns', word('c'))).toBe(false)
    expect(nodes.found('membership', word('d'))).toBe(true)
    expect(nodes.size).toBe(3)
  })

  it('goes on when a handler throws, and tells nobody who stopped listening', () => {
    const { book: nodes, errors } = book()
    const told: string[] = []
    nodes.subscribe(() => {
      throw new Error('boom')
    })
    const off = nodes.subscribe((event) => told.push(text(event)))
    nodes.found('dht', word('a'))
    off()
    nodes.found('dht', word('b'))
    expect(told).toEqual(['discovered a'])
    expect(errors).toHaveLength(2)
  })

  it('a node that is elsewhere is lost there and discovered here; what mDNS says of a member moves nothing', () => {
    const { book: nodes } = book()
    const told: string[] = []
    nodes.subscribe(({ type, node }) => told.push(`${type} ${node.id}`))
    nodes.found('dht', word('a', '10.0.0.1'))
    nodes.found('mdns', word('a', '10.0.0.66'))
    expect(told).toEqual(['discovered a@10.0.0.1:4433'])
    nodes.found('dht', word('a', '10.0.0.2'))
    expect(told.splice(0)).toEqual([
      'discovered a@10.0.0.1:4433',
      'lost a@10.0.0.1:4433',
      'discovered a@10.0.0.2:4433',
    ])
    nodes.lost('dht', word('a'))
    expect(told.splice(0)).toEqual(['lost a@10.0.0.2:4433', 'discovered a@10.0.0.66:4433'])
    nodes.lost('mdns', word('a'))
    expect(told).toEqual(['lost a@10.0.0.66:4433'])
  })

  it('what mDNS claims gives way to what the DHT says, and not the other way round', () => {
    const { book: nodes } = book(2)
    const told: string[] = []
    nodes.subscribe((event) => told.push(text(event)))
    for (const name of ['a', 'b']) nodes.found('mdns', word(name))
    expect(
      nodes.replace(
        'dht',
        'main',
        ['b', 'c', 'd'].map((name) => word(name)),
      ),
    ).toEqual([word('d')])
    expect(told).toEqual(['discovered a', 'discovered b', 'lost a', 'discovered c'])
    expect(nodes.found('mdns', word('a'))).toBe(false)
  })

  it('members take no room from strangers', () => {
    const { book: nodes } = book(1)
    nodes.found('membership', word('a'))
    nodes.found('membership', word('b'))
    expect(nodes.found('dht', word('c'))).toBe(true)
    expect(nodes.found('dht', word('d'))).toBe(false)
  })
})
