/**
 * Two nodes and a process on the other one: join over QUIC, spawn there, call with types, monitor, and
 * lose the node. Both nodes live in this program to keep it short; over real UDP ports all the same.
 * Run it with: npm run example 02
 */
import { contract, implement, noreply, reply, type Contract, type Server } from 'fovea'
import { startNode } from 'fovea/dist'
import { createRealm } from 'fovea/mesh'

interface CounterApi {
  call: { get(): number; add(by: number): number }
  cast: { reset(): void }
}

const CounterContract: Contract<CounterApi> = contract('counter/1', {
  call: { get: true, add: true },
  cast: { reset: true },
})

const Counter: Server<CounterApi, number> = implement(CounterContract, {
  init: (start: number) => start,
  call: {
    get: (count) => reply(count, count),
    add: (count, by) => reply(count + by, count + by),
  },
  cast: { reset: () => noreply(0) },
})

// Nodes of one realm trust each other; in production the realm is a file, see: fovea realm create
const realm = createRealm('com.example.counter')
const near = await startNode({ nodeName: 'near', host: '127.0.0.1', port: 0, realm })
const far = await startNode({
  nodeName: 'far',
  host: '127.0.0.1',
  port: 0,
  realm,
  seeds: [near.id],
})

// Only what a node registers for remote use can be started there; code never travels.
far.behaviorRegistry.register('counter', Counter, { remote: true })
console.log('joined:', (await near.cluster.waitFor(far.id)).id)

// The reference knows its contract: add takes a number and gives one, here as on the same node.
const counter = await near.remoteSpawn.spawn(CounterContract, far.id, { arg: 10 })
console.log('10 + 5 =', await counter.call.add(5))

const startedAt = performance.now()
const calls = 500
for (let i = 0; i < calls; i++) await counter.call.add(1)
const each = ((performance.now() - startedAt) / calls) * 1000
console.log(
  `${calls} calls in turn, ${each.toFixed(0)} us each; count is ${await counter.call.get()}`,
)

// A monitor fires once: when the process ends or, as here, its node is lost.
const lost = new Promise<unknown>((resolve) => {
  void near.remoteMonitor.monitor(counter, (_ref, reason) => resolve(reason))
})
await far.stop()
console.log('the counter is gone:', await lost)

// A call to a lost node fails at once, it does not wait for its deadline.
try {
  await counter.call.get()
} catch (error) {
  console.log((error as { code?: string }).code, '-', (error as Error).message)
}

await near.stop()
