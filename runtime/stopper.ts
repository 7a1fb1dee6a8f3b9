/**
 * Stopping a system: the roots of the process tree are asked first, newest first, and stop their children
 * themselves as supervisors do; what has no parent left by then is asked next; what is still there at the
 * deadline is killed. Then nothing of the system is left: no timer, no pending call, no name.
 */
import { checkSignal } from './abort-groups.ts'
import { ItemKind, Message } from './item.ts'
import { plainProgram } from './spawn.ts'
import type { StopRequest } from './item.ts'
import type { SystemCore } from './core.ts'
import type { ProcessCell } from './process.ts'
import { Call } from './call.ts'

/** After so many rounds of asking, something starts anew as fast as it is stopped: the rest is killed. */
const ROUNDS_MAX = 1000

const isPlain = (cell: ProcessCell): boolean => cell.program.handle === plainProgram.handle

/** Stops one system once. */
export class Stopper {
  /** Nothing starts any more. */
  done = false
  readonly #core: SystemCore
  readonly #table: ReadonlyMap<number, ProcessCell>
  #promise: Promise<void> | undefined
  /** Processes that were asked to stop and have not ended. */
  readonly #asked = new Set<ProcessCell>()
  #drained: (() => void) | undefined
  #rounds = 0
  /** Takes the listeners off the callers' signals. */
  readonly #detach: (() => void)[] = []

  constructor(core: SystemCore, table: ReadonlyMap<number, ProcessCell>) {
    this.#core = core
    this.#table = table
  }

  get started(): boolean {
    return this.#promise !== undefined
  }

  /** Stops once; the signal of every caller counts, also of one who comes when stopping takes too long. */
  stop(signal: AbortSignal | undefined): Promise<void> {
    try {
      if (signal !== undefined) checkSignal(signal)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#promise ??= this.#stop()
    if (signal !== undefined && !this.done) this.#killOn(signal)
    return this.#promise
  }

  #killOn(signal: AbortSignal): void {
    this.#detach.push(this.#core.onAbort(signal, () => this.#killAll()))
  }

  /** A process was buried. */
  ended(cell: ProcessCell): void {
    if (this.#promise === undefined) return
    this.#asked.delete(cell)
    if (this.#table.size === 0) this.#drained?.()
    else if (this.#asked.size === 0) this.#core.clock.microtask(() => this.#askRoots())
  }

  async #stop(): Promise<void> {
    const { clock, options } = this.#core
    const deadline =
      options.stopTimeoutMs === Infinity
        ? undefined
        : clock.setTimer(options.stopTimeoutMs, () => this.#killAll())
    await new Promise<void>((resolve) => {
      // From the moment the table is empty nothing may start: not even what was waiting for the last end.
      this.#drained = () => {
        this.done = true
        resolve()
      }
      if (this.#table.size === 0) this.#drained()
      else clock.microtask(() => this.#askRoots())
    })
    deadline?.cancel()
    for (const detach of this.#detach) detach()
    this.#core.tables.close()
    this.#core.remote.close()
    this.#core.timers.close((entry) => {
      if (entry instanceof Call) entry.failExit('noproc')
    })
    this.#core.timers.count = 0
    await new Promise<void>((resolve) => clock.nextTurn(resolve)) // the last turn asked for is over
    this.#core.closed()
  }

  #askRoots(): void {
    if (this.done || this.#asked.size > 0) return
    if (++this.#rounds > ROUNDS_MAX) {
      this.#killAll()
      return
    }
    const roots: ProcessCell[] = []
    for (const cell of this.#table.values()) {
      const parent = cell.parent === undefined ? undefined : this.#core.live(cell.parent)
      // A plain process ends at once, so what it has started need not wait for another look at all.
      if (parent !== undefined && !(isPlain(parent) && this.#asked.has(parent))) continue
      roots.push(cell)
      this.#asked.add(cell)
    }
    for (const cell of roots.reverse()) this.#ask(cell)
  }

  /** A plain process has nothing that could refuse or clean up; others get to run their terminate. */
  #ask(cell: ProcessCell): void {
    if (!cell.alive) return
    if (isPlain(cell)) {
      this.#core.deaths.end(cell, 'shutdown', false)
      return
    }
    const request: StopRequest = { reason: 'shutdown', settle: () => {} }
    cell.post(new Message(ItemKind.stop, undefined, request))
  }

  #killAll(): void {
    this.done = true // or a callback that starts anew on every death would never end
    for (const cell of this.#table.values()) {
      this.#core.deaths.signal(cell, undefined, 'kill', false)
    }
  }
}
