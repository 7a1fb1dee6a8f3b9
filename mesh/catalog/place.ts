/**
 * Where in the DHT those meet who are not linked: under a name, or under a prefix of it. Who wants or offers something
 * is found under the literal prefix of its filter, the whole of it if it has no wildcards; who looks for a name looks
 * under it and under every prefix of it. Pure, and the same on all nodes.
 */
import { isWildcard, literalPrefix, prefixesOf } from '../topics/topic.ts'
import type { CatalogKind } from './catalog.ts'

/** Segments of a prefix: longer ones meet under what is left of them. It bounds the lookups for one name. */
export const PLACE_SEGMENTS_MAX = 12
/** Bytes of a prefix: a key of the DHT is a text of at most 255. */
export const PLACE_BYTES_MAX = 200

/** A prefix; the empty one stands for every name. */
export interface Place {
  readonly prefix: string
  /** True for a name that is the prefix, false for what is below it, or is matched by a wildcard after it. */
  readonly exact: boolean
}

/** Those who have something there, or those who look for something there. */
export type PlaceSide = 'offer' | 'seek'

/** What somebody is found for under a place, as bits. */
export const PLACE_EXACT = 1
export const PLACE_BELOW = 2

/** Where one with that filter is found. */
export function placeOf(pattern: string): Place {
  const prefix = literalPrefix(pattern)
  const cut = cutPrefix(prefix)
  return { prefix: cut, exact: cut === prefix && !isWildcard(pattern) }
}

/** Where everybody is found whose filters may match that name, shortest first. */
export function placesFor(name: string): readonly Place[] {
  const places = new Map<string, Place>()
  for (const prefix of prefixesOf(name)) {
    const cut = cutPrefix(prefix)
    places.set(cut, { prefix: cut, exact: prefix === name && cut === prefix })
  }
  return Array.from(places.values())
}

/** The key of a place, as a text for `dht.keyOf`. */
export function placeKey(kind: CatalogKind, side: PlaceSide, prefix: string): string {
  return `fovea.catalog/${kind}/${side}/${prefix}`
}

/** The side of a key. */
export function sideOf(key: string): PlaceSide {
  return key.split('/', 3)[2] === 'offer' ? 'offer' : 'seek'
}

/** The key of the other side of the same place. */
export function otherSide(key: string): string {
  const [head, kind, side, ...prefix] = key.split('/')
  return [head, kind, side === 'offer' ? 'seek' : 'offer', ...prefix].join('/')
}

function cutPrefix(prefix: string): string {
  let end = prefix.length
  let segments = 0
  for (let at = prefix.indexOf('.'); at !== -1; at = prefix.indexOf('.', at + 1)) {
    segments += 1
    if (segments < PLACE_SEGMENTS_MAX) continue
    end = at
    break
  }
  let cut = prefix.slice(0, end)
  while (Buffer.byteLength(cut) > PLACE_BYTES_MAX) {
    const dot = cut.lastIndexOf('.')
    // One segment that long names nothing that fits: everybody with such a name meets at the root.
    if (dot === -1) return ''
    cut = cut.slice(0, dot)
  }
  return cut
}
