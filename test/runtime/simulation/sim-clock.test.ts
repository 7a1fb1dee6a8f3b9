import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSimClock } from '../../../runtime/index.ts'

describe('SimClock', () => {
  it('stands still until it is moved, then stands at the end of the move', async () => {
    const clock = createSimClock({ startMs: 1000 })
    expect([clock.now(), clock.wallNow()]).toEqual([1000, 1000])
    await clock.advance(250)
    expect(clock.now()).toBe(1250)
  })

  it('fires timers in the order (time, sequence), each at its own instant', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 30 }), async (delays) => {
        const clock = createSimClock()
        const fired: [number, number][] = []
        delays.forEach(
          (delayMs, i) => void clock.setTimer(delayMs, () => fired.push([clock.now(), i])),
        )
        await clock.advance(50)
        const expected = delays.map((delayMs, i): [number, number] => [delayMs, i])
        expected.sort((a, b) => a[0] - b[0] || a[1] - b[1])
        expect(fired).toEqual(expected)
        expect(clock.timerCount).toBe(0)
      }),
      { numRuns: 30 },
    )
  })

  it('cancels timers, also from the middle of many', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(20), fc.boolean())), async (plan) => {
        const clock = createSimClock()
        const fired: number[] = []
        const timers = plan.map(([delayMs], i) => clock.setTimer(delayMs, () => fired.push(i)))
        plan.forEach(([, cancelled], i) => {
          if (cancelled) timers[i]!.cancel()
        })
        await clock.advance(20)
        const expected = plan.flatMap(([delayMs, cancelled], i) =>
          cancelled ? [] : [[delayMs, i]],
        )
        expected.sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!)
        expect(fired).toEqual(expected.map(([, i]) => i))
      }),
      { numRuns: 30 },
    )
  })

  it('lets the program settle between two instants', async () => {
    const clock = createSimClock()
    const log: string[] = []
    const later = async (name: string): Promise<void> => {
      for (let i = 0; i < 50; i++) await Promise.resolve()
      await new Promise<void>((resolve) => clock.nextTurn(resolve))
      log.push(`${name} done at ${clock.now()}`)
    }
    clock.setTimer(1, () => void later('first'))
    clock.setTimer(2, () => void later('second'))
    await clock.advance(10)
    expect(log).toEqual(['first done at 1', 'second done at 2'])
  })

  it('a timer set for now while time stands fires in the same move', async () => {
    const clock = createSimClock()
    const fired: number[] = []
    clock.setTimer(5, () => {
      clock.setTimer(0, () => {
        fired.push(clock.now())
        clock.setTimer(5, () => fired.push(clock.now()))
      })
    })
    await clock.advance(10)
    expect(fired).toEqual([5, 10])
  })

  it('settle runs every pending turn, also those asked for by turns', async () => {
    const clock = createSimClock()
    let turns = 0
    const again = (): void => {
      if (++turns < 100) clock.nextTurn(again)
    }
    clock.nextTurn(again)
    await clock.settle()
    expect(turns).toBe(100)
    expect(clock.now()).toBe(0)
  })

  it('a program that never comes to rest is refused at settleTurnsMax + 1, not at settleTurnsMax', async () => {
    const clock = createSimClock({ settleTurnsMax: 10 })
    let left = 10
    const again = (): void => {
      if (--left > 0) clock.nextTurn(again)
    }
    clock.nextTurn(again)
    await clock.settle()
    expect(left).toBe(0)
    left = Infinity
    clock.nextTurn(again)
    await expect(clock.settle()).rejects.toMatchObject({
      code: 'ERR_SETTLE_TURNS_MAX',
      limit: 'settleTurnsMax',
      max: 10,
    })
    left = 0
    await clock.settle()
    left = 11
    clock.nextTurn(again)
    await expect(clock.advance(1)).rejects.toMatchObject({ code: 'ERR_SETTLE_TURNS_MAX' })
  })

  it.each([
    [10, undefined],
    [11, 'ERR_SETTLE_TURNS_MAX'],
  ])('gives up on a timer that arms itself anew for now: %i times', async (times, code) => {
    const clock = createSimClock({ settleTurnsMax: 10 })
    let left = times
    const again = (): void => {
      if (--left > 0) clock.setTimer(0, again)
    }
    clock.setTimer(0, again)
    const moved = clock.advance(0)
    if (code === undefined) await moved
    else await expect(moved).rejects.toMatchObject({ code })
    expect(left).toBe(code === undefined ? 0 : 1)
    await clock.advance(1)
    expect(left).toBe(0)
  })

  it('overlapping moves follow one another', async () => {
    const clock = createSimClock()
    await Promise.all([clock.advance(10), clock.advance(5), clock.settle()])
    expect(clock.now()).toBe(15)
  })

  it('knows when the next timer is due', () => {
    const clock = createSimClock({ startMs: 7 })
    expect(clock.nextTimerMs).toBe(Infinity)
    const timer = clock.setTimer(3, () => {})
    expect(clock.nextTimerMs).toBe(10)
    timer.cancel()
    timer.cancel()
    expect(clock.nextTimerMs).toBe(Infinity)
  })

  it.each([-1, Number.NaN, Infinity])('refuses to move by %d', (ms) => {
    expect(() => createSimClock().advance(ms)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
  })
})
