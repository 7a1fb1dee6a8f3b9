/**
 * The only door to chance. Two kinds of randomness, kept apart on purpose: `random` decides (jitter,
 * choice of a peer) and is replayed from a seed in tests; `bytes` makes secrets and ids and comes
 * from the operating system unless a test replaces it.
 */
import { randomBytes, randomInt } from 'node:crypto'

/** A source of randomness. */
export interface Entropy {
  /** A number in [0, 1), for decisions. Not for secrets. */
  random(): number
  /** `length` random bytes. */
  bytes(length: number): Uint8Array
}

const RANDOM_STEPS = 2 ** 48 - 1

class SystemEntropy implements Entropy {
  random(): number {
    return randomInt(RANDOM_STEPS) / RANDOM_STEPS
  }
  bytes(length: number): Uint8Array {
    return randomBytes(length)
  }
}

/**
 * The operating system's randomness.
 *
 * @example
 * const jitterMs = createSystemEntropy().random() * 100
 * assert.ok(jitterMs >= 0 && jitterMs < 100)
 */
export function createSystemEntropy(): Entropy {
  return new SystemEntropy()
}

class SeededEntropy implements Entropy {
  #state: number
  constructor(seed: number) {
    this.#state = seed | 0
  }
  /** mulberry32: 32 bits of state, enough to replay a run, useless for secrets. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  random(): number {
    return this.#next() / 4_294_967_296
  }
  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length)
    for (let i = 0; i < length; i++) out[i] = this.#next() & 0xff
    return out
  }
}

/**
 * Randomness that repeats for the same seed. For tests and simulation only.
 *
 * @example
 * createSeededEntropy(7).random() === createSeededEntropy(7).random() // true
 */
export function createSeededEntropy(seed: number): Entropy {
  return new SeededEntropy(seed)
}
