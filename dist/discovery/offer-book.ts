/**
 * Which of the addresses that strategies propose are offered to the mesh, which dials them. Pure.
 *
 * - An address is offered once, however many strategies propose it, and taken back when none does any more.
 * - This node itself and nodes that are members already are not offered; a member that goes down is, after a
 *   jittered pause, so that not all others knock in the same instant (D2). What was offered stays offered: the mesh
 *   lets it rest while its node is linked, and dials it again for ever after.
 * - Nothing is offered before the formation is open (D9), nor once the node is on its way out (D13).
 * - Bounded by `addressesMax`. As many more wait, the oldest first, and are proposed when others are gone.
 */
import type { Candidate, NodeKey } from '../../mesh/index.ts'
import { Formation, type FormationOptions } from './formation.ts'
import { Places } from './places.ts'
import { addressId, candidateId, type Sighted } from './sightings.ts'

/** Dials of {@link OfferBook}. */
export interface OfferBookOptions extends FormationOptions {
  readonly addressesMax: number
}

/** Why a member is none any more. */
export type MemberEnd = 'down' | 'left'

/** Pause before the address of a member that is lost is offered, drawn from half of it upwards. */
const AFTER_MS: Readonly<Record<MemberEnd, number>> = { down: 1_000, left: 30_000 }

interface Proposal {
  readonly candidate: Candidate
  /** Its address, whoever may answer there. */
  readonly place: string
  readonly strategies: Set<string>
  /** When to offer it; `Infinity` while its node is a member, or once it is offered. */
  dueMs: number
  offered: boolean
}

/** See the head of this file. */
export class OfferBook {
  readonly #addressesMax: number
  readonly #chance: () => number
  readonly #proposals = new Map<string, Proposal>()
  /** For which there is no room yet. */
  readonly #waiting = new Map<string, Pick<Proposal, 'candidate' | 'strategies'>>()
  /** Addresses of members that are up, by key. */
  readonly #members = new Map<string, string>()
  readonly #formation: Formation
  /** Places of nodes: those proposed and those of members, this node counted once. */
  readonly #places = new Places()
  #ownPlace = ''
  #gone: Candidate[] = []
  #closed = false

  constructor(options: OfferBookOptions, chance: () => number, nowMs: number) {
    this.#addressesMax = options.addressesMax
    this.#chance = chance
    this.#formation = new Formation(options, nowMs)
    this.#places.add(this.#ownPlace)
  }

  get formed(): boolean {
    return this.#formation.formed
  }

  get size(): number {
    return this.#proposals.size
  }

  /** Everything that is offered now. */
  get offered(): readonly Candidate[] {
    return [...this.#proposals.values()].filter((one) => one.offered).map((one) => one.candidate)
  }

  /** Addresses that `strategy` proposes. */
  countOf(strategy: string): number {
    let count = 0
    for (const { strategies } of this.#proposals.values()) if (strategies.has(strategy)) count++
    return count
  }

  /** Where this node is. */
  self(address: Candidate, nowMs: number): void {
    const place = addressId(address)
    if (place === this.#ownPlace) return
    this.#places.delete(this.#ownPlace)
    this.#places.add(place)
    this.#ownPlace = place
    this.#counted(nowMs)
  }

  /** `strategy` proposes addresses; gives those for which there is no room: they wait for it. */
  seen(strategy: string, candidates: readonly Candidate[], nowMs: number): Candidate[] {
    const refused: Candidate[] = []
    let isChanged = false
    for (const candidate of candidates) {
      const id = candidateId(candidate)
      const known = this.#proposals.get(id)
      if (known !== undefined) known.strategies.add(strategy)
      else if (this.#proposals.size >= this.#addressesMax) {
        refused.push(candidate)
        this.#wait(id, strategy, candidate)
      } else {
        isChanged = true
        this.#propose(id, candidate, new Set([strategy]), nowMs)
      }
    }
    if (isChanged) this.#counted(nowMs)
    return refused
  }

  /** `strategy` does not propose them any more; gives those that no other does. */
  gone(strategy: string, candidates: readonly Candidate[], nowMs: number): Candidate[] {
    const lost: Candidate[] = []
    for (const candidate of candidates) {
      const id = candidateId(candidate)
      this.#waitNoMore(id, strategy)
      const known = this.#proposals.get(id)
      if (known === undefined || !known.strategies.delete(strategy)) continue
      if (known.strategies.size > 0) continue
      this.#proposals.delete(id)
      this.#places.delete(known.place)
      lost.push(known.candidate)
      if (known.offered) this.#gone.push(known.candidate)
    }
    if (lost.length > 0) {
      this.#fill(nowMs)
      this.#counted(nowMs)
    }
    return lost
  }

  /** `strategy` begins anew, or is no more: nothing of what it said counts. */
  drop(strategy: string, nowMs: number): void {
    // Those that wait first: none of them takes the place of another that goes as well.
    const all = [...this.#waiting.values(), ...this.#proposals.values()]
    for (const id of Array.from(this.#waiting.keys())) this.#waitNoMore(id, strategy)
    this.gone(
      strategy,
      all.map(({ candidate }) => candidate),
      nowMs,
    )
  }

  memberUp(key: NodeKey, address: Candidate, nowMs: number): void {
    const place = addressId(address)
    const before = this.#members.get(key.hex)
    // It is elsewhere now: somebody else may be where it was.
    if (before !== undefined && before !== place) this.memberEnded(key, 'down', nowMs)
    this.#members.set(key.hex, place)
    if (before !== place) this.#places.add(place)
    for (const proposal of this.#at(place)) proposal.dueMs = Infinity
    this.#formation.together(this.#members.size + 1)
    this.#counted(nowMs)
  }

  memberEnded(key: NodeKey, end: MemberEnd, nowMs: number): void {
    const place = this.#members.get(key.hex)
    if (place === undefined) return
    this.#members.delete(key.hex)
    this.#places.delete(place)
    if (!this.#isMember(place)) {
      const dueMs = nowMs + AFTER_MS[end] * (0.5 + 0.5 * this.#chance())
      for (const proposal of this.#at(place)) proposal.dueMs = dueMs
    }
    this.#counted(nowMs)
  }

  /** The key of the member at an address. */
  memberAt(address: Candidate): string | undefined {
    const place = addressId(address)
    for (const [keyHex, at] of this.#members) if (at === place) return keyHex
    return undefined
  }

  /** What is offered, and taken back, since the last step. */
  step(nowMs: number): Sighted {
    const gone = this.#gone
    this.#gone = []
    if (this.#closed || !this.#formation.isOpen(nowMs)) return { seen: [], gone }
    const seen: Candidate[] = []
    for (const proposal of this.#proposals.values()) {
      const isOwn = proposal.place === this.#ownPlace
      if (proposal.offered || nowMs < proposal.dueMs || isOwn) continue
      proposal.offered = true
      proposal.dueMs = Infinity
      seen.push(proposal.candidate)
    }
    return { seen, gone }
  }

  /** When `step` has something to give. */
  nextDueMs(nowMs: number): number {
    if (this.#closed) return Infinity
    if (!this.#formation.isOpen(nowMs)) return this.#formation.nextDueMs()
    let dueMs = Infinity
    for (const one of this.#proposals.values()) {
      if (!one.offered && one.place !== this.#ownPlace) dueMs = Math.min(dueMs, one.dueMs)
    }
    return dueMs
  }

  /** The node is on its way out: everything is taken back, and nothing is offered again. */
  close(): void {
    this.#closed = true
    for (const one of this.#proposals.values()) {
      if (one.offered) this.#gone.push(one.candidate)
      one.offered = false
    }
  }

  #propose(id: string, candidate: Candidate, strategies: Set<string>, nowMs: number): void {
    const place = addressId(candidate)
    const dueMs = this.#isMember(place) ? Infinity : nowMs
    this.#proposals.set(id, { candidate, place, strategies, dueMs, offered: false })
    this.#places.add(place)
  }

  #wait(id: string, strategy: string, candidate: Candidate): void {
    const known = this.#waiting.get(id)
    if (known !== undefined) known.strategies.add(strategy)
    else if (this.#waiting.size < this.#addressesMax) {
      this.#waiting.set(id, { candidate, strategies: new Set([strategy]) })
    }
  }

  #waitNoMore(id: string, strategy: string): void {
    const known = this.#waiting.get(id)
    if (known?.strategies.delete(strategy) === true && known.strategies.size === 0) {
      this.#waiting.delete(id)
    }
  }

  /** Those that wait take the room that there is. */
  #fill(nowMs: number): void {
    for (const [id, { candidate, strategies }] of this.#waiting) {
      if (this.#proposals.size >= this.#addressesMax) return
      this.#waiting.delete(id)
      this.#propose(id, candidate, strategies, nowMs)
    }
  }

  /** Proposals of a place that are not offered yet. */
  #at(place: string): Proposal[] {
    return [...this.#proposals.values()].filter((one) => !one.offered && one.place === place)
  }

  #isMember(place: string): boolean {
    for (const at of this.#members.values()) if (at === place) return true
    return false
  }

  /** The formation is told when there are other places than the last time. */
  #counted(nowMs: number): void {
    if (this.#places.changed()) this.#formation.contacts(this.#places.size, nowMs)
  }
}
