import { describe, expect, it } from 'vitest'
import {
  contract,
  GenServer,
  ignore,
  implement,
  ok,
  reply,
  stop,
  type Contract,
  type GenServerRef,
  type Ref,
  type Server,
} from '../../behaviours/index.ts'
import {
  BehaviorNotFoundError,
  NodeNotReachableError,
  RemoteSpawnInitError,
  RemoteSpawnRegistrationError,
  RemoteSpawnTimeoutError,
  type FoveaNode,
} from '../../dist/index.ts'
import { createSystem } from '../../runtime/index.ts'
import {
  Counter,
  CounterContract,
  during,
  failing,
  probe,
  startWorld,
  type CounterApi,
} from './support/world.ts'

type Plan = 'ok' | 'throw' | 'stop' | 'ignore' | 'hang' | 'die_at_once'

interface PlannedApi {
  call: { get(): string }
  cast: {}
}
const PlannedContract: Contract<PlannedApi> = contract('planned/1', {
  call: { get: true },
  cast: {},
})
const Planned: Server<PlannedApi, Plan> = implement<PlannedApi, Plan, string>(PlannedContract, {
  init: (plan): never => {
    const results: Record<Plan, () => unknown> = {
      ok: () => plan,
      throw: () => {
        throw Object.assign(new Error('init threw'), { code: 'ERR_INIT' })
      },
      stop: () => stop('not today'),
      ignore: () => ignore(),
      hang: () => new Promise(() => {}),
      die_at_once: () => ok(plan, { continue: 'die' }),
    }
    return results[plan]() as never
  },
  call: { get: (state) => reply(state, state) },
  cast: {},
  continue: (state) => stop({ shutdown: 'real reason' }, state),
})

async function planned(): Promise<{
  readonly world: Awaited<ReturnType<typeof startWorld>>
  readonly a: FoveaNode
  readonly b: FoveaNode
  [Symbol.asyncDispose](): Promise<void>
}> {
  const world = await startWorld(2, { node: { keepaliveIntervalMs: 100 } })
  const [a, b] = world.nodes as [FoveaNode, FoveaNode]
  b.behaviorRegistry.register('planned', Planned, { remote: true })
  return { world, a, b, [Symbol.asyncDispose]: () => world.stop() }
}

const liveHere = (node: FoveaNode, label: string): number =>
  [...node.system.processes()].filter((process) => process.label.includes(label)).length

describe('RemoteSpawn.spawn', () => {
  it('X-01 starts a process on the node and gives a typed ref to it', async () => {
    await using t = await planned()
    const ref: Ref<CounterApi> = await during(
      t.world,
      t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 3 }),
    )
    expect(ref.pid.node).toBe(t.b.key.hex)
    const sum: Promise<number> = ref.call.add(1)
    expect(await during(t.world, sum)).toBe(4)
  })

  it('takes a registered name; the ref has the contract if this node knows it', async () => {
    await using t = await planned()
    const known = await during(
      t.world,
      t.a.remoteSpawn.spawn<CounterApi>('counter', t.b.key, { arg: 1 }),
    )
    expect(await during(t.world, known.call.get())).toBe(1)
    const unknown = await during(
      t.world,
      t.a.remoteSpawn.spawn('planned', t.b.id, { arg: 'ok' satisfies Plan }),
    )
    expect([unknown.contract, Object.keys(unknown.call)]).toEqual(['planned/1', []])
    expect(await during(t.world, t.a.remoteCall.call(unknown, 'get' as never))).toBe('ok')
  })

  it('starts behaviours in the message shape, and factories with their argument', async () => {
    await using t = await planned()
    const behaviour = (n: number) => ({
      init: () => n,
      handleCall: (_message: { type: 'get' }, state: number) => [state, state],
    })
    t.b.behaviorRegistry.register('plain', behaviour(7) as never, { remote: true })
    t.b.behaviorRegistry.register('made', behaviour as never, { remote: true })
    const ask = async (name: string, arg?: unknown): Promise<unknown> => {
      const ref = await during(t.world, t.a.remoteSpawn.spawn(name, t.b.id, { arg }))
      const server = ref as unknown as GenServerRef<{ type: 'get' }>
      return during(t.world, GenServer.call(server, { type: 'get' }))
    }
    expect(await ask('plain')).toBe(7)
    expect(await ask('made', 9)).toBe(9)
    expect(await failing(t.world, ask('plain', 1))).toMatchObject({
      code: 'ERR_SPAWN_INIT',
      reason: { code: 'ERR_BEHAVIOR_ARG' },
    })
  })

  it('registers the name on its node, and refuses a taken one before init', async () => {
    await using t = await planned()
    const spawn = (): Promise<Ref<CounterApi>> =>
      t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 1, name: 'hits' })
    const ref = await during(t.world, spawn())
    expect(t.b.system.whereis('hits')).toMatchObject({ id: ref.pid.id })
    expect(t.a.system.whereis('hits')).toBeUndefined()
    const error = await failing(t.world, spawn())
    expect(error).toBeInstanceOf(RemoteSpawnRegistrationError)
    expect(error).toMatchObject({
      ...{ code: 'ERR_SPAWN_REGISTRATION', registeredName: 'hits', nodeId: t.b.id },
      behaviorName: 'counter/1',
    })
    expect(liveHere(t.b, 'counter/1')).toBe(1)
  })

  it.each([
    { registration: 'none', name: 'x' },
    { registration: 'local' },
    { registration: 'global' },
    { timeoutMs: -1 },
    { name: '' },
    { timeout: 5 },
  ])('refuses the options %j', async (options) => {
    await using t = await planned()
    const spawning = t.a.remoteSpawn.spawn('counter', t.b.id, options as never)
    expect(await failing(t.world, spawning)).toMatchObject({
      code: expect.stringMatching(/^ERR_OPTION_/) as string,
    })
  })

  it('works on this node too, also for behaviours that others may not start', async () => {
    await using t = await planned()
    t.a.behaviorRegistry.register('mine', Planned)
    const ref = await during(
      t.world,
      t.a.remoteSpawn.spawn(PlannedContract, t.a.id, { arg: 'ok' satisfies Plan, name: 'here' }),
    )
    expect(await during(t.world, ref.call.get())).toBe('ok')
    expect(t.a.system.whereis('here')).toBe(ref.pid)
    const throwing = t.a.remoteSpawn.spawn(PlannedContract, t.a.id, { arg: 'throw' })
    expect(await failing(t.world, throwing)).toMatchObject({ code: 'ERR_SPAWN_INIT' })
    expect(await failing(t.world, t.a.remoteSpawn.spawn('none', t.a.id))).toMatchObject({
      code: 'ERR_BEHAVIOR_NOT_FOUND',
    })
  })
})

describe('a spawn that fails', () => {
  it('is not found unless registered there for others', async () => {
    await using t = await planned()
    t.b.behaviorRegistry.register('secret', Counter)
    for (const name of ['none', 'secret']) {
      const error = await failing(t.world, t.a.remoteSpawn.spawn(name, t.b.id))
      expect(error).toBeInstanceOf(BehaviorNotFoundError)
      expect(error).toMatchObject({ code: 'ERR_BEHAVIOR_NOT_FOUND', behaviorName: name })
    }
    expect(t.b.stats().refused).toMatchObject({ ERR_BEHAVIOR_NOT_FOUND: 2 })
  })

  it.each([
    ['throw', { code: 'ERR_INIT', message: 'init threw' }],
    ['stop', 'not today'],
    ['ignore', { code: 'ERR_START_IGNORED' }],
  ])('in init (%s) has its reason', async (plan, reason) => {
    await using t = await planned()
    const error = await failing(t.world, t.a.remoteSpawn.spawn('planned', t.b.id, { arg: plan }))
    expect(error).toBeInstanceOf(RemoteSpawnInitError)
    expect(error).toMatchObject({ code: 'ERR_SPAWN_INIT', nodeId: t.b.id, reason })
    expect(liveHere(t.b, 'planned')).toBe(0)
  })

  it('in an init that hangs times out, and the process is killed', async () => {
    await using t = await planned()
    const spawning = t.a.remoteSpawn.spawn('planned', t.b.id, { arg: 'hang', timeoutMs: 200 })
    const failed = failing(t.world, spawning)
    await t.world.clock.advance(150)
    expect(liveHere(t.b, 'planned')).toBe(1)
    const error = await failed
    expect(error).toBeInstanceOf(RemoteSpawnTimeoutError)
    expect(error).toMatchObject({ code: 'ERR_SPAWN_TIMEOUT', timeoutMs: 200 })
    await t.world.clock.advance(10)
    expect(liveHere(t.b, 'planned')).toBe(0)
    expect(t.b.stats().peers[t.a.key.hex]).toMatchObject({ spawnsIn: 0 })
  })

  it('is given up by its signal, and the process is killed', async () => {
    await using t = await planned()
    const abort = new AbortController()
    const { signal } = abort
    const spawning = t.a.remoteSpawn.spawn('planned', t.b.id, { arg: 'hang', signal })
    const failed = failing(t.world, spawning)
    await t.world.clock.advance(10)
    expect(liveHere(t.b, 'planned')).toBe(1)
    abort.abort(new Error('enough'))
    expect(await failed).toMatchObject({ code: 'ERR_CALL_ABORTED', cause: { message: 'enough' } })
    await t.world.clock.advance(10)
    expect(liveHere(t.b, 'planned')).toBe(0)
    const late = t.a.remoteSpawn.spawn('planned', t.b.id, { arg: 'ok', signal })
    expect(await failing(t.world, late)).toMatchObject({ code: 'ERR_CALL_ABORTED' })
  })

  it('is killed when its answer finds nobody waiting any more', async () => {
    await using world = await startWorld(2, { network: { latencyMs: 20 } })
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    // The answer is on its way at 20 ms and arrives at 40: given up in between.
    const abort = new AbortController()
    const failed = a.remoteSpawn
      .spawn(CounterContract, b.id, { arg: 1, signal: abort.signal })
      .catch((error: unknown) => error)
    await world.clock.advance(30)
    expect(liveHere(b, 'counter/1')).toBe(1)
    abort.abort()
    expect(await failed).toMatchObject({ code: 'ERR_CALL_ABORTED' })
    await world.clock.advance(100)
    expect(liveHere(b, 'counter/1')).toBe(0)
  })

  it('X-14 to an unreachable node is noconnection; so is one whose node dies meanwhile', async () => {
    await using t = await planned()
    const nowhere = t.a.remoteSpawn.spawn('planned', 'nope@10.9.9.9:1')
    const error = await failing(t.world, nowhere)
    expect(error).toBeInstanceOf(NodeNotReachableError)
    expect(error).toMatchObject({ reason: 'noconnection', nodeId: 'nope@10.9.9.9:1' })
    const spawning = t.a.remoteSpawn.spawn('planned', t.b.id, { arg: 'hang', timeoutMs: 60_000 })
    const failed = failing(t.world, spawning)
    await t.world.clock.advance(10)
    t.world.kill(t.b)
    expect(await failed).toBeInstanceOf(NodeNotReachableError)
    // The orphan is not left behind on the other side of the cut either.
    await t.world.clock.advance(2_000)
    expect(liveHere(t.b, 'planned')).toBe(0)
  })

  it('of an argument that does not travel is refused with its path', async () => {
    await using t = await planned()
    const spawning = t.a.remoteSpawn.spawn('planned', t.b.id, { arg: { f: () => 1 } })
    expect(await failing(t.world, spawning)).toMatchObject({
      ...{ code: 'ERR_VALUE_UNSENDABLE', path: 'arg.f' },
    })
    expect(liveHere(t.b, 'planned')).toBe(0)
  })

  it('of another version of a contract is refused, and nothing is left running', async () => {
    await using t = await planned()
    const Newer: Contract<CounterApi> = contract('planned', CounterContract.names)
    t.b.behaviorRegistry.register('unversioned', Planned, { remote: true })
    expect(
      await failing(t.world, t.a.remoteSpawn.spawn(Newer, t.b.id, { arg: 'ok' })),
    ).toMatchObject({ code: 'ERR_CONTRACT_VERSION', known: 'planned', received: 'planned/1' })
    await t.world.clock.advance(10)
    expect(liveHere(t.b, 'planned')).toBe(0)
  })
})

describe('spawnMonitor and spawnLink', () => {
  it('X-13 the DOWN of a process that ends at once has its real reason, never noproc (100 tries)', async () => {
    await using t = await planned()
    const owner = probe(t.a)
    for (let i = 0; i < 100; i++) {
      const options = { arg: 'die_at_once', owner: owner.pid }
      const made = await during(t.world, t.a.remoteSpawn.spawnMonitor('planned', t.b.id, options))
      expect(made.monitor.node).toBe(t.a.system.node)
    }
    await t.world.clock.advance(10)
    expect(owner.seen).toHaveLength(100)
    for (const down of owner.seen) {
      expect(down).toMatchObject({ type: 'down', reason: { shutdown: 'real reason' } })
    }
  })

  it('L-26 so has the EXIT of a linked one', async () => {
    await using t = await planned()
    const owner = probe(t.a)
    const options = { arg: 'die_at_once', owner: owner.pid }
    await during(t.world, t.a.remoteSpawn.spawnLink('planned', t.b.id, options))
    await t.world.clock.advance(10)
    expect(owner.seen).toMatchObject([{ type: 'exit', reason: { shutdown: 'real reason' } }])
  })

  it('watch a process that lives on, until it ends', async () => {
    await using t = await planned()
    const owner = probe(t.a)
    const options = { arg: 1, owner: owner.pid }
    const { ref, monitor } = await during(
      t.world,
      t.a.remoteSpawn.spawnMonitor(CounterContract, t.b.id, options),
    )
    const linked = await during(
      t.world,
      t.a.remoteSpawn.spawnLink(CounterContract, t.b.id, options),
    )
    await during(t.world, ref.call.quit('done'))
    await during(t.world, linked.call.quit('gone'))
    await t.world.clock.advance(10)
    expect(owner.seen).toMatchObject([
      { type: 'down', ref: monitor, reason: 'done' },
      { type: 'exit', reason: 'gone' },
    ])
  })

  it('are refused by code for what is no behaviour, and no signal', async () => {
    await using t = await planned()
    const codeOf = async (what: unknown, options: object): Promise<unknown> =>
      (await failing(t.world, t.a.remoteSpawn.spawn(what as string, t.b.id, options))).code
    expect(await codeOf(null, {})).toBe('ERR_ARGUMENT')
    expect(await codeOf({}, {})).toBe('ERR_ARGUMENT')
    expect(await codeOf('counter', { signal: {} })).toBe('ERR_OPTION_INVALID')
  })

  it('need an owner, and leave no process behind when it is dead', async () => {
    await using t = await planned()
    expect(await failing(t.world, t.a.remoteSpawn.spawnLink('counter', t.b.id))).toMatchObject({
      code: 'ERR_OPTION_INVALID',
    })
    const owner = probe(t.a).pid
    t.a.system.exit(owner, 'kill')
    const spawning = t.a.remoteSpawn.spawnMonitor(CounterContract, t.b.id, { arg: 1, owner })
    expect(await failing(t.world, spawning)).toMatchObject({ code: 'ERR_NOPROC' })
    await t.world.clock.advance(10)
    expect(liveHere(t.b, 'counter/1')).toBe(0)
  })
})

describe('the spawner', () => {
  it('stops what it started when its node stops; terminate runs', async () => {
    await using t = await planned()
    const ended: unknown[] = []
    t.b.behaviorRegistry.register(
      'polite',
      {
        init: (ctx: { trapExit(flag: boolean): boolean }) => ctx.trapExit(true),
        terminate: (reason: unknown) => void ended.push(reason),
      } as never,
      { remote: true },
    )
    const ref = await during(t.world, t.a.remoteSpawn.spawn('polite', t.b.id))
    const reasons: unknown[] = []
    t.a.remoteMonitor.monitor(ref, (_ref, reason) => void reasons.push(reason))
    await t.world.clock.advance(10)
    await during(t.world, t.b.stop())
    expect(ended).toEqual(['shutdown'])
    expect(reasons).toEqual(['noconnection'])
  })

  it('waits for a slow terminate, and kills what does not stop, also in a given system', async () => {
    await using world = await startWorld(1)
    const [a] = world.nodes as [FoveaNode]
    const system = createSystem({ clock: world.clock })
    const b = await world.start('n2', { system })
    await world.connected()
    const ended: string[] = []
    const terminate = (name: string, ms: number) => () =>
      new Promise<void>((resolve) => {
        world.clock.setTimer(ms, () => {
          ended.push(name)
          resolve()
        })
      })
    const init = (ctx: { trapExit(flag: boolean): boolean }): boolean => ctx.trapExit(true)
    for (const [name, ms] of [
      ['slow', 1_000],
      ['never', 1e9],
    ] as const) {
      const behaviour = { init, terminate: terminate(name, ms) }
      b.behaviorRegistry.register(name, behaviour as never, { remote: true })
    }
    await during(world, a.remoteSpawn.spawn('slow', b.id, { name: 'slow' }))
    await during(world, a.remoteSpawn.spawn('never', b.id, { name: 'never' }))
    const atMs = world.clock.now()
    await during(world, b.stop())
    expect(ended).toEqual(['slow'])
    expect(world.clock.now() - atMs).toBeGreaterThan(4_900)
    expect([system.whereis('slow'), system.whereis('never')]).toEqual([undefined, undefined])
    await system.stop()
  })

  it('that is killed takes its processes along and is started again', async () => {
    await using t = await planned()
    const spawn = (): Promise<Ref<CounterApi>> =>
      t.a.remoteSpawn.spawn(CounterContract, t.b.id, { arg: 1 })
    const ref = await during(t.world, spawn())
    const reasons: unknown[] = []
    t.a.remoteMonitor.monitor(ref, (_ref, reason) => void reasons.push(reason))
    await t.world.clock.advance(10)
    const spawner = [...t.b.system.processes()].find(({ label }) => label.includes('spawner'))!
    t.b.system.exit(spawner.pid, 'kill')
    await t.world.clock.advance(10)
    expect(reasons).toEqual(['killed'])
    expect(await during(t.world, (await during(t.world, spawn())).call.get())).toBe(1)
  })
})
