/** A subscription that is read in a loop. */
import type { LocalSubscription } from './local-subscription.ts'
import type {
  DrainOptions,
  MessageStream,
  PubSubMessage,
  SubscriptionEnd,
  SubscriptionStats,
} from './pubsub.ts'
import type { LoopSubscriber } from './subscriber.ts'

/** See the head of this file. */
export class LocalStream implements MessageStream {
  readonly #subscription: LocalSubscription
  readonly #loop: LoopSubscriber

  constructor(subscription: LocalSubscription, loop: LoopSubscriber) {
    this.#subscription = subscription
    this.#loop = loop
  }

  get id(): number {
    return this.#subscription.id
  }

  get filter(): string {
    return this.#subscription.filter
  }

  get group(): string | undefined {
    return this.#subscription.group
  }

  get closed(): boolean {
    return this.#subscription.closed
  }

  get ended(): Promise<SubscriptionEnd> {
    return this.#subscription.ended
  }

  stats(): SubscriptionStats {
    return this.#subscription.stats()
  }

  unsubscribe(): void {
    this.#subscription.unsubscribe()
  }

  drain(options?: DrainOptions): Promise<void> {
    return this.#subscription.drain(options)
  }

  [Symbol.dispose](): void {
    this.#subscription.unsubscribe()
  }

  [Symbol.asyncIterator](): AsyncIterator<PubSubMessage> {
    return {
      next: () => this.#loop.next(),
      return: () => {
        this.#subscription.unsubscribe()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }
}
