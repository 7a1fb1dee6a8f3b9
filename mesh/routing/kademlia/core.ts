/**
 * The routing core: table, admission, pings, bootstrap, refresh and lookups as one synchronous machine
 * (`machine.ts`). This file sends, matches and distributes; what each part does stands in its own file.
 *
 *     table, include, probe     who is in          pool      lookups, and what they ask
 *     bootstrap, refresh, lost  whom to look for   contacts  what of an answer is believed
 *
 * A lookup waits for nothing here: answers go to it in the step in which they come, and everything else has
 * its own requests and, of the places for lookups, a few (6.2 #1).
 */
import { RandomStream } from '../../machine/random-stream.ts'
import type { RoutingView } from '../records/machine.ts'
import { Bootstrap } from './bootstrap.ts'
import { checkContacts, isReachable } from './contacts.ts'
import { Fallen } from './fallen.ts'
import { bucketIndex, isKeyHex, keyFromHex, randomKeyInBucket, type KadKey } from './id.ts'
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
import { PeerRate } from './peer-rate.ts'
import type { LookupQuestion } from './paths.ts'
import { PingBudget } from './ping-budget.ts'
import { LookupPool } from './pool.ts'
import { Probe } from './probe.ts'
import { Refresh } from './refresh.ts'
import { RttTracker } from './rtt.ts'
import type { RoutingSettings } from './settings.ts'
import { SizeEstimate } from './size-estimate.ts'
import { RoutingTable } from './table.ts'

/** What a core is made of. */
export interface RoutingCoreOptions {
  readonly self: Contact & { readonly mode: DhtMode }
  readonly settings: RoutingSettings
  readonly seed: number
  readonly nowMs: number
  /** Of an earlier life: asked one after the other, and admitted when they answer. */
  readonly snapshot?: readonly Contact[]
}

/** Why a request was sent. */
type Purpose = 'lookup' | 'late' | 'probe' | 'candidate' | 'seed' | 'lost'

interface Pending {
  readonly purpose: Purpose
  readonly to: SeedContact
  readonly type: LookupRequest['type']
  readonly key: KadKey
  readonly sentMs: number
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

/** Refresh lookups at once. */
const REFRESHES_AT_ONCE = 2

const REPLY_OF: Readonly<Record<LookupRequest['type'], LookupReply['type']>> = Object.freeze({
  find_node: 'find_node_reply',
  find_value: 'find_value_reply',
  get_providers: 'providers_reply',
})

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
  readonly #probe = new Probe(PROBES_MAX)
  readonly #budget: PingBudget
  readonly #fallen = new Fallen()
  readonly #lost: Lost
  readonly #bootstrap: Bootstrap
  readonly #refresh: Refresh
  readonly #pool: LookupPool
  readonly #rtt: RttTracker
  readonly #size: SizeEstimate
  readonly #rate: PeerRate
  readonly #targets: RandomStream
  readonly #pending = new Map<number, Pending>()
  /** Lookups of users from zero on, own ones below. */
  readonly #lookups = new Map<number, RunningLookup>()
  /** Own lookups that belong to the join. */
  readonly #joinLookups = new Set<number>()
  readonly #ended: number[] = []
  readonly #counters = {
    lookups: 0,
    requestsSent: 0,
    requestsFailed: 0,
    requestsAnswered: 0,
    pings: 0,
    refreshes: 0,
  }
  #sender: Sender
  #sink: RoutingSink = IDLE_SINK
  #nowMs: number
  #deadlineMs = Infinity
  #requestNext = 1
  #lookupNext = -1
  #refreshesRunning = 0
  /** No refresh before: there was no place for one. */
  #refreshAtMs = -Infinity
  #retryAtMs = Infinity
  #retryPauseMs = 0
  /** True while a user cancels a lookup: then its requests end, late ones too. */
  #isCancelling = false
  #probesFirst = true

  constructor(options: RoutingCoreOptions) {
    const { self, settings, seed, nowMs } = options
    this.#key = self.key
    this.#id = self.key.hex
    this.#settings = settings
    this.#nowMs = nowMs
    this.#sender = Object.freeze({ host: self.host, port: self.port, mode: self.mode })
    this.#table = new RoutingTable(self.key, settings, {
      admitted: (contact) => this.#sink.event({ type: 'admitted', contact }),
      removed: (contact, reason) => {
        if (reason === 'failed' || reason === 'replaced') this.#lost.add(contact.id, contact)
        this.#sink.event({ type: 'removed', contact, reason })
      },
      crowded: ({ id }) => this.#refuse('ERR_DHT_DIVERSITY', id),
      kept: (bucket) => this.#questionOldest(bucket),
    })
    this.#include = new Include(settings.candidatesMax, options.snapshot)
    this.#budget = new PingBudget(settings)
    this.#lost = new Lost(settings, new RandomStream(seed, STREAM_LOST), nowMs)
    this.#refresh = new Refresh(settings, new RandomStream(seed, STREAM_REFRESH))
    this.#targets = new RandomStream(seed, STREAM_TARGET)
    this.#rtt = new RttTracker(settings)
    this.#size = new SizeEstimate({ samplesMax: settings.sizeSamplesMax })
    this.#rate = new PeerRate(settings.requestsPerPeerMax)
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
      entries: this.#table.size,
      replacements: this.#table.replacementsSize,
      candidates: this.#include.size,
      lookupsRunning: this.#pool.size + this.#pool.queued,
      requestsRunning: this.#pending.size,
      bootstraps: this.#bootstrap.joins,
      networkSize: this.#size.size(),
    }
  }

  #createBootstrap(random: RandomStream): Bootstrap {
    return new Bootstrap(this.#settings, random, {
      askSeed: (seed) => this.#askNeighbours('seed', seed),
      lookupSelf: () => this.#lookupOwn(this.#key, true),
      lookupIn: (bucket) => this.#lookupOwn(this.#targetIn(bucket), true),
      goodSize: () => this.#table.goodSize,
      nearestBucket: () => this.#table.nearestBucket(),
      isFull: (bucket) => this.#table.isFull(bucket),
      event: (event) => this.#sink.event(event),
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
        return this.#meet(input.contact.id, input.contact)
      case 'heard':
        return this.#heard(input.from, input.sender)
      case 'down':
        return this.#down(input.id)
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
    if (!this.#rate.allow(from, this.#nowMs)) return this.#refuse('ERR_DHT_REQUESTS_MAX', from)
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
    if (id === this.#id || this.#include.has(id)) return
    const known = this.#table.get(id)
    const isMoved = known !== undefined && (known.host !== host || known.port !== port)
    if (!isMoved && !this.#table.wants(id, host)) return
    if (!isKeyHex(id) || !isReachable(host, port)) {
      return this.#refuse('ERR_DHT_CONTACT_ADDRESS', id)
    }
    const key = known?.key ?? address.key ?? keyFromHex(id)
    const oldest = this.#include.offer({ id, key, host, port })
    if (oldest !== undefined) this.#refuse('ERR_DHT_CANDIDATES_MAX', undefined)
  }

  #down(id: string): void {
    this.#fallen.add(id, this.#nowMs + this.#settings.fallenMs)
    this.#table.down(id)
    const contact = this.#table.get(id)
    if (contact !== undefined) this.#probe.check(contact, bucketIndex(this.#key, contact.key))
  }

  #reply(requestId: number, from: string, message: LookupReply): void {
    const pending = this.#pending.get(requestId)
    if (pending === undefined) return this.#refuse('ERR_DHT_REPLY_UNEXPECTED', from)
    const { to, type, key, purpose, sentMs } = pending
    const isExpected =
      (to.id === undefined ? isKeyHex(from) : from === to.id) &&
      message.type === REPLY_OF[type] &&
      message.key.hex === key.hex
    if (!isExpected || from === this.#id) {
      this.#refuse('ERR_DHT_REPLY_UNEXPECTED', from)
      return this.#failed(requestId)
    }
    this.#pending.delete(requestId)
    const rttMs = this.#nowMs - sentMs
    this.#rtt.record(from, rttMs)
    const contact = this.#admit(from, to, message.sender, rttMs)
    const contacts = this.#checked(message.contacts, from, to.host)
    const checked = contacts === message.contacts ? message : { ...message, contacts }
    this.#answered(requestId, purpose, contact, checked)
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

  #checked(contacts: readonly Contact[], from: string, host: string): readonly Contact[] {
    return checkContacts(contacts, {
      selfId: this.#id,
      tellerId: from,
      tellerHost: host,
      contactsMax: this.#contactsMax,
      refused: (code) => this.#refuse(code, from),
    })
  }

  #answered(requestId: number, purpose: Purpose, from: Contact, message: LookupReply): void {
    this.#settled(purpose, from, from.key)
    switch (purpose) {
      case 'lookup':
        return this.#pool.answered(this.#nowMs, requestId, from, message)
      case 'seed':
        this.#bootstrap.seedSettled(this.#nowMs, true)
        // A seed that is a client still knows others.
        if (this.#table.goodSize === 0) this.#meetAll(message.contacts)
        return
      case 'lost':
        // Its neighbours are strangers to ours: they are asked, and then both sides are looked up.
        this.#meetAll(message.contacts)
        return this.#bootstrap.rejoin(this.#nowMs + this.#settings.requestTimeoutMs)
      case 'late':
      case 'probe':
      case 'candidate':
    }
  }

  #failed(requestId: number): void {
    const pending = this.#pending.get(requestId)
    if (pending === undefined) return
    this.#pending.delete(requestId)
    const { to, purpose } = pending
    this.#counters.requestsFailed += 1
    if (to.id !== undefined) {
      this.#fallen.add(to.id, this.#nowMs + this.#settings.fallenMs)
      // A candidate at a new address tells nothing about the old one.
      const known = this.#table.get(to.id)
      if (known === undefined || (known.host === to.host && known.port === to.port)) {
        this.#table.failed(to.id)
      }
    }
    if (isContact(to)) this.#settled(purpose, to, to.key)
    if (purpose === 'lookup') this.#pool.failed(this.#nowMs, requestId)
    if (purpose === 'seed') this.#bootstrap.seedSettled(this.#nowMs, false)
  }

  /** Frees what the request of a ping held. */
  #settled(purpose: Purpose, contact: SeedContact, key: KadKey): void {
    if (purpose !== 'probe' && purpose !== 'candidate') return
    this.#budget.settled()
    const { id } = contact
    if (id === undefined) return
    if (purpose === 'candidate') this.#include.settled(id)
    else this.#probe.settled(id, bucketIndex(this.#key, key))
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
  #lookupOwn(target: KadKey, isJoin: boolean): boolean {
    if (this.#pool.queued > 0) return false
    const lookupId = this.#lookupNext--
    this.#lookups.set(lookupId, { target, wanted: this.#settings.k })
    if (isJoin) this.#joinLookups.add(lookupId)
    if (this.#pool.start(this.#nowMs, lookupId, { kind: 'find_node', target })) {
      // At the beginning already: a refresh that fails is not repeated at once (6.2 #2).
      this.#refresh.touched(bucketIndex(this.#key, target), this.#nowMs)
      return true
    }
    this.#lookups.delete(lookupId)
    this.#joinLookups.delete(lookupId)
    return false
  }

  #targetIn(bucket: number): KadKey {
    return randomKeyInBucket(this.#key, bucket, () => this.#targets.next())
  }

  /** Events of the pool: those of users go up, ends of own lookups wait until the pool has returned. */
  #lookupEvent(event: RoutingEvent): void {
    if (event.type === 'lookup_done') {
      const { lookupId, result } = event
      const lookup = this.#lookups.get(lookupId)
      this.#lookups.delete(lookupId)
      if (lookup !== undefined) this.#concluded(lookup, result)
      if (lookupId < 0) {
        this.#ended.push(lookupId)
        return
      }
    }
    if (!('lookupId' in event) || event.lookupId >= 0) this.#sink.event(event)
  }

  #concluded({ target, wanted }: RunningLookup, result: LookupResult): void {
    this.#size.add(target, result, wanted)
    if (result.reason !== 'converged' && result.reason !== 'exhausted') return
    this.#refresh.touched(bucketIndex(this.#key, target), this.#nowMs)
  }

  #isDown(id: string): boolean {
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
    this.#budget.sent(this.#nowMs)
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
    const requestId = this.#requestNext++
    const { type, key } = message
    this.#pending.set(requestId, { purpose, to, type, key, sentMs: this.#nowMs })
    this.#counters.requestsSent += 1
    this.#sink.request(requestId, to, message, deadlineMs)
    return requestId
  }

  /**
   * The lookup does not wait for it any more. If it is late already it goes on: who does not answer would else
   * stay in the table as long as lookups end before its time is up.
   */
  #cancelled(requestId: number): void {
    const pending = this.#pending.get(requestId)
    if (pending === undefined) return
    const lateAtMs = pending.sentMs + this.#rtt.softTimeoutMs(pending.to.id ?? '')
    if (!this.#isCancelling && this.#nowMs >= lateAtMs) {
      this.#pending.set(requestId, { ...pending, purpose: 'late' })
      return
    }
    this.#pending.delete(requestId)
    this.#sink.cancel(requestId)
  }

  /** Somebody waits for a place in that bucket: is the one that has not answered for longest still there? */
  #questionOldest(bucket: number): void {
    const oldest = this.#table.oldestOf(bucket)
    if (oldest === undefined) return
    if (this.#nowMs - oldest.answeredMs < this.#settings.questionableMs) return
    this.#probe.evict(oldest.contact, bucket)
  }

  #hasWork(): boolean {
    return this.#include.waiting > 0 || this.#table.goodSize === 0
  }

  /** After the input: what follows from it, what is due, and when the next thing is. */
  #settle(): void {
    const nowMs = this.#nowMs
    this.#finishOwn()
    this.#refresh.cover(this.#table.nearestBucket(), nowMs)
    this.#bootstrap.advance(nowMs)
    this.#refreshDue()
    this.#retryFailed()
    if (nowMs >= this.#lost.nextDeadline()) this.#askLost()
    this.#sendPings()
    // A lookup without anybody to ask ends at once.
    while (this.#ended.length > 0) {
      this.#finishOwn()
      this.#bootstrap.advance(nowMs)
    }
    this.#deadlineMs = Math.min(
      this.#pool.nextDeadline(),
      this.#bootstrap.nextDeadline(),
      this.#refreshDueMs(),
      this.#retryAtMs,
      this.#lost.nextDeadline(),
      this.#pingAtMs(),
    )
  }

  /** Those in the table are not lost; who stands there with a failure is asked by a probe. */
  #askLost(): void {
    for (const contact of this.#lost.due(this.#nowMs, this.#bootstrap.seeds)) {
      const known = contact.id === undefined ? undefined : this.#table.get(contact.id)
      if (known === undefined) this.#askNeighbours('lost', contact)
    }
  }

  #finishOwn(): void {
    if (this.#ended.length === 0) return
    for (const lookupId of this.#ended.splice(0)) {
      if (this.#joinLookups.delete(lookupId)) this.#bootstrap.lookedUp(this.#nowMs)
      else this.#refreshesRunning -= 1
    }
  }

  #refreshDueMs(): number {
    if (this.#refreshesRunning >= REFRESHES_AT_ONCE || this.#table.goodSize === 0) return Infinity
    return Math.max(this.#refreshAtMs, this.#refresh.nextDeadline())
  }

  #refreshDue(): void {
    if (this.#nowMs < this.#refreshAtMs) return
    while (this.#refreshesRunning < REFRESHES_AT_ONCE && this.#table.goodSize > 0) {
      const bucket = this.#refresh.due(this.#nowMs)
      if (bucket < 0) return
      // Around this node itself there is no bucket to draw from: all that is nearer is its neighbourhood.
      const isNearest = bucket === this.#table.nearestBucket()
      const target = isNearest ? this.#key : this.#targetIn(bucket)
      if (!this.#lookupOwn(target, false)) {
        this.#refreshAtMs = this.#nowMs + this.#settings.bootstrapBaseMs
        return
      }
      this.#refreshesRunning += 1
      this.#counters.refreshes += 1
    }
  }

  /** Failed entries are asked again: at first soon, then ever more seldom. */
  #retryFailed(): void {
    const { failedRetryMs, refreshIntervalMs } = this.#settings
    if (this.#table.failedSize === 0) {
      this.#retryAtMs = Infinity
      this.#retryPauseMs = 0
    } else if (this.#retryAtMs === Infinity) {
      this.#retryPauseMs = failedRetryMs
      this.#retryAtMs = this.#nowMs + failedRetryMs
    } else if (this.#nowMs >= this.#retryAtMs) {
      for (const contact of this.#table.failedContacts()) {
        this.#probe.check(contact, bucketIndex(this.#key, contact.key))
      }
      this.#retryPauseMs = Math.min(refreshIntervalMs, this.#retryPauseMs * 2)
      this.#retryAtMs = this.#nowMs + this.#retryPauseMs
    }
  }

  /** Probes and candidates take turns. */
  #sendPings(): void {
    while (this.#budget.freeAtMs() <= this.#nowMs) {
      const isProbe = this.#probesFirst ? this.#sendProbe() : false
      if (!isProbe && !this.#sendCandidate() && (this.#probesFirst || !this.#sendProbe())) return
      this.#probesFirst = !this.#probesFirst
    }
  }

  #sendProbe(): boolean {
    const contact = this.#probe.next()
    if (contact !== undefined) this.#ping('probe', contact)
    return contact !== undefined
  }

  #sendCandidate(): boolean {
    const contact = this.#include.next(({ id, host, port }) => {
      const known = this.#table.get(id)
      const isMoved = known !== undefined && (known.host !== host || known.port !== port)
      return id !== this.#id && (isMoved || this.#table.wants(id, host))
    })
    if (contact !== undefined) this.#ping('candidate', contact)
    return contact !== undefined
  }

  #pingAtMs(): number {
    if (this.#include.waiting === 0 && !this.#probe.isReady()) return Infinity
    return this.#budget.freeAtMs()
  }

  get #contactsMax(): number {
    return this.#settings.answerFactor * this.#settings.k
  }

  #refuse(code: RoutingRefusal, from: string | undefined): void {
    this.#sink.refused(code, from)
  }
}

/** Entries that wait for a ping; the others are checked at the next opportunity. */
const PROBES_MAX = 256

/** The end of a lookup that found no place. */
const REFUSED: LookupResult = Object.freeze({
  closest: [],
  reason: 'refused',
  requests: 0,
  failures: 0,
  depth: 0,
  elapsedMs: 0,
})

function isContact(contact: SeedContact): contact is Contact {
  return contact.id !== undefined && 'key' in contact
}
