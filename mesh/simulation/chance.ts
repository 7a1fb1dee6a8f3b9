/**
 * Chance without state: every decision is a hash of the seed, what it is about and a count, so that a
 * fault or a message taken out of a run leaves the luck of all others as it was. That is what lets a
 * failing schedule shrink. Murmur3's finaliser mixes; good for simulations, useless for secrets.
 */

import { check, COUNT } from './checked.ts'

/** What a decision is about; each has luck of its own. */
export const Purpose: Readonly<{
  loss: 1
  latency: 2
  duplicate: 3
  reorder: 4
  codec: 5
  stream: 6
  order: 7
  core: 8
  start: 9
}> = Object.freeze({
  loss: 1,
  latency: 2,
  duplicate: 3,
  reorder: 4,
  codec: 5,
  stream: 6,
  order: 7,
  core: 8,
  start: 9,
})

function mix(hash: number, value: number): number {
  let k = Math.imul(value, 0xcc9e2d51)
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
  const h = hash ^ k
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
}

function finish(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** The luck of one seed. */
export class Chance {
  readonly #seed: number

  constructor(seed: number) {
    this.#seed = finish(mix(0x9747b28c, seed))
  }

  /** 32 unsigned bits for decision `count` of `purpose` about (a, b). */
  bits(purpose: number, a: number, b: number, count: number): number {
    return finish(mix(mix(mix(mix(this.#seed, purpose), a), b), count))
  }

  /** A number in [0, 1). */
  uniform(purpose: number, a: number, b: number, count: number): number {
    return this.bits(purpose, a, b, count) / 4_294_967_296
  }
}

/** Hash of a string, for seeds and keyed-hash signatures. */
export function hashText(seed: number, text: string): number {
  let hash = seed | 0
  for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i))
  return finish(mix(hash, text.length))
}

/** Hash of numbers. */
export function hashNumbers(seed: number, ...values: readonly number[]): number {
  let hash = seed | 0
  for (const value of values) hash = mix(mix(hash, value | 0), Math.floor(value / 4_294_967_296))
  return finish(hash)
}

/** A sequence of numbers of its own, for set-up: which node crashes, when a core starts. */
export class Sequence {
  readonly #chance: Chance
  #count = 0

  constructor(seed: number) {
    this.#chance = new Chance(seed)
  }

  /** A number in [0, 1). */
  next(): number {
    return this.#chance.uniform(Purpose.start, 0, 0, this.#count++)
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  /** `count` different whole numbers below `bound`, in the order drawn. */
  sample(count: number, bound: number): number[] {
    check('count', count, COUNT)
    const chosen = new Set<number>()
    while (chosen.size < Math.min(count, bound)) chosen.add(this.below(bound))
    return [...chosen]
  }
}
