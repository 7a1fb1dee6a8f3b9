/** Global names on whole simulated nodes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../../dist/index.ts'
import { pidEquals, type Pid } from '../../../runtime/index.ts'
import { contract, GenServer } from '../../../behaviours/index.ts'
import {
  Counter,
  CounterContract,
  during,
  failing,
  probe,
  startWorld,
  type LoggedWorld,
} from '../support/world.ts'

type Three = readonly [FoveaNode, FoveaNode, FoveaNode]

/** Who has the name, as each node sees it: the number of the process and the index of its node. */
function views(nodes: readonly FoveaNode[], name: string): string[] {
  return nodes.map((node) => {
    const pid = node.globalRegistry.whereis(name)?.pid
    if (pid === undefined) return 'nobody'
    return `${nodes.findIndex(({ key }) => key.hex === pid.node)}/${pid.id}`
  })
}

function idle(node: FoveaNode): Pid {
  return node.system.spawn((ctx) => ctx.receive(undefined, { timeoutMs: Infinity }))
}

describe('names of nodes between which words come in any order', () => {
  it('a name that was unregistered from elsewhere is free for who did it', async () => {
    await using world = await startWorld(2, { network: { latencyMs: 2, jitterMs: 40 } })
    await world.clock.advance(1_000)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const [p, q] = [idle(a), idle(b)]
    for (let round = 0; round < 8; round++) {
      await during(world, a.globalRegistry.register(`n${round}`, p))
      const free = b.globalRegistry
        .unregister(`n${round}`)
        .then(() => b.globalRegistry.whereis(`n${round}`))
      expect(await during(world, free)).toBeUndefined()
      await during(world, b.globalRegistry.register(`n${round}`, q))
    }
  })
})

describe('names of a connected cluster', () => {
  let world: LoggedWorld
  let nodes: Three
  beforeAll(async () => {
    world = await startWorld(3, { network: { latencyMs: 2 } })
    nodes = world.nodes as unknown as Three
    await world.clock.advance(2_000)
  })
  afterAll(() => world.stop())

  it('G9 nodes with names and groups that are quiet say nothing of them to each other, and seek nobody', async () => {
    for (const { groups } of nodes) expect(groups.members('nobody')).toEqual([])
    await world.clock.advance(65_000)
    const nothing = { direct: 0, relayed: 0, received: 0, lost: 0 }
    for (const { mesh } of nodes) expect(mesh.courier!.stats()).toMatchObject(nothing)
  })

  it('G9 a node whose metadata leave no room for it in its statement is found all the same', async () => {
    const [a, b, c] = nodes
    const spacesOf = (node: FoveaNode): unknown => a.mesh.membership.member(node.key.hex)!.spaces
    expect(spacesOf(b)).toMatch(/^3\$names/)
    b.mesh.setMetadata({ note: 'x'.repeat(490) })
    await world.clock.advance(3_000)
    expect([spacesOf(b), spacesOf(c)]).toEqual([undefined, expect.stringContaining('$names')])
    for (const [i, node] of nodes.entries()) {
      const p = idle(node)
      await during(world, node.globalRegistry.register(`room${i}`, p))
      const seen = `${i}/${p.id}`
      expect(views(nodes, `room${i}`)).toEqual([seen, seen, seen])
    }
    b.mesh.setMetadata({})
    await world.clock.advance(3_000)
    expect(spacesOf(b)).toMatch(/^7\$names/)
    for (const i of [0, 1, 2]) await during(world, nodes[i]!.globalRegistry.unregister(`room${i}`))
  })

  it('GL-01 GL-15 NX-D6 a name is one process everywhere when register resolves, and taken for others', async () => {
    const [a, b, c] = nodes
    const p = idle(a)
    await during(world, a.globalRegistry.register('one', p))
    const seen = nodes.map((node) => node.globalRegistry.whereis('one')!.pid)
    for (const pid of seen) expect(pidEquals(pid, p)).toBe(true)
    for (const node of [a, b, c]) {
      const error = await failing(world, node.globalRegistry.register('one', idle(node)))
      expect(error).toMatchObject({
        ...{ name: 'GlobalNameConflictError', code: 'ERR_GLOBAL_NAME_TAKEN' },
        ...{ registryName: 'one', existingNodeId: a.id },
      })
    }
    expect(b.globalRegistry.lookup('one').pid.id).toBe(p.id)
    expect(b.globalRegistry.isRegistered('one')).toBe(true)
    expect(b.globalRegistry.getEntriesForNode(a.id).map(({ name }) => name)).toContain('one')
    await during(world, a.globalRegistry.unregister('one'))
  })

  it('GL-02 an unknown name is found nowhere, and a message to it is refused', () => {
    const [a, b] = nodes
    expect(a.globalRegistry.whereis('nope')).toBeUndefined()
    expect(() => a.globalRegistry.lookup('nope')).toThrow(
      expect.objectContaining({ name: 'GlobalNameNotFoundError', registryName: 'nope' }),
    )
    expect(() => b.globalRegistry.send('nope', 1)).toThrow(
      expect.objectContaining({ code: 'ERR_GLOBAL_NAME_UNKNOWN' }),
    )
  })

  it('GL-02 a message to a known name arrives, and gives its pid', async () => {
    const [a, b] = nodes
    const { pid, seen } = probe(a)
    await during(world, a.globalRegistry.register('box', pid))
    expect(b.globalRegistry.send('box', 'hello').id).toBe(pid.id)
    await world.clock.advance(10)
    expect(seen).toEqual(['hello'])
  })

  it('GL-03 G3 a name goes with its process within one trip, and is free again', async () => {
    const [a, , c] = nodes
    const p = idle(a)
    await during(world, a.globalRegistry.register('mortal', p))
    a.system.exit(p, 'kill')
    expect(a.globalRegistry.whereis('mortal')).toBeUndefined()
    await world.clock.advance(4)
    expect(views(nodes, 'mortal')).toEqual(['nobody', 'nobody', 'nobody'])
    await during(world, c.globalRegistry.register('mortal', idle(c)))
    expect(views(nodes, 'mortal')[0]).toMatch(/^2\//)
  })

  it('G1 GL-05 NX-D5 reRegister moves a name at once, who had it lives, and unregister is told to all', async () => {
    const [a, b, c] = nodes
    const p = probe(a)
    const q = idle(b)
    await during(world, a.globalRegistry.register('moving', p.pid))
    await during(world, b.globalRegistry.reRegister('moving', q))
    expect(views(nodes, 'moving')).toEqual([`1/${q.id}`, `1/${q.id}`, `1/${q.id}`])
    await world.clock.advance(50)
    expect(a.system.isAlive(p.pid)).toBe(true)
    expect(p.seen).toEqual([])
    const r = idle(b)
    await during(world, b.globalRegistry.reRegister('moving', r))
    expect(views(nodes, 'moving')).toEqual([`1/${r.id}`, `1/${r.id}`, `1/${r.id}`])
    await during(world, c.globalRegistry.unregister('moving'))
    await world.clock.advance(10)
    expect(views(nodes, 'moving')).toEqual(['nobody', 'nobody', 'nobody'])
    await during(world, c.globalRegistry.unregister('never'))
    expect(c.globalRegistry.getStats()).toMatchObject({ pending: 0, contested: 0 })
  })

  it('NX-D23 a process is registered by its own node, whoever asks', async () => {
    const [a, b, c] = nodes
    const p = idle(b)
    await during(
      world,
      a.globalRegistry.register('remote', a.system.pidFor(b.key.hex, p.id, p.incarnation)),
    )
    expect(views(nodes, 'remote')).toEqual([`1/${p.id}`, `1/${p.id}`, `1/${p.id}`])
    expect(c.globalRegistry.getEntriesForNode(b.key).map(({ name }) => name)).toContain('remote')
    const dead = a.system.pidFor(b.key.hex, 999_999, p.incarnation)
    const error = await failing(world, a.globalRegistry.register('dead', dead))
    expect(error).toMatchObject({ code: 'ERR_GLOBAL_PROCESS' })
    const old = a.system.pidFor(b.key.hex, p.id, p.incarnation + 1)
    await expect(failing(world, a.globalRegistry.register('old', old))).resolves.toBeDefined()
    await during(world, c.globalRegistry.unregister('remote'))
    await world.clock.advance(10)
    expect(views(nodes, 'remote')).toEqual(['nobody', 'nobody', 'nobody'])
  })

  it('GL-13 NX-D6 of registrations at once exactly one is through, nobody is harmed, and a process may have many', async () => {
    const probes = nodes.map((node) => probe(node))
    const results = await during(
      world,
      Promise.allSettled(
        nodes.map((node, i) => node.globalRegistry.register('leader', probes[i]!.pid)),
      ),
    )
    expect(results.map(({ status }) => status).sort()).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ])
    for (const result of results) {
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ code: 'ERR_GLOBAL_NAME_TAKEN' })
    }
    const winner = results.findIndex(({ status }) => status === 'fulfilled')
    await world.clock.advance(1_000)
    const expected = `${winner}/${probes[winner]!.pid.id}`
    expect(views(nodes, 'leader')).toEqual([expected, expected, expected])
    for (const [i, { pid, seen }] of probes.entries()) {
      expect(nodes[i]!.system.isAlive(pid)).toBe(true)
      expect(seen).toEqual([])
    }
    const node = nodes[winner]!
    await during(world, node.globalRegistry.register('leader2', probes[winner]!.pid))
    expect(node.globalRegistry.whereis('leader2')!.pid.id).toBe(probes[winner]!.pid.id)
  })

  it('GL-14 a server that starts under a global name is called by it from everywhere, then noproc', async () => {
    const [a, b] = nodes
    const counter = await during(
      world,
      Counter.start(5, { system: a.system, name: a.globalRegistry.via('count') }),
    )
    await world.clock.advance(10)
    const via = { via: b.globalRegistry.via('count') }
    expect(await during(world, b.system.call(via, 'get', undefined))).toBe(5)
    expect(await during(world, b.globalRegistry.lookup('count', CounterContract).call.add(2))).toBe(
      7,
    )
    await expect(
      Counter.start(1, { system: b.system, name: b.globalRegistry.via('count') }),
    ).rejects.toMatchObject({ code: 'ERR_ALREADY_STARTED' })
    void during(world, GenServer.stop(counter))
    await world.clock.advance(50)
    expect(await failing(world, b.system.call(via, 'get', undefined))).toMatchObject({
      reason: 'noproc',
    })
  })

  it('a spawn with registration global names its process for all, and leaves nothing when the name is taken', async () => {
    const [a, b, c] = nodes
    const options = { registration: 'global', name: 'spawned', arg: 3 } as const
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, options))
    expect(await during(world, ref.call.get())).toBe(3)
    expect(views(nodes, 'spawned')).toEqual([1, 1, 1].map((node) => `${node}/${ref.pid.id}`))
    const before = c.system.stats().processes
    const error = await failing(world, a.remoteSpawn.spawn(CounterContract, c.id, options))
    expect(error).toMatchObject({ code: 'ERR_SPAWN_REGISTRATION', registeredName: 'spawned' })
    expect(c.system.stats().processes).toBe(before)
    const both = await during(
      world,
      Promise.allSettled(
        [a, b].map((node) =>
          node.remoteSpawn.spawn(CounterContract, c.id, { ...options, name: 'twice' }),
        ),
      ),
    )
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await world.clock.advance(50)
    expect(c.system.stats().processes).toBe(before + 1)
  })

  it('a ref of a contract comes back as one, and survives a crash of the process of names', async () => {
    const [a, b] = nodes
    const counter = await during(world, Counter.start(1, { system: a.system }))
    await during(world, a.globalRegistry.register('typed', counter))
    const found = b.globalRegistry.whereis('typed')!
    expect(found.contract).toBe('counter/1')
    const before = b.globalRegistry.getNames().sort()
    for (const process of Array.from(b.system.processes())) {
      if (process.label === 'fovea.names/1') b.system.exit(process.pid, 'kill')
    }
    await world.clock.advance(100)
    expect(b.globalRegistry.getNames().sort()).toEqual(before)
    await during(world, a.globalRegistry.register('after', counter))
    expect(b.globalRegistry.isRegistered('after')).toBe(true)
  })

  it('tells who listens what comes and goes, held names only', async () => {
    const [a, b] = nodes
    await world.clock.advance(10)
    const heard: string[] = []
    const offs = [
      b.globalRegistry.on('registered', ({ name, nodeId }) =>
        heard.push(`+${name} ${nodeId === a.id}`),
      ),
      b.globalRegistry.on('unregistered', ({ name }) => heard.push(`-${name}`)),
      b.globalRegistry.on('registered', () => {
        throw new Error('bad handler')
      }),
    ]
    const p = idle(a)
    await during(world, a.globalRegistry.register('told', p))
    await world.clock.advance(10)
    a.system.exit(p, 'kill')
    await world.clock.advance(10)
    expect(heard).toEqual(['+told true', '-told'])
    expect(b.stats().refused).toMatchObject({ ERR_GLOBAL_HANDLER: 1 })
    for (const off of offs) off()
  })

  it('a name and a member of another major version refuse who asks for them by this one', async () => {
    const [a, b] = nodes
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, a.id, { arg: 1 }))
    await during(world, a.globalRegistry.register('versioned', ref))
    a.groups.scope('versioned').join('g', ref)
    const scope = b.groups.scope('versioned')
    await world.clock.advance(1_000)
    expect(
      await during(world, b.globalRegistry.lookup('versioned', CounterContract).call.get()),
    ).toBe(1)
    const later = contract<{ call: { get(): number }; cast: {} }>('counter/2', {
      call: { get: true },
      cast: {},
    })
    const refused = { code: 'ERR_CONTRACT_VERSION', known: 'counter/2', received: 'counter/1' }
    for (const found of [
      b.globalRegistry.lookup('versioned', later),
      scope.members('g', later)[0]!,
    ]) {
      expect(await failing(world, found.call.get())).toMatchObject(refused)
    }
    scope.close()
    a.groups.scope('versioned').close()
    a.system.exit(ref.pid, 'kill')
  })

  it('tells all who listen in one order, whatever one of them does meanwhile, and nobody who has stopped', async () => {
    const [a] = nodes
    const { globalRegistry: names } = a
    const heard: string[] = []
    const note = (event: string) => (): void => void heard.push(event)
    let hasStopped = (): void => {}
    const offs = [
      names.on('registered', ({ name }) => {
        hasStopped()
        void names.unregister(name)
      }),
      names.on('registered', note('registered')),
      names.on('unregistered', note('unregistered')),
    ]
    hasStopped = names.on('registered', note('told after its end'))
    const one = note('twice')
    const twice = [names.on('registered', one), names.on('registered', one)]
    twice[0]!()
    const p = idle(a)
    await during(
      world,
      names.register('brief', p).catch(() => {}),
    )
    expect(heard).toEqual(['registered', 'twice', 'unregistered'])
    expect(names.whereis('brief')).toBeUndefined()
    for (const off of [...offs, ...twice]) off()
    const wrong = expect.objectContaining({ code: 'ERR_ARGUMENT' }) as Error
    expect(() => names.on('registred' as never, one as never)).toThrow(wrong)
    expect(() => names.on('registered', 'handler' as never)).toThrow(wrong)
    a.system.exit(p, 'kill')
  })

  it('bad names, dead processes, aborted and strict registrations are refused at once', async () => {
    const [a] = nodes
    const p = idle(a)
    const code = (promise: Promise<unknown>): Promise<unknown> =>
      failing(world, promise).then((error) => error.code)
    expect(await code(a.globalRegistry.register('', p))).toBe('ERR_GLOBAL_NAME_INVALID')
    expect(await code(a.globalRegistry.register('x'.repeat(257), p))).toBe(
      'ERR_GLOBAL_NAME_INVALID',
    )
    for (const none of [undefined, null, 'p', {}]) {
      expect(await code(a.globalRegistry.register('s', none as never))).toBe('ERR_GLOBAL_PROCESS')
    }
    await during(world, a.globalRegistry.register('x'.repeat(256), p))
    expect(await code(a.globalRegistry.register('s', p, { mode: 'strict' }))).toBe(
      'ERR_VOTERS_REQUIRED',
    )
    expect(await code(a.globalRegistry.register('s', p, { signal: AbortSignal.abort() }))).toBe(
      'ERR_GLOBAL_ABORTED',
    )
    a.system.exit(p, 'kill')
    expect(await code(a.globalRegistry.register('s', p))).toBe('ERR_GLOBAL_PROCESS')
    expect(a.globalRegistry.isRegistered('s')).toBe(false)
    expect(a.globalRegistry.getStats().pending).toBe(0)
  })
})
