/**
 * How nodes that have to do with a presence topic find each other: the catalog lists both kinds under one reserved filter,
 * with what they do there.
 */
import type { Catalog, CatalogEntry } from '../catalog/catalog.ts'
import { PRESENCE_PREFIX } from '../topics/reserved.ts'

/** What a node does in a topic. */
export type Part = 'tracks' | 'watches'

/** Bit by part. */
const BITS: Readonly<Record<Part, number>> = { tracks: 1, watches: 2 }

/** See the head of this file. */
export class Announcer {
  readonly #catalog: Catalog
  readonly #parts = new Map<string, number>()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  /** Throws what the catalog throws, and then nothing is changed. */
  set(topic: string, part: Part, does: boolean): void {
    const before = this.#parts.get(topic) ?? 0
    const now = does ? before | BITS[part] : before & ~BITS[part]
    if (now === before) return
    const filter = filterOf(topic)
    if (now === 0) {
      this.#parts.delete(topic)
      this.#catalog.delete('topic', filter)
      return
    }
    const does_ = (of: Part): boolean => (now & BITS[of]) !== 0
    this.#catalog.set('topic', filter, { tracks: does_('tracks'), watches: does_('watches') })
    this.#parts.set(topic, now)
  }

  /** Topics in which this node does something. */
  topics(): Iterable<string> {
    return this.#parts.keys()
  }

  /** Other nodes that do that in a topic, as far as is known. */
  nodes(topic: string, part: Part): Set<string> {
    const nodes = new Set<string>()
    for (const entry of this.#catalog.lookup('topic', filterOf(topic))) {
      if (doesIn(entry, part)) nodes.add(entry.node)
    }
    return nodes
  }

  /** The gateways of peers at the edge that do something in a topic, as far as is known. */
  vias(topic: string): ReadonlyMap<string, string> {
    const vias = new Map<string, string>()
    for (const { node, via } of this.#catalog.lookup('topic', filterOf(topic))) {
      if (via !== undefined) vias.set(node, via)
    }
    return vias
  }
}

/** Whether an entry says that its node does that. A widened one says nothing, so it may. */
export function doesIn({ pattern, detail }: CatalogEntry, part: Part): boolean {
  if (topicOf(pattern) === undefined) return pattern.startsWith(`${PRESENCE_PREFIX}.`)
  return detail[part] === true
}

/** The filter of a topic. */
export function filterOf(topic: string): string {
  return `${PRESENCE_PREFIX}.${topic}`
}

/** The topic of a filter of one topic; undefined for others. */
export function topicOf(pattern: string): string | undefined {
  if (!pattern.startsWith(`${PRESENCE_PREFIX}.`) || pattern.includes('*')) return undefined
  return pattern.slice(PRESENCE_PREFIX.length + 1)
}
