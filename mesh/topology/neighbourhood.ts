/**
 * The standing links of one node, as a pure machine: members, links and the words of peers go in, dials
 * and holds come out.
 *
 *     chosen -- link exists or dial worked --> held on both sides -- not chosen any more --> released
 *        ^                                        |
 *        |-- refused, dial failed, link lost -----+   (a pause; meanwhile another one is chosen)
 *
 * Who chose a link tells the peer, so the peer does not let it idle out either, and tells when it does not
 * need it any more. A node with 2k standing links says "not I" to everybody but its own nearest on the ring;
 * the other one then chooses somebody else. One word serves for both: from a peer that had chosen us it
 * ends that, from any other it refuses our choice. The lane keeps its words in order.
 *
 * Invariants: never more than k chosen; never more than 2k held, not counting those nearest on the ring;
 * a link that is down is held by nobody.
 */
import { Backoff } from '../link/backoff.ts'
import { setNewest } from '../machine/newest.ts'
import { chooseNeighbours } from './neighbours.ts'

/** Dials of {@link Neighbourhood}. */
export interface NeighbourhoodOptions {
  /** Own key, hex. */
  readonly own: string
  readonly neighbours: number
  /** Pauses before a node is tried again. */
  readonly reconnectBaseMs: number
  readonly reconnectMaxMs: number
}

/** What the driver does. */
export type NeighbourhoodEffect =
  /** Dial it; answer with `dialFailed`, or with `linkUp` when it worked. */
  | { readonly type: 'dial'; readonly key: string }
  /** Hold the link with it and tell it so. */
  | { readonly type: 'hold'; readonly key: string }
  /** We choose it no more, or have no room for it: tell it. */
  | { readonly type: 'decline'; readonly key: string }
  /** Hold the link that it chose. */
  | { readonly type: 'accept'; readonly key: string }
  /** Nobody holds the link from here on. */
  | { readonly type: 'let_go'; readonly key: string }

/** Why somebody who was chosen is not tried for a while. */
export type NeighbourTrouble = 'lost' | 'unreachable' | 'refused' | 'goodbye'

interface Pause {
  untilMs: number
  /** Only time ends it; any other pause ends with a link. */
  refused: boolean
  readonly backoff: Backoff
}

/** Pauses that are remembered; the oldest give way. */
const PAUSES_MAX = 1_024

/** The machine. */
export class Neighbourhood {
  readonly #options: NeighbourhoodOptions
  readonly #chance: () => number
  /** Everybody who may be chosen. */
  readonly #living = new Set<string>()
  readonly #linked = new Set<string>()
  #ring: ReadonlySet<string> = new Set()
  /** Chosen, and whether the link is held. */
  readonly #chosen = new Map<string, 'dialling' | 'held'>()
  /** Peers that chose us and whose link we hold for them, oldest first. */
  readonly #inbound = new Set<string>()
  readonly #pauses = new Map<string, Pause>()

  constructor(options: NeighbourhoodOptions, chance: () => number) {
    this.#options = options
    this.#chance = chance
  }

  /** Keys that this node chose. */
  chosen(): string[] {
    return [...this.#chosen.keys()]
  }

  /** Keys of standing links, whoever chose them. */
  standing(): string[] {
    const held = this.chosen().filter((key) => this.#chosen.get(key) === 'held')
    return [...new Set([...held, ...this.#inbound])]
  }

  /** A member is there. */
  memberUp(key: string): void {
    this.#living.add(key)
  }

  /** A member is gone, or left. */
  memberDown(key: string): void {
    this.#living.delete(key)
    this.#pauses.delete(key)
  }

  /** True when it is a reason to choose: most links are made for a probe and mean nothing here. */
  linkUp(key: string): boolean {
    this.#linked.add(key)
    const waited = this.#pauses.get(key)?.refused === false
    if (waited) this.#pauses.delete(key)
    return waited || this.#chosen.has(key)
  }

  /** The link is gone; whatever it was held for is over. True when it is a reason to choose. */
  linkDown(key: string, trouble: NeighbourTrouble, nowMs: number): boolean {
    this.#linked.delete(key)
    this.#inbound.delete(key)
    const chosen = this.#chosen.delete(key)
    if (chosen) this.#pause(key, trouble, nowMs)
    return chosen
  }

  dialFailed(key: string, nowMs: number): void {
    if (this.#chosen.get(key) !== 'dialling') return
    this.#chosen.delete(key)
    this.#pause(key, 'unreachable', nowMs)
  }

  /** The peer chose us. */
  wanted(key: string): NeighbourhoodEffect[] {
    if (!this.#linked.has(key) || this.#inbound.has(key)) return []
    const standing = this.standing()
    const room = standing.length < 2 * this.#options.neighbours || standing.includes(key)
    if (!room && !this.#ring.has(key)) return [{ type: 'decline', key }]
    const held = this.#chosen.get(key) === 'held'
    this.#inbound.add(key)
    return held ? [] : [{ type: 'accept', key }]
  }

  /** The peer needs us no more, or has no room for us. */
  declined(key: string, nowMs: number): NeighbourhoodEffect[] {
    const chosen = this.#chosen.get(key) === 'held'
    if (this.#inbound.delete(key)) return chosen ? [] : [{ type: 'let_go', key }]
    if (!chosen) return []
    this.#chosen.delete(key)
    this.#pause(key, 'refused', nowMs)
    return [{ type: 'let_go', key }]
  }

  /** Chooses, now that something has changed or a pause is over. */
  choose(nowMs: number): NeighbourhoodEffect[] {
    const { own, neighbours: k } = this.#options
    const living = [...this.#living].filter((key) => !this.#paused(key, nowMs))
    const chosen = new Set(this.#chosen.keys())
    const { ring, random } = chooseNeighbours({ own, living, chosen, k, chance: this.#chance })
    this.#ring = new Set(ring)
    const now = new Set([...ring, ...random])
    const effects: NeighbourhoodEffect[] = []
    for (const key of chosen) if (!now.has(key)) effects.push(...this.#dismiss(key))
    for (const key of now) {
      const state = this.#chosen.get(key)
      if (state === 'held') continue
      if (this.#linked.has(key)) {
        this.#chosen.set(key, 'held')
        effects.push({ type: 'hold', key })
      } else if (state === undefined) {
        this.#chosen.set(key, 'dialling')
        effects.push({ type: 'dial', key })
      }
    }
    effects.push(...this.#shed())
    return effects
  }

  /** When `choose` is due because a pause ends; `Infinity` for never. */
  nextDueMs(nowMs: number): number {
    let dueMs = Infinity
    for (const [key, { untilMs }] of this.#pauses) {
      if (untilMs > nowMs && this.#living.has(key)) dueMs = Math.min(dueMs, untilMs)
    }
    return dueMs
  }

  #dismiss(key: string): NeighbourhoodEffect[] {
    const held = this.#chosen.get(key) === 'held'
    this.#chosen.delete(key)
    if (!held) return []
    const decline: NeighbourhoodEffect = { type: 'decline', key }
    return this.#inbound.has(key) ? [decline] : [decline, { type: 'let_go', key }]
  }

  /** Lets go what is above 2k, youngest first; those nearest on the ring stay. */
  #shed(): NeighbourhoodEffect[] {
    const effects: NeighbourhoodEffect[] = []
    let surplus = this.standing().length - 2 * this.#options.neighbours
    for (const key of [...this.#inbound].reverse()) {
      if (surplus <= 0) break
      if (this.#ring.has(key) || this.#chosen.has(key)) continue
      this.#inbound.delete(key)
      effects.push({ type: 'decline', key }, { type: 'let_go', key })
      surplus -= 1
    }
    return effects
  }

  #paused(key: string, nowMs: number): boolean {
    const pause = this.#pauses.get(key)
    return pause !== undefined && pause.untilMs > nowMs
  }

  #pause(key: string, trouble: NeighbourTrouble, nowMs: number): void {
    const { reconnectBaseMs: baseMs, reconnectMaxMs: maxMs } = this.#options
    const backoff = this.#pauses.get(key)?.backoff ?? new Backoff({ baseMs, maxMs })
    const long = trouble === 'refused' || trouble === 'goodbye'
    const chance = this.#chance()
    const waitMs = long ? backoff.longestMs(chance) : backoff.nextMs(chance)
    const pause = { untilMs: nowMs + waitMs, refused: trouble === 'refused', backoff }
    setNewest(this.#pauses, key, pause, PAUSES_MAX)
  }
}
