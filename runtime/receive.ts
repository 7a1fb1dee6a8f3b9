/**
 * Selective receive for plain processes. The process is busy except while it waits in `receive`; then
 * the scheduler offers it one item after the other, within the message budget like everybody else's, and
 * what does not match goes to a save queue that the next receive looks at first (P-09).
 */
import { ArgumentError, FoveaError, ReceiveTimeoutError } from './errors.ts'
import { ItemKind, USER_KIND_MAX } from './item.ts'
import { appendItem, takeMatching } from './mailbox.ts'
import { BUSY, DEAD, SCANNING } from './process-flags.ts'
import { checkDelay } from './timer.ts'
import type { Call } from './call.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Message } from './item.ts'
import type { ItemList } from './mailbox.ts'
import { tagOf } from './monitors.ts'
import type { MonitorRef } from './monitors.ts'
import type { Pid } from './pid.ts'
import type { ProcessCell } from './process.ts'
import type { TimerRef } from './timer.ts'

/** What `receive` yields for anything that is not a plain message. */
export type Received =
  | { readonly type: 'exit'; readonly from: Pid | undefined; readonly reason: ExitReason }
  | {
      readonly type: 'down'
      readonly ref: MonitorRef
      readonly pid: Pid | undefined
      readonly name: string | undefined
      readonly reason: ExitReason
      /** As given to `monitor`. */
      readonly tag?: unknown
    }
  | { readonly type: 'timeout'; readonly ref: TimerRef; readonly message: unknown }
  | { readonly type: 'cast'; readonly name: string | undefined; readonly input: unknown }
  | {
      readonly type: 'call'
      readonly name: string | undefined
      readonly input: unknown
      readonly call: Call
    }

/** How long to wait for a match. */
export interface ReceiveOptions {
  /** Rejects with `ERR_RECEIVE_TIMEOUT` after this; 0 only looks at what is queued. */
  readonly timeoutMs?: number | undefined
}

/** Decides whether a value is taken. */
export type Match = (value: unknown) => boolean

interface Waiting {
  readonly match: Match | undefined
  readonly resolve: (value: unknown) => void
  /** Cancels the deadline. */
  readonly cancel: (() => void) | undefined
}

/** The receiving side of one plain process. */
export class Receiver implements ItemList {
  /** The save queue. */
  head: Message | Call | undefined = undefined
  tail: Message | Call | undefined = undefined
  readonly #cell: ProcessCell
  #waiting: Waiting | undefined

  constructor(cell: ProcessCell) {
    this.#cell = cell
  }

  /** Items in the save queue. */
  get saved(): number {
    let count = 0
    for (let item = this.head; item !== undefined; item = item.next) count++
    return count
  }

  receive(match: Match | undefined, options: ReceiveOptions = {}): Promise<unknown> {
    if (match !== undefined && typeof match !== 'function') {
      throw new ArgumentError('match', 'a function', match)
    }
    // A `match` that receives would take out of the list that it looks through.
    if (this.#waiting !== undefined || (this.#cell.flags & SCANNING) !== 0) {
      throw new FoveaError('ERR_RECEIVE_PENDING', 'an earlier receive of this process still waits')
    }
    const { timeoutMs } = options
    const found = this.#take(this, match) ?? (timeoutMs === 0 && this.#take(this.#cell, match))
    if (found) return Promise.resolve(valueOf(found))
    if (timeoutMs === 0) return Promise.reject(new ReceiveTimeoutError(0))
    return new Promise((resolve, reject) => {
      this.#waiting = { match, resolve, cancel: this.#deadline(timeoutMs, match, resolve, reject) }
      this.#cell.core.scheduler.release(this.#cell)
    })
  }

  /** The next item of the mailbox, while the process waits. */
  offer(item: Message | Call): void {
    const waiting = this.#waiting
    const value = valueOf(item)
    if (waiting !== undefined && (waiting.match === undefined || waiting.match(value))) {
      this.#endWaiting()
      this.#takeInHand(item)
      waiting.cancel?.()
      waiting.resolve(value)
      return
    }
    if (item.kind <= USER_KIND_MAX) this.#cell.userItems++
    appendItem(this, item)
  }

  #endWaiting(): void {
    this.#waiting = undefined
    this.#cell.flags |= BUSY
    this.#cell.core.options.watch?.busy(this.#cell)
  }

  #take(list: ItemList, match: Match | undefined): Message | Call | undefined {
    const cell = this.#cell
    cell.flags |= SCANNING // `match` may send to its own process, and a full mailbox may let something go
    try {
      const found = takeMatching(
        cell,
        list,
        (item) => item.kind !== ItemKind.system && (match === undefined || match(valueOf(item))),
      )
      if (found === undefined) return undefined
      if (list === cell) cell.extras?.observer?.taken(found)
      this.#takeInHand(found)
      return found
    } finally {
      cell.flags &= ~SCANNING
    }
  }

  /** A call that was received counts as owed by this process until the next one is, or it waits again. */
  #takeInHand(item: Message | Call): void {
    if (item.kind === ItemKind.call) this.#cell.more().inHand = item
  }

  #deadline(
    timeoutMs: number | undefined,
    match: Match | undefined,
    resolve: (value: unknown) => void,
    reject: (error: unknown) => void,
  ): (() => void) | undefined {
    if (timeoutMs === undefined || timeoutMs === Infinity) return undefined
    checkDelay(timeoutMs, 'timeoutMs')
    const { core } = this.#cell
    const expire = (): void => {
      if ((this.#cell.flags & DEAD) !== 0) return
      // A suspended process does nothing; the deadline counts when it goes on.
      if (this.#cell.extras?.suspension?.later(expire) === true) return
      // What is queued was there before the deadline was seen, so it wins.
      const found = this.#take(this.#cell, match)
      this.#endWaiting()
      if (found === undefined) reject(new ReceiveTimeoutError(timeoutMs))
      else resolve(valueOf(found))
    }
    const ref = core.setTimer(this.#cell, timeoutMs, expire)
    return () => core.cancelTimer(ref)
  }
}

/** An item as a plain process sees it. */
function valueOf(item: Message | Call): unknown {
  switch (item.kind) {
    case ItemKind.exit:
      return { type: 'exit', from: item.from, reason: item.value } satisfies Received
    case ItemKind.down: {
      const { ref, from: pid, name, value: reason } = item
      const tag = tagOf(ref)
      return { type: 'down', ref: ref as MonitorRef, pid, name, reason, tag } satisfies Received
    }
    case ItemKind.timer:
      return {
        type: 'timeout',
        ref: item.ref as TimerRef,
        message: item.value,
      } satisfies Received
    case ItemKind.cast:
      return { type: 'cast', name: item.name, input: item.value } satisfies Received
    case ItemKind.call:
      return { type: 'call', name: item.name, input: item.input, call: item } satisfies Received
    case ItemKind.info:
    case ItemKind.stop:
    case ItemKind.timeout:
    case ItemKind.init:
    case ItemKind.system:
      return item.value
  }
}
