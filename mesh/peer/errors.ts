/** Errors of peers at the edge, and what each code means. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** Codes of {@link PeerError}. */
export type PeerErrorCode =
  | 'ERR_PEER_TARGET'
  | 'ERR_PEER_TARGETS'
  | 'ERR_PEER_TIMEOUT'
  | 'ERR_PEER_ABORTED'
  | 'ERR_PEER_CLOSED'

/** A peer cannot connect, or an operation on it failed; `code` says which way. */
export class PeerError extends FoveaError {
  override readonly name: string = 'PeerError'
  constructor(code: PeerErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
  }
}

/** The catalogue of peers. */
export const PEER_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_PEER_TARGET: {
    when: "an address of a gateway is not written 'fovea://host:port', 'name@host:port' or 'host:port'",
    stateChanged: 'no',
    retry: 'no',
    action: 'correct the address; IPv6 hosts stand in brackets',
  },
  ERR_PEER_TARGETS: {
    when: '`connect` was given no gateway, or more than `targetsMax`',
    stateChanged: 'no',
    retry: 'no',
    action: 'give at least one address, and only those that serve this peer',
  },
  ERR_PEER_TIMEOUT: {
    when: 'no gateway took the peer in within the time of `ready`; the cause says why the last one did not',
    stateChanged: 'no; the peer goes on trying',
    retry: 'yes',
    action: 'read the cause; look whether a gateway runs at the address and is of the same realm',
  },
  ERR_PEER_ABORTED: {
    when: 'the signal of `ready` was aborted',
    stateChanged: 'no; the peer goes on trying',
    retry: 'if it is still wanted',
    action: 'none',
  },
  ERR_PEER_ADVERTISEMENT: {
    when: 'a gateway did not acknowledge what this peer wants and offers within `advertiseTimeoutMs`',
    stateChanged: 'the link with it is closed; the peer goes to the next gateway',
    retry: 'the peer does',
    action: 'look what is wrong with that gateway',
  },
  ERR_PEER_HANDLER: {
    when: 'a handler of `onState` threw; the log holds its error',
    stateChanged: 'no',
    retry: 'no',
    action: 'repair the handler',
  },
  ERR_PEER_CLOSED: {
    when: 'an operation on a peer that is closed, or that was closed while it waited',
    stateChanged: 'no',
    retry: 'no',
    action: 'connect again',
  },
})
