import { describe, expect, it } from 'vitest'
import { createRealClock } from '../../runtime/index.ts'
import { FakeTimeouts } from '../support/fake-timeouts.ts'

describe('the real clock', () => {
  const clock = createRealClock()

  it('never goes back, and is not virtual', () => {
    const before = clock.now()
    expect(clock.now()).toBeGreaterThanOrEqual(before)
    expect(clock.virtual).toBe(false)
    expect(clock.wallNow()).toBeGreaterThan(1_700_000_000_000)
  })

  it('a microtask runs before the next turn, a turn before a later timer', async () => {
    const order: string[] = []
    await new Promise<void>((resolve) => {
      clock.setTimer(100, () => {
        order.push('timer')
        resolve()
      })
      clock.nextTurn(() => order.push('turn'))
      clock.microtask(() => order.push('microtask'))
      order.push('now')
    })
    expect(order).toEqual(['now', 'microtask', 'turn', 'timer'])
  })

  it('a cancelled timer does not fire, and may be cancelled again', async () => {
    let fired = false
    const timer = clock.setTimer(1, () => (fired = true))
    timer.unref()
    timer.ref()
    timer.cancel()
    timer.cancel()
    await new Promise<void>((resolve) => void clock.setTimer(5, resolve))
    expect(fired).toBe(false)
  })

  it('a delay beyond what setTimeout takes does not fire at once', async () => {
    let fired = false
    const timer = clock.setTimer(2 ** 40, () => (fired = true))
    await new Promise<void>((resolve) => void clock.setTimer(5, resolve))
    timer.cancel()
    expect(fired).toBe(false)
  })

  it('a delay beyond what setTimeout takes is waited for in parts, to its end', () => {
    using timeouts = new FakeTimeouts()
    const fired: string[] = []
    const partMs = 2 ** 31 - 1
    clock.setTimer(2 * partMs + 10, () => fired.push('long'))
    const cancelled = clock.setTimer(partMs + 10, () => fired.push('cancelled'))
    clock.setTimer(partMs + 5, () => fired.push('unref')).unref()
    timeouts.advance(partMs + 4)
    expect(fired).toEqual([])
    cancelled.cancel()
    timeouts.advance(1)
    expect(fired).toEqual(['unref'])
    timeouts.advance(partMs + 4)
    expect(fired).toEqual(['unref'])
    timeouts.advance(1)
    expect(fired).toEqual(['unref', 'long'])
    expect(timeouts.count).toBe(0)
  })
})
