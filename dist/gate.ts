/**
 * The runtime's door to other nodes: finds the peer of a pid and hands the signal to its channel.
 *
 * A node that is known and has no link is dialled; what was said to it meanwhile waits, in order and
 * bounded, and goes out when the link is up. If no link comes, and members hold the node for up, it is spoken
 * to through others (`relay/`). If that fails too, all of it fails with `noconnection`. A node that is
 * unknown, has left, was just lost or just dialled in vain is `noconnection` at once.
 *
 * A pid of an earlier start of a node is `noconnection` too: that process cannot exist.
 */
import {
  CallExitError,
  type Call,
  type ExitReason,
  type MonitorRef,
  type Pid,
  type RemoteGate,
  type RemoteName,
  type System,
} from '../runtime/index.ts'
import type { Link, LinkEvent, Mesh, PeerInfo } from '../mesh/index.ts'
import { isTargetName, type WireTarget } from './control.ts'
import { DistRefusedError } from './errors.ts'
import { HoldOffs } from './hold-offs.ts'
import type { NodeDirectory } from './node-directory.ts'
import { PeerLink, type PeerHost } from './peer-link.ts'
import type { Carrier } from './relay/carrier.ts'
import { Relays } from './relay/relays.ts'
import type { SessionEnd } from './relay/session.ts'

/** Messages that wait for one link to come up. */
interface Backlog {
  readonly waiting: (() => void)[]
  readonly abort: AbortController
}

/** A node came within reach through others, or went out of it. */
export interface RelayEvent {
  readonly type: 'up' | 'down'
  readonly peer: PeerInfo
}

/** How long a node that could not be dialled is not dialled first. */
const RELAY_FIRST_MS = 30_000

/** Nodes of which that is remembered; it is only about time. */
const RELAY_FIRST_NODES_MAX = 4_096

/** Refusals of a node itself: others would only pass on to it what it does not want. */
const REFUSALS: ReadonlySet<unknown> = new Set([
  'ERR_LINK_REJECTED',
  'ERR_LINK_REFUSED',
  'ERR_LINK_REALM_MISMATCH',
  'ERR_LINK_SELF',
])

/** Frame types of this layer. */
export const DIST_TYPE_MIN = 0xa0
export const DIST_TYPE_MAX = 0xad

/** The gate of one node. */
export class DistGate implements RemoteGate {
  readonly #host: PeerHost
  readonly #mesh: Mesh
  readonly #system: System
  readonly #directory: NodeDirectory
  readonly #peers = new Map<string, PeerLink>()
  readonly #backlogs = new Map<string, Backlog>()
  /** Channels whose sessions are about to end, if their peers agree. */
  readonly #parted = new Map<string, PeerLink>()
  readonly #holdOffs: HoldOffs
  /** Until when nodes that could not be dialled are asked through others first. */
  readonly #relayFirst = new Map<string, number>()
  readonly #relayHandlers = new Set<(event: RelayEvent) => void>()
  #relays: Relays | undefined
  /** Names that stand behind pids made by {@link DistGate.namedPid}. */
  readonly #names = new WeakMap<Pid, string>()
  /** Node ids that were used instead of keys in `{ name, node }`, by key. */
  readonly #aliases = new Map<string, Set<string>>()
  readonly #release: (() => void)[] = []
  #closed = false

  constructor(host: PeerHost, mesh: Mesh, directory: NodeDirectory) {
    this.#host = host
    this.#mesh = mesh
    this.#system = host.system
    this.#directory = directory
    this.#holdOffs = new HoldOffs(host.system.clock, host.options.dialHoldOffMs)
  }

  /** Takes over the frames and links of the mesh. */
  open(): void {
    this.#release.push(
      this.#mesh.onLink((event) => this.#onLink(event)),
      this.#mesh.handleFrames(DIST_TYPE_MIN, DIST_TYPE_MAX, (link, type, payload) => {
        if (this.#peerOn(link)) this.#peers.get(link.peer.key.hex)?.receive(type, payload)
      }),
    )
    this.#relays = this.#createRelays()
    this.#release.push(this.#mesh.keepLinks((link) => this.#needs(link)))
    for (const link of this.#mesh.links()) this.#linkUp(link)
    this.#system.setRemote(this)
  }

  /** Gives everything up; every peer is `noconnection` from now on. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const release of this.#release) release()
    this.#relays?.close()
    for (const keyHex of [...this.#peers.keys()]) this.#linkDown(keyHex)
    for (const [keyHex, backlog] of [...this.#backlogs]) this.#dialFailed(keyHex, backlog)
    this.#holdOffs.clear()
    this.#relayHandlers.clear()
    this.#system.setRemote(undefined)
  }

  /** The channel to a node, if there is a link. */
  peer(keyHex: string): PeerLink | undefined {
    return this.#peers.get(keyHex)
  }

  /** Every channel. */
  peers(): Iterable<PeerLink> {
    return this.#peers.values()
  }

  /** Whether that node is spoken to through others. */
  isRelayed(keyHex: string): boolean {
    const peer = this.#peers.get(keyHex) ?? this.#parted.get(keyHex)
    return peer !== undefined && peer.link !== this.#mesh.linkTo(keyHex)
  }

  /** Calls `handler` when a node comes within reach through others or is lost there; gives the way to stop. */
  onRelay(handler: (event: RelayEvent) => void): () => void {
    this.#relayHandlers.add(handler)
    return () => void this.#relayHandlers.delete(handler)
  }

  /** A pid that stands for whoever is registered as `name` on that node. */
  namedPid(node: string, name: string): Pid {
    const keyHex = this.#directory.keyOf(node) ?? node
    const pid = this.#system.pidFor(keyHex, 0, 0)
    if (keyHex === this.#directory.ownKeyHex) return this.#system.whereis(name) ?? pid
    this.#names.set(pid, name)
    return pid
  }

  /**
   * Runs `action` when there is a link to that node: now, or after a dial. `false` when there is none and
   * none will be tried; `failed` runs when a dial was tried in vain.
   */
  whenLinked(keyHex: string, action: (peer: PeerLink) => void, failed: () => void): boolean {
    const peer = this.#peers.get(keyHex)
    if (peer !== undefined) {
      action(peer)
      return true
    }
    return this.#wait(keyHex, () => {
      const linked = this.#peers.get(keyHex)
      if (linked === undefined) failed()
      else action(linked)
    })
  }

  // --- RemoteGate -----------------------------------------------------------------------------

  send(to: Pid, message: unknown): boolean {
    const peer = this.#peers.get(to.node)
    if (peer === undefined) return this.#wait(to.node, () => void this.#sendLinked(to, message))
    const target = this.#target(peer, to)
    return target !== undefined && peer.send(target, message)
  }

  cast(to: Pid, name: string | undefined, input: unknown): boolean {
    const peer = this.#peers.get(to.node)
    if (peer === undefined) return this.#wait(to.node, () => void this.#castLinked(to, name, input))
    const target = this.#target(peer, to)
    return target !== undefined && peer.cast(target, name, input)
  }

  call(call: Call, to: Pid): void {
    const peer = this.#peers.get(to.node)
    if (peer === undefined) {
      const dialling = this.#wait(to.node, () => {
        if (!call.settled) this.#callLinked(call, to)
      })
      if (!dialling && !call.settled) call.fail(this.#unreachable(call, to.node))
      return
    }
    const target = this.#target(peer, to)
    if (target === undefined) call.fail(new CallExitError(call, 'noconnection'))
    else peer.call(call, target)
  }

  callSettled(call: Call): void {
    const peer = this.#peers.get(call.server.node)
    peer?.callSettled(call, this.#target(peer, call.server))
  }

  exit(to: Pid, from: Pid | undefined, reason: ExitReason, viaLink: boolean): void {
    this.#signal(to.node, (peer) => {
      if (peer.incarnation === to.incarnation) peer.exit(to, from, reason, viaLink)
    })
  }

  link(from: Pid, to: Pid): void {
    const broken = (): void => this.#system.inbound.exit(to, from, 'noconnection', true)
    this.#signal(
      to.node,
      (peer) => {
        if (peer.incarnation === to.incarnation) peer.makeLink(from, to)
        else this.#later(broken)
      },
      broken,
    )
  }

  unlink(from: Pid, to: Pid): void {
    this.#signal(to.node, (peer) => {
      if (peer.incarnation === to.incarnation) peer.unlink(from, to)
    })
  }

  monitor(ref: MonitorRef, from: Pid | undefined, to: Pid | RemoteName): void {
    const over = (reason: ExitReason) => (): void => this.#system.inbound.down(ref, reason)
    const broken = over('noconnection')
    this.#signal(
      this.#keyOf(to),
      (peer) => {
        const target = 'name' in to ? to.name : this.#target(peer, to)
        if (target === undefined) this.#later(broken)
        else if (typeof target === 'string' && !isTargetName(target)) this.#later(over('noproc'))
        else peer.monitor(ref, from, target)
      },
      broken,
    )
  }

  demonitor(ref: MonitorRef, from: Pid | undefined, to: Pid | RemoteName): void {
    this.#signal(this.#keyOf(to), (peer) => {
      peer.demonitor(ref, from, 'name' in to ? to.name : this.#target(peer, to))
    })
  }

  down(ref: MonitorRef, owner: Pid, reason: ExitReason): void {
    this.#peers.get(owner.node)?.down(ref.id, owner.id, reason)
  }

  // --- links ----------------------------------------------------------------------------------

  #onLink(event: LinkEvent): void {
    if (event.type === 'up') this.#linkUp(event.link)
    else if (this.#peers.get(event.link.peer.key.hex)?.link === event.link) {
      // It was there a moment ago and is not: asking again at once would only delay the answer. A node
      // whose link was idle lives on, and is dialled when somebody needs it.
      if (event.reason !== 'idle') this.#holdOffs.add(event.link.peer.key.hex)
      this.#linkDown(event.link.peer.key.hex)
    }
  }

  #linkUp(link: Link): void {
    const { hex } = link.peer.key
    this.#relayFirst.delete(hex)
    // First: what waits for a session that is being opened takes the link, and is not told that there is none.
    if (!this.#parted.has(hex)) this.#carrierUp(link)
    // A session that nobody needs any more makes room for it.
    this.#relays?.linked(hex)
  }

  #carrierUp(carrier: Carrier): void {
    const { hex } = carrier.peer.key
    if (this.#closed || this.#peers.has(hex)) return
    this.#holdOffs.forget(hex)
    this.#peers.set(hex, new PeerLink(this.#host, carrier))
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
    this.#relays?.overtaken(hex)
    return this.#peers.get(hex)?.link === link
  }

  /** Whether anything would break with that link: then it is not idle, however quiet it is. */
  #needs(link: Carrier): boolean {
    const { hex } = link.peer.key
    if (this.#peers.get(hex)?.link !== link) return false
    return this.#host.spawner.count(hex) > 0 || this.#breaksWith(link)
  }

  /** Whether something is under way or watched on it. */
  #breaksWith(carrier: Carrier): boolean {
    const { hex } = carrier.peer.key
    const peer = this.#peers.get(hex)
    if (peer?.link !== carrier) return false
    const { inbound } = this.#system
    if (peer.busy || inbound.isConnected(hex)) return true
    return [...(this.#aliases.get(hex) ?? [])].some((alias) => inbound.isConnected(alias))
  }

  /** Everything between here and there is broken, once. */
  #linkDown(keyHex: string): void {
    const peer = this.#peers.get(keyHex)
    this.#peers.delete(keyHex)
    this.#lostOn(keyHex, peer)
  }

  #lostOn(keyHex: string, peer: PeerLink | undefined): void {
    peer?.lost()
    this.#connectionLost(keyHex)
  }

  #connectionLost(keyHex: string): void {
    const { inbound } = this.#system
    inbound.connectionLost(keyHex)
    for (const alias of this.#aliases.get(keyHex) ?? []) inbound.connectionLost(alias)
    this.#aliases.delete(keyHex)
  }

  // --- dialling -------------------------------------------------------------------------------

  #signal(keyHex: string, action: (peer: PeerLink) => void, broken?: () => void): void {
    const peer = this.#peers.get(keyHex)
    if (peer !== undefined) action(peer)
    else {
      const waits = this.#wait(keyHex, () => {
        const linked = this.#peers.get(keyHex)
        if (linked !== undefined) action(linked)
      })
      if (!waits && broken !== undefined) this.#later(broken)
    }
  }

  /** Keeps `action` until a link is up; false when none can be expected. */
  #wait(keyHex: string, action: () => void): boolean {
    let backlog = this.#backlogs.get(keyHex)
    if (backlog === undefined) {
      backlog = this.#dial(keyHex)
      if (backlog === undefined) return false
    }
    if (backlog.waiting.length >= this.#host.options.dialMessagesMax) {
      this.#host.refused('ERR_PEER_BACKLOG', { peer: keyHex })
      return false
    }
    backlog.waiting.push(action)
    return true
  }

  #dial(keyHex: string): Backlog | undefined {
    if (this.#closed || this.#holdOffs.has(keyHex)) return undefined
    const member = this.#directory.member(keyHex)
    if (member === undefined || member.state === 'left') return undefined
    const backlog: Backlog = { waiting: [], abort: new AbortController() }
    this.#backlogs.set(keyHex, backlog)
    const relayFirstUntilMs = this.#relayFirst.get(keyHex) ?? 0
    if (this.#system.clock.now() < relayFirstUntilMs) this.#relay(keyHex, backlog)
    else this.#dialFor(keyHex, backlog)
    return backlog
  }

  #dialFor(keyHex: string, backlog: Backlog): void {
    const member = this.#directory.member(keyHex)
    if (member === undefined) return this.#later(() => this.#dialFailed(keyHex, backlog))
    const { key, address } = member
    const { signal } = backlog.abort
    const { dialTimeoutMs: timeoutMs } = this.#host.options
    this.#mesh.connect({ ...address, key }, { signal, timeoutMs }).then(
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

  /** Nothing if that dial was overtaken: by a link that came another way, or by the end. */
  #dialFailed(keyHex: string, backlog: Backlog): void {
    if (this.#backlogs.get(keyHex) !== backlog) return
    this.#backlogs.delete(keyHex)
    backlog.abort.abort()
    if (!this.#closed) this.#holdOffs.add(keyHex)
    this.#connectionLost(keyHex)
    for (const action of backlog.waiting) action()
  }

  // --- through others -------------------------------------------------------------------------

  #createRelays(): Relays | undefined {
    const { courier } = this.#mesh
    if (courier === undefined) return undefined
    const { ownKeyHex, ownIncarnation, options, refused } = this.#host
    const { clock, entropy } = this.#system
    return new Relays({
      ...{ courier, clock, entropy, ownKeyHex, ownIncarnation, settings: options, refused },
      member: (keyHex) => this.#directory.member(keyHex),
      isLinked: (keyHex) => this.#mesh.linkTo(keyHex) !== undefined,
      events: {
        up: (carrier) => this.#relayUp(carrier),
        frame: (carrier, type, payload) => {
          const peer = this.#peers.get(carrier.peer.key.hex)
          if (peer?.link === carrier) peer.receive(type, payload)
        },
        down: (carrier, end) => this.#relayDown(carrier, end),
        isNeeded: (carrier) => this.#breaksWith(carrier),
        parting: (carrier) => this.#part(carrier),
        stays: (carrier) => this.#stay(carrier),
        mayOpen: (keyHex) =>
          !this.#closed && !this.#peers.has(keyHex) && this.#mesh.linkTo(keyHex) === undefined,
      },
    })
  }

  /** Members hold it for up, and it cannot be dialled from here. */
  #relay(keyHex: string, backlog: Backlog): void {
    if (this.#backlogs.get(keyHex) !== backlog) return
    const isTried = this.#relays?.open(keyHex, (isUp) => {
      if (!isUp) this.#dialFailed(keyHex, backlog)
    })
    if (isTried !== true) this.#later(() => this.#dialFailed(keyHex, backlog))
  }

  #relayUp(carrier: Carrier): void {
    const { peer } = carrier
    if (this.#relayFirst.size >= RELAY_FIRST_NODES_MAX) this.#relayFirst.clear()
    this.#relayFirst.set(peer.key.hex, this.#system.clock.now() + RELAY_FIRST_MS)
    this.#carrierUp(carrier)
    this.#tellRelay({ type: 'up', peer })
  }

  #relayDown(carrier: Carrier, end: SessionEnd): void {
    const { peer } = carrier
    const { hex } = peer.key
    const channel = this.#parted.get(hex) ?? this.#peers.get(hex)
    if (channel?.link !== carrier) return
    const isParted = this.#parted.delete(hex)
    this.#peers.delete(hex)
    if (end !== 'idle') {
      if (!this.#closed) this.#holdOffs.add(hex)
      this.#relayFirst.delete(hex)
    }
    // Nothing needed a channel that was about to end: what is known to the runtime since then waits for the next one.
    if (isParted) channel.lost()
    else this.#lostOn(hex, channel)
    const link = this.#mesh.linkTo(hex)
    if (link !== undefined) this.#carrierUp(link)
    else if (end !== 'idle') this.#tellRelay({ type: 'down', peer })
    this.#afterParting(hex)
  }

  /** What came while a session was about to end looks for another way. */
  #afterParting(keyHex: string): void {
    const backlog = this.#backlogs.get(keyHex)
    if (backlog === undefined) return
    if (backlog.waiting.length === 0) this.#backlogs.delete(keyHex)
    else if (this.#closed || this.#holdOffs.has(keyHex)) this.#dialFailed(keyHex, backlog)
    else this.#dialFor(keyHex, backlog)
  }

  /** Nothing can be sent on it until its peer has answered. */
  #part(carrier: Carrier): void {
    const { hex } = carrier.peer.key
    const peer = this.#peers.get(hex)
    if (peer?.link !== carrier) return
    this.#peers.delete(hex)
    this.#parted.set(hex, peer)
    this.#backlogs.set(hex, { waiting: [], abort: new AbortController() })
  }

  #stay(carrier: Carrier): void {
    const { hex } = carrier.peer.key
    const peer = this.#parted.get(hex)
    if (peer?.link !== carrier) return
    this.#parted.delete(hex)
    this.#peers.set(hex, peer)
    this.#flush(hex)
  }

  #tellRelay(event: RelayEvent): void {
    for (const handler of [...this.#relayHandlers]) handler(event)
  }

  // --- who ------------------------------------------------------------------------------------

  #sendLinked(to: Pid, message: unknown): boolean {
    return this.#peers.has(to.node) && this.send(to, message)
  }

  #castLinked(to: Pid, name: string | undefined, input: unknown): boolean {
    return this.#peers.has(to.node) && this.cast(to, name, input)
  }

  #callLinked(call: Call, to: Pid): void {
    if (this.#peers.has(to.node)) this.call(call, to)
    else call.fail(new CallExitError(call, 'noconnection'))
  }

  /** What `to` is at its node; undefined for a process of an earlier start of that node. */
  #target(peer: PeerLink, to: Pid): WireTarget | undefined {
    if (to.id === 0) return this.#names.get(to)
    return to.incarnation === peer.incarnation ? to.id : undefined
  }

  #keyOf(to: Pid | RemoteName): string {
    if (!('name' in to)) return to.node
    const keyHex = this.#directory.keyOf(to.node) ?? to.node
    if (keyHex === to.node) return keyHex
    let aliases = this.#aliases.get(keyHex)
    if (aliases === undefined) this.#aliases.set(keyHex, (aliases = new Set()))
    aliases.add(to.node)
    return keyHex
  }

  #unreachable(call: Call, keyHex: string): Error {
    const full = this.#backlogs.has(keyHex)
    if (!full) return new CallExitError(call, 'noconnection')
    return new DistRefusedError('ERR_PEER_BACKLOG', 'too many messages wait for the link')
  }

  /** After the caller has its reference, as a signal that travelled would come. */
  #later(fn: () => void): void {
    this.#system.clock.microtask(fn)
  }
}
