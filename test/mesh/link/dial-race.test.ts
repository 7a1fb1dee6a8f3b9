import { describe, expect, it } from 'vitest'
import { judgeDial } from '../../../mesh/link/dial-race.ts'
import type { DialRace } from '../../../mesh/link/dial-race.ts'

const race = (change: Partial<DialRace>): DialRace => ({
  keyOrder: -1,
  dialing: false,
  established: undefined,
  incarnationProven: 0,
  offer: { incarnation: 5, dials: 7 },
  ...change,
})

describe('judgeDial', () => {
  it('accepts the first connection of a peer', () => {
    expect(judgeDial(race({}))).toEqual({ type: 'accept', replace: false, dropDial: false })
  })

  it('NX-D4 simultaneous dial: the smaller key refuses, the larger accepts and drops its own', () => {
    expect(judgeDial(race({ dialing: true, keyOrder: -1 }))).toEqual({
      type: 'reject',
      reason: 'simultaneous_dial',
    })
    expect(judgeDial(race({ dialing: true, keyOrder: 1 }))).toEqual({
      type: 'accept',
      replace: false,
      dropDial: true,
    })
  })

  it.each([
    ['sent before the link existed', 7, 'simultaneous_dial'],
    ['sent long before the link existed', 9, 'simultaneous_dial'],
  ])('a connect %s is void', (_claim, peerDials, reason) => {
    const established = { incarnation: 5, peerDials }
    expect(judgeDial(race({ established }))).toEqual({ type: 'reject', reason })
  })

  it('a connect sent after the link existed means that the peer lost it', () => {
    const established = { incarnation: 5, peerDials: 6 }
    expect(judgeDial(race({ established }))).toEqual({
      type: 'accept',
      replace: true,
      dropDial: false,
    })
  })

  it('H31 an older incarnation is refused, linked or not', () => {
    const stale = { type: 'reject', reason: 'stale_incarnation' }
    expect(judgeDial(race({ established: { incarnation: 6, peerDials: 1 } }))).toEqual(stale)
    expect(judgeDial(race({ incarnationProven: 6 }))).toEqual(stale)
    expect(judgeDial(race({ incarnationProven: 5 })).type).toBe('accept')
  })

  it('a newer incarnation replaces the link whatever its dial number', () => {
    const established = { incarnation: 4, peerDials: 1_000 }
    expect(judgeDial(race({ established, incarnationProven: 4 }))).toMatchObject({
      type: 'accept',
      replace: true,
    })
  })

  it('the node itself is refused first', () => {
    expect(judgeDial(race({ keyOrder: 0, incarnationProven: 9 }))).toEqual({
      type: 'reject',
      reason: 'self',
    })
  })

  it('whatever the interleaving of two dials, at most one connection is accepted by both', () => {
    // Both sent a connect; each side sees the other's connect and the answer to its own in any order.
    for (const smallFirst of ['connect', 'answer'] as const) {
      const large = judgeDial(
        race({ keyOrder: 1, dialing: true, offer: { incarnation: 1, dials: 4 } }),
      )
      expect(large.type).toBe('accept')
      const small =
        smallFirst === 'connect'
          ? judgeDial(race({ keyOrder: -1, dialing: true, offer: { incarnation: 1, dials: 9 } }))
          : judgeDial(
              race({
                keyOrder: -1,
                established: { incarnation: 1, peerDials: 9 },
                offer: { incarnation: 1, dials: 9 },
              }),
            )
      expect(small).toEqual({ type: 'reject', reason: 'simultaneous_dial' })
    }
  })
})
