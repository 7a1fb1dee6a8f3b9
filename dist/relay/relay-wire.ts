/**
 * What two nodes without a link say to each other through others, one message per courier frame (`distRelay`):
 *
 * | kind | after kind and session |
 * |---|---|
 * | open | incarnation of who opens, and what it knows beside: 1 for the words of leave; nothing stands there for 0 |
 * | opened | the same of who answers |
 * | refused | |
 * | data | number, ack, type u8, payload of a dist frame |
 * | ack, ping | ack |
 * | fin | number of the last data, ack: may we end? |
 * | fin_yes, fin_no | |
 * | close | |
 *
 * Session is 8 bytes that its opener drew; numbers are float64, whole and not negative. Everything comes from a peer:
 * what has another shape is a `DistProtocolError`.
 */
import { DistProtocolError } from '../errors.ts'

/** Kinds of messages, as they stand on the wire. */
export const RelayKind = {
  open: 1,
  opened: 2,
  refused: 3,
  data: 4,
  ack: 5,
  ping: 6,
  fin: 7,
  finYes: 8,
  finNo: 9,
  close: 10,
} as const

/** A message; `session` is 16 hex digits. */
export type RelayMessage = { readonly session: string } & (
  | {
      readonly kind: 'open' | 'opened'
      readonly incarnation: number
      /** Sum of {@link RelayKnows}. */
      readonly knows: number
    }
  | { readonly kind: 'refused' | 'finYes' | 'finNo' | 'close' }
  | {
      readonly kind: 'data'
      readonly number: number
      readonly ack: number
      readonly type: number
      readonly payload: Uint8Array
    }
  | { readonly kind: 'ack' | 'ping'; readonly ack: number }
  | { readonly kind: 'fin'; readonly number: number; readonly ack: number }
)

/** What a node can do in a session beside the rest; a link says such things in its handshake. */
export const RelayKnows = { leave: 1 } as const

/** Bytes in front of the payload of `data`. */
export const DATA_HEADER_BYTES = 26

const SESSION_BYTES = 8
const HEAD_BYTES = 1 + SESSION_BYTES

type KindName = keyof typeof RelayKind

const NAMES: ReadonlyMap<number, KindName> = new Map(
  Object.entries(RelayKind).map(([name, id]) => [id, name as KindName]),
)

/** The bytes of a message. */
export function encodeRelay(message: RelayMessage): Uint8Array {
  switch (message.kind) {
    case 'open':
    case 'opened':
      return head(message, [message.incarnation, message.knows])
    case 'refused':
    case 'finYes':
    case 'finNo':
    case 'close':
      return head(message, [])
    case 'ack':
    case 'ping':
      return head(message, [message.ack])
    case 'fin':
      return head(message, [message.number, message.ack])
    case 'data': {
      const { number, ack, type, payload } = message
      const bytes = head(message, [number, ack], 1 + payload.length)
      bytes[DATA_HEADER_BYTES - 1] = type
      bytes.set(payload, DATA_HEADER_BYTES)
      return bytes
    }
  }
}

function head(
  { kind, session }: RelayMessage,
  numbers: readonly number[],
  moreBytes = 0,
): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + 8 * numbers.length + moreBytes)
  const view = new DataView(bytes.buffer)
  bytes[0] = RelayKind[kind]
  bytes.set(Buffer.from(session, 'hex'), 1)
  numbers.forEach((value, i) => view.setFloat64(HEAD_BYTES + 8 * i, value))
  return bytes
}

/** The message in these bytes; payloads are views. Throws a `DistProtocolError`. */
export function parseRelay(bytes: Uint8Array): RelayMessage {
  const kind = NAMES.get(bytes[0] ?? 0)
  if (kind === undefined || bytes.length < HEAD_BYTES) throw fault('of no known kind')
  const { buffer, byteOffset, length } = bytes
  const session = Buffer.from(buffer, byteOffset + 1, SESSION_BYTES).toString('hex')
  const view = new DataView(buffer, byteOffset, length)
  const number = (place: number): number => {
    const at = HEAD_BYTES + 8 * place
    const value = at + 8 <= length ? view.getFloat64(at) : NaN
    if (!Number.isSafeInteger(value) || value < 0) throw fault('with a malformed number')
    return value
  }
  switch (kind) {
    case 'open':
    case 'opened':
      // A node of an earlier version says nothing of what it knows.
      return {
        kind,
        session,
        incarnation: number(0),
        knows: length < HEAD_BYTES + 16 ? 0 : number(1),
      }
    case 'refused':
    case 'finYes':
    case 'finNo':
    case 'close':
      return { kind, session }
    case 'ack':
    case 'ping':
      return { kind, session, ack: number(0) }
    case 'fin':
      return { kind, session, number: number(0), ack: number(1) }
    case 'data': {
      if (length < DATA_HEADER_BYTES) throw fault('without a frame')
      const type = bytes[DATA_HEADER_BYTES - 1]!
      const payload = bytes.subarray(DATA_HEADER_BYTES)
      return { kind, session, number: number(0), ack: number(1), type, payload }
    }
  }
}

function fault(what: string): DistProtocolError {
  return new DistProtocolError('ERR_DIST_RELAY', `a peer sent a relayed message ${what}`)
}
