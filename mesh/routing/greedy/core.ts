/**
 * Greedy routing as one synchronous machine. An envelope that comes in is, in this order:
 *
 * 1. dropped when it breaks a rule: its path does not end at the proven sender, it made no progress, it was here;
 * 2. delivered when this node is its destination, however many hops it has made (MG8);
 * 3. given up with `max_hops_exceeded` when it has none left;
 * 4. sent to the nearest node that is strictly nearer to the destination than this one and was not visited; when
 *    that one cannot be reached to the next, `alternatives` in all; then given up with `no_route`.
 *
 * While an envelope names a gateway (`via`), that is what it comes nearer to; the gateway hands it to the destination
 * over a link that stands, or gives it up. The first hop of a peer at the edge, to its gateway, is no progress, and
 * needs none: it sends only what is its own.
 *
 * Who gives up tells the source by an error envelope, which is routed in the same way; errors and receipts that
 * get lost are counted and nothing more. Every receiver checks the progress against the proven key of its sender,
 * so the distance falls with each hop whatever other nodes say, and nothing can go in circles.
 */
import { Deadlines } from '../../machine/deadlines.ts'
import { PeerBudget } from '../../membership/swim/peer-budget.ts'
import { compareDistance, keyFromHex } from '../kademlia/id.ts'
import type { KadKey } from '../kademlia/id.ts'
import type { Contact } from '../kademlia/message.ts'
import type { Envelope, RouteContent, RouteReason } from './envelope.ts'
import type {
  GreedyInput,
  GreedyRefusal,
  GreedySink,
  GreedyStats,
  RouteView,
  SendOutcome,
} from './machine.ts'
import { Pace } from './pace.ts'
import { Places } from './places.ts'
import type { Place } from './places.ts'
import { SeenEnvelopes } from './seen.ts'
import type { GreedySettings } from './settings.ts'

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
  readonly candidates: readonly Contact[]
  readonly place: Place
  next: number
  /** Whom it is to go to when it has its turn; undefined for one that waits for a link. */
  waitsFor: Contact | undefined
  /** When its own time is over. */
  readonly expiresMs: number
}

/** See the file header. */
export class GreedyCore {
  readonly #options: GreedyCoreOptions
  readonly #seen: SeenEnvelopes
  readonly #budget: PeerBudget
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

  constructor(options: GreedyCoreOptions) {
    this.#options = options
    const { seenMax, envelopesPerPeerMax } = options.settings
    this.#seen = new SeenEnvelopes(seenMax)
    this.#places = new Places(options.settings)
    this.#pace = new Pace(envelopesPerPeerMax)
    this.#budget = new PeerBudget({
      max: envelopesPerPeerMax,
      peersMax: PEERS_MAX,
      windowMs: 1_000,
    })
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
      sends: this.#sends.size,
      forwards: this.#forwards.size,
      forwardBytes: this.#places.bytes,
      seen: this.#seen.size,
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
    this.#seen.add(self.hex, id)
    const envelope: Envelope = {
      id,
      destination,
      via,
      source: self,
      sourceVia,
      visited: [],
      hopsMax: input.hopsMax,
      channel: routeType === 'publish' ? 'pubsub' : 'rpc',
      ttlMs: Math.max(1, Math.floor(input.deadlineMs - nowMs)),
      content: { type: routeType, about, receipt, payload },
    }
    this.#route(nowMs, envelope, sink, undefined, input.isUndialable)
  }

  #receive(nowMs: number, from: string, envelope: Envelope, sink: GreedySink): void {
    if (!this.#budget.spend(from, nowMs)) return sink.refused('ERR_ROUTE_PEER_RATE', from)
    const broken = this.#brokenRule(from, envelope)
    if (broken !== undefined) return sink.refused(broken, from)
    if (!this.#seen.add(envelope.source.hex, envelope.id)) {
      return sink.refused('ERR_ROUTE_DUPLICATE', from)
    }
    const { self, view } = this.#options
    const isOwn = view.isClient?.(from) === true
    this.#route(nowMs, isOwn ? { ...envelope, sourceVia: self } : envelope, sink, from)
  }

  /** What an honest sender never does. */
  #brokenRule(from: string, envelope: Envelope): GreedyRefusal | undefined {
    const { self, view } = this.#options
    const { visited, source } = envelope
    if (visited.at(-1) !== from || visited[0] !== source.hex) return 'ERR_ROUTE_SOURCE'
    if (visited.includes(self.hex) || new Set(visited).size < visited.length) {
      return 'ERR_ROUTE_PROGRESS'
    }
    if (view.isClient?.(from) === true) {
      return visited.length === 1 ? undefined : 'ERR_ROUTE_SOURCE'
    }
    const isNearer = compareDistance(targetOf(envelope), self, keyFromHex(from)) < 0
    return isNearer ? undefined : 'ERR_ROUTE_PROGRESS'
  }

  /** Steps 2 to 4 of the file header. `holder`: the peer that it is done for. */
  #route(
    nowMs: number,
    envelope: Envelope,
    sink: GreedySink,
    holder?: string,
    isUndialable = false,
  ): void {
    const { self } = this.#options
    if (envelope.destination.hex === self.hex) return this.#arrived(nowMs, envelope, sink, holder)
    if (envelope.visited.length >= envelope.hopsMax) {
      return this.#giveUp(nowMs, envelope, 'max_hops_exceeded', sink, holder)
    }
    const isGateway = envelope.via?.hex === self.hex
    const candidates = isGateway
      ? this.#handover(envelope)
      : this.#candidates(envelope, isUndialable)
    if (candidates.length === 0) return this.#giveUp(nowMs, envelope, 'no_route', sink, holder)
    const { content } = envelope
    const place = { holder, bytes: 'payload' in content ? content.payload.length : 0 }
    const problem = this.#places.problem(place)
    if (problem !== undefined) {
      sink.refused(problem, holder)
      const own = envelope.visited.length === 0 ? this.#sendsById.get(envelope.id) : undefined
      return this.#settle(own, { type: 'refused', code: 'ERR_ROUTE_FORWARDS_MAX' }, sink)
    }
    const expiresMs = nowMs + envelope.ttlMs
    const onward = isGateway ? { ...envelope, via: undefined } : envelope
    const forward = { envelope: onward, candidates, place, next: 0, expiresMs }
    this.#attempt(nowMs, { ...forward, waitsFor: undefined }, sink)
  }

  /** The destination, when there is a link with it; it is never dialled: whoever named this node said there is one. */
  #handover({ destination, visited }: Envelope): readonly Contact[] {
    const linked = this.#options.view.linked(destination.hex)
    return linked === undefined || visited.includes(linked.id) ? [] : [{ ...linked, port: 0 }]
  }

  /** Strictly nearer than this node, not visited, nearest first; without the destination if only a dial leads there. */
  #candidates(envelope: Envelope, isUndialable: boolean): readonly Contact[] {
    const { self, settings, view } = this.#options
    const { visited, destination } = envelope
    // At the edge nothing is passed on for others.
    if (view.uplinks !== undefined) return visited.length > 0 ? [] : view.uplinks()
    const target = targetOf(envelope)
    const direct = view.linked(target.hex)
    const near = view.closest(target, settings.alternatives + visited.length + 1)
    const taken = new Set([self.hex, ...visited])
    if (isUndialable && view.linked(destination.hex) === undefined) taken.add(destination.hex)
    return [...(direct === undefined ? [] : [direct]), ...near]
      .filter(({ id, key }) => {
        if (taken.has(id) || id !== key.hex) return false
        if (compareDistance(target, key, self) >= 0) return false
        taken.add(id)
        return true
      })
      .sort((left, right) => compareDistance(target, left.key, right.key))
      .slice(0, settings.alternatives)
  }

  #attempt(nowMs: number, forward: Forward, sink: GreedySink): void {
    const { envelope, candidates, expiresMs } = forward
    const ttlMs = Math.floor(expiresMs - nowMs)
    const own = envelope.visited.length === 0 ? this.#sendsById.get(envelope.id) : undefined
    if (ttlMs <= 0) {
      // Its own deadline ends a send of this node.
      if (own === undefined) sink.refused('ERR_ROUTE_EXPIRED', envelope.visited.at(-1))
      return
    }
    const to = candidates[forward.next]
    if (to === undefined) {
      const { holder } = forward.place
      return this.#giveUp(nowMs, { ...envelope, ttlMs }, 'no_route', sink, holder)
    }
    forward.next += 1
    this.#attempts += 1
    if (own !== undefined) own.attemptId = this.#attempts
    this.#forwards.set(this.#attempts, forward)
    this.#places.take(forward.place)
    // Its own deadline ends a send that never has its turn.
    const turnMs = own === undefined ? nowMs : this.#pace.reserve(to.id, nowMs)
    if (turnMs > nowMs) {
      forward.waitsFor = to
      this.#attemptDeadlines.set(this.#attempts, turnMs)
    } else this.#pass(nowMs, this.#attempts, forward, to, sink)
  }

  /** An attempt has its turn. */
  #pass(nowMs: number, attemptId: number, forward: Forward, to: Contact, sink: GreedySink): void {
    const { self, settings } = this.#options
    const { envelope, expiresMs } = forward
    forward.waitsFor = undefined
    const timeoutMs = nowMs + settings.attemptTimeoutMs
    this.#attemptDeadlines.set(attemptId, Math.min(timeoutMs, expiresMs))
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
      visited: [...envelope.visited, self.hex],
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
      destination: envelope.source,
      via: envelope.sourceVia,
      sourceVia: undefined,
      hopsMax: Math.max(settings.hopsMax, envelope.hopsMax),
      ttlMs: envelope.ttlMs,
    }
    if (envelope.source.hex === self.hex) return this.#returned(back, content, sink)
    this.#seen.add(self.hex, back.id)
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

/** What an envelope must come nearer to. */
function targetOf({ via, destination }: Envelope): KadKey {
  return via ?? destination
}
