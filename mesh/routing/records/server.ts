/**
 * Answers others: questions at once, puts as soon as they are on disk. Refusing is an answer (K38). Whoever
 * sends what is not valid runs out of checks before this node runs out of time. What has come to be not valid
 * since it was put, because a membership is over, is kept but not given to anybody (K34).
 */
import { PeerBudget } from '../../membership/swim/peer-budget.ts'
import { compareDistance } from '../kademlia/id.ts'
import type { KadKey } from '../kademlia/id.ts'
import type {
  AddProvider,
  Contact,
  FindValue,
  GetProviders,
  Store,
  StoreRefusal,
} from '../kademlia/message.ts'
import type { RecordsContext } from './context.ts'
import { ttlBeyond } from './expiry.ts'
import type { Holding } from './holding.ts'
import type { RecordRequest } from './machine.ts'
import { isProviderKind } from './providers.ts'
import type { DhtRecord } from './record.ts'

/** Nodes nearer to a key that are counted, as a multiple of k: beyond two there is no life left. */
const RANKS_FACTOR = 2

/** See the head of this file. */
export class Server {
  readonly #context: RecordsContext
  readonly #holding: Holding
  readonly #invalid: PeerBudget

  constructor(context: RecordsContext, holding: Holding) {
    const { peerPutsMax, peerWindowsMax, peerWindowMs } = context.settings
    this.#context = context
    this.#holding = holding
    this.#invalid = new PeerBudget({
      max: peerPutsMax,
      peersMax: peerWindowsMax,
      windowMs: peerWindowMs,
    })
  }

  request(from: string, replyId: number, message: RecordRequest): void {
    switch (message.type) {
      case 'find_value':
        return this.#answerValue(from, replyId, message)
      case 'get_providers':
        return this.#answerProviders(from, replyId, message)
      case 'store':
      case 'add_provider':
        return this.#take(from, replyId, message)
    }
  }

  #answerValue(from: string, replyId: number, { key }: FindValue): void {
    const { shelf, sink, serves, wallNowMs, counters } = this.#context
    const kept = serves ? shelf.get(key, wallNowMs)?.record : undefined
    const record = kept !== undefined && this.#context.isStillGood(kept) ? kept : undefined
    counters.questions += 1
    if (record !== undefined) counters.questionsFound += 1
    sink.reply(replyId, {
      type: 'find_value_reply',
      key,
      sender: this.#context.sender(),
      record,
      contacts: this.#contacts(from, key),
    })
  }

  #answerProviders(from: string, replyId: number, { key }: GetProviders): void {
    const { shelf, sink, serves, wallNowMs, counters, settings, streams } = this.#context
    const draw = (limit: number): number => streams.answers.below(limit)
    const kept = serves ? shelf.providers(key, wallNowMs, settings.providersAnswerMax, draw) : []
    const records = kept.filter((record) => this.#context.isStillGood(record))
    counters.questions += 1
    if (records.length > 0) counters.questionsFound += 1
    sink.reply(replyId, {
      type: 'providers_reply',
      key,
      sender: this.#context.sender(),
      records,
      contacts: this.#contacts(from, key),
    })
  }

  #contacts(from: string, key: KadKey): readonly Contact[] {
    const { routing, settings, serves } = this.#context
    return serves ? routing.closest(key, settings.answerFactor * settings.k, from) : []
  }

  #take(from: string, replyId: number, message: Store | AddProvider): void {
    const problem = this.#problem(from, message)
    if (problem !== undefined) return this.#reply(from, replyId, message, problem)
    const isStore = message.type === 'store'
    const copyTtlMs = isStore ? message.ttlMs : undefined
    const { refusal, standing } = this.#holding.keep(
      message.record,
      {
        from,
        ttlMs: copyTtlMs ?? this.#ttlMs(message.record),
        cached: copyTtlMs !== undefined,
        expectedSequence: isStore ? message.expectedSequence : undefined,
      },
      {
        written: (ok) =>
          this.#reply(from, replyId, message, ok ? undefined : 'ERR_DHT_STORE_FAILED'),
      },
    )
    if (refusal !== undefined) this.#reply(from, replyId, message, refusal, standing)
  }

  /**
   * How long a record is kept that was given for its whole life: undefined for that, while this node is among
   * its holders; else the shorter the farther it is from being one. For two replications at least, which reach
   * a node that only errs about its place.
   */
  #ttlMs({ key, expiresAtMs }: DhtRecord): number | undefined {
    const { routing, self, settings, wallNowMs } = this.#context
    const { k, replicateIntervalMs } = settings
    const nearest = routing.closest(key, RANKS_FACTOR * k)
    if (this.#context.isHolder(key, nearest)) return undefined
    const rank = nearest.filter((other) => compareDistance(key, other.key, self.key) < 0).length
    return Math.max(2 * replicateIntervalMs, ttlBeyond(k, rank, expiresAtMs - wallNowMs))
  }

  /** What can be said without the shelf, cheap things first. */
  #problem(from: string, message: Store | AddProvider): StoreRefusal | undefined {
    const { serves, shelf, routing, nowMs } = this.#context
    if (!serves) return 'ERR_DHT_CLIENT_MODE'
    if (routing.isShunned?.(from, nowMs) === true) return 'ERR_DHT_PEER_SHUNNED'
    if (!shelf.peerHasQuota(from, nowMs) || !this.#invalid.has(from, nowMs)) {
      return 'ERR_DHT_PEER_QUOTA'
    }
    const problem = messageProblem(message) ?? this.#context.problem(message.record)
    if (problem !== undefined) this.#invalid.spend(from, nowMs)
    return problem
  }

  #reply(
    from: string,
    replyId: number,
    { key, record: offered }: Store | AddProvider,
    refusal: StoreRefusal | undefined,
    record?: DhtRecord,
  ): void {
    const { sink, counters } = this.#context
    if (refusal === undefined) counters.stored += 1
    else {
      counters.refused += 1
      const isExpired = refusal === 'ERR_DHT_RECORD_EXPIRED'
      sink.refused(refusal, from, isExpired && this.#context.isExcused(refusal, offered))
    }
    const sender = this.#context.sender()
    sink.reply(replyId, { type: 'store_reply', key, sender, refusal, record })
  }
}

/** What is wrong with the message around a record. */
function messageProblem(message: Store | AddProvider): StoreRefusal | undefined {
  const { record, key, type } = message
  if (record.key.hex !== key.hex) return 'ERR_DHT_RECORD_KEY'
  if (isProviderKind(record.kind) === (type === 'store')) return 'ERR_DHT_RECORD_INVALID'
  const bounded = type === 'store' && message.ttlMs !== undefined
  return bounded && !(message.ttlMs > 0) ? 'ERR_DHT_RECORD_INVALID' : undefined
}
