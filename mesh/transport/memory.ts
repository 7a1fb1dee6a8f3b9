/**
 * A network inside one program, for tests and simulations: endpoints with addresses, connections
 * with the rules of QUIC (keys proven on both sides, protocol, limits, backpressure, idle timeout),
 * and faults made by hand: latency, jitter, loss, cuts of one or both directions, silent death.
 *
 * All time is the given clock's and all chance the given entropy's, so one seed repeats a run.
 * Nothing is encrypted; what a certificate proves here is up to `verifyPeer`.
 */
import { checkLocalAddress, isWildcardHost } from './address.ts'
import { TransportError } from './errors.ts'
import type { MemoryConnection } from './memory/connection.ts'
import { MemoryEndpoint } from './memory/endpoint.ts'
import type { MemoryEndpointOwner } from './memory/endpoint.ts'
import type { Frame } from './memory/frame.ts'
import { resolveMemoryOptions } from './memory/options.ts'
import type {
  LinkConditions,
  MemoryLimits,
  MemoryNetworkOptions,
  ResolvedMemoryOptions,
} from './memory/options.ts'
import { Pipe } from './memory/pipe.ts'
import { addressKey, isAt } from './memory/places.ts'
import type { Place } from './memory/places.ts'
import type { Endpoint, EndpointOptions, Transport, TransportAddress } from './transport.ts'

export type { LinkConditions, MemoryLimits, MemoryNetworkOptions } from './memory/options.ts'
export type { Place } from './memory/places.ts'

const FIRST_FREE_PORT = 49_152
const PORT_MAX = 65_535

/** A direction that is cut. */
export interface Cut {
  readonly from: Place
  readonly to: Place
}

interface Direction {
  readonly from: MemoryEndpoint
  readonly to: MemoryEndpoint
  readonly pipe: Pipe
  readonly receiver: MemoryConnection
}

/**
 * See the file header.
 *
 * @example
 * const network = new MemoryNetwork({ clock, entropy, latencyMs: 5 })
 * const endpoint = await network.transport().open({ host: '10.0.0.1', port: 4433, ... })
 * network.partition('10.0.0.1', '10.0.0.2')
 * network.heal()
 */
export class MemoryNetwork {
  readonly #given: MemoryNetworkOptions
  readonly #options: ResolvedMemoryOptions
  readonly #endpoints = new Map<string, MemoryEndpoint>()
  readonly #directions = new Set<Direction>()
  readonly #owner: MemoryEndpointOwner
  #cuts: Cut[] = []
  #nextPort = FIRST_FREE_PORT

  constructor(options: MemoryNetworkOptions) {
    this.#given = options
    this.#options = resolveMemoryOptions(options)
    this.#owner = {
      find: (address) => this.#find(address),
      packet: (from, to, fn) => this.#packet(from, to, fn),
      pipe: (from, to, receiver) => this.#pipe(from, to, receiver),
      closed: (endpoint) => this.#closed(endpoint),
    }
  }

  /** A transport whose endpoints are in this network; `limits` may differ from the network's. */
  transport(limits: MemoryLimits = {}): Transport {
    const options = resolveMemoryOptions({ ...this.#given, ...limits })
    return { name: 'memory', open: (open) => this.#open(open, options) }
  }

  /** Cuts one direction: nothing that `from` sends reaches `to`. */
  cut(cut: Cut): void {
    this.#cuts.push(cut)
    this.#applyCuts()
  }

  /** Cuts both directions between `a` and `b`. */
  partition(a: Place, b: Place): void {
    this.#cuts.push({ from: a, to: b }, { from: b, to: a })
    this.#applyCuts()
  }

  /** Takes back every cut, or only those between `a` and `b` as they were given. */
  heal(a?: Place, b?: Place): void {
    this.#cuts = this.#cuts.filter(({ from, to }) => {
      if (a === undefined) return false
      if (b === undefined) return from !== a && to !== a
      return !((from === a && to === b) || (from === b && to === a))
    })
    this.#applyCuts()
  }

  /** Ends the endpoints at `place` without a word to anybody, as `kill -9` would. */
  kill(place: Place): void {
    const found = [...this.#endpoints.values()].filter((endpoint) => isAt(place, endpoint.address))
    for (const endpoint of found) endpoint.kill()
  }

  /** Endpoints that are open. */
  get endpoints(): number {
    return this.#endpoints.size
  }

  async #open(open: EndpointOptions, options: ResolvedMemoryOptions): Promise<Endpoint> {
    checkLocalAddress(open)
    const port = open.port === 0 ? this.#freePort(open.host) : open.port
    if (this.#isBusy(open.host, port)) {
      const message = `another endpoint has this port: ${open.host}:${port}`
      throw new TransportError('ERR_TRANSPORT_PORT_BUSY', message)
    }
    const endpoint = new MemoryEndpoint(this.#owner, { open, options, port })
    this.#endpoints.set(addressKey(endpoint.address), endpoint)
    return endpoint
  }

  #freePort(host: string): number {
    for (let tried = FIRST_FREE_PORT; tried <= PORT_MAX; tried++) {
      const port = this.#nextPort
      this.#nextPort = port === PORT_MAX ? FIRST_FREE_PORT : port + 1
      if (!this.#isBusy(host, port)) return port
    }
    throw new TransportError('ERR_TRANSPORT_BIND', 'every free port is taken')
  }

  #isBusy(host: string, port: number): boolean {
    if (this.#find({ host, port }) !== undefined) return true
    if (!isWildcardHost(host)) return false
    for (const { address } of this.#endpoints.values()) if (address.port === port) return true
    return false
  }

  #find(address: TransportAddress): MemoryEndpoint | undefined {
    const { port } = address
    return (
      this.#endpoints.get(addressKey(address)) ??
      this.#endpoints.get(addressKey({ host: '0.0.0.0', port })) ??
      this.#endpoints.get(addressKey({ host: '::', port }))
    )
  }

  #packet(from: TransportAddress, to: TransportAddress, fn: () => void): void {
    const { clock, entropy } = this.#options
    const { latencyMs, jitterMs, lossRatio } = this.#conditionsOf(from, to)
    if (lossRatio > 0 && entropy.random() < lossRatio) return
    const delayMs = jitterMs === 0 ? latencyMs : latencyMs + jitterMs * entropy.random()
    clock.setTimer(delayMs, () => {
      if (!this.#isCut(from, to)) fn()
    })
  }

  #pipe(from: MemoryEndpoint, to: MemoryEndpoint, receiver: MemoryConnection): Pipe {
    const { clock, entropy } = this.#options
    const conditions = this.#conditionsOf(from.source, to.source)
    const deliver = (frame: Frame): void => receiver.receive(frame)
    const pipe = new Pipe({ clock, entropy, conditions, deliver })
    const direction = { from, to, pipe, receiver }
    this.#directions.add(direction)
    pipe.onStop = () => this.#directions.delete(direction)
    pipe.setCut(this.#isCut(from.source, to.source))
    return pipe
  }

  #closed(endpoint: MemoryEndpoint): void {
    const key = addressKey(endpoint.address)
    if (this.#endpoints.get(key) === endpoint) this.#endpoints.delete(key)
  }

  #applyCuts(): void {
    for (const { from, to, pipe, receiver } of this.#directions) {
      const cut = this.#isCut(from.source, to.source)
      if (cut === pipe.cut) continue
      pipe.setCut(cut)
      receiver.hearingChanged()
    }
  }

  #isCut(from: TransportAddress, to: TransportAddress): boolean {
    return this.#cuts.some((cut) => isAt(cut.from, from) && isAt(cut.to, to))
  }

  #conditionsOf(from: TransportAddress, to: TransportAddress): LinkConditions {
    const { latencyMs, jitterMs, lossRatio, conditions } = this.#options
    return { latencyMs, jitterMs, lossRatio, ...conditions(from, to) }
  }
}
