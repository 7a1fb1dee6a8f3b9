/** Places of the rendezvous as keys of the DHT: provider records whose metadata says what for, as bits. */
import type { Refusals } from '../refusals.ts'
import type { Dht, DhtLookup } from '../routing/dht.ts'
import type { Found } from './lookups.ts'
import { PLACE_BELOW, PLACE_EXACT } from './place.ts'
import type { CatalogSettings } from './settings.ts'

/** What it works with. */
export interface DhtPlacesParts {
  readonly dht: Pick<Dht, 'joined' | 'provide' | 'withdraw' | 'providers' | 'lookup'>
  readonly settings: Pick<CatalogSettings, 'seekTimeoutMs' | 'provisionTtlMs'>
  readonly refusals: Refusals
  /** Keys that are published; kept here. */
  readonly published: Set<string>
  /** The DHT threw what it must not throw. */
  readonly failed: (error: unknown) => void
}

/** First byte of the metadata. */
const FORMAT = 1

/** A lookup in the background may take longer than who waits for it. */
const LOOKUP_TIMES = 2

/** Fewer nodes that cannot be reached say nothing: some are always gone. */
const NARROW_LEAST = 3

/** Time for a put. */
const PUT_TIMEOUT_MS = 10_000

/** Time until a node publishes though it has not found its place in the DHT. */
const JOIN_TIMEOUT_MS = 10_000

/** See the head of this file. */
export class DhtPlaces {
  readonly #parts: DhtPlacesParts
  /** Of what is under way, each its own: one for all had as many listeners as there are lookups at once. */
  readonly #running = new Set<AbortController>()
  #isClosed = false

  constructor(parts: DhtPlacesParts) {
    this.#parts = parts
  }

  /** Calls `tell` when the DHT has found its place, or has not for a long time. */
  whenJoined(tell: () => void): void {
    const { dht } = this.#parts
    this.#run((signal) => dht.joined({ timeoutMs: JOIN_TIMEOUT_MS, signal }), tell, tell)
  }

  /** Who is under that key; undefined when that failed. */
  lookup(key: string, tell: (nodes: readonly Found[] | undefined) => void): void {
    const { dht, settings } = this.#parts
    const timeoutMs = LOOKUP_TIMES * settings.seekTimeoutMs
    this.#run(
      (signal) => dht.providers(key, { timeoutMs, signal }),
      (providers) => {
        tell(
          providers.map(({ key: { hex: node }, address, metadata }): Found => {
            return { node, ...address, bits: bitsOf(metadata) }
          }),
        )
      },
      (error) => this.#failed(error, () => tell(undefined)),
    )
  }

  /** Whether a lookup hears of more nodes than it can reach; undefined when that failed. */
  check(key: string, tell: (isNarrow: boolean | undefined) => void): void {
    const { dht, settings } = this.#parts
    const timeoutMs = LOOKUP_TIMES * settings.seekTimeoutMs
    this.#run(
      (signal) => isNarrow(dht.lookup(key, { timeoutMs, signal })),
      tell,
      (error) => this.#failed(error, () => tell(undefined)),
    )
  }

  /** Publishes this node under that key. */
  provide(key: string, bits: number, tell: (ok: boolean) => void): void {
    const { dht, settings, published } = this.#parts
    published.add(key)
    const options = { ttlMs: settings.provisionTtlMs, timeoutMs: PUT_TIMEOUT_MS }
    this.#run(
      (signal) => dht.provide(key, Uint8Array.of(FORMAT, bits), { ...options, signal }),
      () => tell(true),
      (error) => this.#failed(error, () => tell(false)),
    )
  }

  /** Publishes it no more; whoever found it keeps that for as long as the record lives. */
  withdraw(key: string, tell: (ok: boolean) => void): void {
    const { dht, published } = this.#parts
    dht.withdraw(key).then(
      () => {
        published.delete(key)
        if (!this.#isClosed) tell(true)
      },
      (error: unknown) => {
        if (!this.#isClosed) this.#failed(error, () => tell(false))
      },
    )
  }

  /** Nobody is called any more. */
  close(): void {
    this.#isClosed = true
    for (const abort of this.#running) abort.abort()
    this.#running.clear()
  }

  #run<T>(
    begin: (signal: AbortSignal) => Promise<T>,
    came: (value: T) => void,
    failed: (error: unknown) => void,
  ): void {
    if (this.#isClosed) return
    const abort = new AbortController()
    this.#running.add(abort)
    begin(abort.signal).then(
      (value) => {
        this.#running.delete(abort)
        if (!this.#isClosed) came(value)
      },
      (error: unknown) => {
        this.#running.delete(abort)
        if (!this.#isClosed) failed(error)
      },
    )
  }

  #failed(error: unknown, tell: () => void): void {
    const { code } = error as { code?: unknown }
    if (typeof code !== 'string') return this.#parts.failed(error)
    this.#parts.refusals.count(code, { part: 'catalog' }, { level: 'debug' })
    tell()
  }
}

/** Whether most of those failed who were asked, as far as that is known when its time is over. */
async function isNarrow(lookup: DhtLookup): Promise<boolean> {
  let answered = 0
  let failed = 0
  // What it throws at its end, the loop throws, too.
  lookup.result.catch(() => {})
  try {
    for await (const { outcome } of lookup) {
      if (outcome === 'answered') answered += 1
      else if (outcome === 'failed') failed += 1
    }
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_DHT_TIMEOUT') throw error
  }
  return failed >= NARROW_LEAST && failed > answered
}

/** A record of a newer format is found for everything. */
function bitsOf(metadata: Uint8Array): number {
  return metadata[0] === FORMAT ? (metadata[1] ?? 0) : PLACE_EXACT | PLACE_BELOW
}
