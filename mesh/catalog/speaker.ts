/**
 * Tells linked peers the state of one kind (`telling.ts`), each from where it says it is: one after the other, as long
 * as its lane takes more. A peer that is slow gets what has changed meanwhile in one step, however often it changed.
 */
import type { CatalogSent } from './machine.ts'
import type { HeldMessage, StepMessage } from './message.ts'
import type { CatalogSettings } from './settings.ts'
import type { Telling } from './telling.ts'

/** What a {@link Speaker} needs. */
export interface SpeakerParts {
  readonly telling: Telling
  readonly life: number
  readonly settings: Pick<CatalogSettings, 'ackTimeoutMs' | 'askRetryMs'>
  readonly send: (to: string, message: StepMessage) => CatalogSent
}

interface Listener {
  readonly peer: string
  /** What it said that it holds, and when. */
  base: number
  askedMs: number
  /** What it holds after what was sent; -1 before its first word. */
  sent: number
  acked: number
  queue: readonly StepMessage[]
  at: number
  blocked: boolean
  /** Of the last message. */
  sentMs: number
}

const NOTHING: readonly StepMessage[] = Object.freeze([])

/** See the head of this file. */
export class Speaker {
  readonly #parts: SpeakerParts
  readonly #listeners = new Map<string, Listener>()
  /** What {@link isBusy} answers; undefined when it must look. It is asked at every step, mostly about quiet links. */
  #busy: boolean | undefined = false

  constructor(parts: SpeakerParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#listeners.size
  }

  /** Something is under way to somebody: {@link sweep} is to be called. */
  get isBusy(): boolean {
    this.#busy ??= this.#isOpenToAny()
    return this.#busy
  }

  /** True when everybody who listens has acknowledged everything. */
  get isQuiet(): boolean {
    const { version } = this.#parts.telling
    for (const { acked } of this.#listeners.values()) if (acked !== version) return false
    return true
  }

  /**
   * A link came up. When the peer was told a version in the handshake, it holds that one or will ask for it; else it will
   * say what it holds.
   */
  linked(nowMs: number, peer: string, version: number = -1): void {
    const listener: Listener = {
      ...{ peer, base: version, askedMs: -Infinity, sent: version, acked: version },
      ...{ queue: NOTHING, at: 0, blocked: false, sentMs: -Infinity },
    }
    this.#listeners.set(peer, listener)
    this.#pump(nowMs, listener)
  }

  unlinked(peer: string): void {
    this.#listeners.delete(peer)
    if (this.#busy === true) this.#busy = undefined
  }

  /** A peer says what it holds. */
  held(nowMs: number, peer: string, { mode, life, version }: HeldMessage): void {
    const listener = this.#listeners.get(peer)
    if (listener === undefined) return
    const { telling, settings } = this.#parts
    const isOurs = life === this.#parts.life && version <= telling.version
    const base = isOurs ? version : 0
    if (mode === 'ack') {
      if (!isOurs || base > listener.sent || base <= listener.acked) return
      listener.acked = base
      return this.#noted(listener)
    }
    // Words cross: the answer to the first of them is on its way already.
    const isAnswered = listener.base === base && listener.acked === base && listener.sent >= 0
    const isLate = nowMs - listener.askedMs >= settings.ackTimeoutMs
    if (mode === 'ask' && isAnswered && !isLate) return
    listener.askedMs = nowMs
    this.#begin(nowMs, listener, base)
  }

  /** A step was made. */
  tell(nowMs: number, step: readonly StepMessage[]): void {
    const { from, to } = step[0]!
    for (const listener of this.#listeners.values()) {
      if (listener.sent === from && listener.at === listener.queue.length && !listener.blocked) {
        listener.queue = step
        listener.at = 0
        listener.sent = to
      }
      this.#pump(nowMs, listener)
    }
  }

  drained(nowMs: number, peer: string): void {
    const listener = this.#listeners.get(peer)
    if (listener === undefined || !listener.blocked) return
    listener.blocked = false
    this.#pump(nowMs, listener)
  }

  /** Looks after what got lost. */
  sweep(nowMs: number): void {
    const { ackTimeoutMs, askRetryMs } = this.#parts.settings
    for (const listener of this.#listeners.values()) {
      const waitedMs = nowMs - listener.sentMs
      if (listener.blocked && waitedMs >= askRetryMs) {
        listener.blocked = false
        this.#pump(nowMs, listener)
      } else if (isOpen(listener) && waitedMs >= ackTimeoutMs) {
        this.#begin(nowMs, listener, listener.acked)
      }
    }
  }

  #begin(nowMs: number, listener: Listener, base: number): void {
    const { telling } = this.#parts
    listener.base = base
    listener.acked = base
    listener.queue = (base > 0 ? telling.since(base) : undefined) ?? telling.full()
    listener.at = 0
    listener.sent = telling.version
    this.#pump(nowMs, listener)
  }

  #isOpenToAny(): boolean {
    for (const listener of this.#listeners.values()) if (isOpen(listener)) return true
    return false
  }

  #pump(nowMs: number, listener: Listener): void {
    const { telling, send } = this.#parts
    while (!listener.blocked) {
      if (listener.at < listener.queue.length) {
        const outcome = send(listener.peer, listener.queue[listener.at]!)
        listener.sentMs = nowMs
        if (outcome !== 'refused') listener.at += 1
        listener.blocked = outcome !== 'sent'
      } else if (listener.sent >= 0 && listener.sent < telling.version) {
        listener.queue = telling.since(listener.sent) ?? telling.full()
        listener.at = 0
        listener.sent = telling.version
      } else {
        listener.queue = NOTHING
        listener.at = 0
        break
      }
    }
    this.#noted(listener)
  }

  /** Something about that listener is new. */
  #noted(listener: Listener): void {
    if (isOpen(listener)) this.#busy = true
    else if (this.#busy === true) this.#busy = undefined
  }
}

function isOpen({ sent, acked, blocked }: Listener): boolean {
  return blocked || (sent >= 0 && acked < sent)
}
