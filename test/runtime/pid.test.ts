import { describe, expect, it } from 'vitest'
import { formatPid, homeOf, isPid, pidEquals, pidKey } from '../../runtime/index.ts'
import { createWorld, idle } from './world.ts'
import type { Pid } from '../../runtime/index.ts'

describe('pids', () => {
  it('of one process are equal, whoever decoded them, and unequal in any part otherwise', () => {
    const { system } = createWorld({ node: 'a' })
    const pid = system.pidFor('b', 7, 1)
    expect(pidEquals(pid, system.pidFor('b', 7, 1))).toBe(true)
    const others: [string, number, number][] = [
      ['c', 7, 1],
      ['b', 8, 1],
      ['b', 7, 2],
    ]
    for (const parts of others) {
      const other = system.pidFor(...parts)
      expect(pidEquals(pid, other)).toBe(false)
      expect(pidKey(pid)).not.toBe(pidKey(other))
    }
    expect(pidKey(pid)).toBe(pidKey(system.pidFor('b', 7, 1)))
  })

  it('know their home, the system that made or decoded them, and do not show it', () => {
    const { system } = createWorld()
    const pid = idle(system)
    expect(homeOf(pid)).toBe(system)
    expect(homeOf(system.pidFor('elsewhere', 1, 0))).toBe(system)
    expect(Object.keys(pid)).toEqual(['node', 'id', 'incarnation'])
    expect(JSON.parse(JSON.stringify(pid))).toEqual({
      node: system.node,
      id: pid.id,
      incarnation: 0,
    })
  })

  it('a look-alike is not one', () => {
    const fake: Pid = { node: 'a', id: 1, incarnation: 0 }
    expect(isPid(fake)).toBe(false)
    expect([null, undefined, 1, 'a'].some(isPid)).toBe(false)
    expect(() => homeOf(fake)).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
  })

  it('are short in logs', () => {
    const { system } = createWorld({ node: 'f'.repeat(64), incarnation: 2 })
    const pid = idle(system)
    expect(String(pid)).toBe(`<ffffffffffffff.${pid.id}.2>`)
    expect(formatPid(pid)).toBe(String(pid))
  })
})
