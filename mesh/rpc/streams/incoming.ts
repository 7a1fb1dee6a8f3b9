/**
 * What one side of a stream receives: puts parts in order, joins pieces to items, keeps items until they are read,
 * and says how much room there is.
 *
 * Invariants: items are read in the order of their numbers, each once; what waits here never passes the window, but for
 * one item that is larger than the window: its pieces are let in when nothing else waits (`early`), and counted.
 */
import type { StreamCredit, StreamFault, StreamPart } from './frames.ts'

/** What the reader gets next. */
export type StreamRead =
  | { readonly type: 'item' | 'reply'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'error'; readonly fault: StreamFault }

/** Room of one direction. */
export interface StreamWindow {
  readonly windowFrames: number
  readonly windowBytes: number
  readonly itemBytesMax: number
}

/** What a part did. */
export type Reception = 'taken' | 'duplicate' | 'overrun' | 'too_large'

interface Entry {
  readonly read: StreamRead
  readonly frames: number
  readonly bytes: number
}

const EMPTY: Uint8Array = new Uint8Array(0)

/** Entries in front of the queue that were read before they are cut off. */
const SPENT_MAX = 64

/** The receiving half of a stream. */
export class Incoming {
  readonly #window: StreamWindow
  /** Parts that came before their turn. */
  readonly #held = new Map<number, StreamPart>()
  #expected = 0
  #pieces: Uint8Array[] = []
  #piecesBytes = 0
  readonly #queue: Entry[] = []
  #head = 0
  #bytesReceived = 0
  #framesRead = 0
  #bytesRead = 0
  /** Of the item that comes, or is next, and was counted as read already. */
  #framesEarly = 0
  #bytesEarly = 0
  #framesTold: number
  #bytesTold: number
  /** Number of the last part, once it is known. */
  #last = Infinity

  constructor(window: StreamWindow) {
    this.#window = window
    this.#framesTold = window.windowFrames
    this.#bytesTold = window.windowBytes
  }

  /** All parts below this have arrived. */
  get expected(): number {
    return this.#expected
  }

  /** The end has arrived, with everything before it. */
  get isComplete(): boolean {
    return this.#expected > this.#last
  }

  /** What can be read now. */
  get readable(): number {
    return this.#queue.length - this.#head
  }

  /** What was sent last, once it has come and nothing before it is missing. */
  get last(): StreamRead | undefined {
    return this.isComplete ? this.#queue.at(-1)?.read : undefined
  }

  /** Bytes that were let in beyond the window, for an item larger than it. */
  get bytesEarly(): number {
    return this.#bytesEarly
  }

  /** Bytes that wait here. */
  get bytesKept(): number {
    return this.#bytesReceived - this.#bytesRead
  }

  get framesLimit(): number {
    return this.#framesRead + this.#framesEarly + this.#window.windowFrames
  }

  get bytesLimit(): number {
    return this.#bytesRead + this.#bytesEarly + this.#window.windowBytes
  }

  /** A part has come. */
  take(part: StreamPart): Reception {
    const { sequence } = part
    if (sequence < this.#expected || this.#held.has(sequence)) return 'duplicate'
    if (sequence > this.#last) return 'overrun'
    const isData = part.type === 'data' || part.type === 'reply'
    // What was told is what the other side may use; an end needs no room.
    if (sequence > this.#framesTold || (isData && sequence === this.#framesTold)) return 'overrun'
    if (isData) {
      if (this.#bytesReceived + part.bytes.length > this.#bytesTold) return 'overrun'
      this.#bytesReceived += part.bytes.length
    }
    if (sequence === this.#expected) return this.#advance(part)
    this.#held.set(sequence, part)
    return 'taken'
  }

  /** The next of what has come; undefined when there is nothing yet. A result or an end stays. */
  read(): StreamRead | undefined {
    const entry = this.#queue[this.#head]
    if (entry === undefined) return undefined
    if (entry.read.type !== 'item') return entry.read
    this.#head += 1
    if (this.#head > SPENT_MAX || this.#head === this.#queue.length) {
      this.#queue.splice(0, this.#head)
      this.#head = 0
    }
    this.#framesRead += entry.frames
    this.#bytesRead += entry.bytes
    this.#framesEarly = 0
    this.#bytesEarly = 0
    this.#letIn()
    return entry.read
  }

  /** Nobody reads any more. */
  clear(): void {
    this.#held.clear()
    this.#pieces = []
    this.#piecesBytes = 0
    this.#queue.length = 0
    this.#head = 0
    this.#framesEarly = 0
    this.#bytesEarly = 0
    this.#bytesRead = this.#bytesReceived
    this.#framesRead = Math.max(this.#framesRead, this.#expected)
  }

  /** Half of the window is free since the other side was told last. */
  get isCreditDue(): boolean {
    const { windowFrames, windowBytes } = this.#window
    return (
      (this.framesLimit - this.#framesTold) * 2 >= windowFrames ||
      (this.bytesLimit - this.#bytesTold) * 2 >= windowBytes
    )
  }

  /** What the other side is to be told. */
  credit(asks: number, answers: number): StreamCredit {
    this.#framesTold = Math.max(this.#framesTold, this.framesLimit)
    this.#bytesTold = Math.max(this.#bytesTold, this.bytesLimit)
    return {
      type: 'credit',
      received: this.#expected,
      framesLimit: this.#framesTold,
      bytesLimit: this.#bytesTold,
      asks,
      answers,
    }
  }

  #advance(first: StreamPart): Reception {
    let part: StreamPart | undefined = first
    while (part !== undefined) {
      this.#expected += 1
      if (!this.#join(part)) return 'too_large'
      if (this.#held.size === 0) break
      if (this.isComplete) return 'overrun'
      part = this.#held.get(this.#expected)
      this.#held.delete(this.#expected)
    }
    this.#letIn()
    return 'taken'
  }

  /** False when the item is larger than it may be. */
  #join(part: StreamPart): boolean {
    if (part.type === 'end' || part.type === 'error') {
      this.#last = part.sequence
      this.#queue.push({ read: endOf(part), frames: 0, bytes: 0 })
      return true
    }
    const size = this.#piecesBytes + part.bytes.length
    if (size > this.#window.itemBytesMax) return false
    if (part.more) {
      this.#pieces.push(part.bytes)
      this.#piecesBytes = size
      return true
    }
    const frames = this.#pieces.length + 1
    const bytes = frames === 1 ? part.bytes : joined(this.#pieces, part.bytes, size)
    this.#pieces = []
    this.#piecesBytes = 0
    if (part.type === 'reply') this.#last = part.sequence
    const type = part.type === 'reply' ? 'reply' : 'item'
    this.#queue.push({ read: { type, bytes }, frames, bytes: size })
    return true
  }

  /** An item that comes in pieces has its room when nothing is before it: else it might never be whole. */
  #letIn(): void {
    if (this.readable > 0) return
    this.#framesEarly = this.#pieces.length
    this.#bytesEarly = this.#piecesBytes
  }
}

function endOf(part: Extract<StreamPart, { readonly type: 'end' | 'error' }>): StreamRead {
  return part.type === 'end' ? { type: 'end' } : { type: 'error', fault: part.fault }
}

function joined(pieces: readonly Uint8Array[], last: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  bytes.set(last, at)
  return size === 0 ? EMPTY : bytes
}
