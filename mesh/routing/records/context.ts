/**
 * What the parts of one records core share: settings, shelf, what is under way to others, counters, and the
 * time and the sink of the step that runs. Parts talk to each other through it and through the calls that
 * `core.ts` makes.
 */
import { RandomStream } from '../../machine/random-stream.ts'
import type { KadKey } from '../kademlia/id.ts'
import { compareDistance, distanceFraction } from '../kademlia/id.ts'
import type { Contact, Sender, StoreRefusal } from '../kademlia/message.ts'
import { checkRecord } from './checks.ts'
import { Lookups } from './lookups.ts'
import type { RecordsSink, RoutingView } from './machine.ts'
import { expectedRadius, isCrowded } from './radius.ts'
import type { DhtRecord, RecordAuthority } from './record.ts'
import { Requests } from './requests.ts'
import type { RecordsSettings } from './settings.ts'
import { RecordShelf } from './shelf.ts'
import { Writes } from './writes.ts'

/** What a core is made of. */
export interface RecordsCoreOptions {
  readonly self: { readonly id: string; readonly key: KadKey }
  /** What this node says about itself now. A client keeps nothing for others and answers nobody. */
  readonly sender: () => Sender
  /** All dials, from `recordsSettings`. */
  readonly settings: RecordsSettings
  /** Checks what others published, and signs anew what this node did. */
  readonly authority: RecordAuthority
  readonly routing: RoutingView
  /** Streams of chance, one per purpose, are derived from it. */
  readonly seed: number
  /** Monotonic milliseconds. */
  readonly nowMs: number
  /** Wall time; records expire by it. */
  readonly wallNowMs: () => number
}

/** Chance of a records core. */
export interface RecordsStreams {
  readonly answers: RandomStream
  readonly republish: RandomStream
  readonly replicate: RandomStream
  readonly handoff: RandomStream
}

/** Counters since the start. */
export interface RecordsCounters {
  operations: number
  operationsFailed: number
  requestsSent: number
  requestsFailed: number
  /** Questions of others that were answered, and those answers that carried a record. */
  questions: number
  questionsFound: number
  /** Records of others taken and refused. */
  stored: number
  refused: number
  writesFailed: number
  republished: number
  replicated: number
  /** Not replicated: somebody else just did, or others are nearer by now. */
  replicationsSkipped: number
  handoffs: number
  corrections: number
  pathCopies: number
  /** Maintenance that found no place to wait. */
  maintenanceDropped: number
}

/** What a check found, and when. */
interface Verdict {
  readonly atMs: number
  readonly good: boolean
}

/** A record that is kept is checked again before an answer carries it, not more often than this. */
const RECHECK_MS = 60_000

/** Shared state of the parts of one core. */
export class RecordsContext {
  readonly self: RecordsCoreOptions['self']
  readonly sender: () => Sender
  readonly settings: RecordsSettings
  readonly authority: RecordAuthority
  readonly routing: RoutingView
  readonly streams: RecordsStreams
  readonly shelf: RecordShelf
  readonly requests: Requests
  readonly lookups: Lookups
  readonly writes: Writes
  readonly counters: RecordsCounters
  readonly #verdicts = new WeakMap<DhtRecord, Verdict>()
  /** Time of the step that runs; never goes back. */
  nowMs: number
  /** Wall time of the step that runs. */
  wallNowMs: number
  /** Sink of the step that runs. */
  sink: RecordsSink

  constructor(options: RecordsCoreOptions, sink: RecordsSink) {
    const { self, settings, seed } = options
    this.self = self
    this.sender = options.sender
    this.settings = settings
    this.authority = options.authority
    this.routing = options.routing
    this.streams = {
      answers: new RandomStream(seed, 21),
      republish: new RandomStream(seed, 22),
      replicate: new RandomStream(seed, 23),
      handoff: new RandomStream(seed, 24),
    }
    this.shelf = new RecordShelf({ own: self.key, settings })
    this.requests = new Requests(this)
    this.lookups = new Lookups(this)
    this.writes = new Writes(this)
    this.counters = noCounters()
    this.nowMs = options.nowMs
    this.wallNowMs = options.wallNowMs()
    this.sink = sink
  }

  /** True when this node keeps things for others. */
  get serves(): boolean {
    return this.sender().mode === 'server'
  }

  /**
   * Why a record is not good here and now; undefined when it is. Asked about everything that comes in and
   * about everything that goes out (K34).
   */
  problem(record: DhtRecord): StoreRefusal | undefined {
    return checkRecord(record, this.authority, this.settings, this.wallNowMs)
  }

  /**
   * True for what an honest node may hold for good although this one does not: its clock is wrong, it has not
   * heard of a membership that is over, or its limits are wider.
   */
  isExcused(problem: StoreRefusal, { expiresAtMs }: DhtRecord): boolean {
    switch (problem) {
      case 'ERR_DHT_RECORD_EXPIRED':
        return this.wallNowMs - expiresAtMs <= this.settings.expiredExcusedMs
      case 'ERR_DHT_RECORD_SIGNATURE':
      case 'ERR_DHT_RECORD_REALM':
      case 'ERR_DHT_RECORD_KEY':
      case 'ERR_DHT_RECORD_INVALID':
        return false
      default:
        return true
    }
  }

  /**
   * The same for what is kept here and was good when it came, asked for every answer; as of a minute ago at
   * most, so that whoever asks without end costs one check per record and minute.
   */
  isStillGood(record: DhtRecord): boolean {
    const { nowMs } = this
    let verdict = this.#verdicts.get(record)
    if (verdict === undefined || nowMs - verdict.atMs >= RECHECK_MS) {
      verdict = { atMs: nowMs, good: this.problem(record) === undefined }
      this.#verdicts.set(record, verdict)
    }
    return verdict.good
  }

  /**
   * True when this node should hold what is under a key: fewer than k of those, nearest first, are nearer,
   * or they crowd and this node is as near as holders are expected to be.
   */
  isHolder(key: KadKey, others: readonly Contact[]): boolean {
    if (!this.serves) return false
    const { k } = this.settings
    const last = others[k - 1]
    if (last === undefined || compareDistance(key, this.self.key, last.key) < 0) return true
    const networkSize = this.routing.networkSize()
    if (!isCrowded(key, last, networkSize, this.settings)) return false
    return distanceFraction(key, this.self.key) < expectedRadius(k, networkSize)
  }

  /** Around `intervalMs`: shorter or longer by the jitter of the settings. */
  jittered(intervalMs: number, stream: RandomStream): number {
    return intervalMs * (1 + this.settings.jitter * (2 * stream.fraction() - 1))
  }
}

function noCounters(): RecordsCounters {
  return {
    operations: 0,
    operationsFailed: 0,
    requestsSent: 0,
    requestsFailed: 0,
    questions: 0,
    questionsFound: 0,
    stored: 0,
    refused: 0,
    writesFailed: 0,
    republished: 0,
    replicated: 0,
    replicationsSkipped: 0,
    handoffs: 0,
    corrections: 0,
    pathCopies: 0,
    maintenanceDropped: 0,
  }
}
