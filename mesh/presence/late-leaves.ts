/**
 * A watch that tells of leaves late, so that who is back soon was never gone: a node that restarts, or a user whose session moves
 * from one node to another in a rolling restart. Whoever looks at keys sees an update instead of a leave and a join. Phoenix
 * applications wait like that in front of Phoenix.Presence; what is known of nodes is not touched by it.
 *
 *     leave ann ........ join ann      leave ann .......... delayMs
 *     (held)             update        (held)               leave
 *
 * Invariants:
 * - Every leave is told once, alone `delayMs` after it came, or as part of the update that it became.
 * - An entry that comes back as it was is not spoken of.
 * - At most `heldMax` leaves wait; beyond that the oldest is told at once.
 */
import type { Clock, ClockTimer } from '../../runtime/index.ts'
import { DiffBuilder, partsOf } from './diff.ts'
import type { Diff } from './diff.ts'
import type { Listener } from './local-watch.ts'
import type { PresenceEntry, PresenceEvent } from './presence.ts'

/** How late, and how many. */
export interface LateLeavesOptions {
  readonly delayMs: number
  readonly heldMax: number
  /** A leave was told at once because too many wait. */
  readonly exceeded: () => void
}

/** The machine: differences as they come, and as they are told. */
export class LateLeaves {
  readonly #options: LateLeavesOptions
  readonly #told: DiffBuilder
  /** Until when each leave waits, by `ref`; the oldest first. */
  readonly #held = new Map<string, { readonly entry: PresenceEntry; readonly dueMs: number }>()
  /** Those of a key; the oldest first. */
  readonly #byKey = new Map<string, Set<PresenceEntry>>()

  constructor(topic: string, options: LateLeavesOptions) {
    this.#options = options
    this.#told = new DiffBuilder(topic)
  }

  /** When `due` has something to tell. */
  get nextDueMs(): number {
    for (const { dueMs } of this.#held.values()) return dueMs
    return Infinity
  }

  /** What is told of a difference now. */
  take(diff: Diff, nowMs: number): Diff | undefined {
    const { updates, leaves, joins } = partsOf(diff)
    for (const [before, entry] of updates) this.#told.replace(before, entry)
    for (const entry of leaves) this.#hold(entry, nowMs)
    for (const entry of joins) this.#join(entry)
    while (this.#held.size > this.#options.heldMax) {
      this.#told.leave(this.#release(this.#oldest))
      this.#options.exceeded()
    }
    return this.#tell()
  }

  /** What is told because nobody came back. */
  due(nowMs: number): Diff | undefined {
    while (this.nextDueMs <= nowMs) this.#told.leave(this.#release(this.#oldest))
    return this.#tell()
  }

  #hold(entry: PresenceEntry, nowMs: number): void {
    this.#held.set(entry.ref, { entry, dueMs: nowMs + this.#options.delayMs })
    const ofKey = this.#byKey.get(entry.key)
    if (ofKey === undefined) this.#byKey.set(entry.key, new Set([entry]))
    else ofKey.add(entry)
  }

  #join(entry: PresenceEntry): void {
    const same = this.#held.get(entry.ref)?.entry
    if (same !== undefined) return void this.#release(same)
    for (const before of this.#byKey.get(entry.key) ?? []) {
      this.#release(before)
      return this.#told.replace(before, { ...entry, previousRef: before.ref })
    }
    this.#told.join(entry)
  }

  get #oldest(): PresenceEntry {
    return this.#held.values().next().value!.entry
  }

  #release(entry: PresenceEntry): PresenceEntry {
    this.#held.delete(entry.ref)
    const ofKey = this.#byKey.get(entry.key)!
    ofKey.delete(entry)
    if (ofKey.size === 0) this.#byKey.delete(entry.key)
    return entry
  }

  #tell(): Diff | undefined {
    return this.#told.isEmpty ? undefined : this.#told.take()
  }
}

/** Drives the machine in front of whoever listens. */
export class LateListener implements Listener {
  readonly #listener: Listener
  readonly #leaves: LateLeaves
  readonly #clock: Clock
  #timer: ClockTimer | undefined

  constructor(listener: Listener, leaves: LateLeaves, clock: Clock) {
    this.#listener = listener
    this.#leaves = leaves
    this.#clock = clock
  }

  take(event: PresenceEvent): void {
    if (event.type === 'snapshot') return this.#listener.take(event)
    this.#say(this.#leaves.take(event, this.#clock.now()))
  }

  end(): void {
    this.#timer?.cancel()
    this.#listener.end()
  }

  #say(diff: Diff | undefined): void {
    this.#timer?.cancel()
    const { nextDueMs } = this.#leaves
    if (nextDueMs < Infinity) {
      const due = (): void => this.#say(this.#leaves.due(this.#clock.now()))
      this.#timer = this.#clock.setTimer(nextDueMs - this.#clock.now(), due)
    }
    // Last: it may close the watch.
    if (diff !== undefined) this.#listener.take(diff)
  }
}
