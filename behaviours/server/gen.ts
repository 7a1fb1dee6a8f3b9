/**
 * What all behaviours share, as Erlang's gen and proc_lib: start with an acknowledgement of `init`,
 * names, and stop.
 *
 * Time line of a start:
 *
 *     start()  -> system.start: pid exists, name taken, linked       (a taken name throws here: N-08)
 *              -> first item `init`: the program runs init           (the mailbox may fill meanwhile)
 *              -> succeed: start resolves with the ref, then `continue`, then the mailbox (G-05)
 *              or the process ends: name free, links told, and only then start rejects (N-09, V1)
 *
 * Invariant: a start settles exactly once, whatever ends the process; `Starting` is the process's
 * state until init is done, so that `onExit` finds it.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  ArgumentError,
  asCaller,
  booleanOption,
  currentProcess,
  defaultSystem,
  homeOf,
  isPid,
  isThenable,
  ItemKind,
  Message,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  ownPromise,
  reasonOfThrown,
  resolveOptions,
  runAs,
  TIMER_DELAY_MS_MAX,
  type CallOptions,
  type ExitReason,
  type MailboxPolicy,
  type OptionCheck,
  type Pid,
  type Process,
  type Program,
  type StopRequest,
  type System,
  type TimerRef,
  type Via,
} from '../../runtime/index.ts'
import {
  InitializationError,
  InitTimeoutError,
  NoParentError,
  StartAbortedError,
  StartIgnoredError,
  StopAbortedError,
  StopExitError,
  StopTimeoutError,
} from './server-errors.ts'

/** How a server is started. */
export interface ServerOptions {
  /** Register under this name before `init` runs; a taken name rejects with the holder's pid. */
  readonly name?: string | Via | undefined
  /** Where it runs. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
  /** Its parent, usually the starter. With `trapExit`, an EXIT from it means terminate (G-51). */
  readonly parent?: Pid | undefined
  /** Link to the parent before the process can run. Default false; `startLink` sets it. */
  readonly link?: boolean | undefined
  /** Monitor it for this process before it can run; `startMonitor` gives the reference. */
  readonly monitor?: Pid | undefined
  /** Exit signals become messages and `terminate` runs when the parent ends. Default false. */
  readonly trapExit?: boolean | undefined
  /**
   * Milliseconds that an asynchronous `init` may take before its process is killed. Default 5000.
   * Lower it to fail fast; rather than raise it, move slow work to `continue`.
   */
  readonly initTimeoutMs?: number | undefined
  /** Gives up the start and kills the process. */
  readonly signal?: AbortSignal | undefined
  /** Bound of its mailbox in user messages. Default: the system's. */
  readonly mailboxMessagesMax?: number | undefined
  /** What its mailbox does when it is full; see `SystemOptions.mailboxPolicy`. Default: the system's. */
  readonly mailboxPolicy?: MailboxPolicy | undefined
}

/** How long to wait for a process to stop. */
export interface StopOptions {
  /** Reject after so many milliseconds; the process goes on stopping. Default: no limit, as in OTP. */
  readonly timeoutMs?: number | undefined
  /** Stop waiting. */
  readonly signal?: AbortSignal | undefined
  /** Where a name is looked up. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
}

/** Options `T` of which those named `K` have defaults. */
export type Filled<T, K extends keyof T> = Omit<T, K> & {
  readonly [P in K]-?: Exclude<T[P], undefined>
}

/** A process as callers name it. */
export type ProcessTarget = Pid | { readonly pid: Pid } | string | { readonly via: Via }

/** Cast that asks a process on another node to stop; names with `$` are the behaviours' own. */
export const STOP_NAME = '$stop'

const INIT_TIMEOUT_DEFAULT_MS = 5000

const anything: OptionCheck = { expected: 'a value', test: () => true }
/** A process. */
export const pidOption: OptionCheck = { expected: 'a pid', test: isPid }
/** Milliseconds to wait, or no limit. */
export const timeoutOption: OptionCheck = {
  expected: `milliseconds from 0 to ${TIMER_DELAY_MS_MAX}, or Infinity`,
  test: (v) => typeof v === 'number' && v >= 0 && (v <= TIMER_DELAY_MS_MAX || v === Infinity),
}

/** An AbortSignal, also one of another realm. */
export const signalOption: OptionCheck = {
  expected: 'an AbortSignal',
  test: (v) =>
    objectOption.test(v) && 'aborted' in (v as object) && 'addEventListener' in (v as object),
}

const serverDefaults: ServerOptions = Object.freeze({ initTimeoutMs: INIT_TIMEOUT_DEFAULT_MS })

/** Checks of {@link ServerOptions}. */
export const serverChecks: { readonly [K in keyof ServerOptions]-?: OptionCheck } = {
  name: optional(anything),
  system: optional(objectOption),
  parent: optional(pidOption),
  link: optional(booleanOption),
  monitor: optional(pidOption),
  trapExit: optional(booleanOption),
  initTimeoutMs: timeoutOption,
  signal: optional(signalOption),
  mailboxMessagesMax: optional(numberOption(1, Number.MAX_SAFE_INTEGER)),
  mailboxPolicy: optional(oneOfOption('reject', 'drop_oldest', 'drop_newest')),
}

const stopDefaults: StopOptions = Object.freeze({ timeoutMs: Infinity })

const stopChecks: { readonly [K in keyof StopOptions]-?: OptionCheck } = {
  timeoutMs: timeoutOption,
  signal: optional(signalOption),
  system: optional(objectOption),
}

/** The system that `options` or the running process mean. */
export function pickSystem(options: { readonly system?: System | undefined }): System {
  return options.system ?? currentProcess()?.system ?? defaultSystem()
}

/** The state of a process whose `init` is not done: who waits for it, and for how long. */
export class Starting<R = unknown> {
  readonly arg: unknown
  readonly initTimeoutMs: number
  /** Why start rejects, when that is more than the exit reason. */
  failure: Error | undefined = undefined
  /** Set once the process exists; until then the system's own error is the better one. */
  #begun = false
  /** It ended before `begin`: its parent was dead, so its link killed it at once. */
  #ended: { readonly reason: ExitReason } | undefined = undefined
  readonly #resolve: (ref: R) => void
  readonly #reject: (error: Error) => void
  readonly #signal: AbortSignal | undefined
  #unwatch: (() => void) | undefined = undefined
  #timer: TimerRef | undefined = undefined

  constructor(
    arg: unknown,
    options: ServerOptions,
    resolve: (ref: R) => void,
    reject: (error: Error) => void,
  ) {
    this.arg = arg
    this.initTimeoutMs = options.initTimeoutMs ?? INIT_TIMEOUT_DEFAULT_MS
    this.#signal = options.signal
    this.#resolve = resolve
    this.#reject = reject
  }

  /** The process exists: its end is a failed start, and so is the starter's signal. */
  begin(process: Process): void {
    this.#begun = true
    if (this.#ended !== undefined) {
      this.fail(process, this.#ended.reason)
      return
    }
    const signal = this.#signal
    if (signal === undefined) return
    this.#unwatch = process.system.onAbort(signal, (cause) => {
      this.failure = new StartAbortedError(process.label, cause)
      kill(process)
    })
  }

  /** Kills the process if `init`, which turned out to be asynchronous, is too slow (G-17). */
  limit(process: Process): void {
    const { initTimeoutMs } = this
    if (initTimeoutMs === Infinity) return
    this.#timer = process.system.setTimer(process, initTimeoutMs, () => {
      this.failure = new InitTimeoutError(process.label, initTimeoutMs)
      kill(process)
    })
  }

  succeed(process: Process, ref: R): void {
    this.#unwatch?.()
    if (this.#timer !== undefined) process.system.cancelTimer(this.#timer)
    this.#resolve(ref)
  }

  /** `init` chose not to run: that is a normal end, but there is no ref (G-11). */
  ignore(process: Process): void {
    this.failure = new StartIgnoredError(process.label)
    process.exit('normal')
  }

  /** The process has ended, with its name free and its links told. */
  fail(process: Process, reason: ExitReason): void {
    if (!this.#begun) {
      this.#ended = { reason }
      return
    }
    this.#unwatch?.()
    this.#reject(this.failure ?? new InitializationError(process.label, reason))
  }
}

/**
 * Runs `init` of a starting process: what it gives goes to `started`, what it throws is the exit reason.
 * Only an asynchronous `init` has a time limit; a synchronous one is over when it returns.
 */
export function runInit(
  process: Process,
  init: (arg: unknown) => unknown,
  started: (starting: Starting, result: unknown) => void | Promise<void>,
): void | Promise<void> {
  const starting = process.state as Starting
  let result: unknown
  try {
    result = init(starting.arg)
  } catch (thrown) {
    return process.exit(reasonOfThrown(thrown))
  }
  if (!isThenable(result)) return started(starting, result)
  starting.limit(process)
  return Promise.resolve(result).then(
    (settled) => runAs(process, () => started(starting, settled)),
    (thrown) => process.exit(reasonOfThrown(thrown)),
  )
}

/** Starts `program` with a {@link Starting} as its state; resolves with what the program gives it. */
export function startProcess<R>(
  program: Program,
  arg: unknown,
  given: ServerOptions | undefined,
  onStarted?: (process: Process) => void,
): Promise<R> {
  return ownPromise<R>((resolve, reject) => {
    const options =
      given === undefined
        ? serverDefaults
        : resolveOptions(program.label, serverDefaults, serverChecks, given)
    if (options.signal?.aborted === true) {
      throw new StartAbortedError(program.label, options.signal.reason)
    }
    const parent = options.parent ?? (options.link === true ? parentPid(program.label) : undefined)
    const starting = new Starting<R>(arg, options, resolve, asCaller(reject))
    const process = pickSystem(options).start(program, {
      parent,
      link: options.link === true,
      monitor: options.monitor,
      trapExit: options.trapExit,
      name: options.name,
      mailboxMessagesMax: options.mailboxMessagesMax,
      mailboxPolicy: options.mailboxPolicy,
      state: starting,
      initArg: arg,
    })
    starting.begin(process)
    onStarted?.(process)
  })
}

/** The running process, to be a parent or owner; `option` is how to name another one. */
export function parentPid(where: string, option: string = 'parent'): Pid {
  const process = currentProcess()
  if (process === undefined) throw new NoParentError(where, option)
  return process.pid
}

/** What the runtime sends to: a ref is its pid. Throws for what is no target. */
export function addressOf(target: ProcessTarget): Pid | string | { readonly via: Via } {
  if (typeof target === 'string' || isPid(target)) return target
  if (typeof target === 'object' && target !== null) {
    if ('pid' in target && isPid(target.pid)) return target.pid
    if ('via' in target && typeof target.via === 'object') return target
  }
  throw new ArgumentError('target', 'a pid, a ref, a name or { via }', target)
}

/** The pid that `target` means now; `undefined` for a name that nobody has. */
export function resolveTarget(target: ProcessTarget, system: System): Pid | undefined {
  const to = addressOf(target)
  if (typeof to === 'string') return system.whereis(to)
  return isPid(to) ? to : to.via.whereisName()
}

/** How a request to a process that may be known by name is made. */
export interface RequestOptions extends CallOptions {
  /** Where a name is looked up. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
}

/** Calls `target` in the system that knows it. */
export async function callTarget(
  target: ProcessTarget,
  name: string,
  input: unknown,
  given: RequestOptions = {},
): Promise<unknown> {
  const { system, ...options } = given
  const to = addressOf(target)
  const home = isPid(to) ? homeOf(to) : pickSystem({ system })
  return home.call(to, name, input, options)
}

/**
 * Asks a process to stop after what is queued before it (G-47) and waits until it is dead. Rejects if
 * it was dead already (G-44) or ended for another reason (G-45).
 */
export function stopProcess(
  target: ProcessTarget,
  reason: ExitReason = 'normal',
  given: StopOptions = {},
): Promise<void> {
  return ownPromise<void>((resolve, reject) => {
    const options = resolveOptions('stop', stopDefaults, stopChecks, given)
    const pid = resolveTarget(target, options.system ?? systemOf(target))
    const name = typeof target === 'string' ? target : pid === undefined ? 'process' : String(pid)
    if (pid === undefined) throw new StopExitError(name, 'noproc')
    if (options.signal?.aborted === true) throw new StopAbortedError(name, options.signal.reason)
    const self = currentProcess()
    if (self !== undefined && self === self.system.process(pid)) {
      throw new StopExitError(name, 'calling_self')
    }
    const wait = new StopWait(name, reason, options, resolve, asCaller(reject))
    wait.begin(homeOf(pid))
    requestStop(pid, { reason, settle: (actual) => wait.settle(actual) })
  })
}

/** The system that knows `target`. */
export function systemOf(target: ProcessTarget): System {
  const to = addressOf(target)
  return isPid(to) ? homeOf(to) : pickSystem({})
}

/** A local process takes the request from its mailbox; on another node it is a cast and a monitor. */
function requestStop(pid: Pid, request: StopRequest): void {
  const home = homeOf(pid)
  const process = home.process(pid)
  if (process !== undefined) {
    process.post(new Message(ItemKind.stop, undefined, request))
  } else if (pid.node === home.node) {
    request.settle('noproc')
  } else {
    home.watch(pid, request.settle)
    home.cast(pid, STOP_NAME, request.reason)
  }
}

/** One `stop` that waits: for the exit reason, its deadline or its signal. */
class StopWait {
  readonly #name: string
  readonly #reason: ExitReason
  readonly #options: Readonly<StopOptions>
  readonly #resolve: () => void
  readonly #reject: (error: Error) => void
  #release: () => void = () => {}

  constructor(
    name: string,
    reason: ExitReason,
    options: Readonly<StopOptions>,
    resolve: () => void,
    reject: (error: Error) => void,
  ) {
    this.#name = name
    this.#reason = reason
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
  }

  begin(system: System): void {
    const { timeoutMs = Infinity, signal } = this.#options
    const give = (error: Error): void => {
      this.#release()
      this.#reject(error)
    }
    const timer =
      timeoutMs === Infinity
        ? undefined
        : system.clock.setTimer(timeoutMs, () => give(new StopTimeoutError(this.#name, timeoutMs)))
    const unwatch =
      signal === undefined
        ? undefined
        : system.onAbort(signal, (cause) => give(new StopAbortedError(this.#name, cause)))
    this.#release = () => {
      timer?.cancel()
      unwatch?.()
    }
  }

  settle(actual: ExitReason): void {
    this.#release()
    if (sameReason(actual, this.#reason)) this.#resolve()
    else this.#reject(new StopExitError(this.#name, actual))
  }
}

/** By a signal, so that it does not count and is not logged as a crash of its own code. */
function kill(process: Process): void {
  process.system.exit(process.pid, 'kill')
}

/** By value, because a reason may have crossed the wire; values that refuse to be compared differ. */
function sameReason(a: ExitReason, b: ExitReason): boolean {
  if (Object.is(a, b)) return true
  try {
    return isDeepStrictEqual(a, b)
  } catch {
    return false
  }
}
