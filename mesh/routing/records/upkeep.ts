/**
 * Maintenance: whatever keeps records alive without anybody waiting for it. So many jobs at once and one put
 * at a time in each, so the puts in flight are bounded, and so is what a node costs others after it slept.
 * What was asked for by an event waits in a queue; what is due by time stays with its source until a job is
 * free.
 */
import { Deadlines } from '../../machine/deadlines.ts'
import type { RecordsContext } from './context.ts'

/** A piece of maintenance. `onDone` is called once, perhaps from within `begin`, never after `cancel`. */
export interface Job {
  begin(onDone: () => void): void
  cancel(): void
}

/** Has work that is due by time. */
export interface JobSource {
  /** The next job that is due; undefined when there is none, or none was found yet. */
  next(): Job | undefined
  /** Monotonic time at which `next` has something to do. */
  nextDeadline(): number
}

/** A job lasts this many times an operation at most; whoever drives the core forgot it then. */
const JOB_FACTOR = 8

/** See the head of this file. */
export class Upkeep {
  readonly #context: RecordsContext
  readonly #sources: readonly JobSource[]
  readonly #queue: Job[] = []
  readonly #running = new Map<number, Job>()
  readonly #deadlines = new Deadlines()
  #last = 0

  constructor(context: RecordsContext, sources: readonly JobSource[]) {
    this.#context = context
    this.#sources = sources
  }

  get running(): number {
    return this.#running.size
  }

  get queued(): number {
    return this.#queue.length
  }

  /** Does that as soon as there is a place; not at all when too much waits. */
  add(job: Job): void {
    if (this.#queue.length < this.#context.settings.maintenanceQueueMax) this.#queue.push(job)
    else this.#context.counters.maintenanceDropped += 1
  }

  /** Ends what lasts too long and begins what there is a place for. */
  fill(): void {
    const { nowMs, settings } = this.#context
    while (this.#deadlines.earliest() <= nowMs) {
      const jobId = this.#deadlines.first()
      const job = this.#running.get(jobId)
      this.#forget(jobId)
      job?.cancel()
    }
    while (this.#running.size < settings.maintenanceParallel) {
      const job = this.#queue.shift() ?? this.#due()
      if (job === undefined) return
      this.#begin(job)
    }
  }

  /** Infinity when nothing is due, or no place is free for it. */
  nextDeadline(): number {
    let earliestMs = this.#deadlines.earliest()
    if (this.#running.size < this.#context.settings.maintenanceParallel) {
      for (const source of this.#sources) {
        earliestMs = Math.min(earliestMs, source.nextDeadline())
      }
    }
    return earliestMs
  }

  #due(): Job | undefined {
    for (const source of this.#sources) {
      if (source.nextDeadline() > this.#context.nowMs) continue
      const job = source.next()
      if (job !== undefined) return job
    }
    return undefined
  }

  #begin(job: Job): void {
    const { nowMs, settings } = this.#context
    const jobId = ++this.#last
    this.#running.set(jobId, job)
    this.#deadlines.set(jobId, nowMs + JOB_FACTOR * settings.operationTimeoutMs)
    job.begin(() => this.#forget(jobId))
  }

  #forget(jobId: number): void {
    this.#running.delete(jobId)
    this.#deadlines.delete(jobId)
  }
}
