/**
 * Linear accounting of messages (PS6, ML33): whoever certainly knew a subscriber when it published `at_least_once` has its
 * message delivered there, or is told where it was not; nobody gets one twice, none is out of order, foreign or late.
 */
import { matchesFilter } from '../../mesh/index.ts'
import type { PubSubMessage } from '../../mesh/index.ts'
import type { Claim } from './services-claim.ts'
import type { Life } from './services-life.ts'

/** A message and what became of it. */
interface Publish {
  readonly number: number
  readonly by: Life
  readonly topic: string
  readonly qos: 0 | 1
  readonly atMs: number
  /** Subscriptions that must get it, unless they end or are reported. */
  wanted: readonly Subscriber[]
  outcome: string | undefined
  /** Keys of nodes that were named as not reached. */
  unreached: readonly string[]
}

/** A subscription. */
export interface Subscriber {
  readonly number: number
  readonly by: Life
  readonly filter: string
  isOver: boolean
  readonly got: Set<number>
  /** The newest message of each life and topic, of those with acknowledgement. */
  readonly newest: Map<string, number>
}

/** Errors with which the publisher itself says that it does not know. */
const REPORTS = new Set([...['ERR_PUBSUB_UNACKNOWLEDGED', 'ERR_PUBSUB_RESTARTED']])

/** See the file header. */
export class TopicAccount {
  readonly #claim: Claim
  readonly #publishes: Publish[] = []
  readonly #subscribers: Subscriber[] = []
  /** Whether that subscription is one that a publisher must not forget at this moment. */
  readonly #isCertain: (publisher: Life, subscriber: Subscriber) => boolean
  delivered = 0
  /** Deliveries that had to be, elsewhere. */
  certain = 0

  constructor(claim: Claim, isCertain: (publisher: Life, subscriber: Subscriber) => boolean) {
    this.#claim = claim
    this.#isCertain = isCertain
  }

  get published(): number {
    return this.#publishes.length
  }

  /** Subscriptions that stand. */
  standing(): readonly Subscriber[] {
    return this.#subscribers.filter(({ isOver, by }) => !isOver && !by.isOver)
  }

  subscribe(life: Life, filter: string): Subscriber {
    const number = this.#subscribers.length
    const subscriber: Subscriber = {
      ...{ number, filter, isOver: false },
      by: life,
      got: new Set<number>(),
      newest: new Map<string, number>(),
    }
    this.#subscribers.push(subscriber)
    return subscriber
  }

  /** A handler was called. */
  deliver(subscriber: Subscriber, message: PubSubMessage): void {
    const { by, filter, got, newest } = subscriber
    const who = (): string => `${by.name}, ${filter}, message ${String(message.payload)}`
    const publish = this.#publishes[message.payload as number]
    this.#claim(!subscriber.isOver, 'PS20', () => `${who()}: after it was unsubscribed`)
    this.#claim(publish !== undefined, 'PS6', () => `${who()}: was never published`)
    const isRight = publish.topic === message.topic && matchesFilter(filter, publish.topic)
    this.#claim(isRight, 'PS6', () => `${who()}: wrong topic ${message.topic}`)
    this.#claim(publish.by.key === message.publisher, 'PS6', () => `${who()}: wrong publisher`)
    this.#claim(!got.has(publish.number), 'PS6', () => `${who()}: twice, of ${publish.by.name}`)
    got.add(publish.number)
    this.delivered += 1
    if (publish.qos === 0) return
    // Those of different topics may pass each other while it is not known who wants one of them.
    const line = `${publish.by.number} ${publish.topic}`
    const before = newest.get(line) ?? -1
    this.#claim(publish.number > before, 'ML33', () => `${who()}: after ${before}, out of order`)
    newest.set(line, publish.number)
  }

  /** Publishes, and keeps book of how it ends. */
  publish(by: Life, topic: string, qos: 0 | 1, nowMs: number): Promise<unknown> {
    const wanted = this.standing().filter(
      (subscriber) =>
        matchesFilter(subscriber.filter, topic) &&
        (subscriber.by === by || (qos === 1 && this.#isCertain(by, subscriber))),
    )
    this.certain += wanted.filter((subscriber) => subscriber.by !== by).length
    const number = this.#publishes.length
    const publish: Publish = {
      ...{ number, by, topic, qos, wanted, atMs: nowMs },
      ...{ outcome: undefined, unreached: [] },
    }
    this.#publishes.push(publish)
    return by.node.pubsub.publish(topic, number, { qos }).then(
      () => {
        publish.outcome = 'done'
      },
      ({ code, nodes = [] }: { code?: string; nodes?: readonly string[] }) => {
        publish.outcome = String(code)
        publish.unreached = nodes
      },
    )
  }

  /**
   * A publisher does not know those any more. What it published after `fromMs` may have waited until it was known who wants
   * it, and for whom it is was decided then.
   */
  forget(by: Life, keys: ReadonlySet<string>, fromMs: number): void {
    for (const { number, by: each } of this.#subscribers) {
      if (keys.has(each.key)) by.certain.delete(number)
    }
    for (let at = this.#publishes.length - 1; at >= 0; at--) {
      const publish = this.#publishes[at]!
      if (publish.atMs < fromMs) return
      if (publish.by !== by || publish.outcome !== undefined) continue
      publish.wanted = publish.wanted.filter((each) => !keys.has(each.by.key))
    }
  }

  /** When everything has had its time: nothing is missing, nothing still waits. */
  settle(): void {
    for (const publish of this.#publishes) {
      if (publish.by.isOver) continue
      const { number, by, topic, outcome, atMs } = publish
      const what = (): string => `message ${number} of ${by.name} to ${topic} at ${atMs} ms`
      this.#claim(outcome !== undefined, 'PS6', () => `${what()} has no end`)
      this.#claim(
        outcome === 'done' || REPORTS.has(outcome),
        'PS6',
        () => `${what()} ended ${outcome}`,
      )
      for (const subscriber of publish.wanted) {
        if (subscriber.isOver || subscriber.by.isOver || subscriber.got.has(number)) continue
        const isReported =
          outcome === 'ERR_PUBSUB_RESTARTED' || publish.unreached.includes(subscriber.by.key)
        const to = `${subscriber.by.name} (${subscriber.filter})`
        this.#claim(isReported, 'PS6', () => `${what()} never came to ${to}, and ended ${outcome}`)
      }
    }
  }

  /** How publishes ended, by outcome. */
  outcomes(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { outcome = 'crashed' } of this.#publishes) {
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
    }
    return counts
  }
}
