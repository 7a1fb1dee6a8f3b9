/**
 * Monitors: one-way, counted (M-06), each spent by its one DOWN.
 *
 * A record is in up to three places: by reference number here (if a process or a callback of this system
 * owns it), in its owner's `monitoring`, in its target's `monitoredBy` or the remote node's stand-in.
 */
import { ItemKind, Signal } from './item.ts'
import { pushItem } from './mailbox.ts'
import { DEAD } from './process-flags.ts'
import type { Branded } from './brand.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Pid } from './pid.ts'
import type { ProcessCell } from './process.ts'

/** Names a monitor; opaque. Unique together with its node. */
export interface MonitorRef extends Branded<'monitor'> {
  readonly node: string
  readonly id: number
}

/** The only implementation of {@link MonitorRef}. */
export class MonitorRefValue implements MonitorRef {
  readonly node: string
  readonly id: number
  /** What its owner gave it to be told by; it stays with the owner, also when the target lives elsewhere. */
  readonly #tag: unknown
  constructor(node: string, id: number, tag?: unknown) {
    this.node = node
    this.id = id
    this.#tag = tag
  }

  static tagOf(ref: unknown): unknown {
    return ref instanceof MonitorRefValue ? ref.#tag : undefined
  }
}

/** How a monitor is made. */
export interface MonitorOptions {
  /** Comes back as `tag` in DOWN, so that monitors of different kinds are told apart without a table (M-20). */
  readonly tag?: unknown
}

/** The tag of a monitor, for its DOWN. */
export function tagOf(ref: unknown): unknown {
  return MonitorRefValue.tagOf(ref)
}

/** A registered name on another node. */
export interface RemoteName {
  readonly name: string
  readonly node: string
}

/** One monitor. */
export class Monitor {
  readonly ref: MonitorRef
  /** A local owner, the remote owner, or code outside processes. */
  readonly owner: ProcessCell | Pid | ((reason: ExitReason) => void)
  /** The local process it watches. */
  target: ProcessCell | undefined = undefined
  /** What is watched elsewhere. */
  remote: Pid | RemoteName | undefined = undefined
  /** A local process that was dead already; only for the pid in DOWN. */
  lost: Pid | undefined = undefined
  /** The name it was made with. */
  readonly name: string | undefined

  constructor(ref: MonitorRef, owner: Monitor['owner'], name: string | undefined) {
    this.ref = ref
    this.owner = owner
    this.name = name
  }
}

/** Puts DOWN into the owner's mailbox; in order behind everything the target sent before (M-15). */
export function pushDown(owner: ProcessCell, monitor: Monitor, reason: ExitReason): void {
  if ((owner.flags & DEAD) !== 0) return
  pushItem(owner, new Signal(ItemKind.down, monitor.name, reason, watchedPid(monitor), monitor.ref))
}

function watchedPid(monitor: Monitor): Pid | undefined {
  if (monitor.target !== undefined) return monitor.target.pid
  const remote = monitor.remote
  return remote !== undefined && 'id' in remote ? remote : monitor.lost
}

/** How {@link Pid} owners are told from cells and callbacks. */
export function isRemoteOwner(owner: Monitor['owner']): owner is Pid {
  return typeof owner === 'object' && !('core' in owner)
}
