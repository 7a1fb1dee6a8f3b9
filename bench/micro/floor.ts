/**
 * The floor for local messages: the least a mailbox can do and still be one. A linked queue, one
 * microtask per burst, a promise per call. No deadline, no links, no death notice, no fairness.
 */

interface Entry {
  readonly input: number
  readonly resolve: ((value: number) => void) | undefined
  next: Entry | undefined
}

/** A hand-made counter behind a queue. */
export class FloorMailbox {
  #total = 0
  #head: Entry | undefined
  #tail: Entry | undefined
  #armed = false
  readonly #drain = (): void => {
    this.#armed = false
    for (let entry = this.#head; entry !== undefined; entry = this.#head) {
      this.#head = entry.next
      if (entry.next === undefined) this.#tail = undefined
      this.#total += entry.input
      entry.resolve?.(this.#total)
    }
  }

  get total(): number {
    return this.#total
  }

  call(input: number): Promise<number> {
    return new Promise((resolve) => {
      this.#push({ input, resolve, next: undefined })
    })
  }

  cast(input: number): void {
    this.#push({ input, resolve: undefined, next: undefined })
  }

  #push(entry: Entry): void {
    if (this.#tail === undefined) this.#head = entry
    else this.#tail.next = entry
    this.#tail = entry
    if (this.#armed) return
    this.#armed = true
    queueMicrotask(this.#drain)
  }
}
