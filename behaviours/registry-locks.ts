/**
 * Mutual exclusion by key for one registry: first come, first served. Bounded by the processes that
 * wait; a dead one is passed over.
 *
 * Invariant: a key is in `#queues` exactly while somebody holds its lock; the holder is not in the queue.
 */
import { NoProcessError, type Pid, type System } from '../runtime/index.ts'

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
  async run<T>(key: unknown, owner: Pid, fn: () => T | Promise<T>): Promise<T> {
    await this.#take(key, owner)
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

  #take(key: unknown, owner: Pid): Promise<void> {
    const queue = this.#queues.get(key)
    if (queue === undefined) {
      this.#queues.set(key, [])
      return Promise.resolve()
    }
    return new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        go: () => {
          unwatch()
          resolve()
        },
      }
      const unwatch = this.#system.watch(owner, () => {
        const at = queue.indexOf(waiter)
        if (at >= 0) queue.splice(at, 1)
        reject(new NoProcessError(owner, 'lock'))
      })
      queue.push(waiter)
    })
  }

  #pass(key: unknown): void {
    const next = this.#queues.get(key)?.shift()
    if (next === undefined) this.#queues.delete(key)
    else next.go()
  }
}
