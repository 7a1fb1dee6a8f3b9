/** What ends with a process: one watch per process, however much is tied to it (ML6). */
import { pidKey } from '../../runtime/index.ts'
import type { Pid, System } from '../../runtime/index.ts'

interface Tied {
  readonly ends: Set<() => void>
  readonly stop: () => void
}

/** See the head of this file. */
export class ProcessTies {
  readonly #system: System
  readonly #tied = new Map<string, Tied>()

  constructor(system: System) {
    this.#system = system
  }

  /** Processes that are watched. */
  get size(): number {
    return this.#tied.size
  }

  /** Calls `end` when the process has ended, unless what this gives is called before. */
  tie(pid: Pid, end: () => void): () => void {
    const key = pidKey(pid)
    const tied = this.#tied.get(key) ?? this.#watch(pid, key)
    tied.ends.add(end)
    return () => {
      if (!tied.ends.delete(end) || tied.ends.size > 0 || this.#tied.get(key) !== tied) return
      this.#tied.delete(key)
      tied.stop()
    }
  }

  #watch(pid: Pid, key: string): Tied {
    const ends = new Set<() => void>()
    const stop = this.#system.watch(pid, () => {
      this.#tied.delete(key)
      for (const end of Array.from(ends)) end()
    })
    const tied: Tied = { ends, stop }
    this.#tied.set(key, tied)
    return tied
  }
}
