/**
 * The floor for matching: the least that finds the same values. A map for filters without wildcards, and a trie that is
 * walked by recursion. No cache, no filter given with a value, no way for a visitor to change it, `**` at the end only,
 * no rule for `$`; values are not looked for before they are added.
 */

interface Branch {
  readonly branches: Map<string, Branch>
  values: number[]
  rest: number[]
}

function branch(): Branch {
  return { branches: new Map(), values: [], rest: [] }
}

/** See the head of this file. */
export class MatchingFloor {
  readonly #exact = new Map<string, number[]>()
  readonly #root = branch()

  add(filter: string, value: number): void {
    if (!filter.includes('*')) {
      const values = this.#exact.get(filter)
      if (values === undefined) this.#exact.set(filter, [value])
      else values.push(value)
      return
    }
    const { node, isRest } = this.#reach(filter)
    if (isRest) node.rest.push(value)
    else node.values.push(value)
  }

  remove(filter: string, value: number): void {
    if (!filter.includes('*')) {
      const values = this.#exact.get(filter)!
      values.splice(values.indexOf(value), 1)
      if (values.length === 0) this.#exact.delete(filter)
      return
    }
    const { node, isRest } = this.#reach(filter)
    const values = isRest ? node.rest : node.values
    values.splice(values.indexOf(value), 1)
  }

  match(topic: string, visit: (value: number) => void): void {
    const exact = this.#exact.get(topic)
    if (exact !== undefined) for (const value of exact) visit(value)
    walk(this.#root, topic.split('.'), 0, visit)
  }

  #reach(filter: string): { node: Branch; isRest: boolean } {
    let node = this.#root
    for (const segment of filter.split('.')) {
      if (segment === '**') return { node, isRest: true }
      let next = node.branches.get(segment)
      if (next === undefined) {
        next = branch()
        node.branches.set(segment, next)
      }
      node = next
    }
    return { node, isRest: false }
  }
}

function walk(
  node: Branch,
  segments: readonly string[],
  at: number,
  visit: (value: number) => void,
): void {
  for (const value of node.rest) visit(value)
  if (at === segments.length) {
    for (const value of node.values) visit(value)
    return
  }
  const literal = node.branches.get(segments[at]!)
  if (literal !== undefined) walk(literal, segments, at + 1, visit)
  const one = node.branches.get('*')
  if (one !== undefined) walk(one, segments, at + 1, visit)
}
