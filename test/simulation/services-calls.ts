/**
 * Accounting of procedures: a call, a cast and a stream ends once, in time (R20, R2); a handler runs at most once unless
 * the caller said that it may run twice (R7); items come whole and in order (R8).
 */
import { RpcError } from '../../mesh/index.ts'
import type { RpcCallOptions, RpcStream, StreamContext } from '../../mesh/index.ts'
import { ownPromise } from '../../runtime/index.ts'
import type { Claim } from './services-claim.ts'
import type { Life } from './services-life.ts'
import { isManyTask, ManyAccount } from './services-many.ts'
import type { ManyTask } from './services-many.ts'

/** How a handler behaves. */
export type Manner = 'quick' | 'slow' | 'throws'

interface Call {
  readonly number: number
  readonly by: Life
  readonly kind: 'call' | 'cast' | 'stream'
  readonly name: string
  readonly mayRepeat: boolean
  readonly startedMs: number
  /** The latest moment at which it may end. */
  readonly dueMs: number
  runs: number
  outcome: string | undefined
}

/** What travels to a handler. */
interface Task {
  readonly number: number
  readonly manner: Manner
  readonly count: number
}

/** Shorter and longer than the courier waits for words of what it sent through others. */
const TIMES_MS = [1_000, 4_000, 16_000]
const SLOW_MS = 700
/** A caller that stands still ends its calls when it goes on. */
const LATE_MS_MAX = 15_000
/** Silence of a stream until it is given up, and the longest pauses on both sides. */
const STREAM_MS_MAX = 60_000

/** See the file header. */
export class CallAccount {
  readonly #claim: Claim
  readonly #calls: Call[] = []
  readonly #now: () => number
  readonly many: ManyAccount

  constructor(claim: Claim, now: () => number) {
    this.#claim = claim
    this.#now = now
    this.many = new ManyAccount(claim, now)
  }

  get made(): number {
    return this.#calls.length
  }

  /** What a provider does. */
  async serve(life: Life, input: unknown): Promise<unknown> {
    const task = input as Task | ManyTask
    if (isManyTask(task)) {
      const answer = this.many.ran(task, life)
      if (task.isSlow) await pause(life, SLOW_MS)
      return answer
    }
    const { number, manner } = task
    this.#ran(number)
    if (manner === 'throws') throw new Error('as always')
    if (manner === 'slow') await pause(life, SLOW_MS)
    return { number, by: life.number }
  }

  /** What a provider of streams does: it gives `count` items, and takes those that come; the result is how many came. */
  async *stream(
    life: Life,
    input: unknown,
    context: StreamContext<number, number>,
  ): AsyncGenerator<number, number, undefined> {
    const { number, count, manner } = input as Task
    this.#ran(number)
    for (let item = 0; item < count; item++) {
      if (manner === 'slow') await pause(life, 50)
      yield item
    }
    let came = 0
    for await (const item of context) {
      this.#claim(
        item === came,
        'R8',
        () => `stream ${number} at ${life.name}: ${item} after ${came}`,
      )
      came += 1
    }
    return came
  }

  call(
    by: Life,
    name: string,
    manner: Manner,
    mayRepeat: boolean,
    more: Pick<RpcCallOptions, 'strategy' | 'key' | 'hedge'> = {},
  ): Promise<unknown> {
    const timeoutMs = TIMES_MS[this.#calls.length % TIMES_MS.length]!
    const call = this.#begin(by, 'call', name, mayRepeat, timeoutMs + LATE_MS_MAX)
    const task: Task = { number: call.number, manner, count: 0 }
    const asked = by.node.rpc.call(name, task, { ...more, timeoutMs, idempotent: mayRepeat })
    return this.#end(
      call,
      asked.then((value) => {
        const { number } = value as { number?: unknown }
        this.#claim(
          number === call.number,
          'R20',
          () => `call ${call.number}: answer of ${String(number)}`,
        )
        this.#claim(call.runs > 0, 'R20', () => `call ${call.number}: an answer, and nobody ran`)
      }),
    )
  }

  /** The input of a call that somebody else makes, and answers for. */
  probe(by: Life, name: string): unknown {
    const call = this.#begin(by, 'call', name, false, Infinity)
    call.outcome = 'probe'
    return { number: call.number, manner: 'quick', count: 0 } satisfies Task
  }

  cast(by: Life, name: string): void {
    const call = this.#begin(by, 'cast', name, false, Infinity)
    const task: Task = { number: call.number, manner: 'quick', count: 0 }
    call.outcome = by.node.rpc.cast(name, task) ? 'sent' : 'refused'
  }

  open(by: Life, name: string, manner: Manner, count: number): Promise<unknown> {
    const call = this.#begin(by, 'stream', name, false, STREAM_MS_MAX)
    const task: Task = { number: call.number, manner, count }
    const open = async (): Promise<void> => {
      const stream = by.node.rpc.stream<number, number, number>(name, task, { mode: 'bidi' })
      await this.#read(stream, call.number, count)
    }
    return this.#end(call, open())
  }

  /** When everything has had its time: every call has ended, and none ran too often. */
  settle(): void {
    for (const { by, number, kind, name, runs, mayRepeat, outcome, startedMs } of this.#calls) {
      const what = (): string => `${kind} ${number} of ${by.name} to ${name} at ${startedMs} ms`
      this.#claim(runs <= 1 || mayRepeat, 'R7', () => `${what()} ran ${runs} times`)
      this.#claim(by.isOver || outcome !== undefined, 'R20', () => `${what()} has no end`)
    }
    this.many.settle()
  }

  /** How calls ended, by kind and outcome. */
  outcomes(): ReadonlyMap<string, number> {
    const counts = new Map(this.many.outcomes())
    for (const { kind, outcome = 'crashed' } of this.#calls) {
      const key = `${kind} ${outcome}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts
  }

  #ran(number: number): void {
    const call = this.#calls[number]
    this.#claim(call !== undefined, 'R20', () => `call ${number} was never made`)
    call.runs += 1
    this.#claim(call.runs === 1 || call.mayRepeat, 'R7', () => `${call.kind} ${number} runs twice`)
  }

  #begin(by: Life, kind: Call['kind'], name: string, mayRepeat: boolean, forMs: number): Call {
    const startedMs = this.#now()
    const call: Call = {
      ...{ number: this.#calls.length, by, kind, name, mayRepeat, startedMs },
      ...{ dueMs: startedMs + forMs, runs: 0, outcome: undefined },
    }
    this.#calls.push(call)
    return call
  }

  /** Writes while it reads; everything in order, and with a result everything. */
  async #read(
    stream: RpcStream<number, number, number>,
    number: number,
    count: number,
  ): Promise<void> {
    const writing = (async (): Promise<void> => {
      for (let item = 0; item < count; item++) await stream.write(item)
      stream.end()
    })()
    // What fails a write is told by the loop, too.
    writing.catch(() => {})
    let came = 0
    for await (const item of stream) {
      this.#claim(item === came, 'R8', () => `stream ${number}: ${item} after ${came} items`)
      came += 1
    }
    const result = await stream.result
    this.#claim(
      came === count,
      'R8',
      () => `stream ${number}: ${came} of ${count} items and a result`,
    )
    this.#claim(
      result === count,
      'R8',
      () => `stream ${number}: ${result} of ${count} items came there`,
    )
  }

  async #end(call: Call, work: Promise<unknown>): Promise<void> {
    const outcome = await work.then(
      () => 'done',
      (error: unknown) => {
        if (error instanceof RpcError) return error.code
        throw error
      },
    )
    const { kind, number, by, dueMs, startedMs } = call
    const what = (): string => `${kind} ${number} of ${by.name} at ${startedMs} ms`
    this.#claim(call.outcome === undefined, 'R20', () => `${what()} ends twice`)
    this.#claim(
      this.#now() <= dueMs,
      'R2',
      () => `${what()} ends at ${this.#now()} ms as ${outcome}`,
    )
    call.outcome = outcome
  }
}

/** Waits by the clock of a node. */
function pause({ node }: Life, ms: number): Promise<void> {
  return ownPromise<void>((resolve) => void node.system.clock.setTimer(ms, resolve))
}
