/**
 * Suspended processes. Between two messages such a process takes only what is *admitted*: sys requests, stop
 * requests and, when it traps exits, the EXIT of its parent, as sys:suspend of OTP. Everything else
 * stays queued in its order; calls that wait time out by themselves.
 *
 * Invariant: an admitted item is found without looking twice at what is not, however much is queued; the
 * look goes on behind the last item that was seen.
 */
import { reasonOfThrown } from './exit-reason.ts'
import { ItemKind, USER_KIND_MAX } from './item.ts'
import { pidEquals } from './pid.ts'
import { SUSPENDED } from './process-flags.ts'
import type { Call } from './call.ts'
import type { Message } from './item.ts'
import type { ProcessCell } from './process.ts'

/** What a process keeps while it is suspended. */
export class Suspension {
  /** By the clock of its system. */
  readonly sinceMs: number
  /** The last queued item that was looked at and not admitted. */
  seen: Message | Call | undefined = undefined
  readonly #later: (() => void)[] = []

  constructor(sinceMs: number) {
    this.sinceMs = sinceMs
  }

  /** Keeps `run` for when the process goes on. */
  later(run: () => void): true {
    this.#later.push(run)
    return true
  }

  /** What was kept. */
  get kept(): readonly (() => void)[] {
    return this.#later
  }
}

/** Suspends a process between two messages; again changes nothing, as in OTP. */
export function suspendCell(cell: ProcessCell): void {
  const extras = cell.more()
  if (extras.suspension !== undefined) return
  extras.suspension = new Suspension(cell.core.clock.now())
  cell.flags |= SUSPENDED
}

/** Lets it go on with what is queued; nothing if it is not suspended. */
export function resumeCell(cell: ProcessCell): void {
  const suspension = cell.extras?.suspension
  if (suspension === undefined) return
  cell.extras!.suspension = undefined
  cell.flags &= ~SUSPENDED
  for (const run of suspension.kept) {
    try {
      run()
    } catch (error) {
      // As if its timer had fired now: the code of a process ends the process.
      cell.core.deaths.end(cell, reasonOfThrown(error), true)
    }
  }
}

/** Whether a suspended process has items that may be admitted: nobody looked at the last of them. */
export function hasUnseen(cell: ProcessCell): boolean {
  return cell.tail !== undefined && cell.tail !== cell.extras?.suspension?.seen
}

/** Takes the oldest item that a suspended process may handle. */
export function takeAdmitted(cell: ProcessCell): Message | Call | undefined {
  const suspension = cell.extras!.suspension!
  let before = suspension.seen
  // Somebody else took the item meanwhile (a flush, or a mailbox that drops its oldest): look at all.
  if (before !== undefined && before.next === undefined && cell.tail !== before) before = undefined
  let item = before === undefined ? cell.head : before.next
  for (; item !== undefined; before = item, item = item.next) {
    if (!admitted(cell, item)) continue
    if (before === undefined) cell.head = item.next
    else before.next = item.next
    if (cell.tail === item) cell.tail = before
    item.next = undefined
    break
  }
  suspension.seen = before
  return item
}

function admitted(cell: ProcessCell, item: Message | Call): boolean {
  if (item.kind <= USER_KIND_MAX) return false
  if (item.kind === ItemKind.system || item.kind === ItemKind.stop) return true
  if (item.kind !== ItemKind.exit) return false
  const parent = parentOf(cell)
  return parent !== undefined && item.from !== undefined && pidEquals(parent, item.from)
}

/** The process whose EXIT means "end" to the program. */
function parentOf(cell: ProcessCell): ProcessCell['parent'] {
  const { debug } = cell.program
  if (debug?.parent === undefined) return cell.parent
  try {
    return debug.parent(cell)
  } catch {
    return undefined // a program that fails here must not take the scheduler along
  }
}
