/**
 * Errors of the transports. Each code says what happened and whether trying again can help; a code
 * never changes its meaning. Bytes from a peer can raise nothing but these.
 */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorEntry } from '../../runtime/index.ts'
import type { TransportAddress } from './transport.ts'

/** Codes of {@link TransportError}. */
export type TransportErrorCode =
  | 'ERR_TRANSPORT_UNAVAILABLE'
  | 'ERR_TRANSPORT_BAD_ADDRESS'
  | 'ERR_TRANSPORT_PORT_BUSY'
  | 'ERR_TRANSPORT_BIND'
  | 'ERR_TRANSPORT_SECURITY'
  | 'ERR_TRANSPORT_TIMEOUT'
  | 'ERR_TRANSPORT_PROTOCOL'
  | 'ERR_TRANSPORT_PEER_KEY'
  | 'ERR_TRANSPORT_REFUSED'
  | 'ERR_TRANSPORT_CLOSED'
  | 'ERR_TRANSPORT_ABORTED'
  | 'ERR_TRANSPORT_CONNECTION_LIMIT'
  | 'ERR_TRANSPORT_ADDRESS_LIMIT'
  | 'ERR_TRANSPORT_RATE_LIMIT'
  | 'ERR_TRANSPORT_STREAM_LIMIT'
  | 'ERR_TRANSPORT_STREAM_ENDED'
  | 'ERR_TRANSPORT_QUEUE_FULL'
  | 'ERR_TRANSPORT_ARGUMENT'
  | 'ERR_TRANSPORT_HANDLER'
  | 'ERR_TRANSPORT_GARBAGE'
  | 'ERR_TRANSPORT_PORT_CLOSED'

/** Extra parts of a {@link TransportError}. */
export interface TransportErrorOptions {
  readonly cause?: unknown
  /** The peer it is about, when there is one. */
  readonly remote?: TransportAddress
  /** QUIC error code that the peer or the transport closed with. */
  readonly transportCode?: number
  /** What the peer said when it refused; its own words, so only for logs. */
  readonly peerReason?: string
}

/** A transport could not do what was asked. */
export class TransportError extends FoveaError {
  override readonly name = 'TransportError'
  readonly remote: TransportAddress | undefined
  readonly transportCode: number | undefined
  readonly peerReason: string | undefined
  constructor(code: TransportErrorCode, message: string, options: TransportErrorOptions = {}) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
    this.remote = options.remote
    this.transportCode = options.transportCode
    this.peerReason = options.peerReason
  }
}

/** QUIC transport error codes that this project sends or tells apart (RFC 9000, section 20.1). */
export const QuicCode: {
  readonly noError: 0x0
  readonly internalError: 0x1
  readonly connectionRefused: 0x2
  readonly badCertificate: 0x12a
  readonly noApplicationProtocol: 0x178
} = Object.freeze({
  noError: 0x0,
  /** A handler of the peer threw. */
  internalError: 0x1,
  /** Over a limit. */
  connectionRefused: 0x2,
  /** TLS alert bad_certificate: `verifyPeer` threw, or another key was expected. */
  badCertificate: 0x12a,
  /** TLS alert no_application_protocol. */
  noApplicationProtocol: 0x178,
})

const ERROR_CODE = /^ERR_[A-Z0-9_]{1,60}$/

/** The stable code of `thrown`, if it has one: all that a peer is ever told about a refusal. */
export function codeOfThrown(thrown: unknown, otherwise: TransportErrorCode): string {
  const code: unknown = (thrown as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' && ERROR_CODE.test(code) ? code : otherwise
}

/** Codes of `mesh/transport`. */
export const TRANSPORT_ERRORS: Readonly<Record<TransportErrorCode, ErrorEntry>> = {
  ERR_TRANSPORT_UNAVAILABLE: {
    when: 'there is no QUIC binary for this platform, or it cannot be loaded',
    stateChanged: 'no',
    retry: 'no',
    action: 'use linux-x64 with glibc, macOS or win32-x64; the message names the platform found',
  },
  ERR_TRANSPORT_BAD_ADDRESS: {
    when: 'a host is not an IP address, a port is out of range, or this machine lacks the address',
    stateChanged: 'no',
    retry: 'no',
    action: 'resolve names first; bind an address of this machine; dial IPv6 from an IPv6 socket',
  },
  ERR_TRANSPORT_PORT_BUSY: {
    when: 'another socket has the UDP port',
    stateChanged: 'no',
    retry: 'when the port is free',
    action: 'choose another port, or 0 for a free one',
  },
  ERR_TRANSPORT_BIND: {
    when: 'the system refused the socket for another reason, e.g. a privileged port',
    stateChanged: 'no',
    retry: 'after the cause is gone',
    action: 'read the cause',
  },
  ERR_TRANSPORT_SECURITY: {
    when: 'the certificate or the private key given to open() cannot be used',
    stateChanged: 'no',
    retry: 'no',
    action: 'pass an Ed25519 certificate and its own PKCS#8 key, both PEM, and a protocol name',
  },
  ERR_TRANSPORT_TIMEOUT: {
    when: 'a dial or a handshake did not finish in time; a closed port answers nothing',
    stateChanged: 'no; the attempt is forgotten',
    retry: 'yes, with back-off',
    action: 'check the address, the firewall and whether the peer runs',
  },
  ERR_TRANSPORT_PROTOCOL: {
    when: 'the peer speaks another application protocol: another realm or version',
    stateChanged: 'no',
    retry: 'no',
    action: 'compare realms and versions of both nodes',
  },
  ERR_TRANSPORT_PEER_KEY: {
    when: 'the certificate of the peer was refused, or its key is not the expected one',
    stateChanged: 'no; the connection is closed with 298 (bad certificate)',
    retry: 'no',
    action: 'the cause names the rule; another node may have taken over the address',
  },
  ERR_TRANSPORT_REFUSED: {
    when: 'the peer closed the connection during the handshake',
    stateChanged: 'no',
    retry: 'later if a limit was reached, else no',
    action: 'peerReason holds the code that the peer gave',
  },
  ERR_TRANSPORT_CLOSED: {
    when: 'the endpoint or the connection is closed',
    stateChanged: 'no',
    retry: 'on a new connection',
    action: 'nothing; onClosed told why',
  },
  ERR_TRANSPORT_ABORTED: {
    when: 'the signal of the caller was aborted',
    stateChanged: 'no; the attempt is forgotten',
    retry: 'as the caller likes',
    action: 'the cause is the reason of the signal',
  },
  ERR_TRANSPORT_CONNECTION_LIMIT: {
    when: 'connectionsMax is reached, here (a dial) or at the listener',
    stateChanged: 'no',
    retry: 'when connections were closed',
    action: 'close connections or raise connectionsMax',
  },
  ERR_TRANSPORT_ADDRESS_LIMIT: {
    when: 'one remote address has connectionsPerAddressMax connections',
    stateChanged: 'no',
    retry: 'when connections were closed',
    action: 'raise connectionsPerAddressMax if many nodes share that address',
  },
  ERR_TRANSPORT_RATE_LIMIT: {
    when: 'more than acceptsPerSecondMax new connections arrive; the dialler hears nothing',
    stateChanged: 'no',
    retry: 'the dialler sends its first packet again by itself',
    action: 'raise acceptsPerSecondMax, or look who dials so often',
  },
  ERR_TRANSPORT_STREAM_LIMIT: {
    when: 'streamsMax streams are open, ours or what the peer allows',
    stateChanged: 'no',
    retry: 'when a stream has ended on both sides',
    action: 'use few long-lived streams, or raise streamsMax on both nodes',
  },
  ERR_TRANSPORT_STREAM_ENDED: {
    when: 'write after end or reset, after the peer stopped reading, or on a closed connection',
    stateChanged: 'no',
    retry: 'on a new stream',
    action: 'a bug of the caller, or a write after onStopped or onClosed',
  },
  ERR_TRANSPORT_QUEUE_FULL: {
    when: 'a write would exceed streamQueueBytesMax or connectionQueueBytesMax',
    stateChanged: 'no; nothing of that write was queued',
    retry: 'after onDrain',
    action: 'heed the false that write returned before',
  },
  ERR_TRANSPORT_ARGUMENT: {
    when: 'a number or buffer is of the wrong kind; in the native binding it would end the program',
    stateChanged: 'no',
    retry: 'no',
    action: 'a bug of the caller; the message names the value',
  },
  ERR_TRANSPORT_HANDLER: {
    when: 'a handler of a connection or one of its streams threw',
    stateChanged: 'that connection is closed; nothing else',
    retry: 'on a new connection',
    action: 'the log holds the error; the peer sees transport code 1 and this code',
  },
  ERR_TRANSPORT_GARBAGE: {
    when: 'bytes that are no QUIC packet, a first packet that no version of QUIC allows, or no batch of a thread',
    stateChanged: 'no; counted in packetsDropped, told to onRefused. A thread loses its connection',
    retry: 'no',
    action: 'nothing; the port is reachable by strangers',
  },
  ERR_TRANSPORT_PORT_CLOSED: {
    when: 'a peer on this machine answers nothing, and the system says that nobody has its port: it was killed',
    stateChanged: 'the connection is over; it is the reason that onClosed is given',
    retry: 'a dial finds the process that has the port next',
    action: 'look why that process ended',
  },
}
