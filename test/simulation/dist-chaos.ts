/**
 * Whole nodes under cuts and kills: each sends numbered messages to every other one, monitors, links and calls, while
 * pairs of nodes are cut off from each other and healed at random, and nodes are killed and start again with the same
 * key. What must hold whatever the schedule, over links and through others:
 *
 * - the messages of one sender to one receiver arrive in order, each at most once, and never at a later life of its node;
 * - a call is answered once, by its reply or by a reason; it is handled at most once, and once if there is a reply;
 * - a monitor fires at most once, and once if what it watches was killed; so does a link, on both sides;
 * - once all have links again, nothing is lost any more, also while sessions through others give way to those links, but
 *   what went into a session that had lost something before and had not ended yet;
 * - when some time has passed, nothing waits.
 */
import { contract, implement, reply, type Contract } from '../../behaviours/index.ts'
import type { FoveaNode } from '../../dist/index.ts'
import { NodeClock } from '../../dist/simulation/node-clock.ts'
import { SimDisk } from '../../dist/simulation/sim-disk.ts'
import { createRealm, simulatedSignatures } from '../../mesh/index.ts'
import type { Entropy, Pid } from '../../runtime/index.ts'
import { createSeededEntropy, createSystem, vanish } from '../../runtime/index.ts'
import { during, startWorld, type LoggedWorld } from '../dist/support/world.ts'
import { DistAccount, type Numbered, type WatchRecord } from './dist-account.ts'

const NODES = 4
/** Of one turn of a phase. */
const STEP_MS = 300
/** Nodes that live at least. */
const ALIVE_MIN = 2
/** A session in which something was lost ends in this time. */
const RELAY_TIMEOUT_MS = 2_000

/** What one run saw. */
export interface ChaosReport {
  readonly sent: number
  readonly received: number
  readonly relayed: number
  readonly killed: number
  /** Messages that went into a session that had lost something already, after all had links again. */
  readonly doomed: number
  readonly faults: readonly string[]
}

/** What happens in a run. */
export interface ChaosPlan {
  /** Times of cuts and of healing, in turns. */
  readonly phases: number
  /** Whether nodes are killed, and start again. */
  readonly kills: boolean
}

interface BookApi {
  call: { enter(id: number): number }
  cast: {}
}
const BookContract: Contract<BookApi> = contract('book/1', { call: { enter: true }, cast: {} })

/** One start of a node. */
interface Life {
  readonly number: number
  readonly slot: number
  readonly node: FoveaNode
  readonly probe: Pid
  readonly book: Pid
  readonly clock: NodeClock
  isDead: boolean
}

/** One run. */
export async function distChaos(seed: number, plan: ChaosPlan): Promise<ChaosReport> {
  const signatures = simulatedSignatures({ realShare: 0 })
  const entropy = createSeededEntropy(seed)
  const authority = signatures.keysFromSeed(entropy.bytes(32))
  const world = await startWorld(0, {
    seed,
    network: { latencyMs: 2, jitterMs: 12, streamWindowBytes: 65_536 },
    node: {
      // What is tested here are lives of nodes and ways between them: keys are the stand-in of simulations.
      realm: createRealm('com.example.chaos', { authority, signatures }),
      keepaliveIntervalMs: 200,
      reconnectMaxMs: 500,
      relayTimeoutMs: RELAY_TIMEOUT_MS,
      dialTimeoutMs: 500,
    },
  })
  const disks = Array.from(
    { length: NODES },
    (_, slot) => new SimDisk(`n${slot}`, signatures, entropy),
  )
  const chaos = new DistChaos(world, disks, entropy)
  for (let slot = 0; slot < NODES; slot++) await chaos.start(slot)
  await world.connected()
  for (let phase = 0; phase < plan.phases; phase++) await chaos.phase(phase, plan.kills)
  const report = await chaos.end()
  await chaos.stop()
  return report
}

class DistChaos {
  readonly #world: LoggedWorld
  readonly #entropy: Entropy
  readonly #account = new DistAccount(() => this.#world.clock.now())
  readonly #lives: Life[] = []
  /** The last life of each node. */
  readonly #last: Life[] = []
  readonly #disks: readonly SimDisk[]
  #relayed = 0
  #killed = 0

  constructor(world: LoggedWorld, disks: readonly SimDisk[], entropy: Entropy) {
    this.#world = world
    this.#disks = disks
    this.#entropy = entropy
  }

  async start(slot: number): Promise<void> {
    const account = this.#account
    const number = this.#lives.length
    const world = this.#world
    const dataDir = this.#disks[slot]!
    const { nodeKey, nextIncarnation } = dataDir
    // A clock and a system of its own, so that it ends when it is killed.
    const clock = new NodeClock(world.clock, () => {})
    const system = createSystem({
      ...{ clock, entropy: world.entropy, node: nodeKey.hex, incarnation: nextIncarnation },
    })
    const transport = world.network.transport({}, clock)
    const node = await world.start(`n${slot}`, { ...{ dataDir, clock, system, transport } })
    const probe = system.spawn(async (ctx) => {
      for (;;) {
        const message = await ctx.receive(undefined, { timeoutMs: Infinity })
        account.heard(number, message as unknown as Numbered)
      }
    })
    const server = implement<BookApi, void, void>(BookContract, {
      init: () => {},
      call: {
        enter: (_state, id) => {
          account.applied(number, id)
          return reply(id, undefined)
        },
      },
      cast: {},
    })
    const { pid: book } = await server.start(undefined, { system })
    const life = { ...{ number, slot, node, probe, book, clock }, isDead: false }
    this.#lives.push(life)
    this.#last[slot] = life
  }

  /** One or two pairs are cut off from each other, long enough to speak through others; or all is well again. */
  async phase(phase: number, kills: boolean): Promise<void> {
    const cut = Array.from({ length: 1 + this.#pick(2) }, () => this.#pair())
    if (phase % 2 === 0) {
      for (const [a, b] of cut) this.#world.partition(a.node, b.node)
      if (kills && this.#pick(2) === 0) this.#kill(this.#pick(NODES))
    } else {
      this.#world.heal()
      for (const { slot, isDead } of [...this.#last]) {
        if (isDead && this.#pick(2) === 0) await this.start(slot)
      }
    }
    for (let step = 0; step < 12; step++) {
      // Those who are cut off have most to say, in both directions, and fall silent now and then.
      const [x, y] = this.#pick(2) === 0 ? cut[0]! : this.#pair()
      const [from, to] = this.#pick(2) === 0 ? [x, y] : [y, x]
      await this.#turn(from, to)
      const isLong = this.#pick(4) === 0
      await this.#world.clock.advance(isLong ? 3 * STEP_MS : this.#pick(STEP_MS))
      if (kills && this.#pick(40) === 0) this.#kill(this.#pick(NODES))
    }
    for (const { node, isDead } of this.#last) {
      if (!isDead) this.#relayed = Math.max(this.#relayed, node.mesh.courier!.stats().relayed)
    }
  }

  /** All is well again; what was said since comes, and the account is closed. */
  async end(): Promise<ChaosReport> {
    const { clock } = this.#world
    this.#world.heal()
    for (const { slot, isDead } of [...this.#last]) if (isDead) await this.start(slot)
    const saidFromMs = await this.#talkOn()
    await clock.advance(this.#killed > 0 ? 30_000 : 10_000)
    const faults = this.#account.faults((life) => this.#lives[life]!.isDead)
    const numbers = this.#last.map(({ number }) => number)
    const { unexplained, doomed } = this.#account.losses(numbers, saidFromMs, RELAY_TIMEOUT_MS)
    if (unexplained > 0) faults.push(`${unexplained} messages are lost although all have links`)
    for (const { node } of this.#last) {
      for (const [peer, stats] of Object.entries(node.stats().peers)) {
        if (stats.bytesWaiting + stats.callsOut + stats.callsIn > 0)
          faults.push(`${peer} still waits`)
      }
    }
    const { sent, received } = this.#account
    return { sent, received, relayed: this.#relayed, killed: this.#killed, doomed, faults }
  }

  /** Those that live; of the others nothing is left. */
  async stop(): Promise<void> {
    const stopping = this.#last.map(({ node }) => node.stop())
    await during(this.#world, Promise.all(stopping))
  }

  #pick(n: number): number {
    return Math.floor(this.#entropy.random() * n)
  }

  /** Two nodes, as they are now; one of them may be dead. */
  #pair(): readonly [Life, Life] {
    const a = this.#pick(NODES)
    return [this.#last[a]!, this.#last[(a + 1 + this.#pick(NODES - 1)) % NODES]!]
  }

  #kill(slot: number): void {
    const life = this.#last[slot]!
    const alive = this.#last.filter(({ isDead }) => !isDead)
    if (life.isDead || alive.length <= ALIVE_MIN) return
    life.isDead = true
    this.#killed += 1
    life.clock.kill()
    this.#world.kill(life.node)
    vanish(life.node.system)
  }

  async #turn(from: Life, to: Life): Promise<void> {
    if (from.isDead) return
    // Now and then somebody still has a ref to a former life.
    const former = this.#lives.filter(({ slot, isDead }) => isDead && slot === to.slot)
    const target =
      former.length > 0 && this.#pick(4) === 0 ? former[this.#pick(former.length)]! : to
    const what = this.#pick(9)
    if (what < 6) await this.#talk(from, target)
    else if (what === 6) this.#watch(from, target)
    else if (what === 7) this.#call(from, target)
    else if (!target.isDead) this.#link(from, target)
  }

  /** Several in a row, a large one first now and then, some of them in later turns. */
  async #talk(from: Life, to: Life): Promise<void> {
    this.#say(from, to, this.#pick(4) === 0 ? 200_000 : 10)
    for (let i = this.#pick(8); i > 0; i--) {
      if (this.#pick(3) === 0) await this.#world.clock.advance(1)
      if (!from.isDead) this.#say(from, to)
    }
  }

  #say(from: Life, to: Life, bytes = 10): void {
    const message = this.#account.message(from.number, to.number)
    from.node.system.send(pidAt(from, to, to.probe), { ...message, data: new Uint8Array(bytes) })
  }

  #watch(from: Life, to: Life): void {
    const watch = this.#account.monitor(from.number, to.number)
    from.node.remoteMonitor.monitor(pidAt(from, to, to.probe), () => void (watch.fired += 1))
  }

  #call(from: Life, to: Life): void {
    const call = this.#account.call(from.number, to.number)
    const calling = from.node.system.call(pidAt(from, to, to.book), 'enter', call.id, {
      timeoutMs: 3_000,
    })
    calling.then(
      () => this.#account.answered(call, true),
      () => this.#account.answered(call, false),
    )
  }

  /** Two processes that trap exits; one of them is killed later, now and then. */
  #link(from: Life, to: Life): void {
    const { near, far } = this.#account.link(from.number, to.number)
    const q = trap(to.node, undefined, far)
    const p = trap(from.node, pidAt(from, to, q), near)
    const end = this.#pick(6)
    if (end > 1) return
    this.#world.clock.setTimer(this.#pick(4 * STEP_MS), () => {
      const [life, pid, seenAs] = end === 0 ? ([to, q, near] as const) : ([from, p, far] as const)
      if (life.isDead) return
      seenAs.isDead = true
      life.node.system.exit(pid, 'kill')
    })
  }

  /** All speak with all soon after they are linked again; from when on. */
  async #talkOn(): Promise<number> {
    const { clock } = this.#world
    const lives = this.#last
    const isLinked = (): boolean =>
      lives.every(({ node: a }) =>
        lives.every(({ node: b }) => a === b || a.mesh.linkTo(b.key.hex) !== undefined),
      )
    for (let waitedMs = 0; !isLinked() && waitedMs < 20_000; waitedMs += 10) await clock.advance(10)
    // What was said before is there or lost by now, or held up by a large one: a session ends in relayTimeoutMs.
    await clock.advance(200)
    const fromMs = clock.now()
    for (let round = 0; round < 60; round++) {
      for (const a of lives) for (const b of lives) if (a !== b) this.#say(a, b)
      await clock.advance(5 + this.#pick(40))
    }
    await clock.advance(2_000)
    return fromMs
  }
}

/** The pid of a process of `to` as `from` knows it. */
function pidAt(from: Life, to: Life, pid: Pid): Pid {
  return from.node.system.pidFor(to.node.key.hex, pid.id, to.node.mesh.identity.incarnation)
}

/** A process that traps exits, and links to another one. */
function trap({ system }: FoveaNode, other: Pid | undefined, seen: WatchRecord): Pid {
  return system.spawn(async (ctx) => {
    ctx.trapExit(true)
    if (other !== undefined) ctx.link(other)
    for (;;) {
      const { type } = (await ctx.receive(undefined, { timeoutMs: Infinity })) as { type?: unknown }
      if (type !== 'exit') continue
      seen.fired += 1
      seen.firedMs = system.clock.now()
    }
  })
}
