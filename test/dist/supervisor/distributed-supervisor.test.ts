import { describe, expect, it } from 'vitest'
import {
  contract,
  implement,
  noreply,
  ok,
  reply,
  stop,
  Supervisor,
  type Contract,
  type Ref,
  type Server,
} from '../../../behaviours/index.ts'
import type {
  DistributedSupervisorRef,
  FoveaNode,
  HandoffReply,
  LifecycleEvent,
  DistributedSupervisorOptions,
} from '../../../dist/index.ts'
import { isPid } from '../../../runtime/index.ts'
import { during, failing, startWorld, type LoggedWorld } from '../support/world.ts'

interface WorkerApi {
  call: {
    arg(): unknown
    add(by: number): number
    crash(): never
    quit(reason: unknown): void
    beginHandoff(): HandoffReply
    endHandoff(state: unknown): void
  }
  cast: {}
}
const WorkerContract: Contract<WorkerApi> = contract('worker/1', {
  call: {
    ...{ arg: true, add: true, crash: true, quit: true },
    ...{ beginHandoff: true, endHandoff: true },
  },
  cast: {},
})

/** What happened on which node, in order: `+id@n1` and `-id@n1`. */
type Journal = string[]

interface Arg {
  readonly id: string
  readonly fails?: boolean
  readonly traps?: boolean
  readonly quitsAtOnce?: boolean
}

interface WorkerState {
  readonly arg: Arg
  readonly n: number
}

function workerOf(node: string, journal: Journal): Server<WorkerApi, Arg> {
  return implement<WorkerApi, Arg, WorkerState>(WorkerContract, {
    init: (arg, ctx) => {
      if (arg.fails === true) throw new Error('told to fail')
      if (arg.traps === true) ctx.trapExit(true)
      journal.push(`+${arg.id}@${node}`)
      const { signal } = ctx
      signal.addEventListener('abort', () => journal.push(`-${arg.id}@${node}`))
      if (arg.quitsAtOnce === true) return stopAtOnce(arg) as never
      return { arg, n: 0 }
    },
    call: {
      arg: (state) => reply(state.arg, state),
      add: (state, by) => reply(state.n + by, { ...state, n: state.n + by }),
      crash: () => {
        throw new Error('told to crash')
      },
      quit: (state, reason) => stop(reason, state, { reply: undefined }),
      beginHandoff: (state) => reply({ resume: state.n }, state),
      endHandoff: (state, n) => reply(undefined, { ...state, n: n as number }),
    },
    cast: {},
    info: (state) => noreply(state),
    continue: (state) => stop('normal', state),
  })
}

const stopAtOnce = (arg: Arg): unknown => ok({ arg, n: 0 }, { continue: 'quit' })

/** A worker that never starts. */
const failingWorker: Server<WorkerApi, Arg> = implement<WorkerApi, Arg, WorkerState>(
  WorkerContract,
  {
    init: () => {
      throw new Error('never')
    },
    call: {
      arg: (state) => reply(state.arg, state),
      add: (state) => reply(0, state),
      crash: () => {
        throw new Error('never')
      },
      quit: (state) => reply(undefined, state),
      beginHandoff: (state) => reply('ignore', state),
      endHandoff: (state) => reply(undefined, state),
    },
    cast: {},
  },
)

interface Setup {
  readonly world: LoggedWorld
  readonly nodes: readonly FoveaNode[]
  readonly journal: Journal
  readonly events: LifecycleEvent[]
  start(options: DistributedSupervisorOptions, on?: FoveaNode): Promise<DistributedSupervisorRef>
  /** `id@n` of the children that run, sorted. */
  where(sup: DistributedSupervisorRef): Promise<string[]>
  child(sup: DistributedSupervisorRef, id: string): Promise<Ref<WorkerApi>>
  join(name: string): Promise<FoveaNode>
  /** Workers that live on all nodes. */
  alive(): number
  [Symbol.asyncDispose](): Promise<void>
}

async function setup(count: number): Promise<Setup> {
  const world = await startWorld(count, { node: { keepaliveIntervalMs: 100 } })
  const journal: Journal = []
  const events: LifecycleEvent[] = []
  const prepare = (node: FoveaNode): void => {
    const name = node.id.split('@')[0]!
    node.behaviorRegistry.register('worker', workerOf(name, journal), { remote: true })
    node.distributedSupervisor.onLifecycleEvent((event) => events.push(event))
  }
  for (const node of world.nodes) prepare(node)
  const [a] = world.nodes as [FoveaNode]
  return {
    ...{ world, nodes: world.nodes, journal, events },
    start: (options, on = a) => during(world, on.distributedSupervisor.start(options)),
    where: async (sup) => {
      const children = await during(world, a.distributedSupervisor.getChildren(sup))
      const running = children.filter(({ status }) => status === 'running')
      return running.map(({ id, nodeId = '' }) => `${id}@${nodeId.split('@')[0]}`).toSorted()
    },
    child: async (sup, id) => {
      const child = await during(world, a.distributedSupervisor.getChild(sup, id))
      return child!.ref as Ref<WorkerApi>
    },
    join: async (name) => {
      const node = await world.start(name)
      prepare(node)
      await world.connected()
      return node
    },
    alive: () =>
      world.nodes.reduce(
        (sum, { system }) =>
          sum + [...system.processes()].filter(({ label }) => label.includes('worker/1')).length,
        0,
      ),
    [Symbol.asyncDispose]: () => world.stop(),
  }
}

const at = (id: string, node: FoveaNode, more = {}) => ({
  ...{ id, behavior: WorkerContract, arg: { id, ...more } },
  nodeSelector: { node: node.id as string },
})
const types = (events: readonly LifecycleEvent[]): string[] => events.map(({ type }) => type)

describe('children on many nodes', () => {
  it('NX-D9 get their argument, wherever they run, and all are stopped in reverse order', async () => {
    await using t = await setup(3)
    const [a, b, c] = t.nodes as [FoveaNode, FoveaNode, FoveaNode]
    const sup = await t.start({ name: 'jobs', children: [at('x', b), at('y', a), at('z', c)] })
    expect(await t.where(sup)).toEqual(['x@n2', 'y@n1', 'z@n3'])
    const x = await t.child(sup, 'x')
    expect(await during(t.world, x.call.arg())).toEqual({ id: 'x' })
    const { distributedSupervisor: functions } = a
    expect(functions.isRunning('jobs')).toBe(true)
    expect(await during(t.world, functions.countChildren('jobs'))).toMatchObject({
      ...{ specs: 3, active: 3, byNode: { [a.id]: 1, [b.id]: 1, [c.id]: 1 } },
    })
    // A ref works from any node.
    const seen = await during(t.world, b.distributedSupervisor.getChildren(sup))
    expect(seen.map(({ id, pid }) => [id, isPid(pid)])).toEqual([
      ...[
        ['x', true],
        ['y', true],
        ['z', true],
      ],
    ])
    await during(t.world, functions.stop('jobs'))
    expect(t.journal).toEqual(['+x@n2', '+y@n1', '+z@n3', '-z@n3', '-y@n1', '-x@n2'])
    expect([t.alive(), functions.isRunning(sup)]).toEqual([0, false])
    await expect(functions.getChild('jobs', 'x')).rejects.toMatchObject({
      ...{ code: 'ERR_CALL_EXIT', reason: 'noproc', message: "call to 'jobs' failed: 'noproc'" },
    })
    expect(types(t.events)).toEqual([
      ...['child_started', 'child_started', 'child_started', 'supervisor_started'],
      ...['child_stopped', 'child_stopped', 'child_stopped', 'supervisor_stopped'],
    ])
  })

  it('NX-D7 a child that crashes is started again where its selector says, with its argument', async () => {
    await using t = await setup(2)
    const [, b] = t.nodes as [FoveaNode, FoveaNode]
    const sup = await t.start({ children: [at('x', b), { ...at('y', b), restart: 'transient' }] })
    const before = await t.child(sup, 'x')
    await failing(t.world, before.call.crash())
    await t.world.clock.advance(20)
    const after = await t.child(sup, 'x')
    expect(after.pid.id).not.toBe(before.pid.id)
    expect(await during(t.world, after.call.arg())).toEqual({ id: 'x' })
    expect(t.events.at(-1)).toMatchObject({ type: 'child_restarted', childId: 'x', attempt: 1 })
    const y = await t.child(sup, 'y')
    await during(t.world, y.call.quit('normal'))
    await t.world.clock.advance(20)
    expect(await t.where(sup)).toEqual(['x@n2'])
  })

  it('X-13 a transient child that ends at once is not taken for one that crashed', async () => {
    await using t = await setup(2)
    const specs = t.nodes.map((node, index) => ({
      ...at(`q${index}`, node, { quitsAtOnce: true }),
      restart: 'transient' as const,
    }))
    const sup = await t.start({ children: specs })
    await t.world.clock.advance(50)
    const stats = await during(t.world, t.nodes[0]!.distributedSupervisor.getStats(sup))
    expect(stats).toMatchObject({ specs: 2, active: 0, restarts: 0 })
  })

  it('are added, stopped, started again and removed; requests that do not fit have their codes', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const { distributedSupervisor: functions } = a
    const sup = await t.start({ childrenMax: 2 })
    const started = await during(t.world, functions.startChild(sup, at('x', b)))
    expect(started).toMatchObject({ id: 'x', status: 'running', nodeId: b.id, restarts: 0 })
    const code = async (promise: Promise<unknown>): Promise<unknown> =>
      (await failing(t.world, promise)).code
    expect(await code(functions.startChild(sup, at('x', b)))).toBe('ERR_DSUP_CHILD_DUPLICATE')
    expect(await code(functions.startChild(sup, { arg: 1 }))).toBe('ERR_DSUP_SIMPLE_ONE_FOR_ONE')
    expect(await code(functions.restartChild(sup, 'x'))).toBe('ERR_DSUP_CHILD_RUNNING')
    expect(await code(functions.terminateChild(sup, 'q'))).toBe('ERR_DSUP_CHILD_NOT_FOUND')
    const failingStart = functions.startChild(sup, at('f', b, { fails: true }))
    expect(await failing(t.world, failingStart)).toMatchObject({
      ...{ code: 'ERR_DSUP_CHILD_START', childId: 'f', cause: { code: 'ERR_SPAWN_INIT' } },
    })
    const elsewhere = { ...at('e', b), nodeSelector: { node: 'gone@10.9.9.9:1' } }
    expect(await code(functions.startChild(sup, elsewhere))).toBe('ERR_DSUP_NO_NODE')
    const unknown = { ...at('u', b), behavior: 'nope' }
    expect(await code(functions.startChild(sup, unknown))).toBe('ERR_DSUP_BEHAVIOR_NOT_FOUND')
    await during(t.world, functions.startChild(sup, at('y', b)))
    expect(await code(functions.startChild(sup, at('z', b)))).toBe('ERR_DSUP_CHILDREN_MAX')
    await during(t.world, functions.terminateChild(sup, 'x'))
    expect([await t.where(sup), t.alive()]).toEqual([['y@n2'], 1])
    await during(t.world, functions.restartChild(sup, 'x'))
    expect(await t.where(sup)).toEqual(['x@n2', 'y@n2'])
    await during(t.world, functions.terminateChild(sup, 'x'))
    await during(t.world, functions.deleteChild(sup, 'x'))
    expect(await during(t.world, functions.getChild(sup, 'x'))).toBeUndefined()
  })

  it('of simple_one_for_one come from the template', async () => {
    await using t = await setup(2)
    const { distributedSupervisor: functions } = t.nodes[0]!
    const childTemplate = { behavior: 'worker', nodeSelector: 'round_robin' as const }
    const sup = await t.start({ strategy: 'simple_one_for_one', childTemplate })
    for (const id of ['a', 'b', 'c', 'd']) {
      await during(t.world, functions.startChild(sup, { arg: { id } }))
    }
    const { byNode } = await during(t.world, functions.countChildren(sup))
    expect(Object.values(byNode)).toEqual([2, 2])
    const withId = functions.startChild(sup, at('x', t.nodes[0]!))
    expect(await failing(t.world, withId)).toMatchObject({ code: 'ERR_DSUP_SIMPLE_ONE_FOR_ONE' })
    const none = functions.start({ strategy: 'simple_one_for_one' })
    expect(await failing(t.world, none)).toMatchObject({ code: 'ERR_DSUP_TEMPLATE_MISSING' })
    const renamed = functions.start({ maxRestarts: 1 } as never)
    expect(await failing(t.world, renamed)).toMatchObject({ code: 'ERR_OPTION_RENAMED' })
  })

  it('a supervisor whose child does not start stops the others, and says why', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const starting = a.distributedSupervisor.start({
      children: [at('x', b), at('f', a, { fails: true })],
    })
    expect(await failing(t.world, starting)).toMatchObject({
      ...{ code: 'ERR_DSUP_CHILD_START', childId: 'f', cause: { code: 'ERR_SPAWN_INIT' } },
    })
    expect([t.journal, t.alive()]).toEqual([['+x@n2', '-x@n2'], 0])
  })
})

describe('strategies over nodes', () => {
  it('one_for_all and rest_for_one stop in reverse and start in order, on every node', async () => {
    await using t = await setup(3)
    const [a, b, c] = t.nodes as [FoveaNode, FoveaNode, FoveaNode]
    const children = [at('x', a), at('y', b), at('z', c)]
    const all = await t.start({ strategy: 'one_for_all', children })
    t.journal.length = 0
    await failing(t.world, (await t.child(all, 'y')).call.crash())
    await t.world.clock.advance(50)
    expect(t.journal).toEqual(['-y@n2', '-z@n3', '-x@n1', '+x@n1', '+y@n2', '+z@n3'])
    await during(t.world, a.distributedSupervisor.stop(all))
    const rest = await t.start({ strategy: 'rest_for_one', children })
    t.journal.length = 0
    await failing(t.world, (await t.child(rest, 'y')).call.crash())
    await t.world.clock.advance(50)
    expect(t.journal).toEqual(['-y@n2', '-z@n3', '+y@n2', '+z@n3'])
  })

  it('G12 one restart too many, counted over all nodes, ends the supervisor and every child', async () => {
    await using t = await setup(3)
    const [a, b, c] = t.nodes as [FoveaNode, FoveaNode, FoveaNode]
    const children = [at('x', b), at('y', c), at('z', a)]
    const sup = await t.start({ intensity: 2, periodMs: 60_000, children })
    const ends: unknown[] = []
    a.system.watch(sup.pid, (reason) => ends.push(reason))
    for (const id of ['x', 'y', 'x']) {
      await failing(t.world, (await t.child(sup, id)).call.crash())
      await t.world.clock.advance(50)
    }
    expect(ends).toMatchObject([{ shutdown: { code: 'ERR_DSUP_MAX_RESTARTS', maxRestarts: 2 } }])
    expect(t.alive()).toBe(0)
  })

  it('NX-L2 a start that fails for ever after the loss of a node is too many restarts, not a loop', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const first = ([node]: readonly { readonly id: string }[]): string | undefined => node?.id
    const there = (nodes: readonly { readonly id: string }[]): string | undefined =>
      nodes.find(({ id }) => id === b.id)?.id ?? first(nodes)
    const child = { id: 'x', behavior: 'worker', arg: { id: 'x' }, nodeSelector: there }
    const sup = await t.start({ intensity: 3, periodMs: 60_000, children: [child] })
    const ends: unknown[] = []
    a.system.watch(sup.pid, (reason) => ends.push(reason))
    a.behaviorRegistry.unregister('worker')
    a.behaviorRegistry.register('worker', failingWorker)
    t.world.kill(b)
    await t.world.clock.advance(5_000)
    expect(ends).toMatchObject([{ shutdown: { code: 'ERR_DSUP_MAX_RESTARTS' } }])
    expect(t.events.at(-1)).toMatchObject({ type: 'supervisor_stopped' })
  })

  it('the end of a significant child on another node ends the supervisor', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const significant = { ...at('x', b), restart: 'transient' as const, significant: true }
    const sup = await t.start({
      autoShutdown: 'any_significant',
      children: [significant, at('y', a)],
    })
    await during(t.world, (await t.child(sup, 'x')).call.quit('normal'))
    await t.world.clock.advance(50)
    expect([a.distributedSupervisor.isRunning(sup), t.alive()]).toEqual([false, 0])
  })
})

describe('nodes that come and go', () => {
  it('NX-D8 G12 each child of a node that died is started elsewhere exactly once, as one restart', async () => {
    await using t = await setup(3)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const ids = Array.from({ length: 12 }, (_, index) => `c${index}`)
    const children = ids.map((id) => ({ id, behavior: 'worker', arg: { id } }))
    const sup = await t.start({ nodeSelector: 'round_robin', intensity: 1, children })
    const lost = (await t.where(sup)).filter((each) => each.endsWith('@n2'))
    expect(lost.length).toBe(4)
    t.journal.length = 0
    t.world.kill(b)
    await t.world.clock.advance(5_000)
    const started = t.journal.filter((each) => each.startsWith('+'))
    expect(started.map((each) => each.slice(1, each.indexOf('@'))).toSorted()).toEqual(
      lost.map((each) => each.slice(0, each.indexOf('@'))).toSorted(),
    )
    const where = await t.where(sup)
    expect([where.length, where.some((each) => each.endsWith('@n2'))]).toEqual([12, false])
    const failures = t.events.filter(({ type }) => type === 'node_failure_detected')
    expect(failures).toMatchObject([{ nodeId: b.id }])
    expect(t.events.filter(({ type }) => type === 'child_migrated')).toHaveLength(4)
    const stats = await during(t.world, a.distributedSupervisor.getStats(sup))
    expect(stats).toMatchObject({ restarts: 4, migrations: 4, active: 12 })
  })

  it('a child whose only node is gone waits for it, and is started when it is back', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const sup = await t.start({ intensity: 1, children: [at('x', b)] })
    t.world.partition(a, b)
    await t.world.clock.advance(5_000)
    const { distributedSupervisor: functions } = a
    expect(await during(t.world, functions.getStats(sup))).toMatchObject({ waiting: 1, active: 0 })
    // Its own node has ended it meanwhile, because it saw the loss too.
    expect(t.alive()).toBe(0)
    t.world.heal()
    await t.world.connected()
    await t.world.clock.advance(1_000)
    expect([await t.where(sup), t.alive()]).toEqual([['x@n2'], 1])
  })

  it('after a partition no child runs twice, also one that traps exits', async () => {
    await using t = await setup(3)
    const [a, b, c] = t.nodes as [FoveaNode, FoveaNode, FoveaNode]
    const selector = (nodes: readonly { readonly id: string }[]): string =>
      nodes.find(({ id }) => id === b.id)?.id ?? c.id
    const child = { id: 'x', behavior: 'worker', nodeSelector: selector }
    const sup = await t.start({ children: [{ ...child, arg: { id: 'x', traps: true } }] })
    expect(await t.where(sup)).toEqual(['x@n2'])
    t.world.partition(a, b)
    await t.world.clock.advance(10_000)
    expect(await t.where(sup)).toEqual(['x@n3'])
    expect(t.alive()).toBe(1)
    t.world.heal()
    await t.world.clock.advance(10_000)
    expect([await t.where(sup), t.alive()]).toEqual([['x@n3'], 1])
  })

  it('children end with their supervisor, and with its node, also those that trap exits', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const children = [at('x', b), at('y', b, { traps: true })]
    const first = await t.start({ children })
    a.system.exit(first.pid, 'kill')
    await t.world.clock.advance(100)
    expect(t.alive()).toBe(0)
    await t.start({ children })
    expect(t.alive()).toBe(2)
    t.world.kill(a)
    await t.world.clock.advance(10_000)
    expect(t.alive()).toBe(0)
  })

  it('a node that stops in good order stops its supervisors with all their children', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    await t.start({ children: [at('x', b), at('y', a)] })
    await during(t.world, a.stop())
    await t.world.clock.advance(100)
    expect(t.alive()).toBe(0)
    // Nothing was started again on the way out.
    expect(t.journal.filter((each) => each.startsWith('+'))).toHaveLength(2)
  })
})

describe('moves', () => {
  it('G12 a node that joins takes at most 1/n + 20 % of the children, with their state', async () => {
    await using t = await setup(2)
    const [a] = t.nodes as [FoveaNode]
    // So many that the share of the new node is near its mean, whatever keys the nodes have.
    const ids = Array.from({ length: 80 }, (_, index) => `c${index}`)
    const children = ids.map((id) => ({ id, behavior: 'worker', arg: { id }, handoff: true }))
    const sup = await t.start({ nodeSelector: 'rendezvous', children })
    const addAll = async (by: number): Promise<number[]> => {
      const all = await during(t.world, a.distributedSupervisor.getChildren(sup))
      const sums = all.map(({ ref }) => (ref as Ref<WorkerApi>).call.add(by))
      return during(t.world, Promise.all(sums))
    }
    await addAll(7)
    t.events.length = 0
    await t.join('n3')
    await t.world.clock.advance(3_000)
    const moves = t.events.filter(({ type }) => type === 'child_migrated')
    expect(moves.length).toBeLessThanOrEqual(80 * (1 / 3 + 0.2))
    expect(moves.length).toBeGreaterThan(0)
    for (const move of moves) expect(move).toMatchObject({ why: 'rebalance', withState: true })
    const here = (await t.where(sup)).filter((each) => each.endsWith('@n3'))
    expect(here).toHaveLength(moves.length)
    expect(await addAll(0)).toEqual(ids.map(() => 7))
    expect(t.alive()).toBe(80)
    const stats = await during(t.world, a.distributedSupervisor.getStats(sup))
    expect(stats).toMatchObject({ restarts: 0, active: 80 })
  })

  it('a drained node gives its children away with their state, and gets no new ones', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const { distributedSupervisor: functions } = a
    const spread = { behavior: 'worker', nodeSelector: 'round_robin' as const, handoff: true }
    const children = ['x', 'y'].map((id) => ({ ...spread, id, arg: { id } }))
    const sup = await t.start({ children: [...children, at('z', b)] })
    const there = (await t.where(sup)).find((each) => each.endsWith('@n2'))!.slice(0, 1)
    await during(t.world, (await t.child(sup, there)).call.add(5))
    const result = await during(t.world, functions.drain(sup, b.id))
    expect(result).toEqual({ moved: [there], kept: ['z'] })
    expect(await t.where(sup)).toEqual(['x@n1', 'y@n1', 'z@n2'])
    expect(await during(t.world, (await t.child(sup, there)).call.add(0))).toBe(5)
    const late = await during(
      t.world,
      functions.startChild(sup, { ...spread, id: 'w', arg: { id: 'w' } }),
    )
    expect(late.nodeId).toBe(a.id)
    await during(t.world, functions.undrain(sup, b.id))
    const ids = ['p', 'q']
    for (const id of ids)
      await during(t.world, functions.startChild(sup, { ...spread, id, arg: { id } }))
    expect((await t.where(sup)).filter((each) => each.endsWith('@n2')).length).toBe(2)
  })

  it('a drained node keeps children that no other node offers, and a state that gets lost is told', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const { distributedSupervisor: functions } = a
    b.behaviorRegistry.register('special', workerOf('n2', t.journal), { remote: true })
    const child = { id: 'x', behavior: 'special', arg: { id: 'x' }, handoff: true }
    const sup = await t.start({ children: [child] })
    await during(t.world, (await t.child(sup, 'x')).call.add(5))
    const kept = await during(t.world, functions.drain(sup, b.id))
    expect(kept).toEqual({ moved: [], kept: ['x'] })
    expect(await during(t.world, (await t.child(sup, 'x')).call.add(0))).toBe(5)
    expect(t.journal).toEqual(['+x@n2'])
    // It is offered here now, but does not start.
    a.behaviorRegistry.register('special', failingWorker, { remote: true })
    const moved = await during(t.world, functions.drain(sup, b.id))
    expect(moved).toEqual({ moved: ['x'], kept: [] })
    expect(a.stats().refused).toMatchObject({ ERR_DSUP_HANDOFF: 1 })
  })
})

describe('the host of children', () => {
  it('serves a supervisor only: nobody else starts for it, stops or abandons its children', async () => {
    await using t = await setup(3)
    const [a, b, c] = t.nodes as [FoveaNode, FoveaNode, FoveaNode]
    const sup = await t.start({ children: [at('x', b)] })
    const x = await t.child(sup, 'x')
    const ask = async (name: string, input: unknown): Promise<unknown> =>
      (await failing(t.world, c.remoteCall.call({ name: '$children', node: b.id }, name, input)))
        .code
    const start = { owner: sup.pid, childId: 'y', behavior: 'worker', timeoutMs: 1, shutdownMs: 1 }
    expect(await ask('start', start)).toBe('ERR_DSUP_HOST')
    expect(await ask('start', { ...start, timeoutMs: -1 })).toBe('ERR_DSUP_HOST')
    expect(await ask('start', null)).toBe('ERR_DSUP_HOST')
    expect(await ask('stop', x.pid)).toBe('ERR_DSUP_HOST')
    expect(await ask('what', x.pid)).toBe('ERR_DSUP_HOST')
    const service = { name: '$children', node: b.id }
    c.remoteCall.cast(service, 'abandon', { owner: sup.pid, childId: 'x' })
    c.remoteCall.cast(service, 'abandon', 7)
    await t.world.clock.advance(50)
    expect(b.stats().refused).toMatchObject({ ERR_DIST_MESSAGE: 2 })
    expect(await t.where(sup)).toEqual(['x@n2'])
    expect(await during(t.world, x.call.add(1))).toBe(1)
    // Nor may it run what was not registered for others.
    b.behaviorRegistry.unregister('worker')
    b.behaviorRegistry.register('worker', workerOf('n2', t.journal))
    const late = a.distributedSupervisor.startChild(sup, at('z', b))
    expect(await failing(t.world, late)).toMatchObject({ code: 'ERR_DSUP_BEHAVIOR_NOT_FOUND' })
  })

  it('is a child of a local supervisor like any other, and outlives the crash of its keeper', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const jobs = a.distributedSupervisor.child(
      { name: 'jobs', children: [at('x', b)] },
      { id: 'jobs' },
    )
    const top = await during(t.world, Supervisor.start({ children: [jobs], system: a.system }))
    const before = await t.child(a.system.whereis('jobs') as never, 'x')
    a.system.exit(a.system.whereis('jobs')!, 'kill')
    await t.world.clock.advance(100)
    const after = await t.child(a.system.whereis('jobs') as never, 'x')
    expect([after.pid.id === before.pid.id, t.alive()]).toEqual([false, 1])
    const keeper = [...a.system.processes()].find(({ label }) =>
      label.includes('fovea.distributed_supervisors/1'),
    )
    a.system.exit(keeper!.pid, 'kill')
    await t.world.clock.advance(100)
    expect(t.alive()).toBe(1)
    await during(t.world, Supervisor.stop(top))
    expect(t.alive()).toBe(0)
  })
})

describe('selectors over nodes', () => {
  it('NX-D21 least_loaded goes where the fewest processes are, by what nodes say of themselves', async () => {
    await using t = await setup(3)
    const [a, b, c] = t.nodes as [FoveaNode, FoveaNode, FoveaNode]
    for (const [node, count] of [
      ...([
        [a, 200],
        [b, 50],
      ] as const),
    ]) {
      for (let i = 0; i < count; i++) {
        node.system.spawn(async (ctx) => ctx.receive(undefined, { timeoutMs: Infinity }))
      }
    }
    const children = Array.from({ length: 5 }, (_, index) => ({
      ...{ id: `c${index}`, behavior: 'worker', arg: { id: `c${index}` } },
    }))
    const sup = await t.start({ nodeSelector: 'least_loaded', children })
    const { byNode } = await during(t.world, a.distributedSupervisor.countChildren(sup))
    expect(byNode).toEqual({ [c.id]: 5 })
  })

  it('goes on to the next node when one does not offer the behaviour', async () => {
    await using t = await setup(3)
    const [a, b, c] = t.nodes as [FoveaNode, FoveaNode, FoveaNode]
    for (const node of [a, b]) node.behaviorRegistry.unregister('worker')
    const children = ['x', 'y', 'z'].map((id) => ({ id, behavior: 'worker', arg: { id } }))
    const sup = await t.start({ nodeSelector: 'round_robin', children })
    const { byNode } = await during(t.world, a.distributedSupervisor.countChildren(sup))
    expect(byNode).toEqual({ [c.id]: 3 })
  })
})
