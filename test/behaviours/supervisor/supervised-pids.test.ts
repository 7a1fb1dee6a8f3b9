/** The map of children by pid. */
import { beforeEach, expect, it } from 'vitest'
import { PidMap } from '../../../behaviours/supervisor/supervised-pids.ts'
import { idler, world } from '../world.ts'
import type { Pid, System } from '../../../runtime/index.ts'

let system: System
let map: PidMap<string>
let local: Pid

beforeEach(() => {
  system = world('a').system
  local = idler(system)
  map = new PidMap<string>(idler(system))
})

it('finds a local pid by any pid that is equal to it', () => {
  map.set(local, 'x')
  const decoded = world('a').system.pidFor(local.node, local.id, local.incarnation)
  expect(decoded).not.toBe(local)
  expect([map.get(local), map.get(decoded), map.has(decoded), map.size]).toEqual([
    'x',
    'x',
    true,
    1,
  ])
})

it('keeps apart pids of one number: of another node, of another incarnation, of both', () => {
  const pids = [
    local,
    system.pidFor('b', local.id, local.incarnation),
    system.pidFor(local.node, local.id, local.incarnation + 1),
    system.pidFor('b', local.id, local.incarnation + 1),
  ]
  pids.forEach((pid, index) => map.set(pid, String(index)))
  expect(pids.map((pid) => map.get(pid))).toEqual(['0', '1', '2', '3'])
  expect([...map.values()]).toEqual(['0', '1', '2', '3'])
  expect([map.delete(pids[1]!), map.delete(pids[1]!)]).toEqual([true, false])
  expect(pids.map((pid) => map.has(pid))).toEqual([true, false, true, true])
  map.clear()
  expect([map.size, map.has(local)]).toEqual([0, false])
})
