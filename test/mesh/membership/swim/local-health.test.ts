import { describe, expect, it } from 'vitest'
import { LocalHealth } from '../../../../mesh/membership/swim/local-health.ts'

describe('local health', () => {
  it('S19 stays between 0 and its maximum less one', () => {
    const health = new LocalHealth(8)
    for (let i = 0; i < 20; i++) health.apply(3)
    expect(health.score).toBe(7)
    for (let i = 0; i < 20; i++) health.apply(-1)
    expect(health.score).toBe(0)
  })

  it('S19 stretches times by the score plus one', () => {
    const health = new LocalHealth(8)
    expect(health.scale(500)).toBe(500)
    health.apply(2)
    expect(health.scale(500)).toBe(1_500)
  })

  it('S19 is back at 0 after as many successes as it has steps', () => {
    const health = new LocalHealth(8)
    health.apply(100)
    for (let i = 0; i < 7; i++) health.apply(-1)
    expect(health.score).toBe(0)
  })

  it('S19 counts one refutation until the next probe has ended', () => {
    const health = new LocalHealth(8)
    for (let i = 0; i < 5; i++) health.blame()
    expect(health.score).toBe(1)
    health.apply(1)
    health.blame()
    expect(health.score).toBe(3)
    health.apply(-1)
    health.blame()
    expect(health.score).toBe(3)
  })

  it('S19 with a maximum of 1 there is no patience', () => {
    const health = new LocalHealth(1)
    health.apply(5)
    expect(health.scale(500)).toBe(500)
  })
})
