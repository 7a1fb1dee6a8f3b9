/**
 * How processes end. {@link Deaths.end} marks a process dead at once: it is out of the table, its names are
 * free and nothing can reach it any more. What its death does to others (links, monitors, pending calls)
 * is worked off from a queue, not by recursion, before the outermost `end` returns. So signals act
 * synchronously and a chain of a hundred thousand links does not overflow the stack.
 *
 *     end(A) -> mark A -> bury A: calls fail, timers stop, monitors of A go, EXIT to links -> mark B,
 *               DOWN to monitors, AbortSignal, onExit, report -> bury B -> ...
 */
import { runIn } from './context.ts'
import { exitFate } from './signal.ts'
import { isCleanExit } from './exit-reason.ts'
import { ItemKind, Signal } from './item.ts'
import { LinkSet, remoteLinks, removeLocalLink } from './links.ts'
import { dropItems, pushItem } from './mailbox.ts'
import { isRemoteOwner, pushDown } from './monitors.ts'
import { pidEquals, ProcessPid } from './pid.ts'
import { BUSY, DEAD, TRAPPING } from './process-flags.ts'
import type { SystemCore } from './core.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Monitor } from './monitors.ts'
import type { Pid } from './pid.ts'
import type { ProcessCell, ProcessExtras } from './process.ts'

interface Death {
  readonly cell: ProcessCell
  readonly reason: ExitReason
  /** Its own code ended it, not a signal: only then a bad reason is a crash to report. */
  readonly own: boolean
}

/** Ends processes of one system. */
export class Deaths {
  /** Processes that ended, and those among them that crashed. */
  ended = 0
  crashed = 0
  readonly #core: SystemCore
  readonly #queue: Death[] = []
  #burying = false

  constructor(core: SystemCore) {
    this.#core = core
  }

  /** Ends a process now; a second reason changes nothing (L-23). */
  end(cell: ProcessCell, reason: ExitReason, own: boolean): void {
    if ((cell.flags & DEAD) !== 0) return
    cell.flags = (cell.flags | DEAD) & ~BUSY
    this.ended++
    this.#core.forgetProcess(cell)
    this.#queue.push({ cell, reason, own })
    if (!this.#burying) this.#buryAll()
  }

  /** Lets an exit signal act on `cell`. */
  signal(cell: ProcessCell, from: Pid | undefined, reason: ExitReason, viaLink: boolean): void {
    if ((cell.flags & DEAD) !== 0) return
    const fate = exitFate({
      trapsExit: (cell.flags & TRAPPING) !== 0,
      viaLink,
      fromSelf: from !== undefined && pidEquals(from, cell.pid),
      reason,
    })
    if (fate === 'message') {
      pushItem(cell, new Signal(ItemKind.exit, undefined, reason, from))
    } else if (fate === 'dies') this.end(cell, reason, false)
    else if (fate === 'killed') this.end(cell, 'killed', false)
  }

  /** Tells the owner of `monitor` that its target ended; the monitor is spent. */
  notifyDown(monitor: Monitor, reason: ExitReason): void {
    const { owner } = monitor
    this.#core.monitors.forget(monitor)
    if (typeof owner === 'function') {
      try {
        owner(reason)
      } catch (error) {
        this.#core.reportStray('watch callback', error)
      }
    } else if (isRemoteOwner(owner)) this.#core.gate?.down(monitor.ref, owner, reason)
    else pushDown(owner, monitor, reason)
  }

  #buryAll(): void {
    this.#burying = true
    runIn(undefined, this.#buryQueue) // callbacks run in nobody's name
    this.#queue.length = 0
    this.#burying = false
  }

  readonly #buryQueue = (): void => {
    const queue = this.#queue
    for (let i = 0; i < queue.length; i++) {
      try {
        this.#bury(queue[i]!)
      } catch (error) {
        this.#core.reportStray(`end of ${queue[i]!.cell.label}`, error)
      }
    }
  }

  /** Each part happens whatever becomes of the one before it: a reason may be any value, also a nasty one. */
  #bury({ cell, reason, own }: Death): void {
    const extras = cell.extras
    try {
      for (let call = cell.calls; call !== undefined; call = cell.calls) call.failExit(reason)
      extras?.stopping?.settle(reason)
      dropItems(cell, reason)
    } finally {
      try {
        if (extras !== undefined) this.#dropOwned(extras)
        this.#signalLinks(cell, reason)
        if (extras?.monitoredBy !== undefined) {
          for (const monitor of extras.monitoredBy) this.notifyDown(monitor, reason)
        }
        extras?.abort?.abort(reason)
        extras?.observer?.ended(reason)
      } finally {
        this.#closeProgram(cell, reason)
        ProcessPid.attach(cell.pid, undefined)
        cell.extras = undefined
        const crashed = own && !isCleanExit(reason)
        if (crashed) this.#report(cell, reason)
        this.#core.processEnded(cell, reason, crashed)
      }
    }
  }

  #dropOwned(extras: ProcessExtras): void {
    if (extras.timers !== undefined) {
      for (const timer of extras.timers) timer.cancel()
    }
    if (extras.monitoring !== undefined) {
      for (const monitor of extras.monitoring) this.#core.monitors.drop(monitor)
    }
    if (extras.tables !== undefined) this.#core.tables.ownerEnded(extras.tables)
    extras.receiver = undefined
  }

  #signalLinks(cell: ProcessCell, reason: ExitReason): void {
    const links = cell.links
    if (links === undefined) return
    if (!(links instanceof LinkSet)) {
      cell.links = undefined
      removeLocalLink(links, cell)
      this.signal(links, cell.pid, reason, true)
      return
    }
    const remotes = remoteLinks(cell)
    cell.links = undefined
    for (const peer of links.local) {
      removeLocalLink(peer, cell)
      this.signal(peer, cell.pid, reason, true)
    }
    for (const peer of remotes) {
      this.#core.remote.forgetLink(cell, peer)
      this.#core.gate?.exit(peer, cell.pid, reason, true)
    }
  }

  #closeProgram(cell: ProcessCell, reason: ExitReason): void {
    try {
      cell.program.onExit?.(cell, reason)
    } catch (error) {
      this.#core.reportStray(`onExit of ${cell.label}`, error)
    }
    cell.state = undefined
  }

  #report(cell: ProcessCell, reason: ExitReason): void {
    this.crashed++
    this.#core.report(
      { pid: cell.pid.toString(), label: cell.label, reason, message: cell.lastName },
      'process crashed',
    )
  }
}
