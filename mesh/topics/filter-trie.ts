/**
 * Filters with wildcards as a tree of segments. A topic walks down all branches at once, segment by segment: what is
 * reached by then is a list of nodes, each there once, so no filter makes it take more steps than there are segments
 * times nodes. `**` matches whatever follows, so its node is found when it is reached and stays reached until the end.
 *
 * What a step costs in a large tree is waiting for memory, so nodes are rows of integers (`trie-nodes.ts`) and segments
 * numbers (`segments.ts`).
 */
import type { Held, HeldValue } from './held.ts'
import { holds, withoutValue, withValue } from './held.ts'
import { Segments } from './segments.ts'
import { ANY, isReserved, ONE } from './topic.ts'
import { ROOT, TrieNodes } from './trie-nodes.ts'

/** A filter that stands in the tree. */
export interface TrieFilter<Value extends HeldValue> {
  readonly filter: string
  /** Nothing any more when it was taken out. */
  held: Held<Value> | undefined
}

/** Walks are numbered up to here, so that the numbers stay small integers. */
const WALKS_MAX = 2 ** 30

/** See the head of this file. */
export class FilterTrie<Value extends HeldValue> {
  #nodes = new TrieNodes()
  #segments = new Segments()
  /** By row of a node: the filter that ends there. */
  #ends: (TrieFilter<Value> | undefined)[] = [undefined]
  #filters = 0
  #walk = 0
  /** Nodes reached by the segments so far, and by one more. Arrays only grow: to empty them would cost more than the walk. */
  readonly #reached: number[] = []
  readonly #reaching: number[] = []
  /** How many of `#reaching` are of this walk. */
  #count = 0
  /** Nodes of `**` that were reached, from which it goes on. */
  readonly #staying: number[] = []
  #stays = 0

  /** Nodes besides the root. */
  get nodes(): number {
    return this.#nodes.size
  }

  /** Nodes that there is room for. */
  get rows(): number {
    return this.#nodes.rows
  }

  /** Filters under which something is held. */
  get filters(): number {
    return this.#filters
  }

  /** False when it was there. */
  add(filter: string, value: Value): boolean {
    const node = this.#grow(filter)
    const end = this.#ends[this.#nodes.rowOf(node)]
    if (end === undefined) {
      this.#put(node, { filter, held: value })
      return true
    }
    if (holds(end.held, value)) return false
    end.held = withValue(end.held, value)
    return true
  }

  /** False when it was not there. */
  delete(filter: string, value: Value): boolean {
    const segments = filter.split('.')
    const path = this.#path(segments)
    const node = path?.at(-1)
    if (path === undefined || node === undefined) return false
    const end = this.#ends[this.#nodes.rowOf(node)]
    if (end?.held === undefined || !holds(end.held, value)) return false
    end.held = withoutValue(end.held, value)
    if (end.held !== undefined) return true
    this.#ends[this.#nodes.rowOf(node)] = undefined
    this.#nodes.setEnd(node, false)
    this.#filters -= 1
    for (let i = path.length - 1; i > 0 && this.#nodes.isBare(path[i]!); i--) {
      this.#cut(path[i - 1]!, path[i]!, segments[i - 1]!)
    }
    if (this.#nodes.isWasteful) this.#layOut()
    return true
  }

  find(filter: string): Held<Value> | undefined {
    const node = this.#path(filter.split('.'))?.at(-1)
    return node === undefined ? undefined : this.#ends[this.#nodes.rowOf(node)]?.held
  }

  clear(): void {
    this.#nodes = new TrieNodes()
    this.#segments = new Segments()
    this.#ends = [undefined]
    this.#filters = 0
    for (const kept of [this.#reached, this.#reaching, this.#staying]) kept.length = 0
  }

  /** Every filter under which something is held. */
  *holders(): Iterable<TrieFilter<Value>> {
    for (const end of this.#ends) if (end !== undefined) yield end
  }

  /** Appends to `found` all filters that match `topic`, each once. */
  collect(topic: string, found: TrieFilter<Value>[]): void {
    const nodes = this.#nodes
    this.#walk = this.#walk === WALKS_MAX ? 1 : this.#walk + 1
    this.#stays = 0
    let reached = this.#reached
    let reaching = this.#reaching
    let count = 1
    reached[0] = ROOT
    let isWild = !isReserved(topic)
    const any = nodes.any(ROOT)
    if (isWild && any !== 0) this.#stay(any, found)
    for (let start = 0; ;) {
      const dot = topic.indexOf('.', start)
      const text = dot === -1 ? topic.slice(start) : topic.slice(start, dot)
      const segment = this.#segments.numberOf(text)
      const stays = this.#stays
      this.#count = 0
      for (let i = 0; i < count; i++) this.#step(reached[i]!, segment, isWild, reaching, found)
      for (let i = 0; i < stays; i++) this.#step(this.#staying[i]!, segment, true, reaching, found)
      count = this.#count
      const swapped = reached
      reached = reaching
      reaching = swapped
      if (dot === -1 || (count === 0 && this.#stays === 0)) break
      start = dot + 1
      isWild = true
    }
    // Without segments left, those that were reached are those that match; a walk that broke off reached none.
    for (let i = 0; i < count; i++) this.#find(reached[i]!, found)
  }

  #step(
    node: number,
    segment: number,
    isWild: boolean,
    reaching: number[],
    found: TrieFilter<Value>[],
  ): void {
    const nodes = this.#nodes
    const literal = segment === 0 ? 0 : nodes.literal(node, segment)
    if (literal !== 0) this.#reach(literal, reaching, found)
    const one = isWild ? nodes.one(node) : 0
    if (one !== 0) this.#reach(one, reaching, found)
  }

  #reach(node: number, reaching: number[], found: TrieFilter<Value>[]): void {
    reaching[this.#count++] = node
    const any = this.#nodes.any(node)
    if (any !== 0) this.#stay(any, found)
  }

  /** A node of `**` can be reached after several segments; once is enough. */
  #stay(reached: number, found: TrieFilter<Value>[]): void {
    const nodes = this.#nodes
    let node = reached
    while (node !== 0 && nodes.visit(node, this.#walk)) {
      this.#find(node, found)
      if (nodes.goesOn(node)) this.#staying[this.#stays++] = node
      node = nodes.any(node)
    }
  }

  #find(node: number, found: TrieFilter<Value>[]): void {
    if (this.#nodes.isEnd(node)) found.push(this.#ends[this.#nodes.rowOf(node)]!)
  }

  #put(node: number, end: TrieFilter<Value>): void {
    this.#ends[this.#nodes.rowOf(node)] = end
    this.#nodes.setEnd(node, true)
    this.#filters += 1
  }

  #path(segments: readonly string[]): number[] | undefined {
    let node = ROOT
    const path = [node]
    for (const segment of segments) {
      node = this.#childOf(node, segment)
      if (node === 0) return undefined
      path.push(node)
    }
    return path
  }

  #childOf(node: number, segment: string): number {
    if (segment === ONE) return this.#nodes.one(node)
    if (segment === ANY) return this.#nodes.any(node)
    const number = this.#segments.numberOf(segment)
    return number === 0 ? 0 : this.#nodes.literal(node, number)
  }

  /** The node of a filter, which is made if need be. */
  #grow(filter: string): number {
    const nodes = this.#nodes
    let node = ROOT
    for (const segment of filter.split('.')) {
      let next = this.#childOf(node, segment)
      if (next === 0) {
        if (segment === ONE) next = nodes.addOne(node)
        else if (segment === ANY) next = nodes.addAny(node)
        else next = nodes.addLiteral(node, this.#segments.take(segment))
        const row = nodes.rowOf(next)
        if (row === this.#ends.length) this.#ends.push(undefined)
      }
      node = next
    }
    return node
  }

  #cut(parent: number, node: number, segment: string): void {
    if (segment === ONE || segment === ANY) return this.#nodes.cut(parent, node, 0)
    this.#nodes.cut(parent, node, this.#segments.numberOf(segment))
    this.#segments.release(segment)
  }

  /** Into fresh arrays, without the rows that many filters have left that are gone. */
  #layOut(): void {
    const ends = Array.from(this.holders())
    this.clear()
    for (const end of ends) this.#put(this.#grow(end.filter), end)
  }
}
