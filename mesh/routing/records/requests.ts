/** Puts of this node that are not answered: who sent them, and whose answer counts. */
import type { AddProvider, Contact, DhtReply, Store, StoreReply } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'

/** Who sent a put. Exactly one of both calls follows, unless it is cancelled. */
export interface RequestOwner {
  answered(requestId: number, reply: StoreReply): void
  failed(requestId: number): void
}

interface Pending {
  readonly owner: RequestOwner
  readonly to: string
  readonly keyHex: string
}

/** All puts in flight. */
export class Requests {
  readonly #context: RecordsContext
  readonly #pending = new Map<number, Pending>()
  #last = 0

  constructor(context: RecordsContext) {
    this.#context = context
  }

  get size(): number {
    return this.#pending.size
  }

  /** Sends a put; whoever drives the core answers by the deadline or says that nobody will. */
  send(owner: RequestOwner, to: Contact, message: Store | AddProvider, deadlineMs: number): number {
    const requestId = ++this.#last
    this.#pending.set(requestId, { owner, to: to.id, keyHex: message.key.hex })
    this.#context.counters.requestsSent += 1
    this.#context.sink.request(requestId, to, message, deadlineMs)
    return requestId
  }

  /** Nobody waits for it any more. */
  cancel(requestId: number): void {
    if (this.#pending.delete(requestId)) this.#context.sink.cancel(requestId)
  }

  /** An answer of another kind, about another key or by another node is as good as none. */
  answered(requestId: number, from: string, message: DhtReply): void {
    const pending = this.#pending.get(requestId)
    const fits =
      pending?.to === from && message.type === 'store_reply' && message.key.hex === pending.keyHex
    if (!fits) {
      // Whoever is late, or lives where another did, is excused.
      this.#context.sink.refused('ERR_DHT_REPLY_UNEXPECTED', from, pending?.to !== from)
      if (pending?.to === from) this.failed(requestId)
      return
    }
    this.#pending.delete(requestId)
    pending.owner.answered(requestId, message)
  }

  failed(requestId: number): void {
    const pending = this.#pending.get(requestId)
    if (pending === undefined) return
    this.#pending.delete(requestId)
    this.#context.counters.requestsFailed += 1
    pending.owner.failed(requestId)
  }
}
