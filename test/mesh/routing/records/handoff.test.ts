import { describe, expect, it } from 'vitest'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import { HOUR_MS, makeRecord, randomKey } from './records-network.ts'
import { forget, sender, sentBy, upkeepScene } from './upkeep-scene.ts'

describe('handoff', () => {
  it('K35 a new node among the k nearest is given what it should hold at once, by two at most', () => {
    const { network, key, holders } = upkeepScene()
    const record = makeRecord(key)
    network.run(holders[0]!, { type: 'put', record, options: {} })
    forget(network)
    const newcomer = network.addNode(
      keyFromHex(`${key.hex.slice(0, 63)}${key.hex.endsWith('0') ? '1' : '0'}`),
    )
    for (const node of network.nodes) {
      if (node !== newcomer) network.step(node, { type: 'admitted', contact: newcomer.contact })
    }
    network.wait(2_000)
    expect(network.entry(newcomer, key)).toMatchObject({ record, cached: false })
    const puts = sentBy(network.nodes)
    expect(puts.length).toBeGreaterThanOrEqual(1)
    expect(puts.length).toBeLessThanOrEqual(2)
  })

  it('K35 without handoff it holds it after a replication', () => {
    const { network, key, holders } = upkeepScene({ handoff: false })
    network.run(holders[0]!, { type: 'put', record: makeRecord(key), options: {} })
    const newcomer = network.addNode(
      keyFromHex(`${key.hex.slice(0, 63)}${key.hex.endsWith('0') ? '1' : '0'}`),
    )
    for (const node of network.nodes) {
      if (node !== newcomer) network.step(node, { type: 'admitted', contact: newcomer.contact })
    }
    network.wait(2_000)
    expect(network.entry(newcomer, key)).toBeUndefined()
    network.wait(1.25 * HOUR_MS)
    expect(network.entry(newcomer, key)).toBeDefined()
  })

  it('a newcomer that is not among the k nearest is given nothing', () => {
    const { network, key, node, holders } = upkeepScene()
    network.run(holders[0]!, { type: 'put', record: makeRecord(key), options: {} })
    forget(network)
    for (const other of network.nodes) {
      if (other !== node) network.step(other, { type: 'admitted', contact: node.contact })
    }
    network.wait(5_000)
    expect(sentBy(network.nodes)).toEqual([])
  })

  it.each([
    [2, 2, 0],
    [3, 2, 1],
  ])(
    'of %d newcomers at once %d wait their turn, %d are left to replication',
    (count, waiting, dropped) => {
      const { network, holders, key } = upkeepScene({ maintenanceQueueMax: waiting })
      network.run(holders[0]!, { type: 'put', record: makeRecord(key), options: {} })
      for (let i = 0; i < count; i++) {
        const { contact } = network.addNode(randomKey(network.stream))
        network.step(holders[0]!, { type: 'admitted', contact })
      }
      expect(holders[0]!.core.stats().maintenanceDropped).toBe(dropped)
    },
  )

  it('gives a newcomer no more than it takes in a window, and the rest afterwards', () => {
    const { network, holders } = upkeepScene({ peerPutsMax: 20, replicate: false }, 4)
    const [first] = holders
    const records = Array.from({ length: 25 }, () => makeRecord(randomKey(network.stream)))
    for (const [i, record] of records.entries()) {
      const message = { type: 'store', key: record.key, sender, record, ttlMs: undefined } as const
      network.ask(first!, { ...message, expectedSequence: undefined }, `${10 + i}`.repeat(32))
    }
    for (const other of holders.slice(1)) other.up = false
    const newcomer = network.addNode(randomKey(network.stream))
    network.step(first!, { type: 'admitted', contact: newcomer.contact })
    network.wait(50_000)
    expect([...newcomer.core.entries()].length).toBe(10)
    network.wait(120_000)
    expect([...newcomer.core.entries()].length).toBe(25)
    expect(newcomer.core.stats().refused).toBe(0)
  })
})
