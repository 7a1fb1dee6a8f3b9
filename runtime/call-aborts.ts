/**
 * The callers' signals: one listener per signal, however many calls share it. A program that passes its one
 * shutdown signal to every call has no listener leak, and Node must not warn of one.
 *
 * Invariant: a group listens exactly while a call of it waits, so a signal that outlives its calls holds none.
 */
import type { Call } from './call.ts'

/** The waiting calls of one signal. */
export class AbortGroup {
  readonly #signal: AbortSignal
  readonly #calls = new Set<Call>()
  readonly #onAbort = (): void => {
    for (const call of this.#calls) call.abort(this.#signal.reason)
  }

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  join(call: Call): void {
    if (this.#calls.size === 0) this.#signal.addEventListener('abort', this.#onAbort)
    this.#calls.add(call)
    call.aborts = this
  }

  leave(call: Call): void {
    this.#calls.delete(call)
    if (this.#calls.size === 0) this.#signal.removeEventListener('abort', this.#onAbort)
  }
}

/** The groups of one system. */
export class CallAborts {
  readonly #groups = new WeakMap<AbortSignal, AbortGroup>()

  /** Gives `call` up when `signal` is aborted. */
  watch(call: Call, signal: AbortSignal): void {
    let group = this.#groups.get(signal)
    if (group === undefined) this.#groups.set(signal, (group = new AbortGroup(signal)))
    group.join(call)
  }
}
