/**
 * Who is probed next: each round is a keyed permutation of the positions of the roster at its start;
 * who joins later is appended to the round. Every member that lives during the whole round is probed
 * exactly once in it (S23), however the roster is repacked when somebody dies. No scan, no array. The sets are made
 * when the first member comes or goes: thousands of cores in one simulation need none for most of their time.
 */
import { Permutation } from './permutation.ts'
import type { RandomStream } from '../../machine/random-stream.ts'
import { Roster, type RosterState } from './roster.ts'

/** The roster and the rounds over it. */
export class ProbeSchedule {
  readonly #roster: Roster
  readonly #random: RandomStream
  #order = new Permutation(0, 0)
  /** As the next round would be, once somebody asked. */
  #next: Permutation | undefined
  #cursor = 0
  #rounds = 0
  /** Positions whose present holder had its turn elsewhere. */
  #skipped: Set<number> | undefined
  /** Slots that still have their turn after the permutation, in their order, each with how many were appended before. */
  #appended: Map<number, number> | undefined
  #appends = 0
  /** Slots that joined in this round; a second time they wait for the next one. */
  #joined: Set<number> | undefined

  constructor(size: number, random: RandomStream) {
    this.#roster = new Roster(size)
    this.#random = random
  }

  /** Living slots. */
  get size(): number {
    return this.#roster.size
  }

  /** Rounds begun. */
  get rounds(): number {
    return this.#rounds
  }

  slotAt(position: number): number {
    return this.#roster.slotAt(position)
  }

  /** A member came alive: its turn comes within this round. */
  add(slot: number): void {
    const position = this.#roster.add(slot)
    this.#joined ??= new Set()
    if (!this.#comesBy(position) && !this.#joined.has(slot)) this.#append(slot)
    this.#joined.add(slot)
  }

  /** A member died; the last of the roster takes its position and keeps its turn. */
  remove(slot: number): void {
    const position = this.#roster.positionOf(slot)
    const last = this.#roster.size - 1
    this.#appended?.delete(slot)
    if (position !== last) {
      const moved = this.#roster.slotAt(last)
      const waits = this.#appended?.has(moved) === true || this.#comesBy(last)
      const comes = this.#comesBy(position)
      if (waits && comes) this.#appended?.delete(moved)
      else if (waits) this.#append(moved)
      else if (comes) (this.#skipped ??= new Set()).add(position)
    }
    this.#roster.remove(slot)
  }

  /** Whose turn it is, or -1 when nobody is alive. */
  next(): number {
    if (this.#roster.size === 0) return -1
    for (;;) {
      while (this.#cursor < this.#order.size) {
        const position = this.#order.at(this.#cursor)
        this.#cursor += 1
        if (position < this.#roster.size && this.#skipped?.has(position) !== true) {
          return this.#roster.slotAt(position)
        }
      }
      for (const slot of this.#appended?.keys() ?? []) {
        this.#appended?.delete(slot)
        return slot
      }
      this.#beginRound()
    }
  }

  /**
   * Turns of others before that living slot has its own, in this round or the next: exact when nobody has gone in this round
   * and nobody comes or goes until then. Asking changes no turn.
   */
  turnsBefore(slot: number): number {
    const position = this.#roster.positionOf(slot)
    if (this.#comesBy(position)) return this.#order.indexOf(position) - this.#cursor
    const left = this.#order.size - this.#cursor
    const ordinal = this.#appended?.get(slot)
    if (ordinal !== undefined) return left + ordinal - this.#firstAppended()
    return left + (this.#appended?.size ?? 0) + this.#nextOrder().indexOf(position)
  }

  state(): ScheduleState {
    return {
      roster: this.#roster.state(),
      size: this.#order.size,
      key: this.#order.key,
      nextKey: this.#next?.key,
      cursor: this.#cursor,
      rounds: this.#rounds,
      skipped: [...(this.#skipped ?? [])],
      appended: [...(this.#appended?.keys() ?? [])],
      joined: [...(this.#joined ?? [])],
    }
  }

  restore(state: ScheduleState): void {
    this.#roster.restore(state.roster)
    this.#order = new Permutation(state.size, state.key)
    const { nextKey } = state
    this.#next = nextKey === undefined ? undefined : new Permutation(this.#roster.size, nextKey)
    this.#cursor = state.cursor
    this.#rounds = state.rounds
    this.#skipped = setOf(state.skipped)
    this.#appended = undefined
    this.#appends = 0
    for (const slot of state.appended) this.#append(slot)
    this.#joined = setOf(state.joined)
  }

  /** The key is drawn once, whether somebody asks or not; the size is that of the roster when the round begins. */
  #nextOrder(): Permutation {
    const { size } = this.#roster
    if (this.#next?.size !== size) {
      this.#next = new Permutation(size, this.#next?.key ?? this.#random.next())
    }
    return this.#next
  }

  /** True when the permutation will still stop at this position. */
  #comesBy(position: number): boolean {
    return (
      position < this.#order.size &&
      this.#skipped?.has(position) !== true &&
      this.#order.indexOf(position) >= this.#cursor
    )
  }

  #beginRound(): void {
    this.#order = this.#nextOrder()
    this.#next = undefined
    this.#cursor = 0
    this.#rounds += 1
    this.#skipped = undefined
    this.#appended = undefined
    this.#joined = undefined
  }

  /** The number of the one that comes first of them. */
  #firstAppended(): number {
    for (const ordinal of this.#appended?.values() ?? []) return ordinal
    return this.#appends
  }

  #append(slot: number): void {
    this.#appended ??= new Map()
    if (this.#appended.has(slot)) return
    this.#appended.set(slot, this.#appends)
    this.#appends += 1
  }
}

/** {@link ProbeSchedule} as plain data. */
export interface ScheduleState {
  readonly roster: RosterState
  readonly size: number
  readonly key: number
  /** Of the next round, if it is known already. */
  readonly nextKey: number | undefined
  readonly cursor: number
  readonly rounds: number
  readonly skipped: readonly number[]
  readonly appended: readonly number[]
  readonly joined: readonly number[]
}

function setOf(values: readonly number[]): Set<number> | undefined {
  return values.length === 0 ? undefined : new Set(values)
}
