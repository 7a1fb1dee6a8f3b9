/**
 * Many records cores, an ideal routing layer between them and a disk under each, on simulated time. Lookups
 * are exact: they ask some far nodes on the way and then the nearest living ones, in that order.
 */
import { compareDistance, keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { LookupSpec } from '../../../../mesh/routing/kademlia/machine.ts'
import type {
  Contact,
  DhtMode,
  DhtReply,
  LookupReply,
  StoreReply,
} from '../../../../mesh/routing/kademlia/message.ts'
import { RecordsCore } from '../../../../mesh/routing/records/core.ts'
import type {
  Operation,
  RecordRequest,
  RecordsEvent,
  RecordsInput,
  RecordsSink,
  StoredEntry,
} from '../../../../mesh/routing/records/machine.ts'
import type {
  DhtRecord,
  RecordAuthority,
  RecordFields,
} from '../../../../mesh/routing/records/record.ts'
import { recordsSettings } from '../../../../mesh/routing/records/settings.ts'
import type { RecordsSettings } from '../../../../mesh/routing/records/settings.ts'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'

/** Wall time when simulated time is 0. */
export const WALL_START_MS = 1_700_000_000_000

export const HOUR_MS = 3_600_000

const ONE_WAY_MS = 10

/** A key drawn by lot. */
export function randomKey(stream: RandomStream): KadKey {
  let hex = ''
  for (let i = 0; i < 8; i++) hex += stream.next().toString(16).padStart(8, '0')
  return keyFromHex(hex)
}

/** A signature is the word `by` and the publisher; everything else is forged. */
export class PlainAuthority implements RecordAuthority {
  readonly publisher: string
  readonly #revoked: ReadonlySet<string>
  constructor(publisher: string, revoked: ReadonlySet<string>) {
    this.publisher = publisher
    this.#revoked = revoked
  }
  sign(fields: RecordFields): DhtRecord {
    return { ...fields, proof: `by ${fields.publisher}` }
  }
  check({ proof, publisher }: DhtRecord) {
    if (this.#revoked.has(publisher)) return 'ERR_DHT_RECORD_MEMBERSHIP'
    return proof === `by ${publisher}` ? undefined : 'ERR_DHT_RECORD_SIGNATURE'
  }
}

/** A signed mutable record that lives 48 h from the start; what is given on top. */
export function makeRecord(key: KadKey, given: Partial<DhtRecord> = {}): DhtRecord {
  const publisher = given.publisher ?? 'aa'.repeat(32)
  const kind = given.kind ?? 'mutable'
  const dialled = kind === 'provider' || kind === 'address'
  return {
    kind,
    key,
    publisher,
    sequence: 1,
    expiresAtMs: WALL_START_MS + 48 * HOUR_MS,
    name: kind === 'mutable' ? 'n' : '',
    value: Uint8Array.of(1),
    host: dialled ? '10.0.0.1' : '',
    port: dialled ? 4433 : 0,
    proof: `by ${publisher}`,
    ...given,
  }
}

/** How a node answers a question or a put instead of its core. */
export type Lie = (message: RecordRequest, from: string) => DhtReply | 'silence' | undefined

/** One node: its core, its disk and what its operations said. */
export class NetworkNode {
  readonly contact: Contact
  core: RecordsCore
  readonly disk = new Map<string, StoredEntry>()
  readonly events: RecordsEvent[] = []
  readonly refused: string[] = []
  readonly replies: DhtReply[] = []
  mode: DhtMode = 'server'
  up = true
  diskFails = false
  /** Milliseconds a write takes. */
  diskMs = 1
  lie: Lie | undefined
  /** True for a node whose routing table is empty. */
  blind = false
  /** Lookups it began. */
  lookups = 0
  /** Puts it sent, with their times. */
  readonly sent: { readonly atMs: number; readonly to: string; readonly record: DhtRecord }[] = []

  constructor(contact: Contact, core: RecordsCore) {
    this.contact = contact
    this.core = core
  }
}

interface Task {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

interface LookupRun {
  readonly node: NetworkNode
  readonly lookupId: number
  readonly spec: LookupSpec
  readonly waiting: Contact[]
  /** Answers after which it has converged. */
  readonly wanted: number
  readonly answered: Contact[]
  inFlight: number
  ended: boolean
  requests: number
}

/** See the head of this file. */
export class RecordsNetwork {
  nowMs = 0
  readonly nodes: NetworkNode[] = []
  readonly settings: RecordsSettings
  /** Lookups of this many far nodes come before the nearest. */
  farHops = 2
  /** What every node estimates; without it nobody looks further than the k nearest. */
  networkSize: number | undefined
  /** Publishers whom nobody believes any more. */
  readonly revoked = new Set<string>()
  /** True while lookups begin and never end. */
  forgetful = false
  readonly stream: RandomStream
  readonly #byId = new Map<string, NetworkNode>()
  readonly #tasks: Task[] = []
  readonly #lookups = new Map<string, LookupRun>()
  readonly #requests = new Map<string, { cancelled: boolean }>()
  readonly #timers = new Map<NetworkNode, number>()
  #order = 0

  constructor(count: number, settings: Partial<RecordsSettings> = {}, seed = 1) {
    this.settings = recordsSettings({ k: 4, ...settings })
    this.stream = new RandomStream(seed, 99)
    for (let i = 0; i < count; i++) this.addNode(randomKey(this.stream))
  }

  /** Lookups and requests that somebody waits for. */
  get underWay(): number {
    return this.#lookups.size + this.#requests.size
  }

  addNode(key: KadKey): NetworkNode {
    const contact = { id: key.hex, key, host: '10.0.0.1', port: 1 + this.nodes.length }
    const node = new NetworkNode(contact, undefined as unknown as RecordsCore)
    node.core = this.#core(node)
    this.nodes.push(node)
    this.#byId.set(contact.id, node)
    return node
  }

  /** A new core over the disk of an old one. */
  restart(node: NetworkNode): void {
    node.up = true
    node.core = this.#core(node)
    this.step(node, { type: 'restore', entries: [...node.disk.values()] })
  }

  at(index: number): NetworkNode {
    return this.nodes[index]!
  }

  readonly #orders = new Map<string, NetworkNode[]>()

  /** The living servers nearest to a key. */
  nearest(key: KadKey, count: number): NetworkNode[] {
    let order = this.#orders.get(key.hex)
    if (order?.length !== this.nodes.length) {
      order = [...this.nodes].sort((a, b) => compareDistance(key, a.contact.key, b.contact.key))
      this.#orders.set(key.hex, order)
    }
    const near: NetworkNode[] = []
    for (const node of order) {
      if (near.length >= count) break
      if (node.up && node.mode === 'server') near.push(node)
    }
    return near
  }

  /** Who keeps an entry under a key as a holder or publisher. */
  holders(key: KadKey): NetworkNode[] {
    return this.nodes.filter(
      (node) =>
        node.up &&
        [...node.core.entries()].some(
          ({ record, cached }) => record.key.hex === key.hex && !cached,
        ),
    )
  }

  /** What a node has under a key. */
  entry(node: NetworkNode, key: KadKey): StoredEntry | undefined {
    return [...node.core.entries()].find(({ record }) => record.key.hex === key.hex)
  }

  #operations = 0

  /** Begins an operation; its number. */
  begin(node: NetworkNode, operation: Operation): number {
    const operationId = ++this.#operations
    this.step(node, { type: 'operation', operationId, operation })
    return operationId
  }

  /** The last event of an operation, after running until it is there. */
  finish(node: NetworkNode, operationId: number, withinMs = 60_000) {
    const last = () =>
      node.events.find(
        (event): event is Extract<RecordsEvent, { type: 'done' | 'failed' }> =>
          event.operationId === operationId && (event.type === 'done' || event.type === 'failed'),
      )
    const untilMs = this.nowMs + withinMs
    while (last() === undefined && this.#advance(untilMs));
    return last()
  }

  run(node: NetworkNode, operation: Operation) {
    return this.finish(node, this.begin(node, operation))
  }

  /** Lets time pass. */
  wait(durationMs: number): void {
    const untilMs = this.nowMs + durationMs
    while (this.#advance(untilMs));
    this.nowMs = untilMs
  }

  /** Asks a node directly, as some other node; the reply once it is there. */
  ask(node: NetworkNode, message: RecordRequest, from = 'bb'.repeat(32)): DhtReply | undefined {
    const before = node.replies.length
    this.step(node, { type: 'request', from, replyId: -1, message })
    this.wait(node.diskMs + 1)
    return node.replies[before]
  }

  step(node: NetworkNode, input: RecordsInput): void {
    if (!node.up) return
    node.core.step(this.nowMs, input, this.#sink(node))
    this.#arm(node)
  }

  #core(node: NetworkNode): RecordsCore {
    const { id, key } = node.contact
    return new RecordsCore({
      self: { id, key },
      sender: () => ({ host: node.contact.host, port: node.contact.port, mode: node.mode }),
      settings: this.settings,
      authority: new PlainAuthority(id, this.revoked),
      routing: {
        closest: (target, count, except) =>
          (node.blind ? [] : this.nearest(target, count + 2))
            .filter((other) => other !== node && other.contact.id !== except)
            .slice(0, count)
            .map((other) => other.contact),
        networkSize: () => this.networkSize,
      },
      seed: this.stream.next(),
      nowMs: this.nowMs,
      wallNowMs: () => WALL_START_MS + this.nowMs,
    })
  }

  #later(delayMs: number, run: () => void): void {
    const task = { atMs: this.nowMs + delayMs, order: ++this.#order, run }
    let place = this.#tasks.length
    while (place > 0 && this.#tasks[place - 1]!.atMs > task.atMs) place -= 1
    this.#tasks.splice(place, 0, task)
  }

  #arm(node: NetworkNode): void {
    const dueMs = node.core.nextDeadline()
    const armedMs = this.#timers.get(node) ?? Infinity
    if (dueMs === Infinity || armedMs <= dueMs) return
    this.#timers.set(node, dueMs)
    this.#later(Math.max(0, dueMs - this.nowMs), () => {
      if (this.#timers.get(node) !== dueMs) return
      this.#timers.delete(node)
      this.step(node, { type: 'tick' })
    })
  }

  #advance(untilMs: number): boolean {
    const task = this.#tasks[0]
    if (task === undefined || task.atMs > untilMs) return false
    this.#tasks.shift()
    this.nowMs = Math.max(this.nowMs, task.atMs)
    task.run()
    return true
  }

  #sink(node: NetworkNode): RecordsSink {
    return {
      request: (requestId, to, message, deadlineMs) => {
        node.sent.push({ atMs: this.nowMs, to: to.id, record: message.record })
        const name = `${node.contact.id}/${requestId}`
        const pending = { cancelled: false }
        this.#requests.set(name, pending)
        const settle = (input: RecordsInput): void => {
          if (this.#requests.get(name) !== pending) return
          this.#requests.delete(name)
          this.step(node, input)
        }
        this.#later(deadlineMs - this.nowMs, () => settle({ type: 'request_failed', requestId }))
        this.#deliver(node, to.id, message, (reply) => {
          settle({ type: 'reply', requestId, from: to.id, message: reply })
        })
      },
      cancel: (requestId) => {
        this.#requests.delete(`${node.contact.id}/${requestId}`)
      },
      reply: (replyId, message) => {
        const answer = this.#answers.get(replyId)
        this.#answers.delete(replyId)
        node.replies.push(message)
        answer?.(message)
      },
      lookup: (lookupId, spec) => this.#lookup(node, lookupId, spec),
      cancelLookup: (lookupId) => {
        const lookup = this.#lookups.get(`${node.contact.id}/${lookupId}`)
        if (lookup !== undefined) this.#end(lookup)
      },
      stopLookup: (lookupId) => {
        const lookup = this.#lookups.get(`${node.contact.id}/${lookupId}`)
        if (lookup === undefined) return
        lookup.waiting.length = 0
        this.#later(0, () => this.#finish(lookup, 'stopped'))
      },
      write: (writeId, entryId, entry) => {
        this.#later(node.diskMs, () => {
          if (!node.up) return
          const ok = !node.diskFails
          if (ok && entry === undefined) node.disk.delete(entryId)
          else if (ok && entry !== undefined) node.disk.set(entryId, entry)
          this.step(node, { type: 'written', writeId, ok })
        })
      },
      event: (event) => {
        node.events.push(event)
      },
      refused: (code) => {
        node.refused.push(code)
      },
    }
  }

  readonly #answers = new Map<number, (message: DhtReply) => void>()
  #replies = 0

  #deliver(
    from: NetworkNode,
    to: string,
    message: RecordRequest,
    onReply: (message: DhtReply) => void,
  ): void {
    this.#later(ONE_WAY_MS, () => {
      const node = this.#byId.get(to)
      if (node === undefined || !node.up) return
      const back = (reply: DhtReply): void => this.#later(ONE_WAY_MS, () => onReply(reply))
      const lie = node.lie?.(message, from.contact.id)
      if (lie === 'silence') return
      if (lie !== undefined) return back(lie)
      const replyId = ++this.#replies
      this.#answers.set(replyId, back)
      this.step(node, { type: 'request', from: from.contact.id, replyId, message })
    })
  }

  #lookup(node: NetworkNode, lookupId: number, spec: LookupSpec): void {
    node.lookups += 1
    if (this.forgetful) return
    const sorted = this.nearest(spec.target, Infinity).filter((other) => other !== node)
    const count = spec.count ?? this.settings.k
    const far = sorted.slice(count)
    const hops = Array.from({ length: Math.min(this.farHops, far.length) }, () => {
      return far[this.stream.below(far.length)]!
    })
    const lookup: LookupRun = {
      node,
      lookupId,
      spec,
      waiting: [...new Set([...hops, ...sorted])].map((other) => other.contact),
      wanted: count + hops.length,
      answered: [],
      inFlight: 0,
      ended: false,
      requests: 0,
    }
    this.#lookups.set(`${node.contact.id}/${lookupId}`, lookup)
    const deadlineMs = spec.deadlineMs ?? this.nowMs + 30_000
    this.#later(deadlineMs - this.nowMs, () => this.#finish(lookup, 'deadline'))
    this.#later(0, () => this.#pump(lookup))
  }

  #pump(lookup: LookupRun): void {
    if (lookup.ended) return
    const alpha = lookup.spec.alpha ?? 3
    const isShort = (): boolean => lookup.answered.length + lookup.inFlight < lookup.wanted
    while (lookup.inFlight < alpha && isShort() && lookup.waiting.length > 0) {
      const contact = lookup.waiting.shift()!
      lookup.inFlight += 1
      lookup.requests += 1
      this.#question(lookup, contact)
    }
    if (lookup.inFlight === 0) this.#finish(lookup, 'converged')
  }

  #question(lookup: LookupRun, contact: Contact): void {
    const { node, spec, lookupId } = lookup
    let settled = false
    const settle = (): boolean => {
      if (settled || lookup.ended) return false
      settled = true
      lookup.inFlight -= 1
      return true
    }
    const answered = (message: DhtReply): void => {
      if (!settle()) return
      lookup.answered.push(contact)
      const reply = message as LookupReply
      this.step(node, { type: 'lookup_reply', lookupId, from: contact, message: reply })
      this.#pump(lookup)
    }
    const sender = { host: '10.0.0.1', port: 1, mode: node.mode }
    if (spec.kind === 'find_node') {
      this.#later(2 * ONE_WAY_MS, () => {
        answered({ type: 'find_node_reply', key: spec.target, sender, contacts: [] })
      })
      return
    }
    const message = { type: spec.kind, key: spec.target, sender } as RecordRequest
    this.#deliver(node, contact.id, message, answered)
    this.#later(2_000, () => {
      if (settle()) this.#pump(lookup)
    })
  }

  #finish(lookup: LookupRun, reason: 'converged' | 'deadline' | 'stopped'): void {
    if (lookup.ended) return
    this.#end(lookup)
    const { target, count = this.settings.k } = lookup.spec
    const closest = [...lookup.answered]
      .sort((a, b) => compareDistance(target, a.key, b.key))
      .slice(0, count)
    this.step(lookup.node, {
      type: 'lookup_done',
      lookupId: lookup.lookupId,
      result: {
        closest,
        reason,
        requests: lookup.requests,
        failures: 0,
        depth: 1,
        elapsedMs: 0,
      },
    })
  }

  #end(lookup: LookupRun): void {
    lookup.ended = true
    this.#lookups.delete(`${lookup.node.contact.id}/${lookup.lookupId}`)
  }
}

/** A plain acknowledgement or refusal, for liars. */
export function storeReply(key: KadKey, given: Partial<StoreReply> = {}): StoreReply {
  const sender = { host: '10.0.0.1', port: 1, mode: 'server' as const }
  return { type: 'store_reply', key, sender, refusal: undefined, record: undefined, ...given }
}

/** Acknowledges every put, keeps nothing and says that it has nothing. */
export const WITHHOLD: Lie = ({ type, key }) => {
  const sender = { host: '10.0.0.1', port: 1, mode: 'server' as const }
  switch (type) {
    case 'store':
    case 'add_provider':
      return storeReply(key)
    case 'find_value':
      return { type: 'find_value_reply', key, sender, record: undefined, contacts: [] }
    case 'get_providers':
      return { type: 'providers_reply', key, sender, records: [], contacts: [] }
  }
}
