/** A message as it goes to other nodes, apart from its place in a session. */
import type { Codec } from '../wire/codec.ts'
import type { Headers } from './pubsub.ts'
import type { Payload } from './payload.ts'
import type { SessionPlace } from './wire.ts'
import { encodePublish } from './wire.ts'

/** See the head of this file. */
export interface Letter {
  readonly topic: string
  readonly sequence: number
  readonly headers: Headers | undefined
  readonly stampMs: number | undefined
  /** Told to one that came later. */
  readonly isReplay: boolean
  /** Given back and drawn again: for a member of the groups alone, because subscribers in none have got it before. */
  readonly isDrawnAgain?: boolean | undefined
  /** Number of the request that it is. */
  readonly requestId: number | undefined
  readonly payload: Payload
}

/** Bytes that are counted for a message beside its payload. */
export const LETTER_BYTES = 128

/** The frame of a letter. */
export function frameOf(
  { topic, sequence, headers, stampMs, isReplay, isDrawnAgain, requestId, payload }: Letter,
  codec: Codec,
  groups?: readonly string[],
  place?: SessionPlace,
): Uint8Array {
  return encodePublish(
    {
      topic,
      sequence,
      place,
      requestId,
      isReply: false,
      stampMs,
      isReplay,
      headers,
      groups,
      isDrawnAgain,
      payload: payload.bytes,
    },
    codec,
  )
}
