/**
 * Requests without answer: to whom, about what and why. An answer counts if it comes from whom was asked, is
 * of the kind that was asked for and about the same key; nothing else does (MG5).
 */
import { isKeyHex, type KadKey } from './id.ts'
import type { SeedContact } from './machine.ts'
import type { Contact, LookupReply, LookupRequest } from './message.ts'

/** Why a request was sent. `late`: for a lookup that ended before the answer came. */
export type Purpose = 'lookup' | 'late' | 'probe' | 'candidate' | 'seed' | 'lost'

/** One request. */
export interface Pending {
  readonly purpose: Purpose
  readonly to: SeedContact
  readonly type: LookupRequest['type']
  readonly key: KadKey
  readonly sentMs: number
  /** Whom was asked has asked us meanwhile: it is there, and its answer will prove it. */
  heard: boolean
}

const REPLY_OF: Readonly<Record<LookupRequest['type'], LookupReply['type']>> = Object.freeze({
  find_node: 'find_node_reply',
  find_value: 'find_value_reply',
  get_providers: 'providers_reply',
})

/** All requests of one node. */
export class Requests {
  readonly #pending = new Map<number, Pending>()
  #next = 1

  /** Requests without answer. */
  get size(): number {
    return this.#pending.size
  }

  /** Remembers a request, and returns its id. */
  add(purpose: Purpose, to: SeedContact, message: LookupRequest, nowMs: number): number {
    const requestId = this.#next++
    const { type, key } = message
    this.#pending.set(requestId, { purpose, to, type, key, sentMs: nowMs, heard: false })
    return requestId
  }

  get(requestId: number): Pending | undefined {
    return this.#pending.get(requestId)
  }

  delete(requestId: number): void {
    this.#pending.delete(requestId)
  }

  /** A request to that node at that address; `undefined` when there is none. */
  running(id: string, host: string, port: number): Pending | undefined {
    for (const pending of this.#pending.values()) {
      const { to } = pending
      if (to.id === id && to.host === host && to.port === port) return pending
    }
    return undefined
  }

  /** Its lookup has ended; who was asked may still answer. */
  release(requestId: number): void {
    const pending = this.#pending.get(requestId)
    if (pending !== undefined) this.#pending.set(requestId, { ...pending, purpose: 'late' })
  }
}

/** True if that is the answer to that request. */
export function isAnswer(pending: Pending, from: string, message: LookupReply): boolean {
  const { to, type, key } = pending
  const isFromAsked = to.id === undefined ? isKeyHex(from) : from === to.id
  return isFromAsked && message.type === REPLY_OF[type] && message.key.hex === key.hex
}

/** True when the key of whom was asked was known. */
export function isContact(contact: SeedContact): contact is Contact {
  return contact.id !== undefined && 'key' in contact
}
