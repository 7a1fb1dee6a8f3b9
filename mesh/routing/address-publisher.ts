/**
 * Publishes where this node is: once under its key and once under its id, so that both lead to its signed
 * address. What the store brought back of an earlier life is repeated if it is still true, replaced or
 * withdrawn if not.
 */
import type { ClockTimer } from '../../runtime/index.ts'
import type { DhtContext } from './context.ts'
import type { Operation, StoredEntry } from './records/machine.ts'
import { addressRecord } from './records/makers.ts'
import type { AddressContent } from './records/makers.ts'
import type { DhtRecord } from './records/record.ts'
import type { OperationHandler, Recorder } from './recorder.ts'

/** In a large network, nodes that join together do not publish together. */
const SPREAD_MS = 5_000

type AddressOperation = Extract<Operation, { type: 'provide' | 'unpublish' }>

/** Of one life of the records process. */
export class AddressPublisher {
  readonly #context: DhtContext
  readonly #signal: AbortSignal
  #timer: ClockTimer | undefined

  constructor(context: DhtContext, signal: AbortSignal) {
    this.#context = context
    this.#signal = signal
    signal.addEventListener('abort', () => this.#timer?.cancel())
  }

  /** There are holders now. Only the first call counts, of those while this node is a server. */
  begin(recorder: Recorder): void {
    const { options, memory, clock, chance } = this.#context
    if (!options.publishAddress || memory.mode === 'client') return
    if (this.#timer !== undefined || this.#signal.aborted) return
    const isLarge = memory.contacts.size >= options.routing.k
    const waitMs = isLarge ? chance() * SPREAD_MS : 0
    this.#timer = clock.setTimer(waitMs, () => this.#publish(recorder))
  }

  #publish(recorder: Recorder): void {
    const { making, clock } = this.#context
    const nodeId = this.#context.nodeId()
    const before = this.#published(recorder)
    const latest = Math.max(0, ...before.map(({ record }) => record.sequence))
    const sequence = Math.max(Math.floor(clock.wallNow()), latest + 1)
    const { host, port } = this.#context.address()
    const content = { nodeId, host, port, sequence }
    const records = UNDER.map((under) => addressRecord(making, { ...content, under }))
    const keys = new Set(records.map(({ key }) => key.hex))
    for (const { record } of before) {
      if (!keys.has(record.key.hex)) this.#do(recorder, { type: 'unpublish', key: record.key })
    }
    for (const record of records) {
      if (before.some((entry) => says(entry.record, record))) continue
      this.#do(recorder, { type: 'provide', record, options: {} })
    }
  }

  /** The records core repeats what it took; the next life of its process begins anew. So nothing to do but say so. */
  #do(recorder: Recorder, operation: AddressOperation): void {
    const { refusals } = this.#context
    const { hex: key } = operation.type === 'provide' ? operation.record.key : operation.key
    const what = { operation: operation.type, key }
    const handler: OperationHandler = {
      found() {},
      hop() {},
      done() {},
      failed: (reason, { holders }) =>
        refusals.count('ERR_DHT_ADDRESS_UNPUBLISHED', { ...what, reason, holders: holders.length }),
      lost() {},
    }
    recorder.operate(operation, handler)
  }

  /** What an earlier life said. */
  #published(recorder: Recorder): readonly StoredEntry[] {
    const { publisher } = this.#context.making.authority
    return Array.from(recorder.entries()).filter(
      ({ own, record }) => own && record.kind === 'address' && record.publisher === publisher,
    )
  }
}

const UNDER: readonly AddressContent['under'][] = Object.freeze(['node_key', 'node_id'])

function says(left: DhtRecord, right: DhtRecord): boolean {
  return (
    left.key.hex === right.key.hex &&
    left.name === right.name &&
    left.host === right.host &&
    left.port === right.port
  )
}
