/**
 * Greedy routing as one synchronous machine. An envelope that comes in is, in this order:
 *
 * 1. dropped when it breaks a rule (`rules.ts`): its path does not end at the proven sender, it made no progress, it was here;
 * 2. delivered when this node is its destination, however many hops it has made (MG8);
 * 3. given up with `max_hops_exceeded` when it has none left;
 * 4. sent to the best of those that may have it (`candidates.ts`), as a rule the nearest node that is strictly nearer to the
 *    destination than this one; when that one cannot be reached to the next, `alternatives` in all;
 * 5. sent on a *detour*, when there is none of them: to a neighbour that it was not with yet, nearest first; and when there is
 *    none either, given back to the one it came from, which goes on with its own next one. The source gives it up with
 *    `no_route` when everybody has given it back. (I. Stojmenovic, M. Russell, B. Vukojevic, "Depth first search and location based
 *    localized routing and QoS routing in wireless networks", 2000: it reaches whoever can be reached.) The receipt teaches
 *    the nodes on the way, so that the next envelope goes straight (`ways.ts`).
 *
 * While an envelope names a gateway (`via`), that is what it comes nearer to; the gateway hands it to the destination
 * over a link that stands, or gives it up. The first hop of a peer at the edge, to its gateway, is no progress, and
 * needs none: it sends only what is its own.
 *
 * Who gives up tells the source by an error envelope. Errors and receipts go back as what they are about has come
 * (`passages.ts`), and like any other envelope where that way is gone; when they get lost, they are counted and nothing more.
 *
 * Nothing goes in circles. Without a detour the distance falls with each hop, which every receiver checks against the proven key
 * of its sender. On one nobody is visited twice; and whatever other nodes make of it, a node takes an envelope once, and
 * passes it on once more only when the one gives it back that has it: to each other node once at most.
 */
import { Deadlines } from '../../machine/deadlines.ts'
import { PeerBudget } from '../../membership/swim/peer-budget.ts'
import type { KadKey } from '../kademlia/id.ts'
import { Candidates, isNearer } from './candidates.ts'
import type { Candidate, CandidateParts } from './candidates.ts'
import type { Envelope, RouteContent, RouteReason } from './envelope.ts'
import type { GreedyInput, GreedySink, GreedyStats, RouteView, SendOutcome } from './machine.ts'
import { Pace } from './pace.ts'
import { holderOf, Passages } from './passages.ts'
import { Places } from './places.ts'
import type { Place } from './places.ts'
import { brokenRule, isGivenBack } from './rules.ts'
import type { GreedySettings } from './settings.ts'
import { Ways } from './ways.ts'

/** Peers whose rate is watched within one second. */
const PEERS_MAX = 4_096

/** What a core is made of. */
export interface GreedyCoreOptions {
  readonly self: KadKey
  readonly settings: GreedySettings
  readonly view: RouteView
  /** 32 hex digits by lot. */
  readonly newId: () => string
}

/** An envelope of this node that waits for its receipt. */
interface Send {
  readonly sendId: number
  readonly id: string
  readonly destination: string
  readonly receipt: boolean
  /** The latest attempt to send it. */
  attemptId: number
}

/** An envelope that waits for its turn, or for a link. */
interface Forward {
  readonly envelope: Envelope
  readonly candidates: Candidates
  readonly place: Place
  /** Whom it is to go to when it has its turn; undefined for one that waits for a link. */
  waitsFor: Candidate | undefined
  /** When its own time is over. */
  readonly expiresMs: number
}

/** See the file header. */
export class GreedyCore {
  readonly #options: GreedyCoreOptions
  readonly #passages: Passages
  readonly #ways: Ways
  readonly #budget: PeerBudget
  readonly #detourBudget: PeerBudget
  readonly #candidateParts: CandidateParts
  readonly #sends = new Map<number, Send>()
  readonly #sendsById = new Map<string, Send>()
  readonly #sendDeadlines = new Deadlines()
  readonly #forwards = new Map<number, Forward>()
  readonly #places: Places
  readonly #pace: Pace
  /** When an attempt has its turn, or is given up. */
  readonly #attemptDeadlines = new Deadlines()
  #attempts = 0
  #sent = 0
  #forwarded = 0
  #delivered = 0
  #attemptsFailed = 0
  #givenUp = 0
  #detours = 0

  constructor(options: GreedyCoreOptions) {
    this.#options = options
    const { self, settings, view } = options
    const { envelopesPerPeerMax, detoursPerPeerMax } = settings
    const passages = new Passages(settings.seenMax)
    const ways = new Ways(settings.waysMax, settings.wayTtlMs)
    this.#passages = passages
    this.#ways = ways
    this.#candidateParts = { self, settings, view, passages, ways }
    this.#places = new Places(settings)
    this.#pace = new Pace(envelopesPerPeerMax)
    const perSecond = { peersMax: PEERS_MAX, windowMs: 1_000 }
    this.#budget = new PeerBudget({ max: envelopesPerPeerMax, ...perSecond })
    this.#detourBudget = new PeerBudget({ max: detoursPerPeerMax, ...perSecond })
  }

  step(nowMs: number, input: GreedyInput, sink: GreedySink): void {
    switch (input.type) {
      case 'send':
        return this.#send(nowMs, input, sink)
      case 'cancel':
        return this.#forgetSend(this.#sends.get(input.sendId), sink)
      case 'envelope':
        return this.#receive(nowMs, input.from, input.envelope, sink)
      case 'forwarded':
        return this.#wasForwarded(input.attemptId, sink)
      case 'forward_failed':
        return this.#retry(nowMs, input.attemptId, sink)
      case 'tick':
        return this.#tick(nowMs, sink)
    }
  }

  /** When `tick` has something to do. */
  nextDeadline(): number {
    return Math.min(this.#sendDeadlines.earliest(), this.#attemptDeadlines.earliest())
  }

  stats(): GreedyStats {
    return {
      sent: this.#sent,
      forwarded: this.#forwarded,
      delivered: this.#delivered,
      attemptsFailed: this.#attemptsFailed,
      givenUp: this.#givenUp,
      detours: this.#detours,
      sends: this.#sends.size,
      forwards: this.#forwards.size,
      forwardBytes: this.#places.bytes,
      seen: this.#passages.size,
      ways: this.#ways.size,
    }
  }

  #send(nowMs: number, input: GreedyInput & { readonly type: 'send' }, sink: GreedySink): void {
    const { sendId, id, destination, via, sourceVia, routeType, payload, about, receipt } = input
    const { self, settings } = this.#options
    if (this.#sends.size >= settings.sendsMax) {
      return sink.settled(sendId, { type: 'refused', code: 'ERR_ROUTE_SENDS_MAX' })
    }
    const send = { sendId, id, destination: destination.hex, receipt, attemptId: 0 }
    this.#sends.set(sendId, send)
    this.#sendsById.set(id, send)
    this.#sendDeadlines.set(sendId, input.deadlineMs)
    this.#sent += 1
    this.#passages.add(self.hex, id, undefined)
    const envelope: Envelope = {
      id,
      destination,
      via,
      source: self,
      sourceVia,
      visited: [],
      tried: undefined,
      hopsMax: input.hopsMax,
      channel: routeType === 'publish' ? 'pubsub' : 'rpc',
      ttlMs: Math.max(1, Math.floor(input.deadlineMs - nowMs)),
      content: { type: routeType, about, receipt, payload },
    }
    this.#route(nowMs, envelope, sink, undefined, input.isUndialable)
  }

  #receive(nowMs: number, from: string, envelope: Envelope, sink: GreedySink): void {
    if (!this.#budget.spend(from, nowMs)) return sink.refused('ERR_ROUTE_PEER_RATE', from)
    const { self, view } = this.#options
    const { source, id } = envelope
    const isClient = view.isClient?.(from) === true
    const passage = this.#passages.get(source.hex, id)
    const broken = brokenRule(envelope, from, self, passage, isClient)
    if (broken !== undefined) return sink.refused(broken, from)
    if (isGivenBack(envelope, from, self)) return this.#comesBack(nowMs, from, envelope, sink)
    if (!this.#passages.add(source.hex, id, from)) return sink.refused('ERR_ROUTE_DUPLICATE', from)
    this.#learn(nowMs, from, envelope)
    this.#route(nowMs, isClient ? { ...envelope, sourceVia: self } : envelope, sink, from)
  }

  /** It was given to `from`, who had nobody else for it. */
  #comesBack(nowMs: number, from: string, envelope: Envelope, sink: GreedySink): void {
    const { source, id, destination, visited, content } = envelope
    const passage = this.#passages.get(source.hex, id)!
    passage.isOut = false
    this.#ways.forget(destination.hex, from)
    // Nobody waits for it any more.
    const isOver = 'receipt' in content && content.receipt && !this.#sendsById.has(id)
    if (visited.length === 1 && isOver) return
    const before = { ...envelope, visited: visited.slice(0, -1) }
    this.#route(nowMs, before, sink, passage.from, true)
  }

  /** A receipt came from whom the envelope was given to that it is about: it went the right way. */
  #learn(nowMs: number, from: string, { content, source, destination, visited }: Envelope): void {
    if (content.type !== 'receipt') return
    const passage = this.#passages.get(destination.hex, content.about)
    if (passage === undefined || !passage.isDetour || holderOf(passage) !== from) return
    // Whoever is nearest to its end and has a link with this node saves the rest of the way there.
    const next = visited.find((id) => this.#options.view.linked(id) !== undefined)
    if (next !== undefined) this.#ways.learn(source.hex, next, nowMs)
  }

  /** Steps 2 to 5 of the file header. `holder`: the peer that it is done for. */
  #route(
    nowMs: number,
    envelope: Envelope,
    sink: GreedySink,
    holder?: string,
    isUndialable = false,
  ): void {
    const { self } = this.#options
    const { content, visited, tried, destination, via, hopsMax, ttlMs } = envelope
    if (destination.hex === self.hex) return this.#arrived(nowMs, envelope, sink, holder)
    if (visited.length + (tried?.length ?? 0) >= hopsMax) {
      return this.#giveUp(nowMs, envelope, 'max_hops_exceeded', sink, holder)
    }
    const candidates = new Candidates(this.#candidateParts, envelope, isUndialable)
    const place = { holder, bytes: 'payload' in content ? content.payload.length : 0 }
    const problem = this.#places.problem(place)
    if (problem !== undefined) {
      sink.refused(problem, holder)
      const own = visited.length === 0 ? this.#sendsById.get(envelope.id) : undefined
      return this.#settle(own, { type: 'refused', code: 'ERR_ROUTE_FORWARDS_MAX' }, sink)
    }
    const onward = via?.hex === self.hex ? { ...envelope, via: undefined } : envelope
    const forward = { envelope: onward, candidates, place, expiresMs: nowMs + ttlMs }
    this.#attempt(nowMs, { ...forward, waitsFor: undefined }, sink)
  }

  #attempt(nowMs: number, forward: Forward, sink: GreedySink): void {
    const { envelope, candidates, expiresMs, place } = forward
    const ttlMs = Math.floor(expiresMs - nowMs)
    const own = envelope.visited.length === 0 ? this.#sendsById.get(envelope.id) : undefined
    if (ttlMs <= 0) {
      // Its own deadline ends a send of this node.
      if (own === undefined) sink.refused('ERR_ROUTE_EXPIRED', envelope.visited.at(-1))
      return
    }
    const candidate = candidates.next(nowMs)
    if (candidate === undefined || !this.#mayTake(nowMs, candidate, forward, sink)) {
      return this.#giveUp(nowMs, { ...envelope, ttlMs }, 'no_route', sink, place.holder)
    }
    this.#attempts += 1
    if (own !== undefined) own.attemptId = this.#attempts
    this.#forwards.set(this.#attempts, forward)
    this.#places.take(place)
    // Its own deadline ends a send that never has its turn.
    const turnMs = own === undefined ? nowMs : this.#pace.reserve(candidate.to.id, nowMs)
    if (turnMs > nowMs) {
      forward.waitsFor = candidate
      this.#attemptDeadlines.set(this.#attempts, turnMs)
    } else this.#pass(nowMs, this.#attempts, forward, candidate, sink)
  }

  /** Whether the peer may have one more detour of its envelopes; nobody asks that of this node. */
  #mayTake(nowMs: number, { kind }: Candidate, forward: Forward, sink: GreedySink): boolean {
    if (kind !== 'detour' && kind !== 'back') return true
    this.#detours += 1
    const { envelope, place } = forward
    const { holder } = place
    const passage = this.#passages.get(envelope.source.hex, envelope.id)
    if (holder === undefined || passage?.isCounted === true) return true
    if (passage !== undefined) passage.isCounted = true
    if (this.#detourBudget.spend(holder, nowMs)) return true
    sink.refused('ERR_ROUTE_DETOURS_MAX', holder)
    return false
  }

  /** An attempt has its turn. */
  #pass(
    nowMs: number,
    attemptId: number,
    forward: Forward,
    { kind, to }: Candidate,
    sink: GreedySink,
  ): void {
    const { self, settings, view } = this.#options
    const { envelope, expiresMs } = forward
    const { visited } = envelope
    forward.waitsFor = undefined
    const timeoutMs = nowMs + settings.attemptTimeoutMs
    this.#attemptDeadlines.set(attemptId, Math.min(timeoutMs, expiresMs))
    const isBack = kind === 'back'
    let { tried } = envelope
    if (isBack) tried = [...(tried ?? []), self.hex]
    else if (view.uplinks === undefined && !isNearer(envelope, to, self)) tried ??= []
    const passage = this.#passages.get(envelope.source.hex, envelope.id)
    if (passage !== undefined) {
      passage.isOut = !isBack
      if (!isBack) passage.given = passage.given.length === 0 ? [to.id] : [...passage.given, to.id]
      passage.isDetour = tried !== undefined
    }
    // Written out: properties after a spread cost as much as the rest of a hop.
    sink.forward(attemptId, to, {
      id: envelope.id,
      channel: envelope.channel,
      destination: envelope.destination,
      via: envelope.via,
      source: envelope.source,
      sourceVia: envelope.sourceVia,
      hopsMax: envelope.hopsMax,
      ttlMs: Math.max(1, Math.floor(expiresMs - nowMs)),
      visited: isBack ? visited : [...visited, self.hex],
      tried,
      content: envelope.content,
    })
  }

  #wasForwarded(attemptId: number, sink: GreedySink): void {
    const forward = this.#takeForward(attemptId)
    if (forward === undefined) return
    this.#forwarded += 1
    if (forward.envelope.visited.length > 0) return
    const own = this.#sendsById.get(forward.envelope.id)
    if (own?.receipt === false) this.#settle(own, { type: 'delivered' }, sink)
  }

  #retry(nowMs: number, attemptId: number, sink: GreedySink): void {
    const forward = this.#takeForward(attemptId)
    if (forward === undefined) return
    this.#attemptsFailed += 1
    this.#attempt(nowMs, forward, sink)
  }

  #takeForward(attemptId: number): Forward | undefined {
    const forward = this.#forwards.get(attemptId)
    if (forward === undefined) return undefined
    this.#places.release(forward.place)
    this.#forwards.delete(attemptId)
    this.#attemptDeadlines.delete(attemptId)
    return forward
  }

  #arrived(nowMs: number, envelope: Envelope, sink: GreedySink, holder?: string): void {
    const { content, source } = envelope
    if (content.type === 'error' || content.type === 'receipt') {
      return this.#returned(envelope, content, sink)
    }
    const wanted = sink.deliver(envelope)
    if (wanted) this.#delivered += 1
    // A reply is the receipt of its call.
    if (wanted && content.type === 'reply' && content.about !== undefined) {
      const call = this.#sendsById.get(content.about)
      if (call?.destination === source.hex) this.#settle(call, { type: 'delivered' }, sink)
    }
    if (!wanted) return this.#giveUp(nowMs, envelope, 'no_handler', sink, holder)
    if (!content.receipt) return
    this.#giveBack(nowMs, envelope, { type: 'receipt', about: envelope.id }, sink, holder)
  }

  /** An error or a receipt has come back. */
  #returned(
    { source, visited }: Envelope,
    content: Exclude<RouteContent, { readonly payload: Uint8Array }>,
    sink: GreedySink,
  ): void {
    const send = this.#sendsById.get(content.about)
    const arrived = content.type === 'receipt' || content.reason === 'no_handler'
    // Only the destination can say that it arrived; anybody on the way that it did not.
    if (send === undefined || (arrived && source.hex !== send.destination)) {
      return sink.refused('ERR_ROUTE_RETURN_UNEXPECTED', visited.at(-1))
    }
    if (content.type === 'receipt') return this.#settle(send, { type: 'delivered' }, sink)
    if (!arrived) this.#ways.forget(send.destination)
    this.#settle(send, { type: 'failed', reason: content.reason, at: source.hex }, sink)
  }

  #giveUp(
    nowMs: number,
    envelope: Envelope,
    reason: RouteReason,
    sink: GreedySink,
    holder: string | undefined,
  ): void {
    this.#givenUp += 1
    this.#giveBack(nowMs, envelope, { type: 'error', about: envelope.id, reason }, sink, holder)
  }

  /** Sends an error or a receipt to the source; to this node itself at once. */
  #giveBack(
    nowMs: number,
    envelope: Envelope,
    content: Exclude<RouteContent, { readonly payload: Uint8Array }>,
    sink: GreedySink,
    holder: string | undefined,
  ): void {
    const { self, settings, newId } = this.#options
    if (envelope.content.type === 'error' || envelope.content.type === 'receipt') {
      return sink.refused('ERR_ROUTE_RETURN_LOST', envelope.visited.at(-1))
    }
    const back: Envelope = {
      id: newId(),
      channel: envelope.channel,
      source: self,
      content,
      visited: [],
      tried: undefined,
      destination: envelope.source,
      via: envelope.sourceVia,
      sourceVia: undefined,
      hopsMax: Math.max(settings.hopsMax, envelope.hopsMax),
      ttlMs: envelope.ttlMs,
    }
    if (envelope.source.hex === self.hex) return this.#returned(back, content, sink)
    this.#passages.add(self.hex, back.id, undefined)
    this.#route(nowMs, back, sink, holder)
  }

  #tick(nowMs: number, sink: GreedySink): void {
    while (this.#attemptDeadlines.earliest() <= nowMs) {
      const attemptId = this.#attemptDeadlines.first()
      const forward = this.#forwards.get(attemptId)
      if (forward?.waitsFor !== undefined && forward.expiresMs > nowMs) {
        this.#pass(nowMs, attemptId, forward, forward.waitsFor, sink)
        continue
      }
      sink.cancelForward(attemptId)
      this.#retry(nowMs, attemptId, sink)
    }
    while (this.#sendDeadlines.earliest() <= nowMs) {
      const send = this.#sends.get(this.#sendDeadlines.first())
      if (send !== undefined) this.#ways.forget(send.destination)
      this.#settle(send, { type: 'timeout' }, sink)
    }
  }

  #settle(send: Send | undefined, outcome: SendOutcome, sink: GreedySink): void {
    if (send === undefined) return
    this.#forgetSend(send, sink)
    sink.settled(send.sendId, outcome)
  }

  #forgetSend(send: Send | undefined, sink: GreedySink): void {
    if (send === undefined) return
    if (this.#takeForward(send.attemptId) !== undefined) sink.cancelForward(send.attemptId)
    this.#sends.delete(send.sendId)
    this.#sendsById.delete(send.id)
    this.#sendDeadlines.delete(send.sendId)
  }
}
