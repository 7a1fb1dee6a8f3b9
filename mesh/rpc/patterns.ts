/**
 * Which registration serves a name, by the rule of WAMP (advanced profile, pattern-based registrations): an exact
 * one before all others, then the longest prefix, then wildcards: of two the one with more segments before its first
 * wildcard, then with more between that and the next, and so on.
 *
 *     a.b.c        exact
 *     a.b.**       prefix: names that begin with these segments, a.b itself too
 *     a.*.c, a.**.c   wildcard
 *
 * Differs from WAMP: a prefix is one of whole segments, and wildcards are written `*` and `**`. Of two that are
 * still equal, `*` goes before `**`, then the longer before the shorter, then by text: every node decides alike.
 */
import { FilterMap } from '../topics/filter-map.ts'

/** Kinds of patterns, the more specific first. */
export type PatternKind = 'exact' | 'prefix' | 'wildcard'

const KIND_ORDER: Readonly<Record<PatternKind, number>> = { exact: 0, prefix: 1, wildcard: 2 }

const PREFIX_END = '.**'

/** The kind of a pattern in its canonical form. */
export function patternKind(pattern: string): PatternKind {
  if (!hasWildcard(pattern)) return 'exact'
  if (pattern === '**') return 'prefix'
  if (!pattern.endsWith(PREFIX_END)) return 'wildcard'
  return hasWildcard(pattern.slice(0, -PREFIX_END.length)) ? 'wildcard' : 'prefix'
}

/**
 * Which of two patterns that match one name serves it: negative for `left`, positive for `right`, 0 when they are the
 * same.
 */
export function comparePatterns(left: string, right: string): number {
  if (left === right) return 0
  const kind = patternKind(left)
  const order = KIND_ORDER[kind] - KIND_ORDER[patternKind(right)]
  if (order !== 0) return order
  // Two prefixes of one name: the longer has more segments.
  if (kind === 'prefix') return right.length - left.length || compareText(left, right)
  return compareWildcards(left.split('.'), right.split('.')) || compareText(left, right)
}

function compareWildcards(left: readonly string[], right: readonly string[]): number {
  const leftRuns = literalRuns(left)
  const rightRuns = literalRuns(right)
  for (let at = 0; at < Math.max(leftRuns.length, rightRuns.length); at++) {
    const difference = (rightRuns[at] ?? 0) - (leftRuns[at] ?? 0)
    if (difference !== 0) return difference
  }
  const manyOf = (segments: readonly string[]): number =>
    segments.filter((segment) => segment === '**').length
  return manyOf(left) - manyOf(right) || right.length - left.length
}

/** Numbers of segments before the first wildcard, between it and the next, and so on. */
function literalRuns(segments: readonly string[]): readonly number[] {
  const runs = [0]
  for (const segment of segments) {
    if (segment === '*' || segment === '**') runs.push(0)
    else runs[runs.length - 1]! += 1
  }
  return runs
}

function hasWildcard(pattern: string): boolean {
  // In a checked pattern the character stands in wildcards only.
  return pattern.includes('*')
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

/** A pattern and what goes with it. */
export interface PatternMatch<Value> {
  readonly pattern: string
  readonly value: Value
}

/** One value per pattern; finds the one that serves a name. */
export class PatternMap<Value> {
  readonly #entries = new Map<string, PatternMatch<Value>>()
  readonly #wildcards = new FilterMap<PatternMatch<Value>>()

  get size(): number {
    return this.#entries.size
  }

  get(pattern: string): Value | undefined {
    return this.#entries.get(pattern)?.value
  }

  /** False when there is one already: nothing changes. */
  add(pattern: string, value: Value): boolean {
    if (this.#entries.has(pattern)) return false
    const entry = { pattern, value }
    this.#entries.set(pattern, entry)
    if (patternKind(pattern) === 'wildcard') this.#wildcards.add(pattern, entry)
    return true
  }

  delete(pattern: string): boolean {
    const entry = this.#entries.get(pattern)
    if (entry === undefined) return false
    this.#entries.delete(pattern)
    if (patternKind(pattern) === 'wildcard') this.#wildcards.delete(pattern, entry)
    return true
  }

  values(): Iterable<PatternMatch<Value>> {
    return this.#entries.values()
  }

  /** What serves `name`. */
  match(name: string): PatternMatch<Value> | undefined {
    return this.#entries.get(name) ?? this.#prefix(name) ?? this.#wildcard(name)
  }

  #prefix(name: string): PatternMatch<Value> | undefined {
    for (let end = name.length; end > 0; end = name.lastIndexOf('.', end - 1)) {
      const found = this.#entries.get(name.slice(0, end) + PREFIX_END)
      if (found !== undefined) return found
    }
    return name.startsWith('$') ? undefined : this.#entries.get('**')
  }

  #wildcard(name: string): PatternMatch<Value> | undefined {
    let best: PatternMatch<Value> | undefined
    this.#wildcards.match(name, (entry) => {
      if (best === undefined || comparePatterns(entry.pattern, best.pattern) < 0) best = entry
    })
    return best
  }
}
