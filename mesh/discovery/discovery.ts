/**
 * Where addresses of other nodes come from. A source (static list, mDNS, DNS, Kubernetes, DHT) only
 * names addresses; dialling, backing off and proving who answers is done once, for all sources, by
 * `driver.ts` (D1).
 *
 * - A source that fails says so with `failed`: an error never means "there is nobody" (D1).
 * - `gone` stops further tries. It never closes a link: DNS answers are partial (D3).
 * - Anybody can claim an address in many of these media; nothing is believed beyond "try it".
 */
import type { NodeKey } from '../identity/node-key.ts'

/** An address to try. `host` may be a name: it is looked up at every try. */
export interface Candidate {
  readonly host: string
  readonly port: number
  /** Node name that is expected there, for log lines. */
  readonly name?: string
  /** The only node that may answer there (D15). Default: any of the realm. */
  readonly key?: NodeKey
}

/** Where a source puts what it finds. */
export interface DiscoverySink {
  seen(candidates: readonly Candidate[]): void
  gone(candidates: readonly Candidate[]): void
  failed(error: unknown): void
}

/** A source of addresses. */
export interface Discovery {
  /** For log lines, such as `static`. */
  readonly name: string
  /** Feeds `sink` until `signal` is aborted. */
  start(sink: DiscoverySink, options: { readonly signal: AbortSignal }): void | Promise<void>
}
