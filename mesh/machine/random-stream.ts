/**
 * Chance of a core: one stream per purpose, derived from one seed, so that a change in how often one
 * part draws does not move the choices of the others. Decisions only, never secrets.
 */
import { mix } from './mix.ts'

/** sfc32: 128 bits of state, four additions per number. */
export class RandomStream {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, purpose: number) {
    this.#a = mix(seed ^ 0x51ed270b)
    this.#b = mix(Math.floor(seed / 2 ** 32) ^ (purpose * 0x9e3779b9))
    this.#c = mix(purpose ^ 0x2545f491)
    for (let i = 0; i < 12; i++) this.next()
  }

  /** 32 random bits, not negative. */
  next(): number {
    const result = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0
    return result >>> 0
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit)
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.next() / 2 ** 32
  }

  state(): readonly number[] {
    return [this.#a, this.#b, this.#c, this.#counter]
  }

  restore(state: readonly number[]): void {
    const [a = 0, b = 0, c = 0, counter = 0] = state
    this.#a = a
    this.#b = b
    this.#c = c
    this.#counter = counter
  }
}
