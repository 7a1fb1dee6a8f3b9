/**
 * Drives pub/sub of one node: what the courier and the catalog say, time, and what the application wants. The work is in
 * `publisher.ts` and `receiver.ts`; what must outlive a crash in `memory.ts`.
 */
import type { CatalogChange, CatalogEntry } from '../catalog/catalog.ts'
import type { GoneReason } from '../courier/courier.ts'
import type { Driver, Ties } from '../driver-process.ts'
import { WireType } from '../wire/messages.ts'
import type { PubSubContext } from './context.ts'
import { PubSubError } from './errors.ts'
import type { Letter } from './letter.ts'
import type { Settlement } from './message.ts'
import type { Outgoing } from './outgoing.ts'
import { Publisher } from './publisher.ts'
import { Receiver } from './receiver.ts'
import type { Arrival } from './receiver.ts'
import { AGAIN, GROUP_PREFIX, PLAIN, WIDENED } from './registry.ts'
import { Requests } from './requests.ts'
import type { RetainedValue } from './retained.ts'

/** See the head of this file. */
export class Hub implements Driver {
  readonly publisher: Publisher
  readonly receiver: Receiver
  readonly requests: Requests
  readonly #context: PubSubContext
  readonly #ties: Ties
  /** `node filter` of entries that have members of groups only: they want no last values yet. */
  readonly #groupsOnly = new Set<string>()
  /** The latest {@link AGAIN} of each entry that has one, by `node filter`. */
  readonly #again = new Map<string, unknown>()
  #isClosed = false

  constructor(context: PubSubContext, ties: Ties) {
    this.#context = context
    this.#ties = ties
    this.requests = new Requests(context.self, context.clock, context.settings.requestsMax)
    this.publisher = new Publisher(context, this.requests, (work) => this.#work(work))
    this.receiver = new Receiver(context, this.requests, (node, sequence, groups) =>
      this.publisher.returned(node, sequence, groups),
    )
  }

  get nextDueMs(): number {
    const { outbox, inbox, unwanted, drawn } = this.#context.memory
    const { queues } = this.publisher
    const dueMs = Math.min(unwanted.nextDueMs, drawn.nextDueMs, queues.nextDueMs)
    return Math.min(outbox.nextDueMs, inbox.nextDueMs, dueMs)
  }

  /** Listens until `signal` is aborted. */
  begin(signal: AbortSignal): void {
    const { courier, catalog, memory } = this.#context
    const { publish, puback } = WireType
    memory.hub = this
    const release = [
      courier.handle(publish, publish, (origin, _type, bytes) =>
        this.#work(() => this.receiver.publish(origin, bytes)),
      ),
      courier.handle(puback, puback, (origin, _type, bytes) =>
        this.#work(() => this.receiver.acknowledgement(origin, bytes)),
      ),
      courier.onDrain((node) => this.#work(() => this.#drained(node))),
      courier.onGone((node, reason) => this.#work(() => this.#gone(node, reason))),
      catalog.onChange('topic', (change) => this.#work(() => this.#changed(change))),
    ]
    signal.addEventListener('abort', () => {
      for (const off of release) off()
      this.close()
    })
    memory.routes.changed()
    // First: what comes as what it is, is not told as a last value before.
    const { waitingStore } = memory
    if (waitingStore !== undefined) this.#work(() => this.publisher.restore(waitingStore.take()))
    for (const entry of catalog.entries('topic')) this.#added(entry)
    memory.inbox.resume()
  }

  /** A publish of this node. */
  publish(outgoing: Outgoing): void {
    if (this.#isClosed) return outgoing.fail(restarted())
    this.#work(() => this.publisher.publish(outgoing))
    if (this.#isClosed) outgoing.fail(restarted())
  }

  /** A message at least once of another node, in its turn. */
  arrived(arrival: Arrival | undefined, settlement: Settlement): void {
    this.#work(() => this.receiver.arrived(arrival, settlement))
  }

  tick(): void {
    const { memory, clock } = this.#context
    const nowMs = clock.now()
    if (memory.outbox.nextDueMs <= nowMs) memory.outbox.tick()
    memory.inbox.tick(nowMs)
    memory.unwanted.tick(nowMs)
    memory.drawn.tick(nowMs)
    this.publisher.queues.tick(nowMs)
  }

  /** Nothing happens any more; who waits for a reply or for its turn is told. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const { memory } = this.#context
    if (memory.hub === this) memory.hub = undefined
    const error = restarted()
    this.publisher.close(error)
    this.requests.close(error)
  }

  /** Whatever is thrown inside ends the process of pub/sub, never the caller or the link. */
  #work(run: () => void): void {
    if (this.#isClosed) return
    try {
      run()
      this.#ties.worked()
    } catch (error) {
      this.close()
      this.#ties.failed(error)
    }
  }

  #drained(node: string): void {
    this.publisher.queues.drained(node)
    this.#context.memory.outbox.drained(node)
  }

  #gone(node: string, reason: GoneReason): void {
    this.publisher.queues.gone(node)
    this.requests.gone(node)
    this.receiver.gone(node)
    const { memory } = this.#context
    memory.unwanted.forget(node)
    memory.told.delete(node)
    memory.outbox.gone(node, reason)
  }

  #changed({ type, entry }: CatalogChange): void {
    const { memory } = this.#context
    const { node, pattern } = entry
    memory.routes.changed()
    memory.unwanted.forget(node)
    if (type === 'removed') {
      this.#groupsOnly.delete(nameOf(entry))
      this.#again.delete(nameOf(entry))
      memory.outbox.stopReplay(node, pattern)
    } else if (type === 'added') {
      memory.outbox.met(node)
      this.#added(entry)
    } else if (this.#isAnew(entry) || this.#groupsOnly.has(nameOf(entry))) this.#added(entry)
  }

  /** It was not wanted for a moment, which the catalog did not tell. */
  #isAnew(entry: CatalogEntry): boolean {
    const { [AGAIN]: again, [WIDENED]: isWidened } = entry.detail
    // Of filters that are told as one it is a sum, which says nothing.
    if (again === undefined || isWidened === true) return false
    return this.#again.get(nameOf(entry)) !== again
  }

  /** Somebody wants something: here are the last values. */
  #added(entry: CatalogEntry): void {
    const { node, via, pattern, detail } = entry
    const { own, outbox } = this.#context.memory
    if (detail[AGAIN] !== undefined) this.#again.set(nameOf(entry), detail[AGAIN])
    const hasGroups = Object.keys(detail).some((name) => name.startsWith(GROUP_PREFIX))
    if (hasGroups && detail[PLAIN] === undefined && detail[WIDENED] !== true) {
      this.#groupsOnly.add(nameOf(entry))
      return
    }
    this.#groupsOnly.delete(nameOf(entry))
    if (own.size === 0) return
    outbox.replay(node, via, pattern, this.#lettersOf(own.matching(pattern, own.revision)))
  }

  /** Without those that come as what they are: told before, they would pass others of their topic, and come twice. */
  *#lettersOf(values: Iterable<RetainedValue>): Generator<Letter> {
    for (const { topic, sequence, headers, stampMs, payload } of values) {
      if (this.publisher.isToCome(topic, sequence)) continue
      yield { topic, sequence, headers, stampMs, payload, isReplay: true, requestId: undefined }
    }
  }
}

function nameOf({ node, pattern }: CatalogEntry): string {
  return `${node} ${pattern}`
}

/** How operations fail whose process has ended. */
export function restarted(): PubSubError {
  return new PubSubError('ERR_PUBSUB_RESTARTED', 'the process of pub/sub has ended')
}
