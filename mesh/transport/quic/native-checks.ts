/**
 * Checks of every number and buffer on its way to the native binding; see `native.ts` for why. They
 * throw `ERR_TRANSPORT_ARGUMENT` (a bug of the caller) or `ERR_TRANSPORT_SECURITY` (keys).
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { inspect } from 'node:util'
import { TransportError } from '../errors.ts'
import type { BindingAddress } from './binding.ts'

/** Largest UDP payload that quiche sends. */
export const UDP_PAYLOAD_BYTES_MAX = 16_383

/** Longest connection id of QUIC version 1. */
export const CONNECTION_ID_BYTES_MAX = 20

const STREAM_ID_MAX: number = Number.MAX_SAFE_INTEGER

/** Throws `ERR_TRANSPORT_SECURITY` unless the key and the certificate are PEM and belong together. */
export function checkKeyPair(certificatePem: unknown, privateKeyPem: unknown): void {
  let belong = false
  try {
    const certificate = new X509Certificate(certificatePem as string)
    belong = certificate.checkPrivateKey(createPrivateKey(privateKeyPem as string))
  } catch {
    // No cause: messages of OpenSSL may quote what they cannot read, and that may be the key.
  }
  if (typeof certificatePem === 'string' && typeof privateKeyPem === 'string' && belong) return
  throw new TransportError(
    'ERR_TRANSPORT_SECURITY',
    'the certificate and its private key must be PEM, unencrypted, and belong together',
  )
}

export function checkAlpn(alpn: unknown): void {
  if (typeof alpn === 'string' && alpn.length > 0 && Buffer.byteLength(alpn) <= 255) return
  throw new TransportError(
    'ERR_TRANSPORT_SECURITY',
    `the application protocol must be text of 1 to 255 bytes, received ${inspect(alpn)}`,
  )
}

export function checkInteger(what: string, value: unknown, min: number, max: number): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return
  throw badArgument(`${what} from ${min} to ${max}`, value)
}

export function checkStreamId(id: unknown): void {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= STREAM_ID_MAX) return
  throw badArgument('stream id', id)
}

export function checkBytes(what: string, value: unknown, min: number): void {
  if (value instanceof Uint8Array && value.length >= min) return
  throw badArgument(`${what} of at least ${min} bytes`, value)
}

export function checkConnectionId(id: unknown): void {
  checkBytes('connection id', id, 1)
  checkPeerId(id)
}

/** A peer may have an id without bytes. */
export function checkPeerId(id: unknown): void {
  if (id instanceof Uint8Array && id.length <= CONNECTION_ID_BYTES_MAX) return
  throw badArgument(`connection id of at most ${CONNECTION_ID_BYTES_MAX} bytes`, id)
}

/** Names, and zones as in `fe80::1%eth0`, would be resolved by the binding, blocking the program. */
export function checkAddress(address: BindingAddress): void {
  const { host } = address
  if (typeof host !== 'string' || isIP(host) === 0 || host.includes('%'))
    throw badArgument('IP address without zone', host)
  checkInteger('port', address.port, 0, 65_535)
}

export function badArgument(expected: string, received: unknown): TransportError {
  const shown = inspect(received, { depth: 0, maxArrayLength: 4, breakLength: Infinity })
  return new TransportError('ERR_TRANSPORT_ARGUMENT', `expected ${expected}, received ${shown}`)
}
