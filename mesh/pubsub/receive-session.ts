/**
 * One session of a publisher, seen by its receiver: brings its messages into order and recognises repetitions. A
 * synchronous machine; see `send-session.ts` for the other side.
 *
 * Everything below `next` has been handed on, or never will be. What came too early is held, a bounded number of
 * messages and bytes. Nothing is acknowledged before it is settled.
 */
import type { Acknowledgement, SessionPlace } from './wire.ts'
import { runsFrom } from './wire.ts'

/** Limits of one session. */
export interface ReceiveLimits {
  /** Messages that are held, and messages that are handed on and not settled. */
  readonly messagesMax: number
  /** Bytes that are held. */
  readonly bytesMax: number
}

/** What becomes of a message: `next` is to be handed on, and then what {@link ReceiveSession.release} gives. */
export type Reception = 'next' | 'held' | 'duplicate' | 'beyond'

interface Held<Content> {
  readonly number: number
  previous: number
  readonly content: Content
  readonly bytes: number
}

/** See the head of this file. */
export class ReceiveSession<Content> {
  readonly id: number
  readonly #limits: ReceiveLimits
  #next = 0
  readonly #unsettled = new Set<number>()
  /** By number. */
  readonly #held: Held<Content>[] = []
  #heldBytes = 0
  /** When something came last. */
  seenMs: number

  constructor(id: number, limits: ReceiveLimits, nowMs: number) {
    this.id = id
    this.#limits = limits
    this.seenMs = nowMs
  }

  get next(): number {
    return this.#next
  }

  /** Messages handed on and not settled. */
  get unsettled(): number {
    return this.#unsettled.size
  }

  /** Messages that came too early. */
  get held(): number {
    return this.#held.length
  }

  /** A message came. */
  take({ number, previous }: SessionPlace, content: () => Content, bytes: number): Reception {
    if (number < this.#next) return 'duplicate'
    const { messagesMax, bytesMax } = this.#limits
    if (previous < this.#next || previous === 0) {
      if (this.#unsettled.size >= messagesMax) return 'beyond'
      this.#handOn(number)
      return 'next'
    }
    const at = this.#placeOf(number)
    const there = this.#held[at]
    if (there?.number === number) {
      there.previous = Math.min(there.previous, previous)
      return 'duplicate'
    }
    if (this.#held.length >= messagesMax || this.#heldBytes + bytes > bytesMax) return 'beyond'
    this.#held.splice(at, 0, { number, previous, content: content(), bytes })
    this.#heldBytes += bytes
    return 'held'
  }

  /** The next one that waited for what came; it is handed on with that. */
  release(): { readonly number: number; readonly content: Content } | undefined {
    let first = this.#held[0]
    // Those that were repeated, and handed on as what they are.
    while (first !== undefined && first.number < this.#next) {
      this.#drop()
      first = this.#held[0]
    }
    if (first === undefined || first.previous >= this.#next) return undefined
    if (this.#unsettled.size >= this.#limits.messagesMax) return undefined
    this.#drop()
    this.#handOn(first.number)
    return first
  }

  /** A message that was handed on is handled. */
  settle(number: number): void {
    this.#unsettled.delete(number)
  }

  /** What the publisher is told. */
  state(): Extract<Acknowledgement, { type: 'state' }> {
    const unsettled = this.#unsettled.size === 0 ? NONE : runsFrom(this.#unsettled)
    const held = this.#held.length === 0 ? NONE : runsFrom(this.#held.map(({ number }) => number))
    return { type: 'state', session: this.id, next: this.#next, unsettled, held }
  }

  #handOn(number: number): void {
    this.#next = number + 1
    this.#unsettled.add(number)
  }

  #drop(): void {
    this.#heldBytes -= this.#held.shift()!.bytes
  }

  /** Where a number is among those that are held, or belongs. */
  #placeOf(number: number): number {
    let low = 0
    let high = this.#held.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#held[middle]!.number < number) low = middle + 1
      else high = middle
    }
    return low
  }
}

const NONE: readonly number[] = Object.freeze([])
