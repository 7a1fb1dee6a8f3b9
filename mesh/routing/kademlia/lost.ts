/**
 * Entries that failed and had to give way. After a partition nobody here knows anybody over there any more, so
 * a few of them, and of the seeds, are asked again from time to time; one answer brings both sides together
 * (K42). Twice per refresh interval, so that it has happened when that is over.
 */
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
    this.#contacts.delete(id)
    if (this.#settings.lostMax <= 0) return
    if (this.#contacts.size >= this.#settings.lostMax) {
      for (const first of this.#contacts.keys()) {
        this.#contacts.delete(first)
        break
      }
    }
    this.#contacts.set(id, contact)
  }

  forget(id: string): void {
    this.#contacts.delete(id)
  }

  /** Whom to ask now, a seed among them; empty when it is not time or nobody is lost. */
  due(nowMs: number, seeds: readonly SeedContact[]): SeedContact[] {
    if (nowMs < this.#askAtMs) return []
    this.#askAtMs = this.#laterMs(nowMs)
    const asked = [...this.#contacts].slice(0, ASKED_AT_ONCE)
    for (const [id, contact] of asked) this.add(id, contact)
    const seed = seeds[this.#random.below(seeds.length)]
    const contacts = asked.map(([, contact]) => contact)
    return seed === undefined ? contacts : [...contacts, seed]
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
