/**
 * Which entries to ping: the oldest of a bucket for whose place somebody waits, those that are held for
 * down, and failed ones again. One ping per bucket at a time, and nobody twice in the queue (K9): however
 * many strangers come, they cost no more than that.
 */
import type { Contact } from './message.ts'

interface Check {
  readonly contact: Contact
  readonly bucket: number
}

/** The queue of one node. */
export class Probe {
  readonly #checksMax: number
  readonly #waiting = new Map<string, Check>()
  /** Entries that wait, by bucket. */
  readonly #waitingIn = new Map<number, number>()
  /** Id of the one that is being asked, by bucket. */
  readonly #asked = new Map<number, string>()

  /** `checksMax` bounds the queue. What does not fit is left out; its entry stays as it is. */
  constructor(checksMax: number) {
    this.#checksMax = checksMax
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** Buckets in which somebody is being asked. */
  get asked(): number {
    return this.#asked.size
  }

  /** Somebody waits for the place of this entry: asks it, unless one of its bucket is or will be asked. */
  evict(contact: Contact, bucket: number): boolean {
    if (this.#asked.has(bucket) || this.#waitingIn.has(bucket)) return false
    return this.check(contact, bucket)
  }

  /** Asks that entry when it is its turn. */
  check(contact: Contact, bucket: number): boolean {
    if (this.#waiting.has(contact.id) || this.#asked.get(bucket) === contact.id) return false
    if (this.#waiting.size >= this.#checksMax) return false
    this.#waiting.set(contact.id, { contact, bucket })
    this.#waitingIn.set(bucket, (this.#waitingIn.get(bucket) ?? 0) + 1)
    return true
  }

  /** Whom to ask now: the first of a bucket where nobody is being asked, until {@link settled}. */
  next(): Contact | undefined {
    for (const [id, { contact, bucket }] of this.#waiting) {
      if (this.#asked.has(bucket)) continue
      this.#leave(id, bucket)
      this.#asked.set(bucket, id)
      return contact
    }
    return undefined
  }

  /** True if {@link next} would name somebody. */
  isReady(): boolean {
    if (this.#asked.size === 0) return this.#waiting.size > 0
    for (const { bucket } of this.#waiting.values()) if (!this.#asked.has(bucket)) return true
    return false
  }

  /** It has answered, or will not. */
  settled(id: string, bucket: number): void {
    if (this.#asked.get(bucket) === id) this.#asked.delete(bucket)
  }

  #leave(id: string, bucket: number): void {
    this.#waiting.delete(id)
    const left = (this.#waitingIn.get(bucket) ?? 1) - 1
    if (left > 0) this.#waitingIn.set(bucket, left)
    else this.#waitingIn.delete(bucket)
  }
}
