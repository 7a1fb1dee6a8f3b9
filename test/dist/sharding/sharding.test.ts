import { describe, expect, it } from 'vitest'
import {
  contract,
  implement,
  noreply,
  reply,
  stop,
  type Contract,
  type Server,
} from '../../../behaviours/index.ts'
import type {
  EntityFacts,
  EntityRef,
  FoveaNode,
  NodeOptions,
  Sharded,
  ShardingOptions,
} from '../../../dist/index.ts'
import { createRealm, nodeKeysFromSeed, type Realm } from '../../../mesh/index.ts'
import type { SimClock } from '../../../runtime/index.ts'
import { during, failing, startWorld, type LoggedWorld } from '../support/world.ts'

interface CartApi {
  call: {
    add(n: number): number
    token(): number | undefined
    /** Answers when the test lets it. */
    hang(): string
    crash(): never
  }
  cast: { put(seq: number): void; work(ms: number): void }
}
const CartContract: Contract<CartApi> = contract('cart/1', {
  call: { add: true, token: true, hang: true, crash: true },
  cast: { put: true, work: true },
})

/** `+id@n1`, `-id@n1` for lives; `id=3` for what a cast brought. */
type Journal = string[]

function cartOf(node: string, journal: Journal, clock: SimClock): Server<CartApi, EntityFacts> {
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => void clock.setTimer(ms, resolve))
  return implement<CartApi, EntityFacts, { readonly facts: EntityFacts; readonly n: number }>(
    CartContract,
    {
      init: (facts, ctx) => {
        if (facts.id === 'broken') throw new Error('told to fail')
        if (facts.id === 'endless') return new Promise(() => {})
        if (facts.id.startsWith('slow')) ctx.trapExit(true)
        journal.push(`+${facts.id}@${node}`)
        const { id } = facts
        ctx.signal.addEventListener('abort', () => journal.push(`-${id}@${node}`))
        return { facts, n: 0 }
      },
      call: {
        add: (state, n) => reply(state.n + n, { ...state, n: state.n + n }),
        token: (state) => reply(state.facts.token, state),
        hang: (state) => noreply(state),
        crash: (state) => stop(new Error('told to crash'), state),
      },
      cast: {
        put: (state, seq) => {
          journal.push(`${state.facts.id}=${seq}`)
          return noreply(state)
        },
        work: async (state, ms) => {
          await pause(ms)
          journal.push(`worked ${ms}`)
          return noreply(state)
        },
      },
      info: (state) => noreply(state),
      terminate: async (_reason, { facts }) => {
        if (facts.id.startsWith('slow')) await pause(300)
      },
    },
  )
}

interface Setup {
  readonly world: LoggedWorld
  readonly nodes: readonly FoveaNode[]
  readonly carts: Sharded<CartApi>[]
  readonly journal: Journal
  start(node: FoveaNode, options?: Partial<ShardingOptions<CartApi>>): Promise<Sharded<CartApi>>
  join(name: string): Promise<FoveaNode>
  /** Lives of an entity now, by node. */
  lives(id: string): string[]
  [Symbol.asyncDispose](): Promise<void>
}

async function setup(
  count: number,
  options: Partial<ShardingOptions<CartApi>> = {},
  node: NodeOptions = {},
): Promise<Setup> {
  const world = await startWorld(count, { node: { keepaliveIntervalMs: 100, ...node } })
  const journal: Journal = []
  const carts: Sharded<CartApi>[] = []
  const start = async (
    on: FoveaNode,
    more: Partial<ShardingOptions<CartApi>> = {},
  ): Promise<Sharded<CartApi>> => {
    const name = on.id.split('@')[0]!
    if (!on.behaviorRegistry.has('cart/1')) {
      on.behaviorRegistry.register(cartOf(name, journal, world.clock))
    }
    const argOf = (facts: EntityFacts): EntityFacts => facts
    const given = { entity: CartContract, shards: 64, argOf, ...options, ...more }
    const sharded = await during(world, on.sharding.start<CartApi>(given))
    carts.push(sharded)
    return sharded
  }
  for (const each of world.nodes) await start(each)
  await world.clock.advance(50)
  const lives = (id: string): string[] => {
    const at = new Set<string>()
    for (const each of journal) {
      if (each.startsWith(`+${id}@`)) at.add(each.slice(1))
      if (each.startsWith(`-${id}@`)) at.delete(each.slice(1))
    }
    return [...at].map((each) => each.slice(each.indexOf('@') + 1))
  }
  return {
    ...{ world, nodes: world.nodes, carts, journal, start, lives },
    join: async (name) => {
      const joined = await world.start(name)
      await world.connected()
      return joined
    },
    [Symbol.asyncDispose]: () => world.stop(),
  }
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `c${i}`)

describe('entities', () => {
  it('start with their first message wherever their shard is, and are one for all nodes', async () => {
    await using t = await setup(3)
    for (const id of ids(12)) {
      for (const carts of t.carts) await during(t.world, carts.entityRef(id).call('add', 1))
    }
    const ref: EntityRef<CartApi> = t.nodes[0]!.sharding.entityRef(CartContract, 'c0')
    const sum: Promise<number> = ref.call('add', 0)
    expect(await during(t.world, sum)).toBe(3)
    expect(t.journal.filter((each) => each.startsWith('+'))).toHaveLength(12)
    for (const id of ids(12)) {
      expect(t.carts.map((carts) => carts.hostOf(id)!.split('@')[0])).toEqual(
        t.carts.map(() => t.lives(id)[0]),
      )
    }
    const stats = t.carts.map(({ stats }) => stats())
    expect(stats.reduce((sum, { shardsActive }) => sum + shardsActive, 0)).toBe(64)
    expect(stats.reduce((sum, { entities }) => sum + entities, 0)).toBe(12)
    expect(stats.every(({ hosts, waiting }) => hosts.length === 3 && waiting === 0)).toBe(true)
  })

  it('are stopped after passivateAfterMs without messages, and started by the next one', async () => {
    await using t = await setup(2, { passivateAfterMs: 1_000 })
    const cart = t.carts[0]!.entityRef('c1')
    await during(t.world, cart.call('add', 5))
    await t.world.clock.advance(900)
    expect(await during(t.world, cart.call('add', 0))).toBe(5)
    await t.world.clock.advance(1_300)
    expect(t.lives('c1')).toEqual([])
    expect(await during(t.world, cart.call('add', 1))).toBe(1)
    // One that owes an answer is not idle.
    const hanging = cart.call('hang', undefined, { timeoutMs: 5_000 }).catch(() => 'over')
    await t.world.clock.advance(3_000)
    expect(t.lives('c1')).toHaveLength(1)
    expect(await during(t.world, hanging)).toBe('over')
    // Nor is one that has casts to handle, which would be killed with it after stopTimeoutMs.
    for (const ms of [8_000, 1]) cart.cast('work', ms)
    await t.world.clock.advance(9_000)
    const worked = t.journal.filter((each) => each.startsWith('worked'))
    expect(worked).toEqual(['worked 8000', 'worked 1'])
  })

  it('that crash fail the call that saw it, and start anew with the next message', async () => {
    await using t = await setup(2)
    for (const id of ['c1', 'c2']) {
      const cart = t.carts[0]!.entityRef(id)
      await during(t.world, cart.call('add', 5))
      expect(await failing(t.world, cart.call('crash'))).toMatchObject({ code: 'ERR_CALL_EXIT' })
      expect(await during(t.world, cart.call('add', 1))).toBe(1)
    }
    const broken = t.carts[0]!.entityRef('broken')
    expect(await failing(t.world, broken.call('add', 1))).toMatchObject({
      ...{ code: 'ERR_SHARD_ENTITY_START', entity: 'cart/1', id: 'broken' },
      message: expect.stringMatching(/^cart\/1 'broken': did not start: .*told to fail/) as string,
      cause: { code: 'ERR_SPAWN_INIT' },
    })
    const endless = t.carts[0]!.entityRef('endless').call('add', 1, { timeoutMs: 30_000 })
    const timedOut = failing(t.world, endless)
    await t.world.clock.advance(10_000)
    expect(await timedOut).toMatchObject({
      ...{ code: 'ERR_SHARD_ENTITY_START', cause: { code: 'ERR_SPAWN_TIMEOUT' } },
    })
    expect(broken.cast('put', 1)).toBe(true)
    await t.world.clock.advance(50)
    expect(t.nodes[0]!.stats().refused).toMatchObject({ ERR_SHARD_ENTITY_START: 1 })
  })
})

describe('hosts that come and go', () => {
  /** Enough for some of them to move, whatever keys the nodes have. */
  const sentTo = ids(40)

  /** Every 2 ms a cast to each of many entities while `action` happens, and for a while after it. */
  async function traffic(t: Setup, action: () => Promise<unknown>): Promise<number> {
    let sent = 0
    let busy = true
    const acting = action().finally(() => (busy = false))
    for (let after = 0; busy || after < 80; after += busy ? 0 : 2) {
      sent++
      for (const id of sentTo) t.carts[0]!.entityRef(id).cast('put', sent)
      await t.world.clock.advance(2)
      if (sent > 1_000) throw new Error('it does not end')
    }
    await acting
    await t.world.clock.advance(1_000)
    return sent
  }

  function expectAllInOrder(t: Setup, sent: number): void {
    for (const id of sentTo) {
      const mine = t.journal.filter((each) => each.slice(1).startsWith(`${id}@`))
      const got = t.journal.filter((each) => each.startsWith(`${id}=`))
      expect(got).toEqual(Array.from({ length: sent }, (_, i) => `${id}=${i + 1}`))
      // Never two lives of it at once.
      expect(mine.map((each) => each[0])).toEqual(mine.map((_, i) => (i % 2 === 0 ? '+' : '-')))
    }
  }

  it('a host that joins takes its shards: nothing is lost, doubled or out of order', async () => {
    await using t = await setup(2)
    const joining = async (): Promise<void> => {
      const node = await t.world.start('n3')
      const connected = (): boolean => node.cluster.getConnectedNodeCount() === 2
      for (let i = 0; i < 500 && !connected(); i++) await t.world.clock.settle()
      await t.world.clock.settle()
      node.behaviorRegistry.register(cartOf('n3', t.journal, t.world.clock))
      const argOf = (facts: EntityFacts): EntityFacts => facts
      t.carts.push(await node.sharding.start({ entity: CartContract, shards: 64, argOf }))
    }
    const sent = await traffic(t, joining)
    expectAllInOrder(t, sent)
    expect(t.carts[2]!.stats().shardsActive).toBeGreaterThan(0)
    const there = sentTo.filter((id) => t.lives(id)[0] === 'n3')
    expect(there).not.toEqual([])
    expect(there).toEqual(sentTo.filter((id) => t.carts[0]!.hostOf(id)!.startsWith('n3')))
  })

  it('a host that stops hands its shards over in good order', async () => {
    await using t = await setup(3)
    const sent = await traffic(t, () => t.carts[1]!.stop())
    expectAllInOrder(t, sent)
    expect(t.carts[0]!.stats().hosts).toHaveLength(2)
    const gone = t.nodes[1]!.sharding.entityRef(CartContract, 'c1').call('add', 1)
    expect(await failing(t.world, gone)).toMatchObject({ code: 'ERR_SHARD_STOPPED' })
    await t.carts[0]!.stop()
    t.journal.length = 0
    t.carts[0] = await t.start(t.nodes[0]!)
    // Entities that take their time: nobody starts them elsewhere meanwhile, however often stop is called.
    const id = ids(200).find((i) => t.carts[0]!.hostOf(`slow${i}`) === t.nodes[0]!.id)!
    const sendFrom = t.carts[2]!.entityRef(`slow${id}`)
    await during(t.world, sendFrom.call('add', 1))
    const stopping = [t.carts[0]!.stop(), t.carts[0]!.stop()]
    await t.world.clock.advance(20)
    const waited = sendFrom.call('add', 1)
    await during(t.world, stopping[1]!)
    expect(await during(t.world, waited)).toBe(1)
    expect(t.journal).toEqual([`+slow${id}@n1`, `-slow${id}@n1`, `+slow${id}@n3`])
    const again = await t.start(t.nodes[1]!)
    await t.world.clock.advance(1_000)
    expect(again.stats().shardsActive).toBeGreaterThan(0)
  })

  it('what a host had that died is elsewhere when that is known; who waited is told', async () => {
    await using t = await setup(3)
    const mine = ids(40).filter((id) => t.carts[0]!.hostOf(id) === t.nodes[1]!.id)
    const [first, second] = mine as [string, string]
    await during(t.world, t.carts[0]!.entityRef(first).call('add', 5))
    const waiting = failing(t.world, t.carts[0]!.entityRef(second).call('hang'))
    await t.world.clock.advance(20)
    t.world.kill(t.nodes[1]!)
    expect(await waiting).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'noconnection' })
    await t.world.clock.advance(5_000)
    expect(await during(t.world, t.carts[0]!.entityRef(first).call('add', 1))).toBe(1)
    expect(t.lives(first)).not.toEqual([])
    expect(t.carts[0]!.stats().hosts).toHaveLength(2)
  })

  it('each part of a network has its own, and one of them ends when it heals', async () => {
    await using t = await setup(2)
    const [a, b] = t.carts as [Sharded<CartApi>, Sharded<CartApi>]
    for (const id of ids(4)) await during(t.world, a.entityRef(id).call('add', 1))
    t.world.partition(t.nodes[0]!, t.nodes[1]!)
    await t.world.clock.advance(5_000)
    for (const carts of [a, b]) {
      for (const id of ids(4)) await during(t.world, carts.entityRef(id).call('add', 10))
    }
    expect(ids(4).map((id) => t.lives(id).length)).toEqual([2, 2, 2, 2])
    t.world.heal()
    await t.world.connected()
    await t.world.clock.advance(2_000)
    expect(ids(4).map((id) => t.lives(id).length)).toEqual([1, 1, 1, 1])
    const [fromA, fromB] = [a, b].map((carts) => carts.entityRef('c0').call('add', 0))
    expect(await during(t.world, fromA!)).toBe(await during(t.world, fromB!))
  })
})

describe('limits of sharding', () => {
  it('messages wait for a host, bounded in number and time', async () => {
    await using t = await setup(0)
    const node = await t.world.start('n1')
    const limits = { host: false, bufferMax: 2, waitTimeoutMs: 1_000 }
    const carts = await t.start(node, limits)
    const cart = carts.entityRef('c1')
    expect(carts.hostOf('c1')).toBeUndefined()
    const first = failing(t.world, cart.call('add', 1, { timeoutMs: 10_000 }))
    expect([cart.cast('put', 1), cart.cast('put', 2)]).toEqual([true, false])
    expect(await first).toMatchObject({ code: 'ERR_SHARD_UNAVAILABLE', id: 'c1' })
    expect(node.stats().refused).toMatchObject({
      ...{ ERR_SHARD_BUFFER_FULL: 2, ERR_SHARD_UNAVAILABLE: 1 },
    })
    expect(await failing(t.world, cart.call('add', 1, { timeoutMs: 20 }))).toMatchObject({
      ...{ code: 'ERR_CALL_TIMEOUT' },
    })
    const abort = new AbortController()
    const aborted = failing(t.world, cart.call('add', 1, { signal: abort.signal }))
    abort.abort('enough')
    expect(await aborted).toMatchObject({ code: 'ERR_CALL_ABORTED' })
    // A host that comes takes what waits.
    const waiting = cart.call('add', 7)
    const other = await t.join('n2')
    const starting = t.start(other)
    expect(await during(t.world, waiting)).toBe(7)
    await starting
  })

  it('entitiesMax entities are active on a host, one more is refused', async () => {
    await using t = await setup(1, { entitiesMax: 2 })
    const [carts] = t.carts as [Sharded<CartApi>]
    for (const id of ['c1', 'c2']) await during(t.world, carts.entityRef(id).call('add', 1))
    const third = carts.entityRef('c3').call('add', 1)
    expect(await failing(t.world, third)).toMatchObject({ code: 'ERR_SHARD_ENTITIES_MAX' })
    const { sharding } = t.nodes[0]!
    const again = sharding.start({ entity: CartContract })
    expect(await failing(t.world, again)).toMatchObject({ code: 'ERR_SHARD_STARTED' })
    const strict = sharding.start({ entity: 'other', mode: 'strict' })
    expect(await failing(t.world, strict)).toMatchObject({ code: 'ERR_VOTERS_REQUIRED' })
    expect(carts.entityRef('x'.repeat(256)).id).toHaveLength(256)
    for (const id of ['', 'x'.repeat(257)]) expect(() => carts.entityRef(id)).toThrow(/1 to 256/)
    await expect(sharding.start({} as never)).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
    await expect(sharding.start({ entity: 'e', shards: 0 })).rejects.toThrow(/shards/)
  })

  it('two nodes with different numbers of shards do not start one kind', async () => {
    await using t = await setup(1)
    const other = await t.join('n2')
    other.behaviorRegistry.register(cartOf('n2', t.journal, t.world.clock))
    const starting = other.sharding.start({ entity: CartContract, shards: 8 })
    expect(await failing(t.world, starting)).toMatchObject({ code: 'ERR_SHARD_COUNT' })
    expect(t.carts[0]!.stats().hosts).toHaveLength(1)
  })

  it('what peers say without meaning is refused and counted', async () => {
    await using t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const ask = (name: string, input: unknown): Promise<unknown> =>
      failing(t.world, a.remoteCall.call({ name: '$sharding', node: b.id }, name, input))
    const wrong: [string, unknown][] = [
      ['hello', { entity: 7, shards: 1, isHost: true }],
      ['acquire', { entity: 'cart/1', shards: [0.5] }],
      ['deliver', { entity: 'cart/1', id: '', kind: 'call', name: 'add', epoch: 1 }],
      ['deliver', null],
      ['nothing', null],
    ]
    for (const [name, input] of wrong) {
      expect(await ask(name, input)).toMatchObject({ code: 'ERR_SHARD_MESSAGE' })
    }
    a.remoteCall.cast({ name: '$sharding', node: b.id }, 'bye', 1)
    await t.world.clock.advance(10)
    expect(b.stats().refused).toMatchObject({ ERR_SHARD_MESSAGE: 6 })
  })

  it('a host that does not let others ask keeps its shards, is not asked again, and that is counted', async () => {
    const authority = nodeKeysFromSeed(new Uint8Array(32).fill(7))
    const all = { spawn: ['member'], erpc: ['member'], call: ['member'], publish: ['member'] }
    const realmOf = (call: readonly string[]): Realm =>
      createRealm('com.example.cars', { authority, policy: { grants: { ...all, call } } })
    await using t = await setup(2, { waitTimeoutMs: 1_000 }, { realm: realmOf(['member']) })
    const denying = await t.world.start('n3', { realm: realmOf(['role:none']) })
    await t.world.connected()
    await t.start(denying)
    await t.world.clock.advance(500)
    const [mine, theirs] = t.carts as [Sharded<CartApi>, Sharded<CartApi>]
    expect(mine.stats()).toMatchObject({ hosts: { length: 3 }, shardsAcquiring: 0 })
    // What the second one had is for the other two, of which one does not say that it has let go.
    const moved = ids(200).filter((id) => mine.hostOf(id) === t.nodes[1]!.id)
    await during(t.world, theirs.stop())
    await t.world.clock.advance(1_000)
    expect(mine.stats().shardsAcquiring).toBeGreaterThan(0)
    const denied = (): number => t.nodes[0]!.stats().refused['ERR_SHARD_DENIED'] ?? 0
    const before = denied()
    expect(before).toBeGreaterThan(0)
    await t.world.clock.advance(10_000)
    expect(denied()).toBe(before)
    const here = moved.find((id) => mine.hostOf(id) === t.nodes[0]!.id)!
    const calling = mine.entityRef(here).call('add', 1)
    expect(await failing(t.world, calling)).toMatchObject({ code: 'ERR_SHARD_UNAVAILABLE' })
    await during(t.world, denying.stop())
    await t.world.clock.advance(500)
    expect(mine.stats()).toMatchObject({ shardsAcquiring: 0, shardsActive: 64 })
  })

  it('nothing is left after the node has stopped: no timer, no call, no process', async () => {
    const t = await setup(2)
    const [a, b] = t.nodes as [FoveaNode, FoveaNode]
    const mine = ids(40).find((id) => t.carts[0]!.hostOf(id) === a.id)!
    const { sharding, distributedSupervisor, erpc } = a
    const calling = t.carts[0]!.entityRef(mine).call('hang', undefined, { timeoutMs: Infinity })
    const waiting = failing(t.world, calling)
    const children = [a, b].map(({ id: node }, index) => ({
      ...{ id: `x${index}`, behavior: 'cart/1', nodeSelector: { node } },
    }))
    for (const node of [a, b]) {
      node.behaviorRegistry.unregister('cart/1')
      node.behaviorRegistry.register('cart/1', cartOf('any', t.journal, t.world.clock), {
        remote: true,
      })
    }
    const withArg = children.map((child) => ({ ...child, arg: { id: child.id } }))
    const starting = distributedSupervisor.start({
      nodeSelector: 'least_loaded',
      children: withArg,
    })
    const sup = await during(t.world, starting)
    erpc.register('never', () => new Promise(() => {}))
    const never = failing(t.world, erpc.call(a.id, 'never', [], { timeoutMs: Infinity }))
    await t.world.clock.advance(10)
    await during(t.world, a.stop())
    expect((await waiting).code).toMatch(/ERR_(CALL_EXIT|SHARD_STOPPED)/)
    expect(await never).toMatchObject({ class: 'signal' })
    const late = sharding.entityRef(CartContract, 'c1').call('add', 1)
    expect(await failing(t.world, late)).toMatchObject({ code: 'ERR_SHARD_STOPPED' })
    expect(distributedSupervisor.isRunning(sup)).toBe(false)
    await t.world.stop()
    expect(t.lives('x0').length + t.lives('x1').length).toBe(0)
    expect([a, b].map(({ system }) => system.stats().processes)).toEqual([0, 0])
    expect(t.world.clock.timerCount).toBe(0)
  })
})
