/**
 * One conversation of two nodes through others, as a pure machine: what arrives and the time go in, effects come out.
 * It gives what a link gives: frames in order, each once or never, "enough" and drain, and an end that both
 * sides see. The courier below keeps order nearly always and loses now and then; numbers make it "always" and "the end".
 *
 *     opener   open ---------------> accepting
 *     up     <--------------- opened    up
 *     data, acks, pings both ways
 *     fin ------------------------->   (nothing needs it here either)
 *     ended  <-------------- fin_yes   ended, as an idle link
 *
 * Invariants:
 * - A frame is delivered in the order of its number, once; a gap that does not close in `timeoutMs` is the end. Nothing is
 *   delivered while it is open whether the session ends.
 * - A frame is sent once. Its loss, when the courier tells or no ack comes in `timeoutMs`, is the end: nothing is sent again.
 * - At most `windowBytes` and one frame are sent and not acknowledged; at most twice that waits behind a gap.
 * - Silence of `timeoutMs` is the end, at the latest; a side that has nothing to say pings four times in it.
 * - `ended` comes once, and nothing after it.
 */
import { HeldFrames } from './held-frames.ts'
import { RelayKnows, type RelayMessage } from './relay-wire.ts'

/** Why a session ended. */
export type SessionEnd = 'idle' | 'lost' | 'refused' | 'closed'

/** What the driver does, in order. */
export type SessionEffect =
  | { readonly type: 'transmit'; readonly message: RelayMessage }
  | { readonly type: 'deliver'; readonly frameType: number; readonly payload: Uint8Array }
  | { readonly type: 'up'; readonly incarnation: number }
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
}

type State = 'opening' | 'up' | 'closing' | 'ended'

const NOTHING: readonly SessionEffect[] = Object.freeze([])

/** See the file header. */
export class RelaySession {
  readonly session: string
  readonly #options: SessionOptions
  readonly #held: HeldFrames
  /** Sent and not acknowledged: number and bytes, oldest first. */
  readonly #unacked: { readonly number: number; readonly bytes: number }[] = []
  #state: State = 'opening'
  #unackedBytes = 0
  #blocked = false
  #sent = 0
  #received = 0
  #ackDue = false
  #heardMs: number
  #spokeMs: number
  #progressMs: number
  #gapSinceMs = Infinity

  constructor(options: SessionOptions, nowMs: number) {
    this.session = options.session
    this.#options = options
    this.#held = new HeldFrames(2 * options.windowBytes)
    this.#heardMs = nowMs
    this.#spokeMs = nowMs
    this.#progressMs = nowMs
  }

  get state(): State {
    return this.#state
  }

  /** Bytes sent and not acknowledged. */
  get bytesQueued(): number {
    return this.#unackedBytes
  }

  /** When `tick` has something to do. */
  get nextDueMs(): number {
    if (this.#state === 'ended') return Infinity
    const { timeoutMs } = this.#options
    const pingMs = this.#state === 'up' ? this.#spokeMs + timeoutMs / 4 : Infinity
    const unackedMs = this.#unacked.length > 0 ? this.#progressMs + timeoutMs : Infinity
    return Math.min(pingMs, unackedMs, this.#heardMs + timeoutMs, this.#gapSinceMs + timeoutMs)
  }

  /** Says the first word. */
  start(): readonly SessionEffect[] {
    const { session, role, ownIncarnation: incarnation } = this.#options
    const kind = role === 'opener' ? 'open' : 'opened'
    return [transmit({ kind, session, incarnation, knows: RelayKnows.leave })]
  }

  /** Both sides are there. What overtook the answer comes now. */
  accepted(incarnation: number, nowMs: number): readonly SessionEffect[] {
    this.#state = 'up'
    return [{ type: 'up', incarnation }, ...this.#deliverHeld(nowMs)]
  }

  /** Sends a frame; the caller heeds `isFull`. Only in state `up`. */
  send(frameType: number, payload: Uint8Array, nowMs: number): readonly SessionEffect[] {
    if (this.#state !== 'up') return NOTHING
    if (this.#unacked.length === 0) this.#progressMs = nowMs
    this.#sent += 1
    this.#unacked.push({ number: this.#sent, bytes: payload.length })
    this.#unackedBytes += payload.length
    this.#blocked = this.#unackedBytes >= this.#options.windowBytes
    this.#spoke(nowMs)
    const { session } = this
    const ack = this.#received
    return [transmit({ kind: 'data', session, number: this.#sent, ack, type: frameType, payload })]
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
      case 'opened':
        if (this.#state !== 'opening' || this.#options.role !== 'opener') return NOTHING
        return this.accepted(message.incarnation, nowMs)
      case 'refused':
        return this.#end(this.#state === 'opening' ? 'refused' : 'lost')
      case 'close':
        return this.#end('closed')
      case 'finYes':
        return this.#state === 'closing' ? this.#end('idle') : NOTHING
      case 'finNo':
        return this.#finDenied(nowMs)
      case 'ack':
        return this.#acked(message.ack, nowMs)
      case 'ping':
        this.#ackDue = true
        return this.#acked(message.ack, nowMs)
      case 'fin':
        return [...this.#acked(message.ack, nowMs), ...this.#finAsked(message.number)]
      case 'data':
        return [...this.#acked(message.ack, nowMs), ...this.#data(message, nowMs)]
      case 'open':
        // Asked again, because the answer has not come yet.
        return this.#options.role === 'accepting' ? this.start() : NOTHING
    }
  }

  /** Asks the peer whether it needs this still. Nothing can be sent until it has answered. */
  askFin(nowMs: number): readonly SessionEffect[] {
    if (this.#state !== 'up' || this.#unacked.length > 0) return NOTHING
    this.#state = 'closing'
    this.#spoke(nowMs)
    const { session } = this
    return [transmit({ kind: 'fin', session, number: this.#sent, ack: this.#received })]
  }

  /** Answers the peer's question. */
  fin(isNeeded: boolean, nowMs: number): readonly SessionEffect[] {
    if (this.#state !== 'up' && this.#state !== 'closing') return NOTHING
    this.#spoke(nowMs)
    const { session } = this
    if (isNeeded) return [transmit({ kind: 'finNo', session })]
    return [transmit({ kind: 'finYes', session }), ...this.#end('idle')]
  }

  /** Nothing of it can arrive any more, or nobody wants it; tells the peer. */
  close(end: SessionEnd = 'lost'): readonly SessionEffect[] {
    if (this.#state === 'ended') return NOTHING
    return [transmit({ kind: 'close', session: this.session }), ...this.#end(end)]
  }

  tick(nowMs: number): readonly SessionEffect[] {
    if (this.#state === 'ended') return NOTHING
    const { timeoutMs } = this.#options
    const isStuck = this.#unacked.length > 0 && nowMs >= this.#progressMs + timeoutMs
    const isSilent = nowMs >= this.#heardMs + timeoutMs
    if (isStuck || isSilent || nowMs >= this.#gapSinceMs + timeoutMs) return this.close()
    if (this.#state !== 'up' || nowMs < this.#spokeMs + timeoutMs / 4) return NOTHING
    this.#spoke(nowMs)
    return [transmit({ kind: 'ping', session: this.session, ack: this.#received })]
  }

  /** Whatever is sent says how far everything has arrived. */
  #spoke(nowMs: number): void {
    this.#spokeMs = nowMs
    this.#ackDue = false
  }

  #finAsked(number: number): readonly SessionEffect[] {
    if (this.#state === 'ended') return NOTHING
    // What is still on its way here needs it.
    if (number === this.#received && this.#unacked.length === 0) return [{ type: 'fin_asked' }]
    return [transmit({ kind: 'finNo', session: this.session })]
  }

  #finDenied(nowMs: number): readonly SessionEffect[] {
    if (this.#state !== 'closing') return NOTHING
    this.#state = 'up'
    return [{ type: 'fin_denied' }, ...this.#deliverHeld(nowMs)]
  }

  #acked(ack: number, nowMs: number): readonly SessionEffect[] {
    if (ack > this.#sent) return this.close()
    let count = 0
    for (const { number, bytes } of this.#unacked) {
      if (number > ack) break
      this.#unackedBytes -= bytes
      count += 1
    }
    if (count === 0) return NOTHING
    this.#unacked.splice(0, count)
    this.#progressMs = nowMs
    const isTaken = this.#blocked && this.#unackedBytes <= this.#options.windowBytes / 2
    if (!isTaken && this.#unacked.length > 0) return NOTHING
    this.#blocked = false
    return [{ type: 'drained' }]
  }

  #data(
    { number, type, payload }: Extract<RelayMessage, { readonly kind: 'data' }>,
    nowMs: number,
  ): readonly SessionEffect[] {
    if (this.#state === 'ended' || number <= this.#received) return NOTHING
    this.#ackDue = true
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
