/**
 * What a transport gives the mesh: one UDP port that listens and dials, connections whose peer has
 * proven its key, ordered byte streams with backpressure in both directions, datagrams.
 *
 * Rules that every transport keeps (the conformance kit in `test/conformance/transport.ts` holds
 * them):
 * - A connection is handed out only after `verifyPeer` accepted the peer's certificate, on both
 *   sides. The other side may still refuse ours later: "connected" is not "accepted", so the link
 *   layer waits for an `accepted` frame.
 * - Bytes and events that arrive before `handle()` was called are kept, not lost; a stream reads
 *   nothing from the network until it is handled.
 * - Handlers are called from the transport's own turn, never from inside a call of the user, except
 *   where said so. A handler that throws closes its connection, nothing else.
 * - `onClosed` of a connection comes exactly once and after it no handler of the connection or its
 *   streams is called.
 */
import type { NodeKey } from '../identity/node-key.ts'

/** Where an endpoint is reached. `host` is an address, not a name. */
export interface TransportAddress {
  readonly host: string
  readonly port: number
}

/** What this node shows and accepts. */
export interface TransportSecurity {
  /** Self-signed certificate of the node key, PEM. */
  readonly certificatePem: string
  /** Its private key, PKCS#8 PEM. */
  readonly privateKeyPem: string
  /** Application protocol; another one is refused with `ERR_TRANSPORT_PROTOCOL`. */
  readonly alpn: string
  /**
   * Checks the chain a peer presented (DER, leaf first) and gives its key, or throws. Runs on both
   * sides before the connection is handed out.
   */
  readonly verifyPeer: (chain: readonly Uint8Array[]) => NodeKey
}

/** How to open an endpoint. */
export interface EndpointOptions {
  /** Address to bind; `'0.0.0.0'`, `'::'`, or one interface. A name is resolved by the caller. */
  readonly host: string
  /** UDP port; 0 takes a free one. */
  readonly port: number
  /** What this node shows, and whom it believes. */
  readonly security: TransportSecurity
  /** Called for every connection that a peer dialled and `verifyPeer` accepted. */
  readonly onConnection: (connection: TransportConnection) => void
  /** Called for a peer that was refused: garbage, wrong protocol, bad certificate, over a limit. */
  readonly onRefused?: (refusal: Refusal) => void
}

/** Why a peer was not let in. */
export interface Refusal {
  readonly code: string
  readonly remote: TransportAddress
  readonly message: string
}

/** A family of endpoints: `quic`, or `memory` for tests. */
export interface Transport {
  readonly name: string
  /** Rejects with `ERR_TRANSPORT_PORT_BUSY`, `_BAD_ADDRESS`, `_UNAVAILABLE`, `_BIND` or `_SECURITY`. */
  open(options: EndpointOptions): Promise<Endpoint>
}

/** Options of {@link Endpoint.dial}. */
export interface DialOptions {
  /** Close unless the peer presents this key (`ERR_TRANSPORT_PEER_KEY`). */
  readonly expect?: NodeKey
  /** Default 5,000. A closed port answers nothing, so this is what ends the wait. */
  readonly timeoutMs?: number
  /** Ends the dial with `ERR_TRANSPORT_ABORTED` when aborted. */
  readonly signal?: AbortSignal
}

/** One bound UDP port: server and client at once. */
export interface Endpoint {
  /** The address really bound. */
  readonly address: TransportAddress
  /**
   * Rejects with `ERR_TRANSPORT_TIMEOUT`, `_PROTOCOL`, `_PEER_KEY`, `_REFUSED`, `_CLOSED`, `_ABORTED`,
   * `_BAD_ADDRESS` or `_CONNECTION_LIMIT`.
   */
  dial(address: TransportAddress, options?: DialOptions): Promise<TransportConnection>
  stats(): EndpointStats
  /** Closes every connection, then the socket. Idempotent; nothing is left when it resolves. */
  close(): Promise<void>
}

/** Plain counters, made for a scrape. */
export interface EndpointStats {
  readonly connections: number
  readonly packetsReceived: number
  readonly packetsSent: number
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Packets that no connection could use: garbage, unknown connection ids, too short. */
  readonly packetsDropped: number
  readonly connectionsRefused: number
}

/** How a connection ended. */
export interface CloseInfo {
  /** `peer` closed it, `local` code closed it, the peer fell silent, or the transport failed. */
  readonly by: 'peer' | 'local' | 'idle_timeout' | 'error'
  /** Application code given to `close`, else 0 or the transport's error code. */
  readonly code: number
  /** Application text given to `close`. */
  readonly reason: string
}

/** Events of a connection. */
export interface ConnectionHandlers {
  /** The peer opened a stream. Call `stream.handle()` to start reading it. */
  readonly onStream?: (stream: TransportStream) => void
  /** The view is valid only during the call: copy what must live longer. */
  readonly onDatagram?: (bytes: Uint8Array) => void
  readonly onClosed: (info: CloseInfo) => void
}

/** A connection with a peer whose key is proven. */
export interface TransportConnection {
  readonly peerKey: NodeKey
  /** True when this side dialled. */
  readonly initiator: boolean
  readonly remote: TransportAddress
  /** Undefined while it lives. */
  readonly closed: CloseInfo | undefined
  handle(handlers: ConnectionHandlers): void
  /** Throws `ERR_TRANSPORT_CLOSED` or `ERR_TRANSPORT_STREAM_LIMIT`. The peer sees it with its first bytes. */
  openStream(options?: StreamOptions): TransportStream
  /** False when it was not queued: closed, too long, or the queue is full. */
  sendDatagram(bytes: Uint8Array): boolean
  /** Longest datagram that fits now. */
  readonly datagramBytesMax: number
  /** `code` 0 to 2^32-1. Queued stream bytes are not waited for: end streams first. */
  close(code: number, reason: string): void
  stats(): ConnectionStats
}

/** Counters and estimates of one connection. */
export interface ConnectionStats {
  readonly rttMs: number
  readonly bytesSent: number
  readonly bytesReceived: number
  readonly packetsLost: number
  readonly streams: number
  readonly bytesQueued: number
}

/** Options of {@link TransportConnection.openStream}. */
export interface StreamOptions {
  /** 0 (first) to 255 (last); streams of equal urgency take turns. Default 127. */
  readonly urgency?: number
}

/** Events of a stream. */
export interface StreamHandlers {
  /** Bytes in order. The view is valid only during the call: copy what must live longer. */
  readonly onData: (bytes: Uint8Array) => void
  /** The peer finished its direction. */
  readonly onEnd?: () => void
  /** `write` may be called again after it had returned false. */
  readonly onDrain?: () => void
  /** The peer gave up sending (`reset`) or reading (`stopSending`). */
  readonly onReset?: (code: number) => void
  readonly onStopped?: (code: number) => void
}

/** A bidirectional, ordered byte stream. */
export interface TransportStream {
  readonly id: number
  readonly connection: TransportConnection
  /** Bytes accepted by `write` and not yet taken by the network. */
  readonly bytesQueued: number
  handle(handlers: StreamHandlers): void
  /**
   * Queues `bytes`; the transport may keep the view, so it must not be changed afterwards. False
   * means "enough": wait for `onDrain`. Throws `ERR_TRANSPORT_STREAM_ENDED` after `end` or `reset`,
   * `ERR_TRANSPORT_QUEUE_FULL` above the stream's queue limit. `rest` follows at once, both or neither: a head
   * that was made for a part of something large needs no copy of that part.
   */
  write(bytes: Uint8Array, rest?: Uint8Array): boolean
  /** Finishes our direction after what is queued. */
  end(): void
  /** Drops what is queued and tells the peer `code`. */
  reset(code: number): void
  /** Tells the peer to stop sending. */
  stopSending(code: number): void
  /** Changes the urgency of our direction; the only way for a stream that the peer opened. */
  prioritize(urgency: number): void
  /** Stops reading: flow control then stops the sender. */
  pause(): void
  resume(): void
}
