/**
 * What travels between two threads once a connection stands: batches of records, each batch one `ArrayBuffer`
 * that is moved, not copied. Everything that a thread says within one turn shares a batch, because a message of a
 * port costs some ten microseconds however long it is.
 *
 *     record: type u8 · a u32 · length u32 · payload
 *
 *     data, fin      a = stream, payload = bytes (fin: the last ones)
 *     reset, stop    a = stream, payload = code as f64
 *     credit         a = stream, payload = bytes consumed as f64
 *     datagram       payload = bytes
 *     taken          a = datagrams handed out
 *     ping, pong     a = stamp
 *     close          a = code, payload = who (one byte), reason
 *
 * A batch is checked before anything in it is believed, as bytes of the network are: the other thread runs code
 * that may be wrong in every way. Pure.
 */
import { CLOSE_CODE_MAX } from '../codes.ts'
import { REASON_BYTES_MAX } from '../close-reason.ts'
import { TransportError } from '../errors.ts'

const HEADER_BYTES = 9

const DATA = 1
const FIN = 2
const RESET = 3
const STOP = 4
const CREDIT = 5
const DATAGRAM = 6
const TAKEN = 7
const PING = 8
const PONG = 9
const CLOSE = 10

/** Who ended the connection, as the other side is told. */
export type CloseBy = 'peer' | 'error' | 'idle_timeout'

const CLOSE_BY: readonly CloseBy[] = ['peer', 'error', 'idle_timeout']

/** Called for each record of a batch, in order. */
export interface RecordSink {
  /** `bytes` is a view of the batch, which nobody else has. */
  data(stream: number, bytes: Uint8Array, fin: boolean): void
  reset(stream: number, code: number): void
  stop(stream: number, code: number): void
  credit(stream: number, length: number): void
  datagram(bytes: Uint8Array): void
  taken(count: number): void
  ping(stamp: number): void
  pong(stamp: number): void
  /** The connection is over. */
  ended(by: CloseBy, code: number, reason: string): void
}

const EMPTY: Uint8Array = new Uint8Array(0)

/** Collects the records of one turn. */
export class BatchWriter {
  #types: number[] = []
  #numbers: number[] = []
  #payloads: Uint8Array[] = []
  #bytes = 0

  /** Whether there is nothing to send. */
  get empty(): boolean {
    return this.#types.length === 0
  }

  data(stream: number, bytes: Uint8Array): void {
    this.#add(DATA, stream, bytes)
  }

  fin(stream: number): void {
    this.#add(FIN, stream, EMPTY)
  }

  reset(stream: number, code: number): void {
    this.#add(RESET, stream, float(code))
  }

  stop(stream: number, code: number): void {
    this.#add(STOP, stream, float(code))
  }

  credit(stream: number, length: number): void {
    this.#add(CREDIT, stream, float(length))
  }

  /** Copies: unlike bytes of a stream they stay the caller's. */
  datagram(bytes: Uint8Array): void {
    this.#add(DATAGRAM, 0, Uint8Array.from(bytes))
  }

  taken(count: number): void {
    this.#add(TAKEN, count, EMPTY)
  }

  ping(stamp: number): void {
    this.#add(PING, stamp, EMPTY)
  }

  pong(stamp: number): void {
    this.#add(PONG, stamp, EMPTY)
  }

  close(by: CloseBy, code: number, reason: Uint8Array): void {
    this.#add(CLOSE, code, Uint8Array.of(CLOSE_BY.indexOf(by), ...reason))
  }

  /** The batch, in a buffer of its own; the writer is empty afterwards. */
  finish(): ArrayBuffer {
    // Not from the pool: the buffer is moved to the other thread, and its neighbours would go with it.
    const batch = Buffer.allocUnsafeSlow(this.#bytes)
    let at = 0
    for (let i = 0; i < this.#types.length; i++) {
      const payload = this.#payloads[i]!
      batch[at] = this.#types[i]!
      batch.writeUInt32LE(this.#numbers[i]!, at + 1)
      batch.writeUInt32LE(payload.length, at + 5)
      batch.set(payload, at + HEADER_BYTES)
      at += HEADER_BYTES + payload.length
    }
    this.#types = []
    this.#numbers = []
    this.#payloads = []
    this.#bytes = 0
    return batch.buffer as ArrayBuffer
  }

  #add(type: number, a: number, payload: Uint8Array): void {
    this.#types.push(type)
    this.#numbers.push(a)
    this.#payloads.push(payload)
    this.#bytes += HEADER_BYTES + payload.length
  }
}

/**
 * Hands the records of `batch` to `sink`. Throws `ERR_TRANSPORT_GARBAGE` for what no {@link BatchWriter} makes;
 * records before it were handed out.
 */
export function readBatch(batch: unknown, sink: RecordSink): void {
  if (!(batch instanceof ArrayBuffer)) throw garbage('not a batch')
  const view = new DataView(batch)
  for (let at = 0; at < batch.byteLength;) {
    if (batch.byteLength - at < HEADER_BYTES) throw garbage('a cut header')
    const a = view.getUint32(at + 1, true)
    const length = view.getUint32(at + 5, true)
    const start = at + HEADER_BYTES
    if (length > batch.byteLength - start) throw garbage('a cut record')
    readRecord(view, view.getUint8(at), a, new Uint8Array(batch, start, length), sink)
    at = start + length
  }
}

function readRecord(
  view: DataView,
  type: number,
  a: number,
  payload: Uint8Array,
  sink: RecordSink,
): void {
  switch (type) {
    case DATA:
      return sink.data(a, payload, false)
    case FIN:
      return sink.data(a, payload, true)
    case RESET:
      return sink.reset(a, whole(view, payload))
    case STOP:
      return sink.stop(a, whole(view, payload))
    case CREDIT:
      return sink.credit(a, whole(view, payload))
    case DATAGRAM:
      return sink.datagram(payload)
    case TAKEN:
      return sink.taken(a)
    case PING:
      return sink.ping(a)
    case PONG:
      return sink.pong(a)
    case CLOSE:
      return readClose(a, payload, sink)
    default:
      throw garbage(`record type ${type}`)
  }
}

function readClose(code: number, payload: Uint8Array, sink: RecordSink): void {
  const by = CLOSE_BY[payload[0] ?? CLOSE_BY.length]
  if (by === undefined || payload.length > 1 + REASON_BYTES_MAX || code > CLOSE_CODE_MAX) {
    throw garbage('a close')
  }
  sink.ended(by, code, Buffer.from(payload.subarray(1)).toString())
}

function float(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeDoubleLE(value)
  return bytes
}

function whole(view: DataView, payload: Uint8Array): number {
  if (payload.length !== 8) throw garbage('a number of another length')
  const value = view.getFloat64(payload.byteOffset, true)
  if (!Number.isSafeInteger(value) || value < 0) throw garbage('a number that is none')
  return value
}

function garbage(what: string): TransportError {
  return new TransportError('ERR_TRANSPORT_GARBAGE', `the other thread sent ${what}`)
}
