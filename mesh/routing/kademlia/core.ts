/**
 * The routing core: table, admission, pings, bootstrap, refresh and lookups as one synchronous machine
 * (`machine.ts`). This file sends, matches and distributes; what each part does stands in its own file.
 *
 *     table, include, probe     who is in          pool      lookups, and what they ask
 *     bootstrap, refresh, lost  whom to look for   conduct   what of an answer is believed, who is shunned
 *
 * A lookup waits for nothing here: answers go to it in the step in which they come, and everything else has
 * its own requests and, of the places for lookups, a few (6.2 #1).
 */
import { RandomStream } from '../../machine/random-stream.ts'
import type { RoutingView } from '../records/machine.ts'
import { Bootstrap } from './bootstrap.ts'
import { Conduct } from './conduct.ts'
import { isReachable } from './contacts.ts'
import { Fallen } from './fallen.ts'
import { isKeyHex, keyFromHex, type KadKey } from './id.ts'
import { Include } from './include.ts'
import { Lost } from './lost.ts'
import type {
  LookupResult,
  LookupSpec,
  RoutingEntry,
  RoutingEvent,
  RoutingInput,
  RoutingRefusal,
  RoutingSink,
  RoutingStats,
  SeedContact,
} from './machine.ts'
import type { Contact, DhtMode, FindNode, LookupReply, LookupRequest, Sender } from './message.ts'
import type { LookupQuestion } from './paths.ts'
import { Pings } from './pings.ts'
import { LookupPool } from './pool.ts'
import { Refresh } from './refresh.ts'
import { isAnswer, isContact, Requests, type Purpose } from './requests.ts'
import { RttTracker } from './rtt.ts'
import type { RoutingSettings } from './settings.ts'
import { SizeEstimate } from './size-estimate.ts'
import { RoutingTable } from './table.ts'
import { Upkeep } from './upkeep.ts'

/** What a core is made of. */
export interface RoutingCoreOptions {
  readonly self: Contact & { readonly mode: DhtMode }
  readonly settings: RoutingSettings
  readonly seed: number
  readonly nowMs: number
  /** Of an earlier life: asked one after the other, and admitted when they answer. */
  readonly snapshot?: readonly Contact[]
}

interface RunningLookup {
  readonly target: KadKey
  readonly wanted: number
}

/** Purposes of random streams. */
const STREAM_BOOTSTRAP = 1
const STREAM_REFRESH = 2
const STREAM_TARGET = 3
const STREAM_LOST = 4

/** Swallows effects outside of a step; there are none. */
const IDLE_SINK: RoutingSink = Object.freeze({
  request() {},
  cancel() {},
  reply() {},
  event() {},
  refused() {},
})

/** One node's view of the network, and what it does about it. */
export class RoutingCore implements RoutingView {
  readonly #key: KadKey
  readonly #id: string
  readonly #settings: RoutingSettings
  readonly #table: RoutingTable
  readonly #include: Include
  readonly #pings: Pings
  readonly #fallen = new Fallen()
  readonly #lost: Lost
  readonly #bootstrap: Bootstrap
  readonly #upkeep: Upkeep
  readonly #pool: LookupPool
  readonly #rtt: RttTracker
  readonly #size: SizeEstimate
  readonly #conduct: Conduct
  readonly #requests = new Requests()
  /** Lookups of users from zero on, own ones below. */
  readonly #lookups = new Map<number, RunningLookup>()
  readonly #counters = {
    lookups: 0,
    requestsSent: 0,
    requestsFailed: 0,
    requestsAnswered: 0,
    pings: 0,
  }
  #sender: Sender
  #sink: RoutingSink = IDLE_SINK
  #nowMs: number
  #deadlineMs = Infinity
  /** True while a user cancels a lookup: then its requests end, late ones too. */
  #isCancelling = false

  constructor(options: RoutingCoreOptions) {
    const { self, settings, seed, nowMs } = options
    this.#key = self.key
    this.#id = self.key.hex
    this.#settings = settings
    this.#nowMs = nowMs
    this.#sender = Object.freeze({ host: self.host, port: self.port, mode: self.mode })
    this.#table = new RoutingTable(self.key, settings, {
      admitted: (contact) => this.#admitted(contact),
      removed: (contact, reason) => {
        if (reason === 'failed' || reason === 'replaced') this.#lost.add(contact.id, contact)
        this.#sink.event({ type: 'removed', contact, reason })
      },
      crowded: ({ id }) => this.#refuse('ERR_DHT_DIVERSITY', id),
      kept: (bucket) => this.#questionOldest(bucket),
    })
    this.#include = new Include(settings.candidatesMax, options.snapshot)
    this.#pings = this.#createPings()
    this.#lost = new Lost(settings, new RandomStream(seed, STREAM_LOST), nowMs)
    this.#upkeep = this.#createUpkeep(seed)
    this.#rtt = new RttTracker(settings)
    this.#size = new SizeEstimate({ samplesMax: settings.sizeSamplesMax })
    this.#conduct = new Conduct(this.#id, settings, {
      refused: (code, from) => this.#refuse(code, from),
      shunned: (id) => {
        this.#table.remove(id, 'shunned')
        this.#lost.forget(id)
      },
    })
    this.#bootstrap = this.#createBootstrap(new RandomStream(seed, STREAM_BOOTSTRAP))
    this.#pool = this.#createPool()
    if (this.#include.waiting > 0) this.#deadlineMs = nowMs
  }

  /** Takes one input at `nowMs`, monotonic; effects go to `sink` before it returns. Never throws for a peer. */
  step(nowMs: number, input: RoutingInput, sink: RoutingSink): void {
    this.#sink = sink
    // A clock that goes back stands still for us.
    if (nowMs > this.#nowMs) this.#nowMs = nowMs
    this.#take(input)
    // Nearly every question tells nothing new, and then nothing follows from it.
    const isQuiet = input.type === 'request' && !this.#hasWork() && this.#nowMs < this.#deadlineMs
    if (!isQuiet) this.#settle()
    this.#sink = IDLE_SINK
  }

  /** When the next `tick` is due; Infinity when nothing is. */
  nextDeadline(): number {
    return this.#deadlineMs
  }

  closest(key: KadKey, count: number, except?: string): readonly Contact[] {
    return this.#table.closest(key, count, except)
  }

  networkSize(): number | undefined {
    return this.#size.size()
  }

  /** True while this node has nothing to do with that peer. */
  isShunned(id: string, nowMs: number = this.#nowMs): boolean {
    return this.#conduct.isShunned(id, nowMs)
  }

  entries(): readonly RoutingEntry[] {
    return this.#table.entries()
  }

  /** Good entries, nearest first: what `snapshot` of a later life takes. */
  snapshot(): readonly Contact[] {
    return this.#table.snapshot()
  }

  stats(): RoutingStats {
    return {
      ...this.#counters,
      refreshes: this.#upkeep.refreshes,
      entries: this.#table.size,
      replacements: this.#table.replacementsSize,
      candidates: this.#include.size,
      lookupsRunning: this.#pool.size + this.#pool.queued,
      requestsRunning: this.#requests.size,
      bootstraps: this.#bootstrap.joins,
      ...this.#conduct.stats(this.#nowMs),
      networkSize: this.#size.size(),
    }
  }

  #createBootstrap(random: RandomStream): Bootstrap {
    return new Bootstrap(this.#settings, random, {
      askSeed: (seed) => this.#askNeighbours('seed', seed),
      lookupSelf: () => this.#upkeep.joinSelf(this.#nowMs),
      lookupIn: (bucket) => this.#upkeep.joinIn(bucket, this.#nowMs),
      goodSize: () => this.#table.goodSize,
      nearestBucket: () => this.#table.nearestBucket(),
      isFull: (bucket) => this.#table.isFull(bucket),
      event: (event) => this.#sink.event(event),
    })
  }

  #createUpkeep(seed: number): Upkeep {
    return new Upkeep({
      own: this.#key,
      settings: this.#settings,
      refresh: new Refresh(this.#settings, new RandomStream(seed, STREAM_REFRESH)),
      random: new RandomStream(seed, STREAM_TARGET),
      host: {
        lookup: (lookupId, target) => this.#lookupOwn(lookupId, target),
        joinLookedUp: (complete) => this.#bootstrap.lookedUp(this.#nowMs, complete),
        goodSize: () => this.#table.goodSize,
        nearestBucket: () => this.#table.nearestBucket(),
      },
    })
  }

  #createPings(): Pings {
    return new Pings({
      own: this.#key,
      settings: this.#settings,
      include: this.#include,
      host: {
        ping: (purpose, to) => this.#ping(purpose, to),
        wants: ({ id, host, port }) => this.#isWanted(id, host, port),
        failedContacts: () => this.#table.failedContacts(),
      },
    })
  }

  #createPool(): LookupPool {
    return new LookupPool({
      settings: this.#settings,
      own: this.#key,
      port: {
        request: (to, question, deadlineMs) => this.#askFor(to, question, deadlineMs),
        cancel: (requestId) => this.#cancelled(requestId),
        closest: (target, count) => this.#table.closestForLookup(target, count),
        isDown: (id) => this.#isDown(id),
        softTimeoutMs: ({ id }) => this.#rtt.softTimeoutMs(id),
        event: (event) => this.#lookupEvent(event),
      },
    })
  }

  #take(input: RoutingInput): void {
    switch (input.type) {
      case 'request':
        return this.#request(input.from, input.replyId, input.message)
      case 'reply':
        return this.#reply(input.requestId, input.from, input.message)
      case 'request_failed':
        return this.#failed(input.requestId)
      case 'tick':
        return this.#pool.tick(this.#nowMs)
      case 'bootstrap': {
        const { host, port } = this.#sender
        const others = input.contacts.filter(
          (seed) => seed.id !== this.#id && !(seed.host === host && seed.port === port),
        )
        return this.#bootstrap.join(others)
      }
      case 'candidate':
        this.#fallen.forget(input.contact.id)
        return this.#meet(input.contact.id, input.contact)
      case 'heard':
        return this.#heard(input.from, input.sender)
      case 'down':
        return this.#down(input.id)
      case 'offence':
        return this.#conduct.offend(input.id, input.code, this.#nowMs)
      case 'lookup':
        return this.#lookup(input.lookupId, input.spec)
      case 'cancel_lookup':
        return this.#cancelLookup(input.lookupId)
      case 'stop_lookup':
        return this.#pool.stop(this.#nowMs, input.lookupId)
      case 'set_mode':
        this.#sender = Object.freeze({ ...this.#sender, mode: input.mode })
        return
      case 'set_address':
        this.#sender = Object.freeze({ ...this.#sender, host: input.host, port: input.port })
    }
  }

  #request(from: string, replyId: number, message: FindNode): void {
    if (!this.#conduct.mayAsk(from, this.#nowMs)) return
    const count = Math.min(message.count, this.#contactsMax)
    const contacts = this.#table.closest(message.key, count, from)
    this.#counters.requestsAnswered += 1
    const { key } = message
    this.#sink.reply(replyId, { type: 'find_node_reply', key, sender: this.#sender, contacts })
    this.#heard(from, message.sender)
  }

  /** It is there, and it said so itself: a candidate, or no server any more. */
  #heard(from: string, sender: Sender): void {
    if (sender.mode === 'client') return this.#table.remove(from, 'client')
    this.#fallen.forget(from)
    this.#meet(from, sender)
  }

  #meet(id: string, address: { readonly host: string; readonly port: number; key?: KadKey }): void {
    const { host, port } = address
    if (this.#include.has(id) || !this.#isWanted(id, host, port)) return
    // Who is being asked already needs no ping: its answer admits it.
    const running = this.#requests.running(id, host, port)
    if (running !== undefined) {
      running.heard = true
      return
    }
    if (!isKeyHex(id) || !isReachable(host, port)) {
      return this.#refuse('ERR_DHT_CONTACT_ADDRESS', id)
    }
    const key = this.#table.get(id)?.key ?? address.key ?? keyFromHex(id)
    const oldest = this.#include.offer({ id, key, host, port })
    if (oldest !== undefined) this.#refuse('ERR_DHT_CANDIDATES_MAX', undefined)
  }

  /** True for a stranger whom the table wants, and for an entry that is said to be somewhere else now. */
  #isWanted(id: string, host: string, port: number): boolean {
    if (id === this.#id || this.isShunned(id)) return false
    const known = this.#table.get(id)
    if (known !== undefined && (known.host !== host || known.port !== port)) return true
    return this.#table.wants(id, host)
  }

  #down(id: string): void {
    this.#fallen.add(id, this.#nowMs + this.#settings.fallenMs)
    this.#table.down(id)
    const contact = this.#table.get(id)
    if (contact !== undefined) this.#pings.check(contact)
  }

  #reply(requestId: number, from: string, message: LookupReply): void {
    const pending = this.#requests.get(requestId)
    if (pending === undefined) return this.#refuse('ERR_DHT_REPLY_UNEXPECTED', from)
    const { to, purpose, sentMs } = pending
    if (!isAnswer(pending, from, message) || from === this.#id) {
      this.#conduct.misanswered(from, to.id, this.#nowMs)
      return this.#failed(requestId)
    }
    const contacts = this.#conduct.believed(message, from, to.host, this.#nowMs)
    if (this.isShunned(from)) return this.#failed(requestId)
    this.#requests.delete(requestId)
    const isKnown = this.#table.state(from) === 'good'
    const rttMs = this.#nowMs - sentMs
    this.#rtt.record(from, rttMs)
    const contact = this.#admit(from, to, message.sender, rttMs)
    const checked = contacts === message.contacts ? message : { ...message, contacts }
    // A seed that stands in the table was not lost.
    this.#answered(requestId, isKnown && purpose === 'lost' ? 'late' : purpose, contact, checked)
  }

  /** The sender of an answer as a contact: what makes it known, or a client. */
  #admit(from: string, to: SeedContact, sender: Sender, rttMs: number): Contact {
    const { host, port, mode } = sender
    const asked = isContact(to) ? to : undefined
    const isSame = asked !== undefined && asked.host === host && asked.port === port
    const known = isSame ? asked : this.#table.get(from)
    const contact =
      known !== undefined && known.host === host && known.port === port
        ? known
        : { id: from, key: asked?.key ?? keyFromHex(from), host, port }
    this.#fallen.forget(from)
    if (mode === 'client') this.#table.remove(from, 'client')
    else if (isReachable(host, port)) {
      this.#lost.forget(from)
      this.#table.answered(contact, this.#nowMs, rttMs)
    } else this.#refuse('ERR_DHT_CONTACT_ADDRESS', from)
    return isReachable(host, port) ? contact : { ...contact, host: to.host, port: to.port }
  }

  #admitted(contact: Contact): void {
    this.#sink.event({ type: 'admitted', contact })
    if (!this.#lost.isFound(contact.id)) return
    // The others who were named are asked by now; then both sides are looked up.
    this.#bootstrap.rejoin(this.#nowMs + this.#settings.requestTimeoutMs)
  }

  #answered(requestId: number, purpose: Purpose, from: Contact, message: LookupReply): void {
    switch (purpose) {
      case 'lookup':
        return this.#pool.answered(this.#nowMs, requestId, from, message)
      case 'seed':
        this.#bootstrap.seedSettled(this.#nowMs, true)
        // A seed that is a client still knows others.
        if (this.#table.goodSize === 0) this.#meetAll(message.contacts)
        return
      case 'lost':
        for (const { id, host } of message.contacts) {
          if (this.#table.lacks(id, host)) this.#lost.named(id)
        }
        return this.#meetAll(message.contacts)
      case 'probe':
      case 'candidate':
        return this.#pings.settled(purpose, from)
      case 'late':
    }
  }

  #failed(requestId: number): void {
    const pending = this.#requests.get(requestId)
    if (pending === undefined) return
    this.#requests.delete(requestId)
    const { to, purpose } = pending
    this.#counters.requestsFailed += 1
    // That somebody lost is still not where it was is no news: it may be elsewhere.
    if (to.id !== undefined && purpose !== 'lost') {
      this.#fallen.add(to.id, this.#nowMs + this.#settings.fallenMs)
      // A candidate at a new address tells nothing about the old one.
      const known = this.#table.get(to.id)
      if (known === undefined || (known.host === to.host && known.port === to.port)) {
        this.#table.failed(to.id)
      }
    }
    if (purpose === 'lookup') this.#pool.failed(this.#nowMs, requestId)
    if (purpose === 'seed') this.#bootstrap.seedSettled(this.#nowMs, false)
    const isPing = purpose === 'probe' || purpose === 'candidate'
    if (isPing && isContact(to)) this.#pings.settled(purpose, to)
  }

  #meetAll(contacts: readonly Contact[]): void {
    for (const contact of contacts) this.#meet(contact.id, contact)
  }

  #lookup(lookupId: number, spec: LookupSpec): void {
    this.#counters.lookups += 1
    this.#lookups.set(lookupId, { target: spec.target, wanted: spec.count ?? this.#settings.k })
    if (this.#pool.start(this.#nowMs, lookupId, spec)) return
    this.#lookups.delete(lookupId)
    this.#refuse('ERR_DHT_LOOKUPS_MAX', undefined)
    this.#sink.event({ type: 'lookup_done', lookupId, result: REFUSED })
  }

  #cancelLookup(lookupId: number): void {
    if (!this.#lookups.delete(lookupId)) return
    this.#isCancelling = true
    this.#pool.cancel(this.#nowMs, lookupId)
    this.#isCancelling = false
  }

  /** A lookup of this node for itself; it leaves the places of others alone. */
  #lookupOwn(lookupId: number, target: KadKey): boolean {
    if (this.#pool.queued > 0) return false
    this.#lookups.set(lookupId, { target, wanted: this.#settings.k })
    if (this.#pool.start(this.#nowMs, lookupId, { kind: 'find_node', target })) return true
    this.#lookups.delete(lookupId)
    return false
  }

  /** Events of the pool: those of users go up, ends of own lookups wait until the pool has returned. */
  #lookupEvent(event: RoutingEvent): void {
    if (event.type === 'lookup_done') {
      const { lookupId, result } = event
      const lookup = this.#lookups.get(lookupId)
      this.#lookups.delete(lookupId)
      if (lookup !== undefined) this.#concluded(lookup, result)
      if (lookupId < 0) return this.#upkeep.ended(lookupId, result)
    }
    if (!('lookupId' in event) || event.lookupId >= 0) this.#sink.event(event)
  }

  #concluded({ target, wanted }: RunningLookup, result: LookupResult): void {
    this.#size.add(target, result, wanted)
    if (result.reason !== 'converged' && result.reason !== 'exhausted') return
    this.#upkeep.touched(target, this.#nowMs)
  }

  #isDown(id: string): boolean {
    if (this.isShunned(id)) return true
    return this.#table.state(id) === 'failed' || this.#fallen.has(id, this.#nowMs)
  }

  #askFor(to: Contact, { kind, target, count }: LookupQuestion, deadlineMs: number): number {
    const request = kind === 'find_node' ? this.#findNode(target, count) : this.#find(kind, target)
    return this.#send('lookup', to, request, deadlineMs)
  }

  /** Asks for the neighbours of this node. */
  #askNeighbours(purpose: Purpose, to: SeedContact): void {
    this.#send(purpose, to, this.#findNode(this.#key, this.#contactsMax), this.#requestDeadlineMs())
  }

  #ping(purpose: 'probe' | 'candidate', to: Contact): void {
    this.#counters.pings += 1
    this.#send(purpose, to, this.#findNode(this.#key, 0), this.#requestDeadlineMs())
  }

  #findNode(key: KadKey, count: number): FindNode {
    return { type: 'find_node', key, sender: this.#sender, count }
  }

  #find(type: 'find_value' | 'get_providers', key: KadKey): LookupRequest {
    return { type, key, sender: this.#sender }
  }

  #requestDeadlineMs(): number {
    return this.#nowMs + this.#settings.requestTimeoutMs
  }

  #send(purpose: Purpose, to: SeedContact, message: LookupRequest, deadlineMs: number): number {
    const requestId = this.#requests.add(purpose, to, message, this.#nowMs)
    this.#counters.requestsSent += 1
    this.#sink.request(requestId, to, message, deadlineMs)
    return requestId
  }

  /**
   * The lookup does not wait for it any more. If it is late already it goes on: who does not answer would else
   * stay in the table as long as lookups end before its time is up.
   */
  #cancelled(requestId: number): void {
    const pending = this.#requests.get(requestId)
    if (pending === undefined) return
    const lateAtMs = pending.sentMs + this.#rtt.softTimeoutMs(pending.to.id ?? '')
    if (!this.#isCancelling && this.#nowMs >= lateAtMs) return this.#requests.release(requestId)
    this.#requests.delete(requestId)
    this.#sink.cancel(requestId)
    if (pending.heard && isContact(pending.to)) this.#meet(pending.to.id, pending.to)
  }

  /** Somebody waits for a place in that bucket: is the one that has not answered for longest still there? */
  #questionOldest(bucket: number): void {
    const oldest = this.#table.oldestOf(bucket)
    if (oldest === undefined) return
    if (this.#nowMs - oldest.answeredMs < this.#settings.questionableMs) return
    this.#pings.evict(oldest.contact)
  }

  #hasWork(): boolean {
    return this.#include.waiting > 0 || this.#table.goodSize === 0
  }

  /** After the input: what follows from it, what is due, and when the next thing is. */
  #settle(): void {
    const nowMs = this.#nowMs
    this.#upkeep.account()
    this.#bootstrap.advance(nowMs)
    this.#upkeep.refresh(nowMs)
    if (nowMs >= this.#lost.nextDeadline()) this.#askLost()
    this.#pings.send(nowMs, this.#table.goodSize, this.#table.failedSize)
    // A lookup without anybody to ask ends at once.
    while (this.#upkeep.isPending) {
      this.#upkeep.account()
      this.#bootstrap.advance(nowMs)
    }
    this.#deadlineMs = Math.min(
      this.#pool.nextDeadline(),
      this.#bootstrap.nextDeadline(),
      this.#upkeep.nextDeadline(),
      this.#lost.nextDeadline(),
      this.#pings.nextDeadline(),
    )
  }

  /** Those in the table are not lost; who stands there with a failure is asked by a probe. */
  #askLost(): void {
    for (const contact of this.#lost.due(this.#nowMs, this.#bootstrap.seeds)) {
      const known = contact.id === undefined ? undefined : this.#table.get(contact.id)
      const shunned = contact.id !== undefined && this.isShunned(contact.id)
      if (known === undefined && !shunned) this.#askNeighbours('lost', contact)
    }
  }

  get #contactsMax(): number {
    return Math.ceil(this.#settings.answerFactor * this.#settings.k)
  }

  #refuse(code: RoutingRefusal, from: string | undefined): void {
    this.#sink.refused(code, from)
  }
}

/** The end of a lookup that found no place. */
const REFUSED: LookupResult = Object.freeze({
  closest: [],
  reason: 'refused',
  requests: 0,
  failures: 0,
  depth: 0,
  elapsedMs: 0,
})
