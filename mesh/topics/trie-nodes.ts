/**
 * The nodes of a trie as rows of eight integers, half a line of the processor's cache. A node is called by where its row
 * begins. Row 0 is the root, so 0 stands for none wherever a node that follows is meant.
 */
import { ChildTable } from './child-table.ts'

/** Integers of a row. */
const WIDTH = 8
const SHIFT = 3
// What stands in a row.
const ONE_CHILD = 0
const ANY_CHILD = 1
/** One child by a literal segment stands here, and its segment; most nodes have no other. */
const FIRST_SEGMENT = 2
const FIRST_CHILD = 3
/** How many more there are, in the table. */
const OTHERS = 4
/** A bit for each of their segments, by its lowest bits: most that are looked for in vain are not looked for in the table. */
const OTHERS_MASK = 5
/** The walk that was here last. */
const WALK = 6
/** 1 when a filter ends here. */
const IS_END = 7

/** The root. */
export const ROOT = 0
const ROWS_MIN = 8
/** A trie is laid out anew when one row in so many is in use. */
const WASTE = 8

/** See the head of this file. Segments are numbers from 1. */
export class TrieNodes {
  #cells = new Int32Array(ROWS_MIN * WIDTH)
  readonly #table = new ChildTable()
  readonly #free: number[] = []
  /** Rows that were ever in use. */
  #used = 1

  /** Nodes besides the root. */
  get size(): number {
    return this.#used - this.#free.length - 1
  }

  /** Rows that there is room for. */
  get rows(): number {
    return this.#cells.length >> SHIFT
  }

  /** Whether so many rows are free that it is worth while to lay everything out anew. */
  get isWasteful(): boolean {
    return this.rows > ROWS_MIN && this.size * WASTE < this.rows
  }

  /** Which row it is, counted from 0. */
  rowOf(node: number): number {
    return node >> SHIFT
  }

  /** The child by a literal segment; 0 when there is none. */
  literal(node: number, segment: number): number {
    const cells = this.#cells
    if (cells[node + FIRST_SEGMENT] === segment) return cells[node + FIRST_CHILD]!
    if ((cells[node + OTHERS_MASK]! & (1 << (segment & 31))) === 0) return 0
    return this.#table.get(node, segment)
  }

  /** The child by `*`. */
  one(node: number): number {
    return this.#cells[node + ONE_CHILD]!
  }

  /** The child by `**`. */
  any(node: number): number {
    return this.#cells[node + ANY_CHILD]!
  }

  isEnd(node: number): boolean {
    return this.#cells[node + IS_END] === 1
  }

  setEnd(node: number, isEnd: boolean): void {
    this.#cells[node + IS_END] = isEnd ? 1 : 0
  }

  /** Whether something follows other than by `**`. */
  goesOn(node: number): boolean {
    const cells = this.#cells
    return (
      cells[node + ONE_CHILD] !== 0 || cells[node + FIRST_CHILD] !== 0 || cells[node + OTHERS] !== 0
    )
  }

  /** Nothing ends here or follows: nobody would miss it. */
  isBare(node: number): boolean {
    return !this.isEnd(node) && this.any(node) === 0 && !this.goesOn(node)
  }

  /** False when that walk was here before. */
  visit(node: number, walk: number): boolean {
    if (this.#cells[node + WALK] === walk) return false
    this.#cells[node + WALK] = walk
    return true
  }

  addOne(parent: number): number {
    const node = this.#allocate()
    this.#cells[parent + ONE_CHILD] = node
    return node
  }

  addAny(parent: number): number {
    const node = this.#allocate()
    this.#cells[parent + ANY_CHILD] = node
    return node
  }

  addLiteral(parent: number, segment: number): number {
    const node = this.#allocate()
    const cells = this.#cells
    if (cells[parent + FIRST_CHILD] === 0) {
      cells[parent + FIRST_SEGMENT] = segment
      cells[parent + FIRST_CHILD] = node
    } else {
      this.#table.add(parent, segment, node)
      cells[parent + OTHERS]! += 1
      cells[parent + OTHERS_MASK]! |= 1 << (segment & 31)
    }
    return node
  }

  /** Takes a bare node from its parent; `segment` is 0 for one by a wildcard. */
  cut(parent: number, node: number, segment: number): void {
    const cells = this.#cells
    if (cells[parent + ONE_CHILD] === node) cells[parent + ONE_CHILD] = 0
    else if (cells[parent + ANY_CHILD] === node) cells[parent + ANY_CHILD] = 0
    else if (cells[parent + FIRST_CHILD] === node) {
      cells[parent + FIRST_SEGMENT] = 0
      cells[parent + FIRST_CHILD] = 0
    } else {
      this.#table.delete(parent, segment)
      cells[parent + OTHERS]! -= 1
      if (cells[parent + OTHERS] === 0) cells[parent + OTHERS_MASK] = 0
    }
    this.#free.push(node)
  }

  #allocate(): number {
    const free = this.#free.pop()
    if (free !== undefined) {
      this.#cells.fill(0, free, free + WIDTH)
      return free
    }
    const node = this.#used * WIDTH
    this.#used += 1
    if (node >= this.#cells.length) {
      const before = this.#cells
      // By half: room that is not used costs memory, copying hardly anything.
      this.#cells = new Int32Array((this.rows + (this.rows >> 1)) * WIDTH)
      this.#cells.set(before)
    }
    return node
  }
}
