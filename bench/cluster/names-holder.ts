/**
 * The node with all the names of the bench of global names. Prints one JSON line when they are registered, and ends when
 * its parent closes the pipe.
 */
import { startNode } from 'fovea/dist'

const [realm, count] = process.argv.slice(2)
if (realm === undefined) throw new Error('usage: names-holder REALM_FILE COUNT')

/** Names that one process has. */
const NAMES_PER_PROCESS = 100

const node = await startNode({ nodeName: 'holder', host: '127.0.0.1', port: 0, realm })
const names = Array.from({ length: Number(count) }, (_, i) => `service.eu.worker-${i}`)
const pids = Array.from({ length: Math.ceil(names.length / NAMES_PER_PROCESS) }, () =>
  node.system.spawn((ctx) => ctx.receive(undefined, { timeoutMs: Infinity })),
)
const heapBytes = (): number => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
const before = heapBytes()
const startedAt = performance.now()
const used = process.cpuUsage()
await Promise.all(
  names.map((name, i) =>
    node.globalRegistry.register(name, pids[Math.floor(i / NAMES_PER_PROCESS)]!),
  ),
)
const registerMs = performance.now() - startedAt
const { user, system } = process.cpuUsage(used)
const registerProcessorMs = (user + system) / 1_000
const heapPerName = (heapBytes() - before) / names.length
console.log(JSON.stringify({ id: node.id, registerMs, registerProcessorMs, heapPerName }))
process.stdin.resume()
process.stdin.once('end', () => {
  void node.stop().then(() => process.exit(0))
})
