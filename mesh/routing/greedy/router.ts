/**
 * The driver of greedy routing: links, dials, frames and time around a `GreedyCore`. Envelopes travel on the lane
 * of the application, so a flood of them does not hold up the exchanges of the mesh.
 */
import type { Clock, ClockTimer, Entropy } from '../../../runtime/index.ts'
import type { OnDemand } from '../../exchange/on-demand.ts'
import type { FrameRouter } from '../../link/frame-router.ts'
import type { Link } from '../../link/link.ts'
import type { LinkPool } from '../../link/pool.ts'
import type { Refusals } from '../../refusals.ts'
import { ByteStock } from '../../machine/byte-stock.ts'
import { Turns } from '../../machine/turns.ts'
import { WireType } from '../../wire/messages.ts'
import { keyFromHex } from '../kademlia/id.ts'
import type { KadKey } from '../kademlia/id.ts'
import type { Contact } from '../kademlia/message.ts'
import { GreedyCore } from './core.ts'
import type { Envelope, RouteReason, RouteType } from './envelope.ts'
import { RouteError } from './errors.ts'
import type { GreedyInput, GreedySink, GreedyStats, RouteView, SendOutcome } from './machine.ts'
import { ENVELOPE_ID_BYTES } from './protocol.ts'
import type { RouteProtocol } from './protocol.ts'
import { HOPS_CEILING, TTL_CEILING_MS } from './settings.ts'
import type { GreedySettings } from './settings.ts'

/** What a router needs. */
export interface GreedyRouterParts {
  readonly self: KadKey
  readonly settings: GreedySettings
  readonly pool: Pick<LinkPool, 'link'>
  readonly onDemand: Pick<OnDemand, 'whenLinked'>
  /** An envelope of a peer at the edge of this node was passed on over that link. */
  readonly passedOn?: (link: Link) => void
  readonly frames: Pick<FrameRouter, 'handle'>
  readonly protocol: RouteProtocol
  readonly view: Pick<RouteView, 'closest' | 'uplinks' | 'neighbours'>
  readonly refusals: Refusals
  readonly clock: Clock
  readonly entropy: Entropy
  /** Handlers of what arrives, which outlive the router; default: none yet. */
  readonly handlers?: Map<RouteType, RouteHandler>
  /** Something was thrown inside: the router is closed. */
  readonly failed: (error: unknown) => void
}

/** Options of {@link GreedyRouter.send}. */
export interface RouteSendOptions {
  /** Hops at most, 1 to 32. Default `hopsMax`. */
  readonly maxHops?: number
  /** When to give up. Default `timeoutMs` of the settings, at most 5 minutes. */
  readonly timeoutMs?: number
  /**
   * Whether to wait until the destination has it. Default true. Without it the promise resolves when the first
   * hop was sent, and what goes wrong later is not told; for those who wait for a reply anyhow.
   */
  readonly receipt?: boolean
  /** The gateway that has a link with the destination, for one that stands in no table. */
  readonly via?: KadKey | undefined
  /** A node that has a link with this one, through which errors and receipts should come back. */
  readonly sourceVia?: KadKey | undefined
  /** The destination was dialled in vain: others are asked at once. Default false. */
  readonly isUndialable?: boolean
  /** The call that a reply answers; the caller's send then ends as delivered. */
  readonly about?: string
  readonly signal?: AbortSignal
  /** Told over the link with whom it was sent, each time: by the next one, when the one before had nobody for it. */
  readonly firstHop?: (node: string) => void
}

/** What has arrived. */
export interface RouteDelivery {
  readonly id: string
  readonly type: RouteType
  /** As the envelope says itself: proven only for one hop. What must be sure is signed within the payload. */
  readonly source: KadKey
  readonly about: string | undefined
  readonly payload: Uint8Array
  readonly hops: number
}

/**
 * Takes what arrives, at once; what it throws is counted and logged. False says that this node has no use for it, as if
 * there were no handler.
 */
export type RouteHandler = (delivery: RouteDelivery) => void | boolean

interface Pending {
  readonly destination: KadKey
  readonly resolve: (id: string) => void
  readonly reject: (error: unknown) => void
  readonly id: string
  readonly release: () => void
}

const CODES: Readonly<Record<RouteReason, string>> = {
  no_route: 'ERR_ROUTE_NONE',
  max_hops_exceeded: 'ERR_ROUTE_HOPS_MAX',
  no_handler: 'ERR_ROUTE_UNHANDLED',
}

/** See the file header. */
export class GreedyRouter {
  readonly #parts: GreedyRouterParts
  readonly #core: GreedyCore
  readonly #sink: GreedySink
  readonly #handlers: Map<RouteType, RouteHandler>
  readonly #turns: Turns<GreedyInput>
  readonly #ids: ByteStock
  readonly #contacts = new WeakMap<Link, Contact>()
  readonly #pending = new Map<number, Pending>()
  /** Those of them that want to know their first hop, by envelope. */
  readonly #watched = new Map<string, (node: string) => void>()
  /** Ways to stop waiting for a link, by attempt. */
  readonly #waits = new Map<number, () => void>()
  readonly #release: readonly (() => void)[]
  #closed = false
  #sendId = 0
  #timer: ClockTimer | undefined
  #timerMs = Infinity

  constructor(parts: GreedyRouterParts) {
    this.#parts = parts
    const { self, settings, view, pool, frames, clock, handlers = new Map() } = parts
    this.#handlers = handlers
    this.#ids = new ByteStock(parts.entropy)
    this.#turns = new Turns({
      work: (input) => this.#core.step(clock.now(), input, this.#sink),
      worked: () => this.#setTimer(),
      failed: (error) => {
        this.close()
        parts.failed(error)
      },
    })
    this.#core = new GreedyCore({
      ...{ self, settings, newId: () => this.#newId() },
      view: {
        closest: (key, count) => view.closest(key, count),
        linked: (id) => this.#contactOf(pool.link(id)),
        neighbours: () => view.neighbours(),
        isClient: (id) => pool.link(id)?.peer.kind === 'edge',
        uplinks: view.uplinks,
      },
    })
    this.#sink = {
      forward: (attemptId, to, envelope) => this.#forward(attemptId, to, envelope),
      cancelForward: (attemptId) => this.#stopWaiting(attemptId),
      deliver: (envelope) => this.#deliver(envelope),
      settled: (sendId, outcome) => this.#settled(sendId, outcome),
      refused: (code, from) => parts.refusals.count(code, { peer: from }, { level: 'debug' }),
    }
    this.#release = [WireType.rpcRoute, WireType.pubsubRoute].map((type) =>
      frames.handle(type, type, (link, of, payload) => this.#frame(link, of, payload)),
    )
  }

  stats(): GreedyStats {
    return this.#core.stats()
  }

  /** Calls `handler` for each envelope of that type that arrives; gives the way to stop. */
  onDeliver(type: RouteType, handler: RouteHandler): () => void {
    return handle(this.#handlers, type, handler)
  }

  /**
   * Sends `payload` towards the node with that key. Resolves with the id of the envelope when the destination
   * has it; rejects with `RouteError`: `ERR_ROUTE_NONE`, `_HOPS_MAX`, `_UNHANDLED`, `_TIMEOUT`, `_ABORTED`,
   * `_STOPPED`, `_SENDS_MAX`, `_FORWARDS_MAX`, `_PAYLOAD_BYTES_MAX`.
   */
  send(
    type: RouteType,
    destination: KadKey,
    payload: Uint8Array,
    options: RouteSendOptions = {},
  ): Promise<string> {
    const { settings, clock } = this.#parts
    const { maxHops = settings.hopsMax, timeoutMs = settings.timeoutMs, signal } = options
    if (this.#closed) return Promise.reject(stopped())
    if (signal?.aborted === true) return Promise.reject(aborted(signal))
    if (payload.length > settings.payloadBytesMax) {
      const text = `${payload.length} bytes, at most ${settings.payloadBytesMax}`
      return Promise.reject(new RouteError('ERR_ROUTE_PAYLOAD_BYTES_MAX', text))
    }
    const sendId = ++this.#sendId
    const id = this.#newId()
    return new Promise((resolve, reject) => {
      const abort = (): void => this.#aborted(sendId, signal)
      signal?.addEventListener('abort', abort)
      const release = (): void => signal?.removeEventListener('abort', abort)
      const { firstHop } = options
      this.#pending.set(sendId, { destination, resolve, reject, id, release })
      if (firstHop !== undefined) this.#watched.set(id, firstHop)
      this.#turns.take({
        type: 'send',
        sendId,
        id,
        routeType: type,
        destination,
        via: options.via,
        sourceVia: options.sourceVia,
        isUndialable: options.isUndialable === true,
        about: options.about,
        receipt: options.receipt ?? true,
        payload: new Uint8Array(payload),
        hopsMax: Math.max(1, Math.min(maxHops, HOPS_CEILING)),
        deadlineMs: clock.now() + Math.min(timeoutMs, TTL_CEILING_MS),
      })
    })
  }

  /** Ends everything: sends under way are rejected with `ERR_ROUTE_STOPPED`. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const release of this.#release) release()
    this.#timer?.cancel()
    for (const wait of this.#waits.values()) wait()
    this.#waits.clear()
    this.#turns.close()
    const pending = Array.from(this.#pending.values())
    this.#pending.clear()
    this.#watched.clear()
    for (const { release, reject } of pending) {
      release()
      reject(stopped())
    }
  }

  #frame(link: Link, type: number, payload: Uint8Array): void {
    const envelope = this.#parts.protocol.decode(type, payload)
    this.#turns.take({ type: 'envelope', from: link.peer.key.hex, envelope })
  }

  /** Asked several times for each envelope: made once for each link. */
  #contactOf(link: Link | undefined): Contact | undefined {
    if (link === undefined) return undefined
    const known = this.#contacts.get(link)
    if (known !== undefined) return known
    const { key, address } = link.peer
    const contact = { id: key.hex, key: keyFromHex(key.hex), ...address }
    this.#contacts.set(link, contact)
    return contact
  }

  #setTimer(): void {
    const dueMs = this.#core.nextDeadline()
    if (this.#closed || dueMs === this.#timerMs) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerMs = dueMs
    if (dueMs === Infinity) return
    const { clock } = this.#parts
    this.#timer = clock.setTimer(dueMs - clock.now(), () => {
      this.#timerMs = Infinity
      this.#turns.take({ type: 'tick' })
    })
    this.#timer.unref()
  }

  #forward(attemptId: number, to: Contact, envelope: Envelope): void {
    const ended = (type: 'forwarded' | 'forward_failed'): void => {
      this.#waits.delete(attemptId)
      this.#turns.take({ type, attemptId })
    }
    let done = false
    const release = this.#parts.onDemand.whenLinked(
      to,
      (link) => {
        done = true
        ended(this.#write(link, envelope) ? 'forwarded' : 'forward_failed')
      },
      () => {
        done = true
        ended('forward_failed')
      },
    )
    if (!done) this.#waits.set(attemptId, release)
  }

  #write(link: Link, envelope: Envelope): boolean {
    if (link.state !== 'established') return false
    try {
      link.send(envelope.channel, this.#parts.protocol.encode(envelope))
      if (envelope.sourceVia?.hex === this.#parts.self.hex) this.#parts.passedOn?.(link)
      // Ids are drawn by lot, but that of a stranger's envelope is the stranger's to choose.
      if (envelope.source.hex === this.#parts.self.hex) {
        this.#watched.get(envelope.id)?.(link.peer.key.hex)
      }
      return true
    } catch (error) {
      // The link has counted it under its own code.
      if (isLinkError(error)) return false
      throw error
    }
  }

  #stopWaiting(attemptId: number): void {
    this.#waits.get(attemptId)?.()
    this.#waits.delete(attemptId)
  }

  #deliver({ id, source, visited, content }: Envelope): boolean {
    if (content.type === 'error' || content.type === 'receipt') return false
    const { type, about, payload } = content
    const handler = this.#handlers.get(type)
    if (handler === undefined) return false
    try {
      return handler({ id, type, source, about, payload, hops: visited.length }) !== false
    } catch (error) {
      this.#parts.refusals.count('ERR_ROUTE_HANDLER', { error }, { level: 'error' })
    }
    return true
  }

  #aborted(sendId: number, signal: AbortSignal | undefined): void {
    const pending = this.#take(sendId)
    if (pending === undefined) return
    this.#turns.take({ type: 'cancel', sendId })
    pending.reject(aborted(signal))
  }

  #settled(sendId: number, outcome: SendOutcome): void {
    const pending = this.#take(sendId)
    if (pending === undefined) return
    if (outcome.type === 'delivered') pending.resolve(pending.id)
    else pending.reject(errorOf(outcome, pending.destination))
  }

  #take(sendId: number): Pending | undefined {
    const pending = this.#pending.get(sendId)
    if (pending === undefined) return undefined
    this.#pending.delete(sendId)
    this.#watched.delete(pending.id)
    pending.release()
    return pending
  }

  #newId(): string {
    return Buffer.from(this.#ids.take(ENVELOPE_ID_BYTES)).toString('hex')
  }
}

/** Puts a handler into `handlers`; gives the way to take it off. */
export function handle(
  handlers: Map<RouteType, RouteHandler>,
  type: RouteType,
  handler: RouteHandler,
): () => void {
  if (handlers.has(type)) {
    throw new RouteError('ERR_ROUTE_HANDLER_TAKEN', `'${type}' has a handler already`)
  }
  handlers.set(type, handler)
  return () => {
    if (handlers.get(type) === handler) handlers.delete(type)
  }
}

function errorOf(
  outcome: Exclude<SendOutcome, { readonly type: 'delivered' }>,
  destination: KadKey,
): RouteError {
  const to = destination.hex.slice(0, 16)
  switch (outcome.type) {
    case 'failed': {
      const { reason, at } = outcome
      const text = `the envelope to ${to} was given up at ${at.slice(0, 16)}: ${reason}`
      return new RouteError(CODES[reason], text, { reason, at })
    }
    case 'refused':
      return new RouteError(outcome.code, `too much is under way to send to ${to}`)
    case 'timeout':
      return new RouteError('ERR_ROUTE_TIMEOUT', `nothing came back from ${to} in time`)
  }
}

function aborted(signal: AbortSignal | undefined): RouteError {
  return new RouteError('ERR_ROUTE_ABORTED', 'the send was aborted', { cause: signal?.reason })
}

function stopped(): RouteError {
  return new RouteError('ERR_ROUTE_STOPPED', 'the router is closed')
}

function isLinkError(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return code === 'ERR_LINK_QUEUE_FULL' || code === 'ERR_LINK_FRAME_TOO_LARGE'
}
