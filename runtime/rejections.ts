/**
 * Promises that a process's code rejected and nobody awaits. Node ends the program for them; a system that
 * captures rejections ends the process they belong to instead, with their reason (`asyncContext` knows it).
 * What belongs to no process of such a system still ends the program.
 *
 * Node tells all listeners of `unhandledRejection` and does nothing itself if there is one, so the first of
 * ours, of whatever system, speaks for all: it asks each whether the rejection is theirs, leaves the others
 * to the program's own listeners, and if there are none raises them in the next turn, where they end the
 * program as Node would (only the `origin` that `uncaughtException` gets is not the same).
 */
import { FoveaError, SystemStoppedError } from './errors.ts'
import { reasonOfThrown } from './exit-reason.ts'
import { trackedOwner } from './context.ts'
import { ProcessPid } from './pid.ts'
import type { SystemCore } from './core.ts'

/** Also across copies of this package in one program. */
const CLAIM: unique symbol = Symbol.for('fovea.claimRejection') as never

interface Listener {
  (reason: unknown): void
  /** Takes the rejection if it belongs to its system. */
  [CLAIM](reason: unknown): boolean
}

const isOurs = (listener: object): listener is Listener => CLAIM in listener

/** Captures the stray rejections of one system. */
export class Rejections {
  /** Charged to a process so far. */
  captured = 0
  readonly #core: SystemCore
  /** How many asked for it. */
  #wanted = 0
  readonly #listener: Listener

  constructor(core: SystemCore) {
    this.#core = core
    const listener = (reason: unknown): void => this.#route(reason)
    this.#listener = Object.assign(listener, { [CLAIM]: (r: unknown) => this.#claim(r) })
  }

  /** From now on; disposing the last result gives everything back. */
  capture(): Disposable {
    if (!this.#core.tracksAsync) {
      throw new FoveaError(
        'ERR_ASYNC_CONTEXT_OFF',
        'captureRejections needs the option asyncContext',
      )
    }
    if (this.#core.stopped) throw new SystemStoppedError(this.#core.node)
    if (this.#wanted++ === 0) process.on('unhandledRejection', this.#listener)
    let disposed = false
    return {
      [Symbol.dispose]: () => {
        if (disposed) return
        disposed = true
        if (--this.#wanted === 0) process.off('unhandledRejection', this.#listener)
      },
    }
  }

  /** The system has stopped. */
  close(): void {
    process.off('unhandledRejection', this.#listener)
  }

  #route(reason: unknown): void {
    const listeners: readonly object[] = process.listeners('unhandledRejection')
    const ours = listeners.filter(isOurs)
    if (ours[0] !== this.#listener) return
    if (ours.some((listener) => listener[CLAIM](reason)) || listeners.length > ours.length) return
    this.#core.clock.nextTurn(() => {
      throw reason instanceof Error ? reason : new UnhandledRejection(reason)
    })
  }

  #claim(reason: unknown): boolean {
    const owner = trackedOwner()
    if (owner === undefined) return false
    if (owner instanceof ProcessPid) {
      if (ProcessPid.homeOf(owner) !== this.#core) return false
    } else if (owner.core !== this.#core) return false
    this.captured++
    if (!(owner instanceof ProcessPid) && owner.alive) {
      this.#core.deaths.end(owner, reasonOfThrown(reason), true)
    } else {
      const pid = owner instanceof ProcessPid ? owner : owner.pid
      this.#core.report({ pid: pid.toString(), reason }, 'rejection of a process that has ended')
    }
    return true
  }
}

/** As Node shows a rejection that is not an error. */
class UnhandledRejection extends Error {
  override readonly name = 'UnhandledPromiseRejection'
  constructor(reason: unknown) {
    super('a promise was rejected with what is not an Error, and nobody awaits it', {
      cause: reason,
    })
  }
}
