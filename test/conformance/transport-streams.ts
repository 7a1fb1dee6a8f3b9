/** Kit: what streams and datagrams carry, in which order, and how they push back. */
import { describe, expect, it } from 'vitest'
import { createSeededEntropy } from '../../runtime/index.ts'
import type { CurrentKit } from './transport.ts'
import { codeThrownBy, echo, pour, Watched, WatchedStream } from './transport-world.ts'

const text = (value: string): Uint8Array => Buffer.from(value)

/** `total` bytes whose order shows, in pieces of random length. */
function* randomPieces(total: number, seed: number, lengthMax: number): Iterable<Uint8Array> {
  const entropy = createSeededEntropy(seed)
  for (let at = 0; at < total;) {
    const length = Math.min(1 + Math.floor(entropy.random() ** 3 * lengthMax), total - at)
    const piece = Buffer.alloc(length)
    for (let i = 0; i < length; i++) piece[i] = byteAt(at + i)
    yield piece
    at += length
  }
}

const byteAt = (at: number): number => (at * 31 + (at >> 8)) & 0xff

function isInOrder(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes[at] !== byteAt(at)) return false
  return true
}

/** True when a stream had the same bytes queued for a while. */
function isStuck({ stream }: WatchedStream): () => boolean {
  let before = -1
  let same = 0
  return () => {
    same = stream.bytesQueued > 0 && stream.bytesQueued === before ? same + 1 : 0
    before = stream.bytesQueued
    return same === 30
  }
}

/** Part of `describeTransport`. */
export function describeStreams(current: CurrentKit): void {
  describe('streams', () => {
    it('carries bytes both ways on a stream of either side', async () => {
      const { near, far } = await current().pair()
      echo(near)
      echo(far)
      const streams = [near.open(), far.open()]
      for (const { stream } of streams) {
        stream.write(text('hello '))
        stream.write(text('world'))
        stream.end()
      }
      const done = (): boolean => streams.every(({ ended }) => ended === 1)
      await current().world.until(done, 'both echoes')
      expect(streams.map((stream) => stream.text)).toEqual(['hello world', 'hello world'])
      expect(streams.map(({ stream }) => stream.bytesQueued)).toEqual([0, 0])
      const counts = (): number => near.connection.stats().streams + far.connection.stats().streams
      await current().world.until(() => counts() === 0, 'both sides to forget the streams')
    })

    it('keeps the order of a megabyte through random splits, both ways at once', async () => {
      const { near, far } = await current().pair()
      const total = 1 << 20
      let seed = 1
      far.onStream = (stream) => pour(stream, randomPieces(total, seed++, 9_000))
      const out = near.open()
      pour(out, randomPieces(total, 99, 9_000))
      await current().world.until(() => far.streams.length === 1, 'the stream')
      const back = far.streams[0]!
      await current().world.until(() => out.ended === 1 && back.ended === 1, 'both megabytes')
      expect([out.bytes, back.bytes]).toEqual([total, total])
      expect(isInOrder(Buffer.concat(back.chunks))).toBe(true)
      expect(isInOrder(Buffer.concat(out.chunks))).toBe(true)
    })

    it('ML19 carries a thousand streams at once', async () => {
      const { near, far } = await current().pair()
      echo(far)
      const streams = Array.from({ length: 1_000 }, () => near.open())
      streams.forEach(({ stream }, i) => {
        stream.write(text(`stream ${i}`))
        stream.end()
      })
      const done = (): boolean => streams.every(({ ended }) => ended === 1)
      await current().world.until(done, 'a thousand echoes')
      expect(streams.map((stream) => stream.text)).toEqual(streams.map((_, i) => `stream ${i}`))
      expect(new Set(streams.map(({ stream }) => stream.id)).size).toBe(1_000)
    })

    it('half-closes: either side may go on when the other has ended', async () => {
      const { near, far } = await current().pair()
      const { world } = current()
      const out = near.open()
      out.stream.write(text('question'))
      out.stream.end()
      await world.until(() => far.streams[0]?.ended === 1, 'the end of the question')
      const back = far.streams[0]!
      expect(out.ended).toBe(0)
      back.stream.write(text('answer'))
      await world.until(() => out.text === 'answer', 'the answer')
      expect(out.ended).toBe(0)
      back.stream.end()
      await world.until(() => out.ended === 1, 'the end of the answer')
    })

    it('ends a stream on which nothing was written', async () => {
      const { near, far } = await current().pair()
      near.open().stream.end()
      await current().world.until(() => far.streams[0]?.ended === 1, 'the empty stream')
      expect(far.streams[0]!.bytes).toBe(0)
    })

    it('tells the code of a reset', async () => {
      const { near, far } = await current().pair()
      const { world } = current()
      const out = near.open()
      out.stream.write(text('x'))
      await world.until(() => far.streams[0]?.bytes === 1, 'the first byte')
      out.stream.reset(2 ** 40 + 7)
      await world.until(() => far.streams[0]!.resets.length > 0, 'the reset')
      expect(far.streams[0]).toMatchObject({ resets: [2 ** 40 + 7], ended: 0 })
      // The other direction lives on.
      far.streams[0]!.stream.write(text('still here'))
      await world.until(() => out.text === 'still here', 'the other direction')
    })

    it('tells the code of a stop, to a writer that is idle and to one that is blocked', async () => {
      const { near, far } = await current().pair({ streamWindowBytes: 16_384 })
      const { world } = current()
      far.onStream = ({ stream }) => stream.pause()
      const idle = near.open()
      idle.stream.write(text('x'))
      const blocked = near.open()
      while (blocked.stream.write(Buffer.alloc(8_192))) continue
      await world.until(() => far.streams.length === 2, 'both streams')
      far.streams[0]!.stream.stopSending(11)
      far.streams[1]!.stream.stopSending(12)
      await world.until(() => idle.stops.length + blocked.stops.length === 2, 'both stops')
      const codes = [...idle.stops, ...blocked.stops].toSorted((a, b) => a - b)
      expect(codes).toEqual([11, 12])
      expect(codeThrownBy(() => blocked.stream.write(text('x')))).toBe('ERR_TRANSPORT_STREAM_ENDED')
      expect(near.connection.stats().bytesQueued).toBe(0)
    })

    it('takes two parts as one: in order, or neither', async () => {
      const limits = { streamQueueBytesMax: 200_000, streamWindowBytes: 16_384 }
      const { near, far } = await current().pair(limits)
      const { stream } = near.open()
      const parts = [3, 50_000, 1, 1_024, 1_025, 70_000].map((length, i) => Buffer.alloc(length, i))
      for (let at = 0; at < parts.length; at += 2) stream.write(parts[at]!, parts[at + 1]!)
      const queued = stream.bytesQueued
      const room = 200_000 - queued
      const tooMuch = (): unknown => stream.write(Buffer.alloc(2), Buffer.alloc(room - 1))
      expect(codeThrownBy(tooMuch)).toBe('ERR_TRANSPORT_QUEUE_FULL')
      expect(stream.bytesQueued).toBe(queued)
      const all = Buffer.concat(parts)
      await current().world.until(() => far.streams[0]?.bytes === all.length, 'all of it')
      expect(Buffer.concat(far.streams[0]!.chunks).equals(all)).toBe(true)
      expect(codeThrownBy(() => stream.write(all, 'x' as never))).toBe('ERR_TRANSPORT_ARGUMENT')
    })

    it('takes no bytes after end, reset or close', async () => {
      const { near } = await current().pair()
      const ended = near.open().stream
      ended.end()
      const reset = near.open().stream
      reset.reset(0)
      const open = near.open().stream
      near.connection.close(0, '')
      for (const stream of [ended, reset, open]) {
        expect(codeThrownBy(() => stream.write(text('x')))).toBe('ERR_TRANSPORT_STREAM_ENDED')
        expect(() => stream.end()).not.toThrow()
        expect(() => stream.reset(1)).not.toThrow()
        expect(() => stream.stopSending(1)).not.toThrow()
        expect(() => stream.resume()).not.toThrow()
      }
      expect(codeThrownBy(() => near.open())).toBe('ERR_TRANSPORT_CLOSED')
    })

    it.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53, 2 ** 62, '1', undefined])(
      'does not take the code %s',
      async (code) => {
        const { near } = await current().pair()
        const { stream } = near.open()
        const wrong = code as number
        expect(codeThrownBy(() => stream.reset(wrong))).toBe('ERR_TRANSPORT_ARGUMENT')
        expect(codeThrownBy(() => stream.stopSending(wrong))).toBe('ERR_TRANSPORT_ARGUMENT')
        expect(codeThrownBy(() => near.connection.close(wrong, ''))).toBe('ERR_TRANSPORT_ARGUMENT')
        expect(codeThrownBy(() => stream.write('x' as never))).toBe('ERR_TRANSPORT_ARGUMENT')
        expect(near.connection.closed).toBeUndefined()
      },
    )

    it('ML19 keeps what arrives before handle()', async () => {
      const kit = current()
      const { world } = kit
      const listener = await kit.node()
      const dialler = await kit.node()
      const dialled = await kit.settled(dialler.endpoint.dial(listener.endpoint.address))
      const near = new Watched(dialled)
      await world.until(() => listener.accepted.length === 1, 'the connection')
      const before = listener.endpoint.stats().packetsReceived
      const out = near.open()
      out.stream.write(text('early'))
      out.stream.end()
      near.connection.sendDatagram(text('bird'))
      const arrived = (): boolean => listener.endpoint.stats().packetsReceived > before
      await world.until(arrived, 'the bytes to arrive')
      const streams: WatchedStream[] = []
      const datagrams: string[] = []
      let inside = true
      listener.accepted[0]!.handle({
        onStream: (stream) => {
          expect(inside).toBe(false)
          streams.push(new WatchedStream(stream))
        },
        onDatagram: (bytes) => void datagrams.push(Buffer.from(bytes).toString()),
        onClosed: () => {},
      })
      inside = false
      await world.until(() => streams[0]?.ended === 1 && datagrams.length === 1, 'both')
      expect(streams[0]!.text).toBe('early')
      expect(datagrams).toEqual(['bird'])
    })

    it('reads nothing of a stream before it is handled, and loses nothing', async () => {
      const { near, far } = await current().pair()
      const { world } = current()
      const unhandled: Parameters<NonNullable<Watched['onStream']>>[0]['stream'][] = []
      far.connection.handle({
        onStream: (stream) => void unhandled.push(stream),
        onClosed: () => {},
      })
      const out = near.open()
      out.stream.write(text('first '))
      await world.until(() => unhandled.length === 1, 'the stream')
      out.stream.write(text('second'))
      out.stream.end()
      const other = near.open()
      other.stream.write(text('x'))
      await world.until(() => unhandled.length === 2, 'a later stream')
      const late = new WatchedStream(unhandled[0]!)
      expect(late.bytes).toBe(0) // handlers are not called inside a call of the user
      await world.until(() => late.ended === 1, 'what was kept')
      expect(late.text).toBe('first second')
    })

    it('resets streams that nobody wants', async () => {
      const { near, far } = await current().pair()
      far.connection.handle({ onClosed: () => {} })
      const out = near.open()
      out.stream.write(text('anybody?'))
      await current().world.until(() => out.resets.length + out.stops.length === 2, 'the refusal')
      expect([out.resets, out.stops]).toEqual([[0], [0]])
    })

    it('delivers what was written just before close', async () => {
      const { near, far } = await current().pair()
      const out = near.open()
      out.stream.write(text('rejected: '))
      out.stream.write(text('because'))
      out.stream.end()
      near.connection.close(4, 'rejected')
      await current().world.until(() => far.closed.length === 1, 'the close')
      expect(far.streams[0]?.text).toBe('rejected: because')
      expect(far.closed).toEqual([{ by: 'peer', code: 4, reason: 'rejected' }])
    })
  })

  describe('backpressure', () => {
    it('answers false when enough is queued and calls onDrain later', async () => {
      const { near, far } = await current().pair({ streamHighWaterBytes: 10_000 })
      const out = near.open()
      let answers = 0
      while (out.stream.write(Buffer.alloc(1_000)) && answers < 10_000) answers++
      expect(answers).toBeGreaterThanOrEqual(9)
      expect(out.drains).toBe(0)
      await current().world.until(() => out.drains === 1, 'onDrain')
      expect(out.stream.bytesQueued).toBeLessThanOrEqual(5_000)
      await current().world.until(() => far.streams[0]?.bytes === (answers + 1) * 1_000, 'all')
      expect(out.drains).toBe(1)
    })

    it('a paused reader stops the writer with bounded memory; resumed, everything comes', async () => {
      const windowBytes = 65_536
      const { near, far } = await current().pair({ streamWindowBytes: windowBytes })
      const { world } = current()
      far.onStream = ({ stream }) => stream.pause()
      const out = near.open()
      const total = 4 << 20
      pour(out, randomPieces(total, 5, 16_000))
      await world.until(() => far.streams.length === 1, 'the stream')
      await world.until(isStuck(out), 'the writer to be stuck')
      expect(far.streams[0]!.bytes).toBe(0)
      // High water plus one write here; at most a window in flight or with the reader.
      expect(out.stream.bytesQueued).toBeLessThan(65_536 + 16_000)
      // Other streams of the connection are not held up.
      echo(near)
      const other = far.open()
      other.stream.write(text('meanwhile'))
      await world.until(() => other.text === 'meanwhile', 'another stream')
      far.streams[0]!.stream.resume()
      await world.until(() => far.streams[0]!.ended === 1, 'everything')
      expect(far.streams[0]!.bytes).toBe(total)
      expect(isInOrder(Buffer.concat(far.streams[0]!.chunks))).toBe(true)
    })

    it('three hundred blocked streams all go on when their reader does', async () => {
      const { near, far } = await current().pair({ streamWindowBytes: 4_096 })
      const { world } = current()
      far.onStream = ({ stream }) => stream.pause()
      const streams = Array.from({ length: 300 }, () => near.open())
      for (const { stream } of streams) {
        stream.write(Buffer.alloc(10_000))
        stream.end()
      }
      await world.until(() => far.streams.length === 300, 'the streams')
      for (const { stream } of far.streams) stream.resume()
      const done = (): boolean => far.streams.every(({ ended }) => ended === 1)
      await world.until(done, 'every stream')
      expect(far.streams.every(({ bytes }) => bytes === 10_000)).toBe(true)
      expect(near.connection.stats().bytesQueued).toBe(0)
    })

    it('tells two hundred idle writers that their readers have stopped', async () => {
      const { near, far } = await current().pair()
      const { world } = current()
      const streams = Array.from({ length: 200 }, () => near.open())
      for (const { stream } of streams) stream.write(text('x'))
      await world.until(() => far.streams.length === 200, 'the streams')
      for (const { stream } of far.streams) stream.stopSending(5)
      const told = (): boolean => streams.every(({ stops }) => stops.length === 1)
      await world.until(told, 'every writer')
      expect(streams.every(({ stops }) => stops[0] === 5)).toBe(true)
    })

    it('delivers nothing more after pause() inside onData, not even the end', async () => {
      const { near, far } = await current().pair()
      const { world } = current()
      far.onStream = (watched) => {
        watched.onData = () => watched.stream.pause()
      }
      const out = near.open()
      out.stream.write(text('one'))
      out.stream.end()
      await world.until(() => far.streams[0]?.bytes === 3, 'the bytes')
      const probe = near.open()
      probe.stream.write(text('x'))
      await world.until(() => far.streams[1]?.bytes === 1, 'a later stream')
      expect(far.streams[0]!.ended).toBe(0)
      far.streams[0]!.stream.resume()
      expect(far.streams[0]!.ended).toBe(0)
      await world.until(() => far.streams[0]!.ended === 1, 'the end')
    })
  })

  describe('datagrams', () => {
    it('carries datagrams up to datagramBytesMax both ways and refuses longer ones', async () => {
      const { near, far } = await current().pair()
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        const max = from.connection.datagramBytesMax
        expect(max).toBeGreaterThanOrEqual(1_100)
        expect(from.connection.sendDatagram(Buffer.alloc(max, 7))).toBe(true)
        expect(from.connection.sendDatagram(Buffer.alloc(max + 1))).toBe(false)
        expect(from.connection.sendDatagram(new Uint8Array(0))).toBe(true)
        await current().world.until(() => to.datagrams.length === 2, 'the datagrams')
        // Datagrams may overtake each other.
        const [long, empty] = to.datagrams.toSorted((a, b) => b.length - a.length)
        expect([long!.length, empty!.length]).toEqual([max, 0])
        expect(long!.every((byte) => byte === 7)).toBe(true)
      }
    })

    it('takes no datagram on a closed connection', async () => {
      const { near } = await current().pair()
      near.connection.close(0, '')
      expect(near.connection.sendDatagram(text('x'))).toBe(false)
    })
  })
}
