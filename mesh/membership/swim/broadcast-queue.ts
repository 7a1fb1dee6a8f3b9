/**
 * News that wait to be passed on: one entry per member, so never more than members are known (S28).
 * Sent least often first, newest first among equals. Deaths, suspicions, goodbyes and refutations are
 * urgent: a storm of other news leaves them their share of each datagram (S29), and the other way
 * round. What does not fit is skipped, the next that fits is taken, and nothing is lost (S27).
 */
import type { Update } from './message.ts'
import { RareMap } from './rare-map.ts'

/** Entries looked at for one datagram, at most: a long queue of misfits must not cost O(n). */
const EXAMINED_MAX = 64

/** An entry passed over so often because others had taken the space goes first in the next gossip. */
const MISSES_MAX = 4

interface Entry {
  readonly slot: number
  readonly update: Update
  readonly bytes: number
  readonly urgent: boolean
  sends: number
  misses: number
  /** Number of the datagram that took it last. */
  taken: number
  newer: Entry | undefined
  older: Entry | undefined
}

/** One kind of news: lists by number of sends, each from newest to oldest. */
type Lane = (Entry | undefined)[]

/** The queue of one core. */
export class BroadcastQueue {
  readonly #bySlot = new RareMap<number, Entry>()
  readonly #urgent: Lane = []
  readonly #ordinary: Lane = []
  readonly #taken: Entry[] = []
  readonly #urgentShare: number
  #size = 0
  #datagrams = 0
  #starved: Entry | undefined
  /** Bytes and entries used by the datagram that is being filled. */
  #used = 0
  #examined = 0

  constructor(urgentShare: number) {
    this.#urgentShare = urgentShare
  }

  /** Entries; a field, since it is asked for with each datagram. */
  get size(): number {
    return this.#size
  }

  has(slot: number): boolean {
    return this.#bySlot.has(slot)
  }

  /** The newest about a member; what was queued about it before is void. */
  put(slot: number, update: Update, options: { bytes: number; urgent: boolean }): void {
    this.delete(slot)
    const { bytes, urgent } = options
    const entry: Entry = {
      slot,
      update,
      bytes,
      urgent,
      sends: 0,
      misses: 0,
      taken: 0,
      newer: undefined,
      older: undefined,
    }
    this.#bySlot.set(slot, entry)
    this.#size += 1
    this.#link(entry)
  }

  /** Nothing more is said about that member. */
  delete(slot: number): void {
    const entry = this.#bySlot.get(slot)
    if (entry === undefined) return
    this.#unlink(entry)
    this.#bySlot.delete(slot)
    this.#size -= 1
    if (this.#starved === entry) this.#starved = undefined
  }

  clear(): void {
    for (const slot of [...this.#bySlot.keys()]) this.delete(slot)
  }

  /**
   * Appends what fits into `freeBytes` to `updates`; answers the bytes used. `limit` sends and an entry
   * is dropped. `about` is a member about whom the datagram says the same already: one of its sends. `whole` says that
   * nothing else is in the datagram, so that large news that were passed over get their turn.
   */
  collect(
    updates: Update[],
    freeBytes: number,
    options: { limit: number; about?: number; whole?: boolean },
  ): number {
    if (this.#size === 0) return 0
    this.#datagrams += 1
    this.#used = 0
    const about = options.about === undefined ? undefined : this.#bySlot.get(options.about)
    if (about !== undefined) {
      about.taken = this.#datagrams
      this.#taken.push(about)
    }
    const starved = this.#starved
    if (options.whole === true && starved !== undefined && starved.bytes <= freeBytes) {
      this.#take(starved, updates)
    }
    this.#fillFrom(this.#urgent, updates, freeBytes, freeBytes * this.#urgentShare)
    this.#fillFrom(this.#ordinary, updates, freeBytes, freeBytes)
    this.#fillFrom(this.#urgent, updates, freeBytes, freeBytes)
    this.#promote(options.limit)
    return this.#used
  }

  state(): QueueState {
    const entries = [...this.#urgent, ...this.#ordinary].flatMap((newest) => {
      const list: QueueEntryState[] = []
      for (let entry = newest; entry !== undefined; entry = entry.older) {
        const { slot, update, bytes, urgent, sends, misses } = entry
        list.unshift({ slot, update, bytes, urgent, sends, misses })
      }
      return list
    })
    return { entries, starved: this.#starved?.slot ?? -1 }
  }

  restore(state: QueueState): void {
    this.clear()
    for (const fields of state.entries) {
      const entry: Entry = { ...fields, taken: 0, newer: undefined, older: undefined }
      this.#bySlot.set(entry.slot, entry)
      this.#size += 1
      this.#link(entry)
    }
    this.#starved = this.#bySlot.get(state.starved)
  }

  /** Takes from one lane until `budget` bytes of the datagram are used; the first may exceed it. */
  #fillFrom(lane: Lane, updates: Update[], freeBytes: number, budget: number): void {
    this.#examined = 0
    for (const newest of lane) {
      for (let entry = newest; entry !== undefined; entry = entry.older) {
        if (this.#examined >= EXAMINED_MAX || this.#used >= budget) return
        if (entry.taken === this.#datagrams) continue
        this.#examined += 1
        if (this.#used + entry.bytes > freeBytes) this.#miss(entry)
        else if (this.#used === 0 || this.#used + entry.bytes <= budget) this.#take(entry, updates)
      }
    }
  }

  #miss(entry: Entry): void {
    entry.misses += 1
    if (entry.misses >= MISSES_MAX) this.#starved ??= entry
  }

  #take(entry: Entry, updates: Update[]): void {
    entry.taken = this.#datagrams
    entry.misses = 0
    if (this.#starved === entry) this.#starved = undefined
    this.#used += entry.bytes
    this.#taken.push(entry)
    updates.push(entry.update)
  }

  /** One more send for all that were taken; the newest of them stay the newest. */
  #promote(limit: number): void {
    const taken = this.#taken
    for (let i = taken.length - 1; i >= 0; i--) {
      const entry = taken[i]
      if (entry === undefined) continue
      this.#unlink(entry)
      entry.sends += 1
      if (entry.sends < limit) {
        this.#link(entry)
        continue
      }
      this.#bySlot.delete(entry.slot)
      this.#size -= 1
    }
    taken.length = 0
  }

  #link(entry: Entry): void {
    const lane = entry.urgent ? this.#urgent : this.#ordinary
    while (lane.length <= entry.sends) lane.push(undefined)
    const newest = lane[entry.sends]
    entry.older = newest
    entry.newer = undefined
    if (newest !== undefined) newest.newer = entry
    lane[entry.sends] = entry
  }

  #unlink(entry: Entry): void {
    const lane = entry.urgent ? this.#urgent : this.#ordinary
    if (entry.newer === undefined) lane[entry.sends] = entry.older
    else entry.newer.older = entry.older
    if (entry.older !== undefined) entry.older.newer = entry.newer
    entry.newer = undefined
    entry.older = undefined
  }
}

/** One entry as plain data. */
export interface QueueEntryState {
  readonly slot: number
  readonly update: Update
  readonly bytes: number
  readonly urgent: boolean
  readonly sends: number
  readonly misses: number
}

/** {@link BroadcastQueue} as plain data, oldest first within a list. */
export interface QueueState {
  readonly entries: readonly QueueEntryState[]
  readonly starved: number
}
