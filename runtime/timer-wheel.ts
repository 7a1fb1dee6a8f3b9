/**
 * A hierarchical timer wheel: ten levels of 32 slots, one millisecond per slot on the lowest, which is
 * good for 35,000 years after its origin.
 * Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 7, with windows aligned to
 * powers of 32 as in tokio's timer.
 *
 * Adding and removing is O(1) and allocates nothing: entries are their own list nodes. Entries of one
 * instant fire in the order they were stamped, because every list is appended at its tail and a slot
 * is spread over the level below before anything can be added there directly.
 *
 * A new entry is first `fresh`: its delay counts from the next clock reading, given by `stamp`, never
 * from a stale one, and an entry that is removed before that (a call answered in its own turn) never
 * touches a slot.
 */

/** A node of the wheel. */
export interface Timed {
  readonly delayMs: number
  /** Due time in whole ms since the wheel's origin; meaningful after stamping. */
  at: number
  /** Which list holds it; {@link NOT_TIMED} for none. */
  slot: number
  timedPrev: Timed | undefined
  timedNext: Timed | undefined
  /** Called once when due; it is out of the wheel by then. Must not throw. */
  expire(): void
}

/** `slot` of an entry in no list. */
export const NOT_TIMED = -1

const BITS = 32
const LEVELS = 10
const SLOTS = LEVELS * BITS
/** `slot` of an entry that waits for its stamp. */
export const FRESH: number = SLOTS

/** Delays above this are refused: about 397 days. */
export const TIMER_DELAY_MS_MAX: number = 2 ** 35

/** Pure: time is a parameter. */
export class TimerWheel {
  readonly #heads: (Timed | undefined)[] = new Array<Timed | undefined>(SLOTS).fill(undefined)
  readonly #tails: (Timed | undefined)[] = new Array<Timed | undefined>(SLOTS).fill(undefined)
  /** One bit per slot that is not empty. */
  readonly #occupied: number[] = new Array<number>(LEVELS).fill(0)
  /**
   * Entries without a stamp, newest first, linked by `timedNext`. The newest, as is a call that is answered
   * before the next is made, is taken out when it is removed; another is only marked, and leaves the list
   * at the stamp, which comes with every turn of the loop.
   */
  #fresh: Timed | undefined
  /** Everything due before this instant has fired; slots of this instant itself may still fill. */
  #elapsed = 0
  /** Entries in any list. */
  size = 0

  /** Takes a new entry, once; its delay starts to count at the next {@link stamp}. */
  add(entry: Timed): void {
    this.size++
    entry.slot = FRESH
    entry.timedNext = this.#fresh
    this.#fresh = entry
  }

  /** Takes an entry out for good; harmless if it is out. */
  remove(entry: Timed): void {
    if (entry.slot === NOT_TIMED) return
    this.size--
    if (entry.slot !== FRESH) this.#unlink(entry)
    else if (this.#fresh === entry) {
      this.#fresh = entry.timedNext
      entry.timedNext = undefined
    }
    entry.slot = NOT_TIMED
  }

  /** Gives every fresh entry its due time, counted from `nowMs`, oldest first. */
  stamp(nowMs: number): void {
    let entry = this.#fresh
    if (entry === undefined) return
    this.#fresh = undefined
    let oldest: Timed | undefined
    while (entry !== undefined) {
      const next: Timed | undefined = entry.timedNext
      entry.timedNext = undefined
      if (entry.slot === FRESH) {
        entry.timedNext = oldest
        oldest = entry
      }
      entry = next
    }
    while (oldest !== undefined) {
      const next: Timed | undefined = oldest.timedNext
      oldest.at = Math.max(this.#elapsed, Math.ceil(nowMs + oldest.delayMs))
      this.#place(oldest)
      oldest = next
    }
  }

  /** Fires at most `countMax` entries due at `nowMs` in (time, stamping) order; true if more are due. */
  expire(nowMs: number, countMax: number): boolean {
    let left = countMax
    for (;;) {
      const slot = this.#nextSlot()
      if (slot < 0) break
      const level = Math.floor(slot / BITS)
      const due = this.#startOf(slot, level)
      if (due > nowMs) break
      this.#elapsed = Math.max(this.#elapsed, due)
      if (level > 0) {
        this.#spread(slot)
        continue
      }
      for (let entry = this.#heads[slot]; entry !== undefined; entry = this.#heads[slot]) {
        if (left-- <= 0) return true
        this.remove(entry)
        entry.expire()
      }
    }
    this.#elapsed = Math.max(this.#elapsed, Math.floor(nowMs))
    return false
  }

  /** When {@link expire} must be called next; not later than the first due entry. Infinity if empty. */
  nextDueMs(): number {
    const slot = this.#nextSlot()
    return slot < 0 ? Infinity : this.#startOf(slot, Math.floor(slot / BITS))
  }

  /** Takes every entry out and gives it to `drop`. */
  clear(drop: (entry: Timed) => void): void {
    this.stamp(this.#elapsed)
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let entry = this.#heads[slot]; entry !== undefined; entry = this.#heads[slot]) {
        this.remove(entry)
        drop(entry)
      }
    }
  }

  /** The lowest level whose aligned window holds both the present and the due time. */
  #place(entry: Timed): void {
    let digits = entry.at
    let due = Math.floor(entry.at / BITS)
    let present = Math.floor(this.#elapsed / BITS)
    let level = 0
    while (due !== present && level < LEVELS - 1) {
      digits = due
      due = Math.floor(due / BITS)
      present = Math.floor(present / BITS)
      level++
    }
    this.#append(level * BITS + (digits % BITS), entry)
  }

  #spread(slot: number): void {
    let entry = this.#heads[slot]
    this.#heads[slot] = undefined
    this.#tails[slot] = undefined
    this.#mark(slot, false)
    while (entry !== undefined) {
      const next: Timed | undefined = entry.timedNext
      this.#place(entry)
      entry = next
    }
  }

  /** The slot that comes first in time: a lower level always ends before the next slot above begins. */
  #nextSlot(): number {
    let present = this.#elapsed
    for (let level = 0; level < LEVELS; level++) {
      const digit = present % BITS
      const from = level === 0 ? digit : digit + 1
      const mask = from >= BITS ? 0 : this.#occupied[level]! & (-1 << from)
      if (mask !== 0) return level * BITS + (31 - Math.clz32(mask & -mask))
      present = Math.floor(present / BITS)
    }
    return -1
  }

  #startOf(slot: number, level: number): number {
    const unit = BITS ** level
    const window = unit * BITS
    return Math.floor(this.#elapsed / window) * window + (slot % BITS) * unit
  }

  #append(slot: number, entry: Timed): void {
    const tail = this.#tails[slot]
    entry.slot = slot
    entry.timedPrev = tail
    entry.timedNext = undefined
    if (tail === undefined) {
      this.#heads[slot] = entry
      this.#mark(slot, true)
    } else tail.timedNext = entry
    this.#tails[slot] = entry
  }

  #unlink(entry: Timed): void {
    const { slot, timedPrev, timedNext } = entry
    if (timedPrev === undefined) this.#heads[slot] = timedNext
    else timedPrev.timedNext = timedNext
    if (timedNext === undefined) this.#tails[slot] = timedPrev
    else timedNext.timedPrev = timedPrev
    if (this.#heads[slot] === undefined) this.#mark(slot, false)
    entry.timedPrev = undefined
    entry.timedNext = undefined
  }

  #mark(slot: number, occupied: boolean): void {
    const level = Math.floor(slot / BITS)
    const bit = 1 << (slot % BITS)
    const before = this.#occupied[level]!
    this.#occupied[level] = occupied ? before | bit : before & ~bit
  }
}
