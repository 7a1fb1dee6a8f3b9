/**
 * Five whole nodes, three of them voters, that hold everything which must not exist twice: a strict singleton, a strict name,
 * children of strict supervisors, entities of strict shards. They crash, stand still, are cut off and lose packets as the
 * seed says; what they hold is looked at after every single event (`strict-fence.ts`). When all is well again, everything
 * is held once.
 */
import type { Contract, Server } from '../../behaviours/index.ts'
import { contract, implement, noreply, reply } from '../../behaviours/index.ts'
import type { FoveaNode } from '../../dist/index.ts'
import {
  scheduleFrom,
  simulate,
  type Fault,
  type SimNode,
  type Simulation,
} from '../../dist/simulation/index.ts'
import { EntropyStreams } from '../../dist/simulation/streams.ts'
import { nodeKeysFromSeed } from '../../mesh/index.ts'
import type { Pid, ProcessContext } from '../../runtime/index.ts'
import { StrictFence, type Hold } from './strict-fence.ts'

const NODES = 5
const VOTERS = 3
const TTL_MS = 600
const LEASES = { ttlMs: TTL_MS, graceMs: 100, roundMs: 100 }
const FAULTS = 7
const FAULTS_WITHIN_MS = 6_000
const FAULT_MS_MAX = 2_500
const CALM_MS = 10_000
/** Between two writes of a process. */
const WORK_MS = 25
/** What a process takes for its end, if it is given the time. */
const END_MS = 80
const CHILDREN = ['x', 'y']
const ENTITIES = ['1', '2', '3']
/** All that is held in the end. */
const THINGS = ['singleton', 'name', 'child x', 'child y', 'entity 1', 'entity 2', 'entity 3']

/** What the world is made of; a mutant brings its own. */
export interface StrictModules {
  readonly simulate: typeof simulate
  readonly contract: typeof contract
  readonly implement: typeof implement
  readonly noreply: typeof noreply
  readonly reply: typeof reply
}

/** As they are. */
export const STRICT_MODULES: StrictModules = { simulate, contract, implement, noreply, reply }

/** What one run saw. */
export interface StrictReport {
  readonly accepted: number
  readonly refused: number
  readonly begun: Readonly<Record<string, number>>
  readonly events: number
}

interface WorkApi {
  call: { token(): number }
  cast: {}
}
interface WorkArg {
  readonly arg: string
  readonly token: number
}

/** The faults of a seed: no voter loses its disk, and no monotonic clock jumps. */
export function strictFaults(seed: number): readonly Fault[] {
  const entropy = new EntropyStreams(seed).of('strict schedule')
  const nat = (): number => Math.floor(entropy.random() * 10_000)
  const entries = Array.from({ length: FAULTS }, () => Array.from({ length: 8 }, nat))
  const plan = { withinMs: FAULTS_WITHIN_MS, durationMsMax: FAULT_MS_MAX }
  return scheduleFrom(
    NODES,
    plan,
  )(entries).faults.map((fault): Fault => {
    if (fault.type === 'crash' && Number(fault.node) < VOTERS) {
      const { type, node, atMs, downMs = 1 } = fault
      return { type, node, atMs, downMs }
    }
    return fault.type === 'clock_jump' ? { ...fault, monotonic: false } : fault
  })
}

/** One run; rejects when something was held twice, or is not held in the end. */
export async function strictWorld(
  seed: number,
  modules: StrictModules = STRICT_MODULES,
  faults: readonly Fault[] = strictFaults(seed),
): Promise<StrictReport> {
  const streams = new EntropyStreams(seed)
  const voters = Array.from({ length: VOTERS }, (_, i) => {
    return nodeKeysFromSeed(streams.of(`keys of n${i + 1}`).bytes(32)).nodeKey.hex
  })
  let world: StrictWorld | undefined
  const worldOf = (sim: Simulation): StrictWorld => (world ??= new StrictWorld(sim, modules))
  const { value, events } = await modules.simulate({
    ...{ seed, faults, nodes: NODES, realSignatureShare: 0, refuseForeignAwaits: false },
    network: { latencyMs: 2, jitterMs: 4 },
    node: {
      ...{ voters, leases: LEASES, keepaliveIntervalMs: 100, reconnectMaxMs: 500 },
      singletons: { restartPauseMs: 100, shutdownMs: 300 },
    },
    setup: (node, sim) => worldOf(sim).setUp(node),
    check: (sim) => worldOf(sim).fence.look(),
    run: (sim) => worldOf(sim).run(),
  })
  return { ...value, events }
}

class StrictWorld {
  readonly fence: StrictFence
  readonly #sim: Simulation
  readonly #modules: StrictModules
  readonly #contract: Contract<WorkApi>
  #isCalm = false

  constructor(sim: Simulation, modules: StrictModules) {
    this.#sim = sim
    this.#modules = modules
    this.fence = new StrictFence(sim.nodes)
    this.#contract = modules.contract<WorkApi>('work/1', { call: { token: true }, cast: {} })
  }

  /** Everything that a node does, also when it starts again. */
  setUp(simNode: SimNode): void {
    const { node, system } = simNode
    const server = this.#server(simNode)
    node.behaviorRegistry.register(server, { remote: true })
    node.singletons.start({
      name: 'one',
      start: ({ system, parent, token }) =>
        server.start({ arg: 'singleton', token }, { system, parent, link: true, trapExit: true }),
    })
    system.spawn((ctx) => this.#named(ctx, simNode, node), { label: 'named' })
    system.spawn((ctx) => this.#messages(ctx, node), { label: 'messages' })
    if (simNode.index < VOTERS) {
      system.spawn((ctx) => this.#supervise(ctx, node), { label: 'supervise' })
    }
  }

  /** Faults happen by themselves; then all is well. */
  async run(): Promise<Omit<StrictReport, 'events'>> {
    const sim = this.#sim
    await sim.sleep(FAULTS_WITHIN_MS + FAULT_MS_MAX)
    sim.heal()
    this.#isCalm = true
    for (const node of sim.nodes) await node.start()
    await sim.until(() => sim.nodes.every(({ state }) => state === 'running'))
    await sim.sleep(CALM_MS)
    const held = THINGS.map((what) => `${what}: ${this.fence.holders(what).length}`)
    const missing = held.filter((text) => !text.endsWith(': 1'))
    if (missing.length > 0) throw new Error(`G11 when all is well: ${missing.join(', ')}`)
    const { accepted, refused, begun } = this.fence
    return { accepted, refused, begun: Object.fromEntries(begun) }
  }

  #hold(simNode: SimNode, what: string, token: number, pid: Pid): Hold {
    const { system } = simNode
    const isAlive = (): boolean =>
      simNode.state !== 'crashed' && simNode.system === system && system.isAlive(pid)
    const hold: Hold = { what, token, node: simNode, isAlive, hasEnded: false }
    this.fence.begin(hold)
    return hold
  }

  /** Nothing but its node ends it. */
  #server(simNode: SimNode): Server<WorkApi, WorkArg> {
    const { implement, reply, noreply } = this.#modules
    return implement<WorkApi, WorkArg, Hold>(this.#contract, {
      init: ({ arg, token }, ctx) => {
        ctx.trapExit(true)
        const hold = this.#hold(simNode, arg, token, ctx.self.pid)
        this.fence.write(hold)
        ctx.sendAfter(WORK_MS, 'work')
        return hold
      },
      call: { token: (hold) => reply(hold.token, hold) },
      cast: {},
      info: (hold, { type }, ctx) => {
        if (type === 'message') {
          this.fence.write(hold)
          ctx.sendAfter(WORK_MS, 'work')
        }
        return noreply(hold)
      },
      // It takes its time for its end, and changes something in it.
      terminate: (_reason, hold) =>
        new Promise((resolve) => {
          simNode.system.clock.setTimer(END_MS, () => {
            // A timer of the node: its process may have been killed meanwhile.
            if (hold.isAlive()) this.fence.write(hold)
            resolve()
          })
        }),
    })
  }

  /** A process under a strict name, one after the other; it gives the name back now and then. */
  async #named(ctx: ProcessContext, simNode: SimNode, node: FoveaNode): Promise<void> {
    const { system } = simNode
    for (;;) {
      const pid = ctx.spawn((own) => this.#worker(own))
      ctx.monitor(pid)
      try {
        const options = { mode: 'strict', timeoutMs: 1_500 } as const
        const { token } = await node.globalRegistry.register('leader', pid, options)
        const hold = this.#hold(simNode, 'name', token!, pid)
        system.send(pid, hold)
        const isOver = await ended(ctx, pid, this.#isCalm ? Infinity : 500 + this.#pick(2_500))
        if (!isOver) {
          hold.hasEnded = true
          await node.globalRegistry.unregister('leader')
        }
      } catch {
        // Somebody else has it, or nobody can; it is tried again.
      }
      system.exit(pid, 'kill')
      await nap(ctx, 100 + this.#pick(300))
    }
  }

  async #worker(ctx: ProcessContext): Promise<void> {
    const hold = (await ctx.receive(undefined, { timeoutMs: Infinity })) as Hold
    while (!hold.hasEnded) {
      this.fence.write(hold)
      await nap(ctx, WORK_MS)
    }
  }

  /** A strict supervisor of one name on several nodes: only one gets all children. */
  async #supervise(ctx: ProcessContext, node: FoveaNode): Promise<void> {
    const { distributedSupervisor: functions } = node
    for (;;) {
      await nap(ctx, 50 + this.#pick(500))
      try {
        const sup = await functions.start({
          ...{ name: 'jobs', mode: 'strict', nodeSelector: 'least_children', intensity: 1_000 },
          leaseTimeoutMs: 2 * TTL_MS,
          children: CHILDREN.map((id) => ({
            ...{ id, behavior: 'work/1', arg: `child ${id}`, fenced: true, shutdown: 300 },
          })),
        })
        ctx.monitor(sup.pid)
        const forMs = this.#isCalm ? Infinity : 1_500 + this.#pick(3_000)
        const isOver = await ended(ctx, sup.pid, forMs)
        if (!isOver) await functions.stop(sup)
      } catch {
        // Another one has the children; it is tried again.
      }
    }
  }

  /** Entities are where their messages go. */
  async #messages(ctx: ProcessContext, node: FoveaNode): Promise<void> {
    const things = await node.sharding.start<WorkApi>({
      ...{ entity: this.#contract, shards: 4, mode: 'strict', stopTimeoutMs: 1_000 },
      argOf: ({ id, token }) => ({ arg: `entity ${id}`, token }),
    })
    for (;;) {
      await nap(ctx, 40 + this.#pick(80))
      const id = ENTITIES[this.#pick(ENTITIES.length)]!
      things
        .entityRef(id)
        .call('token', undefined, { timeoutMs: 3_000 })
        // It says so when it cannot be reached; that is looked at in the end.
        .catch(() => {})
    }
  }

  #pick(n: number): number {
    return Math.floor(this.#sim.random('strict world') * n)
  }
}

/** By the clock of its node, which stands still with it. */
function nap(ctx: ProcessContext, forMs: number): Promise<boolean> {
  return received(ctx, () => false, forMs)
}

/** Whether a process that is monitored ends within so long. */
function ended(ctx: ProcessContext, { id }: Pid, forMs: number): Promise<boolean> {
  const isDown = (value: unknown): boolean => {
    const { type, pid } = value as { readonly type?: unknown; readonly pid?: Pid }
    return type === 'down' && pid?.id === id
  }
  return received(ctx, isDown, forMs)
}

async function received(
  ctx: ProcessContext,
  match: (value: unknown) => boolean,
  timeoutMs: number,
): Promise<boolean> {
  try {
    await ctx.receive(match, { timeoutMs })
    return true
  } catch {
    return false
  }
}
