import { describe, expect, it } from 'vitest'
import { FAILOVER_MS_MAX, STABLE_MS, Uplink } from '../../../mesh/peer/uplink.ts'

const BASE = { reconnectBaseMs: 1_000, reconnectMaxMs: 8_000 }

/** An uplink whose chance is always a half. */
function uplink(targets: number): Uplink {
  return new Uplink({ targets, ...BASE }, () => 0.5, 0)
}

/** Dials and fails `count` times; gives which gateway was dialled when. */
function failures(link: Uplink, count: number, lasting = false): [number, number][] {
  const dials: [number, number][] = []
  for (let i = 0; i < count; i++) {
    const nowMs = link.nextDueMs
    dials.push([link.take(nowMs)!, nowMs])
    link.failed(lasting, nowMs)
  }
  return dials
}

describe('an uplink', () => {
  it('dials the first gateway at once, and one at a time', () => {
    const link = uplink(2)
    expect(link.state).toBe('connecting')
    expect(link.take(0)).toBe(0)
    expect(link.nextDueMs).toBe(Infinity)
    expect(link.take(1_000_000)).toBeUndefined()
  })

  it('waits longer after each round, half of the step at least, until the longest pause', () => {
    expect(failures(uplink(1), 6)).toEqual([
      [0, 0],
      [0, 750],
      [0, 2_250],
      [0, 5_250],
      [0, 11_250],
      [0, 17_250],
    ])
  })

  it('has all gateways in turn before it waits', () => {
    const between = FAILOVER_MS_MAX / 2
    expect(failures(uplink(3), 5)).toEqual([
      [0, 0],
      [1, between],
      [2, 2 * between],
      [0, 2 * between + 750],
      [1, 3 * between + 750],
    ])
  })

  it('waits as long as possible when every gateway refuses it for good', () => {
    const dials = failures(uplink(2), 3, true)
    expect(dials[2]).toEqual([0, FAILOVER_MS_MAX / 2 + 6_000])
  })

  it('looks at the next gateway first when it has lost one', () => {
    const link = uplink(2)
    link.take(0)
    link.linked(0)
    expect([link.state, link.nextDueMs]).toEqual(['connected', Infinity])
    link.down(STABLE_MS)
    expect(link.state).toBe('reconnecting')
    expect(link.nextDueMs).toBe(STABLE_MS + FAILOVER_MS_MAX / 2)
    expect(link.take(link.nextDueMs)).toBe(1)
    link.failed(false, 11_000)
    expect(link.nextDueMs).toBe(11_750)
    expect(link.take(11_750)).toBe(0)
  })

  it('does not hammer a gateway that takes it in and drops it', () => {
    const link = uplink(1)
    const waits: number[] = []
    let nowMs = 0
    for (let round = 0; round < 4; round++) {
      link.take(nowMs)
      link.linked(nowMs)
      link.down(nowMs)
      waits.push(link.nextDueMs - nowMs)
      nowMs = link.nextDueMs
    }
    expect(waits).toEqual([750, 1_500, 3_000, 6_000])
    link.take(nowMs)
    link.linked(nowMs)
    link.down(nowMs + STABLE_MS)
    expect(link.nextDueMs).toBe(nowMs + STABLE_MS + 750)
  })

  it('hears of no end of a link that it has not', () => {
    const link = uplink(1)
    link.down(0)
    link.failed(false, 0)
    expect([link.state, link.nextDueMs]).toEqual(['connecting', 0])
  })
})
