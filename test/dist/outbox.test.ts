import { describe, expect, it } from 'vitest'
import { ChunkAssembler } from '../../dist/chunk.ts'
import type { OrderKey } from '../../dist/order-keys.ts'
import { Outbox, type OutboxLink } from '../../dist/outbox.ts'
import { encodeFrame, FrameDecoder, WireType } from '../../mesh/index.ts'

const cast = WireType.distCast

/** A link that takes `willing` frames before it says "enough". */
class FakeLink implements OutboxLink {
  readonly frames: Uint8Array[] = []
  willing = Infinity
  full = false
  bytesQueued = 0
  send(_lane: 'dist', frame: Uint8Array, rest?: Uint8Array): boolean {
    if (this.full) throw Object.assign(new Error('full'), { code: 'ERR_LINK_QUEUE_FULL' })
    this.frames.push(rest === undefined ? frame : Buffer.concat([frame, rest]))
    this.willing--
    return this.willing > 0
  }
  /** Payloads as the peer would see them, chunks put together. */
  received(): { type: number; text: string }[] {
    const out: { type: number; text: string }[] = []
    const assembler = new ChunkAssembler(2 ** 30, { spare: () => undefined, recycle: () => {} })
    const decoder = new FrameDecoder()
    const add = (type: number, payload: Uint8Array): void => {
      if (type === WireType.distChunk) {
        const whole = assembler.push(payload)
        if (whole !== undefined) add(whole.type, whole.payload)
        return
      }
      out.push({ type, text: Buffer.from(payload).toString().slice(0, 8) })
    }
    for (const frame of this.frames) decoder.push(frame, add)
    return out
  }
}

interface Made {
  readonly link: FakeLink
  readonly outbox: Outbox
  readonly events: string[]
  readonly recycled: Uint8Array[]
}

function made(
  options: {
    outbox?: number
    reserve?: number
    frame?: number
    value?: number
    window?: number
    now?: () => number
  } = {},
): Made {
  const link = new FakeLink()
  const events: string[] = []
  const recycled: Uint8Array[] = []
  const outbox = new Outbox(link, {
    frameBytesMax: options.frame ?? 1024,
    outboxBytesMax: options.outbox ?? 10_000,
    reserveBytesMax: options.reserve ?? 1_000,
    valueBytesMax: options.value ?? 1_000_000,
    chunkWindowBytes: options.window,
    now: options.now ?? (() => 0),
    recycle: (bytes) => void recycled.push(bytes),
    overflow: () => void events.push('overflow'),
    retry: () => void events.push('retry'),
  })
  return { link, outbox, events, recycled }
}

const frame = (text: string, length = 0): Uint8Array => {
  const payload = new Uint8Array(Math.max(text.length, length))
  payload.set(Buffer.from(text))
  return encodeFrame(cast, payload)
}

/** What `encode` gives for a message that is larger than any frame: its header is not used. */
const large = (text: string, length: number): Uint8Array => {
  const bytes = new Uint8Array(8 + length)
  bytes.set(Buffer.from(text), 8)
  return bytes
}

const isChunk = (bytes: Uint8Array): boolean => bytes[1] === WireType.distChunk

const texts = (link: FakeLink): string[] =>
  link.received().map(({ text }) => text.replaceAll('\0', ''))

describe('Outbox', () => {
  it('passes frames straight on while the link takes them', () => {
    const { link, outbox } = made()
    expect([outbox.offer(cast, frame('a')), outbox.offer(cast, frame('b'))]).toEqual([true, true])
    expect(texts(link)).toEqual(['a', 'b'])
    expect(outbox.bytesWaiting).toBe(0)
  })

  it('keeps the order to one receiver across "enough", drain and chunks', () => {
    const { link, outbox } = made()
    link.willing = 2
    outbox.offer(cast, frame('1'), 7)
    outbox.offer(cast, large('2', 5_000), 7)
    outbox.offer(cast, frame('3'), 7)
    outbox.force(cast, frame('4'), 7)
    expect(link.frames).toHaveLength(2)
    for (let i = 0; i < 20; i++) {
      link.willing = 1
      outbox.drained()
    }
    outbox.offer(cast, frame('5'), 7)
    link.willing = Infinity
    outbox.drained()
    expect(texts(link)).toEqual(['1', '2', '3', '4', '5'])
    expect(outbox.bytesWaiting).toBe(0)
  })

  it.each<[string, OrderKey, OrderKey, boolean]>([
    ['another process', 7, 8, true],
    ['nobody in particular', 7, 0, true],
    ['a part of the node', 7, '$part', true],
    ['the same process', 7, 7, false],
    ['a name, which may be that process', 7, 'name', false],
    ['a process, which may have that name', 'name', 7, false],
    ['another name', 'name', 'other', true],
    ['the same part of the node', '$part', '$part', false],
  ])('a message to %s: %o then %o', (_what, first, second, overtakes) => {
    const { link, outbox } = made()
    link.willing = 2
    outbox.offer(cast, large('large', 9_000), first)
    outbox.offer(cast, frame('small'), second)
    for (let i = 0; i < 20; i++) {
      link.willing = 2
      outbox.drained()
    }
    expect(texts(link)).toEqual(overtakes ? ['small', 'large'] : ['large', 'small'])
  })

  it('what waits behind a message that waits for a large one does not overtake it', () => {
    const { link, outbox } = made()
    link.willing = 1
    outbox.offer(cast, large('large', 9_000), 7)
    outbox.offer(cast, frame('name'), 'name')
    outbox.offer(cast, frame('eight'), 8)
    outbox.offer(cast, frame('none'))
    for (let i = 0; i < 30; i++) {
      link.willing = 1
      outbox.drained()
    }
    expect(texts(link)).toEqual(['none', 'large', 'name', 'eight'])
    expect(outbox.bytesWaiting).toBe(0)
  })

  it('large messages take turns, and neither they nor whole ones starve', () => {
    const { link, outbox } = made({ outbox: 1_000_000 })
    link.willing = 1
    outbox.offer(cast, large('A', 100_000), 1)
    outbox.offer(cast, large('b', 20_000), 2)
    for (let i = 0; i < 200; i++) outbox.offer(cast, frame(`s${i}`, 500), 3)
    link.willing = Infinity
    outbox.drained()
    const order = link.received().map(({ text }) => text.replaceAll('\0', ''))
    expect(order.filter((text) => text.startsWith('s')).length).toBe(200)
    const at = (text: string): number => order.indexOf(text)
    expect(at('b')).toBeGreaterThan(at('s20'))
    expect(at('b')).toBeLessThan(at('s199'))
    expect(at('A')).toBeGreaterThan(at('s199'))
    expect(outbox.bytesWaiting).toBe(0)
  })

  it('has no more transfers under way than valueBytesMax in sum, and 16', () => {
    for (const [value, size, atOnce] of [
      [10_000, 4_000, 2],
      [10_000, 10_000, 1],
      [1_000_000, 4_000, 16],
    ] as const) {
      const { link, outbox } = made({ outbox: 1_000_000, value })
      link.willing = 1
      for (let i = 0; i < 20; i++) outbox.offer(cast, large(`${i}`, size), i + 1)
      const open = new Set<number>()
      let most = 0
      link.willing = Infinity
      outbox.drained()
      const left = new Map<number, number>()
      for (const bytes of link.frames) {
        const view = new DataView(bytes.buffer, bytes.byteOffset + 8)
        const id = view.getUint32(0)
        open.add(id)
        most = Math.max(most, open.size)
        const rest = (left.get(id) ?? view.getUint32(4)) - (bytes.length - 17)
        left.set(id, rest)
        if (rest === 0) open.delete(id)
      }
      expect([most, open.size, texts(link).length]).toEqual([atOnce, 0, 20])
    }
  })

  it('has room again for what went out in chunks of a large message', () => {
    const { link, outbox } = made({ outbox: 10_000 })
    link.willing = 1
    expect(outbox.offer(cast, frame('blocks'))).toBe(true)
    expect(outbox.offer(cast, frame('large', 12_000))).toBe(true)
    expect(outbox.bytesWaiting).toBe(12_008)
    expect(outbox.offer(cast, large('no room', 2_000))).toBe(false)
    link.willing = 3
    outbox.drained()
    const sent = 3 * (1024 - 9)
    expect(outbox.bytesWaiting).toBe(12_008 - sent)
    const room = 10_000 - outbox.bytesWaiting
    expect(outbox.offer(cast, large('too much', room - 8 + 1))).toBe(false)
    expect(outbox.offer(cast, large('fits', room - 8))).toBe(true)
    expect(outbox.bytesWaiting).toBe(10_000)
    link.willing = Infinity
    outbox.drained()
    expect(outbox.bytesWaiting).toBe(0)
    expect(link.received().map(({ text }) => text.replace(/\0+$/, ''))).toEqual([
      ...['blocks', 'fits', 'large'],
    ])
  })

  it('sends a frame of exactly frameBytesMax whole, and one byte more in chunks', () => {
    const { link, outbox } = made()
    outbox.offer(cast, frame('a', 1024))
    expect(link.frames).toHaveLength(1)
    outbox.offer(cast, large('b', 1025))
    expect(link.frames).toHaveLength(3)
    expect(texts(link)).toEqual(['a', 'b'])
  })

  it('lets outboxBytesMax bytes wait and refuses the next', () => {
    const { link, outbox } = made({ outbox: 300 })
    link.willing = 1
    outbox.offer(cast, frame('0'))
    expect(outbox.offer(cast, frame('a', 92))).toBe(true)
    expect(outbox.offer(cast, frame('b', 92))).toBe(true)
    expect(outbox.offer(cast, frame('c', 92))).toBe(true)
    expect(outbox.bytesWaiting).toBe(300)
    expect(outbox.offer(cast, frame('d', 1))).toBe(false)
    link.willing = Infinity
    outbox.drained()
    expect(texts(link)).toEqual(['0', 'a', 'b', 'c'])
  })

  it('takes one message above outboxBytesMax when no large one waits, and small ones beside it', () => {
    const { link, outbox } = made({ outbox: 100 })
    link.willing = 1
    outbox.offer(cast, frame('0'))
    expect(outbox.offer(cast, large('a', 5_000))).toBe(true)
    expect(outbox.offer(cast, large('b', 5_000))).toBe(false)
    expect(outbox.offer(cast, frame('c', 92))).toBe(true)
    expect(outbox.offer(cast, frame('d'))).toBe(false)
  })

  it('has a reserve for what must not be lost, and gives the peer up beyond it', () => {
    const { link, outbox, events } = made({ outbox: 100, reserve: 50 })
    link.willing = 1
    outbox.offer(cast, frame('0'))
    outbox.offer(cast, frame('a', 92))
    outbox.force(cast, frame('b', 42))
    expect(outbox.bytesWaiting).toBe(150)
    expect(events).toEqual([])
    outbox.force(cast, frame('c', 1))
    expect(events).toEqual(['overflow'])
    outbox.force(cast, frame('d', 1))
    expect(events).toEqual(['overflow'])
    expect(outbox.bytesWaiting).toBe(0)
  })

  it('keeps a frame that a willing link refused, and tries again', () => {
    const { link, outbox, events } = made()
    link.full = true
    expect(outbox.offer(cast, frame('a'))).toBe(true)
    expect(outbox.offer(cast, frame('b'))).toBe(true)
    expect(events).toEqual(['retry'])
    link.full = false
    outbox.drained()
    expect(texts(link)).toEqual(['a', 'b'])
  })

  it('D3 a message beside a large one leaves at once, with chunkWindowBytes in front of it at most', () => {
    const { link, outbox } = made({ window: 4_096, outbox: 1_000_000 })
    outbox.offer(cast, frame('first'))
    outbox.offer(cast, large('large', 500_000), 1)
    let taken = 0
    for (let round = 0; round < 100; round++) {
      outbox.offer(cast, frame(`s${round}`), 2)
      expect(Buffer.from(link.frames.at(-1)!).toString()).toContain(`s${round}`)
      const sent = link.frames.filter(isChunk).reduce((sum, bytes) => sum + bytes.length - 17, 0)
      expect(sent - taken).toBeLessThanOrEqual(4_096)
      expect(outbox.taken(Math.min(1_015, sent - taken))).toBe(true)
      taken += 1_015
    }
    expect(taken).toBe(101_500)
  })

  it('D3 chunks of the full size fill a long way beside others, with the default window', () => {
    let nowMs = 0
    const limits = { frame: 1_048_576, outbox: 20_000_000, value: 20_000_000 }
    const { link, outbox } = made({ ...limits, window: 131_072, now: () => nowMs })
    outbox.offer(cast, frame('first'), 2)
    outbox.offer(cast, large('large', 10_000_000), 1)
    const chunks: number[] = []
    for (let trip = 0; trip < 9; trip++) {
      const sent = link.frames.splice(0).filter(isChunk)
      chunks.push(sent.length)
      // The first round trip is the shortest.
      nowMs += trip === 0 ? 80 : 82
      outbox.offer(cast, frame('beside'), 2)
      outbox.taken(sent.reduce((sum, bytes) => sum + bytes.length, 0) - sent.length * 17)
    }
    expect(chunks).toEqual([2, 2, 3, 4, 5, 7, 10, 14, 20])
  })

  it.each([
    ['its own receiver, which comes behind it anyhow, is', 1, 0],
    ['another receiver is not', 2, 50_000],
  ])('D3 a large value is alone on the way when what is said beside it to %s', (_to, key, held) => {
    const { link, outbox } = made({ window: 1_024, outbox: 1_000_000 })
    link.willing = 3
    outbox.offer(cast, large('first', 50_000), 1)
    outbox.offer(cast, frame('beside'), key)
    link.willing = Infinity
    outbox.drained()
    outbox.offer(cast, large('second', 50_000), 3)
    // Nothing was taken yet: alone it may all be under way, beside others no more than a window.
    expect(outbox.bytesWaiting).toBeGreaterThanOrEqual(held)
    expect(outbox.bytesWaiting === 0).toBe(held === 0)
  })

  it('D3 whole messages that wait do not wait for a window', () => {
    const { link, outbox } = made({ window: 1_024, outbox: 1_000_000 })
    link.willing = 1
    outbox.offer(cast, frame('blocks'))
    outbox.offer(cast, large('large', 50_000), 1)
    for (let i = 0; i < 20; i++) outbox.offer(cast, frame(`s${i}`, 400), 2)
    link.willing = Infinity
    outbox.drained()
    expect(link.frames.filter(isChunk)).toHaveLength(1)
    expect(link.frames).toHaveLength(22)
    for (let left = 50_000; left > 0; left -= 1_015) outbox.taken(Math.min(left, 1_015))
    expect(texts(link)).toContain('large')
    expect(outbox.bytesWaiting).toBe(0)
  })

  it('gives a frame back once, when the peer has taken all of it', () => {
    const { outbox, recycled } = made({ window: 1_000_000 })
    const [a, b] = [large('a', 3_000), large('b', 2_000)]
    outbox.offer(cast, a, 1)
    outbox.offer(cast, b, 1)
    outbox.taken(2_999)
    expect(recycled).toHaveLength(0)
    outbox.taken(1)
    expect([recycled.length, recycled[0] === a]).toEqual([1, true])
    outbox.taken(1_000)
    outbox.taken(1_000)
    expect([recycled.length, recycled[1] === b]).toEqual([2, true])
    expect(outbox.taken(1)).toBe(false)
  })

  it('gives no frame back of which the link holds something, whatever the peer says', () => {
    const { link, outbox, recycled } = made({ window: 1_000_000 })
    const [a, b] = [large('a', 3_000), large('b', 2_000)]
    outbox.offer(cast, a, 1)
    outbox.offer(cast, b, 1)
    link.bytesQueued = 2_000 + 2 * 17 + 1
    outbox.taken(3_000)
    expect(recycled).toHaveLength(0)
    link.bytesQueued -= 1
    outbox.taken(1)
    expect([recycled.length, recycled[0] === a]).toEqual([1, true])
    outbox.taken(1_999)
    expect(recycled).toHaveLength(1)
  })

  it('remembers 16 MiB of frames for a peer that takes nothing, and not one byte more', () => {
    const half = 8_388_608 - 8
    for (const [more, kept] of [
      [0, 'ab'],
      [1_025, 'bc'],
    ] as const) {
      const { outbox, recycled } = made({
        ...{ window: 1, outbox: 20_000_000, value: 20_000_000, frame: 98_304 },
      })
      const frames = [large('a', half), large('b', half)]
      if (more > 0) frames.push(large('c', 98_305))
      for (const bytes of frames) outbox.offer(cast, bytes, 1)
      outbox.taken(2 * half + (more > 0 ? 98_305 : 0))
      const names = recycled.map((bytes) => String.fromCharCode(bytes[8]!)).join('')
      expect(names).toBe(kept)
    }
  })

  it('a peer that does not say what it takes gets all, and can not say it', () => {
    const { link, outbox, recycled } = made()
    outbox.offer(cast, frame('first'))
    outbox.offer(cast, large('large', 500_000), 1)
    expect(texts(link)).toEqual(['first', 'large'])
    expect([outbox.taken(1), outbox.taken(0), recycled.length]).toEqual([false, false, 0])
  })

  it('sends nothing after close', () => {
    const { link, outbox } = made()
    link.willing = 1
    outbox.offer(cast, frame('a'))
    outbox.offer(cast, frame('b'))
    outbox.close()
    link.willing = Infinity
    outbox.drained()
    expect(outbox.offer(cast, frame('c'))).toBe(false)
    outbox.force(cast, frame('d'))
    expect(texts(link)).toEqual(['a'])
  })
})
