/**
 * Drives the catalog of a member: its core over the courier and the links, its rendezvous over the DHT. What happens
 * becomes an input in the turn it happens; one that comes while another is worked off waits until that is done.
 */
import type { Clock, Logger } from '../../runtime/index.ts'
import type { Courier, Origin } from '../courier/courier.ts'
import { OnDemand } from '../exchange/on-demand.ts'
import type { Dialer } from '../link/dialer.ts'
import type { Link, LinkEvent } from '../link/link.ts'
import type { LinkPool } from '../link/pool.ts'
import type { MemberEvent } from '../membership/membership.ts'
import type { MembershipView } from '../membership/view.ts'
import type { Refusals } from '../refusals.ts'
import type { Dht } from '../routing/dht.ts'
import { literalPrefix } from '../topics/topic.ts'
import type { CatalogDetail, CatalogKind } from './catalog.ts'
import { CatalogCore } from './core.ts'
import { DhtPlaces } from './dht-places.ts'
import { EdgeQuestions } from './edge-questions.ts'
import type { CatalogInput, CatalogSent, CatalogSink, CatalogState, LinkStates } from './machine.ts'
import type { CatalogMemory, RunningCatalog } from './memory.ts'
import { CATALOG_KINDS } from './message.ts'
import type { CatalogMessage } from './message.ts'
import { Pairs } from './pairs.ts'
import { laneOfType } from './protocol.ts'
import type { CatalogProtocol } from './protocol.ts'
import type { Address } from './reach.ts'
import { Rendezvous } from './rendezvous.ts'
import type { CatalogSettings } from './settings.ts'
import { StandingQuestions } from './standing.ts'
import { CatalogWork } from './work.ts'
import type { CatalogTies } from './work.ts'

/** Links of a node; a pool is one. */
export type LinkSource = Pick<LinkPool, 'links' | 'link' | 'onLink'>

/** What the catalog of a member works with. */
export interface CatalogContext {
  readonly self: string
  readonly incarnation: number
  readonly settings: CatalogSettings
  readonly clock: Clock
  readonly chance: () => number
  readonly logger: Logger
  readonly refusals: Refusals
  readonly protocol: CatalogProtocol
  readonly courier: Courier
  /** Links with members. */
  readonly pool: LinkPool
  /** Those with peers at the edge, at a gateway. */
  readonly edges: LinkSource | undefined
  readonly dialer: Dialer
  readonly dialsMax: number
  readonly dialTimeoutMs: number
  readonly view: MembershipView
  /** Whether there are addresses at which others may be found. */
  hasAddresses(): boolean
  /** Undefined, or of mode `disabled`, for none. */
  readonly dht: Dht | undefined
  readonly memory: CatalogMemory
}

/** Nodes that may wait for a dial, beside those that the rendezvous holds back. */
const DIAL_QUEUE_MAX = 16

/** Who is found first tells of all others at once: for longer than that takes around the world. */
const HEARING_MS = 300

/** See the head of this file. */
export class CatalogDriver implements RunningCatalog {
  readonly #context: CatalogContext
  readonly #work: CatalogWork
  readonly #core: CatalogCore
  readonly #rendezvous: Rendezvous
  readonly #pairs: Pairs
  readonly #places: DhtPlaces | undefined
  readonly #onDemand: OnDemand
  /** Until then others may not have been heard of. */
  readonly #beginsUntilMs: number
  /** Until then there may be others beside the member that was heard of last. */
  #hearsUntilMs = -Infinity
  /** At a gateway. */
  readonly #edge: EdgeQuestions | undefined
  /** Frames of messages that go to many. */
  readonly #frames = new WeakMap<CatalogMessage, Uint8Array>()

  constructor(context: CatalogContext, ties: CatalogTies) {
    this.#context = context
    this.#work = new CatalogWork(context, ties, () => this.close())
    const { self, incarnation, settings, memory, clock, refusals, dht } = context
    const former = memory.reader instanceof CatalogCore ? memory.reader : undefined
    const role = 'member'
    const version = memory.version + 1
    this.#core = new CatalogCore({ self, life: incarnation, settings, role, version }, this.#sink())
    this.#places =
      dht === undefined || dht.mode === 'disabled'
        ? undefined
        : new DhtPlaces({
            ...{ dht, settings, refusals, published: memory.published },
            failed: (error) => ties.failed(error),
          })
    this.#onDemand = this.#openDials()
    this.#rendezvous = this.#openRendezvous()
    this.#pairs = this.#openPairs()
    this.#edge = this.#openEdge()
    const nowMs = clock.now()
    this.#beginsUntilMs = nowMs + settings.edgeLeaseMs
    this.#core.restore(nowMs, former?.snapshot() ?? [])
    for (const kind of CATALOG_KINDS) {
      for (const [pattern, detail] of memory.own[kind]) {
        this.#core.set(nowMs, kind, pattern, detail)
        this.#begins(nowMs, kind, pattern)
        // Since the process before this one ended.
        if (former?.own(kind).get(pattern) !== detail) this.#edge?.changed(nowMs, kind, pattern)
      }
      for (const pattern of former?.own(kind).keys() ?? []) {
        if (!memory.own[kind].has(pattern)) this.#edge?.changed(nowMs, kind, pattern)
      }
    }
    this.#rendezvous.adopt(nowMs, memory.published)
    memory.reader = this.#core
    memory.running = this
  }

  /** When `tick` must be called. */
  get nextDueMs(): number {
    const machines = [this.#core, this.#rendezvous, this.#pairs, this.#edge]
    return Math.min(...machines.map((each) => each?.nextDeadline() ?? Infinity))
  }

  get seeks(): number {
    return this.#rendezvous.stats().seeks
  }

  /** For tests and metrics. */
  stats(): ReturnType<CatalogCore['stats']> & ReturnType<Rendezvous['stats']> {
    return { ...this.#core.stats(), ...this.#rendezvous.stats() }
  }

  /** True when every linked peer has acknowledged what this node wants and offers. */
  get isTold(): boolean {
    return this.#core.isTold
  }

  /** Takes over the links and members that are there. */
  begin(): void {
    const { pool, edges } = this.#context
    const links: readonly Link[] = [...pool.links(), ...(edges?.links() ?? [])]
    // What was said when they came up is long out of date.
    for (const link of links) this.#linked(link, undefined)
    for (const peer of this.#context.memory.pairs) {
      if (this.#linkOf(peer) === undefined) this.#work.do((nowMs) => void this.#meet(nowMs, peer))
    }
    if (this.#places === undefined) return
    this.#places.whenJoined(() => this.#work.do((nowMs) => this.#rendezvous.begin(nowMs)))
  }

  /** A link came up or went down. */
  link({ type, link }: LinkEvent): void {
    if (type === 'up') return this.#linked(link, linkStatesOf(link))
    const peer = link.peer.key.hex
    this.#edge?.forget(peer)
    this.#input({ type: 'unlinked', peer }, true)
    this.#work.do((nowMs) => this.#rendezvous.settled(nowMs, peer))
  }

  /** What this node says in its next hello. */
  states(): readonly number[] {
    const [topic, procedure] = [this.#core.state('topic'), this.#core.state('procedure')]
    if (topic === undefined || procedure === undefined) return []
    return [topic.version, topic.entries, procedure.version, procedure.entries]
  }

  #linked({ peer }: Link, states: LinkStates | undefined): void {
    const { key, incarnation: life, kind: role } = peer
    this.#pairs.replaced(key.hex)
    this.#input({ type: 'linked', peer: key.hex, life, role, states }, true)
  }

  /** Membership has news. */
  member({ type, member }: MemberEvent): void {
    const node = member.key.hex
    if (type === 'update' || type === 'conflict') return
    const there = type === 'up' || type === 'alive' || type === 'suspect'
    if (!there) this.#work.do((nowMs) => this.#pairs.end(nowMs, node))
    if (type === 'up') this.#hearsUntilMs = this.#context.clock.now() + HEARING_MS
    this.#input({ type: 'member', node, there }, true)
  }

  /** A peer takes messages again. */
  drained(peer: string): void {
    this.#input({ type: 'drained', peer })
  }

  /** A frame has come. */
  frame(origin: Origin, type: number, payload: Uint8Array): void {
    const from = origin.node
    const message = this.#work.read(origin, type, payload)
    if (message === undefined) return
    if (message.type === 'unwanted') return this.#input({ type: 'unwanted', from, message })
    if (origin.path !== 'direct') return this.#relayed(from, message)
    if (message.type === 'question' && this.#edge !== undefined) {
      return this.#edge.take(from, message)
    }
    if (message.type === 'question' || message.type === 'answer')
      return this.#work.refuse('ERR_CATALOG_MESSAGE', from)
    this.#input({ type: 'message', from, message })
  }

  /** Words that came through others. */
  #relayed(from: string, message: CatalogMessage): void {
    if (message.type !== 'entries' && message.type !== 'removals' && message.type !== 'held') {
      return this.#work.refuse('ERR_CATALOG_UNLINKED', from)
    }
    // Late words of a time before there was a link.
    if (this.#linkOf(from) !== undefined) return
    this.#work.do((nowMs) => {
      const known = this.#core.lifeOf(from) ?? 0
      const life = message.type === 'held' ? known : message.life
      const isHeard = this.#isThere(from) && this.#pairs.heard(nowMs, from, life)
      if (!isHeard) return this.#work.refuse('ERR_CATALOG_UNLINKED', from)
      this.#core.step(nowMs, { type: 'message', from, message })
      this.#rendezvous.membersChanged(nowMs)
    })
  }

  tick(): void {
    this.#work.rang()
    this.#work.do((nowMs) => {
      this.#pairs.tick(nowMs)
      if (this.#core.nextDeadline() <= nowMs) this.#core.step(nowMs, { type: 'tick' })
      if (this.#rendezvous.nextDeadline() <= nowMs) this.#rendezvous.tick(nowMs)
      this.#edge?.tick(nowMs)
    })
  }

  set(kind: CatalogKind, pattern: string, detail: CatalogDetail): void {
    const nowMs = this.#context.clock.now()
    const isNew = !this.#core.own(kind).has(pattern)
    this.#core.set(nowMs, kind, pattern, detail)
    if (isNew) this.#begins(nowMs, kind, pattern)
    this.#edge?.changed(nowMs, kind, pattern)
    this.#work.arm()
  }

  delete(kind: CatalogKind, pattern: string): void {
    const nowMs = this.#context.clock.now()
    if (!this.#core.delete(nowMs, kind, pattern)) return
    this.#rendezvous.unoffer(nowMs, kind, pattern)
    this.#edge?.ends(kind, pattern)
    this.#edge?.changed(nowMs, kind, pattern)
    this.#work.arm()
  }

  isSought(kind: CatalogKind, filter: string): boolean {
    const name = literalPrefix(filter)
    return name === '' || this.#rendezvous.isSought(this.#context.clock.now(), kind, name)
  }

  isUnanswered(kind: CatalogKind, name: string): boolean {
    return this.#rendezvous.isUnanswered(kind, name)
  }

  isDoubtful(): boolean {
    return false
  }

  /** Of a filter, those are sought who meet under what stands before its first wildcard; of `**` nobody is. */
  seek(kind: CatalogKind, filter: string, timeoutMs: number, done: () => void): () => void {
    const name = literalPrefix(filter)
    if (name === '') {
      done()
      return () => {}
    }
    return this.#work.seek(
      (nowMs, id) => this.#rendezvous.seek(nowMs, id, kind, name, timeoutMs),
      (id) => this.#rendezvous.giveUp(id),
      done,
    )
  }

  /** A member is told anyway what changes. */
  follow(): void {}

  unfollow(): void {}

  unwanted(kind: CatalogKind, name: string, from: string): void {
    this.#work.do((nowMs) => this.#core.sayUnwanted(nowMs, kind, name, from))
  }

  /** Nothing happens any more; whoever waits gets what is known. Idempotent. */
  close(): void {
    const { memory } = this.#context
    if (memory.running === this) memory.pairs = Array.from(this.#pairs.peers())
    this.#work.close(this, this.#core)
    this.#places?.close()
    this.#onDemand.close()
  }

  #begins(nowMs: number, kind: CatalogKind, pattern: string): void {
    this.#rendezvous.offer(nowMs, kind, pattern)
    this.#edge?.begins(kind, pattern)
  }

  #input(input: CatalogInput, membersToo = false): void {
    this.#work.do((nowMs) => {
      this.#core.step(nowMs, input)
      if (membersToo) this.#rendezvous.membersChanged(nowMs)
    })
  }

  #sink(): CatalogSink {
    return {
      send: (to, message) => this.#send(to, message),
      changed: (change) => {
        const { kind, pattern } = change.entry
        this.#edge?.changed(this.#context.clock.now(), kind, pattern)
        this.#work.changed(change)
      },
      relayed: (kind, pattern, there) => {
        const nowMs = this.#context.clock.now()
        if (there) this.#rendezvous.offer(nowMs, kind, pattern)
        else this.#rendezvous.unoffer(nowMs, kind, pattern)
      },
      synced: (peer) => {
        this.#work.do((nowMs) => {
          this.#rendezvous.settled(nowMs, peer)
          this.#rendezvous.membersChanged(nowMs)
        })
      },
      unsynced: () => this.#work.do((nowMs) => this.#rendezvous.membersChanged(nowMs)),
      refused: (code, from, times) => this.#work.refuse(code, from, times),
    }
  }

  #send(to: string, message: CatalogMessage): CatalogSent {
    let frame = this.#frames.get(message)
    if (frame === undefined) {
      frame = this.#context.protocol.encode(message)
      this.#frames.set(message, frame)
    }
    const isLinked = this.#linkOf(to) !== undefined
    const round = isLinked ? undefined : this.#pairs.round(to)
    // To a node without a link it may be queued for one: what is of use on links only is not worth that.
    if (message.type !== 'unwanted' && !isLinked && round === undefined) return 'sent'
    const { courier } = this.#context
    const lost = (): void => this.#work.do((nowMs) => this.#pairs.lost(nowMs, to, round!))
    const outcome = courier.send(
      to,
      laneOfType(frame[1]!),
      frame,
      round === undefined ? {} : { lost },
    )
    return outcome === 'waiting' ? 'sent' : outcome
  }

  #linkOf(peer: string): Link | undefined {
    const { pool, edges } = this.#context
    return pool.link(peer) ?? edges?.link(peer)
  }

  #openDials(): OnDemand {
    const { pool, dialer, refusals, clock, dialsMax, dialTimeoutMs, settings } = this.#context
    return new OnDemand({
      ...{ pool, dialer, refusals, clock, dialsMax, dialTimeoutMs },
      ...{
        queueMax: settings.linksParallel + DIAL_QUEUE_MAX,
        deadMs: 2 * dialTimeoutMs,
        waitingMax: 4,
      },
      codes: { dialsMax: 'ERR_CATALOG_DIALS_MAX', backlog: 'ERR_CATALOG_DIAL_BACKLOG' },
    })
  }

  #openRendezvous(): Rendezvous {
    const { settings, chance, self, view, refusals } = this.#context
    const places = this.#places
    return new Rendezvous(
      {
        ...{ settings, chance, hasDht: places !== undefined },
        view: {
          self,
          isComplete: () => this.#core.isComplete,
          isSynced: (node) => this.#core.isSynced(node),
          isGone: (node) => {
            const state = view.member(node)?.state
            return state === 'down' || state === 'left'
          },
          unsynced: (max) => this.#unsynced(max),
          isKnown: (kind, name) => {
            let known = false
            this.#core.match(kind, name, () => (known = true))
            return known
          },
        },
      },
      {
        lookup: (key) => {
          places?.lookup(key, (nodes) =>
            this.#work.do((nowMs) => this.#rendezvous.found(nowMs, key, nodes)),
          )
        },
        provide: (key, bits) => {
          places?.provide(key, bits, (ok) =>
            this.#work.do((nowMs) => this.#rendezvous.provided(nowMs, key, ok)),
          )
        },
        withdraw: (key) => {
          places?.withdraw(key, (ok) =>
            this.#work.do((nowMs) => this.#rendezvous.provided(nowMs, key, ok)),
          )
        },
        check: (key) => {
          this.#places?.check(key, (isNarrow) =>
            this.#work.do((nowMs) => this.#rendezvous.checked(nowMs, isNarrow)),
          )
        },
        link: (node, address) => this.#reach(node, address),
        sought: (id) => this.#work.sought(id),
        refused: (code, times = 1) => refusals.count(code, {}, { times, level: 'debug' }),
      },
    )
  }

  #reach(id: string, address: Address): void {
    this.#onDemand.whenLinked(
      { id, ...address },
      () => {
        this.#work.do((nowMs) => {
          if (this.#core.isSynced(id)) this.#rendezvous.settled(nowMs, id)
          else this.#rendezvous.linked(nowMs, id)
        })
      },
      () => this.#work.do((nowMs) => this.#notLinked(nowMs, id)),
    )
  }

  /** Nobody can dial it, perhaps; whoever both are linked with passes on. */
  #notLinked(nowMs: number, id: string): void {
    if (!this.#meet(nowMs, id) || this.#core.isSynced(id)) this.#rendezvous.settled(nowMs, id)
    else this.#rendezvous.linked(nowMs, id)
  }

  #meet(nowMs: number, id: string): boolean {
    return this.#isThere(id) && this.#pairs.meet(nowMs, id, this.#core.lifeOf(id) ?? 0)
  }

  /** A member, and not found to be gone. */
  #isThere(id: string): boolean {
    const state = this.#context.view.member(id)?.state
    return state !== undefined && state !== 'down' && state !== 'left'
  }

  #openPairs(): Pairs {
    const { settings } = this.#context
    return new Pairs(settings, {
      linked: (nowMs, peer, life) => {
        // What it said on a link about itself counts until the next one.
        const role = this.#core.roleOf(peer) === 'gateway' ? 'gateway' : 'member'
        this.#core.step(nowMs, { type: 'linked', peer, life, role })
      },
      unlinked: (nowMs, peer) => {
        this.#core.step(nowMs, { type: 'unlinked', peer })
        this.#rendezvous.settled(nowMs, peer)
      },
    })
  }

  #unsynced(max: number): readonly (Address & { readonly node: string })[] | undefined {
    const nodes = this.#core.unsynced()
    if (nodes.size > max) return undefined
    return Array.from(nodes).flatMap((node) => {
      const member = this.#context.view.member(node)
      return member === undefined ? [] : [{ node, ...member.address }]
    })
  }

  #isBeginning(): boolean {
    const { clock, view, hasAddresses } = this.#context
    const nowMs = clock.now()
    if (nowMs >= this.#beginsUntilMs) return false
    if (nowMs < this.#hearsUntilMs) return true
    return !this.#core.isComplete || (view.members().length === 0 && hasAddresses())
  }

  #openEdge(): EdgeQuestions | undefined {
    const { edges, self, settings, clock, memory } = this.#context
    if (edges === undefined) return undefined
    const standing = (memory.standing ??= new StandingQuestions(settings))
    return new EdgeQuestions({
      ...{ self, settings, clock, standing, own: memory.own, others: this.#core },
      isHere: (peer) => edges.link(peer) !== undefined,
      isSought: (kind, name) => this.isSought(kind, name),
      isUnanswered: (kind, name) => this.isUnanswered(kind, name),
      isBeginning: () => this.#isBeginning(),
      seek: (kind, name, done) => void this.seek(kind, name, settings.seekTimeoutMs, done),
      send: (to, message) => void this.#send(to, message),
      refused: (code, peer, times) => this.#work.refuse(code, peer, times),
      isClosed: () => this.#work.closed,
    })
  }
}

/** What both sides of a link said in its handshake, if both did. */
function linkStatesOf({ states, peer }: Link): LinkStates | undefined {
  const [own, its] = [statesOf(states), statesOf(peer.states)]
  return own === undefined || its === undefined ? undefined : { own, peer: its }
}

function statesOf(
  numbers: readonly number[],
): Readonly<Record<CatalogKind, CatalogState>> | undefined {
  const [topicVersion, topics, procedureVersion, procedures] = numbers
  if (topicVersion === undefined || topics === undefined) return undefined
  if (procedureVersion === undefined || procedures === undefined) return undefined
  return {
    topic: { version: topicVersion, entries: topics },
    procedure: { version: procedureVersion, entries: procedures },
  }
}
