/** What one peer may send and ask for within a second. */
import type { PresenceSettings } from './options.ts'

interface Spent {
  messages: number
  bytes: number
}

const WINDOW_MS = 1_000

/** See the head of this file. */
export class PeerRates {
  readonly #settings: PresenceSettings
  readonly #spent = new Map<string, Spent>()
  #startMs = -Infinity

  constructor(settings: PresenceSettings) {
    this.#settings = settings
  }

  /** One more message; false when it is one too many. */
  message(node: string, nowMs: number): boolean {
    const spent = this.#of(node, nowMs)
    spent.messages += 1
    return spent.messages <= this.#settings.messagesPerSecondMax
  }

  /** Whether a question may be answered. */
  mayAnswer(node: string, nowMs: number): boolean {
    return this.#of(node, nowMs).bytes < this.#settings.answerBytesPerSecondMax
  }

  answered(node: string, bytes: number, nowMs: number): void {
    this.#of(node, nowMs).bytes += bytes
  }

  #of(node: string, nowMs: number): Spent {
    if (nowMs - this.#startMs >= WINDOW_MS) {
      this.#startMs = nowMs
      this.#spent.clear()
    }
    let spent = this.#spent.get(node)
    if (spent === undefined) {
      spent = { messages: 0, bytes: 0 }
      this.#spent.set(node, spent)
    }
    return spent
  }
}
