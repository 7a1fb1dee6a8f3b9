import { describe, expect, it } from 'vitest'
import {
  simulate,
  type FaultNow,
  type SimulateOptions,
  type Simulation,
} from '../../../dist/simulation/index.ts'
import { Counter, CounterContract } from '../support/world.ts'

const failed = { code: 'ERR_SIMULATION_FAILED' }
const counterOf = (sim: Simulation, node: string) =>
  CounterContract.at(sim.node(node).whereis('counter')!)

/** Every fault there is, on three nodes that call each other. */
const scenario: SimulateOptions<number> = {
  nodes: 3,
  network: { latencyMs: 2, jitterMs: 10, jitterKind: 'heavy_tail', lossRatio: 0.05 },
  node: { keepaliveIntervalMs: 200 },
  setup: () => Counter.start(0, { name: 'counter' }),
  faults: [
    { type: 'crash', node: 'n2', atMs: 500, downMs: 700 },
    { type: 'pause', node: 0, atMs: 900, forMs: 400 },
    { type: 'clock_jump', node: 'n3', atMs: 1_000, byMs: 60_000, monotonic: true },
    { type: 'partition', groups: [[0], [1, 2]], atMs: 1_500, forMs: 500 },
    { type: 'cut', from: 2, to: 1, atMs: 1_700, forMs: 900 },
    { type: 'conditions', from: 0, conditions: { duplicateRatio: 0.5 }, atMs: 100, forMs: 3_000 },
    { type: 'crash', node: 2, disk: 'lost', atMs: 2_600 },
    { type: 'restart', node: 2, atMs: 2_900 },
  ],
  commands: [1, 2, 3].map((n) => ({ name: 'add', atMs: n * 600, args: n })),
  actions: {
    add: async (sim, by: never) => {
      const target = sim.node(0).whereis('counter')
      if (target !== undefined)
        await CounterContract.at(target)
          .call.add(by)
          .catch(() => 0)
    },
  },
  run: async (sim) => {
    await sim.sleep(5_000)
    await sim.until(() => sim.nodes.every(({ state }) => state === 'running'))
    return counterOf(sim, 'n1').call.get(undefined, { timeoutMs: 60_000 })
  },
}

describe('simulate', () => {
  it('repeats a run from its seed, to the last message; another seed is another run', async () => {
    const first = await simulate({ ...scenario, seed: 7 })
    expect(first.value).toBe(6)
    expect(await simulate({ ...scenario, seed: 7 })).toEqual(first)
    expect((await simulate({ ...scenario, seed: 8 })).traceHash).not.toBe(first.traceHash)
  })

  it('is not disturbed by what else happens in the program', async () => {
    const quiet = await simulate({ ...scenario, seed: 3 })
    const noise = setImmediate(function again() {
      void Promise.resolve().then(() => {})
      if (busy) setImmediate(again)
    })
    let busy = true
    const [loud] = await Promise.all([
      simulate({ ...scenario, seed: 3 }),
      simulate({ ...scenario, seed: 4 }),
    ])
    busy = false
    clearImmediate(noise)
    expect(loud).toEqual(quiet)
  })

  it('reports what run throws, with seed and schedule', async () => {
    const run = simulate({
      seed: 12,
      nodes: 1,
      faults: [{ type: 'pause', node: 0, atMs: 5, forMs: 1 }],
      run: async (sim) => {
        await sim.sleep(10)
        throw new Error('no good')
      },
    })
    await expect(run).rejects.toMatchObject({
      ...failed,
      seed: 12,
      virtualMs: 10,
      message: expect.stringMatching(/no good\n[^]*seed: 12,\nfaults: \[\n {2}\{"type":"pause"/),
      cause: { message: 'no good' },
    })
  })

  it.each<[string, Partial<SimulateOptions>]>([
    ['a checker', { check: (sim) => void (sim.nowMs > 20 && expect.fail('late')) }],
    [
      'a command',
      { commands: [{ name: 'fail', atMs: 20 }], actions: { fail: () => expect.fail('late') } },
    ],
    ['a setup', { setup: () => expect.fail('late') }],
  ])('reports what %s throws', async (_name, options) => {
    const run = simulate({ nodes: 1, run: (sim) => sim.sleep(50), ...options })
    await expect(run).rejects.toMatchObject({ ...failed, cause: { message: 'late' } })
  })

  it('calls the checker after every single message', async () => {
    const seen = new Set<unknown>()
    await simulate({
      nodes: 1,
      setup: () => Counter.start(0, { name: 'counter' }),
      run: async (sim) => {
        const counter = counterOf(sim, 'n1')
        for (let i = 0; i < 5; i++) counter.cast.add(1)
        await counter.call.get()
      },
      check: (sim) => {
        const pid = sim.nodes[0]?.whereis('counter')
        if (pid !== undefined) seen.add(sim.stateOf(pid))
      },
    })
    expect([...seen].filter((state) => typeof state === 'number')).toEqual([0, 1, 2, 3, 4, 5])
  })

  it.each<[string, string, Partial<SimulateOptions>]>([
    [
      'time that runs out',
      'ERR_SIMULATION_TIMEOUT',
      { timeoutMs: 1_000, run: (sim) => sim.sleep(1_001) },
    ],
    [
      'a condition that never holds',
      'ERR_SIMULATION_TIMEOUT',
      { run: (sim) => sim.until(() => false, { timeoutMs: 500, what: 'nothing' }) },
    ],
    [
      'a node that is down',
      'ERR_SIMULATION_NODE_DOWN',
      {
        run: (sim) => {
          sim.node(0).crash()
          return sim.node(0).node
        },
      },
    ],
    [
      'nodes that cannot meet',
      'ERR_SIMULATION_NOT_CONNECTED',
      { nodes: 2, network: { lossRatio: 1 } },
    ],
  ])('reports %s', async (_name, code, options) => {
    await expect(simulate({ nodes: 1, ...options })).rejects.toMatchObject({
      ...failed,
      cause: { code },
    })
  })

  it('is over within timeoutMs, and not before', async () => {
    const { virtualMs } = await simulate({
      ...{ nodes: 1, timeoutMs: 1_000 },
      run: (sim) => sim.sleep(1_000),
    })
    expect(virtualMs).toBe(1_000)
  })

  it.each<[string, object]>([
    ['an unknown option', { nodes: 1, seeed: 1 }],
    ['no nodes', { nodes: 0 }],
    ['an unknown fault', { nodes: 1, faults: [{ type: 'flood', atMs: 1 }] }],
    ['a fault before the start', { nodes: 1, faults: [{ type: 'restart', node: 0, atMs: -1 }] }],
    [
      'a fault of a node that is not there',
      { nodes: 1, faults: [{ type: 'restart', node: 1, atMs: 1 }] },
    ],
    ['a command without an action', { nodes: 1, commands: [{ name: 'x', atMs: 1 }] }],
    ['two setups', { nodes: [() => {}], setup: () => {} }],
    ['what is no command', { nodes: 1, commands: [null] }],
    ['a pause without an end', { nodes: 1, faults: [{ type: 'pause', node: 0, atMs: 1 }] }],
  ])('refuses %s', async (_name, options) => {
    await expect(simulate(options as SimulateOptions)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(ARGUMENT|OPTION)/),
    })
  })

  it.each<[string, (sim: Simulation) => unknown]>([
    ['a sleep of no time', (sim) => sim.sleep(Number.NaN)],
    ['a wait before now', (sim) => sim.until(() => false, { timeoutMs: -1 })],
    ['a fault that is none', (sim) => sim.inject({ type: 'flood' } as unknown as FaultNow)],
  ])('refuses %s while it runs', async (_name, run) => {
    await expect(simulate({ nodes: 1, run })).rejects.toMatchObject({
      cause: { code: 'ERR_ARGUMENT' },
    })
  })

  it('keeps the streams of chance apart', async () => {
    const draws = (more: boolean) =>
      simulate({
        nodes: 1,
        run: (sim) => {
          if (more) sim.random('others')
          return [sim.random('mine'), sim.random('mine')]
        },
      })
    const { value } = await draws(false)
    expect((await draws(true)).value).toEqual(value)
    expect(value[0]).not.toBe(value[1])
  })
})
