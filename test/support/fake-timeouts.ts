/**
 * `setTimeout` under a test's control, for what the one module that may call it does with it. As Node's, it
 * fires at once what is delayed by more than 2^31-1 ms.
 */
interface Pending {
  readonly atMs: number
  readonly fn: () => void
}

export class FakeTimeouts implements Disposable {
  #nowMs = 0
  readonly #pending = new Set<Pending>()
  readonly #before = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout }

  constructor() {
    const set = (fn: () => void, delayMs: number): object => {
      const pending = { atMs: this.#nowMs + (delayMs > 2 ** 31 - 1 ? 1 : delayMs), fn }
      this.#pending.add(pending)
      return Object.assign(pending, { ref: () => pending, unref: () => pending })
    }
    const clear = (pending: Pending): void => void this.#pending.delete(pending)
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear })
  }

  get count(): number {
    return this.#pending.size
  }

  /** Moves time, firing what is due in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      const [next] = [...this.#pending].sort((a, b) => a.atMs - b.atMs)
      if (next === undefined || next.atMs > endMs) break
      this.#nowMs = next.atMs
      this.#pending.delete(next)
      next.fn()
    }
    this.#nowMs = endMs
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#before)
  }
}
