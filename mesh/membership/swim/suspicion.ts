/**
 * Suspicion with Lifeguard's shortening: nobody else sees it, and the suspect has long to refute;
 * each independent accuser brings the end nearer, logarithmically. One entry per suspect, all ends in
 * one heap. A suspicion belongs to one incarnation: a newer one begins anew (S16).
 */
import { Deadlines } from '../../machine/deadlines.ts'
import { RareMap } from './rare-map.ts'
import type { SwimSettings } from './settings.ts'
import type { MemberId } from './statement.ts'

/** Bounds of one suspicion. */
export interface SuspicionBounds {
  readonly shortestMs: number
  readonly longestMs: number
  /** Confirmations after which it is shortest. */
  readonly confirmations: number
}

/** Bounds in a cluster of so many living members. */
export function suspicionBounds(settings: SwimSettings, members: number): SuspicionBounds {
  const { suspicionMultiplier, suspicionMaxMultiplier, probeIntervalMs } = settings
  const shortestMs =
    suspicionMultiplier * Math.max(1, Math.log10(Math.max(1, members))) * probeIntervalMs
  const wanted = Math.max(0, Math.ceil(suspicionMultiplier) - 2)
  return {
    shortestMs,
    longestMs: shortestMs * suspicionMaxMultiplier,
    // In a small cluster there are not that many others who could confirm.
    confirmations: members - 2 < wanted ? 0 : wanted,
  }
}

/** Whole length of a suspicion with so many confirmations. */
export function suspicionMs(bounds: SuspicionBounds, confirmed: number): number {
  const { shortestMs, longestMs, confirmations } = bounds
  if (confirmed >= confirmations) return shortestMs
  const share = Math.log(confirmed + 1) / Math.log(confirmations + 1)
  return Math.max(shortestMs, longestMs - (longestMs - shortestMs) * share)
}

interface Suspicion {
  readonly startMs: number
  readonly bounds: SuspicionBounds
  readonly subject: MemberId
  /** The first accuser and all that confirmed; bounded by `confirmations` + 1. */
  readonly accusers: MemberId[]
}

/** All suspicions that run. */
export class Suspicions {
  readonly #bySlot = new RareMap<number, Suspicion>()
  readonly #ends = new Deadlines()

  get size(): number {
    return this.#bySlot.size
  }

  /** The next end; Infinity when nobody is suspected. */
  earliest(): number {
    return this.#ends.earliest()
  }

  /** A slot whose time is over, or -1. */
  due(nowMs: number): number {
    return this.#ends.earliest() <= nowMs ? this.#ends.first() : -1
  }

  deadlineOf(slot: number): number | undefined {
    return this.#ends.get(slot)
  }

  begin(
    slot: number,
    suspicion: { startMs: number; bounds: SuspicionBounds; subject: MemberId; accuser: MemberId },
  ): void {
    const { startMs, bounds, subject, accuser } = suspicion
    this.#bySlot.set(slot, { startMs, bounds, subject, accusers: [accuser] })
    this.#ends.set(slot, startMs + suspicionMs(bounds, 0))
  }

  /** True when `accuser` is new and the suspicion got shorter by it: news worth passing on. */
  confirm(slot: number, accuser: MemberId): boolean {
    const suspicion = this.#bySlot.get(slot)
    if (suspicion === undefined) return false
    const { bounds, accusers, subject, startMs } = suspicion
    if (accuser === subject || accusers.length > bounds.confirmations) return false
    if (accusers.includes(accuser)) return false
    const beforeMs = suspicionMs(bounds, accusers.length - 1)
    accusers.push(accuser)
    const afterMs = suspicionMs(bounds, accusers.length - 1)
    // Relative to the end as it is: a pause of this node may have moved it.
    const endMs = this.#ends.get(slot) ?? startMs + beforeMs
    this.#ends.set(slot, endMs - (beforeMs - afterMs))
    return true
  }

  end(slot: number): void {
    if (this.#bySlot.delete(slot)) this.#ends.delete(slot)
  }

  /** This node slept for `lateMs`: nobody could refute meanwhile, and fresh probes come first (S39). */
  postpone(lateMs: number, nowMs: number): void {
    for (const [slot, endMs] of this.#ends.entries()) {
      const { bounds } = this.#bySlot.get(slot) ?? { bounds: { shortestMs: 0 } }
      this.#ends.set(slot, Math.max(endMs + lateMs, nowMs + bounds.shortestMs))
    }
  }

  /** Slots of all suspects, in the order in which they became that. */
  slots(): number[] {
    return [...this.#bySlot.keys()]
  }

  state(): SuspicionsState {
    return {
      suspicions: Array.from(this.#bySlot, ([slot, suspicion]) => ({
        slot,
        ...suspicion,
        accusers: [...suspicion.accusers],
      })),
      ends: this.#ends.entries(),
    }
  }

  restore(state: SuspicionsState): void {
    this.#bySlot.clear()
    this.#ends.clear()
    for (const { slot, startMs, bounds, subject, accusers } of state.suspicions) {
      this.#bySlot.set(slot, { startMs, bounds, subject, accusers: [...accusers] })
    }
    for (const [slot, endMs] of state.ends) this.#ends.set(slot, endMs)
  }
}

/** {@link Suspicions} as plain data. */
export interface SuspicionsState {
  readonly suspicions: readonly (Suspicion & { readonly slot: number })[]
  readonly ends: readonly (readonly [number, number])[]
}
