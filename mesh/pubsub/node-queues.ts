/**
 * Messages `at_most_once` for nodes whose links take no more for now: in order, a bounded number for each node; then the
 * oldest is dropped and counted.
 */
import type { CourierOutcome } from '../courier/courier.ts'
import type { PubSubSettings } from './options.ts'

/** What the queues work with. */
export interface NodeQueuesParts {
  readonly settings: Pick<PubSubSettings, 'queueMessagesMax' | 'queueBytesMax'>
  readonly send: (node: string, via: string | undefined, frame: Uint8Array) => CourierOutcome
  readonly now: () => number
  /** A message for a node is lost. */
  readonly dropped: (node: string) => void
}

interface Queued {
  readonly via: string | undefined
  readonly frame: Uint8Array
}

interface Queue {
  readonly frames: Queued[]
  bytes: number
}

/** A link that says nothing for so long is tried again. */
const RETRY_MS = 1_000

/** See the head of this file. */
export class NodeQueues {
  readonly #parts: NodeQueuesParts
  /** A node that has one is full. */
  readonly #queues = new Map<string, Queue>()
  #size = 0
  #nextDueMs = Infinity

  constructor(parts: NodeQueuesParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#size
  }

  get nextDueMs(): number {
    return this.#nextDueMs
  }

  /** Sends a frame, now or later; false when it is dropped. */
  send(node: string, via: string | undefined, frame: Uint8Array): boolean {
    const queue = this.#queues.get(node)
    if (queue !== undefined) return this.#push(node, queue, { via, frame })
    const outcome = this.#parts.send(node, via, frame)
    if (outcome === 'full') this.#open(node)
    if (outcome !== 'refused') return true
    this.#parts.dropped(node)
    return false
  }

  /** A node takes messages again. */
  drained(node: string): void {
    const queue = this.#queues.get(node)
    if (queue === undefined) return
    const { frames } = queue
    let sent = 0
    let outcome: CourierOutcome = 'sent'
    while (sent < frames.length && outcome !== 'full') {
      const { via, frame } = frames[sent]!
      sent += 1
      queue.bytes -= frame.length
      outcome = this.#parts.send(node, via, frame)
      if (outcome === 'refused') this.#parts.dropped(node)
    }
    frames.splice(0, sent)
    this.#size -= sent
    if (outcome !== 'full') this.#queues.delete(node)
  }

  /** A node is gone, and with it what waits for it. */
  gone(node: string): void {
    const queue = this.#queues.get(node)
    if (queue === undefined) return
    this.#queues.delete(node)
    this.#size -= queue.frames.length
    for (let at = 0; at < queue.frames.length; at++) this.#parts.dropped(node)
  }

  tick(nowMs: number): void {
    if (this.#nextDueMs > nowMs) return
    for (const node of Array.from(this.#queues.keys())) this.drained(node)
    this.#nextDueMs = this.#queues.size === 0 ? Infinity : nowMs + RETRY_MS
  }

  #open(node: string): void {
    this.#queues.set(node, { frames: [], bytes: 0 })
    this.#nextDueMs = Math.min(this.#nextDueMs, this.#parts.now() + RETRY_MS)
  }

  #push(node: string, queue: Queue, queued: Queued): boolean {
    const { queueMessagesMax, queueBytesMax } = this.#parts.settings
    const { frames } = queue
    frames.push(queued)
    queue.bytes += queued.frame.length
    this.#size += 1
    while (frames.length > queueMessagesMax || (queue.bytes > queueBytesMax && frames.length > 1)) {
      // At the limit this costs as much as a push; the arrays are short.
      queue.bytes -= frames.shift()!.frame.length
      this.#size -= 1
      this.#parts.dropped(node)
    }
    return true
  }
}
