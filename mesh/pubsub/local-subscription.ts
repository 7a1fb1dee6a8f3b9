/**
 * A subscription of this node: what waits for its subscriber, and what happens when that is too much.
 *
 * Messages of a synchronous function never wait. Otherwise `concurrency` of them are handled at once and the rest waits
 * here, within the limits. Last values are pulled from `feeds` when nothing else waits, so they take no room.
 */
import type { Clock } from '../../runtime/index.ts'
import { isThenable, ownPromise } from '../../runtime/index.ts'
import { drainOptions } from './checks.ts'
import { PubSubError } from './errors.ts'
import { unlessAborted } from './give-up.ts'
import type { Publication } from './message.ts'
import type {
  DrainOptions,
  Overflow,
  Subscription,
  SubscriptionEnd,
  SubscriptionStats,
} from './pubsub.ts'
import { PublicationQueue } from './queue.ts'
import type { Subscriber } from './subscriber.ts'

/** What a subscription tells its node. */
export interface SubscriptionEvents {
  /** Messages were dropped, or wait beyond the limit. */
  slow(subscription: LocalSubscription, dropped: number): void
  /** It wants nothing any more; what waits is still handled. */
  leaving(subscription: LocalSubscription): void
  ended(subscription: LocalSubscription, reason: SubscriptionEnd): void
  handlerFailed(subscription: LocalSubscription, error: unknown): void
}

/** Everything decided about a subscription. */
export interface SubscriptionSettings {
  readonly id: number
  readonly filter: string
  readonly group: string | undefined
  readonly noLocal: boolean
  readonly retained: boolean
  readonly messagesMax: number
  readonly bytesMax: number
  readonly overflow: Overflow
  readonly concurrency: number
  readonly drainGraceMs: number
  readonly drainTimeoutMs: number
}

/** What became of a message. `blocked` is taken, and its publisher is to wait for {@link LocalSubscription.whenRoom}. */
export type Taken = 'taken' | 'blocked' | 'overrun' | 'dropped'

/** Last values that are handed on before others get a turn. */
const FEED_BATCH = 256

/** See the head of this file. */
export class LocalSubscription implements Subscription {
  readonly settings: SubscriptionSettings
  readonly #subscriber: Subscriber
  readonly #clock: Clock
  readonly #events: SubscriptionEvents
  readonly #queue = new PublicationQueue()
  readonly #feeds: Iterator<Publication>[] = []
  #running = 0
  #isPumping = false
  /** `draining`: it wants nothing more, and takes what is on its way; `ending`: it only handles what waits. */
  #state: 'open' | 'draining' | 'ending' | 'closed' = 'open'
  #delivered = 0
  #dropped = 0
  #failed = 0
  #roomWaiters: (() => void)[] = []
  #end: SubscriptionEnd | undefined
  #ended: Promise<SubscriptionEnd> | undefined
  #endWaiter: ((reason: SubscriptionEnd) => void) | undefined
  /** What ends with it. */
  readonly #releases: (() => void)[] = []

  constructor(
    settings: SubscriptionSettings,
    subscriber: Subscriber,
    clock: Clock,
    events: SubscriptionEvents,
  ) {
    this.settings = settings
    this.#subscriber = subscriber
    this.#clock = clock
    this.#events = events
  }

  get id(): number {
    return this.settings.id
  }

  get filter(): string {
    return this.settings.filter
  }

  get group(): string | undefined {
    return this.settings.group
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  /** It wants messages. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** It wants messages, or takes those that are on their way. */
  get isTaking(): boolean {
    return this.#state === 'open' || this.#state === 'draining'
  }

  get ended(): Promise<SubscriptionEnd> {
    this.#ended ??= ownPromise((resolve) => {
      if (this.#end === undefined) this.#endWaiter = resolve
      else resolve(this.#end)
    })
    return this.#ended
  }

  /** More waits than may. */
  get isFull(): boolean {
    const { messagesMax, bytesMax } = this.settings
    if (this.#queue.length === 0) return !this.#subscriber.isReady()
    return this.#queue.length >= messagesMax || this.#queue.bytes >= bytesMax
  }

  stats(): SubscriptionStats {
    return {
      pendingMessages: this.#queue.length + this.#running,
      pendingBytes: this.#queue.bytes,
      delivered: this.#delivered,
      dropped: this.#dropped,
      failed: this.#failed,
    }
  }

  /** Calls `release` when it is over. */
  own(release: () => void): void {
    if (this.#state === 'closed') release()
    else this.#releases.push(release)
  }

  /** A message that matches. */
  take(publication: Publication): Taken {
    if (!this.isTaking) return 'dropped'
    const isFree = this.#running < this.settings.concurrency && this.#queue.length === 0
    if (isFree && !this.#isPumping) {
      if (!this.#subscriber.isReady()) return this.#overflow(publication)
      this.#run(publication)
      return 'taken'
    }
    if (this.isFull) return this.#overflow(publication)
    this.#enqueue(publication)
    return 'taken'
  }

  /** Last values, taken when there is time. */
  feed(publications: Iterator<Publication>): void {
    this.#feeds.push(publications)
    this.#later()
  }

  /** Calls back when less waits than may. */
  whenRoom(callback: () => void): void {
    if (this.isFull && this.#state !== 'closed') this.#roomWaiters.push(callback)
    else callback()
  }

  unsubscribe(): void {
    this.close('unsubscribed')
  }

  [Symbol.dispose](): void {
    this.close('unsubscribed')
  }

  /** It is over; what waits is dropped. Idempotent. */
  close(reason: SubscriptionEnd): void {
    if (this.#state === 'closed') return
    const wasOpen = this.#state === 'open'
    this.#state = 'closed'
    this.#end = reason
    if (wasOpen) this.#events.leaving(this)
    this.#feeds.length = 0
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#dropped += 1
      next.settlement?.release()
    }
    this.#subscriber.end()
    for (const release of this.#releases.splice(0)) release()
    this.#events.ended(this, reason)
    this.#endWaiter?.(reason)
    for (const waiter of this.#roomWaiters.splice(0)) waiter()
  }

  async drain(options?: DrainOptions): Promise<void> {
    const { timeoutMs = this.settings.drainTimeoutMs, signal } = drainOptions(options)
    const { filter: topic } = this
    const what = `the drain of the subscription to ${topic}`
    return unlessAborted(() => this.#drain(timeoutMs), signal, { what, topic })
  }

  #drain(timeoutMs: number): Promise<void> {
    if (this.#state === 'closed') return Promise.resolve()
    if (this.#state === 'open') {
      this.#state = 'draining'
      this.#events.leaving(this)
    }
    return ownPromise((resolve, reject) => {
      const limit = this.#clock.setTimer(timeoutMs, () => {
        const { pendingMessages } = this.stats()
        // Less time than the grace, and nothing is there to be handled.
        if (pendingMessages === 0) return this.close('drained')
        const text = `${this.filter}: ${pendingMessages} messages were not handled in ${timeoutMs} ms`
        reject(new PubSubError('ERR_PUBSUB_DRAIN_TIMEOUT', text, { topic: this.filter }))
        this.close('drained')
      })
      // What was published before is on its way. What comes later must not keep it from its end.
      const grace = this.#clock.setTimer(this.settings.drainGraceMs, () => {
        this.#state = 'ending'
        this.#endIfIdle()
      })
      this.own(() => {
        limit.cancel()
        grace.cancel()
        resolve()
      })
    })
  }

  #endIfIdle(): void {
    if (this.#state !== 'ending' || this.#running > 0 || this.#queue.length > 0) return
    this.close('drained')
  }

  #enqueue(publication: Publication): void {
    publication.settlement?.hold()
    this.#queue.push(publication)
  }

  #overflow(publication: Publication): Taken {
    switch (this.settings.overflow) {
      case 'drop_newest':
        this.#drop(undefined)
        return 'dropped'
      case 'drop_oldest':
        // One large message may take the room of many small ones.
        do this.#drop(this.#queue.shift())
        while (this.#queue.length > 0 && this.isFull)
        // Who hears that it is slow may end it.
        if (this.closed) return 'dropped'
        this.#enqueue(publication)
        return 'taken'
      case 'disconnect':
        this.#drop(undefined)
        this.close('slow_consumer')
        return 'dropped'
      case 'block':
        return this.#block(publication)
    }
  }

  /** Publishers who wait keep it short; those at least once are bounded by their windows. */
  #block(publication: Publication): Taken {
    const { messagesMax, bytesMax } = this.settings
    const isOverrun =
      this.#queue.length >= messagesMax * 2 || this.#queue.bytes >= Math.max(bytesMax, 1) * 2
    if (isOverrun && publication.settlement === undefined) {
      this.#drop(undefined)
      return 'overrun'
    }
    this.#enqueue(publication)
    this.#events.slow(this, 0)
    return 'blocked'
  }

  #drop(publication: Publication | undefined): void {
    publication?.settlement?.release()
    this.#dropped += 1
    this.#events.slow(this, 1)
  }

  #run(publication: Publication): void {
    const { settlement } = publication
    let result: unknown
    let isLater: boolean
    try {
      result = this.#subscriber.take(publication, this.settings.filter)
      // A getter of the user may be behind `then`.
      isLater = typeof result === 'object' && result !== null && isThenable(result)
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#delivered += 1
    if (!isLater) return
    this.#running += 1
    settlement?.hold()
    const over = (): void => {
      this.#running -= 1
      settlement?.release()
      this.#pump()
    }
    Promise.resolve(result).then(over, (error: unknown) => {
      this.#delivered -= 1
      this.#fail(error)
      over()
    })
  }

  #fail(error: unknown): void {
    this.#failed += 1
    this.#events.handlerFailed(this, error)
  }

  /** Hands on what waits, as long as it may. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    let fed = 0
    while (this.#running < this.settings.concurrency && this.#state !== 'closed') {
      const waited = this.#queue.shift()
      if (waited === undefined && fed >= FEED_BATCH) {
        this.#later()
        break
      }
      const next = waited ?? this.#fromFeeds()
      if (next === undefined) break
      if (waited === undefined) fed += 1
      this.#run(next)
      // It was held while it waited.
      if (waited !== undefined) waited.settlement?.release()
    }
    this.#isPumping = false
    if (!this.isFull) for (const waiter of this.#roomWaiters.splice(0)) waiter()
    this.#endIfIdle()
  }

  #fromFeeds(): Publication | undefined {
    for (let feed = this.#feeds[0]; feed !== undefined; feed = this.#feeds[0]) {
      const { done, value } = feed.next()
      if (done !== true) return value
      this.#feeds.shift()
    }
    return undefined
  }

  #later(): void {
    this.#clock.nextTurn(() => this.#pump())
  }
}
