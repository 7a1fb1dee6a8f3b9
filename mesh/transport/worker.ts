/**
 * A transport between the threads of one process: connections on message ports, with the rules of QUIC (keys proven on
 * both sides, protocol, limits, ordered streams, backpressure, idle timeout). See `worker/README.md`.
 */
import { checkLocalAddress } from './address.ts'
import type { Endpoint, EndpointOptions, Transport } from './transport.ts'
import { WorkerEndpoint } from './worker/endpoint.ts'
import { Prover } from './worker/handshake.ts'
import type { Line } from './worker/line.ts'
import { resolveWorkerOptions } from './worker/options.ts'
import type { ResolvedWorkerOptions, WorkerTransportOptions } from './worker/options.ts'

export { Door } from './worker/door.ts'
export type { DoorParts } from './worker/door.ts'
export { createNodeDoor } from './worker/node-door.ts'
export { Line } from './worker/line.ts'
export { Switchboard } from './worker/switchboard.ts'
export type { WorkerTransportOptions } from './worker/options.ts'

/**
 * Endpoints that the threads of this process reach over `line`.
 *
 * @example
 * const switchboard = new Switchboard()
 * const transport = createWorkerTransport(new Line(switchboard.connect()))
 * const endpoint = await transport.open({ host: '127.0.0.1', port: 0, security, onConnection })
 */
export function createWorkerTransport(line: Line, options: WorkerTransportOptions = {}): Transport {
  return new WorkerTransport(line, resolveWorkerOptions(options))
}

class WorkerTransport implements Transport {
  readonly name = 'worker'
  readonly #line: Line
  readonly #options: ResolvedWorkerOptions

  constructor(line: Line, options: ResolvedWorkerOptions) {
    this.#line = line
    this.#options = options
  }

  async open(open: EndpointOptions): Promise<Endpoint> {
    checkLocalAddress(open)
    const prover = new Prover(open.security)
    const parts = { open, options: this.#options, line: this.#line, prover }
    return await WorkerEndpoint.open(parts, open)
  }
}
