/**
 * The lanes of one connection. The dialler opens control, dist and sync; the acceptor finds out by the
 * first byte of each stream which lane it is. Once the link is accepted either side may open one stream for
 * each of the others (`one-way-lanes.ts`). A stream that names no free lane ends the link.
 *
 * The handshake waits for control and dist and not for sync, so the acceptor may have something for
 * the sync lane before it is there: that waits here, bounded like a queue of the lane itself.
 *
 * What a peer that is no member yet can make us hold is the window of three streams: a fourth one is let go of,
 * with what came on it, in the turn in which it is seen. Only a dialler holds up to three more of the node
 * that it has chosen to dial, unread, because `accepted` may be on its way behind them.
 */
import type { TransportConnection, TransportStream } from '../transport/transport.ts'
import { WireType } from '../wire/messages.ts'
import type { ConnectionContext } from './connection-context.ts'
import { LinkError } from './errors.ts'
import { Lane, LANE_BYTES, LANE_URGENCY, laneOfFirstByte } from './lane.ts'
import type { LaneEvents, LaneFlow, LaneOptions } from './lane.ts'
import { BULK_TAKEN_CAPABILITY, LaneTally, LaneWindow } from './lane-window.ts'
import type { LaneName, PeerInfo } from './link.ts'
import { isOneWay, ONE_WAY_LANES, OneWayLanes } from './one-way-lanes.ts'
import type { OneWayLaneName } from './one-way-lanes.ts'

/** What the lanes tell their connection, beside what each lane tells. */
export interface LanesEvents extends LaneEvents {
  /** The peer opened the dist lane (acceptor). */
  readonly onDistOpen: () => void
}

/** Streams that the dialler opens at once: control, dist, sync. */
const DIALLER_LANES = 3

/**
 * Streams that one side of a link may open: a dialler six, an acceptor the last three of them. It is what the
 * transport has to allow; one more has no lane left to name.
 */
export const LINK_STREAMS_MAX: number = DIALLER_LANES + ONE_WAY_LANES

/** What lanes have from their connection. */
export type LanesContext = Pick<ConnectionContext, 'clock' | 'protocol'> & {
  readonly options: LaneOptions & Pick<ConnectionContext['options'], 'bulkWindowBytes'>
}

/** All lanes. */
export class Lanes {
  readonly #transport: TransportConnection
  readonly #context: LanesContext
  #options: LaneOptions
  readonly #events: LanesEvents
  /** The control lane says how much of the bulk lane was taken; that is for us. */
  readonly #controlEvents: LaneEvents
  #control: Lane | undefined
  #sync: Lane | undefined
  #dist: Lane | undefined
  /** Undefined until one of them is used. */
  #oneWay: OneWayLanes | undefined
  /** Of the bulk lane, with a peer that tells what it took. */
  #flow: LaneFlow = {}
  /** Streams of the peer, those that have named their lane, and as many as it says it has opened. */
  #streams = 0
  #named = 0
  #expected = 0
  /** Streams that an acceptor opened before we knew that it accepts (dialler). */
  #held: TransportStream[] | undefined
  #accepted = false
  #ended = false
  /** Frames for a sync lane that the peer has not opened yet. */
  #early: Uint8Array[] = []
  #earlyBytes = 0

  constructor(transport: TransportConnection, context: LanesContext, events: LanesEvents) {
    this.#transport = transport
    this.#context = context
    this.#options = context.options
    this.#events = events
    this.#controlEvents = {
      ...events,
      onFrame: (lane, type, payload) => {
        const isOurs = type === WireType.bulkTaken && this.#flow.window !== undefined
        if (isOurs) this.#peerTook(payload)
        else events.onFrame(lane, type, payload)
      },
      onDrain: (lane) => {
        this.#flow.tally?.tell()
        events.onDrain(lane)
      },
    }
  }

  get control(): Lane | undefined {
    return this.#control
  }

  /** Bytes accepted and not yet taken by the network. */
  get bytesQueued(): number {
    const lasting = (this.#control?.bytesQueued ?? 0) + (this.#dist?.bytesQueued ?? 0)
    return lasting + this.bytesQueuedOn('sync') + (this.#oneWay?.bytesQueued ?? 0)
  }

  /** Streams that this side has opened. */
  get streamsOpened(): number {
    return (this.#transport.initiator ? DIALLER_LANES : 0) + (this.#oneWay?.opened ?? 0)
  }

  /**
   * True when the peer has finished what it had to say on the lanes of the layers above. A stream that we have not
   * seen yet counts when its goodbye says that there is one.
   */
  get peerEnded(): boolean {
    if (this.#named < this.#expected || this.#oneWay?.peerEnded === false) return false
    return this.#dist?.peerEnded === true && this.#sync?.peerEnded !== false
  }

  bytesQueuedOn(name: LaneName): number {
    if (isOneWay(name)) return this.#oneWay?.bytesQueuedOn(name) ?? 0
    const early = name === 'sync' ? this.#earlyBytes : 0
    return (this.#of(name)?.bytesQueued ?? 0) + early
  }

  /**
   * Opens control, dist and sync (dialler). Only the control lane is read before the link is accepted: what
   * comes on the others waits in the transport.
   */
  open(): void {
    try {
      this.#control = this.#open('control')
      this.#dist = this.#open('dist', LANE_BYTES.dist)
      this.#sync = this.#open('sync', LANE_BYTES.sync)
    } catch {
      // The connection died since it was handed out; its onClosed follows.
    }
    this.#control?.read()
  }

  /** Lanes that open from now on hold no more than that. */
  limit(bytesQueuedMax: number): void {
    this.#options = { ...this.#options, bytesQueuedMax }
  }

  /** Takes a stream of the peer. */
  incoming(stream: TransportStream): void {
    const { initiator } = this.#transport
    const streamsMax = initiator ? ONE_WAY_LANES : this.#accepted ? LINK_STREAMS_MAX : DIALLER_LANES
    this.#streams += 1
    if (this.#streams > streamsMax) this.#refuse(stream, 'more streams than lanes')
    else if (!initiator || this.#accepted) this.#listen(stream)
    else (this.#held ??= []).push(stream)
  }

  /** Queues a frame; false means "enough", or that there is no such lane. Throws `ERR_LINK_QUEUE_FULL`. */
  send(name: LaneName, frame: Uint8Array, rest?: Uint8Array): boolean {
    if (this.#flow.window !== undefined && isWaitedFor(name, frame[1]!)) this.#flow.window.shared()
    if (isOneWay(name)) return this.#sendOneWay(name, frame, rest)
    const lane = this.#of(name)
    if (lane !== undefined) return lane.send(frame, rest)
    if (name !== 'sync' || this.#ended) return false
    return this.#sendSoon(frame, rest)
  }

  /** The sync lane is not there yet. */
  #sendSoon(frame: Uint8Array, rest: Uint8Array | undefined): boolean {
    const length = frame.length + (rest?.length ?? 0)
    if (this.#earlyBytes + length > this.#options.bytesQueuedMax) {
      const text = `the sync lane is not open yet, and ${this.#earlyBytes} bytes wait for it`
      throw new LinkError('ERR_LINK_QUEUE_FULL', text)
    }
    this.#early.push(frame)
    this.#earlyBytes += frame.length
    if (rest !== undefined) {
      this.#early.push(rest)
      this.#earlyBytes += rest.length
    }
    return true
  }

  /** The link with `peer` is accepted: frames may have their full size. */
  accepted(peer: PeerInfo): void {
    this.#accepted = true
    if (peer.capabilities.includes(BULK_TAKEN_CAPABILITY)) this.#flow = this.#newFlow()
    this.#control?.accepted()
    this.#sync?.accepted()
    this.#dist?.accepted()
  }

  /** Starts reading what the acceptor sent since it accepted (dialler). */
  read(): void {
    this.#sync?.read()
    this.#dist?.read()
    const held = this.#held
    this.#held = undefined
    for (const stream of held ?? []) this.#listen(stream)
  }

  /** The peer says goodbye, and how many streams it has opened. */
  expect(streams: number): void {
    this.#expected = streams
  }

  /** Finishes our direction of all. */
  end(): void {
    this.#ended = true
    this.#oneWay?.end()
    this.#dist?.end()
    this.#sync?.end()
    this.#control?.end()
  }

  #newFlow(): LaneFlow {
    const { clock, protocol, options } = this.#context
    const tell = (bytes: number): void => void this.#control?.send(protocol.bulkTaken(bytes))
    return {
      window: new LaneWindow(options.bulkWindowBytes, clock),
      tally: new LaneTally({ clock, tell }),
    }
  }

  #peerTook(payload: Uint8Array): void {
    const bytes = this.#context.protocol.readBulkTaken(payload)
    if (this.#oneWay?.peerTook(bytes) === true) return
    this.#events.onStranger('the peer took more of the bulk lane than was sent')
  }

  #open(name: LaneName, firstByte?: number): Lane {
    const stream = this.#transport.openStream({ urgency: LANE_URGENCY[name] })
    const lane = this.#lane(name, stream)
    if (firstByte !== undefined) stream.write(Uint8Array.of(firstByte))
    return lane
  }

  #sendOneWay(name: OneWayLaneName, frame: Uint8Array, rest: Uint8Array | undefined): boolean {
    if (this.#ended || !this.#accepted) return false
    return this.#oneWays().send(name, frame, rest)
  }

  #oneWays(): OneWayLanes {
    return (this.#oneWay ??= new OneWayLanes(
      this.#transport,
      this.#options,
      this.#events,
      this.#flow,
    ))
  }

  #listen(stream: TransportStream): void {
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

  #accept(stream: TransportStream, bytes: Uint8Array): Lane | undefined {
    const first = bytes[0]!
    const lane = this.#assign(stream, laneOfFirstByte(first))
    if (lane === undefined) {
      this.#refuse(stream, `a stream that begins with byte ${first}, which is no free lane`)
      return undefined
    }
    this.#named += 1
    const rest = lane.name === 'control' ? bytes : bytes.subarray(1)
    if (lane.name === 'dist') this.#events.onDistOpen()
    if (rest.length > 0) lane.take(rest)
    return lane
  }

  /** Gives the stream its place; undefined when there is none. */
  #assign(stream: TransportStream, name: LaneName | undefined): Lane | undefined {
    if (name === undefined) return undefined
    if (isOneWay(name)) return this.#accepted ? this.#oneWays().accept(name, stream) : undefined
    if (this.#transport.initiator || this.#of(name) !== undefined) return undefined
    stream.prioritize(LANE_URGENCY[name])
    const lane = this.#lane(name, stream)
    // A lane may open late, when the link is accepted already.
    if (this.#accepted) lane.accepted()
    switch (name) {
      case 'control':
        this.#control = lane
        break
      case 'sync':
        this.#sync = lane
        this.#sendEarly(lane)
        if (this.#ended) lane.end()
        break
      case 'dist':
        this.#dist = lane
    }
    return lane
  }

  /** It has no place here: what it brought is not kept while the link ends. */
  #refuse(stream: TransportStream, text: string): void {
    stream.reset(0)
    stream.stopSending(0)
    this.#events.onStranger(text)
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

  #of(name: Exclude<LaneName, OneWayLaneName>): Lane | undefined {
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
    const events = name === 'control' ? this.#controlEvents : this.#events
    return new Lane(name, stream, this.#options, events)
  }
}

/**
 * Whether something that somebody waits for goes there: what processes, callers and topics say. Not what only says how much
 * was taken, of the one or the other kind, and not what keeps the mesh alive.
 */
function isWaitedFor(name: LaneName, type: number): boolean {
  if (name === 'bulk' || name === 'control' || name === 'sync') return false
  return type !== WireType.streamCredit && type !== WireType.distTaken
}
