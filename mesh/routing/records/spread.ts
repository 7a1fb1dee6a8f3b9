/**
 * Puts one record to a list of nodes, nearest first, so many at a time. With an expected sequence (compare
 * and swap) the first of them is asked alone: of two writers who race it takes one and refuses the other,
 * who then has written nowhere. Who refuses because it lags behind gets the record after somebody agreed.
 */
import type { AddProvider, Contact, Store, StoreRefusal, StoreReply } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import { isProviderKind } from './providers.ts'
import type { DhtRecord } from './record.ts'
import type { RequestOwner } from './requests.ts'
import { compareRecords } from './select.ts'

/** What to put, where, and how. */
export interface SpreadSpec {
  readonly record: DhtRecord
  readonly targets: readonly Contact[]
  readonly parallel: number
  /** Monotonic time after which no put is worth anything; Infinity for never. */
  readonly deadlineMs: number
  /** For copies off the path. */
  readonly ttlMs?: number | undefined
  readonly expectedSequence?: number | undefined
  /** True when a holder has agreed to the expected sequence already: this node itself. */
  readonly agreed?: boolean
}

/** A node that refused, and why. */
export interface Refusal {
  readonly contact: Contact
  readonly code: StoreRefusal
}

/** See the head of this file. `onDone` is called once, perhaps from within `begin`. */
export class Spread implements RequestOwner {
  readonly holders: Contact[] = []
  readonly refusals: Refusal[] = []
  /** A valid record that stands against ours, shown by who refused. */
  newer: DhtRecord | undefined
  /** True when `newer` is not what compare and swap expected. */
  conflict = false
  sent = 0
  failures = 0
  ended = false
  readonly #context: RecordsContext
  readonly #spec: SpreadSpec
  readonly #onDone: () => void
  readonly #running = new Map<number, Contact>()
  readonly #lagging: Contact[] = []
  #waiting: readonly Contact[]
  #next = 0
  /** True when who lags is given the record whatever it has. */
  #catchingUp = false

  constructor(context: RecordsContext, spec: SpreadSpec, onDone: () => void) {
    this.#context = context
    this.#spec = spec
    this.#onDone = onDone
    this.#waiting = spec.targets
  }

  /** True when there were some to put it to, and each has answered. */
  get whole(): boolean {
    const { targets } = this.#spec
    return targets.length > 0 && this.holders.length + this.refusals.length >= targets.length
  }

  begin(): void {
    // It was valid when somebody wanted to put it; time has passed since (K34).
    if (this.#context.problem(this.#spec.record) !== undefined) this.#waiting = []
    this.#advance()
  }

  /** No call follows; what is in flight is cancelled. */
  cancel(): void {
    this.ended = true
    for (const requestId of this.#running.keys()) this.#context.requests.cancel(requestId)
    this.#running.clear()
  }

  answered(requestId: number, reply: StoreReply): void {
    const contact = this.#running.get(requestId)
    if (contact === undefined) return
    this.#running.delete(requestId)
    if (reply.refusal === undefined) this.holders.push(contact)
    else this.#refusedBy(contact, reply.refusal, reply.record)
    if (this.conflict) this.#end()
    else this.#advance()
  }

  failed(requestId: number): void {
    if (!this.#running.delete(requestId)) return
    this.failures += 1
    this.#advance()
  }

  #refusedBy(contact: Contact, code: StoreRefusal, shown: DhtRecord | undefined): void {
    const { record, expectedSequence } = this.#spec
    const standing = this.#standing(shown)
    if (code === 'ERR_DHT_SEQUENCE_UNEXPECTED' && expectedSequence !== undefined) {
      if ((standing?.sequence ?? 0) < expectedSequence) {
        this.#lagging.push(contact)
        return
      }
      // Only a record that was signed proves it: a word alone would let anybody stop a writer.
      if (standing !== undefined && standing.sequence > expectedSequence) {
        this.conflict = true
        this.newer = standing
      }
    } else if (standing?.kind === 'immutable') {
      // The same value under another signature: it is there, and for longer.
      this.holders.push(contact)
      return
    } else if (standing !== undefined && compareRecords(standing, record) > 0) {
      if (this.newer === undefined || compareRecords(standing, this.newer) > 0)
        this.newer = standing
    }
    this.refusals.push({ contact, code })
  }

  /** What a refusal shows, if it is about the same thing and valid. */
  #standing(shown: DhtRecord | undefined): DhtRecord | undefined {
    const { record } = this.#spec
    const fits =
      shown !== undefined &&
      shown.key.hex === record.key.hex &&
      shown.kind === record.kind &&
      (!isProviderKind(record.kind) || shown.publisher === record.publisher)
    return fits && this.#context.problem(shown) === undefined ? shown : undefined
  }

  #advance(): void {
    if (this.ended) return
    while (this.#running.size < this.#parallel() && this.#next < this.#waiting.length) {
      this.#send(this.#waiting[this.#next++]!)
    }
    if (this.#running.size > 0) return
    const agreed = this.holders.length > 0 || this.#spec.agreed === true
    if (!this.#catchingUp && this.#lagging.length > 0 && agreed) {
      this.#catchingUp = true
      this.#waiting = this.#lagging
      this.#next = 0
      this.#advance()
      return
    }
    this.#end()
  }

  #parallel(): number {
    const { expectedSequence, agreed, parallel } = this.#spec
    const alone = expectedSequence !== undefined && agreed !== true && this.holders.length === 0
    return alone ? 1 : parallel
  }

  #send(to: Contact): void {
    const { nowMs, settings, requests } = this.#context
    const deadlineMs = Math.min(nowMs + settings.requestTimeoutMs, this.#spec.deadlineMs)
    this.sent += 1
    this.#running.set(requests.send(this, to, this.#message(), deadlineMs), to)
  }

  #message(): Store | AddProvider {
    const { record, ttlMs, expectedSequence } = this.#spec
    const { key } = record
    const sender = this.#context.sender()
    if (isProviderKind(record.kind)) return { type: 'add_provider', key, sender, record }
    return {
      type: 'store',
      key,
      sender,
      record,
      ttlMs,
      expectedSequence: this.#catchingUp ? undefined : expectedSequence,
    }
  }

  #end(): void {
    if (!this.#catchingUp) {
      for (const contact of this.#lagging) {
        this.refusals.push({ contact, code: 'ERR_DHT_SEQUENCE_UNEXPECTED' })
      }
    }
    this.cancel()
    this.#onDone()
  }
}
