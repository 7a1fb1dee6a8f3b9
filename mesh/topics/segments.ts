/**
 * The literal segments of filters as numbers, as long as a node of the trie stands for them. Numbers are compared and found
 * by arithmetic; a text is looked at once per segment of a topic, however many places in the trie it is at.
 */

/** See the head of this file. */
export class Segments {
  readonly #numbers = new Map<string, number>()
  /** By number: how many nodes stand for it. */
  readonly #uses: number[] = [0]
  readonly #free: number[] = []

  get size(): number {
    return this.#numbers.size
  }

  /** 0 when no node stands for it. */
  numberOf(segment: string): number {
    return this.#numbers.get(segment) ?? 0
  }

  /** The number for one more node. */
  take(segment: string): number {
    let number = this.#numbers.get(segment)
    if (number === undefined) {
      number = this.#free.pop() ?? this.#uses.length
      this.#numbers.set(segment, number)
      this.#uses[number] = 0
    }
    this.#uses[number]! += 1
    return number
  }

  /** One node less stands for it. */
  release(segment: string): void {
    const number = this.#numbers.get(segment)!
    this.#uses[number]! -= 1
    if (this.#uses[number]! > 0) return
    this.#numbers.delete(segment)
    this.#free.push(number)
  }
}
