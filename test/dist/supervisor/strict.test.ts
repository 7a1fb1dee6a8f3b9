import { afterEach, describe, expect, it } from 'vitest'
import {
  contract,
  implement,
  noreply,
  reply,
  type Contract,
  type Server,
} from '../../../behaviours/index.ts'
import type { FoveaNode, Sharded } from '../../../dist/index.ts'
import { startVoters, type VoterWorld } from '../support/voters.ts'
import { during, failing, startWorld } from '../support/world.ts'

/** Lives as they begin and end on all nodes, with their tokens. */
interface Life {
  readonly what: '+' | '-'
  readonly node: string
  readonly token: number
}

interface JobApi {
  call: { token(): number }
  cast: {}
}
const JobContract: Contract<JobApi> = contract('job/1', { call: { token: true }, cast: {} })

interface JobArg {
  readonly token: number
}

/** Traps exits, so that only what its node does ends it. */
function jobOf(node: string, lives: Life[]): Server<JobApi, JobArg> {
  return implement<JobApi, JobArg, JobArg>(JobContract, {
    init: ({ token }, ctx) => {
      ctx.trapExit(true)
      lives.push({ what: '+', node, token })
      ctx.signal.addEventListener('abort', () => lives.push({ what: '-', node, token }))
      return { token }
    },
    call: { token: (state) => reply(state.token, state) },
    cast: {},
    info: (state) => noreply(state),
  })
}

const LEASES = { ttlMs: 600, graceMs: 100, roundMs: 100 }

let world: VoterWorld
let lives: Life[]
afterEach(() => world.stop())

async function start(others = 0): Promise<readonly [FoveaNode, FoveaNode, FoveaNode]> {
  lives = []
  world = await startVoters({ voters: 3, others }, LEASES, {
    node: { keepaliveIntervalMs: 100 },
  })
  for (const node of [...world.voters, ...world.others]) {
    const name = node.id.split('@')[0]!
    node.behaviorRegistry.register(jobOf(name, lives), { remote: true })
  }
  return world.voters as unknown as readonly [FoveaNode, FoveaNode, FoveaNode]
}

/** No life begins before the one before it has ended, and tokens grow. */
function expectOneAtATime(): void {
  expect(lives.map(({ what }) => what)).toEqual(lives.map((_, i) => (i % 2 === 0 ? '+' : '-')))
  const tokens = lives.filter(({ what }) => what === '+').map(({ token }) => token)
  expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b))
}

describe('children under leases', () => {
  it('G12 a child is started again only when its former run has ended, on whatever side of a cut', async () => {
    const [a, b, c] = await start()
    const selector = (nodes: readonly { readonly id: string }[]): string | undefined =>
      [b.id, c.id].find((id) => nodes.some((node) => node.id === id))
    const child = { id: 'x', behavior: 'job/1', nodeSelector: selector, fenced: true }
    const options = { name: 'jobs', mode: 'strict' as const, children: [child] }
    const { distributedSupervisor: functions } = a
    const sup = await during(world, functions.start(options))
    expect(lives).toEqual([{ what: '+', node: 'v1', token: 1 }])
    // The node of the child is alone: it ends it before the lease does, then the other one may.
    for (const other of [a, c]) world.partition(b, other)
    await world.clock.advance(6_000)
    expect(lives.map(({ what, node }) => what + node)).toEqual(['+v1', '-v1', '+v2'])
    world.heal()
    await world.connected()
    // The supervisor is alone: it can start nothing, and the child's node ends what is left.
    for (const other of [b, c]) world.partition(a, other)
    await world.clock.advance(6_000)
    expect(lives.map(({ what, node }) => what + node)).toEqual(['+v1', '-v1', '+v2', '-v2'])
    expect(await during(world, functions.getStats(sup))).toMatchObject({ waiting: 1, active: 0 })
    world.heal()
    await world.connected()
    await world.clock.advance(3_000)
    const after = await during(world, functions.getStats(sup))
    expect(after).toMatchObject({ waiting: 0, active: 1 })
    expectOneAtATime()
  })

  it('G12 two supervisors of one name do not run a child twice; voters and a name are needed', async () => {
    const [a, b] = await start()
    const child = { id: 'x', behavior: 'job/1', fenced: true }
    const options = { name: 'jobs', mode: 'strict' as const, children: [child] }
    const first = await during(world, a.distributedSupervisor.start(options))
    const second = b.distributedSupervisor.start({ ...options, leaseTimeoutMs: 300 })
    expect(await failing(world, second)).toMatchObject({ code: 'ERR_DSUP_CHILD_CLAIMED' })
    await during(world, a.distributedSupervisor.stop(first))
    await during(world, b.distributedSupervisor.start(options))
    expect(lives.map(({ what, node }) => what + node)).toEqual(['+v0', '-v0', '+v1'])
    expectOneAtATime()
    const nameless = a.distributedSupervisor.start({ mode: 'strict' })
    expect(await failing(world, nameless)).toMatchObject({ option: 'name' })
    await using plain = await startWorld(1)
    const without = plain.nodes[0]!.distributedSupervisor.start(options)
    expect(await failing(plain, without)).toMatchObject({ code: 'ERR_VOTERS_REQUIRED' })
  })

  it('children that wait for leases of others do not keep their supervisor from answering', async () => {
    const [a, b] = await start(1)
    const c = world.others[0]!
    const nodeSelector = (nodes: readonly { readonly id: string }[]): string =>
      nodes.some(({ id }) => id === c.id) ? c.id : a.id
    const children = ['x', 'y', 'z'].map((id) => ({
      ...{ id, behavior: 'job/1', nodeSelector, fenced: true },
    }))
    const options = { name: 'jobs', mode: 'strict' as const, leaseTimeoutMs: 30, children }
    const { distributedSupervisor: functions } = a
    const sup = await during(world, functions.start(options))
    const leases = children.map(({ id }) => b.leases.acquire(`child:jobs/${id}`))
    world.kill(c)
    const held = await during(world, Promise.all(leases))
    await world.clock.advance(5_000)
    // However long they wait: one look at them is under way, not one more with each.
    expect(a.system.process(sup.pid)!.mailboxLength).toBeLessThan(2)
    expect(await during(world, functions.getStats(sup), 200)).toMatchObject({ waiting: 3 })
    for (const lease of held) lease.release()
    await world.clock.advance(3_000)
    expect(await during(world, functions.getStats(sup))).toMatchObject({ waiting: 0, active: 3 })
  })
})

describe('shards under leases', () => {
  it('G11 an entity and a child end with their lease also while they start or are let go', async () => {
    const [a, b, c] = await start()
    const Slow: Contract<JobApi> = contract('slow/1', { call: { token: true }, cast: {} })
    const ended: string[] = []
    const pause = (ms: number): Promise<void> =>
      new Promise((resolve) => void world.clock.setTimer(ms, resolve))
    const server = implement<JobApi, string, string>(Slow, {
      init: async (id, ctx) => {
        ctx.signal.addEventListener('abort', () => ended.push(id.slice(0, 4)))
        ctx.trapExit(true)
        if (id.startsWith('init')) await pause(8_000)
        return id
      },
      call: { token: (id) => reply(0, id) },
      cast: {},
      info: (id) => noreply(id),
      terminate: () => pause(4_000),
    })
    const all: Sharded[] = []
    for (const node of [a, b, c]) {
      node.behaviorRegistry.register(server)
      const starting = node.sharding.start({ entity: Slow, shards: 8, mode: 'strict' })
      all.push(await during(world, starting))
    }
    await world.clock.advance(2_000)
    const ofA = (prefix: string): string =>
      Array.from({ length: 60 }, (_, i) => prefix + i).find((id) => all[1]!.hostOf(id) === a.id)!
    await during(world, all[1]!.entityRef(ofA('slow')).call('token'))
    const calling = all[1]!.entityRef(ofA('init')).call('token')
    const called = calling.catch(() => {})
    const child = { id: 'x', behavior: 'slow/1', arg: 'init-child' }
    const jobs = { name: 'jobs', mode: 'strict' as const, intensity: 0, children: [child] }
    const supervising = a.distributedSupervisor.start(jobs).catch(() => {})
    await world.clock.advance(50)
    const stopping = all[0]!.stop()
    await world.clock.advance(10)
    expect(ended).toEqual([])
    for (const other of [b, c]) world.partition(a, other)
    await world.clock.advance(LEASES.ttlMs)
    expect(ended.toSorted()).toEqual(['init', 'init', 'slow'])
    await during(world, stopping)
    await during(world, Promise.all([called, supervising]))
  })

  it('G11 an entity runs on one side of a cut at most, with tokens that grow', async () => {
    const [a, b, c] = await start()
    const options = { entity: JobContract, shards: 8, mode: 'strict' as const }
    const argOf = ({ token }: { readonly token: number | undefined }): unknown => ({ token })
    const all = []
    for (const node of [a, b, c]) {
      all.push(
        await during(world, node.sharding.start({ ...options, argOf, waitTimeoutMs: 2_000 })),
      )
    }
    await world.clock.advance(2_000)
    const [fromA, fromB] = all
    const ids = Array.from({ length: 40 }, (_, i) => `job-${i}`)
    const id = ids.find((each) => fromB!.hostOf(each) === a.id)!
    await during(world, fromB!.entityRef(id).call('token'))
    expect(lives).toMatchObject([{ what: '+', node: 'v0' }])
    for (const other of [b, c]) world.partition(a, other)
    await world.clock.advance(6_000)
    // The side without a majority has none.
    const alone = fromA!.entityRef(id).call('token')
    expect(await failing(world, alone)).toMatchObject({ code: 'ERR_SHARD_UNAVAILABLE' })
    await during(world, fromB!.entityRef(id).call('token'))
    expect(lives.map(({ what }) => what)).toEqual(['+', '-', '+'])
    world.heal()
    await world.connected()
    await world.clock.advance(4_000)
    const answers = all.map((sharded) => sharded.entityRef(id).call('token'))
    const tokens = await during(world, Promise.all(answers))
    expect(new Set(tokens).size).toBe(1)
    expectOneAtATime()
  })
})
