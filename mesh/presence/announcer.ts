/**
 * How nodes that have to do with a presence topic find each other. For topics of users the catalog lists both kinds under
 * one reserved filter, with what they do there; for topics of spaces members say it themselves (`roster.ts`), as far as
 * that fits.
 */
import type { Catalog, CatalogEntry } from '../catalog/catalog.ts'
import { CatalogError } from '../catalog/errors.ts'
import { PRESENCE_PREFIX } from '../topics/reserved.ts'
import { Roster, ROSTER_BITS } from './roster.ts'
import type { Part, RosterPort } from './roster.ts'

/** What an announcer works with. */
export interface AnnouncerParts {
  readonly catalog: Catalog
  /** Undefined at the edge, where everything is said in the catalog. */
  readonly port: RosterPort | undefined
  readonly now: () => number
  readonly refuse: (code: string, node?: string, error?: unknown) => void
}

/** How topics of spaces begin; users may not track them. */
export const SPACE_PREFIX = '$'

/** See the head of this file. */
export class Announcer {
  readonly roster: Roster | undefined
  readonly #catalog: Catalog
  readonly #refuse: AnnouncerParts['refuse']
  /** Bits by topic. */
  readonly #parts = new Map<string, number>()
  /** Topics that the catalog lists. */
  readonly #listed = new Set<string>()

  constructor({ catalog, port, now, refuse }: AnnouncerParts) {
    this.#catalog = catalog
    this.#refuse = refuse
    this.roster =
      port === undefined
        ? undefined
        : new Roster({ port, now, refuse, fits: (topic, does) => this.#fits(topic, does) })
  }

  /** Throws what the catalog throws, and then nothing is changed. */
  set(topic: string, part: Part, does: boolean): void {
    const before = this.#parts.get(topic) ?? 0
    const now = does ? before | ROSTER_BITS[part] : before & ~ROSTER_BITS[part]
    // Who does nothing there any more has said nothing when it comes again.
    this.#set(topic, before, (now & ~ROSTER_BITS.said) === 0 ? 0 : now)
  }

  /** This node has said something in a topic in which it is. */
  said(topic: string): void {
    const before = this.#parts.get(topic) ?? 0
    if (before !== 0) this.#set(topic, before, before | ROSTER_BITS.said)
  }

  /** Whether all who are in a topic of this node are known as members are: nobody is to be looked for. */
  isKnown(topic: string): boolean {
    return this.roster?.says(topic) === true
  }

  /** A node of which is known that it is in a topic, and that it has said nothing there. */
  isQuiet(topic: string, node: string): boolean {
    const bits = this.roster?.bits(topic, node) ?? 0
    return bits !== 0 && (bits & ROSTER_BITS.said) === 0
  }

  #set(topic: string, before: number, now: number): void {
    if (now === before) return
    const { roster } = this
    const isSpace = topic.startsWith(SPACE_PREFIX)
    const fits = isSpace && roster?.set(topic, now) === true
    try {
      this.#list(topic, fits ? 0 : now)
    } catch (error) {
      if (isSpace) roster?.set(topic, before)
      throw error
    }
    if (now === 0) this.#parts.delete(topic)
    else this.#parts.set(topic, now)
  }

  /** A topic goes from the catalog into the statement of this node, or the other way. */
  #fits(topic: string, does: boolean): void {
    const bits = this.#parts.get(topic)
    if (bits === undefined) return
    try {
      this.#list(topic, does ? 0 : bits)
    } catch (error) {
      if (!(error instanceof CatalogError)) throw error
      this.#refuse(error.code, undefined, error)
    }
  }

  #list(topic: string, bits: number): void {
    const filter = filterOf(topic)
    if ((bits & ~ROSTER_BITS.said) === 0) {
      if (this.#listed.delete(topic)) this.#catalog.delete('topic', filter)
      return
    }
    const does = (of: Part): boolean => (bits & ROSTER_BITS[of]) !== 0
    this.#catalog.set('topic', filter, { tracks: does('tracks'), watches: does('watches') })
    this.#listed.add(topic)
  }

  /** Topics in which this node does something. */
  topics(): Iterable<string> {
    return this.#parts.keys()
  }

  /** Other nodes that do that in a topic, as far as is known. */
  nodes(topic: string, part: Part): Set<string> {
    const nodes = new Set<string>(this.roster?.nodes(topic, part))
    for (const entry of this.#catalog.lookup('topic', filterOf(topic))) {
      if (doesIn(entry, part)) nodes.add(entry.node)
    }
    return nodes
  }

  /** Whether that node does that in a topic, as far as is known. */
  does(topic: string, node: string, part: Part): boolean {
    const bits = this.roster?.bits(topic, node) ?? 0
    if ((bits & ROSTER_BITS[part]) !== 0) return true
    const entries = this.#catalog.lookup('topic', filterOf(topic))
    return entries.some((entry) => entry.node === node && doesIn(entry, part))
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
