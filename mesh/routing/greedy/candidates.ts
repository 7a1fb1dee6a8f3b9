/**
 * To whom an envelope may go next, one after the other, best first:
 *
 *     straight  for errors, receipts and replies whoever gave this node what they are about; the destination, when there is a
 *               link with it; by the way that was learnt
 *     nearer    nodes of the table that are nearer than this one, nearest first, `alternatives` of them
 *     detour    neighbours, nearest first: links that stand, as nobody is dialled on a guess
 *     back      the one it came from
 *
 * Nobody that it was with before, but for the last. Each kind is looked for when it is needed only: nearly every envelope
 * goes to the first there is.
 */
import { compareDistance } from '../kademlia/id.ts'
import type { KadKey } from '../kademlia/id.ts'
import type { Contact } from '../kademlia/message.ts'
import type { Envelope } from './envelope.ts'
import type { RouteView } from './machine.ts'
import type { Passages } from './passages.ts'
import { targetOf } from './rules.ts'
import type { GreedySettings } from './settings.ts'
import type { Ways } from './ways.ts'

/** What they are chosen from. */
export interface CandidateParts {
  readonly self: KadKey
  readonly settings: Pick<GreedySettings, 'alternatives'>
  readonly view: RouteView
  readonly passages: Passages
  readonly ways: Ways
}

/** One of them. */
export interface Candidate {
  readonly kind: 'straight' | 'nearer' | 'detour' | 'back'
  readonly to: Contact
}

const KINDS = ['straight', 'nearer', 'detour', 'back'] as const

/** Those for one envelope; see the file header. */
export class Candidates {
  readonly #parts: CandidateParts
  readonly #envelope: Envelope
  /** The destination is left out if only a dial leads there. */
  readonly #isUndialable: boolean
  /** Who had it from this node. */
  readonly #given: readonly string[]
  /** Who is none any more; undefined before the first one was tried. */
  #taken: Set<string> | undefined
  #kind = 0
  #left: readonly Contact[] | undefined
  #at = 0

  constructor(parts: CandidateParts, envelope: Envelope, isUndialable: boolean) {
    this.#parts = parts
    this.#envelope = envelope
    this.#isUndialable = isUndialable
    this.#given = parts.passages.get(envelope.source.hex, envelope.id)?.given ?? []
  }

  /** The next best one; undefined when there is none left. */
  next(nowMs: number): Candidate | undefined {
    for (; this.#kind < KINDS.length; this.#kind++) {
      const kind = KINDS[this.#kind]!
      this.#left ??= this.#find(kind, nowMs)
      const to = this.#left[this.#at]
      if (to !== undefined) {
        this.#at += 1
        this.#taken?.add(to.id)
        return { kind, to }
      }
      this.#left = undefined
      this.#at = 0
    }
    return undefined
  }

  #find(kind: Candidate['kind'], nowMs: number): readonly Contact[] {
    const { view, self } = this.#parts
    const { visited, tried = [], via } = this.#envelope
    if (kind === 'straight') {
      const to = this.#straight(nowMs)
      return to === undefined ? [] : [to]
    }
    // Whoever named this node as the gateway said that there is a link; it tells when there is none.
    if (via?.hex === self.hex) return []
    this.#taken ??= new Set([self.hex, ...visited, ...tried, ...this.#given])
    if (kind === 'back') {
      const to = visited.length === 0 ? undefined : view.linked(visited.at(-1)!)
      return to === undefined ? [] : [to]
    }
    if (view.uplinks === undefined) return kind === 'nearer' ? this.#nearer() : this.#detours()
    // At the edge nothing is passed on for others.
    if (kind === 'detour' || visited.length > 0) return []
    return view.uplinks().filter(({ id }) => !this.#isTaken(id))
  }

  #straight(nowMs: number): Contact | undefined {
    const { view, self, passages, ways } = this.#parts
    const { destination, content, via } = this.#envelope
    if (view.uplinks !== undefined) return undefined
    if (via?.hex === self.hex) return this.#linked(destination.hex, 0)
    const back =
      content.about === undefined ? undefined : passages.get(destination.hex, content.about)
    return (
      this.#linked(back?.from) ??
      this.#linked(targetOf(this.#envelope).hex) ??
      this.#linked(ways.next(destination.hex, nowMs))
    )
  }

  #nearer(): readonly Contact[] {
    const { self, settings, view } = this.#parts
    const { visited, tried = [], destination } = this.#envelope
    const target = targetOf(this.#envelope)
    const left = view.linked(destination.hex) === undefined && this.#isUndialable
    const seen = new Set<string>(left ? [destination.hex] : [])
    return view
      .closest(target, settings.alternatives + visited.length + tried.length + 2)
      .filter(({ id, key }) => {
        if (this.#isTaken(id) || seen.has(id) || id !== key.hex) return false
        seen.add(id)
        return compareDistance(target, key, self) < 0
      })
      .toSorted((a, b) => compareDistance(target, a.key, b.key))
      .slice(0, settings.alternatives)
  }

  #detours(): readonly Contact[] {
    const target = targetOf(this.#envelope)
    return this.#parts.view
      .neighbours()
      .filter(({ id }) => !this.#isTaken(id))
      .toSorted((a, b) => compareDistance(target, a.key, b.key))
  }

  /** A node with a link that the envelope was not with. */
  #linked(id: string | undefined, port?: number): Contact | undefined {
    const { visited, tried } = this.#envelope
    if (id === undefined || visited.includes(id) || this.#given.includes(id)) return undefined
    if (tried?.includes(id) === true) return undefined
    const contact = this.#parts.view.linked(id)
    return contact === undefined || port === undefined ? contact : { ...contact, port }
  }

  #isTaken(id: string): boolean {
    return this.#taken?.has(id) === true
  }
}

/** Whether `to` is nearer to what the envelope is for than `self`. */
export function isNearer(envelope: Envelope, to: Contact, self: KadKey): boolean {
  return compareDistance(targetOf(envelope), to.key, self) < 0
}
