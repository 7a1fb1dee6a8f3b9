/**
 * What waits to be sent to one peer, in one order. Frames go straight to the link while it takes them;
 * when it says "enough" they wait here until it drains. A message larger than a frame goes as chunks, and
 * whatever comes after it waits until its last chunk is out, so that nothing overtakes.
 *
 * Bounds: `outboxBytesMax` bytes wait, what went out as chunks not counted, and a single larger message
 * only in an empty outbox; above that messages are refused. Signals, replies and the like must not be
 * lost, so they may use a reserve beyond it; when that is used up too, the peer is given up: `overflow`
 * closes its link, and both sides see `noconnection` instead of a gap.
 */
import { WireType, writeHeader } from '../mesh/index.ts'
import { CHUNK_HEADER_BYTES, writeChunkHeader } from './chunk.ts'

const HEADER_BYTES = 8

/** The part of a link that an outbox uses. */
export interface OutboxLink {
  /** False: queued, but enough. Throws `ERR_LINK_QUEUE_FULL` when nothing was queued. */
  send(lane: 'dist', frame: Uint8Array): boolean
}

/** Limits of {@link Outbox}; see `DistOptions`. */
export interface OutboxOptions {
  /** Largest payload of one frame that both sides take. */
  readonly frameBytesMax: number
  /** Bytes that may wait. */
  readonly outboxBytesMax: number
  /** Bytes of messages that must not be lost, on top. */
  readonly reserveBytesMax: number
  /** Called once when the reserve is used up. */
  readonly overflow: () => void
  /** Called when the link refused a frame although it had not said "enough". */
  readonly retry: () => void
}

/** Payload of a chunk frame: enough to be cheap, short enough to share the link. */
const CHUNK_BYTES = 131_072

/** One waiting message. */
class Waiting {
  /** A frame; its header is not used if it goes as chunks. */
  readonly frame: Uint8Array
  readonly type: number
  /** Payload bytes that went out as chunks. */
  sent = 0
  next: Waiting | undefined = undefined
  constructor(frame: Uint8Array, type: number) {
    this.frame = frame
    this.type = type
  }
}

/** Frames on their way to one peer. */
export class Outbox {
  readonly #link: OutboxLink
  readonly #options: OutboxOptions
  readonly #chunkBytes: number
  #head: Waiting | undefined = undefined
  #tail: Waiting | undefined = undefined
  #bytes = 0
  #blocked = false
  #closed = false

  constructor(link: OutboxLink, options: OutboxOptions) {
    this.#link = link
    this.#options = options
    this.#chunkBytes = Math.min(CHUNK_BYTES, options.frameBytesMax)
  }

  /** Bytes that wait here; what the link has queued is not counted. */
  get bytesWaiting(): number {
    return this.#bytes
  }

  /** Sends a message that may be refused; false when there is no room. */
  offer(type: number, frame: Uint8Array): boolean {
    if (this.#closed) return false
    if (this.#head === undefined && !this.#blocked && this.#fits(frame)) {
      if (this.#send(frame)) return true
      // The link refused it although it was willing: it waits like the others.
    }
    if (this.#bytes > 0 && this.#bytes + frame.length > this.#options.outboxBytesMax) return false
    this.#push(type, frame)
    return true
  }

  /** Sends a message that must not be lost. */
  force(type: number, frame: Uint8Array): void {
    if (this.offer(type, frame) || this.#closed) return
    const { outboxBytesMax, reserveBytesMax, overflow } = this.#options
    if (this.#bytes + frame.length > outboxBytesMax + reserveBytesMax) {
      this.close()
      overflow()
    } else this.#push(type, frame)
  }

  /** The link takes frames again. */
  drained(): void {
    this.#blocked = false
    while (this.#head !== undefined && !this.#blocked && !this.#closed) {
      if (!this.#sendNext(this.#head)) return
    }
  }

  /** Drops what waits; nothing is sent any more. */
  close(): void {
    this.#closed = true
    this.#head = undefined
    this.#tail = undefined
    this.#bytes = 0
  }

  #fits(frame: Uint8Array): boolean {
    return frame.length - HEADER_BYTES <= this.#options.frameBytesMax
  }

  #push(type: number, frame: Uint8Array): void {
    const waiting = new Waiting(frame, type)
    if (this.#tail === undefined) this.#head = waiting
    else this.#tail.next = waiting
    this.#tail = waiting
    this.#bytes += frame.length
    if (!this.#blocked) this.drained()
  }

  /** Sends the first message, or its next chunk; false if the link did not take it. */
  #sendNext(first: Waiting): boolean {
    if (this.#fits(first.frame)) {
      if (!this.#send(first.frame)) return false
      this.#shift(first)
      return true
    }
    const chunk = this.#chunkOf(first)
    if (!this.#send(chunk)) return false
    // Closed by what the link did meanwhile.
    if (this.#head !== first) return true
    const sent = chunk.length - HEADER_BYTES - CHUNK_HEADER_BYTES
    first.sent += sent
    this.#bytes -= sent
    if (first.sent + HEADER_BYTES === first.frame.length) this.#shift(first)
    return true
  }

  #shift(first: Waiting): void {
    // Closed by what the link did meanwhile.
    if (this.#head !== first) return
    this.#head = first.next
    if (this.#head === undefined) this.#tail = undefined
    this.#bytes -= first.frame.length - first.sent
  }

  /** The next chunk of a message as a whole frame; see chunk.ts. */
  #chunkOf(waiting: Waiting): Uint8Array {
    const total = waiting.frame.length - HEADER_BYTES
    const length = Math.min(this.#chunkBytes - CHUNK_HEADER_BYTES, total - waiting.sent)
    const frame = new Uint8Array(HEADER_BYTES + CHUNK_HEADER_BYTES + length)
    writeHeader(frame, 0, WireType.distChunk, CHUNK_HEADER_BYTES + length)
    writeChunkHeader(frame, HEADER_BYTES, waiting.type, total)
    const from = HEADER_BYTES + waiting.sent
    frame.set(waiting.frame.subarray(from, from + length), HEADER_BYTES + CHUNK_HEADER_BYTES)
    return frame
  }

  /** True when the link has the frame now. */
  #send(frame: Uint8Array): boolean {
    try {
      if (!this.#link.send('dist', frame)) this.#blocked = true
      return true
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_LINK_QUEUE_FULL') throw error
      this.#blocked = true
      this.#options.retry()
      return false
    }
  }
}
