/**
 * A call: one object is the message in the callee's mailbox, the deadline's node in the timer wheel and
 * the callee's pending entry, so a call costs two allocations, itself and its promise.
 *
 * Settled exactly once, by whichever comes first: `reply`, `fail`, the deadline, the caller's signal or the
 * callee's death. Everything later returns false and is dropped (G-22, G-23; deviation from G-23b).
 * A call settled while it is queued is skipped, so a timed-out request is not executed (NX-L8).
 */
import { rejectAs } from './context.ts'
import { CallAbortedError, CallExitError, CallTimeoutError } from './errors.ts'
import { ItemKind } from './item.ts'
import { ProcessPid } from './pid.ts'
import { NOT_TIMED } from './timer-wheel.ts'
import type { FailedCall } from './errors.ts'
import type { AbortGroup } from './abort-groups.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Message } from './item.ts'
import type { ProcessCell } from './process.ts'
import type { Pid } from './pid.ts'
import type { Timed } from './timer-wheel.ts'
import type { Timers } from './timer.ts'

/** How a call is made. */
export interface CallOptions {
  /** Until a reply is given up; default the system's `callTimeoutMs`. Infinity waits for ever. */
  readonly timeoutMs?: number | undefined
  /** Gives the call up when aborted. */
  readonly signal?: AbortSignal | undefined
  /** The calling process; by default the one running synchronously. */
  readonly from?: Pid | undefined
}

/** What a call needs of the system it was made in. */
export interface CallHost {
  readonly timers: Timers
  callsPending: number
  callsTimedOut: number
}

/** Who owes the reply: a process, or the stand-in for another node. */
export interface Callee {
  readonly core: CallHost
  /** First of its pending calls. */
  calls: Call | undefined
  /** Told when a call was given up here; only another node's stand-in has it. */
  forget?(call: Call): void
}

// V8 folds a constant of the module it is used in, but loads an imported one anew at each use.
const CALL: typeof ItemKind.call = ItemKind.call
const OUT: number = NOT_TIMED

// A promise hands out its two functions only to an executor. One shared executor that puts them into the
// call being made saves a closure per call; it runs within `new Promise`, never later.
const making: { call: Call | undefined } = { call: undefined }
const takeSettlers = (
  resolve: (value: unknown) => void,
  reject: (error: unknown) => void,
): void => {
  making.call!.resolve = resolve
  making.call!.reject = reject
}

/** A request that waits for its reply; handlers get it as a mailbox item. */
export class Call implements FailedCall {
  // Fields are declared, not defined: a definition would store each of them twice per call.
  declare readonly kind: typeof ItemKind.call
  declare readonly name: string | undefined
  declare readonly input: unknown
  /** The calling process, if known. */
  declare readonly from: Pid | undefined
  /** The process that owes the reply. */
  declare readonly server: Pid
  /** @internal */
  declare next: Message | Call | undefined
  /** @internal */
  declare callee: Callee | undefined
  /** @internal */
  declare resolve: ((value: unknown) => void) | undefined
  /** @internal */
  declare reject: ((error: unknown) => void) | undefined
  /** @internal */
  declare pendingPrev: Call | undefined
  /** @internal */
  declare pendingNext: Call | undefined
  /** @internal */
  declare readonly delayMs: number
  /** @internal */
  declare at: number
  /** @internal */
  declare slot: number
  /** @internal */
  declare timedPrev: Timed | undefined
  /** @internal */
  declare timedNext: Timed | undefined
  /** @internal Those who wait for the same signal of the caller. */
  declare aborts: AbortGroup | undefined
  /** @internal The caller, if it counts as a wait of its: only in a simulation. */
  declare waiter: ProcessCell | undefined
  /** Its number on the wire, for the gate that carries it to another node; 0 before. */
  declare wireId: number

  constructor(
    name: string | undefined,
    input: unknown,
    from: Pid | undefined,
    server: Pid,
    timeoutMs: number,
    resolve?: (value: unknown) => void,
    reject?: (error: unknown) => void,
  ) {
    this.kind = CALL
    this.name = name
    this.input = input
    this.from = from
    this.server = server
    this.next = undefined
    this.callee = undefined
    this.resolve = resolve
    this.reject = reject
    this.pendingPrev = undefined
    this.pendingNext = undefined
    this.delayMs = timeoutMs
    this.at = 0
    this.slot = OUT
    this.timedPrev = undefined
    this.timedNext = undefined
    this.aborts = undefined
    this.waiter = undefined
    this.wireId = 0
  }

  /** Milliseconds the caller waits. */
  get timeoutMs(): number {
    return this.delayMs
  }
  /** Whether it has its answer. */
  get settled(): boolean {
    return this.resolve === undefined
  }
  /** For error messages: the name, or the `type` of the input. */
  get request(): string | undefined {
    return requestTag(this.name, this.input)
  }

  /** Answers the caller; false if the call was settled before. */
  reply(value: unknown): boolean {
    const resolve = this.resolve
    if (resolve === undefined) return false
    this.#leave()
    resolve(value)
    return true
  }

  /** Rejects the caller's promise with `error`; false if the call was settled before. */
  fail(error: unknown): boolean {
    const reject = this.reject
    if (reject === undefined) return false
    this.#leave()
    rejectAs(this.from, reject, error)
    return true
  }

  /** @internal The callee ended. */
  failExit(reason: ExitReason): void {
    if (!this.settled) this.fail(new CallExitError(this, reason))
  }

  /** @internal The deadline is due. */
  expire(): void {
    const callee = this.callee
    if (callee !== undefined) callee.core.callsTimedOut++
    this.fail(new CallTimeoutError(this, this.delayMs))
    callee?.forget?.(this)
  }

  /** @internal The caller's signal was aborted. */
  abort(cause: unknown): void {
    const callee = this.callee
    if (this.fail(new CallAbortedError(this, cause))) callee?.forget?.(this)
  }

  /** @internal Enters the callee's pending list and the wheel. */
  join(callee: Callee): void {
    this.callee = callee
    const head = callee.calls
    this.pendingNext = head
    if (head !== undefined) head.pendingPrev = this
    callee.calls = this
    const core = callee.core
    core.callsPending++
    if (this.delayMs !== Infinity) core.timers.add(this)
  }

  #endWait(cell: ProcessCell): void {
    this.waiter = undefined
    const { extras } = cell
    if (extras !== undefined && --extras.waits === 0) cell.core.options.watch?.busy(cell)
  }

  #leave(): void {
    this.resolve = undefined
    this.reject = undefined
    if (this.aborts !== undefined) this.aborts.leave(this)
    if (this.waiter !== undefined) this.#endWait(this.waiter)
    const callee = this.callee
    if (callee === undefined) return
    this.callee = undefined
    callee.core.callsPending--
    const { pendingPrev, pendingNext } = this
    if (pendingPrev === undefined) callee.calls = pendingNext
    else pendingPrev.pendingNext = pendingNext
    if (pendingNext !== undefined) pendingNext.pendingPrev = pendingPrev
    this.pendingPrev = undefined
    this.pendingNext = undefined
    if (this.slot !== OUT) callee.core.timers.remove(this)
  }
}

/** The promise of the answer to a call that was made without settlers. */
export function promiseOf(call: Call): Promise<unknown> {
  making.call = call
  const promise = new Promise<unknown>(takeSettlers)
  making.call = undefined
  if (call.from !== undefined) countWait(call, call.from)
  return promise
}

function countWait(call: Call, from: Pid): void {
  const cell = ProcessPid.is(from) ? ProcessPid.cellOf(from) : undefined
  if (cell?.core.options.watch === undefined) return
  call.waiter = cell
  cell.more().waits++
}

/** The name of a request: its name, or the `type` of its input. */
export function requestTag(name: string | undefined, input: unknown): string | undefined {
  if (name !== undefined) return name
  if (typeof input === 'string') return input.slice(0, 64)
  try {
    const type = (input as { type?: unknown } | null | undefined)?.type
    return typeof type === 'string' ? type : undefined
  } catch {
    return undefined // a getter that throws must not keep a call from failing
  }
}
