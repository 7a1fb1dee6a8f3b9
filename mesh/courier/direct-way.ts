/**
 * Messages over links that stand. A small one goes into the queue of its lane at once; a large one is cut, and its
 * pieces follow as the bulk lane takes them, in turn with those of other large messages to that node.
 */
import type { LaneName, Link } from '../link/link.ts'
import { HEADER_BYTES } from '../wire/frame.ts'
import { cutOff, isCutUp } from './chunks.ts'
import type { Cut } from './chunks.ts'
import type { CourierOutcome, ServiceLane } from './courier.ts'
import { CourierError } from './errors.ts'
import type { CourierSettings } from './settings.ts'

/** What it works with. */
export interface DirectWayParts {
  readonly settings: Pick<
    CourierSettings,
    'chunkBytes' | 'waitingBytesPerNodeMax' | 'waitingBytesMax'
  >
  /** A node takes messages again after `full`. */
  readonly drained: (node: string) => void
  /** Tells a sender that its message is lost. */
  readonly lost: (lost: Outgoing['lost'], error: CourierError) => void
}

/** A message to be sent. */
export interface Outgoing {
  readonly lane: ServiceLane
  readonly frame: Uint8Array
  /** What follows the frame. */
  readonly rest?: Uint8Array | undefined
  readonly lost: ((error: CourierError) => void) | undefined
}

interface Cutting extends Cut {
  readonly lost: Outgoing['lost']
}

/** What is special about a link: nothing for most of them. */
interface Busy {
  readonly link: Link
  /** Lanes that want no more. */
  readonly full: Set<LaneName>
  /** Large messages in turn, the next one first. */
  readonly cuttings: Cutting[]
  bytes: number
  release: () => void
}

/** See the file header. */
export class DirectWay {
  readonly #parts: DirectWayParts
  readonly #busy = new Map<string, Busy>()
  #id = 0
  #bytes = 0

  constructor(parts: DirectWayParts) {
    this.#parts = parts
  }

  /** Bytes of large messages that no link has taken yet. */
  get bytes(): number {
    return this.#bytes
  }

  /** The same for one node. */
  bytesOf(node: string): number {
    return this.#busy.get(node)?.bytes ?? 0
  }

  /** Sends a message on a link that stands. */
  send(link: Link, outgoing: Outgoing): Exclude<CourierOutcome, 'waiting'> {
    const { lane, frame, rest, lost } = outgoing
    const bytesMax = Math.min(this.#parts.settings.chunkBytes, link.peer.frameBytesMax)
    if (frame.length + (rest?.length ?? 0) - HEADER_BYTES > bytesMax) {
      return this.#cut(link, rest === undefined ? frame : Buffer.concat([frame, rest]), lost)
    }
    const taken = write(link, lane, frame, rest)
    if (taken === undefined) return 'refused'
    if (taken) return 'sent'
    this.#markFull(link, lane)
    return 'full'
  }

  /** A link is gone: what was cut in part is lost, and nobody needs to wait for it to drain. */
  linkDown(link: Link): void {
    const node = link.peer.key.hex
    const busy = this.#busy.get(node)
    if (busy?.link !== link) return
    this.#forget(node, busy)
    for (const { lost } of busy.cuttings) {
      const text = `the link with ${node} broke`
      this.#parts.lost(lost, new CourierError('ERR_COURIER_UNREACHABLE', text))
    }
    if (busy.full.size > 0) this.#parts.drained(node)
  }

  /** Nothing is sent any more; what was cut in part is lost. */
  close(): void {
    for (const [node, busy] of this.#busy) {
      this.#forget(node, busy)
      for (const { lost } of busy.cuttings) {
        this.#parts.lost(lost, new CourierError('ERR_COURIER_STOPPED', 'the courier has ended'))
      }
    }
  }

  #cut(link: Link, frame: Uint8Array, lost: Outgoing['lost']): 'sent' | 'full' | 'refused' {
    const { waitingBytesPerNodeMax, waitingBytesMax } = this.#parts.settings
    const bytes = frame.length
    const waiting = this.#busy.get(link.peer.key.hex)?.bytes ?? 0
    if (waiting > 0 && waiting + bytes > waitingBytesPerNodeMax) return 'refused'
    if (this.#bytes > 0 && this.#bytes + bytes > waitingBytesMax) return 'refused'
    const busy = this.#busyOf(link)
    this.#id = (this.#id + 1) >>> 0
    busy.cuttings.push({ id: this.#id, frame, offset: 0, lost })
    busy.bytes += bytes
    this.#bytes += bytes
    if (!busy.full.has('bulk')) this.#pump(busy)
    this.#rest(busy)
    return busy.full.has('bulk') ? 'full' : 'sent'
  }

  /** Pieces in turn, until the lane has enough. */
  #pump(busy: Busy): void {
    const { link, cuttings, full } = busy
    const bytesMax = Math.min(this.#parts.settings.chunkBytes, link.peer.frameBytesMax)
    for (let cut = cuttings.shift(); cut !== undefined; cut = cuttings.shift()) {
      const { offset } = cut
      const taken = write(link, 'bulk', ...cutOff(cut, bytesMax))
      if (taken === undefined) cut.offset = offset
      else this.#passed(busy, cut.offset - offset)
      if (isCutUp(cut)) this.#passed(busy, HEADER_BYTES)
      else if (taken === undefined) cuttings.unshift(cut)
      else cuttings.push(cut)
      if (taken === true) continue
      full.add('bulk')
      return
    }
  }

  #passed(busy: Busy, bytes: number): void {
    busy.bytes -= bytes
    this.#bytes -= bytes
  }

  #markFull(link: Link, lane: LaneName): void {
    this.#busyOf(link).full.add(lane)
  }

  #drained(busy: Busy, lane: LaneName): void {
    if (!busy.full.delete(lane)) return
    if (lane === 'bulk') this.#pump(busy)
    this.#rest(busy)
    if (busy.full.size === 0) this.#parts.drained(busy.link.peer.key.hex)
  }

  #busyOf(link: Link): Busy {
    const node = link.peer.key.hex
    const known = this.#busy.get(node)
    if (known?.link === link) return known
    // The link before it is gone, and its event is on the way: nothing of it can pass here.
    if (known !== undefined) this.linkDown(known.link)
    const busy: Busy = { link, full: new Set(), cuttings: [], bytes: 0, release: () => {} }
    busy.release = link.onDrain((lane) => this.#drained(busy, lane))
    this.#busy.set(node, busy)
    return busy
  }

  /** Forgets a link about which nothing is special any more. */
  #rest(busy: Busy): void {
    if (busy.full.size === 0 && busy.cuttings.length === 0) {
      this.#forget(busy.link.peer.key.hex, busy)
    }
  }

  #forget(node: string, busy: Busy): void {
    busy.release()
    if (this.#busy.get(node) !== busy) return
    this.#busy.delete(node)
    this.#bytes -= busy.bytes
    busy.bytes = 0
  }
}

/** As `link.send`; undefined when nothing was queued, which the link has counted. */
function write(
  link: Link,
  lane: LaneName,
  frame: Uint8Array,
  rest?: Uint8Array,
): boolean | undefined {
  if (link.state !== 'established') return undefined
  try {
    return link.send(lane, frame, rest)
  } catch (error) {
    const { code } = (error ?? {}) as { code?: unknown }
    if (code === 'ERR_LINK_QUEUE_FULL' || code === 'ERR_LINK_FRAME_TOO_LARGE') return undefined
    throw error
  }
}
