/**
 * The monitors of one system: made, removed, found by their ref. A monitor whose target is not there
 * fires at once (M-03, M-05); one that a process sets on itself never fires (M-12).
 */
import { ArgumentError, LimitError, NoProcessError } from './errors.ts'
import { ItemKind } from './item.ts'
import { takeMatching } from './mailbox.ts'
import { isRemoteOwner, Monitor, MonitorRefValue } from './monitors.ts'
import { isPid, pidEquals } from './pid.ts'
import { SCANNING } from './process-flags.ts'
import { ProcessCell } from './process.ts'
import type { Call } from './call.ts'
import type { SystemCore } from './core.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Message } from './item.ts'
import type { MonitorRef, RemoteName, MonitorOptions } from './monitors.ts'
import type { Pid } from './pid.ts'
import type { DemonitorOptions, MonitorTarget } from './system.ts'

/** All monitors that something of this system owns. */
export class MonitorTable {
  readonly #core: SystemCore
  readonly #byId = new Map<number, Monitor>()

  constructor(core: SystemCore) {
    this.#core = core
  }

  get size(): number {
    return this.#byId.size
  }

  find(ref: MonitorRef): Monitor | undefined {
    const monitor = this.#byId.get(ref.id)
    return monitor?.ref.node === ref.node ? monitor : undefined
  }

  monitor(owner: Pid, target: MonitorTarget, options?: MonitorOptions): MonitorRef {
    checkTarget(target)
    const cell = this.checkOwner(owner)
    const monitor = this.#make(cell, typeof target === 'string' ? target : undefined, options?.tag)
    if (isPid(target) && pidEquals(owner, target)) return monitor.ref
    ;(cell.more().monitoring ??= new Set<Monitor>()).add(monitor)
    this.#byId.set(monitor.ref.id, monitor)
    this.#point(monitor, cell.pid, target)
    return monitor.ref
  }

  demonitor(ref: MonitorRef, options: DemonitorOptions = {}): boolean {
    const monitor = this.find(ref)
    const { owner } = options
    const strangers = owner !== undefined && monitor !== undefined && !owns(monitor, owner)
    if (strangers) return options.info !== true
    if (monitor !== undefined) this.drop(monitor)
    if (options.flush === true) this.#flush(ref, owner)
    return monitor !== undefined || options.info !== true
  }

  watch(target: Pid, callback: (reason: ExitReason) => void): () => void {
    checkTarget(target)
    let over = false
    const monitor = this.#make((reason) => {
      if (!over) callback(reason)
    }, undefined)
    this.#byId.set(monitor.ref.id, monitor)
    const reason = this.#lostReason(target)
    if (reason === undefined) this.#point(monitor, undefined, target)
    else this.#core.clock.microtask(() => this.#core.deaths.notifyDown(monitor, reason))
    return () => {
      over = true
      this.drop(monitor)
    }
  }

  /** Takes a monitor out of every place; it is spent. */
  forget(monitor: Monitor): void {
    const { owner, target } = monitor
    if (!isRemoteOwner(owner)) this.#byId.delete(monitor.ref.id)
    if (owner instanceof ProcessCell) owner.extras?.monitoring?.delete(monitor)
    target?.extras?.monitoredBy?.delete(monitor)
    this.#core.remote.forgetMonitor(monitor)
  }

  /** Removes a monitor before it fired, and tells the other node if the target lives there. */
  drop(monitor: Monitor): void {
    const active = this.#byId.has(monitor.ref.id)
    this.forget(monitor)
    if (!active || monitor.remote === undefined) return
    const owner = monitor.owner instanceof ProcessCell ? monitor.owner.pid : undefined
    this.#core.gate?.demonitor(monitor.ref, owner, monitor.remote)
  }

  /** The process of `owner`; throws unless it may own one more monitor. */
  checkOwner(owner: Pid): ProcessCell {
    const cell = this.#core.live(owner)
    if (cell === undefined) {
      if (this.#core.foreign(owner) === undefined) throw new NoProcessError(owner, 'monitor')
      throw new ArgumentError('owner', 'a local process', owner)
    }
    const max = this.#core.options.monitorsPerProcessMax
    if ((cell.extras?.monitoring?.size ?? 0) >= max) {
      throw new LimitError('ERR_MONITORS_MAX', 'monitorsPerProcessMax', max)
    }
    return cell
  }

  #make(owner: Monitor['owner'], name: string | undefined, tag?: unknown): Monitor {
    const ref = new MonitorRefValue(this.#core.node, this.#core.nextId(), tag)
    return new Monitor(ref, owner, name)
  }

  /** Why `target` cannot be watched; undefined if it can. */
  #lostReason(target: Pid): 'noproc' | 'noconnection' | undefined {
    if (this.#core.live(target) !== undefined) return undefined
    if (target.node === this.#core.node) return 'noproc'
    return this.#core.gate === undefined ? 'noconnection' : undefined
  }

  /** Points `monitor` at its target, or fires it. */
  #point(monitor: Monitor, owner: Pid | undefined, target: MonitorTarget): void {
    const { node, deaths, remote } = this.#core
    const local = isRemoteName(target) && target.node === node ? target.name : target
    if (isRemoteName(local)) {
      remote.monitorOut(monitor, owner, local)
      return
    }
    const cell = this.#core.live(local)
    if (cell !== undefined) {
      monitor.target = cell
      ;(cell.more().monitoredBy ??= new Set<Monitor>()).add(monitor)
    } else if (typeof local === 'string') deaths.notifyDown(monitor, 'noproc')
    else if (local.node !== node) remote.monitorOut(monitor, owner, local)
    else {
      monitor.lost = local
      deaths.notifyDown(monitor, 'noproc')
    }
  }

  /** Removes a queued DOWN. Without an owner every mailbox is searched. */
  #flush(ref: MonitorRef, owner: Pid | undefined): void {
    const isDown = (item: Message | Call): boolean =>
      item.kind === ItemKind.down && item.ref?.id === ref.id && item.ref.node === ref.node
    const cell = owner === undefined ? undefined : this.#core.live(owner)
    for (const each of cell === undefined ? this.#core.cells() : [cell]) {
      if ((each.flags & SCANNING) !== 0) continue // nothing may be taken out of its queues now
      if (takeMatching(each, each, isDown) !== undefined) return
      const saved = each.extras?.receiver
      if (saved !== undefined && takeMatching(each, saved, isDown) !== undefined) return
    }
  }
}

function owns(monitor: Monitor, pid: Pid): boolean {
  return monitor.owner instanceof ProcessCell && pidEquals(monitor.owner.pid, pid)
}

function isRemoteName(target: MonitorTarget): target is RemoteName {
  return typeof target === 'object' && !isPid(target)
}

/** M-19. */
function checkTarget(target: unknown): void {
  if (typeof target === 'string' || isPid(target)) return
  const parts = target as Partial<RemoteName> | null | undefined
  if (
    typeof parts === 'object' &&
    typeof parts?.name === 'string' &&
    typeof parts.node === 'string'
  )
    return
  throw new ArgumentError('target', 'a pid, a name or { name, node }', target)
}
