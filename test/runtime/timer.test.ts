import { describe, expect, it } from 'vitest'
import { createSystem, TIMER_DELAY_MS_MAX } from '../../runtime/index.ts'
import { createCountingClock, createWorld, idle, nextTurn, observe } from './world.ts'
import type { Process, System } from '../../runtime/index.ts'

const start = (system: System): Process => system.start({ label: 'timed', handle: () => {} })

describe('timers of a process', () => {
  it('setTimer runs in the name of its process', async () => {
    const { clock, system } = createWorld()
    const process = start(system)
    let ranAtMs: number | undefined
    const ref = system.setTimer(process, 25, () => (ranAtMs = clock.now()))
    expect(system.readTimer(ref)).toBe(25)
    await clock.advance(30)
    expect(ranAtMs).toBe(25)
  })

  it('setTimer dies with its process, and with its owner sendAfter', async () => {
    const { clock, system } = createWorld()
    const process = start(system)
    const other = observe(system)
    let ran = false
    system.setTimer(process, 10, () => (ran = true))
    system.sendAfter(10, other.pid, 'm', { owner: process.pid })
    expect(system.stats().timers).toBe(2)
    process.exit('normal')
    expect(system.stats().timers).toBe(0)
    await clock.advance(20)
    expect(ran).toBe(false)
    expect(other.seen).toEqual([])
  })

  it('a timer of a dead process is never armed', async () => {
    const { clock, system } = createWorld()
    const process = start(system)
    process.exit('normal')
    const refs = [
      system.setTimer(process, 1, () => {}),
      system.sendAfter(1, idle(system), 'm', { owner: process.pid }),
    ]
    expect(refs.map((ref) => system.readTimer(ref))).toEqual([false, false])
    await clock.advance(2)
    expect(system.stats().timers).toBe(0)
  })

  it('a callback that throws ends its process only', async () => {
    const { clock, system, errors } = createWorld()
    const process = start(system)
    system.setTimer(process, 1, () => {
      throw new Error('late')
    })
    await clock.advance(1)
    expect(process.alive).toBe(false)
    expect(errors).toHaveLength(1)
  })

  it('a name is looked up when the timer fires', async () => {
    const { clock, system } = createWorld()
    system.sendAfter(10, 'later', 'm')
    const { pid, seen } = observe(system)
    system.register('later', pid)
    await clock.advance(10)
    expect(seen).toEqual(['m'])
  })

  it('timers of one instant fire in the order they were made', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system)
    for (const value of [1, 2, 3, 4]) system.sendAfter(100, pid, value)
    await clock.advance(100)
    expect(seen).toEqual([1, 2, 3, 4])
  })

  it('delay 0 comes without time passing, after what is queued', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system)
    system.sendAfter(0, pid, 'timer')
    system.send(pid, 'message')
    await clock.settle()
    expect(seen).toEqual(['message', 'timer'])
    expect(clock.now()).toBe(0)
  })

  it.each([-1, Number.NaN, Infinity, TIMER_DELAY_MS_MAX + 1])('delay %d is refused', (delayMs) => {
    const { system } = createWorld()
    expect(() => system.sendAfter(delayMs, idle(system), 'm')).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT', argument: 'delayMs' }),
    )
  })

  it('the longest delay is accepted', () => {
    const { system } = createWorld()
    const ref = system.sendAfter(TIMER_DELAY_MS_MAX, idle(system), 'm')
    expect(system.readTimer(ref)).toBe(TIMER_DELAY_MS_MAX)
  })

  it('a ref that is not ours is no timer', () => {
    const { system } = createWorld()
    expect(system.cancelTimer({ node: 'x', id: 1 })).toBe(false)
    expect(system.readTimer({ node: 'x', id: 1 })).toBe(false)
  })

  it('a timer is refused at timersMax + 1, not at timersMax', () => {
    const { system } = createWorld({ timersMax: 2 })
    const pid = idle(system)
    const first = system.sendAfter(1, pid, 'm')
    system.sendAfter(1, pid, 'm')
    expect(() => system.sendAfter(1, pid, 'm')).toThrow(
      expect.objectContaining({ code: 'ERR_TIMERS_MAX', max: 2 }),
    )
    system.cancelTimer(first)
    expect(() => system.sendAfter(1, pid, 'm')).not.toThrow()
  })
})

describe('the clock timer', () => {
  it('there is one at most, and none when nothing is timed', async () => {
    const { clock, system } = createWorld()
    const pid = idle(system)
    await clock.settle()
    expect(clock.timerCount).toBe(0)
    const refs = [500, 100, 300].map((delayMs) => system.sendAfter(delayMs, pid, 'm'))
    await clock.settle()
    expect(clock.timerCount).toBe(1)
    for (const ref of refs) system.cancelTimer(ref)
    await clock.advance(1000)
    expect(clock.timerCount).toBe(0)
  })

  it('NX-L14 it holds the program alive only while something is timed', async () => {
    const clock = createCountingClock()
    await using system = createSystem({ clock })
    const pid = idle(system)
    for (const delayMs of [60_000, 90_000]) {
      const ref = system.sendAfter(delayMs, pid, 'm')
      await nextTurn()
      await nextTurn()
      expect(clock.holding).toBe(1)
      system.cancelTimer(ref)
      expect(clock.holding).toBe(0)
    }
  })
})
