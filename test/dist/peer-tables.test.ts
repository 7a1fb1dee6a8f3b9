/**
 * What a channel remembers of what is under way is forgotten with it, however it ends: no table of either side keeps anything. A number above
 * zero is traffic, such as the renewals of leases, and never a leak.
 */
import { expect, it } from 'vitest'
import type { Pid } from '../../runtime/index.ts'
import type { FoveaNode, NodeOptions } from '../../dist/index.ts'
import { startVoters } from './support/voters.ts'
import { Counter, CounterContract, during, probe, startWorld } from './support/world.ts'
import type { LoggedWorld } from './support/world.ts'

const LATENCY_MS = 10
const CALLS = 20
const TIMEOUT_MS = 400

/** Sums of what all channels of a node remember; those about what lasts, such as monitors, included. */
function tables(node: FoveaNode): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const peer of Object.values(node.stats().peers)) {
    for (const [name, count] of Object.entries(peer)) sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}

const EMPTY = {
  ...{ callsOut: 0, spawnsOut: 0, monitorsOut: 0, bytesWaiting: 0 },
  ...{ callsIn: 0, spawnsIn: 0, monitorsIn: 0, linksIn: 0 },
}

interface Scene {
  readonly world: LoggedWorld
  readonly a: FoveaNode
  readonly b: FoveaNode
  /** A counter on B, as A knows it. */
  readonly far: Pid
}

async function scene(node: NodeOptions = {}): Promise<Scene> {
  const world = await startWorld(2, { network: { latencyMs: LATENCY_MS }, node })
  const [a, b] = world.nodes as [FoveaNode, FoveaNode]
  const { pid } = await during(world, Counter.start(0, { system: b.system }))
  return { world, a, b, far: a.system.pidFor(b.key.hex, pid.id, pid.incarnation) }
}

const quiet = (call: Promise<unknown>): void => void call.catch(() => {})

/** How calls that are never answered end. Each gives how long that may take. */
const ENDS: readonly [string, (t: Scene) => number | Promise<number>][] = [
  [
    'their deadlines',
    ({ far }) => {
      const { call } = CounterContract.at(far)
      for (let i = 0; i < CALLS; i++) quiet(call.hang(undefined, { timeoutMs: TIMEOUT_MS + i }))
      return TIMEOUT_MS + CALLS
    },
  ],
  [
    'a signal',
    async ({ far, world }) => {
      const abort = new AbortController()
      const options = { timeoutMs: Infinity, signal: abort.signal }
      const { call } = CounterContract.at(far)
      for (let i = 0; i < CALLS; i++) quiet(call.hang(undefined, options))
      await world.clock.advance(LATENCY_MS)
      for (let i = 0; i < CALLS; i++) quiet(call.hang(undefined, options))
      abort.abort()
      return 0
    },
  ],
  [
    'the end of their callers, at their deadlines',
    async ({ a, far, world }) => {
      for (let i = 0; i < CALLS; i++) {
        const pid = a.system.spawn(async (ctx) => {
          await ctx.call(far, 'hang', undefined, { timeoutMs: TIMEOUT_MS })
        })
        await world.clock.advance(1)
        a.system.exit(pid, 'kill')
      }
      return TIMEOUT_MS
    },
  ],
  [
    'the end of their callee',
    async ({ b, far, world }) => {
      for (let i = 0; i < CALLS; i++) {
        quiet(CounterContract.at(far).call.hang(undefined, { timeoutMs: Infinity }))
      }
      await world.clock.advance(2 * LATENCY_MS)
      b.system.exit(b.system.pidFor(b.key.hex, far.id, far.incarnation), 'kill')
      return 0
    },
  ],
  [
    'an answer that cannot travel, and deadlines that cross answers',
    ({ far }) => {
      const { call } = CounterContract.at(far)
      for (let i = 0; i < CALLS; i++) quiet(call.unsendable(undefined))
      for (let i = 0; i < 3 * LATENCY_MS; i++) quiet(call.get(undefined, { timeoutMs: 1 + i }))
      return 3 * LATENCY_MS
    },
  ],
  [
    'a link that closes',
    async ({ a, b, far, world }) => {
      for (let i = 0; i < CALLS; i++) {
        quiet(CounterContract.at(far).call.hang(undefined, { timeoutMs: Infinity }))
      }
      await world.clock.advance(2 * LATENCY_MS)
      a.mesh.linkTo(b.key.hex)!.fail('ERR_TEST', 'for the test')
      for (let i = 0; i < CALLS; i++) {
        quiet(CounterContract.at(far).call.hang(undefined, { timeoutMs: TIMEOUT_MS }))
      }
      return TIMEOUT_MS
    },
  ],
  [
    'the death of the node',
    async ({ b, far, world }) => {
      for (let i = 0; i < CALLS; i++) {
        quiet(CounterContract.at(far).call.hang(undefined, { timeoutMs: Infinity }))
      }
      await world.clock.advance(LATENCY_MS / 2)
      world.kill(b)
      return 10_000
    },
  ],
  [
    'spawns and requests of services that are given up',
    ({ a, b }) => {
      for (let i = 0; i < CALLS; i++) {
        quiet(a.remoteSpawn.spawn(CounterContract, b.id, { arg: 0, timeoutMs: 1 + i }))
        quiet(a.remoteCall.call({ name: '$nobody', node: b.key }, 'ask', i, { timeoutMs: 1 + i }))
      }
      return CALLS + 200
    },
  ],
]

it.each(ENDS)('X-04 G-22 both sides of a channel are empty after %s', async (claim, begin) => {
  const t = await scene({ dialHoldOffMs: 0 })
  const owner = probe(t.a)
  const monitor = t.a.system.monitor(owner.pid, t.far)
  t.a.system.link(owner.pid, t.far)
  await t.world.clock.advance(2 * LATENCY_MS)
  expect([tables(t.a)['monitorsOut'], tables(t.b)['linksIn']]).toEqual([1, 1])
  const withinMs = await begin(t)
  t.a.system.demonitor(monitor)
  t.a.system.unlink(owner.pid, t.far)
  await t.world.clock.advance(withinMs + 4 * LATENCY_MS)
  const isAlone = claim === 'the death of the node'
  for (const node of isAlone ? [t.a] : [t.a, t.b]) {
    expect(tables(node)).toEqual(isAlone ? {} : EMPTY)
  }
  await t.world.stop()
})

it('calls that are out now and then are renewals of a lease: none before it, none after it', async () => {
  const leases = { ttlMs: 600, graceMs: 100, roundMs: 100 }
  const network = { latencyMs: LATENCY_MS }
  const world = await startVoters({ voters: 3, others: 1 }, leases, { network })
  const [holder] = world.others as [FoveaNode]
  /** Sums of calls that are out, of each millisecond. */
  const watch = async (ms: number): Promise<Set<number>> => {
    const seen = new Set<number>()
    for (let at = 0; at < ms; at++) {
      await world.clock.advance(1)
      seen.add(world.nodes.reduce((sum, node) => sum + (tables(node)['callsOut'] ?? 0), 0))
    }
    return seen
  }
  await world.clock.advance(2_000)
  expect(await watch(1_000)).toEqual(new Set([0]))
  const lease = await during(world, holder.leases.acquire('billing'))
  const held = await watch(2_000)
  expect([Math.max(...held) > 0, Math.max(...held) <= 3, held.has(0)]).toEqual([true, true, true])
  lease.release()
  await world.clock.advance(1_000)
  expect(await watch(1_000)).toEqual(new Set([0]))
  for (const node of world.nodes) expect(tables(node)).toMatchObject({ callsOut: 0, callsIn: 0 })
  await world.stop()
})
