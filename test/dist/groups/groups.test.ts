/** Process groups on whole simulated nodes (pg_SUITE). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FoveaNode, GroupEvent, GroupsMonitor } from '../../../dist/index.ts'
import type { Pid } from '../../../runtime/index.ts'
import {
  Counter,
  CounterContract,
  during,
  probe,
  startWorld,
  type LoggedWorld,
} from '../support/world.ts'

function idle(node: FoveaNode): Pid {
  return node.system.spawn((ctx) => ctx.receive(undefined, { timeoutMs: Infinity }))
}

const idsOf = (refs: readonly { readonly pid: Pid }[]): number[] =>
  refs.map(({ pid }) => pid.id).sort((a, b) => a - b)

function codeOf(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return (error as { readonly code?: unknown }).code
  }
}

describe('process groups', () => {
  let world: LoggedWorld
  let a: FoveaNode
  let b: FoveaNode
  let c: FoveaNode
  beforeAll(async () => {
    world = await startWorld(3, {
      network: { latencyMs: 2 },
      node: { groups: { groupBytesMax: 8, scopesMax: 9, ownMembersMax: 40, monitorsMax: 3 } },
    })
    ;[a, b, c] = world.nodes as [FoveaNode, FoveaNode, FoveaNode]
    a.groups.scope('s')
    b.groups.scope('s')
    await world.clock.advance(2_000)
  })
  afterAll(() => world.stop())
  const step = (): Promise<void> => world.clock.advance(20)

  it('PG-01 PG-02 PG-06 who joins three times is in it three times, here and elsewhere, and leaves three times', async () => {
    const [mine, theirs] = [a.groups.scope('s'), b.groups.scope('s')]
    const p = idle(a)
    expect(mine.leave('g', p)).toBe(false)
    for (let i = 0; i < 3; i++) mine.join('g', p)
    expect(mine.members('g')).toHaveLength(3)
    await step()
    expect(idsOf(theirs.members('g'))).toEqual([p.id, p.id, p.id])
    expect(theirs.localMembers('g')).toEqual([])
    expect(theirs.groups()).toEqual(['g'])
    expect(theirs.localGroups()).toEqual([])
    expect([mine.leave('g', p), mine.members('g').length]).toEqual([true, 2])
    expect([mine.leave('g', [p, p]), mine.leave('g', p)]).toEqual([true, false])
    await step()
    expect(theirs.groups()).toEqual([])
  })

  it('PG-03 PG-15 all memberships of a process go with it, and one that has ended joins in vain', async () => {
    const [mine, theirs] = [a.groups.scope('s'), b.groups.scope('s')]
    const p = idle(a)
    mine.join('g', p)
    mine.join('h', [p, p])
    await step()
    expect(theirs.groups().sort()).toEqual(['g', 'h'])
    a.system.exit(p, 'kill')
    expect(mine.groups()).toEqual([])
    await step()
    expect(theirs.groups()).toEqual([])
    mine.join('g', p)
    expect(mine.members('g')).toEqual([])
  })

  it('PG-05 a process of another node cannot be joined, and nobody of a list with it', async () => {
    const mine = a.groups.scope('s')
    const foreign = a.system.pidFor(b.key.hex, idle(b).id, b.mesh.identity.incarnation)
    expect(codeOf(() => mine.join('g', [idle(a), foreign]))).toBe('ERR_GROUPS_NOLOCAL')
    expect(codeOf(() => mine.leave('g', foreign))).toBe('ERR_GROUPS_NOLOCAL')
    expect(codeOf(() => mine.join('g', [idle(a), undefined as never]))).toBe('ERR_GROUPS_NOLOCAL')
    expect(mine.members('g')).toEqual([])
  })

  it('PG-09 PG-11 G8 a monitor begins with what is there and hears the rest, a list as one event', async () => {
    const [mine, theirs] = [a.groups.scope('s'), b.groups.scope('s')]
    const p = idle(a)
    mine.join('g', p)
    await step()
    const heard: string[] = []
    const told = ({ type, group, members }: GroupEvent): void =>
      void heard.push(`${type} ${group} ${members.length}`)
    const monitor = theirs.monitor(told)
    const only = theirs.monitor(told, { group: 'other' })
    const { pid, seen } = probe(b)
    theirs.monitor(pid)
    expect(codeOf(() => theirs.monitor(told))).toBe('ERR_GROUPS_MONITORS_MAX')
    expect(idsOf(monitor.groups.get('g')!)).toEqual([p.id])
    expect(only.groups.size).toBe(0)
    mine.join('g', [p, idle(a)])
    await step()
    mine.leave('g', p)
    await step()
    expect(heard).toEqual(['join g 2', 'leave g 1'])
    expect(seen).toMatchObject([{ type: 'group', event: { type: 'join' } }, { type: 'group' }])
    expect([monitor.demonitor(), monitor.demonitor(), only.demonitor()]).toEqual([
      true,
      false,
      true,
    ])
    b.system.exit(pid, 'kill')
    await step()
    mine.leave('g', p)
    await step()
    expect(heard).toHaveLength(2)
    theirs.monitor(told).demonitor()
  })

  it('PG-09 PG-11 monitors hear one order, whatever one of them does meanwhile, and nothing after their end', () => {
    const scope = a.groups.scope('s')
    const p = idle(a)
    const heard: string[] = []
    let late: GroupsMonitor | undefined
    const first = scope.monitor(({ type }) => {
      if (type === 'leave') return
      ended.demonitor()
      scope.leave('brief', p)
      late = scope.monitor((event) => heard.push(`late ${event.type}`))
    })
    const second = scope.monitor(({ type }) => heard.push(type))
    const ended = scope.monitor(() => heard.push('told after its end'))
    scope.join('brief', p)
    expect(heard).toEqual(['join', 'leave'])
    // It began when all of that had happened.
    expect(late?.groups.has('brief')).toBe(false)
    for (const monitor of [first, second, late]) monitor?.demonitor()
    a.system.exit(p, 'kill')
  })

  it('PG-12 G9 scopes know nothing of each other, and who is in none is sent nothing', async () => {
    const other = a.groups.scope('s2')
    const p = idle(a)
    a.groups.scope('s').join('x', p)
    await step()
    expect(other.members('x')).toEqual([])
    expect(c.groups.getStats()).toEqual({ scopes: 0, own: 0, known: 0 })
    expect(c.stats().refused).not.toHaveProperty('ERR_PRESENCE_UNWANTED')
    c.groups.scope('s2')
    await world.clock.advance(500)
    expect(c.groups.getStats()).toEqual({ scopes: 1, own: 0, known: 0 })
    other.join('y', p)
    await step()
    expect(idsOf(c.groups.scope('s2').members('y'))).toEqual([p.id])
    expect(b.groups.getStats().scopes).toBe(1)
    c.groups.scope('s2').close()
    other.close()
  })

  it('PG-13 PG-14 a scope that is closed is noproc, and opened again has what others say', async () => {
    const [mine, theirs] = [a.groups.scope('s'), b.groups.scope('s')]
    const [p, q] = [idle(a), idle(b)]
    mine.join('r', p)
    theirs.join('r', q)
    await step()
    mine.close()
    expect(() => mine.join('r', p)).toThrow(
      expect.objectContaining({ code: 'ERR_GROUPS_NO_SCOPE', reason: 'noproc' }),
    )
    await step()
    expect(idsOf(theirs.members('r'))).toEqual([q.id])
    const again = a.groups.scope('s')
    await world.clock.advance(500)
    expect(again.localMembers('r')).toEqual([])
    expect(idsOf(again.members('r'))).toEqual([q.id])
  })

  it('messages go to all, to those of this node, or to one, and casts by name', async () => {
    const [mine, theirs] = [a.groups.scope('s'), b.groups.scope('s')]
    const probes = [probe(a), probe(b)]
    mine.join('d', probes[0]!.pid)
    theirs.join('d', probes[1]!.pid)
    await step()
    expect(mine.dispatch('d', 1)).toBe(2)
    expect(mine.dispatch('d', 2, { to: 'local' })).toBe(1)
    expect(mine.dispatch('d', 3, { to: 'one' })).toBe(1)
    expect(mine.dispatch('nobody', 3)).toBe(0)
    expect(codeOf(() => mine.dispatch('d', 4, { to: 'none' as 'one' }))).toBe('ERR_ARGUMENT')
    expect(codeOf(() => mine.monitor(undefined as never))).toBe('ERR_ARGUMENT')
    await step()
    expect(probes.map(({ seen }) => seen)).toEqual([[1, 2, 3], [1]])
    const counter = await during(world, Counter.start(0, { system: b.system }))
    theirs.join('c', counter)
    await step()
    expect(mine.cast('c', 'add', 4)).toBe(1)
    expect(await during(world, mine.members('c', CounterContract)[0]!.call.get())).toBe(4)
    expect(mine.members('c')[0]!.contract).toBe('counter/1')
  })

  it('limits and names are refused at once', () => {
    const mine = a.groups.scope('s')
    expect(codeOf(() => mine.join('123456789', idle(a)))).toBe('ERR_GROUPS_NAME_INVALID')
    mine.join('12345678', idle(a))
    expect(codeOf(() => a.groups.scope('a.b'))).toBe('ERR_GROUPS_SCOPE_INVALID')
    const { own } = a.groups.getStats()
    const p = idle(a)
    expect(codeOf(() => mine.join('m', new Array<Pid>(41 - own).fill(p)))).toBe(
      'ERR_GROUPS_MEMBERS_MAX',
    )
    expect(mine.members('m')).toEqual([])
    mine.join('m', new Array<Pid>(40 - own).fill(p))
    a.system.exit(p, 'kill')
    for (let i = a.groups.getStats().scopes; i < 9; i++) a.groups.scope(`n${i}`)
    expect(codeOf(() => a.groups.scope('one_more'))).toBe('ERR_GROUPS_SCOPES_MAX')
  })

  it('memberships survive a crash of the process of groups', async () => {
    const [mine, theirs] = [a.groups.scope('s'), b.groups.scope('s')]
    const p = idle(a)
    mine.join('k', p)
    await step()
    for (const node of [a, b]) {
      for (const process of Array.from(node.system.processes())) {
        if (process.label === 'fovea.groups/1') node.system.exit(process.pid, 'kill')
      }
    }
    mine.join('k', p)
    await world.clock.advance(100)
    expect(theirs.members('k')).toHaveLength(2)
    expect(mine.members('k')).toHaveLength(2)
  })
})

describe('process groups of parts', () => {
  it('PG-07 PG-08 G8 members of a node that is gone are gone, and come back as the union, once', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const [p, q] = [idle(a), idle(b)]
    a.groups.join('g', p)
    b.groups.join('g', q)
    await world.clock.advance(2_000)
    expect(idsOf(a.groups.members('g'))).toEqual(idsOf([{ pid: p }, { pid: q }]))
    world.partition(a, b)
    await world.clock.advance(30_000)
    expect(idsOf(a.groups.members('g'))).toEqual([p.id])
    const r = idle(b)
    b.groups.join('g', r)
    world.heal()
    await world.connected()
    await world.clock.advance(5_000)
    for (const node of [a, b]) expect(node.groups.members('g')).toHaveLength(3)
  })
})
