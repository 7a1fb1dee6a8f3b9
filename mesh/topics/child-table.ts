/**
 * Which node of a trie follows another one by a segment, for all nodes in one table: integers side by side, so that a step
 * costs one look at memory. In a large trie nothing else costs anything.
 *
 * Open addressing with linear probing; what is deleted leaves no mark (D. Knuth, TAOCP 3, 6.4, algorithm R). A key looks at
 * `PROBES_MAX` places at most. In a table that is hardly filled only keys that somebody chose for it have that many in their
 * way: those stand in a map of texts, whose hashes nobody can foresee. So no choice of filters makes a step long.
 */

/** Integers of one place: parent, segment, child; the fourth keeps a place within one line of the processor's cache. */
const WIDTH = 4
const SEGMENT = 1
const CHILD = 2
const PLACES_MIN = 8
/** The table has at least so many places for each of its keys. */
const SPARSENESS = 2
/** Only a table with at least so many has keys beside it. */
const SPARSENESS_BESIDE = 4
/** Places that a key can have, from its first on. */
export const PROBES_MAX = 64

/** See the head of this file. Parents, segments and children are whole numbers; 0 is no segment and no child. */
export class ChildTable {
  #places = new Int32Array(PLACES_MIN * WIDTH)
  #last: number = PLACES_MIN - 1
  /** Keys in the table itself. */
  #keys = 0
  /** Keys that found no place. */
  readonly #beside = new Map<string, number>()

  /** Keys. */
  get size(): number {
    return this.#keys + this.#beside.size
  }

  /** Keys that are not in the table itself. */
  get beside(): number {
    return this.#beside.size
  }

  /** 0 when there is none. */
  get(parent: number, segment: number): number {
    const places = this.#places
    const last = this.#last
    let place = spread(parent, segment) & last
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = place * WIDTH
      const child = places[at + CHILD]!
      if (child === 0) break
      if (places[at] === parent && places[at + SEGMENT] === segment) return child
      place = (place + 1) & last
    }
    if (this.#beside.size === 0) return 0
    return this.#beside.get(textOf(parent, segment)) ?? 0
  }

  /** Puts in a key that is not there. */
  add(parent: number, segment: number, child: number): void {
    if ((this.#keys + 1) * SPARSENESS > this.#last + 1) this.#grow()
    while (!this.#put(parent, segment, child)) {
      if (this.#keys * SPARSENESS_BESIDE <= this.#last + 1) {
        this.#beside.set(textOf(parent, segment), child)
        return
      }
      this.#grow()
    }
  }

  /** Takes out a key; nothing when it is not there. */
  delete(parent: number, segment: number): void {
    if (this.#beside.size > 0 && this.#beside.delete(textOf(parent, segment))) return
    const places = this.#places
    const last = this.#last
    let hole = spread(parent, segment) & last
    while (places[hole * WIDTH] !== parent || places[hole * WIDTH + SEGMENT] !== segment) {
      if (places[hole * WIDTH + CHILD] === 0) return
      hole = (hole + 1) & last
    }
    this.#keys -= 1
    // Whatever stands behind it and may stand there moves up, so that no search ends too early.
    for (let place = (hole + 1) & last; places[place * WIDTH + CHILD] !== 0;) {
      const at = place * WIDTH
      const home = spread(places[at]!, places[at + SEGMENT]!) & last
      if (((place - home) & last) >= ((place - hole) & last)) {
        places.copyWithin(hole * WIDTH, at, at + WIDTH)
        hole = place
      }
      place = (place + 1) & last
    }
    places.fill(0, hole * WIDTH, (hole + 1) * WIDTH)
  }

  /** False when all its places are taken. */
  #put(parent: number, segment: number, child: number): boolean {
    const places = this.#places
    let place = spread(parent, segment) & this.#last
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const at = place * WIDTH
      if (places[at + CHILD] === 0) {
        places[at] = parent
        places[at + SEGMENT] = segment
        places[at + CHILD] = child
        this.#keys += 1
        return true
      }
      place = (place + 1) & this.#last
    }
    return false
  }

  #grow(): void {
    const before = this.#places
    this.#places = new Int32Array(before.length * 2)
    this.#last = this.#last * 2 + 1
    this.#keys = 0
    for (let at = 0; at < before.length; at += WIDTH) {
      const child = before[at + CHILD]!
      if (child !== 0) this.add(before[at]!, before[at + SEGMENT]!, child)
    }
  }
}

/** Numbers that follow each other are to stand far apart, also in their lowest bits. */
function spread(parent: number, segment: number): number {
  let mixed = Math.imul(parent, 0x9e3779b1) ^ Math.imul(segment, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
  return mixed ^ (mixed >>> 16)
}

function textOf(parent: number, segment: number): string {
  return `${parent}.${segment}`
}
