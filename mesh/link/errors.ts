/** Errors of links: handshakes that fail, frames that have no place, queues that are full. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue, ErrorEntry } from '../../runtime/index.ts'
import type { CloseInfo } from '../transport/transport.ts'

/** Codes of {@link LinkError}. */
export type LinkErrorCode =
  | 'ERR_LINK_REJECTED'
  | 'ERR_LINK_REFUSED'
  | 'ERR_LINK_REALM_MISMATCH'
  | 'ERR_LINK_SELF'
  | 'ERR_LINK_LIMIT'
  | 'ERR_LINK_HANDSHAKES_FULL'
  | 'ERR_LINK_HANDSHAKE_TIMEOUT'
  | 'ERR_LINK_EARLY_FRAME'
  | 'ERR_LINK_PROTOCOL'
  | 'ERR_LINK_PEER_ERROR'
  | 'ERR_LINK_HANDLER'
  | 'ERR_LINK_HANDLER_TAKEN'
  | 'ERR_LINK_CLOSED'
  | 'ERR_LINK_QUEUE_FULL'
  | 'ERR_LINK_FRAME_TOO_LARGE'
  | 'ERR_LINK_FRAME_UNHANDLED'
  | 'ERR_LINK_DATAGRAM'
  | 'ERR_LINK_DATAGRAM_FLOOD'
  | 'ERR_LINK_DATAGRAM_UNSENT'
  | 'ERR_LINK_PING_FLOOD'
  | 'ERR_LINK_HEARTBEAT'
  | 'ERR_LINK_PARTING_TIMEOUT'
  | 'ERR_DIAL_TIMEOUT'
  | 'ERR_DIAL_ABORTED'
  | 'ERR_DIAL_LOOKUP'
  | 'ERR_DIAL_QUEUE_FULL'

/** Extra parts of a {@link LinkError}. */
export interface LinkErrorOptions {
  readonly cause?: unknown
  /** A word of the peer or of the handshake, such as `stale_incarnation`. */
  readonly reason?: string
}

/** A link could not be made, or could not do what was asked. */
export class LinkError extends FoveaError {
  override readonly name: string = 'LinkError'
  /** Reason of a rejection, such as `realm_mismatch`. */
  readonly reason: string | undefined
  constructor(code: LinkErrorCode, message: string, options: LinkErrorOptions = {}) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
    this.reason = options.reason
  }
}

/** What the transport of a peer says when its node does not take our certificate. */
const REFUSED_CERTIFICATE = /^ERR_CERTIFICATE_[A-Z_]{1,40}$/

/** Why a handshake failed whose connection ended. */
export function closedError({ by, reason }: CloseInfo): LinkError {
  if (by === 'error' && REFUSED_CERTIFICATE.test(reason)) {
    const text = `the peer refused our certificate: ${reason}`
    return new LinkError('ERR_LINK_REJECTED', text, { reason: 'certificate_refused' })
  }
  const ended = reason === '' ? by : `${by}: ${reason}`
  return new LinkError('ERR_LINK_CLOSED', `the connection ended (${ended})`)
}

/** Codes of errors that bytes of a peer caused. */
const FROM_PEER = /^ERR_(FRAME|CODEC|MESSAGE|DIST)_/

/** The code of an error that bytes of a peer caused; undefined for what else a handler may throw. */
export function peerErrorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' && FROM_PEER.test(code) ? code : undefined
}

/** Codes of `mesh/link`. */
export const LINK_ERRORS: ErrorCatalogue & Readonly<Record<LinkErrorCode, ErrorEntry>> =
  Object.freeze({
    ERR_LINK_REJECTED: {
      when: 'the peer answered our connect with `rejected`, or refused our certificate; `reason` is the word for it',
      stateChanged: 'no; the connection is closed',
      retry: 'later for `too_many_links`, `not_accepting`, `simultaneous_dial`; else no',
      action: 'branch on `reason`; the message holds the words of the peer',
    },
    ERR_LINK_REFUSED: {
      when: 'we refused the peer in the handshake; `reason` is the word we sent',
      stateChanged: 'no; the connection is closed',
      retry: 'no',
      action: 'look at `reason` and at the log of the peer',
    },
    ERR_LINK_REALM_MISMATCH: {
      when: 'the peer speaks another application protocol: it is of another realm, or no Fovea node',
      stateChanged: 'no',
      retry: 'no',
      action: 'give both nodes the same realm file',
    },
    ERR_LINK_SELF: {
      when: 'the node at the dialled address has the key of this one: it is this node, or one with a copy of its key',
      stateChanged: 'no',
      retry: 'no',
      action: 'nothing for a seed list that all nodes share; else check the address',
    },
    ERR_LINK_LIMIT: {
      when: '`linksMax` links and dials exist',
      stateChanged: 'no',
      retry: 'when links went down',
      action: 'raise `linksMax`, or use fewer direct neighbours',
    },
    ERR_LINK_HANDSHAKES_FULL: {
      when: 'a peer connected while `handshakesMax` handshakes were under way; the oldest gave way, or the new one',
      stateChanged: 'no; its connection is closed',
      retry: 'with back-off',
      action: 'nothing in a burst of joins; else look who connects and stays silent',
    },
    ERR_LINK_HANDSHAKE_TIMEOUT: {
      when: 'the peer did not finish the handshake within `handshakeTimeoutMs`',
      stateChanged: 'no; the connection is closed',
      retry: 'with back-off',
      action: 'the peer is overloaded, or is no Fovea node',
    },
    ERR_LINK_EARLY_FRAME: {
      when: 'a frame other than those of the handshake came before the link was accepted',
      stateChanged: 'no; the connection is closed and no handler saw the frame',
      retry: 'no',
      action: 'the peer is broken or hostile',
    },
    ERR_LINK_PROTOCOL: {
      when: 'a frame or stream has no place on this link: an unknown lane, a second connect',
      stateChanged: 'the link is closed',
      retry: 'no',
      action: 'the peer is broken or hostile; the log names the frame',
    },
    ERR_LINK_PEER_ERROR: {
      when: 'the peer closed the link with an error frame',
      stateChanged: 'the link is closed',
      retry: 'with back-off',
      action: 'the log holds the code of the peer; look it up there',
    },
    ERR_LINK_HANDLER: {
      when: 'a frame handler of this node threw',
      stateChanged: 'the link is closed, others go on',
      retry: 'with back-off',
      action: 'a bug of the handler; the log holds the error',
    },
    ERR_LINK_HANDLER_TAKEN: {
      when: '`handleFrames` named a frame type that has a handler',
      stateChanged: 'no',
      retry: 'after the other handler was removed',
      action: 'one part of a node handles a frame type; look who else does',
    },
    ERR_LINK_CLOSED: {
      when: 'the connection ended during the handshake, or the link process ended',
      stateChanged: 'no',
      retry: 'with back-off',
      action: 'the message names how it ended',
    },
    ERR_LINK_QUEUE_FULL: {
      when: 'a frame would put more than `bytesQueuedMax` bytes in the queue of its lane',
      stateChanged: 'no; the frame was not queued',
      retry: 'after `onDrain`',
      action: 'heed the false of `send`; the peer reads slower than we write',
    },
    ERR_LINK_FRAME_TOO_LARGE: {
      when: 'a frame is larger than the peer takes (`peer.frameBytesMax`)',
      stateChanged: 'no; the frame was not queued',
      retry: 'no',
      action: 'chunk the value, or raise `frameBytesMax` on both nodes',
    },
    ERR_LINK_FRAME_UNHANDLED: {
      when: 'a frame of a known type came that no part of this node handles',
      stateChanged: 'the frame is dropped, the link goes on',
      retry: 'no',
      action: 'start the part that handles it here, or not there',
    },
    ERR_LINK_DATAGRAM: {
      when: 'a datagram is not one whole frame of a type that may come so, or came in the handshake',
      stateChanged: 'the datagram is dropped, the link goes on',
      retry: 'no',
      action: 'nothing for a few; else the peer is broken or hostile',
    },
    ERR_LINK_DATAGRAM_FLOOD: {
      when: 'more than `datagramsPerSecondMax` datagrams of one peer came within a second',
      stateChanged: 'the rest is dropped, the link goes on',
      retry: 'no',
      action: 'look what that peer does; raise the limit if it should',
    },
    ERR_LINK_DATAGRAM_UNSENT: {
      when: 'a datagram is longer than the path takes, or there was no room or no link for it',
      stateChanged: 'no; it is lost, as any datagram may be',
      retry: 'whoever sent it repeats it in its own time',
      action: 'nothing for a few; else look at the length in the log and at the load of the peer',
    },
    ERR_LINK_PING_FLOOD: {
      when: 'more than 32 pings came within one keepalive interval',
      stateChanged: 'the rest is not answered, the link goes on',
      retry: 'no',
      action: 'the peer is broken or hostile',
    },
    ERR_LINK_HEARTBEAT: {
      when: 'nothing came from the peer for `keepaliveMissesMax` intervals',
      stateChanged: 'the link is down with `heartbeat_timeout`',
      retry: 'the mesh dials again by itself',
      action: 'the peer died, hangs, or the network between is cut',
    },
    ERR_LINK_PARTING_TIMEOUT: {
      when: 'the peer did not say within `linkPartingTimeoutMs` whether an idle link may end',
      stateChanged: 'the link is down with `connection_closed`',
      retry: 'whoever needs the peer dials it again',
      action: 'the peer hangs, or its control lane is full; look at its log',
    },
    ERR_DIAL_TIMEOUT: {
      when: 'no link came of a dial within its time, waiting in the queue included',
      stateChanged: 'no; the attempt is given up',
      retry: 'with back-off',
      action: 'check the address, the firewall and whether the peer runs',
    },
    ERR_DIAL_ABORTED: {
      when: 'the signal of a dial was aborted, or the mesh stops',
      stateChanged: 'no',
      retry: 'as the caller likes',
      action: 'nothing',
    },
    ERR_DIAL_LOOKUP: {
      when: 'the host of an address is a name and the lookup gave no address',
      stateChanged: 'no',
      retry: 'with back-off',
      action: 'check the name and the resolver; the cause holds its error',
    },
    ERR_DIAL_QUEUE_FULL: {
      when: '`dialQueueMax` dials wait already',
      stateChanged: 'no',
      retry: 'later',
      action: 'dial less at once, or raise `dialsMax`',
    },
  })
