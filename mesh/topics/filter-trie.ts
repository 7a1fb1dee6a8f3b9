/**
 * Filters with wildcards as a tree of segments. A topic walks down all branches at once, segment by segment: what is
 * reached by then is a list of nodes, each there once, so no filter makes it take more steps than there are segments
 * times nodes. `**` matches whatever follows, so its node is found when it is reached and stays reached until the end.
 */
import type { Held, HeldValue } from './held.ts'
import { holds, withoutValue, withValue } from './held.ts'
import { ANY, isReserved, ONE } from './topic.ts'

/** A place in the tree: the segments up to here. */
export class TrieNode<Value extends HeldValue> {
  readonly segment: string
  /** Nodes of literal segments; most nodes have one or none. */
  children: TrieNode<Value> | Map<string, TrieNode<Value>> | undefined = undefined
  one: TrieNode<Value> | undefined = undefined
  any: TrieNode<Value> | undefined = undefined
  held: Held<Value> | undefined = undefined
  /** The filter that ends here, while something is held. */
  filter = ''
  /** The walk that found this node last. */
  walk = 0

  constructor(segment: string) {
    this.segment = segment
  }

  get isBare(): boolean {
    return (
      this.held === undefined &&
      this.children === undefined &&
      this.one === undefined &&
      this.any === undefined
    )
  }
}

/** Walks are numbered up to here, so that the numbers stay small integers. */
const WALKS_MAX = 2 ** 30

/** See the head of this file. */
export class FilterTrie<Value extends HeldValue> {
  #root = new TrieNode<Value>('')
  #nodes = 0
  #filters = 0
  #walk = 0
  /** Nodes reached by the segments so far, and by one more. Arrays only grow: to empty them would cost more than the walk. */
  readonly #reached: TrieNode<Value>[] = []
  readonly #reaching: TrieNode<Value>[] = []
  /** How many of `#reaching` are of this walk. */
  #count = 0
  /** Nodes of `**` that were reached, from which it goes on. */
  readonly #staying: TrieNode<Value>[] = []
  #stays = 0

  /** Nodes besides the root. */
  get nodes(): number {
    return this.#nodes
  }

  /** Filters under which something is held. */
  get filters(): number {
    return this.#filters
  }

  /** False when it was there. */
  add(filter: string, value: Value): boolean {
    let node = this.#root
    for (const segment of filter.split('.'))
      node = childOf(node, segment) ?? this.#grow(node, segment)
    if (holds(node.held, value)) return false
    if (node.held === undefined) {
      this.#filters += 1
      node.filter = filter
    }
    node.held = withValue(node.held, value)
    return true
  }

  /** False when it was not there. */
  delete(filter: string, value: Value): boolean {
    const path = this.#path(filter)
    const node = path?.at(-1)
    if (path === undefined || node?.held === undefined || !holds(node.held, value)) return false
    node.held = withoutValue(node.held, value)
    if (node.held !== undefined) return true
    node.filter = ''
    this.#filters -= 1
    for (let i = path.length - 1; i > 0 && path[i]!.isBare; i--) this.#cut(path[i - 1]!, path[i]!)
    return true
  }

  find(filter: string): Held<Value> | undefined {
    let node: TrieNode<Value> | undefined = this.#root
    for (const segment of filter.split('.')) {
      node = childOf(node, segment)
      if (node === undefined) return undefined
    }
    return node.held
  }

  clear(): void {
    this.#root = new TrieNode('')
    this.#nodes = 0
    this.#filters = 0
    for (const kept of [this.#reached, this.#reaching, this.#staying]) kept.length = 0
  }

  /** Every node that holds something. */
  *holders(): Iterable<TrieNode<Value>> {
    const open = [this.#root]
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node.held !== undefined) yield node
      const { children, one, any } = node
      if (children instanceof Map) open.push(...children.values())
      else if (children !== undefined) open.push(children)
      if (one !== undefined) open.push(one)
      if (any !== undefined) open.push(any)
    }
  }

  /** Appends to `found` the nodes of all filters that match `topic`, each once. */
  collect(topic: string, found: TrieNode<Value>[]): void {
    this.#walk = this.#walk === WALKS_MAX ? 1 : this.#walk + 1
    this.#stays = 0
    let reached = this.#reached
    let reaching = this.#reaching
    let count = 1
    reached[0] = this.#root
    let isWild = !isReserved(topic)
    if (isWild && this.#root.any !== undefined) this.#stay(this.#root.any, found)
    for (let start = 0; ;) {
      const dot = topic.indexOf('.', start)
      const segment = dot === -1 ? topic.slice(start) : topic.slice(start, dot)
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
    for (let i = 0; i < count; i++) if (reached[i]!.held !== undefined) found.push(reached[i]!)
  }

  #step(
    { children, one }: TrieNode<Value>,
    segment: string,
    isWild: boolean,
    reaching: TrieNode<Value>[],
    found: TrieNode<Value>[],
  ): void {
    if (children !== undefined) {
      let child: TrieNode<Value> | undefined
      if (children instanceof TrieNode) {
        if (children.segment === segment) child = children
      } else child = children.get(segment)
      if (child !== undefined) {
        reaching[this.#count++] = child
        if (child.any !== undefined) this.#stay(child.any, found)
      }
    }
    if (one !== undefined && isWild) {
      reaching[this.#count++] = one
      if (one.any !== undefined) this.#stay(one.any, found)
    }
  }

  /** A node of `**` can be reached after several segments; once is enough. */
  #stay(reached: TrieNode<Value>, found: TrieNode<Value>[]): void {
    let node: TrieNode<Value> | undefined = reached
    while (node !== undefined && node.walk !== this.#walk) {
      node.walk = this.#walk
      if (node.held !== undefined) found.push(node)
      if (node.children !== undefined || node.one !== undefined) {
        this.#staying[this.#stays++] = node
      }
      node = node.any
    }
  }

  #path(filter: string): TrieNode<Value>[] | undefined {
    let node: TrieNode<Value> | undefined = this.#root
    const path = [node]
    for (const segment of filter.split('.')) {
      node = childOf(node, segment)
      if (node === undefined) return undefined
      path.push(node)
    }
    return path
  }

  #grow(parent: TrieNode<Value>, segment: string): TrieNode<Value> {
    const node = new TrieNode<Value>(segment)
    this.#nodes += 1
    const { children } = parent
    if (segment === ONE) parent.one = node
    else if (segment === ANY) parent.any = node
    else if (children === undefined) parent.children = node
    else if (children instanceof Map) children.set(segment, node)
    else {
      parent.children = new Map([
        [children.segment, children],
        [segment, node],
      ])
    }
    return node
  }

  #cut(parent: TrieNode<Value>, node: TrieNode<Value>): void {
    this.#nodes -= 1
    const { children } = parent
    if (parent.one === node) parent.one = undefined
    else if (parent.any === node) parent.any = undefined
    else if (!(children instanceof Map)) parent.children = undefined
    else {
      children.delete(node.segment)
      if (children.size > 1) return
      const [left] = children.values()
      parent.children = left
    }
  }
}

function childOf<Value extends HeldValue>(
  node: TrieNode<Value>,
  segment: string,
): TrieNode<Value> | undefined {
  if (segment === ONE) return node.one
  if (segment === ANY) return node.any
  const { children } = node
  if (children instanceof Map) return children.get(segment)
  return children?.segment === segment ? children : undefined
}
