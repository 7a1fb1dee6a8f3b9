/**
 * Which messages to one peer may overtake which. Order is promised between two processes, so a message to one process
 * need not wait for a large value that goes to another one in pieces. A key says whom a message is for, as the sender knows it:
 *
 * - a number: that process of the peer;
 * - a name: whoever holds it there, which may be any process, so it conflicts with every number, and with no
 *   other name;
 * - a name that begins with `$`: a part of the node or one exchange with it, never a process;
 * - nothing, or 0: order with other messages means nothing.
 *
 * A process that is addressed by two names at once is two receivers to this order.
 */

/** Whom a message is for. */
export type OrderKey = number | string | undefined

const isName = (key: OrderKey): boolean => typeof key === 'string' && !key.startsWith('$')

/** Keys of the messages that must not be overtaken, each as often as it was added. */
export class OrderKeys {
  readonly #counts = new Map<number | string, number>()
  #numbers = 0
  #names = 0

  /** Keys that are taken, to see that nothing is left. */
  get size(): number {
    return this.#counts.size
  }

  add(key: OrderKey): void {
    if (key === undefined || key === 0) return
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    this.#count(key, 1)
  }

  remove(key: OrderKey): void {
    if (key === undefined || key === 0) return
    const left = (this.#counts.get(key) ?? 0) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
    if (left >= 0) this.#count(key, -1)
  }

  /** Whether a message with that key has to wait for one that was added. */
  conflicts(key: OrderKey): boolean {
    if (this.#counts.size === 0 || key === undefined || key === 0) return false
    if (this.#counts.has(key)) return true
    if (typeof key === 'number') return this.#names > 0
    return this.#numbers > 0 && isName(key)
  }

  clear(): void {
    this.#counts.clear()
    this.#numbers = 0
    this.#names = 0
  }

  #count(key: OrderKey, by: number): void {
    if (typeof key === 'number') this.#numbers += by
    else if (isName(key)) this.#names += by
  }
}
