/** Joins, goodbyes, restarts, partitions and pauses: in the end all agree, within a bound. */
import { describe, expect, it } from 'vitest'
import { swimSettings } from '../../mesh/membership/swim/settings.ts'
import { watchProperties } from '../../mesh/simulation/checkers/index.ts'
import { SwimWorld, type SwimWorldOptions } from '../../mesh/simulation/swim-world.ts'
import { wilson } from '../../mesh/simulation/statistics.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const LONG = { timeout: 300_000 }
const seeds = (count: number): number[] => Array.from({ length: count }, (_, seed) => seed)

/** A world of nodes that know each other, with every checker at work. */
function watched(options: Partial<SwimWorldOptions> & { readonly nodes: number }): SwimWorld {
  const world = new SwimWorld({ seed: 1, ...options })
  watchProperties(world)
  world.run(3 * SECOND)
  return world
}

/** Milliseconds until all tables agree. */
function untilAgreed(world: SwimWorld, withinMs: number): number {
  const ms = world.runUntil(() => world.agrees(), withinMs, 200)
  expect(ms === undefined ? world.disagreements() : []).toEqual([])
  return ms ?? Infinity
}

describe('joining', LONG, () => {
  it.each([100, 1_000])(
    'S34 a node knows all after its first exchange, and is up at all, N = %i',
    (nodes) => {
      const world = new SwimWorld({ seed: 1, nodes: nodes + 1, warm: nodes, links: false })
      world.run(3 * SECOND)
      world.startJoining(nodes, [7])
      const knowsMs = world.runUntil(
        () => world.core.node(nodes).core!.stats().members.alive === nodes + 1,
        5 * SECOND,
      )
      expect(knowsMs).toBeLessThan(100)
      const limitMs = Math.ceil(Math.log2(nodes)) * 200 + 2 * SECOND
      const upMs = world.runUntil(() => world.allSee(nodes, 'alive'), MINUTE)
      expect(upMs).toBeLessThanOrEqual(limitMs)
    },
  )

  it('S34 a node whose seeds are down tries until one is there', () => {
    const world = new SwimWorld({ seed: 2, nodes: 3, warm: 0 })
    watchProperties(world)
    world.startJoining(0, [1, 2])
    world.run(5 * MINUTE)
    world.startJoining(1, [2])
    expect(untilAgreed(world, MINUTE)).toBeLessThanOrEqual(40 * SECOND)
    expect(world.core.node(0).core!.stats().members.alive).toBe(2)
  })

  it('S34 two islands become one as soon as one seed link exists', () => {
    const world = new SwimWorld({ seed: 3, nodes: 12, warm: 0 })
    watchProperties(world)
    for (let index = 0; index < 12; index++) world.startJoining(index, [index < 6 ? 0 : 6])
    world.run(20 * SECOND)
    expect(world.core.node(0).core!.stats().members.alive).toBe(6)
    world.join(3, [8])
    const spreadMs = Math.ceil(Math.log2(12)) * 200 + 2 * SECOND
    expect(untilAgreed(world, MINUTE)).toBeLessThanOrEqual(spreadMs)
  })

  it.each(['lan', 'local'] as const)(
    'S34 twenty nodes that start at once have found each other after two seconds, %s',
    (preset) => {
      for (const seed of seeds(8)) {
        const settings = swimSettings(preset)
        const world = new SwimWorld({ seed, nodes: 20, warm: 1, seeds: [0], settings })
        for (let index = 1; index < 20; index++) world.startJoining(index)
        expect(untilAgreed(world, MINUTE)).toBeLessThanOrEqual(2 * SECOND)
      }
    },
  )

  it('S34 a hundred nodes that start at once through one seed all find each other', () => {
    const world = new SwimWorld({ seed: 4, nodes: 100, warm: 1, seeds: [0] })
    for (let index = 1; index < 100; index++) world.startJoining(index)
    expect(untilAgreed(world, MINUTE)).toBeLessThan(8 * SECOND)
    expect(world.views.accusations).toEqual([])
  })
})

describe('leaving', LONG, () => {
  it.each([0, 0.1])('S35 a goodbye reaches everybody as one, at a loss of %f', (lossShare) => {
    let heard = 0
    let all = 0
    let accused = 0
    for (const seed of seeds(12)) {
      const world = new SwimWorld({ seed, nodes: 100, network: { lossShare }, links: false })
      world.run(3 * SECOND)
      world.leave(seed)
      world.run(12 * SECOND)
      const { id } = world.core.node(seed)
      heard += world.views.count(id, 'left', world.living())
      all += world.living().length
      accused += world.views.accusations.filter(({ subject }) => subject === id).length
    }
    expect(all).toBe(12 * 99)
    expect(wilson(heard, all).high).toBeGreaterThanOrEqual(0.999)
    expect(all - heard).toBeLessThanOrEqual(1)
    expect(accused).toBe(0)
  })

  it('S35 a goodbye ends when nobody is there to hear it', () => {
    const world = new SwimWorld({ seed: 1, nodes: 1 })
    world.run(SECOND)
    world.leave(0)
    expect(world.core.node(0).hasLeft).toBe(true)
  })

  it('S11 a goodbye holds against a suspicion on its way', () => {
    const world = watched({ nodes: 6 })
    world.core.network.add({ type: 'partition', groups: [[0]] })
    world.run(4 * SECOND)
    world.leave(0)
    world.run(10 * SECOND)
    expect(world.core.node(0).hasLeft).toBe(true)
    expect(world.core.node(0).running).toBe(false)
  })
})

describe('restarting', LONG, () => {
  const cases = [
    { name: 'at once', downMs: 50 },
    { name: 'while it is suspected', downMs: 5 * SECOND },
    { name: 'after its death', downMs: 40 * SECOND },
    { name: 'with a new address', downMs: 3 * SECOND, moved: true },
    { name: 'with a new address after its death', downMs: 40 * SECOND, moved: true },
    { name: 'with a lost disk', downMs: 50, disk: 'lost' },
    { name: 'with a lost disk after its death', downMs: 40 * SECOND, disk: 'lost' },
    { name: 'with lost disk and new address', downMs: 5 * SECOND, disk: 'lost', moved: true },
  ] as const

  it.each(cases)(
    'S36 of one node of 50, $name, ends with its new life at all',
    ({ name, ...how }) => {
      const world = watched({ nodes: 50 })
      world.runFaults([{ type: 'crash', atMs: world.nowMs, node: 9, ...how }])
      world.run(how.downMs + 10)
      const boundMs = Math.ceil(Math.log2(50)) * 200 + 2 * SECOND
      expect(`${name} ${untilAgreed(world, MINUTE) <= boundMs + 3 * SECOND}`).toBe(`${name} true`)
    },
  )

  it.each(['kept', 'lost'] as const)('S36 of all but one at once, disks %s', (disk) => {
    const world = watched({ nodes: 30, seeds: [29] })
    // Years of refutations: the one that stays is far ahead of lives that begin anew.
    for (let i = 0; i < 20; i++) {
      world.setMeta(29, 8)
      world.run(100)
    }
    world.runFaults(
      seeds(29).map((node) => ({
        type: 'crash',
        atMs: world.nowMs,
        node,
        downMs: 200 + 10 * node,
        disk,
      })),
    )
    world.run(500)
    expect(untilAgreed(world, 2 * MINUTE)).toBeLessThan(20 * SECOND)
    expect(world.living()).toHaveLength(30)
  })

  it('S36 of all, one after the other', () => {
    const world = watched({ nodes: 20 })
    world.runFaults(
      seeds(20).map((node) => ({
        type: 'crash',
        atMs: world.nowMs + 3 * SECOND * node,
        node,
        downMs: SECOND,
      })),
    )
    world.run(62 * SECOND)
    expect(untilAgreed(world, MINUTE)).toBeLessThan(5 * SECOND)
    expect(world.views.accusations.filter(({ sight }) => sight === 'dead')).toEqual([])
  })
})

describe('partitions', LONG, () => {
  const settings = swimSettings('lan', { tombstoneMs: 2 * MINUTE })

  it.each([
    { name: 'shorter than a suspicion', forMs: 4 * SECOND },
    { name: 'for a minute', forMs: MINUTE },
    { name: 'for longer than tombstones last', forMs: 5 * MINUTE },
    { name: 'for an hour', forMs: 60 * MINUTE },
  ])('S37 heal by themselves: $name', ({ forMs }) => {
    const world = watched({ nodes: 24, settings })
    const left = seeds(9)
    const right = seeds(15).map((index) => index + 9)
    world.runFaults([{ type: 'partition', atMs: world.nowMs, forMs, groups: [left, right] }])
    world.run(forMs)
    if (forMs >= MINUTE) expect(world.allSee(0, 'dead')).toBe(false)
    // Heal intervals until some address across was tried and answered, then exchange and spread.
    const boundMs = 6 * settings.healIntervalMs + 20 * SECOND
    expect(untilAgreed(world, 10 * MINUTE)).toBeLessThan(boundMs)
    expect(world.core.node(3).core!.stats().members.alive).toBe(24)
  })

  it('S37 into single nodes heal too', () => {
    const world = watched({ nodes: 12, settings })
    const groups = seeds(12).map((index) => [index])
    world.runFaults([{ type: 'partition', atMs: world.nowMs, forMs: 5 * MINUTE, groups }])
    world.run(5 * MINUTE)
    expect(world.core.node(3).core!.stats().members.alive).toBe(1)
    expect(untilAgreed(world, 20 * MINUTE)).toBeLessThan(5 * MINUTE)
  })

  it('S37 a one-way cut kills nobody while there is a way around', () => {
    const world = watched({ nodes: 16 })
    const atMs = world.nowMs
    world.runFaults([
      { type: 'cut', atMs, forMs: 5 * MINUTE, from: 2, to: 5 },
      { type: 'cut', atMs, forMs: 5 * MINUTE, from: 7, to: 1 },
    ])
    world.run(5 * MINUTE)
    expect(world.views.accusations.filter(({ sight }) => sight === 'dead')).toEqual([])
    expect(untilAgreed(world, MINUTE)).toBeLessThan(20 * SECOND)
  })

  it('S32 after heavy loss all tables are equal again, always', () => {
    for (const seed of seeds(6)) {
      const world = new SwimWorld({ seed, nodes: 60, links: false })
      world.run(2 * SECOND)
      world.runFaults([{ type: 'loss', atMs: world.nowMs, forMs: MINUTE, share: 0.6 }])
      for (let i = 0; i < 50; i++) {
        world.setMeta(i, 20)
        world.run(SECOND)
      }
      world.run(11 * SECOND)
      const boundMs = 2 * 2 * world.settings.syncIntervalMs + 30 * SECOND
      expect(untilAgreed(world, 5 * MINUTE)).toBeLessThan(boundMs)
    }
  })
})

describe('pauses and clocks', LONG, () => {
  it.each([0.5, 3, 10, 20, 60])('S39 a node that slept for %f s blames nobody', (sleptS) => {
    for (const seed of seeds(4)) {
      const world = watched({ seed, nodes: 20 })
      const forMs = sleptS * SECOND
      world.runFaults([{ type: 'pause', atMs: world.nowMs, node: 4, forMs }])
      world.run(forMs + 100)
      expect(untilAgreed(world, 3 * MINUTE)).toBeLessThan(MINUTE)
      const wrong = world.views.accusations.filter(
        ({ sight, subject }) => sight === 'dead' && subject !== world.core.node(4).id,
      )
      expect(wrong).toEqual([])
    }
  })

  it.each([3_600_000, -3_600_000])('S39 a clock that jumps by %i ms kills nobody', (byMs) => {
    const world = watched({ nodes: 12 })
    world.runFaults([{ type: 'clock_jump', atMs: world.nowMs, node: 2, byMs }])
    world.run(30 * SECOND)
    expect(untilAgreed(world, MINUTE)).toBeLessThan(30 * SECOND)
    expect(world.views.accusations.filter(({ sight }) => sight === 'dead')).toEqual([])
  })

  it('S38 two nodes notice when the other crashes, one idles without an error', () => {
    const world = watched({ nodes: 2 })
    world.core.stop(1)
    expect(world.runUntil(() => world.allSee(1, 'dead'), MINUTE)).toBeLessThan(8 * SECOND)
    world.run(5 * MINUTE)
    expect(world.core.node(0).core!.stats().members.alive).toBe(1)
  })

  it('S21 helpers that are down are no evidence against a living member', () => {
    const world = watched({ nodes: 8, settings: swimSettings('lan', { streamProbe: false }) })
    for (const index of [2, 3, 4, 5, 6, 7]) world.core.stop(index)
    world.runFaults([
      { type: 'loss', atMs: world.nowMs, forMs: 20 * SECOND, share: 0.2, nodes: [1] },
    ])
    world.run(40 * SECOND)
    const { id } = world.core.node(1)
    expect(world.views.accusations.filter((a) => a.subject === id && a.sight === 'dead')).toEqual(
      [],
    )
  })
})
