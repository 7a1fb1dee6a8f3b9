/**
 * All claims that are known, by name, and what follows from those of one name. Pure: what is decided depends on the set
 * of claims only, not on the order in which they came, so nodes that know the same decide the same (G4, G15).
 *
 * **Who has a name**: of the claims that no other one ends, the one with the best right (`compareClaims`).
 *
 * **Two claims of one name** come from registrations at once, or from two parts of a cluster that were apart:
 *
 * - A pending one gives way to every better one, by itself: its registration fails, nobody is harmed.
 * - A held one that has won fewer conflicts than another held one is lost, by itself.
 * - Of held ones that have won as many, the node of the best decides with its resolver, and the others wait: it _wins_
 *   (and says that it has won one more), it _gives way_ (and takes its claim back), or it _dissolves_ the name.
 *
 * Why nothing is left without owner (Horde #250), whatever resolvers say, unless one says that nobody shall be: take the
 * most wins that any claim ever had. A claim with as many is lost to none, and gives way only to one with as many and
 * a worse right. The one with the worst right among them has nobody to give way to. Why it comes to an end: nobody counts a
 * win against a claim that has fewer, so two that decide at once are equal again, and then only the better one decides.
 *
 * A claim that was **registered over** others ends them, whatever their right. For the same to hold it takes over as many wins as
 * they have, and gives way to nobody: else who was replaced by it, who lost against those and who it gave way to could
 * be three, each of them gone because of the next.
 */
import {
  compareClaims,
  compareWins,
  endingOf,
  isEnded,
  isSame,
  ENDS_MAX,
  type Claim,
  type Ended,
  type Ending,
} from './claim.ts'

/** What a node has to do about a claim of its own. */
export type Judgement =
  /** Nothing. */
  | { readonly type: 'stands' }
  /** It is over: another one ends it, or has a better right. */
  | { readonly type: 'lost'; readonly to: Claim; readonly how: Ending }
  /** It has the best right among held ones that have won as often, and the node decides. */
  | { readonly type: 'contested'; readonly rivals: readonly Claim[] }
  /** What it ended is gone: nothing of that need be said any more. */
  | { readonly type: 'settled' }

/** What a resolver says of two claims, seen from the first. */
export type Choice = 'own' | 'rival' | 'none'

/** What a decision comes to. */
export type Decision =
  | { readonly type: 'wins' }
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
  const held = rivals.filter(({ state }) => state === 'held').sort(compareClaims)
  const above = held.find((rival) => compareWins(rival, own) < 0)
  if (above !== undefined) return { type: 'lost', to: above, how: above.how }
  const equals = held.filter((rival) => compareWins(rival, own) === 0)
  const isBest = equals.every((rival) => compareClaims(own, rival) < 0)
  if (equals.length > 0 && isBest) return { type: 'contested', rivals: equals }
  return own.ends.length > 0 && !isEnding ? SETTLED : STANDS
}

/** The decision of a node whose claim has the best right, against others that have won as often. */
export function decide(rivals: readonly Claim[], choose: (rival: Claim) => Choice): Decision {
  for (const rival of rivals) {
    const choice = choose(rival)
    if (choice === 'rival') return { type: 'gives_way', to: rival }
    if (choice === 'none') {
      const ends = endsOf(rivals, 'dissolve')
      return { type: 'dissolves', ends, to: rival }
    }
  }
  return { type: 'wins' }
}

/** What ends these claims, as many as one can end; the rest is as it would be without it. */
export function endsOf(claims: readonly Claim[], how: Ending): Ended[] {
  return claims.slice(0, ENDS_MAX).map(({ node, life, id }): Ended => ({ node, life, id, how }))
}

const STANDS: Judgement = { type: 'stands' }
const SETTLED: Judgement = { type: 'settled' }

/** One claim, or more for as long as they are at odds. */
type Slot = Claim | readonly Claim[]

/**
 * Claims by name. A node has one of each name: another one while that stands is not taken, or a hostile node could make
 * each look-up of a name as slow as the square of what it says.
 */
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

  /** False when its node has another one. */
  add(claim: Claim): boolean {
    if (!claim.isValid) return true
    const { key: name } = claim
    const slot = this.#slots.get(name)
    if (slot === undefined) {
      this.#slots.set(name, claim)
      return true
    }
    const list = isList(slot) ? slot : [slot]
    const known = list.find(({ node }) => node === claim.node)
    if (known !== undefined) return isSame(known, claim)
    this.#slots.set(name, [...list, claim])
    return true
  }

  remove(claim: Claim): void {
    const { key: name } = claim
    const rest = this.of(name).filter((known) => !isSame(known, claim))
    if (rest.length === 0) this.#slots.delete(name)
    else this.#slots.set(name, rest.length === 1 ? rest[0]! : rest)
  }

  /** All that are not like that. */
  without(keep: (claim: Claim) => boolean): Claim[] {
    const rest: Claim[] = []
    for (const name of this.#slots.keys()) {
      for (const claim of this.of(name)) if (!keep(claim)) rest.push(claim)
    }
    return rest
  }
}

function isList(slot: Slot): slot is readonly Claim[] {
  return Array.isArray(slot)
}
