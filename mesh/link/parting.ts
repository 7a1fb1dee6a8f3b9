/**
 * How a link that nobody needs any more ends without losing what is said at that moment, as a pure machine.
 *
 *     who asks                                  its peer
 *     parting (frames sent, frames got) ----->  has got all of them, has sent no other, needs nothing:
 *     what is said now waits                    goodbye, and not a word more on this link
 *           <------------------------ goodbye
 *     goes, too; what waits takes another link
 *           <------------------------ staying   in every other case: something is under way, or the link is needed
 *     what waited goes out
 *
 * Invariants:
 * - A goodbye is said only when nothing is under way in either direction, on any lane: the counts of both sides
 *   agree, and whoever asks has sent nothing since it counted. Lanes are not ordered with each other, so only counts can tell.
 * - A frame that comes while the question is open answers it: its sender had not parted, and does not by that question.
 * - Questions have numbers: an answer to an earlier one says nothing about what was sent since.
 * - Both sides may ask at once.
 */
import type { PartingMessage } from '../wire/check.ts'
import { LinkError } from './errors.ts'
import type { LaneName } from './link.ts'

/** How nodes say in the handshake that they answer such questions; others are only told goodbye. */
export const PARTING_CAPABILITY = 'link.parting'

/** A link asks its peer whether it may end, or goes on. If it ends, its `down` event tells. */
export interface PartingEvent<L> {
  readonly type: 'parting' | 'stays'
  readonly link: L
}

/** What was said while a question was open. */
export interface WaitingFrame {
  readonly lane: LaneName
  readonly frame: Uint8Array
}

/** Limits of {@link Parting}. */
export interface PartingOptions {
  readonly linkPartingTimeoutMs: number
  /** Bytes that may wait for an answer. */
  readonly bytesQueuedMax: number
}

/** See the file header; frames are those of the layers above, on all lanes. */
export class Parting {
  readonly #options: PartingOptions
  #sent = 0
  #received = 0
  #question = 0
  #isOpen = false
  #dueMs = Infinity
  #waiting: WaitingFrame[] = []
  #bytesWaiting = 0

  constructor(options: PartingOptions) {
    this.#options = options
  }

  /** Whether a question is open: what is said must `wait`. It stays open when the answer is a goodbye. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** When an answer is overdue. */
  get dueMs(): number {
    return this.#dueMs
  }

  get bytesWaiting(): number {
    return this.#bytesWaiting
  }

  bytesWaitingOn(lane: LaneName): number {
    let bytes = 0
    for (const waiting of this.#waiting) if (waiting.lane === lane) bytes += waiting.frame.length
    return bytes
  }

  /** A frame was handed to its lane. */
  sent(): void {
    this.#sent += 1
  }

  /** A frame came; true when it answers the open question: `take` what waits. */
  received(): boolean {
    this.#received += 1
    return this.#close()
  }

  /** Opens a question. */
  ask(nowMs: number): PartingMessage {
    this.#isOpen = true
    this.#dueMs = nowMs + this.#options.linkPartingTimeoutMs
    this.#question += 1
    return { question: this.#question, sent: this.#sent, received: this.#received }
  }

  /** The peer asks; true when this side may say goodbye now. */
  mayEnd({ sent, received }: PartingMessage, isNeeded: boolean): boolean {
    if (isNeeded || this.#waiting.length > 0) return false
    return sent === this.#received && received === this.#sent
  }

  /** The peer stays; true when that answers the open question: `take` what waits. */
  stays(question: number): boolean {
    return question === this.#question && this.#close()
  }

  /** Keeps what is said while a question is open: `false`, as a lane says "enough". Throws `ERR_LINK_QUEUE_FULL`. */
  wait(lane: LaneName, head: Uint8Array, rest?: Uint8Array): false {
    const frame = rest === undefined ? head : Buffer.concat([head, rest])
    const bytes = this.#bytesWaiting + frame.length
    if (bytes > this.#options.bytesQueuedMax) {
      const text = `${this.#bytesWaiting} bytes wait for the peer to say whether the link ends`
      throw new LinkError('ERR_LINK_QUEUE_FULL', text)
    }
    this.#bytesWaiting = bytes
    this.#waiting.push({ lane, frame })
    return false
  }

  /** What waited, in order. */
  take(): readonly WaitingFrame[] {
    const waiting = this.#waiting
    this.#waiting = []
    this.#bytesWaiting = 0
    return waiting
  }

  /** No answer is waited for any more: the link ends. */
  over(): void {
    this.#dueMs = Infinity
    this.take()
  }

  #close(): boolean {
    if (!this.#isOpen) return false
    this.#isOpen = false
    this.#dueMs = Infinity
    return true
  }
}
