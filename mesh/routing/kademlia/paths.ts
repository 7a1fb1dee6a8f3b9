/**
 * One lookup on one or more paths (S/Kademlia, Baumgart & Mies 2007): the entries of the own table are dealt
 * out to the paths, no peer is asked by two of them, and what a peer tells reaches only the path that asked
 * it. A liar so spoils one path; the result is what all of them found. This holds for every kind of
 * question. That a peer has answered or failed is known to all paths: none waits for what another has seen.
 */
import { commonPrefixBits, compareDistance, type KadKey } from './id.ts'
import type { LookupHop, LookupResult, LookupSpec } from './machine.ts'
import type { Contact, LookupRequest } from './message.ts'
import { LookupPath, Peer, type PathHost, type PathState } from './query.ts'
import type { RoutingSettings } from './settings.ts'

/** Disjoint paths of one lookup at most: what fits the set of paths that a peer carries. */
export const PATHS_MAX = 30

/** What a lookup asks everybody. */
export interface LookupQuestion {
  readonly kind: LookupRequest['type']
  readonly target: KadKey
  /** Contacts wanted in the answer. */
  readonly count: number
}

/** What a lookup needs of its pool. */
export interface LookupHost {
  /** Sends the question and returns the id of the request. */
  request(lookup: Lookup, to: Contact): number
  /** Of the own table, nearest first, those that have failed last. */
  closest(target: KadKey, count: number): readonly Contact[]
  isDown(id: string): boolean
}

/** What is fixed when a lookup is accepted. */
export interface LookupOptions {
  readonly id: number
  readonly spec: LookupSpec
  readonly settings: RoutingSettings
  readonly own: KadKey
  readonly host: LookupHost
  readonly nowMs: number
}

/** The machine of one lookup. It ends when its pool says so: see {@link Lookup.advance}. */
export class Lookup implements PathHost {
  readonly id: number
  readonly question: LookupQuestion
  readonly deadlineMs: number
  readonly trace: boolean
  /** Requests that are not settled, by id. */
  readonly requests: Map<number, Peer> = new Map()
  ended = false
  readonly #host: LookupHost
  readonly #ownId: string
  readonly #count: number
  readonly #width: number
  readonly #answerMax: number
  readonly #startedMs: number
  readonly #paths: LookupPath[] = []
  readonly #peers = new Map<string, Peer>()
  readonly #requestsMax: number
  #nowMs: number
  /** Entries of the own table dealt out so far. */
  #dealt = 0
  #dealtAll = false
  #sent = 0
  #failures = 0

  constructor(options: LookupOptions) {
    const { spec, settings, nowMs } = options
    this.id = options.id
    this.#host = options.host
    this.#ownId = options.own.hex
    this.#count = spec.count ?? settings.k
    this.#width = Math.max(settings.k, this.#count)
    this.#answerMax = Math.ceil(settings.answerFactor * settings.k)
    this.#startedMs = nowMs
    this.#nowMs = nowMs
    this.question = Object.freeze({
      kind: spec.kind,
      target: spec.target,
      count: this.#answerMax,
    })
    this.deadlineMs = spec.deadlineMs ?? nowMs + settings.lookupTimeoutMs
    this.trace = spec.trace ?? false
    const requestsMax = Math.max(1, spec.requestsMax ?? settings.lookupRequestsMax)
    this.#requestsMax = requestsMax
    const paths = Math.min(PATHS_MAX, Math.max(1, spec.paths ?? 1))
    for (let index = 0; index < paths; index++) {
      this.#paths.push(
        new LookupPath({
          index,
          target: spec.target,
          width: this.#width,
          alpha: Math.max(1, spec.alpha ?? settings.alpha),
          beta: Math.max(0, spec.beta ?? settings.beta),
          requestsMax,
          // Whatever may fail on any path leaves room for the nearest that have not.
          peersMax: (paths + 1) * requestsMax + this.#width,
        }),
      )
    }
  }

  /** Begins with the nearest of the own table: for every path so many that it can lose some. */
  begin(nowMs: number): PathState {
    this.#deal(Math.max(2 * this.#width, 5 * this.#paths.length))
    return this.advance(nowMs)
  }

  /**
   * Asks who may be asked now. `running` until no path has anything to do; a late answer can set a path to
   * work again as long as another one runs. Before the lookup ends with less than is wanted, it tries all
   * that the own table has.
   */
  advance(nowMs: number): PathState {
    this.#nowMs = nowMs
    const state = this.#advancePaths()
    if (state !== 'exhausted' || this.#dealtAll) return state
    this.#dealtAll = true
    return this.#deal(this.#paths.length * this.#requestsMax) ? this.#advancePaths() : state
  }

  ask(peer: Peer, path: LookupPath): void {
    peer.state = 'asked'
    peer.path = path.index
    peer.sentMs = this.#nowMs
    path.inFlight++
    path.outstanding++
    path.sent++
    peer.turn = path.sent
    this.#sent++
    this.requests.set(this.#host.request(this, peer.contact), peer)
  }

  isDown(id: string): boolean {
    return this.#host.isDown(id)
  }

  /** The peer has answered; returns how many of the contacts were new. */
  answered(requestId: number, from: Contact, contacts: readonly Contact[]): number {
    const peer = this.requests.get(requestId)
    if (peer === undefined) return 0
    const path = this.#settle(requestId, peer)
    peer.state = 'answered'
    peer.down = false
    peer.contact = from
    const nearest = path.nearest()
    const count = Math.min(contacts.length, this.#answerMax)
    let learned = 0
    for (let i = 0; i < count; i++) {
      const contact = contacts[i]!
      if (contact.id === this.#ownId) continue
      if (this.#learn(contact, peer.depth + 1, path)) learned++
    }
    path.progressed(peer, path.nearest() !== nearest)
    return learned
  }

  /** No answer came, and none will. */
  failed(requestId: number): void {
    const peer = this.requests.get(requestId)
    if (peer === undefined) return
    this.#settle(requestId, peer)
    peer.failed()
    this.#failures++
  }

  /** The answer is late: its place in flight is free. */
  slow(requestId: number): void {
    const peer = this.requests.get(requestId)
    if (peer?.state !== 'asked') return
    peer.state = 'slow'
    this.#paths[peer.path]!.inFlight--
  }

  /** One step for those who trace. */
  hop(nowMs: number, peer: Peer, outcome: LookupHop['outcome'], learned: number): LookupHop {
    return {
      contact: peer.contact,
      outcome,
      depth: peer.depth,
      path: peer.path,
      rttMs: nowMs - peer.sentMs,
      learned,
      prefixBits: commonPrefixBits(this.question.target, peer.contact.key),
    }
  }

  /** What it has found by now. */
  result(nowMs: number, reason: LookupResult['reason']): LookupResult {
    const answered = this.#answeredPeers()
    return {
      closest: answered.map((peer) => peer.contact),
      reason,
      requests: this.#sent,
      failures: this.#failures,
      depth: answered[0]?.depth ?? 0,
      elapsedMs: nowMs - this.#startedMs,
    }
  }

  #advancePaths(): PathState {
    let running = false
    let spent = false
    let converged = false
    for (const path of this.#paths) {
      const state = path.advance(this)
      if (state === 'running') running = true
      else if (state === 'requests_max') spent = true
      else if (state === 'converged') converged = true
    }
    if (running) return 'running'
    if (spent) return 'requests_max'
    return converged ? 'converged' : 'exhausted'
  }

  /** Deals out entries of the own table that are not known yet; false when there are none. */
  #deal(count: number): boolean {
    const before = this.#peers.size
    for (const contact of this.#host.closest(this.question.target, count)) {
      if (contact.id === this.#ownId || this.#peers.has(contact.id)) continue
      this.#learn(contact, 1, this.#paths[this.#dealt % this.#paths.length]!)
      this.#dealt++
    }
    return this.#peers.size > before
  }

  /** Nearest first, at most as many as are wanted (K15). */
  #answeredPeers(): Peer[] {
    const found: Peer[] = []
    if (this.#paths.length === 1) {
      for (const peer of this.#paths[0]!.peers) {
        if (found.length === this.#count) break
        if (peer.state === 'answered') found.push(peer)
      }
      return found
    }
    for (const peer of this.#peers.values()) if (peer.state === 'answered') found.push(peer)
    const { target } = this.question
    found.sort((a, b) => compareDistance(target, a.contact.key, b.contact.key))
    return found.slice(0, this.#count)
  }

  #settle(requestId: number, peer: Peer): LookupPath {
    this.requests.delete(requestId)
    const path = this.#paths[peer.path]!
    path.outstanding--
    if (peer.state === 'asked') path.inFlight--
    return path
  }

  /** True when the contact is new to the lookup. */
  #learn(contact: Contact, depth: number, path: LookupPath): boolean {
    const known = this.#peers.get(contact.id)
    const peer = known ?? new Peer(contact, depth, this.#host.isDown(contact.id))
    if (known === undefined) this.#peers.set(contact.id, peer)
    else known.heard(contact, path.bit)
    const gone = path.add(peer)
    if (gone !== undefined && gone.paths === 0) this.#peers.delete(gone.contact.id)
    return known === undefined && gone !== peer
  }
}
