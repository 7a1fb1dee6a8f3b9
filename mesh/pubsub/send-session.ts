/**
 * The messages `at_least_once` of this node for another one, until they are over: numbered, so many of them on the way,
 * repeated until the other one says that it has handled them, or until their time is over. A synchronous machine.
 *
 *     add -> waits -> on the way -> (held: it is there and not handled) -> over
 *                        ^  | wait, twice as long each time
 *                        +--+
 *
 * Numbers begin at 1 and are never used twice in a session. A receiver that has lost its memory begins with the first
 * message that has none before it (`previous` is 0).
 */
import type { Acknowledgement, SessionPlace } from './wire.ts'
import { inRuns } from './wire.ts'
import type { PubSubSettings } from './options.ts'

/** One message of a session. */
export interface SessionItem<Content> {
  readonly number: number
  readonly content: Content
  readonly bytes: number
  readonly expiresMs: number
}

/** How a message ends. */
export type ItemEnd = 'acknowledged' | 'expired' | 'denied'

/** What a session wants done. */
export interface SessionSink<Content> {
  /** Sends a message; false when the next one must wait. */
  send(item: SessionItem<Content>, place: SessionPlace, isRepeated: boolean): boolean
  over(item: SessionItem<Content>, end: ItemEnd): void
}

/** Settings of a session. */
export type SessionSettings = Pick<
  PubSubSettings,
  'windowMessagesMax' | 'windowBytesMax' | 'retryBaseMs' | 'retryMaxMs' | 'retryJitter'
>

interface Item<Content> extends SessionItem<Content> {
  before: Item<Content> | undefined
  after: Item<Content> | undefined
  /** 0 until it is sent. */
  attempts: number
  dueMs: number
  /** The receiver has it. */
  isHeld: boolean
}

/** While the receiver is silent, only the first of what is due are sent again. */
const PROBES = 4
/** From this attempt on it is silent. */
const SILENT_ATTEMPTS = 3

type State = Extract<Acknowledgement, { type: 'state' }>

/** See the head of this file. */
export class SendSession<Content> {
  readonly id: number
  readonly #settings: SessionSettings
  readonly #chance: () => number
  #first: Item<Content> | undefined
  #last: Item<Content> | undefined
  /** The first that is not sent; all before it are, none after it is. */
  #unsent: Item<Content> | undefined
  #nextNumber = 1
  #size = 0
  #bytes = 0
  #underWay = 0
  #bytesUnderWay = 0
  #isSilent = false
  #nextDueMs = Infinity
  #nextExpiryMs = Infinity

  constructor(id: number, settings: SessionSettings, chance: () => number) {
    this.id = id
    this.#settings = settings
    this.#chance = chance
  }

  /** Messages that are not over. */
  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Nothing waits, and more could be under way. */
  get hasRoom(): boolean {
    return this.#unsent === undefined && this.#underWay < this.#settings.windowMessagesMax
  }

  /** Nothing has been heard of the receiver for several repetitions. */
  get isSilent(): boolean {
    return this.#isSilent
  }

  /** When {@link tick} has something to do, at the earliest. */
  get nextDueMs(): number {
    return Math.min(this.#nextDueMs, this.#nextExpiryMs)
  }

  /** One more; gives its number. `number` is given for what is from a life before, in the order of numbers. */
  add(
    content: Content,
    bytes: number,
    expiresMs: number,
    number: number = this.#nextNumber,
  ): number {
    this.#nextNumber = number + 1
    const before = this.#last
    const item: Item<Content> = {
      number,
      content,
      bytes,
      expiresMs,
      before,
      after: undefined,
      attempts: 0,
      dueMs: Infinity,
      isHeld: false,
    }
    if (before === undefined) this.#first = item
    else before.after = item
    this.#last = item
    this.#unsent ??= item
    this.#size += 1
    this.#bytes += bytes
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, expiresMs)
    return number
  }

  /** Sends what may be sent. */
  pump(nowMs: number, sink: SessionSink<Content>): void {
    let item = this.#unsent
    while (item !== undefined && this.#fits(item)) {
      this.#unsent = item.after
      this.#underWay += 1
      this.#bytesUnderWay += item.bytes
      if (!this.#send(item, nowMs, sink)) return
      item = this.#unsent
    }
  }

  /** The receiver says what it has. */
  acknowledge(state: State, nowMs: number, sink: SessionSink<Content>): void {
    const { next, unsettled, held } = state
    const lastHeld = held.at(-1) ?? 0
    const wasSilent = this.#isSilent
    this.#isSilent = false
    for (let item = this.#first; item !== undefined && item !== this.#unsent;) {
      const { after, number } = item
      const isPast = number < next
      if (isPast && !inRuns(unsettled, number)) this.#remove(item, 'acknowledged', sink)
      else if (isPast || inRuns(held, number)) this.#isThere(item, nowMs)
      else if (item.isHeld || wasSilent || (item.attempts === 1 && number < lastHeld)) {
        // It has lost its memory, was away, or this one was overtaken by a later one.
        item.isHeld = false
        item.attempts = 1
        this.#due(item, nowMs)
      }
      item = after
    }
    if (this.#nextDueMs <= nowMs) this.tick(nowMs, sink)
    else this.pump(nowMs, sink)
  }

  /** Time has passed. */
  tick(nowMs: number, sink: SessionSink<Content>): void {
    this.expire(nowMs, sink)
    this.#nextDueMs = Infinity
    let sent = 0
    for (let item = this.#first; item !== undefined && item !== this.#unsent; item = item.after) {
      if (item.dueMs <= nowMs) {
        if (item.attempts >= SILENT_ATTEMPTS && !item.isHeld) this.#isSilent = true
        sent += 1
        if (this.#isSilent && sent > PROBES)
          item.dueMs = nowMs + this.#jittered(this.#settings.retryMaxMs)
        else this.#send(item, nowMs, sink)
      }
      this.#nextDueMs = Math.min(this.#nextDueMs, item.dueMs)
    }
    this.pump(nowMs, sink)
  }

  /** Gives up what has had its time. Sends nothing, so a session that waits for its turn may be asked. */
  expire(nowMs: number, sink: SessionSink<Content>): void {
    if (this.#nextExpiryMs > nowMs) return
    this.#nextExpiryMs = Infinity
    for (let item = this.#first; item !== undefined;) {
      const { after } = item
      if (item.expiresMs <= nowMs) {
        this.#remove(item, 'expired', sink)
        // It may be all that the next one has waited for.
        if (after !== undefined && after.attempts > 0) {
          after.isHeld = false
          after.dueMs = nowMs
        }
      } else this.#nextExpiryMs = Math.min(this.#nextExpiryMs, item.expiresMs)
      item = after
    }
  }

  /** The receiver has begun a new life, or there is a way to it again: everything under way goes again. */
  resend(nowMs: number): void {
    for (let item = this.#first; item !== undefined && item !== this.#unsent; item = item.after) {
      item.isHeld = false
      item.attempts = Math.min(item.attempts, 1)
      this.#due(item, nowMs)
    }
    this.#isSilent = false
  }

  /** Nothing of it will be taken. */
  end(end: ItemEnd, sink: SessionSink<Content>): void {
    for (let item = this.#first; item !== undefined; item = item.after) {
      this.#remove(item, end, sink)
    }
  }

  /** What is not over, in order. */
  *items(): Iterable<SessionItem<Content>> {
    for (let item = this.#first; item !== undefined; item = item.after) yield item
  }

  #fits({ bytes }: Item<Content>): boolean {
    const { windowMessagesMax, windowBytesMax } = this.#settings
    if (this.#underWay === 0) return true
    return this.#underWay < windowMessagesMax && this.#bytesUnderWay + bytes <= windowBytesMax
  }

  #send(item: Item<Content>, nowMs: number, sink: SessionSink<Content>): boolean {
    item.attempts += 1
    this.#due(item, nowMs + this.#waitMs(item.attempts))
    const previous = item.before?.number ?? 0
    const place = { session: this.id, number: item.number, previous }
    return sink.send(item, place, item.attempts > 1)
  }

  #isThere(item: Item<Content>, nowMs: number): void {
    if (item.isHeld) return
    item.isHeld = true
    item.dueMs = nowMs + this.#jittered(this.#settings.retryMaxMs)
  }

  #due(item: Item<Content>, dueMs: number): void {
    item.dueMs = dueMs
    this.#nextDueMs = Math.min(this.#nextDueMs, dueMs)
  }

  #waitMs(attempts: number): number {
    const { retryBaseMs, retryMaxMs } = this.#settings
    return this.#jittered(Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(attempts - 1, 30)))
  }

  #jittered(ms: number): number {
    return ms * (1 + this.#settings.retryJitter * (2 * this.#chance() - 1))
  }

  #remove(item: Item<Content>, end: ItemEnd, sink: SessionSink<Content>): void {
    const { before, after } = item
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    if (this.#unsent === item) this.#unsent = after
    this.#size -= 1
    this.#bytes -= item.bytes
    if (item.attempts > 0) {
      this.#underWay -= 1
      this.#bytesUnderWay -= item.bytes
    }
    sink.over(item, end)
  }
}
