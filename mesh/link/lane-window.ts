/**
 * How little of the bulk lane is under way while other lanes speak. The transport sends the streams of calls first, but
 * what it has sent cannot be overtaken, and the receiver's turns are busy with it: beside a window of the transport full of
 * bulk a call waits for all of it, and so it does beside many streams of items, each of which has credit of its own. So the
 * lane as a whole is held to one window (`shared-window.ts`), whoever sends on it.
 *
 *     sender:   bulk frames ... as many as the window has room for; the others wait here
 *     receiver: bulkTaken       how many bytes came, once for all that came in a turn, on the control lane
 *
 * Invariants:
 * - Frames of the lane leave in the order in which they came.
 * - A frame that waits goes when the peer has taken something, or with the end of the lane; it waits for nothing else.
 * - With a peer that does not say what it took (an earlier version), nothing waits.
 */
import type { Clock } from '../../runtime/index.ts'
import { SharedWindow } from './shared-window.ts'

/** How nodes say in the handshake that they tell how much they took of the bulk lane. */
export const BULK_TAKEN_CAPABILITY = 'link.bulk_taken'

/** A frame in one or two parts. */
export interface HeldFrame {
  readonly frame: Uint8Array
  readonly rest: Uint8Array | undefined
}

/** The sending side of the bulk lane of one link. */
export class LaneWindow {
  readonly #window: SharedWindow
  readonly #clock: Clock
  #held: HeldFrame[] = []
  /** Of the next one. */
  #at = 0
  #bytesHeld = 0

  constructor(bytesMin: number, clock: Clock) {
    this.#window = new SharedWindow(bytesMin)
    this.#clock = clock
  }

  /** Bytes of frames that wait. */
  get bytesHeld(): number {
    return this.#bytesHeld
  }

  /** Bytes that the peer has not taken yet. */
  get bytesUnderWay(): number {
    return this.#window.bytesUnderWay
  }

  /** Something went to the peer on a lane that somebody waits for. */
  shared(): void {
    this.#window.shared(this.#clock.now())
  }

  /** Whether a frame of so many bytes may go now. */
  hasRoom(bytes: number): boolean {
    return this.#bytesHeld === 0 && this.#window.hasRoom(bytes, this.#clock.now())
  }

  /** A frame went. */
  sent(bytes: number): void {
    this.#window.sent(bytes, this.#clock.now())
  }

  hold(frame: Uint8Array, rest: Uint8Array | undefined): void {
    this.#held.push({ frame, rest })
    this.#bytesHeld += lengthOf(frame, rest)
  }

  /** The peer took so many bytes; false when that cannot be. */
  taken(bytes: number): boolean {
    return this.#window.taken(bytes, this.#clock.now())
  }

  /** Takes the next frame that may go now, or that waits at all. */
  next(which: 'with_room' | 'any'): HeldFrame | undefined {
    const held = this.#held[this.#at]
    if (held === undefined) return undefined
    const bytes = lengthOf(held.frame, held.rest)
    if (which === 'with_room' && !this.#window.hasRoom(bytes, this.#clock.now())) return undefined
    this.#bytesHeld -= bytes
    this.#at += 1
    if (this.#at * 2 >= this.#held.length) {
      this.#held = this.#held.slice(this.#at)
      this.#at = 0
    }
    return held
  }
}

/** What a tally needs. */
export interface LaneTallyParts {
  readonly clock: Clock
  /** Tells the peer; throws when that could not be queued. */
  readonly tell: (bytes: number) => void
}

/** The receiving side: what came, until the peer is told. */
export class LaneTally {
  readonly #parts: LaneTallyParts
  #bytes = 0
  #isDue = false

  constructor(parts: LaneTallyParts) {
    this.#parts = parts
  }

  /** So many bytes were handled. */
  took(bytes: number): void {
    this.#bytes += bytes
    if (this.#isDue) return
    this.#isDue = true
    this.#parts.clock.microtask(() => {
      this.#isDue = false
      this.tell()
    })
  }

  /** Tells what was not told yet. When there was no room for the word, it is told with the next one. */
  tell(): void {
    const bytes = this.#bytes
    if (bytes === 0) return
    this.#bytes = 0
    try {
      this.#parts.tell(bytes)
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_LINK_QUEUE_FULL') throw error
      this.#bytes += bytes
    }
  }
}

function lengthOf(frame: Uint8Array, rest: Uint8Array | undefined): number {
  return frame.length + (rest?.length ?? 0)
}
