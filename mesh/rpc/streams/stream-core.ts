/**
 * One side of a stream, as a synchronous machine: `(input, now) -> effects`. It holds no promise, timer or courier, and
 * never throws for what the other side sent.
 *
 *     opener                                acceptor
 *     open (its window)  ----------------->  credit (its window)
 *     data 0, 1, 2 ...   ----------------->  read, read: credit when half of the window is free
 *     end                ----------------->
 *                        <-----------------  data 0, 1 ..., then reply (the result) or error
 *
 * Invariants:
 * - Items are read once and in order, and before the end, the result or the failure that was sent after them.
 * - What is sent and not acknowledged never passes the window that the other side granted.
 * - `closed` is told once; after it nothing is sent. Both halves are forgotten then, but for what can still be read.
 * - The opener sends nothing before it has a credit, so nothing can come before `open` did.
 *
 * A side that hears nothing for `probeMs`, or has no acknowledgement for that long, asks; the answer says what has
 * arrived, and the rest is sent again. The question goes the way of the data, behind it. Who hears nothing for
 * `silenceMs` gives up.
 */
import type { StreamControl, StreamFault, StreamFrame, StreamPart, StreamSide } from './frames.ts'
import { streamFault } from './frames.ts'
import { Incoming } from './incoming.ts'
import type { StreamRead, StreamWindow } from './incoming.ts'
import { Outgoing } from './outgoing.ts'

/** Times and room of one stream. */
export interface StreamSettings extends StreamWindow {
  readonly probeMs: number
  /** How long the other side may say nothing at all. */
  readonly silenceMs: number
  /** How long no item, in either direction, may move. */
  readonly idleMs: number
  /** When the caller's time is over, by the own clock; `Infinity` for never. */
  readonly deadlineMs: number
}

/** What a core wants done. */
export interface StreamSink {
  send(frame: StreamFrame): void
  /** Something can be read that could not before. */
  readable(): void
  /** So many items that were written have left, in order. */
  accepted(items: number): void
  /** Bytes beyond the window are to be kept, or no longer; false when there is no room for them. */
  reserve(bytes: number): boolean
  /** The other side says that it has all of an item that was written, of whose bytes this is a view. */
  spent(bytes: Uint8Array): void
  /** The other side acknowledged the opening. */
  opened(): void
  /** The result or the failure of the acceptor has come; what came before it may still be unread. */
  settled(last: StreamRead): void
  /** The other side did what no honest one does; the stream ends. */
  violated(what: string): void
  /** Over. Why, if it did not end as it should; then pending reads and writes fail with it. */
  closed(fault: StreamFault | undefined): void
}

/** See the head of this file. */
export class StreamCore {
  readonly side: StreamSide
  readonly #settings: StreamSettings
  readonly #sink: StreamSink
  readonly #outgoing: Outgoing
  readonly #incoming: Incoming
  readonly #emit: (part: StreamPart) => void
  #isOpen: boolean
  /** The courier wants no more for now. */
  #isHeld = false
  #isClosed = false
  /** Local reader gave up, or is not there. */
  #isDeaf = false
  #reserved = 0
  #heardMs: number
  #movedMs: number
  #acknowledgedMs: number
  #askedMs: number
  /** What was asked last and not answered; 0 for nothing. */
  #asked = 0
  #resent = 0

  constructor(side: StreamSide, settings: StreamSettings, sink: StreamSink, nowMs: number) {
    this.side = side
    this.#settings = settings
    this.#sink = sink
    this.#outgoing = new Outgoing((bytes) => sink.spent(bytes))
    this.#incoming = new Incoming(settings)
    this.#emit = (part) => sink.send(part)
    this.#isOpen = side === 'acceptor'
    this.#heardMs = this.#movedMs = this.#acknowledgedMs = this.#askedMs = nowMs
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Bytes sent and not acknowledged. */
  get bytesKept(): number {
    return this.#outgoing.bytesKept
  }

  /** Bytes written that wait for room. */
  get bytesWaiting(): number {
    return this.#outgoing.bytesWaiting
  }

  /** Bytes that have come and were not read. */
  get bytesUnread(): number {
    return this.#incoming.bytesKept
  }

  /** Parts that were sent again. */
  get resent(): number {
    return this.#resent
  }

  /** This side may write. */
  get isWritable(): boolean {
    return !this.#isClosed && !this.#outgoing.isEnded
  }

  /** Room for what the other side writes; `limits` come from its `open`. The acceptor's first word. */
  accept(framesLimit: number, bytesLimit: number, nowMs: number): void {
    this.#outgoing.grant({
      type: 'credit',
      received: 0,
      framesLimit,
      bytesLimit,
      asks: 0,
      answers: 0,
    })
    this.#sink.send(this.#incoming.credit(0, 0))
    this.#heardMs = nowMs
  }

  /** One more item; `accepted` tells when it has left. */
  write(bytes: Uint8Array, nowMs: number): void {
    if (!this.isWritable) return
    this.#outgoing.push('data', bytes)
    this.#flush(nowMs)
  }

  /** The opener writes no more. */
  end(nowMs: number): void {
    if (!this.isWritable) return
    this.#outgoing.end()
    this.#flush(nowMs)
  }

  /** The result of the acceptor; nobody reads here any more. */
  reply(bytes: Uint8Array, nowMs: number): void {
    if (!this.isWritable) return
    this.#outgoing.push('reply', bytes)
    this.#deafen()
    this.#flush(nowMs)
  }

  /** The acceptor failed; told after everything that it wrote. */
  fail(fault: StreamFault, nowMs: number): void {
    if (!this.isWritable) return
    this.#outgoing.end(fault)
    this.#deafen()
    this.#flush(nowMs)
  }

  /** The courier wants no more, or takes more again. */
  hold(isHeld: boolean, nowMs: number): void {
    this.#isHeld = isHeld
    this.#flush(nowMs)
  }

  /** Ends it now, in both directions; the other side is told. */
  abort(fault: StreamFault): void {
    if (this.#isClosed) return
    this.#sink.send({ type: 'abort', fault })
    this.#close(fault)
  }

  /** The other side is gone: as `abort`, and nobody is told. */
  lose(fault: StreamFault): void {
    this.#close(fault)
  }

  /** The next of what has come; undefined when there is nothing yet. */
  read(nowMs: number): StreamRead | undefined {
    const read = this.#incoming.read()
    if (read?.type === 'item') {
      this.#movedMs = nowMs
      if (!this.#isClosed && this.#reserve()) this.#credit()
    }
    return read
  }

  /** Nobody will read: what has come and what comes is dropped. */
  discard(): void {
    this.#incoming.clear()
    this.#release()
  }

  /** The other side sent something. */
  take(frame: StreamFrame, nowMs: number): void {
    if (this.#isClosed) return
    this.#heardMs = nowMs
    if (frame.type === 'credit') this.#takeCredit(frame, nowMs)
    else if (frame.type === 'abort') this.#close(frame.fault)
    else this.#takePart(frame, nowMs)
  }

  /** Time has passed; gives when to call again. */
  tick(nowMs: number): number {
    if (this.#isClosed) return Infinity
    const { deadlineMs, silenceMs, idleMs, probeMs } = this.#settings
    if (nowMs >= deadlineMs) {
      this.abort(streamFault('timeout', 'the time of the stream is over'))
    } else if (nowMs - this.#heardMs >= silenceMs) {
      const message = `nothing heard of the other side for ${silenceMs} ms`
      this.abort(streamFault('unreachable', message))
    } else if (nowMs - this.#movedMs >= idleMs) {
      this.abort(streamFault('timeout', `nothing moved for ${idleMs} ms`))
    }
    if (this.#isClosed) return Infinity
    if (nowMs >= this.#probeDueMs()) {
      this.#askedMs = nowMs
      this.#asked = this.#outgoing.next + 1
      this.#sink.send(this.#incoming.credit(this.#asked, 0))
    }
    return Math.min(
      deadlineMs,
      this.#heardMs + silenceMs,
      this.#movedMs + idleMs,
      Math.max(this.#probeDueMs(), nowMs + probeMs / 2),
    )
  }

  #probeDueMs(): number {
    const { probeMs } = this.#settings
    const quietMs = this.#outgoing.isKept
      ? Math.min(this.#heardMs, this.#acknowledgedMs)
      : this.#heardMs
    return Math.max(quietMs, this.#askedMs) + probeMs
  }

  #takeCredit(credit: Extract<StreamControl, { readonly type: 'credit' }>, nowMs: number): void {
    const outgoing = this.#outgoing
    if (!outgoing.grant(credit)) return this.#violated('a credit that cannot be')
    this.#acknowledgedMs = nowMs
    if (!this.#isOpen) {
      this.#isOpen = true
      this.#sink.opened()
    }
    if (credit.answers > 0 && credit.answers === this.#asked) {
      // Once for each question: an answer must not make us send a window again and again.
      this.#asked = 0
      this.#resent += outgoing.resend(credit.received, credit.answers - 1, this.#emit)
    }
    if (credit.asks > 0) this.#sink.send(this.#incoming.credit(0, credit.asks))
    this.#flush(nowMs)
  }

  #takePart(part: StreamPart, nowMs: number): void {
    const { side } = this
    const isForeign =
      side === 'opener' ? part.type === 'end' : part.type === 'reply' || part.type === 'error'
    if (isForeign) return this.#violated(`a part of type ${part.type}`)
    const incoming = this.#incoming
    const before = incoming.readable
    switch (incoming.take(part)) {
      case 'duplicate':
        return
      case 'overrun':
        return this.#violated('more than its window')
      case 'too_large': {
        const message = `an item of more than ${this.#settings.itemBytesMax} bytes`
        return this.abort(streamFault('payload_too_large', message))
      }
      case 'taken':
    }
    this.#movedMs = nowMs
    if (this.#isDeaf) {
      // The answer is on its way: what still comes is let in and dropped.
      incoming.clear()
    } else if (!this.#reserve()) return
    if (incoming.readable > before) this.#sink.readable()
    if (this.#isClosed) return
    const { last } = incoming
    if (last !== undefined) this.#sink.send(incoming.credit(0, 0))
    else this.#credit()
    // The opener has everything, whatever of it has been read.
    if (last === undefined || side === 'acceptor') return
    this.#sink.settled(last)
    this.#close(undefined)
  }

  #credit(): void {
    const incoming = this.#incoming
    if (incoming.isComplete || !incoming.isCreditDue) return
    this.#sink.send(incoming.credit(0, 0))
  }

  #flush(nowMs: number): void {
    if (this.#isClosed) return
    const outgoing = this.#outgoing
    const { next, isKept } = outgoing
    if (this.#isHeld && !outgoing.isDone) return
    const left = outgoing.flush(this.#emit)
    if (outgoing.next > next) {
      this.#movedMs = nowMs
      if (!isKept) this.#acknowledgedMs = nowMs
    }
    if (left > 0) this.#sink.accepted(left)
    if (this.side === 'acceptor' && outgoing.isDone) this.#close(undefined)
  }

  #deafen(): void {
    this.#isDeaf = true
    this.discard()
  }

  /** Keeps the account of what is let in beyond the window; false when there is no room for it. */
  #reserve(): boolean {
    const { bytesEarly } = this.#incoming
    const change = bytesEarly - this.#reserved
    if (change === 0) return true
    if (!this.#sink.reserve(change)) {
      const message = 'too many bytes of large items are on their way to this node'
      this.abort(streamFault('overloaded', message))
      return false
    }
    this.#reserved = bytesEarly
    return true
  }

  #release(): void {
    if (this.#reserved !== 0) this.#sink.reserve(-this.#reserved)
    this.#reserved = 0
  }

  #violated(what: string): void {
    this.#sink.violated(what)
    this.abort(streamFault('unreachable', `the other side broke the rules of streams: ${what}`))
  }

  #close(fault: StreamFault | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#outgoing.clear()
    this.#release()
    this.#sink.closed(fault)
  }
}
