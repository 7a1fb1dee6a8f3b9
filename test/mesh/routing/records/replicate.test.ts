import { describe, expect, it } from 'vitest'
import { HOUR_MS, makeRecord, randomKey, WALL_START_MS } from './records-network.ts'
import { forget, sender, sentBy, upkeepScene } from './upkeep-scene.ts'

describe('replicate', () => {
  it('one holder does it for all of them', () => {
    const { network, key, holders } = upkeepScene({ handoff: false })
    network.run(holders[0]!, { type: 'put', record: makeRecord(key), options: {} })
    forget(network)
    network.wait(10 * HOUR_MS)
    const puts = sentBy(network.nodes).length
    // A round is 3 puts; at the earliest after 3/4 of the interval, and every other interval one on top.
    expect(puts).toBeGreaterThanOrEqual(3 * 8)
    expect(puts).toBeLessThanOrEqual(3 * 20)
    expect(holders.reduce((sum, { lookups }) => sum + lookups, 0)).toBeLessThanOrEqual(1 + 20)
  })

  it('K31 leaves publisher, sequence and expiry as they are', () => {
    const { network, key, holders } = upkeepScene()
    const record = makeRecord(key)
    network.run(holders[0]!, { type: 'put', record, options: {} })
    holders[1]!.up = false
    network.wait(5 * HOUR_MS)
    const all = network.holders(key).map((holder) => network.entry(holder, key)!)
    expect(all.length).toBeGreaterThanOrEqual(4)
    for (const entry of all)
      expect(entry).toMatchObject({ record, keepUntilMs: record.expiresAtMs })
  })

  it('K29 what only a node that is no holder has is given to all holders, once', () => {
    const { network, key, sorted } = upkeepScene({ handoff: false })
    const node = sorted[6]!
    const record = makeRecord(key)
    const message = { type: 'store', key, sender, record, ttlMs: undefined } as const
    network.ask(node, { ...message, expectedSequence: undefined })
    network.wait(5 * HOUR_MS)
    const nearest = network.nearest(key, 4)
    expect(nearest.filter((holder) => network.entry(holder, key) === undefined)).toEqual([])
    expect(node.sent).toHaveLength(4)
    expect(node.lookups).toBe(1)
    expect(node.core.stats()).toMatchObject({ replicated: 1 })
    expect(node.core.stats().replicationsSkipped).toBeGreaterThanOrEqual(3)
    // A put that it hears of begins it anew.
    const newer = makeRecord(key, { sequence: 2 })
    network.ask(node, { ...message, record: newer, expectedSequence: undefined })
    network.wait(5 * HOUR_MS)
    expect(node.lookups).toBe(2)
  })

  it('a node that only believes to be a holder finds out and sends no more than once', () => {
    const { network, key, node } = upkeepScene({ handoff: false })
    node.blind = true
    const message = {
      type: 'store',
      key,
      sender,
      record: makeRecord(key),
      ttlMs: undefined,
    } as const
    network.ask(node, { ...message, expectedSequence: undefined })
    network.wait(5 * HOUR_MS)
    expect(node.lookups).toBeGreaterThanOrEqual(3)
    expect(node.sent).toHaveLength(4)
  })

  it('a cached copy is repeated by nobody', () => {
    const { network, key, holders } = upkeepScene({ handoff: false })
    const message = { type: 'store', key, sender, record: makeRecord(key) } as const
    network.ask(holders[0]!, { ...message, ttlMs: 20 * HOUR_MS, expectedSequence: undefined })
    const provider = makeRecord(key, { kind: 'provider' })
    network.ask(holders[0]!, { type: 'add_provider', key, sender, record: provider })
    network.wait(10 * HOUR_MS)
    const kinds = new Set(sentBy(network.nodes).map(({ record }) => record.kind))
    expect([...kinds]).toEqual(['provider'])
  })

  it('K30 without it records are lost as their holders leave', () => {
    for (const replicate of [true, false]) {
      const { network, key } = upkeepScene({ replicate, handoff: false }, 40)
      network.run(network.at(0), { type: 'put', record: makeRecord(key), options: {} })
      for (let i = 0; i < 6; i++) {
        network.nearest(key, 1)[0]!.up = false
        network.wait(1.5 * HOUR_MS)
      }
      expect(network.holders(key).length > 0).toBe(replicate)
    }
  })

  it('keeps providers of one key alive with one lookup', () => {
    const { network, key, sorted } = upkeepScene({ handoff: false })
    for (const provider of sorted.slice(10, 15)) {
      const record = makeRecord(key, { kind: 'provider', publisher: provider.contact.id })
      network.run(provider, { type: 'provide', record, options: {} })
      network.run(provider, { type: 'unpublish', key })
    }
    for (const holder of sorted.slice(0, 2)) holder.up = false
    network.wait(1.3 * HOUR_MS)
    for (const holder of network.nearest(key, 4)) {
      const records = [...holder.core.entries()].filter(({ record }) => record.key.hex === key.hex)
      expect(records.length).toBe(5)
    }
  })

  it('what was due while a node was away is done bit by bit', () => {
    const { network, node } = upkeepScene({ handoff: false }, 5)
    const times = { own: false, cached: false, storedAtMs: WALL_START_MS - 9 * HOUR_MS }
    for (let i = 0; i < 60; i++) {
      const record = makeRecord(randomKey(network.stream))
      node.disk.set(record.key.hex, { ...times, record, keepUntilMs: record.expiresAtMs })
    }
    network.restart(node)
    let most = 0
    for (let i = 0; i < 60; i++) {
      const before = node.sent.length
      network.wait(60_000)
      most = Math.max(most, node.sent.length - before)
    }
    expect(node.sent.length).toBeGreaterThan(100)
    expect(most).toBeLessThan(node.sent.length / 4)
  })

  it('K30 puts to all holders but those who need them do not keep them quiet for ever', () => {
    const { network, key, holders, sorted } = upkeepScene({ handoff: false })
    const record = makeRecord(key)
    network.run(holders[0]!, { type: 'put', record, options: {} })
    holders[0]!.up = false
    const needy = sorted[4]!
    const message = { type: 'store', key, sender, record, ttlMs: undefined } as const
    let quietHours = 0
    while (network.entry(needy, key) === undefined && quietHours < 30) {
      for (const holder of holders.slice(1)) {
        network.ask(holder, { ...message, expectedSequence: undefined })
      }
      network.wait(HOUR_MS / 4)
      quietHours += 1 / 4
    }
    expect(network.entry(needy, key)?.record).toEqual(record)
  })

  it('a set of providers too large for one job is put part by part', () => {
    const { network, key, holders } = upkeepScene({ handoff: false, operationTimeoutMs: 100 })
    const providers = Array.from({ length: 60 }, (_, i) => (0xa000 + i).toString(16).repeat(16))
    for (const publisher of providers) {
      const record = makeRecord(key, { kind: 'provider', publisher })
      network.ask(holders[0]!, { type: 'add_provider', key, sender, record })
    }
    network.wait(7 * HOUR_MS)
    const given = new Set(holders[0]!.sent.map(({ record }) => record.publisher))
    expect(given.size).toBe(60)
  })
})
