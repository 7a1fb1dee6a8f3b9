/**
 * One node of a simulation: a whole `FoveaNode` with a system, a clock and a disk of its own, and what can be
 * done to it from outside.
 */
import {
  asNobody,
  createSystem,
  ownPromise,
  vanish,
  type Entropy,
  type Logger,
  type Pid,
  type ProcessContext,
  type SimClock,
  type System,
  type SystemWatch,
} from '../../runtime/index.ts'
import type { MemoryNetwork, Realm, Signatures } from '../../mesh/index.ts'
import { startNode, type FoveaNode, type NodeOptions } from '../node.ts'
import type { NodeId } from '../node-id.ts'
import { NodeClock } from './node-clock.ts'
import { SimDisk } from './sim-disk.ts'
import { SimulationStuckError } from './simulation-errors.ts'

/** What a simulated node is doing. A paused one runs again when it is resumed, a crashed one when started. */
export type SimNodeState = 'crashed' | 'starting' | 'running' | 'paused'

/** Options of the nodes of a simulation; identity, time, chance and network are the simulation's. */
export type SimulatedNodeOptions = Omit<
  NodeOptions,
  | ('realm' | 'name' | 'nodeName' | 'host' | 'port' | 'advertiseHost' | 'advertisePort')
  | ('dataDir' | 'membership' | 'transport' | 'lookup' | 'clock' | 'entropy' | 'system' | 'logger')
>

/** How a node crashes. */
export interface CrashOptions {
  /** `'lost'`: key and files are gone, and what starts again is a new node. Default `'kept'`. */
  readonly disk?: 'kept' | 'lost'
}

/** What a node needs of its simulation. */
export interface SimNodeWorld {
  readonly clock: SimClock
  readonly network: MemoryNetwork
  readonly realm: Realm
  readonly signatures: Signatures
  readonly options: SimulatedNodeOptions
  readonly logger: ((nodeName: string) => Logger) | undefined
  entropy(purpose: string): Entropy
  /** Ids of nodes that a starting node dials. */
  seedsFor(node: SimNode): readonly NodeId[]
  watchOf(node: SimNode): SystemWatch
  timerFired(node: SimNode): void
  /** Runs what the user wants on a node that has started. */
  setUp(node: SimNode): unknown
}

/** See the file header. */
export class SimNode {
  readonly name: string
  /** Its number, from 0. */
  readonly index: number
  readonly host: string
  /** Outlives a crash. */
  readonly disk: SimDisk
  readonly #world: SimNodeWorld
  #state: SimNodeState = 'crashed'
  #clock: NodeClock | undefined
  #system: System | undefined
  #node: FoveaNode | undefined
  /** Tells those who wait for something of this life of the node that it is over. */
  readonly #waiting = new Set<(error: Error) => void>()

  constructor(world: SimNodeWorld, name: string, index: number) {
    this.#world = world
    this.name = name
    this.index = index
    const place = index + 1
    this.host = `10.${place >> 16}.${(place >> 8) & 0xff}.${place & 0xff}`
    this.disk = new SimDisk(name, world.signatures, world.entropy(`keys of ${name}`))
  }

  get state(): SimNodeState {
    return this.#state
  }
  /** Of a node that runs or is paused; else throws `ERR_SIMULATION_NODE_DOWN`. */
  get node(): FoveaNode {
    return this.#node ?? this.#down()
  }
  get system(): System {
    return this.#system ?? this.#down()
  }
  get id(): NodeId {
    return `${this.name}@${this.host}:4433` as NodeId
  }
  /** Milliseconds by the clock of this node. */
  get nowMs(): number {
    return (this.#clock ?? this.#world.clock).now()
  }

  /** The process that has this name on the node. */
  whereis(name: string): Pid | undefined {
    return this.#system?.whereis(name)
  }

  /** Starts it, with the disk it has, and runs its setup. Nothing if it runs already. */
  start(): Promise<void> {
    if (this.#state !== 'crashed') return Promise.resolve()
    return this.#whileItLives((resolve, reject) => {
      asNobody(() => this.#start()).then(resolve, reject)
    })
  }

  /**
   * Runs `fn` as a process of this node. Refs of other nodes go over the network then, as for every process of
   * the node; `run` itself is no node and reaches everything directly and at once.
   */
  run<T>(fn: (context: ProcessContext) => T | Promise<T>): Promise<T> {
    const { system } = this
    return this.#whileItLives<T>((resolve, reject) => {
      const body = async (context: ProcessContext): Promise<void> => {
        try {
          resolve(await fn(context))
        } catch (error) {
          reject(error)
        }
      }
      system.spawn(body, { label: 'run' })
    })
  }

  /** Everything of it that is not on its disk is gone, between one moment and the next. */
  crash({ disk = 'kept' }: CrashOptions = {}): void {
    if (this.#state !== 'crashed') {
      this.#state = 'crashed'
      this.#clock?.kill()
      this.#world.network.kill(this.host)
      if (this.#system !== undefined) vanish(this.#system)
      this.#system = undefined
      this.#node = undefined
      const error = new SimulationStuckError('ERR_SIMULATION_NODE_DOWN', `${this.name} crashed`)
      for (const giveUp of this.#waiting) giveUp(error)
    }
    if (disk === 'lost') this.disk.lose()
  }

  /** It stands still; what is sent to it waits at its door. */
  pause(): void {
    if (this.#state !== 'running') return
    this.#state = 'paused'
    this.#clock?.pause()
    this.#world.network.pause(this.host)
  }

  /** It goes on; what should have happened meanwhile happens now. */
  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    this.#world.network.resume(this.host)
    this.#clock?.resume()
  }

  /** Sets its wall clock; with `monotonic` its timers believe it, too. */
  jumpClock(byMs: number, { monotonic = false }: { readonly monotonic?: boolean } = {}): void {
    this.#clock?.jump(byMs, monotonic)
  }

  async #start(): Promise<void> {
    const world = this.#world
    const { disk, name } = this
    this.#state = 'starting'
    const clock = new NodeClock(world.clock, () => world.timerFired(this))
    const logger = world.logger?.(name)
    const own = logger === undefined ? {} : { logger }
    const entropy = world.entropy(`choices of ${name}`)
    const system = createSystem({
      ...own,
      ...{ clock, entropy, asyncContext: true, watch: world.watchOf(this) },
      node: disk.nodeKey.hex,
      incarnation: disk.nextIncarnation,
    })
    this.#clock = clock
    this.#system = system
    const node = await startNode({
      ...world.options,
      ...own,
      ...{ clock, entropy, system, nodeName: name, host: this.host, port: 4433, dataDir: disk },
      realm: world.realm,
      transport: world.network.transport({}, clock),
      seeds: world.options.seeds ?? world.seedsFor(this),
    })
    this.#node = node
    await world.setUp(this)
    this.#state = 'running'
  }

  #whileItLives<T>(
    executor: (resolve: (value: T) => void, reject: (error: unknown) => void) => void,
  ): Promise<T> {
    return ownPromise<T>((resolve, reject) => {
      const over = (): void => void this.#waiting.delete(giveUp)
      const giveUp = (error: unknown): void => {
        over()
        reject(error)
      }
      this.#waiting.add(giveUp)
      executor((value) => {
        over()
        resolve(value)
      }, giveUp)
    })
  }

  #down(): never {
    throw new SimulationStuckError(
      'ERR_SIMULATION_NODE_DOWN',
      `${this.name} does not run (${this.#state})`,
    )
  }
}
