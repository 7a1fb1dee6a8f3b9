/** What is checked of a message before it leaves its publisher, and replies to requests. */
import type { Origin } from '../courier/courier.ts'
import type { PubSubContext } from './context.ts'
import { PubSubError } from './errors.ts'
import type { ReplyTaker } from './message.ts'
import { Payload } from './payload.ts'
import type { Headers, ReplyOptions } from './pubsub.ts'
import { encodePublish, fitsExtras, isFlat } from './wire.ts'

/** A reply that may be sent. */
export interface Reply {
  readonly value: Payload
  readonly headers: Headers | undefined
}

/** The headers, their own copy. Throws `ERR_PUBSUB_HEADERS`. */
export function checkHeaders(
  { settings, codec }: Pick<PubSubContext, 'settings' | 'codec'>,
  headers: Headers | undefined,
): Headers | undefined {
  if (headers === undefined) return undefined
  const { headersMax, headerBytesMax } = settings
  if (!isFlat(headers)) {
    const text = 'headers are an object of texts, numbers and booleans'
    throw new PubSubError('ERR_PUBSUB_HEADERS', text)
  }
  const own = Object.freeze({ ...headers })
  const count = Object.keys(own).length
  if (count === 0) return undefined
  if (count > headersMax || !fitsExtras(own, headerBytesMax, codec)) {
    const text = `${count} headers, at most ${headersMax} of together ${headerBytesMax} bytes`
    throw new PubSubError('ERR_PUBSUB_HEADERS', text)
  }
  return own
}

/** Takes over what is replied. Throws as a publish does. */
export function makeReply(
  context: Pick<PubSubContext, 'settings' | 'codec' | 'values'>,
  payload: unknown,
  options: ReplyOptions | undefined,
): Reply {
  const { values, settings } = context
  const headers = checkHeaders(context, options?.headers)
  return { value: Payload.of(values, payload, settings.payloadBytesMax), headers }
}

/** Sends replies to a request of another node. */
export function remoteReplyTaker(
  context: PubSubContext,
  { node, via }: Origin,
  requestId: number,
): ReplyTaker {
  return (payload, options) => {
    const { value, headers } = makeReply(context, payload, options)
    const { memory, codec, courier } = context
    const sequence = memory.nextSequence()
    const frame = encodePublish(
      {
        topic: '',
        sequence,
        place: undefined,
        requestId,
        isReply: true,
        stampMs: undefined,
        isReplay: false,
        headers,
        groups: undefined,
        payload: value.bytes,
      },
      codec,
    )
    memory.counters.sent += 1
    if (courier.send(node, 'pubsub', frame, { via }) !== 'refused') return
    memory.counters.dropped += 1
    context.refusals.count('ERR_PUBSUB_QUEUE_FULL', { node })
  }
}
