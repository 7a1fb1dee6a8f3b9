/**
 * A pool of workers over three processes, of which one is killed with all it was doing: its workers go on elsewhere, and no
 * job is lost. Run it with: npm run example 09
 */
import { startNode } from 'fovea/dist'
import { Jobs, JobsContract } from './09-worker-pool/jobs.ts'
import { Worker, WorkerContract } from './09-worker-pool/worker.ts'
import { runProcesses } from './processes.ts'
import type { Stage } from './processes.ts'

const JOBS = 40
const WORKERS = 6

// In each of the other processes: code never travels, so every one says what may be started in it.
await runProcesses(play, async ({ options }) => {
  const node = await startNode({ ...options, contracts: [JobsContract] })
  node.behaviorRegistry.register(Worker, { remote: true })
  return node
})

async function play({ node, start }: Stage): Promise<void> {
  const actors = await Promise.all(['ape', 'bee', 'cat'].map((name) => start(name)))
  const jobs = await Jobs.start(JOBS, { system: node.system })

  node.distributedSupervisor.onLifecycleEvent((event) => {
    if (event.type === 'node_failure_detected') console.log('lost:', event.nodeId)
    if (event.type === 'child_migrated') console.log(event.childId, 'goes on at', event.nodeId)
  })
  const pool = await node.distributedSupervisor.start({
    name: 'pool',
    nodeSelector: 'round_robin',
    children: Array.from({ length: WORKERS }, (_none, at) => ({
      ...{ id: `worker ${at + 1}`, behavior: WorkerContract, arg: jobs },
    })),
  })
  const { byNode } = await node.distributedSupervisor.countChildren(pool)
  for (const [id, count] of Object.entries(byNode)) console.log(count, 'workers at', id)

  const forever = { timeoutMs: Infinity }
  await jobs.call.results(JOBS / 4, forever)
  const last = (await jobs.call.running()).at(-1)
  const busy = actors.find(({ keyHex }) => keyHex === last?.keyHex)
  if (last === undefined || busy === undefined) throw new Error('nobody is at work')
  console.log('kill -9 of', busy.name, 'while it does job', last.job)
  await busy.kill()

  const { results, again } = await jobs.call.results(JOBS, forever)
  const wrong = [...results].filter(([job, result]) => result !== job * job)
  if (results.size !== JOBS || wrong.length > 0) throw new Error('a result is missing or wrong')
  console.log(`${results.size} jobs are done, ${again} of them were given a second time`)
  await node.distributedSupervisor.stop(pool)
}
