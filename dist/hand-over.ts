/**
 * Which of two carriers a channel to a peer has: a link, or a session through others (`relay/`), and how the one gives way
 * to the other, or to the next of its kind.
 *
 *     link --lost--> nothing --dial in vain--> session --a link comes up--> (parted) --peer agrees--> link
 *                                                 ^                             |
 *                                                 +--------peer needs it--------+
 *     link --nobody needs it--> (parted) --peer agrees--> nothing, or a new link for what is said meanwhile
 *      ^                            |
 *      +--------peer needs it-------+
 *
 * Invariants:
 * - One channel per peer. While a session or link is about to end there is none, and what is said waits (`channels.ts`), so that
 *   nothing is said on the next one before everything that was said in it has arrived.
 * - A link that comes up while a session is being opened waits for the answer: the peer may have it for open, and have spoken.
 * - Nothing begins on a link that may be about to end.
 * - A session gives way only when nothing breaks with it on either side, so that no `noconnection` comes of it.
 * - However a session ends, what waits goes out over the link, looks for another way, or is `noconnection`.
 */
import type { Link, Mesh, PartingEvent, PeerInfo } from '../mesh/index.ts'
import type { NodeDirectory } from './node-directory.ts'
import type { PeerHost, PeerLink } from './peer-link.ts'
import type { Carrier } from './relay/carrier.ts'
import type { Opened } from './relay/relay.ts'
import { Relays } from './relay/relays.ts'
import type { SessionEnd } from './relay/session.ts'

/** A node came within reach through others, or went out of it. */
export interface RelayEvent {
  readonly type: 'up' | 'down'
  readonly peer: PeerInfo
}

/** The channels of a node, as far as the hand-over changes them. */
export interface HandOverChannels {
  get(keyHex: string): PeerLink | undefined
  all(): Iterable<PeerLink>
  /** A carrier is up: it gets a channel, unless there is one. */
  carrierUp(carrier: Carrier): void
  /** From now on it is none, and what is said to that node waits. */
  suspend(peer: PeerLink): void
  /** It is one again: what waited goes out. */
  resume(peer: PeerLink): void
  /** It has ended; unless it was suspended, what the runtime knows of that node is broken with it. */
  ended(peer: PeerLink, end: { readonly isSuspended: boolean; readonly isLost: boolean }): void
  /** There is no other way yet: what waits looks for one. */
  seek(keyHex: string): void
  /** Whether something is under way or watched on it. */
  breaksWith(carrier: Carrier): boolean
}

/** What a {@link HandOver} needs of its node. */
export interface HandOverParts {
  readonly host: PeerHost
  readonly mesh: Mesh
  readonly directory: NodeDirectory
  readonly channels: HandOverChannels
}

/** How long a node that could not be dialled is not dialled first. */
const RELAY_FIRST_MS = 30_000

/** Nodes of which that is remembered; it is only about time. */
const RELAY_FIRST_NODES_MAX = 4_096

/** See the file header. */
export class HandOver {
  readonly #parts: HandOverParts
  readonly #relays: Relays | undefined
  /** Channels whose sessions or links are about to end, if their peers agree. */
  readonly #parted = new Map<string, PeerLink>()
  /** Links that may be about to end, whether they had a channel or not. */
  readonly #ending = new WeakSet<Link>()
  /** Until when nodes that could not be dialled are asked through others first. */
  readonly #relayFirst = new Map<string, number>()
  readonly #handlers = new Set<(event: RelayEvent) => void>()

  constructor(parts: HandOverParts) {
    this.#parts = parts
    this.#relays = this.#createRelays()
  }

  /** Whether that node is spoken to through others. */
  isRelayed(keyHex: string): boolean {
    const peer = this.#parts.channels.get(keyHex) ?? this.#parted.get(keyHex)
    return peer !== undefined && this.#isRelay(peer)
  }

  /** Whether that node is asked through others before it is dialled. */
  isRelayFirst(keyHex: string): boolean {
    return this.#parts.host.system.clock.now() < (this.#relayFirst.get(keyHex) ?? 0)
  }

  /** Calls `handler` when a node comes within reach through others or is lost there; gives the way to stop. */
  onRelay(handler: (event: RelayEvent) => void): () => void {
    this.#handlers.add(handler)
    return () => void this.#handlers.delete(handler)
  }

  /** Channels that go through others. */
  relayed(): readonly PeerLink[] {
    return [...this.#parts.channels.all()].filter((peer) => this.#isRelay(peer))
  }

  /** Opens a session; false when none can be. `opened` is called once, later. */
  open(keyHex: string, opened: Opened): boolean {
    return this.#relays?.open(keyHex, opened) === true
  }

  /** A link is up. */
  linkUp(link: Link): void {
    const { hex } = link.peer.key
    this.#relayFirst.delete(hex)
    const isFree = this.#relays?.isOpening(hex) !== true && !this.#parted.has(hex)
    if (isFree) this.#parts.channels.carrierUp(link)
    // A session that nobody needs any more makes room for it.
    this.#relays?.linked(hex)
  }

  /** A link may be about to end because nobody needs it, or goes on. */
  linkParting({ type, link }: PartingEvent<Link>): void {
    if (type === 'parting') {
      this.#ending.add(link)
      this.#part(link)
    } else if (this.#ending.delete(link)) {
      this.#stay(link)
      this.linkUp(link)
    }
  }

  /** A link is down that had no channel, or one that was about to end. */
  linkDown(link: Link, isLost: boolean): void {
    const { channels } = this.#parts
    const { hex } = link.peer.key
    const channel = this.#parted.get(hex)
    if (channel?.link !== link) return this.#relays?.unlinked(hex)
    this.#parted.delete(hex)
    channels.ended(channel, { isSuspended: true, isLost })
    channels.seek(hex)
  }

  /** The peer speaks on a link: by doing so it says that it has ended its session. */
  overtaken(keyHex: string): void {
    this.#relays?.overtaken(keyHex)
  }

  /** Every session is lost, and every link that was about to end. */
  close(): void {
    this.#relays?.close()
    for (const channel of this.#parted.values()) channel.lost()
    this.#parted.clear()
    this.#handlers.clear()
  }

  #createRelays(): Relays | undefined {
    const { host, mesh, directory, channels } = this.#parts
    const { courier } = mesh
    if (courier === undefined) return undefined
    const { ownKeyHex, ownIncarnation, options, refused } = host
    const { clock, entropy } = host.system
    return new Relays({
      ...{ courier, clock, entropy, ownKeyHex, ownIncarnation, settings: options, refused },
      member: (keyHex) => directory.member(keyHex),
      isLinked: (keyHex) => mesh.linkTo(keyHex) !== undefined,
      events: {
        up: (carrier) => this.#up(carrier),
        frame: ({ peer }, type, payload) => channels.get(peer.key.hex)?.receive(type, payload),
        down: (carrier, end) => this.#down(carrier, end),
        isNeeded: (carrier) => channels.breaksWith(carrier),
        missed: (keyHex) => this.#takeLink(keyHex),
        parting: (carrier) => this.#part(carrier),
        stays: (carrier) => this.#stay(carrier),
      },
    })
  }

  #up(carrier: Carrier): void {
    const { peer } = carrier
    if (this.#relayFirst.size >= RELAY_FIRST_NODES_MAX) this.#relayFirst.clear()
    const nowMs = this.#parts.host.system.clock.now()
    this.#relayFirst.set(peer.key.hex, nowMs + RELAY_FIRST_MS)
    this.#parts.channels.carrierUp(carrier)
    this.#tell({ type: 'up', peer })
  }

  #down(carrier: Carrier, end: SessionEnd): void {
    const { channels } = this.#parts
    const { peer } = carrier
    const { hex } = peer.key
    const channel = this.#parted.get(hex) ?? channels.get(hex)
    if (channel?.link !== carrier) return
    const isSuspended = this.#parted.delete(hex)
    const isLost = end !== 'idle'
    if (isLost) this.#relayFirst.delete(hex)
    channels.ended(channel, { isSuspended, isLost })
    if (!this.#takeLink(hex) && isLost) this.#tell({ type: 'down', peer })
    channels.seek(hex)
  }

  /** The link to that node carries the channel, unless it may be about to end; false when there is none. */
  #takeLink(keyHex: string): boolean {
    const link = this.#parts.mesh.linkTo(keyHex)
    if (link === undefined || this.#ending.has(link)) return false
    this.#parts.channels.carrierUp(link)
    return true
  }

  #isRelay({ keyHex, link }: PeerLink): boolean {
    return link !== this.#parts.mesh.linkTo(keyHex)
  }

  /** Nothing can be sent on it until its peer has answered. */
  #part(carrier: Carrier): void {
    const { channels } = this.#parts
    const { hex } = carrier.peer.key
    const channel = channels.get(hex)
    if (channel?.link !== carrier) return
    this.#parted.set(hex, channel)
    channels.suspend(channel)
  }

  #stay(carrier: Carrier): void {
    const { hex } = carrier.peer.key
    const channel = this.#parted.get(hex)
    if (channel?.link !== carrier) return
    this.#parted.delete(hex)
    this.#parts.channels.resume(channel)
  }

  #tell(event: RelayEvent): void {
    for (const handler of [...this.#handlers]) handler(event)
  }
}
