/**
 * Publishes `at_least_once` that wait until it is known who wants them, on disk: a peer at the edge may be without a gateway
 * for long, and be switched off meanwhile. The next life asks for them anew, in their order; subscribers of its own node
 * have had them. What is given to the outbox is kept there, and forgotten here after that, so that nothing is lost between
 * the two; a death at that moment repeats it.
 */
import type { Clock } from '../../runtime/index.ts'
import type { Letter } from './letter.ts'
import type { OutboxStore, StoredLetter } from './outbox-store.ts'
import { Outgoing } from './outgoing.ts'

/** What it works with. */
export interface WaitingStoreParts {
  readonly store: OutboxStore
  readonly self: string
  readonly incarnation: number
  readonly clock: Clock
  /** The time of one of the life before is over. */
  readonly lost: (letter: Letter) => void
}

/** See the head of this file. */
export class WaitingStore {
  readonly #parts: WaitingStoreParts
  readonly #places = new WeakMap<Outgoing, Pick<StoredLetter, 'node' | 'session' | 'number'>>()
  #left: readonly StoredLetter[]

  constructor(parts: WaitingStoreParts) {
    this.#parts = parts
    this.#left = parts.store.load()
  }

  /** One waits; what the life before has left is here already. */
  keep(outgoing: Outgoing, expiresMs: number): void {
    if (this.#places.has(outgoing)) return
    const { store, self, incarnation, clock } = this.#parts
    const { letter, exclude } = outgoing
    const place = { node: self, session: incarnation, number: letter.sequence }
    this.#places.set(outgoing, place)
    const expiresWallMs = Math.round(clock.wallNow() + expiresMs - clock.now())
    store.keep({
      ...{ ...place, letter, groups: undefined, via: undefined, expiresWallMs },
      exclude: exclude === undefined ? undefined : Array.from(exclude),
    })
  }

  /** It waits no more. */
  forget(outgoing: Outgoing): void {
    const place = this.#places.get(outgoing)
    if (place === undefined) return
    this.#places.delete(outgoing)
    this.#parts.store.forget(place)
  }

  /** What the life before has left, the first time. */
  take(): readonly Outgoing[] {
    const { store, clock, lost } = this.#parts
    const taken: Outgoing[] = []
    for (const stored of this.#left) {
      const { letter, exclude, expiresWallMs } = stored
      const ttlMs = expiresWallMs - clock.wallNow()
      if (ttlMs <= 0) {
        store.forget(stored)
        lost(letter)
        continue
      }
      const outgoing = new Outgoing({
        ...{ letter, delivery: 'at_least_once', localFirst: false, ttlMs },
        exclude: exclude === undefined ? undefined : new Set(exclude),
      })
      this.#places.set(outgoing, stored)
      taken.push(outgoing)
    }
    this.#left = []
    return taken
  }
}
