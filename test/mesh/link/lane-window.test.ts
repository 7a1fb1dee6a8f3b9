import { describe, expect, it } from 'vitest'
import { BULK_TAKEN_CAPABILITY, LaneTally } from '../../../mesh/link/lane-window.ts'
import { Lanes } from '../../../mesh/link/lanes.ts'
import type { LaneName, PeerInfo } from '../../../mesh/link/link.ts'
import { LinkProtocol } from '../../../mesh/link/protocol.ts'
import type {
  StreamHandlers,
  TransportConnection,
  TransportStream,
} from '../../../mesh/transport/transport.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { createSimClock } from '../../../runtime/index.ts'

const WINDOW = 131_072
const PIECE = 32_768
const protocol = new LinkProtocol(new Codec())

/** Takes everything at once, and is willing until a test says otherwise. */
class Stream {
  bytes = 0
  /** First payload byte of each frame of a lane of its own, in order. */
  readonly frames: number[] = []
  handlers: StreamHandlers | undefined
  ended = false
  willing = true
  readonly bytesQueued = 0

  handle(handlers: StreamHandlers): void {
    this.handlers = handlers
  }
  write(bytes: Uint8Array, rest?: Uint8Array): boolean {
    this.bytes += bytes.length + (rest?.length ?? 0)
    if (bytes.length > 8) this.frames.push(bytes[8]!)
    return this.willing
  }
  end(): void {
    this.ended = true
  }
  prioritize(): void {}
}

/** The dialler's lanes of an accepted link, over streams that only count. */
function scene(capabilities: readonly string[] = [BULK_TAKEN_CAPABILITY]) {
  const clock = createSimClock()
  const streams: Stream[] = []
  const openStream = (): TransportStream => {
    const stream = new Stream()
    streams.push(stream)
    return stream as unknown as TransportStream
  }
  const drained: LaneName[] = []
  const strangers: string[] = []
  const nothing = (): void => {}
  const lanes = new Lanes(
    { initiator: true, openStream } as unknown as TransportConnection,
    {
      ...{ clock, protocol },
      options: { frameBytesMax: 1_048_576, bytesQueuedMax: 1_048_576, bulkWindowBytes: WINDOW },
    },
    {
      ...{ onFrame: nothing, onBytes: nothing, onEnd: nothing, onBroken: nothing },
      onError: (_lane, error) => {
        throw error
      },
      onDistOpen: nothing,
      onDrain: ({ name }) => void drained.push(name),
      onStranger: (text) => void strangers.push(text),
    },
  )
  lanes.open()
  lanes.accepted({ capabilities } as unknown as PeerInfo)
  lanes.read()
  const [control] = streams as [Stream]
  let pieces = 0
  return {
    ...{ clock, lanes, drained, strangers, streams },
    bulk: (bytes = PIECE) =>
      lanes.send(
        'bulk',
        encodeFrame(WireType.streamData, new Uint8Array(bytes - 8).fill(pieces++)),
      ),
    call: () => lanes.send('rpc', encodeFrame(WireType.call, new Uint8Array(64))),
    /** The peer says that it took so much of the bulk lane. */
    taken: (bytes: number) => control.handlers!.onData(protocol.bulkTaken(bytes)),
    /** Of bulk, without the byte that names the lane. */
    sent: (stream: Stream) => stream.bytes - 1,
  }
}

describe('the bulk lane', () => {
  it('D3 of eight streams together keeps no more before a call than of one', async () => {
    const t = scene()
    t.call()
    const [, , , rpc] = t.streams as [Stream, Stream, Stream, Stream]
    for (let i = 0; i < 3; i++) for (let stream = 0; stream < 8; stream++) t.bulk()
    const bulk = t.streams[4]!
    expect([t.sent(bulk), t.lanes.bytesQueuedOn('bulk')]).toEqual([WINDOW, 24 * PIECE - WINDOW])
    const before = rpc.bytes
    expect(t.call()).toBe(true)
    expect(rpc.bytes - before).toBe(72)
    // Each time the peer takes something, as much follows, in order; then whoever was told "enough" goes on.
    for (let took = 0; took < 20; took++) {
      expect(t.drained).toEqual([])
      t.taken(PIECE)
      t.call()
      await t.clock.advance(0)
      expect(t.sent(bulk) - (took + 1) * PIECE).toBeLessThanOrEqual(WINDOW)
    }
    expect(bulk.frames).toEqual(Array.from({ length: 24 }, (_, piece) => piece))
    expect(t.drained).toEqual(['bulk'])
    expect(t.lanes.bytesQueuedOn('bulk')).toBe(0)
  })

  it('takes the window and not one byte more beside others, all of it without', () => {
    const [alone, beside, more] = [scene(), scene(), scene()]
    for (let i = 0; i < 8; i++) expect(alone.bulk()).toBe(true)
    for (const t of [beside, more]) t.call()
    expect(beside.bulk(WINDOW - 8)).toBe(true)
    expect(beside.bulk(9)).toBe(false)
    expect(more.bulk(WINDOW - 9)).toBe(true)
    expect(more.bulk(9)).toBe(true)
  })

  it('is not held back by what only says how much was taken, or keeps the mesh alive', () => {
    const t = scene()
    t.lanes.send('rpc', encodeFrame(WireType.streamCredit, new Uint8Array(8)))
    t.lanes.send('dist', encodeFrame(WireType.distTaken, new Uint8Array(8)))
    t.lanes.send('sync', encodeFrame(WireType.swimSync, new Uint8Array(8)))
    for (let i = 0; i < 8; i++) expect(t.bulk()).toBe(true)
    t.lanes.send('dist', encodeFrame(WireType.distCall, new Uint8Array(8)))
    expect(t.bulk()).toBe(false)
  })

  it('waits for nothing with a peer that does not say what it took', () => {
    const t = scene([])
    t.call()
    for (let i = 0; i < 16; i++) expect(t.bulk()).toBe(true)
  })

  it('heeds the stream as well: what is taken lets nothing out before it drains', () => {
    const t = scene()
    t.call()
    t.bulk()
    const bulk = t.streams[4]!
    bulk.willing = false
    for (let i = 0; i < 9; i++) expect(t.bulk()).toBe(false)
    const sent = t.sent(bulk)
    t.taken(PIECE)
    expect(t.sent(bulk)).toBe(sent)
    bulk.willing = true
    bulk.handlers!.onDrain!()
    expect([t.sent(bulk), t.drained]).toEqual([sent + PIECE, []])
    t.taken(4 * PIECE)
    expect([t.sent(bulk), t.drained]).toEqual([sent + 5 * PIECE, []])
    t.taken(PIECE)
    expect([t.sent(bulk), t.drained]).toEqual([10 * PIECE, ['bulk']])
  })

  it('what waits goes before the end of the lane, and bytesQueuedMax bounds it', () => {
    const t = scene()
    t.call()
    for (let i = 0; i < 4 + 32; i++) t.bulk()
    expect(() => t.bulk()).toThrow(expect.objectContaining({ code: 'ERR_LINK_QUEUE_FULL' }))
    const bulk = t.streams[4]!
    t.lanes.end()
    expect([t.sent(bulk), bulk.ended]).toEqual([36 * PIECE, true])
  })

  it('a peer that takes more than was sent is told of it', () => {
    const t = scene()
    t.taken(1)
    t.bulk()
    t.taken(PIECE)
    t.taken(1)
    expect(t.strangers).toHaveLength(2)
  })
})

it('what was taken is told once a turn, and with the next word when there was no room for one', async () => {
  const clock = createSimClock()
  const told: number[] = []
  let hasRoom = true
  const tally = new LaneTally({
    clock,
    tell: (bytes) => {
      if (!hasRoom) throw Object.assign(new Error('full'), { code: 'ERR_LINK_QUEUE_FULL' })
      told.push(bytes)
    },
  })
  for (const bytes of [1, 20, 300]) tally.took(bytes)
  expect(told).toEqual([])
  await clock.settle()
  expect(told).toEqual([321])
  hasRoom = false
  tally.took(5)
  await clock.settle()
  hasRoom = true
  tally.tell()
  tally.tell()
  expect(told).toEqual([321, 5])
})
