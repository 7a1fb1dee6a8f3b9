/**
 * The lanes of one connection: the dialler opens them, the acceptor finds out by the first byte of
 * each stream which lane it is. A stream that names no free lane ends the link.
 */
import type { TransportConnection, TransportStream } from '../transport/transport.ts'
import { Lane, LANE_BYTE_DIST, LANE_URGENCY, laneOfFirstByte } from './lane.ts'
import type { LaneEvents, LaneOptions } from './lane.ts'
import type { LaneName } from './link.ts'

/** What the lanes tell their connection, beside what each lane tells. */
export interface LanesEvents extends LaneEvents {
  /** The peer opened the dist lane (acceptor). */
  readonly onDistOpen: () => void
  /** A stream has no place on this link. */
  readonly onStranger: (text: string) => void
}

/** Streams of one link. */
const LANES = 2

/** Both lanes. */
export class Lanes {
  readonly #transport: TransportConnection
  readonly #options: LaneOptions
  readonly #events: LanesEvents
  #control: Lane | undefined
  #dist: Lane | undefined
  #streams = 0

  constructor(transport: TransportConnection, options: LaneOptions, events: LanesEvents) {
    this.#transport = transport
    this.#options = options
    this.#events = events
  }

  get control(): Lane | undefined {
    return this.#control
  }

  get dist(): Lane | undefined {
    return this.#dist
  }

  /** Bytes accepted and not yet taken by the network. */
  get bytesQueued(): number {
    return (this.#control?.bytesQueued ?? 0) + (this.#dist?.bytesQueued ?? 0)
  }

  /**
   * Opens both streams (dialler). The dist lane is not read before the link is accepted: what comes
   * on it waits in the transport.
   */
  open(): void {
    try {
      const control = this.#transport.openStream({ urgency: LANE_URGENCY.control })
      this.#control = this.#lane('control', control)
      const dist = this.#transport.openStream({ urgency: LANE_URGENCY.dist })
      this.#dist = this.#lane('dist', dist)
      dist.write(Uint8Array.of(LANE_BYTE_DIST))
    } catch {
      // The connection died since it was handed out; its onClosed follows.
    }
  }

  /** Takes a stream of the peer (acceptor). */
  incoming(stream: TransportStream): void {
    this.#streams += 1
    if (this.#streams > LANES) return this.#events.onStranger('more streams than lanes')
    let lane: Lane | undefined
    stream.handle({
      onData: (bytes) => {
        if (lane !== undefined) lane.take(bytes)
        else if (bytes.length > 0) lane = this.#accept(stream, bytes)
      },
      onDrain: () => lane?.drained(),
      onEnd: () => lane?.finished(),
      onReset: () => lane?.broken(),
      onStopped: () => lane?.broken(),
    })
  }

  /** The link is accepted. */
  accepted(): void {
    this.#control?.accepted()
    this.#dist?.accepted()
  }

  /** Finishes our direction of both. */
  end(): void {
    this.#dist?.end()
    this.#control?.end()
  }

  #accept(stream: TransportStream, bytes: Uint8Array): Lane | undefined {
    const first = bytes[0]!
    const name = laneOfFirstByte(first)
    if (name === undefined || this.#of(name) !== undefined) {
      this.#events.onStranger(`a stream that begins with byte ${first}, which is no free lane`)
      return undefined
    }
    stream.prioritize(LANE_URGENCY[name])
    const lane = this.#lane(name, stream)
    if (name === 'control') {
      this.#control = lane
      lane.take(bytes)
    } else {
      this.#dist = lane
      this.#events.onDistOpen()
      if (bytes.length > 1) lane.take(bytes.subarray(1))
    }
    return lane
  }

  #of(name: LaneName): Lane | undefined {
    return name === 'control' ? this.#control : this.#dist
  }

  #lane(name: LaneName, stream: TransportStream): Lane {
    return new Lane(name, stream, this.#options, this.#events)
  }
}
