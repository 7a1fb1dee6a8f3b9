import { describe, expect, it } from 'vitest'
import { Admission, Bucket } from '../../../../mesh/transport/quic/admission.ts'

const LIMITS = {
  connectionsMax: 4,
  connectionsPerAddressMax: 2,
  acceptsPerSecondMax: 100,
  retryAboveHandshakes: 3,
}

describe('Admission', () => {
  it('accepts up to connectionsMax, dials included, and refuses one more', () => {
    const admission = new Admission(LIMITS, 0)
    admission.dialled()
    for (const group of ['a', 'b', 'c']) {
      expect(admission.decide(group, true, 0)).toEqual({ type: 'accept' })
      admission.accepted(group)
    }
    expect(admission.decide('d', true, 0)).toEqual({
      type: 'refuse',
      code: 'ERR_TRANSPORT_CONNECTION_LIMIT',
    })
    expect(admission.mayDial()).toBe(false)
    admission.dialEnded()
    expect(admission.mayDial()).toBe(true)
    expect(admission.decide('d', true, 0)).toEqual({ type: 'accept' })
  })

  it('accepts connectionsPerAddressMax of one address, and forgets addresses that are gone', () => {
    const admission = new Admission(LIMITS, 0)
    admission.accepted('a')
    admission.accepted('a')
    expect(admission.decide('a', true, 0)).toEqual({
      type: 'refuse',
      code: 'ERR_TRANSPORT_ADDRESS_LIMIT',
    })
    expect(admission.decide('b', true, 0)).toEqual({ type: 'accept' })
    admission.acceptedEnded('a')
    expect(admission.decide('a', true, 0)).toEqual({ type: 'accept' })
    admission.acceptedEnded('a')
    expect([admission.addresses, admission.connections]).toEqual([0, 0])
  })

  it('demands a token from retryAboveHandshakes handshakes on, until one has ended', () => {
    const admission = new Admission(LIMITS, 0)
    for (const group of ['a', 'b', 'c']) admission.accepted(group)
    expect(admission.handshakes).toBe(3)
    expect(admission.decide('d', false, 0)).toEqual({ type: 'retry' })
    expect(admission.decide('d', true, 0)).toEqual({ type: 'accept' })
    admission.handshakeEnded()
    expect(admission.decide('d', false, 0)).toEqual({ type: 'accept' })
  })

  it('a flood of unproven diallers takes nothing from the rate of proven ones', () => {
    const admission = new Admission(
      { ...LIMITS, acceptsPerSecondMax: 1, retryAboveHandshakes: 0 },
      0,
    )
    for (let i = 0; i < 1_000; i++) {
      expect(admission.decide('forged', false, 0)).toEqual({ type: 'retry' })
    }
    expect(admission.decide('honest', true, 0)).toEqual({ type: 'accept' })
    expect(admission.decide('honest', true, 0)).toEqual({
      type: 'ignore',
      code: 'ERR_TRANSPORT_RATE_LIMIT',
    })
    expect(admission.decide('honest', true, 1_000)).toEqual({ type: 'accept' })
  })
})

describe('Bucket', () => {
  it('gives its size at once, then so many per second, and saves no more than its size', () => {
    const bucket = new Bucket(10, 0)
    const taken = (nowMs: number): number => {
      let count = 0
      while (bucket.take(nowMs)) count++
      return count
    }
    expect([taken(0), taken(99), taken(500), taken(100_000)]).toEqual([10, 0, 5, 10])
  })
})
