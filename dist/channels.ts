/**
 * The channels of a node to others, one per peer, and what waits for one.
 *
 * A node that is known and has no channel is dialled; what is said to it meanwhile waits, in order and bounded, and goes out
 * when there is one. If the dial fails, and members hold the node for up, it is spoken to through others (`hand-over.ts`). If
 * that fails too, all of it fails with `noconnection`. A node that is unknown, has left, was just lost or just dialled in
 * vain is `noconnection` at once.
 */
import type { Link, LinkEvent, Mesh } from '../mesh/index.ts'
import { Farewell } from './farewell.ts'
import { HandOver, type RelayEvent } from './hand-over.ts'
import { HoldOffs } from './hold-offs.ts'
import type { NodeDirectory } from './node-directory.ts'
import { PeerLink, type PeerHost } from './peer-link.ts'
import type { Carrier } from './relay/carrier.ts'

/** Messages that wait for a channel. */
interface Backlog {
  readonly waiting: (() => void)[]
  readonly abort: AbortController
  /** The node refused a session: it may have a link already, so it is dialled once more. */
  isRefused?: boolean
}

/** Refusals of a node itself: others would only pass on to it what it does not want. */
const REFUSALS: ReadonlySet<unknown> = new Set([
  'ERR_LINK_REJECTED',
  'ERR_LINK_REFUSED',
  'ERR_LINK_REALM_MISMATCH',
  'ERR_LINK_SELF',
])

/** Frame types of this layer. */
export const DIST_TYPE_MIN = 0xa0
export const DIST_TYPE_MAX = 0xb1

/** What {@link Channels} need of their node. */
export interface ChannelsParts {
  readonly host: PeerHost
  readonly mesh: Mesh
  readonly directory: NodeDirectory
  /** Everything between here and that node is broken, once. */
  readonly lost: (keyHex: string) => void
  /** Whether a call, link or monitor lies between here and that node. */
  readonly isWatched: (keyHex: string) => boolean
}

/** See the file header. */
export class Channels {
  readonly #parts: ChannelsParts
  readonly #peers = new Map<string, PeerLink>()
  readonly #backlogs = new Map<string, Backlog>()
  readonly #holdOffs: HoldOffs
  readonly #handOver: HandOver
  readonly #release: (() => void)[] = []
  #farewell: Farewell | undefined
  #closed = false

  constructor(parts: ChannelsParts) {
    this.#parts = parts
    const { host, mesh, directory } = parts
    this.#holdOffs = new HoldOffs(host.system.clock, host.options.dialHoldOffMs)
    this.#handOver = new HandOver({ host, mesh, directory, channels: this })
  }

  /** Takes over the frames and links of the mesh. */
  open(): void {
    const { mesh } = this.#parts
    this.#release.push(
      mesh.onLink((event) => this.#onLink(event)),
      mesh.handleFrames(DIST_TYPE_MIN, DIST_TYPE_MAX, (link, type, payload) => {
        if (this.#peerOn(link)) this.#peers.get(link.peer.key.hex)?.receive(type, payload)
      }),
      mesh.keepLinks((link) => this.#needs(link)),
      mesh.onParting((event) => this.#handOver.linkParting(event)),
    )
    for (const link of mesh.links()) this.#linkUp(link)
  }

  /** Tells every peer that this node leaves; resolves when all calls of theirs that reached it are answered. */
  leave(): Promise<void> {
    this.#farewell ??= new Farewell(this.#peers.values())
    return this.#farewell.over
  }

  /** As `leave`, for those that are spoken to through others: they take it for the end when members say that this node leaves. */
  leaveRelayed(): Promise<void> | undefined {
    const relayed = this.#handOver.relayed()
    return relayed.length === 0 ? undefined : new Farewell(relayed).over
  }

  /** Gives everything up; every peer is `noconnection` from now on. */
  close(): void {
    this.#closed = true
    for (const release of this.#release) release()
    this.#handOver.close()
    for (const peer of [...this.#peers.values()]) this.#linkDown(peer)
    for (const [keyHex, backlog] of [...this.#backlogs]) this.#dialFailed(keyHex, backlog)
    // Last: what was given up just now is held off.
    this.#holdOffs.clear()
  }

  get isOpen(): boolean {
    return !this.#closed
  }

  get(keyHex: string): PeerLink | undefined {
    return this.#peers.get(keyHex)
  }

  all(): Iterable<PeerLink> {
    return this.#peers.values()
  }

  /** See `HandOver.isRelayed`. */
  isRelayed(keyHex: string): boolean {
    return this.#handOver.isRelayed(keyHex)
  }

  /** See `HandOver.onRelay`. */
  onRelay(handler: (event: RelayEvent) => void): () => void {
    return this.#handOver.onRelay(handler)
  }

  /** Whether something waits for a channel to that node. */
  isAwaited(keyHex: string): boolean {
    return this.#backlogs.has(keyHex)
  }

  /** Keeps `action` until there is a channel or the wait is over; false when none can be expected. */
  wait(keyHex: string, action: () => void): boolean {
    const backlog = this.#backlogs.get(keyHex) ?? this.#dial(keyHex)
    if (backlog === undefined) return false
    const { host } = this.#parts
    if (backlog.waiting.length >= host.options.dialMessagesMax) {
      host.refused('ERR_PEER_BACKLOG', { peer: keyHex })
      return false
    }
    backlog.waiting.push(action)
    return true
  }

  /** Whether something is under way or watched on it. */
  breaksWith(carrier: Carrier): boolean {
    const { hex } = carrier.peer.key
    const peer = this.#peers.get(hex)
    return peer?.link === carrier && (peer.busy || this.#parts.isWatched(hex))
  }

  // --- links ----------------------------------------------------------------------------------

  #onLink(event: LinkEvent): void {
    if (event.type === 'up') return this.#linkUp(event.link)
    const { hex } = event.link.peer.key
    const peer = this.#peers.get(hex)
    const isLost = event.reason !== 'idle'
    if (peer?.link !== event.link) return this.#handOver.linkDown(event.link, isLost)
    // It was there a moment ago and is not: asking again at once would only delay the answer. A node
    // whose link was idle lives on, and is dialled when somebody needs it.
    if (isLost) this.#holdOffs.add(hex)
    this.#linkDown(peer)
  }

  #linkUp(link: Link): void {
    // It is there, whether the link carries the channel yet or waits for a session that is being opened.
    this.#holdOffs.forget(link.peer.key.hex)
    this.#handOver.linkUp(link)
  }

  carrierUp(carrier: Carrier): void {
    const { hex } = carrier.peer.key
    if (this.#closed || this.#peers.has(hex)) return
    this.#holdOffs.forget(hex)
    const peer = new PeerLink(this.#parts.host, carrier)
    this.#peers.set(hex, peer)
    this.#farewell?.add(peer)
    this.#flush(hex)
  }

  #flush(keyHex: string): void {
    const backlog = this.#backlogs.get(keyHex)
    this.#backlogs.delete(keyHex)
    for (const action of backlog?.waiting ?? []) action()
  }

  /** Whether the peer of that link speaks on it. By doing so it says that it has ended its session. */
  #peerOn(link: Link): boolean {
    const { hex } = link.peer.key
    if (this.#peers.get(hex)?.link === link) return true
    this.#handOver.overtaken(hex)
    return this.#peers.get(hex)?.link === link
  }

  /** Whether anything would break with that link: then it is not idle, however quiet it is. */
  #needs(link: Link): boolean {
    const { hex } = link.peer.key
    if (this.#peers.get(hex)?.link !== link) return false
    // What runs for a peer does not end with the link: its node must not give up a link of its own for it.
    const runsFor = link.initiator && this.#parts.host.spawner.count(hex) > 0
    return runsFor || this.breaksWith(link)
  }

  #linkDown(peer: PeerLink): void {
    this.#peers.delete(peer.keyHex)
    peer.lost()
    this.#parts.lost(peer.keyHex)
  }

  // --- hand-over ------------------------------------------------------------------------------

  suspend(peer: PeerLink): void {
    this.#peers.delete(peer.keyHex)
    this.#backlogs.set(peer.keyHex, { waiting: [], abort: new AbortController() })
  }

  resume(peer: PeerLink): void {
    this.#peers.set(peer.keyHex, peer)
    this.#farewell?.add(peer)
    this.#flush(peer.keyHex)
  }

  ended(
    peer: PeerLink,
    { isSuspended, isLost }: { readonly isSuspended: boolean; readonly isLost: boolean },
  ): void {
    if (isLost) this.#holdOffs.add(peer.keyHex)
    // Nothing needed a channel that was about to end: what is known to the runtime since then waits for the next one.
    if (isSuspended) peer.lost()
    else this.#linkDown(peer)
  }

  seek(keyHex: string): void {
    const backlog = this.#backlogs.get(keyHex)
    if (backlog === undefined) return
    if (backlog.waiting.length === 0) this.#backlogs.delete(keyHex)
    else if (this.#closed || this.#holdOffs.has(keyHex)) this.#dialFailed(keyHex, backlog)
    else this.#dialFor(keyHex, backlog)
  }

  // --- dialling -------------------------------------------------------------------------------

  #dial(keyHex: string): Backlog | undefined {
    if (this.#closed || this.#holdOffs.has(keyHex)) return undefined
    const member = this.#parts.directory.member(keyHex)
    if (member === undefined || member.state === 'left') return undefined
    const backlog: Backlog = { waiting: [], abort: new AbortController() }
    this.#backlogs.set(keyHex, backlog)
    if (this.#handOver.isRelayFirst(keyHex)) this.#relay(keyHex, backlog)
    else this.#dialFor(keyHex, backlog)
    return backlog
  }

  #dialFor(keyHex: string, backlog: Backlog): void {
    const { directory, mesh, host } = this.#parts
    const member = directory.member(keyHex)
    if (member === undefined) return this.#failLater(keyHex, backlog)
    const { key, address } = member
    const { signal } = backlog.abort
    const { dialTimeoutMs: timeoutMs } = host.options
    mesh.connect({ ...address, key }, { signal, timeoutMs }).then(
      (link) => {
        // It may have gone down again before we hear of it here; it must not count as a peer then.
        if (link.state === 'established') this.#linkUp(link)
        else this.#dialFailed(keyHex, backlog)
      },
      (error: unknown) => {
        const isRefused = REFUSALS.has((error as { readonly code?: unknown }).code)
        if (isRefused) this.#dialFailed(keyHex, backlog)
        else this.#relay(keyHex, backlog)
      },
    )
  }

  /** Members hold it for up, and it cannot be dialled from here. */
  #relay(keyHex: string, backlog: Backlog): void {
    if (this.#backlogs.get(keyHex) !== backlog) return
    const isTried = this.#handOver.open(keyHex, (isUp, isRefused) => {
      if (isUp || this.#backlogs.get(keyHex) !== backlog) return
      if (!isRefused || backlog.isRefused === true) return this.#dialFailed(keyHex, backlog)
      backlog.isRefused = true
      this.#dialFor(keyHex, backlog)
    })
    if (!isTried) this.#failLater(keyHex, backlog)
  }

  /** Whoever waits must have its reference first. */
  #failLater(keyHex: string, backlog: Backlog): void {
    this.#parts.host.system.clock.microtask(() => this.#dialFailed(keyHex, backlog))
  }

  /** Nothing if that dial was overtaken: by a channel that came another way, or by the end. */
  #dialFailed(keyHex: string, backlog: Backlog): void {
    if (this.#backlogs.get(keyHex) !== backlog) return
    this.#backlogs.delete(keyHex)
    backlog.abort.abort()
    this.#holdOffs.add(keyHex)
    this.#parts.lost(keyHex)
    for (const action of backlog.waiting) action()
  }
}
