/**
 * What one peer tells about one kind, step by step. A step counts when it begins with the version that is held, or
 * with nothing, which replaces everything at its last part. After a gap the peer is asked, ever later while that
 * does not help.
 */
import type { CatalogDetail, CatalogKind } from './catalog.ts'
import type { HeldMessage, StepMessage } from './message.ts'
import type { CatalogSettings } from './settings.ts'

/** Entries of a whole state that is not complete yet, by owner; the owner of its own is the peer. */
export interface Staged {
  life: number
  stamp: number
  readonly entries: Map<string, CatalogDetail>
}

/** What is to be done with a part. */
export type Heard =
  /** It is missing something before it. */
  | { readonly type: 'gap' }
  /** Its changes count at once. */
  | { readonly type: 'change' }
  /** They replace what there is, once the last part is there. */
  | { readonly type: 'whole'; readonly staged: Map<string, Staged> }

const GAP: Heard = Object.freeze({ type: 'gap' })
const CHANGE: Heard = Object.freeze({ type: 'change' })

interface Under {
  readonly from: number
  readonly to: number
  next: number
}

/** See the head of this file. */
export class Hearing {
  readonly peer: string
  readonly kind: CatalogKind
  readonly #settings: Pick<CatalogSettings, 'askRetryMs' | 'askRetryMaxMs'>
  #life: number
  version = 0
  /** All of the peer is known, as far as the link told. */
  complete = false
  ackOwed = false
  /** Owners whose entries it tells. */
  readonly owners: Set<string> = new Set()
  /** Those of them whose gateway it was in a life that is over, and until when they count. */
  readonly orphans: Map<string, number> = new Map()
  /** Entries of them all. */
  count = 0
  stagedCount = 0
  #under: Under | undefined
  #staged: Map<string, Staged> | undefined
  /** Infinity while nothing is missing. */
  #askAtMs = Infinity
  #askWaitMs: number
  #distrustedMs = -Infinity

  constructor(
    peer: string,
    kind: CatalogKind,
    life: number,
    settings: Pick<CatalogSettings, 'askRetryMs' | 'askRetryMaxMs'>,
  ) {
    this.peer = peer
    this.kind = kind
    this.#life = life
    this.#settings = settings
    this.#askWaitMs = settings.askRetryMs
  }

  /** When the peer is to be asked. */
  get askAtMs(): number {
    return this.#askAtMs
  }

  held(mode: HeldMessage['mode']): HeldMessage {
    const { kind, version } = this
    return { type: 'held', kind, mode, life: version === 0 ? 0 : this.#life, version }
  }

  /** Nothing is under way any more: the link is gone, or a new one there. */
  interrupt(): void {
    this.complete = false
    this.ackOwed = false
    this.#under = undefined
    this.#staged = undefined
    this.stagedCount = 0
    this.#askAtMs = Infinity
    this.#askWaitMs = this.#settings.askRetryMs
  }

  /** Nothing that the peer told is held, and what it will tell is of that life. */
  reset(life: number): void {
    this.interrupt()
    this.version = 0
    this.#life = life
  }

  /** The peer was asked just now. */
  asked(nowMs: number): void {
    this.#askAtMs = nowMs + this.#askWaitMs
    this.#askWaitMs = Math.min(2 * this.#askWaitMs, this.#settings.askRetryMaxMs)
  }

  /** Something is missing; gives whether it is new that it is. */
  miss(nowMs: number): boolean {
    this.#under = undefined
    this.#staged = undefined
    this.stagedCount = 0
    if (this.#askAtMs !== Infinity) return false
    this.#askAtMs = nowMs
    return true
  }

  /**
   * What was told and what is true differ: all of it is to be told again. False when that was so a moment ago: then it
   * is the peer that contradicts itself.
   */
  distrust(nowMs: number): boolean {
    if (nowMs - this.#distrustedMs < this.#settings.askRetryMaxMs) return false
    this.#distrustedMs = nowMs
    this.version = 0
    return true
  }

  /** A part has come. */
  take(nowMs: number, { from, to, part }: StepMessage): Heard {
    if (part === 0) {
      const isWhole = from === 0
      if (!isWhole && from !== this.version) return GAP
      this.#under = { from, to, next: 0 }
      this.#staged = isWhole ? new Map() : undefined
      this.stagedCount = 0
    }
    const under = this.#under
    if (under?.from !== from || under.to !== to || under.next !== part) return GAP
    under.next += 1
    if (this.#askAtMs !== Infinity) this.#askAtMs = nowMs + this.#askWaitMs
    return this.#staged === undefined ? CHANGE : { type: 'whole', staged: this.#staged }
  }

  /** The peer said in the handshake which version it has, and this is no older. */
  agree(version: number): void {
    this.version = Math.max(this.version, version)
    this.complete = true
  }

  /** Its last part was taken. */
  done(to: number): void {
    this.version = to
    this.complete = true
    this.ackOwed = true
    this.#under = undefined
    this.#staged = undefined
    this.stagedCount = 0
    this.#askAtMs = Infinity
    this.#askWaitMs = this.#settings.askRetryMs
  }
}
