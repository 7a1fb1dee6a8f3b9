/**
 * The B+-tree below `ordered_set` tables: entries in key order in the leaves, everything O(log n).
 *
 * Invariants: every node but the root holds `NODE_MIN` to `NODE_MAX` entries or children; all leaves are
 * equally deep; for i > 0, `lows[i]` of an inner node is above every key under `children[i - 1]` and not above any
 * under `children[i]` (`lows[0]` says nothing). `version` changes with every entry that comes or goes, so that who remembers a
 * {@link Place} knows whether it still is one.
 */

/** What a tree holds. */
export interface Keyed<K> {
  readonly key: K
}

/** Where an entry is, until the tree's `version` changes. */
export interface Place<E> {
  readonly entries: readonly E[]
  readonly index: number
}

interface Leaf<E> {
  readonly entries: E[]
}

interface Inner<K, E> {
  readonly lows: K[]
  readonly children: Node<K, E>[]
}

type Node<K, E> = Leaf<E> | Inner<K, E>

/** What an insertion adds beside the node it went to. */
interface Split<K, E> {
  readonly low: K
  readonly right: Node<K, E>
}

const NODE_MAX = 64
const NODE_MIN = 24

/** Entries in the order of `compare`. */
export class OrderedTree<K, E extends Keyed<K>> {
  /** Changes when an entry comes or goes. */
  version = 0
  #size = 0
  #root: Node<K, E> = { entries: [] }
  readonly #compare: (a: K, b: K) => number

  constructor(compare: (a: K, b: K) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#size
  }

  get(key: K): E | undefined {
    let node = this.#root
    while ('children' in node) node = node.children[this.#childIndex(node.lows, key)]!
    const entry = node.entries[this.#lowerBound(node.entries, key)]
    return entry !== undefined && this.#compare(entry.key, key) === 0 ? entry : undefined
  }

  /** Adds an entry whose key is not there yet. */
  add(entry: E): void {
    const split = this.#add(this.#root, entry)
    if (split !== undefined) {
      this.#root = { lows: [entry.key, split.low], children: [this.#root, split.right] }
    }
    this.#size++
    this.version++
  }

  /** Takes the entry of `key` out. */
  remove(key: K): E | undefined {
    const entry = this.#remove(this.#root, key)
    if (entry === undefined) return undefined
    if ('children' in this.#root && this.#root.children.length === 1) {
      this.#root = this.#root.children[0]!
    }
    this.#size--
    this.version++
    return entry
  }

  clear(): void {
    this.#root = { entries: [] }
    this.#size = 0
    this.version++
  }

  /** The first or last entry. */
  end(side: 'first' | 'last'): Place<E> | undefined {
    return endOf(this.#root, side)
  }

  /** The nearest entry above `key`, or at it when `inclusive`. */
  above(key: K, inclusive: boolean): Place<E> | undefined {
    let node = this.#root
    let beside: Node<K, E> | undefined
    while ('children' in node) {
      const i = this.#childIndex(node.lows, key)
      beside = node.children[i + 1] ?? beside
      node = node.children[i]!
    }
    const index = inclusive
      ? this.#lowerBound(node.entries, key)
      : this.#upperBound(node.entries, key)
    if (index < node.entries.length) return { entries: node.entries, index }
    return beside === undefined ? undefined : endOf(beside, 'first')
  }

  /** The nearest entry below `key`, or at it when `inclusive`. */
  below(key: K, inclusive: boolean): Place<E> | undefined {
    let node = this.#root
    let beside: Node<K, E> | undefined
    while ('children' in node) {
      const i = this.#childIndex(node.lows, key)
      beside = node.children[i - 1] ?? beside
      node = node.children[i]!
    }
    const end = inclusive
      ? this.#upperBound(node.entries, key)
      : this.#lowerBound(node.entries, key)
    if (end > 0) return { entries: node.entries, index: end - 1 }
    return beside === undefined ? undefined : endOf(beside, 'last')
  }

  // --- search ---------------------------------------------------------------------------------

  /** The child that has `key` if any has. */
  #childIndex(lows: readonly K[], key: K): number {
    let from = 1
    let to = lows.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#compare(lows[middle]!, key) <= 0) from = middle + 1
      else to = middle
    }
    return from - 1
  }

  /** The first index whose key is not below `key`. */
  #lowerBound(entries: readonly E[], key: K): number {
    let from = 0
    let to = entries.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#compare(entries[middle]!.key, key) < 0) from = middle + 1
      else to = middle
    }
    return from
  }

  /** The first index whose key is above `key`. */
  #upperBound(entries: readonly E[], key: K): number {
    const index = this.#lowerBound(entries, key)
    const entry = entries[index]
    return entry !== undefined && this.#compare(entry.key, key) === 0 ? index + 1 : index
  }

  // --- change ---------------------------------------------------------------------------------

  #add(node: Node<K, E>, entry: E): Split<K, E> | undefined {
    if (!('children' in node)) {
      node.entries.splice(this.#lowerBound(node.entries, entry.key), 0, entry)
      if (node.entries.length <= NODE_MAX) return undefined
      const entries = node.entries.splice(node.entries.length >>> 1)
      return { low: entries[0]!.key, right: { entries } }
    }
    const i = this.#childIndex(node.lows, entry.key)
    const split = this.#add(node.children[i]!, entry)
    if (split === undefined) return undefined
    node.lows.splice(i + 1, 0, split.low)
    node.children.splice(i + 1, 0, split.right)
    if (node.children.length <= NODE_MAX) return undefined
    const middle = node.children.length >>> 1
    const right = { lows: node.lows.splice(middle), children: node.children.splice(middle) }
    return { low: right.lows[0]!, right }
  }

  #remove(node: Node<K, E>, key: K): E | undefined {
    if (!('children' in node)) {
      const index = this.#lowerBound(node.entries, key)
      const entry = node.entries[index]
      if (entry === undefined || this.#compare(entry.key, key) !== 0) return undefined
      node.entries.splice(index, 1)
      return entry
    }
    const i = this.#childIndex(node.lows, key)
    const entry = this.#remove(node.children[i]!, key)
    if (entry !== undefined && lengthOf(node.children[i]!) < NODE_MIN) {
      rebalance(node, Math.max(0, i - 1))
    }
    return entry
  }
}

function endOf<K, E>(node: Node<K, E>, side: 'first' | 'last'): Place<E> | undefined {
  while ('children' in node) {
    node = node.children[side === 'first' ? 0 : node.children.length - 1]!
  }
  const { entries } = node
  if (entries.length === 0) return undefined
  return { entries, index: side === 'first' ? 0 : entries.length - 1 }
}

function lengthOf<K, E>(node: Node<K, E>): number {
  return 'children' in node ? node.children.length : node.entries.length
}

/** Makes one node of children `i` and `i + 1`, or two even ones if one would be too long. */
function rebalance<K, E extends Keyed<K>>(parent: Inner<K, E>, i: number): void {
  const left = parent.children[i]!
  const right = parent.children[i + 1]!
  const low = parent.lows[i + 1]!
  if ('children' in left && 'children' in right) {
    right.lows[0] = low
    even(left.lows, right.lows)
    even(left.children, right.children)
    parent.lows[i + 1] = right.lows[0] ?? low
  } else if ('entries' in left && 'entries' in right) {
    even(left.entries, right.entries)
    parent.lows[i + 1] = right.entries[0]?.key ?? low
  }
  if (lengthOf(right) > 0) return
  parent.lows.splice(i + 1, 1)
  parent.children.splice(i + 1, 1)
}

/** Moves all to the left if there is room, else as much as makes both even. */
function even<T>(left: T[], right: T[]): void {
  const total = left.length + right.length
  const target = total <= NODE_MAX ? total : total >>> 1
  if (left.length < target) left.push(...right.splice(0, target - left.length))
  else right.unshift(...left.splice(target))
}
