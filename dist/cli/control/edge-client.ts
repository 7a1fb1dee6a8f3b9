/**
 * The command as a peer at the edge of a mesh, for as long as it runs: the requests of the control socket, answered by the
 * command itself through a gateway, so that commands need not know which of the two they speak to.
 *
 * What is subscribed, offered or watched is said to be in force when the gateway has acknowledged it. `close` says goodbye;
 * nothing is left when `ended` resolves.
 */
import type { Clock, Entropy } from '../../../runtime/index.ts'
import { connect, type Peer } from '../../../mesh/index.ts'
import type { EdgeArguments } from '../command.ts'
import { CliError, InterruptedError } from '../errors.ts'
import { watchPresence } from '../operations/presence.ts'
import { advertise, askServices, subscribe } from '../operations/services.ts'
import type { ControlClient, ControlRequestOptions } from './client.ts'
import { parseRequest, type ControlMethod, type ControlRequest } from './protocol.ts'

/** How often is looked whether the gateway has taken over what is wanted and offered. */
const TOLD_EVERY_MS = 20
/** How long a gateway may take to hear that nothing is wanted any more. */
const LEAVE_MS = 1_000
/** Gateways are few and near the one who waits: they are tried again soon. */
const RECONNECT_BASE_MS = 100

/** Options of {@link connectEdge}. */
export interface EdgeClientOptions extends EdgeArguments {
  readonly clock: Clock
  readonly entropy: Entropy
  /** How long a gateway may take. */
  readonly timeoutMs: number
  /** Gives it up. */
  readonly signal: AbortSignal
  /** Told when the gateway is lost, and when there is one again. */
  readonly onGateway?: (isThere: boolean) => void
}

/** Connects; rejects with `ERR_PEER_TIMEOUT` and the like, or as interrupted. */
export async function connectEdge(options: EdgeClientOptions): Promise<ControlClient> {
  const { gateways, realm, dataDir, clock, entropy, timeoutMs, signal, onGateway } = options
  const place = { realm, clock, entropy, ...(dataDir === undefined ? {} : { dataDir }) }
  const times = { connectTimeoutMs: timeoutMs, reconnectBaseMs: RECONNECT_BASE_MS }
  const peer = await connect(gateways, { name: 'cli', ...place, ...times })
  try {
    await peer.ready({ timeoutMs, signal })
    return new EdgeClient(peer, clock, onGateway ?? (() => {}))
  } catch (error) {
    await peer.close()
    throw signal.aborted ? new InterruptedError() : error
  }
}

type Stop = () => void

class EdgeClient implements ControlClient {
  readonly #peer: Peer
  readonly #clock: Clock
  readonly #abort = new AbortController()
  readonly #stops = new Set<Stop>()
  readonly ended: Promise<void>
  #leave: () => void = () => {}

  constructor(peer: Peer, clock: Clock, onGateway: (isThere: boolean) => void) {
    this.ended = new Promise<void>((resolve) => (this.#leave = resolve)).then(() => this.#end())
    this.#peer = peer
    this.#clock = clock
    peer.onState((state) => {
      if (state === 'closed') this.#abort.abort(closed())
      else onGateway(state === 'connected')
    })
  }

  async request(
    method: ControlMethod,
    params: Readonly<Record<string, unknown>>,
    options: ControlRequestOptions,
  ): Promise<unknown> {
    // As the control socket reads it: what it refuses is refused here, too.
    const request = parseRequest(JSON.stringify({ id: 1, method, params }))
    const { signal } = this.#abort
    if (request.method === 'services') {
      const { timeoutMs = options.timeoutMs } = request.where
      return await askServices(this.#peer, request.question, { timeoutMs, signal })
    }
    const { onEvent = () => {} } = options
    return await new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      const going = this.#begin(request, onEvent, reject).then(async (stop) => {
        if (request.method === 'presence' && !request.follow) {
          stop()
          return resolve(null)
        }
        this.#stops.add(stop)
        if (await this.#isTold(options.timeoutMs)) return onEvent({ type: 'following' })
        const text = `the gateway took nothing over within ${options.timeoutMs} ms`
        throw new CliError('ERR_PEER_ADVERTISEMENT', text)
      })
      going.catch(reject)
    })
  }

  close(): void {
    for (const stop of this.#stops) stop()
    this.#abort.abort(closed())
    this.#leave()
  }

  /** The mesh hears that nothing is wanted or offered any more before the link is gone, if the gateway still answers. */
  async #end(): Promise<void> {
    if (this.#stops.size > 0 && this.#peer.state === 'connected') await this.#isTold(LEAVE_MS)
    await this.#peer.close()
  }

  /** Begins something that goes on; resolves with the way to stop it. */
  async #begin(
    request: ControlRequest,
    push: (row: unknown) => void,
    end: (problem: Error) => void,
  ): Promise<Stop> {
    const peer = this.#peer
    switch (request.method) {
      case 'subscribe':
        return subscribe(peer, request, { push, end })
      case 'advertise':
        return await advertise(peer, request.offer, push)
      case 'presence':
        return await watchPresence(peer, request.question, push)
      default:
        throw new CliError(
          'ERR_CONTROL_REQUEST_INVALID',
          `'${request.method}' is asked of a running node, not through a gateway`,
        )
    }
  }

  /** Resolves when the gateway has acknowledged what this peer wants and offers, or with false when the time is over. */
  #isTold(timeoutMs: number): Promise<boolean> {
    const untilMs = this.#clock.now() + timeoutMs
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#peer.stats().isAdvertised) resolve(true)
        else if (this.#clock.now() >= untilMs) resolve(false)
        else this.#clock.setTimer(TOLD_EVERY_MS, look)
      }
      look()
    })
  }
}

function closed(): CliError {
  return new CliError('ERR_CONTROL_CLOSED', 'the link with the gateway was closed')
}
