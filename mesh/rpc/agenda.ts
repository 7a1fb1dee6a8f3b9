/**
 * Things to do at certain times, earliest first; those of one time in the order in which they were put there.
 *
 * A binary heap. What is taken back stays in it, empty, until it is the first, or until there are more of its kind than
 * of the others: almost every call ends long before its time, and to take each out of the middle would cost a good part
 * of what a call costs.
 */

/** Something to do, for {@link Agenda.cancel}. */
export interface Appointment {
  readonly dueMs: number
  readonly number: number
  /** Undefined once it was done or taken back. */
  task: (() => void) | undefined
}

/** So many may be empty in any case. */
const EMPTY_MAX = 64

/** See the head of this file. */
export class Agenda {
  #heap: Appointment[] = []
  #size = 0
  #number = 0

  get nextDueMs(): number {
    let first = this.#heap[0]
    while (first !== undefined && first.task === undefined) {
      this.#takeFirst()
      first = this.#heap[0]
    }
    return first?.dueMs ?? Infinity
  }

  /** Things that are still to be done. */
  get size(): number {
    return this.#size
  }

  /** Those, and what is kept although it was taken back. */
  get places(): number {
    return this.#heap.length
  }

  /** Does `task` at `dueMs`. */
  at(dueMs: number, task: () => void): Appointment {
    const appointment: Appointment = { dueMs, number: this.#number++, task }
    this.#size += 1
    this.#up(appointment, this.#heap.length)
    return appointment
  }

  /** Harmless for what was done, and for undefined. */
  cancel(appointment: Appointment | undefined): void {
    if (appointment?.task === undefined) return
    appointment.task = undefined
    this.#size -= 1
    if (this.#heap.length <= 2 * this.#size + EMPTY_MAX) return
    // What is sorted is a heap.
    this.#heap = this.#heap.filter(({ task }) => task !== undefined).sort(inOrder)
  }

  /** Does what is due. */
  run(nowMs: number): void {
    while (this.nextDueMs <= nowMs) {
      const appointment = this.#heap[0]!
      const { task } = appointment
      this.#takeFirst()
      appointment.task = undefined
      this.#size -= 1
      task!()
    }
  }

  clear(): void {
    for (const appointment of this.#heap) appointment.task = undefined
    this.#heap = []
    this.#size = 0
  }

  #takeFirst(): void {
    const last = this.#heap.pop()!
    if (this.#heap.length > 0) this.#down(last)
  }

  /** Puts it in, at that place or nearer to the top. */
  #up(appointment: Appointment, start: number): void {
    const heap = this.#heap
    let place = start
    while (place > 0) {
      const above = (place - 1) >>> 1
      if (inOrder(heap[above]!, appointment) < 0) break
      heap[place] = heap[above]!
      place = above
    }
    heap[place] = appointment
  }

  /** Puts it in, in place of the first or below. */
  #down(appointment: Appointment): void {
    const heap = this.#heap
    let place = 0
    for (;;) {
      const left = place * 2 + 1
      if (left >= heap.length) break
      const right = left + 1
      const isRight = right < heap.length && inOrder(heap[right]!, heap[left]!) < 0
      const below = isRight ? right : left
      if (inOrder(appointment, heap[below]!) < 0) break
      heap[place] = heap[below]!
      place = below
    }
    heap[place] = appointment
  }
}

function inOrder(left: Appointment, right: Appointment): number {
  return left.dueMs - right.dueMs || left.number - right.number
}
