/**
 * The records core: what this node keeps and what it asks about records, as one synchronous machine. Inputs
 * and time go in through {@link RecordsCore.step}, effects come out through the sink, and `nextDeadline` says
 * when a `tick` is due. This file only distributes: what each part does stands in its own file.
 *
 *     server, holding     answers others, keeps what they put      put, get, find-providers   operations
 *     shelf, writes       what is kept, in memory and on disk      placement, spread          to whom, and there
 *     republish, replicate, handoff, correct, cache-path           what keeps records alive, run by upkeep
 */
import { isWellFormed } from './checks.ts'
import { RecordsContext } from './context.ts'
import type { RecordsCoreOptions, RecordsCounters } from './context.ts'
import { Handoff } from './handoff.ts'
import { Holding } from './holding.ts'
import type { RecordsInput, RecordsSink, StoredEntry } from './machine.ts'
import { Operations } from './operations.ts'
import { Replicate } from './replicate.ts'
import { Republish } from './republish.ts'
import { Server } from './server.ts'
import type { DhtRecord } from './record.ts'
import type { ShelfStats, StoredChange } from './shelf.ts'
import { entryIdOf } from './shelf.ts'
import { Upkeep } from './upkeep.ts'

export type { RecordsCoreOptions } from './context.ts'

/** Counters since the start, and sizes now. */
export interface RecordsStats extends Readonly<RecordsCounters> {
  readonly shelf: ShelfStats
  /** Entries that this node repeats. */
  readonly published: number
  readonly operationsRunning: number
  readonly lookupsRunning: number
  readonly requestsRunning: number
  readonly writesRunning: number
  readonly maintenanceRunning: number
  readonly maintenanceQueued: number
}

/** Swallows effects outside of a step; there are none. */
const IDLE_SINK: RecordsSink = Object.freeze({
  request() {},
  cancel() {},
  reply() {},
  lookup() {},
  cancelLookup() {},
  stopLookup() {},
  write() {},
  event() {},
  refused() {},
})

/** One node's share of the records. */
export class RecordsCore {
  readonly #context: RecordsContext
  readonly #readWallMs: () => number
  readonly #server: Server
  readonly #republish: Republish
  readonly #replicate: Replicate
  readonly #handoff: Handoff
  readonly #upkeep: Upkeep
  readonly #operations: Operations
  readonly #revive = (own: StoredEntry): DhtRecord | undefined => this.#republish.revived(own)
  #deadline = Infinity

  constructor(options: RecordsCoreOptions) {
    const context = new RecordsContext(options, IDLE_SINK)
    const holding = new Holding(context)
    this.#context = context
    this.#readWallMs = options.wallNowMs
    this.#server = new Server(context, holding)
    this.#republish = new Republish(context, holding)
    this.#replicate = new Replicate(context, holding)
    this.#handoff = new Handoff(context)
    holding.tell(this.#republish)
    holding.tell(this.#replicate)
    this.#upkeep = new Upkeep(context, [this.#republish, this.#handoff, this.#replicate])
    this.#operations = new Operations(context, {
      holding,
      republish: this.#republish,
      upkeep: this.#upkeep,
    })
  }

  /** Takes one input at `nowMs`, monotonic; effects go to `sink` before it returns. Never throws for a peer. */
  step(nowMs: number, input: RecordsInput, sink: RecordsSink): void {
    const context = this.#context
    context.sink = sink
    context.nowMs = Math.max(context.nowMs, nowMs)
    context.wallNowMs = this.#readWallMs()
    context.writes.save(context.shelf.expire(context.wallNowMs, this.#revive))
    this.#take(input)
    this.#operations.tick()
    this.#upkeep.fill()
    this.#schedule()
    context.sink = IDLE_SINK
  }

  /** When the next `tick` is due; Infinity when nothing is. */
  nextDeadline(): number {
    return this.#deadline
  }

  stats(): RecordsStats {
    const { counters, shelf, lookups, requests, writes } = this.#context
    return {
      ...counters,
      shelf: shelf.stats(),
      published: this.#republish.size,
      operationsRunning: this.#operations.size,
      lookupsRunning: lookups.size,
      requestsRunning: requests.size,
      writesRunning: writes.size,
      maintenanceRunning: this.#upkeep.running,
      maintenanceQueued: this.#upkeep.queued,
    }
  }

  /** What is kept under `key`, or of one publisher of it under `key/publisher`, in hex. */
  entry(entryId: string): StoredEntry | undefined {
    return this.#context.shelf.entry(entryId)
  }

  /** Everything that is kept, own entries included, in no order. */
  entries(): Iterable<StoredEntry> {
    return this.#context.shelf.entries()
  }

  #take(input: RecordsInput): void {
    const { requests, lookups, writes } = this.#context
    switch (input.type) {
      case 'request':
        return this.#server.request(input.from, input.replyId, input.message)
      case 'reply':
        return requests.answered(input.requestId, input.from, input.message)
      case 'request_failed':
        return requests.failed(input.requestId)
      case 'lookup_reply':
        return lookups.reply(input.lookupId, input.from, input.message)
      case 'lookup_hop':
        return lookups.hop(input.lookupId, input.hop)
      case 'lookup_done':
        return lookups.done(input.lookupId, input.result)
      case 'admitted':
        return this.#handoff.admitted(input.contact)
      case 'written':
        return writes.written(input.writeId, input.ok)
      case 'restore':
        for (const entry of input.entries) this.#restore(entry)
        return
      case 'operation':
        return this.#operations.begin(input.operationId, input.operation)
      case 'cancel_operation':
        return this.#operations.cancel(input.operationId)
      case 'tick':
    }
  }

  /** What the disk gave back may be old, damaged or planted: it is checked like anything from outside. */
  #restore(given: StoredEntry): void {
    const { shelf, writes, sink, wallNowMs } = this.#context
    if (!isWellFormed(given.record)) {
      sink.refused('ERR_DHT_RECORD_INVALID', undefined)
      return
    }
    const entryId = entryIdOf(given.record)
    const revived = this.#revived(given)
    const entry = revived ?? given
    const problem = this.#context.problem(entry.record)
    const result = problem === undefined ? shelf.restore(entry, wallNowMs) : undefined
    if (result !== undefined) {
      const isNews = (change: StoredChange): boolean =>
        change.entry === undefined || revived !== undefined
      writes.save(result.changed.filter(isNews))
    }
    const refusal = problem ?? result?.refusal
    if (refusal === undefined) {
      this.#republish.restored(entry)
      this.#replicate.restored(entry)
      return
    }
    sink.refused(refusal, undefined)
    if (shelf.entry(entryId) === undefined) writes.save([{ entryId, entry: undefined }])
  }

  /** What this node published and nothing but time has ended, with the time that it would have got by now. */
  #revived(entry: StoredEntry): StoredEntry | undefined {
    const { authority, wallNowMs } = this.#context
    const { record, own, keepUntilMs } = entry
    if (!own || Math.min(keepUntilMs, record.expiresAtMs) > wallNowMs) return undefined
    if (authority.check(record) !== undefined) return undefined
    const revived = this.#republish.revived(entry)
    if (revived === undefined) return undefined
    return { ...entry, record: revived, keepUntilMs: revived.expiresAtMs, storedAtMs: wallNowMs }
  }

  #schedule(): void {
    const { nowMs, wallNowMs, shelf } = this.#context
    this.#deadline = Math.min(
      nowMs + Math.max(0, shelf.nextExpiryMs() - wallNowMs),
      this.#operations.nextDeadline(),
      this.#upkeep.nextDeadline(),
    )
  }
}
