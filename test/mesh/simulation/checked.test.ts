import { describe, expect, it } from 'vitest'
import {
  accuracy,
  Churn,
  DhtWorld,
  joining,
  NetworkModel,
  suddenDeath,
  SwimWorld,
  type Fault,
  type NetworkOptions,
  type SwimSettings,
} from '../../../mesh/simulation/index.ts'

const size = { seed: 1, nodes: 3 } as const
const world = (): SwimWorld => new SwimWorld(size)
const lossy = { type: 'loss', atMs: 0, forMs: 1, share: 0 } as const
const late = { type: 'delay', atMs: 0, forMs: 1, nodes: [1], byMs: 0 } as const
const slow = { type: 'slow', atMs: 0, node: 1, forMs: 1_000, blockedMs: 0, everyMs: 0 }

/** Without a check each of them either never ends, or ends with figures of nothing. */
const NONSENSE: readonly [string, () => unknown][] = [
  ['a world without nodes', () => new SwimWorld({ seed: 1, nodes: 0 })],
  ['a negative number of nodes', () => new DhtWorld({ seed: 1, nodes: -1 })],
  ['NaN nodes', () => new SwimWorld({ seed: 1, nodes: Number.NaN })],
  ['half a node', () => accuracy({ seed: 1, nodes: 2.5, forMs: 1 })],
  ['a seed that is no number', () => new SwimWorld({ seed: Number.NaN, nodes: 3 })],
  ['fewer than no warm nodes', () => new SwimWorld({ ...size, warm: -1 })],
  ['settings that are none', () => new SwimWorld({ ...size, settings: {} as SwimSettings }).run(9)],
  ['a run of NaN', () => world().run(Number.NaN)],
  ['a run without an end', () => world().run(Infinity)],
  ['a run backwards', () => world().run(-1)],
  ['a wait of NaN', () => world().runUntil(() => false, Number.NaN)],
  ['steps of nothing', () => world().runUntil(() => false, 1_000, 0)],
  ['a task at no time', () => world().core.at(Number.NaN, () => {})],
  ['a fault at no time', () => world().runFaults([{ type: 'crash', atMs: Number.NaN, node: 1 }])],
  ['a fault of no type', () => world().runFaults([{ type: 'x', atMs: 1 } as unknown as Fault])],
  ['more loss than all', () => world().runFaults([{ ...lossy, share: 7 }])],
  ['loss that ends at NaN', () => world().runFaults([{ ...lossy, shareEnd: Number.NaN }])],
  ['a delay back in time', () => world().runFaults([{ ...late, byMs: -1 }])],
  ['NaN lookups', () => suddenDeath({ ...size, share: 0, lookups: Number.NaN })],
  ['a slow member without pauses', () => world().runFaults([slow as Fault])],
  ['a measurement of NaN', () => accuracy({ ...size, forMs: Number.NaN })],
  ['NaN slow members', () => accuracy({ ...size, forMs: 1, slow: Number.NaN })],
  ['joins over no time', () => joining({ ...size, spreadMs: Number.NaN, forMs: 1 })],
  ['lives of no length', () => new Churn(new DhtWorld(size), { seed: 1, medianMs: 0 })],
]

describe('worlds of cores', () => {
  it.each(NONSENSE)('refuse %s', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }))
  })

  it.each<[string, object]>([
    ['a share above one', { lossShare: 1.1 }],
    ['a share of NaN', { duplicateShare: Number.NaN }],
    ['a way back in time', { latency: { type: 'constant', ms: -1 } }],
    ['a range upside down', { latency: { type: 'uniform', minMs: 2, maxMs: 1 } }],
    ['an unknown latency', { latency: { type: 'normal' } }],
    ['no bandwidth', { bandwidthBytes: 0 }],
    ['an unknown option', { loss: 1 }],
  ])('refuse a network with %s', (_name, options) => {
    expect(() => new NetworkModel(1, options as NetworkOptions)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_OPTION_/) as string }),
    )
  })
})
