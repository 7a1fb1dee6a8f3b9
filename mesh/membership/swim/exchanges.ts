/**
 * Comparisons of tables with others, asked and answered. The asker sends its digests; the answer holds
 * what differs and says what it wants in return, which follows in a push. Both sides then hold the
 * merge of both tables. Bounded: so many under way, so many bytes per message.
 */
import {
  byId,
  differing,
  entryOf,
  occupied,
  sameEntry,
  sameStatement,
  select,
} from './anti-entropy.ts'
import type { SwimContext } from './context.ts'
import { contactOf } from './context.ts'
import type { Ledger } from './ledger.ts'
import type { Contact } from './machine.ts'
import { SYNC_BUCKETS, type SwimReply, type SwimRequest, type SyncEntry } from './message.ts'
import type { OwnLife } from './own-life.ts'
import { PeerBudget, type PeerBudgetState } from './peer-budget.ts'
import { RareMap } from './rare-map.ts'
import { syncIntervalMs } from './settings.ts'
import type { MemberId, Statement } from './statement.ts'
import { isLiving } from './table.ts'

/** Why tables are compared. */
export type Purpose = 'periodic' | 'join' | 'heal' | 'contact'

/** A request that waits for its answer. */
interface Asked {
  readonly kind: 'sync' | 'push'
  readonly contact: Contact
  readonly purpose: Purpose
  /** What we said about ourselves in the request. */
  readonly self: Statement
  /** Exchanges of this conversation so far: a large table comes in several. */
  readonly round: number
  /** Begun while nobody was known: what comes of it is news to this node alone. */
  readonly fresh: boolean
  /** Ask again when the push is done. */
  readonly again: boolean
}

/** Result of an answer for whoever started it. */
export interface Outcome {
  readonly purpose: Purpose
  readonly success: boolean
}

type SyncRequest = Extract<SwimRequest, { readonly type: 'sync' }>
type SyncReply = Extract<SwimReply, { readonly type: 'sync_reply' }>

/** The comparisons of one core. */
export class Exchanges {
  readonly #context: SwimContext
  readonly #own: OwnLife
  readonly #ledger: Ledger
  readonly #asked = new RareMap<number, Asked>()
  /** Peers that were sent entries and owe a push, with the time when that is given up. */
  readonly #answered = new RareMap<MemberId, number>()
  /** Bytes of the table that a peer was given in this second, whoever asked whom. */
  readonly #given: PeerBudget
  #nextAtMs: number
  /** Pause before the next comparison of a newcomer; 0 once it is settled. */
  #eagerMs = 0
  /** Until its first comparison succeeded, for a node that began alone. */
  #newcomer: boolean
  #start = 0

  constructor(context: SwimContext, own: OwnLife, ledger: Ledger) {
    this.#context = context
    this.#own = own
    this.#ledger = ledger
    const { settings, table, streams } = context
    this.#given = new PeerBudget({
      max: settings.syncBytesPerSecondMax,
      peersMax: settings.membersMax,
      windowMs: 1_000,
    })
    this.#newcomer = table.schedule.size === 0
    this.#nextAtMs =
      context.nowMs + streams.sync.fraction() * syncIntervalMs(settings, table.living)
  }

  deadline(): number {
    return this.#context.table.schedule.size === 0 ? Infinity : this.#nextAtMs
  }

  settle(): void {
    if (this.#nextAtMs < this.#context.nowMs) this.#postpone()
  }

  /** The periodic comparison with a random member. */
  tick(): void {
    const { nowMs, table } = this.#context
    if (this.#nextAtMs > nowMs) return
    this.#postpone()
    // Whatever comes of this one: its partner may be gone, or busy with other newcomers.
    this.#hurry()
    const slot = this.#context.randomLiving('sync', [])
    const record = slot < 0 ? undefined : table.get(slot)
    if (record !== undefined) this.begin(contactOf(record.statement), 'periodic')
  }

  /** Asks for a comparison; false when too many are under way, or one with that node. */
  begin(contact: Contact, purpose: Purpose, earlier?: Asked): boolean {
    const { settings, table } = this.#context
    if (this.#own.phase !== 'up' || this.#asked.size >= settings.syncsMax) return false
    for (const { contact: other } of this.#asked.values()) {
      if (contact.id !== undefined && other.id === contact.id) return false
    }
    const requestId = this.#context.nextRequestId()
    const self = this.#own.statement
    const round = earlier === undefined ? 0 : earlier.round + 1
    const fresh = earlier?.fresh ?? table.schedule.size === 0
    this.#asked.set(requestId, { kind: 'sync', contact, purpose, self, round, fresh, again: false })
    this.#context.counters.syncs += 1
    const digests = table.digests.slice()
    this.#ask(requestId, contact, { type: 'sync', self, digests, join: purpose === 'join' })
    return true
  }

  /** An answer; undefined when nobody waits for it or the conversation goes on. */
  replied(requestId: number, from: MemberId, message: SwimReply): Outcome | undefined {
    const asked = this.#asked.get(requestId)
    if (asked === undefined) {
      this.#context.sink.refused('ERR_SWIM_SEQUENCE', from)
      return undefined
    }
    this.#asked.delete(requestId)
    if (asked.kind === 'push') {
      if (asked.again) this.begin(asked.contact, asked.purpose, asked)
      return undefined
    }
    if (message.type !== 'sync_reply' || message.self.id !== from) {
      if (message.type !== 'busy') this.#context.sink.refused('ERR_SWIM_STATEMENT', from)
      return outcome(asked, false)
    }
    this.#learn(asked, from, message)
    return outcome(asked, true)
  }

  /** No answer; undefined when that request was none of these. */
  failed(requestId: number): Outcome | undefined {
    const asked = this.#asked.get(requestId)
    if (asked === undefined) return undefined
    this.#asked.delete(requestId)
    return asked.kind === 'push' ? undefined : outcome(asked, false)
  }

  /**
   * That member is dead or gone. What still waits for a link to it would reach its next life, with words of ours that
   * may be old by then.
   */
  over(id: MemberId): Outcome | undefined {
    for (const [requestId, { contact }] of this.#asked) {
      if (contact.id !== id) continue
      this.#context.sink.cancel(requestId)
      return this.failed(requestId)
    }
    return undefined
  }

  /** Answers a comparison that a peer asked for. */
  answer(replyId: number, from: MemberId, request: SyncRequest): void {
    const { sink, settings, nowMs } = this.#context
    this.#giveUpAnswered()
    const many = this.#answered.size >= settings.syncsMax && !this.#answered.has(from)
    const full = many || !this.#given.has(from, nowMs)
    const wrong = request.self.id !== from || request.digests.length !== SYNC_BUCKETS * 2
    if (full || wrong || this.#own.phase !== 'up') {
      if (wrong) sink.refused('ERR_SWIM_STATEMENT', from)
      else if (full) sink.refused('ERR_SWIM_SYNCS_MAX', from)
      sink.reply(replyId, { type: 'busy' })
      return
    }
    this.#ledger.statement(request.self, { from, asked: false })
    if (this.#newcomer) this.#arrived()
    sink.reply(replyId, this.#compare(from, request))
  }

  /** Takes what a peer pushes. */
  take(replyId: number, from: MemberId, entries: readonly SyncEntry[]): void {
    const { sink } = this.#context
    this.#answered.delete(from)
    if (this.#own.phase === 'up') {
      if (this.#newcomer) this.#arrived()
      for (const entry of entries) this.#ledger.entry(entry, { from, asked: false })
    }
    sink.reply(replyId, { type: 'sync_done' })
  }

  /** This node leaves: nobody waits for answers any more. */
  clear(): void {
    for (const requestId of this.#asked.keys()) this.#context.sink.cancel(requestId)
    this.#asked.clear()
    this.#answered.clear()
  }

  state(): ExchangesState {
    return {
      asked: [...this.#asked],
      answered: [...this.#answered],
      given: this.#given.state(),
      nextAtMs: this.#nextAtMs,
      eagerMs: this.#eagerMs,
      newcomer: this.#newcomer,
      start: this.#start,
    }
  }

  restore(state: ExchangesState): void {
    this.#asked.clear()
    for (const [requestId, asked] of state.asked) this.#asked.set(requestId, asked)
    this.#answered.clear()
    for (const [peer, timeMs] of state.answered) this.#answered.set(peer, timeMs)
    this.#given.restore(state.given)
    this.#nextAtMs = state.nextAtMs
    this.#eagerMs = state.eagerMs
    this.#newcomer = state.newcomer
    this.#start = state.start
  }

  #compare(from: MemberId, { self, digests }: SyncRequest): SyncReply {
    const { table, settings, sizes, selfId, nowMs } = this.#context
    const different = differing(table.digests, digests)
    const record = table.find(from)
    const forced: SyncEntry[] = []
    if (
      record !== undefined &&
      (record.status !== 'alive' || !sameStatement(record.statement, self))
    ) {
      forced.push(entryOf(record))
    }
    if (different.length === 0) {
      const { statement } = this.#own
      return { type: 'sync_reply', self: statement, entries: forced, wanted: [], more: false }
    }
    const selection = select(table, different, {
      bytesMax: settings.syncBytesMax,
      sizes,
      start: this.#start,
      skips: ({ statement: { id } }) => id === from || id === selfId,
    })
    this.#given.spend(from, nowMs, selection.bytes)
    this.#start = ((selection.buckets.at(-1) ?? this.#start) + 1) % SYNC_BUCKETS
    // When both ask at once, as over each new link, the answer to our own question brings what we lack.
    const wanted = this.#isAsking(from) ? [] : occupied(digests, selection.buckets)
    if (wanted.length > 0) this.#answered.set(from, nowMs + settings.syncTimeoutMs)
    return {
      type: 'sync_reply',
      self: this.#own.statement,
      entries: [...forced, ...selection.entries],
      wanted,
      more: selection.more,
    }
  }

  /**
   * Who has just arrived, perhaps among many others, compares again soon and with growing pauses: the names
   * of so many newcomers would take gossip long, and what was said before it had links passed it by. That begins
   * with the first exchange, whoever asked: ours may be lost with a link that gives way to another. Where nothing
   * differs a comparison costs little.
   */
  #arrived(): void {
    this.#eagerMs = this.#context.settings.probeTimeoutMs
    this.#hurry()
  }

  #hurry(): void {
    const { nowMs, settings, streams } = this.#context
    if (this.#eagerMs === 0) return
    this.#nextAtMs = Math.min(
      this.#nextAtMs,
      nowMs + this.#eagerMs * (0.5 + streams.sync.fraction()),
    )
    this.#eagerMs = 2 * this.#eagerMs < settings.syncIntervalMs ? 2 * this.#eagerMs : 0
  }

  /** Merges an answer and gives back what was wanted, and what the other must know about itself. */
  #learn(asked: Asked, from: MemberId, reply: SyncReply): void {
    const { table, settings, sizes, selfId, nowMs } = this.#context
    // Whoever joined through us meanwhile must hear of them.
    const known = table.find(from)
    const others = table.schedule.size - (known !== undefined && isLiving(known.status) ? 1 : 0)
    const stale = asked.fresh && (asked.round > 0 || others === 0)
    const source = { from, asked: true, stale }
    const before = table.changes
    this.#ledger.statement(reply.self, source)
    // A table has one line about each; who sends more of them wants them checked.
    const theirs = byId(reply.entries)
    for (const entry of theirs.values()) this.#ledger.entry(entry, source)
    this.#own.joined = true
    const entries: SyncEntry[] = []
    const mine = table.get(table.self)
    if (mine !== undefined && mine.statement !== asked.self) entries.push(entryOf(mine))
    const peer = table.find(from)
    if (peer !== undefined && !sameEntry({ statement: reply.self, status: 'alive' }, peer)) {
      entries.push(entryOf(peer))
    }
    const gives = this.#given.has(from, nowMs)
    const { entries: wanted, bytes } = select(table, gives ? reply.wanted : [], {
      bytesMax: settings.syncBytesMax,
      sizes,
      start: 0,
      skips: (record) => {
        const { id } = record.statement
        const known = theirs.get(id)
        return id === from || id === selfId || (known !== undefined && sameEntry(known, record))
      },
    })
    this.#given.spend(from, nowMs, bytes)
    entries.push(...wanted)
    const again =
      reply.more &&
      gives &&
      asked.round < SYNC_BUCKETS &&
      (table.changes !== before || wanted.length > 0)
    const contact = peer === undefined ? asked.contact : contactOf(peer.statement)
    if (asked.purpose === 'join' || this.#newcomer) this.#arrived()
    this.#newcomer = false
    const owed = entries.length > 0 || reply.wanted.length > 0
    if (owed && this.#own.phase === 'up') this.#push(asked, contact, { entries, again })
    else if (again) this.begin(contact, asked.purpose, asked)
  }

  /** True while a question to that peer waits for its answer. */
  #isAsking(peer: MemberId): boolean {
    for (const { kind, contact } of this.#asked.values()) {
      if (kind === 'sync' && contact.id === peer) return true
    }
    return false
  }

  #push(
    asked: Asked,
    contact: Contact,
    { entries, again }: { entries: readonly SyncEntry[]; again: boolean },
  ): void {
    const requestId = this.#context.nextRequestId()
    this.#asked.set(requestId, { ...asked, kind: 'push', contact, again })
    this.#ask(requestId, contact, { type: 'sync_push', entries })
  }

  #ask(requestId: number, contact: Contact, message: SwimRequest): void {
    const { nowMs, settings } = this.#context
    this.#context.request(requestId, contact, message, nowMs + settings.syncTimeoutMs)
  }

  #postpone(): void {
    const { nowMs, settings, table, streams } = this.#context
    const intervalMs = syncIntervalMs(settings, table.living)
    // A little off, so that a cluster that started together does not compare together for ever.
    this.#nextAtMs = nowMs + intervalMs * (0.9 + 0.2 * streams.sync.fraction())
  }

  #giveUpAnswered(): void {
    const { nowMs } = this.#context
    for (const [peer, timeMs] of this.#answered) if (timeMs <= nowMs) this.#answered.delete(peer)
  }
}

/** Only the first exchange of a conversation decides what its starter hears. */
function outcome({ purpose, round }: Asked, success: boolean): Outcome | undefined {
  return round > 0 ? undefined : { purpose, success }
}

/** {@link Exchanges} as plain data. */
export interface ExchangesState {
  readonly asked: readonly (readonly [number, Asked])[]
  readonly answered: readonly (readonly [MemberId, number])[]
  readonly given: PeerBudgetState
  readonly nextAtMs: number
  readonly eagerMs: number
  readonly newcomer: boolean
  readonly start: number
}
