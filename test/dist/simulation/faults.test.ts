import { describe, expect, it } from 'vitest'
import { simulate, type Simulation } from '../../../dist/simulation/index.ts'
import { Counter, CounterContract } from '../support/world.ts'

const base = {
  nodes: 2,
  node: { keepaliveIntervalMs: 200 },
  setup: () => Counter.start(0, { name: 'counter' }),
}
const counterOf = (sim: Simulation, node: number) =>
  CounterContract.at(sim.node(node).whereis('counter')!)
const upSeenBy = (sim: Simulation, node: number) =>
  sim
    .node(node)
    .node.mesh.membership.members()
    .filter(({ state }) => state === 'up')
    .map(({ key }) => key.hex)

describe('a crash', () => {
  it('loses everything but the disk: the same node starts again, in a later life', async () => {
    await simulate({
      ...base,
      run: async (sim) => {
        const node = sim.node(1)
        const before = { key: node.node.key.hex, life: node.node.mesh.identity.incarnation }
        node.disk.write('balance', { amount: 5 })
        await counterOf(sim, 1).call.add(3)
        const old = counterOf(sim, 1)
        node.crash()
        expect(node.state).toBe('crashed')
        await expect(old.call.get()).rejects.toMatchObject({ code: 'ERR_CALL_EXIT' })
        await sim.sleep(5_000)
        await node.start()
        expect(node.node.key.hex).toBe(before.key)
        expect(node.node.mesh.identity.incarnation).toBeGreaterThan(before.life)
        expect(node.disk.read('balance')).toEqual({ amount: 5 })
        expect(await counterOf(sim, 1).call.get()).toBe(0)
        await sim.until(() => upSeenBy(sim, 0).includes(before.key))
      },
    })
  })

  it('with the disk makes it another node', async () => {
    await simulate({
      ...base,
      run: async (sim) => {
        const node = sim.node(1)
        const before = node.node.key.hex
        node.disk.write('balance', 5)
        sim.inject({ type: 'crash', node: 1, disk: 'lost', downMs: 1_000 })
        await sim.sleep(1_000)
        await sim.until(() => node.state === 'running')
        expect(node.node.key.hex).not.toBe(before)
        expect(node.disk.read('balance')).toBeUndefined()
      },
    })
  })

  it('runs no code of the node any more, not even of a handler that was waiting', async () => {
    const log: string[] = []
    await simulate({
      ...base,
      run: async (sim) => {
        const { system } = sim.node(1)
        system.spawn(async (ctx) => {
          try {
            await ctx.call(counterOf(sim, 0).pid, 'hang', undefined, { timeoutMs: 1_000 })
          } finally {
            log.push('handler')
          }
        })
        system.clock.setTimer(100, () => log.push('timer'))
        await sim.sleep(10)
        sim.node(1).crash()
        await sim.sleep(60_000)
      },
    })
    expect(log).toEqual([])
  })

  it('ends a call from outside at once', async () => {
    await simulate({
      ...base,
      run: async (sim) => {
        const call = counterOf(sim, 1).call.hang(undefined, { timeoutMs: Infinity })
        const outcome = call.catch((error: unknown) => error)
        await sim.sleep(1)
        sim.node(1).crash()
        expect(await outcome).toMatchObject({ reason: 'noconnection' })
        expect(sim.nowMs).toBe(1)
      },
    })
  })
})

describe('a pause', () => {
  it('stops the node; its timers fire late, and what was sent to it is there', async () => {
    await simulate({
      ...base,
      run: async (sim) => {
        const node = sim.node(1)
        const fired: number[] = []
        node.system.clock.setTimer(100, () => fired.push(sim.nowMs))
        sim.inject({ type: 'pause', node: 1, forMs: 300 })
        counterOf(sim, 1).cast.add(2)
        await sim.sleep(299)
        expect(fired).toEqual([])
        expect(sim.stateOf(counterOf(sim, 1))).toBe(0)
        await sim.sleep(2)
        expect(fired).toEqual([300])
        expect(await counterOf(sim, 1).call.get()).toBe(2)
      },
    })
  })

  it('that lasts is a lost link for the others, and heals', async () => {
    await simulate({
      ...base,
      run: async (sim) => {
        const [a, b] = [sim.node(0).node, sim.node(1).node]
        await a.cluster.waitFor(b.id)
        sim.inject({ type: 'pause', node: 1, forMs: 30_000 })
        const isUp = (): boolean => upSeenBy(sim, 0).includes(b.key.hex)
        await sim.until(() => !a.cluster.isNodeConnected(b.id) && !isUp(), { what: 'a to lose b' })
        expect(sim.nowMs).toBeLessThan(30_000)
        await sim.until(isUp, { timeoutMs: 120_000 })
        expect(sim.nowMs).toBeGreaterThan(30_000)
      },
    })
  })
})

describe('a clock jump', () => {
  it('moves the wall clock of one node, and its timers only when they are to believe it', async () => {
    await simulate({
      ...base,
      run: async (sim) => {
        const [a, b] = [sim.node(0).system.clock, sim.node(1).system.clock]
        const fired: number[] = []
        b.setTimer(1_000, () => fired.push(sim.nowMs))
        sim.inject({ type: 'clock_jump', node: 1, byMs: 5_000 })
        expect([b.wallNow() - a.wallNow(), b.now() - a.now()]).toEqual([5_000, 0])
        await sim.sleep(100)
        expect(fired).toEqual([])
        sim.inject({ type: 'clock_jump', node: 1, byMs: 400, monotonic: true })
        expect(b.now() - a.now()).toBe(400)
        await sim.sleep(1_000)
        expect(fired).toEqual([600])
      },
    })
  })
})

describe('partitions, cuts and conditions', () => {
  it('end by themselves, each for itself', async () => {
    await simulate({
      ...base,
      nodes: 3,
      network: { latencyMs: 1 },
      run: async (sim) => {
        const reaches = async (from: number, to: number): Promise<boolean> => {
          const target = counterOf(sim, to)
          const call = sim.node(from).run(() => target.call.get(undefined, { timeoutMs: 50 }))
          return call.then(
            () => true,
            () => false,
          )
        }
        for (const to of [1, 2]) await sim.node(0).node.cluster.waitFor(sim.node(to).id)
        expect(await reaches(0, 1)).toBe(true)
        sim.inject({ type: 'partition', groups: [[0], [1]], forMs: 300 })
        sim.inject({ type: 'cut', from: 0, to: 2, forMs: 100 })
        expect([await reaches(0, 1), await reaches(0, 2)]).toEqual([false, false])
        await sim.sleep(1)
        expect([await reaches(0, 1), await reaches(0, 2)]).toEqual([false, true])
        await sim.sleep(200)
        expect(await reaches(0, 1)).toBe(true)
        sim.inject({ type: 'conditions', conditions: { latencyMs: 40 }, forMs: 1_000 })
        expect(await reaches(0, 1)).toBe(false)
        sim.heal()
        await sim.sleep(100)
        expect(await reaches(0, 1)).toBe(true)
      },
    })
  })
})
