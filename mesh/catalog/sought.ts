/**
 * Names that are looked for, while they are used: how fresh what is known about each is, and when it is asked again.
 * Bounded; the name that was unused for longest makes room.
 */
import type { CatalogKind } from './catalog.ts'
import { placeKey, placesFor } from './place.ts'
import type { Place } from './place.ts'
import type { CatalogSettings } from './settings.ts'

/** One name. */
export interface Sought {
  readonly kind: CatalogKind
  readonly name: string
  readonly places: readonly Place[]
  /** Keys of those who may have something for it. */
  readonly keys: readonly string[]
  usedMs: number
  /** Until then nobody is to be asked. */
  freshUntilMs: number
  refreshAtMs: number
  /** It counts as used until it is not followed any more. */
  isFollowed?: boolean
  /** Its time was over before anybody answered, or there may be more than the answer says. */
  isUnanswered?: boolean
}

/** See the head of this file. */
export class SoughtNames {
  readonly #settings: Pick<CatalogSettings, 'soughtMax' | 'seekLeaseMs' | 'refreshMs'>
  readonly #chance: () => number
  readonly #released: (sought: Sought, isForced: boolean) => void
  /** Least recently used first, about: see {@link touch}. */
  readonly #byId = new Map<string, Sought>()

  /** `released` is called for names that are looked for no more; forced when they had to make room. */
  constructor(
    settings: Pick<CatalogSettings, 'soughtMax' | 'seekLeaseMs' | 'refreshMs'>,
    chance: () => number,
    released: (sought: Sought, isForced: boolean) => void,
  ) {
    this.#settings = settings
    this.#chance = chance
    this.#released = released
  }

  get size(): number {
    return this.#byId.size
  }

  get(kind: CatalogKind, name: string): Sought | undefined {
    return this.#byId.get(idOf(kind, name))
  }

  /** The name is looked for; gives whether it was not before. */
  open(nowMs: number, kind: CatalogKind, name: string): { sought: Sought; isNew: boolean } {
    const id = idOf(kind, name)
    const known = this.#byId.get(id)
    if (known !== undefined) {
      // The oldest stand first.
      this.#byId.delete(id)
      this.#byId.set(id, known)
      known.usedMs = nowMs
      return { sought: known, isNew: false }
    }
    if (this.#byId.size >= this.#settings.soughtMax) this.#makeRoom()
    const places = placesFor(name)
    const keys = places.map(({ prefix }) => placeKey(kind, 'offer', prefix))
    const sought: Sought = {
      ...{ kind, name, places, keys, usedMs: nowMs, freshUntilMs: -Infinity },
      refreshAtMs: this.nextRefreshMs(nowMs),
    }
    this.#byId.set(id, sought)
    return { sought, isNew: true }
  }

  /** With jitter, so that nodes that began together do not stay together. */
  nextRefreshMs(nowMs: number): number {
    return nowMs + this.#settings.refreshMs * (0.75 + 0.5 * this.#chance())
  }

  /** Names with that key are looked up again at `dueMs` at the latest. */
  hasten(key: string, dueMs: number): void {
    for (const sought of this.#byId.values()) {
      if (sought.refreshAtMs > dueMs && sought.keys.includes(key)) sought.refreshAtMs = dueMs
    }
  }

  /** Those whose keys are to be looked up again; names that nobody uses are released. */
  due(nowMs: number): readonly Sought[] {
    const due: Sought[] = []
    for (const [id, sought] of this.#byId) {
      if (sought.isFollowed !== true && nowMs - sought.usedMs >= this.#settings.seekLeaseMs) {
        this.#byId.delete(id)
        this.#released(sought, false)
      } else if (sought.refreshAtMs <= nowMs) due.push(sought)
    }
    return due
  }

  values(): IterableIterator<Sought> {
    return this.#byId.values()
  }

  #makeRoom(): void {
    for (const [id, sought] of this.#byId) {
      if (sought.isFollowed === true) continue
      this.#byId.delete(id)
      return this.#released(sought, true)
    }
    // What is followed is bounded by whoever follows.
  }
}

function idOf(kind: CatalogKind, name: string): string {
  return `${kind} ${name}`
}
