/** `mesh.pubsub`: turns what an application asks for into publishes, subscriptions and requests. */
import { isRef } from '../../behaviours/index.ts'
import type { Ref } from '../../behaviours/index.ts'
import { isPid, ownPromise } from '../../runtime/index.ts'
import type { Pid } from '../../runtime/index.ts'
import { checkFilter, checkTopic } from '../topics/topic.ts'
import {
  checkReserved,
  deliveryOf,
  drainOptions,
  publishOptions,
  requestOptions,
  subscribeOptions,
} from './checks.ts'
import type { PubSubContext } from './context.ts'
import { PubSubError } from './errors.ts'
import { unlessAborted } from './give-up.ts'
import { restarted } from './hub.ts'
import { LocalSubscription } from './local-subscription.ts'
import { LocalStream } from './local-stream.ts'
import { Outgoing } from './outgoing.ts'
import { Payload } from './payload.ts'
import type {
  DrainOptions,
  MessageHandler,
  MessageStream,
  PublishOptions,
  PublishResult,
  PubSub,
  PubSubEvent,
  PubSubReply,
  PubSubStats,
  RequestManyOptions,
  RequestOptions,
  SubscribeOptions,
  Subscription,
  TopicInfo,
} from './pubsub.ts'
import { checkHeaders } from './replies.ts'
import { CallbackSubscriber, LoopSubscriber, ProcessSubscriber } from './subscriber.ts'
import type { Subscriber } from './subscriber.ts'

/** How often a drain looks whether it is done. */
const DRAIN_CHECK_MS = 10

/** Replies that a request collects at most. */
const REPLIES_MAX = 65_536

/** Pub/sub of one node. */
export class PubSubFunctions implements PubSub {
  readonly #context: PubSubContext
  readonly #check: () => void
  /** Nothing new: no subscriptions, then no publishes. */
  #draining: 'no' | 'subscriptions' | 'all' = 'no'

  /** `check` throws once the mesh has stopped. */
  constructor(context: PubSubContext, check: () => void) {
    this.#context = context
    this.#check = check
  }

  publish(topic: string, payload?: unknown, options?: PublishOptions): Promise<PublishResult> {
    try {
      const checked = publishOptions(options)
      const { signal } = checked
      if (signal?.aborted === true) throw aborted(`the publish to ${topic}`, topic, signal)
      const outgoing = this.#outgoing(topic, payload, checked, undefined)
      this.#publish(outgoing)
      return outgoing.promise(signal)
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  subscribe<Payload_ = unknown>(
    filter: string,
    subscriber: MessageHandler<Payload_> | Pid | Ref<never>,
    options?: SubscribeOptions,
  ): Subscription
  subscribe<Payload_ = unknown>(filter: string, options?: SubscribeOptions): MessageStream<Payload_>
  subscribe(filter: string, given?: unknown, options?: SubscribeOptions): Subscription {
    this.#check()
    if (this.#draining !== 'no') throw draining()
    const canonical = checkFilter(filter)
    checkReserved(canonical)
    const { system } = this.#context
    if (typeof given === 'function') {
      const subscriber = new CallbackSubscriber(given as MessageHandler<never>)
      return this.#subscribe(canonical, subscriber, options)
    }
    const pid = isPid(given) ? given : isRef(given) ? given.pid : undefined
    if (pid !== undefined) {
      const max = options?.maxPendingMessages ?? this.#context.settings.maxPendingMessages
      const checked = processOptions(options)
      if (system.process(pid) === undefined) {
        throw new PubSubError('ERR_PUBSUB_SUBSCRIBER', 'no such process in this system', {
          topic: canonical,
        })
      }
      const of = { ...checked, owner: pid }
      return this.#subscribe(canonical, new ProcessSubscriber(system, pid, max), of)
    }
    if (given !== undefined && (typeof given !== 'object' || given === null)) {
      const text = 'a subscriber is a function, a pid or a ref'
      throw new PubSubError('ERR_PUBSUB_SUBSCRIBER', text, { topic: canonical })
    }
    const loop = new LoopSubscriber()
    const of = loopOptions(given as SubscribeOptions | undefined)
    return new LocalStream(this.#subscribe(canonical, loop, of), loop)
  }

  async request<Payload_ = unknown>(
    topic: string,
    payload?: unknown,
    options?: RequestOptions,
  ): Promise<PubSubReply<Payload_>> {
    const checked = requestOptions('pubsub.request', options)
    const replies = await this.#request(topic, payload, { ...checked, count: 1 }, true)
    return replies[0] as PubSubReply<Payload_>
  }

  async requestMany<Payload_ = unknown>(
    topic: string,
    payload?: unknown,
    options?: RequestManyOptions,
  ): Promise<readonly PubSubReply<Payload_>[]> {
    const checked = requestOptions('pubsub.requestMany', options)
    const replies = await this.#request(topic, payload, checked, false)
    return replies as readonly PubSubReply<Payload_>[]
  }

  async drain(options?: DrainOptions): Promise<void> {
    const { timeoutMs = this.#context.settings.drainTimeoutMs, signal } = drainOptions(options)
    return unlessAborted(() => this.#drain(timeoutMs), signal, { what: 'the drain of pub/sub' })
  }

  async #drain(timeoutMs: number): Promise<void> {
    const { memory, clock } = this.#context
    if (this.#draining === 'no') this.#draining = 'subscriptions'
    const untilMs = clock.now() + timeoutMs
    const subscriptions = Array.from(memory.registry.subscriptions)
    const drains = subscriptions.map((each) => each.drain({ timeoutMs }))
    const outcomes = await Promise.allSettled(drains)
    this.#draining = 'all'
    while (!this.#isIdle()) {
      if (clock.now() >= untilMs) {
        const { waiting, queued, outbox } = this.stats()
        const text = `not drained in ${timeoutMs} ms: ${waiting} publishes wait, ${queued} are queued, ${outbox} not acknowledged`
        throw new PubSubError('ERR_PUBSUB_DRAIN_TIMEOUT', text)
      }
      await ownPromise<void>((resolve) => void clock.setTimer(DRAIN_CHECK_MS, () => resolve()))
    }
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  topics(): readonly TopicInfo[] {
    const { memory, catalog } = this.#context
    const nodes = new Map<string, string[]>()
    for (const { pattern, node } of catalog.entries('topic')) {
      const of = nodes.get(pattern)
      if (of === undefined) nodes.set(pattern, [node])
      else of.push(node)
    }
    return Array.from(memory.registry.entries(), ({ filter, plain, groups }) => ({
      filter,
      plain: plain.size,
      groups: Object.fromEntries(
        Array.from(groups, ([group, { members }]) => [group, members.length]),
      ),
      nodes: nodes.get(filter) ?? [],
    }))
  }

  stats(): PubSubStats {
    const { registry, counters, outbox, inbox, own, remembered, hub } = this.#context.memory
    return {
      ...counters,
      subscriptions: registry.subscriptions.size,
      filters: registry.filters,
      duplicates: inbox.duplicates,
      repeated: outbox.repeated,
      waiting: hub?.publisher.waiting ?? 0,
      queued: hub?.publisher.queues.size ?? 0,
      outbox: outbox.size,
      retained: own.size,
      remembered: remembered.size,
      requests: hub?.requests.size ?? 0,
      sessions: inbox.size,
    }
  }

  onEvent(handler: (event: PubSubEvent) => void): () => void {
    return this.#context.memory.onEvent(handler)
  }

  /** The node is about to stop. */
  leaving(): void {
    this.#context.memory.isLeaving = true
  }

  /** The node has stopped: subscriptions end, whoever waits is told. */
  stopped(): void {
    const { memory } = this.#context
    memory.hub?.close()
    memory.stop()
  }

  #publish(outgoing: Outgoing): void {
    const { hub } = this.#context.memory
    if (hub === undefined) return outgoing.fail(restarted())
    hub.publish(outgoing)
  }

  #outgoing(
    topic: string,
    value: unknown,
    options: PublishOptions,
    requestId: number | undefined,
  ): Outgoing {
    this.#check()
    if (this.#draining === 'all') throw draining()
    const { memory, settings, values } = this.#context
    if (!memory.routes.has(topic)) {
      checkTopic(topic)
      checkReserved(topic)
    }
    const payload = Payload.of(values, value, settings.payloadBytesMax)
    const headers = checkHeaders(this.#context, options.headers)
    const { retain = false, exclude, localFirst = false, timeoutMs } = options
    const stampMs = retain ? memory.nextStampMs() : undefined
    const sequence = memory.nextSequence()
    const letter = { topic, sequence, headers, stampMs, isReplay: false, requestId, payload }
    if (stampMs !== undefined) this.#retain({ ...letter, stampMs })
    memory.counters.published += 1
    return new Outgoing({
      letter,
      delivery: deliveryOf(options),
      localFirst,
      exclude: exclude === undefined ? undefined : new Set(exclude),
      ttlMs: timeoutMs ?? settings.outboxTtlMs,
    })
  }

  /** The last value of its topic, or its end. */
  #retain(value: Outgoing['letter'] & { readonly stampMs: number }): void {
    const { memory, self, settings } = this.#context
    const { topic, payload } = value
    if (payload.isEmpty) {
      memory.own.delete(topic)
      memory.ownStore?.forget(topic)
      return
    }
    if (!memory.own.fits(value)) {
      const text = `${settings.retainedMax} messages or ${settings.retainedBytesMax} bytes are retained`
      throw new PubSubError('ERR_PUBSUB_RETAINED_MAX', text, { topic })
    }
    const { sequence, stampMs, headers } = value
    const kept = { topic, publisher: self, sequence, stampMs, headers, payload }
    memory.own.set(kept)
    memory.ownStore?.keep(kept)
  }

  #subscribe(
    filter: string,
    subscriber: Subscriber,
    given: SubscribeOptions | undefined,
  ): LocalSubscription {
    const options = subscribeOptions(given)
    const { memory, settings, clock, system } = this.#context
    const { registry } = memory
    if (registry.subscriptions.size >= settings.subscriptionsMax) {
      const text = `this node has ${settings.subscriptionsMax} subscriptions`
      throw new PubSubError('ERR_PUBSUB_SUBSCRIPTIONS_MAX', text, { topic: filter })
    }
    const { group, signal, owner } = options
    if (signal?.aborted === true) throw aborted(`the subscription to ${filter}`, filter, signal)
    const subscription = new LocalSubscription(
      {
        ...{ id: memory.nextId(), filter, group, noLocal: options.noLocal ?? false },
        retained: group === undefined && (options.retained ?? true),
        messagesMax: options.maxPendingMessages ?? settings.maxPendingMessages,
        bytesMax: options.maxPendingBytes ?? settings.maxPendingBytes,
        overflow: options.overflow ?? 'drop_oldest',
        concurrency: options.concurrency ?? 1,
        drainGraceMs: settings.drainGraceMs,
        drainTimeoutMs: settings.drainTimeoutMs,
      },
      subscriber,
      clock,
      memory.subscriptionEvents(),
    )
    registry.add(subscription)
    if (owner !== undefined) {
      subscription.own(system.watch(owner, () => subscription.close('process_down')))
    }
    if (signal !== undefined) {
      const abort = (): void => subscription.close('aborted')
      signal.addEventListener('abort', abort, { once: true })
      subscription.own(() => signal.removeEventListener('abort', abort))
    }
    if (subscription.settings.retained && memory.own.size + memory.remembered.size > 0) {
      subscription.feed(memory.lastValues(subscription))
    }
    return subscription
  }

  #request(
    topic: string,
    payload: unknown,
    options: RequestManyOptions,
    isFirst: boolean,
  ): Promise<readonly PubSubReply[]> {
    const { settings, memory } = this.#context
    const { headers, localFirst, signal, timeoutMs = settings.requestTimeoutMs } = options
    const count = Math.min(options.count ?? REPLIES_MAX, REPLIES_MAX)
    return ownPromise((resolve, reject) => {
      this.#check()
      if (this.#draining !== 'no') throw draining()
      const { requests } = memory.hub ?? fail(restarted())
      const abort = (): void => {
        const text = `the request to ${topic} is not waited for any more`
        const cause: unknown = signal?.reason
        requests.cancel(id, new PubSubError('ERR_PUBSUB_ABORTED', text, { topic, cause }))
      }
      const over = (): void => signal?.removeEventListener('abort', abort)
      const id = requests.begin({
        ...{ topic, count, timeoutMs, isFirst },
        resolve: (replies) => {
          over()
          resolve(replies)
        },
        reject: (error) => {
          over()
          reject(error)
        },
      })
      try {
        const outgoing = this.#outgoing(topic, payload, { headers, localFirst }, id)
        if (signal?.aborted === true) return abort()
        signal?.addEventListener('abort', abort, { once: true })
        this.#publish(outgoing)
        outgoing.onFailed((error) => requests.cancel(id, error as PubSubError))
      } catch (error) {
        requests.cancel(id)
        throw error
      }
    })
  }

  #isIdle(): boolean {
    const { memory } = this.#context
    const { hub, outbox } = memory
    if (outbox.size > 0) return false
    return hub === undefined || hub.publisher.waiting + hub.publisher.queues.size === 0
  }
}

function processOptions(given: SubscribeOptions = {}): SubscribeOptions {
  const { overflow = 'drop_newest' } = given
  if (overflow === 'drop_newest' || overflow === 'disconnect') return { ...given, overflow }
  const text = `the mailbox of a process is its own, so its subscription cannot have the policy ${overflow}`
  throw new PubSubError('ERR_PUBSUB_SUBSCRIBER', text)
}

function loopOptions(given: SubscribeOptions | undefined): SubscribeOptions | undefined {
  if ((given?.concurrency ?? 1) === 1) return given
  const text = 'a loop asks for one message after the other, so its subscription has concurrency 1'
  throw new PubSubError('ERR_PUBSUB_SUBSCRIBER', text)
}

function aborted(what: string, topic: string, { reason }: AbortSignal): PubSubError {
  const cause: unknown = reason
  return new PubSubError('ERR_PUBSUB_ABORTED', `${what} was given up before`, { topic, cause })
}

function draining(): PubSubError {
  return new PubSubError('ERR_PUBSUB_DRAINING', 'pub/sub drains, or has been drained')
}

function fail(error: Error): never {
  throw error
}
