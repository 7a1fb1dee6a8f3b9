/** Things to do at certain times, earliest first; those of one time in the order in which they were put there. */
import { Deadlines } from '../machine/deadlines.ts'

/** See the head of this file. */
export class Agenda {
  readonly #deadlines = new Deadlines()
  readonly #tasks = new Map<number, () => void>()
  #number = 0

  get nextDueMs(): number {
    return this.#deadlines.earliest()
  }

  get size(): number {
    return this.#tasks.size
  }

  /** Does `task` at `dueMs`; the number takes it back. */
  at(dueMs: number, task: () => void): number {
    const number = this.#number++
    this.#tasks.set(number, task)
    this.#deadlines.set(number, dueMs)
    return number
  }

  /** Harmless for what was done, and for undefined. */
  cancel(number: number | undefined): void {
    if (number === undefined || !this.#tasks.delete(number)) return
    this.#deadlines.delete(number)
  }

  /** Does what is due. */
  run(nowMs: number): void {
    while (this.#deadlines.earliest() <= nowMs) {
      const number = this.#deadlines.first()
      const task = this.#tasks.get(number)!
      this.cancel(number)
      task()
    }
  }

  clear(): void {
    this.#deadlines.clear()
    this.#tasks.clear()
  }
}
