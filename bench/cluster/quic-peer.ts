/**
 * The floor for large remote calls: one bare stream of the same QUIC transport, without mesh, frames, lanes, limits or values.
 * A message is `u32 length` and its bytes, the answer the same bytes; both sides put whole messages together, and answers
 * come in order. So it copies once per message and side, out of the pieces that were read, and no text is made of bytes.
 */
import type { Endpoint, TransportStream } from 'fovea/mesh'
import { openQuic } from '../services/lanes-side.ts'

const HEAD_BYTES = 4

/** Whole messages over a stream. */
class Messages {
  readonly #stream: TransportStream
  readonly #onMessage: (bytes: Buffer) => void
  readonly #head = Buffer.alloc(HEAD_BYTES)
  #headBytes = 0
  #body: Buffer | undefined
  #bodyBytes = 0
  #waiting: Buffer[] = []
  #isFull = false

  constructor(stream: TransportStream, onMessage: (bytes: Buffer) => void) {
    this.#stream = stream
    this.#onMessage = onMessage
    stream.handle({ onData: (bytes) => this.#take(bytes), onDrain: () => this.#drained() })
  }

  send(bytes: Buffer): void {
    this.#waiting.push(bytes)
    if (!this.#isFull) this.#pump()
  }

  #pump(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const head = Buffer.allocUnsafe(HEAD_BYTES)
      head.writeUInt32BE(next.length)
      if (this.#stream.write(head, next)) continue
      this.#isFull = true
      return
    }
  }

  #drained(): void {
    this.#isFull = false
    this.#pump()
  }

  #take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#body === undefined) {
        this.#head[this.#headBytes++] = bytes[at++]!
        if (this.#headBytes < HEAD_BYTES) continue
        this.#body = Buffer.allocUnsafe(this.#head.readUInt32BE())
        this.#headBytes = 0
        this.#bodyBytes = 0
      }
      const part = bytes.subarray(at, at + this.#body.length - this.#bodyBytes)
      this.#body.set(part, this.#bodyBytes)
      this.#bodyBytes += part.length
      at += part.length
      if (this.#bodyBytes < this.#body.length) continue
      const whole = this.#body
      this.#body = undefined
      this.#onMessage(whole)
    }
  }
}

/** Answers every message with its own bytes. */
export async function serveQuic(): Promise<Endpoint> {
  return openQuic((connection) =>
    connection.handle({
      onStream: (stream) => {
        const messages: Messages = new Messages(stream, (bytes) => messages.send(bytes))
      },
      onClosed: () => {},
    }),
  )
}

/** A client whose `call` resolves when the answer is there. */
export class QuicClient {
  readonly #endpoint: Endpoint
  readonly #messages: Messages
  readonly #pending: ((bytes: Buffer) => void)[] = []
  /** Bytes of the text that was sent last: making them is no work of a transport. */
  #last: { readonly text: unknown; readonly bytes: Buffer } | undefined

  private constructor(endpoint: Endpoint, stream: TransportStream) {
    this.#endpoint = endpoint
    this.#messages = new Messages(stream, (bytes) => this.#pending.shift()!(bytes))
  }

  static async connect(at: { readonly host: string; readonly port: number }): Promise<QuicClient> {
    const endpoint = await openQuic(() => {})
    const connection = await endpoint.dial(at)
    connection.handle({ onClosed: () => {} })
    return new QuicClient(endpoint, connection.openStream())
  }

  call(text: unknown): Promise<Buffer> {
    const known = this.#last?.text === text ? this.#last : undefined
    const { bytes } = (this.#last = known ?? { text, bytes: Buffer.from(String(text)) })
    return new Promise((resolve) => {
      this.#pending.push(resolve)
      this.#messages.send(bytes)
    })
  }

  close(): Promise<void> {
    return this.#endpoint.close()
  }
}
