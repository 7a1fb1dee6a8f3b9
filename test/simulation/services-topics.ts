/**
 * Linear accounting of messages (PS6, ML33): whoever certainly knew a subscriber when it published `at_least_once` has its
 * message delivered there, or is told where it was not; nobody gets one twice, none is out of order, foreign or late. What
 * groups get of it is in `services-groups.ts`; last values (PS13) are messages like others, and come once as well.
 */
import { matchesFilter } from '../../mesh/index.ts'
import type { PubSubMessage } from '../../mesh/index.ts'
import type { Claim } from './services-claim.ts'
import { mayBeGivenBack, settleShares, sharesOf, takeShare } from './services-groups.ts'
import type { Share } from './services-groups.ts'
import type { Life } from './services-life.ts'

/** A message and what became of it. */
export interface Publish {
  readonly number: number
  readonly by: Life
  readonly topic: string
  readonly qos: 0 | 1
  readonly atMs: number
  readonly isRetained: boolean
  /** By group. */
  readonly shares: Map<string, Share>
  /** Subscriptions in no group that must get it, unless they end or are reported. */
  wanted: readonly Subscriber[]
  outcome: string | undefined
  /** When its publisher knew how it ended. */
  overMs: number | undefined
  /** Keys of nodes that were named as not reached. */
  unreached: readonly string[]
}

/** A subscription. */
export interface Subscriber {
  readonly number: number
  readonly by: Life
  readonly filter: string
  readonly group: string | undefined
  isOver: boolean
  endedMs: number | undefined
  readonly got: Set<number>
  /** The newest message of each life and topic, of those with acknowledgement. */
  readonly newest: Map<string, number>
}

/** How it is published. */
export interface Manner {
  readonly qos: 0 | 1
  /** The last value of its topic, or the end of it. */
  readonly retain?: 'value' | 'end' | undefined
}

/** Name of the header with the number of a message that has no payload. */
const NUMBER = 'number'

/** Errors with which the publisher itself says that it does not know. */
const REPORTS = new Set([...['ERR_PUBSUB_UNACKNOWLEDGED', 'ERR_PUBSUB_RESTARTED']])

/** See the file header. */
export class TopicAccount {
  readonly #claim: Claim
  readonly #publishes: Publish[] = []
  readonly #subscribers: Subscriber[] = []
  /** Whether that subscription is one that a publisher must not forget at this moment. */
  readonly #isCertain: (publisher: Life, subscriber: Subscriber) => boolean
  readonly #now: () => number
  delivered = 0
  /** Deliveries to members of groups. */
  shared = 0
  /** Deliveries of values from before the subscription. */
  late = 0
  /** Deliveries that had to be, elsewhere. */
  certain = 0

  constructor(
    claim: Claim,
    now: () => number,
    isCertain: (publisher: Life, subscriber: Subscriber) => boolean,
  ) {
    this.#claim = claim
    this.#now = now
    this.#isCertain = isCertain
  }

  get published(): number {
    return this.#publishes.length
  }

  /** Subscriptions that stand. */
  standing(): readonly Subscriber[] {
    return this.#subscribers.filter(({ isOver, by }) => !isOver && !by.isOver)
  }

  subscribe(life: Life, filter: string, group?: string): Subscriber {
    const number = this.#subscribers.length
    const subscriber: Subscriber = {
      ...{ number, filter, group, isOver: false, endedMs: undefined },
      by: life,
      got: new Set<number>(),
      newest: new Map<string, number>(),
    }
    this.#subscribers.push(subscriber)
    return subscriber
  }

  /** It is not wanted any more. */
  unsubscribed(subscriber: Subscriber): void {
    subscriber.isOver = true
    subscriber.endedMs ??= this.#now()
  }

  /** A handler was called. */
  deliver(subscriber: Subscriber, message: PubSubMessage): void {
    const { by, filter, group, got, newest } = subscriber
    const told = (message.headers[NUMBER] ?? message.payload) as number
    const who = (): string => `${by.name}, ${filter}, message ${told}`
    const publish = this.#publishes[told]
    this.#claim(!subscriber.isOver, 'PS20', () => `${who()}: after it was unsubscribed`)
    this.#claim(publish !== undefined, 'PS6', () => `${who()}: was never published`)
    const isRight = publish.topic === message.topic && matchesFilter(filter, publish.topic)
    this.#claim(isRight, 'PS6', () => `${who()}: wrong topic ${message.topic}`)
    this.#claim(publish.by.key === message.publisher, 'PS6', () => `${who()}: wrong publisher`)
    this.#claim(!got.has(publish.number), 'PS6', () => `${who()}: twice, of ${publish.by.name}`)
    const isLastValue = publish.isRetained && group === undefined
    this.#claim(!message.retained || isLastValue, 'PS13', () => `${who()}: is no last value`)
    got.add(publish.number)
    this.delivered += 1
    if (message.retained) this.late += 1
    if (group !== undefined) {
      takeShare(this.#claim, publish, by, group)
      this.shared += 1
    }
    if (publish.qos === 0) return
    // Those of different topics may pass each other while it is not known who wants one of them.
    const line = `${publish.by.number} ${publish.topic}`
    const before = newest.get(line) ?? -1
    const isInOrder = publish.number > before
    if (!isInOrder && group !== undefined && mayBeGivenBack(publish, group)) return
    this.#claim(isInOrder, 'ML33', () => `${who()}: after ${before}, out of order`)
    newest.set(line, publish.number)
  }

  /** Publishes, and keeps book of how it ends. */
  publish(by: Life, topic: string, { qos, retain }: Manner): Promise<unknown> {
    const nowMs = this.#now()
    const isCertain = (subscriber: Subscriber): boolean =>
      subscriber.by === by || (qos === 1 && this.#isCertain(by, subscriber))
    const matching = this.standing().filter(({ filter }) => matchesFilter(filter, topic))
    const wanted = matching.filter((each) => each.group === undefined && isCertain(each))
    const shares = sharesOf({ by, qos }, matching, isCertain)
    this.certain += wanted.filter((subscriber) => subscriber.by !== by).length
    const number = this.#publishes.length
    const publish: Publish = {
      ...{ number, by, topic, qos, wanted, shares, atMs: nowMs, isRetained: retain === 'value' },
      ...{ outcome: undefined, overMs: undefined, unreached: [] },
    }
    this.#publishes.push(publish)
    const [payload, headers] = retain === 'end' ? [undefined, { [NUMBER]: number }] : [number]
    const options = { qos, headers, retain: retain !== undefined }
    return by.node.pubsub.publish(topic, payload, options).then(
      () => {
        publish.outcome = 'done'
        publish.overMs = this.#now()
      },
      ({ code, nodes = [] }: { code?: string; nodes?: readonly string[] }) => {
        publish.outcome = String(code)
        publish.overMs = this.#now()
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
      for (const share of publish.shares.values()) {
        share.certain = share.certain.filter((each) => !keys.has(each.by.key))
      }
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
      settleShares(this.#claim, publish, this.#subscribers)
    }
  }

  /** Topics of messages, in order. */
  topicsOf(numbers: ReadonlySet<number>): readonly string[] {
    return [...numbers].map((number) => this.#publishes[number]!.topic).sort()
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
