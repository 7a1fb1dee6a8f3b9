/**
 * Calls that wait for themselves: A calls B, which calls A, which is busy until B has replied. Without this
 * both would wait for their deadline; with it the call that closes the cycle rejects with
 * `ERR_CALL_CYCLE`, in the next turn of the event loop. (A call to oneself is refused at once: G-26.)
 *
 *     call to a busy process, by one that others wait for -> suspected
 *     next turn: still pending, both still busy -> search back from the caller over those who wait for it,
 *                through busy processes only -> found the callee: refuse, with the cycle
 *
 * The call that closes a cycle is always made to a busy process, because all others in the cycle have made
 * theirs before. So the ordinary path pays one flag test. A process is waited for by the caller of the item
 * that it works on and by those whose calls are queued; a call that was put aside (`noreply`) does not count,
 * because anybody may answer it.
 *
 * What is assumed: a busy process awaits the calls it has made, and answers the call it works on itself. One
 * that does neither can be refused a call that would have been answered. What is not found: a cycle over a
 * call whose caller is not known (made after an `await`, not through a context, without `asyncContext`),
 * over another node, or behind `callCycleStepsMax` queued items.
 */
import { CallCycleError } from './errors.ts'
import { ItemKind } from './item.ts'
import { ProcessPid } from './pid.ts'
import { BUSY, DEAD } from './process-flags.ts'
import type { Call } from './call.ts'
import type { Clock } from './clock.ts'
import type { Message } from './item.ts'
import type { Pid } from './pid.ts'
import type { ProcessCell } from './process.ts'

/** A busy process and the one it waits for. */
interface Waiter {
  readonly cell: ProcessCell
  readonly waitsFor: Waiter | undefined
}

const isBusy = (cell: ProcessCell): boolean => (cell.flags & (BUSY | DEAD)) === BUSY

/** The cycle detector of one system: it refuses calls to processes of this system. */
export class CallCycles {
  /** Calls refused so far. */
  refused = 0
  readonly #clock: Clock
  readonly #stepsMax: number
  #suspects: Call[] = []
  #stepsLeft = 0

  constructor(clock: Clock, stepsMax: number) {
    this.#clock = clock
    this.#stepsMax = stepsMax
  }

  /** A call was made to a busy process. */
  suspect(call: Call, from: Pid): void {
    const caller = ProcessPid.cellOf(from)
    if (caller === undefined || caller.calls === undefined) return // nobody waits for it
    if (this.#suspects.length >= this.#stepsMax) return
    this.#suspects.push(call)
    if (this.#suspects.length === 1) this.#clock.nextTurn(() => this.#confirm())
  }

  #confirm(): void {
    const suspects = this.#suspects
    this.#suspects = []
    this.#stepsLeft = this.#stepsMax
    for (const call of suspects) {
      const callee = ProcessPid.cellOf(call.server)
      const caller = call.from === undefined ? undefined : ProcessPid.cellOf(call.from)
      if (call.settled || callee === undefined || caller === undefined) continue
      if (!isBusy(callee) || !isBusy(caller)) continue
      const found = this.#search(caller, callee)
      if (found === undefined) continue
      this.refused++
      call.fail(new CallCycleError(call, [caller.pid, ...found]))
    }
  }

  /** From `callee` on, who waits for whom until it is `caller`'s turn; undefined if they do not. */
  #search(caller: ProcessCell, callee: ProcessCell): Pid[] | undefined {
    const seen = new Set<ProcessCell>([caller])
    const open: Waiter[] = [{ cell: caller, waitsFor: undefined }]
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      for (const cell of this.#waitersOf(node.cell)) {
        if (seen.has(cell)) continue
        seen.add(cell)
        const waiter: Waiter = { cell, waitsFor: node }
        if (cell === callee) return chain(waiter)
        open.push(waiter)
      }
    }
    return undefined
  }

  /** The busy processes whose calls `cell` works on or has in its queues. */
  *#waitersOf(cell: ProcessCell): Generator<ProcessCell> {
    if (cell.calls === undefined) return
    const { inHand, receiver } = cell.extras ?? {}
    if (inHand !== undefined) yield* this.#caller(inHand)
    for (let item = receiver?.head; item !== undefined; item = item.next) yield* this.#caller(item)
    for (let item = cell.head; item !== undefined; item = item.next) {
      if (this.#stepsLeft <= 0) return
      yield* this.#caller(item)
    }
  }

  *#caller(item: Message | Call): Generator<ProcessCell> {
    if (--this.#stepsLeft < 0) return
    if (item.kind !== ItemKind.call || item.settled || item.from === undefined) return
    const cell = ProcessPid.cellOf(item.from)
    if (cell !== undefined && isBusy(cell)) yield cell
  }
}

/** The pids from `first` to the one before the last, which is the caller. */
function chain(first: Waiter): Pid[] {
  const pids: Pid[] = []
  for (let node: Waiter | undefined = first; node?.waitsFor !== undefined; node = node.waitsFor) {
    pids.push(node.cell.pid)
  }
  return pids
}
