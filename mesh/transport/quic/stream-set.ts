/**
 * The streams of one connection: which exist, which have something to read, which wait to write.
 *
 * `readable()` of the binding costs 20 us and `streamReadable(id)` 0.15, so known ids are probed
 * first and the list is asked for only when there are many streams or something readable is still
 * unknown. Streams share the congestion window: those that wait are served by urgency, then in turn.
 * All loops here are bounded per turn; what is left goes on in the next one.
 *
 * Stream ids (RFC 9000, section 2.1): bidirectional only; a client opens 0, 4, 8, a server 1, 5, 9.
 * A finished id must never be made again, so the highest id seen and the ids skipped below it (they
 * arrive late) are remembered.
 */
import { TransportError } from '../errors.ts'
import type { TransportStream } from '../transport.ts'
import { QuicStream } from './stream.ts'
import type { StreamOwner } from './stream.ts'

/** Up to here every known stream is probed. */
const PROBED_MAX = 64

/** Blocked streams tried in one turn. */
const PUMPED_MAX = 256

const ID_STEP = 4

/** See the file header. */
export class StreamSet {
  readonly #owner: StreamOwner
  readonly #streamsMax: number
  readonly #streams = new Map<number, QuicStream>()
  readonly #blocked = new Set<QuicStream>()
  readonly #skipped = new Set<number>()
  readonly #ownKind: number
  #scheduled: QuicStream[] = []
  #nextOwnId: number
  #nextPeerId: number
  #ownOpen = 0
  /** Blocked streams tried in vain, and streams not probed for a stop, since the last packet. */
  #triedInVain = 0
  #unprobed = 0

  constructor(owner: StreamOwner, streamsMax: number) {
    this.#owner = owner
    this.#streamsMax = streamsMax
    this.#ownKind = owner.initiator ? 0 : 1
    this.#nextOwnId = this.#ownKind
    this.#nextPeerId = 1 - this.#ownKind
  }

  get size(): number {
    return this.#streams.size
  }

  /** Opens a stream of ours; throws `ERR_TRANSPORT_STREAM_LIMIT`. */
  open(urgency: number): QuicStream {
    const id = this.#nextOwnId
    // Asking for the priority makes the stream, so that the peer's limit shows now and not later.
    if (this.#ownOpen >= this.#streamsMax || !this.#owner.native.streamPriority(id, urgency)) {
      throw new TransportError(
        'ERR_TRANSPORT_STREAM_LIMIT',
        `${this.#ownOpen} streams are open and the limit of this node or its peer is reached`,
      )
    }
    this.#nextOwnId += ID_STEP
    this.#ownOpen++
    const stream = new QuicStream(this.#owner, id, urgency)
    this.#streams.set(id, stream)
    return stream
  }

  /** Packets arrived: everything may be readable, writable or stopped again. */
  heard(): void {
    this.#triedInVain = 0
    this.#unprobed = this.#streams.size
  }

  /** Hands out what can be read; new streams go to `onStream`. */
  deliver(onStream: ((stream: TransportStream) => void) | undefined): void {
    const { native } = this.#owner
    if (!native.isReadable()) return
    if (this.#streams.size <= PROBED_MAX) {
      for (const stream of this.#streams.values()) {
        if (stream.wantsRead && native.streamReadable(stream.id)) stream.read()
      }
      while (native.streamReadable(this.#nextPeerId)) this.#announce(this.#nextPeerId, onStream)
      if (!native.isReadable()) return
    }
    for (const id of native.readable()) {
      if (this.#owner.closed !== undefined) return
      const stream = this.#streams.get(id)
      if (stream === undefined) this.#announce(id, onStream)
      else if (stream.wantsRead) stream.read()
    }
  }

  /** Finds streams whose reader stopped them, a bounded number per turn; false when some are left. */
  probeStops(): boolean {
    if (this.#unprobed === 0) return true
    let left = Math.min(this.#unprobed, PROBED_MAX)
    this.#unprobed -= left
    for (const stream of this.#streams.values()) {
      if (left-- === 0) break
      if (stream.wantsStopProbe) stream.probeStop()
      // Round robin, when not all are probed in one turn.
      if (this.#unprobed > 0 && this.#streams.delete(stream.id)) {
        this.#streams.set(stream.id, stream)
      }
    }
    return this.#unprobed === 0
  }

  /** Calls `flush` of the streams that asked for it. */
  flush(): void {
    if (this.#scheduled.length === 0) return
    const scheduled = this.#scheduled
    this.#scheduled = []
    for (const stream of scheduled) stream.scheduled = false
    for (const stream of scheduled) stream.flush()
  }

  /** Gives the network what the blocked streams wait to send. */
  pump(): void {
    const { size } = this.#blocked
    if (size === 0 || this.#triedInVain >= size) return
    const batch = this.#nextBatch()
    let progress = false
    for (const stream of batch) {
      if (stream.bytesQueued > 0 && stream.pump()) progress = true
    }
    this.#triedInVain = progress ? 0 : this.#triedInVain + batch.length
    if (size > PUMPED_MAX && this.#triedInVain < this.#blocked.size) this.#owner.touch()
  }

  flushLater(stream: QuicStream): void {
    if (!stream.scheduled) {
      stream.scheduled = true
      this.#scheduled.push(stream)
    }
    this.#owner.touch()
  }

  setBlocked(stream: QuicStream, blocked: boolean): void {
    if (blocked) {
      this.#blocked.add(stream)
      this.#triedInVain = 0
    } else {
      this.#blocked.delete(stream)
    }
  }

  ended(stream: QuicStream): void {
    if (this.#streams.delete(stream.id) && this.#isOwn(stream.id)) this.#ownOpen--
  }

  /** The connection is over. */
  abandon(): void {
    for (const stream of this.#streams.values()) stream.abandon()
    this.#streams.clear()
    this.#blocked.clear()
    this.#skipped.clear()
    this.#scheduled = []
    this.#ownOpen = 0
  }

  #nextBatch(): QuicStream[] {
    const blocked = this.#blocked
    const batch: QuicStream[] = []
    for (const stream of blocked) {
      batch.push(stream)
      if (batch.length === PUMPED_MAX) break
    }
    // In turn: who was first now is last next time (all of them, when not all had their chance).
    const turned = blocked.size > PUMPED_MAX ? batch.length : 1
    for (const stream of batch.slice(0, turned)) {
      blocked.delete(stream)
      blocked.add(stream)
    }
    if (batch.length > 1) batch.sort((a, b) => a.urgency - b.urgency)
    return batch
  }

  #announce(id: number, onStream: ((stream: TransportStream) => void) | undefined): void {
    if (!this.#isNew(id)) {
      // A late frame of a stream that is finished here: let the binding forget it.
      this.#owner.native.streamStop(id, 0)
      return
    }
    const stream = new QuicStream(this.#owner, id)
    this.#streams.set(id, stream)
    if (onStream === undefined) {
      stream.reset(0)
      stream.stopSending(0)
      return
    }
    onStream(stream)
    stream.read()
  }

  /** True when the peer's stream `id` was never seen; it counts as seen from now on. */
  #isNew(id: number): boolean {
    if (this.#isOwn(id)) return false
    if (id < this.#nextPeerId) return this.#skipped.delete(id)
    for (let skipped = this.#nextPeerId; skipped < id; skipped += ID_STEP)
      this.#skipped.add(skipped)
    this.#nextPeerId = id + ID_STEP
    return true
  }

  #isOwn(id: number): boolean {
    return (id & 1) === this.#ownKind
  }
}
