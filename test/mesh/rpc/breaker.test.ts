import { describe, expect, it } from 'vitest'
import { Breaker } from '../../../mesh/rpc/breaker.ts'

const LIMITS = {
  ...{ breakerCallsMin: 20, breakerRatio: 0.5 },
  ...{ breakerWindowMs: 10_000, breakerOpenMs: 5_000 },
}

function failing(breaker: Breaker, failures: number, calls: number, nowMs: number): void {
  for (let call = 0; call < calls; call++) breaker.ended(call < failures, nowMs, nowMs)
}

describe('the breaker of a provider', () => {
  it.each([
    [10, 20, 'open'],
    [9, 20, 'closed'],
    [19, 19, 'closed'],
    [20, 40, 'open'],
  ])('R13 after %i failures of %i calls is %s', (failures, calls, state) => {
    const breaker = new Breaker(LIMITS)
    // The failures last, so that it is judged with all calls.
    for (let call = 0; call < calls; call++) breaker.ended(call >= calls - failures, 100, 100)
    expect(breaker.state(100)).toBe(state)
    expect(breaker.admits(100)).toBe(state === 'closed')
  })

  it('R13 forgets calls that are older than its window', () => {
    const breaker = new Breaker(LIMITS)
    failing(breaker, 19, 19, 0)
    breaker.ended(true, 11_000, 11_000)
    expect(breaker.state(11_000)).toBe('closed')
  })

  it('R13 lets one call try after its time, and closes when that succeeds', () => {
    const breaker = new Breaker(LIMITS)
    failing(breaker, 20, 20, 0)
    expect(breaker.admits(4_999)).toBe(false)
    expect(breaker.state(5_000)).toBe('half_open')
    expect(breaker.admits(5_000)).toBe(true)
    breaker.began(5_000)
    expect(breaker.admits(5_001)).toBe(false)
    breaker.ended(false, 5_000, 5_010)
    expect(breaker.state(5_010)).toBe('closed')
    // What was counted before is forgotten.
    breaker.ended(true, 5_010, 5_020)
    expect(breaker.admits(5_020)).toBe(true)
  })

  it('R13 opens again when the one that tries fails', () => {
    const breaker = new Breaker(LIMITS)
    failing(breaker, 20, 20, 0)
    breaker.began(5_000)
    breaker.ended(true, 5_000, 5_100)
    expect(breaker.state(10_099)).toBe('open')
    expect(breaker.state(10_100)).toBe('half_open')
  })

  it('R13 does not wait for ever for one that was given up, or of which nothing is heard', () => {
    const breaker = new Breaker(LIMITS)
    failing(breaker, 20, 20, 0)
    breaker.began(5_000)
    breaker.abandoned(5_000)
    expect(breaker.admits(5_001)).toBe(true)
    breaker.began(5_001)
    expect(breaker.admits(10_000)).toBe(false)
    expect(breaker.admits(10_001)).toBe(true)
  })

  it('R13 calls that began before it opened do not close it', () => {
    const breaker = new Breaker(LIMITS)
    failing(breaker, 20, 20, 0)
    breaker.ended(false, 0, 10)
    expect(breaker.state(10)).toBe('open')
  })

  it('R13 calls that began before it opened neither end a probe nor give its place away', () => {
    const breaker = new Breaker(LIMITS)
    failing(breaker, 20, 20, 100)
    breaker.began(5_100)
    breaker.ended(false, 50, 5_110)
    expect(breaker.state(5_110)).toBe('half_open')
    breaker.ended(true, 50, 5_120)
    breaker.abandoned(50)
    expect([breaker.state(5_120), breaker.admits(5_120)]).toEqual(['half_open', false])
    breaker.ended(false, 5_100, 5_130)
    expect(breaker.state(5_130)).toBe('closed')
  })
})
