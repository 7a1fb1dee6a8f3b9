import { describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../dist/index.ts'
import { during, failing, probe, startWorld } from './support/world.ts'

const SECRET = 'a secret of the cluster'

describe('processes that monitor nodes', () => {
  it('X-07 X-08 counts monitors, tells all that come and go, hidden ones only when asked for', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const { clock } = world
    const [twice, all, withHidden, ended] = [probe(a), probe(a), probe(a), probe(a)]
    a.cluster.monitorNode(b.id, twice.pid)
    a.cluster.monitorNode(b.key, twice.pid)
    a.cluster.monitorNode(b.id, twice.pid)()
    const stop = a.cluster.monitorNodes(all.pid)
    a.cluster.monitorNodes(withHidden.pid, { hidden: true })
    a.cluster.monitorNodes(ended.pid)
    a.system.exit(ended.pid, 'kill')

    const unknown = 'nobody@10.9.9.9:4433'
    const missing = probe(a)
    a.cluster.monitorNode(unknown, missing.pid)
    expect(missing.seen).toEqual([])
    await clock.settle()
    expect(missing.seen).toEqual([{ type: 'nodedown', node: unknown, reason: 'noconnection' }])
    expect(() => a.cluster.monitorNode(b.id, 7 as never)).toThrow(/pid/)

    const h = await world.start('hidden', { hidden: true })
    await world.connected()
    const c = await world.start('n4')
    await world.connected()
    expect(a.cluster.getNodeIds().toSorted()).toEqual([b.id, c.id].toSorted())
    expect(a.cluster.getNodeIds({ hidden: true })).toContain(h.id)
    expect(a.cluster.getConnectedNodeCount()).toBe(2)
    expect(a.cluster.getNode(h.id)).toMatchObject({ hidden: true, status: 'connected' })
    expect(h.cluster.getLocalNodeInfo().hidden).toBe(true)
    expect(h.cluster.getNodeIds()).toContain(b.id)

    const counter = a.remoteCall.call({ name: 'none', node: h.id }, 'get')
    expect(await failing(world, counter)).toMatchObject({ reason: 'noproc' })
    await during(world, h.stop())
    await during(world, b.stop())
    const down = { type: 'nodedown', node: b.id, reason: 'graceful_shutdown' }
    expect(twice.seen).toEqual([down, down])
    expect(all.seen).toEqual([{ type: 'nodeup', node: c.id }, down])
    expect(withHidden.seen).toEqual([
      { type: 'nodeup', node: h.id },
      { type: 'nodeup', node: c.id },
      { type: 'nodedown', node: h.id, reason: 'graceful_shutdown' },
      down,
    ])
    stop()
    // A node that is known and cannot be reached any more: the dial fails first.
    a.cluster.monitorNode(b.id, missing.pid)
    await clock.advance(5_000)
    expect(missing.seen.length).toBe(2)
    const gone = await world.start('gone')
    await world.connected()
    world.kill(gone)
    await clock.advance(20_000)
    // It is dialled first, but what cannot be told is refused at once.
    expect(() => a.cluster.monitorNode(gone.id, 7 as never)).toThrow(/pid/)
    await during(world, c.stop())
    expect(all.seen.length).toBe(2)
    expect(ended.seen).toEqual([])
  })

  it('connects by id and says goodbye; a wrong or missing secret is refused with its reason', async () => {
    const node = { clusterSecret: SECRET }
    await using world = await startWorld(1, { node })
    const [a] = world.nodes as [FoveaNode]
    const b = await world.start('n2', { join: false })
    const seen = probe(a)
    a.cluster.monitorNodes(seen.pid)
    expect(await during(world, a.cluster.connect(b.id))).toMatchObject({ id: b.id })
    expect(await during(world, a.cluster.connect(a.id))).toEqual(a.cluster.getLocalNodeInfo())
    expect(await during(world, a.cluster.disconnect(b.id))).toBe(true)
    expect(seen.seen).toEqual([
      { type: 'nodeup', node: b.id },
      { type: 'nodedown', node: b.id, reason: 'graceful_shutdown' },
    ])
    const misnamed = a.cluster.connect(b.id.replace('n2', 'n3'))
    expect(await failing(world, misnamed)).toMatchObject({
      ...{ code: 'ERR_CLUSTER_CONNECT', nodeId: 'n3@10.0.0.2:4433' },
      message: expect.stringContaining('n2@10.0.0.2:4433 is there') as string,
    })
    expect(await a.cluster.disconnect('nobody@10.9.9.9:4433')).toBe(false)
    const nowhere = await failing(world, a.cluster.connect('f'.repeat(64)))
    expect([nowhere['code'], nowhere.cause]).toEqual(['ERR_CLUSTER_CONNECT', undefined])

    for (const clusterSecret of [undefined, 'another secret of it']) {
      const other = await world.start('other', { join: false, clusterSecret })
      const error = await failing(world, a.cluster.connect(other.id))
      expect(error).toMatchObject({
        code: 'ERR_CLUSTER_CONNECT',
        cause: { reason: 'secret_mismatch' },
      })
      expect(JSON.stringify([error, world.lines])).not.toContain(SECRET)
      expect(await failing(world, other.cluster.connect(a.id))).toMatchObject({
        cause: { reason: 'secret_mismatch' },
      })
      await during(world, other.stop())
    }
    await expect(world.start('short', { clusterSecret: 'too short, 15 c' })).rejects.toThrow(
      /'clusterSecret' must be a text of 16 to 1024 characters$/,
    )
  })
})
