/**
 * How far a record is put and looked for (K45). Whoever puts identities next to a key becomes its k nearest
 * and can withhold what is kept there. The keys of an honest network are spread evenly, so the k-th nearest
 * lies about k / size of the key space away; everybody within that distance is a holder, however many crowd
 * in front. When the nearest crowd much more than chance would have it, it is looked for further out.
 */
import type { KadKey } from '../kademlia/id.ts'
import { distanceFraction } from '../kademlia/id.ts'
import type { Contact } from '../kademlia/message.ts'
import type { RecordsSettings } from './settings.ts'

/**
 * Deviations from what is expected above which the k nearest are suspicious. With 4 and k 20, they are when
 * they lie where 8 are expected, which chance does once in some thousand keys.
 */
const DEVIATIONS = 4

/** What is known about the holders of a key. */
export interface KeyArea {
  readonly key: KadKey
  /** Who was found, nearest first. */
  readonly found: readonly Contact[]
  /** How many were looked for. */
  readonly count: number
  readonly networkSize: number | undefined
}

/** The distance within which k nodes are expected, as a part of the key space; 0 when nothing is known. */
export function expectedRadius(k: number, networkSize: number | undefined): number {
  return networkSize === undefined ? 0 : Math.min(1, k / Math.max(1, networkSize))
}

/** True when the k nearest, with that one at their end, are nearer than chance would have it. */
export function isCrowded(
  key: KadKey,
  last: Contact,
  networkSize: number | undefined,
  settings: RecordsSettings,
): boolean {
  if (!settings.putRadius) return false
  const { k } = settings
  // Where so many are expected, k are DEVIATIONS roots of it more (counts of chance are Poisson).
  const root = (Math.sqrt(DEVIATIONS ** 2 + 4 * k) - DEVIATIONS) / 2
  return distanceFraction(key, last.key) < expectedRadius(root ** 2, networkSize)
}

/** How many to look for next; undefined when those that were found will do. */
export function widerCount(area: KeyArea, settings: RecordsSettings): number | undefined {
  const { key, found, count, networkSize } = area
  const { k, putRadius, putHoldersMax } = settings
  const last = found[count - 1]
  if (!putRadius || last === undefined || count >= putHoldersMax) return undefined
  const near =
    count <= k
      ? isCrowded(key, last, networkSize, settings)
      : distanceFraction(key, last.key) < expectedRadius(k, networkSize)
  return near ? Math.min(putHoldersMax, count * 2) : undefined
}

/**
 * The nearest of those, so many at least. When it was looked for further out, because they crowd, everybody
 * else who is within the expected distance, too.
 */
export function holdersAmong(
  area: KeyArea,
  settings: RecordsSettings,
  atLeast: number,
): readonly Contact[] {
  const { key, found, count, networkSize } = area
  const { k, putHoldersMax } = settings
  const radius = count > k ? expectedRadius(k, networkSize) : 0
  return found
    .filter((contact, rank) => rank < atLeast || distanceFraction(key, contact.key) < radius)
    .slice(0, Math.max(atLeast, putHoldersMax))
}
