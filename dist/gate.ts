/**
 * The runtime's door to other nodes: finds the channel to the node of a pid and hands the signal to it. A node without one is
 * dialled, or is `noconnection` (`channels.ts`).
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
import type { Mesh } from '../mesh/index.ts'
import { Channels } from './channels.ts'
import { isTargetName, type WireTarget } from './control.ts'
import { DistRefusedError } from './errors.ts'
import { Farewell } from './farewell.ts'
import type { RelayEvent } from './hand-over.ts'
import type { NodeDirectory } from './node-directory.ts'
import type { PeerHost, PeerLink } from './peer-link.ts'

/** The gate of one node. */
export class DistGate implements RemoteGate {
  readonly #system: System
  readonly #directory: NodeDirectory
  readonly #channels: Channels
  /** Names that stand behind pids made by {@link DistGate.namedPid}. */
  readonly #names = new WeakMap<Pid, string>()
  /** Node ids that were used instead of keys in `{ name, node }`, by key. */
  readonly #aliases = new Map<string, Set<string>>()

  constructor(host: PeerHost, mesh: Mesh, directory: NodeDirectory) {
    this.#system = host.system
    this.#directory = directory
    this.#channels = new Channels({
      ...{ host, mesh, directory },
      lost: (keyHex) => this.#connectionLost(keyHex),
      // A monitor of a name is known to its channel.
      isWatched: (keyHex) => this.#system.inbound.isConnected(keyHex),
    })
  }

  /** Takes over the frames and links of the mesh. */
  open(): void {
    this.#channels.open()
    this.#system.setRemote(this)
  }

  /** See `Channels.leave`. */
  leave(): Promise<void> {
    return this.#channels.leave()
  }

  /** See `Channels.leaveRelayed`. */
  leaveRelayed(): Promise<void> | undefined {
    return this.#channels.leaveRelayed()
  }

  /** That node is asked to begin nothing new; resolves when all its calls that reached this one are answered. */
  leavePeer(keyHex: string): Promise<void> {
    const peer = this.#channels.get(keyHex)
    return new Farewell(peer === undefined ? [] : [peer]).over
  }

  /** Gives everything up; every peer is `noconnection` from now on. */
  close(): void {
    if (!this.#channels.isOpen) return
    this.#channels.close()
    this.#system.setRemote(undefined)
  }

  /** The channel to a node, if there is one. */
  peer(keyHex: string): PeerLink | undefined {
    return this.#channels.get(keyHex)
  }

  /** Every channel. */
  peers(): Iterable<PeerLink> {
    return this.#channels.all()
  }

  /** Whether that node is spoken to through others. */
  isRelayed(keyHex: string): boolean {
    return this.#channels.isRelayed(keyHex)
  }

  /** Calls `handler` when a node comes within reach through others or is lost there; gives the way to stop. */
  onRelay(handler: (event: RelayEvent) => void): () => void {
    return this.#channels.onRelay(handler)
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
    const peer = this.#channels.get(keyHex)
    if (peer !== undefined) {
      action(peer)
      return true
    }
    return this.#channels.wait(keyHex, () => {
      const linked = this.#channels.get(keyHex)
      if (linked === undefined) failed()
      else action(linked)
    })
  }

  // --- RemoteGate -----------------------------------------------------------------------------

  send(to: Pid, message: unknown): boolean {
    const peer = this.#channels.get(to.node)
    if (peer === undefined)
      return this.#channels.wait(to.node, () => void this.#sendLinked(to, message))
    const target = this.#target(peer, to)
    return target !== undefined && peer.send(target, message)
  }

  cast(to: Pid, name: string | undefined, input: unknown): boolean {
    const peer = this.#channels.get(to.node)
    if (peer === undefined)
      return this.#channels.wait(to.node, () => void this.#castLinked(to, name, input))
    const target = this.#target(peer, to)
    return target !== undefined && peer.cast(target, name, input)
  }

  call(call: Call, to: Pid): void {
    const peer = this.#channels.get(to.node)
    if (peer === undefined) {
      const dialling = this.#channels.wait(to.node, () => {
        // A wait in vain has settled it: the node is lost.
        if (!call.settled) this.call(call, to)
      })
      if (!dialling) call.fail(this.#unreachable(call, to.node))
      return
    }
    const target = this.#target(peer, to)
    if (target === undefined) call.fail(new CallExitError(call, 'noconnection'))
    else peer.call(call, target)
  }

  callSettled(call: Call): void {
    const peer = this.#channels.get(call.server.node)
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
    this.#channels.get(owner.node)?.down(ref.id, owner.id, reason)
  }

  #signal(keyHex: string, action: (peer: PeerLink) => void, broken?: () => void): void {
    const isTried = this.whenLinked(keyHex, action, () => {})
    if (!isTried && broken !== undefined) this.#later(broken)
  }

  // --- loss -----------------------------------------------------------------------------------

  #connectionLost(keyHex: string): void {
    const { inbound } = this.#system
    inbound.connectionLost(keyHex)
    for (const alias of this.#aliases.get(keyHex) ?? []) inbound.connectionLost(alias)
    this.#aliases.delete(keyHex)
  }

  // --- who ------------------------------------------------------------------------------------

  #sendLinked(to: Pid, message: unknown): boolean {
    return this.peer(to.node) !== undefined && this.send(to, message)
  }

  #castLinked(to: Pid, name: string | undefined, input: unknown): boolean {
    return this.peer(to.node) !== undefined && this.cast(to, name, input)
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
    const full = this.#channels.isAwaited(keyHex)
    if (!full) return new CallExitError(call, 'noconnection')
    return new DistRefusedError('ERR_PEER_BACKLOG', 'too many messages wait for the link')
  }

  /** After the caller has its reference, as a signal that travelled would come. */
  #later(fn: () => void): void {
    this.#system.clock.microtask(fn)
  }
}
