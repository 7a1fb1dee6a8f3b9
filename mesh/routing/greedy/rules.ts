/**
 * What an honest sender of an envelope never does. The path ends at the proven sender and names nobody twice; each hop is
 * nearer to the destination, but on a detour: then it must be nobody that the envelope was with before. An envelope is given
 * back only to the one before, by whom it had been given to.
 */
import { compareDistance, keyFromHex } from '../kademlia/id.ts'
import type { KadKey } from '../kademlia/id.ts'
import type { Envelope } from './envelope.ts'
import { holderOf } from './passages.ts'
import type { Passage } from './passages.ts'

/** What a peer did. */
export type RuleRefusal = 'ERR_ROUTE_SOURCE' | 'ERR_ROUTE_PROGRESS'

/** What an envelope must come nearer to. */
export function targetOf({ via, destination }: Envelope): KadKey {
  return via ?? destination
}

/** Whether `from` gives an envelope back that it was given by `self`. */
export function isGivenBack({ tried, visited }: Envelope, from: string, self: KadKey): boolean {
  return tried?.at(-1) === from && visited.at(-1) === self.hex
}

/** Which rule `from` broke; `passage`: how the envelope passed before, `isClient`: `from` is at the edge of this node. */
export function brokenRule(
  envelope: Envelope,
  from: string,
  self: KadKey,
  passage: Passage | undefined,
  isClient: boolean,
): RuleRefusal | undefined {
  const { visited, tried = [], source } = envelope
  if (visited[0] !== source.hex) return 'ERR_ROUTE_SOURCE'
  if (new Set([...visited, ...tried]).size < visited.length + tried.length) {
    return 'ERR_ROUTE_PROGRESS'
  }
  if (isGivenBack(envelope, from, self)) {
    const isHis = passage !== undefined && holderOf(passage) === from
    return isHis ? undefined : 'ERR_ROUTE_PROGRESS'
  }
  if (visited.at(-1) !== from) return 'ERR_ROUTE_SOURCE'
  if (visited.includes(self.hex) || tried.includes(self.hex)) return 'ERR_ROUTE_PROGRESS'
  if (isClient) return visited.length === 1 ? undefined : 'ERR_ROUTE_SOURCE'
  if (envelope.tried !== undefined) return undefined
  const isNearer = compareDistance(targetOf(envelope), self, keyFromHex(from)) < 0
  return isNearer ? undefined : 'ERR_ROUTE_PROGRESS'
}
