/**
 * A world of membership cores: who knows whom at the start, how one joins, what the tables say.
 * Statistics, chaos runs and benchmarks are written against this class.
 */
import { createSharedBase } from '../membership/swim/base.ts'
import { SwimCore } from '../membership/swim/core.ts'
import type { Contact, SwimMember } from '../membership/swim/machine.ts'
import { swimSettings, type SwimSettings } from '../membership/swim/settings.ts'
import type { StatementFields } from '../membership/swim/statement.ts'
import { hashNumbers } from './chance.ts'
import { check, COUNT } from './checked.ts'
import { CoreWorld, type Seat, type WorldOptions } from './core-world.ts'
import { runFaults, type FaultCounts } from './fault-runner.ts'
import type { Fault } from './faults.ts'
import { KeyedAuthority } from './keyed-authority.ts'
import type { SimulatedNode } from './simulated-node.ts'
import { SIMULATED_SIZES, datagramBytes, type SwimProtocol } from './swim-boundary.ts'
import { Views } from './views.ts'

/** How a membership world is made. */
export interface SwimWorldOptions extends Omit<
  WorldOptions<SwimProtocol>,
  'boot' | 'bytesOf' | 'addressOf'
> {
  /** Default: the preset `lan`. */
  readonly settings?: SwimSettings
  /** So many of the first nodes run and know each other from the start; default all. */
  readonly warm?: number
  /** Whom a node that starts later asks; default nodes 0, 1 and 2. */
  readonly seeds?: readonly number[]
  /** Makes the core of a seat, when it is not to be the library's; for tests of tests. */
  readonly makeCore?: (options: ConstructorParameters<typeof SwimCore>[0]) => SwimCore
}

/** The name of every simulated node; ids tell them apart. */
const NAME = 'node'
const NO_META: Uint8Array = new Uint8Array(0)
const LAST_ACKS_MS = 1_000

/** See the head of this file. */
export class SwimWorld {
  readonly core: CoreWorld<SwimProtocol>
  readonly settings: SwimSettings
  readonly authority: KeyedAuthority
  readonly views: Views
  readonly #seeds: readonly number[]
  #metas = 0

  constructor(options: SwimWorldOptions) {
    const { settings = swimSettings('lan'), warm = options.nodes, seeds = [0, 1, 2] } = options
    check('warm', warm, COUNT)
    this.settings = settings
    this.#seeds = seeds
    this.authority = new KeyedAuthority(hashNumbers(options.seed, 1))
    const makeCore = options.makeCore ?? ((core): SwimCore => new SwimCore(core))
    const common = { settings, authority: this.authority, sizes: SIMULATED_SIZES }
    this.core = new CoreWorld<SwimProtocol>({
      ...options,
      bytesOf: datagramBytes,
      addressOf: (core, id) => core.member(id),
      boot: (seat) => {
        const { seed, nowMs } = seat
        const self = { ...fieldsOf(seat), generation: seat.generation }
        const isWarm = seat.index < warm && seat.generation === 1
        const shared = isWarm && nowMs === 0 ? { base } : {}
        return makeCore({ ...common, seed, nowMs, self, ...shared })
      },
    })
    const base = createSharedBase(
      this.core.nodes
        .slice(0, warm)
        .map((node) =>
          this.authority.sign({ ...fieldsOf(node), generation: 1, counter: 0, left: false }),
        ),
    )
    this.views = new Views(options.nodes, warm, () => this.core.nowMs)
    this.core.observe(this.views)
    // As a program does: it says goodbye, gives last acks for a moment, and ends.
    this.core.observe({
      left: (node) => this.core.later(node, LAST_ACKS_MS, () => this.core.stop(node.index)),
    })
    for (let index = 0; index < warm; index++) this.core.start(index)
  }

  get nowMs(): number {
    return this.core.nowMs
  }

  /** Address and id of a node. */
  contactOf(index: number): Contact {
    const { id, host, port } = this.core.node(index)
    return { id, host, port }
  }

  /** Lets a running node join through others; through the usual seeds by default. */
  join(index: number, seeds: readonly number[] = this.#seeds): void {
    const contacts = seeds.filter((seed) => seed !== index).map((seed) => this.contactOf(seed))
    this.core.command(index, { type: 'join', contacts })
  }

  /** Starts a node and lets it join. */
  startJoining(index: number, seeds?: readonly number[]): void {
    if (this.core.start(index)) this.join(index, seeds)
  }

  leave(index: number): void {
    this.core.command(index, { type: 'leave' })
  }

  /** Gives a node new metadata of some length, different each time. */
  setMeta(index: number, bytes: number): void {
    const meta = new Uint8Array(bytes)
    this.#metas++
    for (let i = 0; i < bytes; i++) meta[i] = (this.#metas >>> (8 * (i % 4))) & 0xff
    this.core.command(index, { type: 'set_meta', meta })
  }

  /** Queues a schedule of faults. */
  runFaults(faults: readonly Fault[]): FaultCounts {
    return runFaults(this.core, faults, {
      leave: (node) => this.leave(node),
      join: (node, seeds) => this.join(node, seeds),
      setMeta: (node, bytes) => this.setMeta(node, bytes),
    })
  }

  run(ms: number): void {
    this.core.run(ms)
  }

  runUntil(condition: () => boolean, withinMs: number, everyMs?: number): number | undefined {
    return this.core.runUntil(condition, withinMs, everyMs)
  }

  /** Nodes with a core that has not left. */
  living(): SimulatedNode<SwimProtocol>[] {
    return this.core.nodes.filter((node) => node.running && !node.hasLeft)
  }

  /** True when every living node sees the subject so. */
  allSee(subject: number, sight: 'alive' | 'suspect' | 'dead' | 'left'): boolean {
    const living = this.living().filter(({ index }) => index !== subject)
    return this.views.count(this.core.node(subject).id, sight, living) === living.length
  }

  /**
   * What is wrong with the tables if nothing has happened for long: every living node must hold every
   * living node alive at the incarnation it has itself, and nobody else alive or suspect. At most
   * `countMax` lines.
   */
  disagreements(countMax = 10): string[] {
    const living = this.living()
    const truth = new Map(living.map((node) => [node.id, node.core!.self()]))
    const found: string[] = []
    for (const node of living) {
      let alive = 0
      for (const member of node.core!.members()) {
        const own = truth.get(member.id)
        if (member.status === 'alive' && own !== undefined && isSame(member, own)) alive++
        else if (own !== undefined || member.status === 'alive' || member.status === 'suspect') {
          found.push(
            `${node.id} holds ${describe(member)}, truth is ${own ? describe(own) : 'down'}`,
          )
        }
        if (found.length >= countMax) return found
      }
      if (alive !== living.length) found.push(`${node.id} knows ${alive} of ${living.length}`)
    }
    return found.slice(0, countMax)
  }

  /** True when {@link disagreements} finds none. */
  agrees(): boolean {
    return this.disagreements(1).length === 0
  }
}

function fieldsOf(
  at: Pick<Seat, 'id' | 'host' | 'port'>,
): Pick<StatementFields, 'id' | 'name' | 'host' | 'port' | 'meta'> {
  return { id: at.id, name: NAME, host: at.host, port: at.port, meta: NO_META }
}

function isSame(member: SwimMember, own: StatementFields): boolean {
  return (
    member.generation === own.generation &&
    member.counter === own.counter &&
    member.port === own.port &&
    member.meta.length === own.meta.length &&
    member.meta.every((byte, i) => byte === own.meta[i])
  )
}

function describe(of: SwimMember | StatementFields): string {
  const status = 'status' in of ? of.status : of.left ? 'left' : 'alive'
  return `${of.id} ${status}@${of.generation}.${of.counter}`
}
