/**
 * What waits to be sent to one peer. Messages go straight to the link while it takes them; when it says "enough" they
 * wait here until it drains. A large message goes in chunks (chunk.ts), in turn with other large ones and with
 * everything that is not for the same receiver: a value of many megabytes delays nobody but those who speak after it
 * to the process that it is for (order-keys.ts).
 *
 *     offer --> ready (whole messages, in order) -----------------------> link
 *          \--> held (follow a large one to the same receiver)  \-> turns with
 *           \-> large ones wait --> transfers (chunk by chunk) -------> link
 *
 * Invariants:
 * - Two messages whose keys conflict leave in the order in which they came, the large one with its last chunk.
 * - Chunks and whole messages take turns by bytes: neither starves the other.
 * - Chunks wait when the peer has too many of them before it (`mesh/link/shared-window.ts`); whole messages do not. What waited for
 *   the end of a large one does not make them wait: it comes behind them anyhow.
 * - Transfers under way are at most what the peer puts together at once: TRANSFERS_MAX, `valueBytesMax` in sum.
 *
 * Bounds: `outboxBytesMax` bytes of whole messages wait, and as many of large ones, what went out as chunks not
 * counted; a single larger message only when no large one waits. Above that messages are refused. Signals, replies and the
 * like must not be lost, so they may use a reserve beyond it; when that is used up too, the peer is given up: `overflow`
 * closes its link, and both sides see `noconnection` instead of a gap.
 */
import { SharedWindow, WireType, writeHeader } from '../mesh/index.ts'
import { CHUNK_HEADER_BYTES, TRANSFERS_MAX, writeChunkHeader } from './chunk.ts'
import { OrderKeys, type OrderKey } from './order-keys.ts'

const HEADER_BYTES = 8

/** The part of a link that an outbox uses. */
export interface OutboxLink {
  /** False: queued, but enough. Throws `ERR_LINK_QUEUE_FULL` when nothing was queued. */
  send(lane: 'dist', frame: Uint8Array, rest?: Uint8Array): boolean
  /** Bytes that it holds still. */
  readonly bytesQueued: number
}

/** Limits of {@link Outbox}; see `DistOptions`. */
export interface OutboxOptions {
  /** Largest payload of one frame that both sides take. */
  readonly frameBytesMax: number
  /** Bytes that may wait. */
  readonly outboxBytesMax: number
  /** Bytes of messages that must not be lost, on top. */
  readonly reserveBytesMax: number
  /** Largest message; the peer puts no more than that together at once. */
  readonly valueBytesMax: number
  /** Bytes of chunks under way beside other messages, at least; undefined if the peer does not say what it took. */
  readonly chunkWindowBytes: number | undefined
  readonly now: () => number
  /** The peer has all of a large message, and the link holds nothing of it: nobody looks at its frame any more. */
  readonly recycle: (frame: Uint8Array) => void
  /** Called once when the reserve is used up. */
  readonly overflow: () => void
  /** Called when the link refused a frame although it had not said "enough". */
  readonly retry: () => void
}

/** Payload of a chunk frame: enough to be cheap, short enough to share the lane. */
const CHUNK_BYTES = 65_536

/** Messages up to this go whole: a call with 64 KiB of data is not worth cutting. */
const WHOLE_BYTES_MAX = 98_304

/** Frames that the peer has not taken yet are remembered for reuse up to so many bytes; of a peer that says nothing, no more. */
const SPENT_BYTES_MAX = 16_777_216

/** One waiting message. */
class Waiting {
  /** A frame; its header is not used if it goes as chunks. */
  readonly frame: Uint8Array
  readonly type: number
  readonly key: OrderKey
  /** Payload bytes that went out as chunks. */
  sent = 0
  /** Number of its transfer. */
  id = 0
  /** It has waited for the end of a large one. */
  follows = false
  constructor(type: number, frame: Uint8Array, key: OrderKey) {
    this.type = type
    this.frame = frame
    this.key = key
  }

  get payloadBytes(): number {
    return this.frame.length - HEADER_BYTES
  }
}

/** A queue that is taken from its head; costs the same however long it is. */
class Line {
  #items: Waiting[] = []
  #at = 0

  get head(): Waiting | undefined {
    return this.#items[this.#at]
  }

  push(item: Waiting): void {
    this.#items.push(item)
  }

  shift(): void {
    this.#at += 1
    if (this.#at < 64 || this.#at * 2 < this.#items.length) return
    this.#items = this.#items.slice(this.#at)
    this.#at = 0
  }

  /** Everything in order; nothing is left. */
  takeAll(): readonly Waiting[] {
    const all = this.#at === 0 ? this.#items : this.#items.slice(this.#at)
    this.#items = []
    this.#at = 0
    return all
  }
}

/** Messages on their way to one peer. */
export class Outbox {
  readonly #link: OutboxLink
  readonly #options: OutboxOptions
  readonly #chunkBytes: number
  readonly #wholeBytesMax: number
  readonly #window: SharedWindow | undefined
  readonly #keys = new OrderKeys()
  readonly #ready = new Line()
  readonly #held = new Line()
  readonly #large = new Line()
  /** Under way, the next one first. */
  readonly #transfers: Waiting[] = []
  /** Sent to the end, and how many bytes of chunks, and of everything, that made: the peer has not taken them all. */
  readonly #spent: {
    readonly frame: Uint8Array
    readonly bytesSent: number
    readonly bytesGiven: number
  }[] = []
  /** Bytes that the link was given. */
  #bytesGiven = 0
  #spentBytes = 0
  #wholeBytes = 0
  #largeBytes = 0
  #transferBytes = 0
  /** Bytes of whole messages since the last chunk, while one waits. */
  #sinceChunk = 0
  #lastId = 0
  #blocked = false
  #closed = false

  constructor(link: OutboxLink, options: OutboxOptions) {
    this.#link = link
    this.#options = options
    this.#chunkBytes = Math.min(CHUNK_BYTES, options.frameBytesMax)
    this.#wholeBytesMax = Math.min(WHOLE_BYTES_MAX, options.frameBytesMax)
    const { chunkWindowBytes } = options
    this.#window = chunkWindowBytes === undefined ? undefined : new SharedWindow(chunkWindowBytes)
  }

  /** Bytes that wait here; what the link has queued is not counted. */
  get bytesWaiting(): number {
    return this.#wholeBytes + this.#largeBytes
  }

  /** Sends a message that may be refused; false when there is no room. */
  offer(type: number, frame: Uint8Array, key?: OrderKey): boolean {
    if (this.#closed) return false
    const isLarge = frame.length - HEADER_BYTES > this.#wholeBytesMax
    if (!isLarge && this.#mayPass(key)) {
      if (this.#pass(type, frame, false)) return true
      // The link refused it although it was willing: it waits like the others.
    }
    const waiting = isLarge ? this.#largeBytes : this.#wholeBytes
    if (waiting > 0 && waiting + frame.length > this.#options.outboxBytesMax) return false
    this.#push(new Waiting(type, frame, key), isLarge)
    return true
  }

  /** Sends a message that must not be lost. */
  force(type: number, frame: Uint8Array, key?: OrderKey): void {
    if (this.offer(type, frame, key) || this.#closed) return
    const { outboxBytesMax, reserveBytesMax, overflow } = this.#options
    const isLarge = frame.length - HEADER_BYTES > this.#wholeBytesMax
    const waiting = isLarge ? this.#largeBytes : this.#wholeBytes
    if (waiting + frame.length > outboxBytesMax + reserveBytesMax) {
      this.close()
      overflow()
    } else this.#push(new Waiting(type, frame, key), isLarge)
  }

  /** The link takes frames again. */
  drained(): void {
    this.#blocked = false
    this.#pump()
  }

  /** The peer took so many bytes of chunks; false when that cannot be. */
  taken(bytes: number): boolean {
    if (this.#window?.taken(bytes, this.#options.now()) !== true) return false
    this.#recycle(this.#window.bytesTaken)
    if (!this.#blocked) this.#pump()
    return true
  }

  /** The word of a peer is not enough: what the link holds still would bring it bytes that are for others. */
  #recycle(bytesTaken: number): void {
    const bytesGone = this.#bytesGiven - this.#link.bytesQueued
    for (let next = this.#spent[0]; next !== undefined; next = this.#spent[0]) {
      if (next.bytesSent > bytesTaken || next.bytesGiven > bytesGone) return
      this.#options.recycle(this.#forgetSpent())
    }
  }

  /** Drops what waits; nothing is sent any more. */
  close(): void {
    this.#closed = true
    for (const line of [this.#ready, this.#held, this.#large]) line.takeAll()
    this.#transfers.length = 0
    this.#spent.length = 0
    this.#spentBytes = 0
    this.#keys.clear()
    this.#wholeBytes = 0
    this.#largeBytes = 0
    this.#transferBytes = 0
  }

  /** Nothing waits that it would overtake. */
  #mayPass(key: OrderKey): boolean {
    return !this.#blocked && this.#ready.head === undefined && !this.#keys.conflicts(key)
  }

  #push(waiting: Waiting, isLarge: boolean): void {
    if (isLarge) this.#largeBytes += waiting.frame.length
    else this.#wholeBytes += waiting.frame.length
    this.#queue(waiting, isLarge)
    if (!this.#blocked) this.#pump()
  }

  /** What follows a large message to the same receiver waits for its end, and what follows that, too. */
  #queue(waiting: Waiting, isLarge: boolean): void {
    const { key } = waiting
    if (this.#keys.conflicts(key)) {
      this.#keys.add(key)
      waiting.follows = true
      this.#held.push(waiting)
      return
    }
    // A large one leaves the line of whole messages only after those that came before it.
    if (isLarge) this.#keys.add(key)
    this.#ready.push(waiting)
  }

  #pump(): void {
    while (!this.#blocked && !this.#closed) {
      const next = this.#ready.head
      const isChunkDue = this.#transfers.length > 0 && this.#sinceChunk >= this.#chunkBytes
      if (next === undefined || (isChunkDue && this.#mayChunk())) {
        if (!this.#begin() || !this.#sendChunk()) return
      } else if (this.#isLarge(next)) {
        this.#ready.shift()
        this.#large.push(next)
        this.#begin()
      } else if (!this.#sendWhole(next)) return
    }
  }

  #isLarge({ payloadBytes }: Waiting): boolean {
    return payloadBytes > this.#wholeBytesMax
  }

  /** Begins transfers as far as the peer puts them together; false when there is none. */
  #begin(): boolean {
    for (let next = this.#large.head; next !== undefined; next = this.#large.head) {
      const sum = this.#transferBytes + next.payloadBytes
      const isFirst = this.#transfers.length === 0
      const hasRoom = this.#transfers.length < TRANSFERS_MAX && sum <= this.#options.valueBytesMax
      if (!isFirst && !hasRoom) break
      this.#large.shift()
      this.#lastId = (this.#lastId + 1) >>> 0
      next.id = this.#lastId
      this.#transferBytes = sum
      this.#transfers.push(next)
    }
    return this.#transfers.length > 0
  }

  #sendWhole(next: Waiting): boolean {
    if (!this.#pass(next.type, next.frame, next.follows)) return false
    // Closed by what the link did meanwhile.
    if (this.#ready.head !== next) return true
    this.#ready.shift()
    this.#wholeBytes -= next.frame.length
    if (this.#transfers.length > 0) this.#sinceChunk += next.frame.length
    return true
  }

  #sendChunk(): boolean {
    const [first] = this.#transfers
    if (first === undefined || !this.#mayChunk()) return false
    const from = HEADER_BYTES + first.sent
    const sent = Math.min(this.#chunkBytes - CHUNK_HEADER_BYTES, first.payloadBytes - first.sent)
    const data = first.frame.subarray(from, from + sent)
    if (!this.#send(chunkHead(first, sent), data)) return false
    this.#window?.sent(sent, this.#options.now())
    if (this.#transfers[0] !== first) return true
    this.#sinceChunk = 0
    first.sent += sent
    this.#largeBytes -= sent
    this.#transfers.shift()
    if (first.sent < first.payloadBytes) this.#transfers.push(first)
    else this.#finished(first)
    return true
  }

  /** Whatever waited for it may go on, as far as nothing else is in its way. */
  #finished({ key, payloadBytes, frame }: Waiting): void {
    if (this.#window !== undefined) {
      const bytesGiven = this.#bytesGiven
      this.#spent.push({ frame, bytesSent: this.#window.bytesSent, bytesGiven })
      this.#spentBytes += frame.length
      while (this.#spentBytes > SPENT_BYTES_MAX) this.#forgetSpent()
    }
    this.#largeBytes -= HEADER_BYTES
    this.#transferBytes -= payloadBytes
    this.#keys.remove(key)
    const held = this.#held.takeAll()
    for (const waiting of held) this.#keys.remove(waiting.key)
    for (const waiting of held) this.#queue(waiting, this.#isLarge(waiting))
  }

  #forgetSpent(): Uint8Array {
    const { frame } = this.#spent.shift()!
    this.#spentBytes -= frame.length
    return frame
  }

  /** Sends a whole message. */
  #pass(type: number, frame: Uint8Array, follows: boolean): boolean {
    if (!this.#send(frame)) return false
    // What is said about chunks does not have to pass others, and what follows a large value comes behind it anyhow.
    if (type !== WireType.distTaken && !follows) this.#window?.shared(this.#options.now())
    return true
  }

  /** Whether the peer has few enough chunks before it; if not, `taken` goes on. */
  #mayChunk(): boolean {
    return this.#window?.hasRoom(this.#chunkBytes, this.#options.now()) !== false
  }

  /** True when the link has the frame now. */
  #send(frame: Uint8Array, rest?: Uint8Array): boolean {
    try {
      if (!this.#link.send('dist', frame, rest)) this.#blocked = true
      this.#bytesGiven += frame.length + (rest?.length ?? 0)
      return true
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_LINK_QUEUE_FULL') throw error
      this.#blocked = true
      this.#options.retry()
      return false
    }
  }
}

/** What comes before the next `length` bytes of a message; see chunk.ts. */
function chunkHead({ id, type, payloadBytes }: Waiting, length: number): Uint8Array {
  const head = new Uint8Array(HEADER_BYTES + CHUNK_HEADER_BYTES)
  writeHeader(head, 0, WireType.distChunk, CHUNK_HEADER_BYTES + length)
  writeChunkHeader(head, HEADER_BYTES, { id, type, total: payloadBytes })
  return head
}
