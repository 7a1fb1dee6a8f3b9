/**
 * One ordered channel of a link: a transport stream, the frame decoder of what comes in, and the
 * bound of what goes out. Whoever owns the lane decides what frames mean.
 *
 * The control lane is a stream of frames from its first byte (a frame begins with the protocol
 * version, 0x01). Every other stream begins with one byte that names its lane, 0x80 or above, because
 * streams of one connection are not ordered with each other and "the second one" means nothing.
 */
import { FrameDecoder } from '../wire/frame.ts'
import type { FrameHandler } from '../wire/frame.ts'
import type { TransportStream } from '../transport/transport.ts'
import { LinkError } from './errors.ts'
import type { LaneTally, LaneWindow } from './lane-window.ts'
import type { LaneName } from './link.ts'

/** First byte of the stream of each lane but control. */
export const LANE_BYTES: Readonly<Record<Exclude<LaneName, 'control'>, number>> = Object.freeze({
  dist: 0x81,
  sync: 0x82,
  rpc: 0x83,
  pubsub: 0x84,
  bulk: 0x85,
})

const NAMES: readonly LaneName[] = Object.freeze(['dist', 'sync', 'rpc', 'pubsub', 'bulk'])

/** The lane that the first byte of a stream names; undefined for one that this node does not know. */
export function laneOfFirstByte(byte: number): LaneName | undefined {
  return byte < 0x80 ? 'control' : NAMES[byte - LANE_BYTES.dist]
}

/**
 * Urgency of the streams: keepalives go first, then tables, whatever is queued on the others. Calls go before
 * what processes say to each other and before publishes, because somebody waits for each of them and there are
 * fewer of them. `dist` and `pubsub` are equal and take turns: with either before the other, a flood of the one
 * would starve the other. `bulk` takes what is left.
 */
export const LANE_URGENCY: Readonly<Record<LaneName, number>> = Object.freeze({
  control: 0,
  sync: 32,
  rpc: 48,
  dist: 64,
  pubsub: 64,
  bulk: 192,
})

/**
 * Largest frame before the link is accepted: a hello has about 1 KiB. Without it, everybody who
 * reaches the port could make us hold three unfinished frames of the full size.
 */
export const HANDSHAKE_FRAME_BYTES_MAX = 65_536

/** Frame types that only the control lane may carry, and that are about the link itself. */
export const CONTROL_TYPE_MAX = 0x0f

/** First and last frame type that each lane may carry for the layers above. */
const CARRIES: Readonly<Record<LaneName, readonly [number, number]>> = Object.freeze({
  control: [CONTROL_TYPE_MAX + 1, 0xff],
  /** Membership, routing, NAT. */
  sync: [0x30, 0x5f],
  dist: [CONTROL_TYPE_MAX + 1, 0xff],
  rpc: [0x20, 0x2f],
  pubsub: [0x10, 0x1f],
  /** Of both, what is large. */
  bulk: [0x10, 0x2f],
})

/** Whether a frame of that type, for the layers above, may come on that lane. */
export function mayCarry(lane: LaneName, type: number): boolean {
  const [from, to] = CARRIES[lane]
  return type >= from && type <= to
}

/** What a lane tells its owner. */
export interface LaneEvents {
  /** A whole frame; `payload` is valid during the call. */
  readonly onFrame: (lane: Lane, type: number, payload: Uint8Array) => void
  readonly onBytes: () => void
  readonly onDrain: (lane: Lane) => void
  /** The peer finished its direction. */
  readonly onEnd: (lane: Lane) => void
  /** The peer reset the stream or stopped reading it. */
  readonly onBroken: (lane: Lane) => void
  /** Bytes that are no frames, or a handler that threw. */
  readonly onError: (lane: Lane, error: unknown) => void
  /** A stream has no place on this link. */
  readonly onStranger: (text: string) => void
}

/** Limits of a lane. */
export interface LaneOptions {
  readonly frameBytesMax: number
  readonly bytesQueuedMax: number
}

/** What a lane of large things has besides; see `lane-window.ts`. */
export interface LaneFlow {
  /** Of what we send on it. */
  readonly window?: LaneWindow | undefined
  /** Of what comes. */
  readonly tally?: LaneTally | undefined
}

/** One channel. */
export class Lane {
  readonly name: LaneName
  readonly #stream: TransportStream
  readonly #decoder: FrameDecoder
  readonly #events: LaneEvents
  readonly #frameBytesMax: number
  readonly #bytesQueuedMax: number
  readonly #onFrame: FrameHandler
  readonly #flow: LaneFlow
  #ended = false
  #peerEnded = false
  /** The stream has said "enough". */
  #isFull = false

  constructor(
    name: LaneName,
    stream: TransportStream,
    options: LaneOptions,
    events: LaneEvents,
    flow: LaneFlow = {},
  ) {
    this.name = name
    this.#stream = stream
    this.#events = events
    this.#flow = flow
    this.#bytesQueuedMax = options.bytesQueuedMax
    this.#frameBytesMax = options.frameBytesMax
    const frameBytesMax = Math.min(options.frameBytesMax, HANDSHAKE_FRAME_BYTES_MAX)
    this.#decoder = new FrameDecoder({ frameBytesMax })
    // One closure per lane, none per chunk.
    this.#onFrame = (type, payload) => events.onFrame(this, type, payload)
  }

  /** True when the peer has finished its direction. */
  get peerEnded(): boolean {
    return this.#peerEnded
  }

  /** Bytes accepted and not yet taken by the network. */
  get bytesQueued(): number {
    return this.#stream.bytesQueued + (this.#flow.window?.bytesHeld ?? 0)
  }

  /** The link is accepted: frames may have their full size. */
  accepted(): void {
    this.#decoder.frameBytesMax = this.#frameBytesMax
  }

  /** Starts reading a stream that nobody reads yet; until then the transport keeps what arrives. */
  read(): void {
    this.#stream.handle({
      onData: (bytes) => this.take(bytes),
      onDrain: () => this.drained(),
      onEnd: () => this.finished(),
      onReset: () => this.broken(),
      onStopped: () => this.broken(),
    })
  }

  /** Takes bytes of the stream. */
  take(bytes: Uint8Array): void {
    this.#events.onBytes()
    try {
      this.#decoder.push(bytes, this.#onFrame)
      this.#flow.tally?.took(bytes.length)
    } catch (error) {
      this.#events.onError(this, error)
    }
  }

  /** The stream takes more. */
  drained(): void {
    this.#isFull = false
    this.#goOn()
  }

  /** The peer took so many bytes of the lane; false when that cannot be. */
  peerTook(bytes: number): boolean {
    const { window } = this.#flow
    if (window?.taken(bytes) !== true) return false
    // Whoever was told "enough" because of the stream waits for that one.
    if (window.bytesHeld > 0 && !this.#isFull) this.#goOn()
    return true
  }

  /** What waits goes as far as there is room; then `send` may go on. */
  #goOn(): void {
    this.#pump('with_room')
    if (this.#isFull || (this.#flow.window?.bytesHeld ?? 0) > 0) return
    this.#events.onDrain(this)
  }

  #pump(which: 'with_room' | 'any'): void {
    const { window } = this.#flow
    if (window === undefined) return
    while (which === 'any' || !this.#isFull) {
      const next = window.next(which)
      if (next === undefined) return
      try {
        this.#write(next.frame, next.rest)
      } catch (error) {
        // The transport takes less than the lane may hold: that ends the link, not the order.
        return this.#events.onError(this, error)
      }
    }
  }

  /** The peer finished its direction. */
  finished(): void {
    this.#peerEnded = true
    this.#events.onEnd(this)
  }

  /** The peer gave the stream up. */
  broken(): void {
    this.#events.onBroken(this)
  }

  /** Queues a frame, given in one or two parts; false means "enough". Throws `ERR_LINK_QUEUE_FULL`. */
  send(frame: Uint8Array, rest?: Uint8Array): boolean {
    if (this.#ended) return false
    const length = frame.length + (rest?.length ?? 0)
    if (this.bytesQueued + length > this.#bytesQueuedMax) throw this.#full(undefined)
    const { window } = this.#flow
    if (window === undefined || window.hasRoom(length)) return this.#write(frame, rest)
    window.hold(frame, rest)
    return false
  }

  #write(frame: Uint8Array, rest: Uint8Array | undefined): boolean {
    try {
      const isWilling = this.#stream.write(frame, rest)
      this.#flow.window?.sent(frame.length + (rest?.length ?? 0))
      this.#isFull = !isWilling
      return isWilling
    } catch (error) {
      const code = (error as { code?: unknown }).code
      if (code === 'ERR_TRANSPORT_QUEUE_FULL') throw this.#full(error)
      // The peer stopped reading or the connection has just ended: its event is on the way.
      if (code === 'ERR_TRANSPORT_STREAM_ENDED' || code === 'ERR_TRANSPORT_CLOSED') return false
      throw error
    }
  }

  /** Finishes our direction after what is queued. Idempotent. */
  end(): void {
    if (this.#ended) return
    this.#pump('any')
    this.#ended = true
    try {
      this.#stream.end()
    } catch {
      // Ended by the peer or with the connection: what we wanted.
    }
  }

  #full(cause: unknown): LinkError {
    const text = `the ${this.name} lane holds ${this.bytesQueued} bytes and takes no more`
    return new LinkError('ERR_LINK_QUEUE_FULL', text, cause === undefined ? {} : { cause })
  }
}
