import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NodeTarget } from '../../../../dist/cli/control/node-target.ts'
import type { TargetOptions } from '../../../../dist/cli/control/target.ts'
import { COUNTER, Counter } from '../../../../dist/cli/counter.ts'
import type { MemberEventRow } from '../../../../dist/cli/operations/member-row.ts'
import { startObserver } from '../../../../dist/cli/operations/observer.ts'
import {
  SUPERVISED,
  SUPERVISED_HERE,
  supervisedServer,
  type Started,
} from '../../../../dist/cli/supervised.ts'
import type { FoveaNode } from '../../../../dist/index.ts'
import { startSimNodes, type SimNodes } from '../../../../dist/simulation/index.ts'
import { during, failing } from '../../support/world.ts'

let world: SimNodes
let near: FoveaNode
let far: FoveaNode
let target: NodeTarget
/** What keepers said, by the node they run on. */
let started: Map<FoveaNode, Started[]>

beforeEach(async () => {
  world = await startSimNodes(2, { network: { latencyMs: 5 } })
  const [first, second] = world.nodes
  if (first === undefined || second === undefined) throw new Error('two nodes were asked for')
  near = first
  far = second
  started = new Map()
  for (const node of world.nodes) {
    const registry = node.behaviorRegistry
    const said: Started[] = []
    started.set(node, said)
    const onStarted = (one: Started): void => void said.push(one)
    registry.register(COUNTER, Counter, { remote: true })
    registry.register('private', Counter)
    const forOthers = supervisedServer({ registry, onStarted, remoteOnly: true })
    registry.register(SUPERVISED, forOthers, { remote: true })
    registry.register(SUPERVISED_HERE, supervisedServer({ registry, onStarted, remoteOnly: false }))
  }
  target = new NodeTarget(near)
})
afterEach(async () => {
  await during(world, world.stop())
})

const never = new AbortController().signal

function on(node?: string, signal: AbortSignal = never): TargetOptions {
  return { node, timeoutMs: 5000, signal }
}

const nameOf = (node: FoveaNode): string => node.id.slice(0, node.id.indexOf('@'))

const spawn = (
  node: FoveaNode,
  name: string,
  options: {
    readonly supervised?: boolean
    readonly behaviour?: string
    readonly arg?: unknown
  } = {},
) => {
  const { supervised = false, behaviour = COUNTER, arg } = options
  return target.spawn({ behaviour, arg, name, supervised }, on(node.id))
}

const call = (node: FoveaNode, name: string, method: string, input?: unknown, repeat = 1) =>
  target.call({ name, method, input, repeat }, on(node.id))

describe('members', () => {
  test('are the node itself and those it knows, with state and round trip', async () => {
    await world.clock.advance(3000)
    const [self, other, ...more] = target.members()
    expect(more).toEqual([])
    const incarnation = { generation: near.mesh.identity.incarnation, counter: 0 }
    expect(self).toMatchObject({ node: near.id, state: 'self', key: near.key.hex, incarnation })
    expect(other).toMatchObject({ node: far.id, state: 'up', key: far.key.hex })
    expect(other?.rttMs).toBeGreaterThanOrEqual(10)
    expect(other?.sinceMs).toBeGreaterThanOrEqual(3000)
  })

  test('keep who is suspected, then lost, with the accuser and the reason', async () => {
    world.kill(far)
    await world.clock.advance(5000)
    expect(target.members()[1]).toMatchObject({ state: 'suspect', accuser: near.id })
    await world.clock.advance(30_000)
    const lost = { state: 'down', reason: 'heartbeat_timeout', accuser: near.id }
    expect(target.members()[1]).toMatchObject(lost)
    expect(target.members()[1]).not.toHaveProperty('rttMs')
  })
})

describe('changes of members', () => {
  test('are told as they happen and remembered', async () => {
    const seen: MemberEventRow[] = []
    const stop = target.watchMembers((event) => void seen.push(event))
    world.kill(far)
    await world.clock.advance(30_000)
    stop()
    const of = { node: far.id, key: far.key.hex, accuser: near.id, accuserKey: near.key.hex }
    expect(seen).toMatchObject([
      { type: 'suspect', ...of, at: expect.stringMatching(/^2027-.*Z$/) as string },
      { type: 'down', ...of, reason: 'heartbeat_timeout' },
    ])
    const log = target.memberLog()
    expect(log).toMatchObject([{ type: 'up' }, { type: 'suspect', ...of }, { type: 'down', ...of }])
    expect(log.map(({ at }) => at).slice(1)).toEqual(seen.map(({ at }) => at))
    const before = seen.length
    await during(world, world.start('late'))
    await world.clock.advance(5000)
    expect(seen).toHaveLength(before)
    expect(target.memberLog().at(-1)).toMatchObject({ type: 'up' })
  })
})

describe('topology', () => {
  const ask = (nodesMax?: number, timeoutMs = 1000) =>
    target.topology({ nodesMax, timeoutMs, signal: never })

  test('is what all nodes answer', async () => {
    for (const node of world.nodes) await during(world, startObserver(node.mesh))
    const report = await during(world, ask())
    const [from, to] = [near.key.hex, far.key.hex].sort()
    expect(report).toMatchObject({
      edges: [{ from, to, mutual: true }],
      ...{ islands: 1, answered: 2, notAsked: 0 },
    })
    expect(report.nodes.map(({ key, answered }) => [key, answered])).toEqual([
      [from, true],
      [to, true],
    ])
  })

  test('shows a node without an observer, and one that is gone, as silent', async () => {
    expect((await during(world, ask())).nodes.find(({ key }) => key === far.key.hex)).toMatchObject(
      { answered: false, error: 'ERR_CALL_EXIT' },
    )
    await during(world, startObserver(far.mesh))
    world.kill(far)
    const report = await during(world, ask(undefined, 300))
    expect(report).toMatchObject({ answered: 1 })
    expect(report.nodes.find(({ key }) => key === far.key.hex)).toMatchObject({
      answered: false,
      error: expect.stringMatching(/^ERR_CALL_/) as string,
    })
  })

  test('asks so many as it may and says how many it did not', async () => {
    await during(world, world.start('third'))
    await world.connected()
    for (const node of world.nodes) await during(world, startObserver(node.mesh))
    expect(await during(world, ask(1))).toMatchObject({ answered: 2, notAsked: 1 })
    expect(await during(world, ask(2))).toMatchObject({ answered: 3, notAsked: 0 })
    const small = new NodeTarget(near, { topologyNodesMax: 1 })
    const options = { nodesMax: undefined, timeoutMs: 1000, signal: never }
    expect(await during(world, small.topology(options))).toMatchObject({ notAsked: 1 })
  })
})

describe('stats', () => {
  test('count members, links and refusals', async () => {
    await world.clock.advance(2000)
    expect(target.stats()).toMatchObject({
      node: near.id,
      uptimeMs: expect.any(Number) as number,
      members: { up: 1 },
      detector: { localHealth: 0, suspicions: 0, deaths: 0 },
      links: { open: 1, held: 1, idle: 0, handshakes: 0, dials: 0 },
      refused: {},
    })
    expect(target.stats().detector?.probes).toBeGreaterThanOrEqual(1)
  })
})

describe('ping', () => {
  test('measures a round trip, to a node named in full or in short', async () => {
    for (const name of [far.id, nameOf(far)]) {
      const { node, rttMs } = await during(world, target.ping(on(name)))
      expect(node).toBe(far.id)
      expect(rttMs).toBeGreaterThanOrEqual(10)
      expect(rttMs).toBeLessThan(100)
    }
  })

  test('of the node itself takes no network', async () => {
    expect(await during(world, target.ping(on()))).toEqual({ node: near.id, rttMs: 0 })
  })

  test('of a name that nobody, or more than one, has is ERR_NODE_UNKNOWN', async () => {
    expect(await failing(world, target.ping(on('nobody')))).toMatchObject({
      code: 'ERR_NODE_UNKNOWN',
    })
    await during(world, world.start(nameOf(far)))
    await during(world, world.connected())
    expect(await failing(world, target.ping(on(nameOf(far))))).toMatchObject({
      code: 'ERR_NODE_UNKNOWN',
      message: expect.stringContaining('more than one') as string,
    })
  })

  test('of a node that is lost fails and says only that', async () => {
    world.kill(far)
    expect(await failing(world, target.ping({ ...on(far.id), timeoutMs: 50 }))).toMatchObject({
      code: 'ERR_CALL_TIMEOUT',
      message: `node ${far.id} did not answer within 50 ms`,
    })
    await world.clock.advance(5000)
    expect(await failing(world, target.ping(on(far.id)))).toMatchObject({
      code: 'ERR_CALL_EXIT',
      message: `node ${far.id} is not reachable`,
    })
  })
})

describe('spawn and call', () => {
  test.each(['here', 'there'])('a counter %s', async (where) => {
    const node = where === 'here' ? near : far
    const spawned = await during(world, spawn(node, 'hits', { arg: 10 }))
    expect(spawned).toMatchObject({ node: node.id, name: 'hits', supervised: false })
    expect(await during(world, call(node, 'hits', 'add', 5))).toMatchObject({ value: 15, calls: 1 })
  })

  test('repeated calls give the last value and the spread of their times', async () => {
    await during(world, spawn(far, 'hits'))
    const result = await during(world, call(far, 'hits', 'add', 1, 20))
    expect(result).toMatchObject({ value: 20, calls: 20 })
    expect(result.p50Ms).toBeGreaterThanOrEqual(10)
    expect(result.p99Ms).toBeGreaterThanOrEqual(result.p50Ms)
  })

  test('repeating ends when the asking command has gone', async () => {
    await during(world, spawn(far, 'hits'))
    const gone = new AbortController()
    const request = { name: 'hits', method: 'get', input: undefined, repeat: 100_000 }
    const calling = target.call(request, on(far.id, gone.signal)).catch((error: unknown) => error)
    await world.clock.advance(50)
    gone.abort(new Error('gone'))
    expect(await during(world, calling, 1000)).toBeInstanceOf(Error)
  })

  test('wrong input and unknown methods are answered, the counter lives', async () => {
    await during(world, spawn(far, 'hits'))
    expect(await failing(world, call(far, 'hits', 'add', 'x'))).toMatchObject({
      code: 'ERR_CALL_INPUT',
    })
    expect(await failing(world, call(far, 'hits', 'no'))).toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
    expect(await during(world, call(far, 'hits', 'get'))).toMatchObject({ value: 0 })
  })
})

describe('supervised processes', () => {
  test('are restarted under their name with their argument, each told', async () => {
    const spawned = await during(world, spawn(far, 'hits', { supervised: true, arg: 10 }))
    expect(started.get(far)).toEqual([{ name: 'hits', pid: spawned.pid, restarts: 0 }])
    await during(world, call(far, 'hits', 'add', 5))
    expect(await failing(world, call(far, 'hits', 'crash'))).toMatchObject({
      code: 'ERR_CALL_EXIT',
    })
    await world.clock.advance(1)
    expect(started.get(far)?.[1]).toMatchObject({ name: 'hits', restarts: 1 })
    expect(await during(world, call(far, 'hits', 'get'))).toMatchObject({ value: 10 })
  })

  test('in a crash loop are given up alone, and their name can be used again', async () => {
    await during(world, spawn(far, 'good', { supervised: true }))
    await during(world, spawn(far, 'bad', { supervised: true }))
    for (let crash = 0; crash < 4; crash++) {
      await failing(world, call(far, 'bad', 'crash'))
      await world.clock.advance(1)
    }
    expect(await failing(world, call(far, 'bad', 'get'))).toMatchObject({ reason: 'noproc' })
    expect(await during(world, call(far, 'good', 'get'))).toMatchObject({ value: 0 })
    await during(world, spawn(far, 'bad', { supervised: true, arg: 3 }))
    expect(await during(world, call(far, 'bad', 'get'))).toMatchObject({ value: 3 })
  })

  test('that cannot start say why, and nothing stays behind', async () => {
    await during(world, spawn(far, 'hits'))
    const processes = far.system.stats().processes
    expect(await failing(world, spawn(far, 'hits', { supervised: true }))).toMatchObject({
      code: 'ERR_ALREADY_STARTED',
    })
    const unknown = { supervised: true, behaviour: 'unknown' }
    expect(await failing(world, spawn(far, 'x', unknown))).toMatchObject({
      code: 'ERR_BEHAVIOR_NOT_FOUND',
    })
    await world.clock.advance(100)
    expect(far.system.stats().processes).toBe(processes)
  })

  test('of behaviours that a node keeps to itself are started by itself only', async () => {
    const keptToItself = { supervised: true, behaviour: 'private' }
    expect(await failing(world, spawn(far, 'x', keptToItself))).toMatchObject({
      code: 'ERR_BEHAVIOR_NOT_FOUND',
    })
    await during(world, spawn(near, 'x', keptToItself))
    expect(await during(world, call(near, 'x', 'get'))).toMatchObject({ value: 0 })
  })

  test('end with their node', async () => {
    await during(world, spawn(near, 'hits', { supervised: true }))
    await during(world, near.stop())
    expect(near.system.whereis('hits')).toBeUndefined()
  })

  test.each([undefined, 5, { behaviour: 'counter' }, { behaviour: 1, name: 'x' }])(
    'a keeper started with %j refuses',
    async (arg) => {
      const spawning = near.remoteSpawn.spawn(SUPERVISED, far.id, { arg })
      expect(await failing(world, spawning)).toMatchObject({
        code: 'ERR_SPAWN_INIT',
        message: expect.stringContaining('{ behaviour, name, arg }') as string,
      })
    },
  )
})

describe('monitor', () => {
  test('tells the reason once the process has ended', async () => {
    await during(world, spawn(far, 'hits'))
    const watched: string[] = []
    const down = target.monitor('hits', (node) => void watched.push(node), on(far.id))
    expect(watched).toEqual([far.id])
    await world.clock.advance(20)
    await failing(world, call(far, 'hits', 'crash'))
    expect(await during(world, down)).toMatchObject({
      name: 'hits',
      node: far.id,
      reason: expect.stringContaining('told to crash') as string,
    })
  })

  test('tells noconnection when the node is lost, noproc when there is nobody', async () => {
    await during(world, spawn(far, 'hits'))
    const down = target.monitor('hits', () => {}, on(far.id))
    await world.clock.advance(20)
    world.kill(far)
    expect(await during(world, down)).toMatchObject({ reason: 'noconnection' })
    const nobody = target.monitor('nobody', () => {}, on())
    expect(await during(world, nobody)).toMatchObject({ reason: 'noproc' })
  })

  test('ends when the asking command has gone', async () => {
    await during(world, spawn(far, 'hits'))
    const gone = new AbortController()
    const down = target.monitor('hits', () => {}, on(far.id, gone.signal))
    gone.abort(new Error('gone'))
    expect(await failing(world, down)).toMatchObject({ message: 'gone' })
  })
})

test('info says who and where the node is', () => {
  expect(target.info()).toEqual({
    node: near.id,
    key: near.key.hex,
    host: near.mesh.address.host,
    port: near.mesh.address.port,
    realm: 'com.example.simulation',
    osPid: process.pid,
  })
})
