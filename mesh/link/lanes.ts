/**
 * The lanes of one connection: the dialler opens them, the acceptor finds out by the first byte of
 * each stream which lane it is. A stream that names no free lane ends the link.
 *
 * The handshake waits for control and dist and not for sync, so the acceptor may have something for
 * the sync lane before it is there: that waits here, bounded like a queue of the lane itself.
 */
import type { TransportConnection, TransportStream } from '../transport/transport.ts'
import { LinkError } from './errors.ts'
import { Lane, LANE_BYTE_DIST, LANE_BYTE_SYNC, LANE_URGENCY, laneOfFirstByte } from './lane.ts'
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
const LANES = 3

/** All lanes. */
export class Lanes {
  readonly #transport: TransportConnection
  readonly #options: LaneOptions
  readonly #events: LanesEvents
  #control: Lane | undefined
  #sync: Lane | undefined
  #dist: Lane | undefined
  #streams = 0
  #accepted = false
  #ended = false
  /** Frames for a sync lane that the peer has not opened yet. */
  #early: Uint8Array[] = []
  #earlyBytes = 0

  constructor(transport: TransportConnection, options: LaneOptions, events: LanesEvents) {
    this.#transport = transport
    this.#options = options
    this.#events = events
  }

  get control(): Lane | undefined {
    return this.#control
  }

  /** Bytes accepted and not yet taken by the network. */
  get bytesQueued(): number {
    const { control, dist } = { control: this.#control, dist: this.#dist }
    const sync = (this.#sync?.bytesQueued ?? 0) + this.#earlyBytes
    return (control?.bytesQueued ?? 0) + sync + (dist?.bytesQueued ?? 0)
  }

  /** True when the peer has finished what it had to say on the lanes of the layers above. */
  get peerEnded(): boolean {
    return this.#dist?.peerEnded === true && this.#sync?.peerEnded !== false
  }

  /**
   * Opens all streams (dialler). Only the control lane is read before the link is accepted: what comes
   * on the others waits in the transport.
   */
  open(): void {
    try {
      this.#control = this.#open('control')
      this.#dist = this.#open('dist', LANE_BYTE_DIST)
      this.#sync = this.#open('sync', LANE_BYTE_SYNC)
    } catch {
      // The connection died since it was handed out; its onClosed follows.
    }
    this.#control?.read()
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

  /** Queues a frame; false means "enough", or that there is no such lane. Throws `ERR_LINK_QUEUE_FULL`. */
  send(name: LaneName, frame: Uint8Array): boolean {
    const lane = this.#of(name)
    if (lane !== undefined) return lane.send(frame)
    if (name !== 'sync' || this.#ended) return false
    if (this.#earlyBytes + frame.length > this.#options.bytesQueuedMax) {
      const text = `the sync lane is not open yet, and ${this.#earlyBytes} bytes wait for it`
      throw new LinkError('ERR_LINK_QUEUE_FULL', text)
    }
    this.#early.push(frame)
    this.#earlyBytes += frame.length
    return true
  }

  /** The link is accepted: frames may have their full size. */
  accepted(): void {
    this.#accepted = true
    this.#control?.accepted()
    this.#sync?.accepted()
    this.#dist?.accepted()
  }

  /** Starts reading what the acceptor sent since it accepted (dialler). */
  read(): void {
    this.#sync?.read()
    this.#dist?.read()
  }

  /** Finishes our direction of all. */
  end(): void {
    this.#ended = true
    this.#early = []
    this.#earlyBytes = 0
    this.#dist?.end()
    this.#sync?.end()
    this.#control?.end()
  }

  #open(name: LaneName, firstByte?: number): Lane {
    const stream = this.#transport.openStream({ urgency: LANE_URGENCY[name] })
    const lane = this.#lane(name, stream)
    if (firstByte !== undefined) stream.write(Uint8Array.of(firstByte))
    return lane
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
    // A lane may open late, when the link is accepted already.
    if (this.#accepted) lane.accepted()
    switch (name) {
      case 'control':
        this.#control = lane
        lane.take(bytes)
        return lane
      case 'sync':
        this.#sync = lane
        if (this.#ended) lane.end()
        this.#sendEarly(lane)
        break
      case 'dist':
        this.#dist = lane
        this.#events.onDistOpen()
    }
    if (bytes.length > 1) lane.take(bytes.subarray(1))
    return lane
  }

  #sendEarly(lane: Lane): void {
    const frames = this.#early
    this.#early = []
    this.#earlyBytes = 0
    try {
      for (const frame of frames) lane.send(frame)
    } catch (error) {
      // The transport takes less than a lane may hold: what is left over ends the link, not the order.
      this.#events.onError(lane, error)
    }
  }

  #of(name: LaneName): Lane | undefined {
    switch (name) {
      case 'control':
        return this.#control
      case 'sync':
        return this.#sync
      case 'dist':
        return this.#dist
    }
  }

  #lane(name: LaneName, stream: TransportStream): Lane {
    return new Lane(name, stream, this.#options, this.#events)
  }
}
