/**
 * One conversation of two nodes through others, as a pure machine: what arrives and the time go in, effects come out.
 * It gives what a link gives: frames in order, each once or never, "enough" and drain, and an end that both
 * sides see. The courier below keeps order nearly always and loses now and then; numbers and repetition make it "always" and "never".
 *
 *     opener   open ---------------> accepting
 *     up     <--------------- opened
 *              data or ack --------> up
 *     data, acks, pings both ways
 *     fin ------------------------->   (nothing needs it here either)
 *     ended  <-------------- fin_yes   ended, as an idle link
 *
 * Invariants:
 * - A frame is delivered in the order of its number, once; a gap that does not close in `timeoutMs` is the end. Nothing is
 *   delivered while it is open whether the session ends.
 * - Who accepts says nothing before it has heard that its answer arrived: an `open` may be late, or come again, when nobody
 *   wants it any more, and who speaks to nobody loses what it says. So a session that was never up ends without a word.
 * - A frame of which nothing is heard for a quarter of `timeoutMs` is sent again, and so is the next one when that was not all that
 *   is missing (RFC 6582); what comes twice is delivered once. No progress in `timeoutMs` is the end, and so is a frame of which
 *   the courier says that nobody took it.
 * - At most `windowBytes` and one frame are sent and not acknowledged; at most twice that waits behind a gap.
 * - Silence of `timeoutMs` is the end, at the latest; a side that has nothing to say pings four times in it.
 * - Who has asked whether it may end has lost nothing when the peer knows of no session: the answer was yes, and is lost.
 * - `ended` comes once, and nothing after it.
 */
import { HeldFrames } from './held-frames.ts'
import { RelayKnows, type RelayMessage } from './relay-wire.ts'

/** Why a session ended. */
export type SessionEnd = 'idle' | 'lost' | 'refused'

/** What the driver does, in order. */
export type SessionEffect =
  | { readonly type: 'transmit'; readonly message: RelayMessage }
  | { readonly type: 'deliver'; readonly frameType: number; readonly payload: Uint8Array }
  | { readonly type: 'up' }
  /** It takes frames again, or all have arrived. */
  | { readonly type: 'drained' }
  /** The peer asks whether it may end; answer with `fin`. */
  | { readonly type: 'fin_asked' }
  /** The peer needs it still: what waited goes on. */
  | { readonly type: 'fin_denied' }
  | { readonly type: 'ended'; readonly end: SessionEnd }

/** Dials of {@link RelaySession}. */
export interface SessionOptions {
  readonly session: string
  readonly role: 'opener' | 'accepting'
  readonly ownIncarnation: number
  readonly windowBytes: number
  readonly timeoutMs: number
  /** How long the answer to `open` may take. */
  readonly openTimeoutMs: number
}

/** A frame that may have to be sent again; nobody writes to its payload. */
interface SentFrame {
  readonly number: number
  readonly type: number
  readonly payload: Uint8Array
}

type State = 'opening' | 'up' | 'closing' | 'ended'

const NOTHING: readonly SessionEffect[] = Object.freeze([])

/** See the file header. */
export class RelaySession {
  readonly session: string
  readonly #options: SessionOptions
  readonly #held: HeldFrames
  /** Sent and not acknowledged, oldest first. */
  readonly #unacked: SentFrame[] = []
  #state: State = 'opening'
  #unackedBytes = 0
  #blocked = false
  #sent = 0
  #received = 0
  #ackDue = false
  #heardMs: number
  #spokeMs: number
  #progressMs: number
  /** When `open` or `fin` was said. */
  #askedMs: number
  #gapSinceMs = Infinity
  /** When a frame was sent again last. */
  #againMs = -Infinity
  /** Of those up to this one, which were under way then, the next that is missing is sent again at once. */
  #againUpTo = 0

  constructor(options: SessionOptions, nowMs: number) {
    this.session = options.session
    this.#options = options
    this.#held = new HeldFrames(2 * options.windowBytes)
    this.#heardMs = nowMs
    this.#spokeMs = nowMs
    this.#progressMs = nowMs
    this.#askedMs = nowMs
  }

  get state(): State {
    return this.#state
  }

  /** Whether it was opened here and is not answered yet. */
  get isAsking(): boolean {
    return this.#state === 'opening' && this.#options.role === 'opener'
  }

  /** Bytes sent and not acknowledged. */
  get bytesQueued(): number {
    return this.#unackedBytes
  }

  /** When `tick` has something to do. */
  get nextDueMs(): number {
    if (this.#state === 'ended') return Infinity
    return Math.min(this.#pingDueMs, this.#againDueMs, this.#endDueMs)
  }

  /** Says the first word. */
  start(): readonly SessionEffect[] {
    const { session, role, ownIncarnation: incarnation } = this.#options
    const kind = role === 'opener' ? 'open' : 'opened'
    return [transmit({ kind, session, incarnation, knows: RelayKnows.leave })]
  }

  /** Says it again, or asks whether the peer knows of it still. */
  probe(nowMs: number): readonly SessionEffect[] {
    if (this.#state === 'opening') return this.start()
    this.#spoke(nowMs)
    return [transmit({ kind: 'ping', session: this.session, ack: this.#received })]
  }

  /** Sends a frame; the caller heeds `isFull`. Only in state `up`. */
  send(frameType: number, payload: Uint8Array, nowMs: number): readonly SessionEffect[] {
    if (this.#state !== 'up') return NOTHING
    if (this.#unacked.length === 0) this.#progressMs = nowMs
    this.#sent += 1
    const sent = { number: this.#sent, type: frameType, payload }
    this.#unacked.push(sent)
    this.#unackedBytes += payload.length
    this.#blocked = this.#unackedBytes >= this.#options.windowBytes
    return [this.#transmitData(sent, nowMs)]
  }

  /** The way that they took is gone: what is under way is sent again. */
  sendAgain(nowMs: number): readonly SessionEffect[] {
    const [first] = this.#unacked
    if (this.#state === 'ended' || first === undefined) return NOTHING
    this.#againMs = nowMs
    this.#againUpTo = this.#sent
    return [this.#transmitData(first, nowMs)]
  }

  /** Whether the peer has not said yet that it has that frame. */
  isUnderWay(number: number): boolean {
    const [first] = this.#unacked
    return first !== undefined && first.number <= number
  }

  /** Whether the window is full: wait for `drained`. */
  get isFull(): boolean {
    return this.#blocked
  }

  /** Whether an ack is to be sent when this turn is over. */
  get ackDue(): boolean {
    return this.#ackDue && this.#state !== 'ended'
  }

  /** Says how far everything has arrived, unless data has said it meanwhile. */
  acknowledge(nowMs: number): readonly SessionEffect[] {
    if (!this.ackDue) return NOTHING
    this.#spoke(nowMs)
    return [transmit({ kind: 'ack', session: this.session, ack: this.#received })]
  }

  /** Takes a message of the peer. */
  input(message: RelayMessage, nowMs: number): readonly SessionEffect[] {
    if (this.#state === 'ended') return NOTHING
    this.#heardMs = nowMs
    switch (message.kind) {
      case 'open':
        // Asked again, because the answer has not come yet.
        return this.#options.role === 'accepting' ? this.start() : NOTHING
      case 'opened':
        return this.#opened(nowMs)
      case 'refused':
        return this.#state === 'opening' ? this.#end('refused') : this.#over()
      case 'close':
        return this.#over()
      case 'finYes':
        return this.#state === 'closing' ? this.#end('idle') : NOTHING
      case 'finNo':
        return this.#finDenied(nowMs)
      case 'ack':
      case 'ping':
      case 'fin':
      case 'data':
        return [
          ...this.#confirmed(),
          ...this.#acked(message.ack, nowMs),
          ...this.#said(message, nowMs),
        ]
    }
  }

  /** Asks the peer whether it needs this still. Nothing can be sent until it has answered. */
  askFin(nowMs: number): readonly SessionEffect[] {
    if (this.#state !== 'up' || this.#unacked.length > 0) return NOTHING
    this.#state = 'closing'
    this.#askedMs = nowMs
    this.#spoke(nowMs)
    const { session } = this
    return [transmit({ kind: 'fin', session, number: this.#sent, ack: this.#received })]
  }

  /** Answers the peer's question. */
  fin(isNeeded: boolean, nowMs: number): readonly SessionEffect[] {
    if (this.#state !== 'up' && this.#state !== 'closing') return NOTHING
    this.#spoke(nowMs)
    const { session } = this
    // What is still on its way to the peer needs it.
    if (isNeeded || this.#unacked.length > 0) return [transmit({ kind: 'finNo', session })]
    return [transmit({ kind: 'finYes', session }), ...this.#end('idle')]
  }

  /** Nothing of it can arrive any more, or nobody wants it; tells the peer. */
  close(end: SessionEnd = 'lost'): readonly SessionEffect[] {
    if (this.#state === 'ended') return NOTHING
    return [transmit({ kind: 'close', session: this.session }), ...this.#end(end)]
  }

  tick(nowMs: number): readonly SessionEffect[] {
    if (this.#state === 'ended') return NOTHING
    if (nowMs >= this.#endDueMs) return this.close()
    if (nowMs >= this.#againDueMs) return this.sendAgain(nowMs)
    return nowMs >= this.#pingDueMs ? this.probe(nowMs) : NOTHING
  }

  get #againDueMs(): number {
    if (this.#unacked.length === 0) return Infinity
    return Math.max(this.#progressMs, this.#againMs) + this.#options.timeoutMs / 4
  }

  get #pingDueMs(): number {
    return this.#state === 'opening' ? Infinity : this.#spokeMs + this.#options.timeoutMs / 4
  }

  /** When something has not come in time. */
  get #endDueMs(): number {
    const { timeoutMs, openTimeoutMs } = this.#options
    if (this.isAsking) return this.#askedMs + openTimeoutMs
    const unackedMs = this.#unacked.length > 0 ? this.#progressMs : Infinity
    const finMs = this.#state === 'closing' ? this.#askedMs : Infinity
    return Math.min(this.#heardMs, unackedMs, finMs, this.#gapSinceMs) + timeoutMs
  }

  #transmitData({ number, type, payload }: SentFrame, nowMs: number): SessionEffect {
    this.#spoke(nowMs)
    const { session } = this
    return transmit({ kind: 'data', session, number, ack: this.#received, type, payload })
  }

  /** Whatever is sent says how far everything has arrived. */
  #spoke(nowMs: number): void {
    this.#spokeMs = nowMs
    this.#ackDue = false
  }

  /** The peer has accepted. What overtook its answer comes now. */
  #opened(nowMs: number): readonly SessionEffect[] {
    if (this.#options.role !== 'opener' || this.#state === 'closing') return NOTHING
    this.#ackDue = true
    if (this.#state === 'up') return NOTHING
    this.#state = 'up'
    return [{ type: 'up' }, ...this.#deliverHeld(nowMs)]
  }

  /** Whoever speaks in it has heard that it was accepted. */
  #confirmed(): readonly SessionEffect[] {
    if (this.#state !== 'opening' || this.#options.role === 'opener') return NOTHING
    this.#state = 'up'
    return [{ type: 'up' }]
  }

  #said(
    message: Extract<RelayMessage, { readonly kind: 'ack' | 'ping' | 'fin' | 'data' }>,
    nowMs: number,
  ): readonly SessionEffect[] {
    if (this.#state === 'ended') return NOTHING
    switch (message.kind) {
      case 'ack':
        return NOTHING
      case 'ping':
        this.#ackDue = true
        return NOTHING
      case 'fin':
        // What is still on its way here needs it.
        if (message.number === this.#received) return [{ type: 'fin_asked' }]
        return [transmit({ kind: 'finNo', session: this.session })]
      case 'data':
        return this.#data(message, nowMs)
    }
  }

  /** The peer has none any more. Who has asked whether it may end has said nothing since that was not heard. */
  #over(): readonly SessionEffect[] {
    return this.#end(this.#state === 'closing' && this.#held.size === 0 ? 'idle' : 'lost')
  }

  #finDenied(nowMs: number): readonly SessionEffect[] {
    if (this.#state !== 'closing') return NOTHING
    this.#state = 'up'
    return [{ type: 'fin_denied' }, ...this.#deliverHeld(nowMs)]
  }

  #acked(ack: number, nowMs: number): readonly SessionEffect[] {
    if (ack > this.#sent) return this.close()
    let count = 0
    for (const { number, payload } of this.#unacked) {
      if (number > ack) break
      this.#unackedBytes -= payload.length
      count += 1
    }
    if (count === 0) return NOTHING
    this.#unacked.splice(0, count)
    this.#progressMs = nowMs
    const again = this.#missing(nowMs)
    const isTaken = this.#blocked && this.#unackedBytes <= this.#options.windowBytes / 2
    if (!isTaken && this.#unacked.length > 0) return again
    this.#blocked = false
    return [...again, { type: 'drained' }]
  }

  /** What was sent again has arrived, and that was not all that was missing. */
  #missing(nowMs: number): readonly SessionEffect[] {
    const [first] = this.#unacked
    if (first === undefined || first.number > this.#againUpTo) return NOTHING
    this.#againMs = nowMs
    return [this.#transmitData(first, nowMs)]
  }

  #data(
    { number, type, payload }: Extract<RelayMessage, { readonly kind: 'data' }>,
    nowMs: number,
  ): readonly SessionEffect[] {
    // Also of what comes again: the word that it had arrived may be lost.
    this.#ackDue = true
    if (number <= this.#received) return NOTHING
    // One that overtook the answer to `open` waits for it, and so does one that crossed `fin`: nobody takes it before.
    if (number > this.#received + 1 || this.#state !== 'up') {
      if (this.#gapSinceMs === Infinity) this.#gapSinceMs = nowMs
      return this.#held.keep(number, type, payload) ? NOTHING : this.close()
    }
    this.#received = number
    return [deliver(type, payload), ...this.#deliverHeld(nowMs)]
  }

  #deliverHeld(nowMs: number): readonly SessionEffect[] {
    const effects: SessionEffect[] = []
    for (;;) {
      const next = this.#held.take(this.#received + 1)
      if (next === undefined) break
      this.#received += 1
      this.#ackDue = true
      effects.push(deliver(next.type, next.payload))
    }
    this.#gapSinceMs = this.#held.size === 0 ? Infinity : nowMs
    return effects
  }

  #end(end: SessionEnd): readonly SessionEffect[] {
    this.#state = 'ended'
    this.#held.clear()
    return [{ type: 'ended', end }]
  }
}

const transmit = (message: RelayMessage): SessionEffect => ({ type: 'transmit', message })

const deliver = (frameType: number, payload: Uint8Array): SessionEffect => ({
  type: 'deliver',
  frameType,
  payload,
})
