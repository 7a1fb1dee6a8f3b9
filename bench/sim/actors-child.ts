/**
 * Whole nodes in one thread, in a process of their own: prints what they did and what it cost as JSON. Every node
 * has its mesh, its supervisors, a counter, and a caller that adds to the counter of the next node.
 *
 *     node build/bench/sim/actors-child.js <nodes> <virtual seconds> <calls per node and second>
 */
import { contract, implement, noreply, reply, Supervisor } from 'fovea'
import type { ChildSpec, Contract, Server } from 'fovea'
import { simulate } from 'fovea/simulation'
import type { EventKind, SimNode, Simulation } from 'fovea/simulation'

interface CounterApi {
  call: { add(by: number): number }
  cast: {}
}
const CounterContract: Contract<CounterApi> = contract('bench.counter/1', {
  call: { add: true },
  cast: {},
})
const Counter: Server<CounterApi, number> = implement<CounterApi, number, number>(CounterContract, {
  init: (start) => start,
  call: { add: (n, by) => reply(n + by, n + by) },
  cast: {},
})

interface CallerApi {
  call: {}
  cast: { begin(target: SimNode): void }
}
interface CallerState {
  readonly node: SimNode
  target: SimNode | undefined
}
const Caller: Server<CallerApi, SimNode> = implement<CallerApi, SimNode, CallerState>(
  contract<CallerApi>('bench.caller/1', { call: {}, cast: { begin: true } }),
  {
    init: (node) => ({ node, target: undefined }),
    call: {},
    cast: {
      begin: (state, target, ctx) => {
        ctx.sendAfter(pauseMs, 'again')
        return noreply({ ...state, target })
      },
    },
    info: async (state, _info, ctx) => {
      const counter = CounterContract.at(state.target!.whereis('counter')!)
      await state.node.node.remoteCall.call(counter, 'add', 1)
      ctx.sendAfter(pauseMs, 'again')
      return noreply(state)
    },
  },
)

const [nodes = 100, virtualSeconds = 10, callsPerSecond = 1] = process.argv.slice(2).map(Number)
const pauseMs = 1_000 / callsPerSecond
const KINDS: readonly EventKind[] = ['message', 'arrival', 'timer']

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

function child<T>(
  spec: ChildSpec,
  start: (where: Parameters<ChildSpec['start']>[0]) => Promise<T>,
): ChildSpec {
  return { ...spec, start: start as ChildSpec['start'] }
}

async function setup(node: SimNode): Promise<void> {
  const named = { link: true } as const
  const counter = child(Counter.child(0, { id: 'counter' }), ({ system, parent }) =>
    Counter.start(0, { ...named, name: 'counter', system, parent }),
  )
  const caller = child(Caller.child(node, { id: 'caller' }), ({ system, parent }) =>
    Caller.start(node, { ...named, name: 'caller', system, parent }),
  )
  await Supervisor.start({ strategy: 'one_for_one', children: [counter, caller], name: 'top' })
  node.node.behaviorRegistry.register(Counter, { remote: true })
}

/** Everything that is counted, of all nodes together. */
function count(simulation: Simulation): Record<string, number> {
  const sums: Record<string, number> = { links: 0, held: 0, made: 0, pings: 0, packets: 0, news: 0 }
  for (const { node } of simulation.nodes) {
    const { links, linksHeld, linksMade, pingsSent, membership, endpoint } = node.mesh.stats()
    sums['links']! += links
    sums['held']! += linksHeld
    sums['made']! += linksMade
    sums['pings']! += pingsSent
    sums['packets']! += endpoint?.packetsSent ?? 0
    sums['news']! += membership?.updatesQueued ?? 0
  }
  for (const kind of KINDS) sums[kind] = simulation.eventsOf(kind)
  return sums
}

const startSeconds = cpuSeconds()
await simulate({
  seed: 1,
  nodes,
  network: { latencyMs: 1, jitterMs: 2 },
  timeoutMs: 3_600_000,
  setup,
  run: async (simulation) => {
    const joinedSeconds = cpuSeconds() - startSeconds
    const joinedMs = simulation.node(0).nowMs - 1_800_000_000_000
    simulation.nodes.forEach((node, index) => {
      const target = simulation.nodes[(index + 1) % nodes]!
      node.system.cast('caller', 'begin', target)
    })
    // The news of so many joins at once go round for a while: that is no steady state.
    while (count(simulation)['news']! > 0) await simulation.sleep(1_000)
    const settledMs = simulation.node(0).nowMs - 1_800_000_000_000
    const before = count(simulation)
    const settledSeconds = cpuSeconds() - startSeconds
    const beganMs = performance.now()
    await simulation.sleep(virtualSeconds * 1_000)
    const wallSeconds = (performance.now() - beganMs) / 1_000
    const usedSeconds = cpuSeconds() - startSeconds - settledSeconds
    const after = count(simulation)
    const rates = Object.fromEntries(
      Object.keys(after).map((name) => [
        name,
        (after[name]! - before[name]!) / nodes / virtualSeconds,
      ]),
    )
    const links = after['links']! / nodes
    const held = after['held']! / nodes
    const rssMegabytes = process.memoryUsage().rss / 1e6
    const start = { joinedSeconds, joinedMs, settledSeconds, settledMs }
    const figures = { virtualSeconds, wallSeconds, usedSeconds, links, held, rssMegabytes }
    console.log(JSON.stringify({ nodes, ...start, ...figures, rates }))
  },
})
