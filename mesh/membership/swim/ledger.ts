/**
 * Turns what others say into changes of the table: every rule of precedence, trust and limits is here.
 * Alive and Left are signed by their subject. Suspect and Dead are anybody's word and valid only about
 * exactly the incarnation that is known, so nobody but the owner raises an incarnation. One event per
 * change of a record.
 */
import type { MemberRecord } from './base.ts'
import { contactOf, type SwimContext } from './context.ts'
import type { Contact } from './machine.ts'
import type { SyncEntry, Update } from './message.ts'
import { compareIncarnation, compareStatements, sameContent } from './order.ts'
import type { OwnLife } from './own-life.ts'
import { PeerBudget, type PeerBudgetState } from './peer-budget.ts'
import { COUNTER_CEILING, GENERATION_CEILING, type MemberId, type Statement } from './statement.ts'
import { suspicionBounds } from './suspicion.ts'
import { isLiving } from './table.ts'

/** A word against a member. */
export type Accusation = Extract<Update, { readonly type: 'suspect' | 'dead' }>

/** Whom the ledger tells what concerns them. */
export interface LedgerListener {
  /** A member died: its address is worth keeping. */
  died(contact: Contact): void
  /** A member died or said goodbye: whatever it was asked, its next life must not answer. */
  over(id: MemberId): void
  /** A member is alive, so its address is in the table, or gone on purpose: it need not be found again. */
  settled(id: MemberId): void
  /** `peer` knows something about this node that we never said. */
  puzzled(peer: MemberId): void
  /** `peer` holds against this node what we have refuted since. */
  outdated(peer: MemberId): void
}

/** Who brought news, and whether we asked for it: then only what is false costs budget. */
export interface Source {
  readonly from: MemberId
  readonly asked: boolean
  /** Known to everybody but us: the table that a newcomer is given is not passed on member by member. */
  readonly stale?: boolean
}

/** The budget of signatures is per second. */
const CHECKS_WINDOW_MS = 1_000

/** Part of the budget of signatures that false ones in an asked-for table may use. */
const FALSEHOODS_SHARE = 1 / 8

/** Applies news to the table of one core. */
export class Ledger {
  readonly #context: SwimContext
  readonly #own: OwnLife
  readonly #listener: LedgerListener
  /** Signatures checked and made because of what a peer brought unasked. */
  readonly #checks: PeerBudget
  /** False statements in what we asked a peer for. */
  readonly #falsehoods: PeerBudget
  /** What this node said before this step: nobody can know anything later. See {@link settle}. */
  #said: Statement

  constructor(context: SwimContext, own: OwnLife, listener: LedgerListener) {
    this.#context = context
    this.#own = own
    this.#listener = listener
    const { checksPerSecondMax, membersMax } = context.settings
    const limits = { peersMax: membersMax, windowMs: CHECKS_WINDOW_MS }
    this.#checks = new PeerBudget({ max: checksPerSecondMax, ...limits })
    const max = Math.ceil(checksPerSecondMax * FALSEHOODS_SHARE)
    this.#falsehoods = new PeerBudget({ max, ...limits })
    this.#said = own.statement
  }

  /** A step that may have changed what this node says is over. */
  settle(): void {
    this.#said = this.#own.statement
  }

  /** News from a datagram or a stream probe. */
  updates(updates: readonly Update[], source: Source): void {
    for (const update of updates) {
      if (update.type === 'statement') this.statement(update.statement, source)
      else this.accusation(update, source.from)
    }
  }

  statement(statement: Statement, source: Source): void {
    const { table } = this.#context
    const slot = table.slotOf(statement.id)
    if (slot === table.self) {
      const older = compareIncarnation(statement, this.#own.statement) < 0
      if (older && statement.left) this.#listener.outdated(source.from)
      this.#own.heard(statement, source.from, () => this.#admissible(statement, source))
      return
    }
    const record = slot < 0 ? undefined : table.get(slot)
    if (record === undefined) {
      // A goodbye of somebody unknown is no news: there is nothing to take back.
      if (!statement.left && this.#admissible(statement, source)) this.#admit(statement, source)
    } else if (
      compareStatements(statement, record.statement) > 0 &&
      this.#admissible(statement, source)
    ) {
      this.#replace(slot, record, { statement, from: source.from })
    }
  }

  accusation(accusation: Accusation, from: MemberId): void {
    const { table, sink } = this.#context
    const slot = table.slotOf(accusation.id)
    const record = slot < 0 ? undefined : table.get(slot)
    if (record === undefined) return sink.refused('ERR_SWIM_ACCUSATION_UNKNOWN', from)
    if (accusation.counter >= COUNTER_CEILING) return sink.refused('ERR_SWIM_COUNTER_CEILING', from)
    const mine = slot === table.self
    // What we say only in this step nobody has heard yet: a message full of guesses is refuted once.
    const age = compareIncarnation(accusation, mine ? this.#said : record.statement)
    if (age > 0) {
      sink.refused('ERR_SWIM_ACCUSATION_AHEAD', from)
      this.#listener.puzzled(from)
      return
    }
    if (age < 0) {
      if (mine) this.#listener.outdated(from)
      return
    }
    if (mine) this.#refute(from)
    else if (accusation.type === 'dead' && !this.#isEarly(record)) {
      this.#bury(slot, record, accusation.accuser, from)
    } else this.#suspect(slot, record, accusation.accuser, from)
  }

  /** A line of somebody's table. Dead there is suspect here: the member may still refute (S33). */
  entry(entry: SyncEntry, source: Source): void {
    const { table } = this.#context
    const { statement, status } = entry
    const before = table.find(statement.id)
    if (status === 'dead') {
      if (before === undefined) return
      if (before.status === 'dead') return this.#renewTombstone(before, statement, source)
    }
    this.statement(statement, source)
    if (status === 'alive' || status === 'left') return
    const record = table.find(statement.id)
    if (record === undefined || compareIncarnation(record.statement, statement) !== 0) return
    const { generation, counter, id } = statement
    const accuser = entry.accuser ?? source.from
    this.accusation({ type: 'suspect', id, generation, counter, accuser }, source.from)
  }

  /** This node's own probe of that member failed. */
  accuse(slot: number): void {
    const record = this.#context.table.get(slot)
    if (record !== undefined) this.#suspect(slot, record, this.#context.selfId, undefined)
  }

  /** Ends suspicions and drops tombstones whose time is over. */
  expire(): void {
    const { suspicions, table, nowMs } = this.#context
    for (let slot = suspicions.due(nowMs); slot >= 0; slot = suspicions.due(nowMs)) {
      const record = table.get(slot)
      suspicions.end(slot)
      if (record !== undefined) this.#bury(slot, record, record.accuser, undefined)
    }
    while (table.nextForget() <= nowMs) this.#forget(table.oldestTombstone())
  }

  /** When {@link expire} has something to do. */
  deadline(): number {
    return Math.min(this.#context.suspicions.earliest(), this.#context.table.nextForget())
  }

  state(): LedgerState {
    return { checks: this.#checks.state(), falsehoods: this.#falsehoods.state() }
  }

  restore(state: LedgerState): void {
    this.#checks.restore(state.checks)
    this.#falsehoods.restore(state.falsehoods)
  }

  /** Each refutation is a signature, which whoever accuses us makes us pay. */
  #refute(from: MemberId): void {
    const { sink, nowMs } = this.#context
    if (this.#own.statement !== this.#said) return
    if (this.#checks.spend(from, nowMs)) this.#own.refute()
    else sink.refused('ERR_SWIM_CHECKS_MAX', from)
  }

  /**
   * True when a member that we are linked with had no time to answer: anybody may say that it is dead, and
   * the end of a link is felt far above. Until its shortest suspicion is over such a word only accuses.
   */
  #isEarly({ statement, status, sinceMs }: MemberRecord): boolean {
    const { settings, table, nowMs } = this.#context
    if (!isLiving(status) || !this.#context.isLinked(statement.id)) return false
    return (
      status === 'alive' || nowMs - sinceMs < suspicionBounds(settings, table.living).shortestMs
    )
  }

  /** Limits first, for they are cheap; the signature last. */
  #admissible(statement: Statement, { from, asked }: Source): boolean {
    const { settings, sink, authority, nowMs } = this.#context
    if (statement.counter >= COUNTER_CEILING || statement.generation >= GENERATION_CEILING) {
      sink.refused('ERR_SWIM_COUNTER_CEILING', from)
    } else if (statement.meta.length > settings.metaBytesMax) {
      sink.refused('ERR_SWIM_META_BYTES_MAX', from)
    } else if (asked ? !this.#falsehoods.has(from, nowMs) : !this.#checks.spend(from, nowMs)) {
      sink.refused('ERR_SWIM_CHECKS_MAX', from)
    } else {
      const problem = authority.check(statement)
      if (problem === undefined) return true
      if (asked) this.#falsehoods.spend(from, nowMs)
      sink.refused(problem, from)
    }
    return false
  }

  #admit(statement: Statement, { from, stale }: Source): void {
    const { table, settings, sink } = this.#context
    if (table.size >= settings.membersMax && !this.#evict()) {
      sink.refused('ERR_SWIM_MEMBERS_MAX', from)
      return
    }
    const record = this.#record(statement, 'alive')
    const slot = table.add(record, Infinity)
    this.#listener.settled(statement.id)
    this.#context.emit('up', record, from)
    if (stale !== true) this.#announce(slot, record.update, false)
  }

  /** Newer words of a known member. */
  #replace(
    slot: number,
    before: MemberRecord,
    { statement, from }: { statement: Statement; from: MemberId },
  ): void {
    const { table, suspicions } = this.#context
    const newer = compareIncarnation(statement, before.statement) > 0
    const status = statement.left ? 'left' : newer ? 'alive' : before.status
    const record: MemberRecord = {
      ...this.#record(statement, status),
      ...(status === before.status ? { sinceMs: before.sinceMs, accuser: before.accuser } : {}),
    }
    if (status !== 'suspect') suspicions.end(slot)
    table.put(slot, record, this.#forgetAt(status))
    if (status !== 'dead') this.#listener.settled(statement.id)
    if (statement.left) this.#listener.over(statement.id)
    this.#report(before, record, from)
    this.#announce(slot, record.update, before.status !== 'alive' || statement.left)
  }

  /** The event of a change of words, if the application can see the change. */
  #report(before: MemberRecord, after: MemberRecord, from: MemberId): void {
    const context = this.#context
    const lived = isLiving(before.status)
    const age = compareIncarnation(after.statement, before.statement)
    if (age === 0 && !after.statement.left) context.emit('conflict', after, from)
    if (after.status === 'left') {
      if (lived) context.emit('left', after, from)
    } else if (!isLiving(after.status)) {
      return
    } else if (!lived) {
      context.emit('up', after, from)
    } else if (before.status === 'suspect' && after.status === 'alive') {
      context.emit('alive', after, from)
    } else if (
      after.statement.generation !== before.statement.generation ||
      !sameContent(after.statement, before.statement)
    ) {
      context.emit('update', after, from)
    }
  }

  #suspect(
    slot: number,
    before: MemberRecord,
    accuser: MemberId,
    from: MemberId | undefined,
  ): void {
    const { table, suspicions, settings, nowMs, counters } = this.#context
    const { id, generation, counter } = before.statement
    const update: Update = { type: 'suspect', id, generation, counter, accuser }
    if (before.status === 'suspect') {
      // A second accuser is worth passing on; whom nobody knows is no witness.
      if (table.slotOf(accuser) >= 0 && suspicions.confirm(slot, accuser)) {
        this.#announce(slot, update, true)
      }
      return
    }
    if (before.status !== 'alive') return
    const record: MemberRecord = { ...before, status: 'suspect', sinceMs: nowMs, accuser }
    table.put(slot, record)
    const bounds = suspicionBounds(settings, table.living)
    suspicions.begin(slot, { startMs: nowMs, bounds, subject: id, accuser })
    counters.suspicions += 1
    this.#context.emit('suspect', record, from, accuser)
    this.#announce(slot, update, true)
  }

  #bury(
    slot: number,
    before: MemberRecord,
    accuser: MemberId | undefined,
    from: MemberId | undefined,
  ): void {
    if (!isLiving(before.status)) return
    const { table, suspicions, nowMs, counters, selfId } = this.#context
    const { id, generation, counter } = before.statement
    const record: MemberRecord = { ...before, status: 'dead', sinceMs: nowMs, accuser }
    suspicions.end(slot)
    table.put(slot, record, this.#forgetAt('dead'))
    counters.deaths += 1
    this.#listener.died(contactOf(before.statement))
    this.#listener.over(id)
    this.#context.emit('down', record, from, accuser)
    const named = accuser ?? selfId
    this.#announce(slot, { type: 'dead', id, generation, counter, accuser: named }, true)
  }

  /** Dead on both sides, but it said something later: remembered, so that the later words are old too. */
  #renewTombstone(before: MemberRecord, statement: Statement, source: Source): void {
    const { table } = this.#context
    const slot = table.slotOf(statement.id)
    if (compareStatements(statement, before.statement) <= 0) return
    if (!this.#admissible(statement, source)) return
    const update: Update = { type: 'statement', statement }
    table.put(slot, { ...before, statement, update }, this.#forgetAt('dead'))
  }

  /** Makes room by dropping the oldest tombstone. */
  #evict(): boolean {
    const { table } = this.#context
    const slot = table.oldestTombstone()
    if (slot < 0 || slot === table.self) return false
    this.#forget(slot)
    return true
  }

  #forget(slot: number): void {
    const { table, queue } = this.#context
    const record = table.get(slot)
    queue.delete(slot)
    table.remove(slot)
    if (record !== undefined) this.#context.emit('forgotten', record, undefined)
  }

  #announce(slot: number, update: Update, urgent: boolean): void {
    const { queue, sizes, settings } = this.#context
    const bytes = sizes.updateBytes(update)
    // What fits into no datagram is left to the comparisons of tables.
    if (bytes + sizes.headerBytes('gossip') > settings.datagramBytesMax) queue.delete(slot)
    else queue.put(slot, update, { bytes, urgent })
  }

  #record(statement: Statement, status: MemberRecord['status']): MemberRecord {
    const { nowMs } = this.#context
    const update: Update = { type: 'statement', statement }
    return { statement, status, sinceMs: nowMs, accuser: undefined, update }
  }

  #forgetAt(status: MemberRecord['status']): number {
    const { nowMs, settings } = this.#context
    return isLiving(status) ? Infinity : nowMs + settings.tombstoneMs
  }
}

/** {@link Ledger} as plain data. */
export interface LedgerState {
  readonly checks: PeerBudgetState
  readonly falsehoods: PeerBudgetState
}
