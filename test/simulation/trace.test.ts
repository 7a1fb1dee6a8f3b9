/** S46: a seed is a run, whatever the process, and whether or not a core is restored on the way. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SwimCore } from '../../mesh/membership/swim/core.ts'
import { swimSettings } from '../../mesh/membership/swim/settings.ts'
import type { SwimInput, SwimSink } from '../../mesh/membership/swim/machine.ts'
import type { Fault } from '../../mesh/simulation/faults.ts'
import { SwimWorld } from '../../mesh/simulation/swim-world.ts'
import { faultArbitrary } from './arbitraries.ts'

const MINUTE = 60_000

const FAULTS: readonly Fault[] = [
  { type: 'crash', atMs: 4_000, node: 3, downMs: 20_000, disk: 'lost', moved: true },
  {
    type: 'partition',
    atMs: 9_000,
    forMs: 12_000,
    groups: [
      [0, 1],
      [2, 3, 4],
    ],
  },
  { type: 'set_meta', atMs: 12_000, node: 1, bytes: 40 },
  { type: 'slow', atMs: 15_000, node: 2, forMs: 10_000, blockedMs: 900, everyMs: 50 },
  { type: 'pause', atMs: 20_000, node: 5, forMs: 3_500 },
  { type: 'leave', atMs: 25_000, node: 4, downMs: 8_000 },
  { type: 'loss', atMs: 30_000, forMs: 10_000, share: 0.1, shareEnd: 0.6 },
  { type: 'clock_jump', atMs: 41_000, node: 0, byMs: 50_000 },
]

type MakeCore = (options: ConstructorParameters<typeof SwimCore>[0]) => SwimCore

function traceOf(seed: number, faults: readonly Fault[], makeCore?: MakeCore): string {
  const world = new SwimWorld({
    seed,
    nodes: 6,
    network: { lossShare: 0.05, duplicateShare: 0.05, reorderShare: 0.1 },
    trace: true,
    ...(makeCore === undefined ? {} : { makeCore }),
  })
  world.runFaults(faults)
  world.run(MINUTE)
  return `${world.core.trace.count} ${world.core.trace.hash}`
}

/** A core that is taken apart and put together again before some of its steps. */
function restoring(everySteps: number): MakeCore {
  return (options) => {
    let core = new SwimCore(options)
    let steps = 0
    const step = (nowMs: number, input: SwimInput, sink: SwimSink): void => {
      if (++steps % everySteps === 0) core = SwimCore.restore(options, core.snapshot())
      core.step(nowMs, input, sink)
    }
    const outer = {
      step,
      nextDeadline: () => core.nextDeadline(),
      members: () => core.members(),
      member: (id: string) => core.member(id),
      self: () => core.self(),
      stats: () => core.stats(),
      snapshot: () => core.snapshot(),
    }
    return outer as unknown as SwimCore
  }
}

describe('S46 the trace of a run', () => {
  it('is the same for the same seed, and another for another', () => {
    const first = traceOf(1, FAULTS)
    expect(traceOf(1, FAULTS)).toBe(first)
    expect(traceOf(2, FAULTS)).not.toBe(first)
  })

  it('is the one written down, on every version of Node', () => {
    // A change of the core or of the world changes it; a change of Node or of the machine must not.
    expect(traceOf(46, FAULTS)).toMatchInlineSnapshot(`"3256 f7a0d607f41d7591"`)
  })

  it('does not change when cores are restored from snapshots on the way', () => {
    const plain = traceOf(3, FAULTS)
    for (const everySteps of [1, 7, 50]) {
      expect(traceOf(3, FAULTS, restoring(everySteps))).toBe(plain)
    }
  })

  it('nor for any schedule of faults', () => {
    fc.assert(
      fc.property(fc.array(faultArbitrary(6, MINUTE), { maxLength: 6 }), (faults) => {
        expect(traceOf(5, faults, restoring(3))).toBe(traceOf(5, faults))
      }),
      { seed: 46, numRuns: 12 },
    )
  }, 60_000)

  it('keeps the luck of what is left when a fault is left out', () => {
    const settings = swimSettings('lan')
    const fates = (faults: readonly Fault[]): string[] => {
      const world = new SwimWorld({ seed: 9, nodes: 4, settings, network: { lossShare: 0.3 } })
      const lost: string[] = []
      world.core.observe({
        lost: (node, to) => {
          if (world.nowMs < 2_000) lost.push(`${world.nowMs} ${node.id} ${to}`)
        },
      })
      world.runFaults(faults)
      world.run(4_000)
      return lost
    }
    const late: Fault = { type: 'crash', atMs: 2_500, node: 1 }
    expect(fates([late])).toEqual(fates([]))
    expect(fates([]).length).toBeGreaterThan(0)
  })
})
