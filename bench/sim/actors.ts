/**
 * Whole nodes in one thread: how many virtual seconds pass per second. Every node has its mesh, its supervisors
 * and one counter, and calls the counter of another node ten times a second.
 *
 *     node build/bench/sim/actors.js [nodes] [virtual seconds]
 */
import { contract, implement, reply, Supervisor } from 'fovea'
import type { ChildSpec, Contract, Server } from 'fovea'
import { simulate } from 'fovea/simulation'
import type { ProcessContext } from 'fovea'

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

const [, , nodesText = '100', secondsText = '10'] = process.argv
const nodes = Number(nodesText)
const virtualMs = Number(secondsText) * 1_000
const beganMs = performance.now()
let joinedMs = 0
const { events, traceHash } = await simulate({
  seed: 1,
  nodes,
  network: { latencyMs: 1, jitterMs: 2 },
  timeoutMs: 3_600_000,
  setup: async (node) => {
    const counter = {
      ...Counter.child(0, { id: 'counter' }),
      start: ({ system, parent }: Parameters<ChildSpec['start']>[0]) =>
        Counter.start(0, { name: 'counter', system, parent, link: true }),
    }
    await Supervisor.start({ strategy: 'one_for_one', children: [counter], name: 'top' })
    node.node.behaviorRegistry.register(Counter, { remote: true })
  },
  run: async (sim) => {
    joinedMs = performance.now() - beganMs
    sim.nodes.forEach((node, index) => {
      const other = sim.nodes[(index + 1) % nodes]!
      const target = CounterContract.at(other.whereis('counter')!)
      const client = async (ctx: ProcessContext): Promise<void> => {
        for (;;) {
          await node.node.remoteCall.call(target, 'add', 1)
          await ctx.receive(() => false, { timeoutMs: 100 }).catch(() => {})
        }
      }
      node.system.spawn(client, { label: 'client' })
    })
    await sim.sleep(virtualMs)
  },
})
const wallMs = performance.now() - beganMs - joinedMs
const megabytes = Math.round(process.memoryUsage().rss / 1_048_576)
console.log(
  `${nodes} nodes: started in ${(joinedMs / 1_000).toFixed(1)} s, ` +
    `${virtualMs / 1_000} virtual s in ${(wallMs / 1_000).toFixed(2)} s = ` +
    `${(virtualMs / wallMs).toFixed(2)} x real time, ${events} events, ${megabytes} MiB, ${traceHash}`,
)
