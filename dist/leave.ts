/**
 * How one side of a channel takes leave of the other, as a pure machine: GOAWAY of HTTP/2 (RFC 9113, 6.8) between two nodes.
 *
 *     who leaves                         its peer
 *     leave ---------------------------> begins no call and no spawn there any more (`noconnection`, at once)
 *           <-- what it had begun before
 *           <------------------ leave_ack
 *     answers, until none is missing --> takes them
 *     quiet: the link may be closed
 *
 * Invariants:
 * - The acknowledgement follows everything that its side had said before, large values in pieces included.
 * - `leave` is said once. Quiet is told once to each who waits for it: when the peer has acknowledged, waits for no answer, and
 *   all answers are with the link; or the channel is lost. Nobody promises that it comes; whoever leaves bounds the wait.
 * - Both sides may leave at once.
 * - A node of the mesh that knows nothing of this does not announce it, and is not told.
 */

/** How nodes say in the handshake of a link that they know these words. */
export const LEAVE_CAPABILITY = 'dist.leave'

/** What is to be sent. */
export type LeaveWord = 'leave' | 'leave_ack'

/** What {@link Leave} sees of its channel. */
export interface LeaveChannel {
  say(word: LeaveWord): void
  /** Bytes that wait to be sent. */
  bytesWaiting(): number
  /** Calls and spawns of the peer that are not answered. */
  unanswered(): number
}

/** See the file header. */
export class Leave {
  readonly #channel: LeaveChannel
  /** Those who wait for this side to be quiet, while it leaves; undefined while it stays. */
  #quiet: (() => void)[] | undefined
  #isAcked = false
  #isOver = false
  #peer: 'stays' | 'leaves' | 'acknowledged' = 'stays'

  constructor(channel: LeaveChannel) {
    this.#channel = channel
  }

  /** Whether the peer leaves: it must be asked for nothing new. */
  get isPeerLeaving(): boolean {
    return this.#peer !== 'stays'
  }

  /** This side leaves; `quiet` is called once, maybe at once. */
  begin(quiet: () => void): void {
    if (this.#isOver) return quiet()
    if (this.#quiet !== undefined) return void this.#quiet.push(quiet)
    this.#quiet = [quiet]
    this.#channel.say('leave')
    this.step()
  }

  /** The peer says something. */
  hear(word: LeaveWord): void {
    if (word === 'leave_ack') this.#isAcked = true
    else if (this.#peer === 'stays') this.#peer = 'leaves'
    this.step()
  }

  /** Something was sent or answered. */
  step(): void {
    if (this.#channel.bytesWaiting() > 0) return
    if (this.#peer === 'leaves') {
      this.#peer = 'acknowledged'
      this.#channel.say('leave_ack')
    }
    if (this.#isAcked && this.#channel.unanswered() === 0) this.over()
  }

  /** Nothing comes after this: the channel is quiet, or lost. */
  over(): void {
    if (this.#quiet === undefined) return
    const all = this.#quiet
    this.#quiet = []
    this.#isOver = true
    for (const quiet of all) quiet()
  }
}
