/** One publish of this node, from the call to its result. */
import { ownPromise } from '../../runtime/index.ts'
import { PubSubError } from './errors.ts'
import type { Letter } from './letter.ts'
import type { LocalSubscription } from './local-subscription.ts'
import type { Delivery, PublishResult } from './pubsub.ts'

/** What is decided about it. */
export interface OutgoingParts {
  readonly letter: Letter
  readonly delivery: Delivery
  readonly localFirst: boolean
  readonly exclude: ReadonlySet<string> | undefined
  /** How long to try. */
  readonly ttlMs: number
}

/** See the head of this file. */
export class Outgoing {
  readonly letter: Letter
  readonly delivery: Delivery
  readonly localFirst: boolean
  readonly exclude: ReadonlySet<string> | undefined
  readonly ttlMs: number
  /** Subscriptions of this node that took it. */
  local = 0
  /** Those of them that want its publisher to wait. */
  blocked: LocalSubscription[] | undefined
  isOverrun = false
  /** When it is given up; undefined while it did not have to wait. */
  expiresMs: number | undefined
  #result: PublishResult | undefined
  #error: unknown
  #isFailed = false
  #settled: (() => void) | undefined

  constructor({ letter, delivery, localFirst, exclude, ttlMs }: OutgoingParts) {
    this.letter = letter
    this.delivery = delivery
    this.localFirst = localFirst
    this.exclude = exclude
    this.ttlMs = ttlMs
  }

  /** It is with other nodes; resolves when the subscribers of this one have room, too. */
  finish(nodes: number, dropped: number): void {
    const { blocked } = this
    if (this.isOverrun) {
      const { topic } = this.letter
      const text = `a subscriber of ${topic} that blocks has twice its limit waiting`
      return this.fail(new PubSubError('ERR_PUBSUB_BLOCKED', text, { topic }))
    }
    const result = { sequence: this.letter.sequence, local: this.local, nodes, dropped }
    if (blocked === undefined) return this.#finish(result)
    let waiting = blocked.length
    for (const subscription of blocked) {
      subscription.whenRoom(() => {
        waiting -= 1
        if (waiting === 0) this.#finish(result)
      })
    }
  }

  fail(error: unknown): void {
    if (this.#result !== undefined || this.#isFailed) return
    this.#isFailed = true
    this.#error = error
    this.#settled?.()
  }

  /** Calls back when it fails, and never if it does not. */
  onFailed(callback: (error: unknown) => void): void {
    if (this.#isFailed) return callback(this.#error)
    this.#settled = () => {
      if (this.#isFailed) callback(this.#error)
    }
  }

  /** The result, once. */
  promise(signal: AbortSignal | undefined): Promise<PublishResult> {
    if (this.#result !== undefined) return Promise.resolve(this.#result)
    return ownPromise((resolve, reject) => {
      const settle = (): void => {
        signal?.removeEventListener('abort', abort)
        if (this.#result === undefined) reject(this.#error)
        else resolve(this.#result)
      }
      const abort = (): void => {
        this.#settled = undefined
        const { topic } = this.letter
        const text = `the publish to ${topic} is not waited for any more`
        reject(new PubSubError('ERR_PUBSUB_ABORTED', text, { topic, cause: signal?.reason }))
      }
      if (this.#isFailed) return settle()
      if (signal?.aborted === true) return abort()
      this.#settled = settle
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  #finish(result: PublishResult): void {
    if (this.#isFailed) return
    this.#result = result
    this.#settled?.()
  }
}
