/**
 * The seam between a system and distribution. Outgoing signals to other nodes go through a
 * {@link RemoteGate}; incoming ones come through {@link Inbound}. The runtime keeps its own side of every
 * link, monitor and call that crosses nodes, so that a lost connection is one call: `connectionLost`
 * reports `noconnection` once to each of them and forgets them.
 */
import { CallExitError } from './errors.ts'
import { addRemoteLink, hasRemoteLinks, linkCount, remoteLinks, removeRemoteLink } from './links.ts'
import { Call, requestTag } from './call.ts'
import { isRemoteOwner, Monitor } from './monitors.ts'
import { pidEquals } from './pid.ts'
import type { Callee } from './call.ts'
import type { SystemCore } from './core.ts'
import type { ExitReason } from './exit-reason.ts'
import type { MonitorRef, RemoteName } from './monitors.ts'
import type { Pid } from './pid.ts'
import type { ProcessCell } from './process.ts'

/** What distribution does for a system. None of it may throw. */
export interface RemoteGate {
  /** False if it cannot be sent now. */
  send(to: Pid, message: unknown): boolean
  cast(to: Pid, name: string | undefined, input: unknown): boolean
  /** Must settle the call sooner or later. */
  call(call: Call, to: Pid): void
  /** The call timed out or was aborted here: forget it. */
  callSettled(call: Call): void
  exit(to: Pid, from: Pid | undefined, reason: ExitReason, viaLink: boolean): void
  link(from: Pid, to: Pid): void
  unlink(from: Pid, to: Pid): void
  monitor(ref: MonitorRef, from: Pid | undefined, to: Pid | RemoteName): void
  demonitor(ref: MonitorRef, from: Pid | undefined, to: Pid | RemoteName): void
  /** A local process that `owner` monitored ended. */
  down(ref: MonitorRef, owner: Pid, reason: ExitReason): void
  /** A pid that stands for whoever has `name` on `node` when something reaches it. */
  namedPid?(node: string, name: string): Pid
}

/** Where the outcome of a call from another node goes. */
export interface InboundCallOptions {
  /** How long the outcome is of use; Infinity if the other node keeps the deadline. */
  readonly timeoutMs: number
  /** Takes the reply; must not throw. */
  readonly reply: (value: unknown) => void
  /** Takes the failure; must not throw. */
  readonly fail: (error: unknown) => void
  /** The calling process. */
  readonly from?: Pid | undefined
}

/** What distribution tells a system. */
export interface Inbound {
  send(to: Pid | string, message: unknown): void
  cast(to: Pid | string, name: string | undefined, input: unknown): boolean
  /** The queued call, or undefined if it was failed at once. */
  call(
    to: Pid | string,
    name: string | undefined,
    input: unknown,
    options: InboundCallOptions,
  ): Call | undefined
  link(from: Pid, to: Pid): void
  unlink(from: Pid, to: Pid): void
  exit(from: Pid | undefined, to: Pid, reason: ExitReason, viaLink: boolean): void
  monitor(ref: MonitorRef, from: Pid, to: Pid | string): void
  demonitor(ref: MonitorRef, from: Pid): void
  down(ref: MonitorRef, reason: ExitReason): void
  /** Whether a link, monitor or call lies between here and `node`. */
  isConnected(node: string): boolean
  /** Every link, monitor and call between here and `node` is broken, once. */
  connectionLost(node: string): void
}

/** Our records of one other node; the callee of calls to it. */
class RemotePeer implements Callee {
  readonly core: SystemCore
  calls: Call | undefined = undefined
  /** Local processes with a link to that node. */
  readonly linked: Set<ProcessCell> = new Set<ProcessCell>()
  /** Monitors owned here, watching there. */
  readonly watching: Set<Monitor> = new Set<Monitor>()
  /** Monitors owned there, watching here, by {@link refKey}. */
  readonly watchers: Map<string, Monitor> = new Map<string, Monitor>()

  constructor(core: SystemCore) {
    this.core = core
  }
  forget(call: Call): void {
    this.core.gate?.callSettled(call)
  }
}

const refKey = (ref: MonitorRef): string => `${ref.node}/${ref.id}`

/** The remote half of a system. */
export class Remote implements Inbound {
  readonly #core: SystemCore
  readonly #peers = new Map<string, RemotePeer>()

  constructor(core: SystemCore) {
    this.#core = core
  }

  #peer(node: string): RemotePeer {
    let peer = this.#peers.get(node)
    if (peer === undefined) this.#peers.set(node, (peer = new RemotePeer(this.#core)))
    return peer
  }

  // --- outgoing -------------------------------------------------------------------------------

  callOut(call: Call, to: Pid): void {
    const { gate, stopped } = this.#core
    if (gate === undefined || stopped) {
      call.failExit('noconnection')
      return
    }
    call.join(this.#peer(to.node))
    gate.call(call, to)
  }

  /** Links a local process to one elsewhere; a dead one answers later with EXIT noproc. */
  linkOut(cell: ProcessCell, to: Pid): void {
    const { gate } = this.#core
    if (gate === undefined) this.#core.deaths.signal(cell, to, 'noconnection', true)
    else if (this.addLink(cell, to)) gate.link(cell.pid, to)
  }

  /** Our half of a link only; false if it was there. */
  addLink(cell: ProcessCell, peer: Pid): boolean {
    if (!addRemoteLink(cell, peer)) return false
    this.#peer(peer.node).linked.add(cell)
    return true
  }

  unlinkOut(cell: ProcessCell, from: Pid): void {
    if (!removeRemoteLink(cell, from)) return
    this.forgetLink(cell, from)
    this.#core.gate?.unlink(cell.pid, from)
  }

  /** After our half of a link was removed. */
  forgetLink(cell: ProcessCell, pid: Pid): void {
    if (!hasRemoteLinks(cell, pid.node)) this.#peers.get(pid.node)?.linked.delete(cell)
  }

  monitorOut(monitor: Monitor, owner: Pid | undefined, to: Pid | RemoteName): void {
    monitor.remote = to
    const { gate } = this.#core
    if (gate === undefined) {
      this.#core.deaths.notifyDown(monitor, 'noconnection')
      return
    }
    this.#peer(to.node).watching.add(monitor)
    gate.monitor(monitor.ref, owner, to)
  }

  forgetMonitor(monitor: Monitor): void {
    if (monitor.remote !== undefined) {
      this.#peers.get(monitor.remote.node)?.watching.delete(monitor)
    } else if (isRemoteOwner(monitor.owner)) {
      this.#peers.get(monitor.owner.node)?.watchers.delete(refKey(monitor.ref))
    }
  }

  /** Fails every pending call to other nodes; the system stops. */
  close(): void {
    for (const peer of this.#peers.values()) {
      for (let call = peer.calls; call !== undefined; call = peer.calls) {
        call.failExit('noconnection')
      }
    }
    this.#peers.clear()
  }

  // --- incoming -------------------------------------------------------------------------------

  send(to: Pid | string, message: unknown): void {
    this.#core.sendLocal(to, message)
  }

  cast(to: Pid | string, name: string | undefined, input: unknown): boolean {
    return this.#core.castLocal(to, name, input)
  }

  call(
    to: Pid | string,
    name: string | undefined,
    input: unknown,
    options: InboundCallOptions,
  ): Call | undefined {
    const cell = this.#core.live(to)
    if (cell === undefined) {
      options.fail(new CallExitError({ server: to, request: requestTag(name, input) }, 'noproc'))
      return undefined
    }
    const { from, timeoutMs, reply, fail } = options
    const call = new Call(name, input, from, cell.pid, timeoutMs, reply, fail)
    return this.#core.enterCall(cell, call) ? call : undefined
  }

  link(from: Pid, to: Pid): void {
    const cell = this.#core.live(to)
    const { gate } = this.#core
    if (cell === undefined) gate?.exit(from, to, 'noproc', true)
    else if (linkCount(cell) >= this.#core.options.linksPerProcessMax) {
      gate?.exit(from, to, 'system_limit', true)
    } else this.addLink(cell, from)
  }

  unlink(from: Pid, to: Pid): void {
    const cell = this.#core.live(to)
    if (cell !== undefined && removeRemoteLink(cell, from)) this.forgetLink(cell, from)
  }

  exit(from: Pid | undefined, to: Pid, reason: ExitReason, viaLink: boolean): void {
    const cell = this.#core.live(to)
    if (cell === undefined) return
    if (viaLink) {
      // A link that is not there any more was removed by unlink: its signal must not arrive (L-13).
      if (from === undefined || !removeRemoteLink(cell, from)) return
      this.forgetLink(cell, from)
    }
    this.#core.deaths.signal(cell, from, reason, viaLink)
  }

  monitor(ref: MonitorRef, from: Pid, to: Pid | string): void {
    const { gate } = this.#core
    const cell = this.#core.live(to)
    if (cell === undefined) {
      gate?.down(ref, from, 'noproc')
      return
    }
    const { watchers } = this.#peer(from.node)
    if (watchers.has(refKey(ref))) return
    const watchedBy = (cell.more().monitoredBy ??= new Set())
    if (watchedBy.size >= this.#core.options.monitorsPerProcessMax) {
      gate?.down(ref, from, 'system_limit')
      return
    }
    const monitor = new Monitor(ref, from, typeof to === 'string' ? to : undefined)
    monitor.target = cell
    watchedBy.add(monitor)
    watchers.set(refKey(ref), monitor)
  }

  demonitor(ref: MonitorRef, from: Pid): void {
    const monitor = this.#peers.get(from.node)?.watchers.get(refKey(ref))
    if (monitor === undefined || !isRemoteOwner(monitor.owner)) return
    if (pidEquals(monitor.owner, from)) this.#core.monitors.drop(monitor)
  }

  down(ref: MonitorRef, reason: ExitReason): void {
    const monitor = this.#core.monitors.find(ref)
    if (monitor?.remote !== undefined) this.#core.deaths.notifyDown(monitor, reason)
  }

  isConnected(node: string): boolean {
    const peer = this.#peers.get(node)
    if (peer === undefined) return false
    const { calls, linked, watching, watchers } = peer
    return calls !== undefined || linked.size > 0 || watching.size > 0 || watchers.size > 0
  }

  connectionLost(node: string): void {
    const peer = this.#peers.get(node)
    if (peer === undefined) return
    this.#peers.delete(node)
    for (let call = peer.calls; call !== undefined; call = peer.calls) {
      call.failExit('noconnection')
    }
    for (const monitor of peer.watchers.values()) this.#core.monitors.forget(monitor)
    for (const cell of peer.linked) {
      for (const pid of remoteLinks(cell, node)) {
        removeRemoteLink(cell, pid)
        this.#core.deaths.signal(cell, pid, 'noconnection', true)
      }
    }
    for (const monitor of peer.watching) {
      this.#core.deaths.notifyDown(monitor, 'noconnection')
    }
  }
}
