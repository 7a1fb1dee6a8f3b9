/** A message on this node, and what each of its subscribers gets of it. */
import type {
  Delivery,
  Headers,
  PubSubMessage,
  PubSubProcessMessage,
  ReplyOptions,
} from './pubsub.ts'
import type { Payload } from './payload.ts'

/** Hears when a message is dealt with, once for each time that it was held. */
export interface Settlement {
  /** One more subscriber works on it. */
  hold(): void
  /** One is done with it. */
  release(): void
}

/** Takes the reply to a request. */
export type ReplyTaker = (payload: unknown, options?: ReplyOptions) => void

/** One message, shared by its subscribers. */
export interface Publication {
  readonly topic: string
  readonly payload: Payload
  /** Key of its publisher, hex. */
  readonly publisher: string
  readonly sequence: number
  readonly delivery: Delivery
  /** It was there before the subscription. */
  readonly retained: boolean
  /** When a message that is kept was published, see `retained.ts`; undefined for others. */
  readonly stampMs: number | undefined
  readonly headers: Headers | undefined
  readonly reply: ReplyTaker | undefined
  /** Undefined when nobody waits for it to be dealt with. */
  readonly settlement: Settlement | undefined
}

const NO_HEADERS: Headers = Object.freeze({})

/** What a function and a loop get. */
export class DeliveredMessage implements PubSubMessage {
  readonly #publication: Publication
  readonly filter: string
  #isDecoded = false
  #payload: unknown = undefined

  constructor(publication: Publication, filter: string) {
    this.#publication = publication
    this.filter = filter
  }

  get topic(): string {
    return this.#publication.topic
  }

  get payload(): unknown {
    if (!this.#isDecoded) {
      this.#payload = this.#publication.payload.take()
      this.#isDecoded = true
    }
    return this.#payload
  }

  get publisher(): string {
    return this.#publication.publisher
  }

  get sequence(): number {
    return this.#publication.sequence
  }

  get retained(): boolean {
    return this.#publication.retained
  }

  get headers(): Headers {
    return this.#publication.headers ?? NO_HEADERS
  }

  get reply(): ReplyTaker | undefined {
    return this.#publication.reply
  }
}

/** What a process gets. */
export function processMessage(publication: Publication, filter: string): PubSubProcessMessage {
  const { topic, payload, publisher, sequence, retained, headers = NO_HEADERS, reply } = publication
  return {
    type: 'pubsub',
    topic,
    filter,
    payload: payload.take(),
    publisher,
    sequence,
    retained,
    headers,
    reply,
  }
}
