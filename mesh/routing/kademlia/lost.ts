/**
 * Entries that failed and had to give way. After a partition nobody here knows anybody over there any more, so
 * a few of them, and of the seeds, are asked again from time to time; one answer brings both sides together
 * (K42). Twice per refresh interval, so that it has happened when that is over.
 *
 * In a network that is whole such an answer names nobody new, and then nothing follows from it. Only when
 * somebody whom it named, and for whom there is room in the table, has answered as well, there is another side.
 */
import { setNewest } from '../../machine/newest.ts'
import type { RandomStream } from '../../machine/random-stream.ts'
import type { SeedContact } from './machine.ts'
import type { RoutingSettings } from './settings.ts'

/** Asked at once. */
const ASKED_AT_ONCE = 3

/** The memory of one node. */
export class Lost {
  readonly #settings: RoutingSettings
  readonly #random: RandomStream
  /** Whoever was lost or asked longest ago first. */
  readonly #contacts = new Map<string, SeedContact>()
  /** Named by whoever was asked last, and not known here. */
  readonly #strangers = new Set<string>()
  #askAtMs: number

  constructor(settings: RoutingSettings, random: RandomStream, nowMs: number) {
    this.#settings = settings
    this.#random = random
    this.#askAtMs = this.#laterMs(nowMs)
  }

  get size(): number {
    return this.#contacts.size
  }

  add(id: string, contact: SeedContact): void {
    setNewest(this.#contacts, id, contact, this.#settings.lostMax)
  }

  forget(id: string): void {
    this.#contacts.delete(id)
  }

  /** Whom to ask now, a seed among them; empty when it is not time or nobody is lost. */
  due(nowMs: number, seeds: readonly SeedContact[]): SeedContact[] {
    if (nowMs < this.#askAtMs) return []
    this.#askAtMs = this.#laterMs(nowMs)
    this.#strangers.clear()
    const asked = [...this.#contacts].slice(0, ASKED_AT_ONCE)
    for (const [id, contact] of asked) this.add(id, contact)
    const seed = seeds[this.#random.below(seeds.length)]
    const contacts = asked.map(([, contact]) => contact)
    return seed === undefined ? contacts : [...contacts, seed]
  }

  /** Somebody who was asked has named a node that is not known here, but should be. */
  named(id: string): void {
    this.#strangers.add(id)
  }

  /** That node stands in the table now; true if it is the first proof of another side. */
  isFound(id: string): boolean {
    if (!this.#strangers.has(id)) return false
    this.#strangers.clear()
    return true
  }

  nextDeadline(): number {
    return this.#askAtMs
  }

  #laterMs(nowMs: number): number {
    const { refreshIntervalMs, refreshJitter } = this.#settings
    const share = 1 + refreshJitter * (2 * this.#random.fraction() - 1)
    return nowMs + Math.max(1, Math.round((refreshIntervalMs / 2) * share))
  }
}
