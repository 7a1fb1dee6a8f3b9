/**
 * Chance by purpose: every purpose has a stream of its own, made of the seed and its name, so one more draw in
 * one place shifts nothing elsewhere.
 */
import { createSeededEntropy, type Entropy } from '../../runtime/index.ts'

/** The streams of one seed. */
export class EntropyStreams {
  readonly #seed: number
  readonly #streams = new Map<string, Entropy>()

  constructor(seed: number) {
    this.#seed = seed
  }

  /** The stream of `purpose`, which goes on where the last draw left it. */
  of(purpose: string): Entropy {
    let stream = this.#streams.get(purpose)
    if (stream === undefined) {
      stream = createSeededEntropy(seedOf(this.#seed, purpose))
      this.#streams.set(purpose, stream)
    }
    return stream
  }
}

/** A seed that depends on all bits of `seed` and every character of `purpose`. */
export function seedOf(seed: number, purpose: string): number {
  let h = mix((seed | 0) ^ Math.imul(Math.floor(seed / 4_294_967_296) | 0, 0x9e3779b1))
  for (let i = 0; i < purpose.length; i++) h = mix(h ^ purpose.charCodeAt(i))
  return h
}

function mix(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
