/** What hostile members can do to router and recorder over a link: nothing but be counted. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Link } from '../../../mesh/link/link.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import { keyFromHex } from '../../../mesh/routing/kademlia/id.ts'
import type { DhtReply, DhtRequest, Sender } from '../../../mesh/routing/kademlia/message.ts'
import { DhtProtocol } from '../../../mesh/routing/protocol.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import type { Cluster } from '../cluster.ts'
import { recordOf } from './dht-messages.ts'
import { bytes, dhtCluster, namesOf, startAll, startOne, tableOf } from './dht-cluster.ts'

/** Two honest nodes, and one that has no DHT and says whatever the test wants on its link to the first. */
async function scene(cluster: Cluster) {
  const [a, b] = (await startAll(cluster, 2)) as [Mesh, Mesh]
  const evil = await startOne(cluster, 3, { more: { dht: false } })
  await cluster.clock.advance(5_000)
  const link = await cluster.during(evil.connect({ ...a.address, key: a.key }))
  const protocol = new DhtProtocol(new Codec(), a.realm.id)
  const heard: string[] = []
  const refusals: (string | undefined)[] = []
  evil.handleFrames(WireType.findNode, WireType.providersReply, (_, type, payload) => {
    const { message } = protocol.decode(type, payload)
    heard.push(message.type)
    if (message.type === 'store_reply') refusals.push(message.refusal)
  })
  const sender: Sender = { ...evil.address, mode: 'server' }
  return {
    ...{ a, b, evil, link, heard, refusals, sender, key: keyFromHex('ab'.repeat(32)) },
    ask: (message: DhtRequest, number = 1) => link.send('sync', protocol.request(number, message)),
    answer: (message: DhtReply, number = 1) => link.send('sync', protocol.reply(number, message)),
  }
}

const countsOf = (mesh: Mesh, prefix = 'ERR_DHT') =>
  Object.fromEntries(
    Object.entries(mesh.stats().refused).filter(([code]) => code.startsWith(prefix)),
  )

const linkWith = (mesh: Mesh, peer: Mesh): Link | undefined => mesh.linkTo(peer.key.hex)

describe('a peer that', () => {
  it('K11 says that it serves, and answers nothing: stands in no table, however often it asks', async () => {
    await using cluster = dhtCluster({ seed: 41 })
    const { a, b, ask, heard, sender, key } = await scene(cluster)
    for (let n = 0; n < 5; n++) {
      ask({ type: 'find_node', key, sender, count: 20 }, n)
      ask({ type: 'find_value', key, sender }, 100 + n)
      await cluster.clock.advance(3_000)
    }
    expect(tableOf([a, b], a)).toBe('n2')
    // It was answered, and asked itself.
    expect(new Set(heard)).toEqual(new Set(['find_node_reply', 'find_value_reply', 'find_node']))
  })

  it('says that it is elsewhere: is believed to be a client', async () => {
    await using cluster = dhtCluster({ seed: 42 })
    const { a, b, ask, answer, key, heard } = await scene(cluster)
    const elsewhere: Sender = { ...b.address, mode: 'server' }
    ask({ type: 'find_node', key, sender: elsewhere, count: 20 })
    answer({ type: 'find_node_reply', key, sender: elsewhere, contacts: [] })
    await cluster.clock.advance(3_000)
    expect(tableOf([a, b], a)).toBe('n2')
    expect(a.dht.table().map(({ contact }) => contact.key.hex)).toEqual([b.key.hex])
    expect(heard.filter((type) => type === 'find_node_reply')).toHaveLength(1)
  })

  it('answers what nobody asked: counted, and nothing else', async () => {
    await using cluster = dhtCluster({ seed: 43 })
    const { a, answer, sender, key } = await scene(cluster)
    const before = a.dht.stats()
    answer({ type: 'find_value_reply', key, sender, record: undefined, contacts: [] }, 7)
    answer({ type: 'store_reply', key, sender, refusal: undefined, record: undefined }, 8)
    await cluster.clock.advance(100)
    expect(countsOf(a)).toEqual({ ERR_DHT_REPLY_UNEXPECTED: 2 })
    expect(a.dht.stats().routing?.entries).toBe(before.routing?.entries)
  })

  it('sends what is no message: loses its link, and nobody else theirs', async () => {
    await using cluster = dhtCluster({ seed: 44 })
    const { a, b, link, evil } = await scene(cluster)
    link.send('sync', encodeFrame(WireType.findNode, bytes('\u0091')))
    await cluster.clock.advance(50)
    expect(link.state).not.toBe('established')
    expect(a.links().some(({ peer }) => peer.key.hex === b.key.hex)).toBe(true)
    expect(a.dht.stats().routing).toBeDefined()
    expect(linkWith(a, evil)).not.toBe(link)
  })

  it('ML9 puts records of another realm: is answered and counted, and after ten of them shunned', async () => {
    await using cluster = dhtCluster({ seed: 47 })
    const { a, b, link, refusals, ask, sender } = await scene(cluster)
    const [made] = fc.sample(recordOf('mutable'), { numRuns: 1, seed: 1 })
    const foreign = { ...made!, sequence: 1, expiresAtMs: cluster.clock.wallNow() + 3_600_000 }
    for (let n = 0; n < 11; n++) {
      const more = { ttlMs: undefined, expectedSequence: undefined }
      ask({ type: 'store', key: foreign.key, sender, record: foreign, ...more }, n)
    }
    await cluster.clock.advance(500)
    const code = 'ERR_DHT_RECORD_REALM'
    expect(refusals).toEqual([...Array(10).fill(code), 'ERR_DHT_PEER_SHUNNED'])
    expect(a.dht.stats().routing).toMatchObject({ offences: 10, shuns: 1, shunned: 1 })
    expect(countsOf(a)).toMatchObject({ [code]: 10, ERR_DHT_PEER_SHUNNED: 2 })
    // Its link is not the DHT's to take, and nobody else is shunned.
    expect(link.state).toBe('established')
    expect((await cluster.during(b.dht.put(bytes('x')))).holders).toHaveLength(1)
  })

  it('asks more than it may: is not answered beyond that, and the others are', async () => {
    await using cluster = dhtCluster({ seed: 45 })
    const { a, b, ask, heard, sender, key } = await scene(cluster)
    await cluster.clock.advance(2_000)
    heard.length = 0
    const each = 1_100
    for (let n = 0; n < each; n++) ask({ type: 'find_value', key, sender }, n)
    for (let n = 0; n < each; n++) ask({ type: 'find_node', key, sender, count: 20 }, 10_000 + n)
    await cluster.clock.advance(500)
    const count = (type: string) => heard.filter((given) => given === type).length
    expect([count('find_value_reply'), count('find_node_reply')]).toEqual([1_024, 1_024])
    expect(countsOf(a)['ERR_DHT_REQUESTS_MAX']).toBe(152)
    expect((await cluster.during(b.dht.put(bytes('x')))).holders).toHaveLength(1)
  })

  it('asks more than it may, with seven like it: takes no place from those who ask after them', async () => {
    await using cluster = dhtCluster({ seed: 46 })
    const { a, b, key, sender } = await scene(cluster)
    const protocol = new DhtProtocol(new Codec(), a.realm.id)
    const links: Link[] = []
    for (let n = 4; n < 12; n++) {
      const evil = await startOne(cluster, n, { more: { dht: false } })
      evil.handleFrames(WireType.findNode, WireType.providersReply, () => {})
      links.push(await cluster.during(evil.connect({ ...a.address, key: a.key })))
    }
    await cluster.clock.advance(2_000)
    const asked: DhtRequest = {
      type: 'find_node',
      key,
      sender: { ...sender, mode: 'client' },
      count: 1,
    }
    for (const link of links) {
      for (let n = 0; n < 1_200; n++) link.send('sync', protocol.request(n, asked))
    }
    await cluster.clock.advance(500)
    // 176 of each are above the limit: they were 1,408 places that nobody gave back, of 1,024.
    expect(countsOf(a)).toEqual({ ERR_DHT_REQUESTS_MAX: 8 * 176 })
    await cluster.clock.advance(2_000)
    const found = await cluster.during(b.dht.closest(a.key, { count: 1 }))
    expect(namesOf([a, b], found)).toBe('n1')
  })
})
