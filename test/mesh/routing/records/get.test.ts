import { describe, expect, it } from 'vitest'
import type { FindValueReply } from '../../../../mesh/routing/kademlia/message.ts'
import type { DhtRecord } from '../../../../mesh/routing/records/record.ts'
import { HOUR_MS, makeRecord, randomKey, RecordsNetwork } from './records-network.ts'
import type { NetworkNode } from './records-network.ts'

/** A network with a node that is not among the holders of the key. */
function scene(settings = {}) {
  const network = new RecordsNetwork(20, settings)
  const key = randomKey(network.stream)
  const sorted = network.nearest(key, 20)
  return { network, key, node: sorted[19]!, holders: sorted.slice(0, 4) }
}

const sender = { host: '10.0.0.1', port: 1, mode: 'server' as const }

/** Puts a record on one node only, as somebody from outside would. */
function plant(network: RecordsNetwork, node: NetworkNode, record: DhtRecord, ttlMs?: number) {
  const expectedSequence = undefined
  const message = {
    type: 'store',
    key: record.key,
    sender,
    record,
    ttlMs,
    expectedSequence,
  } as const
  return network.ask(node, message)
}

function reply(given: Partial<FindValueReply> & Pick<FindValueReply, 'key'>): FindValueReply {
  return { type: 'find_value_reply', sender, record: undefined, contacts: [], ...given }
}

describe('get', () => {
  it('tells better records as they come and ends with the newest', () => {
    const { network, key, node, holders } = scene()
    for (const [i, holder] of holders.entries()) {
      plant(network, holder, makeRecord(key, { sequence: i + 1 }))
    }
    const get = network.run(node, { type: 'get', key, options: { quorum: 1, alpha: 1, paths: 1 } })
    expect(get?.outcome.records[0]?.sequence).toBe(1)
    const whole = network.run(node, { type: 'get', key, options: { quorum: 4, alpha: 1 } })
    expect(whole).toMatchObject({ type: 'failed', code: 'ERR_DHT_QUORUM' })
    expect(whole?.outcome).toMatchObject({ records: [{ sequence: 4 }], agreed: 1 })
    const found = node.events.flatMap((event) =>
      event.type === 'found' && event.operationId === whole?.operationId
        ? [event.record.sequence]
        : [],
    )
    expect(found).toEqual([1, 2, 3, 4].slice(-found.length))
    expect(found.length).toBeGreaterThan(1)
  })

  it('ends as soon as enough agree', () => {
    const { network, key, node, holders } = scene()
    network.run(holders[0]!, { type: 'put', record: makeRecord(key), options: {} })
    const get = network.run(node, { type: 'get', key, options: { quorum: 2, alpha: 1 } })
    expect(get).toMatchObject({ type: 'done', outcome: { agreed: 2, requests: 4 } })
  })

  it('K33 all who showed an older record, this node too, have the newest afterwards', () => {
    const { network, key, node, holders } = scene({ cachePath: false })
    const newest = makeRecord(key, { sequence: 3 })
    plant(network, holders[0]!, makeRecord(key, { sequence: 1 }))
    plant(network, holders[1]!, makeRecord(key, { sequence: 2 }))
    plant(network, holders[2]!, newest)
    plant(network, node, makeRecord(key, { sequence: 2 }))
    network.run(node, { type: 'get', key, options: { quorum: 4 } })
    network.wait(1_000)
    for (const holder of [...holders.slice(0, 3), node]) {
      expect(network.entry(holder, key)?.record).toEqual(newest)
    }
    expect(node.core.stats()).toMatchObject({ corrections: 2, maintenanceRunning: 0 })
    expect(network.run(node, { type: 'get', key, options: { quorum: 3 } })?.type).toBe('done')
  })

  it('ML14 what it has itself hides nothing when more are to agree', () => {
    const { network, key, node, holders } = scene()
    network.run(holders[0]!, {
      type: 'put',
      record: makeRecord(key, { sequence: 2 }),
      options: {},
    })
    plant(network, node, makeRecord(key))
    const one = network.run(node, { type: 'get', key, options: {} })
    expect(one?.outcome).toMatchObject({ records: [{ sequence: 2 }] })
    const two = network.run(node, { type: 'get', key, options: { quorum: 2 } })
    expect(two).toMatchObject({ type: 'done', outcome: { records: [{ sequence: 2 }] } })
  })

  it('MG5 two gets at once never see the answers of each other', () => {
    const { network, key, node } = scene()
    const other = randomKey(network.stream)
    const record = makeRecord(key)
    const second = makeRecord(other, { value: Uint8Array.of(2) })
    network.run(network.at(3), { type: 'put', record, options: {} })
    network.run(network.at(4), { type: 'put', record: second, options: {} })
    const begun = [key, other].map((wanted) =>
      network.begin(node, { type: 'get', key: wanted, options: { quorum: 3 } }),
    )
    const [first, last] = begun.map((id) => network.finish(node, id)?.outcome.records)
    expect([first, last]).toEqual([[record], [second]])
  })

  it('ML13 a holder that never answers does not hold up another get', () => {
    const { network, key, node, holders } = scene()
    const other = randomKey(network.stream)
    network.run(network.at(4), { type: 'put', record: makeRecord(other), options: {} })
    for (const holder of holders)
      holder.lie = (message) => (message.key === key ? 'silence' : undefined)
    const slow = network.begin(node, { type: 'get', key, options: {} })
    const quick = network.run(node, { type: 'get', key: other, options: {} })
    expect(quick).toMatchObject({ type: 'done' })
    expect(quick!.outcome.elapsedMs).toBeLessThan(100)
    expect(network.finish(node, slow)).toMatchObject({ code: 'ERR_DHT_NOT_FOUND' })
  })

  it('K34 believes no answer that is forged, expired, of another key or of another kind', () => {
    const { network, key, node, holders } = scene()
    const good = makeRecord(key)
    plant(network, holders[3]!, good)
    const lies = [
      reply({ key, record: makeRecord(key, { sequence: 9, proof: 'by me' }) }),
      reply({ key, record: makeRecord(randomKey(network.stream), { sequence: 9 }) }),
      reply({ key, record: makeRecord(key, { sequence: 9, kind: 'provider' }) }),
    ]
    for (const [i, lie] of lies.entries()) {
      holders[i]!.lie = ({ type }) => (type === 'find_value' ? lie : undefined)
    }
    const get = network.run(node, { type: 'get', key, options: { quorum: 2 } })
    expect(get?.outcome).toMatchObject({ records: [good], agreed: 1 })
    expect(node.refused).toEqual(lies.map(() => 'ERR_DHT_ANSWER_RECORD'))
    network.wait(1_000)
    expect(node.sent.map(({ record }) => record)).toEqual(node.sent.map(() => good))
  })

  it('ignores an answer of another kind or about another key, and counts it', () => {
    const { network, key, node, holders } = scene()
    const other = randomKey(network.stream)
    const record = makeRecord(other)
    holders[0]!.lie = () => reply({ key: other, record })
    holders[1]!.lie = () => ({ type: 'providers_reply', key, sender, records: [], contacts: [] })
    const get = network.run(node, { type: 'get', key, options: {} })
    expect(get).toMatchObject({ code: 'ERR_DHT_NOT_FOUND' })
    expect(node.refused).toEqual(['ERR_DHT_REPLY_UNEXPECTED', 'ERR_DHT_REPLY_UNEXPECTED'])
  })

  it('shows its hops when asked to', () => {
    const { network, key, node } = scene()
    const hop = {
      outcome: 'answered',
      depth: 1,
      path: 0,
      rttMs: 1,
      learned: 0,
      prefixBits: 3,
    } as const
    const operationId = network.begin(node, { type: 'get', key, options: { trace: true } })
    network.step(node, {
      type: 'lookup_hop',
      lookupId: 1,
      hop: { ...hop, contact: network.at(1).contact },
    })
    expect(node.events).toEqual([expect.objectContaining({ type: 'hop', operationId })])
  })
})

describe('who counts as a holder', () => {
  const far = 10

  it('K36 nobody far away ends a get with an old record, whatever contacts it names', () => {
    for (const networkSize of [undefined, 20]) {
      const { network, key, node, holders } = scene({ cachePath: false })
      network.networkSize = networkSize
      node.blind = networkSize !== undefined
      const newest = makeRecord(key, { sequence: 2 })
      network.run(holders[0]!, { type: 'put', record: newest, options: {} })
      for (const liar of network.nearest(key, 20).slice(far)) {
        liar.lie = ({ type }) =>
          type === 'find_value' ? reply({ key, record: makeRecord(key) }) : undefined
      }
      const get = network.run(node, { type: 'get', key, options: { alpha: 1 } })
      expect(get?.outcome).toMatchObject({ records: [newest] })
      expect(get?.outcome.requests).toBeGreaterThan(2)
    }
  })

  it('K36 what this node has is a copy once others are nearer, and an answer while it holds', () => {
    const { network, key, holders } = scene({ cachePath: false, replicate: false })
    const node = network.nearest(key, 20)[far]!
    const own = { record: makeRecord(key), options: {}, publish: true } as const
    network.run(node, { type: 'put', ...own })
    for (const holder of holders) plant(network, holder, makeRecord(key, { sequence: 2 }))
    const get = network.run(node, { type: 'get', key, options: {} })
    expect(get?.outcome).toMatchObject({ records: [{ sequence: 2 }] })
    const held = network.run(holders[0]!, { type: 'get', key, options: {} })
    expect(held).toMatchObject({ type: 'done', outcome: { requests: 0, agreed: 1 } })
  })

  it('what this node published with its own key is its last word', () => {
    const { network, key, node } = scene()
    const record = makeRecord(key, { publisher: node.contact.id })
    network.run(node, { type: 'put', record, options: {}, publish: true })
    const get = network.run(node, { type: 'get', key, options: {} })
    expect(get).toMatchObject({ type: 'done', outcome: { records: [record], requests: 0 } })
  })
})

describe('copies on the path', () => {
  it('K36 MG6 the nearest that had none gets a copy, the shorter the farther it is', () => {
    const { network, key, node } = scene()
    const record = makeRecord(key)
    network.run(network.at(3), { type: 'put', record, options: {} })
    network.networkSize = 20
    network.run(node, { type: 'get', key, options: { alpha: 1 } })
    network.wait(1_000)
    const copies = network.nodes.filter((other) => network.entry(other, key)?.cached)
    expect(copies.length).toBe(1)
    const rank = network.nearest(key, 20).indexOf(copies[0]!)
    expect(rank).toBeGreaterThanOrEqual(4)
    const keptMs = network.entry(copies[0]!, key)!.keepUntilMs - (record.expiresAtMs - 48 * HOUR_MS)
    expect(keptMs).toBeLessThanOrEqual(24 * HOUR_MS)
    expect(node.core.stats().pathCopies).toBe(1)
  })

  it('K36 a copy of a mutable record never hides what its holders say', () => {
    const { network, key, node, holders } = scene({ cachePath: false })
    const far = network.nearest(key, 20)[10]!
    plant(network, far, makeRecord(key), HOUR_MS)
    network.run(holders[0]!, {
      type: 'put',
      record: makeRecord(key, { sequence: 2 }),
      options: {},
    })
    const own = network.run(far, { type: 'get', key, options: {} })
    expect(own?.outcome.records).toMatchObject([{ sequence: 2 }])
    far.lie = ({ type }) =>
      type === 'find_value'
        ? reply({ key, record: makeRecord(key), contacts: holders.map(({ contact }) => contact) })
        : undefined
    for (let i = 0; i < 8; i++) {
      const get = network.run(node, { type: 'get', key, options: { alpha: 1 } })
      expect(get?.outcome.records).toMatchObject([{ sequence: 2 }])
    }
  })

  it('a copy of an immutable record is as good as any', () => {
    const { network, key } = scene({ cachePath: false })
    const far = network.nearest(key, 20)[10]!
    plant(network, far, makeRecord(key, { kind: 'immutable' }), HOUR_MS)
    const get = network.run(far, { type: 'get', key, options: {} })
    expect(get).toMatchObject({ type: 'done', outcome: { requests: 0, agreed: 1 } })
  })

  it('a holder that had none gets the record in full', () => {
    const { network, key, node, holders } = scene()
    network.farHops = 0
    plant(network, holders[2]!, makeRecord(key))
    network.run(node, { type: 'get', key, options: { quorum: 4 } })
    network.wait(1_000)
    expect(network.entry(holders[0]!, key)).toMatchObject({ cached: false })
    expect(network.entry(holders[1]!, key)).toBeUndefined()
  })

  it('K36 a copy that is corrected stays a copy', () => {
    const { network, key, node, holders } = scene({ cachePath: false })
    const far = network.nearest(key, 20)[10]!
    plant(network, far, makeRecord(key), HOUR_MS)
    const newest = makeRecord(key, { sequence: 2 })
    for (const holder of holders) plant(network, holder, newest)
    network.farHops = 16
    network.run(node, { type: 'get', key, options: { quorum: 4 } })
    network.wait(1_000)
    const entry = network.entry(far, key)!
    expect(entry).toMatchObject({ record: newest, cached: true })
    expect(entry.keepUntilMs).toBeLessThan(newest.expiresAtMs - 40 * HOUR_MS)
    plant(network, node, makeRecord(key))
    network.run(node, { type: 'get', key, options: { quorum: 4 } })
    const own = network.entry(node, key)!
    expect(own).toMatchObject({ record: newest, cached: false })
    expect(own.keepUntilMs).toBeLessThan(newest.expiresAtMs - 40 * HOUR_MS)
  })
})
