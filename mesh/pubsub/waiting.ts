/**
 * Publishes that wait until it is known who wants their topic: in order, a bounded number of messages and bytes. A topic
 * waits once, and again when nobody elsewhere was known to want it, or when one who did was lost together with the way to
 * it, as a peer at the edge loses its gateway; when what is known of others may be out of date otherwise it is asked for
 * again, and nothing waits for that.
 *
 * A search that nobody answered says nothing: a peer at the edge without a gateway does not know whether anybody wants
 * what it publishes. What is to arrive at least once waits on, until its own time is over.
 */
import type { Catalog } from '../catalog/catalog.ts'
import { PubSubError } from './errors.ts'
import type { PubSubSettings } from './options.ts'
import type { Outgoing } from './outgoing.ts'
import type { Routes } from './routes.ts'

/** What waiting takes. */
export interface WaitingParts {
  readonly catalog: Catalog
  readonly routes: Routes
  readonly settings: Pick<PubSubSettings, 'publishPendingMax' | 'publishPendingBytesMax'>
  readonly release: (outgoing: Outgoing) => void
  /** One that is to arrive at least once waits. */
  readonly kept: (outgoing: Outgoing, expiresMs: number) => void
  /** One waits no more. */
  readonly left: (outgoing: Outgoing) => void
  /** The process ends, and one that waits is not sent by it. */
  readonly abandoned: (outgoing: Outgoing) => void
  readonly now: () => number
  /** Runs what is to be done when a search is over. */
  readonly run: (work: () => void) => void
}

/** See the head of this file. */
export class Waiting {
  readonly #parts: WaitingParts
  readonly #topics = new Map<string, Outgoing[]>()
  readonly #asking = new Set<string>()
  #size = 0
  #bytes = 0

  constructor(parts: WaitingParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#size
  }

  /** Whether a message of that topic has to wait; begins to ask when it is not known who wants it. */
  mustWait(topic: string): boolean {
    if (this.#topics.has(topic)) return true
    const { catalog, routes } = this.#parts
    if (catalog.isSought('topic', topic)) return false
    const isUnknown = routes.isFirst(topic) || !routes.isWantedElsewhere(topic)
    const waits = isUnknown || catalog.isDoubtful('topic', topic)
    if (waits) this.#topics.set(topic, [])
    if (!this.#asking.has(topic)) this.#ask(topic)
    return waits
  }

  /** Whether that message waits. */
  has(topic: string, sequence: number): boolean {
    return this.#topics.get(topic)?.some(({ letter }) => letter.sequence === sequence) === true
  }

  /** One more waits; gives the error when it is one too many. */
  add(outgoing: Outgoing): PubSubError | undefined {
    const { topic, payload } = outgoing.letter
    const { publishPendingMax, publishPendingBytesMax } = this.#parts.settings
    const bytes = payload.size
    if (this.#size >= publishPendingMax || this.#bytes + bytes > publishPendingBytesMax) {
      return this.overflow(outgoing)
    }
    this.#size += 1
    this.#bytes += bytes
    const expiresMs = this.#parts.now() + outgoing.ttlMs
    outgoing.expiresMs = expiresMs
    this.#topics.get(topic)!.push(outgoing)
    if (outgoing.delivery === 'at_least_once') this.#parts.kept(outgoing, expiresMs)
    return undefined
  }

  overflow({ letter: { topic } }: Outgoing): PubSubError {
    const text = `${topic}: too many publishes wait, ${this.#size} messages of ${this.#bytes} bytes`
    return new PubSubError('ERR_PUBSUB_PENDING_MAX', text, { topic })
  }

  /** What waits fails. */
  close(error: PubSubError): void {
    for (const outgoings of this.#topics.values()) {
      for (const outgoing of outgoings) {
        this.#parts.abandoned(outgoing)
        outgoing.fail(error)
      }
    }
    this.#topics.clear()
    this.#size = 0
    this.#bytes = 0
  }

  #ask(topic: string): void {
    this.#asking.add(topic)
    const over = (): void => this.#parts.run(() => this.#over(topic))
    this.#parts.catalog.seek('topic', topic).then(over, over)
  }

  #over(topic: string): void {
    this.#asking.delete(topic)
    const outgoings = this.#topics.get(topic)
    const isUnanswered = this.#parts.catalog.isUnanswered('topic', topic)
    // Not sooner: a search that ended with its process says nothing either.
    if (!isUnanswered) this.#parts.routes.sought(topic)
    const kept: Outgoing[] = []
    for (const outgoing of outgoings ?? []) {
      if (isUnanswered && outgoing.delivery === 'at_least_once' && !this.#isLate(outgoing)) {
        kept.push(outgoing)
        continue
      }
      this.#size -= 1
      this.#bytes -= outgoing.letter.payload.size
      if (this.#isLate(outgoing)) outgoing.fail(unasked(topic))
      else this.#parts.release(outgoing)
      this.#parts.left(outgoing)
    }
    if (kept.length === 0) return void this.#topics.delete(topic)
    this.#topics.set(topic, kept)
    this.#ask(topic)
  }

  #isLate({ delivery, expiresMs = Infinity }: Outgoing): boolean {
    return delivery === 'at_least_once' && expiresMs <= this.#parts.now()
  }
}

function unasked(topic: string): PubSubError {
  const text = `${topic}: nobody could be asked in time who wants it`
  return new PubSubError('ERR_PUBSUB_UNACKNOWLEDGED', text, { topic, nodes: [] })
}
