/**
 * One node of the DHT in a simulated world: a routing core and a records core behind one boundary, as the
 * processes of a node drive one each.
 *
 *     input -> one core -> its sink -> (queue of inputs for the other core) -> ... until the queue is empty
 *
 * A core is never called back from its own effects: what it wants of the other one waits in a queue, in
 * order, and is done before the step ends. Numbers of requests and lookups of both cores are told apart by
 * their last bit: 0 for the routing core and for lookups of the application, 1 for the records core.
 */
import type { RoutingCore } from '../routing/kademlia/core.ts'
import type {
  LookupSpec,
  RoutingEvent,
  RoutingInput,
  RoutingSink,
} from '../routing/kademlia/machine.ts'
import type { Contact, DhtMode, LookupReply, Sender } from '../routing/kademlia/message.ts'
import { isOffence } from '../routing/kademlia/scores.ts'
import type { RecordsCore } from '../routing/records/core.ts'
import type { RecordsInput, RecordsSink, StoredEntry } from '../routing/records/machine.ts'
import type { DhtInput, DhtMachine, DhtSink } from './dht-boundary.ts'

/** What a disk holds, by entry; outlives the node that writes it. */
export type DhtDisk = Map<string, StoredEntry>

/** Looks at what passes between the cores of one node; for checkers. */
export interface DhtTap {
  /** A lookup begins; `records` for one that the records core asked for. */
  lookup?(lookupId: number, spec: LookupSpec, records: boolean): void
  /** An event of the routing core, before anybody has it; numbers as in `lookup`. */
  routing?(event: RoutingEvent): void
}

/** The parts of a node. */
export interface DhtNodeOptions {
  readonly self: Contact
  readonly mode: DhtMode
  readonly disk: DhtDisk
  readonly makeRouting: () => RoutingCore
  /** `sender` gives what the node says about itself now. */
  readonly makeRecords: (routing: RoutingCore, sender: () => Sender) => RecordsCore
  /** What is true of what a peer says about itself; see {@link Sender}. */
  readonly proven: (from: string, sender: Sender) => Sender
}

type Waiting =
  | { readonly to: 'routing'; readonly input: RoutingInput }
  | { readonly to: 'records'; readonly input: RecordsInput }

/** See the head of this file. */
export class DhtNode implements DhtMachine {
  readonly self: Contact
  readonly routing: RoutingCore
  readonly records: RecordsCore
  readonly disk: DhtDisk
  /** Set by whoever looks. */
  tap: DhtTap | undefined = undefined
  readonly #proven: DhtNodeOptions['proven']
  readonly #queue: Waiting[] = []
  readonly #writes = new Map<number, { entryId: string; entry: StoredEntry | undefined }>()
  readonly #routingSink: RoutingSink
  readonly #recordsSink: RecordsSink
  #mode: DhtMode
  #sink: DhtSink | undefined
  #restored = false

  constructor(options: DhtNodeOptions) {
    this.self = options.self
    this.disk = options.disk
    this.#mode = options.mode
    this.#proven = options.proven
    this.routing = options.makeRouting()
    const { host, port } = options.self
    this.records = options.makeRecords(this.routing, () => ({ host, port, mode: this.#mode }))
    this.#routingSink = this.#makeRoutingSink()
    this.#recordsSink = this.#makeRecordsSink()
  }

  /** Writes that the disk has not acknowledged. */
  get writing(): number {
    return this.#writes.size
  }

  step(nowMs: number, input: DhtInput, sink: DhtSink): void {
    this.#sink = sink
    if (!this.#restored) {
      this.#restored = true
      if (this.disk.size > 0) {
        this.#toRecords({ type: 'restore', entries: [...this.disk.values()] })
      }
    }
    this.#take(nowMs, input)
    for (const waiting of this.#queue) {
      if (waiting.to === 'routing') this.routing.step(nowMs, waiting.input, this.#routingSink)
      else this.records.step(nowMs, waiting.input, this.#recordsSink)
    }
    this.#queue.length = 0
    this.#sink = undefined
  }

  nextDeadline(): number {
    if (!this.#restored && this.disk.size > 0) return 0
    return Math.min(this.routing.nextDeadline(), this.records.nextDeadline())
  }

  #take(nowMs: number, input: DhtInput): void {
    switch (input.type) {
      case 'request':
        this.#takeRequest(input)
        break
      case 'reply':
        this.#takeReply(input)
        break
      case 'request_failed':
        if (isOfRecords(input.requestId)) {
          this.#toRecords({ type: 'request_failed', requestId: input.requestId >> 1 })
        } else this.#toRouting({ type: 'request_failed', requestId: input.requestId >> 1 })
        break
      case 'tick':
        if (this.routing.nextDeadline() <= nowMs) this.#toRouting(input)
        if (this.records.nextDeadline() <= nowMs) this.#toRecords(input)
        break
      case 'persisted':
        this.#written(input.generation)
        break
      case 'operation':
      case 'cancel_operation':
        this.#toRecords(input)
        break
      case 'lookup':
        this.tap?.lookup?.(2 * input.lookupId, input.spec, false)
        this.#toRouting({ ...input, lookupId: 2 * input.lookupId })
        break
      case 'cancel_lookup':
      case 'stop_lookup':
        this.#toRouting({ type: input.type, lookupId: 2 * input.lookupId })
        break
      case 'set_mode':
        this.#mode = input.mode
        this.#toRouting(input)
        break
      case 'bootstrap':
      case 'candidate':
      case 'down':
        this.#toRouting(input)
        break
      case 'datagram':
        break
    }
  }

  #takeRequest(input: Extract<DhtInput, { type: 'request' }>): void {
    const { from, replyId } = input
    const sender = this.#proven(from, input.message.sender)
    const message = sender === input.message.sender ? input.message : { ...input.message, sender }
    if (message.type === 'find_node') {
      this.#toRouting({ type: 'request', from, replyId, message })
    } else {
      this.#toRouting({ type: 'heard', from, sender })
      this.#toRecords({ type: 'request', from, replyId, message })
    }
  }

  #takeReply(input: Extract<DhtInput, { type: 'reply' }>): void {
    const { from, message } = input
    const requestId = input.requestId >> 1
    if (isOfRecords(input.requestId)) {
      this.#toRecords({ type: 'reply', requestId, from, message })
      return
    }
    const sender = this.#proven(from, message.sender)
    const told = sender === message.sender ? message : { ...message, sender }
    // An answer of another kind than the question is the core's to refuse.
    this.#toRouting({ type: 'reply', requestId, from, message: told as LookupReply })
  }

  /** What the disk acknowledges, it holds: not a moment earlier, and whatever becomes of the node. */
  #written(writeId: number): void {
    const write = this.#writes.get(writeId)
    if (write === undefined) return
    this.#writes.delete(writeId)
    if (write.entry === undefined) this.disk.delete(write.entryId)
    else this.disk.set(write.entryId, write.entry)
    this.#toRecords({ type: 'written', writeId, ok: true })
  }

  #toRouting(input: RoutingInput): void {
    this.#queue.push({ to: 'routing', input })
  }

  #toRecords(input: RecordsInput): void {
    this.#queue.push({ to: 'records', input })
  }

  #makeRoutingSink(): RoutingSink {
    return {
      request: (requestId, to, message, deadlineMs) =>
        this.#sink!.request(2 * requestId, to, message, deadlineMs),
      cancel: (requestId) => this.#sink!.cancel(2 * requestId),
      reply: (replyId, message) => this.#sink!.reply(replyId, message),
      event: (event) => this.#routingEvent(event),
      refused: (code, from) => this.#sink!.refused(code, from),
    }
  }

  #routingEvent(event: RoutingEvent): void {
    this.tap?.routing?.(event)
    switch (event.type) {
      case 'lookup_reply':
      case 'lookup_hop':
      case 'lookup_done': {
        const lookupId = event.lookupId >> 1
        if (isOfRecords(event.lookupId)) this.#toRecords({ ...event, lookupId })
        else this.#sink!.event({ ...event, lookupId })
        break
      }
      case 'admitted':
        this.#toRecords(event)
        this.#sink!.event(event)
        break
      case 'removed':
      case 'bootstrapped':
      case 'isolated':
        this.#sink!.event(event)
        break
    }
  }

  #makeRecordsSink(): RecordsSink {
    return {
      request: (requestId, to, message, deadlineMs) =>
        this.#sink!.request(2 * requestId + 1, to, message, deadlineMs),
      cancel: (requestId) => this.#sink!.cancel(2 * requestId + 1),
      reply: (replyId, message) => this.#sink!.reply(replyId, message),
      lookup: (lookupId, spec) => {
        this.tap?.lookup?.(2 * lookupId + 1, spec, true)
        this.#toRouting({ type: 'lookup', lookupId: 2 * lookupId + 1, spec })
      },
      cancelLookup: (lookupId) =>
        this.#toRouting({ type: 'cancel_lookup', lookupId: 2 * lookupId + 1 }),
      stopLookup: (lookupId) =>
        this.#toRouting({ type: 'stop_lookup', lookupId: 2 * lookupId + 1 }),
      write: (writeId, entryId, entry) => {
        this.#writes.set(writeId, { entryId, entry })
        this.#sink!.persist(writeId)
      },
      event: (event) => this.#sink!.event(event),
      refused: (code, from, excused) => {
        this.#sink!.refused(code, from)
        if (from === undefined || excused === true || !isOffence(code)) return
        this.#toRouting({ type: 'offence', id: from, code })
      },
    }
  }
}

function isOfRecords(number: number): boolean {
  return (number & 1) === 1
}
