/**
 * The root of every error that Fovea raises on purpose, and the catalogue of the runtime layer.
 * Each layer has such a catalogue; a test checks that codes are unique and documented.
 */
import { inspect, type InspectOptions } from 'node:util'
import { formatReason } from './exit-reason.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Pid } from './pid.ts'

/** Extra parts of an error. */
export interface FoveaErrorOptions {
  readonly cause?: unknown
}

/** An expected failure: branch on `code`, it never changes its meaning. */
export class FoveaError extends Error {
  override readonly name: string = 'FoveaError'
  readonly code: string
  constructor(code: string, message: string, options: FoveaErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
  }

  /**
   * As Node prints errors, but a `reason` that is the cause only once: a failed start deep in a tree would
   * fill pages.
   * @internal
   */
  [inspect.custom](depth: number, options: InspectOptions): string {
    const own = Object.getOwnPropertyDescriptors(this) as PropertyDescriptorMap
    if (own['cause'] !== undefined && own['cause'].value === own['reason']?.value) {
      delete own['reason']
    }
    // In newer V8 the stack is an accessor that answers only the error itself, not a copy.
    own['stack'] = { value: this.stack, writable: true, configurable: true, enumerable: false }
    const shown: object = Object.create(Object.getPrototypeOf(this) as object, own)
    // With an own one that is no function the copy is printed as every error is.
    Object.defineProperty(shown, inspect.custom, { value: undefined })
    return inspect(shown, { ...options, depth })
  }
}

/** One line of an error catalogue. */
export interface ErrorEntry {
  /** When it happens. */
  readonly when: string
  /** Whether anything had been changed by then. */
  readonly stateChanged: string
  /** Whether trying again can help. */
  readonly retry: string
  /** What to do. */
  readonly action: string
}

/** Codes of one layer. */
export type ErrorCatalogue = Readonly<Record<`ERR_${string}`, ErrorEntry>>

/**
 * Codes of the runtime layer.
 *
 * @example
 * const Slow = defineServer({ init: () => 0, call: { get: (n) => noreply(n) }, cast: {} })
 * const slow = await Slow.start()
 * try {
 *   await slow.call.get(undefined, { timeoutMs: 1 })
 * } catch (error) {
 *   assert.ok(error instanceof CallTimeoutError)
 *   assert.equal(error.code, 'ERR_CALL_TIMEOUT')
 *   assert.ok(runtimeErrors.ERR_CALL_TIMEOUT?.action) // what to do about it
 * }
 * await GenServer.stop(slow)
 */
export const runtimeErrors: ErrorCatalogue = Object.freeze({
  ERR_CALL_TIMEOUT: {
    when: 'A call had no reply within its `timeoutMs`.',
    stateChanged:
      'Perhaps: the server may still handle it, or may have; its late reply is dropped.',
    retry: 'Only if the request may be handled twice.',
    action: 'Find out why the server is slow, or raise `timeoutMs`.',
  },
  ERR_CALL_EXIT: {
    when: 'The called process is not there, or ended before it replied; `reason` says why.',
    stateChanged: 'Not if `reason` is `noproc` or `calling_self`; otherwise perhaps.',
    retry: 'After a supervisor restarted it; never for `calling_self`.',
    action: 'Branch on `reason`.',
  },
  ERR_CALL_CYCLE: {
    when: 'A process called one that, directly or over others, waits for the caller; see `cycle`.',
    stateChanged: 'No: the call was not handled.',
    retry: 'No: it would close the cycle again.',
    action: 'Cast instead of one of the calls, or reply before calling.',
  },
  ERR_ASYNC_CONTEXT_OFF: {
    when: 'Something needs a system with the option `asyncContext`.',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Make the system with `asyncContext: true`; see the README for what that costs.',
  },
  ERR_CALL_ABORTED: {
    when: 'The `signal` of a call was aborted.',
    stateChanged: 'Perhaps, unless it was aborted before the call.',
    retry: 'The caller did not want an answer any more.',
    action: 'Nothing.',
  },
  ERR_CALLS_MAX: {
    when: 'More than `callsPendingMax` calls of one system waited for a reply.',
    stateChanged: 'No: the call was not sent.',
    retry: 'After a pause.',
    action: 'Look for a server that keeps its replies back.',
  },
  ERR_MAILBOX_FULL: {
    when: 'The mailbox of the called process held `mailboxMessagesMax` user messages, or let the call go for a newer one (`drop_oldest`).',
    stateChanged: 'No: the call was not handled.',
    retry: 'After a pause.',
    action: 'The server is overloaded: add servers or slow the callers down.',
  },
  ERR_ALREADY_STARTED: {
    when: 'A process was to start under a name that is taken; `pid` holds it.',
    stateChanged: 'No: no process was started and `init` did not run.',
    retry: 'Not needed: use `pid`.',
    action: 'Use the running process.',
  },
  ERR_NAME_TAKEN: {
    when: 'A name was registered that another process holds; `pid` holds it.',
    stateChanged: 'No.',
    retry: 'When the holder has ended or the name was freed.',
    action: 'Choose another name or free this one.',
  },
  ERR_NAME_UNKNOWN: {
    when: 'A name was to be freed that nobody holds.',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Check the name.',
  },
  ERR_NAME_INVALID: {
    when: 'A name is empty, or was to be given to a process that is dead or lives elsewhere.',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Register live local processes under names that are not empty.',
  },
  ERR_NAMES_MAX: {
    when: 'A system held `namesMax` names.',
    stateChanged: 'No.',
    retry: 'After names were freed.',
    action: 'Use a registry process for names in bulk, or raise the limit.',
  },
  ERR_NOPROC: {
    when: 'A process that does not trap exits linked itself to a dead local process (L-11), a dead process was to own something, or its context was used.',
    stateChanged: 'No.',
    retry: 'No.',
    action:
      'Catch it, or trap exits and get the signal as a message. For a context: end timers and listeners with its signal.',
  },
  ERR_PROCESSES_MAX: {
    when: 'A system held `processesMax` processes.',
    stateChanged: 'No: nothing was started.',
    retry: 'After processes ended.',
    action: 'Look for a leak, or raise the limit.',
  },
  ERR_LINKS_MAX: {
    when: 'A process held `linksPerProcessMax` links.',
    stateChanged: 'No.',
    retry: 'After links were removed.',
    action: 'Spread the links over several processes.',
  },
  ERR_MONITORS_MAX: {
    when: 'A process owned `monitorsPerProcessMax` monitors.',
    stateChanged: 'No.',
    retry: 'After monitors fired or were removed.',
    action: 'Look for monitors that are never removed.',
  },
  ERR_TIMERS_MAX: {
    when: 'A system held `timersMax` timers.',
    stateChanged: 'No.',
    retry: 'After timers fired or were cancelled.',
    action: 'Look for timers that are never cancelled.',
  },
  ERR_RECEIVE_TIMEOUT: {
    when: 'No message matched within the `timeoutMs` of a receive.',
    stateChanged: 'No: messages that did not match stay queued.',
    retry: 'Yes.',
    action: 'Catch it where silence is expected.',
  },
  ERR_RECEIVE_PENDING: {
    when: 'A process called `receive` while an earlier `receive` of it was still waiting.',
    stateChanged: 'No.',
    retry: 'After the earlier one settled.',
    action: 'Await each receive.',
  },
  ERR_SETTLE_TURNS_MAX: {
    when: 'A program on a `SimClock` did not come to rest within `settleTurnsMax` turns of one instant.',
    stateChanged: 'Yes: time stands at that instant and the program runs on.',
    retry: 'No.',
    action: 'Look for processes that send to themselves without end.',
  },
  ERR_TABLES_MAX: {
    when: 'A system held `tablesMax` tables.',
    stateChanged: 'No.',
    retry: 'After tables were dropped or their owners ended.',
    action: 'Put more into one table, or raise the limit.',
  },
  ERR_TABLE_ENTRIES_MAX: {
    when: 'A table held as many objects as its `entriesMax` or the `tableEntriesMax` of the system says.',
    stateChanged: 'No: of several entries none was inserted.',
    retry: 'After objects were deleted.',
    action: 'Delete what is old, or raise the limit.',
  },
  ERR_TABLE_GONE: {
    when: 'A table, or a cursor over it, was used after the table was dropped or ended with its owner.',
    stateChanged: 'No.',
    retry: 'No: make a new table, or find the one of that name.',
    action: 'Give the table an heir, or a longer-lived owner.',
  },
  ERR_TABLE_ACCESS: {
    when: 'The running process may not do this to a `protected` or `private` table of another process.',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Ask the owner to do it, or make the table `public`.',
  },
  ERR_TABLE_NAME_TAKEN: {
    when: 'A table was to be made under the name of another one.',
    stateChanged: 'No.',
    retry: 'When that one is gone.',
    action: 'Use `tables.whereis(name)`, or another name.',
  },
  ERR_TABLE_TYPE: {
    when: 'An operation was asked of a table whose type does not have it.',
    stateChanged: 'No.',
    retry: 'No.',
    action:
      'Choose the type that has it: `ordered_set` for an order, not a bag for counters and `get`.',
  },
  ERR_TABLE_COUNTER: {
    when: 'What `updateCounter` was to count is not there or no whole number, or would leave the safe integers.',
    stateChanged: 'No: of several steps none happened.',
    retry: 'No.',
    action: 'Give an `initial` value, or use bigints for large counters.',
  },
  ERR_SYSTEM_STOPPED: {
    when: 'Something was to start in a system that has stopped.',
    stateChanged: 'No.',
    retry: 'No: a stopped system does not start again.',
    action: 'Make a new system.',
  },
  ERR_ARGUMENT: {
    when: 'An argument has the wrong shape; the message names it and shows the value.',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Fix the caller.',
  },
  ERR_OPTION_UNKNOWN: {
    when: 'An option bag holds a name that is not an option.',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Fix the name; the message lists the known ones.',
  },
  ERR_OPTION_INVALID: {
    when: 'An option has the wrong shape or is out of range.',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Fix the value; the message says what is expected.',
  },
  ERR_OPTION_RENAMED: {
    when: 'An option is written in its old spelling.',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Use the name in the message.',
  },
})

/** The question a failed call asked. */
export interface FailedCall {
  /** The process, or the name nobody held. */
  readonly server: Pid | string
  /** The message's name, or the `type` of its input; undefined if it has neither. */
  readonly request: string | undefined
}

const targetText = (server: Pid | string): string =>
  typeof server === 'string' ? `'${server}'` : server.toString()

const callText = (call: FailedCall): string =>
  `call ${call.request === undefined ? '' : `'${call.request}' `}to ${targetText(call.server)}`

/** Of a reason that is itself a failed call the message has as much; the rest is in `cause`. */
const REASON_CHARS_MAX = 500

/** What a message says of a reason, which may be any value, also one that fails at being printed. */
function reasonText(reason: ExitReason): string {
  let text: string
  try {
    if (typeof reason === 'string') text = `'${reason}'`
    else text = reason instanceof Error ? String(reason.message) : formatReason(reason)
  } catch {
    text = formatReason(reason)
  }
  return text.length <= REASON_CHARS_MAX ? text : `${text.slice(0, REASON_CHARS_MAX)}...`
}

/** Processes of a cycle that its message shows. */
const CYCLE_SHOWN_MAX = 8

/** A call that got no reply; the subclasses say why. */
export class CallError extends FoveaError implements FailedCall {
  override readonly name: string = 'CallError'
  readonly server: Pid | string
  readonly request: string | undefined
  constructor(code: string, call: FailedCall, what: string, options?: FoveaErrorOptions) {
    super(code, `${callText(call)} ${what}`, options)
    this.server = call.server
    this.request = call.request
  }
}

/** No reply came in time. */
export class CallTimeoutError extends CallError {
  override readonly name: string = 'CallTimeoutError'
  readonly timeoutMs: number
  constructor(call: FailedCall, timeoutMs: number) {
    super('ERR_CALL_TIMEOUT', call, `had no reply within ${timeoutMs} ms`)
    this.timeoutMs = timeoutMs
  }
}

/** The called process is not there or ended; `reason` is its exit reason, `noproc`, `noconnection` or `calling_self`. */
export class CallExitError extends CallError {
  override readonly name: string = 'CallExitError'
  readonly reason: ExitReason
  constructor(call: FailedCall, reason: ExitReason, code = 'ERR_CALL_EXIT', what?: string) {
    super(
      code,
      call,
      what ?? `failed: ${reasonText(reason)}`,
      reason instanceof Error ? { cause: reason } : undefined,
    )
    this.reason = reason
  }
}

/**
 * The call would have waited for itself: each process of `cycle` waits for the next, and the last for the
 * first, which made this call. `reason` is `call_cycle`.
 *
 * @example
 * interface PairApi {
 *   call: { ask(other: Ref<PairApi>): unknown }
 * }
 * const PairContract: Contract<PairApi> = contract('pair/1', { call: { ask: true }, cast: {} })
 * const Pair = implement<PairApi, void, number>(PairContract, {
 *   init: () => 0,
 *   call: {
 *     ask: async (n, other, ctx) =>
 *       reply(await ctx.call(other, 'ask', ctx.self).catch((error: unknown) => error), n),
 *   },
 *   cast: {},
 * })
 * const a = await Pair.start()
 * const b = await Pair.start()
 * const error = await a.call.ask(b) // a asks b, which asks a, which waits for b
 * assert.ok(error instanceof CallCycleError)
 * assert.deepEqual(error.cycle, [b.pid, a.pid])
 * await GenServer.stop(a)
 * await GenServer.stop(b)
 */
export class CallCycleError extends CallExitError {
  override readonly name = 'CallCycleError'
  readonly cycle: readonly Pid[]
  constructor(call: FailedCall, cycle: readonly Pid[]) {
    const shown = cycle.slice(0, CYCLE_SHOWN_MAX)
    const more = cycle.length - shown.length
    const path = [...shown, ...(more > 0 ? [`${more} more`] : []), cycle[0]].join(' -> ')
    super(call, 'call_cycle', 'ERR_CALL_CYCLE', `would wait for itself: ${path}`)
    this.cycle = cycle
  }
}

/** The caller's signal was aborted; `cause` is the signal's reason. */
export class CallAbortedError extends CallError {
  override readonly name = 'CallAbortedError'
  constructor(call: FailedCall, cause: unknown) {
    super('ERR_CALL_ABORTED', call, 'was aborted', { cause })
  }
}

/** The mailbox of the called process is full; `evicted`: the call was queued, and let go for a newer message. */
export class MailboxFullError extends CallError {
  override readonly name = 'MailboxFullError'
  readonly messagesMax: number
  constructor(call: FailedCall, messagesMax: number, evicted = false) {
    const what = evicted ? 'was let go for a newer message' : 'was refused'
    super('ERR_MAILBOX_FULL', call, `${what}: ${messagesMax} messages are queued`)
    this.messagesMax = messagesMax
  }
}

/** The name to start under is held by `pid` (N-08). */
export class AlreadyStartedError extends FoveaError {
  override readonly name = 'AlreadyStartedError'
  readonly pid: Pid
  constructor(label: string, pid: Pid) {
    super('ERR_ALREADY_STARTED', `'${label}' is already started as ${pid.toString()}`)
    this.pid = pid
  }
}

/** A name cannot be registered or freed; `pid` is its holder, if that is why. */
export class NameError extends FoveaError {
  override readonly name = 'NameError'
  readonly pid: Pid | undefined
  constructor(code: string, message: string, pid?: Pid) {
    super(code, message)
    this.pid = pid
  }
}

/** A process that is needed alive is dead. */
export class NoProcessError extends FoveaError {
  override readonly name = 'NoProcessError'
  readonly pid: Pid
  constructor(pid: Pid, what: string) {
    super('ERR_NOPROC', `${what}: ${pid.toString()} is not alive`)
    this.pid = pid
  }
}

/** A limit of the system was reached; `limit` is the option that sets it. */
export class LimitError extends FoveaError {
  override readonly name = 'LimitError'
  readonly limit: string
  readonly max: number
  constructor(code: string, limit: string, max: number) {
    super(code, `limit reached: ${limit} is ${max}`)
    this.limit = limit
    this.max = max
  }
}

/**
 * A table did not do it; `code` says why.
 *
 * @example
 * const system = defaultSystem()
 * const table = system.tables.create<string, number>({ owner: 'system' })
 * table.drop()
 * try {
 *   table.insert('a', 1)
 * } catch (error) {
 *   assert(error instanceof TableError)
 *   assert.equal(error.code, 'ERR_TABLE_GONE')
 * }
 */
export class TableError extends FoveaError {
  override readonly name = 'TableError'
}

/** No message matched in time. */
export class ReceiveTimeoutError extends FoveaError {
  override readonly name = 'ReceiveTimeoutError'
  readonly timeoutMs: number
  constructor(timeoutMs: number) {
    super('ERR_RECEIVE_TIMEOUT', `no message matched within ${timeoutMs} ms`)
    this.timeoutMs = timeoutMs
  }
}

/** The system has stopped. */
export class SystemStoppedError extends FoveaError {
  override readonly name = 'SystemStoppedError'
  constructor(node: string) {
    super('ERR_SYSTEM_STOPPED', `system ${node} has stopped`)
  }
}

/** An argument has the wrong shape. */
export class ArgumentError extends FoveaError {
  override readonly name = 'ArgumentError'
  readonly argument: string
  constructor(argument: string, expected: string, received: unknown) {
    super(
      'ERR_ARGUMENT',
      `'${argument}' must be ${expected}, received ${inspect(received, { depth: 1, breakLength: Infinity })}`,
    )
    this.argument = argument
  }
}
