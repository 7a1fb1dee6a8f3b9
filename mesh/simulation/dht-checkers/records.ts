/** Checkers of records: K29 (acknowledged is on disk), K31, K32, K34 and K38. */
import type { DhtReply, DhtRequest, Store, AddProvider } from '../../routing/kademlia/message.ts'
import type { DhtRecord } from '../../routing/records/record.ts'
import type { InputOf } from '../boundary.ts'
import type { DhtEvent, DhtProtocol } from '../dht-boundary.ts'
import { DhtNode } from '../dht-node.ts'
import { demand } from '../checkers/checker.ts'
import type { CheckedWorld, DhtChecker, DhtSeat } from './checker.ts'

/** See the head of this file. */
export class RecordRules implements DhtChecker {
  readonly #world: CheckedWorld
  /** By seat: sequence of every record it showed after its last step. */
  readonly #sequences: Map<string, number>[] = []
  /** Writes that were asked for, by seat and reply. */
  readonly #asked = new Map<string, DhtRecord>()

  constructor(world: CheckedWorld) {
    this.#world = world
  }

  started(seat: DhtSeat): void {
    this.#sequences[seat.index] = new Map()
  }

  stopped(seat: DhtSeat): void {
    for (const key of this.#asked.keys()) {
      if (key.startsWith(`${seat.index} `)) this.#asked.delete(key)
    }
  }

  streamed(seat: DhtSeat, message: DhtRequest | DhtReply): void {
    if (!(seat.core instanceof DhtNode)) return
    for (const record of recordsOf(message)) {
      this.#sound(seat, record)
      if (message.type === 'find_value_reply' || message.type === 'providers_reply') {
        this.#fresh(seat, record)
      }
    }
  }

  event(seat: DhtSeat, event: DhtEvent): void {
    if (event.type !== 'found') return
    this.#sound(seat, event.record)
    this.#fresh(seat, event.record)
  }

  stepping(seat: DhtSeat, input: InputOf<DhtProtocol>): void {
    if (input.type !== 'request') return
    const { message, replyId } = input
    if (!isWrite(message)) return
    this.#asked.set(`${seat.index} ${replyId}`, message.record)
  }

  /** K29: who acknowledges a record has it, or a newer one, on disk. */
  replied(seat: DhtSeat, replyId: number, message: DhtReply): void {
    const key = `${seat.index} ${replyId}`
    const record = this.#asked.get(key)
    this.#asked.delete(key)
    if (record === undefined || message.type !== 'store_reply') return
    if (message.refusal !== undefined || !(seat.core instanceof DhtNode)) return
    const disk = this.#world.disks[seat.index]!
    const entry = disk.get(entryIdOf(record))
    const text = (): string => `it acknowledges ${entryIdOf(record)}, which is not on its disk`
    const holds = entry !== undefined && entry.record.sequence >= record.sequence
    demand(holds, 'K29', seat, text)
  }

  stepped(seat: DhtSeat): void {
    const { core } = seat
    if (!(core instanceof DhtNode)) return
    const before = this.#sequences[seat.index]!
    const now = new Map<string, number>()
    let kept = 0
    for (const { record, own } of core.records.entries()) {
      const id = entryIdOf(record)
      now.set(id, record.sequence)
      if (!own) kept++
      const last = before.get(id) ?? 0
      const text = (): string => `${id} went from ${last} to ${record.sequence}`
      demand(record.sequence >= last, 'K32', seat, text)
    }
    this.#sequences[seat.index] = now
    const { recordsMax } = this.#world.recordsSettings
    demand(kept <= recordsMax, 'K38', seat, () => `it keeps ${kept} records`)
  }

  #fresh(seat: DhtSeat, record: DhtRecord): void {
    const text = (): string =>
      `${entryIdOf(record)} is served, expired ${this.#world.wallMs - record.expiresAtMs} ms ago`
    demand(this.#world.wallMs < record.expiresAtMs, 'K31', seat, text)
  }

  #sound(seat: DhtSeat, record: DhtRecord): void {
    const problem = this.#world.authorityOf(seat.id).check(record)
    demand(problem === undefined, 'K34', seat, () => `${entryIdOf(record)} leaves it: ${problem}`)
  }
}

/** Under which an entry is kept: the key, with the publisher where each has its own. */
export function entryIdOf({ kind, key, publisher }: DhtRecord): string {
  return kind === 'provider' || kind === 'address' ? `${key.hex}/${publisher}` : key.hex
}

function isWrite(message: DhtRequest): message is Store | AddProvider {
  return message.type === 'store' || message.type === 'add_provider'
}

function recordsOf(message: DhtRequest | DhtReply): readonly DhtRecord[] {
  if ('records' in message) return message.records
  return 'record' in message && message.record !== undefined ? [message.record] : []
}
