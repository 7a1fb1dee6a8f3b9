/** Messages that wait for a way, in order per node, bounded in bytes per node and in all. */
import { Deadlines } from '../machine/deadlines.ts'
import type { Parcel } from './parcel.ts'

/** What a message costs beside its bytes. */
export const PARCEL_BYTES = 128

/** Bounds of {@link Waiting}. */
export interface WaitingLimits {
  readonly waitingBytesPerNodeMax: number
  readonly waitingBytesMax: number
}

interface Queue {
  readonly parcels: Map<number, Parcel>
  bytes: number
}

/** See the file header. A queue is there only while something is in it. */
export class Waiting {
  readonly #limits: WaitingLimits
  readonly #queues = new Map<string, Queue>()
  readonly #byNumber = new Map<number, Parcel>()
  readonly #deadlines = new Deadlines()
  #bytes = 0

  constructor(limits: WaitingLimits) {
    this.#limits = limits
  }

  /** Bytes of all. */
  get bytes(): number {
    return this.#bytes
  }

  /** When `expired` has something to give. */
  get nextDueMs(): number {
    return this.#deadlines.earliest()
  }

  has(node: string): boolean {
    return this.#queues.has(node)
  }

  /** Whether that very message still waits. */
  holds(number: number): boolean {
    return this.#byNumber.has(number)
  }

  bytesOf(node: string): number {
    return this.#queues.get(node)?.bytes ?? 0
  }

  /** Nodes that something waits for. */
  nodes(): readonly string[] {
    return Array.from(this.#queues.keys())
  }

  /** False when there is no room for it. */
  add(parcel: Parcel): boolean {
    const { waitingBytesPerNodeMax, waitingBytesMax } = this.#limits
    const bytes = parcel.frame.length + PARCEL_BYTES
    const before = this.#queues.get(parcel.to)
    // One message alone may be longer than what else may wait: it would never find room.
    if (before !== undefined && before.bytes + bytes > waitingBytesPerNodeMax) return false
    if (this.#bytes > 0 && this.#bytes + bytes > waitingBytesMax) return false
    const queue = before ?? { parcels: new Map(), bytes: 0 }
    if (before === undefined) this.#queues.set(parcel.to, queue)
    queue.parcels.set(parcel.number, parcel)
    queue.bytes += bytes
    this.#bytes += bytes
    this.#byNumber.set(parcel.number, parcel)
    this.#deadlines.set(parcel.number, parcel.expiresMs)
    return true
  }

  /** The first that waits for that node. */
  first(node: string): Parcel | undefined {
    for (const parcel of this.#queues.get(node)?.parcels.values() ?? []) return parcel
    return undefined
  }

  /** Everything that waits for that node, in order; nothing may be removed meanwhile. */
  fromFirst(node: string): Iterable<Parcel> {
    return this.#queues.get(node)?.parcels.values() ?? []
  }

  /** The same in an array. */
  all(node: string): readonly Parcel[] {
    return Array.from(this.#queues.get(node)?.parcels.values() ?? [])
  }

  /** It does not wait any more. */
  remove(parcel: Parcel): void {
    const queue = this.#queues.get(parcel.to)
    if (queue === undefined || !queue.parcels.delete(parcel.number)) return
    const bytes = parcel.frame.length + PARCEL_BYTES
    queue.bytes -= bytes
    this.#bytes -= bytes
    if (queue.parcels.size === 0) this.#queues.delete(parcel.to)
    this.#byNumber.delete(parcel.number)
    this.#deadlines.delete(parcel.number)
  }

  /** Takes out everything that waits for that node, in order. */
  takeAll(node: string): readonly Parcel[] {
    const parcels = this.all(node)
    for (const parcel of parcels) this.remove(parcel)
    return parcels
  }

  /** Takes out everything whose time is over. */
  takeExpired(nowMs: number): readonly Parcel[] {
    const expired: Parcel[] = []
    while (this.#deadlines.earliest() <= nowMs) {
      const parcel = this.#byNumber.get(this.#deadlines.first())!
      this.remove(parcel)
      expired.push(parcel)
    }
    return expired
  }
}
