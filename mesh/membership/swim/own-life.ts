/**
 * What this node says about itself: the only place that raises its incarnation (S7). The counter grows
 * with each refutation and each change; the generation grows when the counter would reach its ceiling
 * (S13) and when somebody else speaks with our key. A new generation is used only once it is on disk.
 */
import type { MemberRecord } from './base.ts'
import type { SwimContext, SwimCoreOptions } from './context.ts'
import { compareIncarnation, sameContent } from './order.ts'
import {
  COUNTER_CEILING,
  GENERATION_CEILING,
  type Incarnation,
  type MemberId,
  type Statement,
} from './statement.ts'

/** Where this node is in its life. */
export type Phase = 'up' | 'leaving' | 'left'

/** The own record and its changes. */
export class OwnLife {
  readonly #context: SwimContext
  #statement: Statement
  #name: string
  #host: string
  #port: number
  #meta: Uint8Array
  #phase: Phase = 'up'
  /** Generation that is being written; nothing new is said meanwhile. */
  #pending: number | undefined
  /** Generation that was last asked to be written for a foreign statement, and when. */
  #conflictAtMs = -Infinity
  /** True once an exchange with another node succeeded: from then on an older self is a stranger. */
  joined = false

  constructor(context: SwimContext, options: SwimCoreOptions) {
    const { self, base, nowMs } = options
    this.#context = context
    this.#name = self.name
    this.#host = self.host
    this.#port = self.port
    this.#meta = self.meta
    const known = base?.records[base.slots.get(self.id) ?? -1]
    const statement = this.#sign({ generation: self.generation, counter: 0 })
    const same =
      known !== undefined &&
      compareIncarnation(known.statement, statement) === 0 &&
      sameContent(known.statement, statement)
    this.#statement = same ? known.statement : statement
    context.table.addSelf(same ? known : this.#record(nowMs))
  }

  get statement(): Statement {
    return this.#statement
  }

  get phase(): Phase {
    return this.#phase
  }

  /** True while a generation is being written that something waits for. */
  get waiting(): boolean {
    return this.#pending !== undefined
  }

  /** Somebody accuses our present incarnation: say the next one (S10). A goodbye stays said (S11). */
  refute(): void {
    if (this.#phase !== 'up') return
    const { health, counters } = this.#context
    health.blame()
    counters.refutations += 1
    this.#next()
  }

  setMeta(meta: Uint8Array): void {
    const { settings, sizes, sink } = this.#context
    const statement = { ...this.#statement, meta }
    const bytes = sizes.updateBytes({ type: 'statement', statement }) + sizes.headerBytes('gossip')
    // What fits into no datagram would reach the others by comparisons only.
    if (meta.length > settings.metaBytesMax || bytes > settings.datagramBytesMax) {
      sink.refused('ERR_SWIM_META_BYTES_MAX', undefined)
      return
    }
    this.#meta = meta
    if (this.#phase === 'up') this.#next()
  }

  setAddress(host: string, port: number): void {
    if (host === this.#host && port === this.#port) return
    this.#host = host
    this.#port = port
    if (this.#phase === 'up') this.#next()
  }

  /** The last words. */
  leave(): void {
    this.#phase = 'leaving'
    this.#next()
  }

  /** The last words were said. */
  finish(): void {
    this.#phase = 'left'
  }

  /**
   * A statement in our name came in. What we said ourselves is no news. Before we joined it is our
   * previous life, whose disk was lost; after that somebody else has our key. Either way we end above it.
   */
  heard(statement: Statement, from: MemberId, check: () => boolean): void {
    const age = compareIncarnation(statement, this.#statement)
    if (age < 0 || (age === 0 && sameContent(statement, this.#statement))) return
    if (this.#phase !== 'up' || this.#pending !== undefined || !check()) return
    const { settings, nowMs } = this.#context
    if (this.joined) {
      if (nowMs - this.#conflictAtMs < settings.conflictPauseMs) return
      this.#conflictAtMs = nowMs
      this.#context.emit('conflict', this.#record(nowMs, statement), from)
    }
    this.#begin(Math.max(statement.generation, this.#statement.generation) + 1)
  }

  /** The generation is on disk: speak with it. */
  persisted(generation: number): void {
    if (this.#pending === undefined || generation < this.#pending) return
    this.#pending = undefined
    this.#say({ generation, counter: 0 })
  }

  state(): OwnLifeState {
    return {
      statement: this.#statement,
      name: this.#name,
      host: this.#host,
      port: this.#port,
      meta: this.#meta,
      phase: this.#phase,
      pending: this.#pending,
      conflictAtMs: this.#conflictAtMs,
      joined: this.joined,
    }
  }

  restore(state: OwnLifeState): void {
    this.#statement = state.statement
    this.#name = state.name
    this.#host = state.host
    this.#port = state.port
    this.#meta = state.meta
    this.#phase = state.phase
    this.#pending = state.pending
    this.#conflictAtMs = state.conflictAtMs
    this.joined = state.joined
  }

  #next(): void {
    // While a generation is being written the change waits for it.
    if (this.#pending !== undefined) return
    const { generation, counter } = this.#statement
    if (counter + 1 < COUNTER_CEILING) this.#say({ generation, counter: counter + 1 })
    else this.#begin(generation + 1)
  }

  #begin(generation: number): void {
    // Only a thief of our key brings us here; the conflict was told, and only a new key helps.
    if (generation >= GENERATION_CEILING) return
    this.#pending = generation
    this.#context.sink.persist(generation)
  }

  #say(incarnation: Incarnation): void {
    const { table, queue, sizes, nowMs } = this.#context
    this.#statement = this.#sign(incarnation)
    const record = this.#record(nowMs)
    table.put(table.self, record)
    const bytes = sizes.updateBytes(record.update)
    queue.put(table.self, record.update, { bytes, urgent: true })
  }

  #sign({ generation, counter }: Incarnation): Statement {
    return this.#context.authority.sign({
      id: this.#context.selfId,
      name: this.#name,
      host: this.#host,
      port: this.#port,
      meta: this.#meta,
      left: this.#phase !== 'up',
      generation,
      counter,
    })
  }

  #record(sinceMs: number, statement: Statement = this.#statement): MemberRecord {
    return {
      statement,
      status: statement.left ? 'left' : 'alive',
      sinceMs,
      accuser: undefined,
      update: { type: 'statement', statement },
    }
  }
}

/** {@link OwnLife} as plain data. */
export interface OwnLifeState {
  readonly statement: Statement
  readonly name: string
  readonly host: string
  readonly port: number
  readonly meta: Uint8Array
  readonly phase: Phase
  readonly pending: number | undefined
  readonly conflictAtMs: number
  readonly joined: boolean
}
