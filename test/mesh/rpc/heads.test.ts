import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callIdBytes, callIdText } from '../../../mesh/rpc/call-id.ts'
import { RpcFrames, serviceFrame } from '../../../mesh/rpc/frames.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'

const codec = new Codec()
const RUNS = { numRuns: 300, seed: 521 }
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(callIdText)
const body = fc.uint8Array({ maxLength: 10 })
const procedure = fc.constantFrom('a', 'math.sum', 'ümläut.Îx', `long.${'n'.repeat(300)}`)
const budgetMs = fc.oneof(fc.nat(300), fc.constantFrom(65_535, 65_536, 2_147_483_647))
/** Without its header, and no Buffer. */
const payloadOf = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset + HEADER_BYTES, length - HEADER_BYTES)
const headOf = (payload: Uint8Array): unknown =>
  codec.decode(payload.subarray(2, 2 + payload[0]! * 256 + payload[1]!))
const outcomeOf = (read: () => unknown): unknown => {
  try {
    return read()
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('heads that are written byte by byte', () => {
  it('the codec reads in them what was said', () => {
    const frames = new RpcFrames(codec)
    fc.assert(
      fc.property(id, procedure, budgetMs, fc.boolean(), body, (call, name, ms, wants, input) => {
        const message = { id: call, procedure: name, budgetMs: ms, wantsProgress: wants }
        const payload = payloadOf(frames.call({ ...message, priority: 'low' }, input))
        expect(headOf(payload)).toEqual([callIdBytes(call), name, ms, 0, wants])
      }),
      RUNS,
    )
    for (const number of [0, 127, 128]) {
      const reply = frames.reply({ type: 'result', id: 'i'.repeat(16), number })
      expect(headOf(payloadOf(reply))).toEqual([callIdBytes('i'.repeat(16)), 0, number])
    }
  })

  it('what another writer makes of the same is read alike, in whatever form', () => {
    const frames = new RpcFrames(codec)
    fc.assert(
      fc.property(id, procedure, budgetMs, fc.boolean(), body, (call, name, ms, wants, input) => {
        const head = [callIdBytes(call), name, ms, 3, wants]
        const theirs = payloadOf(serviceFrame(codec, WireType.call, head, input))
        const message = { id: call, procedure: name, budgetMs: ms, wantsProgress: wants }
        const ours = payloadOf(frames.call({ ...message, priority: undefined }, input))
        expect(frames.readCall(theirs)).toEqual(frames.readCall(ours))
        expect(frames.readCall(ours)).toEqual({
          ...{ message: { ...message, priority: undefined }, body: input },
        })
      }),
      RUNS,
    )
  })

  it('H12 one byte that is wrong has the same meaning as by the codec, or the same error', () => {
    const good = payloadOf(
      new RpcFrames(codec).call(
        {
          ...{ id: 'i'.repeat(16), procedure: 'a.bc', budgetMs: 500 },
          ...{ priority: 'normal', wantsProgress: true },
        },
        new Uint8Array([1]),
      ),
    )
    // Rewritten by the codec it has another form, and takes the long way.
    const byCodec = (payload: Uint8Array): unknown => {
      const head = headOf(payload) as readonly unknown[]
      const end = 2 + payload[0]! * 256 + payload[1]!
      const longer = [...head.slice(0, 5), ...Array.from({ length: 16 }, () => 0)]
      const frame = serviceFrame(codec, WireType.call, longer, payload.subarray(end))
      return new RpcFrames(codec).readCall(payloadOf(frame))
    }
    const frames = new RpcFrames(codec)
    for (let at = 2; at < good.length; at++) {
      for (const bits of [0x01, 0x80, 0xff]) {
        const flipped = good.slice()
        flipped[at]! ^= bits
        const isRead = Array.isArray(outcomeOf(() => headOf(flipped)))
        const outcome = outcomeOf(() => frames.readCall(flipped))
        if (isRead) expect(outcome).toEqual(outcomeOf(() => byCodec(flipped)))
        else expect(outcome).toMatch(/^ERR_/)
      }
    }
  })
})
