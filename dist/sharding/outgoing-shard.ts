/**
 * The messages of one node to one shard, so that their order is kept while the shard moves: a synchronous machine that says
 * which messages go out now, and to whom.
 *
 *     queue ── the host is known, nothing is under way to another one ──► under way ── answered ──► over
 *       ▲                                                                    │
 *       └──────────── in their old order, with the next epoch ──── bounced ◄─┘
 *
 * Invariants:
 * - Messages are under way to one host only. After a change of host they wait until the last one that is under way to the old
 *   host is answered.
 * - What was bounced goes before what came after it. A host that bounced a message of an epoch bounces all others
 *   of it, so that a later one cannot be taken where an earlier one was not.
 */

/** A message, as far as its order is concerned. */
export interface OutgoingMessage {
  /** Numbers of one shard grow. */
  readonly seq: number
}

/** A message that goes out now. */
export interface Dispatch<M extends OutgoingMessage> {
  readonly message: M
  readonly host: string
  readonly epoch: number
}

/** See the head of this file. */
export class OutgoingShard<M extends OutgoingMessage> {
  #host: string | undefined
  #target: string | undefined
  readonly #underWay = new Set<M>()
  #queue: M[] = []
  #epoch: number
  #hasBounced = false

  /** Epochs of a later sender on the same node must be higher. */
  constructor(firstEpoch: number) {
    this.#epoch = firstEpoch
  }

  /** Waiting, and under way. */
  get size(): number {
    return this.#queue.length + this.#underWay.size
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** Nothing is under way and what was bounced waits: `retry` is due after a pause. */
  get isStalled(): boolean {
    return this.#hasBounced && this.#underWay.size === 0 && this.#queue.length > 0
  }

  /** One more message, behind all others. */
  add(message: M): Dispatch<M>[] {
    this.#queue.push(message)
    return this.#hasBounced ? [] : this.#flush()
  }

  /** Who has the shard now, as far as this node knows. */
  setHost(host: string | undefined): Dispatch<M>[] {
    if (host === this.#host) return []
    this.#host = host
    return this.#flush()
  }

  /** A message is answered, or given up: nothing more comes of it. */
  done(message: M): Dispatch<M>[] {
    if (!this.#underWay.delete(message)) {
      this.#queue = this.#queue.filter((each) => each !== message)
    }
    return this.#hasBounced ? [] : this.#flush()
  }

  /** Its host does not have the shard. `retry` says when to try again. */
  bounced(message: M): void {
    if (!this.#underWay.delete(message)) return
    this.#hasBounced = true
    const at = this.#queue.findIndex(({ seq }) => seq > message.seq)
    if (at < 0) this.#queue.push(message)
    else this.#queue.splice(at, 0, message)
  }

  /** It is time to try what was bounced again. */
  retry(): Dispatch<M>[] {
    return this.#flush()
  }

  #flush(): Dispatch<M>[] {
    const host = this.#host
    if (host === undefined || this.#queue.length === 0) return []
    const isElsewhere = this.#target !== host || this.#hasBounced
    if (isElsewhere && this.#underWay.size > 0) return []
    if (this.#hasBounced) this.#epoch++
    this.#hasBounced = false
    this.#target = host
    const messages = this.#queue
    this.#queue = []
    for (const message of messages) this.#underWay.add(message)
    return messages.map((message) => ({ message, host, epoch: this.#epoch }))
  }
}
