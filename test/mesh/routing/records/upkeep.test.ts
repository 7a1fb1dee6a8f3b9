import { describe, expect, it } from 'vitest'
import { HOUR_MS, makeRecord, randomKey, WALL_START_MS } from './records-network.ts'
import { sender, upkeepScene } from './upkeep-scene.ts'

describe('maintenance', () => {
  it('has so many puts in flight and no more, and leaves nothing behind', () => {
    const { network, node } = upkeepScene({ maintenanceParallel: 2, handoff: false }, 5)
    const times = { own: false, cached: false, storedAtMs: WALL_START_MS - 9 * HOUR_MS }
    for (let i = 0; i < 100; i++) {
      const record = makeRecord(randomKey(network.stream))
      node.disk.set(record.key.hex, { ...times, record, keepUntilMs: record.expiresAtMs })
    }
    for (const other of network.nodes)
      if (other !== node)
        other.lie = (message) => (message.type === 'store' ? 'silence' : undefined)
    network.restart(node)
    let most = 0
    for (let i = 0; i < 450; i++) {
      network.wait(4_000)
      most = Math.max(most, node.core.stats().requestsRunning)
      expect(node.core.stats().maintenanceRunning).toBeLessThanOrEqual(2)
    }
    expect(most).toBe(2)
    for (const other of network.nodes) other.lie = undefined
    network.wait(5 * HOUR_MS)
    const stats = node.core.stats()
    expect(stats).toMatchObject({ maintenanceRunning: 0, requestsRunning: 0, lookupsRunning: 0 })
  })

  it.each([
    [2, 0],
    [3, 1],
  ])('of %d corrections that wait %d find no place', (count, dropped) => {
    const { network, holders, node } = upkeepScene({
      maintenanceParallel: 0,
      maintenanceQueueMax: 2,
      cachePath: false,
    })
    expect(holders.length).toBe(4)
    for (let i = 0; i < count; i++) {
      const key = randomKey(network.stream)
      const [first, second] = network.nearest(key, 5).filter((other) => other !== node)
      for (const [holder, sequence] of [
        [first!, 1],
        [second!, 2],
      ] as const) {
        const record = makeRecord(key, { sequence })
        const message = { type: 'store', key, sender, record, ttlMs: undefined } as const
        network.ask(holder, { ...message, expectedSequence: undefined })
      }
      network.run(node, { type: 'get', key, options: { quorum: 4 } })
    }
    expect(node.core.stats()).toMatchObject({ maintenanceDropped: dropped, maintenanceQueued: 2 })
  })

  it('gives up a job whose driver has forgotten it', () => {
    const { network, key, node } = upkeepScene()
    const record = makeRecord(key, { publisher: node.contact.id })
    network.run(node, { type: 'put', record, options: {}, publish: true })
    network.forgetful = true
    network.wait(28 * HOUR_MS)
    network.forgetful = false
    const before = node.core.stats().republished
    network.wait(HOUR_MS)
    expect(node.core.stats().republished).toBeGreaterThan(before)
    expect(node.core.stats().maintenanceRunning).toBe(0)
  })
})
