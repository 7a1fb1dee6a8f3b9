/**
 * The few header fields of QUIC packets that decide where a packet goes, read in place (RFC 9000,
 * section 17; RFC 8999 for what all versions share). No copy, no native call: this runs for every
 * packet that reaches the port, garbage included.
 */

/** Our connection ids: short enough for small packets, long enough not to be guessed. */
export const CONNECTION_ID_BYTES = 8

/** A client's first packet is at least this long; shorter ones must be dropped (14.1). */
export const INITIAL_BYTES_MIN = 1_200

/** First byte, our id, four bytes for the packet number, sixteen of sample. */
const PROTECTED_BYTES_MIN = 1 + CONNECTION_ID_BYTES + 4 + 16

const LONG_HEADER = 0x80
const FIXED_BIT = 0x40
const TYPE_MASK = 0x30
const TYPE_INITIAL = 0x00
const TYPE_RETRY = 0x30
const LONGEST_ID = 20
/** The first id a client chooses for us must be this long (7.2). */
const FIRST_ID_BYTES_MIN = 8

/** The plain part of a packet with a long header. */
export interface LongHeader {
  readonly version: number
  readonly destinationId: Buffer
  readonly sourceId: Buffer
  /** True for a version 1 Initial. */
  readonly initial: boolean
  /** Token of an Initial, empty without one. */
  readonly token: Buffer
}

/** True when `packet` has a long header: handshake, or version negotiation. */
export function isLong(packet: Buffer): boolean {
  return (packet[0]! & LONG_HEADER) !== 0
}

/** True for fewer bytes than any protected packet has: the sample of header protection needs them (RFC 9001, 5.4.2). */
export function isTooShort(packet: Buffer): boolean {
  return packet.length < PROTECTED_BYTES_MIN
}

/**
 * The destination connection id as a map key, `undefined` when there is none that could be ours.
 * Latin-1 text is the cheapest key of a `Map` that compares by content.
 */
export function destinationKey(packet: Buffer): string | undefined {
  const first = packet[0]
  if (first === undefined) return undefined
  if ((first & LONG_HEADER) !== 0) {
    const length = packet[5]
    if (length === undefined || length > LONGEST_ID || packet.length < 6 + length) return undefined
    return packet.toString('latin1', 6, 6 + length)
  }
  if ((first & FIXED_BIT) === 0 || packet.length <= 1 + CONNECTION_ID_BYTES) return undefined
  return packet.toString('latin1', 1, 1 + CONNECTION_ID_BYTES)
}

/** The map key of one of our ids. */
export function idKey(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString('latin1')
}

/**
 * Reads a client's first packet; `undefined` for everything that cannot be one. Ids and token are
 * copies: the packet is overwritten when it is decrypted.
 */
export function readLongHeader(packet: Buffer): LongHeader | undefined {
  if (packet.length < INITIAL_BYTES_MIN || !isLong(packet)) return undefined
  const version = packet.readUInt32BE(1)
  const destinationEnd = 6 + packet[5]!
  const sourceStart = destinationEnd + 1
  const sourceEnd = sourceStart + packet[destinationEnd]!
  // Other versions may have longer ids (RFC 8999), but then the answer could not be built here.
  if (packet[5]! > LONGEST_ID || packet[destinationEnd]! > LONGEST_ID) return undefined
  const destinationId = Buffer.from(packet.subarray(6, destinationEnd))
  const sourceId = Buffer.from(packet.subarray(sourceStart, sourceEnd))
  const initial =
    version === 1 &&
    (packet[0]! & (FIXED_BIT | TYPE_MASK)) === FIXED_BIT &&
    destinationId.length >= FIRST_ID_BYTES_MIN
  const token = initial ? readToken(packet, sourceEnd) : EMPTY
  if (token === undefined) return undefined
  return { version, destinationId, sourceId, initial, token }
}

/**
 * The packets of a datagram that begins with a long header (RFC 9000, section 12.2). The binding gives
 * up a whole datagram when it cannot decrypt the first packet of it, and that is ordinary just after
 * a handshake: a repeated Handshake packet, whose keys are gone, in front of the first data.
 * What cannot be split is given back whole.
 */
export function splitDatagram(datagram: Buffer): Buffer[] {
  const packets: Buffer[] = []
  let rest = datagram
  while (rest.length > 0) {
    const end = isLong(rest) ? longPacketEnd(rest) : rest.length
    packets.push(rest.subarray(0, end))
    rest = rest.subarray(end)
  }
  return packets
}

/** Where the first packet of `datagram` ends: its length field says so, except for a Retry. */
function longPacketEnd(datagram: Buffer): number {
  const whole = datagram.length
  if (whole < 7 || datagram.readUInt32BE(1) !== 1) return whole
  const type = datagram[0]! & TYPE_MASK
  if (type === TYPE_RETRY) return whole
  let at = 6 + datagram[5]!
  at += 1 + (datagram[at] ?? whole)
  if (type === TYPE_INITIAL) {
    const token = readVarint(datagram, at)
    if (token === undefined) return whole
    at = token.end + token.value
  }
  const length = readVarint(datagram, at)
  if (length === undefined) return whole
  const end = length.end + length.value
  return end <= whole ? end : whole
}

/** A variable-length integer (16) of one, two or four bytes; eight would exceed any datagram. */
function readVarint(bytes: Buffer, at: number): { value: number; end: number } | undefined {
  const first = bytes[at]
  if (first === undefined) return undefined
  const size = 1 << (first >> 6)
  const end = at + size
  if (size === 8 || end > bytes.length) return undefined
  if (size === 1) return { value: first, end }
  if (size === 2) return { value: bytes.readUInt16BE(at) & 0x3fff, end }
  return { value: bytes.readUInt32BE(at) & 0x3fff_ffff, end }
}

const EMPTY: Buffer = Buffer.alloc(0)

/** The token of an Initial: its length, then its bytes. */
function readToken(packet: Buffer, offset: number): Buffer | undefined {
  const length = readVarint(packet, offset)
  if (length === undefined || length.end + length.value > packet.length) return undefined
  return Buffer.from(packet.subarray(length.end, length.end + length.value))
}
