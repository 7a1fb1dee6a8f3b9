/** What ends with a process: one watch per process, however much it has under way (ML27). */
import type { Pid, System } from '../../runtime/index.ts'
import { Slots } from './slots.ts'

interface Owned<Item extends object> {
  readonly items: Slots<Item>
  readonly stop: () => void
}

/** See the head of this file. */
export class Owners<Item extends object> {
  readonly #system: System
  readonly #ended: (item: Item) => void
  /** A process that runs here has one pid object. */
  readonly #owners = new Map<Pid, Owned<Item>>()

  /** `ended` is called for everything that a process had when it ended. */
  constructor(system: System, ended: (item: Item) => void) {
    this.#system = system
    this.#ended = ended
  }

  /** Processes that are watched. */
  get size(): number {
    return this.#owners.size
  }

  /** Gives its place, for `delete`. */
  add(owner: Pid, item: Item): number {
    const owned = this.#owners.get(owner)
    if (owned !== undefined) return owned.items.add(item)
    const items = new Slots<Item>()
    const stop = this.#system.watch(owner, () => {
      this.#owners.delete(owner)
      for (const each of items.all()) this.#ended(each)
    })
    this.#owners.set(owner, { items, stop })
    return items.add(item)
  }

  /** Harmless when the process has ended. */
  delete(owner: Pid, item: Item, place: number): void {
    const owned = this.#owners.get(owner)
    if (owned?.items.get(place) !== item) return
    owned.items.delete(place)
    if (owned.items.size > 0) return
    this.#owners.delete(owner)
    owned.stop()
  }

  close(): void {
    for (const { stop } of this.#owners.values()) stop()
    this.#owners.clear()
  }
}
