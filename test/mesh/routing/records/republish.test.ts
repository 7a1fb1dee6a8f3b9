import { describe, expect, it } from 'vitest'
import { HOUR_MS, makeRecord, randomKey, WALL_START_MS } from './records-network.ts'
import { forget, sender, sentBy, upkeepScene } from './upkeep-scene.ts'

describe('republish', () => {
  it('K39 a publisher puts each record to the k nearest once per interval, at its own time', () => {
    const { network, node } = upkeepScene({ replicate: false })
    const keys = Array.from({ length: 40 }, () => randomKey(network.stream))
    for (const key of keys) {
      const record = makeRecord(key, { publisher: node.contact.id })
      network.run(node, { type: 'put', record, options: {}, publish: true })
    }
    forget(network)
    const { republishIntervalMs, jitter } = network.settings
    network.wait(republishIntervalMs * (1 + jitter))
    for (const key of keys) {
      const puts = node.sent.filter(({ record }) => record.key === key)
      expect(puts.length).toBeGreaterThanOrEqual(3)
      expect(puts.length).toBeLessThanOrEqual(8)
    }
    const perHour = new Map<number, number>()
    for (const { atMs } of node.sent) {
      const hour = Math.floor(atMs / HOUR_MS)
      perHour.set(hour, (perHour.get(hour) ?? 0) + 1)
    }
    const mean = node.sent.length / ((republishIntervalMs * 2 * jitter) / HOUR_MS)
    expect(Math.max(...perHour.values())).toBeLessThanOrEqual(5 * mean)
    expect(Math.min(...node.sent.map(({ atMs }) => atMs))).toBeGreaterThan(
      republishIntervalMs * (1 - jitter) - 1,
    )
  })

  it('what this node signed outlives its first expiry, with the sequence it had', () => {
    const { network, key, node, holders } = upkeepScene()
    const record = makeRecord(key, { publisher: node.contact.id, sequence: 7 })
    network.run(node, { type: 'put', record, options: {}, publish: true })
    network.wait(100 * HOUR_MS)
    expect(network.entry(holders[0]!, key)).toMatchObject({
      record: { sequence: 7, publisher: node.contact.id, value: record.value },
    })
    expect(network.entry(node, key)!.record.expiresAtMs).toBeGreaterThan(
      WALL_START_MS + 100 * HOUR_MS,
    )
  })

  it('K31 what another key signed is repeated as it is and ends with its time', () => {
    const { network, key, node, holders } = upkeepScene()
    const record = makeRecord(key)
    network.run(node, { type: 'put', record, options: {}, publish: true })
    network.wait(47.9 * HOUR_MS)
    expect(node.core.stats().republished).toBeGreaterThanOrEqual(1)
    for (const holder of holders) expect(network.entry(holder, key)?.record).toEqual(record)
    network.wait(0.2 * HOUR_MS)
    expect(network.holders(key)).toEqual([])
    expect(network.nodes.flatMap(({ disk }) => [...disk.keys()])).toEqual([])
  })

  it('K34 what is not valid any more is not repeated', () => {
    const { network, key, node } = upkeepScene()
    const record = makeRecord(key, { publisher: node.contact.id })
    network.run(node, { type: 'put', record, options: {}, publish: true })
    forget(network)
    network.revoked.add(node.contact.id)
    network.wait(30 * HOUR_MS)
    expect(sentBy(network.nodes)).toEqual([])
  })

  it('a short-lived record is repeated before it is over', () => {
    const { network, key, node, holders } = upkeepScene()
    const record = makeRecord(key, {
      kind: 'provider',
      publisher: node.contact.id,
      expiresAtMs: WALL_START_MS + HOUR_MS,
    })
    network.run(node, { type: 'provide', record, options: {} })
    for (let i = 0; i < 100; i++) {
      network.wait(HOUR_MS / 20)
      for (const holder of holders) expect(network.entry(holder, key)).toBeDefined()
    }
  })

  it('puts again within a minute what reached nobody at first', () => {
    const { network, key, node } = upkeepScene({}, 6)
    for (const other of network.nodes) if (other !== node) other.up = false
    const record = makeRecord(key, { publisher: node.contact.id })
    network.run(node, { type: 'put', record, options: {}, publish: true })
    for (const other of network.nodes) if (other !== node) network.restart(other)
    network.wait(60_000)
    expect(network.holders(key).length).toBeGreaterThanOrEqual(4)
  })

  it('puts again within a minute what one of the holders did not answer, and then no more', () => {
    const { network, key, node, holders } = upkeepScene({ replicate: false, handoff: false })
    const late = holders[1]!
    late.lie = () => 'silence'
    const record = makeRecord(key, { publisher: node.contact.id })
    network.run(node, { type: 'put', record, options: {}, publish: true })
    late.lie = undefined
    network.wait(60_000)
    // Signed once more, for a later end.
    expect(network.entry(late, key)?.record.value).toEqual(record.value)
    forget(network)
    network.wait(HOUR_MS)
    expect(node.sent).toEqual([])
  })

  it('puts three times more, and not for ever, while one of the holders never answers', () => {
    const { network, key, node, holders } = upkeepScene({ replicate: false })
    const record = makeRecord(key, { publisher: node.contact.id })
    holders[1]!.lie = () => 'silence'
    network.run(node, { type: 'put', record, options: {}, publish: true })
    network.wait(19 * HOUR_MS * (1 - network.settings.jitter))
    expect(node.core.stats().republished).toBeGreaterThanOrEqual(2)
    expect(node.core.stats().republished).toBeLessThanOrEqual(4)
  })

  it('tries again soon when it reached nobody', () => {
    const { network, key, node } = upkeepScene({}, 6)
    for (const other of network.nodes) if (other !== node) other.up = false
    const record = makeRecord(key, { publisher: node.contact.id })
    network.run(node, { type: 'put', record, options: {}, publish: true })
    network.wait(28 * HOUR_MS)
    for (const other of network.nodes) if (other !== node) network.restart(other)
    network.wait(2 * HOUR_MS)
    expect(network.holders(key).length).toBeGreaterThanOrEqual(4)
  })

  it('takes over a newer record that stands against its own', () => {
    const { network, key, node, sorted } = upkeepScene()
    const old = makeRecord(key)
    network.run(node, { type: 'put', record: old, options: {}, publish: true })
    const newer = makeRecord(key, { sequence: 4 })
    network.run(sorted[10]!, { type: 'put', record: newer, options: {} })
    network.wait(30 * HOUR_MS)
    expect(network.entry(node, key)).toMatchObject({ own: true, record: { sequence: 4 } })
  })

  it('K39 a value lives as long as its publisher whoever else signs it for longer', () => {
    const { network, key, node, holders, sorted } = upkeepScene()
    const record = makeRecord(key, { kind: 'immutable', publisher: node.contact.id })
    network.run(node, { type: 'put', record, options: {}, publish: true })
    const theirs = makeRecord(key, { kind: 'immutable', expiresAtMs: record.expiresAtMs + 1 })
    const store = { type: 'store', key, sender, record: theirs, ttlMs: undefined } as const
    network.ask(node, { ...store, expectedSequence: undefined })
    network.run(sorted[10]!, { type: 'put', record: theirs, options: {} })
    expect(network.entry(node, key)?.record).toEqual(theirs)
    network.wait(100 * HOUR_MS)
    for (const holder of [...holders, node]) {
      expect(network.entry(holder, key)?.record).toMatchObject({ value: record.value })
    }
  })

  it('K39 what was published is there again after a sleep longer than its life', () => {
    const { network, key, node, holders } = upkeepScene()
    const record = makeRecord(key, { publisher: node.contact.id, sequence: 7 })
    network.run(node, { type: 'put', record, options: {}, publish: true })
    network.run(node, {
      ...{ type: 'put', publish: true, options: {} },
      record: makeRecord(randomKey(network.stream)),
    })
    node.up = false
    network.wait(90 * HOUR_MS)
    expect(network.holders(key)).toEqual([])
    node.up = true
    network.step(node, { type: 'tick' })
    // Nobody can sign anew what another key signed.
    expect(node.core.stats().shelf).toMatchObject({ own: 1, expired: 1 })
    network.wait(HOUR_MS / 60)
    expect(node.core.stats().published).toBe(1)
    for (const holder of holders) {
      expect(network.entry(holder, key)?.record).toMatchObject({ sequence: 7 })
    }
    expect(node.disk.get(key.hex)?.record).toEqual(network.entry(node, key)?.record)
  })

  it('ML12 what was published is there again after a restart later than its life', () => {
    const { network, key, node, holders } = upkeepScene()
    const record = makeRecord(key, { publisher: node.contact.id })
    network.run(node, { type: 'put', record, options: {}, publish: true })
    node.up = false
    network.wait(90 * HOUR_MS)
    const forged = makeRecord(randomKey(network.stream), {
      ...{ publisher: node.contact.id, proof: 'by me' },
    })
    const { keepUntilMs, storedAtMs } = node.disk.get(key.hex)!
    const times = { keepUntilMs, storedAtMs, cached: false }
    node.disk.set(forged.key.hex, { ...times, record: forged, own: true })
    const foreign = makeRecord(randomKey(network.stream), { publisher: node.contact.id })
    node.disk.set(foreign.key.hex, { ...times, record: foreign, own: false })
    network.restart(node)
    network.wait(HOUR_MS / 3)
    expect([...node.disk.keys()]).toEqual([key.hex])
    expect(node.core.stats().published).toBe(1)
    for (const holder of holders) {
      expect(network.entry(holder, key)?.record.value).toEqual(record.value)
    }
  })
})
