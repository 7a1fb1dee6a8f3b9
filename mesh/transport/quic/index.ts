/**
 * The QUIC transport: `Transport` over the native binding of `@matrixai/quic`, loaded at the first
 * `open`. See `endpoint.ts` for how it works and `config.ts` for its options.
 */
import { checkLocalAddress } from '../address.ts'
import { TransportError } from '../errors.ts'
import type { Endpoint, EndpointOptions, Transport } from '../transport.ts'
import { makeConfigs, resolveQuicOptions } from './config.ts'
import type { QuicOptions, ResolvedQuicOptions } from './config.ts'
import { QuicEndpoint } from './endpoint.ts'
import { loadNative } from './native.ts'
import type { Native } from './native.ts'
import { bindSocket } from './socket.ts'

export { QUIC_DEFAULTS } from './config.ts'
export type { QuicOptions } from './config.ts'

/**
 * Endpoints on UDP ports of this machine, encrypted with TLS 1.3, both sides proven by their keys.
 *
 * @example
 * const transport = createQuicTransport({ idleTimeoutMs: 5_000 })
 * const endpoint = await transport.open({ host: '0.0.0.0', port: 4433, security, onConnection })
 * const connection = await endpoint.dial({ host: '192.0.2.7', port: 4433 }, { expect: peerKey })
 */
export function createQuicTransport(options?: QuicOptions): Transport {
  return new QuicTransport(resolveQuicOptions(options))
}

class QuicTransport implements Transport {
  readonly name = 'quic'
  readonly #options: ResolvedQuicOptions
  #native: Promise<Native> | undefined

  constructor(options: ResolvedQuicOptions) {
    this.#options = options
  }

  async open(open: EndpointOptions): Promise<Endpoint> {
    checkLocalAddress(open)
    checkSecurity(open)
    const native = await this.#load()
    const configs = makeConfigs(native, this.#options, open.security)
    const socket = await bindSocket(open, this.#options.socketBufferBytes)
    return new QuicEndpoint({ native, configs, options: this.#options, open, socket })
  }

  async #load(): Promise<Native> {
    this.#native ??= loadNative()
    try {
      return await this.#native
    } catch (error) {
      this.#native = undefined
      throw error
    }
  }
}

function checkSecurity(open: EndpointOptions): void {
  const { security, onConnection } = open
  if (typeof security?.verifyPeer === 'function' && typeof onConnection === 'function') return
  throw new TransportError(
    'ERR_TRANSPORT_ARGUMENT',
    'open needs security.verifyPeer and onConnection',
  )
}
