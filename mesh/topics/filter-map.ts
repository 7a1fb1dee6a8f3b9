/**
 * Finds the values of all filters that a topic matches. Filters without wildcards stand in one flat map, those with
 * wildcards in a trie whose results are remembered while that pays.
 */
import type { Held, HeldValue } from './held.ts'
import { countOf, holds, Several, visitHeld, withoutValue, withValue } from './held.ts'
import { FilterTrie } from './filter-trie.ts'
import type { TrieFilter } from './filter-trie.ts'
import { ResultCache } from './result-cache.ts'
import type { ResultCacheOptions } from './result-cache.ts'
import { isWildcard } from './topic.ts'

/** Sizes of a {@link FilterMap}. */
export interface FilterMapStats {
  /** Filters without wildcards. */
  readonly exact: number
  /** Filters with wildcards. */
  readonly wildcard: number
  /** Nodes of the trie of those. */
  readonly nodes: number
  /** Topics whose results are remembered; undefined while that does not pay. */
  readonly cached: number | undefined
}

/**
 * Values by filter. Filters are in canonical form (`checkFilter`) and topics valid (`checkTopic`): neither is checked
 * again. The same value may be under many filters, and is visited once for each that matches.
 */
export class FilterMap<Value extends HeldValue> {
  readonly #exact = new Map<string, Held<Value>>()
  readonly #trie = new FilterTrie<Value>()
  readonly #cache: ResultCache<TrieFilter<Value>>
  #size = 0
  /** What is found and not remembered, unless a visit of it is under way. */
  readonly #scratch: TrieFilter<Value>[] = []
  #isScratchInUse = false

  constructor(options: ResultCacheOptions = {}) {
    this.#cache = new ResultCache(options)
  }

  /** Pairs of filter and value. */
  get size(): number {
    return this.#size
  }

  stats(): FilterMapStats {
    return {
      exact: this.#exact.size,
      wildcard: this.#trie.filters,
      nodes: this.#trie.nodes,
      cached: this.#cache.isOn ? this.#cache.size : undefined,
    }
  }

  /** Puts a value under a filter; false when it was there. */
  add(filter: string, value: Value): boolean {
    if (isWildcard(filter)) {
      const { filters } = this.#trie
      if (!this.#trie.add(filter, value)) return false
      if (this.#trie.filters !== filters) this.#cache.clear()
    } else {
      const held = this.#exact.get(filter)
      if (holds(held, value)) return false
      const now = withValue(held, value)
      if (now !== held) this.#exact.set(filter, now)
    }
    this.#size += 1
    return true
  }

  /** Takes a value away from under a filter; false when it was not there. */
  delete(filter: string, value: Value): boolean {
    if (isWildcard(filter)) {
      const { filters } = this.#trie
      if (!this.#trie.delete(filter, value)) return false
      if (this.#trie.filters !== filters) this.#cache.clear()
    } else {
      const held = this.#exact.get(filter)
      if (held === undefined || !holds(held, value)) return false
      const left = withoutValue(held, value)
      if (left === undefined) this.#exact.delete(filter)
      else if (left !== held) this.#exact.set(filter, left)
    }
    this.#size -= 1
    return true
  }

  /** Whether something, or that value, is under that filter. */
  has(filter: string, value?: Value): boolean {
    const held = this.#find(filter)
    return value === undefined ? held !== undefined : held !== undefined && holds(held, value)
  }

  /** How many values are under that filter. */
  count(filter: string): number {
    return countOf(this.#find(filter))
  }

  /** The values under that filter, which is not matched with others. */
  *valuesOf(filter: string): Iterable<Value> {
    const held = this.#find(filter)
    if (held instanceof Several) yield* held
    else if (held !== undefined) yield held
  }

  /**
   * Calls `visit` for each value whose filter matches. `visit` may add and delete, and match: what is deleted before its
   * turn is not visited, what is added may be or not.
   */
  match(topic: string, visit: (value: Value, filter: string) => void): void {
    const found = this.#trie.filters === 0 ? undefined : this.#collect(topic)
    const isScratch = found === this.#scratch
    if (isScratch) this.#isScratchInUse = true
    try {
      const exact = this.#exact.get(topic)
      if (exact !== undefined) visitHeld(exact, visit, topic)
      if (found === undefined) return
      for (let i = 0; i < found.length; i++) {
        const { held, filter } = found[i]!
        if (held !== undefined) visitHeld(held, visit, filter)
      }
    } finally {
      if (isScratch) this.#isScratchInUse = false
    }
  }

  /** Whether anything matches. */
  isMatched(topic: string): boolean {
    if (this.#exact.has(topic)) return true
    return this.#trie.filters > 0 && this.#collect(topic).length > 0
  }

  /** All filters under which there is something. */
  *filters(): Iterable<string> {
    yield* this.#exact.keys()
    for (const { filter } of this.#trie.holders()) yield filter
  }

  clear(): void {
    this.#exact.clear()
    this.#trie.clear()
    this.#cache.clear()
    this.#size = 0
  }

  #find(filter: string): Held<Value> | undefined {
    return isWildcard(filter) ? this.#trie.find(filter) : this.#exact.get(filter)
  }

  #collect(topic: string): readonly TrieFilter<Value>[] {
    const known = this.#cache.get(topic)
    if (known !== undefined) return known
    if (this.#cache.isOn) {
      const found: TrieFilter<Value>[] = []
      this.#trie.collect(topic, found)
      this.#cache.set(topic, found)
      return found
    }
    const found = this.#isScratchInUse ? [] : this.#scratch
    found.length = 0
    this.#trie.collect(topic, found)
    return found
  }
}
