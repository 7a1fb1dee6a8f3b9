/**
 * What of a courier outlives a restart of its process: who handles what, who wants to hear of what, and the counters.
 * Nothing that a handler throws reaches the courier.
 */
import type { Link } from '../link/link.ts'
import type { ServiceFrames } from '../link/service-links.ts'
import type { Refusals } from '../refusals.ts'
import type { CourierHandler, GoneReason, Origin } from './courier.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { CourierError } from './errors.ts'

/** Counters since the start. */
export interface Counts {
  direct: number
  relayed: number
  received: number
  lost: number
  refused: number
}

/** See the file header. */
export class CourierMemory {
  readonly #frames: ServiceFrames
  readonly #refusals: Refusals
  readonly #handlers: (CourierHandler | undefined)[] = new Array<undefined>(256).fill(undefined)
  readonly #drains = new Set<(node: string) => void>()
  readonly #gone = new Set<(node: string, reason: GoneReason) => void>()
  /** Made once per link: every message of it says the same. */
  readonly #origins = new WeakMap<Link, Origin>()
  readonly counts: Counts = { direct: 0, relayed: 0, received: 0, lost: 0, refused: 0 }
  /** The one that runs; undefined while its process is being restarted. */
  dispatcher: Dispatcher | undefined

  constructor(frames: ServiceFrames, refusals: Refusals) {
    this.#frames = frames
    this.#refusals = refusals
  }

  /** As `Courier.handle`. */
  handle(from: number, to: number, handler: CourierHandler): () => void {
    const release = this.#frames.handle(from, to, (link, type, payload) => {
      this.counts.received += 1
      handler(this.#originOf(link), type, payload)
    })
    this.#handlers.fill(handler, from, to + 1)
    let mine = true
    return () => {
      release()
      if (mine) this.#handlers.fill(undefined, from, to + 1)
      mine = false
    }
  }

  /** As `Courier.onDrain`. */
  onDrain(handler: (node: string) => void): () => void {
    return add(this.#drains, (node: string) => handler(node))
  }

  /** As `Courier.onGone`. */
  onGone(handler: (node: string, reason: GoneReason) => void): () => void {
    return add(this.#gone, (node: string, reason: GoneReason) => handler(node, reason))
  }

  /** A large message is whole that came over a link; what its handler throws ends the link, as for any frame. */
  arrived(link: Link, type: number, payload: Uint8Array): void {
    const handler = this.#handlers[type]
    if (handler === undefined) return this.#unhandled(link.peer.key.hex, type)
    this.counts.received += 1
    handler(this.#originOf(link), type, payload)
  }

  /** A message came through others: there is no link that could end for it. */
  deliver(origin: Origin, type: number, payload: Uint8Array): void {
    const handler = this.#handlers[type]
    if (handler === undefined) return this.#unhandled(origin.node, type)
    this.counts.received += 1
    this.#call(() => handler(origin, type, payload))
  }

  /** A node takes messages again. */
  drained(node: string): void {
    for (const handler of this.#drains) this.#call(() => handler(node))
  }

  /** A node is gone. */
  gone(node: string, reason: GoneReason): void {
    for (const handler of this.#gone) this.#call(() => handler(node, reason))
  }

  /** Tells a sender that its message is lost. */
  lose(lost: ((error: CourierError) => void) | undefined, error: CourierError): void {
    if (lost !== undefined) this.#call(() => lost(error))
  }

  #unhandled(node: string, type: number): void {
    this.#refusals.count('ERR_COURIER_UNHANDLED', { peer: node, type }, { level: 'debug' })
  }

  #call(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#refusals.count('ERR_COURIER_HANDLER', { err: error }, { level: 'error' })
    }
  }

  #originOf(link: Link): Origin {
    const known = this.#origins.get(link)
    if (known !== undefined) return known
    const { key, roles } = link.peer
    const origin: Origin = Object.freeze({ node: key.hex, roles, path: 'direct', via: undefined })
    this.#origins.set(link, origin)
    return origin
  }
}

function add<T>(set: Set<T>, entry: T): () => void {
  set.add(entry)
  return () => void set.delete(entry)
}
