/**
 * One connection of the native binding behind the checks of `native.ts`.
 *
 * The binding answers with exceptions whose text carries a code (`StreamStopped(7)`); they are read
 * here and become plain return values, because resets are ordinary and not worth a throw above.
 * After `release` every method is inert, so a late timer or packet can do no harm.
 */
import type {
  BindingAddress,
  BindingCloseError,
  BindingConnection,
  BindingPath,
  BindingPathEvent,
} from './binding.ts'
import { checkCode } from '../codes.ts'
import {
  badArgument,
  checkBytes,
  checkConnectionId,
  checkInteger,
  checkStreamId,
} from './native-checks.ts'

/** Nothing to read now. */
export const NOTHING = -1
/** The stream was reset (read) or stopped (write) by the peer; the code is in `lastCode`. */
export const ENDED_BY_PEER = -2
/** The stream does not exist any more, or the connection is closed. */
export const GONE = -3

const READ = 0
const WRITE = 1

/** One native connection behind its checks. After {@link NativeConnection.release} all is inert. */
export class NativeConnection {
  #q: BindingConnection
  #released = false
  /** Code of the last `ENDED_BY_PEER`. */
  lastCode = 0
  /** Whether the last `streamRecv` reached the end of the stream. */
  lastFin = false
  /** Where the last packet of `send` must go. */
  lastTo: BindingAddress | undefined

  constructor(raw: BindingConnection) {
    this.#q = raw
  }

  /** Lets go of the native memory (freed by the garbage collector). */
  release(): void {
    this.#released = true
    this.#q = INERT
  }

  get released(): boolean {
    return this.#released
  }

  /** Takes one packet; false when the connection could not use it. Overwrites `packet`. */
  recv(packet: Uint8Array, path: BindingPath): boolean {
    if (!(packet instanceof Uint8Array) || packet.length === 0) return false
    try {
      this.#q.recv(packet, path)
      return true
    } catch {
      // Undecryptable, malformed or hostile: quiche has decided what to do, `localError` says it.
      return false
    }
  }

  /** Writes one packet into `out`; gives its length, 0 when there is none to send now. */
  send(out: Uint8Array): number {
    if (!(out instanceof Uint8Array) || out.length < 1200) throw badArgument('out', out)
    let sent: [number, { readonly to: BindingAddress }] | null
    try {
      sent = this.#q.send(out)
    } catch {
      return 0 // quiche closes the connection itself after such an error
    }
    if (sent === null) return 0
    this.lastTo = sent[1].to
    return sent[0]
  }

  /** Reads into `into`: a length, `NOTHING`, `ENDED_BY_PEER` or `GONE`. */
  streamRecv(id: number, into: Uint8Array): number {
    checkStreamId(id)
    if (!(into instanceof Uint8Array) || into.length === 0) throw badArgument('into', into)
    this.lastFin = false
    let read: [number, boolean] | null
    try {
      read = this.#q.streamRecv(id, into)
    } catch (error) {
      return this.#ended(error, 'StreamReset(')
    }
    if (read === null) return NOTHING
    this.lastFin = read[1]
    return read[0]
  }

  /** Gives how many bytes were taken (fewer means blocked), `ENDED_BY_PEER` or `GONE`. */
  streamSend(id: number, bytes: Uint8Array, fin: boolean): number {
    checkStreamId(id)
    if (!(bytes instanceof Uint8Array)) throw badArgument('bytes', bytes)
    try {
      return this.#q.streamSend(id, bytes, fin === true) ?? 0
    } catch (error) {
      return this.#ended(error, 'StreamStopped(')
    }
  }

  /** Makes the stream if it is new. False: the peer allows no more streams now. */
  streamPriority(id: number, urgency: number): boolean {
    checkStreamId(id)
    checkInteger('urgency', urgency, 0, 255)
    try {
      this.#q.streamPriority(id, urgency, true)
      return true
    } catch {
      return false
    }
  }

  /** Sends RESET_STREAM. */
  streamReset(id: number, code: number): void {
    this.#shutdown(id, WRITE, code)
  }

  /** Sends STOP_SENDING. */
  streamStop(id: number, code: number): void {
    this.#shutdown(id, READ, code)
  }

  #shutdown(id: number, direction: number, code: number): void {
    checkStreamId(id)
    checkCode(code)
    try {
      this.#q.streamShutdown(id, direction, code)
    } catch {
      // The stream is finished already; there is nothing to shut down.
    }
  }

  streamReadable(id: number): boolean {
    checkStreamId(id)
    return this.#q.streamReadable(id)
  }

  /** 0 while the peer still reads the stream, `ENDED_BY_PEER` or `GONE` when it has stopped. */
  streamStopped(id: number): number {
    checkStreamId(id)
    try {
      this.#q.streamWritable(id, 1)
      return 0
    } catch (error) {
      return this.#ended(error, 'StreamStopped(')
    }
  }

  /** Ids of all streams with something to read; 20 us, so only when there are many. */
  readable(): Iterable<number> {
    return this.#q.readable()
  }

  /** Reads one datagram: its length or `NOTHING`. */
  datagramRecv(into: Uint8Array): number {
    if (!(into instanceof Uint8Array) || into.length === 0) throw badArgument('into', into)
    try {
      return this.#q.dgramRecv(into) ?? NOTHING
    } catch {
      return NOTHING
    }
  }

  /** False when the queue is full, it is too long, or the peer takes none. */
  datagramSend(bytes: Uint8Array): boolean {
    if (!(bytes instanceof Uint8Array)) throw badArgument('bytes', bytes)
    try {
      return this.#q.dgramSend(bytes) !== null
    } catch {
      return false
    }
  }

  /** Longest datagram that fits; 0 before the handshake or when the peer takes none. */
  datagramBytesMax(): number {
    return this.#q.dgramMaxWritableLen() ?? 0
  }

  /** Milliseconds until `onTimeout` is due, `Infinity` for never. */
  timeoutMs(): number {
    return this.#q.timeout() ?? Infinity
  }

  onTimeout(): void {
    this.#q.onTimeout()
  }

  /** Offers the peer another id of ours; false when it has enough. */
  newSourceId(id: Uint8Array, resetToken: Uint8Array): boolean {
    checkConnectionId(id)
    checkBytes('resetToken', resetToken, 16)
    try {
      this.#q.newSourceCid(id, BigInt(`0x${Buffer.from(resetToken).toString('hex')}`), false)
      return true
    } catch {
      return false
    }
  }

  sourceIdsLeft(): number {
    return this.#q.sourceCidsLeft()
  }

  retiredSourceId(): Uint8Array | null {
    return this.#q.retiredScidNext()
  }

  pathEvent(): BindingPathEvent | null {
    return this.#q.pathEventNext()
  }

  /** Starts closing; `app` chooses the code space. */
  close(app: boolean, code: number, reason: Uint8Array): void {
    checkCode(code)
    if (!(reason instanceof Uint8Array)) throw badArgument('reason', reason)
    try {
      this.#q.close(app === true, code, reason)
    } catch {
      // Closed already.
    }
  }

  peerChain(): readonly Uint8Array[] {
    return this.#q.peerCertChain() ?? []
  }

  isEstablished(): boolean {
    return this.#q.isEstablished()
  }

  isReadable(): boolean {
    return this.#q.isReadable()
  }

  /** True when no more data can travel: closed, closing or drained. */
  isOver(): boolean {
    return this.#q.isDraining() || this.#q.isClosed()
  }

  isClosed(): boolean {
    return this.#q.isClosed()
  }

  isTimedOut(): boolean {
    return this.#q.isTimedOut()
  }

  peerError(): BindingCloseError | null {
    return this.#q.peerError()
  }

  localError(): BindingCloseError | null {
    return this.#q.localError()
  }

  /** Makes the next packet one that the peer must answer. */
  sendAckEliciting(): void {
    this.#q.sendAckEliciting()
  }

  totals(): { readonly lost: number; readonly sentBytes: number; readonly recvBytes: number } {
    return this.#q.stats()
  }

  /** Round-trip time of the path in use, whole milliseconds; 0 when unknown. */
  rttMs(): number {
    const paths = this.#q.pathStats()
    return (paths.find((path) => path.active) ?? paths[0])?.rtt ?? 0
  }

  #ended(error: unknown, prefix: string): number {
    const message = error instanceof Error ? error.message : ''
    if (!message.startsWith(prefix)) return GONE
    const code = Number.parseInt(message.slice(prefix.length), 10)
    this.lastCode = Number.isSafeInteger(code) ? code : 0
    return ENDED_BY_PEER
  }
}

/** What a released connection answers. */
const INERT: BindingConnection = Object.freeze({
  recv: () => 0,
  send: () => null,
  streamRecv: () => null,
  streamSend: () => 0,
  streamPriority: () => {},
  streamShutdown: () => {},
  streamReadable: () => false,
  streamWritable: () => false,
  readable: () => [],
  dgramRecv: () => null,
  dgramSend: () => null,
  dgramMaxWritableLen: () => null,
  timeout: () => null,
  onTimeout: () => {},
  newSourceCid: () => 0,
  sourceCidsLeft: () => 0,
  pathEventNext: () => null,
  retiredScidNext: () => null,
  close: () => null,
  peerCertChain: () => null,
  isEstablished: () => false,
  isReadable: () => false,
  isDraining: () => true,
  isClosed: () => true,
  isTimedOut: () => false,
  peerError: () => null,
  localError: () => null,
  stats: () => ({ lost: 0, sentBytes: 0, recvBytes: 0 }),
  pathStats: () => [],
  sendAckEliciting: () => {},
})
