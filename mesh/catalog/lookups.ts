/**
 * Lookups of keys: one at a time for each key, no oftener than once within `seekIntervalMs`, so many at once, and what
 * was found remembered for a moment. That nobody was found is remembered no longer than the interval.
 */
import type { CatalogSettings } from './settings.ts'

/** Somebody who was found under a key. */
export interface Found {
  /** Node key in hex. */
  readonly node: string
  readonly host: string
  readonly port: number
  /** What it is found for there, as bits. */
  readonly bits: number
}

interface Lookup {
  state: 'queued' | 'running' | 'done'
  startedMs: number
  endedMs: number
  nodes: readonly Found[]
}

/** Keys remembered. */
const KEYS_MAX = 8_192

const NOBODY: readonly Found[] = Object.freeze([])

/** See the head of this file. */
export class Lookups {
  readonly #settings: Pick<CatalogSettings, 'seekFreshMs' | 'seekIntervalMs' | 'lookupsParallel'>
  readonly #start: (key: string) => void
  readonly #byKey = new Map<string, Lookup>()
  readonly #queue = new Set<string>()
  #running = 0
  #begun = 0

  constructor(
    settings: Pick<CatalogSettings, 'seekFreshMs' | 'seekIntervalMs' | 'lookupsParallel'>,
    start: (key: string) => void,
  ) {
    this.#settings = settings
    this.#start = start
  }

  get size(): number {
    return this.#byKey.size
  }

  /** Lookups begun. */
  get begun(): number {
    return this.#begun
  }

  /** Who is under that key; undefined while it is being found out. */
  want(nowMs: number, key: string): readonly Found[] | undefined {
    const known = this.#byKey.get(key)
    if (known !== undefined && known.state !== 'done') return undefined
    if (known !== undefined && this.#isFresh(nowMs, known)) return known.nodes
    this.#byKey.delete(key)
    this.#byKey.set(key, { state: 'queued', startedMs: nowMs, endedMs: 0, nodes: NOBODY })
    this.#queue.add(key)
    this.#trim()
    this.#pump(nowMs)
    return undefined
  }

  /** Who was found; undefined when the lookup failed. */
  ended(nowMs: number, key: string, nodes: readonly Found[] | undefined): void {
    const lookup = this.#byKey.get(key)
    if (lookup?.state !== 'running') return
    this.#running -= 1
    lookup.state = 'done'
    lookup.endedMs = nowMs
    lookup.nodes = nodes ?? NOBODY
    this.#pump(nowMs)
  }

  #isFresh(nowMs: number, { startedMs, endedMs, nodes }: Lookup): boolean {
    const { seekFreshMs, seekIntervalMs } = this.#settings
    if (nowMs - startedMs < seekIntervalMs) return true
    return nodes.length > 0 && nowMs - endedMs < seekFreshMs
  }

  #pump(nowMs: number): void {
    for (const key of this.#queue) {
      if (this.#running >= this.#settings.lookupsParallel) return
      this.#queue.delete(key)
      const lookup = this.#byKey.get(key)!
      lookup.state = 'running'
      lookup.startedMs = nowMs
      this.#running += 1
      this.#begun += 1
      this.#start(key)
    }
  }

  #trim(): void {
    if (this.#byKey.size <= KEYS_MAX) return
    for (const [key, { state }] of this.#byKey) {
      if (state !== 'done') continue
      this.#byKey.delete(key)
      return
    }
  }
}
