import { describe, expect, it } from 'vitest'
import { PingBudget } from '../../../../mesh/routing/kademlia/ping-budget.ts'

describe('PingBudget', () => {
  it('K9 lets so many be unanswered, and none more', () => {
    const budget = new PingBudget({ pingsMax: 2, pingsPerSecondMax: 100 })
    budget.sent(0)
    expect(budget.freeAtMs()).toBeLessThanOrEqual(0)
    budget.sent(0)
    expect([budget.freeAtMs(), budget.running]).toEqual([Infinity, 2])
    budget.settled()
    expect(budget.freeAtMs()).toBeLessThanOrEqual(0)
  })

  it('K9 lets so many go out within any second', () => {
    const budget = new PingBudget({ pingsMax: 100, pingsPerSecondMax: 3 })
    for (const atMs of [0, 400, 900]) {
      expect(budget.freeAtMs()).toBeLessThanOrEqual(atMs)
      budget.sent(atMs)
    }
    expect(budget.freeAtMs()).toBe(1_000)
    budget.sent(1_000)
    expect(budget.freeAtMs()).toBe(1_400)
  })

  it('K9 with a limit of zero nothing goes out', () => {
    expect(new PingBudget({ pingsMax: 0, pingsPerSecondMax: 3 }).freeAtMs()).toBe(Infinity)
    expect(new PingBudget({ pingsMax: 3, pingsPerSecondMax: 0 }).freeAtMs()).toBe(Infinity)
  })
})
