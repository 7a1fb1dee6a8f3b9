/** The jobs: given to whoever asks, given again when that one ends before it is done, so none is lost. */
import { contract, implement, noreply, reply } from 'fovea'
import type { Contract, Ctx, From, MonitorRef, Pid, Server } from 'fovea'

export interface Running {
  readonly job: number
  /** Key of the node. */
  readonly keyHex: string
}

export interface JobsApi {
  call: {
    /** A job; waits while there is none. */
    take(): number
    done(done: { readonly job: number; readonly result: number }): void
    /** Who is at work, the last to begin last. */
    running(): readonly Running[]
    /** All results, as soon as there are so many; and how often a job was given again. */
    results(count: number): {
      readonly results: ReadonlyMap<number, number>
      readonly again: number
    }
  }
  cast: {}
}

export const JobsContract: Contract<JobsApi> = contract('jobs/1', {
  call: { take: true, done: true, running: true, results: true },
  cast: {},
})

interface Taker {
  readonly from: From<number>
  readonly pid: Pid
}

type Reader = readonly [count: number, from: Ctx<Results>['from']]
type Results = ReturnType<JobsApi['call']['results']>

interface State {
  readonly waiting: number[]
  readonly takers: Taker[]
  readonly running: Map<number, { readonly monitor: MonitorRef; readonly pid: Pid }>
  readonly results: Map<number, number>
  readers: readonly Reader[]
  again: number
}

export const Jobs: Server<JobsApi, number> = implement<JobsApi, number, State>(JobsContract, {
  init: (count) => ({
    waiting: Array.from({ length: count }, (_none, at) => at + 1),
    ...{ takers: [], running: new Map(), results: new Map(), readers: [], again: 0 },
  }),
  call: {
    take: (state, _input, ctx) => {
      if (ctx.caller !== undefined) state.takers.push({ from: ctx.from, pid: ctx.caller })
      return noreply(give(state, ctx))
    },
    done: (state, { job, result }, ctx) => {
      const held = state.running.get(job)
      if (held !== undefined) ctx.demonitor(held.monitor)
      state.running.delete(job)
      state.results.set(job, result)
      return reply(undefined, tell(state))
    },
    running: (state) =>
      reply(
        [...state.running].map(([job, { pid }]) => ({ job, keyHex: pid.node })),
        state,
      ),
    results: (state, count, ctx) => {
      state.readers = [...state.readers, [count, ctx.from]]
      return noreply(tell(state))
    },
  },
  cast: {},
  info: (state, info, ctx) => {
    if (info.type !== 'down' || typeof info.tag !== 'number') return noreply(state)
    state.running.delete(info.tag)
    state.waiting.unshift(info.tag)
    state.again++
    return noreply(give(state, ctx))
  },
})

/** Gives jobs to those who wait for one, and watches them: the end of a process or of its node is one message. */
function give(state: State, ctx: Ctx): State {
  while (state.takers.length > 0 && state.waiting.length > 0) {
    const { from, pid } = state.takers.shift()!
    const job = state.waiting.shift()!
    state.running.set(job, { pid, monitor: ctx.monitor(pid, { tag: job }) })
    from.reply(job)
  }
  return state
}

function tell(state: State): State {
  const { results, again } = state
  state.readers = state.readers.filter(([count, from]) => {
    if (results.size < count) return true
    from.reply({ results: new Map(results), again })
    return false
  })
  return state
}
