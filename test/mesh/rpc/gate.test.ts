import { describe, expect, it } from 'vitest'
import { createSeededEntropy } from '../../../runtime/index.ts'
import { Gate } from '../../../mesh/rpc/gate.ts'
import type { GateJob, GateLimits } from '../../../mesh/rpc/gate.ts'

class Job implements GateJob {
  readonly priority: GateJob['priority']
  readonly dueMs: number
  runs = 0
  drops: string[] = []
  constructor(priority: GateJob['priority'] = 'normal', dueMs = Infinity) {
    this.priority = priority
    this.dueMs = dueMs
  }
  run(): void {
    this.runs += 1
  }
  dropped(why: string): void {
    this.drops.push(why)
  }
}

const gateOf = (limits: Partial<GateLimits> = {}): Gate<Job> =>
  new Gate({ concurrency: 1, queueMax: 2, queueDelayMaxMs: 500, ...limits })

describe('the gate of a procedure', () => {
  it('R15 runs as many at once as it may, lets the next ones wait, and refuses the one after', () => {
    const gate = gateOf({ concurrency: 2 })
    const answers = Array.from({ length: 5 }, () => gate.offer(new Job(), 0).type)
    expect(answers).toEqual(['run', 'run', 'queued', 'queued', 'refused'])
    expect([gate.running, gate.queued]).toEqual([2, 2])
  })

  it('R6 serves those that wait in the order in which they came', () => {
    const gate = gateOf()
    const jobs = [new Job(), new Job(), new Job()]
    for (const job of jobs) gate.offer(job, 0)
    gate.done(1, 1)
    expect(jobs.map(({ runs }) => runs)).toEqual([0, 1, 0])
    gate.done(1, 2)
    expect(jobs.map(({ runs }) => runs)).toEqual([0, 1, 1])
  })

  it('R15 refuses at once what would wait longer than it may, and says when to come back', () => {
    const gate = gateOf({ queueMax: 100 })
    gate.offer(new Job(), 0)
    gate.done(200, 200)
    gate.offer(new Job(), 200)
    expect(gate.offer(new Job(), 200).type).toBe('queued')
    expect(gate.offer(new Job(), 200).type).toBe('queued')
    expect(gate.offer(new Job(), 200)).toEqual({ type: 'refused', retryAfterMs: 600 })
  })

  it('R15 refuses at once what would wait longer than its own time', () => {
    const gate = gateOf({ queueMax: 100 })
    gate.offer(new Job(), 0)
    gate.done(100, 100)
    gate.offer(new Job(), 100)
    expect(gate.offer(new Job('normal', 199), 100).type).toBe('refused')
    expect(gate.offer(new Job('normal', 201), 100).type).toBe('queued')
  })

  it('ML32 R2 does not run what has expired while it waited', () => {
    const gate = gateOf()
    const [first, second] = [new Job('normal', 50), new Job()]
    gate.offer(new Job(), 0)
    gate.offer(first, 0)
    gate.offer(second, 0)
    gate.done(60, 60)
    expect(first.drops).toEqual(['expired'])
    expect([first.runs, second.runs]).toEqual([0, 1])
  })

  it('R15 a higher priority goes first, and takes the place of the newest of the lowest', () => {
    const gate = gateOf({ queueMax: 3 })
    const [low, lower, normal, high] = [new Job('low'), new Job('low'), new Job(), new Job('high')]
    gate.offer(new Job(), 0)
    for (const job of [low, lower, normal]) gate.offer(job, 0)
    expect(gate.offer(high, 0).type).toBe('queued')
    expect(lower.drops).toEqual(['displaced'])
    expect(gate.offer(new Job('low'), 0).type).toBe('refused')
    for (let call = 0; call < 3; call++) gate.done(1, 1)
    expect([high.runs, normal.runs, low.runs, lower.runs]).toEqual([1, 1, 1, 0])
    gate.done(1, 1)
    expect([gate.running, gate.queued]).toEqual([0, 0])
  })

  it('says when nothing runs or waits any more, once', () => {
    const gate = gateOf()
    let told = 0
    gate.whenIdle(() => void (told += 1))
    expect(told).toBe(1)
    const waiting = new Job()
    gate.offer(new Job(), 0)
    gate.offer(waiting, 0)
    gate.whenIdle(() => void (told += 1))
    gate.leave(waiting)
    expect(told).toBe(1)
    gate.done(1, 1)
    expect(told).toBe(2)
  })

  it('serves a long queue of jobs that end at once without growing the stack', () => {
    const gate: Gate<GateJob> = new Gate({
      ...{ concurrency: 1, queueMax: 20_000, queueDelayMaxMs: 1_000_000_000 },
    })
    let ran = 0
    const job = (): GateJob => ({
      ...{ priority: 'normal', dueMs: Infinity, dropped: () => {} },
      run: () => {
        ran += 1
        gate.done(0, 0)
      },
    })
    gate.offer(job(), 0)
    for (let call = 0; call < 10_000; call++) gate.offer(job(), 0)
    gate.done(0, 0)
    expect(ran).toBe(10_000)
    expect([gate.running, gate.queued]).toEqual([0, 0])
  })
})

/** A provider at twice its capacity: exponential service, callers that do not wait for each other. */
function overload(seconds: number): { goodput: number; best: number; waitsMs: number[] } {
  const entropy = createSeededEntropy(15)
  const exponential = (mean: number): number => -Math.log(1 - entropy.random()) * mean
  const [concurrency, serviceMs] = [4, 10]
  const gate: Gate<Timed> = new Gate({ concurrency, queueMax: 1_024, queueDelayMaxMs: 100 })
  const ends: { readonly atMs: number; readonly startedMs: number; readonly job: Timed }[] = []
  const waitsMs: number[] = []
  let goodput = 0
  let nowMs = 0
  class Timed extends Job {
    readonly arrivedMs = nowMs
    override run(): void {
      waitsMs.push(nowMs - this.arrivedMs)
      ends.push({ atMs: nowMs + exponential(serviceMs), startedMs: nowMs, job: this })
      ends.sort((left, right) => right.atMs - left.atMs)
    }
  }
  while (nowMs < seconds * 1_000) {
    const nextMs = nowMs + exponential(serviceMs / concurrency / 2)
    while (ends.length > 0 && ends.at(-1)!.atMs <= nextMs) {
      const { atMs, startedMs, job } = ends.pop()!
      nowMs = atMs
      if (atMs <= job.dueMs) goodput += 1
      gate.done(atMs - startedMs, atMs)
    }
    nowMs = nextMs
    const job = new Timed('normal', nowMs + 250)
    if (gate.offer(job, nowMs).type === 'run') job.run()
  }
  return { goodput, best: (seconds * 1_000 * concurrency) / serviceMs, waitsMs }
}

describe('the gate at twice the capacity', () => {
  it('R15 does at least 80 % of the best, and 99 % wait at most twice as long as allowed', () => {
    const { goodput, best, waitsMs } = overload(30)
    expect(goodput / best).toBeGreaterThan(0.8)
    waitsMs.sort((left, right) => left - right)
    expect(waitsMs[Math.floor(waitsMs.length * 0.99)]!).toBeLessThan(200)
  })
})
