/**
 * Drives the routing core of one node over links. Everything that happens (frames, links, members, time,
 * lookups that somebody wants) becomes an input of the core in the turn it happens, and the core's effects
 * become requests, answers and events.
 *
 * Frames do not pass through the mailbox of the process that owns this (`routing-server.ts`): it owns the
 * alarm and the crashes. Whatever is thrown inside ends that process, never the link or the caller.
 */
import type { Clock } from '../../runtime/index.ts'
import type { OnDemandStats } from '../exchange/on-demand.ts'
import type { Link, LinkEvent } from '../link/link.ts'
import type { LinkPool } from '../link/pool.ts'
import { Turns } from '../machine/turns.ts'
import type { MemberEvent } from '../membership/membership.ts'
import type { MembershipView } from '../membership/view.ts'
import type { Refusals } from '../refusals.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { AddressProofs, DialProof } from './address-proofs.ts'
import type { Exchanges } from './exchanges.ts'
import { RoutingCore } from './kademlia/core.ts'
import type { RoutingCoreOptions } from './kademlia/core.ts'
import { keyFromHex } from './kademlia/id.ts'
import type { KadKey } from './kademlia/id.ts'
import type {
  LookupHop,
  LookupResult,
  LookupSpec,
  RoutingEntry,
  RoutingEvent,
  RoutingInput,
  RoutingRefusal,
  RoutingSink,
  RoutingStats,
} from './kademlia/machine.ts'
import type { Contact, DhtMode, LookupReply } from './kademlia/message.ts'
import type { DhtMemory } from './memory.ts'
import type { DhtProtocol } from './protocol.ts'
import type { RoutingView } from './records/machine.ts'

/** What a router works with. */
export interface RouterParts {
  readonly core: RoutingCoreOptions
  readonly clock: Clock
  readonly pool: LinkPool
  readonly view: MembershipView
  readonly refusals: Refusals
  readonly protocol: DhtProtocol
  readonly exchanges: Exchanges
  readonly proofs: AddressProofs
  readonly memory: DhtMemory
  /** Inputs were worked off: `nextDueMs` may be another one. */
  readonly worked: () => void
  /** The router cannot go on. */
  readonly failed: (error: unknown) => void
}

/** Hears of one lookup; `done` or `lost` is the last word. */
export interface LookupHandler {
  reply(from: Contact, message: LookupReply): void
  hop(hop: LookupHop): void
  done(result: LookupResult): void
  /** It will not end, because the process of the router did. */
  lost(): void
}

/** Counters of a router since its start, beside those of its core. */
export interface RouterStats extends RoutingStats {
  readonly links: OnDemandStats
}

/** Members offered to a table that is empty. */
const OFFERS_MAX = 64

/** Refusals that belong to normal operation: a late answer, a node named twice. */
const USUAL: ReadonlySet<RoutingRefusal> = new Set([
  'ERR_DHT_REPLY_UNEXPECTED',
  'ERR_DHT_CONTACT_REPEATED',
  'ERR_DHT_CANDIDATES_MAX',
])

/** Drives one core. */
export class Router implements RoutingView {
  readonly #parts: RouterParts
  readonly #core: RoutingCore
  readonly #sink: RoutingSink
  readonly #turns: Turns<RoutingInput>
  readonly #events: RoutingEvent[] = []
  readonly #lookups = new Map<number, LookupHandler>()
  #lookupId = 0
  /** Somebody is in the table. */
  #connected = false
  #joined = false

  constructor(parts: RouterParts) {
    this.#parts = parts
    this.#core = new RoutingCore(parts.core)
    this.#sink = this.#makeSink()
    this.#turns = new Turns({
      work: (input) => this.#work(input),
      worked: parts.worked,
      failed: (error) => {
        this.close()
        parts.failed(error)
      },
    })
  }

  /** When `tick` must be called. */
  get nextDueMs(): number {
    return Math.min(this.#core.nextDeadline(), this.#parts.exchanges.requests.nextDueMs)
  }

  /** The join has finished, and somebody is in the table. */
  get isJoined(): boolean {
    return this.#joined
  }

  /** Takes over the links that exist. */
  begin(): void {
    const { pool, memory } = this.#parts
    for (const link of pool.links()) this.#met(link)
    memory.recorder?.routerStarted()
  }

  /** Something has happened. */
  input(input: RoutingInput): void {
    this.#turns.take(input)
  }

  /** Time has passed. */
  tick(): void {
    const nowMs = this.#parts.clock.now()
    for (const requestId of this.#parts.exchanges.requests.tick(nowMs)) {
      this.input({ type: 'request_failed', requestId })
    }
    if (this.#core.nextDeadline() <= nowMs) this.input({ type: 'tick' })
  }

  /** A frame of types `find_node`, `find_node_reply`, `find_value_reply` or `providers_reply` came. */
  frame(link: Link, type: number, payload: Uint8Array): void {
    const { protocol, exchanges, proofs, refusals } = this.#parts
    const said = protocol.decode(type, payload)
    const from = link.peer.key.hex
    const sender = proofs.believed(link, said.message.sender)
    if (said.type === 'request') {
      if (said.message.type !== 'find_node') return
      const replyId = exchanges.requests.asked(link, said.number)
      if (replyId === undefined) return
      return this.input({ type: 'request', from, replyId, message: { ...said.message, sender } })
    }
    if (said.message.type === 'store_reply') return
    const requestId = exchanges.requests.answered(from, said.number)
    if (requestId === undefined) {
      const peer = link.peer.nodeId
      return refusals.count('ERR_DHT_REPLY_UNEXPECTED', { peer }, { level: 'debug' })
    }
    this.input({ type: 'reply', requestId, from, message: { ...said.message, sender } })
  }

  /** A link came up or went down. */
  link({ type, link }: LinkEvent): void {
    if (type === 'up') return this.#met(link)
    const { hex } = link.peer.key
    for (const requestId of this.#parts.exchanges.requests.linkDown(hex)) {
      this.input({ type: 'request_failed', requestId })
    }
  }

  /** Membership has news: a hint, no more. */
  member({ type, member }: MemberEvent): void {
    const { hex } = member.key
    switch (type) {
      case 'up':
      case 'alive':
      case 'update':
        return this.#offer(hex, member.address)
      case 'left': {
        // It said so itself, so nobody is asked: it serves no more.
        const sender = { ...member.address, mode: 'client' } as const
        this.input({ type: 'heard', from: hex, sender })
        return this.input({ type: 'down', id: hex })
      }
      case 'down':
        return this.input({ type: 'down', id: hex })
      case 'suspect':
      case 'forgotten':
      case 'conflict':
        return
    }
  }

  /** Begins a lookup; gives its number. */
  lookup(spec: LookupSpec, handler: LookupHandler): number {
    this.#lookupId += 1
    const lookupId = this.#lookupId
    if (this.#turns.closed) {
      handler.lost()
      return lookupId
    }
    this.#lookups.set(lookupId, handler)
    this.input({ type: 'lookup', lookupId, spec })
    return lookupId
  }

  /** Nobody waits for it any more. */
  cancelLookup(lookupId: number): void {
    if (this.#lookups.delete(lookupId)) this.input({ type: 'cancel_lookup', lookupId })
  }

  /** It ends with what it has. */
  stopLookup(lookupId: number): void {
    this.input({ type: 'stop_lookup', lookupId })
  }

  closest(key: KadKey, count: number, except?: string): readonly Contact[] {
    return this.#core.closest(key, count, except)
  }

  networkSize(): number | undefined {
    return this.#core.networkSize()
  }

  /** True while this node has nothing to do with that peer. */
  isShunned(id: string, nowMs: number): boolean {
    return this.#core.isShunned(id, nowMs)
  }

  entries(): readonly RoutingEntry[] {
    return this.#core.entries()
  }

  stats(): RouterStats {
    return { ...this.#core.stats(), links: this.#parts.exchanges.onDemand.stats() }
  }

  setMode(mode: DhtMode): void {
    this.input({ type: 'set_mode', mode })
  }

  /** Nothing happens any more. Idempotent. */
  close(): void {
    this.#turns.close()
    const { memory, exchanges } = this.#parts
    if (memory.router === this) memory.router = undefined
    const { onDemand, requests } = exchanges
    requests.close()
    onDemand.close()
    const handlers = Array.from(this.#lookups.values())
    this.#lookups.clear()
    for (const handler of handlers) handler.lost()
  }

  #work(input: RoutingInput): void {
    this.#core.step(this.#parts.clock.now(), input, this.#sink)
    // The core answers within the step or, above its rate, not at all: then nobody would give the place back.
    if (input.type === 'request') this.#parts.exchanges.requests.release(input.replyId)
    for (const event of this.#events.splice(0)) this.#event(event)
  }

  #makeSink(): RoutingSink {
    const { requests } = this.#parts.exchanges
    return {
      request: (id, to, message, deadlineMs) => {
        requests.send(id, to, message, deadlineMs, () =>
          this.input({ type: 'request_failed', requestId: id }),
        )
      },
      cancel: (id) => requests.cancel(id),
      reply: (replyId, message) => requests.reply(replyId, message),
      event: (event) => void this.#events.push(event),
      refused: (code, from) => this.#refused(code, from),
    }
  }

  #event(event: RoutingEvent): void {
    const { memory } = this.#parts
    switch (event.type) {
      case 'lookup_reply':
        return this.#lookups.get(event.lookupId)?.reply(event.from, event.message)
      case 'lookup_hop':
        return this.#lookups.get(event.lookupId)?.hop(event.hop)
      case 'lookup_done':
        return this.#end(event.lookupId)?.done(event.result)
      case 'admitted':
        this.#connected = true
        memory.contacts.set(event.contact.id, event.contact)
        return memory.recorder?.input({ type: 'admitted', contact: event.contact })
      case 'removed':
        return void memory.contacts.delete(event.contact.id)
      case 'bootstrapped':
        this.#joined = true
        this.#remember()
        for (const waiter of memory.waiting) waiter.joined()
        return memory.recorder?.joined()
      case 'isolated':
        this.#connected = false
        this.#joined = false
        return this.#offerMembers()
    }
  }

  #end(lookupId: number): LookupHandler | undefined {
    const handler = this.#lookups.get(lookupId)
    this.#lookups.delete(lookupId)
    return handler
  }

  /** Seeds are those whom this node dialled; whoever dialled it is one more node that may be there. */
  #met(link: Link): void {
    const { proofs, exchanges } = this.#parts
    const { key, address } = link.peer
    const dial: DialProof = (to, reached) =>
      void exchanges.onDemand.whenLinked(
        to,
        ({ peer }) => reached(peer.key.hex),
        () => {},
      )
    proofs.met(link, dial, () => this.#offer(key.hex, address))
    if (link.initiator && !this.#connected) {
      this.input({ type: 'bootstrap', contacts: [{ id: key.hex, ...address }] })
    } else if (proofs.isProven(link)) this.#offer(key.hex, address)
  }

  /** Who was in the table of a former router and has not come back is not there any more. */
  #remember(): void {
    const { contacts } = this.#parts.memory
    contacts.clear()
    for (const contact of this.#core.snapshot()) contacts.set(contact.id, contact)
  }

  #offerMembers(): void {
    const there = this.#parts.view.members().filter(({ state }) => state === 'up')
    for (const { key, address } of there.slice(0, OFFERS_MAX)) this.#offer(key.hex, address)
  }

  #offer(id: string, { host, port }: TransportAddress): void {
    this.input({ type: 'candidate', contact: { id, key: keyFromHex(id), host, port } })
  }

  #refused(code: RoutingRefusal, from: string | undefined): void {
    const { refusals, pool } = this.#parts
    const peer = from === undefined ? undefined : (pool.link(from)?.peer.nodeId ?? from)
    refusals.count(code, { peer }, USUAL.has(code) ? { level: 'debug' } : {})
  }
}
