import { describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../dist/index.ts'
import { startSimNodes, type SimNodes } from '../../dist/simulation/index.ts'
import { CounterContract, during, failing, startWorld } from './support/world.ts'

function eventsOf(node: FoveaNode): string[] {
  const events: string[] = []
  node.cluster.onNodeUp((id, { status }) => void events.push(`up ${id} ${status}`))
  node.cluster.onNodeDown((id, reason) => void events.push(`down ${id} ${reason}`))
  return events
}

const fast = { node: { keepaliveIntervalMs: 100, reconnectBaseMs: 60_000, reconnectMaxMs: 60_000 } }

describe('Cluster', () => {
  it('knows itself and the others', async () => {
    await using world = await startSimNodes(3)
    const [a, b, c] = world.nodes as [FoveaNode, FoveaNode, FoveaNode]
    expect(a.cluster.getLocalNodeId()).toBe('n1@10.0.0.1:4433')
    expect(a.cluster.getLocalNodeInfo()).toMatchObject({
      ...{ id: a.id, key: a.key, host: '10.0.0.1', port: 4433, status: 'connected' },
      incarnation: a.mesh.identity.incarnation,
    })
    expect(a.cluster.getNodeIds().sort()).toEqual([b.id, c.id])
    expect(
      a.cluster
        .getConnectedNodes()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([b.id, c.id])
    expect(a.cluster.getConnectedNodeCount()).toBe(2)
    for (const target of [b.id, b.key, b.key.hex]) {
      expect(a.cluster.isNodeConnected(target)).toBe(true)
      expect(a.cluster.getNode(target)).toMatchObject({ id: b.id, status: 'connected' })
    }
    expect(a.cluster.getNode(a.id)).toEqual(a.cluster.getLocalNodeInfo())
    expect(a.cluster.isNodeConnected(a.id)).toBe(true)
    expect(a.cluster.getNode('nobody@10.9.9.9:1')).toBeUndefined()
    expect(a.cluster.isNodeConnected('nobody@10.9.9.9:1')).toBe(false)
    expect(a.cluster.getStatus()).toBe('running')
    const before = a.cluster.getUptimeMs()
    await world.clock.advance(1_000)
    expect(a.cluster.getUptimeMs() - before).toBe(1_000)
  })

  it('X-08 tells nodes that come and go, with noex’s reasons', async () => {
    await using world = await startSimNodes(1, fast)
    const [a] = world.nodes as [FoveaNode]
    const events = eventsOf(a)
    const b = await world.start('n2')
    await world.connected()
    const c = await world.start('n3')
    await world.connected()
    expect(events).toEqual([`up ${b.id} connected`, `up ${c.id} connected`])
    events.length = 0
    await during(world, b.stop())
    expect(events).toEqual([`down ${b.id} graceful_shutdown`])
    world.kill(c)
    await world.clock.advance(2_000)
    expect(events).toEqual([`down ${b.id} graceful_shutdown`, `down ${c.id} heartbeat_timeout`])
    expect(a.cluster.getNode(c.id)).toMatchObject({ status: 'disconnected' })
    expect(a.cluster.getConnectedNodes()).toEqual([])
  })

  it('says connection_closed for a link that broke without a goodbye', async () => {
    await using world = await startSimNodes(2, fast)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const events = eventsOf(a)
    a.mesh.linkTo(b.key.hex)!.fail('ERR_TEST', 'for the test')
    await world.clock.advance(10)
    // Who needs the link makes a new one at once.
    expect(events[0]).toBe(`down ${b.id} connection_closed`)
  })

  it('a call from onNodeUp goes out, a node that is down answers noconnection', async () => {
    await using world = await startWorld(1)
    const [a] = world.nodes as [FoveaNode]
    const spawned = new Promise<number>((resolve, reject) => {
      a.cluster.onNodeUp((id) => {
        a.remoteSpawn
          .spawn(CounterContract, id, { arg: 4 })
          .then((ref) => ref.call.get())
          .then(resolve, reject)
      })
    })
    const down = new Promise<unknown>((resolve) => {
      a.cluster.onNodeDown((id) => {
        a.remoteCall.call({ name: 'x', node: id }, 'get').catch(resolve)
      })
    })
    const b = await world.start('n2')
    const { Counter } = await import('./support/world.ts')
    b.behaviorRegistry.register('counter', Counter, { remote: true })
    expect(await during(world, spawned)).toBe(4)
    await during(world, b.stop())
    expect(await during(world, down)).toMatchObject({ reason: 'noconnection' })
  })

  it('stops telling when asked, and survives a callback that throws', async () => {
    await using world = await startWorld(1)
    const [a] = world.nodes as [FoveaNode]
    const seen: string[] = []
    const note = (id: string): void => void seen.push(id)
    const stopOne = a.cluster.onNodeUp(note)
    a.cluster.onNodeUp(() => {
      throw new Error('a bad callback')
    })
    a.cluster.onNodeUp(note)
    const b = await world.start('n2')
    await world.connected()
    expect(seen).toEqual([b.id, b.id])
    expect(world.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { text: 'a cluster callback failed', fields: { detail: 'Error: a bad callback' } },
    ])
    stopOne()
    await world.start('n3')
    await world.connected()
    expect(seen).toHaveLength(3)
  })

  it('tells up before down to all, also when one of them disconnects, and nobody who has stopped', async () => {
    await using world = await startWorld(1)
    const [a] = world.nodes as [FoveaNode]
    const seen: string[] = []
    let stopLast = (): void => {}
    const stopFirst = a.cluster.onNodeUp((id) => {
      stopFirst()
      stopLast()
      void a.cluster.disconnect(id)
    })
    a.cluster.onNodeUp(() => void seen.push('up'))
    a.cluster.onNodeDown(() => void seen.push('down'))
    stopLast = a.cluster.onNodeUp(() => void seen.push('told after its end'))
    await world.start('n2')
    await world.clock.advance(1_000)
    expect(seen.slice(0, 2)).toEqual(['up', 'down'])
    for (const name of ['onNodeUp', 'onNodeDown', 'onStatusChange'] as const) {
      const code = expect.objectContaining({ code: 'ERR_ARGUMENT' }) as Error
      expect(() => a.cluster[name](5 as never)).toThrow(code)
    }
    expect(seen).not.toContain('told after its end')
  })

  it('changes its status as the node lives and ends', async () => {
    const world = await startSimNodes(1)
    const [a] = world.nodes as [FoveaNode]
    const statuses: string[] = []
    a.cluster.onStatusChange((status) => void statuses.push(status))
    await world.stop()
    expect(statuses).toEqual(['stopping', 'stopped'])
    expect(a.cluster.getStatus()).toBe('stopped')
  })
})

describe('Cluster.waitFor', () => {
  const alone = async (): Promise<{ world: SimNodes; a: FoveaNode }> => {
    const world = await startSimNodes(1)
    return { world, a: world.nodes[0]! }
  }

  it('resolves when the node is connected, at once if it is', async () => {
    const { world, a } = await alone()
    await using _ = world
    const waiting = a.cluster.waitFor('n2@10.0.0.2:4433', { timeoutMs: 5_000 })
    const hiddenToo = a.cluster.waitFor('n3@10.0.0.3:4433', { timeoutMs: Infinity })
    const b = await world.start('n2')
    expect(await during(world, waiting)).toMatchObject({ id: b.id })
    const hidden = await world.start('n3', { hidden: true })
    expect(await during(world, hiddenToo)).toMatchObject({ id: hidden.id, hidden: true })
    const atMs = world.clock.now()
    expect(await a.cluster.waitFor(b.key)).toMatchObject({ id: b.id })
    expect(await a.cluster.waitFor(a.id)).toMatchObject({ id: a.id })
    expect(world.clock.now()).toBe(atMs)
  })

  it('rejects at its deadline, when aborted, and when the node stops', async () => {
    const { world, a } = await alone()
    await using _ = world
    const wait = (options: object): Promise<unknown> =>
      failing(world, a.cluster.waitFor('n9@10.0.0.9:1', options))
    expect(await wait({ timeoutMs: 100 })).toMatchObject({
      ...{ code: 'ERR_CLUSTER_WAIT_TIMEOUT', nodeId: 'n9@10.0.0.9:1', timeoutMs: 100 },
      message: expect.stringMatching(/not connected within 100 ms; Cluster\.connect .* says why/),
    })
    const abort = new AbortController()
    const aborted = wait({ signal: abort.signal })
    abort.abort()
    expect(await aborted).toMatchObject({ code: 'ERR_CLUSTER_WAIT_ABORTED' })
    expect(await wait({ signal: abort.signal })).toMatchObject({ code: 'ERR_CLUSTER_WAIT_ABORTED' })
    expect(await wait({ timeoutMs: NaN })).toMatchObject({ code: 'ERR_ARGUMENT' })
    const stopped = wait({})
    await during(world, a.stop())
    expect(await stopped).toMatchObject({ code: 'ERR_CLUSTER_NOT_STARTED' })
    const atMs = world.clock.now()
    expect(await wait({})).toMatchObject({ code: 'ERR_CLUSTER_NOT_STARTED' })
    expect(world.clock.now()).toBe(atMs)
  })
})
