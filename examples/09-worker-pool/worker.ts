/** A worker: takes a job, does it, takes the next. Where it runs it does not care. */
import { setTimeout } from 'node:timers/promises'
import { contract, implement, noreply, ok } from 'fovea'
import type { Contract, Ref, Server } from 'fovea'
import type { JobsApi } from './jobs.ts'

interface WorkerApi {
  call: {}
  cast: {}
}

export const WorkerContract: Contract<WorkerApi> = contract('worker/1', { call: {}, cast: {} })

/** The ref of the jobs came with the start, from another node; it works here as it did there. */
export const Worker: Server<WorkerApi, Ref<JobsApi>> = implement<
  WorkerApi,
  Ref<JobsApi>,
  Ref<JobsApi>
>(WorkerContract, {
  init: (jobs) => ok(jobs, { continue: 'next' }),
  call: {},
  cast: {},
  continue: async (jobs) => {
    const job = await jobs.call.take(undefined, { timeoutMs: Infinity })
    await jobs.call.done({ job, result: await squareOf(job) })
    return noreply(jobs, { continue: 'next' })
  },
})

/** Work that takes its time. */
async function squareOf(job: number): Promise<number> {
  await setTimeout(80 + (job % 5) * 20)
  return job * job
}
