/**
 * What the parts of one core share: settings, table, queues, counters, and the time and the sink of the
 * step that runs. Parts talk to each other through it and through the calls that `core.ts` makes.
 */
import type { MemberRecord, SharedBase } from './base.ts'
import { BroadcastQueue } from './broadcast-queue.ts'
import { LocalHealth, type LocalHealthState } from './local-health.ts'
import type { Contact, SwimEvent, SwimMember, SwimSink, SwimStats } from './machine.ts'
import type { SyncEntry, SwimDatagram, SwimRequest, Update } from './message.ts'
import { createStreams, type Streams } from './random.ts'
import type { SwimSettings } from './settings.ts'
import type { MemberId, Statement, StatementAuthority } from './statement.ts'
import { Suspicions } from './suspicion.ts'
import { MemberTable } from './table.ts'

/** Upper bounds of encoded sizes, from whoever encodes. */
export interface SwimSizes {
  updateBytes(update: Update): number
  /** A datagram of that type without updates, frame header included. */
  headerBytes(type: SwimDatagram['type']): number
  entryBytes(entry: SyncEntry): number
}

/** What a core is made of. */
export interface SwimCoreOptions {
  /** This node; `generation` is on disk already. */
  readonly self: {
    readonly id: MemberId
    readonly name: string
    readonly host: string
    readonly port: number
    readonly meta: Uint8Array
    readonly generation: number
  }
  /** All dials, from `swimSettings`. */
  readonly settings: SwimSettings
  /** Signs for this node, checks what others say. */
  readonly authority: StatementAuthority
  /** How large things are on the wire. */
  readonly sizes: SwimSizes
  /** Streams of chance, one per purpose, are derived from it. */
  readonly seed: number
  /** Monotonic milliseconds. */
  readonly nowMs: number
  /**
   * True while there is a link with that node. Default: never. Others' word alone does not bury such a
   * member before its shortest suspicion is over.
   */
  readonly isLinked?: (id: MemberId) => boolean
  /** Members that all cores of a simulation know from the start; this node may be among them. */
  readonly base?: SharedBase
}

/** Counters of a core that are not read from its parts. */
export type SwimCounters = {
  -readonly [Name in Exclude<keyof SwimStats, 'members' | 'localHealth' | 'updatesQueued'>]: number
}

/** Shared state of the parts of one core. */
export class SwimContext {
  readonly settings: SwimSettings
  readonly authority: StatementAuthority
  readonly sizes: SwimSizes
  readonly streams: Streams
  readonly table: MemberTable
  readonly queue: BroadcastQueue
  readonly suspicions: Suspicions
  readonly health: LocalHealth
  readonly counters: SwimCounters
  readonly selfId: MemberId
  readonly isLinked: (id: MemberId) => boolean
  /** Time of the step that runs; never goes back. */
  nowMs: number
  /** Sink of the step that runs. */
  sink: SwimSink
  /** What must be taken off our time to get the driver's: it grew when the clock went back. */
  skewMs = 0
  #sequence = 0
  #requests = 0

  constructor(options: SwimCoreOptions, sink: SwimSink) {
    const { settings, authority, sizes, seed, nowMs, base, self } = options
    this.settings = settings
    this.authority = authority
    this.sizes = sizes
    this.streams = createStreams(seed)
    this.table = new MemberTable(this.streams.probe, base)
    this.queue = new BroadcastQueue(settings.urgentShare)
    this.suspicions = new Suspicions()
    this.health = new LocalHealth(settings.localHealthMax)
    this.counters = {
      probes: 0,
      probesFailed: 0,
      indirectProbes: 0,
      streamProbes: 0,
      suspicions: 0,
      refutations: 0,
      deaths: 0,
      syncs: 0,
      healings: 0,
      datagramsSent: 0,
      datagramsReceived: 0,
    }
    this.selfId = self.id
    this.isLinked = options.isLinked ?? notLinked
    this.nowMs = nowMs
    this.sink = sink
  }

  /** Number of a ping; 32 bits, round and round. */
  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0
    return this.#sequence
  }

  nextRequestId(): number {
    this.#requests += 1
    return this.#requests
  }

  send(to: MemberId, message: SwimDatagram): void {
    this.counters.datagramsSent += 1
    this.sink.send(to, message)
  }

  /** A request on a stream; `deadlineMs` is in our time. */
  request(requestId: number, to: Contact, message: SwimRequest, deadlineMs: number): void {
    this.sink.request(requestId, to, message, deadlineMs - this.skewMs)
  }

  /** Tells the application what changed. */
  emit(
    type: SwimEvent['type'],
    record: MemberRecord,
    from: MemberId | undefined,
    accuser?: MemberId,
  ): void {
    this.sink.event({ type, member: toMember(record), from, accuser })
  }

  /** A living member that is not among `except`, chosen at random; -1 when there is none. */
  randomLiving(stream: keyof Streams, except: readonly number[]): number {
    const { size } = this.table.schedule
    if (size === 0) return -1
    const start = this.streams[stream].below(size)
    // Of so many neighbours in the roster at least one is not excepted; usually it is the first.
    for (let step = 0; step <= except.length && step < size; step++) {
      const slot = this.table.schedule.slotAt((start + step) % size)
      if (!except.includes(slot)) return slot
    }
    return -1
  }

  state(): ContextState {
    const { streams } = this
    return {
      nowMs: this.nowMs,
      skewMs: this.skewMs,
      sequence: this.#sequence,
      requests: this.#requests,
      health: this.health.state(),
      counters: { ...this.counters },
      streams: Object.fromEntries(
        Object.entries(streams).map(([name, stream]) => [name, stream.state()]),
      ),
      table: this.table.state(),
      queue: this.queue.state(),
      suspicions: this.suspicions.state(),
    }
  }

  restore(state: ContextState): void {
    this.nowMs = state.nowMs
    this.skewMs = state.skewMs
    this.#sequence = state.sequence
    this.#requests = state.requests
    this.health.restore(state.health)
    Object.assign(this.counters, state.counters)
    for (const [name, stream] of Object.entries(this.streams)) {
      stream.restore(state.streams[name] ?? [])
    }
    this.table.restore(state.table)
    this.queue.restore(state.queue)
    this.suspicions.restore(state.suspicions)
  }
}

/** {@link SwimContext} as plain data. */
export interface ContextState {
  readonly nowMs: number
  readonly skewMs: number
  readonly sequence: number
  readonly requests: number
  readonly health: LocalHealthState
  readonly counters: SwimCounters
  readonly streams: Readonly<Record<string, readonly number[]>>
  readonly table: ReturnType<MemberTable['state']>
  readonly queue: ReturnType<BroadcastQueue['state']>
  readonly suspicions: ReturnType<Suspicions['state']>
}

function notLinked(): boolean {
  return false
}

/** A record as others see it. */
export function toMember(record: MemberRecord): SwimMember {
  const { statement, status, sinceMs, accuser } = record
  const { id, name, host, port, meta, generation, counter } = statement
  return { id, name, host, port, meta, generation, counter, status, sinceMs, accuser, statement }
}

/** How to reach the node that said this. */
export function contactOf(statement: Statement): Contact {
  return { id: statement.id, host: statement.host, port: statement.port }
}
