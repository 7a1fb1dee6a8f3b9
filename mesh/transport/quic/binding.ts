/**
 * The narrow part of a QUIC binding that this folder uses, in our own words. `native.ts` fits the
 * binding of `@matrixai/quic` to it; a rebuilt binding or `node:quic` would be fitted the same way.
 * No type of the package appears here, so none can leak into our declarations.
 */

/** An IP address and port as the binding takes it. */
export interface BindingAddress {
  readonly host: string
  readonly port: number
}

/** Where a packet came from and which of our addresses it reached. */
export interface BindingPath {
  readonly from: BindingAddress
  readonly to: BindingAddress
}

/** How a connection was closed. */
export interface BindingCloseError {
  readonly isApp: boolean
  readonly errorCode: number
  readonly reason: Uint8Array
}

/** Totals of one connection. */
export interface BindingStats {
  readonly lost: number
  readonly sentBytes: number
  readonly recvBytes: number
}

/** State of one network path. */
export interface BindingPathStats {
  readonly active: boolean
  readonly rtt: number
}

/** A path was found, validated, lost, or the peer moved to it. */
export interface BindingPathEvent {
  readonly type: string
  readonly new?: unknown
}

/** A TLS context plus transport parameters. */
export interface BindingConfig {
  grease(on: boolean): void
  setApplicationProtos(protocols: string[]): void
  setMaxIdleTimeout(ms: number): void
  setMaxRecvUdpPayloadSize(bytes: number): void
  setMaxSendUdpPayloadSize(bytes: number): void
  setInitialMaxData(bytes: number): void
  setInitialMaxStreamDataBidiLocal(bytes: number): void
  setInitialMaxStreamDataBidiRemote(bytes: number): void
  setInitialMaxStreamDataUni(bytes: number): void
  setInitialMaxStreamsBidi(count: number): void
  setInitialMaxStreamsUni(count: number): void
  setActiveConnectionIdLimit(count: number): void
  setDisableActiveMigration(on: boolean): void
  setCcAlgorithmName(name: string): void
  enableHystart(on: boolean): void
  enablePacing(on: boolean): void
  enableDgram(on: boolean, receiveQueue: number, sendQueue: number): void
  setMaxStreamWindow(bytes: number): void
  setMaxConnectionWindow(bytes: number): void
}

/** One QUIC connection: packets in, packets out, streams and datagrams. */
export interface BindingConnection {
  recv(packet: Uint8Array, path: BindingPath): number
  send(out: Uint8Array): [number, { readonly to: BindingAddress }] | null
  streamRecv(id: number, into: Uint8Array): [number, boolean] | null
  streamSend(id: number, bytes: Uint8Array, fin: boolean): number | null
  streamPriority(id: number, urgency: number, incremental: boolean): void
  streamShutdown(id: number, direction: number, code: number): void | null
  streamReadable(id: number): boolean
  streamWritable(id: number, length: number): boolean
  readable(): Iterable<number>
  dgramRecv(into: Uint8Array): number | null
  dgramSend(bytes: Uint8Array): void | null
  dgramMaxWritableLen(): number | null
  timeout(): number | null
  onTimeout(): void
  newSourceCid(id: Uint8Array, resetToken: bigint, retireIfNeeded: boolean): number
  sourceCidsLeft(): number
  pathEventNext(): BindingPathEvent | null
  retiredScidNext(): Uint8Array | null
  close(app: boolean, code: number, reason: Uint8Array): void | null
  peerCertChain(): Uint8Array[] | null
  isEstablished(): boolean
  isReadable(): boolean
  isDraining(): boolean
  isClosed(): boolean
  isTimedOut(): boolean
  peerError(): BindingCloseError | null
  localError(): BindingCloseError | null
  stats(): BindingStats
  pathStats(): BindingPathStats[]
  sendAckEliciting(): void
}

/** What the module of the binding exports. */
export interface Binding {
  readonly Config: {
    withBoringSslCtx(
      verifyPeer: boolean,
      verifyAllowFail: boolean,
      ca: null,
      key: Uint8Array[],
      certificate: Uint8Array[],
      signatureAlgorithms: string,
    ): BindingConfig
  }
  readonly Connection: {
    connect(
      serverName: null,
      sourceId: Uint8Array,
      local: BindingAddress,
      remote: BindingAddress,
      config: BindingConfig,
    ): BindingConnection
    accept(
      sourceId: Uint8Array,
      originalId: Uint8Array | null,
      local: BindingAddress,
      remote: BindingAddress,
      config: BindingConfig,
    ): BindingConnection
  }
  negotiateVersion(sourceId: Uint8Array, destinationId: Uint8Array, out: Uint8Array): number
  retry(
    sourceId: Uint8Array,
    destinationId: Uint8Array,
    newSourceId: Uint8Array,
    token: Uint8Array,
    version: number,
    out: Uint8Array,
  ): number
  versionIsSupported(version: number): boolean
}
