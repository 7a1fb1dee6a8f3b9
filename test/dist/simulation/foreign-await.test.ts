import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import {
  contract,
  defineServer,
  GenServer,
  implement,
  noreply,
  reply,
  Task,
  type Contract,
  type Server,
} from '../../../behaviours/index.ts'
import { simulate, type Simulation } from '../../../dist/simulation/index.ts'
import { Counter, CounterContract } from '../support/world.ts'

// Tests never sleep, and this one does not either: the run is over before.
const { setTimeout: realSleep } = process.getBuiltinModule('node:timers/promises')

type Work = (sim: Simulation) => Promise<unknown>

interface WorkerApi {
  call: { work(): string }
  cast: { ping(): void }
}
const WorkerContract: Contract<WorkerApi> = contract('worker/1', {
  call: { work: true },
  cast: { ping: true },
})

/** A server whose handler does `work`. */
function worker(sim: Simulation, work: Work): Server<WorkerApi, void> {
  return implement<WorkerApi, void, number>(WorkerContract, {
    init: () => 0,
    call: {
      work: async (n) => {
        await work(sim)
        return reply('done', n)
      },
    },
    cast: { ping: (n) => noreply(n + 1) },
  })
}

/** A run of two nodes in which a server on the first one does `work` in a handler. */
const handled = (work: Work) =>
  simulate({
    nodes: 2,
    setup: async (node, sim) => {
      node.node.behaviorRegistry.register(Counter, { remote: true })
      await Counter.start(1, { name: 'counter' })
      if (node.index === 0) await worker(sim, work).start(undefined, { name: 'worker' })
    },
    run: (sim) =>
      WorkerContract.at(sim.node(0).whereis('worker')!).call.work(undefined, { timeoutMs: 60_000 }),
  })

const foreign: readonly (readonly [string, Work])[] = [
  ['a timer of Node', () => realSleep(1)],
  ['a file', () => readFile(import.meta.filename)],
  ['crypto.subtle', () => crypto.subtle.digest('SHA-256', new Uint8Array(1))],
  ['a promise that nobody settles', () => new Promise(() => {})],
  [
    'a file after a call',
    async (sim) => {
      await CounterContract.at(sim.node(0).whereis('counter')!).call.get()
      await readFile(import.meta.filename)
    },
  ],
  [
    'a timer beside a call that is over',
    (sim) =>
      Promise.all([CounterContract.at(sim.node(0).whereis('counter')!).call.get(), realSleep(1)]),
  ],
]

describe('a handler that awaits something foreign', () => {
  it.each(foreign)('%s ends the run', async (_name, work) => {
    await expect(handled(work)).rejects.toMatchObject({
      code: 'ERR_SIMULATION_FOREIGN_AWAIT',
      node: 'n1',
      process: expect.stringMatching(/^gen_server worker\/1 'worker' /),
    })
  })

  it('is found although periodic timers keep time moving', async () => {
    const Ticker = defineServer({
      init: (_arg: void, ctx) => {
        ctx.sendAfter(10, 'tick')
        return 0
      },
      call: {},
      cast: {},
      info: (n, _info, ctx) => {
        ctx.sendAfter(10, 'tick')
        return noreply(n + 1)
      },
    })
    const run = handled(async () => {
      await Ticker.start(undefined)
      await realSleep(5)
    })
    await expect(run).rejects.toMatchObject({ code: 'ERR_SIMULATION_FOREIGN_AWAIT' })
  })

  it('is found in init, in a plain process, in a setup and in run', async () => {
    const Slow = defineServer({ init: async () => realSleep(1, 0), call: {}, cast: {} })
    const code = { code: 'ERR_SIMULATION_FOREIGN_AWAIT' }
    const init = simulate({ nodes: 1, setup: () => Slow.start() })
    await expect(init).rejects.toMatchObject(code)
    const plain = simulate({
      nodes: 1,
      run: async (sim) => {
        sim.node(0).system.spawn(() => realSleep(1), { label: 'sleeper' })
        await sim.sleep(1)
      },
    })
    await expect(plain).rejects.toMatchObject({
      ...code,
      process: expect.stringMatching('sleeper'),
    })
    const setup = simulate({ nodes: 1, setup: () => realSleep(1) })
    await expect(setup).rejects.toMatchObject({ ...code, node: 'n1' })
    const run = simulate({ nodes: 1, run: () => realSleep(1) })
    await expect(run).rejects.toMatchObject({ ...code, node: 'run' })
  })

  it('goes on when the run does not care', async () => {
    const { value } = await simulate({
      nodes: 1,
      refuseForeignAwaits: false,
      run: async (sim) => {
        sim.node(0).system.spawn(() => new Promise(() => {}))
        await sim.sleep(1)
        return 'done'
      },
    })
    expect(value).toBe('done')
  })
})

const counterOn = (sim: Simulation, node: number) =>
  CounterContract.at(sim.node(node).whereis('counter')!)

const own: readonly (readonly [string, Work])[] = [
  ['a call', (sim) => counterOn(sim, 0).call.add(1)],
  [
    'a call after an await',
    async (sim) => {
      for (let i = 0; i < 50; i++) await Promise.resolve()
      await counterOn(sim, 0).call.add(1)
    },
  ],
  [
    'a call to another node',
    async (sim) => {
      const spawned = await sim
        .node(0)
        .node.remoteSpawn.spawn(CounterContract, sim.node(1).id, { arg: 2 })
      await spawned.call.add(1)
      await sim.node(0).node.remoteCall.call(spawned, 'add', 2)
    },
  ],
  [
    'a task',
    async () => {
      await Task.await(
        Task.async(async (ctx) => {
          await ctx.receive(undefined, { timeoutMs: 100 }).catch(() => {})
        }),
      )
    },
  ],
  [
    'a start, a stop and a call that times out',
    async () => {
      const ref = await Counter.start(3)
      await ref.call.hang(undefined, { timeoutMs: 50 }).catch(() => {})
      await GenServer.stop(ref)
    },
  ],
  [
    'all and race of such',
    async (sim) => {
      const [a, b] = [counterOn(sim, 0), counterOn(sim, 1)]
      await Promise.all([a.call.get(), b.call.get(), sim.sleep(10)])
      await Promise.race([
        a.call.hang(undefined, { timeoutMs: 500 }).catch(() => {}),
        sim.sleep(100),
      ])
    },
  ],
  [
    'a stream of tasks',
    async () => {
      for await (const each of Task.asyncStream([1, 2, 3], async (n: number) => n + 1)) void each
    },
  ],
  [
    'time of the clock of its system',
    (sim) => new Promise<void>((resolve) => void sim.node(0).system.clock.setTimer(100, resolve)),
  ],
  ['a condition', (sim) => sim.until(() => sim.nowMs > 200)],
  ['a connection', (sim) => sim.node(0).node.cluster.waitFor(sim.node(1).id)],
  ['the goodbye of a node', (sim) => sim.node(1).node.stop()],
]

describe('a handler that awaits what the library brings about', () => {
  it.each(own)('%s goes on', async (_name, work) => {
    expect((await handled(work)).value).toBe('done')
  })
})
