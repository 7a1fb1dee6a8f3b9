/**
 * The callers' signals: one listener per signal, however many calls, starts and stops wait for it. A program
 * that passes its one shutdown signal everywhere has no listener leak, and Node must not warn of one.
 *
 * Invariant: a group listens exactly while somebody waits, so a signal that outlives its waiters holds none.
 */
import { runIn } from './context.ts'
import { ArgumentError } from './errors.ts'
import type { SystemCore } from './core.ts'
import { signalOption } from './options.ts'

/** Who waits for a signal. */
export interface Abortable {
  /** The group it waits in, for a quick way out. */
  aborts: AbortGroup | undefined
  abort(cause: unknown): void
}

/** Those who wait for one signal. */
export class AbortGroup {
  readonly #signal: AbortSignal
  readonly #waiting = new Set<Abortable>()
  readonly #onAbort = (): void => {
    for (const one of this.#waiting) {
      this.leave(one)
      one.abort(this.#signal.reason)
    }
  }

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  join(one: Abortable): void {
    if (this.#waiting.size === 0) this.#signal.addEventListener('abort', this.#onAbort)
    this.#waiting.add(one)
    one.aborts = this
  }

  leave(one: Abortable): void {
    one.aborts = undefined
    this.#waiting.delete(one)
    if (this.#waiting.size === 0) this.#signal.removeEventListener('abort', this.#onAbort)
  }
}

/** Refuses what is no AbortSignal. */
export function checkSignal(signal: unknown): void {
  if (!signalOption.test(signal)) throw new ArgumentError('signal', signalOption.expected, signal)
}

/** A function that waits for a signal. */
class Callback implements Abortable {
  aborts: AbortGroup | undefined = undefined
  wanted = true
  readonly #core: SystemCore
  readonly #callback: (cause: unknown) => void

  constructor(core: SystemCore, callback: (cause: unknown) => void) {
    this.#core = core
    this.#callback = callback
  }

  /** In nobody's name. One that throws must not keep the others of its group from being told. */
  abort(cause: unknown): void {
    if (!this.wanted) return
    this.wanted = false
    try {
      runIn(undefined, () => this.#callback(cause))
    } catch (error) {
      this.#core.reportStray('abort callback', error)
    }
  }
}

/** The groups of one system. */
export class AbortGroups {
  readonly #core: SystemCore
  readonly #groups = new WeakMap<AbortSignal, AbortGroup>()

  constructor(core: SystemCore) {
    this.#core = core
  }

  /** Tells `one` when `signal` is aborted. */
  watch(one: Abortable, signal: AbortSignal): void {
    let group = this.#groups.get(signal)
    if (group === undefined) this.#groups.set(signal, (group = new AbortGroup(signal)))
    group.join(one)
  }

  /** As {@link watch}, for a function and also for a signal that is aborted already. */
  onAbort(signal: AbortSignal, callback: (cause: unknown) => void): () => void {
    checkSignal(signal)
    const one = new Callback(this.#core, callback)
    if (signal.aborted) this.#core.clock.microtask(() => one.abort(signal.reason))
    else this.watch(one, signal)
    return () => {
      one.wanted = false
      one.aborts?.leave(one)
    }
  }
}
