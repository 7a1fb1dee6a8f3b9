/** Peers at the edge of a simulated mesh: each with a clock, a system and a disk of its own, so that it can crash. */
import { NodeClock } from '../../dist/simulation/node-clock.ts'
import { SimDisk } from '../../dist/simulation/sim-disk.ts'
import type { Simulation } from '../../dist/simulation/index.ts'
import { signaturesOf } from '../../mesh/identity/realm.ts'
import { connect } from '../../mesh/index.ts'
import type { Peer, Realm, ServicesOptions } from '../../mesh/index.ts'
import { createSeededEntropy, createSystem, vanish } from '../../runtime/index.ts'
import type { Clock, SimClock } from '../../runtime/index.ts'

/** What they have of their world. */
export interface EdgeParts {
  /** Time as the simulation has it. */
  readonly base: Clock
  readonly realm: Realm
  /** Seats of the gateways that it knows. */
  readonly gateways: readonly number[]
  readonly services: ServicesOptions
}

/** One of them: a place that may have a running peer. */
export class EdgePlace {
  readonly seat: number
  readonly host: string
  readonly #simulation: Simulation
  readonly #parts: EdgeParts
  readonly #disk: SimDisk
  #clock: NodeClock | undefined
  #peer: Peer | undefined
  #starts = 0
  /** Timers of peers here that ran. */
  timersFired = 0

  constructor(simulation: Simulation, seat: number, parts: EdgeParts) {
    this.#simulation = simulation
    this.seat = seat
    this.host = `10.9.0.${seat + 1}`
    this.#parts = parts
    // Only those of the realm are believed in it.
    const signatures = signaturesOf(parts.realm)
    const entropy = createSeededEntropy(simulation.seed * 31 + seat)
    this.#disk = new SimDisk(`edge${seat + 1}`, signatures, entropy)
  }

  get peer(): Peer | undefined {
    return this.#peer
  }

  async start(): Promise<Peer> {
    this.#starts += 1
    // The simulation hides its clock; all that this one uses of it is what every clock has.
    const { base, realm, gateways, services } = this.#parts
    const clock = new NodeClock(base as SimClock, () => (this.timersFired += 1))
    const entropy = createSeededEntropy(this.#simulation.seed * 31 + this.seat * 7 + this.#starts)
    const { nodeKey, nextIncarnation } = this.#disk
    const system = createSystem({
      ...{ clock, entropy, asyncContext: true, node: nodeKey.hex, incarnation: nextIncarnation },
    })
    const targets = gateways.map((index) => {
      return `fovea://${this.#simulation.node(index).host}:4433`
    })
    this.#clock = clock
    const peer = await connect(targets, {
      ...{ name: `edge${this.seat + 1}`, host: this.host, system, clock, entropy },
      realm,
      dataDir: this.#disk,
      transport: this.#simulation.network.transport({}, clock),
      services,
      ...{ keepaliveIntervalMs: 1_000, reconnectMaxMs: 2_000, connectTimeoutMs: 3_000 },
    })
    this.#peer = peer
    return peer
  }

  /** Gone between one moment and the next. */
  crash(): void {
    const peer = this.#peer
    if (peer === undefined) return
    this.#peer = undefined
    this.#clock?.kill()
    this.#simulation.network.kill(this.host)
    vanish(peer.system)
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    const peer = this.#peer
    if (peer === undefined) return
    this.#peer = undefined
    await peer.close()
    await peer.system.stop()
  }

  pause(): void {
    if (this.#peer === undefined) return
    this.#clock?.pause()
    this.#simulation.network.pause(this.host)
  }

  resume(): void {
    this.#simulation.network.resume(this.host)
    this.#clock?.resume()
  }
}
