import { describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../dist/index.ts'
import { VoterDisk } from './support/voters.ts'
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
    const absent = { type: 'nodedown', node: unknown, reason: 'noconnection', permanent: false }
    expect(missing.seen).toEqual([absent])
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
    const leaving = (node: string) => ({
      ...{ type: 'nodedown', node, reason: 'graceful_shutdown', permanent: true },
    })
    const gone = (node: string) => ({ type: 'nodegone', node, reason: 'left' })
    const down = leaving(b.id)
    expect(twice.seen).toEqual([down, down])
    expect(all.seen).toEqual([{ type: 'nodeup', node: c.id }, down, gone(b.id)])
    expect(withHidden.seen).toEqual([
      { type: 'nodeup', node: h.id },
      { type: 'nodeup', node: c.id },
      ...[leaving(h.id), gone(h.id)],
      ...[down, gone(b.id)],
    ])
    stop()
    // A node that is known and cannot be reached any more: the dial fails first.
    a.cluster.monitorNode(b.id, missing.pid)
    await clock.advance(5_000)
    expect(missing.seen).toMatchObject([absent, { node: b.id, permanent: true }])
    const killed = await world.start('gone')
    await world.connected()
    world.kill(killed)
    await clock.advance(20_000)
    // It is dialled first, but what cannot be told is refused at once.
    expect(() => a.cluster.monitorNode(killed.id, 7 as never)).toThrow(/pid/)
    await during(world, c.stop())
    expect(all.seen.length).toBe(3)
    expect(ended.seen).toEqual([])
  })

  it('G10 tell a loss that may end from one that does not: partition, newer start, oblivion', async () => {
    const node = { keepaliveIntervalMs: 500, membership: { tombstoneMs: 30_000 } }
    await using world = await startWorld(2, { node })
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const { clock } = world
    const dataDir = new VoterDisk(1)
    const first = await world.start('again', { dataDir })
    await world.connected()
    const seen = probe(a)
    a.cluster.monitorNodes(seen.pid)
    const heard: unknown[] = []
    a.cluster.onNodeDown((id, _reason, _node, permanent) => void heard.push([id, permanent]))
    const stop = a.cluster.onNodeGone((id, reason, { key }) => void heard.push([id, reason, key]))
    const down = (id: string) => ({
      ...{ type: 'nodedown', node: id, reason: 'heartbeat_timeout', permanent: false },
    })
    const up = (id: string) => ({ type: 'nodeup', node: id })

    world.partition(a, b)
    world.partition(first, b)
    await clock.advance(15_000)
    expect(seen.seen.splice(0)).toEqual([down(b.id)])
    world.heal()
    await clock.advance(15_000)
    expect(seen.seen.splice(0)).toEqual([up(b.id)])

    world.kill(first)
    await clock.advance(15_000)
    const second = await world.start('again', { dataDir })
    await world.connected()
    expect(seen.seen.splice(0)).toEqual([
      ...[down(first.id), { type: 'nodegone', node: first.id, reason: 'replaced' }],
      up(second.id),
    ])

    world.kill(b)
    await clock.advance(15_000)
    expect(seen.seen.splice(0)).toEqual([down(b.id)])
    await clock.advance(45_000)
    expect(seen.seen).toEqual([{ type: 'nodegone', node: b.id, reason: 'forgotten' }])
    expect(heard).toEqual([
      ...[[b.id, false]],
      ...[
        [first.id, false],
        [first.id, 'replaced', first.key],
      ],
      ...[
        [b.id, false],
        [b.id, 'forgotten', b.key],
      ],
    ])
    stop()
    await during(world, second.stop())
    expect(heard.at(-1)).toEqual([second.id, true])
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
      // It said goodbye on the link and not to the mesh.
      { type: 'nodedown', node: b.id, reason: 'graceful_shutdown', permanent: false },
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
