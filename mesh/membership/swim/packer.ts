/**
 * Fills datagrams: first what the receiver must know about itself, then news from the queue, then lines
 * of the table while there is room. The message itself is never displaced: news only use what is free.
 */
import type { MemberRecord } from './base.ts'
import type { SwimContext } from './context.ts'
import type { SwimDatagram, Update } from './message.ts'
import { PeerBudget, type PeerBudgetState } from './peer-budget.ts'
import { retransmitLimit } from './settings.ts'
import type { MemberId } from './statement.ts'
import { isLiving } from './table.ts'

/** Slots looked at for one line of the table. */
const LOOKED_AT_MAX = 4

/** Answers to one peer within a probe interval that carry news: a peer probes us more rarely than that. */
const NEWSY_ANSWERS_MAX = 2

const NOTHING: readonly Update[] = Object.freeze([])

/** Chooses the updates of each datagram of one core. */
export class Packer {
  readonly #context: SwimContext
  /**
   * News are sent so often and then dropped. Whoever could have them as often as it likes, by asking, would
   * be the only one to hear them.
   */
  readonly #answers: PeerBudget
  #cursor = 0

  constructor(context: SwimContext) {
    this.#context = context
    const { membersMax, probeIntervalMs } = context.settings
    this.#answers = new PeerBudget({
      max: NEWSY_ANSWERS_MAX,
      peersMax: membersMax,
      windowMs: probeIntervalMs,
    })
  }

  /** Updates for a datagram of that type. */
  pack(type: SwimDatagram['type'], to: MemberId): readonly Update[] {
    const { queue, table, settings, sizes } = this.#context
    let freeBytes = settings.datagramBytesMax - sizes.headerBytes(type)
    const updates: Update[] = []
    let about = -1
    if (table.notAlive > 0 && (type === 'ping' || type === 'ack')) {
      const slot = table.slotOf(to)
      const record = slot < 0 ? undefined : table.get(slot)
      if (record !== undefined && record.status !== 'alive' && (type === 'ack' || settings.buddy)) {
        const told = accusationOf(record, this.#context.selfId)
        const bytes = sizes.updateBytes(told)
        if (bytes <= freeBytes) {
          updates.push(told)
          freeBytes -= bytes
          about = slot
        }
      }
    }
    const answers = type === 'ack' || type === 'nack'
    if (queue.size > 0 && (!answers || this.#answers.spend(to, this.#context.nowMs))) {
      const limit = retransmitLimit(settings, table.living)
      const whole = type === 'gossip'
      const options = about < 0 ? { limit, whole } : { limit, about }
      freeBytes -= queue.collect(updates, freeBytes, options)
    }
    const all = type === 'ping' || type === 'ack' ? this.#slice(updates, freeBytes) : updates
    return all.length === 0 ? NOTHING : all
  }

  state(): PackerState {
    return { cursor: this.#cursor, answers: this.#answers.state() }
  }

  restore({ cursor, answers }: PackerState): void {
    this.#cursor = cursor
    this.#answers.restore(answers)
  }

  /** The next lines of the table, round and round: slow, steady anti-entropy at no message's cost. */
  #slice(updates: Update[], freeBytes: number): Update[] {
    const { table, sizes, settings } = this.#context
    const linesMax = Math.min(settings.sliceEntriesMax, table.end)
    // Made to measure: an array that grows by pushing takes room for seventeen.
    const all = updates.length === 0 ? new Array<Update>(linesMax) : updates
    let end = updates.length
    let left = freeBytes
    for (let line = 0; line < linesMax; line++) {
      const record = this.#nextLiving()
      if (record === undefined) break
      left -= sizes.updateBytes(record.update)
      if (left < 0) break
      all[end] = record.update
      end += 1
    }
    if (all.length !== end) all.length = end
    return all
  }

  #nextLiving(): MemberRecord | undefined {
    const { table } = this.#context
    for (let looked = 0; looked < LOOKED_AT_MAX; looked++) {
      this.#cursor = this.#cursor + 1 < table.end ? this.#cursor + 1 : 0
      const record = table.get(this.#cursor)
      if (record !== undefined && isLiving(record.status)) return record
    }
    return undefined
  }
}

/** {@link Packer} as plain data. */
export interface PackerState {
  readonly cursor: number
  readonly answers: PeerBudgetState
}

/** What its record says against a member that is not alive; its own goodbye for one that left. */
export function accusationOf(record: MemberRecord, selfId: MemberId): Update {
  const { statement, status, accuser } = record
  if (status !== 'suspect' && status !== 'dead') return record.update
  const { id, generation, counter } = statement
  return { type: status, id, generation, counter, accuser: accuser ?? selfId }
}
