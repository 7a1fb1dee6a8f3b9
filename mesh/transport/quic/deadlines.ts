/**
 * Deadlines of many connections on one timer. A deadline is moved for almost every packet, nearly
 * always later, so moving it must cost nothing: it is one number, and the heap entry that was made
 * for an earlier time stays and is only looked at when its time comes ("lazily re-armed").
 *
 * Invariant: while a deadline is set, there is a heap entry at or before it, and the timer is armed
 * at or before the first entry.
 */

/** Time as this queue needs it. */
export interface DeadlineTime {
  now(): number
  setTimer(delayMs: number, fn: () => void): { cancel(): void }
}

/** One movable deadline of an owner. */
export class Deadline<T> {
  /** @internal due time, `Infinity` when not set */
  at = Infinity
  /** @internal time of the live heap entry */
  queuedAt = Infinity
  /** @internal */
  owner: T | undefined
  constructor(owner: T) {
    this.owner = owner
  }

  /** Takes it back. Its owner is forgotten, so it can be collected before the entry comes up. */
  dispose(): void {
    this.at = Infinity
    this.owner = undefined
  }
}

interface Entry<T> {
  readonly at: number
  readonly deadline: Deadline<T>
}

/** A heap of deadlines and the one timer behind it. */
export class DeadlineQueue<T> {
  readonly #time: DeadlineTime
  readonly #fire: (owner: T, nowMs: number) => void
  #heap: Entry<T>[] = []
  #timer: { cancel(): void } | undefined
  #armedAt = Infinity
  #stopped = false

  /** `fire` is called once per deadline that has come; it may set it again. */
  constructor(time: DeadlineTime, fire: (owner: T, nowMs: number) => void) {
    this.#time = time
    this.#fire = fire
  }

  /** Heap entries, stale ones included; for tests. */
  get size(): number {
    return this.#heap.length
  }

  /** Sets or moves `deadline`; `Infinity` takes it back. */
  set(deadline: Deadline<T>, at: number): void {
    deadline.at = at
    if (at >= deadline.queuedAt || this.#stopped || deadline.owner === undefined) return
    deadline.queuedAt = at
    this.#push({ at, deadline })
    this.#arm()
  }

  /** Stops the timer and forgets everything. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#heap = []
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || first.at >= this.#armedAt || this.#stopped) return
    this.#timer?.cancel()
    this.#armedAt = first.at
    const delayMs = Math.max(0, first.at - this.#time.now())
    this.#timer = this.#time.setTimer(Math.ceil(delayMs), () => this.#tick())
  }

  #tick(): void {
    this.#armedAt = Infinity
    this.#timer = undefined
    const now = this.#time.now()
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#pop()
      const { deadline } = first
      if (first.at !== deadline.queuedAt) continue // an earlier entry took over
      deadline.queuedAt = Infinity
      const { owner } = deadline
      if (owner === undefined) continue
      if (deadline.at > now) {
        this.set(deadline, deadline.at)
      } else {
        deadline.at = Infinity
        this.#fire(owner, now)
      }
      if (this.#stopped) return
    }
    this.#arm()
  }

  #push(entry: Entry<T>): void {
    const heap = this.#heap
    let i = heap.push(entry) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (heap[parent]!.at <= entry.at) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    const { length } = heap
    if (length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= length) break
      if (child + 1 < length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= last.at) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
  }
}
