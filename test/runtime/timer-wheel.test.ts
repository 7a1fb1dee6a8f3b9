import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NOT_TIMED, TimerWheel } from '../../runtime/timer-wheel.ts'
import type { Timed } from '../../runtime/timer-wheel.ts'

class Entry implements Timed {
  at = 0
  slot = NOT_TIMED
  timedPrev: Timed | undefined = undefined
  timedNext: Timed | undefined = undefined
  readonly delayMs: number
  readonly name: string
  readonly #fired: string[]
  constructor(fired: string[], delayMs: number, name: string) {
    this.#fired = fired
    this.delayMs = delayMs
    this.name = name
  }
  expire(): void {
    this.#fired.push(this.name)
  }
}

const add = (wheel: TimerWheel, fired: string[], delayMs: number, name: string): Entry => {
  const entry = new Entry(fired, delayMs, name)
  wheel.add(entry)
  return entry
}

describe('timer wheel', () => {
  it('fires at the millisecond, not before', () => {
    for (const delayMs of [0, 1, 31, 32, 33, 1023, 1024, 5000, 32_768, 10_000_000, 2 ** 35]) {
      const wheel = new TimerWheel()
      const fired: string[] = []
      add(wheel, fired, delayMs, 'x')
      wheel.stamp(7)
      wheel.expire(7 + delayMs - 1, 10)
      const early = fired.length
      wheel.expire(7 + delayMs, 10)
      expect([early, fired]).toEqual([0, ['x']])
      expect(wheel.size).toBe(0)
      expect(wheel.nextDueMs()).toBe(Infinity)
    }
  })

  it('a delay counts from the stamp, fractions are rounded up', () => {
    const wheel = new TimerWheel()
    const fired: string[] = []
    add(wheel, fired, 10.2, 'x')
    wheel.stamp(100.5)
    wheel.expire(110.9, 10)
    expect(fired).toEqual([])
    wheel.expire(111, 10)
    expect(fired).toEqual(['x'])
  })

  it('an entry that is removed before its stamp never reaches a slot', () => {
    const wheel = new TimerWheel()
    const fired: string[] = []
    const [a, b, c] = ['a', 'b', 'c'].map((name) => add(wheel, fired, 1, name))
    wheel.remove(b!)
    wheel.remove(a!)
    wheel.stamp(0)
    expect(wheel.size).toBe(1)
    wheel.remove(c!)
    expect(wheel.size).toBe(0)
    expect(wheel.nextDueMs()).toBe(Infinity)
    wheel.remove(c!)
    expect(wheel.size).toBe(0)
  })

  it('fires no more than it may at once, and the rest next', () => {
    const wheel = new TimerWheel()
    const fired: string[] = []
    for (let i = 0; i < 5; i++) add(wheel, fired, 3, String(i))
    wheel.stamp(0)
    expect(wheel.expire(3, 2)).toBe(true)
    expect(fired).toEqual(['0', '1'])
    expect(wheel.expire(3, 3)).toBe(false)
    expect(fired).toEqual(['0', '1', '2', '3', '4'])
  })

  it('an entry may remove others of its own instant', () => {
    const wheel = new TimerWheel()
    const fired: string[] = []
    const second = new Entry(fired, 1, 'second')
    const first = new (class extends Entry {
      override expire(): void {
        super.expire()
        wheel.remove(second)
      }
    })(fired, 1, 'first')
    wheel.add(first)
    wheel.add(second)
    wheel.stamp(0)
    wheel.expire(1, 10)
    expect(fired).toEqual(['first'])
  })

  it('clear drops every entry, stamped or not', () => {
    const wheel = new TimerWheel()
    const fired: string[] = []
    add(wheel, fired, 5, 'a')
    wheel.stamp(0)
    add(wheel, fired, 5, 'b')
    const dropped: string[] = []
    wheel.clear((entry) => void dropped.push((entry as Entry).name))
    expect(dropped.sort()).toEqual(['a', 'b'])
    expect(wheel.size).toBe(0)
    wheel.expire(1000, 10)
    expect(fired).toEqual([])
  })

  it('fires like a list sorted by (due time, order of stamping), whatever is added and removed', () => {
    const step = fc.oneof(
      fc.record({
        type: fc.constant('add' as const),
        delayMs: fc.oneof(fc.nat(70), fc.nat(3000), fc.nat(2_000_000)),
      }),
      fc.record({ type: fc.constant('remove' as const), which: fc.nat(50) }),
      fc.record({
        type: fc.constant('advance' as const),
        ms: fc.oneof(fc.nat(40), fc.nat(2000), fc.nat(3_000_000)),
      }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.nat(2 ** 48), (steps, startMs) => {
        const wheel = new TimerWheel()
        const fired: string[] = []
        const expected: string[] = []
        let model: { entry: Entry; at: number; order: number }[] = []
        let nowMs = startMs
        let order = 0
        wheel.expire(nowMs, 1)
        for (const each of steps) {
          if (each.type === 'add') {
            const entry = add(wheel, fired, each.delayMs, String(order))
            wheel.stamp(nowMs)
            model.push({ entry, at: nowMs + each.delayMs, order: order++ })
          } else if (each.type === 'remove') {
            const [gone] = model.splice(each.which % Math.max(1, model.length), 1)
            if (gone !== undefined) wheel.remove(gone.entry)
          } else {
            nowMs += each.ms
            wheel.expire(nowMs, 1000)
            const due = model.filter(({ at }) => at <= nowMs)
            due.sort((a, b) => a.at - b.at || a.order - b.order)
            expected.push(...due.map(({ entry }) => entry.name))
            model = model.filter(({ at }) => at > nowMs)
          }
          expect(fired).toEqual(expected)
          expect(wheel.size).toBe(model.length)
          const nextAt = Math.min(...model.map(({ at }) => at))
          expect(wheel.nextDueMs()).toBeLessThanOrEqual(nextAt)
        }
      }),
    )
  })
})
