/**
 * Looking into running processes and changing them, whatever their behaviour, as OTP's sys.
 *
 * Two kinds of operations:
 * - `getState`, `replaceState`, `suspend` and `resume` are requests in the mailbox: they are served in order
 *   with the messages of the same sender, between two messages, and wait for a process that is busy.
 * - `status`, `trace`, `log`, `statistics` and `tree` work from outside and at once; they never wait for the
 *   process and never hold it up.
 *
 * The runtime serves all of them; the program of a process only says what its state is. Cases: G-64, S-36.
 * Differs from OTP: a plain process serves requests too, while it waits in `receive`; a request does not
 * restart a return-timeout; what `replaceState` gives must not be a promise.
 */
import {
  ArgumentError,
  debugOf,
  isThenable,
  requestOf,
  resolveOptions,
  resumeProcess,
  suspendProcess,
  type Process,
  type ProgramDebug,
  type System,
} from '../../runtime/index.ts'
import { pickSystem, type ProcessTarget } from '../server/gen.ts'
import { SysCallbackError, SysStateError, SysUnsupportedError } from './sys-errors.ts'
import {
  readStatistics,
  startStatistics,
  stopStatistics,
  type Statistics,
} from './sys-statistics.ts'
import { statusOf, type ProcessStatus } from './sys-status.ts'
import {
  processAt,
  sysChecks,
  sysRequestChecks,
  type SysOptions,
  type SysRequestOptions,
} from './sys-target.ts'
import {
  logOptions,
  ProcessTrace,
  TraceBuffer,
  traceOptions,
  type LogOptions,
  type Trace,
  type TraceOptions,
  type TraceSink,
} from './sys-trace.ts'
import { formatTreeOf, treeOf, type ProcessTree, type TreeOptions } from './sys-tree.ts'

/** A trace and the buffer it fills. */
export interface TraceLog extends Trace {
  readonly buffer: TraceBuffer
}

/** The functions of {@link sys}. */
export interface SysFunctions {
  /** The state, after everything that was sent before (G-64). `S` is what the caller takes it for. */
  getState<S = unknown>(target: ProcessTarget, options?: SysRequestOptions): Promise<S>
  /**
   * Puts `fn(state)` in the place of the state and gives it. If `fn` fails the state stays and the promise
   * rejects with `ERR_SYS_CALLBACK`. `fn` runs in the process and must be synchronous.
   */
  replaceState<S = unknown>(
    target: ProcessTarget,
    fn: (state: S) => S,
    options?: SysRequestOptions,
  ): Promise<S>
  /**
   * The process handles nothing but requests of `sys`, stop requests and, if it traps exits, the EXIT of its
   * parent, until `resume`. Messages keep their order; calls wait, and time out. Twice is once.
   */
  suspend(target: ProcessTarget, options?: SysRequestOptions): Promise<void>
  /** Nothing if it is not suspended. */
  resume(target: ProcessTarget, options?: SysRequestOptions): Promise<void>
  /** At once, also while the process is busy or suspended. */
  status(target: ProcessTarget, options?: SysOptions): ProcessStatus
  /** Tells `sink` what the process does, from its next message on. */
  trace(target: ProcessTarget, sink: TraceSink, options?: TraceOptions): Trace
  /** A trace into a buffer of its own. */
  log(target: ProcessTarget, options?: LogOptions): TraceLog
  /** Counts what the process does; `get` gives undefined while nothing is counted. */
  statistics(target: ProcessTarget, what: 'get', options?: SysOptions): Statistics | undefined
  statistics(target: ProcessTarget, what: 'on' | 'off', options?: SysOptions): void
  /** All processes of a system, default the running process's, else the default system. */
  tree(system?: System, options?: TreeOptions): ProcessTree
  /** A tree as text. */
  formatTree(tree: ProcessTree): string
}

/**
 * Looking into running processes.
 *
 * @example
 * const Counter = defineServer({
 *   init: (start: number) => start,
 *   call: { add: (n, by: number) => reply(n + by, n + by) },
 *   cast: {},
 * })
 * const counter = await Counter.start(10)
 * assert.equal(await sys.getState(counter), 10)
 * await sys.replaceState(counter, (n: number) => n * 2)
 * assert.equal(await counter.call.add(1), 21)
 *
 * await sys.suspend(counter)
 * const waiting = counter.call.add(1)
 * assert.equal(sys.status(counter).state, 21)
 * await sys.resume(counter)
 * assert.equal(await waiting, 22)
 *
 * sys.statistics(counter, 'on')
 * await counter.call.add(1)
 * assert.equal(sys.statistics(counter, 'get')?.replies, 1)
 * assert.match(sys.formatTree(sys.tree()), /gen_server/)
 * await GenServer.stop(counter)
 */
export const sys: SysFunctions = Object.freeze<SysFunctions>({
  getState: async <S>(target: ProcessTarget, given?: SysRequestOptions) => {
    const options = requestOptions('sys.getState', given)
    const process = processAt(target, 'sys.getState', options)
    const debug = doorOf(process, 'sys.getState')
    return requestOf(process, 'sys.getState', () => debug.getState(process) as S, options)
  },
  replaceState: async <S>(
    target: ProcessTarget,
    fn: (state: S) => S,
    given?: SysRequestOptions,
  ) => {
    const options = requestOptions('sys.replaceState', given)
    if (typeof fn !== 'function') throw new ArgumentError('fn', 'a function', fn)
    const process = processAt(target, 'sys.replaceState', options)
    const debug = doorOf(process, 'sys.replaceState')
    const run = (): S => replace(process, debug, fn as (state: unknown) => unknown) as S
    return requestOf(process, 'sys.replaceState', run, options)
  },
  suspend: async (target, given) => {
    const options = requestOptions('sys.suspend', given)
    return suspendProcess(processAt(target, 'sys.suspend', options), options)
  },
  resume: async (target, given) => {
    const options = requestOptions('sys.resume', given)
    return resumeProcess(processAt(target, 'sys.resume', options), options)
  },
  status: (target, given) => statusOf(processAt(target, 'sys.status', plain('sys.status', given))),
  trace: (target, sink, given) => {
    const { eventsMax, ...options } = traceOptions(given)
    return new ProcessTrace(processAt(target, 'sys.trace', options), sink, eventsMax)
  },
  log: (target, given) => {
    const { eventsMax, ...options } = logOptions(given)
    const process = processAt(target, 'sys.log', options)
    const buffer = new TraceBuffer({ eventsMax })
    return Object.assign(new ProcessTrace(process, buffer, Infinity), { buffer })
  },
  statistics,
  tree: (system, options) => treeOf(system ?? pickSystem({}), options),
  formatTree: formatTreeOf,
})

function statistics(
  target: ProcessTarget,
  what: 'get',
  options?: SysOptions,
): Statistics | undefined
function statistics(target: ProcessTarget, what: 'on' | 'off', options?: SysOptions): undefined
function statistics(
  target: ProcessTarget,
  what: 'on' | 'off' | 'get',
  given?: SysOptions,
): Statistics | undefined {
  const process = processAt(target, 'sys.statistics', plain('sys.statistics', given))
  switch (what) {
    case 'get':
      return readStatistics(process)
    case 'on':
      startStatistics(process)
      return undefined
    case 'off':
      stopStatistics(process)
      return undefined
  }
  throw new ArgumentError('what', "'get', 'on' or 'off'", what)
}

const requestOptions = (
  where: string,
  given: SysRequestOptions | undefined,
): Readonly<SysRequestOptions> =>
  resolveOptions<SysRequestOptions>(where, {}, sysRequestChecks, given)

const plain = (where: string, given: SysOptions | undefined): Readonly<SysOptions> =>
  resolveOptions<SysOptions>(where, {}, sysChecks, given)

function doorOf(process: Process, operation: string): ProgramDebug {
  const debug = debugOf(process)
  if (debug === undefined) throw new SysUnsupportedError(operation, process.pid, process.label)
  return debug
}

function replace(process: Process, debug: ProgramDebug, fn: (state: unknown) => unknown): unknown {
  let next: unknown
  try {
    next = fn(debug.getState(process))
  } catch (error) {
    throw new SysCallbackError(process.pid, 'failed', error)
  }
  if (isThenable(next)) {
    next.then(undefined, () => {}) // nobody waits for it
    throw new SysCallbackError(process.pid, 'gave a promise', next)
  }
  try {
    debug.replaceState(process, next)
  } catch (error) {
    throw new SysStateError(process.pid, error)
  }
  return next
}
