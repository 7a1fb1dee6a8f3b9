/**
 * What is kept for others is bounded in number, in bytes and per publisher; what a peer may offer is bounded
 * in time. What this node published itself counts nowhere (6.2 #12).
 */
import { PeerBudget } from '../../membership/swim/peer-budget.ts'
import type { RecordsSettings } from './settings.ts'
import { isForeign } from './shelf-item.ts'
import type { ShelfItem } from './shelf-item.ts'
import type { DhtRecord } from './record.ts'

/**
 * Memory of an entry beside its value and texts, as measured on Node 20: key, publisher, proof with a
 * membership, places in the indexes. Without it a flood of empty records would cost nothing.
 */
export const ENTRY_OVERHEAD_BYTES = 3_072

/** What it costs to keep a record. */
export function entryBytes(record: DhtRecord): number {
  const textBytes = 2 * (record.name.length + record.host.length)
  return ENTRY_OVERHEAD_BYTES + record.value.byteLength + textBytes
}

/** Sums of what is kept for others, and the windows of who offers. */
export class ShelfQuotas {
  readonly #settings: RecordsSettings
  readonly #publishers = new Map<string, number>()
  readonly #peers: PeerBudget
  #records = 0
  #bytes = 0

  constructor(settings: RecordsSettings) {
    this.#settings = settings
    this.#peers = new PeerBudget({
      max: settings.peerPutsMax,
      peersMax: settings.peerWindowsMax,
      windowMs: settings.peerWindowMs,
    })
  }

  get records(): number {
    return this.#records
  }

  get bytes(): number {
    return this.#bytes
  }

  get publishers(): number {
    return this.#publishers.size
  }

  peerHas(peer: string, nowMs: number): boolean {
    return this.#peers.has(peer, nowMs)
  }

  peerSpend(peer: string, nowMs: number): boolean {
    return this.#peers.spend(peer, nowMs)
  }

  publisherHas(publisher: string): boolean {
    return (this.#publishers.get(publisher) ?? 0) < this.#settings.publisherRecordsMax
  }

  add(item: ShelfItem): void {
    if (!isForeign(item)) return
    const publisher = item.entry.record.publisher
    this.#records += 1
    this.#bytes += item.bytes
    this.#publishers.set(publisher, (this.#publishers.get(publisher) ?? 0) + 1)
  }

  delete(item: ShelfItem): void {
    if (!isForeign(item)) return
    const publisher = item.entry.record.publisher
    this.#records -= 1
    this.#bytes -= item.bytes
    const left = (this.#publishers.get(publisher) ?? 0) - 1
    if (left > 0) this.#publishers.set(publisher, left)
    else this.#publishers.delete(publisher)
  }

  /** True when so much can be there beside what is. */
  fits(records: number, bytes: number): boolean {
    const { recordsMax, bytesMax } = this.#settings
    return this.#records + records <= recordsMax && this.#bytes + bytes <= bytesMax
  }
}
