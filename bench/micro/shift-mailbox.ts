/**
 * A mailbox on an array that is emptied with `shift()`, as noex and many others have it. It stands beside
 * the drain figures to show the cliff: V8 moves a long array for every `shift`.
 */

/** Sums what is put into it. */
export class ShiftMailbox {
  total = 0
  readonly #queue: number[] = []
  #armed = false
  #drained: (() => void) | undefined

  cast(input: number): void {
    this.#queue.push(input)
    if (this.#armed) return
    this.#armed = true
    queueMicrotask(() => this.#drain())
  }

  /** Resolves when the queue is empty. */
  async drained(): Promise<void> {
    if (this.#queue.length === 0) return
    await new Promise<void>((resolve) => {
      this.#drained = resolve
    })
  }

  #drain(): void {
    this.#armed = false
    while (this.#queue.length > 0) this.total += this.#queue.shift() ?? 0
    this.#drained?.()
    this.#drained = undefined
  }
}
