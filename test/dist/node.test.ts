import { describe, expect, it } from 'vitest'
import {
  contract,
  implement,
  reply,
  sys,
  type Contract,
  type Ref,
  type Server,
} from '../../behaviours/index.ts'
import { createBehaviorRegistry, startNode, type FoveaNode } from '../../dist/index.ts'
import { startSimNodes } from '../../dist/simulation/index.ts'
import { createSystem, FoveaError } from '../../runtime/index.ts'
import { Counter, CounterContract, during, failing, probe, startWorld } from './support/world.ts'

describe('startNode', () => {
  it('gives a system whose name is the key of the node and whose incarnation is the node’s', async () => {
    await using world = await startSimNodes(1)
    const [a] = world.nodes as [FoveaNode]
    expect(a.system.node).toBe(a.key.hex)
    expect(a.system.incarnation).toBe(a.mesh.identity.incarnation)
    expect(a.id).toBe('n1@10.0.0.1:4433')
    expect(a.mesh.key).toBe(a.key)
  })

  it('puts the dist system into the mesh’s tree', async () => {
    await using world = await startSimNodes(1)
    const [a] = world.nodes as [FoveaNode]
    const labels = [...a.system.processes()].map(({ label }) => label)
    expect(labels).toContain('gen_server fovea.spawner/1')
    const spawner = [...a.system.processes()].find(({ label }) => label.includes('spawner'))!
    const dist = a.system.process(spawner.parent!)!
    const mesh = a.system.process(dist.parent!)!
    expect([dist, mesh].map((process) => sys.status(process.pid).behaviour)).toEqual([
      'supervisor',
      'supervisor',
    ])
    expect(mesh.parent).toBeUndefined()
  })

  it('uses a given system, whose pids are translated both ways, and lets it live', async () => {
    await using world = await startWorld(1)
    const [a] = world.nodes as [FoveaNode]
    const system = createSystem({ clock: world.clock, node: 'mine' })
    const b = await world.start('n2', { system })
    b.behaviorRegistry.register('counter', Counter, { remote: true })
    await world.connected()
    expect(b.system).toBe(system)
    expect(await failing(world, world.start('n3', { system }))).toMatchObject({
      ...{ code: 'ERR_CLUSTER_CONFIG', name: 'InvalidClusterConfigError' },
    })
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 1 }))
    expect(ref.pid).toMatchObject({ node: b.key.hex })
    // To b and back: its own process, by its own name.
    const self = await during(world, ref.call.self())
    expect(self.pid).toEqual(ref.pid)
    const onB = CounterContract.at(system.pidFor('mine', ref.pid.id, 0))
    const onA = await during(world, b.remoteSpawn.spawn(Counter.contract, a.id, { arg: 10 }))
    expect(await during(world, onA.call.relay({ ref: onB, by: 5 }))).toBe(6)
    const echoed = await during(world, onA.call.echo(onB))
    expect((echoed as Ref<unknown>).pid).toBe(onB.pid)
    const watcher = probe(b)
    system.monitor(watcher.pid, onA.pid)
    await during(world, onA.call.quit('done'))
    await world.clock.advance(10)
    expect(watcher.signals()).toEqual(['down done'])
    await during(world, b.stop())
    expect(system.isAlive(watcher.pid)).toBe(true)
    expect(await failing(world, system.call(onA.pid, 'get', undefined))).toMatchObject({
      reason: 'noconnection',
    })
    await system.stop()
  })

  it('gives a system to one of two nodes that start at once, and the other leaves it alone', async () => {
    await using world = await startWorld(1)
    const [a] = world.nodes as [FoveaNode]
    const system = createSystem({ clock: world.clock, node: 'mine' })
    const both = Promise.allSettled([
      world.start('n2', { system }),
      world.start('n3', { system, host: '10.0.0.9' }),
    ])
    const [first, second] = await during(world, both)
    const outcomes = [first, second].map(({ status }) => status).sort()
    expect(outcomes).toEqual(['fulfilled', 'rejected'])
    const failed = first.status === 'rejected' ? first : second
    expect(failed).toMatchObject({ reason: { code: 'ERR_CLUSTER_CONFIG' } })
    await world.connected()
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, a.id, { arg: 1 }))
    const seen = CounterContract.at(system.pidFor(a.key.hex, ref.pid.id, ref.pid.incarnation))
    expect(await during(world, seen.call.get())).toBe(1)
    await during(world, world.nodes[1]!.stop())
    await system.stop()
  })

  it('refuses what is no list of contracts', async () => {
    for (const contracts of [5, [null], [{}]] as never[]) {
      await expect(startNode({ contracts })).rejects.toMatchObject({
        ...{ code: 'ERR_OPTION_INVALID', option: 'contracts' },
      })
    }
  })

  it('takes contracts, so that refs arrive usable before a server is registered', async () => {
    interface PeekApi {
      call: { peek(): string }
      cast: {}
    }
    const Peek: Contract<PeekApi> = contract('peek/1', { call: { peek: true }, cast: {} })
    const PeekServer: Server<PeekApi> = implement(Peek, {
      init: () => 'boo',
      call: { peek: (state: string) => reply(state, state) },
      cast: {},
    })
    await using world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const c = await world.start('n3', { contracts: [Peek as Contract<never>] })
    c.behaviorRegistry.register('counter', Counter, { remote: true })
    await world.connected()
    const peek = await during(world, PeekServer.start(undefined, { system: a.system }))
    const seenAt = async (node: FoveaNode): Promise<unknown> => {
      const echo = await during(world, a.remoteSpawn.spawn(CounterContract, node.id, { arg: 0 }))
      // Whether the counter there got a ref with methods: it tries to use it.
      return during(
        world,
        echo.call.relay({ ref: peek as never, by: 1 }).catch((error: { reason: Error }) => {
          return `${error.reason.name}: ${error.reason.message}`
        }) as Promise<unknown>,
      )
    }
    expect(await seenAt(b)).toBe('TypeError: ref.call.add is not a function')
    expect(await seenAt(c)).toBe('TypeError: ref.call.add is not a function')
    const direct = await during(world, c.remoteCall.call(peek as Ref<PeekApi>, 'peek'))
    expect(direct).toBe('boo')
  })

  it.each([
    [{ nope: 1 }, 'ERR_OPTION_UNKNOWN'],
    [{ peerCallsMax: 0 }, 'ERR_OPTION_INVALID'],
    [{ errorStacks: 'yes' }, 'ERR_OPTION_INVALID'],
    [{ heartbeatIntervalMs: 1_000 }, 'ERR_OPTION_RENAMED'],
    [{ realm: undefined }, 'ERR_REALM_REQUIRED'],
    [{ port: 99_999 }, 'ERR_OPTION_INVALID'],
  ])('refuses the options %j with %s, and leaves nothing behind', async (options, code) => {
    await using world = await startSimNodes(1)
    const before = [world.network.endpoints, world.clock.timerCount]
    const starting = world.start('n2', options as never)
    await expect(starting).rejects.toMatchObject({ code })
    expect([world.network.endpoints, world.clock.timerCount]).toEqual(before)
  })

  it('rejects when its port is taken, and leaves nothing behind', async () => {
    await using world = await startSimNodes(1)
    await world.clock.advance(100)
    const timersBefore = world.clock.timerCount
    const starting = world.start('n2', { host: '10.0.0.1' })
    expect(await failing(world, starting)).toMatchObject({ code: 'ERR_TRANSPORT_PORT_BUSY' })
    expect(world.network.endpoints).toBe(1)
    await world.clock.advance(100)
    expect(world.clock.timerCount).toBe(timersBefore)
    expect(world.nodes).toHaveLength(1)
  })

  it('takes a registry that was filled before', async () => {
    await using world = await startWorld(1)
    const [a] = world.nodes as [FoveaNode]
    const behaviorRegistry = createBehaviorRegistry()
    behaviorRegistry.register(Counter, { remote: true })
    const b = await world.start('n2', { behaviorRegistry })
    await world.connected()
    expect(b.behaviorRegistry).toBe(behaviorRegistry)
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 1 }))
    expect(await during(world, ref.call.get())).toBe(1)
  })
})

describe('a node that stops', () => {
  it('is idempotent and leaves no timer, endpoint or process', async () => {
    const world = await startWorld(3)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 1 }))
    const pending = failing(world, ref.call.hang())
    const watcher = probe(a)
    a.system.monitor(watcher.pid, ref.pid)
    await world.clock.advance(5)
    const first = a.stop()
    expect(a.stop()).toBe(first)
    await during(world, first)
    expect(await pending).toMatchObject({ reason: 'noconnection' })
    expect(await a.ended).toBeDefined()
    await a[Symbol.asyncDispose]()
    await world.stop()
    expect(world.network.endpoints).toBe(0)
    expect(world.clock.timerCount).toBe(0)
    for (const node of world.nodes) {
      expect([...node.system.processes()]).toEqual([])
      expect(node.stats().peers).toEqual({})
    }
  })

  it('refuses further work with codes', async () => {
    const world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    await world.stop()
    const spawned = await a.remoteSpawn.spawn('counter', b.id).catch((error: unknown) => error)
    expect(spawned).toMatchObject({ reason: 'noconnection' })
    const here = await a.remoteSpawn.spawn('counter', a.id).catch((error: unknown) => error)
    expect(here).toMatchObject({ code: 'ERR_SPAWNER_DOWN' })
    const named = { name: 'x', node: b.id }
    const called = await a.remoteCall.call(named, 'get').catch((error: unknown) => error)
    expect(called).toMatchObject({ reason: 'noconnection' })
    expect(a.remoteCall.cast(named, 'reset')).toBe(false)
  })
})

describe('a part of a node that crashes', () => {
  it('the endpoint: links break, come back, and calls work again', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 1 }))
    const watcher = probe(a)
    a.system.monitor(watcher.pid, ref.pid)
    await world.clock.advance(10)
    const endpoint = [...b.system.processes()].find(({ label }) => label.includes('endpoint'))!
    b.system.exit(endpoint.pid, 'kill')
    await world.clock.advance(5_000)
    // The processes that a started are stopped with the dist system; who is told first is a race.
    expect(watcher.signals()).toEqual([expect.stringMatching(/^down (shutdown|noconnection)$/)])
    await world.connected()
    const again = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 2 }))
    expect(await during(world, again.call.get())).toBe(2)
  })

  it('any process of the dist system under load: each call settles, and nothing that was registered is lost', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const { pid } = probe(b)
    await during(world, b.globalRegistry.register('name', pid))
    const scopes = [a.groups.scope('s'), b.groups.scope('s')]
    scopes[1]!.join('group', pid)
    b.erpc.register('function', () => 'value')
    const lock = { resource: 'lock', requester: 'b' }
    expect(await during(world, b.global.setLock(lock))).toBe(true)
    const options = { entity: CounterContract, behavior: 'counter', shards: 4, argOf: () => 7 }
    const starting = world.nodes.map(({ sharding }) => sharding.start(options))
    const [region] = await during(world, Promise.all(starting))
    const entities = ['1', '2', '3', '4'].map((id) => region!.entityRef(id))
    const ask = async (): Promise<unknown[]> => {
      const calls = [
        a.erpc.call(b.id, 'function', []),
        a.global.setLock({ ...lock, requester: 'a' }, { retries: 0 }),
        ...entities.map(({ call }) => call('get')),
      ]
      const settled = await during(world, Promise.allSettled(calls))
      return settled.map((each) => (each.status === 'fulfilled' ? each.value : each.reason))
    }
    const right = ['value', false, 7, 7, 7, 7]
    await world.clock.advance(500)
    expect(await ask()).toEqual(right)
    const parts = ['names', 'groups', 'erpc', 'singletons', 'node-registry', 'spawner']
    for (const part of [...parts, 'distributed_supervisors']) {
      const label = `gen_server fovea.${part}/1`
      const victim = [...b.system.processes()].find((each) => each.label === label)!
      const asked = ask()
      await world.clock.advance(1)
      b.system.exit(victim.pid, 'kill')
      for (const [index, answer] of (await asked).entries()) {
        const isRight = answer === right[index]
        expect([part, isRight || answer instanceof FoveaError]).toEqual([part, true])
      }
      await world.clock.advance(100)
      expect([part, await ask()]).toEqual([part, right])
      for (const node of [a, b]) expect(node.globalRegistry.whereis('name')?.pid.id).toBe(pid.id)
      for (const scope of scopes) expect(scope.members('group')).toHaveLength(1)
      // Its successor does its work.
      await during(world, b.globalRegistry.register(part, pid))
      expect(a.globalRegistry.whereis(part)?.pid.id).toBe(pid.id)
      const spawned = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 1 }))
      expect(await during(world, spawned.call.get())).toBe(1)
    }
  })
})
