/**
 * Whether an acknowledgement waits for something to go with (RFC 9000, section 13.2). One that is owed for one packet, when
 * nothing else is to be said, does: who passes on what came has an answer when that has one, and an acknowledgement
 * alone costs as much as a message, at both ends. A second packet has it sent, as section 13.2.2 asks, and so has the
 * turn in which stopped streams are looked for, 5 ms later: nobody wakes up for it, and it is well within the 25 ms that
 * the peer allows (`max_ack_delay`). What was written never waits; what that packet shows to be lost may, as long.
 *
 * A packet that is more than half full is one of many, whose sender may wait for room: its acknowledgement does not wait.
 */

/** Packets that hold no more than an acknowledgement are not longer. */
const ACK_PACKET_BYTES_MAX = 64

/** See the head of this file. */
export class AckDelay {
  /** Packets that are to be acknowledged. */
  #owed = 0
  #hasNews = true
  readonly #halfBytes: number

  /** `packetBytesMax`: bytes of a full packet. */
  constructor(packetBytesMax: number) {
    this.#halfBytes = packetBytesMax / 2
  }

  /** Nothing is to be sent but one acknowledgement. */
  get mayWait(): boolean {
    return this.#owed === 1 && !this.#hasNews
  }

  /** A packet came. One that only acknowledges is owed nothing, and may make room for something. */
  heard(packetBytes: number): void {
    const isAck = packetBytes <= ACK_PACKET_BYTES_MAX
    if (!isAck) this.#owed += 1
    if (isAck || packetBytes > this.#halfBytes) this.#hasNews = true
  }

  /** There may be something else to send, or it has waited long enough. */
  news(): void {
    this.#hasNews = true
  }

  /** Everything was sent that there was. */
  sent(): void {
    this.#owed = 0
    this.#hasNews = false
  }
}
