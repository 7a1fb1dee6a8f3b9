/**
 * What a simulation is told about the systems in it, and how it knows whether a suspended handler waits for
 * something that the simulation can bring about.
 *
 * A handler may be suspended only while its process has *own waits*: promises of this library that it has
 * asked for and that are not settled (calls, starts, stops, tasks, streams, requests) or timers that it has
 * armed on the clock. The library counts them, by the process that runs (also after an `await`: such systems
 * have `asyncContext`). When nothing can run any more and a handler is suspended without an own wait, it
 * waits for something else: a real timer, a file, a promise that nobody settles.
 *
 * A system without a watch pays one test per promise.
 */
import { runningCell } from './context.ts'
import type { ProcessCell, ProcessExtras } from './process.ts'
import type { Process } from './program.ts'
import type { System } from './system.ts'

/** The simulation's side. */
export interface SystemWatch {
  /**
   * A process has taken one item from its mailbox; what it does with it may go on. `name` is that of its
   * last call or cast.
   */
  served(process: Process, name: string | undefined): void
  /** A process is suspended in a handler, goes on in one, or has lost its last own wait. */
  busy(process: Process): void
  /**
   * The system through which the running process reaches one of `home`: its own if both are of different nodes,
   * although they live in one program.
   */
  wayTo(home: System): System
}

/** As `new Promise`, counted as a wait of the running process. */
export function ownPromise<T>(
  executor: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
): Promise<T> {
  const cell = runningCell()
  if (cell?.core.options.watch === undefined) return new Promise<T>(executor)
  const over = beginWait(cell)
  return new Promise<T>((resolve, reject) => {
    try {
      executor(
        (value) => {
          over()
          resolve(value)
        },
        (error) => {
          over()
          reject(error)
        },
      )
    } catch (error) {
      over()
      throw error
    }
  })
}

/** One more own wait of the running process; gives its end. For clocks that know whose timer it is. */
export function ownWait(): (() => void) | undefined {
  const cell = runningCell()
  return cell?.core.options.watch === undefined ? undefined : beginWait(cell)
}

/** Whether a handler of `process` is suspended and nothing of this library can wake it. */
export function waitsInVain(process: Process): boolean {
  const { alive, busy, extras } = process as ProcessCell
  return alive && busy && (extras?.waits ?? 0) === 0
}

/** One own wait less. */
export function endWait(cell: ProcessCell, extras: ProcessExtras): void {
  if (--extras.waits === 0) cell.core.options.watch?.busy(cell)
}

/** Whether `process` is in the middle of a handler. */
export function isBusy(process: Process): boolean {
  return process.alive && (process as ProcessCell).busy
}

function beginWait(cell: ProcessCell): () => void {
  const extras = cell.more()
  extras.waits++
  let over = false
  return () => {
    if (over) return
    over = true
    endWait(cell, extras)
  }
}
