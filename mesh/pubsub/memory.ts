/**
 * What outlives restarts of the process of pub/sub: subscriptions, what is to be acknowledged and has been, last values,
 * and the numbers of messages.
 */
import { FoveaError } from '../../runtime/index.ts'
import { callHandler } from '../call-handler.ts'
import type { ServicesContext } from '../services/context.ts'
import type { LocalSubscription, SubscriptionEvents } from './local-subscription.ts'
import type { Publication } from './message.ts'
import type { Hub } from './hub.ts'
import { Inbox } from './inbox.ts'
import { DrawnLetters } from './drawn.ts'
import { frameOf } from './letter.ts'
import type { PubSubSettings } from './options.ts'
import { Outbox } from './outbox.ts'
import { OutboxStore } from './outbox-store.ts'
import type { PubSubEvent } from './pubsub.ts'
import type { Arrival } from './receiver.ts'
import { Registry } from './registry.ts'
import { isNewer, lastValue, RetainedStore, RetainedTable } from './retained.ts'
import { Routes } from './routes.ts'
import { Unwanted } from './unwanted.ts'
import { WaitingStore } from './waiting-store.ts'
import { encodeAcknowledgement } from './wire.ts'

/** Counters since the start. */
export interface Counters {
  published: number
  sent: number
  received: number
  delivered: number
  dropped: number
}

/** How often a slow consumer is spoken of. */
const SLOW_EVENT_MS = 1_000

/** Begins the names of publishes in the store of which it is not known who wants them. */
const WAITING_PREFIX = 'pubsub/wait/'

interface Slowness {
  saidMs: number
  dropped: number
}

/** One per node. */
export class PubSubMemory {
  /** The one that runs; undefined while its process is being restarted. */
  hub: Hub | undefined
  readonly registry: Registry
  readonly unwanted: Unwanted
  readonly routes: Routes
  readonly drawn: DrawnLetters
  readonly outbox: Outbox
  readonly inbox: Inbox<Arrival | undefined>
  /** Last values of own publishes. */
  readonly own: RetainedTable
  readonly ownStore: RetainedStore | undefined
  readonly waitingStore: WaitingStore | undefined
  /** The node is about to stop: what waits in the store is for its next life. */
  isLeaving = false
  /** Last values of others. */
  readonly remembered: RetainedTable
  readonly counters: Counters = { published: 0, sent: 0, received: 0, delivered: 0, dropped: 0 }
  /** Nodes that were told that something is unwanted here. */
  readonly told: Map<string, string | undefined> = new Map()
  readonly #services: ServicesContext
  readonly #listeners = new Set<(event: PubSubEvent) => void>()
  readonly #slow = new WeakMap<LocalSubscription, Slowness>()
  #lastId = 0
  #lastSequence = 0
  #lastStampMs: number
  readonly #stampAheadMaxMs: number

  constructor(services: ServicesContext, settings: PubSubSettings) {
    const { catalog, clock, courier, codec, values, refusals, store, chance } = services
    const { self, incarnation } = services
    this.#services = services
    this.#stampAheadMaxMs = settings.stampAheadMaxMs
    this.registry = new Registry(catalog, clock, {
      filterAdded: () => this.#wanted(),
      plainRemoved: (filter) =>
        this.remembered.prune(filter, (topic) => this.registry.isWanted(topic)),
      refused: (error) =>
        refusals.count(error instanceof FoveaError ? error.code : 'ERR_PUBSUB_STORE', { error }),
    })
    this.unwanted = new Unwanted(settings.unwantedTtlMs)
    this.drawn = new DrawnLetters(settings)
    const { registry, unwanted } = this
    this.routes = new Routes({ catalog, registry, unwanted, routesMax: settings.routesMax })
    const limits = { entriesMax: settings.retainedMax, bytesMax: settings.retainedBytesMax }
    this.own = new RetainedTable(limits)
    this.remembered = new RetainedTable(limits)
    const failed = (error: unknown): void => refusals.count('ERR_PUBSUB_STORE', { error })
    this.ownStore = store === undefined ? undefined : new RetainedStore(store, values, failed)
    this.ownStore?.load(this.own, self)
    // Numbers of messages begin anew with each life, so its stamps are later than those before.
    this.#lastStampMs = this.own.lastStampMs + 1
    this.outbox = new Outbox({
      ...{ settings, chance, now: () => clock.now(), wallNow: () => clock.wallNow() },
      store: store === undefined ? undefined : new OutboxStore(store, values, failed),
      send: (node, via, { letter, groups }, place) => {
        this.counters.sent += 1
        return courier.send(node, 'pubsub', frameOf(letter, codec, groups, place), { via })
      },
      lost: ({ topic }, node) => this.unacknowledged(topic, [node]),
    })
    this.waitingStore =
      store === undefined
        ? undefined
        : new WaitingStore({
            ...{ self, incarnation, clock },
            store: new OutboxStore(store, values, failed, WAITING_PREFIX),
            lost: ({ topic }) => this.unacknowledged(topic, []),
          })
    this.inbox = new Inbox<Arrival | undefined>({
      ...{ settings, clock, refusals },
      answer: (node, via, message) =>
        void courier.send(node, 'pubsub', encodeAcknowledgement(message, codec), { via }),
      isOpen: () => this.hub !== undefined,
      deliver: (arrival, settlement) => this.hub?.arrived(arrival, settlement),
    })
  }

  /** The number of the next subscription. */
  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  /** The number of the next message. */
  nextSequence(): number {
    this.#lastSequence += 1
    return this.#lastSequence
  }

  /** The stamp of the next last value: not earlier than that of the one before, and no later than need be. */
  nextStampMs(): number {
    const nowMs = Math.floor(this.#services.clock.wallNow())
    const nextMs = Math.max(this.#lastStampMs, nowMs)
    // A clock that was set back: nobody believes what is so far ahead, so nothing has to be newer than that.
    this.#lastStampMs = nextMs > nowMs + this.#stampAheadMaxMs ? nowMs : nextMs
    return this.#lastStampMs
  }

  /** Last values for a new subscription, each topic once. */
  *lastValues({ filter, settings }: LocalSubscription): Generator<Publication> {
    const { own, remembered } = this
    const { revision } = remembered
    if (!settings.noLocal) {
      for (const value of own.matching(filter, own.revision)) {
        const other = remembered.get(value.topic)
        if (other === undefined || isNewer(value, other)) yield lastValue(value, undefined)
      }
    }
    for (const value of remembered.matching(filter, revision)) {
      const mine = settings.noLocal ? undefined : own.get(value.topic)
      if (mine === undefined || isNewer(value, mine)) yield lastValue(value, undefined)
    }
  }

  /** What subscriptions say. */
  subscriptionEvents(): SubscriptionEvents {
    const { refusals } = this.#services
    return {
      slow: (subscription, dropped) => this.#slowConsumer(subscription, dropped),
      leaving: (subscription) => this.registry.leave(subscription),
      ended: (subscription, reason) => {
        this.registry.forget(subscription)
        this.tell({ type: 'subscription_ended', subscription, reason })
      },
      handlerFailed: ({ filter }, error) => refusals.count('ERR_PUBSUB_HANDLER', { filter, error }),
    }
  }

  /** Some nodes did not acknowledge; none when it is not known who would have. */
  unacknowledged(topic: string, nodes: readonly string[]): void {
    const times = Math.max(1, nodes.length)
    this.#services.refusals.count('ERR_PUBSUB_UNACKNOWLEDGED', { topic, nodes }, { times })
    this.tell({ type: 'unacknowledged', topic, nodes })
  }

  onEvent(listener: (event: PubSubEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  tell(event: PubSubEvent): void {
    for (const listener of Array.from(this.#listeners)) {
      callHandler(
        () => listener(event),
        (error) => this.#services.refusals.count('ERR_PUBSUB_HANDLER', { error }),
      )
    }
  }

  /** The node has stopped: all subscriptions end, and who waits for acknowledgements is told. */
  stop(): void {
    this.inbox.stop()
    for (const subscription of Array.from(this.registry.subscriptions)) {
      subscription.close('stopped')
    }
    this.outbox.stop()
  }

  /** Those who left this node out look again. */
  #wanted(): void {
    if (this.told.size === 0) return
    const { codec, courier } = this.#services
    const frame = encodeAcknowledgement({ type: 'wanted' }, codec)
    for (const [node, via] of this.told) courier.send(node, 'pubsub', frame, { via })
    this.told.clear()
  }

  #slowConsumer(subscription: LocalSubscription, dropped: number): void {
    const { refusals, clock } = this.#services
    this.counters.dropped += dropped
    const { filter, id } = subscription
    if (dropped > 0) refusals.count('ERR_PUBSUB_SLOW_CONSUMER', { filter, id })
    let slowness = this.#slow.get(subscription)
    if (slowness === undefined) {
      this.#slow.set(subscription, (slowness = { saidMs: -Infinity, dropped: 0 }))
    }
    slowness.dropped += dropped
    const nowMs = clock.now()
    if (nowMs - slowness.saidMs < SLOW_EVENT_MS) return
    const sum = slowness.dropped
    slowness.saidMs = nowMs
    slowness.dropped = 0
    this.tell({ type: 'slow_consumer', subscription, dropped: sum })
  }
}
