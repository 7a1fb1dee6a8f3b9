import { describe, expect, it } from 'vitest'
import { FakeWorld } from './fake-world.ts'

describe('a small cluster', () => {
  it('S34 knows all after the first exchange', () => {
    const world = new FakeWorld()
    const ids = world.cluster(8)
    for (const id of ids) {
      expect(
        world
          .core(id)
          .members()
          .map((member) => `${member.id} ${member.status}`)
          .sort(),
      ).toEqual(ids.map((other) => `${other} alive`))
    }
  })

  it('S30 declares a crashed member dead', () => {
    const world = new FakeWorld()
    const ids = world.cluster(5)
    world.crash('n3')
    world.run(world.nowMs + 40_000)
    for (const id of ids) if (id !== 'n3') expect(world.statusAt(id, 'n3')).toBe('dead')
    expect(world.statusAt('n0', 'n1')).toBe('alive')
  })

  it('S35 sees a leave, never a death', () => {
    const world = new FakeWorld()
    const ids = world.cluster(5)
    world.input('n2', { type: 'leave' })
    world.run(world.nowMs + 6_000)
    world.crash('n2')
    world.run(world.nowMs + 30_000)
    for (const id of ids) {
      if (id !== 'n2') expect(world.events(id, 'n2')).toEqual(['up', 'left'])
    }
    expect(world.seen.filter(({ effect }) => effect.type === 'left')).toHaveLength(1)
  })

  it('S37 heals a partition after both sides reaped each other', () => {
    const world = new FakeWorld({ tombstoneMs: 60_000 })
    const ids = world.cluster(6)
    const side = (id: string) => (Number(id.slice(1)) < 3 ? 0 : 1)
    world.delivers = (from, to) => side(from) === side(to)
    world.run(world.nowMs + 300_000)
    expect(world.core('n0').members()).toHaveLength(3)
    world.delivers = () => true
    world.run(world.nowMs + 120_000)
    for (const id of ids) for (const other of ids) expect(world.statusAt(id, other)).toBe('alive')
  })
})
