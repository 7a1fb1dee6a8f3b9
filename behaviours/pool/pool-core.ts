/**
 * The decisions of a worker pool, pure: who gets which worker, when one is started or ended. Inputs are
 * what happened and when; what is to be done is left in `effects`, in order. pool-server.ts carries it out.
 *
 *     start -> starting -> idle <-> out          a worker asked to end is `ending` until it is dead
 *                 |          |       |
 *               failed     died     died -> replaced: at once, or after restartDelayMs
 *
 * Invariants (pool.prop.test.ts):
 * - Workers in all states together are never more than `size + overflowMax`.
 * - A worker is in one hand: idle, or lent under one ticket. A ticket that was cancelled gets none.
 * - Nobody waits while a worker is idle.
 * - No retry storm: after a failed start, or an idle worker that died within `restartDelayMs` of its start,
 *   nothing is started for `restartDelayMs`, then one worker as a trial; the others follow its success.
 *   Who could only be served by a worker that does not start is told the reason at once.
 *
 * Follows poolboy's rules for overflow and strategy.
 */
import type { ExitReason } from '../../runtime/index.ts'
import { LinkedQueue, type Linked } from './pool-queue.ts'

/** Which idle worker is taken next: the one that was used last, or the one that rested longest. */
export type PoolStrategy = 'lifo' | 'fifo'

/** The dials of a pool that decide. */
export interface PoolRules {
  readonly size: number
  readonly overflowMax: number
  readonly strategy: PoolStrategy
  readonly waitingMax: number
  readonly idleTimeoutMs: number
  readonly restartDelayMs: number
}

/** What is to be done. */
export type PoolEffect =
  | { readonly type: 'start'; readonly key: number }
  | { readonly type: 'end'; readonly key: number; readonly kill: boolean }
  | { readonly type: 'grant'; readonly ticket: string; readonly key: number }
  | { readonly type: 'full'; readonly ticket: string }
  /** No worker can be had, for this reason. */
  | { readonly type: 'broken'; readonly ticket: string; readonly reason: ExitReason }

/** What becomes of a worker that is handed back. */
export type HandBack = 'return' | 'discard' | 'kill'

class Worker implements Linked<Worker> {
  readonly key: number
  state: 'starting' | 'idle' | 'out' | 'ending' = 'starting'
  ticket: string | undefined = undefined
  startedAtMs = 0
  idleSinceMs = 0
  before: Worker | undefined = undefined
  after: Worker | undefined = undefined
  constructor(key: number) {
    this.key = key
  }
}

class Waiter implements Linked<Waiter> {
  readonly ticket: string
  before: Waiter | undefined = undefined
  after: Waiter | undefined = undefined
  constructor(ticket: string) {
    this.ticket = ticket
  }
}

/** Numbers of a pool. */
export interface PoolCounts {
  /** Workers that can be had now. */
  readonly available: number
  readonly checkedOut: number
  /** Workers above `size`. */
  readonly overflow: number
  readonly starting: number
  readonly ending: number
  /** Callers in the queue. */
  readonly waiting: number
  /** Checkouts refused because of `waitingMax`, so far. */
  readonly refused: number
  /** Starts that failed, so far. */
  readonly startsFailed: number
  /** Workers that died without being asked to, so far. */
  readonly died: number
}

/** See the header. */
export class PoolCore {
  readonly effects: PoolEffect[] = []
  readonly #rules: PoolRules
  readonly #workers = new Map<number, Worker>()
  readonly #lent = new Map<string, Worker>()
  readonly #idle = new LinkedQueue<Worker>()
  readonly #queue = new LinkedQueue<Waiter>()
  readonly #waiters = new Map<string, Waiter>()
  #lastKey = 0
  #starting = 0
  #ending = 0
  /** Set from a failed start to the next that succeeds. */
  #failure: { readonly reason: ExitReason; readonly untilMs: number } | undefined = undefined
  #refused = 0
  #startsFailed = 0
  #died = 0

  constructor(rules: PoolRules) {
    this.#rules = rules
  }

  get counts(): PoolCounts {
    return {
      available: this.#idle.size,
      checkedOut: this.#lent.size,
      overflow: Math.max(0, this.#active - this.#rules.size),
      starting: this.#starting,
      ending: this.#ending,
      waiting: this.#queue.size,
      refused: this.#refused,
      startsFailed: this.#startsFailed,
      died: this.#died,
    }
  }

  /** When `wake` is due next; Infinity if never. */
  get wakeAtMs(): number {
    const { size, overflowMax, idleTimeoutMs } = this.#rules
    const oldest = this.#active > size ? this.#idle.first : undefined
    const idleMs = oldest === undefined ? Infinity : oldest.idleSinceMs + idleTimeoutMs
    const wanting = this.#active < size || this.#queue.size > this.#starting
    const room = this.#workers.size < size + overflowMax
    if (!wanting || !room || this.#starting > 0) return idleMs
    return Math.min(idleMs, this.#failure?.untilMs ?? Infinity)
  }

  /** Whether the worker is lent, and under which ticket. */
  ticketOf(key: number): string | undefined {
    return this.#workers.get(key)?.ticket
  }

  // --- callers

  /** A caller wants a worker. `ticket` is its name from now on. */
  checkout(ticket: string, nowMs: number): void {
    const { strategy, waitingMax } = this.#rules
    const idle = strategy === 'lifo' ? this.#idle.last : this.#idle.first
    if (idle !== undefined) {
      this.#idle.remove(idle)
      this.#lend(idle, ticket)
      return
    }
    // As many starts are under way as there are callers who wait for one: one more for this one.
    const served = this.#queue.size < this.#starting
    if (!served && this.#canStart(nowMs)) this.#start()
    else if (!served && this.#hopeless && this.#failure !== undefined) {
      this.effects.push({ type: 'broken', ticket, reason: this.#failure.reason })
      return
    } else if (!served && this.#queue.size - this.#starting >= waitingMax) {
      this.#refused++
      this.effects.push({ type: 'full', ticket })
      return
    }
    const waiter = new Waiter(ticket)
    this.#waiters.set(ticket, waiter)
    this.#queue.push(waiter)
  }

  /** A caller is done with its worker, or does not want one any more. */
  handBack(ticket: string, how: HandBack, nowMs: number): boolean {
    const waiter = this.#waiters.get(ticket)
    if (waiter !== undefined) {
      this.#forget(waiter)
      return true
    }
    const worker = this.#lent.get(ticket)
    if (worker === undefined) return false
    this.#takeBack(worker)
    if (how === 'return') this.#free(worker, nowMs)
    else {
      this.#end(worker, how === 'kill')
      this.#fill(nowMs)
    }
    return true
  }

  // --- workers

  /** Counts a worker that is started now; for the first ones, which nobody waits for. */
  reserve(): number {
    return this.#start(false)
  }

  started(key: number, nowMs: number): void {
    const worker = this.#workers.get(key)
    if (worker?.state !== 'starting') return
    this.#starting--
    this.#failure = undefined
    worker.startedAtMs = nowMs
    this.#free(worker, nowMs)
    this.#fill(nowMs)
  }

  startFailed(key: number, reason: ExitReason, nowMs: number): void {
    const worker = this.#workers.get(key)
    if (worker?.state !== 'starting') return
    this.#starting--
    this.#startsFailed++
    this.#workers.delete(key)
    this.#pause(reason, nowMs)
    const { first } = this.#queue
    if (first !== undefined && this.#queue.size > this.#starting) this.#break(first, reason)
    this.#giveUpHopeless()
  }

  /** A worker ended that nobody had asked to. */
  died(key: number, reason: ExitReason, nowMs: number): void {
    const worker = this.#workers.get(key)
    if (worker === undefined) return
    if (worker.state === 'starting') {
      this.startFailed(key, reason, nowMs)
      return
    }
    if (worker.state === 'ending') {
      this.ended(key, nowMs)
      return
    }
    this.#died++
    this.#workers.delete(key)
    if (worker.state === 'idle') {
      this.#idle.remove(worker)
      if (nowMs - worker.startedAtMs < this.#rules.restartDelayMs) this.#pause(reason, nowMs)
    } else this.#takeBack(worker)
    this.#fill(nowMs)
    this.#giveUpHopeless()
  }

  /** A worker ended that was asked to. */
  ended(key: number, nowMs: number): void {
    if (this.#workers.get(key)?.state !== 'ending') return
    this.#workers.delete(key)
    this.#ending--
    this.#fill(nowMs)
    this.#giveUpHopeless()
  }

  /** Time has passed: see `wakeAtMs`. */
  wake(nowMs: number): void {
    const { size, idleTimeoutMs } = this.#rules
    for (let worker = this.#idle.first; worker !== undefined; worker = this.#idle.first) {
      if (this.#active <= size || worker.idleSinceMs + idleTimeoutMs > nowMs) break
      this.#idle.remove(worker)
      this.#end(worker, false)
    }
    this.#fill(nowMs)
  }

  // --- inside

  /** Workers that are there or on their way, without those on their way out. */
  get #active(): number {
    return this.#workers.size - this.#ending
  }

  /** Nobody who could serve a waiting caller is there or on the way. */
  get #hopeless(): boolean {
    return this.#active === 0
  }

  #canStart(nowMs: number): boolean {
    const { size, overflowMax } = this.#rules
    if (this.#workers.size >= size + overflowMax) return false
    if (this.#failure === undefined) return true
    return this.#starting === 0 && nowMs >= this.#failure.untilMs
  }

  #start(tell = true): number {
    const worker = new Worker(++this.#lastKey)
    this.#workers.set(worker.key, worker)
    this.#starting++
    if (tell) this.effects.push({ type: 'start', key: worker.key })
    return worker.key
  }

  /** Starts what is missing, and what waiting callers need. */
  #fill(nowMs: number): void {
    while (this.#active < this.#rules.size || this.#queue.size > this.#starting) {
      if (!this.#canStart(nowMs)) return
      this.#start()
    }
  }

  #pause(reason: ExitReason, nowMs: number): void {
    this.#failure = { reason, untilMs: nowMs + this.#rules.restartDelayMs }
  }

  #lend(worker: Worker, ticket: string): void {
    worker.state = 'out'
    worker.ticket = ticket
    this.#lent.set(ticket, worker)
    this.effects.push({ type: 'grant', ticket, key: worker.key })
  }

  #takeBack(worker: Worker): void {
    if (worker.ticket !== undefined) this.#lent.delete(worker.ticket)
    worker.ticket = undefined
  }

  /** A worker is in nobody's hand: to the first in the queue, or to the idle ones, or out. */
  #free(worker: Worker, nowMs: number): void {
    const { size, idleTimeoutMs } = this.#rules
    const { first } = this.#queue
    if (first !== undefined) {
      this.#forget(first)
      this.#lend(worker, first.ticket)
    } else if (this.#active > size && idleTimeoutMs === 0) this.#end(worker, false)
    else {
      worker.state = 'idle'
      worker.idleSinceMs = nowMs
      this.#idle.push(worker)
    }
  }

  #end(worker: Worker, kill: boolean): void {
    worker.state = 'ending'
    this.#ending++
    this.effects.push({ type: 'end', key: worker.key, kill })
  }

  #forget(waiter: Waiter): void {
    this.#waiters.delete(waiter.ticket)
    this.#queue.remove(waiter)
  }

  #break(waiter: Waiter, reason: ExitReason): void {
    this.#forget(waiter)
    this.effects.push({ type: 'broken', ticket: waiter.ticket, reason })
  }

  #giveUpHopeless(): void {
    const failure = this.#failure
    if (failure === undefined || !this.#hopeless) return
    while (this.#queue.first !== undefined) this.#break(this.#queue.first, failure.reason)
  }
}
