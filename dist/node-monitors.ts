/**
 * Processes that want to know of nodes: `monitorNode` for one node, once (`erlang:monitor_node/2`), `monitorNodes` for
 * all that come and go (`net_kernel:monitor_nodes/2`). They are told by messages:
 *
 *     { type: 'nodeup', node }                 node: 'name@host:port'
 *     { type: 'nodedown', node, reason, permanent }
 *     { type: 'nodegone', node, reason }       to who monitors all: that start of the node never comes back (lost-lives.ts)
 *
 * After each `nodedown` of all nodes comes either `nodegone` or `nodeup` of the same start; `nodegone` at once if it was
 * permanent, and before the `nodeup` of another start in its place.
 *
 * Invariants:
 * - Monitors are counted: two of one owner are two messages. One of `monitorNode` is spent when it has fired.
 * - A node that is not known, or cannot be reached, is `nodedown` at once, but never before the call has returned.
 * - Monitors of an owner end with it, and nothing is left of them.
 */
import { ArgumentError, isPid, type Pid, type System } from '../runtime/index.ts'
import type { ClusterNode, NodeDownReason } from './cluster.ts'
import type { NodeGoneReason } from './lost-lives.ts'
import type { NodeId } from './node-id.ts'

/** What a process gets that monitors nodes. */
export type NodeMessage =
  | { readonly type: 'nodeup'; readonly node: NodeId }
  | {
      readonly type: 'nodedown'
      readonly node: NodeId
      readonly reason: NodeMonitorReason
      /** False when that start of the node may come back: it was not heard of, or its link is lost. */
      readonly permanent: boolean
    }
  | { readonly type: 'nodegone'; readonly node: NodeId; readonly reason: NodeGoneReason }

/** Why a node is down for a monitor: `noconnection` when there was no connection to lose. */
export type NodeMonitorReason = NodeDownReason | 'noconnection'

/** Whose messages an observer wants. */
export interface MonitorNodesOptions {
  /** Also hidden nodes. Default false. */
  readonly hidden?: boolean | undefined
}

interface NodeMonitor {
  readonly owner: Pid
  stopWatching: () => void
  over: boolean
}

/** The monitors of one node. */
export class NodeMonitors {
  readonly #system: System
  /** Of one node each, by its key. */
  readonly #single = new Map<string, Set<NodeMonitor>>()
  readonly #all = new Map<NodeMonitor, boolean>()

  constructor(system: System) {
    this.#system = system
  }

  /** Monitors that stand, to see that nothing is left. */
  get size(): number {
    let size = this.#all.size
    for (const monitors of this.#single.values()) size += monitors.size
    return size
  }

  /** One of a connected node; gives the way to stop. */
  single(keyHex: string, owner: Pid): () => void {
    const monitors = this.#single.get(keyHex) ?? new Set()
    this.#single.set(keyHex, monitors)
    const monitor = this.#monitor(owner, () => {
      monitors.delete(monitor)
      if (monitors.size === 0) this.#single.delete(keyHex)
    })
    monitors.add(monitor)
    return () => this.#end(monitor)
  }

  /** The node is none that could be monitored. */
  missing(node: NodeId, owner: Pid, permanent: boolean): () => void {
    checkOwner(owner)
    let isWanted = true
    this.#system.clock.microtask(() => {
      if (isWanted) this.#tell(owner, { type: 'nodedown', node, reason: 'noconnection', permanent })
    })
    return () => (isWanted = false)
  }

  /** Of all nodes; gives the way to stop. */
  all(owner: Pid, hidden: boolean): () => void {
    const monitor = this.#monitor(owner, () => void this.#all.delete(monitor))
    this.#all.set(monitor, hidden)
    return () => this.#end(monitor)
  }

  up({ id, hidden }: ClusterNode): void {
    this.#tellAll({ type: 'nodeup', node: id }, hidden)
  }

  down({ id, key, hidden }: ClusterNode, reason: NodeDownReason, permanent: boolean): void {
    const message = { type: 'nodedown', node: id, reason, permanent } as const
    for (const monitor of [...(this.#single.get(key.hex) ?? [])]) {
      this.#end(monitor)
      this.#tell(monitor.owner, message)
    }
    this.#tellAll(message, hidden)
  }

  gone({ id, hidden }: ClusterNode, reason: NodeGoneReason): void {
    this.#tellAll({ type: 'nodegone', node: id, reason }, hidden)
  }

  /** The node has stopped: nobody is told any more. */
  close(): void {
    const singles = [...this.#single.values()].flatMap((monitors) => [...monitors])
    for (const monitor of [...singles, ...this.#all.keys()]) this.#end(monitor)
  }

  #monitor(owner: Pid, forget: () => void): NodeMonitor {
    checkOwner(owner)
    const monitor: NodeMonitor = { owner, stopWatching: () => {}, over: false }
    const stop = this.#system.watch(owner, () => this.#end(monitor))
    monitor.stopWatching = () => {
      stop()
      forget()
    }
    return monitor
  }

  #end(monitor: NodeMonitor): void {
    if (monitor.over) return
    monitor.over = true
    monitor.stopWatching()
  }

  #tellAll(message: NodeMessage, hidden: boolean): void {
    for (const [{ owner }, wantsHidden] of this.#all) {
      if (wantsHidden || !hidden) this.#tell(owner, message)
    }
  }

  #tell(owner: Pid, message: NodeMessage): void {
    this.#system.send(owner, message)
  }
}

/** Throws an `ArgumentError` for what can be told nothing. */
export function checkOwner(owner: Pid): void {
  if (!isPid(owner)) throw new ArgumentError('owner', 'a pid', owner)
}
