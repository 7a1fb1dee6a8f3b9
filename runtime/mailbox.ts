/**
 * The one FIFO of a process, as an intrusive list: queueing allocates nothing beyond the item, taking
 * is O(1) at any length (NX-L12). The bound and its policy concern user messages only; a signal is never
 * refused or dropped.
 */
import { ArgumentError } from './errors.ts'
import { ItemKind, USER_KIND_MAX } from './item.ts'
import type { Message, StopRequest } from './item.ts'
import type { Call } from './call.ts'
import type { ExitReason } from './exit-reason.ts'
import { BUSY, DROPS_NEWEST, DROPS_OLDEST, QUEUED, SCANNING, SUSPENDED } from './process-flags.ts'
import type { ProcessCell } from './process.ts'

// V8 folds a constant of the module it is used in, but loads an imported one anew at each use.
const USER_MAX: number = USER_KIND_MAX
const OCCUPIED: number = QUEUED | BUSY | SUSPENDED
const HELD: number = SUSPENDED

/** Queues a signal at the tail, or a user message that was already counted. */
export function pushItem(cell: ProcessCell, item: Message | Call): void {
  if (cell.tail === undefined) cell.head = item
  else cell.tail.next = item
  cell.tail = item
  const flags = cell.flags & OCCUPIED
  if (flags === 0) cell.core.scheduler.ready(cell)
  else if (flags === HELD && item.kind > USER_MAX) cell.core.scheduler.ready(cell)
}

/** What a mailbox does with a user message that finds it full. */
export type MailboxPolicy = 'reject' | 'drop_oldest' | 'drop_newest'

/** Queues a user message; false if the mailbox is full and made no room. */
export function pushUserItem(cell: ProcessCell, item: Message | Call): boolean {
  if (cell.userItems >= cell.userItemsMax && !makeRoom(cell)) return false
  cell.userItems++
  pushItem(cell, item)
  return true
}

/** Takes the oldest item. */
export function takeItem(cell: ProcessCell): Message | Call | undefined {
  const item = cell.head
  if (item === undefined) return undefined
  cell.head = item.next
  if (item.next === undefined) cell.tail = undefined
  else item.next = undefined
  if (item.kind <= USER_MAX) cell.userItems--
  return item
}

/** A list of items: a mailbox, or the save queue of a selective receive. */
export interface ItemList {
  head: Message | Call | undefined
  tail: Message | Call | undefined
}

/** Appends to a list that is nobody's mailbox. */
export function appendItem(list: ItemList, item: Message | Call): void {
  if (list.tail === undefined) list.head = item
  else list.tail.next = item
  list.tail = item
}

/**
 * Takes the oldest item of `list` that `matches`; the others keep their order (P-09). `owner` stops
 * counting it.
 */
export function takeMatching(
  owner: ProcessCell,
  list: ItemList,
  matches: (item: Message | Call) => boolean,
): Message | Call | undefined {
  let before: Message | Call | undefined
  for (let item = list.head; item !== undefined; before = item, item = item.next) {
    if (!matches(item)) continue
    if (before === undefined) list.head = item.next
    else before.next = item.next
    if (list.tail === item) list.tail = before
    item.next = undefined
    if (item.kind <= USER_MAX) owner.userItems--
    return item
  }
  return undefined
}

/** Refuses what bounds no mailbox. */
export function checkBound(messagesMax: number): void {
  if (typeof messagesMax === 'number' && messagesMax >= 1) return
  throw new ArgumentError('mailboxMessagesMax', 'a number of at least 1', messagesMax)
}

/** The flags of a process with `policy`. */
export function policyFlags(policy: MailboxPolicy): number {
  switch (policy) {
    case 'reject':
      return 0
    case 'drop_oldest':
      return DROPS_OLDEST
    case 'drop_newest':
      return DROPS_NEWEST
  }
  throw new ArgumentError('mailboxPolicy', "'reject', 'drop_oldest' or 'drop_newest'", policy)
}

const isUserItem = (item: Message | Call): boolean => item.kind <= USER_MAX

/** Lets the oldest user message go if the policy says so. What a receive has skipped is older than the mailbox. */
function makeRoom(cell: ProcessCell): boolean {
  if ((cell.flags & (DROPS_OLDEST | SCANNING)) !== DROPS_OLDEST) return false
  const saved = cell.extras?.receiver
  const oldest =
    (saved === undefined ? undefined : takeMatching(cell, saved, isUserItem)) ??
    takeMatching(cell, cell, isUserItem)
  if (oldest === undefined) return false
  cell.core.evicted(cell, oldest)
  return true
}

/** Drops everything at death. Pending calls were failed already; queued stop requests learn the reason. */
export function dropItems(cell: ProcessCell, reason: ExitReason): void {
  let item = cell.head
  cell.head = undefined
  cell.tail = undefined
  cell.userItems = 0
  for (; item !== undefined; item = item.next) {
    if (item.kind === ItemKind.stop) (item.value as StopRequest).settle(reason)
  }
}
