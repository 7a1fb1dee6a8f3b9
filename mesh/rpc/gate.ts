/**
 * Lets calls in to one procedure (R15): at most `concurrency` run, at most `queueMax` wait, and none waits that would wait
 * too long.
 *
 * How long a newcomer would wait is known from what calls took lately: those before it, over the places. More than
 * `queueDelayMaxMs`, or than what is left of its own time, is refused at once, so that it can go elsewhere: a queue in
 * front of an overloaded provider helps nobody, and its length stays that of the delay, as CoDel wants it, without
 * anybody having waited in vain. Higher priorities are served first and counted as if lower ones did not wait; when the
 * queue is full, the newest of the lowest priority makes room for a higher one.
 */
import { JobQueue } from './job-queue.ts'
import type { RpcPriority } from './rpc.ts'

/** Something that wants to run. */
export interface GateJob {
  readonly priority: RpcPriority
  /** When its time is over, by the clock of this node. */
  readonly dueMs: number
  /** It has its turn. */
  run(): void
  /** It had a place in the queue and lost it: to a higher priority, or because its time was over. */
  dropped(why: 'displaced' | 'expired', retryAfterMs: number): void
}

/** Limits of {@link Gate}. */
export interface GateLimits {
  readonly concurrency: number
  readonly queueMax: number
  readonly queueDelayMaxMs: number
}

/** What becomes of a newcomer. */
export type GateAnswer =
  | { readonly type: 'run' }
  | { readonly type: 'queued' }
  | { readonly type: 'refused'; readonly retryAfterMs: number }

/** Weight of the newest duration in the average. */
const NEWEST_WEIGHT = 0.1

const PRIORITIES: readonly RpcPriority[] = ['high', 'normal', 'low']
const RUN: GateAnswer = Object.freeze({ type: 'run' })
const QUEUED: GateAnswer = Object.freeze({ type: 'queued' })

/** See the head of this file. */
export class Gate<Job extends GateJob = GateJob> {
  readonly #limits: GateLimits
  readonly #queues: Readonly<Record<RpcPriority, JobQueue<Job>>> = {
    high: new JobQueue(),
    normal: new JobQueue(),
    low: new JobQueue(),
  }
  #running = 0
  #queued = 0
  /** Average duration of a call; undefined before the first has ended. */
  #serviceMs: number | undefined
  #whenIdle: (() => void)[] = []
  #serving = false

  constructor(limits: GateLimits) {
    this.#limits = limits
  }

  get running(): number {
    return this.#running
  }

  get queued(): number {
    return this.#queued
  }

  /** A newcomer; `run` is its own affair when the answer is `run`, and called later when it is `queued`. */
  offer(job: Job, nowMs: number): GateAnswer {
    const { concurrency, queueMax, queueDelayMaxMs } = this.#limits
    if (this.#running < concurrency && this.#queued === 0) {
      this.#running += 1
      return RUN
    }
    const waitMs = this.#waitMs(job.priority)
    if (waitMs > Math.min(queueDelayMaxMs, job.dueMs - nowMs)) {
      return { type: 'refused', retryAfterMs: waitMs }
    }
    if (this.#queued >= queueMax && !this.#displace(job.priority, waitMs)) {
      return { type: 'refused', retryAfterMs: waitMs }
    }
    this.#queues[job.priority].push(job)
    this.#queued += 1
    return QUEUED
  }

  /** One that ran has ended. */
  done(durationMs: number, nowMs: number): void {
    const before = this.#serviceMs
    this.#serviceMs =
      before === undefined ? durationMs : before + (durationMs - before) * NEWEST_WEIGHT
    this.#running -= 1
    this.#next(nowMs)
    this.#tellIdle()
  }

  /** One that waits does not want to any more; false when it does not wait. */
  leave(job: Job): boolean {
    const left = this.#remove(job)
    this.#tellIdle()
    return left
  }

  /** Calls `told` as soon as nothing runs or waits; at once if that is so. */
  whenIdle(told: () => void): void {
    if (this.#running + this.#queued === 0) told()
    else this.#whenIdle.push(told)
  }

  /** How long one more of that priority would wait. */
  #waitMs(priority: RpcPriority): number {
    if (this.#serviceMs === undefined) return 0
    let before = 1
    for (const each of PRIORITIES) {
      before += this.#queues[each].size
      if (each === priority) break
    }
    return (before * this.#serviceMs) / this.#limits.concurrency
  }

  #displace(priority: RpcPriority, retryAfterMs: number): boolean {
    for (const each of PRIORITIES.toReversed()) {
      if (each === priority) return false
      const newest = this.#queues[each].last()
      if (newest === undefined) continue
      this.#remove(newest)
      newest.dropped('displaced', retryAfterMs)
      return true
    }
    return false
  }

  /** A job that ends within its `run` comes back here: the loop that called it goes on. */
  #next(nowMs: number): void {
    if (this.#serving) return
    this.#serving = true
    try {
      while (this.#running < this.#limits.concurrency) {
        const job = this.#first()
        if (job === undefined) return
        this.#remove(job)
        if (job.dueMs <= nowMs) {
          job.dropped('expired', 0)
          continue
        }
        this.#running += 1
        job.run()
      }
    } finally {
      this.#serving = false
    }
  }

  #remove(job: Job): boolean {
    if (!this.#queues[job.priority].delete(job)) return false
    this.#queued -= 1
    return true
  }

  #first(): Job | undefined {
    for (const priority of PRIORITIES) {
      const job = this.#queues[priority].first()
      if (job !== undefined) return job
    }
    return undefined
  }

  #tellIdle(): void {
    if (this.#running + this.#queued > 0) return
    const told = this.#whenIdle
    this.#whenIdle = []
    for (const each of told) each()
  }
}
