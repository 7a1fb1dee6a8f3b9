/**
 * Drives the records core of one node: frames about records, operations of the application, and what the
 * store says become its inputs; it looks up through the router and writes into the store. Owned by a process
 * (`record-server.ts`) as the router is by its own; a crash of one does not touch the other.
 *
 * A lookup that ends because the routing process did is begun again with the next one, so operations and
 * maintenance only take longer. Operations end with the process of the recorder.
 */
import type { Clock } from '../../runtime/index.ts'
import type { Rates } from '../exchange/rates.ts'
import type { Link, LinkEvent } from '../link/link.ts'
import type { LinkPool } from '../link/pool.ts'
import { Turns } from '../machine/turns.ts'
import type { Refusals } from '../refusals.ts'
import type { AddressProofs } from './address-proofs.ts'
import type { Exchanges } from './exchanges.ts'
import type { LookupHop, LookupResult, LookupSpec } from './kademlia/machine.ts'
import { isOffence } from './kademlia/scores.ts'
import type { DhtMemory } from './memory.ts'
import type { DhtProtocol } from './protocol.ts'
import { RecordsCore } from './records/core.ts'
import type { RecordsCoreOptions, RecordsStats } from './records/core.ts'
import type {
  Operation,
  OperationFailure,
  OperationOutcome,
  RecordsEvent,
  RecordsInput,
  RecordsRefusal,
  RecordsSink,
  StoredEntry,
} from './records/machine.ts'
import type { StoreRefusal } from './kademlia/message.ts'
import type { DhtRecord } from './records/record.ts'
import type { RecordDisk } from './record-disk.ts'
import type { LookupHandler } from './router.ts'

/** What a recorder works with. */
export interface RecorderParts {
  readonly core: Omit<RecordsCoreOptions, 'routing'>
  readonly clock: Clock
  readonly pool: LinkPool
  readonly refusals: Refusals
  readonly protocol: DhtProtocol
  readonly exchanges: Exchanges
  readonly proofs: AddressProofs
  /** Questions of one peer within a second. */
  readonly rates: Rates
  readonly disk: RecordDisk
  readonly memory: DhtMemory
  /** The join has finished: there are holders to publish to. */
  readonly joined: () => void
  /** Inputs were worked off: `nextDueMs` may be another one. */
  readonly worked: () => void
  /** The recorder cannot go on. */
  readonly failed: (error: unknown) => void
}

/** Hears of one operation; `done`, `failed` or `lost` is the last word. */
export interface OperationHandler {
  found(record: DhtRecord, from: string): void
  hop(hop: LookupHop): void
  done(outcome: OperationOutcome): void
  failed(code: OperationFailure, outcome: OperationOutcome): void
  /** It will not end: the process of the recorder did. */
  lost(): void
}

/** A lookup of the core. */
interface Wanted {
  readonly spec: LookupSpec
  /** Its number at the router; undefined while that is being restarted. */
  routerId: number | undefined
}

/** The end of a lookup for which there is no router. */
const NOTHING_FOUND: LookupResult = Object.freeze({
  closest: [],
  reason: 'stopped',
  requests: 0,
  failures: 0,
  depth: 0,
  elapsedMs: 0,
})

/** Refusals that belong to normal operation: races between publishers, late answers, a node that only asks. */
const USUAL: ReadonlySet<StoreRefusal | RecordsRefusal> = new Set([
  'ERR_DHT_REPLY_UNEXPECTED',
  'ERR_DHT_SEQUENCE_LOW',
  'ERR_DHT_SEQUENCE_UNEXPECTED',
  'ERR_DHT_CLIENT_MODE',
  'ERR_DHT_PROVIDERS_FULL',
])

/** Drives one core. */
export class Recorder {
  readonly #parts: RecorderParts
  readonly #core: RecordsCore
  readonly #sink: RecordsSink
  readonly #turns: Turns<RecordsInput>
  readonly #events: RecordsEvent[] = []
  readonly #operations = new Map<number, OperationHandler>()
  readonly #lookups = new Map<number, Wanted>()
  #operationId = 0

  constructor(parts: RecorderParts) {
    const { memory } = parts
    this.#parts = parts
    this.#core = new RecordsCore({
      ...parts.core,
      routing: {
        closest: (key, count, except) => memory.router?.closest(key, count, except) ?? [],
        networkSize: () => memory.router?.networkSize(),
        isShunned: (id, nowMs) => memory.router?.isShunned(id, nowMs) ?? false,
      },
    })
    this.#sink = this.#makeSink()
    this.#turns = new Turns({
      work: (input) => this.#work(input),
      worked: parts.worked,
      failed: (error) => {
        this.close()
        parts.failed(error)
      },
    })
  }

  /** When `tick` must be called. */
  get nextDueMs(): number {
    return Math.min(this.#core.nextDeadline(), this.#parts.exchanges.requests.nextDueMs)
  }

  /** Takes back what the store holds. */
  begin(): void {
    this.input({ type: 'restore', entries: this.#parts.disk.entries() })
    if (this.#parts.memory.router?.isJoined === true) this.joined()
  }

  /** Something has happened. */
  input(input: RecordsInput): void {
    this.#turns.take(input)
  }

  /** Time has passed. */
  tick(): void {
    const nowMs = this.#parts.clock.now()
    for (const requestId of this.#parts.exchanges.requests.tick(nowMs)) {
      this.input({ type: 'request_failed', requestId })
    }
    if (this.#core.nextDeadline() <= nowMs) this.input({ type: 'tick' })
  }

  /** A frame about records came. */
  frame(link: Link, type: number, payload: Uint8Array): void {
    const { protocol, exchanges, proofs, rates, refusals, memory } = this.#parts
    const said = protocol.decode(type, payload)
    const from = link.peer.key.hex
    const { nodeId: peer } = link.peer
    const sender = proofs.believed(link, said.message.sender)
    if (said.type === 'request') {
      if (said.message.type === 'find_node') return
      if (!rates.allow(from)) {
        refusals.count('ERR_DHT_REQUESTS_MAX', { peer })
        return memory.router?.input({ type: 'offence', id: from, code: 'ERR_DHT_REQUESTS_MAX' })
      }
      const replyId = exchanges.requests.asked(link, said.number)
      if (replyId === undefined) return
      this.input({ type: 'request', from, replyId, message: { ...said.message, sender } })
      return memory.router?.input({ type: 'heard', from, sender })
    }
    const requestId = exchanges.requests.answered(from, said.number)
    if (requestId === undefined) {
      return refusals.count('ERR_DHT_REPLY_UNEXPECTED', { peer }, { level: 'debug' })
    }
    this.input({ type: 'reply', requestId, from, message: { ...said.message, sender } })
  }

  /** A link came up or went down. */
  link({ type, link }: LinkEvent): void {
    if (type === 'up') return
    const { hex } = link.peer.key
    this.#parts.rates.forget(hex)
    for (const requestId of this.#parts.exchanges.requests.linkDown(hex)) {
      this.input({ type: 'request_failed', requestId })
    }
  }

  /** Begins an operation; gives its number. */
  operate(operation: Operation, handler: OperationHandler): number {
    this.#operationId += 1
    const operationId = this.#operationId
    if (this.#turns.closed) {
      handler.lost()
      return operationId
    }
    this.#operations.set(operationId, handler)
    this.input({ type: 'operation', operationId, operation })
    return operationId
  }

  /** Nobody waits for it any more. */
  cancel(operationId: number): void {
    if (!this.#operations.delete(operationId)) return
    this.input({ type: 'cancel_operation', operationId })
  }

  /** There is a router again: what was being looked up is looked up once more. */
  routerStarted(): void {
    for (const [lookupId, wanted] of this.#lookups) {
      if (wanted.routerId === undefined) this.#look(lookupId, wanted)
    }
  }

  /** The join has finished. */
  joined(): void {
    this.#parts.joined()
  }

  /** What is kept under `key`, or `key/publisher`, in hex. */
  entry(entryId: string): StoredEntry | undefined {
    return this.#core.entry(entryId)
  }

  /** Everything kept. */
  entries(): Iterable<StoredEntry> {
    return this.#core.entries()
  }

  stats(): RecordsStats {
    return this.#core.stats()
  }

  /** Nothing happens any more. Idempotent. */
  close(): void {
    this.#turns.close()
    const { exchanges, memory } = this.#parts
    if (memory.recorder === this) memory.recorder = undefined
    exchanges.requests.close()
    exchanges.onDemand.close()
    for (const { routerId } of this.#lookups.values()) {
      if (routerId !== undefined) memory.router?.cancelLookup(routerId)
    }
    this.#lookups.clear()
    const handlers = Array.from(this.#operations.values())
    this.#operations.clear()
    for (const handler of handlers) handler.lost()
  }

  #work(input: RecordsInput): void {
    this.#core.step(this.#parts.clock.now(), input, this.#sink)
    for (const event of this.#events.splice(0)) this.#event(event)
  }

  #makeSink(): RecordsSink {
    const { exchanges, disk } = this.#parts
    const { requests } = exchanges
    return {
      request: (id, to, message, deadlineMs) => {
        requests.send(id, to, message, deadlineMs, () =>
          this.input({ type: 'request_failed', requestId: id }),
        )
      },
      cancel: (id) => requests.cancel(id),
      reply: (replyId, message) => requests.reply(replyId, message),
      lookup: (lookupId, spec) => {
        const wanted: Wanted = { spec, routerId: undefined }
        this.#lookups.set(lookupId, wanted)
        this.#look(lookupId, wanted)
      },
      cancelLookup: (lookupId) => this.#endLookup(lookupId, 'cancel'),
      stopLookup: (lookupId) => this.#endLookup(lookupId, 'stop'),
      write: (writeId, entryId, entry) =>
        disk.write(entryId, entry, (ok) => this.input({ type: 'written', writeId, ok })),
      event: (event) => void this.#events.push(event),
      refused: (code, from, excused) => {
        this.#refused(code, from)
        if (from === undefined || excused === true || !isOffence(code)) return
        this.#parts.memory.router?.input({ type: 'offence', id: from, code })
      },
    }
  }

  /** The router may answer at once, while the core still works: then its word is an input that waits. */
  #look(lookupId: number, wanted: Wanted): void {
    const { router } = this.#parts.memory
    if (router === undefined) return
    let lost = false
    const handler: LookupHandler = {
      reply: (from, message) => this.input({ type: 'lookup_reply', lookupId, from, message }),
      hop: (hop) => this.input({ type: 'lookup_hop', lookupId, hop }),
      done: (result) => {
        this.#lookups.delete(lookupId)
        this.input({ type: 'lookup_done', lookupId, result })
      },
      lost: () => {
        lost = true
        wanted.routerId = undefined
      },
    }
    const routerId = router.lookup(wanted.spec, handler)
    if (!lost) wanted.routerId = routerId
  }

  #endLookup(lookupId: number, how: 'cancel' | 'stop'): void {
    const { router } = this.#parts.memory
    const wanted = this.#lookups.get(lookupId)
    if (wanted === undefined) return
    const { routerId } = wanted
    if (how === 'stop' && routerId !== undefined) return router?.stopLookup(routerId)
    this.#lookups.delete(lookupId)
    if (routerId !== undefined) router?.cancelLookup(routerId)
    else if (how === 'stop') this.input({ type: 'lookup_done', lookupId, result: NOTHING_FOUND })
  }

  #event(event: RecordsEvent): void {
    const handler = this.#operations.get(event.operationId)
    switch (event.type) {
      case 'found':
        return handler?.found(event.record, event.from)
      case 'hop':
        return handler?.hop(event.hop)
      case 'done':
        this.#operations.delete(event.operationId)
        return handler?.done(event.outcome)
      case 'failed':
        this.#operations.delete(event.operationId)
        return handler?.failed(event.code, event.outcome)
    }
  }

  #refused(code: StoreRefusal | RecordsRefusal, from: string | undefined): void {
    const { refusals, pool } = this.#parts
    const peer = from === undefined ? undefined : (pool.link(from)?.peer.nodeId ?? from)
    refusals.count(code, { peer }, USUAL.has(code) ? { level: 'debug' } : {})
  }
}
