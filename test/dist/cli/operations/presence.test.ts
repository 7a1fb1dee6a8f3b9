/** Who is present in a topic, as a command asks a running node, on simulated nodes. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NodeTarget } from '../../../../dist/cli/control/node-target.ts'
import type { PresenceMessageRow } from '../../../../dist/cli/operations/presence-rows.ts'
import type { FoveaNode } from '../../../../dist/index.ts'
import { startSimNodes, type SimNodes } from '../../../../dist/simulation/index.ts'
import { during } from '../../support/world.ts'

const TOPIC = 'chat.room1'

let world: SimNodes
let near: FoveaNode
let far: FoveaNode
let told: PresenceMessageRow[]
beforeEach(async () => {
  world = await startSimNodes(2, { network: { latencyMs: 5 } })
  const [first, second] = world.nodes
  near = first!
  far = second!
  told = []
  await world.clock.advance(10_000)
})
afterEach(async () => {
  await during(world, world.stop())
})

const watch = (topic: string, timeoutMs?: number): Promise<() => void> =>
  during(
    world,
    new NodeTarget(near).presence({ topic, timeoutMs }, (row) => void told.push(row)),
  )

describe('presence as a running node tells it', () => {
  test('all that are present first, then who joins, changes and leaves, with their nodes', async () => {
    far.mesh.presence.track(TOPIC, 'ann', { mood: 'well' })
    await world.clock.advance(2000)
    const stop = await watch(TOPIC)
    const ann = { key: 'ann', node: far.id, nodeKey: far.key.hex, meta: { mood: 'well' } }
    expect(told.splice(0)).toEqual([
      { type: 'snapshot', topic: TOPIC, isComplete: true, entries: [ann] },
    ])
    const bob = far.mesh.presence.track(TOPIC, 'bob')
    await world.clock.advance(100)
    bob.update('away')
    await world.clock.advance(100)
    bob.untrack()
    await world.clock.advance(100)
    const at = { topic: TOPIC, key: 'bob', node: far.id, nodeKey: far.key.hex }
    expect(told.splice(0)).toEqual([
      { type: 'joined', ...at, meta: null },
      { type: 'updated', ...at, meta: 'away' },
      { type: 'left', ...at, meta: 'away' },
    ])
    stop()
    far.mesh.presence.track(TOPIC, 'eve')
    await world.clock.advance(1000)
    expect(told).toEqual([])
  })

  test('many entries come in parts that fit a line each', async () => {
    for (let n = 0; n < 201; n++) far.mesh.presence.track(TOPIC, `k${n}`, 'x'.repeat(4_000))
    await world.clock.advance(5000)
    const stop = await watch(TOPIC)
    stop()
    const parts = told.map((row) => (row.type === 'snapshot' ? row.entries.length : 0))
    expect(parts).toEqual([100, 100, 1])
    for (const row of told) expect(JSON.stringify(row).length).toBeLessThan(1_048_576)
  })

  test('a topic that is none is refused, and nothing is watched then', async () => {
    await expect(watch('a.*')).rejects.toMatchObject({ code: 'ERR_TOPIC_INVALID' })
    expect(near.mesh.presence.stats().watches).toBe(0)
  })
})
