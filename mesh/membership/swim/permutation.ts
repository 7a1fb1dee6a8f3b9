/**
 * A keyed permutation of [0, size) with an inverse, in constant memory: a Feistel network over the next
 * power of two that walks its cycle until it is back below `size` (at most two steps on average).
 */
import { mix } from '../../machine/mix.ts'

const ROUNDS = 6

/** One shuffled order, computed instead of stored. */
export class Permutation {
  readonly size: number
  readonly key: number
  readonly #lowBits: number
  readonly #lowMask: number
  readonly #highMask: number

  /** Only the low 32 bits of `key` count; as a signed number they need no place of their own in memory. */
  constructor(size: number, key: number) {
    this.size = size
    this.key = key | 0
    const bits = size <= 1 ? 0 : 32 - Math.clz32(size - 1)
    this.#lowBits = bits >>> 1
    this.#lowMask = (1 << this.#lowBits) - 1
    this.#highMask = (1 << (bits - this.#lowBits)) - 1
  }

  /** The element at `index`, which is below `size`. */
  at(index: number): number {
    let value = index
    do value = this.#forward(value)
    while (value >= this.size)
    return value
  }

  /** The index of `element`, which is below `size`. */
  indexOf(element: number): number {
    let value = element
    do value = this.#backward(value)
    while (value >= this.size)
    return value
  }

  #forward(value: number): number {
    let low = value & this.#lowMask
    let high = value >>> this.#lowBits
    for (let round = 0; round < ROUNDS; round++) {
      if ((round & 1) === 0) high ^= this.#scramble(low, round) & this.#highMask
      else low ^= this.#scramble(high, round) & this.#lowMask
    }
    return (high << this.#lowBits) | low
  }

  #backward(value: number): number {
    let low = value & this.#lowMask
    let high = value >>> this.#lowBits
    for (let round = ROUNDS - 1; round >= 0; round--) {
      if ((round & 1) === 0) high ^= this.#scramble(low, round) & this.#highMask
      else low ^= this.#scramble(high, round) & this.#lowMask
    }
    return (high << this.#lowBits) | low
  }

  #scramble(half: number, round: number): number {
    return mix(half ^ Math.imul(this.key + round, 0x9e37_79b1))
  }
}
