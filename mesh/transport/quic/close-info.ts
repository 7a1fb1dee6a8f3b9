/**
 * What the end of a native connection means: for the handlers of a connection, for whoever waits
 * for a dial, and for the listener that refused somebody.
 */
import { QuicCode, TransportError } from '../errors.ts'
import type { TransportErrorCode } from '../errors.ts'
import type { CloseInfo, TransportAddress } from '../transport.ts'
import type { BindingCloseError } from './binding.ts'
import type { NativeConnection } from './native-connection.ts'

const CRYPTO_FIRST = 0x100
const CRYPTO_LAST = 0x1ff
const decoder = new TextDecoder()

/** Why a connection that was open is over. */
export function closeInfoOf(native: NativeConnection): CloseInfo {
  if (native.isTimedOut()) return { by: 'idle_timeout', code: 0, reason: '' }
  const peer = native.peerError()
  if (peer !== null) {
    const by = peer.isApp ? 'peer' : 'error'
    return { by, code: peer.errorCode, reason: textOf(peer) }
  }
  const local = native.localError()
  if (local !== null) return { by: 'error', code: local.errorCode, reason: textOf(local) }
  return { by: 'error', code: 0, reason: '' }
}

/** What a dialler is told when the handshake ended without a connection. */
export function dialErrorOf(native: NativeConnection, remote: TransportAddress): TransportError {
  const where = `${remote.host}:${remote.port}`
  if (native.isTimedOut()) {
    return new TransportError('ERR_TRANSPORT_TIMEOUT', `${where} does not answer`, { remote })
  }
  const error = native.peerError() ?? native.localError()
  if (error === null) {
    return new TransportError('ERR_TRANSPORT_PROTOCOL', `${where} speaks another version of QUIC`, {
      remote,
    })
  }
  const peerReason = textOf(error)
  const options = { remote, transportCode: error.errorCode, peerReason }
  if (isProtocolMismatch(error)) {
    const message = `${where} does not speak our application protocol`
    return new TransportError('ERR_TRANSPORT_PROTOCOL', message, options)
  }
  const why = peerReason === '' ? `code ${error.errorCode}` : peerReason
  return new TransportError('ERR_TRANSPORT_REFUSED', `${where} refused us: ${why}`, options)
}

/** The code under which a failed handshake of a dialler is reported, if we were the one to refuse. */
export function refusalCodeOf(native: NativeConnection): TransportErrorCode | undefined {
  const local = native.localError()
  if (local === null) return native.peerError() === null ? 'ERR_TRANSPORT_GARBAGE' : undefined
  if (isProtocolMismatch(local)) return 'ERR_TRANSPORT_PROTOCOL'
  const { errorCode } = local
  const tls = errorCode >= CRYPTO_FIRST && errorCode <= CRYPTO_LAST
  return tls ? 'ERR_TRANSPORT_PEER_KEY' : 'ERR_TRANSPORT_GARBAGE'
}

function isProtocolMismatch(error: BindingCloseError): boolean {
  return !error.isApp && error.errorCode === QuicCode.noApplicationProtocol
}

function textOf(error: BindingCloseError): string {
  return decoder.decode(error.reason)
}
