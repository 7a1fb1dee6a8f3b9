/**
 * What one side of a stream sends: cuts items into pieces, numbers them, keeps what is not acknowledged, and never
 * sends more than the other side has room for.
 *
 * Invariants: pieces leave in order; the sum of what was sent never passes the limits that were granted; what is
 * acknowledged is not kept; an end comes after everything that was pushed before it.
 */
import type { StreamCredit, StreamFault, StreamPart } from './frames.ts'
import { FRAGMENT_BYTES_MAX, WINDOW_BYTES_MAX, WINDOW_FRAMES_MAX } from './frames.ts'

/** What waits to be sent. */
type Waiting =
  | { readonly type: 'data' | 'reply'; readonly bytes: Uint8Array }
  | { readonly type: 'end' }
  | { readonly type: 'error'; readonly fault: StreamFault }

/** Takes the parts that may leave now. */
export type EmitPart = (part: StreamPart) => void

/** Acknowledged parts in front of the list before they are cut off. */
const SPENT_MAX = 64

/** Stands for what was acknowledged, so that its bytes are let go of at once. */
const SPENT: StreamPart = Object.freeze({ type: 'end', sequence: -1 })

/** The sending half of a stream. */
export class Outgoing {
  readonly #waiting: Waiting[] = []
  #head = 0
  /** Bytes of the first waiting item that have left. */
  #offset = 0
  /** Sent and not acknowledged, from `#first` on. */
  readonly #kept: StreamPart[] = []
  #spent = 0
  #first = 0
  #next = 0
  #framesLimit = 0
  #bytesLimit = 0
  #bytesSent = 0
  #bytesKept = 0
  #bytesWaiting = 0
  #isEnded = false
  readonly #spentItem: (bytes: Uint8Array) => void

  /** `spentItem` gets a view of each item of which the other side says that it has all. */
  constructor(spentItem: (bytes: Uint8Array) => void) {
    this.#spentItem = spentItem
  }

  /** Number of the next part. */
  get next(): number {
    return this.#next
  }

  /** Something was sent that nobody has acknowledged. */
  get isKept(): boolean {
    return this.#first < this.#next
  }

  /** An end or a result was pushed: nothing follows. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Everything that was pushed, its end too, has arrived. */
  get isDone(): boolean {
    return this.#isEnded && !this.isKept && this.waiting === 0
  }

  /** Items and ends that have not left completely. */
  get waiting(): number {
    return this.#waiting.length - this.#head
  }

  /** Bytes sent and not acknowledged. */
  get bytesKept(): number {
    return this.#bytesKept
  }

  /** Bytes pushed that have not left. */
  get bytesWaiting(): number {
    return this.#bytesWaiting
  }

  /** One more item, or the result; sent by `flush`. */
  push(type: 'data' | 'reply', bytes: Uint8Array): void {
    this.#waiting.push({ type, bytes })
    this.#bytesWaiting += bytes.length
    if (type === 'reply') this.#isEnded = true
  }

  /** Nothing follows, or this failure does. */
  end(fault?: StreamFault): void {
    this.#waiting.push(fault === undefined ? { type: 'end' } : { type: 'error', fault })
    this.#isEnded = true
  }

  /** Forgets everything. */
  clear(): void {
    this.#waiting.length = 0
    this.#head = 0
    this.#offset = 0
    this.#kept.length = 0
    this.#spent = 0
    this.#first = this.#next
    this.#bytesKept = 0
    this.#bytesWaiting = 0
    this.#isEnded = true
  }

  /** The other side has room, and has what is below `received`; false when that cannot be true. */
  grant({ received, framesLimit, bytesLimit }: StreamCredit): boolean {
    if (received > this.#next) return false
    if (framesLimit - this.#next > WINDOW_FRAMES_MAX) return false
    if (bytesLimit - this.#bytesSent > WINDOW_BYTES_MAX) return false
    // Credits may overtake each other.
    this.#framesLimit = Math.max(this.#framesLimit, framesLimit)
    this.#bytesLimit = Math.max(this.#bytesLimit, bytesLimit)
    while (this.#first < received) {
      const part = this.#kept[this.#spent]!
      this.#bytesKept -= sizeOf(part)
      if (part.type === 'data' && !part.more) this.#spentItem(part.bytes)
      this.#kept[this.#spent] = SPENT
      this.#spent += 1
      this.#first += 1
    }
    if (this.#spent > SPENT_MAX) {
      this.#kept.splice(0, this.#spent)
      this.#spent = 0
    }
    return true
  }

  /** Sends what may be sent; gives how many items have left with it completely. */
  flush(emit: EmitPart): number {
    let left = 0
    while (this.#head < this.#waiting.length) {
      const item = this.#waiting[this.#head]!
      if (item.type === 'end' || item.type === 'error') {
        this.#keep({ ...item, sequence: this.#next }, emit)
      } else {
        const remaining = item.bytes.length - this.#offset
        const size = Math.min(remaining, FRAGMENT_BYTES_MAX)
        if (this.#next >= this.#framesLimit || this.#bytesSent + size > this.#bytesLimit) break
        const bytes =
          size === item.bytes.length
            ? item.bytes
            : item.bytes.subarray(this.#offset, this.#offset + size)
        const more = size < remaining
        this.#bytesWaiting -= size
        this.#keep({ type: item.type, sequence: this.#next, more, bytes }, emit)
        this.#offset += size
        if (more) continue
      }
      this.#offset = 0
      this.#head += 1
      if (item.type === 'data') left += 1
    }
    if (this.#head > SPENT_MAX || this.#head === this.#waiting.length) {
      this.#waiting.splice(0, this.#head)
      this.#head = 0
    }
    return left
  }

  /** Sends what was sent before and did not arrive, from `from` to before `before`; gives how many. */
  resend(from: number, before: number, emit: EmitPart): number {
    let resent = 0
    for (let sequence = Math.max(from, this.#first); sequence < before; sequence++) {
      const part = this.#kept[this.#spent + sequence - this.#first]
      if (part === undefined) break
      emit(part)
      resent += 1
    }
    return resent
  }

  #keep(part: StreamPart, emit: EmitPart): void {
    const size = sizeOf(part)
    this.#kept.push(part)
    this.#next += 1
    this.#bytesSent += size
    this.#bytesKept += size
    emit(part)
  }
}

function sizeOf(part: StreamPart): number {
  return part.type === 'data' || part.type === 'reply' ? part.bytes.length : 0
}
