/**
 * A running simulation: the nodes, the network between them, the time they live in, and the loop that moves it.
 *
 *     fixpoint -> foreign await? -> conditions of `until` -> checker -> next instant: timers -> fixpoint ...
 *
 * `run`, the commands and the setups are processes, too, in a system of their own or of their node, so what they
 * await is known like that of any other process. Everything a user's function throws ends the simulation;
 * the first one counts.
 */
import {
  ArgumentError,
  createSimClock,
  createSystem,
  currentProcess,
  debugOf,
  isBusy,
  ownPromise,
  vanish,
  waitsInVain,
  type Entropy,
  type Pid,
  type Process,
  type SimClock,
  type System,
  type SystemWatch,
} from '../../runtime/index.ts'
import { createRealm, MemoryNetwork, simulatedSignatures } from '../../mesh/index.ts'
import type { NodeId } from '../node-id.ts'
import { checkFault, checkTime, type Command, type Fault, type NodeChoice } from './fault.ts'
import { FaultInjector } from './fault-injector.ts'
import { NodeClock } from './node-clock.ts'
import { SimNode, type SimNodeWorld } from './sim-node.ts'
import type { NodeSetup, ResolvedSimulateOptions } from './simulate-options.ts'
import { ForeignAwaitError, SimulationStuckError } from './simulation-errors.ts'
import { EntropyStreams, seedOf } from './streams.ts'
import { TraceHash } from './trace-hash.ts'

/** Virtual wall time of the start, so that certificates and logs have sensible dates. */
const START_MS = 1_800_000_000_000
const JOIN_MS_MAX = 120_000
const JOIN_LOOK_MS = 50
/** Nodes that a starting node dials. */
const SEEDS = 3
/** What the library's own processes are called: they wait for the network, not for calls. */
const OWN_LABEL = /^\S+ fovea\./

/** What happens in a simulation: a message handled, an arrival at an endpoint, a timer, a fault, a note. */
export type EventKind = 'message' | 'arrival' | 'timer' | 'fault' | 'note'

const Kind: Readonly<Record<EventKind, number>> = Object.freeze({
  ...{ message: 1, arrival: 2, timer: 3 },
  ...{ fault: 4, note: 5 },
})

/** How {@link Simulation.until} waits. */
export interface UntilOptions {
  /** Virtual time until `ERR_SIMULATION_TIMEOUT`. Default 60,000 ms. */
  readonly timeoutMs?: number
  /** What is waited for, for the message of the error. */
  readonly what?: string
}

interface Waiter {
  readonly condition: () => boolean
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** See the file header. */
export class Simulation {
  readonly seed: number
  readonly network: MemoryNetwork
  readonly nodes: readonly SimNode[]
  readonly #options: ResolvedSimulateOptions
  readonly #clock: SimClock
  readonly #streams: EntropyStreams
  readonly #hash = new TraceHash()
  readonly #hosts = new Map<string, number>()
  readonly #setups: readonly (NodeSetup | undefined)[]
  readonly #driver: System
  readonly #nodeOf = new Map<System, SimNode | undefined>()
  readonly #busy = new Set<Process>()
  readonly #waiters = new Set<Waiter>()
  readonly #faults: FaultInjector
  #startedAtMs = START_MS
  #failure: { readonly error: unknown } | undefined
  #checking = false
  #checked = false

  constructor(options: ResolvedSimulateOptions) {
    this.#options = options
    this.seed = options.seed
    this.#clock = createSimClock({ startMs: START_MS, settleTurnsMax: options.settleTurnsMax })
    this.#streams = new EntropyStreams(options.seed)
    this.network = new MemoryNetwork({
      ...options.network,
      clock: this.#clock,
      entropy: this.#streams.of('network'),
      seed: seedOf(options.seed, 'network'),
      onArrival: ({ from, to, type, bytes }) => {
        const ends = this.#numberOf(from.host) * 65_536 + this.#numberOf(to.host)
        this.#hash.add(Kind.arrival, this.#clock.now(), ends, bytes)
        this.#hash.text(type)
      },
    })
    const driver = new NodeClock(this.#clock, () => {})
    this.#driver = createSystem({
      ...{ clock: driver, entropy: this.#streams.of('run'), asyncContext: true },
      ...{ node: 'simulation', watch: this.#watch(-1) },
    })
    this.#nodeOf.set(this.#driver, undefined)
    const world = this.#world()
    this.#setups = options.setups
    this.nodes = options.names.map((name, index) => new SimNode(world, name, index))
    for (const node of this.nodes) this.#hosts.set(node.host, node.index)
    this.#faults = new FaultInjector(this, this.#clock, (error) => this.#fail(error))
    this.#clock.onStep = () => this.#checkIfChanged()
    this.#clock.onQuiet = () => this.#refuseForeign()
  }

  // --- for users ------------------------------------------------------------------------------

  /** Virtual milliseconds since `run` began. */
  get nowMs(): number {
    return this.#clock.now() - this.#startedAtMs
  }
  /** What happened so far: messages, arrivals, timers, faults. */
  get events(): number {
    return this.#hash.count
  }

  /** Of those, what was of that kind. */
  eventsOf(kind: EventKind): number {
    return this.#hash.counts[Kind[kind]] ?? 0
  }

  /** The node with that name or number. */
  node(choice: NodeChoice): SimNode {
    const found =
      typeof choice === 'number'
        ? this.nodes[choice]
        : this.nodes.find(({ name }) => name === choice)
    if (found === undefined) throw new ArgumentError('node', 'a node of the simulation', choice)
    return found
  }

  /** A number in [0, 1) from the stream of `purpose`; other purposes are not shifted by it. */
  random(purpose: string = 'user'): number {
    return this.#streams.of(`user ${purpose}`).random()
  }

  /** Waits for virtual time to pass. */
  sleep(ms: number): Promise<void> {
    checkTime('ms', ms)
    return ownPromise<void>((resolve) => void this.#clock.setTimer(ms, resolve))
  }

  /** Waits until `condition` holds; it is looked at whenever everything that can run has run. */
  until(condition: () => boolean, options: UntilOptions = {}): Promise<void> {
    const { timeoutMs = 60_000, what = 'a condition' } = options
    checkTime('timeoutMs', timeoutMs)
    return ownPromise<void>((resolve, reject) => {
      const end = (): void => {
        this.#waiters.delete(waiter)
        timer.cancel()
      }
      const timer = this.#clock.setTimer(timeoutMs, () => {
        end()
        const text = `waited ${timeoutMs} ms of virtual time in vain for ${what}`
        reject(new SimulationStuckError('ERR_SIMULATION_TIMEOUT', text))
      })
      const waiter: Waiter = {
        condition,
        resolve: () => {
          end()
          resolve()
        },
        reject: (error) => {
          end()
          reject(error)
        },
      }
      this.#waiters.add(waiter)
    })
  }

  /** Does it now, as if it were in the schedule. */
  inject(fault: FaultNow): void {
    const now = { ...fault, atMs: this.nowMs } as Fault
    checkFault(now)
    this.#faults.apply(now)
  }

  /** Takes back every partition, cut and condition. */
  heal(): void {
    this.#faults.heal()
  }

  /** Makes something that only the program knows part of the trace. */
  note(text: string): void {
    this.#hash.add(Kind.note, this.#clock.now(), 0, 0)
    this.#hash.text(text)
  }

  /** The state that a process shows now, for checkers: that of its last handler which has ended. */
  stateOf(target: Pid | { readonly pid: Pid }): unknown {
    const pid = 'pid' in target ? target.pid : target
    for (const system of this.#nodeOf.keys()) {
      const process = system.process(pid)
      if (process !== undefined) return debugOf(process)?.getState(process)
    }
    return undefined
  }

  // --- for simulate() -------------------------------------------------------------------------

  /** @internal */
  get traceHash(): string {
    return this.#hash.digest()
  }

  /** @internal Runs everything, from the start of the nodes to the end of `run`; rejects with what failed. */
  async play(): Promise<unknown> {
    const stopDriving = this.#clock.drive()
    try {
      await this.#loop(this.#asProcess('start', () => this.#startAll()))
      this.#startedAtMs = this.#clock.now()
      const { faults, commands, run, durationMs } = this.#options
      for (const fault of faults) this.#faults.schedule(fault)
      for (const command of commands) this.#schedule(command)
      const main = this.#asProcess('run', async () => {
        const result: unknown = await run(this)
        if (this.nowMs < durationMs) await this.sleep(durationMs - this.nowMs)
        return result
      })
      const result = await this.#loop(main)
      this.#check()
      if (this.#failure !== undefined) throw this.#failure.error
      return result
    } finally {
      this.#close()
      stopDriving()
    }
  }

  /** Moves time until `main` is settled. */
  async #loop<T>(main: Promise<T>): Promise<T> {
    let settled = false
    const over = (): void => {
      settled = true
    }
    main.then(over, over)
    const untilMs = this.#clock.now() + this.#options.timeoutMs
    await this.#clock.settle()
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error
      if (!settled && this.#wake()) {
        await this.#clock.settle()
        continue
      }
      if (settled) return main
      if (this.#clock.nextTimerMs === Infinity) {
        const text = 'nothing can happen any more: no timer is armed, and `run` is not done'
        throw new SimulationStuckError('ERR_SIMULATION_STALLED', text)
      }
      if (!(await this.#clock.step(untilMs))) {
        const text = `not done after ${this.#options.timeoutMs} ms of virtual time (timeoutMs)`
        throw new SimulationStuckError('ERR_SIMULATION_TIMEOUT', text)
      }
    }
  }

  /** Ends the waits whose conditions have come true; false if there are none. */
  #wake(): boolean {
    let woken = false
    for (const waiter of this.#waiters) {
      try {
        if (!waiter.condition()) continue
        waiter.resolve()
      } catch (error) {
        waiter.reject(error)
      }
      woken = true
    }
    return woken
  }

  /** When all promises had their turn, whoever is suspended must have something to wait for. */
  #refuseForeign(): void {
    for (const process of this.#busy) {
      const node = this.#nodeOf.get(process.system)
      if (node?.state === 'paused' && isBusy(process)) continue // it cannot go on
      this.#busy.delete(process) // it comes back when it loses its last own wait
      if (!waitsInVain(process) || OWN_LABEL.test(process.label)) continue
      if (!this.#options.refuseForeignAwaits) continue
      const names = process.system.registered()
      const own = names.filter((name) => process.system.whereis(name) === process.pid)
      const { label, pid } = process
      this.#fail(new ForeignAwaitError(node?.name ?? 'run', label, own, pid.toString()))
    }
  }

  async #startAll(): Promise<void> {
    for (const node of this.nodes) await node.start()
    if (!this.#options.join) return
    const others = this.nodes.length - 1
    const joined = (node: SimNode): boolean =>
      node.node.mesh.membership.members().filter(({ state }) => state === 'up').length >= others
    for (let waitedMs = 0; !this.nodes.every(joined); waitedMs += JOIN_LOOK_MS) {
      if (waitedMs >= JOIN_MS_MAX) {
        const text = `the nodes did not find each other within ${JOIN_MS_MAX} ms of virtual time`
        throw new SimulationStuckError('ERR_SIMULATION_NOT_CONNECTED', text)
      }
      await this.sleep(JOIN_LOOK_MS)
    }
  }

  #schedule({ atMs, name, args }: Command): void {
    this.#clock.setTimer(atMs, () => {
      this.#hash.add(Kind.note, this.#clock.now(), 1, 0)
      this.#hash.text(name)
      const action = this.#options.actions[name]!
      // Its failure is recorded; nobody waits for it.
      this.#asProcess(name, () => action(this, args as never)).catch(() => {})
    })
  }

  /** Runs `fn` as a process of `system`; a throw ends the simulation. */
  #asProcess<T>(label: string, fn: () => T | Promise<T>, system = this.#driver): Promise<T> {
    return ownPromise<T>((resolve, reject) => {
      const body = async (): Promise<void> => {
        try {
          resolve(await fn())
        } catch (error) {
          this.#fail(error)
          reject(error)
        }
      }
      system.spawn(body, { label })
    })
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
  }

  #checkIfChanged(): void {
    if (!this.#checked) this.#check()
  }

  #check(): void {
    const { check } = this.#options
    this.#checked = true
    if (check === undefined || this.#checking || this.#failure !== undefined) return
    this.#checking = true
    try {
      check(this)
    } catch (error) {
      this.#fail(error)
    }
    this.#checking = false
  }

  #numberOf(host: string): number {
    return this.#hosts.get(host) ?? 65_535
  }

  #watch(index: number): SystemWatch {
    return {
      served: (process, name) => {
        this.#hash.add(Kind.message, this.#clock.now(), index, process.pid.id)
        if (name !== undefined) this.#hash.text(name)
        this.#checked = false
        this.#check()
      },
      busy: (process) => void this.#busy.add(process),
      wayTo: (home) => {
        const own = currentProcess()?.system
        if (own === undefined || own === home || this.#nodeOf.get(own) === undefined) return home
        return this.#nodeOf.get(home) === undefined ? home : own
      },
    }
  }

  #world(): SimNodeWorld {
    const { realSignatureShare, policy, node: options, logger } = this.#options
    const signatures = simulatedSignatures({ realShare: realSignatureShare })
    const authority = signatures.keysFromSeed(this.#streams.of('keys of the realm').bytes(32))
    const realm = createRealm('com.example.simulation', {
      ...{ authority, signatures },
      ...(policy === undefined ? {} : { policy }),
    })
    return {
      ...{ clock: this.#clock, network: this.network, realm, signatures, options, logger },
      entropy: (purpose): Entropy => this.#streams.of(purpose),
      seedsFor: (starting): readonly NodeId[] =>
        this.#options.join
          ? this.nodes
              .filter((node) => node !== starting && node.state !== 'crashed')
              .slice(0, SEEDS)
              .map(({ id }) => id)
          : [],
      watchOf: (node) => this.#watch(node.index),
      timerFired: (node) => this.#hash.add(Kind.timer, this.#clock.now(), node.index, 0),
      setUp: (node) => {
        const { system } = node
        this.#nodeOf.set(system, node)
        const setup = this.#setups[node.index]
        if (setup === undefined) return undefined
        return this.#asProcess('setup', () => setup(node, this), system)
      },
    }
  }

  #close(): void {
    this.#clock.onStep = undefined
    this.#clock.onQuiet = undefined
    for (const node of this.nodes) node.crash()
    vanish(this.#driver)
  }
}

/** A fault without its time: now. */
export type FaultNow = Fault extends infer F ? (F extends Fault ? Omit<F, 'atMs'> : never) : never
