/**
 * The detector of one node: it drives a membership core over links. Everything that happens (frames, links
 * up and down, time, wishes of the application) becomes an input of the core in the turn it happens, and
 * the core's effects become datagrams, requests and events.
 *
 * Frames do not pass through the mailbox of the detector's process: an ack that waits behind other work
 * is a false suspicion, and nothing here takes long. The process (`driver.ts`) owns this object, its
 * alarm and its crashes: whatever is thrown inside ends that process, never the link or the caller.
 *
 * Inputs never nest: one that comes while the core works (a handler of an event that sets metadata, a
 * link that breaks under a send) waits until the core is done, in order.
 */
import type { Clock } from '../../runtime/index.ts'
import type { OnDemand, OnDemandStats } from '../exchange/on-demand.ts'
import type { Requests } from '../exchange/requests.ts'
import type { NodeKey } from '../identity/node-key.ts'
import { nodeKeyFromHex } from '../identity/node-key.ts'
import type { ExpectedUse } from '../link/expected-use.ts'
import type { Link, LinkEvent } from '../link/link.ts'
import { formatNodeId } from '../link/peer-info.ts'
import type { LinkPool } from '../link/pool.ts'
import type { Refusals } from '../refusals.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { Codec } from '../wire/codec.ts'
import type { MembershipLog } from './event-log.ts'
import type { Member } from './membership.ts'
import { decodeMetadata, NO_METADATA, SPACES_FIELD } from './metadata.ts'
import type { ProbeTimes } from './probe-times.ts'
import { SwimCore } from './swim/core.ts'
import type { SwimCoreOptions } from './swim/core.ts'
import type {
  SwimEvent,
  SwimInput,
  SwimMember,
  SwimRefusal,
  SwimSink,
  SwimStats,
} from './swim/machine.ts'
import type { MemberStatus, SwimDatagram, SwimReply, SwimRequest } from './swim/message.ts'
import type { Incarnation, MemberId } from './swim/statement.ts'
import { isLiving } from './swim/table.ts'
import type { SwimProtocol } from './swim-protocol.ts'
import type { MembershipView } from './view.ts'

/** What a detector works with. */
export interface DetectorParts {
  readonly core: SwimCoreOptions
  readonly clock: Clock
  /** A number from 0 to below 1. */
  readonly chance: () => number
  readonly ownKey: NodeKey
  readonly pool: LinkPool
  readonly refusals: Refusals
  readonly codec: Codec
  readonly protocol: SwimProtocol
  readonly view: MembershipView
  readonly log: MembershipLog
  readonly onDemand: OnDemand
  readonly requests: Requests<SwimRequest, SwimReply>
  readonly probeTimes: ProbeTimes
  /** Writes a generation down; `persisted` follows once it is on disk. */
  readonly persist: (generation: number) => void
  /** An event for the log, at most once per change. */
  readonly noted: (event: SwimEvent) => void
  /** Inputs were worked off: `nextDueMs` may be another one. */
  readonly worked: () => void
  /** The detector cannot go on. */
  readonly failed: (error: unknown) => void
}

/** Counters of a detector since its start, beside those of its core. */
export interface DetectorStats extends SwimStats {
  readonly links: OnDemandStats
  readonly requestsSent: number
  readonly requestsFailed: number
}

/** States of members by what the core calls them. */
const STATES: Readonly<Record<MemberStatus, Member['state']>> = Object.freeze({
  alive: 'up',
  suspect: 'suspect',
  dead: 'down',
  left: 'left',
})

/** Refusals that belong to normal operation: a late answer, news that crossed. */
const USUAL: ReadonlySet<SwimRefusal> = new Set([
  'ERR_SWIM_SEQUENCE',
  'ERR_SWIM_ACCUSATION_UNKNOWN',
  'ERR_SWIM_SENDER_UNKNOWN',
])

/** Drives one core. */
export class Detector {
  readonly #parts: DetectorParts
  readonly #core: SwimCore
  readonly #sink: SwimSink
  readonly #inputs: SwimInput[] = []
  readonly #events: SwimEvent[] = []
  #working = false
  #closed = false
  #onLeft: (() => void) | undefined
  #goodbyeSaid = false

  constructor(parts: DetectorParts) {
    this.#parts = parts
    this.#core = new SwimCore(parts.core)
    this.#sink = this.#makeSink()
  }

  /** When `tick` must be called. */
  get nextDueMs(): number {
    return Math.min(this.#core.nextDeadline(), this.#parts.requests.nextDueMs)
  }

  /** Takes over the members that the core knows from before, and the links that exist. */
  begin(): void {
    const { view, pool } = this.#parts
    const known = new Set<string>()
    for (const member of this.#core.members()) {
      if (member.id === this.#parts.ownKey.hex) continue
      known.add(member.id)
      view.put(this.#member(member))
    }
    for (const { key } of view.members()) if (!known.has(key.hex)) view.forget(key.hex)
    for (const { peer, initiator } of pool.links()) {
      this.#met(peer.key, peer.address, initiator)
    }
  }

  /** Something has happened. */
  input(input: SwimInput): void {
    if (this.#closed) return
    this.#inputs.push(input)
    if (this.#working) return
    this.#working = true
    try {
      this.#work()
      this.#parts.worked()
    } catch (error) {
      this.close()
      this.#parts.failed(error)
    } finally {
      this.#working = false
    }
  }

  /** Time has passed. */
  tick(): void {
    const nowMs = this.#parts.clock.now()
    for (const requestId of this.#parts.requests.tick(nowMs)) {
      this.input({ type: 'request_failed', requestId })
    }
    if (this.#core.nextDeadline() <= nowMs) this.input({ type: 'tick' })
  }

  /** A link came up or went down. */
  link({ type, link, ...event }: LinkEvent): void {
    const { peer, initiator } = link
    if (type === 'up') return this.#met(peer.key, peer.address, initiator)
    const reason = 'reason' in event ? event.reason : undefined
    for (const requestId of this.#parts.requests.linkDown(peer.key.hex)) {
      this.input({ type: 'request_failed', requestId })
    }
    // After a goodbye the node speaks for itself; an idle link says nothing about it.
    if (reason === 'graceful_shutdown' || reason === 'idle') return
    this.input({ type: 'peer_gone', id: peer.key.hex })
  }

  /** How often that member spoke up, as of now. */
  incarnationOf(id: MemberId): Incarnation | undefined {
    const member = this.#core.member(id)
    if (member === undefined) return undefined
    const { generation, counter } = member
    return { generation, counter }
  }

  /** When this node probes that member next, at the latest. */
  nextProbe(id: MemberId): ExpectedUse {
    const turns = this.#core.turnsBefore(id)
    return { turns, waitMs: (turns + 1) * this.#parts.core.settings.probeIntervalMs }
  }

  /** Says goodbye to everybody; calls `done` when it has spread, or when there is no more time. */
  leave(done: () => void): void {
    if (this.#closed) return done()
    this.#onLeft = done
    this.input({ type: 'leave' })
  }

  stats(): DetectorStats {
    const { onDemand, requests } = this.#parts
    return { ...this.#core.stats(), links: onDemand.stats(), ...requests.stats() }
  }

  /** Nothing happens any more. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#inputs.length = 0
    this.#parts.onDemand.close()
    this.#parts.requests.close()
    this.#onLeft?.()
    this.#onLeft = undefined
  }

  #work(): void {
    const { clock } = this.#parts
    // Grows while it is worked off.
    for (let at = 0; at < this.#inputs.length; at++) {
      this.#core.step(clock.now(), this.#inputs[at]!, this.#sink)
      const events = this.#events.splice(0)
      for (const event of events) this.#event(event)
    }
    this.#inputs.length = 0
    if (this.#goodbyeSaid) this.#left()
  }

  /**
   * The goodbye was sent often enough, but in datagrams, and the links are closed next: a word on their
   * lanes is handled before their end.
   */
  #left(): void {
    const done = this.#onLeft
    this.#onLeft = undefined
    if (done === undefined) return
    const { pool, requests } = this.#parts
    const update = { type: 'statement', statement: this.#core.self() } as const
    for (const link of pool.links()) requests.tell(link, { type: 'probe', updates: [update] })
    done()
  }

  /**
   * A link is up. Whoever dialled a stranger looks for a mesh and goes on until tables were exchanged, however
   * busy the other one is; the side that was dialled tries once.
   */
  #met(key: NodeKey, { host, port }: TransportAddress, dialled: boolean): void {
    const contact = { id: key.hex, host, port }
    if (dialled && !this.#isLiving(key.hex)) this.input({ type: 'join', contacts: [contact] })
    else this.input({ type: 'contact', contact })
  }

  #isLiving(id: MemberId): boolean {
    const status = this.#core.member(id)?.status
    return status !== undefined && isLiving(status)
  }

  #makeSink(): SwimSink {
    const { requests, persist } = this.#parts
    return {
      send: (to, message) => this.#send(to, message),
      request: (id, to, message, deadlineMs) => {
        requests.send(id, to, this.#current(message), deadlineMs, () =>
          this.input({ type: 'request_failed', requestId: id }),
        )
      },
      cancel: (id) => requests.cancel(id),
      reply: (replyId, message) => requests.reply(replyId, message),
      event: (event) => void this.#events.push(event),
      persist,
      refused: (code, from) => this.#refused(code, from),
      left: () => void (this.#goodbyeSaid = true),
    }
  }

  /**
   * A question may wait for a link for seconds, and the link may be the first of its receiver's next life: what it says of
   * this node is read when it goes out.
   */
  #current(message: SwimRequest): SwimRequest {
    if (message.type !== 'sync') return message
    const { type, digests, join } = message
    const core = this.#core
    return {
      ...{ type, digests, join },
      get self() {
        return core.self()
      },
    }
  }

  #send(to: MemberId, message: SwimDatagram): void {
    const { pool, onDemand, protocol, probeTimes, clock } = this.#parts
    const frame = protocol.datagram(message)
    if (message.type === 'ping') probeTimes.sent(to, message.sequence, clock.now())
    const link = pool.usable(to) ?? (message.type === 'gossip' ? this.#anyLink() : undefined)
    // False is a lost packet, which the link has counted.
    if (link !== undefined) return void link.sendDatagram(frame)
    const member = this.#core.member(to)
    if (member === undefined) return
    const { id, host, port, status } = member
    // A probe that waited longer is over, and the news it carries may be none any more; so it is when the member has
    // died meanwhile, and the link is one to its next life.
    const untilMs = clock.now() + this.#parts.core.settings.probeTimeoutMs
    const hasDied = (): boolean => isLiving(status) && !this.#isLiving(to)
    onDemand.whenLinked(
      { id, host, port },
      (made) => {
        if (clock.now() <= untilMs && !hasDied()) made.sendDatagram(frame)
      },
      () => {},
    )
  }

  /**
   * News are for anybody, so they go where a link is: links that stand and links left over from probes make a
   * random graph. A dial for each of them would be a dozen handshakes per node and second while there are news.
   */
  #anyLink(): Link | undefined {
    const { pool, chance } = this.#parts
    return pool.linkAt(Math.floor(chance() * pool.linkCount))
  }

  #refused(code: SwimRefusal, from: MemberId | undefined): void {
    const { refusals, pool } = this.#parts
    const peer = from === undefined ? undefined : (pool.link(from)?.peer.nodeId ?? from)
    refusals.count(code, { peer }, USUAL.has(code) ? { level: 'debug' } : {})
  }

  #event(event: SwimEvent): void {
    const { view, pool, log, clock, ownKey, probeTimes, refusals } = this.#parts
    const { type, member, accuser, from } = event
    const { id, generation, counter } = member
    const nodeId = formatNodeId(member.name, member)
    const incarnation = { generation, counter }
    log.add({ atMs: clock.now(), type, id, nodeId, incarnation, accuser, from })
    this.#parts.noted(event)
    if (type === 'conflict') {
      refusals.count('ERR_SWIM_CONFLICT', { peer: nodeId, key: id, from }, { level: 'error' })
      return view.conflict(this.#member(member), from)
    }
    if (id === ownKey.hex) return
    if (type === 'forgotten') {
      probeTimes.forget(id)
      return view.forget(id)
    }
    // The link goes first: whoever hears that the node is down finds it disconnected.
    if (type === 'down') pool.link(id)?.fail('ERR_SWIM_DOWN', 'the mesh holds this node for dead')
    view.put(this.#member(member), from)
  }

  #member(member: SwimMember): Member {
    const { codec, refusals } = this.#parts
    const { id, name, host, port, generation, counter, status, sinceMs, accuser, meta } = member
    const nodeId = formatNodeId(name, { host, port })
    const said = decodeMetadata(codec, meta)
    if (said === undefined) refusals.count('ERR_META_INVALID', { peer: nodeId })
    const { [SPACES_FIELD]: spaces, ...metadata } = said ?? NO_METADATA
    const state = STATES[status]
    return Object.freeze({
      key: nodeKeyFromHex(id),
      nodeId,
      address: Object.freeze({ host, port }),
      incarnation: Object.freeze({ generation, counter }),
      state,
      metadata: Object.freeze(metadata),
      ...(typeof spaces === 'string' ? { spaces } : {}),
      sinceMs,
      ...(accuser === undefined ? {} : { accuser }),
      ...(state === 'down' ? { reason: 'heartbeat_timeout' as const } : {}),
      ...(state === 'left' ? { reason: 'graceful_shutdown' as const } : {}),
    })
  }
}
