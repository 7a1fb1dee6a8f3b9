/** Times of things that have a name: the earliest is found at once, one name has one time. */
import { Deadlines } from '../../machine/deadlines.ts'

/** See the head of this file. */
export class Schedule {
  readonly #deadlines = new Deadlines()
  readonly #slots = new Map<string, number>()
  readonly #names = new Map<number, string>()
  #lastSlot = 0

  get size(): number {
    return this.#slots.size
  }

  has(name: string): boolean {
    return this.#slots.has(name)
  }

  /** The earliest time; Infinity when there is none. */
  earliest(): number {
    return this.#deadlines.earliest()
  }

  set(name: string, timeMs: number): void {
    let slot = this.#slots.get(name)
    if (slot === undefined) {
      slot = ++this.#lastSlot
      this.#slots.set(name, slot)
      this.#names.set(slot, name)
    }
    this.#deadlines.set(slot, timeMs)
  }

  delete(name: string): void {
    const slot = this.#slots.get(name)
    if (slot === undefined) return
    this.#slots.delete(name)
    this.#names.delete(slot)
    this.#deadlines.delete(slot)
  }

  /** Takes the earliest out if its time has come. */
  takeDue(nowMs: number): string | undefined {
    if (this.#deadlines.earliest() > nowMs) return undefined
    const name = this.#names.get(this.#deadlines.first())
    if (name !== undefined) this.delete(name)
    return name
  }
}
