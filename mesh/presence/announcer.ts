/**
 * How nodes that have to do with a presence topic find each other. For topics of users the catalog lists those who track
 * under one reserved filter and those who watch under another; for topics of spaces members say it themselves
 * (`roster.ts`), as far as that fits.
 *
 * Who tracks looks for those who watch, and the other way round: of a thousand who only track none has to know the others.
 */
import type { Catalog } from '../catalog/catalog.ts'
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

/** What is looked for by who does the other. */
export const COUNTERPART: Readonly<Record<Part, Part>> = Object.freeze({
  tracks: 'watches',
  watches: 'tracks',
})

const PARTS: readonly Part[] = ['tracks', 'watches']

/** See the head of this file. */
export class Announcer {
  readonly roster: Roster | undefined
  readonly #catalog: Catalog
  readonly #refuse: AnnouncerParts['refuse']
  /** Bits by topic. */
  readonly #parts = new Map<string, number>()
  /** Filters under which the catalog lists this node. */
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
    const added: string[] = []
    try {
      for (const part of PARTS) {
        const filter = filterOf(topic, part)
        if ((bits & ROSTER_BITS[part]) === 0 || this.#listed.has(filter)) continue
        this.#catalog.set('topic', filter)
        this.#listed.add(filter)
        added.push(filter)
      }
    } catch (error) {
      for (const filter of added) this.#unlist(filter)
      throw error
    }
    for (const part of PARTS) {
      if ((bits & ROSTER_BITS[part]) === 0) this.#unlist(filterOf(topic, part))
    }
  }

  #unlist(filter: string): void {
    if (this.#listed.delete(filter)) this.#catalog.delete('topic', filter)
  }

  /** Topics in which this node does something. */
  topics(): Iterable<string> {
    return this.#parts.keys()
  }

  /** What this node does in a topic. */
  partsIn(topic: string): readonly Part[] {
    const bits = this.#parts.get(topic) ?? 0
    return PARTS.filter((part) => (bits & ROSTER_BITS[part]) !== 0)
  }

  /** Other nodes that do that in a topic, as far as is known. A widened entry says of its node that it may. */
  nodes(topic: string, part: Part): Set<string> {
    const nodes = new Set<string>(this.roster?.nodes(topic, part))
    for (const { node } of this.#catalog.lookup('topic', filterOf(topic, part))) nodes.add(node)
    return nodes
  }

  /** Whether that node does that in a topic, as far as is known. */
  does(topic: string, node: string, part: Part): boolean {
    const bits = this.roster?.bits(topic, node) ?? 0
    if ((bits & ROSTER_BITS[part]) !== 0) return true
    const entries = this.#catalog.lookup('topic', filterOf(topic, part))
    return entries.some((entry) => entry.node === node)
  }

  /** The gateways of peers at the edge that do something in a topic, as far as is known. */
  vias(topic: string): ReadonlyMap<string, string> {
    const vias = new Map<string, string>()
    for (const part of PARTS) {
      for (const { node, via } of this.#catalog.lookup('topic', filterOf(topic, part))) {
        if (via !== undefined) vias.set(node, via)
      }
    }
    return vias
  }
}

/** The filter of those who do that in a topic. */
export function filterOf(topic: string, part: Part): string {
  return `${PRESENCE_PREFIX}.${part}.${topic}`
}

/** What a filter without wildcards is about; undefined for others, and for what this library does not say. */
export function placeOf(
  pattern: string,
): { readonly topic: string; readonly part: Part } | undefined {
  if (pattern.includes('*')) return undefined
  for (const part of PARTS) {
    const start = filterOf('', part)
    if (pattern.startsWith(start)) return { topic: pattern.slice(start.length), part }
  }
  return undefined
}
