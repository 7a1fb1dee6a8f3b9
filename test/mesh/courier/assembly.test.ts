import { describe, expect, it } from 'vitest'
import { Assembly } from '../../../mesh/courier/assembly.ts'
import type { AssemblyLimits } from '../../../mesh/courier/assembly.ts'
import { CHUNK_HEADER_BYTES, cutNext, isCutUp } from '../../../mesh/courier/chunks.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { frameOf, pattern, payloadOf } from './courier-world.ts'

const LIMITS: AssemblyLimits = {
  valueBytesMax: 10_000,
  assembliesPerPeerMax: 3,
  assemblyBytesPerPeerMax: 12_000,
  assemblyBytesMax: 20_000,
  assemblyTimeoutMs: 1_000,
}

function make(more: Partial<AssemblyLimits> = {}) {
  const whole: string[] = []
  const payloads: Uint8Array[] = []
  const refused: string[] = []
  const assembly = new Assembly<string>(
    { ...LIMITS, ...more },
    {
      whole: (source, type, payload) => {
        whole.push(`${source} ${type.toString(16)} ${payload.length}`)
        payloads.push(payload)
      },
      refused: (code, peer) => void refused.push(`${code.slice('ERR_COURIER_'.length)} ${peer}`),
    },
  )
  const push = (peer: string, chunk: Uint8Array, nowMs = 0): void =>
    assembly.push(peer, `from ${peer}`, chunk, nowMs)
  return { assembly, whole, payloads, refused, push }
}

/** The pieces of a message. */
function pieces(
  id: number,
  bytes: number,
  each = 1_000,
  type: number = WireType.call,
): Uint8Array[] {
  const cut = { id, frame: frameOf(pattern(bytes), type), offset: 0 }
  const all: Uint8Array[] = []
  while (!isCutUp(cut)) all.push(payloadOf(cutNext(cut, each + CHUNK_HEADER_BYTES)))
  return all
}

/** A piece as anybody could write it. */
function raw(id: number, type: number, total: number, offset: number, bytes: number): Uint8Array {
  const chunk = Buffer.alloc(CHUNK_HEADER_BYTES + bytes)
  chunk.writeUInt32BE(id, 0)
  chunk.writeUInt8(type, 4)
  chunk.writeUInt32BE(total, 5)
  chunk.writeUInt32BE(offset, 9)
  return chunk
}

describe('pieces', () => {
  it('become the message that was cut, with pieces of others between them', () => {
    const { whole, payloads, push, assembly } = make()
    const [a, b] = [pieces(1, 3_500), pieces(2, 2_500, 1_000, WireType.publish)]
    for (let at = 0; at < 4; at++) {
      push('x', a[at]!)
      if (b[at] !== undefined) push('x', b[at]!)
    }
    expect(whole).toEqual(['from x 10 2500', 'from x 20 3500'])
    expect(payloads).toEqual([pattern(2_500), pattern(3_500)])
    expect([assembly.bytes, assembly.size, assembly.nextDueMs]).toEqual([0, 0, Infinity])
  })

  it('come into memory of a message that is over, if it has as much, and that counts as theirs', () => {
    const max = 1_000_000
    const { payloads, push, assembly } = make({
      ...{ valueBytesMax: max, assemblyBytesPerPeerMax: max, assemblyBytesMax: max },
    })
    const give = (id: number, bytes: number): void => {
      const [first, ...others] = pieces(id, bytes, 50_000)
      push('x', first!)
      expect(assembly.bytes).toBeLessThanOrEqual(bytes)
      for (const piece of others) push('x', piece)
      expect(payloads.at(-1)).toEqual(pattern(bytes))
    }
    for (const [id, bytes] of [150_000, 120_000, 151_000].entries()) give(id, bytes)
    const [first, second, third] = payloads.map(({ buffer }) => buffer)
    expect([second === first, third === first, assembly.bytes]).toEqual([true, false, 0])
  })

  it('have at most the bytes that they should have', () => {
    const cut = { id: 1, frame: frameOf(pattern(5_000)), offset: 0 }
    for (const each of [100, 999, 5_000, 60_000]) {
      cut.offset = 0
      const frame = cutNext(cut, each)
      expect(frame.length - HEADER_BYTES).toBeLessThanOrEqual(each)
    }
  })

  it('of two peers may have one id', () => {
    const { whole, push } = make()
    const [first, second] = pieces(1, 1_500)
    for (const piece of [first!, second!]) for (const peer of ['x', 'y']) push(peer, piece)
    expect(whole).toEqual(['from x 20 1500', 'from y 20 1500'])
  })

  it.each<[string, (all: Uint8Array[]) => Uint8Array[]]>([
    ['that are missing', ([first, , third]) => [first!, third!]],
    ['that come twice', ([first]) => [first!, first!]],
    ['that change the size', ([first]) => [first!, raw(1, 0x20, 9_999, 1_000, 10)]],
    ['that change the type', ([first]) => [first!, raw(1, 0x21, 2_500, 1_000, 10)]],
    ['that begin in the middle', ([, second]) => [second!]],
    ['without a byte', () => [raw(1, 0x20, 100, 0, 0)]],
    ['of nothing', () => [new Uint8Array(5)]],
    ['of pieces', () => [raw(1, WireType.serviceChunk, 100, 0, 10)]],
    ['of envelopes', () => [raw(1, WireType.rpcRoute, 100, 0, 10)]],
    ['of what is not for services', () => [raw(1, WireType.swimPing, 100, 0, 10)]],
  ])('%s are refused, and drop their message', (_, change) => {
    const { whole, refused, push, assembly } = make()
    for (const piece of change(pieces(1, 2_500))) push('x', piece)
    expect(refused).toEqual(['CHUNK x'])
    expect([whole, assembly.size, assembly.bytes]).toEqual([[], 0, 0])
    // Other messages of that peer are none the worse for it.
    for (const piece of pieces(7, 1_500)) push('x', piece)
    expect(whole).toEqual(['from x 20 1500'])
  })
})

describe('limits of pieces', () => {
  it('one that exceeds what it announces is dropped alone', () => {
    const { whole, refused, push } = make()
    const [first, second, third] = pieces(1, 2_500)
    push('x', first!)
    push('x', raw(1, 0x20, 2_500, 1_000, 1_501))
    push('x', second!)
    push('x', third!)
    expect([refused, whole]).toEqual([['CHUNK x'], ['from x 20 2500']])
  })

  it('a message of valueBytesMax is taken, and one of a byte more is not', () => {
    const { whole, refused, push } = make()
    for (const piece of pieces(1, 10_000)) push('x', piece)
    push('x', pieces(2, 10_001)[0]!)
    expect(whole).toEqual(['from x 20 10000'])
    expect(refused).toEqual(['CHUNK x'])
  })

  it('assembliesPerPeerMax are held of a peer; the next one takes the place of the oldest', () => {
    const { refused, push, assembly } = make()
    for (const id of [1, 2, 3]) push('x', pieces(id, 2_000)[0]!)
    expect([refused, assembly.size]).toEqual([[], 3])
    push('x', pieces(4, 2_000)[0]!)
    push('y', pieces(1, 2_000)[0]!)
    expect([refused, assembly.size]).toEqual([['ASSEMBLIES_MAX x'], 4])
    push('x', pieces(1, 2_000)[1]!)
    expect(refused.at(-1)).toBe('CHUNK x')
  })

  it('memory follows what came, not what was announced', () => {
    const { push, assembly } = make()
    push('x', raw(1, 0x20, 10_000, 0, 10))
    expect(assembly.bytes).toBe(20)
  })

  it('assemblyBytesPerPeerMax bounds one peer, assemblyBytesMax all', () => {
    const one = make({ assemblyBytesPerPeerMax: 4_000 })
    one.push('x', raw(1, 0x20, 2_000, 0, 1_000))
    one.push('x', raw(2, 0x20, 2_000, 0, 1_000))
    expect([one.assembly.bytes, one.refused]).toEqual([4_000, []])
    one.push('x', raw(3, 0x20, 1, 0, 1))
    one.push('x', raw(4, 0x20, 2, 0, 1))
    expect(one.refused).toEqual(['ASSEMBLIES_MAX x', 'ASSEMBLIES_MAX x'])
    const all = make({ assemblyBytesMax: 4_000 })
    for (const peer of ['x', 'y']) all.push(peer, raw(1, 0x20, 2_000, 0, 1_000))
    all.push('z', raw(1, 0x20, 2, 0, 1))
    expect([all.assembly.bytes, all.refused]).toEqual([4_000, ['ASSEMBLIES_MAX z']])
  })

  it('what rests for assemblyTimeoutMs is given up, and what goes on is not', () => {
    const { refused, push, assembly, whole } = make()
    const [first, second, third] = pieces(1, 2_500)
    push('x', first!, 0)
    push('y', first!, 0)
    push('x', second!, 900)
    assembly.tick(999)
    expect(refused).toEqual([])
    assembly.tick(1_000)
    expect(refused).toEqual(['ASSEMBLY_TIMEOUT y'])
    push('x', third!, 1_899)
    expect(whole).toEqual(['from x 20 2500'])
  })

  it('what comes from a peer that is gone is forgotten without a word', () => {
    const { refused, push, assembly } = make()
    push('x', pieces(1, 2_000)[0]!)
    push('y', pieces(1, 2_000)[0]!)
    assembly.forget('x')
    assembly.forget('nobody')
    expect([assembly.size, refused]).toEqual([1, []])
  })
})
