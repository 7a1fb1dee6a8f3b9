/**
 * Candidates for the routing table: nodes that may be there. Each is asked before it is admitted, so that a
 * lie about an address ends here (K11), and what nobody has room for is not asked at all. The queue is bounded;
 * the oldest gives way, because what is new is more likely to be true.
 */
import type { Contact } from './message.ts'

/** The queue of one node. */
export class Include {
  readonly #candidatesMax: number
  /** Known from before a restart; asked when nobody else waits. */
  readonly #restored: readonly Contact[]
  #restoredNext = 0
  readonly #waiting = new Map<string, Contact>()
  readonly #asked = new Set<string>()

  constructor(candidatesMax: number, restored: readonly Contact[] = []) {
    this.#candidatesMax = candidatesMax
    this.#restored = restored
  }

  /** Candidates that wait or are being asked. */
  get size(): number {
    return this.waiting + this.#asked.size
  }

  /** Candidates that wait. */
  get waiting(): number {
    return this.#waiting.size + this.#restored.length - this.#restoredNext
  }

  has(id: string): boolean {
    return this.#waiting.has(id) || this.#asked.has(id)
  }

  /** Takes it in; returns who had to give way for it, which may be itself. */
  offer(contact: Contact): Contact | undefined {
    const { id } = contact
    if (this.#asked.has(id)) return undefined
    if (this.#waiting.has(id)) {
      this.#waiting.set(id, contact)
      return undefined
    }
    if (this.#candidatesMax <= 0) return contact
    const oldest = this.#waiting.size < this.#candidatesMax ? undefined : first(this.#waiting)
    if (oldest !== undefined) this.#waiting.delete(oldest.id)
    this.#waiting.set(id, contact)
    return oldest
  }

  /** Whom to ask now: the first that is still wanted. It counts as asked until {@link settled}. */
  next(isWanted: (contact: Contact) => boolean): Contact | undefined {
    for (const [id, contact] of this.#waiting) {
      this.#waiting.delete(id)
      if (!isWanted(contact)) continue
      this.#asked.add(id)
      return contact
    }
    while (this.#restoredNext < this.#restored.length) {
      const contact = this.#restored[this.#restoredNext]!
      this.#restoredNext += 1
      if (this.#asked.has(contact.id) || !isWanted(contact)) continue
      this.#asked.add(contact.id)
      return contact
    }
    return undefined
  }

  /** It has answered, or will not. */
  settled(id: string): void {
    this.#asked.delete(id)
  }
}

function first(waiting: ReadonlyMap<string, Contact>): Contact | undefined {
  for (const contact of waiting.values()) return contact
  return undefined
}
