/**
 * The messages `at_least_once` of this node, by the node that they go to. Each node has one session of this life, and
 * before it those that a former life left in the store: one after the other, so that order is kept.
 *
 * Last values for those who came later go the same way, pulled one by one when there is room: however many they are,
 * no more of them is in memory than the window.
 *
 * Time concerns only the nodes that something is due for: each has its deadline in a heap, as there may be thousands.
 */
import type { CourierOutcome, GoneReason } from '../courier/courier.ts'
import { Deadlines } from '../machine/deadlines.ts'
import type { Deliveries } from './deliveries.ts'
import type { Letter } from './letter.ts'
import { LETTER_BYTES } from './letter.ts'
import type { PubSubSettings } from './options.ts'
import type { OutboxStore, StoredLetter } from './outbox-store.ts'
import { SendSession } from './send-session.ts'
import type { ItemEnd, SessionItem, SessionSink } from './send-session.ts'
import type { Acknowledgement, SessionPlace } from './wire.ts'
import { UINT48_MAX } from './wire.ts'

/** One message for one node. */
export interface Parcel {
  readonly letter: Letter
  readonly groups: readonly string[] | undefined
  readonly deliveries: Deliveries | undefined
  readonly isStored: boolean
}

/** What an outbox works with. */
export interface OutboxParts {
  readonly settings: PubSubSettings
  readonly chance: () => number
  readonly now: () => number
  readonly wallNow: () => number
  readonly store: OutboxStore | undefined
  readonly send: (
    node: string,
    via: string | undefined,
    parcel: Parcel,
    place: SessionPlace,
  ) => CourierOutcome
  /** A message was given up that nobody of this life waits for. */
  readonly lost: (letter: Letter, node: string) => void
}

/** Last values for a node, because it wants a filter now. */
interface Replay {
  readonly filter: string
  readonly letters: Iterator<Letter>
}

interface Destination {
  readonly node: string
  /** Of its deadline. */
  readonly number: number
  via: string | undefined
  /** The last one is that of this life. */
  readonly sessions: SendSession<Parcel>[]
  readonly replays: Replay[]
  /** Its link takes no more for now. */
  isFull: boolean
  /** It was said to be gone, or nobody of this life has met it; forgotten when nothing waits for it any more. */
  isGone: boolean
  /** When something was put for it last. */
  usedMs: number
}

/** See the head of this file. */
export class Outbox {
  readonly #parts: OutboxParts
  readonly #destinations = new Map<string, Destination>()
  readonly #byNumber = new Map<number, Destination>()
  readonly #deadlines = new Deadlines()
  #number = 0
  #bytes = 0
  #size = 0
  #repeated = 0
  #lastSession = 0

  constructor(parts: OutboxParts) {
    this.#parts = parts
    const left = parts.store?.load() ?? []
    for (const { session } of left) this.#lastSession = Math.max(this.#lastSession, session)
    for (const stored of left) this.#restore(stored)
  }

  /** Messages that are not over, counted for each node. */
  get size(): number {
    return this.#size
  }

  /** Nodes that something waits for, or that may get more in the same session. */
  get nodes(): number {
    return this.#destinations.size
  }

  /** Messages sent again. */
  get repeated(): number {
    return this.#repeated
  }

  get nextDueMs(): number {
    return this.#deadlines.earliest()
  }

  /** Those of the nodes that a message of so many bytes cannot wait for. */
  full(nodes: readonly string[], bytes: number): readonly string[] {
    const { outboxBytesMax, outboxMessagesMax } = this.#parts.settings
    if (this.#bytes + nodes.length * (bytes + LETTER_BYTES) > outboxBytesMax) return nodes
    return nodes.filter((node) => {
      const sessions = this.#destinations.get(node)?.sessions ?? []
      return sessions.reduce((sum, { size }) => sum + size, 0) >= outboxMessagesMax
    })
  }

  /** One message for one node. */
  add(node: string, via: string | undefined, parcel: Parcel, expiresMs: number): void {
    const destination = this.#destination(node, via)
    const session = destination.sessions.at(-1)!
    const number = this.#put(session, parcel, expiresMs)
    if (parcel.isStored) {
      const expiresWallMs = Math.round(this.#parts.wallNow() + expiresMs - this.#parts.now())
      const { letter, groups } = parcel
      this.#parts.store?.keep({
        ...{ node, session: session.id, number, letter, groups, via, expiresWallMs },
      })
    }
    this.#pump(destination)
  }

  /** Last values for a node that wants a filter now. */
  replay(node: string, via: string | undefined, filter: string, letters: Iterator<Letter>): void {
    const destination = this.#destination(node, via)
    destination.replays.push({ filter, letters })
    this.#pump(destination)
  }

  /** That node wants the filter no more. */
  stopReplay(node: string, filter: string): void {
    const destination = this.#destinations.get(node)
    const at = destination?.replays.findIndex((replay) => replay.filter === filter) ?? -1
    if (destination === undefined || at === -1) return
    destination.replays.splice(at, 1)
    // It may be that nothing waits for the node any more.
    this.#schedule(destination)
  }

  /** A node says what it has. */
  acknowledged(node: string, state: Extract<Acknowledgement, { type: 'state' }>): void {
    const destination = this.#destinations.get(node)
    const session = destination?.sessions[0]
    if (destination === undefined || session?.id !== state.session) return
    session.acknowledge(state, this.#parts.now(), this.#sink(destination))
    this.#pump(destination)
  }

  /** A node does not let this one publish. */
  denied(node: string, session: number): void {
    const destination = this.#destinations.get(node)
    const first = destination?.sessions[0]
    if (destination === undefined || first?.id !== session) return
    destination.replays.length = 0
    first.end('denied', this.#sink(destination))
    this.#pump(destination)
  }

  /** Its link takes messages again. */
  drained(node: string): void {
    const destination = this.#destinations.get(node)
    if (destination === undefined) return
    destination.isFull = false
    this.#pump(destination)
  }

  /** A node is gone; messages wait for it as long as they may. */
  gone(node: string, reason: GoneReason): void {
    const destination = this.#destinations.get(node)
    if (destination === undefined) return
    destination.isFull = false
    if (reason === 'restarted') return this.#again(destination)
    destination.isGone = true
    this.#end(destination)
  }

  /** A node says what it wants, so there is a way to it: what could not reach it goes again at once. */
  met(node: string): void {
    const destination = this.#destinations.get(node)
    if (destination === undefined) return
    const { isGone, isFull, sessions } = destination
    if (isGone || isFull || sessions[0]!.isSilent) this.#again(destination)
  }

  /** The node stops: who waits is told, and what is stored stays for the next life. */
  stop(): void {
    for (const { node, sessions } of this.#destinations.values()) {
      for (const session of sessions) {
        for (const { content } of session.items()) content.deliveries?.over(node, 'expired')
      }
    }
    this.#destinations.clear()
    this.#byNumber.clear()
    this.#deadlines.clear()
    this.#size = 0
    this.#bytes = 0
  }

  /** Time has passed. Each node has one turn, also if something is due for it again at once. */
  tick(): void {
    const nowMs = this.#parts.now()
    for (const destination of this.#takeDue(nowMs)) {
      // What one is told may end others.
      if (!this.#byNumber.has(destination.number)) continue
      const { sessions } = destination
      const session = sessions[0]!
      if (this.#forgetMs(destination) <= nowMs) {
        this.#forget(destination)
        continue
      }
      if (session.nextDueMs <= nowMs) {
        // A link that says nothing for so long is asked again.
        destination.isFull = false
        session.tick(nowMs, this.#sink(destination))
      }
      for (let at = 1; at < sessions.length; at++) {
        sessions[at]!.expire(nowMs, this.#sink(destination, sessions[at]))
      }
      this.#pump(destination)
      this.#end(destination)
    }
  }

  #takeDue(nowMs: number): Destination[] {
    const due: Destination[] = []
    while (this.#deadlines.earliest() <= nowMs) {
      const number = this.#deadlines.first()
      this.#deadlines.delete(number)
      const destination = this.#byNumber.get(number)
      if (destination !== undefined) due.push(destination)
    }
    return due
  }

  #restore(stored: StoredLetter): void {
    const { node, via, session: id, number, letter, groups, expiresWallMs } = stored
    const { store, now, wallNow } = this.#parts
    const leftMs = expiresWallMs - wallNow()
    if (leftMs <= 0) {
      store?.forget(stored)
      this.#parts.lost(letter, node)
      return
    }
    const destination = this.#destination(node, via)
    destination.isGone = true
    const { sessions } = destination
    let session = sessions.find((each) => each.id === id)
    // They come in the order of their lives, before that of this one.
    if (session === undefined) sessions.splice(-1, 0, (session = this.#session(id)))
    const parcel = { letter, groups, deliveries: undefined, isStored: true }
    this.#put(session, parcel, now() + leftMs, number)
    this.#deadlines.set(destination.number, now())
  }

  #put(session: SendSession<Parcel>, parcel: Parcel, expiresMs: number, number?: number): number {
    const bytes = parcel.letter.payload.size + LETTER_BYTES
    this.#size += 1
    this.#bytes += bytes
    return session.add(parcel, bytes, expiresMs, number)
  }

  #pump(destination: Destination): void {
    const { sessions, replays } = destination
    const sink = this.#sink(destination)
    while (sessions.length > 1 && sessions[0]!.size === 0) sessions.shift()
    const session = sessions[0]!
    if (!destination.isFull) session.pump(this.#parts.now(), sink)
    while (replays.length > 0 && !destination.isFull && session.hasRoom && sessions.length === 1) {
      const { done, value } = replays[0]!.letters.next()
      if (done === true) replays.shift()
      else {
        const parcel = { letter: value, groups: undefined, deliveries: undefined, isStored: false }
        this.#put(session, parcel, this.#parts.now() + this.#parts.settings.outboxTtlMs)
        session.pump(this.#parts.now(), sink)
      }
    }
    this.#schedule(destination)
  }

  /** When time concerns it next. */
  #schedule(destination: Destination): void {
    let dueMs = this.#forgetMs(destination)
    for (const session of destination.sessions) dueMs = Math.min(dueMs, session.nextDueMs)
    if (dueMs === Infinity) this.#deadlines.delete(destination.number)
    else this.#deadlines.set(destination.number, dueMs)
  }

  /**
   * When a node for which nothing waits is forgotten: as late as receivers forget sessions. Nobody says that one is gone
   * which was reached through a gateway.
   */
  #forgetMs({ usedMs, sessions, replays }: Destination): number {
    const isIdle = replays.length === 0 && sessions.every(({ size }) => size === 0)
    return isIdle ? usedMs + this.#parts.settings.sessionTtlMs : Infinity
  }

  /** Forgets a node that is gone when nothing waits for it any more. */
  #end(destination: Destination): void {
    const { isGone, sessions } = destination
    if (isGone && sessions.every(({ size }) => size === 0)) this.#forget(destination)
  }

  #forget({ node, number }: Destination): void {
    this.#destinations.delete(node)
    this.#byNumber.delete(number)
    this.#deadlines.delete(number)
  }

  #again(destination: Destination): void {
    destination.isFull = false
    destination.isGone = false
    destination.sessions[0]!.resend(this.#parts.now())
    this.#deadlines.set(destination.number, this.#parts.now())
  }

  #sink(
    destination: Destination,
    { id }: SendSession<Parcel> = destination.sessions[0]!,
  ): SessionSink<Parcel> {
    const { node } = destination
    return {
      send: ({ content }, place, isRepeated) => {
        if (isRepeated) this.#repeated += 1
        const outcome = this.#parts.send(node, destination.via, content, place)
        // What is not taken comes again in its time.
        destination.isFull = outcome === 'full' || outcome === 'refused'
        return !destination.isFull
      },
      over: (item, end) => this.#over(node, id, item, end),
    }
  }

  #over(node: string, session: number, item: SessionItem<Parcel>, end: ItemEnd): void {
    const { number, bytes, content } = item
    this.#size -= 1
    this.#bytes -= bytes
    if (content.isStored) this.#parts.store?.forget({ node, session, number })
    if (content.deliveries !== undefined) content.deliveries.over(node, end)
    else if (end !== 'acknowledged') this.#parts.lost(content.letter, node)
  }

  #destination(node: string, via: string | undefined): Destination {
    let destination = this.#destinations.get(node)
    if (destination === undefined) {
      const sessions = [this.#session(this.#newSession())]
      const usedMs = this.#parts.now()
      const number = ++this.#number
      destination = {
        ...{ node, number, via, sessions, replays: [], isFull: false, isGone: false, usedMs },
      }
      this.#destinations.set(node, destination)
      this.#byNumber.set(number, destination)
    }
    destination.usedMs = this.#parts.now()
    destination.via = via ?? destination.via
    return destination
  }

  /** Larger than those of all lives before. */
  #newSession(): number {
    const { wallNow, chance } = this.#parts
    const id = Math.floor(wallNow()) * SESSIONS_PER_MS + Math.floor(chance() * SESSIONS_PER_MS)
    this.#lastSession = Math.max(this.#lastSession + 1, id % UINT48_MAX)
    return this.#lastSession
  }

  #session(id: number): SendSession<Parcel> {
    return new SendSession<Parcel>(id, this.#parts.settings, this.#parts.chance)
  }
}

/** 48 bits last until the year 2109. */
const SESSIONS_PER_MS = 64
