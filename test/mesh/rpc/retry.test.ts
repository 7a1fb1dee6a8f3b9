import { describe, expect, it } from 'vitest'
import { createSeededEntropy } from '../../../runtime/index.ts'
import { AttemptBudget } from '../../../mesh/rpc/budget.ts'
import { hedgeDelayMs, LatencyWindow } from '../../../mesh/rpc/hedging.ts'
import { retryAdvice, retryPauseMs } from '../../../mesh/rpc/retry.ts'
import type { AttemptEnd } from '../../../mesh/rpc/retry.ts'
import type { FailureKind } from '../../../mesh/rpc/frames.ts'
import { Throttle } from '../../../mesh/rpc/throttle.ts'

const refused = (kind: FailureKind): AttemptEnd => ({ type: 'refused', kind })

describe('what is tried again', () => {
  it.each<[string, AttemptEnd, string, string]>([
    ['not sent', { type: 'unsent' }, 'elsewhere', 'elsewhere'],
    ['no provider', refused('no_provider'), 'elsewhere', 'elsewhere'],
    ['overloaded', refused('overloaded'), 'elsewhere', 'elsewhere'],
    ['gone', { type: 'gone' }, 'never', 'later'],
    ['slow', { type: 'slow' }, 'never', 'later'],
    ['its process ended', refused('unreachable'), 'never', 'later'],
    ['thrown by the handler', refused('remote'), 'never', 'never'],
    ['expired', refused('timeout'), 'never', 'never'],
    ['cancelled', refused('cancelled'), 'never', 'never'],
    ['too large', refused('payload_too_large'), 'never', 'never'],
    ['unauthorized', refused('unauthorized'), 'never', 'never'],
    ['wrong input', refused('input'), 'never', 'never'],
  ])('R11 %s', (_, end, plain, idempotent) => {
    expect(retryAdvice(end, false)).toBe(plain)
    expect(retryAdvice(end, true)).toBe(idempotent)
  })

  it('R11 pauses have full jitter over a doubling time with a limit', () => {
    const limits = { retryBaseMs: 50, retryMaxMs: 300 }
    const longest = [2, 3, 4, 5, 6].map((attempt) => retryPauseMs(attempt, limits, () => 0.999_999))
    expect(longest.map(Math.round)).toEqual([50, 100, 200, 300, 300])
    expect(retryPauseMs(3, limits, () => 0)).toBe(0)
  })

  it('R11 when everything fails the extra attempts are 10 % of the calls after the first ten', () => {
    const budget = new AttemptBudget(0.1)
    let extra = 0
    for (let call = 0; call < 10_000; call++) {
      budget.earn()
      while (budget.spend()) extra += 1
    }
    expect(extra).toBeLessThanOrEqual(1_010)
    expect(extra).toBeGreaterThanOrEqual(1_000)
  })

  it('R11 a ratio of 0 allows nothing', () => {
    const budget = new AttemptBudget(0)
    budget.earn()
    expect(budget.spend()).toBe(false)
    expect(budget.tokens).toBe(0)
  })
})

describe('hedging', () => {
  it('R12 waits for the 95th percentile of the latencies seen, and not before 20 are', () => {
    const latencies = new LatencyWindow()
    for (let ms = 1; ms <= 19; ms++) latencies.observe(ms)
    expect(hedgeDelayMs(true, latencies)).toBeUndefined()
    for (let ms = 20; ms <= 100; ms++) latencies.observe(ms)
    expect(hedgeDelayMs(true, latencies)).toBe(95)
    expect(hedgeDelayMs({ delayMs: 7 }, latencies)).toBe(7)
    expect(hedgeDelayMs(false, latencies)).toBeUndefined()
    expect(hedgeDelayMs(undefined, latencies)).toBeUndefined()
  })

  it('R12 forgets latencies of long ago', () => {
    const latencies = new LatencyWindow()
    for (let call = 0; call < 256; call++) latencies.observe(1_000)
    for (let call = 0; call < 256; call++) latencies.observe(10)
    expect(latencies.percentileMs()).toBe(10)
  })
})

describe('the throttle of a caller', () => {
  const LIMITS = { throttleWindowMs: 30_000, throttleCallsMin: 20 }

  it('R15 holds back max(0, (requests - 2 x accepted) / (requests + 1)) of the calls', () => {
    const throttle = new Throttle(LIMITS)
    for (let call = 0; call < 100; call++) throttle.ended(call % 4 === 0, 0)
    expect(throttle.probability(0)).toBeCloseTo((100 - 50) / 101, 10)
    expect(throttle.admits(0, () => 0.51)).toBe(true)
    expect(throttle.admits(0, () => 0.49)).toBe(false)
    // The one that was held back counts as well.
    expect(throttle.probability(0)).toBeCloseTo((101 - 50) / 102, 10)
  })

  it('R15 does nothing while half of the calls are accepted, or few were made', () => {
    const throttle = new Throttle(LIMITS)
    for (let call = 0; call < 19; call++) throttle.ended(false, 0)
    expect(throttle.probability(0)).toBe(0)
    for (let call = 0; call < 19; call++) throttle.ended(true, 0)
    expect(throttle.probability(0)).toBe(0)
  })

  it('R15 does nothing about calls that are under way, however many', () => {
    const throttle = new Throttle(LIMITS)
    for (let call = 0; call < 1_000; call++) expect(throttle.admits(0, () => 0)).toBe(true)
  })

  it('R15 forgets what is older than its window', () => {
    const throttle = new Throttle(LIMITS)
    for (let call = 0; call < 100; call++) throttle.ended(false, 0)
    expect(throttle.probability(0)).toBeGreaterThan(0.9)
    expect(throttle.probability(31_000)).toBe(0)
  })

  it('R15 lets some through however long the overload lasts, so that its end is seen', () => {
    const throttle = new Throttle(LIMITS)
    const entropy = createSeededEntropy(3)
    let through = 0
    for (let call = 0; call < 2_000; call++) {
      if (!throttle.admits(call, () => entropy.random())) continue
      through += 1
      throttle.ended(false, call)
    }
    expect(through).toBeGreaterThan(5)
    expect(through).toBeLessThan(100)
  })
})
