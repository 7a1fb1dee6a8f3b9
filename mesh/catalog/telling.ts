/**
 * What this node tells about one kind: its own filters, cut if there are too many, and at a gateway those of the peers
 * at its edge. All changes since the last step become one step with a version, made once for all peers: what was set
 * and deleted in between costs nothing. A peer that holds an earlier version is told what has changed since, if that
 * is remembered, or everything.
 *
 * The first version is 1, with nothing in it; 0 means that somebody holds nothing.
 */
import type { CatalogDetail, CatalogKind } from './catalog.ts'
import { cutStep } from './cut-step.ts'
import type { Told } from './cut-step.ts'
import { NO_DETAIL } from './detail.ts'
import { sameDetail } from './message.ts'
import type { Owner, StepMessage } from './message.ts'
import { Projection } from './projection.ts'
import type { CatalogSettings } from './settings.ts'

/** Settings that it reads. */
export type TellingSettings = Pick<
  CatalogSettings,
  'entriesPerPeerMax' | 'entriesPerNodeMax' | 'frameBytesMax' | 'historyMax' | 'historyMs'
>

/** What became of a filter of a peer at the edge. */
export type RelayOutcome = 'added' | 'changed' | 'full'

/** Filters of a peer at the edge. */
interface Relayed {
  life: number
  stamp: number
  readonly entries: Map<string, CatalogDetail>
}

/** When a version was made. */
interface Made {
  readonly version: number
  readonly atMs: number
}

/** See the head of this file. */
export class Telling {
  readonly kind: CatalogKind
  readonly #life: number
  readonly #settings: TellingSettings
  readonly #own: Projection
  readonly #relayed = new Map<string, Relayed>()
  #relayedSize = 0
  readonly #dirty = new Set<string>()
  readonly #told = new Map<string, Told>()
  /** What changed in which version, oldest first; a later change takes the place of an earlier one. */
  readonly #changed = new Map<string, number>()
  readonly #made: Made[] = []
  /** Changes up to this version are not remembered. */
  #floor: number
  #version: number
  #full: readonly StepMessage[] | undefined

  constructor(kind: CatalogKind, life: number, settings: TellingSettings, version = 1) {
    this.kind = kind
    this.#life = life
    this.#settings = settings
    this.#own = new Projection(settings.entriesPerPeerMax, (form) => void this.#dirty.add(form))
    this.#version = version
    this.#floor = version
  }

  get version(): number {
    return this.#version
  }

  /** True when a step would be made, perhaps with nothing in it. */
  get isDirty(): boolean {
    return this.#dirty.size > 0
  }

  get isWidened(): boolean {
    return this.#own.isWidened
  }

  /** Filters of this node as they were set. */
  own(): ReadonlyMap<string, CatalogDetail> {
    return this.#own.own()
  }

  /** Sizes, for tests and metrics. */
  sizes(): { own: number; relayed: number; told: number; remembered: number } {
    const { size: told } = this.#told
    return { own: this.#own.size, relayed: this.#relayedSize, told, remembered: this.#changed.size }
  }

  set(pattern: string, detail: CatalogDetail): void {
    const before = this.#own.own().get(pattern)
    if (before === undefined || !sameDetail(before, detail)) this.#own.set(pattern, detail)
  }

  delete(pattern: string): boolean {
    return this.#own.delete(pattern)
  }

  /** A filter of a peer at the edge; `full` when there are too many of them. */
  setRelayed(
    owner: string,
    life: number,
    stamp: number,
    pattern: string,
    detail: CatalogDetail,
  ): RelayOutcome {
    let relayed = this.#relayed.get(owner)
    if (relayed === undefined)
      this.#relayed.set(owner, (relayed = { life, stamp, entries: new Map() }))
    const isNew = !relayed.entries.has(pattern)
    if (isNew && this.#relayedSize >= this.#settings.entriesPerNodeMax) {
      if (relayed.entries.size === 0) this.#relayed.delete(owner)
      return 'full'
    }
    if (isNew) this.#relayedSize += 1
    relayed.life = life
    relayed.stamp = stamp
    relayed.entries.set(pattern, detail)
    this.#dirty.add(idOf(owner, pattern))
    return isNew ? 'added' : 'changed'
  }

  /** False when it was not told. */
  deleteRelayed(owner: string, pattern: string): boolean {
    const relayed = this.#relayed.get(owner)
    if (relayed === undefined || !relayed.entries.delete(pattern)) return false
    this.#relayedSize -= 1
    this.#dirty.add(idOf(owner, pattern))
    if (relayed.entries.size === 0) this.#relayed.delete(owner)
    return true
  }

  /** That peer came back here: tells all of it again, so that others know who is its gateway now. */
  renewRelayed(owner: string, life: number, stamp: number): void {
    const relayed = this.#relayed.get(owner)
    if (relayed === undefined) return
    relayed.life = life
    relayed.stamp = stamp
    for (const pattern of relayed.entries.keys()) this.#dirty.add(idOf(owner, pattern))
  }

  /** Makes a step of what has changed; undefined when nothing has. */
  step(nowMs: number): readonly StepMessage[] | undefined {
    this.#own.settle()
    if (this.#dirty.size === 0) return undefined
    const changed: string[] = []
    for (const id of this.#dirty) if (this.#update(id)) changed.push(id)
    this.#dirty.clear()
    if (changed.length === 0) return undefined
    const from = this.#version
    this.#version += 1
    this.#full = undefined
    for (const id of changed) {
      this.#changed.delete(id)
      this.#changed.set(id, this.#version)
    }
    this.#made.push({ version: this.#version, atMs: nowMs })
    this.forget(nowMs)
    return this.#messages(from, changed)
  }

  /** One version more with nothing new in it: what is told from now on is newer than what others were told. */
  bump(nowMs: number): void {
    this.#version += 1
    this.#full = undefined
    this.#made.push({ version: this.#version, atMs: nowMs })
  }

  /** Everything, as of the present version. */
  full(): readonly StepMessage[] {
    return (this.#full ??= this.#messages(0, this.#told.keys()))
  }

  /** What has changed since that version, or that nothing has; undefined when it is not remembered. */
  since(version: number): readonly StepMessage[] | undefined {
    if (version > this.#version || version < this.#floor) return undefined
    const changed: string[] = []
    if (version < this.#version) {
      for (const [id, at] of this.#changed) if (at > version) changed.push(id)
    }
    return this.#messages(version, changed)
  }

  /** When {@link forget} has something to do. */
  get nextForgetMs(): number {
    const oldest = this.#made[0]
    return oldest === undefined ? Infinity : oldest.atMs + this.#settings.historyMs
  }

  /** Old changes are not remembered any more. */
  forget(nowMs: number): void {
    const { historyMs, historyMax } = this.#settings
    let expired = 0
    while (expired < this.#made.length && this.#made[expired]!.atMs + historyMs <= nowMs)
      expired += 1
    if (expired > 0) {
      this.#floor = Math.max(this.#floor, this.#made[expired - 1]!.version)
      this.#made.splice(0, expired)
    }
    for (const [id, version] of this.#changed) {
      if (version > this.#floor && this.#changed.size <= historyMax) break
      this.#changed.delete(id)
      this.#floor = Math.max(this.#floor, version)
    }
    // A version is remembered as a whole or not at all.
    for (const [id, version] of this.#changed) {
      if (version > this.#floor) break
      this.#changed.delete(id)
    }
  }

  /** Takes over how an entry is now; false when that is how it was told. */
  #update(id: string): boolean {
    const before = this.#told.get(id)
    const now = this.#present(id)
    if (now === undefined) return this.#told.delete(id)
    if (before !== undefined && before.owner.life === now.owner.life) {
      if (before.owner.stamp === now.owner.stamp && sameDetail(before.detail, now.detail))
        return false
    }
    this.#told.set(id, now)
    return true
  }

  #present(id: string): Told | undefined {
    const space = id.indexOf(' ')
    if (space === -1) {
      const detail = this.#own.get(id)
      return detail === undefined ? undefined : { owner: ITSELF, pattern: id, detail }
    }
    const owner = id.slice(0, space)
    const pattern = id.slice(space + 1)
    const relayed = this.#relayed.get(owner)
    const detail = relayed?.entries.get(pattern)
    if (relayed === undefined || detail === undefined) return undefined
    const { life, stamp } = relayed
    return { owner: { owner, life, stamp }, pattern, detail }
  }

  #messages(from: number, ids: Iterable<string>): readonly StepMessage[] {
    const there: Told[] = []
    const gone: Told[] = []
    for (const id of ids) {
      const told = this.#told.get(id)
      if (told === undefined) gone.push(goneOf(id))
      else there.push(told)
    }
    const { kind, version: to } = this
    const head = { kind, life: this.#life, from, to }
    return cutStep(head, there, gone, this.#settings.frameBytesMax)
  }
}

const ITSELF: Owner = Object.freeze({ owner: undefined, life: 0, stamp: 0 })

/** No filter has a space. */
function idOf(owner: string, pattern: string): string {
  return `${owner} ${pattern}`
}

function goneOf(id: string): Told {
  const space = id.indexOf(' ')
  if (space === -1) return { owner: ITSELF, pattern: id, detail: NO_DETAIL }
  const owner: Owner = { owner: id.slice(0, space), life: 0, stamp: 0 }
  return { owner, pattern: id.slice(space + 1), detail: NO_DETAIL }
}
