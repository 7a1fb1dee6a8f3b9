/**
 * Holders put what they hold to the present k nearest, whoever published it. One of them does it for all:
 * whoever sees a put of a record leaves it alone for an interval, and the intervals differ by chance. A node
 * that is among the k nearest takes part for as long as it is; one that is not any more gives what it has to
 * those who are, once: after a partition it may be the only one that has it, and nobody asks it.
 *
 * Puts by somebody who leaves out those that need them must not keep all holders quiet for ever, so each of
 * them takes a record that it saw put for due once in 2k intervals: among k of them one does every other
 * interval. A job that ends before everything was put goes on next time with what waited longest.
 */
import type { KadKey } from '../kademlia/id.ts'
import { keyFromHex } from '../kademlia/id.ts'
import type { RecordsContext } from './context.ts'
import type { Holding, Keeper } from './holding.ts'
import type { StoredEntry } from './machine.ts'
import { Repeat } from './repeat.ts'
import { Schedule } from './schedule.ts'
import { entryIdOf } from './shelf.ts'
import type { Job, JobSource } from './upkeep.ts'

/** Keys looked at before the step goes on. */
const EXAMINED_MAX = 64

/** Digits of the key at the front of the name of an entry. */
const KEY_DIGITS = 64

/** See the head of this file. Times are kept per key: one lookup serves all providers of it. */
export class Replicate implements JobSource, Keeper {
  readonly #context: RecordsContext
  readonly #holding: Holding
  readonly #schedule = new Schedule()
  /** Keys that others are the holders of, and that all of them were given since this node heard of a put. */
  readonly #handedOver = new Set<string>()

  constructor(context: RecordsContext, holding: Holding) {
    this.#context = context
    this.#holding = holding
  }

  nextDeadline(): number {
    return this.#schedule.earliest()
  }

  kept(entryId: string): void {
    const keyHex = entryId.slice(0, KEY_DIGITS)
    this.#handedOver.delete(keyHex)
    if (this.#schedule.has(keyHex) || !this.#context.settings.replicate) return
    if (this.#context.shelf.entry(entryId)?.cached === false) this.#later(keyHex)
  }

  /** Came back from the disk; what should have been done meanwhile is done bit by bit. */
  restored(entry: StoredEntry): void {
    const { nowMs, wallNowMs, settings, streams } = this.#context
    const keyHex = entry.record.key.hex
    if (entry.cached || !settings.replicate || this.#schedule.has(keyHex)) return
    const waitMs = settings.replicateIntervalMs - (wallNowMs - entry.storedAtMs)
    const spreadMs = 2 * settings.jitter * settings.replicateIntervalMs
    const chanceMs = spreadMs * streams.replicate.fraction()
    this.#schedule.set(keyHex, nowMs + Math.max(0, waitMs - spreadMs / 2) + chanceMs)
  }

  next(): Job | undefined {
    const { nowMs, wallNowMs } = this.#context
    for (let i = 0; i < EXAMINED_MAX; i++) {
      const keyHex = this.#schedule.takeDue(nowMs)
      if (keyHex === undefined) return undefined
      const key = keyFromHex(keyHex)
      const held = this.#held(key)
      const oldestMs = held.reduce((ms, entry) => Math.min(ms, entry.storedAtMs), Infinity)
      if (held.length === 0) {
        this.#handedOver.delete(keyHex)
        continue
      }
      const ageMs = wallNowMs - oldestMs
      const anyway = this.#distrusts()
      if (ageMs < this.#youngMs() && !anyway) this.#skip(keyHex, ageMs)
      else if (this.#isNear(key) || !this.#handedOver.has(keyHex)) return this.#job(key, anyway)
      else this.#skip(keyHex, 0)
    }
    return undefined
  }

  /** What is held under a key and alive. Cached copies are nobody's to repeat. */
  #held(key: KadKey): StoredEntry[] {
    const { shelf, wallNowMs, streams } = this.#context
    const draw = (limit: number): number => streams.replicate.below(limit)
    const held: StoredEntry[] = []
    const value = shelf.get(key, wallNowMs)
    if (value !== undefined && !value.cached) held.push(value)
    for (const record of shelf.providers(key, wallNowMs, Infinity, draw)) {
      const entry = shelf.entry(entryIdOf(record))
      if (entry !== undefined) held.push(entry)
    }
    return held
  }

  /** True once in so many times: then it does not matter who else seems to have put something. */
  #distrusts(): boolean {
    const { streams, settings } = this.#context
    return streams.replicate.below(2 * settings.k) === 0
  }

  /** Younger puts than this are left alone. */
  #youngMs(): number {
    const { replicateIntervalMs, jitter } = this.#context.settings
    return replicateIntervalMs * (1 - jitter)
  }

  #isNear(key: KadKey): boolean {
    const { routing, settings } = this.#context
    return this.#context.isHolder(key, routing.closest(key, settings.k))
  }

  #job(key: KadKey, anyway: boolean): Job {
    const { shelf, counters } = this.#context
    let isHolder = true
    let left = Infinity
    return new Repeat(this.#context, {
      key,
      records: (selfHolds) => {
        isHolder = selfHolds
        if (!selfHolds && this.#handedOver.has(key.hex)) {
          counters.replicationsSkipped += 1
          return []
        }
        const { wallNowMs } = this.#context
        const due = this.#held(key)
          .filter((entry) => anyway || wallNowMs - entry.storedAtMs >= this.#youngMs())
          .sort((a, b) => a.storedAtMs - b.storedAtMs)
          .map(({ record }) => record)
        left = due.length
        return due
      },
      onSpread: (record, { holders, whole, newer }) => {
        if (holders > 0) {
          if (whole) left -= 1
          counters.replicated += 1
          shelf.touch(entryIdOf(record), this.#context.wallNowMs)
        }
        if (newer !== undefined) this.#holding.keep(newer, { from: undefined })
      },
      onEnd: () => {
        if (isHolder) this.#handedOver.delete(key.hex)
        else if (left === 0) this.#handedOver.add(key.hex)
        this.#later(key.hex)
      },
    })
  }

  #skip(keyHex: string, ageMs: number): void {
    this.#context.counters.replicationsSkipped += 1
    this.#later(keyHex, ageMs)
  }

  #later(keyHex: string, ageMs: number = 0): void {
    const { nowMs, settings, streams } = this.#context
    const intervalMs = this.#context.jittered(settings.replicateIntervalMs, streams.replicate)
    this.#schedule.set(keyHex, nowMs + Math.max(1, intervalMs - ageMs))
  }
}
