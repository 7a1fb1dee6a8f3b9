/** A job: one record to a few nodes, one after the other. */
import type { Contact } from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import type { DhtRecord } from './record.ts'
import { Spread } from './spread.ts'
import type { Job } from './upkeep.ts'

/** What goes where. */
export interface DeliverySpec {
  readonly record: DhtRecord
  readonly targets: readonly Contact[]
  /** For copies off the path. */
  readonly ttlMs?: number | undefined
}

/** See the head of this file. */
export class Delivery implements Job {
  readonly #context: RecordsContext
  readonly #spec: DeliverySpec
  #spread: Spread | undefined

  constructor(context: RecordsContext, spec: DeliverySpec) {
    this.#context = context
    this.#spec = spec
  }

  begin(onDone: () => void): void {
    const spec = { ...this.#spec, parallel: 1, deadlineMs: Infinity }
    this.#spread = new Spread(this.#context, spec, onDone)
    this.#spread.begin()
  }

  cancel(): void {
    this.#spread?.cancel()
  }
}
