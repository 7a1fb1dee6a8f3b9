/**
 * What chance decides on one direction between two addresses. Every decision depends only on the seed, the
 * link, the class of the message and its number on that link, not on what was decided elsewhere:
 * a run that is made shorter keeps the fate of the messages that stay, so shrinking converges.
 */

/** What a decision is about; each has a sequence of its own. */
export const Decision: {
  readonly loss: 1
  readonly latency: 2
  readonly duplicate: 3
  readonly duplicateLatency: 4
  readonly reorder: 5
  /** The k-th loss in a row of a stream frame is `resend + 2k`, the latency of that `resend + 2k + 1`. */
  readonly resend: 16
} = Object.freeze({
  loss: 1,
  latency: 2,
  duplicate: 3,
  duplicateLatency: 4,
  reorder: 5,
  resend: 16,
})

/** Messages are numbered per class. */
export type MessageClass = 'packet' | 'datagram' | 'stream'

const CLASS_SALT: Readonly<Record<MessageClass, number>> = Object.freeze({
  packet: 0x1b873593,
  datagram: 0x7f4a7c15,
  stream: 0x2545f491,
})

/** See the file header. */
export class LinkChance {
  readonly #link: number
  readonly #sent: Record<MessageClass, number> = { packet: 0, datagram: 0, stream: 0 }

  /** `link` names both ends, in order. */
  constructor(seed: number, link: string) {
    this.#link = hashText(seed, link)
  }

  /** The number of the next message; then {@link at} tells what becomes of it. */
  next(kind: MessageClass): number {
    return this.#sent[kind]++
  }

  /** A number in [0, 1), always the same for the same question. */
  at(kind: MessageClass, n: number, decision: number): number {
    let h = mix(this.#link ^ CLASS_SALT[kind])
    h = mix(h + Math.imul(n + 1, 0x9e3779b1))
    return mix(h ^ Math.imul(decision, 0x85ebca6b)) / 4_294_967_296
  }
}

/** The finaliser of MurmurHash3: every bit of the input changes half of the output's. */
function mix(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** FNV-1a, then mixed. */
function hashText(seed: number, text: string): number {
  let h = 0x811c9dc5 ^ seed
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return mix(h)
}
