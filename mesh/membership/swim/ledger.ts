/**
 * Turns what others say into changes of the table: every rule of precedence, trust and limits is here.
 * Alive and Left are signed by their subject. Suspect and Dead are anybody's word and valid only about
 * exactly the incarnation that is known, so nobody but the owner raises an incarnation. One event per
 * change of a record.
 */
import type { MemberRecord } from './base.ts'
import { CheckBudget } from './check-budget.ts'
import { contactOf, type SwimContext } from './context.ts'
import type { Contact } from './machine.ts'
import type { SyncEntry, Update } from './message.ts'
import { compareIncarnation, compareStatements, sameContent } from './order.ts'
import type { OwnLife } from './own-life.ts'
import { COUNTER_CEILING, type MemberId, type Statement } from './statement.ts'
import { suspicionBounds } from './suspicion.ts'
import { isLiving } from './table.ts'

/** A word against a member. */
export type Accusation = Extract<Update, { readonly type: 'suspect' | 'dead' }>

/** Whom the ledger tells what concerns them. */
export interface LedgerListener {
  /** A member died: its address is worth keeping. */
  died(contact: Contact): void
  /** A member is alive: its address is in the table. */
  rose(id: MemberId): void
  /** `peer` knows something about this node that we never said. */
  puzzled(peer: MemberId): void
  /** `peer` holds against this node what we have refuted since. */
  outdated(peer: MemberId): void
}

/** Who brought news, and whether we asked for it: what we asked for costs no budget. */
export interface Source {
  readonly from: MemberId
  readonly asked: boolean
}

/** Applies news to the table of one core. */
export class Ledger {
  readonly #context: SwimContext
  readonly #own: OwnLife
  readonly #listener: LedgerListener
  readonly #budget: CheckBudget

  constructor(context: SwimContext, own: OwnLife, listener: LedgerListener) {
    this.#context = context
    this.#own = own
    this.#listener = listener
    const { checksPerSecondMax, membersMax } = context.settings
    this.#budget = new CheckBudget(checksPerSecondMax, membersMax)
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
    const age = compareIncarnation(accusation, record.statement)
    if (age > 0) {
      sink.refused('ERR_SWIM_ACCUSATION_AHEAD', from)
      this.#listener.puzzled(from)
      return
    }
    if (age < 0) {
      if (slot === table.self) this.#listener.outdated(from)
      return
    }
    if (slot === table.self) this.#own.refute()
    else if (accusation.type === 'dead') this.#bury(slot, record, accusation.accuser, from)
    else this.#suspect(slot, record, accusation.accuser, from)
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

  state(): ReturnType<CheckBudget['state']> {
    return this.#budget.state()
  }

  restore(state: ReturnType<CheckBudget['state']>): void {
    this.#budget.restore(state)
  }

  /** Limits first, for they are cheap; the signature last. */
  #admissible(statement: Statement, { from, asked }: Source): boolean {
    const { settings, sink, authority, nowMs } = this.#context
    if (statement.counter >= COUNTER_CEILING) {
      sink.refused('ERR_SWIM_COUNTER_CEILING', from)
    } else if (statement.meta.length > settings.metaBytesMax) {
      sink.refused('ERR_SWIM_META_BYTES_MAX', from)
    } else if (!asked && !this.#budget.spend(from, nowMs)) {
      sink.refused('ERR_SWIM_CHECKS_MAX', from)
    } else {
      const problem = authority.check(statement)
      if (problem === undefined) return true
      sink.refused(problem, from)
    }
    return false
  }

  #admit(statement: Statement, { from }: Source): void {
    const { table, settings, sink } = this.#context
    if (table.size >= settings.membersMax && !this.#evict()) {
      sink.refused('ERR_SWIM_MEMBERS_MAX', from)
      return
    }
    const record = this.#record(statement, 'alive')
    const slot = table.add(record, Infinity)
    this.#listener.rose(statement.id)
    this.#context.emit('up', record, from)
    this.#announce(slot, record.update, false)
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
    if (isLiving(status)) this.#listener.rose(statement.id)
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
