/**
 * What a mailbox holds. There are exactly two object shapes on the hot path: {@link Message} here and
 * `Call` in call.ts, so every property load of the scheduler stays monomorphic or two-way.
 *
 * Kinds up to `timer` are user messages: they count against the mailbox bound and may be refused.
 * Kinds after it are signals that became messages: never counted, never refused, same FIFO (L-27, M-15).
 */
import type { Call } from './call.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Pid } from './pid.ts'
import type { MonitorRef } from './monitors.ts'
import type { TimerRef } from './timer.ts'

/** The kinds of mailbox items. */
export const ItemKind: Readonly<{
  cast: 0
  call: 1
  info: 2
  timer: 3
  exit: 4
  down: 5
  stop: 6
  timeout: 7
  init: 8
  system: 9
}> = Object.freeze({
  cast: 0,
  call: 1,
  info: 2,
  timer: 3,
  exit: 4,
  down: 5,
  stop: 6,
  timeout: 7,
  init: 8,
  system: 9,
})

/** One of {@link ItemKind}. */
export type ItemKind = (typeof ItemKind)[keyof typeof ItemKind]

/** {@link ItemKind} in words. */
export type ItemKindName = keyof typeof ItemKind

const KIND_NAMES = Object.keys(ItemKind) as ItemKindName[]

/** The word for a kind. */
export function itemKindName(kind: ItemKind): ItemKindName {
  return KIND_NAMES[kind]!
}

/** Kinds of {@link Message}: everything but a call. */
export type MessageKind = Exclude<ItemKind, typeof ItemKind.call>

/** Every kind up to this one is a user message. */
export const USER_KIND_MAX = 3

/**
 * What a `stop` item asks. It is the last item a process handles: when its handler has settled and the
 * process is still alive, the runtime ends it with `reason`. The runtime calls `settle` with the actual exit
 * reason, also when the process ended before it came to the request.
 */
export interface StopRequest {
  readonly reason: ExitReason
  readonly settle: (reason: ExitReason) => void
}

/**
 * A queued message or a signal that became one:
 *
 * | kind | fields |
 * |---|---|
 * | cast | `name`, `value` = input |
 * | info | `value` = the message; `ref` when a `sendAfter` timer brought it |
 * | timer | `value` = the message, `ref` of `startTimer` (TM-02) |
 * | exit | `from`, `value` = reason; only to a process that traps exits |
 * | down | `from` = the process (undefined if the name was free), `name` if monitored by name, `ref`, `value` = reason |
 * | stop | `value` = a {@link StopRequest} |
 * | timeout | `value` as the program chose it |
 * | init | `value` = the start argument |
 * | system | `value` = a `SystemRequest`; served by the scheduler, no program ever sees it |
 */
export class Message {
  declare readonly kind: MessageKind
  declare readonly name: string | undefined
  declare readonly value: unknown
  declare readonly from: Pid | undefined
  declare readonly ref: MonitorRef | TimerRef | undefined
  /** @internal Next in the mailbox. */
  declare next: Message | Call | undefined

  constructor(kind: MessageKind, name: string | undefined, value: unknown) {
    this.kind = kind
    this.name = name
    this.value = value
    this.next = undefined
  }
}

// What only signals have is no field of every message: a quarter less to allocate for each of them.
Object.assign(Message.prototype, { from: undefined, ref: undefined })

/** A {@link Message} that says who or what it is about. */
export class Signal extends Message {
  declare readonly from: Pid | undefined
  declare readonly ref: MonitorRef | TimerRef | undefined

  constructor(
    kind: MessageKind,
    name: string | undefined,
    value: unknown,
    from: Pid | undefined,
    ref?: MonitorRef | TimerRef,
  ) {
    super(kind, name, value)
    this.from = from
    this.ref = ref
  }
}
