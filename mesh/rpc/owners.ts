/** What ends with a process: one watch per process, however much it has under way (ML27). */
import { pidKey } from '../../runtime/index.ts'
import type { Pid, System } from '../../runtime/index.ts'

interface Owned<Item> {
  readonly items: Set<Item>
  readonly stop: () => void
}

/** See the head of this file. */
export class Owners<Item> {
  readonly #system: System
  readonly #ended: (item: Item) => void
  readonly #owners = new Map<string, Owned<Item>>()

  /** `ended` is called for everything that a process had when it ended. */
  constructor(system: System, ended: (item: Item) => void) {
    this.#system = system
    this.#ended = ended
  }

  /** Processes that are watched. */
  get size(): number {
    return this.#owners.size
  }

  add(owner: Pid, item: Item): void {
    const key = pidKey(owner)
    const owned = this.#owners.get(key)
    if (owned !== undefined) {
      owned.items.add(item)
      return
    }
    const items = new Set([item])
    const stop = this.#system.watch(owner, () => {
      this.#owners.delete(key)
      for (const each of items) this.#ended(each)
    })
    this.#owners.set(key, { items, stop })
  }

  delete(owner: Pid, item: Item): void {
    const key = pidKey(owner)
    const owned = this.#owners.get(key)
    if (owned === undefined || !owned.items.delete(item) || owned.items.size > 0) return
    this.#owners.delete(key)
    owned.stop()
  }

  close(): void {
    for (const { stop } of this.#owners.values()) stop()
    this.#owners.clear()
  }
}
