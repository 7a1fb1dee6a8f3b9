/** Both cores of one stream over two lanes that a test delivers by hand. */
import type { StreamFault, StreamFrame, StreamSide } from '../../../../mesh/rpc/streams/frames.ts'
import { streamFault } from '../../../../mesh/rpc/streams/frames.ts'
import type { StreamRead } from '../../../../mesh/rpc/streams/incoming.ts'
import { StreamCore } from '../../../../mesh/rpc/streams/stream-core.ts'
import type { StreamSettings, StreamSink } from '../../../../mesh/rpc/streams/stream-core.ts'

/** Room and times of the tests. */
export const PAIR_SETTINGS: StreamSettings = {
  windowFrames: 8,
  windowBytes: 65_536,
  itemBytesMax: 262_144,
  probeMs: 100,
  silenceMs: 1_000,
  idleMs: 100_000,
  deadlineMs: Infinity,
}

/** One side, and everything that its core said. */
export class PairSide implements StreamSink {
  readonly core: StreamCore
  readonly numbered: StreamFrame[] = []
  readonly atOnce: StreamFrame[] = []
  readonly reads: StreamRead[] = []
  accepts = 0
  readables = 0
  opens = 0
  reserved = 0
  largest = 0
  readonly spents: Uint8Array[] = []
  readonly settles: StreamRead[] = []
  readonly closes: (StreamFault | undefined)[] = []
  readonly violations: string[] = []
  roomFor = Infinity

  constructor(side: StreamSide, settings: StreamSettings) {
    this.core = new StreamCore(side, settings, this, 0)
  }

  send(frame: StreamFrame): void {
    const isAtOnce = frame.type === 'abort' || (frame.type === 'credit' && frame.asks === 0)
    ;(isAtOnce ? this.atOnce : this.numbered).push(frame)
  }
  readable(): void {
    this.readables += 1
  }
  accepted(items: number): void {
    this.accepts += items
  }
  reserve(bytes: number): boolean {
    if (this.reserved + bytes > this.roomFor) return false
    this.reserved += bytes
    this.largest = Math.max(this.largest, this.reserved)
    return true
  }
  spent(bytes: Uint8Array): void {
    this.spents.push(bytes)
  }
  opened(): void {
    this.opens += 1
  }
  settled(last: StreamRead): void {
    this.settles.push(last)
  }
  violated(what: string): void {
    this.violations.push(what)
  }
  closed(fault: StreamFault | undefined): void {
    this.closes.push(fault)
  }

  /** Reads what there is, once at most. */
  read(nowMs: number): StreamRead | undefined {
    const read = this.core.read(nowMs)
    if (read !== undefined) this.reads.push(read)
    return read
  }

  /** Everything that can be read now. */
  readAll(nowMs: number): readonly StreamRead[] {
    const all: StreamRead[] = []
    for (let read = this.read(nowMs); read !== undefined; read = this.read(nowMs)) {
      all.push(read)
      if (read.type !== 'item') break
    }
    return all
  }
}

/** The stream: open, with the credit of the acceptor on its way. */
export class CorePair {
  readonly opener: PairSide
  readonly acceptor: PairSide
  nowMs = 0

  constructor(settings: StreamSettings = PAIR_SETTINGS) {
    this.opener = new PairSide('opener', settings)
    this.acceptor = new PairSide('acceptor', settings)
    this.acceptor.core.accept(settings.windowFrames, settings.windowBytes, 0)
  }

  /** Hands over everything, until nothing is on its way. */
  settle(): void {
    while (this.step()) {
      // Each step may bring about others.
    }
  }

  /** One frame of each lane in each direction; false when there was none. */
  step(): boolean {
    const { opener, acceptor, nowMs } = this
    let moved = false
    for (const [from, to] of [
      [opener, acceptor],
      [acceptor, opener],
    ] as const) {
      for (const lane of [from.atOnce, from.numbered]) {
        const frame = lane.shift()
        if (frame === undefined) continue
        hand(frame, from, to, nowMs)
        moved = true
      }
    }
    return moved
  }

  /** Time passes for both. */
  advance(ms: number): void {
    this.nowMs += ms
    this.opener.core.tick(this.nowMs)
    this.acceptor.core.tick(this.nowMs)
  }
}

/** As a driver does: a stream that is over is not known any more. */
export function hand(frame: StreamFrame, from: PairSide, to: PairSide, nowMs: number): void {
  if (!to.core.isClosed) to.core.take(frame, nowMs)
  else if (frame.type === 'credit' && frame.asks > 0) {
    const fault = streamFault('unreachable', 'not known')
    from.core.take({ type: 'abort', fault }, nowMs)
  }
}

/** An item of that many bytes that can be told from others. */
export function itemOf(number: number, bytes = 4): Uint8Array {
  const item = new Uint8Array(bytes).fill(number)
  new DataView(item.buffer).setUint32(0, number)
  return item
}

/** The number of such an item, and that nothing of it is wrong. */
export function numberOf(item: Uint8Array): number {
  const number = new DataView(item.buffer, item.byteOffset).getUint32(0)
  const isWhole = item.subarray(4).every((byte) => byte === (number & 0xff))
  return isWhole ? number : -1
}
