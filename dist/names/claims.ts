/**
 * All claims that are known, by name, and what follows from those of one name. Pure: what is decided depends on the set
 * of claims only, not on the order in which they came, so nodes that know the same decide the same (G4, G15).
 *
 * **Who has a name**: of the claims that no other one ends, the one with the best right (`compareClaims`).
 *
 * **Two claims of one name** come from registrations at once, or from two parts of a cluster that were apart:
 *
 * - A pending one gives way to every better one, by itself: its registration fails, nobody is harmed.
 * - Of held ones, the best decides with its resolver, and only it: the node of that claim either _wins_ (it says
 *   that the others are ended, and that it has won once more) or _gives way_ (it takes its own claim back) or
 *   _dissolves_ the name. The others wait for that. A claim that has won more often wins without being asked.
 *
 * Why nothing is left without owner (Horde #250), whatever resolvers say, unless one says that nobody shall be: a claim is
 * ended only by one with a better right, which stays, with a win more; and it gives way only to one that has won as often.
 * Take the most wins that any claim ever had. None of those claims can be ended, for that takes more. The one with the
 * least right among them has nobody to give way to.
 */
import {
  compareClaims,
  endingOf,
  isEnded,
  isSame,
  type Claim,
  type Ended,
  type Ending,
} from './claim.ts'

/** What a node has to do about a claim of its own. */
export type Judgement =
  /** Nothing. */
  | { readonly type: 'stands' }
  /** It is over: another one ends it, or has a better right than a pending one. */
  | { readonly type: 'lost'; readonly to: Claim; readonly how: Ending }
  /** It has the best right among held ones, and the node decides. */
  | { readonly type: 'contested'; readonly rivals: readonly Claim[] }
  /** What it ended is gone: nothing of that need be said any more. */
  | { readonly type: 'settled' }

/** What a resolver says of two claims, seen from the first. */
export type Choice = 'own' | 'rival' | 'none'

/** What a decision comes to. */
export type Decision =
  | { readonly type: 'wins'; readonly ends: readonly Ended[] }
  | { readonly type: 'gives_way'; readonly to: Claim }
  | { readonly type: 'dissolves'; readonly ends: readonly Ended[]; readonly to: Claim }

/** Claims that count: of those, no other one ends them. */
export function standing(claims: readonly Claim[]): readonly Claim[] {
  if (claims.length < 2) return claims
  return claims.filter(
    (claim) => !claims.some((other) => other !== claim && endingOf(claim, other) !== undefined),
  )
}

/** Who has the name. */
export function holderOf(claims: readonly Claim[]): Claim | undefined {
  let best: Claim | undefined
  for (const claim of standing(claims)) {
    if (claim.state === 'dissolved') continue
    if (best === undefined || compareClaims(claim, best) < 0) best = claim
  }
  return best
}

/** What the node of `own` has to do about it. */
export function judge(own: Claim, claims: readonly Claim[]): Judgement {
  if (claims.length < 2) return own.ends.length > 0 ? SETTLED : STANDS
  for (const other of claims) {
    const how = other === own ? undefined : endingOf(own, other)
    // A registration that is not through yet covers what it is to replace, and ends it when it is.
    if (how !== undefined && other.state !== 'pending') return { type: 'lost', to: other, how }
  }
  const rivals = standing(claims).filter((each) => each !== own && each.state !== 'dissolved')
  if (own.state === 'pending') {
    const better = rivals.find((rival) => compareClaims(rival, own) < 0)
    return better === undefined ? STANDS : { type: 'lost', to: better, how: 'exit' }
  }
  const isEnding = own.ends.some((ended) => claims.some((other) => isEnded(ended, other)))
  if (own.state === 'dissolved') return isEnding ? STANDS : SETTLED
  const held = rivals.filter(({ state }) => state === 'held')
  const isBest = held.every((rival) => compareClaims(own, rival) < 0)
  if (held.length > 0 && isBest) return { type: 'contested', rivals: held }
  return own.ends.length > 0 && !isEnding && held.length === 0 ? SETTLED : STANDS
}

/** The decision of the node of `own`, which has the best right; `choose` is its resolver. */
export function decide(
  own: Claim,
  rivals: readonly Claim[],
  how: Ending,
  choose: (own: Claim, rival: Claim) => Choice,
): Decision {
  const ends = (ending: Ending): Ended[] =>
    rivals.map(({ node, life, id }) => ({ node, life, id, how: ending }))
  for (const rival of Array.from(rivals).sort(compareClaims)) {
    if (rival.fence !== own.fence || rival.wins !== own.wins) continue
    const choice = choose(own, rival)
    if (choice === 'rival') return { type: 'gives_way', to: rival }
    if (choice === 'none') return { type: 'dissolves', ends: ends('dissolve'), to: rival }
  }
  return { type: 'wins', ends: ends(how) }
}

const STANDS: Judgement = { type: 'stands' }
const SETTLED: Judgement = { type: 'settled' }

/** One claim, or more for as long as they are at odds. */
type Slot = Claim | readonly Claim[]

/** Claims by name. */
export class Claims {
  readonly #slots = new Map<string, Slot>()

  /** Names of which something is claimed. */
  get size(): number {
    return this.#slots.size
  }

  /** Who has the name. */
  holder(name: string): Claim | undefined {
    const slot = this.#slots.get(name)
    if (slot === undefined || isList(slot)) return slot === undefined ? undefined : holderOf(slot)
    return slot.state === 'dissolved' ? undefined : slot
  }

  of(name: string): readonly Claim[] {
    const slot = this.#slots.get(name)
    if (slot === undefined) return []
    return isList(slot) ? slot : [slot]
  }

  names(): Iterable<string> {
    return this.#slots.keys()
  }

  add(claim: Claim): void {
    if (!claim.isValid) return
    const { key: name } = claim
    const slot = this.#slots.get(name)
    if (slot === undefined) {
      this.#slots.set(name, claim)
      return
    }
    const list = isList(slot) ? slot : [slot]
    if (list.some((known) => isSame(known, claim))) return
    this.#slots.set(name, [...list, claim])
  }

  remove(claim: Claim): void {
    const { key: name } = claim
    const rest = this.of(name).filter((known) => !isSame(known, claim))
    if (rest.length === 0) this.#slots.delete(name)
    else this.#slots.set(name, rest.length === 1 ? rest[0]! : rest)
  }

  /** Forgets all claims that `keep` does not want. */
  retain(keep: (claim: Claim) => boolean): void {
    for (const name of Array.from(this.#slots.keys())) {
      for (const claim of this.of(name)) if (!keep(claim)) this.remove(claim)
    }
  }
}

function isList(slot: Slot): slot is readonly Claim[] {
  return Array.isArray(slot)
}
