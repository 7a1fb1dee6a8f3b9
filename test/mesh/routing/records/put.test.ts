import { describe, expect, it } from 'vitest'
import { keyFromWords } from '../../../../mesh/routing/kademlia/id.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import { makeRecord, randomKey, RecordsNetwork, storeReply, WITHHOLD } from './records-network.ts'

/** A network in which the first node is not among the holders of the key. */
function scene(settings = {}) {
  const network = new RecordsNetwork(20, settings)
  const key = randomKey(network.stream)
  const sorted = network.nearest(key, 20)
  return { network, key, node: sorted[19]!, holders: sorted.slice(0, 4), others: sorted.slice(4) }
}

const ids = (contacts: readonly Contact[]) => contacts.map(({ id }) => id).sort()

describe('put', () => {
  it('says who holds it, who refused and how many requests it took', () => {
    const { network, key, node, holders } = scene()
    holders[1]!.lie = ({ type }) =>
      type === 'store' ? storeReply(key, { refusal: 'ERR_DHT_STORE_FULL' }) : undefined
    const put = network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    const [first, second, third, fourth] = holders.map(({ contact }) => contact) as [
      Contact,
      Contact,
      Contact,
      Contact,
    ]
    expect(put).toMatchObject({ type: 'done', outcome: { requests: 10 } })
    expect(ids(put!.outcome.holders)).toEqual(ids([first, third, fourth]))
    expect(put?.outcome.refusals).toEqual([{ contact: second, code: 'ERR_DHT_STORE_FULL' }])
  })

  it.each([
    [4, 'done'],
    [5, 'failed'],
  ])('with a quorum of %d of 4 holders it is %s', (quorum, type) => {
    const { network, key, node } = scene()
    const put = network.run(node, { type: 'put', record: makeRecord(key), options: { quorum } })
    expect(put).toMatchObject(type === 'done' ? { type } : { type, code: 'ERR_DHT_QUORUM' })
    expect(put?.outcome.holders.length).toBe(4)
  })

  it('keeps an own copy when it is a holder or publishes, and only then', () => {
    const { network, key, node, holders } = scene()
    network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    expect(network.entry(node, key)).toBeUndefined()
    network.run(node, { type: 'put', record: makeRecord(key), options: {}, publish: true })
    expect(network.entry(node, key)).toMatchObject({ own: true })
    expect(node.disk.get(key.hex)).toMatchObject({ own: true })
    const near = randomKey(network.stream)
    const [holder] = network.nearest(near, 1)
    const put = network.run(holder!, { type: 'put', record: makeRecord(near), options: {} })
    expect(put?.outcome.holders.length).toBe(3)
    expect(network.entry(holder!, near)).toMatchObject({ own: false, cached: false })
    expect(holders.length).toBe(4)
  })

  it('K34 sends nothing that is not valid', () => {
    const { network, key, node } = scene()
    for (const record of [
      makeRecord(key, { proof: 'by me' }),
      makeRecord(key, { expiresAtMs: 1 }),
      makeRecord(key, { kind: 'provider' }),
    ]) {
      const put = network.run(node, { type: 'put', record, options: {}, publish: true })
      expect(put?.type).toBe('failed')
    }
    expect(node.sent).toEqual([])
    expect([...node.core.entries()]).toEqual([])
  })

  it('sends so many at once and no more', () => {
    const { network, key, node } = scene({ putsParallel: 3 })
    let most = 0
    network.begin(node, { type: 'put', record: makeRecord(key), options: {} })
    for (let i = 0; i < 400; i++) {
      network.wait(1)
      most = Math.max(most, node.core.stats().requestsRunning)
    }
    expect(most).toBe(3)
    expect(node.sent.length).toBe(4)
  })

  it('fails when a published record cannot be written', () => {
    const { network, key, node } = scene()
    node.diskFails = true
    const record = makeRecord(key)
    const put = network.run(node, { type: 'put', record, options: {}, publish: true })
    expect(put).toMatchObject({ type: 'failed', code: 'ERR_DHT_STORE_FAILED' })
    expect(network.underWay).toBe(0)
  })

  it('fails when a newer one stands, and shows it', () => {
    const { network, key, node } = scene()
    const newer = makeRecord(key, { sequence: 5 })
    network.run(network.at(1), { type: 'put', record: newer, options: {} })
    const put = network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    expect(put).toMatchObject({ code: 'ERR_DHT_SEQUENCE_LOW', outcome: { records: [newer] } })
    expect(network.entry(node, key)).toBeUndefined()
    network.run(node, { type: 'put', record: makeRecord(key), options: {}, publish: true })
    expect(network.entry(node, key)).toMatchObject({ own: true, record: newer })
  })

  it('is not stopped by a newer record that nobody signed', () => {
    const { network, key, node, holders } = scene()
    const forged = makeRecord(key, { sequence: 9, proof: 'by me' })
    holders[0]!.lie = ({ type }) =>
      type === 'store'
        ? storeReply(key, { refusal: 'ERR_DHT_SEQUENCE_LOW', record: forged })
        : undefined
    const put = network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    expect(put).toMatchObject({ type: 'done', outcome: { holders: { length: 3 } } })
  })

  it('an immutable value that is there already, for longer, is put', () => {
    const { network, key, node } = scene()
    const longer = makeRecord(key, { kind: 'immutable' })
    network.run(network.at(1), { type: 'put', record: longer, options: {} })
    const expiresAtMs = longer.expiresAtMs - 1
    const record = makeRecord(key, { kind: 'immutable', publisher: 'bb'.repeat(32), expiresAtMs })
    expect(network.run(node, { type: 'put', record, options: {} })).toMatchObject({
      type: 'done',
      outcome: { holders: { length: 4 } },
    })
  })
})

describe('what is published', () => {
  it.each([
    [2, undefined],
    [3, 'ERR_DHT_PUBLISHED_MAX'],
  ])('of %d records where 2 may be, the last ends with %s', (count, code) => {
    const { network, node } = scene({ publishedMax: 2 })
    const keys = Array.from({ length: count }, () => randomKey(network.stream))
    const put = (key: (typeof keys)[number], given = {}) =>
      network.run(node, { type: 'put', record: makeRecord(key, given), options: {}, publish: true })
    const last = keys.map((key) => put(key)).at(-1)
    expect(last).toMatchObject(code === undefined ? { type: 'done' } : { type: 'failed', code })
    expect(node.refused).toEqual(code === undefined ? [] : [code])
    expect(node.core.stats()).toMatchObject({ published: 2, shelf: { own: 2 } })
    // A newer record of what is published needs no other place, and what is only put needs none.
    expect(put(keys[0]!, { sequence: 2 })?.type).toBe('done')
    const record = makeRecord(randomKey(network.stream))
    expect(network.run(node, { type: 'put', record, options: {} })?.type).toBe('done')
    network.run(node, { type: 'unpublish', key: keys[0]! })
    expect(put(randomKey(network.stream))?.type).toBe('done')
  })

  it('the limit holds for what is kept only after others agreed', () => {
    const { network, key, node } = scene({ publishedMax: 1 })
    const spec = { type: 'put', options: {}, publish: true } as const
    const begun = [key, randomKey(network.stream)].map((each) =>
      network.begin(node, { ...spec, record: makeRecord(each), expectedSequence: 0 }),
    )
    const ends = begun.map((operationId) => network.finish(node, operationId))
    expect(ends.map((end) => end?.type).sort()).toEqual(['done', 'failed'])
    expect(node.core.stats()).toMatchObject({ published: 1 })
  })
})

describe('put with an expected sequence', () => {
  const next = (network: RecordsNetwork, key: ReturnType<typeof randomKey>, value: number) =>
    makeRecord(key, { sequence: 2, value: Uint8Array.of(value), proof: `by ${'aa'.repeat(32)}` })

  it('succeeds when nothing stands and none is expected, and when what is expected stands', () => {
    const { network, key, node } = scene()
    const first = network.run(node, {
      type: 'put',
      record: makeRecord(key),
      options: { quorum: 4 },
      expectedSequence: 0,
    })
    expect(first?.type).toBe('done')
    const second = network.run(node, {
      type: 'put',
      record: next(network, key, 2),
      options: { quorum: 4 },
      expectedSequence: 1,
      publish: true,
    })
    expect(second?.type).toBe('done')
    expect(network.entry(node, key)).toMatchObject({ own: true, record: { sequence: 2 } })
  })

  it('K32 fails at the nearest holder when another stands, and leaves nothing anywhere', () => {
    const { network, key, node, holders } = scene()
    const standing = makeRecord(key, { sequence: 7 })
    network.run(network.at(1), { type: 'put', record: standing, options: {} })
    const put = network.run(node, {
      type: 'put',
      record: makeRecord(key, { sequence: 8 }),
      options: {},
      expectedSequence: 6,
      publish: true,
    })
    expect(put).toMatchObject({
      code: 'ERR_DHT_SEQUENCE_UNEXPECTED',
      outcome: { records: [standing] },
    })
    expect(node.sent.length).toBe(1)
    expect(network.entry(node, key)).toBeUndefined()
    for (const holder of holders) expect(network.entry(holder, key)?.record.sequence).toBe(7)
  })

  it('of two writers who race exactly one wins, wherever they are', () => {
    const { network, key, node, holders, others } = scene()
    network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    const writers = [
      [node, others[3]!],
      [node, holders[0]!],
      [holders[0]!, holders[2]!],
    ] as const
    for (const [round, pair] of writers.entries()) {
      const sequence = round + 1
      const begun = pair.map((writer, i) =>
        network.begin(writer, {
          type: 'put',
          record: makeRecord(key, { sequence: sequence + 1, value: Uint8Array.of(i) }),
          options: {},
          expectedSequence: sequence,
        }),
      )
      const ends = pair.map((writer, i) => network.finish(writer, begun[i]!)?.type)
      expect(ends.sort()).toEqual(['done', 'failed'])
      const values = holders.map((holder) => network.entry(holder, key)?.record.value[0])
      expect(new Set(values).size).toBe(1)
    }
  })

  it('gives it to holders who lag behind, too', () => {
    const { network, key, node, holders } = scene()
    network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    const newcomer = network.addNode(
      // Nearer than anybody else, and empty.
      key,
    )
    const put = network.run(node, {
      type: 'put',
      record: next(network, key, 2),
      options: {},
      expectedSequence: 1,
    })
    expect(put?.type).toBe('done')
    for (const holder of [newcomer, ...holders.slice(0, 3)]) {
      expect(network.entry(holder, key)?.record.sequence).toBe(2)
    }
  })

  it('fails when nobody has what is expected', () => {
    const { network, key, node } = scene()
    network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    const put = network.run(node, {
      type: 'put',
      record: makeRecord(key, { sequence: 9 }),
      options: {},
      expectedSequence: 8,
    })
    expect(put).toMatchObject({ code: 'ERR_DHT_SEQUENCE_UNEXPECTED' })
    expect(put?.outcome.refusals.length).toBe(4)
  })

  it('is not stopped by a word without proof', () => {
    const { network, key, node, holders } = scene()
    holders[0]!.lie = ({ type }) =>
      type === 'store'
        ? storeReply(key, {
            refusal: 'ERR_DHT_SEQUENCE_UNEXPECTED',
            record: makeRecord(key, { sequence: 5, proof: 'by me' }),
          })
        : undefined
    const put = network.run(node, {
      type: 'put',
      record: makeRecord(key),
      options: {},
      expectedSequence: 0,
    })
    expect(put).toMatchObject({ type: 'done', outcome: { holders: { length: 3 } } })
  })
})

describe('put radius', () => {
  it('K45 with impostors nearest to the key it reaches the honest holders behind them', () => {
    const network = new RecordsNetwork(200, { k: 8, putHoldersMax: 40 })
    network.networkSize = 200
    const key = randomKey(network.stream)
    const honest = network.nearest(key, 8)
    const node = network.nearest(key, 200)[150]!
    for (let i = 0; i < 12; i++) {
      const impostor = network.addNode(randomNear(key, i))
      impostor.lie = WITHHOLD
    }
    const get = () =>
      network.run(network.nearest(key, 212)[180]!, { type: 'get', key, options: {} })
    const put = network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    const reached = honest.filter((holder) => network.entry(holder, key) !== undefined)
    expect(reached.length).toBeGreaterThanOrEqual(4)
    expect(put?.outcome.holders.length).toBeLessThanOrEqual(40)
    expect(get()?.type).toBe('done')
  })

  it('K45 without the radius they withhold it', () => {
    const network = new RecordsNetwork(200, { k: 8, putRadius: false })
    network.networkSize = 200
    const key = randomKey(network.stream)
    const node = network.nearest(key, 200)[150]!
    for (let i = 0; i < 12; i++) {
      const impostor = network.addNode(randomNear(key, i))
      impostor.lie = WITHHOLD
    }
    network.run(node, { type: 'put', record: makeRecord(key), options: {} })
    const get = network.run(node, { type: 'get', key, options: {} })
    expect(get).toMatchObject({ code: 'ERR_DHT_NOT_FOUND' })
  })

  function randomNear(key: ReturnType<typeof randomKey>, last: number) {
    const words = Uint32Array.from(key.words)
    words[7] = (words[7]! ^ (last + 1)) >>> 0
    return keyFromWords(words)
  }
})
