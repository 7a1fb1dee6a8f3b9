/**
 * Tasks over a source, so many at a time, with their results as an async iterator.
 *
 * As in Elixir, a process stands between the consumer and the tasks. It is linked to the owner and, unless the
 * tasks are started "nolink", to each task; it traps exits if the owner does. So a task that fails
 * takes an owner along that does not trap, the end of the owner ends all tasks, and an owner that traps
 * gets no EXIT per element. It also pulls from the source, so the source runs as this process.
 *
 *     next() -> pull while there is room -> task per element -> ended: result waits for its turn -> next()
 *
 * Invariants:
 * - At most `maxConcurrency` tasks run, and at most `maxConcurrency + bufferedMax` elements have been taken from
 *   the source and not been given to the consumer. Nothing is pulled before the first `next`.
 * - When the stream is over, for whatever reason, no task of it runs, its process is gone, and the source
 *   was closed if it was not at its end (T-24).
 */
import {
  ArgumentError,
  isThenable,
  ItemKind,
  Message,
  ownPromise,
  pidEquals,
  runAs,
  type Call,
  type ExitReason,
  type Pid,
  type Process,
  type Program,
  type StopRequest,
  type System,
} from '../../runtime/index.ts'
import { CallUnknownError } from '../server/server-errors.ts'
import { TaskAbortedError, TaskExecutionError, TaskTimeoutError } from './task-errors.ts'
import type { TaskCell, TaskFunction, TaskResult } from './task-process.ts'
import { endTask, waitFor } from './task-wait.ts'

/** What is worked on: a list, a generator, an async generator, ... */
export type StreamSource<T> = Iterable<T> | AsyncIterable<T>

/** One result of a stream; `input` is there with `zipInputOnExit`. */
export type StreamResult<R, T = never> =
  | { readonly ok: R }
  | ([T] extends [never]
      ? { readonly exit: ExitReason }
      : { readonly exit: ExitReason; readonly input: T })

/** Results of tasks, in order if asked for. Leaving a `for await` loop ends the tasks that are left. */
export interface TaskStream<V> extends AsyncIterableIterator<V>, AsyncDisposable {
  next(): Promise<IteratorResult<V, undefined>>
  /** Ends the tasks that are left; resolves when they and the source are closed. */
  return(): Promise<IteratorResult<V, undefined>>
  [Symbol.asyncIterator](): TaskStream<V>
}

/** What a stream is told once. */
export interface StreamPlan {
  readonly system: System
  readonly owner: Pid | undefined
  /** Of every task. */
  readonly callers: readonly Pid[]
  readonly maxConcurrency: number
  readonly bufferedMax: number
  readonly ordered: boolean
  readonly timeoutMs: number
  readonly onTimeout: 'exit' | 'kill_task'
  readonly zipInputOnExit: boolean
  readonly signal: AbortSignal | undefined
  readonly source: StreamSource<unknown>
  /** The function for one element. */
  readonly work: (input: unknown) => TaskFunction<unknown>
  /** Starts a task for the stream's process, and gives it to `made` before it can run. */
  readonly startTask: (
    fn: TaskFunction<unknown>,
    stream: Process,
    made: (cell: TaskCell) => void,
  ) => Promise<unknown> | void
}

interface Entry {
  readonly input: unknown
  cell: TaskCell | undefined
  result: TaskResult<unknown> | undefined
}

interface Request {
  readonly resolve: (result: IteratorResult<unknown, undefined>) => void
  readonly reject: (error: unknown) => void
}

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>

/** Tells the stream's process to pull. */
const PULL: unique symbol = Symbol('pull')
const DONE: IteratorResult<never, undefined> = Object.freeze({ done: true, value: undefined })
const LABEL = 'task_stream'
const WHAT = 'a stream of tasks'
const STEPS = 'an iterable whose `next` gives { done, value }'

/** The only implementation of {@link TaskStream}, and the state of the stream's process. */
export class StreamCell implements TaskStream<unknown> {
  readonly plan: StreamPlan
  #process: Process | undefined = undefined
  #iterator: AnyIterator | undefined = undefined
  readonly #running: Set<Entry> = new Set<Entry>()
  /** In the order of delivery; ordered: all that are not delivered, else those that are done. */
  readonly #queue: Set<Entry> = new Set<Entry>()
  readonly #requests: Set<Request> = new Set<Request>()
  /** Results that wait for their turn or for the consumer. */
  #finished = 0
  #pullQueued = false
  /** An async source was asked and has not answered. */
  #pulling = false
  #sourceEnd: 'open' | 'done' | { readonly error: unknown } = 'open'
  #closed = false
  /** For the next `next`, if nobody was waiting when the stream failed. */
  #failure: { readonly error: unknown } | undefined = undefined
  #release: (() => void) | undefined = undefined

  constructor(plan: StreamPlan) {
    this.plan = plan
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return ownPromise((resolve, reject) => {
      if (this.#failure !== undefined) {
        const { error } = this.#failure
        this.#failure = undefined
        return reject(error)
      }
      if (this.#closed) return resolve(DONE)
      this.#requests.add({ resolve, reject })
      if (this.#process === undefined) this.#begin()
      this.#deliver()
    })
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    await this.#close()
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }

  /** For `sys`. */
  status(): Readonly<Record<string, unknown>> {
    return { running: this.#running.size, buffered: this.#finished, waiting: this.#requests.size }
  }
  tasks(): readonly TaskCell[] {
    return [...this.#running].flatMap(({ cell }) => (cell === undefined ? [] : [cell]))
  }

  /** An item for the stream's process. */
  handle(process: Process, item: Message | Call): void {
    const { owner } = this.plan
    if (item.kind === ItemKind.info && item.value === PULL) this.#pull(process)
    else if (item.kind === ItemKind.call) item.fail(new CallUnknownError(LABEL, 'a call', false))
    else if (item.kind === ItemKind.stop) process.exit((item.value as StopRequest).reason)
    else if (item.kind === ItemKind.exit || item.kind === ItemKind.down) {
      const { from } = item
      if (owner !== undefined && from !== undefined && pidEquals(owner, from)) {
        process.exit(item.value)
      }
    }
  }

  /** The stream's process has ended: a linked task failed, the owner ended, or somebody killed it. */
  ended(reason: ExitReason): void {
    this.#fail(new TaskExecutionError(WHAT, reason))
  }

  #begin(): void {
    const { owner, signal, source, system } = this.plan
    const aborted = (cause: unknown): void => this.#fail(new TaskAbortedError(WHAT, cause))
    try {
      if (signal?.aborted === true) return aborted(signal.reason)
      const process = system.start(streamProgram, {
        parent: owner,
        link: owner !== undefined,
        trapExit: owner !== undefined && system.process(owner)?.trapExit === true,
        mailboxPolicy: 'reject', // what it tells itself is a message too, and must not be let go
        state: this,
      })
      this.#process = process
      if (!process.alive) return
      this.#iterator = iteratorOf(source)
      // The link does not tell of an owner that ends normally.
      if (owner !== undefined) system.monitor(process.pid, owner)
      if (signal !== undefined) this.#release = system.onAbort(signal, aborted)
    } catch (error) {
      this.#fail(error)
    }
  }

  // --- pulling

  get #hasRoom(): boolean {
    const { maxConcurrency, bufferedMax } = this.plan
    const running = this.#running.size
    return running < maxConcurrency && running + this.#finished < maxConcurrency + bufferedMax
  }

  #queuePull(): void {
    if (this.#closed || this.#pullQueued || this.#pulling) return
    if (this.#sourceEnd !== 'open' || !this.#hasRoom) return
    this.#pullQueued = true
    this.#process?.post(new Message(ItemKind.info, undefined, PULL))
  }

  #pull(process: Process): void {
    this.#pullQueued = false
    while (!this.#closed && this.#sourceEnd === 'open' && this.#hasRoom) {
      let step: IteratorResult<unknown> | PromiseLike<IteratorResult<unknown>>
      try {
        step = (this.#iterator as AnyIterator).next()
      } catch (error) {
        return this.#sourceOver({ error })
      }
      if (isThenable(step)) return this.#pullLater(process, step)
      this.#take(process, step)
    }
  }

  #pullLater(process: Process, step: PromiseLike<IteratorResult<unknown>>): void {
    this.#pulling = true
    Promise.resolve(step).then(
      (settled) => {
        this.#pulling = false
        if (this.#closed) return
        runAs(process, () => this.#take(process, settled))
        this.#queuePull()
      },
      (error: unknown) => {
        this.#pulling = false
        this.#sourceOver({ error })
      },
    )
  }

  #take(process: Process, step: IteratorResult<unknown>): void {
    let value: unknown
    try {
      if (typeof step !== 'object' || step === null) throw new ArgumentError('source', STEPS, step)
      if (step.done === true) return this.#sourceOver('done')
      ;({ value } = step)
    } catch (error) {
      return this.#sourceOver({ error })
    }
    this.#work(process, value)
  }

  /** What was taken before is still worked on and delivered, then comes the end or the error. */
  #sourceOver(end: 'done' | { readonly error: unknown }): void {
    if (this.#closed) return
    this.#sourceEnd = end
    this.#deliver()
  }

  // --- tasks

  #work(process: Process, input: unknown): void {
    const entry: Entry = { input, cell: undefined, result: undefined }
    this.#running.add(entry)
    if (this.plan.ordered) this.#queue.add(entry)
    try {
      const follow = (cell: TaskCell): void => this.#follow(entry, cell)
      const started = this.plan.startTask(this.plan.work(input), process, follow)
      started?.catch((error: unknown) => this.#fail(error))
    } catch (error) {
      this.#fail(error)
    }
  }

  #follow(entry: Entry, cell: TaskCell): void {
    entry.cell = cell
    if (this.#closed) return this.#kill(cell)
    waitFor(cell, { timeoutMs: this.plan.timeoutMs }, (how) => {
      cell.spend(how === 'ended' ? 'awaited' : 'timed_out')
      if (this.#closed || this.#process?.alive !== true) return
      if (how === 'ended') this.#finish(entry, cell.outcome as TaskResult<unknown>)
      else if (this.plan.onTimeout === 'exit') {
        this.#fail(new TaskTimeoutError(cell.label, this.plan.timeoutMs))
      } else {
        this.#kill(cell)
        this.#finish(entry, { exit: 'timeout' })
      }
    })
  }

  #finish(entry: Entry, result: TaskResult<unknown>): void {
    entry.result = result
    this.#running.delete(entry)
    this.#finished++
    if (!this.plan.ordered) this.#queue.add(entry)
    this.#deliver()
  }

  /** Without taking the stream's process along. */
  #kill(cell: TaskCell): void {
    const { process } = cell
    if (process === undefined) return
    if (this.#process !== undefined) process.system.unlink(this.#process.pid, process.pid)
    endTask(cell, 'brutal_kill')
  }

  // --- delivery

  #deliver(): void {
    for (const request of this.#requests) {
      const entry = this.#nextDone()
      if (entry === undefined) break
      this.#requests.delete(request)
      this.#finished--
      request.resolve({ done: false, value: this.#shown(entry) })
    }
    if (this.#closed) return
    const empty = this.#running.size === 0 && this.#finished === 0
    if (this.#sourceEnd !== 'open' && empty) {
      if (this.#sourceEnd === 'done') void this.#close()
      else if (this.#requests.size > 0) this.#fail(this.#sourceEnd.error)
    } else this.#queuePull()
  }

  #nextDone(): Entry | undefined {
    for (const entry of this.#queue) {
      if (entry.result === undefined) return undefined
      this.#queue.delete(entry)
      return entry
    }
    return undefined
  }

  #shown({ input, result }: Entry): unknown {
    if (!this.plan.zipInputOnExit || 'ok' in (result as object)) return result
    return { ...result, input }
  }

  // --- the end

  #fail(error: unknown): void {
    if (this.#closed) return
    const [first] = this.#requests
    if (first === undefined) this.#failure = { error }
    else {
      this.#requests.delete(first)
      first.reject(error)
    }
    void this.#close()
  }

  /** Ends everything; the promise is that of the source, if it has something to close. */
  #close(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#closed = true
    const { owner, system } = this.plan
    this.#release?.()
    const closing = this.#closeSource()
    for (const { cell } of this.#running) if (cell !== undefined) this.#kill(cell)
    this.#running.clear()
    this.#queue.clear()
    for (const request of this.#requests) request.resolve(DONE)
    this.#requests.clear()
    const process = this.#process
    if (process?.alive === true) {
      if (owner !== undefined) system.unlink(owner, process.pid)
      process.exit('normal')
    }
    return closing
  }

  /** Waits for the source, unless it is in the middle of something that may never end. */
  #closeSource(): Promise<void> {
    const iterator = this.#iterator
    if (iterator?.return === undefined || this.#sourceEnd !== 'open') return Promise.resolve()
    const closed = callReturn(iterator).then(() => {})
    const report = (error: unknown): void => {
      this.plan.system.logger.warn({ label: LABEL, error }, 'the source of a stream did not close')
    }
    closed.catch(report)
    return this.#pulling ? Promise.resolve() : closed
  }
}

async function callReturn(iterator: AnyIterator): Promise<unknown> {
  return iterator.return?.()
}

/** The function of a source that opens it. */
export function opener(source: StreamSource<unknown>): () => AnyIterator {
  const iterable = source as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined
  const open = iterable?.[Symbol.asyncIterator] ?? iterable?.[Symbol.iterator]
  if (typeof open === 'function') return open
  throw new ArgumentError('source', 'an iterable or async iterable', source)
}

function iteratorOf(source: StreamSource<unknown>): AnyIterator {
  const iterator = opener(source).call(source)
  if (typeof iterator?.next === 'function') return iterator
  throw new ArgumentError('source', 'an iterable whose iterator has `next`', iterator)
}

const streamProgram: Program = Object.freeze<Program>({
  label: LABEL,
  debug: Object.freeze({
    behaviour: LABEL,
    getState: (process: Process) => (process.state as StreamCell).status(),
    replaceState: () => {
      throw new ArgumentError('process', 'one whose state can be replaced', LABEL)
    },
    status: (process: Process) => (process.state as StreamCell).status(),
    parent: (process: Process) => (process.state as StreamCell).plan.owner,
    children: (process: Process) =>
      (process.state as StreamCell)
        .tasks()
        .map(({ pid }) => ({ id: String(pid), pid, type: 'worker' as const, restarts: 0 })),
  }),
  handle(process: Process, item: Message | Call): void {
    ;(process.state as StreamCell).handle(process, item)
  },
  onExit(process: Process, reason: ExitReason): void {
    ;(process.state as StreamCell).ended(reason)
  },
})
