/**
 * What a peer at the edge has learned from its gateway: entries by the names and filters that it asked for. An entry is known
 * as long as one of these is sought. A name is *doubtful* from when a node that it had was lost until the next answer,
 * and when there may be more than that says.
 *
 * Whoever looks up a name finds only what an answer for a name has: answers for filters may be a second old, which is good
 * enough to show and not to choose by.
 */
import { FilterMap } from '../topics/filter-map.ts'
import { isWildcard } from '../topics/topic.ts'
import type { CatalogChange, CatalogEntry, CatalogKind } from './catalog.ts'
import { CATALOG_KINDS, sameDetail } from './message.ts'
import type { AnswerGroup } from './message.ts'

interface Known {
  entry: CatalogEntry
  /** Names, and filters, whose answers have it. */
  names: number
  filters: number
}

/** See the head of this file. */
export class Learned {
  changed: (change: CatalogChange) => void = () => {}
  readonly #entries = new Map<string, Known>()
  readonly #byName = new Map<string, Set<string>>()
  readonly #doubtful = new Set<string>()
  readonly #index: Readonly<Record<CatalogKind, FilterMap<CatalogEntry>>> = {
    topic: new FilterMap(),
    procedure: new FilterMap(),
  }

  get size(): number {
    return this.#entries.size
  }

  match(kind: CatalogKind, name: string, visit: (entry: CatalogEntry) => void): void {
    this.#index[kind].match(name, visit)
  }

  *entries(kind: CatalogKind): Iterable<CatalogEntry> {
    for (const { entry } of this.#entries.values()) if (entry.kind === kind) yield entry
  }

  stats(): { readonly known: number; readonly nodes: number } {
    const nodes = new Set(Array.from(this.#entries.values(), ({ entry }) => entry.node))
    return { known: this.#entries.size, nodes: nodes.size }
  }

  /** The answer for one name or filter: this, and nothing else, is known for it. */
  answer(
    nowMs: number,
    kind: CatalogKind,
    name: string,
    groups: readonly AnswerGroup[],
    isPartial = false,
  ): void {
    const before = this.#byName.get(`${kind} ${name}`)
    const now = new Set<string>()
    const by = isWildcard(name) ? 'filters' : 'names'
    for (const { node, via, items } of groups) {
      for (const { pattern, detail } of items) {
        const entry: CatalogEntry = { kind, pattern, node, via, detail, sinceMs: nowMs }
        const id = idOf(entry)
        // An answer may say it twice.
        this.#put(entry, before?.has(id) === true || now.has(id) ? undefined : by)
        now.add(id)
      }
    }
    if (now.size > 0) this.#byName.set(`${kind} ${name}`, now)
    else this.#byName.delete(`${kind} ${name}`)
    if (isPartial) this.#doubtful.add(`${kind} ${name}`)
    else this.#doubtful.delete(`${kind} ${name}`)
    for (const id of before ?? []) if (!now.has(id)) this.#release(id, by)
  }

  /** That name is not sought any more. */
  drop(kind: CatalogKind, name: string): void {
    const ids = this.#byName.get(`${kind} ${name}`)
    this.#byName.delete(`${kind} ${name}`)
    this.#doubtful.delete(`${kind} ${name}`)
    const by = isWildcard(name) ? 'filters' : 'names'
    for (const id of ids ?? []) this.#release(id, by)
  }

  /** Names for which something is known. */
  *names(): Iterable<{ readonly kind: CatalogKind; readonly name: string }> {
    for (const id of this.#byName.keys()) {
      const at = id.indexOf(' ')
      yield { kind: id.slice(0, at) as CatalogKind, name: id.slice(at + 1) }
    }
  }

  /** Whether something of that node is known. */
  knows(node: string): boolean {
    for (const { entry } of this.#entries.values()) if (entry.node === node) return true
    return false
  }

  /** Whether a node that was known for that name was lost since the last answer. */
  isDoubtful(kind: CatalogKind, name: string): boolean {
    return this.#doubtful.has(`${kind} ${name}`)
  }

  /** There is no way to that node any more, as far as this peer knows; it may want and offer what it did. */
  lose(node: string): void {
    for (const kind of CATALOG_KINDS) {
      const lost = this.#of(node, kind).map(idOf)
      for (const [name, ids] of this.#byName) {
        if (lost.some((id) => ids.has(id))) this.#doubtful.add(name)
      }
    }
    this.forget(node)
  }

  /** Whatever that node wants or offers is over; or what of it matches, if a name is given. */
  forget(node: string, kind?: CatalogKind, name?: string): void {
    const matching: CatalogEntry[] = []
    if (kind !== undefined && name !== undefined) {
      this.match(kind, name, (entry) => void (entry.node === node && matching.push(entry)))
    } else for (const each of CATALOG_KINDS) matching.push(...this.#of(node, each))
    for (const entry of matching) {
      const id = idOf(entry)
      const known = this.#entries.get(id)
      for (const ids of this.#byName.values()) ids.delete(id)
      if (known !== undefined) this.#remove(known)
    }
  }

  #of(node: string, kind: CatalogKind): CatalogEntry[] {
    return Array.from(this.entries(kind)).filter((entry) => entry.node === node)
  }

  /** One more answer has it; none if it was counted before. */
  #put(entry: CatalogEntry, by: 'names' | 'filters' | undefined): void {
    const id = idOf(entry)
    const known = this.#entries.get(id)
    if (known === undefined) {
      const isNamed = by === 'names'
      this.#entries.set(id, { entry, names: isNamed ? 1 : 0, filters: isNamed ? 0 : 1 })
      if (isNamed) this.#index[entry.kind].add(entry.pattern, entry)
      return this.changed({ type: 'added', entry })
    }
    const wasNamed = known.names > 0
    if (by !== undefined) known[by] += 1
    const isSame = known.entry.via === entry.via && sameDetail(known.entry.detail, entry.detail)
    if (wasNamed && isSame) return
    if (wasNamed) this.#index[entry.kind].delete(entry.pattern, known.entry)
    if (!isSame) known.entry = entry
    if (known.names > 0) this.#index[entry.kind].add(entry.pattern, known.entry)
    if (!isSame) this.changed({ type: 'changed', entry })
  }

  #release(id: string, by: 'names' | 'filters'): void {
    const known = this.#entries.get(id)
    if (known === undefined) return
    const { entry } = known
    known[by] -= 1
    if (by === 'names' && known.names === 0) this.#index[entry.kind].delete(entry.pattern, entry)
    if (known.names + known.filters > 0) return
    this.#entries.delete(id)
    this.changed({ type: 'removed', entry })
  }

  #remove({ entry, names }: Known): void {
    this.#entries.delete(idOf(entry))
    if (names > 0) this.#index[entry.kind].delete(entry.pattern, entry)
    this.changed({ type: 'removed', entry })
  }
}

function idOf({ kind, node, pattern }: CatalogEntry): string {
  return `${kind} ${node} ${pattern}`
}
