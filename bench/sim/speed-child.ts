/** One world in a process of its own: prints processor time, steps and memory as JSON. */
import { SwimWorld } from 'fovea/cores'

const [nodes = 10_000, seconds = 20, links = 0] = process.argv.slice(2).map(Number)

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

globalThis.gc?.()
const rssBefore = process.memoryUsage().rss
const startSeconds = cpuSeconds()
const world = new SwimWorld({ seed: 1, nodes, ...(links === 0 ? { links: false as const } : {}) })
world.run(3_000)
const setUpSeconds = cpuSeconds() - startSeconds
const stepsBefore = world.core.steps
world.run(seconds * 1000)
const usedSeconds = cpuSeconds() - startSeconds - setUpSeconds
const rssMegabytes = (process.memoryUsage().rss - rssBefore) / 1e6
const steps = world.core.steps - stepsBefore
console.log(JSON.stringify({ setUpSeconds, usedSeconds, steps, seconds, rssMegabytes }))
