/**
 * The membership core: SWIM with Lifeguard as one synchronous machine. Inputs and time go in through
 * {@link SwimCore.step}, effects come out through the sink, and `nextDeadline` says when a `tick` is
 * due. This file only distributes: what each part does stands in its own file.
 *
 *     prober, relays      who answers                    ledger      what it means for the table
 *     gossiper, packer    who is told what, when         own-life    what this node says about itself
 *     exchanges           whole tables compared          joiner, heal   whom to find again
 */
import { SwimContext, toMember, type ContextState, type SwimCoreOptions } from './context.ts'
import { Exchanges, type ExchangesState, type Outcome } from './exchanges.ts'
import { Gossiper, type GossiperState } from './gossiper.ts'
import { Healer, type HealerState } from './heal.ts'
import { Joiner, type JoinerState } from './joiner.ts'
import { Ledger } from './ledger.ts'
import type { Contact, SwimInput, SwimMember, SwimSink, SwimStats } from './machine.ts'
import type { SwimDatagram, SwimReply, SwimRequest } from './message.ts'
import { OwnLife, type OwnLifeState } from './own-life.ts'
import { Packer, type PackerState } from './packer.ts'
import { Prober, type ProberState } from './prober.ts'
import { Relays, type RelaysState } from './relays.ts'
import type { MemberId, Statement } from './statement.ts'
import { isLiving } from './table.ts'

export type { SwimCoreOptions, SwimSizes } from './context.ts'
export { createSharedBase, type SharedBase } from './base.ts'

/** A tick later than so many probe intervals means that this node slept (S39). */
const SLEPT_INTERVALS = 2

/** Swallows effects outside of a step; there are none. */
const IDLE_SINK: SwimSink = Object.freeze({
  send() {},
  request() {},
  cancel() {},
  reply() {},
  event() {},
  persist() {},
  refused() {},
  left() {},
})

/** One member's view of all, and what it does about it. */
export class SwimCore {
  readonly #context: SwimContext
  readonly #own: OwnLife
  readonly #ledger: Ledger
  readonly #packer: Packer
  readonly #prober: Prober
  readonly #relays: Relays
  readonly #gossiper: Gossiper
  readonly #exchanges: Exchanges
  readonly #joiner: Joiner
  readonly #healer: Healer
  /** When the goodbye is over, spread or not. */
  #leaveAtMs = Infinity
  /** No comparison with a stranger before this: each costs a stream. */
  #curiousAtMs = -Infinity
  #deadline = Infinity
  /** The earliest of all timers but the prober's. */
  #restAtMs = Infinity
  /** What did not run after the last step: nobody to talk to, no news, no dead or seeds to contact. */
  #alone = true
  #quiet = true
  #unseeded = true
  /** Up and quiet, nobody is suspected and nobody probes for others through us. */
  #calm = false
  /** True once this step has told a peer what this node says now. */
  #introduced = false

  constructor(options: SwimCoreOptions) {
    const context = new SwimContext(options, IDLE_SINK)
    this.#context = context
    this.#own = new OwnLife(context, options)
    this.#ledger = new Ledger(context, this.#own, {
      died: (contact) => this.#healer.remember(contact),
      over: (id) => this.#conclude(this.#exchanges.over(id)),
      settled: (id) => this.#healer.forget(id),
      puzzled: (peer) => this.#compareWith(peer),
      outdated: (peer) => this.#introduce(peer),
    })
    this.#packer = new Packer(context)
    this.#prober = new Prober(context, this.#ledger, this.#packer)
    this.#relays = new Relays(context, this.#packer)
    this.#gossiper = new Gossiper(context, this.#packer)
    this.#exchanges = new Exchanges(context, this.#own, this.#ledger)
    this.#joiner = new Joiner(context, this.#exchanges)
    this.#healer = new Healer(context, this.#exchanges)
    this.#schedule()
  }

  /** The core as {@link snapshot} saw it; the options must be those of the first one. */
  static restore(options: SwimCoreOptions, snapshot: SwimSnapshot): SwimCore {
    const core = new SwimCore(options)
    core.#restore(snapshot)
    return core
  }

  /** Takes one input at `nowMs`, monotonic; effects go to `sink` before it returns. Never throws for a peer. */
  step(nowMs: number, input: SwimInput, sink: SwimSink): void {
    const context = this.#context
    context.sink = sink
    // A clock that goes back stands still for us, else all timers would sleep that long.
    if (nowMs + context.skewMs < context.nowMs) context.skewMs = context.nowMs - nowMs
    const lastMs = context.nowMs
    context.nowMs = nowMs + context.skewMs
    // A confirmation may end a suspicion in the past; what was due before the last step is not late.
    const lateMs = context.nowMs - Math.max(this.#deadline, lastMs)
    if (lateMs > context.settings.probeIntervalMs * SLEPT_INTERVALS) this.#wake(lateMs)
    const { changes } = context.table
    const isQuiet = this.#calm && this.#isQuietInput(input)
    this.#introduced = false
    if (input.type !== 'tick') this.#take(input)
    else if (isQuiet) this.#probe(changes)
    else this.#tick()
    if (isQuiet && context.table.changes === changes) {
      if (!isPing(input)) this.#deadline = this.#earliest()
    } else {
      this.#settle()
      this.#schedule()
    }
    context.sink = IDLE_SINK
  }

  /** When the next `tick` is due; Infinity when nothing is. */
  nextDeadline(): number {
    return this.#deadline - this.#context.skewMs
  }

  /** All known members, this node and tombstones included, by slot. */
  members(): SwimMember[] {
    return Array.from(this.#context.table.entries(), ([, record]) => toMember(record))
  }

  member(id: MemberId): SwimMember | undefined {
    const record = this.#context.table.find(id)
    return record === undefined ? undefined : toMember(record)
  }

  /** Probes of others before that living member's; Infinity for one that is not probed. */
  turnsBefore(id: MemberId): number {
    const { table } = this.#context
    const slot = table.slotOf(id)
    const record = slot < 0 || slot === table.self ? undefined : table.get(slot)
    if (record === undefined || !isLiving(record.status)) return Infinity
    return table.schedule.turnsBefore(slot)
  }

  /** What this node says about itself now. */
  self(): Statement {
    return this.#own.statement
  }

  stats(): SwimStats {
    const { counters, table, health, queue } = this.#context
    return {
      ...counters,
      members: { ...table.counts },
      localHealth: health.score,
      updatesQueued: queue.size,
    }
  }

  /** Everything, as plain data that later steps do not change. */
  snapshot(): SwimSnapshot {
    return {
      context: this.#context.state(),
      own: this.#own.state(),
      ledger: this.#ledger.state(),
      packer: this.#packer.state(),
      prober: this.#prober.state(),
      relays: this.#relays.state(),
      gossiper: this.#gossiper.state(),
      exchanges: this.#exchanges.state(),
      joiner: this.#joiner.state(),
      healer: this.#healer.state(),
      leaveAtMs: this.#leaveAtMs,
      curiousAtMs: this.#curiousAtMs,
      deadline: this.#deadline,
    }
  }

  #restore(snapshot: SwimSnapshot): void {
    this.#context.restore(snapshot.context)
    this.#own.restore(snapshot.own)
    this.#ledger.restore(snapshot.ledger)
    this.#packer.restore(snapshot.packer)
    this.#prober.restore(snapshot.prober)
    this.#relays.restore(snapshot.relays)
    this.#gossiper.restore(snapshot.gossiper)
    this.#exchanges.restore(snapshot.exchanges)
    this.#joiner.restore(snapshot.joiner)
    this.#healer.restore(snapshot.healer)
    this.#leaveAtMs = snapshot.leaveAtMs
    this.#curiousAtMs = snapshot.curiousAtMs
    // The rest follows from the parts; the deadline does, too, but for a driver that is late.
    this.#ledger.settle()
    this.#schedule()
    this.#deadline = snapshot.deadline
  }

  #take(input: SwimInput): void {
    switch (input.type) {
      case 'datagram':
        return this.#datagram(input.from, input.message)
      case 'request':
        return this.#request(input.replyId, input.from, input.message)
      case 'reply':
        return this.#reply(input.requestId, input.from, input.message)
      case 'request_failed':
        if (!this.#prober.requestFailed(input.requestId)) {
          this.#conclude(this.#exchanges.failed(input.requestId))
        }
        return
      case 'join':
        return this.#joiner.join(input.contacts)
      case 'contact':
        return this.#meet(input.contact)
      case 'peer_gone':
        return this.#prober.hint(input.id)
      case 'leave':
        return this.#leave()
      case 'set_meta':
        return this.#own.setMeta(input.meta)
      case 'set_address':
        return this.#own.setAddress(input.host, input.port)
      case 'persisted':
        return this.#own.persisted(input.generation)
      case 'tick':
    }
  }

  #datagram(from: MemberId, message: SwimDatagram): void {
    const context = this.#context
    context.counters.datagramsReceived += 1
    if (!this.#calm && this.#own.phase === 'left') {
      // A last ack, so that nobody is blamed for our silence (S11).
      if (message.type !== 'ping') return
      context.send(from, { type: 'ack', sequence: message.sequence, updates: [] })
      return
    }
    this.#ledger.updates(message.updates, { from, asked: false })
    if (context.table.slotOf(from) < 0) {
      context.sink.refused('ERR_SWIM_SENDER_UNKNOWN', from)
      this.#compareWith(from)
    }
    switch (message.type) {
      case 'ping': {
        const updates = this.#packer.pack('ack', from)
        return context.send(from, { type: 'ack', sequence: message.sequence, updates })
      }
      case 'ack':
        if (this.#prober.acked(from, message.sequence)) return
        if (this.#relays.acked(from, message.sequence)) return
        return context.sink.refused('ERR_SWIM_SEQUENCE', from)
      case 'nack':
        if (this.#prober.nacked(from, message.sequence)) return
        return context.sink.refused('ERR_SWIM_SEQUENCE', from)
      case 'ping_req':
        return this.#relays.ask(from, message.sequence, message.target)
      case 'gossip':
    }
  }

  #request(replyId: number, from: MemberId, message: SwimRequest): void {
    switch (message.type) {
      case 'probe': {
        if (this.#own.phase !== 'left') {
          this.#ledger.updates(message.updates, { from, asked: false })
        }
        const updates = this.#own.phase === 'left' ? [] : this.#packer.pack('ack', from)
        return this.#context.sink.reply(replyId, { type: 'probe_ack', updates })
      }
      case 'sync':
        return this.#exchanges.answer(replyId, from, message)
      case 'sync_push':
        return this.#exchanges.take(replyId, from, message.entries)
    }
  }

  #reply(requestId: number, from: MemberId, message: SwimReply): void {
    if (this.#prober.replied(requestId, from, message)) return
    this.#conclude(this.#exchanges.replied(requestId, from, message))
  }

  #conclude(outcome: Outcome | undefined): void {
    if (outcome?.purpose === 'join') this.#joiner.concluded(outcome.success)
  }

  #tick(): void {
    if (this.#own.phase === 'left') return
    this.#ledger.expire()
    this.#relays.expire()
    if (this.#own.phase === 'leaving') return this.#sayGoodbye()
    this.#prober.tick()
    this.#tickOthers()
  }

  /** A tick that is for the next probe only, unless that brings news. */
  #probe(changesBefore: number): void {
    this.#prober.tick()
    if (this.#context.table.changes !== changesBefore) this.#tickOthers()
  }

  #tickOthers(): void {
    this.#gossiper.tick()
    this.#exchanges.tick()
    this.#joiner.tick()
    this.#healer.tick(this.#joiner.contacts)
  }

  /** This node slept: what it did not hear meanwhile is nobody's fault but its own. */
  #wake(lateMs: number): void {
    const { suspicions, table, nowMs, health } = this.#context
    if (this.#own.phase !== 'up') return
    health.apply(1)
    suspicions.postpone(lateMs, nowMs)
    this.#relays.clear()
    this.#prober.abandon()
    for (const slot of suspicions.slots()) {
      const id = table.get(slot)?.statement.id
      if (id !== undefined) this.#prober.hint(id)
    }
  }

  #leave(): void {
    const { nowMs, settings, table } = this.#context
    if (this.#own.phase !== 'up') return
    this.#joiner.stop()
    this.#exchanges.clear()
    this.#prober.abandon()
    this.#own.leave()
    this.#leaveAtMs = nowMs + settings.leaveTimeoutMs
    if (table.schedule.size > 0) this.#gossiper.spread()
    this.#sayGoodbye()
  }

  /** The goodbye goes out with each gossip until it was sent often enough, or time is up. */
  #sayGoodbye(): void {
    const { table, queue, nowMs, sink } = this.#context
    this.#gossiper.tick()
    const spread = table.schedule.size === 0 || !(queue.has(table.self) || this.#own.waiting)
    if (!spread && nowMs < this.#leaveAtMs) return
    this.#own.finish()
    queue.clear()
    sink.left()
  }

  /** An authenticated connection exists. */
  #meet(contact: Contact & { readonly id: MemberId }): void {
    const status = this.#context.table.find(contact.id)?.status
    if (contact.id === this.#context.selfId) return
    if (status === undefined || !isLiving(status)) this.#exchanges.begin(contact, 'contact')
  }

  /** That peer is a stranger to us or knows more about us than we: compare, now and then. */
  #compareWith(peer: MemberId): void {
    const { nowMs, settings, table } = this.#context
    if (nowMs < this.#curiousAtMs) return
    this.#curiousAtMs = nowMs + settings.probeIntervalMs
    const known = table.find(peer)?.statement
    const { host, port } = known ?? { host: '', port: 0 }
    this.#exchanges.begin({ id: peer, host, port }, 'contact')
  }

  /**
   * That peer holds something old against us: tell it what we say now. One datagram per accusation, and one says
   * all, however many lines of a message are out of date.
   */
  #introduce(peer: MemberId): void {
    const { table, sizes, settings } = this.#context
    const update = table.get(table.self)?.update
    if (this.#introduced) return
    this.#introduced = true
    if (update === undefined || peer === this.#context.selfId) return
    const bytes = sizes.headerBytes('gossip') + sizes.updateBytes(update)
    if (bytes > settings.datagramBytesMax) return
    this.#context.send(peer, { type: 'gossip', updates: [update] })
  }

  /**
   * True for a ping, an ack, and a tick for the next probe: nearly all there is in a healthy cluster. If they tell us
   * nothing, which the table's count of changes says, only the prober's timer has moved: ten thousand calm cores
   * need not touch all their parts for it.
   */
  #isQuietInput(input: SwimInput): boolean {
    if (input.type === 'tick') return this.#restAtMs > this.#context.nowMs
    if (input.type !== 'datagram') return false
    const { type } = input.message
    return type === 'ping' || type === 'ack'
  }

  /** Timers that did not run until this step: what they missed is not overdue. */
  #settle(): void {
    if (this.#quiet) this.#gossiper.settle()
    if (this.#alone) {
      this.#prober.settle()
      this.#exchanges.settle()
    }
    if (this.#unseeded) this.#healer.settle()
    this.#ledger.settle()
  }

  /** The earliest of all timers; each part knows its own in constant time (S45). */
  #schedule(): void {
    const { table, queue } = this.#context
    const { phase } = this.#own
    const healAtMs = this.#healer.deadline(this.#joiner.contacts.length)
    this.#quiet = queue.size === 0
    this.#alone = table.schedule.size === 0
    this.#unseeded = healAtMs === Infinity
    const relaysAtMs = this.#relays.deadline()
    this.#calm =
      this.#quiet && relaysAtMs === Infinity && table.counts.suspect === 0 && phase === 'up'
    this.#restAtMs = Math.min(this.#ledger.deadline(), relaysAtMs, this.#gossiper.deadline())
    if (phase === 'up') {
      const exchangeAtMs = Math.min(this.#exchanges.deadline(), this.#joiner.deadline(), healAtMs)
      this.#restAtMs = Math.min(this.#restAtMs, exchangeAtMs)
      this.#deadline = this.#earliest()
    } else {
      this.#deadline = phase === 'left' ? Infinity : Math.min(this.#restAtMs, this.#leaveAtMs)
    }
  }

  #earliest(): number {
    return Math.min(this.#restAtMs, this.#prober.deadline(this.#alone))
  }
}

/** What moves no timer where it is no news. */
function isPing(input: SwimInput): boolean {
  return input.type === 'datagram' && input.message.type === 'ping'
}

/** State of a core, for {@link SwimCore.restore}. Statements in it are shared, not copied. */
export interface SwimSnapshot {
  readonly context: ContextState
  readonly own: OwnLifeState
  readonly ledger: ReturnType<Ledger['state']>
  readonly packer: PackerState
  readonly prober: ProberState
  readonly relays: RelaysState
  readonly gossiper: GossiperState
  readonly exchanges: ExchangesState
  readonly joiner: JoinerState
  readonly healer: HealerState
  readonly leaveAtMs: number
  readonly curiousAtMs: number
  readonly deadline: number
}
