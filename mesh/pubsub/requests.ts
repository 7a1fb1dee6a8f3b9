/** Requests of this node that wait for replies. */
import type { Clock, ClockTimer } from '../../runtime/index.ts'
import { PubSubError } from './errors.ts'
import type { PubSubReply } from './pubsub.ts'

/** A request as it begins. */
export interface RequestParts {
  readonly topic: string
  /** Enough replies. */
  readonly count: number
  readonly timeoutMs: number
  /** Whether no reply within the time is a failure. */
  readonly isFirst: boolean
  readonly resolve: (replies: readonly PubSubReply[]) => void
  readonly reject: (error: PubSubError) => void
}

interface Pending extends RequestParts {
  readonly timer: ClockTimer
  readonly replies: PubSubReply[]
  /** Nodes that may reply; that of this node when it has subscribers. */
  readonly asked: Set<string>
  /** It is not said yet who is asked. */
  isOpen: boolean
}

/** See the head of this file. */
export class Requests {
  readonly #self: string
  readonly #clock: Clock
  readonly #requestsMax: number
  readonly #pending = new Map<number, Pending>()
  #lastId = 0

  constructor(self: string, clock: Clock, requestsMax: number) {
    this.#self = self
    this.#clock = clock
    this.#requestsMax = requestsMax
  }

  get size(): number {
    return this.#pending.size
  }

  /** Gives the number of the request. Throws `ERR_PUBSUB_REQUESTS_MAX`. */
  begin(parts: RequestParts): number {
    if (this.#pending.size >= this.#requestsMax) {
      const text = `${this.#requestsMax} requests wait for replies`
      throw new PubSubError('ERR_PUBSUB_REQUESTS_MAX', text, { topic: parts.topic })
    }
    this.#lastId += 1
    const id = this.#lastId
    const timer = this.#clock.setTimer(parts.timeoutMs, () => this.#timeout(id))
    // Subscribers of this node may reply before it is known who else is asked.
    const asked = new Set([this.#self])
    this.#pending.set(id, { ...parts, timer, replies: [], asked, isOpen: true })
    return id
  }

  /** Those other nodes are asked, and this one if it has subscribers. */
  asked(id: number, nodes: readonly string[], hasLocal: boolean): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    for (const node of nodes) pending.asked.add(node)
    if (!hasLocal) pending.asked.delete(this.#self)
    pending.isOpen = false
    this.#check(id, pending)
  }

  /** A reply came; false when nobody waits for it. */
  reply(id: number, reply: PubSubReply): boolean {
    const pending = this.#pending.get(id)
    if (pending === undefined || !pending.asked.has(reply.publisher)) return false
    pending.replies.push(reply)
    if (pending.replies.length >= pending.count) this.#finish(id, pending)
    return true
  }

  /** A node will not reply: nobody there wants it, or it is gone. */
  without(id: number, node: string): void {
    const pending = this.#pending.get(id)
    if (pending?.asked.delete(node) === true) this.#check(id, pending)
  }

  /** A node is gone. */
  gone(node: string): void {
    for (const id of Array.from(this.#pending.keys())) this.without(id, node)
  }

  /** Nobody waits for it any more. */
  cancel(id: number, error?: PubSubError): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#end(id, pending)
    if (error !== undefined) pending.reject(error)
  }

  close(error: PubSubError): void {
    for (const id of Array.from(this.#pending.keys())) this.cancel(id, error)
  }

  #check(id: number, pending: Pending): void {
    if (pending.isOpen || pending.asked.size > 0) return
    if (pending.replies.length > 0) return this.#finish(id, pending)
    const { topic } = pending
    this.cancel(
      id,
      new PubSubError('ERR_PUBSUB_NO_RESPONDERS', `nobody answers ${topic}`, { topic }),
    )
  }

  #timeout(id: number): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    if (!pending.isFirst) return this.#finish(id, pending)
    const { topic, timeoutMs, asked } = pending
    const text = `no reply to ${topic} within ${timeoutMs} ms from ${asked.size} nodes`
    const nodes = Array.from(asked)
    this.cancel(id, new PubSubError('ERR_PUBSUB_TIMEOUT', text, { topic, nodes }))
  }

  #finish(id: number, pending: Pending): void {
    this.#end(id, pending)
    pending.resolve(pending.replies)
  }

  #end(id: number, { timer }: Pending): void {
    timer.cancel()
    this.#pending.delete(id)
  }
}
