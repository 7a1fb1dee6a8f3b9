/**
 * Mutual exclusion by key for one registry: first come, first served. Bounded by the processes that
 * wait; a dead one is passed over.
 *
 * Invariant: a key is in `#queues` exactly while somebody holds its lock; the holder is not in the queue.
 */
import { NoProcessError, ownPromise, type Pid, type System } from '../../runtime/index.ts'
import { LockAbortedError } from './registry-errors.ts'

interface Waiter {
  readonly go: () => void
}

/** Locks by key. */
export class KeyLocks {
  readonly #system: System
  readonly #queues = new Map<unknown, Waiter[]>()

  constructor(system: System) {
    this.#system = system
  }

  /** Runs `fn` when the lock of `key` is free; see `RegistryHandle.lock`. */
  async run<T>(
    key: unknown,
    owner: Pid,
    fn: () => T | Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    if (signal?.aborted === true) throw new LockAbortedError(key, signal.reason)
    await this.#take(key, owner, signal)
    let held = true
    const free = (): void => {
      if (!held) return
      held = false
      this.#pass(key)
    }
    const unwatch = this.#system.watch(owner, free)
    try {
      return await fn()
    } finally {
      unwatch()
      free()
    }
  }

  #take(key: unknown, owner: Pid, signal: AbortSignal | undefined): Promise<void> {
    const queue = this.#queues.get(key)
    if (queue === undefined) {
      this.#queues.set(key, [])
      return Promise.resolve()
    }
    return ownPromise<void>((resolve, reject) => {
      const release = (): void => {
        unwatch()
        signal?.removeEventListener('abort', onAbort)
      }
      const waiter: Waiter = {
        go: () => {
          release()
          resolve()
        },
      }
      const leave = (error: Error): void => {
        release()
        const at = queue.indexOf(waiter)
        if (at >= 0) queue.splice(at, 1)
        reject(error)
      }
      const onAbort = (): void => leave(new LockAbortedError(key, signal?.reason))
      const unwatch = this.#system.watch(owner, () => leave(new NoProcessError(owner, 'lock')))
      signal?.addEventListener('abort', onAbort, { once: true })
      queue.push(waiter)
    })
  }

  #pass(key: unknown): void {
    const next = this.#queues.get(key)?.shift()
    if (next === undefined) this.#queues.delete(key)
    else next.go()
  }
}
