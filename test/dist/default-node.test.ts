import { afterEach, describe, expect, it } from 'vitest'
import {
  BehaviorRegistry,
  Cluster,
  startNode,
  ClusterNotStartedError,
  InvalidClusterConfigError,
  RemoteCall,
  RemoteMonitor,
  RemoteSpawn,
} from '../../dist/index.ts'
import { createRealm, MemoryNetwork } from '../../mesh/index.ts'
import {
  createRealClock,
  createSeededEntropy,
  defaultSystem,
  silentLogger,
} from '../../runtime/index.ts'
import { Counter, CounterContract } from './support/world.ts'

/** The default system runs on the real clock; the network has no latency, so nothing waits for time. */
const options = () => ({
  nodeName: 'only',
  host: '10.0.0.1',
  realm: createRealm('com.example.default'),
  transport: new MemoryNetwork({
    clock: createRealClock(),
    entropy: createSeededEntropy(1),
  }).transport(),
})

afterEach(() => Cluster.stop())

describe('before Cluster.start', () => {
  it('the functions throw ERR_CLUSTER_NOT_STARTED, those that give a promise reject', async () => {
    const asked: (() => Promise<unknown>)[] = [
      () => Cluster.waitFor('a@h:1'),
      () => RemoteCall.call({ name: 'x', node: 'a@h:1' }, 'get'),
      () => RemoteSpawn.spawn('x', 'a@h:1'),
      () => RemoteSpawn.spawnLink('x', 'a@h:1'),
      () => RemoteSpawn.spawnMonitor('x', 'a@h:1'),
    ]
    for (const ask of asked) await expect(ask()).rejects.toThrow(ClusterNotStartedError)
    const uses: (() => unknown)[] = [
      () => Cluster.getLocalNodeId(),
      () => Cluster.getNodes(),
      () => Cluster.onNodeUp(() => {}),
      () => RemoteCall.cast({ name: 'x', node: 'a@h:1' }, 'get'),
      () => RemoteMonitor.monitor({ name: 'x', node: 'a@h:1' }, () => {}),
    ]
    for (const use of uses) {
      expect(use).toThrow(ClusterNotStartedError)
      expect(use).toThrow(expect.objectContaining({ code: 'ERR_CLUSTER_NOT_STARTED' }))
    }
    expect(Cluster.getStatus()).toBe('stopped')
    await Cluster.stop()
  })

  it('behaviours can be registered, as noex advises', () => {
    BehaviorRegistry.register('early', Counter)
    expect([BehaviorRegistry.has('early'), BehaviorRegistry.names()]).toEqual([true, ['early']])
    expect(BehaviorRegistry.get('early')).toBe(Counter)
    expect(BehaviorRegistry.unregister('early')).toBe(true)
  })
})

describe('the default node', () => {
  it('runs on the default system and stands behind the static functions', async () => {
    BehaviorRegistry.register(Counter, { remote: true })
    const starting = Cluster.start(options())
    expect(Cluster.getStatus()).toBe('starting')
    await expect(Cluster.start(options())).rejects.toThrow(InvalidClusterConfigError)
    const node = await starting
    await expect(Cluster.start(options())).rejects.toMatchObject({ code: 'ERR_CLUSTER_CONFIG' })
    expect(node.system).toBe(defaultSystem())
    expect(Cluster.getStatus()).toBe('running')
    expect(Cluster.getLocalNodeId()).toBe('only@10.0.0.1:4433')
    expect([Cluster.getNodes(), Cluster.getConnectedNodeCount()]).toEqual([[], 0])
    const ref = await RemoteSpawn.spawn(CounterContract, Cluster.getLocalNodeId(), {
      ...{ arg: 1, name: 'counter' },
    })
    const sum: number = await RemoteCall.call(ref, 'add', 1)
    expect(sum).toBe(2)
    expect(RemoteCall.cast({ name: 'counter', node: node.id }, 'reset')).toBe(true)
    const ended = new Promise((resolve) => {
      RemoteMonitor.monitor(ref, (_ref, reason) => resolve(reason))
    })
    await RemoteCall.call(ref, 'quit', 'done')
    expect(await ended).toBe('done')
  })

  it('can be started again after a stop; the default system goes on', async () => {
    const first = await Cluster.start(options())
    await Cluster.stop()
    expect(Cluster.getStatus()).toBe('stopped')
    expect(() => Cluster.getLocalNodeId()).toThrow(ClusterNotStartedError)
    const second = await Cluster.start(options())
    expect(second.key.hex).not.toBe(first.key.hex)
    expect(second.system).toBe(first.system)
    await second.stop()
    await second.ended
    expect(Cluster.getStatus()).toBe('stopped')
  })

  it('gives its logger to the default system, also to one that is there already', async () => {
    const reasons: unknown[] = []
    const logger = { ...silentLogger, error: (fields: object) => void reasons.push(fields) }
    const counter = await Counter.start(1)
    await Cluster.start({ ...options(), logger })
    await expect(counter.call.crash()).rejects.toMatchObject({ code: 'ERR_CALL_EXIT' })
    expect(reasons).toMatchObject([{ reason: { code: 'ERR_TOLD' } }])
    defaultSystem({ logger: silentLogger })
  })

  it('is not there after a start that failed', async () => {
    await expect(Cluster.start({ ...options(), port: -1 })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
    })
    for (const [none, code] of [
      [undefined, 'ERR_REALM_REQUIRED'],
      [null, 'ERR_ARGUMENT'],
      ['./my.realm', 'ERR_ARGUMENT'],
    ] as const) {
      await expect(Cluster.start(none as never)).rejects.toMatchObject({ code })
      await expect(startNode(none as never)).rejects.toMatchObject({ code })
    }
    expect(Cluster.getStatus()).toBe('stopped')
  })
})
