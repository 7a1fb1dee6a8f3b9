/**
 * Links for those who speak to a node now and then: what is to be said waits, bounded, while the node is
 * dialled, and is lost when no link comes, as a packet is lost on any network.
 *
 * Each user has a share of the node's dials (`dial-shares.ts`). Beyond it a target waits for its turn, if the
 * user lets it, or is lost at once. A target that let a dial run into its timeout is not dialled again for a
 * while: else each of many requests to one dead address would take a place from living ones (ML13).
 */
import type { Clock } from '../../runtime/index.ts'
import { nodeKeyFromHex } from '../identity/node-key.ts'
import type { Dialer } from '../link/dialer.ts'
import type { Link } from '../link/link.ts'
import type { LinkPool } from '../link/pool.ts'
import { setNewest } from '../machine/newest.ts'
import type { Refusals } from '../refusals.ts'
import type { Target } from './target.ts'

/** Things that may wait for one node. */
export const WAITING_MAX = 16

/** Dead addresses remembered at once. */
const DEAD_MAX = 1_024

/** What it needs. */
export interface OnDemandParts {
  readonly pool: Pick<LinkPool, 'accepting' | 'usable'>
  readonly dialer: Dialer
  readonly refusals: Refusals
  readonly clock: Clock
  /** Dials under way at once. */
  readonly dialsMax: number
  /** Targets that wait for their turn; 0 loses at once what finds no free dial. */
  readonly queueMax: number
  /** Time of a dial: a link that comes later is of no use to whoever asked. */
  readonly dialTimeoutMs: number
  /** How long a target is left alone after a dial that timed out; 0 dials it again at once. */
  readonly deadMs: number
  /** Things that may wait for one node. */
  readonly waitingMax: number
  /** Codes under which this user's losses are counted. */
  readonly codes: OnDemandCodes
}

/** See {@link OnDemandParts.codes}. */
export interface OnDemandCodes {
  /** No dial is free, and no place to wait. */
  readonly dialsMax: string
  /** Too much waits for one node. */
  readonly backlog: string
}

interface Waiting {
  readonly linked: (link: Link) => void
  readonly lost: () => void
}

interface Dial {
  readonly id: string
  readonly to: Target
  readonly waiting: Set<Waiting>
  /** Once it runs. */
  abort: AbortController | undefined
}

/** Counters of {@link OnDemand}. */
export interface OnDemandStats {
  /** Dials begun. Each is a handshake: load that a standing link would have saved. */
  readonly dials: number
  readonly dialsFailed: number
  /** Things that waited for a link which never came, or found no room to wait. */
  readonly lost: number
}

/** Dials of one user. */
export class OnDemand {
  readonly #parts: OnDemandParts
  /** Running and waiting, by target. */
  readonly #dials = new Map<string, Dial>()
  /** Those that wait, in order. */
  readonly #queue = new Set<Dial>()
  /** Until when a target is left alone, by key and address. */
  readonly #dead = new Map<string, number>()
  #begun = 0
  #failed = 0
  #lost = 0

  constructor(parts: OnDemandParts) {
    this.#parts = parts
  }

  /** Dials under way and waiting. */
  get size(): number {
    return this.#dials.size
  }

  stats(): OnDemandStats {
    return { dials: this.#begun, dialsFailed: this.#failed, lost: this.#lost }
  }

  /**
   * Calls `linked` with a link to that node, now or after a dial; else `lost`, perhaps at once. Gives the way
   * to stop waiting.
   */
  whenLinked(to: Target, linked: (link: Link) => void, lost: () => void): () => void {
    const { pool, codes, waitingMax } = this.#parts
    const link = to.id === undefined ? undefined : pool.usable(to.id)
    const waiting = { linked, lost }
    if (link !== undefined) {
      linked(link)
      return nothing
    }
    // Known by its messages only, and their link is gone: an empty name would be this machine.
    if (to.port === 0) return this.#lose('ERR_LINK_CLOSED', to, [waiting])
    const id = idOf(to)
    if (this.#isDead(to)) return this.#lose('ERR_DIAL_TIMEOUT', to, [waiting])
    const dial = this.#dials.get(id) ?? this.#enqueue(id, to)
    if (dial === undefined) return this.#lose(codes.dialsMax, to, [waiting])
    if (dial.waiting.size >= waitingMax) return this.#lose(codes.backlog, to, [waiting])
    dial.waiting.add(waiting)
    this.#pump()
    return () => this.#leave(dial, waiting)
  }

  /** Gives up every dial; what waits is forgotten without a word. */
  close(): void {
    this.#queue.clear()
    for (const { abort, waiting } of this.#dials.values()) {
      waiting.clear()
      abort?.abort()
    }
    this.#dials.clear()
    this.#dead.clear()
  }

  get #running(): number {
    return this.#dials.size - this.#queue.size
  }

  #enqueue(id: string, to: Target): Dial | undefined {
    const { pool, dialsMax, queueMax } = this.#parts
    const free = this.#running < dialsMax || this.#queue.size < queueMax
    if (!pool.accepting || !free) return undefined
    const dial: Dial = { id, to, waiting: new Set(), abort: undefined }
    this.#dials.set(id, dial)
    this.#queue.add(dial)
    return dial
  }

  /** Nobody needs a turn for which nobody waits any more; a dial that runs goes on, its link may be of use. */
  #leave(dial: Dial, waiting: Waiting): void {
    dial.waiting.delete(waiting)
    if (dial.waiting.size > 0 || !this.#queue.has(dial)) return
    this.#queue.delete(dial)
    this.#dials.delete(dial.id)
  }

  #pump(): void {
    for (const dial of this.#queue) {
      if (this.#running >= this.#parts.dialsMax) return
      this.#queue.delete(dial)
      this.#begin(dial)
    }
  }

  #begin(dial: Dial): void {
    const { dialer, clock, dialTimeoutMs: timeoutMs } = this.#parts
    const abort = new AbortController()
    dial.abort = abort
    this.#begun += 1
    const { id, host, port } = dial.to
    const target = id === undefined ? { host, port } : { host, port, key: nodeKeyFromHex(id) }
    const untilMs = clock.now() + timeoutMs
    dialer.connect(target, { timeoutMs, signal: abort.signal }).then(
      (link) => {
        this.#ended(dial)
        for (const { linked } of take(dial)) linked(link)
      },
      (error: unknown) => {
        this.#ended(dial)
        if (abort.signal.aborted) return
        // Two dials met, and the other one won.
        const link = id === undefined ? undefined : this.#parts.pool.usable(id)
        if (link !== undefined) {
          for (const { linked } of take(dial)) linked(link)
          return
        }
        this.#failed += 1
        if (clock.now() >= untilMs) this.#died(dial.to)
        this.#lose(codeOf(error), dial.to, take(dial))
      },
    )
  }

  #ended(dial: Dial): void {
    if (this.#dials.get(dial.id) === dial) this.#dials.delete(dial.id)
    this.#pump()
  }

  #died(to: Target): void {
    const { clock, deadMs } = this.#parts
    if (deadMs === 0) return
    setNewest(this.#dead, placeOf(to), clock.now() + deadMs, DEAD_MAX)
  }

  #isDead(to: Target): boolean {
    if (this.#dead.size === 0) return false
    const place = placeOf(to)
    const untilMs = this.#dead.get(place)
    if (untilMs === undefined) return false
    if (this.#parts.clock.now() < untilMs) return true
    this.#dead.delete(place)
    return false
  }

  #lose(code: string, { id, host, port }: Target, waiting: readonly Waiting[]): () => void {
    const { refusals, pool } = this.#parts
    this.#lost += waiting.length
    // A probe that fails is what probes are for: no line for each.
    if (pool.accepting) {
      refusals.count(code, { peer: id, dial: `${host}:${port}` }, { level: 'debug' })
    }
    for (const { lost } of waiting) lost()
    return nothing
  }
}

const nothing = (): void => {}

function take({ waiting }: Dial): readonly Waiting[] {
  const all = Array.from(waiting)
  waiting.clear()
  return all
}

function idOf({ id, host, port }: Target): string {
  return id ?? `${host.toLowerCase()} ${port}`
}

/** A node that is at another address now is another target. */
function placeOf({ id = '', host, port }: Target): string {
  return `${id} ${host.toLowerCase()} ${port}`
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'ERR_LINK_CLOSED'
}
