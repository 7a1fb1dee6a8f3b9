/**
 * All lookups of a node: so many at once, so many that wait, and the rest refused. It knows which requests
 * are for which lookup and when the next of them is late; whoever composes it sends requests, hands in what
 * became of them, and calls `tick` at `nextDeadline`. A lookup that ends leaves no request, no deadline and
 * no place in the queue behind (K48).
 */
import { invariant } from '../../../runtime/index.ts'
import { Deadlines } from '../../machine/deadlines.ts'
import type { KadKey } from './id.ts'
import type { LookupHop, LookupResult, LookupSpec, RoutingEvent } from './machine.ts'
import type { Contact, LookupReply } from './message.ts'
import { Lookup, type LookupHost, type LookupQuestion } from './paths.ts'
import type { Peer } from './query.ts'
import type { RoutingSettings } from './settings.ts'

/** What a pool needs of the routing core; nothing here may call the pool back. */
export interface LookupPort {
  /** Sends the question; ends with `answered` or `failed` by the deadline. Returns the id of the request. */
  request(to: Contact, question: LookupQuestion, deadlineMs: number): number
  /** Nobody waits for that request any more; neither `answered` nor `failed` follows. */
  cancel(requestId: number): void
  /** Where lookups begin: nearest first among the good entries, then those that have failed. */
  closest(target: KadKey, count: number): readonly Contact[]
  /** Failed when last asked, or held for down by others. */
  isDown(id: string): boolean
  /** When an answer of this contact is late, counted from the request. */
  softTimeoutMs(contact: Contact): number
  event(event: RoutingEvent): void
}

/** What a pool is made of. */
export interface LookupPoolOptions {
  readonly settings: RoutingSettings
  readonly own: KadKey
  readonly port: LookupPort
}

/** Runs lookups. */
export class LookupPool implements LookupHost {
  readonly #settings: RoutingSettings
  readonly #own: KadKey
  readonly #port: LookupPort
  readonly #running = new Map<number, Lookup>()
  /** In the order in which they came. */
  readonly #waiting = new Map<number, Lookup>()
  readonly #requests = new Map<number, Lookup>()
  /** Of lookups, those that wait included. */
  readonly #deadlines = new Deadlines()
  /** When requests become slow. */
  readonly #soft = new Deadlines()
  #nowMs = 0

  constructor(options: LookupPoolOptions) {
    this.#settings = options.settings
    this.#own = options.own
    this.#port = options.port
  }

  /** Lookups at work. */
  get size(): number {
    return this.#running.size
  }

  /** Lookups that wait for a place. */
  get queued(): number {
    return this.#waiting.size
  }

  /** Requests that are not settled. */
  get requests(): number {
    return this.#requests.size
  }

  /** True for a request of a lookup that has not ended. */
  owns(requestId: number): boolean {
    return this.#requests.has(requestId)
  }

  /** Begins a lookup or lets it wait; false when too many wait already, and then no event follows. */
  start(nowMs: number, lookupId: number, spec: LookupSpec): boolean {
    invariant(this.#find(lookupId) === undefined, 'ERR_INVARIANT_DHT_LOOKUP', `${lookupId}`)
    const { lookupsMax, lookupQueueMax } = this.#settings
    const full = this.#running.size >= lookupsMax
    if (full && this.#waiting.size >= lookupQueueMax) return false
    this.#nowMs = nowMs
    const lookup = new Lookup({
      id: lookupId,
      spec,
      settings: this.#settings,
      own: this.#own,
      host: this,
      nowMs,
    })
    this.#deadlines.set(lookupId, lookup.deadlineMs)
    this.#waiting.set(lookupId, lookup)
    this.#fill()
    return true
  }

  /** The answer to a request of ours. An answer of another kind or about another key is a failure. */
  answered(nowMs: number, requestId: number, from: Contact, message: LookupReply): void {
    const lookup = this.#requests.get(requestId)
    const peer = lookup?.requests.get(requestId)
    if (lookup === undefined || peer === undefined) return
    if (peer.contact.id !== from.id || !answers(message, lookup.question)) {
      this.failed(nowMs, requestId)
      return
    }
    this.#nowMs = nowMs
    this.#forget(requestId)
    const outcome = peer.state === 'slow' ? 'late' : 'answered'
    const learned = lookup.answered(requestId, from, message.contacts)
    this.#port.event({ type: 'lookup_reply', lookupId: lookup.id, from, message })
    this.#hop(lookup, peer, outcome, learned)
    this.#advance(lookup)
  }

  /** No answer came to a request of ours, and none will. */
  failed(nowMs: number, requestId: number): void {
    const lookup = this.#requests.get(requestId)
    const peer = lookup?.requests.get(requestId)
    if (lookup === undefined || peer === undefined) return
    this.#nowMs = nowMs
    this.#forget(requestId)
    // Before the peer takes on another address.
    this.#hop(lookup, peer, 'failed', 0)
    lookup.failed(requestId)
    if (nowMs < lookup.deadlineMs) return this.#advance(lookup)
    // No request outlives its lookup: it was the deadline of the lookup that ended this one.
    this.#finish(lookup, 'deadline')
    this.#fill()
  }

  /** Nobody waits for it any more: no event follows. */
  cancel(nowMs: number, lookupId: number): void {
    const lookup = this.#find(lookupId)
    if (lookup === undefined) return
    this.#nowMs = nowMs
    this.#remove(lookup)
    this.#fill()
  }

  /** Ends it with what it has. */
  stop(nowMs: number, lookupId: number): void {
    const lookup = this.#find(lookupId)
    if (lookup === undefined) return
    this.#nowMs = nowMs
    this.#finish(lookup, 'stopped')
    this.#fill()
  }

  /** What is due by now: lookups whose time is over, requests that are late. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs
    while (this.#deadlines.earliest() <= nowMs) {
      const lookup = this.#find(this.#deadlines.first())
      invariant(lookup !== undefined, 'ERR_INVARIANT_DHT_LOOKUP', 'a deadline without lookup')
      this.#finish(lookup, 'deadline')
    }
    this.#fill()
    while (this.#soft.earliest() <= nowMs) {
      const requestId = this.#soft.first()
      this.#soft.delete(requestId)
      const lookup = this.#requests.get(requestId)
      const peer = lookup?.requests.get(requestId)
      if (lookup === undefined || peer === undefined) continue
      lookup.slow(requestId)
      this.#hop(lookup, peer, 'slow', 0)
      this.#advance(lookup)
    }
  }

  /** When `tick` has something to do; Infinity when nothing runs. */
  nextDeadline(): number {
    return Math.min(this.#deadlines.earliest(), this.#soft.earliest())
  }

  /** Of the lookups: sends their question. */
  request(lookup: Lookup, to: Contact): number {
    const deadlineMs = Math.min(this.#nowMs + this.#settings.requestTimeoutMs, lookup.deadlineMs)
    const requestId = this.#port.request(to, lookup.question, deadlineMs)
    this.#requests.set(requestId, lookup)
    const softMs = this.#nowMs + this.#port.softTimeoutMs(to)
    if (softMs < deadlineMs) this.#soft.set(requestId, softMs)
    return requestId
  }

  closest(target: KadKey, count: number): readonly Contact[] {
    return this.#port.closest(target, count)
  }

  isDown(id: string): boolean {
    return this.#port.isDown(id)
  }

  #find(lookupId: number): Lookup | undefined {
    return this.#running.get(lookupId) ?? this.#waiting.get(lookupId)
  }

  /** Gives free places to those that wait. One that ends at once frees its place again. */
  #fill(): void {
    for (const [lookupId, lookup] of this.#waiting) {
      if (this.#running.size >= this.#settings.lookupsMax) return
      this.#waiting.delete(lookupId)
      this.#running.set(lookupId, lookup)
      const state = lookup.begin(this.#nowMs)
      if (state !== 'running') this.#finish(lookup, state)
    }
  }

  #advance(lookup: Lookup): void {
    if (lookup.ended) return
    const state = lookup.advance(this.#nowMs)
    if (state === 'running') return
    this.#finish(lookup, state)
    this.#fill()
  }

  #finish(lookup: Lookup, reason: LookupResult['reason']): void {
    this.#remove(lookup)
    const result = lookup.result(this.#nowMs, reason)
    this.#port.event({ type: 'lookup_done', lookupId: lookup.id, result })
  }

  #remove(lookup: Lookup): void {
    lookup.ended = true
    this.#running.delete(lookup.id)
    this.#waiting.delete(lookup.id)
    this.#deadlines.delete(lookup.id)
    for (const requestId of lookup.requests.keys()) {
      this.#forget(requestId)
      this.#port.cancel(requestId)
    }
    lookup.requests.clear()
  }

  #forget(requestId: number): void {
    this.#requests.delete(requestId)
    this.#soft.delete(requestId)
  }

  #hop(lookup: Lookup, peer: Peer, outcome: LookupHop['outcome'], learned: number): void {
    if (!lookup.trace) return
    const hop = lookup.hop(this.#nowMs, peer, outcome, learned)
    this.#port.event({ type: 'lookup_hop', lookupId: lookup.id, hop })
  }
}

/** True when the reply is of the kind that was asked for, and about the same key. */
function answers(message: LookupReply, question: LookupQuestion): boolean {
  if (message.key.hex !== question.target.hex) return false
  switch (question.kind) {
    case 'find_node':
      return message.type === 'find_node_reply'
    case 'find_value':
      return message.type === 'find_value_reply'
    case 'get_providers':
      return message.type === 'providers_reply'
  }
}
