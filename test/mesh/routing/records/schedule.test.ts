import { describe, expect, it } from 'vitest'
import { Schedule } from '../../../../mesh/routing/records/schedule.ts'

describe('Schedule', () => {
  it('gives each name once, when its time has come, the earliest first', () => {
    const schedule = new Schedule()
    schedule.set('late', 30)
    schedule.set('early', 10)
    schedule.set('moved', 5)
    schedule.set('moved', 20)
    schedule.set('dropped', 1)
    schedule.delete('dropped')
    schedule.delete('unknown')
    expect([schedule.size, schedule.earliest(), schedule.has('dropped')]).toEqual([3, 10, false])
    expect(schedule.takeDue(9)).toBeUndefined()
    expect([10, 20, 30, 40].map((nowMs) => schedule.takeDue(nowMs))).toEqual([
      'early',
      'moved',
      'late',
      undefined,
    ])
    expect([schedule.size, schedule.earliest(), schedule.has('early')]).toEqual([
      0,
      Infinity,
      false,
    ])
  })
})
