/**
 * Which process is running right now. Valid only synchronously: after the first `await` of a handler
 * other processes run, and a variable that pretended otherwise would name the wrong one (NX-L9).
 *
 * The one variable of this module is not state of a system but the "program counter" of the one
 * thread all systems share; it is set and restored around every handler.
 */
import type { ProcessCell } from './process.ts'
import type { Process } from './program.ts'
import type { Pid } from './pid.ts'

let running: ProcessCell | undefined

/** Marks `cell` as running; give the result to {@link leaveProcess}. */
export function enterProcess(cell: ProcessCell | undefined): ProcessCell | undefined {
  const before = running
  running = cell
  return before
}

/** Ends what {@link enterProcess} began. */
export function leaveProcess(before: ProcessCell | undefined): void {
  running = before
}

/** The running process's cell. */
export function runningCell(): ProcessCell | undefined {
  return running
}

/** The running process; only synchronously inside one of its handlers. */
export function currentProcess(): Process | undefined {
  return running
}

/**
 * The pid of the running process; only synchronously inside one of its handlers, else undefined.
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
  return running?.pid
}

/** Runs `fn` as `process`, for programs that call user code after a promise was settled. */
export function runAs<T>(process: Process, fn: () => T): T {
  const before = enterProcess(process as ProcessCell)
  try {
    return fn()
  } finally {
    leaveProcess(before)
  }
}
