/**
 * Messages `at_least_once` of others: brings those of each session into order, drops repetitions, and acknowledges what
 * is settled. Sessions outlive the process of pub/sub, links, and times without any message up to `sessionTtlMs`.
 */
import type { Clock } from '../../runtime/index.ts'
import type { Refusals } from '../refusals.ts'
import type { Settlement } from './message.ts'
import type { PubSubSettings } from './options.ts'
import { ReceiveSession } from './receive-session.ts'
import type { Acknowledgement, SessionPlace } from './wire.ts'

/** What an inbox works with. */
export interface InboxParts<Content> {
  readonly settings: PubSubSettings
  readonly clock: Clock
  readonly refusals: Refusals
  readonly answer: (node: string, via: string | undefined, message: Acknowledgement) => void
  /** Whether messages are delivered now; what is held while they are not waits for {@link Inbox.resume}. */
  readonly isOpen: () => boolean
  /** A message, in order and for the first time. Released once when this returns. */
  readonly deliver: (content: Content, settlement: Settlement) => void
}

interface Incoming<Content> {
  readonly node: string
  via: string | undefined
  readonly session: ReceiveSession<Content>
  isDirty: boolean
  isReleasing: boolean
}

/** How often idle sessions are looked for. */
const SWEEP_MS = 60_000

/** See the head of this file. */
export class Inbox<Content> {
  readonly #parts: InboxParts<Content>
  readonly #publishers = new Map<string, Map<number, Incoming<Content>>>()
  readonly #dirty: Incoming<Content>[] = []
  #size = 0
  #duplicates = 0
  #nextSweepMs = Infinity
  #isStopped = false

  constructor(parts: InboxParts<Content>) {
    this.#parts = parts
  }

  get size(): number {
    return this.#size
  }

  /** Repetitions that were dropped. */
  get duplicates(): number {
    return this.#duplicates
  }

  get nextDueMs(): number {
    return this.#nextSweepMs
  }

  /** A message came from `node`. */
  take(
    { node, via }: { readonly node: string; readonly via: string | undefined },
    place: SessionPlace,
    content: () => Content,
    bytes: number,
  ): void {
    const incoming = this.#incoming(node, place.session)
    const { session } = incoming
    incoming.via = via
    session.seenMs = this.#parts.clock.now()
    this.#mark(incoming)
    switch (session.take(place, content, bytes)) {
      case 'next':
        this.#deliver(incoming, place.number, content())
        return this.#release(incoming)
      case 'held':
        return
      case 'duplicate':
        this.#duplicates += 1
        return this.#release(incoming)
      case 'beyond':
        this.#parts.refusals.count('ERR_PUBSUB_WINDOW', { peer: node }, { level: 'debug' })
    }
  }

  /** Forgets sessions of which nothing has come for long. */
  tick(nowMs: number): void {
    if (this.#nextSweepMs > nowMs) return
    const { sessionTtlMs } = this.#parts.settings
    for (const [node, sessions] of this.#publishers) {
      for (const { session } of sessions.values()) {
        if (session.seenMs + sessionTtlMs <= nowMs && session.unsettled === 0) {
          this.#forget(node, session.id)
        }
      }
    }
    this.#nextSweepMs = this.#size === 0 ? Infinity : nowMs + SWEEP_MS
  }

  /** Messages are delivered again. */
  resume(): void {
    for (const sessions of this.#publishers.values()) {
      for (const incoming of sessions.values()) this.#release(incoming)
    }
  }

  /** The node stops: what its subscribers have not handled by now is not acknowledged, so another life gets it. */
  stop(): void {
    this.#isStopped = true
  }

  #deliver(incoming: Incoming<Content>, number: number, content: Content): void {
    const settlement = new NumberSettlement(() => {
      incoming.session.settle(number)
      this.#mark(incoming)
      this.#release(incoming)
    })
    this.#parts.deliver(content, settlement)
    settlement.release()
  }

  #release(incoming: Incoming<Content>): void {
    // What is settled while this goes on does not begin it anew.
    if (incoming.isReleasing || !this.#parts.isOpen()) return
    incoming.isReleasing = true
    const { session } = incoming
    for (let next = session.release(); next !== undefined; next = session.release()) {
      this.#deliver(incoming, next.number, next.content)
    }
    incoming.isReleasing = false
  }

  /** Acknowledged at the end of the turn, many at once. */
  #mark(incoming: Incoming<Content>): void {
    if (incoming.isDirty) return
    incoming.isDirty = true
    this.#dirty.push(incoming)
    if (this.#dirty.length === 1) this.#parts.clock.nextTurn(() => this.#acknowledge())
  }

  #acknowledge(): void {
    if (this.#isStopped) return
    for (const incoming of this.#dirty.splice(0)) {
      incoming.isDirty = false
      this.#parts.answer(incoming.node, incoming.via, incoming.session.state())
    }
  }

  #incoming(node: string, id: number): Incoming<Content> {
    let sessions = this.#publishers.get(node)
    const there = sessions?.get(id)
    if (there !== undefined) return there
    const { settings, clock } = this.#parts
    // Who has too many makes room itself, so that nobody pushes out those of others by beginning anew.
    const isOwn = sessions !== undefined && sessions.size >= settings.sessionsPerPublisherMax
    if (isOwn) this.#forgetIdlest([[node, sessions!]])
    else if (this.#size >= settings.sessionsMax) this.#forgetIdlest(this.#publishers)
    sessions = this.#publishers.get(node) ?? new Map()
    const { windowMessagesMax, windowBytesMax } = settings
    const limits = { messagesMax: windowMessagesMax * 2, bytesMax: windowBytesMax * 2 }
    const session = new ReceiveSession<Content>(id, limits, clock.now())
    const incoming = { node, via: undefined, session, isDirty: false, isReleasing: false }
    sessions.set(id, incoming)
    this.#publishers.set(node, sessions)
    this.#size += 1
    this.#nextSweepMs = Math.min(this.#nextSweepMs, clock.now() + SWEEP_MS)
    return incoming
  }

  #forgetIdlest(of: Iterable<readonly [string, ReadonlyMap<number, Incoming<Content>>]>): void {
    let idlest: Incoming<Content> | undefined
    for (const [, sessions] of of) {
      for (const incoming of sessions.values()) {
        if (idlest === undefined || incoming.session.seenMs < idlest.session.seenMs) {
          idlest = incoming
        }
      }
    }
    if (idlest === undefined) return
    this.#parts.refusals.count('ERR_PUBSUB_SESSIONS_MAX', { peer: idlest.node })
    this.#forget(idlest.node, idlest.session.id)
  }

  #forget(node: string, id: number): void {
    const sessions = this.#publishers.get(node)
    if (sessions?.delete(id) !== true) return
    this.#size -= 1
    if (sessions.size === 0) this.#publishers.delete(node)
  }
}

/** Counts who works on one message. */
class NumberSettlement implements Settlement {
  #holders = 1
  readonly #settled: () => void

  constructor(settled: () => void) {
    this.#settled = settled
  }

  hold(): void {
    this.#holders += 1
  }

  release(): void {
    this.#holders -= 1
    if (this.#holders === 0) this.#settled()
  }
}
