/**
 * A cluster in a test tube. A lock server hands out leases, and whoever has the lease writes to a store. That
 * looks safe, until a node stands still for longer than its lease. `explore` finds it, makes the
 * schedule of faults as small as it gets, and prints how to repeat the run.
 */
import { contract, implement, noreply, reply } from 'fovea'
import type { Contract, ProcessContext, Server } from 'fovea'
import { explore, SimulationError } from 'fovea/simulation'
import type { ExploreOptions, Simulation, SimNode } from 'fovea/simulation'

const LEASE_MS = 200

interface LockApi {
  /** The number of the lease, or 0: another one has it. */
  call: { acquire(): number }
  cast: { release(lease: number): void }
}
export const LockContract: Contract<LockApi> = contract('lock/1', {
  call: { acquire: true },
  cast: { release: true },
})
const Lock: Server<LockApi, void> = implement<LockApi, void, { held: number; last: number }>(
  LockContract,
  {
    init: () => ({ held: 0, last: 0 }),
    call: {
      acquire: ({ held, last }, _input, ctx) => {
        if (held !== 0) return reply(0, { held, last })
        ctx.sendAfter(LEASE_MS, last + 1)
        return reply(last + 1, { held: last + 1, last: last + 1 })
      },
    },
    cast: { release: (s, lease) => noreply(lease === s.held ? { ...s, held: 0 } : s) },
    info: (s, info) =>
      noreply(info.type === 'message' && info.message === s.held ? { ...s, held: 0 } : s),
  },
)

/** Keeps what was written. It should refuse a lease that is older than the last one; it does not. */
interface StoreApi {
  call: { write(lease: number): void }
  cast: {}
}
export const StoreContract: Contract<StoreApi> = contract('store/1', {
  call: { write: true },
  cast: {},
})
const Store: Server<StoreApi, void> = implement<StoreApi, void, readonly number[]>(StoreContract, {
  init: () => [],
  call: { write: (written, lease) => reply(undefined, [...written, lease]) },
  cast: {},
})

/** Takes the lease, works for a while, writes, gives the lease back. */
const worker =
  (sim: Simulation) =>
  async (ctx: ProcessContext): Promise<void> => {
    const lock = LockContract.at(sim.node('n1').whereis('lock')!)
    const store = StoreContract.at(sim.node('n1').whereis('store')!)
    const pause = (timeoutMs: number) => ctx.receive(() => false, { timeoutMs }).catch(() => {})
    for (;;) {
      const lease = await lock.call.acquire().catch(() => 0)
      if (lease !== 0) {
        await pause(120) // less than the lease: safe?
        await store.call.write(lease).catch(() => {})
        lock.cast.release(lease)
      }
      await pause(40)
    }
  }

/** The program, and what must always hold. */
export const program: ExploreOptions = {
  nodes: 3,
  setup: async (node: SimNode, sim) => {
    if (node.index > 0) return void node.system.spawn(worker(sim), { label: 'worker' })
    await Lock.start(undefined, { name: 'lock' })
    await Store.start(undefined, { name: 'store' })
  },
  run: (sim) => sim.sleep(800),
  check: (sim) => {
    const store = sim.node('n1').whereis('store')
    const written = store === undefined ? [] : (sim.stateOf(store) as readonly number[])
    const last = written.length - 1
    if (last > 0 && written[last]! < written[last - 1]!) {
      throw new Error(`lease ${written[last]} wrote after lease ${written[last - 1]}`)
    }
  },
  seeds: 50,
  plan: { faults: ['pause'], countMax: 3, withinMs: 600, durationMsMax: 600 },
}

if (process.argv[1]?.includes('04-simulation')) {
  try {
    await explore(program)
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error
    console.log(error.message)
  }
}
