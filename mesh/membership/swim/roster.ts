/**
 * The slots of living members in a dense order, so that a random one costs one draw and no scan. Only
 * what differs from "position n holds slot n" is stored: a core of a big simulation stores almost
 * nothing.
 */

/** Living slots by position. */
export class Roster {
  #size: number
  #slotAt: Map<number, number> | undefined
  #positionOf: Map<number, number> | undefined

  /** Starts with the slots 0 to `size` - 1 alive. */
  constructor(size: number) {
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  /** Slot at a position below `size`. */
  slotAt(position: number): number {
    return this.#slotAt?.get(position) ?? position
  }

  /** Position of a living slot. */
  positionOf(slot: number): number {
    return this.#positionOf?.get(slot) ?? slot
  }

  /** Puts a slot last; answers its position. */
  add(slot: number): number {
    const position = this.#size
    this.#size += 1
    this.#place(slot, position)
    return position
  }

  /** Takes a living slot out; the last one takes its position. */
  remove(slot: number): void {
    const position = this.positionOf(slot)
    const last = this.#size - 1
    const moved = this.slotAt(last)
    this.#size = last
    this.#slotAt?.delete(last)
    this.#positionOf?.delete(slot)
    if (position !== last) this.#place(moved, position)
  }

  state(): RosterState {
    return { size: this.#size, slots: [...(this.#slotAt ?? [])] }
  }

  restore(state: RosterState): void {
    this.#size = state.size
    this.#slotAt = undefined
    this.#positionOf = undefined
    for (const [position, slot] of state.slots) this.#place(slot, position)
  }

  #place(slot: number, position: number): void {
    if (slot === position) {
      this.#slotAt?.delete(position)
      this.#positionOf?.delete(slot)
      return
    }
    this.#slotAt ??= new Map()
    this.#positionOf ??= new Map()
    this.#slotAt.set(position, slot)
    this.#positionOf.set(slot, position)
  }
}

/** {@link Roster} as plain data. */
export interface RosterState {
  readonly size: number
  readonly slots: readonly (readonly [number, number])[]
}
