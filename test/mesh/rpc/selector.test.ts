import { describe, expect, it } from 'vitest'
import { createSeededEntropy } from '../../../runtime/index.ts'
import { PeakEwma } from '../../../mesh/rpc/peak-ewma.ts'
import { selectProvider } from '../../../mesh/rpc/selector.ts'
import type { Selectable, SelectionContext } from '../../../mesh/rpc/selector.ts'

const NODES = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64))

function provider(node: string, changes: Partial<Selectable> = {}): Selectable {
  return {
    ...{ node, isLocal: false, outstanding: 0, latencyMs: undefined, cost: () => 0 },
    ...changes,
  }
}

function context(changes: Partial<SelectionContext> = {}): SelectionContext {
  const entropy = createSeededEntropy(7)
  return {
    ...{ self: '0'.repeat(64), nowMs: 0, chance: () => entropy.random(), turn: 0 },
    key: undefined,
    ...changes,
  }
}

const FOUR = NODES.map((node) => provider(node))

describe('selection', () => {
  it('R14 finds nobody among nobody, and the only one by every strategy', () => {
    expect(selectProvider('p2c_ewma', [], context())).toBe(-1)
    expect(selectProvider('consistent_hash', [FOUR[0]!], context())).toBe(0)
  })

  it('R14 first takes the first, round_robin one after the other', () => {
    expect(selectProvider('first', FOUR, context())).toBe(0)
    const turns = [0, 1, 2, 3, 4].map((turn) =>
      selectProvider('round_robin', FOUR, context({ turn })),
    )
    expect(turns).toEqual([0, 1, 2, 3, 0])
  })

  it('R14 random and equal least_outstanding take each as often', () => {
    for (const strategy of ['random', 'least_outstanding'] as const) {
      const counts = [0, 0, 0, 0]
      const same = context()
      for (let call = 0; call < 4_000; call++) counts[selectProvider(strategy, FOUR, same)]! += 1
      for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(120)
    }
  })

  it('R14 least_outstanding takes the one with the fewest calls', () => {
    const busy = [3, 2, 1, 2].map((outstanding, at) => provider(NODES[at]!, { outstanding }))
    expect(selectProvider('least_outstanding', busy, context())).toBe(2)
  })

  it('R14 p2c_ewma never takes the dearer of two', () => {
    const two = [5, 1].map((cost, at) => provider(NODES[at]!, { cost: () => cost }))
    const same = context()
    for (let call = 0; call < 100; call++) expect(selectProvider('p2c_ewma', two, same)).toBe(1)
  })

  it('R14 local_first takes this node, and the cheaper of two where it is none', () => {
    const withOwn = [...FOUR.slice(0, 3), provider(NODES[3]!, { isLocal: true, cost: () => 9 })]
    expect(selectProvider('local_first', withOwn, context())).toBe(3)
    const others = [2, 1].map((cost, at) => provider(NODES[at]!, { cost: () => cost }))
    expect(selectProvider('local_first', others, context())).toBe(1)
  })

  it('R14 closest measures everybody once, the nearest by XOR first, then takes the quickest', () => {
    const measured = FOUR.map((each, at) => ({
      ...each,
      latencyMs: [9, undefined, 3, undefined][at],
    }))
    // 0xb and 0xd are unmeasured; seen from 0xd, 0xd is nearer.
    expect(selectProvider('closest', measured, context({ self: 'd'.repeat(64) }))).toBe(3)
    const all = FOUR.map((each, at) => ({ ...each, latencyMs: [9, 5, 3, 4][at] }))
    expect(selectProvider('closest', all, context())).toBe(2)
    const own = [...all, provider('e'.repeat(64), { isLocal: true, latencyMs: 50 })]
    expect(selectProvider('closest', own, context())).toBe(4)
  })

  it('R14 consistent_hash: a key keeps its provider, and only the keys of one that leaves move', () => {
    const chosen = (nodes: readonly Selectable[], key: string): string =>
      nodes[selectProvider('consistent_hash', nodes, context({ key }))]!.node
    const left = FOUR.filter((_, at) => at !== 1)
    const counts = new Map<string, number>()
    let moved = 0
    for (let number = 0; number < 2_000; number++) {
      const key = `user-${number}`
      const before = chosen(FOUR, key)
      counts.set(before, (counts.get(before) ?? 0) + 1)
      if (before !== NODES[1] && chosen(left, key) !== before) moved += 1
    }
    expect(moved).toBe(0)
    for (const node of NODES) expect(Math.abs(counts.get(node)! - 500)).toBeLessThan(90)
  })
})

describe('peak-EWMA', () => {
  it('follows a peak at once and comes down slowly', () => {
    const latency = new PeakEwma(1_000)
    latency.observe(10, 0)
    latency.observe(500, 10)
    expect(latency.latencyMs).toBe(500)
    latency.observe(10, 20)
    expect(latency.latencyMs!).toBeGreaterThan(400)
    for (let at = 1; at < 50; at++) latency.observe(10, 20 + at * 200)
    expect(latency.latencyMs!).toBeLessThan(11)
  })

  it('tries an unknown provider once, not with everything', () => {
    const latency = new PeakEwma(1_000)
    expect(latency.cost(0, 0)).toBe(0)
    expect(latency.cost(1, 0)).toBeGreaterThan(100_000)
  })

  it('fades while the provider is not asked, so that it is tried again', () => {
    const latency = new PeakEwma(1_000)
    latency.observe(800, 0)
    expect(latency.cost(0, 0)).toBe(800)
    expect(latency.cost(0, 5_000)).toBeLessThan(6)
  })
})

/** Providers with queues, exponential service of 10 ms, the first one five times slower (network-services 2.3). */
function simulate(load: number, callers: number, calls: number): readonly number[] {
  const providers = 10
  const meanMs = (at: number): number => (at === 0 ? 50 : 10)
  const entropy = createSeededEntropy(14)
  const chance = (): number => entropy.random()
  const exponential = (mean: number): number => -Math.log(1 - chance()) * mean
  const views = Array.from({ length: callers }, () =>
    Array.from({ length: providers }, (_, at) => new View(at.toString(16).repeat(64))),
  )
  const freeMs = new Array<number>(providers).fill(0)
  let capacity = 0
  for (let at = 0; at < providers; at++) capacity += 1 / meanMs(at)
  const ends: { readonly atMs: number; readonly end: () => void }[] = []
  const latencies: number[] = []
  let nowMs = 0
  for (let call = 0; call < calls; call++) {
    nowMs += exponential(1 / (capacity * load))
    while (ends.length > 0 && ends.at(-1)!.atMs <= nowMs) ends.pop()!.end()
    const view = views[Math.floor(chance() * callers)]!
    const at = selectProvider('p2c_ewma', view, { self: '', nowMs, chance, turn: 0, key: '' })
    const startedMs = nowMs
    const endMs = (freeMs[at] = Math.max(freeMs[at]!, nowMs) + exponential(meanMs(at)))
    view[at]!.outstanding += 1
    latencies.push(endMs - startedMs)
    const end = (): void => {
      view[at]!.outstanding -= 1
      view[at]!.latency.observe(endMs - startedMs, endMs)
    }
    let place = ends.length
    while (place > 0 && ends[place - 1]!.atMs < endMs) place -= 1
    ends.splice(place, 0, { atMs: endMs, end })
  }
  return latencies.slice(calls / 10).sort((left, right) => left - right)
}

class View implements Selectable {
  readonly node: string
  readonly isLocal = false
  outstanding = 0
  readonly latency = new PeakEwma(10_000)
  constructor(node: string) {
    this.node = node
  }
  get latencyMs(): number | undefined {
    return this.latency.latencyMs
  }
  cost(nowMs: number): number {
    return this.latency.cost(this.outstanding, nowMs)
  }
}

describe('p2c_ewma under load', () => {
  it('R14 keeps p99 at 150 ms at load 0.7 with 20 callers and one provider 5 times slower', () => {
    const latencies = simulate(0.7, 20, 80_000)
    expect(latencies[Math.floor(latencies.length * 0.99)]!).toBeLessThanOrEqual(150)
  })
})
