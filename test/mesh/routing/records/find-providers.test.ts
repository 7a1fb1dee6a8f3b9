import { describe, expect, it } from 'vitest'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import { HOUR_MS, makeRecord, randomKey, RecordsNetwork, WITHHOLD } from './records-network.ts'
import type { NetworkNode } from './records-network.ts'

const sender = { host: '10.0.0.1', port: 1, mode: 'server' as const }

function scene(settings = {}) {
  const network = new RecordsNetwork(20, settings)
  const key = randomKey(network.stream)
  const sorted = network.nearest(key, 20)
  return { network, key, node: sorted[19]!, holders: sorted.slice(0, 4), others: sorted.slice(4) }
}

/** The provider record of that node, or of anybody. */
function offer(key: KadKey, by: NetworkNode | string, sequence = 1) {
  const publisher = typeof by === 'string' ? by : by.contact.id
  return makeRecord(key, { kind: 'provider', publisher, sequence })
}

function provide(network: RecordsNetwork, node: NetworkNode, key: KadKey, sequence = 1) {
  return network.run(node, { type: 'provide', record: offer(key, node, sequence), options: {} })
}

const find = (network: RecordsNetwork, node: NetworkNode, key: KadKey, count?: number) =>
  network.run(node, {
    type: 'find_providers',
    key,
    options: {},
    ...(count === undefined ? {} : { count }),
  })

describe('provide', () => {
  it('puts the record to the k nearest and keeps it as the own one', () => {
    const { network, key, node, holders } = scene()
    const put = provide(network, node, key)
    expect(put).toMatchObject({ type: 'done', outcome: { holders: { length: 4 } } })
    expect(network.entry(node, key)).toMatchObject({ own: true })
    for (const holder of holders) expect(network.entry(holder, key)).toMatchObject({ own: false })
    expect(node.disk.has(`${key.hex}/${node.contact.id}`)).toBe(true)
  })

  it('refuses a record that is no provider record', () => {
    const { network, key, node } = scene()
    const put = network.run(node, { type: 'provide', record: makeRecord(key), options: {} })
    expect(put).toMatchObject({ code: 'ERR_DHT_RECORD_INVALID' })
    expect(node.sent).toEqual([])
  })

  it('unpublish ends the repetition, and what this node says itself', () => {
    const { network, key, node } = scene()
    provide(network, node, key)
    const value = randomKey(network.stream)
    network.run(node, { type: 'put', record: makeRecord(value), options: {}, publish: true })
    expect(node.core.stats().published).toBe(2)
    const withdrawn = (of: KadKey) => {
      const ended = network.run(node, { type: 'unpublish', key: of })
      return ended?.outcome.records.map(({ kind }) => kind)
    }
    expect(withdrawn(key)).toEqual(['provider'])
    expect(withdrawn(key)).toEqual([])
    expect(network.entry(node, key)).toBeUndefined()
    expect(withdrawn(value)).toEqual(['mutable'])
    expect(network.entry(node, value)).toMatchObject({ own: false })
    network.wait(10)
    expect([...node.disk.values()].map(({ own }) => own)).toEqual([false])
    expect(node.core.stats().published).toBe(0)
    node.sent.length = 0
    network.wait(30 * HOUR_MS)
    expect(node.sent.filter(({ record }) => record.kind === 'provider')).toEqual([])
  })
})

describe('find providers', () => {
  it('ML14 merges what this node provides with what others do, each as soon as it is known', () => {
    const { network, key, node, others } = scene()
    for (const provider of [node, ...others.slice(0, 3)]) provide(network, provider, key)
    const found = find(network, node, key)
    const publishers = found?.outcome.records.map(({ publisher }) => publisher)
    expect(publishers?.[0]).toBe(node.contact.id)
    expect(publishers?.toSorted()).toEqual(
      [node, ...others.slice(0, 3)].map(({ contact }) => contact.id).sort(),
    )
    const told = node.events.filter((event) => event.type === 'found')
    expect(told.map(({ record }) => record)).toEqual(found?.outcome.records)
  })

  it('keeps of each provider the newest record only', () => {
    const { network, key, node, holders, others } = scene()
    provide(network, others[0]!, key, 1)
    const record = offer(key, others[0]!, 2)
    network.ask(holders[2]!, { type: 'add_provider', key, sender, record })
    expect(find(network, node, key)?.outcome.records).toEqual([record])
  })

  it('nobody at all is an answer', () => {
    const { network, key, node } = scene()
    expect(find(network, node, key)).toMatchObject({ type: 'done', outcome: { records: [] } })
  })

  it('ends as soon as so many are known', () => {
    const { network, key, node, others } = scene()
    for (const provider of others.slice(0, 5)) provide(network, provider, key)
    expect(find(network, node, key, 2)?.outcome.records.length).toBe(2)
    expect(find(network, node, key)?.outcome.records.length).toBe(5)
    provide(network, node, key)
    expect(find(network, node, key, 1)?.outcome).toMatchObject({ requests: 0 })
  })

  it.each([
    [3, 3],
    [4, 3],
  ])('of %d providers collects %d, the own one always', (there, collected) => {
    const { network, key, node, others } = scene({ providersFoundMax: 3 })
    for (const provider of [...others.slice(0, there - 1), node]) provide(network, provider, key)
    const found = find(network, node, key)
    expect(found?.outcome.records.length).toBe(collected)
    expect(found?.outcome.records[0]?.publisher).toBe(node.contact.id)
  })

  it('K34 believes nobody who forges, changes the key or sends more than agreed', () => {
    const { network, key, node, holders, others } = scene({ providersAnswerMax: 2 })
    const good = offer(key, others[0]!)
    const lies = [
      [{ ...good, sequence: 9, proof: 'by me' }],
      [offer(randomKey(network.stream), others[1]!)],
      [makeRecord(key)],
      [good, good, offer(key, others[2]!)],
    ]
    for (const [i, records] of lies.entries()) {
      holders[i]!.lie = () => ({ type: 'providers_reply', key, sender, records, contacts: [] })
    }
    expect(find(network, node, key)?.outcome.records).toEqual([good])
    expect(node.refused).toEqual(lies.map(() => 'ERR_DHT_ANSWER_RECORD'))
  })

  it('K45 looks behind impostors who withhold', () => {
    const { network, key, node, others } = scene()
    network.networkSize = 20
    provide(network, others[3]!, key)
    for (let i = 0; i < 6; i++) {
      const words = `${key.hex.slice(0, 62)}${(i + 16).toString(16)}`
      network.addNode(keyFromHex(words)).lie = WITHHOLD
    }
    expect(find(network, node, key)?.outcome.records.length).toBe(1)
  })

  it('at the deadline it fails with what it has', () => {
    const { network, key, node, others, holders } = scene()
    provide(network, others[0]!, key)
    for (const holder of holders.slice(1)) holder.lie = () => 'silence'
    const found = network.run(node, {
      type: 'find_providers',
      key,
      options: { deadlineMs: network.nowMs + 500 },
    })
    expect(found).toMatchObject({ code: 'ERR_DHT_TIMEOUT', outcome: { records: { length: 1 } } })
    expect(network.underWay).toBe(0)
  })

  it('K34 looks at no more of an answer than its third record that is not valid', () => {
    const { network, key, node, holders } = scene()
    network.farHops = 0
    for (const holder of holders) holder.lie = WITHHOLD
    const answer = (bad: number) => {
      const names = Array.from({ length: 8 }, (_, i) => (0xb000 + i).toString(16).repeat(16))
      const records = names.map((publisher, i) =>
        i < bad ? { ...offer(key, publisher), proof: 'by me' } : offer(key, publisher),
      )
      node.refused.length = 0
      holders[1]!.lie = () => ({ type: 'providers_reply', key, sender, records, contacts: [] })
      return find(network, node, key)?.outcome.records.length
    }
    expect(answer(2)).toBe(6)
    expect(node.refused.length).toBe(2)
    expect(answer(3)).toBe(0)
    expect(answer(8)).toBe(0)
    expect(node.refused.length).toBe(3)
  })
})
