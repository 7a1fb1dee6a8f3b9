/**
 * Puts the parts of tables together again, for one link. Parts of one message come one after the other;
 * part 0 begins anew, because whoever could not send the rest goes on with something else.
 *
 * Bounded: at most `bytesMax` bytes of payload are held for one unfinished message; a peer that sends
 * more, or a part out of turn, gets `MessageError`, which ends its link.
 */
import { MessageError } from '../wire/errors.ts'
import type { SyncEntry } from './swim/message.ts'
import type { SwimPart, SwimProtocol, SwimStreamMessage } from './swim-protocol.ts'

/** Bytes of one table at most: twice what a sender with default settings puts into one. */
export const SWIM_INBOX_BYTES_MAX = 1_048_576

/** What came on the sync lane of one link. */
export class SwimInbox {
  readonly #protocol: SwimProtocol
  readonly #bytesMax: number
  #first: SwimPart | undefined
  #entries: SyncEntry[] = []
  #parts = 0
  #bytes = 0

  constructor(protocol: SwimProtocol, bytesMax: number = SWIM_INBOX_BYTES_MAX) {
    this.#protocol = protocol
    this.#bytesMax = bytesMax
  }

  /** Payload bytes of the message that is not complete yet. */
  get bytesHeld(): number {
    return this.#bytes
  }

  /** Takes the payload of a `swim_sync` frame; gives the message that it completes. */
  take(payload: Uint8Array): SwimStreamMessage | undefined {
    const message = this.#protocol.readStream(payload)
    if (message.type !== 'part') return message
    if (message.part === 0) {
      this.#clear()
      this.#first = message
    }
    const first = this.#first
    const follows = first?.kind === message.kind && first.number === message.number
    if (first === undefined || !follows || message.part !== this.#parts) {
      throw new MessageError('swim_sync', 'part', 'the one that follows')
    }
    this.#parts += 1
    this.#bytes += payload.length
    if (this.#bytes > this.#bytesMax) {
      this.#clear()
      throw new MessageError('swim_sync', 'entries', `at most ${this.#bytesMax} bytes in all parts`)
    }
    for (const entry of message.entries) this.#entries.push(entry)
    if (!message.last) return undefined
    const entries = this.#entries
    this.#clear()
    return whole(first, entries)
  }

  #clear(): void {
    this.#first = undefined
    this.#entries = []
    this.#parts = 0
    this.#bytes = 0
  }
}

function whole({ number, head }: SwimPart, entries: readonly SyncEntry[]): SwimStreamMessage {
  if (head === undefined) {
    return { type: 'request', number, message: { type: 'sync_push', entries } }
  }
  return { type: 'reply', number, message: { type: 'sync_reply', ...head, entries } }
}
