/** Errors of gateways and realm bridges, and what each code means. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** Codes of {@link GatewayError}. */
export type GatewayErrorCode =
  'ERR_GATEWAY_HEALTH_UNSAFE' | 'ERR_GATEWAY_HEALTH_BIND' | 'ERR_GATEWAY_UNKNOWN_CLIENT'

/** A gateway cannot start, or an operation on it failed; `code` says which way. */
export class GatewayError extends FoveaError {
  override readonly name: string = 'GatewayError'
  constructor(code: GatewayErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
  }
}

/** The catalogue of gateways. */
export const GATEWAY_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_GATEWAY_CLIENTS_MAX: {
    when: 'a peer at the edge wants to connect, and `clientsMax` are connected, none of them idle',
    stateChanged: 'no; the peer is told `too_many_clients` and tries another gateway',
    retry: 'the peer does, with growing pauses',
    action: 'raise `clientsMax`, or add a gateway',
  },
  ERR_GATEWAY_RATE: {
    when: 'more connections of edge peers come, from one address or from all, than `connectsPerAddressPerSecond` or `connectsPerSecond` allow',
    stateChanged: 'no; the peer is told `rate_limited`',
    retry: 'the peer does, with growing pauses',
    action: 'look where they come from; raise the limit when many peers share an address',
  },
  ERR_GATEWAY_CLIENT_IDLE: {
    when: 'a client that was idle for `clientIdleMs` and wants and offers nothing made room for another one',
    stateChanged: 'its link is closed; it may come back',
    retry: 'no',
    action: 'raise `clientsMax` if it happens often',
  },
  ERR_GATEWAY_CLIENT_FLOOD: {
    when: 'a client sends more than `clientFramesPerSecond` or `clientBytesPerSecond`',
    stateChanged: 'no; what is above is dropped',
    retry: 'what is acknowledged is sent again by itself',
    action: 'look what the client does; raise the limit if it should do that',
  },
  ERR_GATEWAY_HEALTH_UNSAFE: {
    when: 'the health server should listen on an address that others reach, without a token',
    stateChanged: 'no; the mesh does not start',
    retry: 'no',
    action: 'set `health.token`, or leave `health.host` at 127.0.0.1',
  },
  ERR_GATEWAY_HEALTH_BIND: {
    when: 'the health server cannot listen on its address; the cause says why',
    stateChanged: 'no; the gateway does not start',
    retry: 'when the port is free',
    action: 'set `health.port` to a free one, or to 0',
  },
  ERR_GATEWAY_HEALTH_REFUSED: {
    when: 'the health server was asked without the token, for another host, or for what it has not',
    stateChanged: 'no',
    retry: 'no',
    action: 'send `authorization: Bearer <token>`',
  },
  ERR_GATEWAY_HANDLER: {
    when: 'a handler of the user of the gateway threw; the log holds its error',
    stateChanged: 'no',
    retry: 'no',
    action: 'repair the handler',
  },
  ERR_GATEWAY_UNKNOWN_CLIENT: {
    when: 'a client is to be disconnected that is not connected',
    stateChanged: 'no',
    retry: 'no',
    action: 'none',
  },
})
