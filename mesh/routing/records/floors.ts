/**
 * Sequences below which nothing is taken. A record with a higher sequence may end sooner than the one whose
 * place it took; once it is over, that one could be put again by anybody who kept it, and the newest word of
 * its publisher would be undone (K32). So the sequence is remembered until the older record is over, too. In
 * memory only, and so many at most: the one that was remembered first is forgotten.
 */
import { setNewest } from '../../machine/newest.ts'
import type { StoredEntry } from './machine.ts'
import type { DhtRecord } from './record.ts'

interface Floor {
  readonly sequence: number
  /** Wall time at which the older record is over. */
  readonly untilMs: number
}

/** See the head of this file. */
export class Floors {
  readonly #max: number
  readonly #floors = new Map<string, Floor>()
  #dropped = 0

  constructor(max: number) {
    this.#max = max
  }

  get size(): number {
    return this.#floors.size
  }

  /** Forgotten before their time. */
  get dropped(): number {
    return this.#dropped
  }

  /** True when a record that was newer has been in that place. */
  isBelow(entryId: string, { sequence }: DhtRecord, wallNowMs: number): boolean {
    const floor = this.#floors.get(entryId)
    if (floor === undefined) return false
    if (floor.untilMs > wallNowMs) return sequence < floor.sequence
    this.#floors.delete(entryId)
    return false
  }

  /** An entry is there now, in the place of `replaced` if there was one. */
  taken(entryId: string, entry: StoredEntry, replaced: DhtRecord | undefined): void {
    const { record, keepUntilMs } = entry
    const floor = this.#floors.get(entryId)
    const older = replaced !== undefined && replaced.sequence < record.sequence
    const untilMs = Math.max(floor?.untilMs ?? 0, older ? replaced.expiresAtMs : 0)
    if (untilMs <= keepUntilMs) {
      this.#floors.delete(entryId)
      return
    }
    const sequence = Math.max(floor?.sequence ?? 0, record.sequence)
    if (setNewest(this.#floors, entryId, { sequence, untilMs }, this.#max)) this.#dropped += 1
  }
}
