/**
 * The lanes that cost nothing until somebody uses them: `rpc`, `pubsub`, `bulk`. Each side opens a stream of
 * its own for what it sends on such a lane, with its first frame there; nobody has to agree with the peer who
 * opens it, and both may do so at once. Nothing is said in the other direction of each stream, and its receiver
 * does not finish it either: of a stream that is finished one way, the QUIC library may forget to send the end
 * of the other (cloudflare/quiche issue 2525), and a goodbye waits for that one.
 *
 * They exist on accepted links only: a dialler opens one after it has read `accepted`, so the acceptor knows
 * that one which comes earlier is none. An acceptor may open one with its next breath, and the streams of
 * a connection overtake each other; so a dialler leaves those unread until it has read `accepted` (`lanes.ts`).
 */
import type { TransportConnection, TransportStream } from '../transport/transport.ts'
import { Lane, LANE_BYTES, LANE_URGENCY } from './lane.ts'
import type { LaneEvents, LaneFlow, LaneOptions } from './lane.ts'
import type { LaneName } from './link.ts'

/** A lane whose streams go one way. */
export type OneWayLaneName = Exclude<LaneName, 'control' | 'sync' | 'dist'>

/** How many there are. */
export const ONE_WAY_LANES = 3

const FIRST_BYTE = LANE_BYTES.rpc

/** True for a lane of this kind. */
export function isOneWay(name: LaneName): name is OneWayLaneName {
  return name !== 'control' && name !== 'sync' && name !== 'dist'
}

/** Those of one link, both directions. */
export class OneWayLanes {
  readonly #transport: TransportConnection
  readonly #options: LaneOptions
  readonly #events: LaneEvents
  /** Of the bulk lane. */
  readonly #flow: LaneFlow
  /** By first byte: what we send on, and what the peer does. */
  readonly #own: (Lane | undefined)[] = [undefined, undefined, undefined]
  readonly #peers: (Lane | undefined)[] = [undefined, undefined, undefined]

  constructor(
    transport: TransportConnection,
    options: LaneOptions,
    events: LaneEvents,
    flow: LaneFlow,
  ) {
    this.#transport = transport
    this.#options = options
    this.#events = events
    this.#flow = flow
  }

  /** Streams that we have opened. */
  get opened(): number {
    let count = 0
    for (const lane of this.#own) if (lane !== undefined) count += 1
    return count
  }

  get bytesQueued(): number {
    let bytes = 0
    for (const lane of this.#own) if (lane !== undefined) bytes += lane.bytesQueued
    return bytes
  }

  /** True when the peer has finished every lane that it opened. */
  get peerEnded(): boolean {
    return this.#peers.every((lane) => lane === undefined || lane.peerEnded)
  }

  bytesQueuedOn(name: OneWayLaneName): number {
    return this.#own[placeOf(name)]?.bytesQueued ?? 0
  }

  /** Queues a frame, and opens the lane for the first one; see `Lanes.send`. */
  send(name: OneWayLaneName, frame: Uint8Array, rest?: Uint8Array): boolean {
    const lane = this.#own[placeOf(name)] ?? this.#open(name)
    return lane?.send(frame, rest) === true
  }

  /** Takes a stream of the peer that has named its lane; undefined when the peer has opened that one before. */
  accept(name: OneWayLaneName, stream: TransportStream): Lane | undefined {
    const place = placeOf(name)
    if (this.#peers[place] !== undefined) return undefined
    const lane = this.#lane(name, stream, { tally: this.#flow.tally })
    lane.accepted()
    this.#peers[place] = lane
    return lane
  }

  /** The peer took so many bytes of our bulk lane; false when that cannot be. */
  peerTook(bytes: number): boolean {
    return this.#own[placeOf('bulk')]?.peerTook(bytes) === true
  }

  /** Finishes what we send. */
  end(): void {
    for (const lane of this.#own) lane?.end()
  }

  #open(name: OneWayLaneName): Lane | undefined {
    let stream: TransportStream
    try {
      stream = this.#transport.openStream({ urgency: LANE_URGENCY[name] })
    } catch (error) {
      // A connection that has died since tells so itself.
      if ((error as { code?: unknown }).code === 'ERR_TRANSPORT_CLOSED') return undefined
      const reason = error instanceof Error ? error.message : String(error)
      this.#events.onStranger(`no stream for the ${name} lane: ${reason}`)
      return undefined
    }
    const lane = this.#lane(name, stream, { window: this.#flow.window })
    this.#own[placeOf(name)] = lane
    stream.handle({
      onData: () => {
        stream.stopSending(0)
        this.#events.onStranger(`bytes against the direction of the ${name} lane`)
      },
      onDrain: () => lane.drained(),
      onReset: () => lane.broken(),
      onStopped: () => lane.broken(),
    })
    stream.write(Uint8Array.of(LANE_BYTES[name]))
    return lane
  }

  #lane(name: OneWayLaneName, stream: TransportStream, flow: LaneFlow): Lane {
    return new Lane(name, stream, this.#options, this.#events, name === 'bulk' ? flow : {})
  }
}

function placeOf(name: OneWayLaneName): number {
  return LANE_BYTES[name] - FIRST_BYTE
}
