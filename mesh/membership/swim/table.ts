/**
 * All members that are known, tombstones and this node included. A member has a slot: a small number
 * that stays while it is known and keys every other structure. Over a {@link SharedBase} only what
 * differs from it is stored. Digest, counts and the probing order are kept up to date here.
 */
import { toggleDigest, type MemberRecord, type SharedBase } from './base.ts'
import { Deadlines } from '../../machine/deadlines.ts'
import { SYNC_BUCKETS, type MemberStatus } from './message.ts'
import type { RandomStream } from '../../machine/random-stream.ts'
import { ProbeSchedule, type ScheduleState } from './schedule.ts'
import type { MemberId } from './statement.ts'

const NOBODY: SharedBase = Object.freeze({
  records: Object.freeze([]),
  slots: new Map<MemberId, number>(),
  digests: new Uint32Array(SYNC_BUCKETS * 2),
})

/** True for a member that is probed and gossiped with. */
export function isLiving(status: MemberStatus): boolean {
  return status === 'alive' || status === 'suspect'
}

/** The members of one core. */
export class MemberTable {
  readonly #base: SharedBase
  /**
   * What differs from the base; undefined as a value for a slot that was emptied. Both maps are made when needed:
   * to see that one is empty would be two more places in memory for each of thousands of cores.
   */
  #own: Map<number, MemberRecord | undefined> | undefined
  #slots: Map<MemberId, number> | undefined
  readonly #free: number[] = []
  #end: number
  /** Slot of this node, which is in the table but not in the probing order. */
  #self = -1
  /** When each tombstone is dropped, which is also their order of age. */
  readonly #tombstones = new Deadlines()
  readonly schedule: ProbeSchedule
  /** The base's own array until something differs. */
  digests: Uint32Array
  readonly counts: Record<MemberStatus, number>
  /** Changes of records so far: tells whether an exchange taught us anything. */
  changes = 0
  /** Members that are not alive; nearly always none, and then nobody needs to look one up to see it. */
  notAlive = 0

  constructor(random: RandomStream, base: SharedBase = NOBODY) {
    this.#base = base
    this.#end = base.records.length
    this.schedule = new ProbeSchedule(this.#end, random)
    this.digests = base.digests
    this.counts = { alive: this.#end, suspect: 0, dead: 0, left: 0 }
  }

  /** Members known, in any state. */
  get size(): number {
    const { alive, suspect, dead, left } = this.counts
    return alive + suspect + dead + left
  }

  /** Living members, this node included while it has not left. */
  get living(): number {
    return this.counts.alive + this.counts.suspect
  }

  /** Slots are below this; some are empty. */
  get end(): number {
    return this.#end
  }

  get self(): number {
    return this.#self
  }

  get(slot: number): MemberRecord | undefined {
    if (this.#own !== undefined) {
      const own = this.#own.get(slot)
      if (own !== undefined || this.#own.has(slot)) return own
    }
    return this.#base.records[slot]
  }

  /** Slot of a known member, or -1. */
  slotOf(id: MemberId): number {
    const own = this.#slots?.get(id)
    if (own !== undefined) return own
    const slot = this.#base.slots.get(id)
    if (slot === undefined) return -1
    if (this.#own === undefined) return slot
    return this.get(slot)?.statement.id === id ? slot : -1
  }

  find(id: MemberId): MemberRecord | undefined {
    const slot = this.slotOf(id)
    return slot < 0 ? undefined : this.get(slot)
  }

  /** Enters this node; once, before anything else. */
  addSelf(record: MemberRecord): void {
    const known = this.#base.slots.get(record.statement.id)
    if (known === undefined) {
      this.#self = this.#allocate(record.statement.id)
      this.#keep(this.#self, record)
      this.counts.alive += 1
      this.#toggle(record)
    } else {
      this.#self = known
      this.schedule.remove(known)
      if (record !== this.#base.records[known]) this.put(known, record)
    }
  }

  /** Enters a member that was not known; answers its slot. */
  add(record: MemberRecord, forgetAtMs: number): number {
    const slot = this.#allocate(record.statement.id)
    this.#keep(slot, record)
    this.#count(slot, undefined, record, forgetAtMs)
    return slot
  }

  /** Replaces the record of a known member. */
  put(slot: number, record: MemberRecord, forgetAtMs: number = Infinity): void {
    const before = this.get(slot)
    this.#keep(slot, record)
    this.#count(slot, before, record, forgetAtMs)
  }

  /** Forgets a member; its slot is free for another. */
  remove(slot: number): void {
    const before = this.get(slot)
    if (before === undefined) return
    this.#count(slot, before, undefined, Infinity)
    this.#slots?.delete(before.statement.id)
    if (slot < this.#base.records.length) this.#keep(slot, undefined)
    else this.#own?.delete(slot)
    this.#free.push(slot)
  }

  /** When the next tombstone is to be dropped. */
  nextForget(): number {
    return this.#tombstones.earliest()
  }

  /** The oldest tombstone, or -1. */
  oldestTombstone(): number {
    return this.#tombstones.first()
  }

  /** Every record with its slot, by slot. */
  *entries(): Generator<readonly [number, MemberRecord]> {
    for (let slot = 0; slot < this.#end; slot++) {
      const record = this.get(slot)
      if (record !== undefined) yield [slot, record]
    }
  }

  state(): TableState {
    return {
      own: [...(this.#own ?? [])],
      slots: [...(this.#slots ?? [])],
      free: [...this.#free],
      end: this.#end,
      self: this.#self,
      tombstones: this.#tombstones.entries(),
      schedule: this.schedule.state(),
      digests: [...this.digests],
      counts: { ...this.counts },
      changes: this.changes,
    }
  }

  restore(state: TableState): void {
    this.#own = state.own.length === 0 ? undefined : new Map(state.own)
    this.#slots = state.slots.length === 0 ? undefined : new Map(state.slots)
    this.#free.splice(0, Infinity, ...state.free)
    this.#end = state.end
    this.#self = state.self
    this.#tombstones.clear()
    for (const [slot, timeMs] of state.tombstones) this.#tombstones.set(slot, timeMs)
    this.schedule.restore(state.schedule)
    this.digests = Uint32Array.from(state.digests)
    Object.assign(this.counts, state.counts)
    this.notAlive = this.size - this.counts.alive
    this.changes = state.changes
  }

  #allocate(id: MemberId): number {
    const slot = this.#free.pop() ?? this.#end++
    if (this.#base.slots.get(id) !== slot) (this.#slots ??= new Map()).set(id, slot)
    return slot
  }

  #keep(slot: number, record: MemberRecord | undefined): void {
    this.#own ??= new Map()
    this.#own.set(slot, record)
  }

  #toggle({ statement, status }: MemberRecord): void {
    if (this.digests === this.#base.digests) this.digests = this.digests.slice()
    toggleDigest(this.digests, statement, status === 'suspect')
  }

  /** Counts, digest, probing order and tombstones after a change of one record. */
  #count(
    slot: number,
    before: MemberRecord | undefined,
    after: MemberRecord | undefined,
    forgetAtMs: number,
  ): void {
    this.changes += 1
    const wasLiving = before !== undefined && isLiving(before.status)
    const lives = after !== undefined && isLiving(after.status)
    if (before !== undefined) this.counts[before.status] -= 1
    if (after !== undefined) this.counts[after.status] += 1
    this.notAlive = this.size - this.counts.alive
    if (wasLiving) this.#toggle(before)
    if (lives) this.#toggle(after)
    if (slot !== this.#self) {
      if (wasLiving && !lives) this.schedule.remove(slot)
      if (!wasLiving && lives) this.schedule.add(slot)
    }
    if (after === undefined || lives) this.#tombstones.delete(slot)
    else this.#tombstones.set(slot, forgetAtMs)
  }
}

/** {@link MemberTable} as plain data; records are immutable and shared. */
export interface TableState {
  readonly own: readonly (readonly [number, MemberRecord | undefined])[]
  readonly slots: readonly (readonly [MemberId, number])[]
  readonly free: readonly number[]
  readonly end: number
  readonly self: number
  readonly tombstones: readonly (readonly [number, number])[]
  readonly schedule: ScheduleState
  readonly digests: readonly number[]
  readonly counts: Readonly<Record<MemberStatus, number>>
  readonly changes: number
}
