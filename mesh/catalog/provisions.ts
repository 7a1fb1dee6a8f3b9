/**
 * What this node is found for in the DHT: a wish per key, as bits, and what was put. Wishes settle before anything is
 * put, so that what comes and goes costs nothing; puts are paced; what failed is tried again, ever later.
 */
import type { CatalogSettings } from './settings.ts'

/** What is to be done; `done` is called afterwards. */
export interface ProvisionsSink {
  provide(key: string, bits: number): void
  withdraw(key: string): void
  refused(): void
}

interface Provision {
  wanted: number
  put: number
  /** What is being put; undefined when nothing is. */
  busy: number | undefined
  dueMs: number
  failures: number
}

/** First pause after a failure, and the longest. */
const RETRY_MS = 5_000
const RETRY_MAX_MS = 300_000

/** Something is put, whatever it is for. */
const UNKNOWN = -1

/** See the head of this file. */
export class Provisions {
  readonly #settings: Pick<CatalogSettings, 'provisionsPerSecond' | 'provisionsParallel'>
  readonly #sink: ProvisionsSink
  readonly #byKey = new Map<string, Provision>()
  /** Keys whose wish and state differ. */
  readonly #open = new Set<string>()
  #busy = 0
  #nextMs = -Infinity
  #enabled = false

  constructor(
    settings: Pick<CatalogSettings, 'provisionsPerSecond' | 'provisionsParallel'>,
    sink: ProvisionsSink,
  ) {
    this.#settings = settings
    this.#sink = sink
  }

  /** Keys with a wish, or with something put. */
  get size(): number {
    return this.#byKey.size
  }

  /** Keys under which this node is found. */
  get put(): number {
    let count = 0
    for (const { put } of this.#byKey.values()) if (put !== 0) count += 1
    return count
  }

  /** While nobody needs it nothing new is put; what was is taken back all the same. */
  enable(enabled: boolean): void {
    this.#enabled = enabled
  }

  /** From `dueMs` on this node is found for that; 0 for nothing. */
  want(key: string, bits: number, dueMs: number): void {
    let provision = this.#byKey.get(key)
    if (provision === undefined) {
      if (bits === 0) return
      this.#byKey.set(key, (provision = { wanted: 0, put: 0, busy: undefined, dueMs, failures: 0 }))
    }
    if (provision.wanted === bits) return
    provision.wanted = bits
    provision.dueMs = dueMs
    provision.failures = 0
    this.#sort(key, provision)
  }

  wanted(key: string): number {
    return this.#byKey.get(key)?.wanted ?? 0
  }

  /** A put, or its end, is over; `ok` tells how. Gives what is put there now for the first time, as bits. */
  done(nowMs: number, key: string, ok: boolean): number {
    const provision = this.#byKey.get(key)
    if (provision?.busy === undefined) return 0
    const before = provision.put
    const bits = provision.busy
    provision.busy = undefined
    this.#busy -= 1
    if (ok) {
      provision.put = bits
      provision.failures = 0
    } else {
      this.#sink.refused()
      provision.dueMs = nowMs + Math.min(RETRY_MS * 2 ** provision.failures, RETRY_MAX_MS)
      provision.failures += 1
    }
    this.#sort(key, provision)
    return ok ? bits & (before === UNKNOWN ? bits : ~before) : 0
  }

  /** These were put by another one before; what is not wanted until `dueMs` is taken back. */
  adopt(keys: Iterable<string>, dueMs: number): void {
    for (const key of keys) {
      if (this.#byKey.has(key)) continue
      const provision = { wanted: 0, put: UNKNOWN, busy: undefined, dueMs, failures: 0 }
      this.#byKey.set(key, provision)
      this.#sort(key, provision)
    }
  }

  nextDeadline(): number {
    if (this.#busy >= this.#settings.provisionsParallel) return Infinity
    let dueMs = Infinity
    for (const key of this.#open) {
      const provision = this.#byKey.get(key)!
      if (this.#isReady(provision)) dueMs = Math.min(dueMs, provision.dueMs)
    }
    return Math.max(dueMs, this.#nextMs)
  }

  tick(nowMs: number): void {
    for (const key of this.#open) {
      if (this.#busy >= this.#settings.provisionsParallel || nowMs < this.#nextMs) return
      const provision = this.#byKey.get(key)!
      if (provision.dueMs > nowMs || !this.#isReady(provision)) continue
      this.#nextMs = Math.max(this.#nextMs, nowMs) + 1_000 / this.#settings.provisionsPerSecond
      this.#busy += 1
      provision.busy = provision.wanted
      this.#open.delete(key)
      if (provision.wanted === 0) this.#sink.withdraw(key)
      else this.#sink.provide(key, provision.wanted)
    }
  }

  #isReady({ wanted }: Provision): boolean {
    return this.#enabled || wanted === 0
  }

  #sort(key: string, provision: Provision): void {
    const { wanted, put, busy } = provision
    if (busy === undefined && wanted !== put) this.#open.add(key)
    else this.#open.delete(key)
    if (busy === undefined && wanted === 0 && put === 0) this.#byKey.delete(key)
  }
}
