import { describe, expect, it } from 'vitest'
import { IncomingStreams } from '../../../../mesh/transport/worker/incoming-streams.ts'

const garbage = expect.objectContaining({ code: 'ERR_TRANSPORT_GARBAGE' }) as Error

describe('streams of a peer', () => {
  it('are new once each, in any order', () => {
    const streams = new IncomingStreams(1, 4, 10)
    expect([9, 1, 5, 1, 9, 5, 13].map((id) => streams.isNew(id))).toEqual([
      ...[true, true, true, false, false, false, true],
    ])
  })

  it('are none with the numbers of the other side, or with numbers between', () => {
    const streams = new IncomingStreams(1, 4, 10)
    expect([0, 4, 3, 7].map((id) => streams.isNew(id))).toEqual([false, false, false, false])
  })

  it('may be open twice streamsMax at once and not one more', () => {
    const streams = new IncomingStreams(0, 4, 2)
    for (let id = 0; id < 16; id += 4) expect(streams.isNew(id)).toBe(true)
    expect(() => streams.isNew(16)).toThrowError(garbage)
    streams.ended()
    expect(streams.isNew(16)).toBe(true)
  })

  it('do not jump to a number that would make us count to it', () => {
    const streams = new IncomingStreams(0, 4, 2)
    expect(() => streams.isNew(0xffff_fffc)).toThrowError(garbage)
    expect(streams.isNew(16)).toBe(true)
    expect(() => streams.isNew(24)).toThrowError(garbage)
  })
})
