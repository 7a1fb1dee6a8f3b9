/**
 * One node, two ways: to threads of its own process over message ports, to everybody else over the transport outside
 * (QUIC). Both listen at one address, the one of the outside, so nobody has to know which way a node is reached: who
 * dials an address of this process gets a port, who dials any other goes outside.
 *
 * A node that has no threads has no line, and everything goes outside as if this were not here. A line may come
 * while the node runs: then open endpoints take their address in the process too.
 */
import type {
  DialOptions,
  Endpoint,
  EndpointOptions,
  EndpointStats,
  Transport,
  TransportAddress,
  TransportConnection,
} from '../transport.ts'
import { WorkerEndpoint } from './endpoint.ts'
import { Prover } from './handshake.ts'
import type { Line } from './line.ts'
import { resolveWorkerOptions } from './options.ts'
import type { ResolvedWorkerOptions, WorkerTransportOptions } from './options.ts'

/** What a door is made of. */
export interface DoorParts {
  /** Gives the transport outside, at the first `open`. */
  readonly outside: () => Promise<Transport>
  /** Limits of connections between threads. */
  readonly options?: WorkerTransportOptions | undefined
}

/** See the file header. */
export class Door implements Transport {
  readonly name = 'door'
  readonly #outside: () => Promise<Transport>
  readonly #options: ResolvedWorkerOptions
  readonly #endpoints = new Set<DoorEndpoint>()
  #transport: Promise<Transport> | undefined
  #line: Line | undefined

  constructor({ outside, options = {} }: DoorParts) {
    this.#outside = outside
    this.#options = resolveWorkerOptions(options)
  }

  async open(open: EndpointOptions): Promise<Endpoint> {
    this.#transport ??= this.#outside()
    const transport = await this.#transport
    const outside = await transport.open(open)
    const endpoint = new DoorEndpoint(open, outside, () => void this.#endpoints.delete(endpoint))
    this.#endpoints.add(endpoint)
    try {
      if (this.#line !== undefined) await endpoint.attach(this.#line, this.#options)
    } catch (error) {
      await endpoint.close()
      throw error
    }
    return endpoint
  }

  /** Opens the way to the threads of this process, for endpoints that are open and those to come. */
  async attach(line: Line): Promise<void> {
    this.#line = line
    for (const endpoint of this.#endpoints) await endpoint.attach(line, this.#options)
  }

  /** Closes that way; connections to threads end. */
  async detach(): Promise<void> {
    const line = this.#line
    this.#line = undefined
    for (const endpoint of this.#endpoints) await endpoint.detach()
    line?.close()
  }
}

class DoorEndpoint implements Endpoint {
  readonly #open: EndpointOptions
  readonly #outside: Endpoint
  readonly #closed: () => void
  #inside: WorkerEndpoint | undefined
  #closing: Promise<void> | undefined

  constructor(open: EndpointOptions, outside: Endpoint, closed: () => void) {
    this.#open = open
    this.#outside = outside
    this.#closed = closed
  }

  get address(): TransportAddress {
    return this.#outside.address
  }

  dial(address: TransportAddress, options?: DialOptions): Promise<TransportConnection> {
    const inside = this.#inside
    if (inside === undefined) return this.#outside.dial(address, options)
    return inside.dialOr(address, options ?? {}, (left) => this.#outside.dial(address, left))
  }

  stats(): EndpointStats {
    const outside = this.#outside.stats()
    const inside = this.#inside?.stats()
    if (inside === undefined) return outside
    const sum = (name: keyof EndpointStats): number => outside[name] + inside[name]
    return {
      connections: sum('connections'),
      packetsReceived: sum('packetsReceived'),
      packetsSent: sum('packetsSent'),
      bytesReceived: sum('bytesReceived'),
      bytesSent: sum('bytesSent'),
      packetsDropped: sum('packetsDropped'),
      connectionsRefused: sum('connectionsRefused'),
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeBoth()
    return this.#closing
  }

  /** @internal */
  async attach(line: Line, options: ResolvedWorkerOptions): Promise<void> {
    const prover = new Prover(this.#open.security)
    const parts = { open: this.#open, options, line, prover }
    const inside = await WorkerEndpoint.open(parts, this.address)
    // It may have been closed meanwhile.
    if (this.#closing === undefined) this.#inside = inside
    else await inside.close()
  }

  /** @internal */
  async detach(): Promise<void> {
    const inside = this.#inside
    this.#inside = undefined
    await inside?.close()
  }

  async #closeBoth(): Promise<void> {
    this.#closed()
    await this.detach()
    await this.#outside.close()
  }
}
