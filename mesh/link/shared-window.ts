/**
 * How far large things may run ahead of their receiver: chunks of large values between processes (`dist/outbox.ts`), frames
 * of the bulk lane (`lane-window.ts`). Bytes that are under way cannot be overtaken: a call that is sent now arrives behind
 * them, whatever its stream. So while other messages share the way, as little is under way as keeps it busy;
 * as long as nobody else speaks, what the transport takes.
 *
 * What keeps it busy is measured, without a clock of the peer: what the peer took within the shortest round trip of a
 * chunk and DELAY_MS more, and half as much again, so that it can grow. That may be less than a chunk, and two on a long way
 * would stay two: where all that was under way came within about a round trip, there is room for one more. When the peer or
 * the way is slower, this becomes less by itself; on a long way more, because its round trip is longer. BBR's rule (delivery rate
 * times the shortest round trip) with a fixed share of delay in place of its probing. Whenever others begin to share the way
 * it begins anew at `bytesMin`, as in BBR's probing of the round trip: behind all that was under way alone, and in the long
 * turns of who pours, no round trip is short, and a window by such a one would never shrink.
 *
 * Invariants:
 * - Beside other messages no chunk leaves while more than the window would be under way with it, unless nothing is.
 * - The window is at least `bytesMin`, and is judged only by times in which it held something back, and by round trips that
 *   began while others shared the way.
 * - The peer can not take what was not sent: `taken` says so, and nothing changes.
 */

/**
 * Chunks wait about as long in front of the receiver, beside other messages; with GROWTH a call waits about one and a half
 * times this and the round trip. Lower costs throughput where a turn of either program takes longer than that.
 */
const DELAY_MS = 0.5

/** Others share the way until so long after the last message of theirs. */
const SHARED_MS = 1_000

/** What was taken, times this, is the next window. */
const GROWTH = 1.5

/** All that was under way was taken in no more than so many times the time for it: the window held it up, not the peer. */
const HELD_UP = 1.25

/** Bytes of chunks that one peer has not taken yet, and how many they may be. */
export class SharedWindow {
  readonly #bytesMin: number
  #windowBytes: number
  /** Since the link came up. */
  #sent = 0
  #taken = 0
  #sharedUntilMs = -Infinity
  /** The chunk whose round trip is measured: when it left, and how much was sent with it. */
  #timed: { readonly sent: number; readonly atMs: number } | undefined
  #roundTripMs = Infinity
  /** The time that is judged next: when it began, what was taken before it. */
  #sinceMs = 0
  #takenBefore = 0
  /** The most that was under way in it when a chunk was held back, and with that chunk; 0 when none was. */
  #fullBytes = 0
  #oneMoreBytes = 0

  constructor(bytesMin: number) {
    this.#bytesMin = bytesMin
    this.#windowBytes = bytesMin
  }

  /** Bytes that the peer has not taken yet. */
  get bytesUnderWay(): number {
    return this.#sent - this.#taken
  }

  /** Bytes sent since the link came up. */
  get bytesSent(): number {
    return this.#sent
  }

  /** Bytes taken of those. */
  get bytesTaken(): number {
    return this.#taken
  }

  /** What may be under way beside other messages. */
  get windowBytes(): number {
    return this.#windowBytes
  }

  /** Another message went the same way. */
  shared(nowMs: number): void {
    if (nowMs >= this.#sharedUntilMs) this.#beginShared(nowMs)
    this.#sharedUntilMs = nowMs + SHARED_MS
  }

  /** Whether a chunk of so many bytes may leave; if not, `taken` follows. */
  hasRoom(bytes: number, nowMs: number): boolean {
    const { bytesUnderWay } = this
    if (bytesUnderWay === 0 || nowMs >= this.#sharedUntilMs) return true
    if (bytesUnderWay + bytes <= this.#windowBytes) return true
    if (bytesUnderWay > this.#fullBytes) {
      this.#fullBytes = bytesUnderWay
      this.#oneMoreBytes = bytesUnderWay + bytes
    }
    return false
  }

  /** A chunk left. */
  sent(bytes: number, nowMs: number): void {
    if (this.bytesUnderWay === 0 && this.#fullBytes === 0) this.#begin(nowMs)
    this.#sent += bytes
    if (nowMs < this.#sharedUntilMs) this.#timed ??= { sent: this.#sent, atMs: nowMs }
  }

  /** The peer took so many bytes; false when that cannot be. */
  taken(bytes: number, nowMs: number): boolean {
    if (bytes > this.bytesUnderWay) return false
    this.#taken += bytes
    if (this.#timed !== undefined && this.#taken >= this.#timed.sent) {
      this.#roundTripMs = Math.min(this.#roundTripMs, nowMs - this.#timed.atMs)
      this.#timed = undefined
    }
    this.#judge(nowMs)
    return true
  }

  #beginShared(nowMs: number): void {
    this.#windowBytes = this.#bytesMin
    this.#roundTripMs = Infinity
    this.#timed = undefined
    this.#begin(nowMs)
  }

  #judge(nowMs: number): void {
    const horizonMs = this.#roundTripMs + DELAY_MS
    const elapsedMs = nowMs - this.#sinceMs
    if (elapsedMs < horizonMs || horizonMs === Infinity) return
    if (this.#fullBytes > 0) {
      const takenInTime = ((this.#taken - this.#takenBefore) * horizonMs) / elapsedMs
      const isHeldUp = takenInTime * HELD_UP >= this.#fullBytes
      const nextBytes = isHeldUp ? this.#oneMoreBytes : 0
      this.#windowBytes = Math.max(this.#bytesMin, nextBytes, Math.floor(takenInTime * GROWTH))
    }
    this.#begin(nowMs)
  }

  #begin(nowMs: number): void {
    this.#sinceMs = nowMs
    this.#takenBefore = this.#taken
    this.#fullBytes = 0
  }
}
