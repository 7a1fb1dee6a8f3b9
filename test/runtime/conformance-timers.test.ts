/** Timers: cases TM of the conformance list. */
import { describe, expect, it } from 'vitest'
import { createWorld, observe } from './world.ts'

describe('timers', () => {
  it('TM-01 a message comes once, not before its time', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system)
    system.sendAfter(10, pid, 'm')
    await clock.advance(9)
    expect(seen).toEqual([])
    await clock.advance(1)
    expect(seen).toEqual(['m'])
    await clock.advance(1000)
    expect(seen).toEqual(['m'])
  })

  it('TM-01 cancel before it fires returns what was left and suppresses it', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system)
    const ref = system.sendAfter(100, pid, 'm')
    expect(system.readTimer(ref)).toBe(100)
    await clock.advance(30)
    expect(system.readTimer(ref)).toBe(70)
    expect(system.cancelTimer(ref)).toBe(70)
    expect(system.readTimer(ref)).toBe(false)
    await clock.advance(1000)
    expect(seen).toEqual([])
  })

  it('TM-01 cancel after it fired returns false', async () => {
    const { clock, system } = createWorld()
    const { pid } = observe(system)
    const ref = system.sendAfter(1, pid, 'm')
    await clock.advance(1)
    expect(system.cancelTimer(ref)).toBe(false)
  })

  it('TM-02 startTimer delivers { timeout, ref, message } with the ref it returned', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system)
    const ref = system.startTimer(5, pid, 'm')
    await clock.advance(5)
    expect(seen).toEqual([{ type: 'timeout', ref, message: 'm' }])
    expect((seen[0] as { ref: unknown }).ref).toBe(ref)
  })

  it('TM-03 a timer aimed at a pid that dies is dropped', async () => {
    const { clock, system } = createWorld()
    const { pid } = observe(system)
    const ref = system.sendAfter(10, pid, 'm')
    system.exit(pid, 'kill')
    expect(system.readTimer(ref)).toBe(false)
    expect(system.stats().timers).toBe(0)
    await clock.advance(20)
    expect(system.stats().messagesDroppedNoproc).toBe(0)
  })

  it('TM-03 a timer aimed at a dead pid is never armed', async () => {
    const { clock, system } = createWorld()
    const pid = system.spawn(() => {})
    await clock.settle()
    expect(system.readTimer(system.sendAfter(10, pid, 'm'))).toBe(false)
    expect(system.stats().timers).toBe(0)
  })

  it('TM-01 a timer is read and cancelled by its own clock, whichever system is asked', async () => {
    const { clock, system } = createWorld()
    const { clock: otherClock, system: other } = createWorld()
    await otherClock.advance(5000)
    const { pid, seen } = observe(system)
    const ref = system.sendAfter(100, pid, 'm')
    await clock.advance(40)
    expect(other.readTimer(ref)).toBe(60)
    expect(other.cancelTimer(ref)).toBe(60)
    await clock.advance(1000)
    expect(seen).toEqual([])
  })
})
