/**
 * Who runs next, and when the event loop gets its turn.
 *
 * Ready processes wait in a ring and are served in slices, in microtasks, so that a message and its
 * reply cost no macrotask. All microtask drains of one macrotask turn share one message budget, which
 * only `clock.nextTurn` resets; when it is used up the rest waits for that turn, after timers and
 * sockets had theirs. A message storm therefore cannot starve them.
 *
 *     macrotask   | run  run   run (budget used up)      | I/O, timers | turn: stamp, run, expire, rearm | ...
 *
 * Hot path: no await, closure, Error or clock reading per message. The time budget beside the message
 * budget reads the clock every few messages, more often while handlers prove slow.
 */
import { enterSlice, leaveProcess, leaveSlices } from './context.ts'
import { ItemKind, USER_KIND_MAX } from './item.ts'
import { takeItem } from './mailbox.ts'
import { BUSY, DEAD, OBSERVED, QUEUED, SUSPENDED } from './process-flags.ts'
import { reasonOfThrown } from './exit-reason.ts'
import { hasUnseen, takeAdmitted } from './suspension.ts'
import { Timers } from './timer.ts'
import type { Call } from './call.ts'
import type { Clock } from './clock.ts'
import type { Message, StopRequest } from './item.ts'
import type { LongHandlers } from './long-handlers.ts'
import type { ProcessCell } from './process.ts'
import type { SystemRequest } from './system-request.ts'
import type { SystemWatch } from './watch.ts'

/** Messages one process may handle before the next in the queue has its slice. */
const SLICE = 32
/** In a simulation every message is a step of its own. */
const SLICE_WATCHED = 1
const CHECK_EVERY_MAX = 64
const QUEUE_SIZE_MIN = 64

// V8 folds a constant of the module it is used in, but loads an imported one anew at each use.
const CALL: typeof ItemKind.call = ItemKind.call
const USER_MAX: number = USER_KIND_MAX
const UNFIT: number = BUSY | DEAD
const SPECIAL: number = BUSY | DEAD | SUSPENDED | OBSERVED
const NOT_READY: number = BUSY | DEAD | QUEUED | SUSPENDED

/** What the scheduler is told once. */
export interface SchedulerOptions {
  readonly messageBudget: number
  /** Infinity switches the time budget off. */
  readonly turnBudgetMs: number
  readonly longHandlers: LongHandlers
  readonly watch: SystemWatch | undefined
}

/** The run queue of one system. */
export class Scheduler {
  /** Messages delivered so far. */
  delivered = 0
  /** Macrotask turns so far. */
  turns = 0
  /** The clock as of the last turn or the end of a silence; for start times, never for deadlines. */
  coarseNowMs: number
  /** Driven by the turns of this scheduler. */
  readonly timers: Timers
  readonly #clock: Clock
  readonly #options: SchedulerOptions
  readonly #runLater: () => void
  readonly #turnLater: () => void
  readonly #watch: SystemWatch | undefined
  readonly #slice: number
  #queue: (ProcessCell | undefined)[] = new Array<ProcessCell | undefined>(QUEUE_SIZE_MIN)
  #mask = QUEUE_SIZE_MIN - 1
  #first = 0
  #end = 0
  #left: number
  #running = false
  /** Handlers are measured in this run. */
  #timing = false
  #runArmed = false
  #turnArmed = false
  #checkEvery = 8
  #untilCheck = 8
  #checkedAtMs = -1
  #turnStartMs = -1

  constructor(clock: Clock, options: SchedulerOptions) {
    this.#clock = clock
    this.#options = options
    this.#watch = options.watch
    this.#slice = options.watch === undefined ? SLICE : SLICE_WATCHED
    this.#left = options.messageBudget
    this.coarseNowMs = Math.floor(clock.now())
    this.#runLater = () => {
      this.#runArmed = false
      this.#run()
    }
    this.#turnLater = () => this.#turn()
    this.timers = new Timers(clock, () => this.requestTurn())
  }

  /** Processes waiting for their slice. */
  get queued(): number {
    return (this.#end - this.#first) & this.#mask
  }

  /** Puts a process that is not queued, busy or dead into the run queue. */
  ready(cell: ProcessCell): void {
    this.#enqueue(cell)
    if (!this.#runArmed && !this.#running && this.#left > 0) {
      this.#runArmed = true
      this.#clock.microtask(this.#runLater)
    }
    if (this.#turnArmed) return
    this.coarseNowMs = Math.floor(this.#clock.now()) // there was silence: the last turn may be long ago
    this.requestTurn()
  }

  /** Asks for a macrotask turn: it stamps new timers, expires due ones and resets the budget. */
  requestTurn(): void {
    if (this.#turnArmed) return
    this.#turnArmed = true
    this.#clock.nextTurn(this.#turnLater)
  }

  #enqueue(cell: ProcessCell): void {
    cell.flags |= QUEUED
    this.#queue[this.#end] = cell
    this.#end = (this.#end + 1) & this.#mask
    if (this.#end === this.#first) this.#grow()
  }

  #grow(): void {
    const size = this.#mask + 1
    const grown = new Array<ProcessCell | undefined>(size * 2)
    for (let i = 0; i < size; i++) grown[i] = this.#queue[(this.#first + i) & this.#mask]
    this.#queue = grown
    this.#first = 0
    this.#end = size
    this.#mask = size * 2 - 1
  }

  #turn(): void {
    this.#turnArmed = false
    this.turns++
    this.#left = this.#options.messageBudget
    const nowMs = this.#clock.now()
    this.#turnStartMs = nowMs
    this.#checkedAtMs = nowMs
    this.coarseNowMs = Math.floor(nowMs)
    this.timers.stamp(nowMs)
    if (this.#first !== this.#end && !this.#runArmed) this.#run()
    const moreDue = this.timers.expire(this.#options.messageBudget)
    if (this.timers.observe(nowMs) || moreDue || this.#first !== this.#end) this.requestTurn()
    this.timers.rearm(nowMs)
    this.#turnStartMs = -1 // drains before the next turn may begin any time later
  }

  #run(): void {
    const before = this.#left
    this.#running = true
    this.#timing = this.#options.longHandlers.wanted
    while (this.#left > 0 && this.#first !== this.#end) {
      const cell = this.#queue[this.#first]!
      this.#queue[this.#first] = undefined
      this.#first = (this.#first + 1) & this.#mask
      cell.flags &= ~QUEUED
      this.#serve(cell)
      if (this.#watch !== undefined) this.#watch.served(cell, cell.lastName)
      if (cell.head !== undefined) {
        const unready = cell.flags & NOT_READY
        if (unready === 0 || (unready === SUSPENDED && hasUnseen(cell))) this.#enqueue(cell)
      }
    }
    this.#running = false
    leaveSlices()
    this.delivered += before - this.#left
  }

  #serve(cell: ProcessCell): void {
    const before = enterSlice(cell)
    for (let slice = this.#slice; slice > 0 && this.#left > 0; slice--) {
      if ((cell.flags & SPECIAL) !== 0) {
        if ((cell.flags & UNFIT) === 0) this.#serveSpecial(cell, slice)
        break
      }
      const item = takeItem(cell)
      if (item === undefined) break
      this.#left--
      if (--this.#untilCheck <= 0) this.#checkTime()
      if (item.kind === CALL && item.settled) continue
      if (item.kind <= CALL) cell.lastName = item.name
      if (item.kind > USER_MAX) this.#handleSignal(cell, item as Message)
      else if (this.#timing) this.#handleTimed(cell, item)
      else this.#handle(cell, item)
    }
    leaveProcess(before)
  }

  /** {@link #serve} for a process that is suspended or observed. */
  #serveSpecial(cell: ProcessCell, slice: number): void {
    for (; slice > 0 && this.#left > 0; slice--) {
      if ((cell.flags & UNFIT) !== 0) return
      const item = (cell.flags & SUSPENDED) === 0 ? takeItem(cell) : takeAdmitted(cell)
      if (item === undefined) return
      this.#left--
      if (--this.#untilCheck <= 0) this.#checkTime()
      if (item.kind === CALL && item.settled) continue
      if (item.kind <= CALL) cell.lastName = item.name
      if (item.kind > USER_MAX) this.#handleSignal(cell, item as Message)
      else this.#handleAny(cell, item)
    }
  }

  #handleSignal(cell: ProcessCell, item: Message): void {
    if (item.kind === ItemKind.system) (item.value as SystemRequest).serve()
    else if (item.kind === ItemKind.stop) this.#handleStop(cell, item)
    else this.#handleAny(cell, item)
  }

  #handleAny(cell: ProcessCell, item: Message | Call): void {
    if ((cell.flags & OBSERVED) !== 0) this.#handleObserved(cell, item)
    else if (this.#timing) this.#handleTimed(cell, item)
    else this.#handle(cell, item)
  }

  /** As {@link #handle}, with everything that happens told to who observes the process. */
  #handleObserved(cell: ProcessCell, item: Message | Call): void {
    const observer = cell.extras!.observer!
    observer.taken(item)
    if ((cell.flags & DEAD) !== 0) return
    const startMs = this.#clock.now()
    let result: void | Promise<void>
    try {
      result = cell.program.handle(cell, item)
    } catch (error) {
      observer.failed(item, this.#clock.now() - startMs, error)
      cell.core.deaths.end(cell, reasonOfThrown(error), true)
      return
    }
    const tookMs = this.#clock.now() - startMs
    if (result instanceof Promise) {
      this.#await(cell, observer.inFlight(item, startMs, tookMs, result), item)
    } else observer.handled(item, tookMs)
    if (this.#timing) this.#options.longHandlers.handled(cell, item, startMs)
  }

  #handle(cell: ProcessCell, item: Message | Call): void {
    let result: void | Promise<void>
    try {
      result = cell.program.handle(cell, item)
    } catch (error) {
      cell.core.deaths.end(cell, reasonOfThrown(error), true)
      return
    }
    if (result !== undefined && result instanceof Promise) this.#await(cell, result, item)
  }

  #handleTimed(cell: ProcessCell, item: Message | Call): void {
    const startMs = this.#clock.now()
    this.#handle(cell, item)
    this.#options.longHandlers.handled(cell, item, startMs)
  }

  /** A stop request is the last item of a process: it ends when this is handled, at the latest. */
  #handleStop(cell: ProcessCell, item: Message): void {
    const request = item.value as StopRequest
    const extras = cell.more()
    extras.stopping = request
    extras.resume = () => cell.core.deaths.end(cell, request.reason, true)
    this.#handleAny(cell, item)
    if ((cell.flags & BUSY) === 0) extras.resume()
  }

  /** Busy until settled. After death the continuations change nothing (zombie guard). */
  #await(cell: ProcessCell, result: Promise<void>, item: Message | Call): void {
    const extras = cell.more()
    cell.flags |= BUSY
    extras.inHand = item
    extras.busyKind = item.kind
    extras.busySinceMs = this.coarseNowMs
    extras.resume ??= () => this.release(cell)
    extras.crash ??= (error) => cell.core.deaths.end(cell, reasonOfThrown(error), true)
    if (this.#watch !== undefined) this.#watch.busy(cell)
    result.then(extras.resume, extras.crash)
  }

  /** Ends BUSY: the process may take its next item. */
  release(cell: ProcessCell): void {
    if ((cell.flags & DEAD) !== 0) return
    cell.flags &= ~BUSY
    if (cell.extras !== undefined) cell.extras.inHand = undefined
    if (cell.head !== undefined && (cell.flags & QUEUED) === 0) this.ready(cell)
  }

  /** Ends the turn's budget when handlers used up its time. */
  #checkTime(): void {
    const budgetMs = this.#options.turnBudgetMs
    if (budgetMs === Infinity) {
      this.#untilCheck = CHECK_EVERY_MAX
      return
    }
    const nowMs = this.#clock.now()
    const tookMs = nowMs - this.#checkedAtMs
    this.#checkedAtMs = nowMs
    this.#untilCheck = this.#checkEvery
    if (this.#turnStartMs < 0) {
      this.#turnStartMs = nowMs
      return
    }
    if (nowMs - this.#turnStartMs > budgetMs) {
      this.delivered -= this.#left // what is left of the budget is not going to be delivered
      this.#left = 0
    }
    if (tookMs > budgetMs / 4) this.#checkEvery = Math.max(1, this.#checkEvery >> 2)
    else if (this.#checkEvery < CHECK_EVERY_MAX) this.#checkEvery *= 2
    this.#untilCheck = this.#checkEvery
  }
}
