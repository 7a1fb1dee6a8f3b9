/**
 * Which process is running right now. Without `asyncContext` that is known only synchronously: after the
 * first `await` of a handler other processes run, and a variable that pretended otherwise would name the
 * wrong one (NX-L9). With it, the continuations of a process know it too.
 *
 * The variables of this module are not state of a system but the "program counter" of the one thread all
 * systems share. `running` is set and restored around every handler. `tracked` is what it is after an
 * await; it exists while a system with `asyncContext` does. It cannot belong to one system: a process of
 * another one, started or called from here, inherits whatever storage it does not know of, and must not be
 * taken for the process it inherited from. So every scheduler sets it, also for processes that are not
 * tracked.
 */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import { ProcessPid } from './pid.ts'
import type { Pid } from './pid.ts'
import type { ProcessCell } from './process.ts'
import type { Process } from './program.ts'

/** Whose continuation runs; the pid of a process that is gone for a call that it had made. */
export type Owner = ProcessCell | ProcessPid

/** `null`: nobody, and that is certain; `undefined`: no handler runs synchronously. */
type Running = ProcessCell | null | undefined

let running: Running
let tracked: AsyncLocalStorage<Owner | undefined> | undefined
let trackers = 0

/** Marks `cell`, or nobody, as running; give the result to {@link leaveProcess}. */
export function enterProcess(cell: ProcessCell | undefined): Running {
  const before = running
  running = cell ?? null
  return before
}

/** Ends what {@link enterProcess} or {@link enterSlice} began. */
export function leaveProcess(before: Running): void {
  running = before
}

/** {@link enterProcess} for the scheduler: what is awaited from now on continues as `cell`. */
export function enterSlice(cell: ProcessCell): Running {
  const before = running
  running = cell
  if (tracked !== undefined) tracked.enterWith(cell.core.tracksAsync ? cell : undefined)
  return before
}

/** After the last slice of a run: what follows in this task belongs to nobody. */
export function leaveSlices(): void {
  if (tracked !== undefined) tracked.enterWith(undefined)
}

/** Runs `fn`, and what it awaits, as `cell` or as nobody. */
export function runIn<T>(cell: ProcessCell | undefined, fn: () => T): T {
  const before = enterProcess(cell)
  try {
    if (tracked === undefined) return fn()
    return tracked.run(cell?.core.tracksAsync === true ? cell : undefined, fn)
  } finally {
    running = before
  }
}

/** The running process's cell. */
export function runningCell(): ProcessCell | undefined {
  if (running !== undefined) return running ?? undefined
  if (tracked === undefined) return undefined
  const owner = tracked.getStore()
  return owner !== undefined && 'flags' in owner ? owner : undefined
}

/** Whose continuation or rejected promise this is; only with `asyncContext`. */
export function trackedOwner(): Owner | undefined {
  return tracked?.getStore()
}

/**
 * Rejects in the name of `from`, who made the promise: from Node 24 on a stray rejection belongs to who
 * rejects it.
 */
export function rejectAs(
  from: Pid | undefined,
  reject: (error: unknown) => void,
  error: unknown,
): void {
  if (tracked === undefined) reject(error)
  else if (from === undefined || !ProcessPid.is(from)) tracked.run(undefined, reject, error)
  else tracked.run(ProcessPid.cellOf(from) ?? from, reject, error)
}

/** One more system with `asyncContext`. */
export function beginTracking(): void {
  trackers++
  tracked ??= new AsyncLocalStorage<Owner | undefined>()
}

/** One less; the last one gives back what tracking costs. */
export function endTracking(): void {
  if (--trackers > 0) return
  tracked?.disable()
  tracked = undefined
}

/** `fn` in the context of now, as Node's own timers keep it; for a clock that has its own. */
export function inThisContext(fn: () => void): () => void {
  if (tracked === undefined || tracked.getStore() === undefined) return fn
  // `AsyncResource.bind` does the same and dresses the function up, which costs more than the timer.
  const resource = new AsyncResource('FoveaTimer')
  return () => resource.runInAsyncScope(fn)
}

/** Runs `fn`, and what it awaits or arms, in nobody's name. */
export function asNobody<T>(fn: () => T): T {
  return runIn(undefined, fn)
}

/** `fn` in the name of the process that runs now, whoever calls it; for the settlers of a promise. */
export function asCaller<T>(fn: (value: T) => void): (value: T) => void {
  if (tracked === undefined) return fn
  const cell = runningCell()
  return (value) => runIn(cell, () => fn(value))
}

/** The running process; see {@link self}. */
export function currentProcess(): Process | undefined {
  return runningCell()
}

/**
 * The pid of the running process. Synchronously inside a handler that is certain. After an `await` it is
 * undefined, or with the system's `asyncContext` still that process, also when it has ended meanwhile.
 * Outside processes it is undefined.
 *
 * @example
 * const Greeter = defineServer({
 *   init: () => 0,
 *   call: { whoAreYou: (n) => reply(self(), n) },
 *   cast: {},
 * })
 * const greeter = await Greeter.start()
 * assert.equal(await greeter.call.whoAreYou(), greeter.pid)
 * assert.equal(self(), undefined) // not in a process
 * await GenServer.stop(greeter)
 */
export function self(): Pid | undefined {
  return runningCell()?.pid
}

/** Runs `fn` as `process`, for programs that call user code after a promise was settled. */
export function runAs<T>(process: Process, fn: () => T): T {
  return runIn(process as ProcessCell, fn)
}
