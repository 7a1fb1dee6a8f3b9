/**
 * Links for those who speak to a node now and then: what is to be said waits, bounded, while the node is
 * dialled, and is lost when no link comes, as a packet is lost on any network.
 *
 * A dial to an address where nobody is takes its whole time, and the detector dials whomever a table
 * names. So it may use only a share of the node's dials at once: `mesh.connect` and the seeds always find
 * the rest free, however many dead or invented nodes there are (H37).
 */
import type { Dialer } from '../link/dialer.ts'
import type { Link } from '../link/link.ts'
import type { LinkPool } from '../link/pool.ts'
import { nodeKeyFromHex } from '../identity/node-key.ts'
import type { Refusals } from '../refusals.ts'
import type { Contact } from './swim/machine.ts'

/** Things that may wait for one node. */
export const WAITING_MAX = 16

/** What it needs. */
export interface OnDemandParts {
  readonly pool: LinkPool
  readonly dialer: Dialer
  readonly refusals: Refusals
  /** Dials under way at once. */
  readonly dialsMax: number
  /** Time of a dial: an answer that comes later is of no use to a probe. */
  readonly dialTimeoutMs: number
}

interface Waiting {
  readonly linked: (link: Link) => void
  readonly lost: () => void
}

interface Dial {
  readonly waiting: Waiting[]
  readonly abort: AbortController
}

/** The share of a node's dials that the detector may use: half, at least one. */
export function detectorDialsMax(dialsMax: number): number {
  return Math.max(1, Math.floor(dialsMax / 2))
}

/** Counters of {@link OnDemand}. */
export interface OnDemandStats {
  /** Dials begun. Each is a handshake: load that a standing link would have saved. */
  readonly dials: number
  readonly dialsFailed: number
  /** Things that waited for a link which never came, or found no room to wait. */
  readonly lost: number
}

/** Dials of one detector. */
export class OnDemand {
  readonly #parts: OnDemandParts
  readonly #dials = new Map<string, Dial>()
  #begun = 0
  #failed = 0
  #lost = 0

  constructor(parts: OnDemandParts) {
    this.#parts = parts
  }

  /** Dials under way. */
  get size(): number {
    return this.#dials.size
  }

  stats(): OnDemandStats {
    return { dials: this.#begun, dialsFailed: this.#failed, lost: this.#lost }
  }

  /** Calls `linked` with a link to that node, now or after a dial; else `lost`, perhaps at once. */
  whenLinked(to: Contact, linked: (link: Link) => void, lost: () => void): void {
    const { pool } = this.#parts
    const link = to.id === undefined ? undefined : pool.link(to.id)
    if (link !== undefined) return linked(link)
    // Known by its messages only, and their link is gone: an empty name would be this machine.
    if (to.port === 0) return this.#lose('ERR_LINK_CLOSED', to, [{ linked, lost }])
    const dial = this.#dials.get(idOf(to)) ?? this.#begin(to)
    if (dial === undefined) return this.#lose('ERR_MEMBERS_DIALS_MAX', to, [{ linked, lost }])
    if (dial.waiting.length >= WAITING_MAX) {
      return this.#lose('ERR_MEMBERS_BACKLOG', to, [{ linked, lost }])
    }
    dial.waiting.push({ linked, lost })
  }

  /** Gives up every dial; what waits is forgotten without a word. */
  close(): void {
    for (const { abort, waiting } of this.#dials.values()) {
      waiting.length = 0
      abort.abort()
    }
    this.#dials.clear()
  }

  #begin(to: Contact): Dial | undefined {
    const { dialer, pool, dialsMax, dialTimeoutMs } = this.#parts
    if (!pool.accepting || this.#dials.size >= dialsMax) return undefined
    const dial: Dial = { waiting: [], abort: new AbortController() }
    const id = idOf(to)
    this.#dials.set(id, dial)
    this.#begun += 1
    const { host, port } = to
    const target = to.id === undefined ? { host, port } : { host, port, key: nodeKeyFromHex(to.id) }
    dialer.connect(target, { timeoutMs: dialTimeoutMs, signal: dial.abort.signal }).then(
      (link) => {
        this.#ended(id, dial)
        for (const { linked } of dial.waiting) linked(link)
      },
      (error: unknown) => {
        this.#ended(id, dial)
        if (dial.abort.signal.aborted) return
        this.#failed += 1
        this.#lose(codeOf(error), to, dial.waiting)
      },
    )
    return dial
  }

  #ended(id: string, dial: Dial): void {
    if (this.#dials.get(id) === dial) this.#dials.delete(id)
  }

  #lose(code: string, { id, host, port }: Contact, waiting: readonly Waiting[]): void {
    const { refusals, pool } = this.#parts
    this.#lost += waiting.length
    // A probe that fails is what probes are for: no line for each.
    if (pool.accepting) {
      refusals.count(code, { peer: id, dial: `${host}:${port}` }, { level: 'debug' })
    }
    for (const { lost } of waiting) lost()
  }
}

function idOf({ id, host, port }: Contact): string {
  return id ?? `${host.toLowerCase()} ${port}`
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'ERR_LINK_CLOSED'
}
