import { describe, expect, it } from 'vitest'
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { Store } from '../../../../mesh/routing/kademlia/message.ts'
import type { DhtRecord } from '../../../../mesh/routing/records/record.ts'
import {
  HOUR_MS,
  makeRecord,
  randomKey,
  RecordsNetwork,
  storeReply,
  WALL_START_MS,
} from './records-network.ts'
import type { NetworkNode } from './records-network.ts'

const sender = { host: '10.0.0.1', port: 1, mode: 'server' as const }

function store(record: DhtRecord, given: Partial<Store> = {}): Store {
  return {
    type: 'store',
    key: record.key,
    sender,
    record,
    ttlMs: undefined,
    expectedSequence: undefined,
    ...given,
  }
}

function scene(count = 12, settings = {}) {
  const network = new RecordsNetwork(count, settings)
  return { network, key: randomKey(network.stream), node: network.at(0) }
}

const ids = (nodes: readonly NetworkNode[]) => nodes.map(({ contact }) => contact.id).sort()

const isFound = (network: RecordsNetwork, node: NetworkNode, key: KadKey) =>
  network.run(node, { type: 'get', key, options: {} })?.type === 'done'

describe('RecordsCore, asked by others', () => {
  it('acknowledges a put when it is on disk, not before', () => {
    const { network, key, node } = scene()
    node.diskMs = 50
    network.step(node, {
      type: 'request',
      from: 'bb'.repeat(32),
      replyId: -1,
      message: store(makeRecord(key)),
    })
    network.wait(49)
    expect(node.replies).toEqual([])
    network.wait(1)
    expect(node.replies).toEqual([expect.objectContaining({ type: 'store_reply', key })])
    expect(node.disk.get(key.hex)?.record).toEqual(makeRecord(key))
  })

  it('takes back what could not be written, to what stood before', () => {
    const { network, key, node } = scene()
    network.ask(node, store(makeRecord(key)))
    node.diskFails = true
    const reply = network.ask(node, store(makeRecord(key, { sequence: 2 })))
    expect(reply).toMatchObject({ refusal: 'ERR_DHT_STORE_FAILED' })
    expect(network.entry(node, key)?.record.sequence).toBe(1)
    const other = randomKey(network.stream)
    expect(network.ask(node, store(makeRecord(other)))).toMatchObject({
      refusal: 'ERR_DHT_STORE_FAILED',
    })
    expect(network.entry(node, other)).toBeUndefined()
    expect(node.core.stats()).toMatchObject({ writesFailed: 2, writesRunning: 0 })
  })

  it('takes back a chain of failed writes to what is on disk', () => {
    const { network, key, node } = scene()
    network.ask(node, store(makeRecord(key)))
    node.diskFails = true
    node.diskMs = 10
    for (const sequence of [2, 3, 4]) {
      const message = store(makeRecord(key, { sequence }))
      network.step(node, { type: 'request', from: 'bb'.repeat(32), replyId: -1, message })
      network.wait(1)
    }
    expect(network.entry(node, key)?.record.sequence).toBe(4)
    network.wait(20)
    expect(network.entry(node, key)?.record.sequence).toBe(1)
  })

  it('lets the same put, again, wait for the write that is under way', () => {
    const { network, key, node } = scene()
    node.diskMs = 30
    for (let i = 0; i < 2; i++) {
      network.step(node, {
        type: 'request',
        from: 'bb'.repeat(32),
        replyId: -1,
        message: store(makeRecord(key)),
      })
      network.wait(10)
    }
    expect(node.replies).toEqual([])
    network.wait(10)
    expect(node.replies.length).toBe(2)
    expect(network.ask(node, store(makeRecord(key)))).toMatchObject({ refusal: undefined })
    expect(node.disk.size).toBe(1)
  })

  it('K34 checks what it is given, says why it refuses, and keeps nothing of it', () => {
    const { network, key, node } = scene()
    const good = makeRecord(key)
    const refusals: [string, Store][] = [
      ['ERR_DHT_RECORD_SIGNATURE', store(makeRecord(key, { proof: 'by me' }))],
      ['ERR_DHT_RECORD_EXPIRED', store(makeRecord(key, { expiresAtMs: WALL_START_MS }))],
      ['ERR_DHT_RECORD_EXPIRY', store(makeRecord(key, { expiresAtMs: WALL_START_MS * 2 }))],
      ['ERR_DHT_RECORD_TOO_LARGE', store(makeRecord(key, { value: new Uint8Array(65_537) }))],
      ['ERR_DHT_RECORD_KEY', store(good, { key: randomKey(network.stream) })],
      ['ERR_DHT_RECORD_INVALID', store(makeRecord(key, { kind: 'provider' }))],
      ['ERR_DHT_RECORD_INVALID', store(good, { ttlMs: Number.NaN })],
      ['ERR_DHT_RECORD_INVALID', store(makeRecord(key, { sequence: 0 }))],
    ]
    for (const [refusal, message] of refusals) {
      expect(network.ask(node, message)).toMatchObject({ type: 'store_reply', refusal })
    }
    expect([...node.core.entries()]).toEqual([])
    expect(node.core.stats()).toMatchObject({ refused: refusals.length, stored: 0 })
    expect(node.refused).toEqual(refusals.map(([refusal]) => refusal))
  })

  it('answers who sends nonsense without end at the price of a few checks', () => {
    const { network, key, node } = scene(4, { peerPutsMax: 3 })
    const forged = store(makeRecord(key, { proof: 'by me' }))
    for (let i = 0; i < 3; i++) {
      expect(network.ask(node, forged)).toMatchObject({ refusal: 'ERR_DHT_RECORD_SIGNATURE' })
    }
    expect(network.ask(node, forged)).toMatchObject({ refusal: 'ERR_DHT_PEER_QUOTA' })
    expect(network.ask(node, forged, 'cc'.repeat(32))).toMatchObject({
      refusal: 'ERR_DHT_RECORD_SIGNATURE',
    })
  })

  it('gives what it has, with contacts, and never the asker', () => {
    const { network, key, node } = scene()
    const record = makeRecord(key)
    network.ask(node, store(record))
    const asker = network.nearest(key, 3).find((other) => other !== node)!
    const reply = network.ask(node, { type: 'find_value', key, sender }, asker.contact.id)
    expect(reply).toMatchObject({ type: 'find_value_reply', record })
    const contacts = reply?.type === 'find_value_reply' ? reply.contacts : []
    expect(contacts.length).toBe(8)
    expect(contacts.map(({ id }) => id)).not.toContain(asker.contact.id)
  })

  it.each([1, 4])('K16 answers with answerFactor times k contacts, factor %i', (answerFactor) => {
    const { network, key, node } = scene(40, { answerFactor })
    for (const type of ['find_value', 'get_providers'] as const) {
      const reply = network.ask(node, { type, key, sender })
      const contacts = reply !== undefined && 'contacts' in reply ? reply.contacts : []
      expect(contacts.length).toBe(4 * answerFactor)
    }
  })

  it('K34 gives nobody what has come to be not valid since, a minute after that at the latest', () => {
    const { network, key, node } = scene()
    const good = makeRecord(key, { kind: 'provider' })
    const bad = makeRecord(key, { kind: 'provider', publisher: 'cc'.repeat(32) })
    const value = makeRecord(randomKey(network.stream), { publisher: 'cc'.repeat(32) })
    for (const record of [good, bad]) {
      network.ask(node, { type: 'add_provider', key, sender, record })
    }
    network.ask(node, store(value))
    const records = () => network.ask(node, { type: 'get_providers', key, sender })
    expect(records()).toMatchObject({ records: { length: 2 } })
    network.revoked.add(bad.publisher)
    network.wait(60_000)
    expect(records()).toMatchObject({ records: [good] })
    const found = network.ask(node, { type: 'find_value', key: value.key, sender })
    expect(found).toMatchObject({ record: undefined })
    network.revoked.delete(bad.publisher)
    expect(records()).toMatchObject({ records: [good] })
    network.wait(60_000)
    expect(records()).toMatchObject({ records: { length: 2 } })
  })

  it('K45 keeps in full what it holds, and the shorter the more nodes are nearer', () => {
    const network = new RecordsNetwork(40)
    const key = randomKey(network.stream)
    const record = makeRecord(key)
    const hours = network.nearest(key, 9).map((node) => {
      network.ask(node, store(record))
      const entry = network.entry(node, key)!
      expect(entry.cached).toBe(false)
      return Math.round((entry.keepUntilMs - WALL_START_MS) / HOUR_MS)
    })
    expect(hours).toEqual([48, 48, 48, 48, 24, 12, 6, 3, 2])
    const far = network.nearest(key, 40)[30]!
    network.ask(far, store(record))
    const keptMs = network.entry(far, key)!.keepUntilMs - WALL_START_MS - network.nowMs
    expect(Math.round(keptMs / HOUR_MS)).toBe(2)
    // Where the nearest crowd, everybody within the distance expected of holders is one.
    const other = randomKey(network.stream)
    network.networkSize = 4
    const fifth = network.nearest(other, 5)[4]!
    network.ask(fifth, store(makeRecord(other)))
    expect(network.entry(fifth, other)!.keepUntilMs).toBe(record.expiresAtMs)
  })

  it('a client keeps nothing and says nothing', () => {
    const { network, key, node } = scene()
    network.ask(node, store(makeRecord(key)))
    node.mode = 'client'
    expect(network.ask(node, store(makeRecord(key, { sequence: 2 })))).toMatchObject({
      refusal: 'ERR_DHT_CLIENT_MODE',
    })
    expect(network.ask(node, { type: 'find_value', key, sender })).toMatchObject({
      record: undefined,
      contacts: [],
    })
    expect(network.ask(node, { type: 'get_providers', key, sender })).toMatchObject({
      records: [],
      contacts: [],
    })
  })
})

describe('RecordsCore, from the disk', () => {
  it('K34 checks what the disk gave back, own entries too, and deletes what is not good', () => {
    const { network, node } = scene()
    const keys = Array.from({ length: 4 }, () => randomKey(network.stream))
    const times = { keepUntilMs: WALL_START_MS + 1_000, storedAtMs: WALL_START_MS - 10 }
    const entries = [
      { ...times, record: makeRecord(keys[0]!), own: false, cached: false },
      { ...times, record: makeRecord(keys[1]!, { proof: 'by me' }), own: true, cached: false },
      { ...times, record: makeRecord(keys[2]!), own: false, cached: false, keepUntilMs: 5 },
      { ...times, record: makeRecord(keys[3]!, { expiresAtMs: 5 }), own: true, cached: false },
    ]
    for (const entry of entries) node.disk.set(entry.record.key.hex, entry)
    network.restart(node)
    network.wait(10)
    expect([...node.core.entries()].map(({ record }) => record.key.hex)).toEqual([keys[0]!.hex])
    expect([...node.disk.keys()]).toEqual([keys[0]!.hex])
    expect(node.core.stats().published).toBe(0)
  })

  it('K31 collects what has expired, on disk too', () => {
    const { network, key, node } = scene()
    network.ask(node, store(makeRecord(key, { expiresAtMs: WALL_START_MS + 5_000 })))
    network.wait(4_900)
    expect(node.disk.size).toBe(1)
    network.wait(200)
    expect(node.disk.size).toBe(0)
    expect([...node.core.entries()]).toEqual([])
  })

  it('ML12 what was published is there after a restart and is put again', () => {
    const { network, key, node } = scene()
    const record = makeRecord(key)
    network.run(node, { type: 'put', record, options: {}, publish: true })
    for (const holder of network.nodes) if (holder !== node) holder.up = false
    for (let i = 0; i < 6; i++) network.addNode(randomKey(network.stream))
    network.restart(node)
    network.wait(20 * 60_000)
    expect(node.core.stats().published).toBe(1)
    const nearest = network.nearest(key, 4)
    expect(nearest.filter((other) => network.entry(other, key) !== undefined)).toEqual(nearest)
  })
})

describe('RecordsCore, operations', () => {
  it('K28 MG4 put keeps a record at exactly the k nearest, and every node gets it', () => {
    const network = new RecordsNetwork(40)
    for (let i = 0; i < 10; i++) {
      const key = randomKey(network.stream)
      const record = makeRecord(key)
      const put = network.run(network.at(i), { type: 'put', record, options: {} })
      expect(put?.type).toBe('done')
      expect(ids(network.holders(key))).toEqual(ids(network.nearest(key, 4)))
      for (const node of network.nodes) {
        const get = network.run(node, { type: 'get', key, options: {} })
        expect(get?.outcome.records).toEqual([record])
      }
    }
  })

  it('K29 with all holders but one gone a record is found, and has k holders after a replication', () => {
    const { network, key, node } = scene(30)
    network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    for (const holder of network.nearest(key, 4).slice(0, 3)) holder.up = false
    for (const other of network.nodes.filter(({ up }) => up)) {
      expect(isFound(network, other, key)).toBe(true)
    }
    network.wait(1.3 * network.settings.replicateIntervalMs)
    expect(network.holders(key).length).toBeGreaterThanOrEqual(4)
    const nearest = ids(network.nearest(key, 4))
    expect(ids(network.holders(key))).toEqual(expect.arrayContaining(nearest))
  })

  it('runs so many operations at once, and refuses one more', () => {
    const { network, key, node } = scene(12, { operationsMax: 3 })
    const get = { type: 'get', key, options: {} } as const
    const begun = Array.from({ length: 3 }, () => network.begin(node, get))
    expect(node.events).toEqual([])
    const refused = network.begin(node, get)
    expect(network.finish(node, refused)).toMatchObject({
      type: 'failed',
      code: 'ERR_DHT_OPERATIONS_MAX',
    })
    expect(node.refused).toEqual(['ERR_DHT_OPERATIONS_MAX'])
    for (const operationId of begun) {
      expect(network.finish(node, operationId)).toMatchObject({ code: 'ERR_DHT_NOT_FOUND' })
    }
    const again = network.begin(node, get)
    expect(network.finish(node, again)).toMatchObject({ code: 'ERR_DHT_NOT_FOUND' })
  })

  it.each(['put', 'get', 'provide', 'find_providers'] as const)(
    'K16 a cancelled %s leaves no lookup, request or timer, and says nothing more',
    (type) => {
      // What stays published is put again by itself, but not while this looks.
      const { network, key, node } = scene(12, { repeatSoonMs: 3_600_000 })
      const kind = type === 'provide' ? 'provider' : 'mutable'
      const record = makeRecord(key, { kind })
      for (const delayMs of [0, 15, 45, 75]) {
        for (const other of network.nodes) if (other !== node) other.lie = () => 'silence'
        const operationId = network.begin(node, { type, key, record, options: {} } as never)
        network.wait(delayMs)
        const said = node.events.length
        network.step(node, { type: 'cancel_operation', operationId })
        expect(network.underWay).toBe(0)
        expect(node.core.stats()).toMatchObject({
          operationsRunning: 0,
          lookupsRunning: 0,
          requestsRunning: 0,
        })
        network.wait(60_000)
        expect(node.events.length).toBe(said)
        network.step(node, {
          type: 'operation',
          operationId: -1,
          operation: { type: 'unpublish', key },
        })
        node.events.length = 0
      }
    },
  )

  it('an operation ends at its deadline with what it has', () => {
    const { network, key } = scene()
    const node = network.nearest(key, 12)[11]!
    for (const other of network.nodes) if (other !== node) other.lie = () => 'silence'
    const options = { deadlineMs: network.nowMs + 500 }
    const put = network.run(node, { type: 'put', record: makeRecord(key), options })
    expect(put).toMatchObject({ type: 'failed', code: 'ERR_DHT_TIMEOUT' })
    const began = network.nowMs
    const get = network.run(node, {
      type: 'get',
      key: randomKey(network.stream),
      options: { deadlineMs: began + 300 },
    })
    expect(get).toMatchObject({ code: 'ERR_DHT_TIMEOUT', outcome: { elapsedMs: 300 } })
    expect(network.underWay).toBe(0)
  })

  it('K40 a node alone keeps what it is given and finds it, and nothing else', () => {
    const { network, key, node } = scene(1)
    const put = network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    expect(put).toMatchObject({ type: 'done', outcome: { holders: [] } })
    expect(isFound(network, node, key)).toBe(true)
    const other = network.run(node, { type: 'get', key: randomKey(network.stream), options: {} })
    expect(other).toMatchObject({ code: 'ERR_DHT_NOT_FOUND' })
  })

  it('an answer by another node, of another kind or about another key is no acknowledgement', () => {
    const { network, key } = scene()
    const sorted = network.nearest(key, 12)
    const node = sorted[11]!
    for (const other of sorted) if (other !== node) other.lie = () => 'silence'
    const operationId = network.begin(node, { type: 'put', record: makeRecord(key), options: {} })
    network.wait(100)
    expect(node.sent.length).toBe(4)
    const [first, second, third, fourth] = node.sent.map(({ to }) => to)
    const message = storeReply(key)
    const say = (requestId: number, from: string, given: object) =>
      network.step(node, { type: 'reply', requestId, from, message: { ...message, ...given } })
    say(1, second!, {})
    say(2, second!, { key: randomKey(network.stream) })
    say(3, third!, { type: 'find_node_reply', contacts: [] })
    expect(node.refused.length).toBe(3)
    expect(node.core.stats()).toMatchObject({ requestsRunning: 2, requestsFailed: 2 })
    say(1, first!, {})
    say(4, fourth!, { refusal: 'ERR_DHT_STORE_FULL' })
    expect(network.finish(node, operationId)).toMatchObject({
      type: 'done',
      outcome: { holders: [{ id: first }], refusals: [{ code: 'ERR_DHT_STORE_FULL' }] },
    })
  })

  it('a cancelled or unknown answer changes nothing and is counted', () => {
    const { network, key, node } = scene()
    const message = {
      type: 'store_reply',
      key,
      sender,
      refusal: undefined,
      record: undefined,
    } as const
    network.step(node, { type: 'reply', requestId: 99, from: 'bb'.repeat(32), message })
    network.step(node, { type: 'request_failed', requestId: 99 })
    network.step(node, { type: 'written', writeId: 99, ok: true })
    expect(node.refused).toEqual(['ERR_DHT_REPLY_UNEXPECTED'])
  })
})
