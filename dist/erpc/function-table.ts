/**
 * The functions that a node has registered, and which of their calls run, wait or are refused. Knows nothing
 * of processes and nodes: `admit` says what to do with a call, `done` that one is over.
 *
 * Invariants:
 * - A function has at most `concurrency` runs and `queueMax` that wait; all together at most `callsMax`.
 * - Those that wait start in the order in which they came.
 * - A function that is unregistered or replaced finishes what it has accepted.
 */
import { ErpcFunctionError } from './errors.ts'
import type { ErpcOptions } from './options.ts'

/** A function as it is registered; it gets the arguments of the call. */
export type ErpcFunction = (...args: never[]) => unknown

/** Longest name of a function. */
export const FUNCTION_NAME_CHARS_MAX = 256

/** One registered function. */
export class RegisteredFunction {
  readonly name: string
  readonly run: ErpcFunction
  readonly concurrency: number
  readonly queueMax: number
  running = 0
  /** Those that wait are being started. */
  advancing = false
  readonly waiting: Set<() => void> = new Set()

  constructor(
    name: string,
    run: ErpcFunction,
    limits: { readonly concurrency: number; readonly queueMax: number },
  ) {
    this.name = name
    this.run = run
    this.concurrency = limits.concurrency
    this.queueMax = limits.queueMax
  }
}

/** Numbers of a node's functions. */
export interface ErpcCounts {
  readonly functions: number
  readonly running: number
  readonly waiting: number
}

/** See the head of this file. */
export class FunctionTable {
  readonly #options: Readonly<ErpcOptions>
  readonly #functions = new Map<string, RegisteredFunction>()
  #running = 0
  #waiting = 0

  constructor(options: Readonly<ErpcOptions>) {
    this.#options = options
  }

  get counts(): ErpcCounts {
    return { functions: this.#functions.size, running: this.#running, waiting: this.#waiting }
  }

  /** Every registered name, in order of registration. */
  names(): string[] {
    return [...this.#functions.keys()]
  }

  /** Adds a function; gives the way to take it back. */
  add(entry: RegisteredFunction): () => void {
    const { name, run } = entry
    if (typeof name !== 'string' || name === '' || name.length > FUNCTION_NAME_CHARS_MAX) {
      const what = `needs a name of 1 to ${FUNCTION_NAME_CHARS_MAX} characters`
      throw new ErpcFunctionError('ERR_ERPC_FUNCTION_INVALID', String(name).slice(0, 80), what)
    }
    if (typeof run !== 'function') {
      throw new ErpcFunctionError('ERR_ERPC_FUNCTION_INVALID', name, 'is no function')
    }
    if (this.#functions.has(name)) {
      throw new ErpcFunctionError('ERR_ERPC_FUNCTION_TAKEN', name, 'is registered already')
    }
    const { functionsMax } = this.#options
    if (this.#functions.size >= functionsMax) {
      const what = `is one too many: ${functionsMax} are registered`
      throw new ErpcFunctionError('ERR_ERPC_FUNCTIONS_MAX', name, what)
    }
    this.#functions.set(name, entry)
    return () => {
      if (this.#functions.get(name) === entry) this.#functions.delete(name)
    }
  }

  remove(name: string): boolean {
    return this.#functions.delete(name)
  }

  find(name: string): RegisteredFunction | undefined {
    return this.#functions.get(name)
  }

  /**
   * Runs `start` now or when it is its turn, and `done` must follow then; a code if neither. The result takes
   * one that still waits back.
   */
  admit(entry: RegisteredFunction, start: () => void): string | (() => void) {
    if (this.#running + this.#waiting >= this.#options.callsMax) return 'ERR_ERPC_CALLS_MAX'
    if (entry.running < entry.concurrency) {
      this.#begin(entry, start)
      return () => {}
    }
    if (entry.waiting.size >= entry.queueMax) return 'ERR_ERPC_QUEUE_FULL'
    entry.waiting.add(start)
    this.#waiting++
    return () => {
      if (entry.waiting.delete(start)) this.#waiting--
    }
  }

  /** A run is over; the next one has its turn. */
  done(entry: RegisteredFunction): void {
    entry.running--
    this.#running--
    // A start may fail and call this at once: the loop below goes on then, however many wait.
    if (entry.advancing) return
    entry.advancing = true
    try {
      for (const start of entry.waiting) {
        if (entry.running >= entry.concurrency) break
        entry.waiting.delete(start)
        this.#waiting--
        this.#begin(entry, start)
      }
    } finally {
      entry.advancing = false
    }
  }

  #begin(entry: RegisteredFunction, start: () => void): void {
    entry.running++
    this.#running++
    start()
  }
}
