/** Plain counters of a system, read on demand; exporting them is somebody else's business. */
import type { SystemCore } from './core.ts'

/** A snapshot of a system. Totals count from its start. */
export interface SystemStats {
  /** Live now. */
  readonly processes: number
  readonly processesStarted: number
  readonly processesEnded: number
  /** Ended by their own failure. */
  readonly processesCrashed: number
  /** Items handled by processes. */
  readonly messagesDelivered: number
  /** Messages nobody waits for that went nowhere, by reason. */
  readonly messagesDroppedNoproc: number
  readonly messagesDroppedMailboxFull: number
  readonly messagesDroppedNoconnection: number
  /** Let go by a full mailbox with policy `drop_oldest`, calls included. */
  readonly messagesEvicted: number
  /** Waiting for a reply now. */
  readonly callsPending: number
  readonly callsTimedOut: number
  /** Refused because the mailbox was full; calls that were evicted count as messages. */
  readonly callsRefused: number
  /** Refused because they would have waited for themselves. */
  readonly callCycles: number
  /** Stray rejections that were charged to a process. */
  readonly rejectionsCaptured: number
  /** Reports of handlers that took `longHandlerMs` or more; counted only while handlers are measured. */
  readonly handlersLong: number
  /** Armed now. */
  readonly timers: number
  readonly names: number
  readonly tables: number
  /** Refused because a table was full. */
  readonly tableInsertsRefused: number
  readonly monitors: number
  /** Processes with work now. */
  readonly runQueue: number
  /** Turns of the event loop the scheduler took. */
  readonly turns: number
}

/** The counters no other part keeps. */
export class Counters {
  started = 0
  droppedNoproc = 0
  droppedMailboxFull = 0
  droppedNoconnection = 0
  callsRefused = 0
  evicted = 0
}

/** The counters of `core`, wherever they are kept. */
export function statsOf(core: SystemCore, processes: number): SystemStats {
  return {
    processes: processes,
    processesStarted: core.counters.started,
    processesEnded: core.deaths.ended,
    processesCrashed: core.deaths.crashed,
    messagesDelivered: core.scheduler.delivered,
    messagesDroppedNoproc: core.counters.droppedNoproc,
    messagesDroppedMailboxFull: core.counters.droppedMailboxFull,
    messagesDroppedNoconnection: core.counters.droppedNoconnection,
    messagesEvicted: core.counters.evicted,
    callsPending: core.callsPending,
    callsTimedOut: core.callsTimedOut,
    callsRefused: core.counters.callsRefused,
    callCycles: core.cycles.refused,
    rejectionsCaptured: core.rejections.captured,
    handlersLong: core.longHandlers.count,
    timers: core.timers.count,
    names: core.names.size,
    tables: core.tables.size,
    tableInsertsRefused: core.tables.insertsRefused,
    monitors: core.monitors.size,
    runQueue: core.scheduler.queued,
    turns: core.scheduler.turns,
  }
}
