/** Codes of envelopes that are routed hop by hop: how sending one fails, and what is dropped on the way. */
import { FoveaError } from '../../../runtime/index.ts'
import type { ErrorCatalogue } from '../../../runtime/index.ts'
import type { RouteReason } from './envelope.ts'

/** An envelope did not arrive, as far as is known. */
export class RouteError extends FoveaError {
  override readonly name: string = 'RouteError'
  /** What the node said that gave up; undefined when nobody said anything. */
  readonly reason: RouteReason | undefined
  /** Node key of that node. */
  readonly at: string | undefined
  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; reason?: RouteReason | undefined; at?: string | undefined } = {},
  ) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
    this.reason = options.reason
    this.at = options.at
  }
}

const DROPPED = 'no; the envelope is dropped, its source waits for its deadline'
const HOSTILE = 'the peer is broken or hostile'

/** Codes of `mesh/routing/greedy`. */
export const ROUTE_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_ROUTE_NONE: {
    when: '`no_route`: nobody that could be reached has a way to the destination',
    stateChanged: 'no; the envelope was not delivered',
    retry: 'when the table of that node (`at`) has healed',
    action: 'look whether the destination is up; it must be a server of the DHT to be found',
  },
  ERR_ROUTE_HOPS_MAX: {
    when: '`max_hops_exceeded`: the envelope was with `maxHops` nodes and not there',
    stateChanged: 'no; the envelope was not delivered',
    retry: 'with more hops',
    action: 'raise `maxHops`; where most nodes can dial each other, log2 of their number is plenty',
  },
  ERR_ROUTE_UNHANDLED: {
    when: '`no_handler`: the destination was reached and has no use for envelopes of this type',
    stateChanged: 'no; the envelope was not delivered',
    retry: 'after its service has started',
    action: 'start the service there',
  },
  ERR_ROUTE_TIMEOUT: {
    when: 'neither a receipt nor an error came back by the deadline',
    stateChanged: 'unknown: it may have been delivered',
    retry: 'if a second delivery does no harm',
    action: 'raise `timeoutMs`; nodes on the way are slow, overloaded or gone',
  },
  ERR_ROUTE_ABORTED: {
    when: 'the `signal` of a send was aborted; its reason is the cause',
    stateChanged: 'unknown: it may have been delivered',
    retry: 'as the caller likes',
    action: 'nothing',
  },
  ERR_ROUTE_STOPPED: {
    when: 'the router was closed while an envelope was under way, or before it was sent',
    stateChanged: 'unknown: it may have been delivered',
    retry: 'no',
    action: 'start a new mesh',
  },
  ERR_ROUTE_SENDS_MAX: {
    when: '`sendsMax` envelopes of this node wait for their receipt',
    stateChanged: 'no; nothing is sent',
    retry: 'when one of them has ended',
    action: 'send fewer at once, or raise `sendsMax`',
  },
  ERR_ROUTE_PAYLOAD_BYTES_MAX: {
    when: 'a payload is longer than `payloadBytesMax`',
    stateChanged: 'no; nothing is sent',
    retry: 'no',
    action: 'dial the destination and use a stream instead',
  },
  ERR_ROUTE_HANDLER_TAKEN: {
    when: 'a second handler was given for one type of envelope',
    stateChanged: 'no',
    retry: 'after the first was taken off',
    action: 'use one handler per type',
  },
  ERR_ROUTE_HANDLER: {
    when: 'a handler of delivered envelopes threw; the log holds its error',
    stateChanged: 'no; the envelope counts as delivered',
    retry: 'no',
    action: 'correct the handler',
  },
  ERR_ROUTE_DIALS_MAX: {
    when: 'an envelope wanted a link to its next hop while the share of dials was in use',
    stateChanged: 'no; the next best hop is tried',
    retry: 'the router does',
    action: 'raise `dialsMax`, or `envelopes.dialQueueMax` of the option `dht`, if it lasts',
  },
  ERR_ROUTE_BACKLOG: {
    when: '`waitingPerDialMax` envelopes wait for one dial',
    stateChanged: 'no; the next best hop is tried',
    retry: 'the router does',
    action: 'nothing',
  },
  ERR_ROUTE_FORWARDS_MAX: {
    when: '`forwardsMax` envelopes wait for a link to their next hop; for those of others `forwardsReserved` fewer',
    stateChanged: DROPPED,
    retry: 'yes',
    action: 'nothing in a burst; many nodes are unreachable if it lasts',
  },
  ERR_ROUTE_FORWARD_BYTES_MAX: {
    when: 'envelopes of others with `forwardBytesMax` bytes of payload wait for a link to their next hop',
    stateChanged: DROPPED,
    retry: 'yes',
    action: 'nothing in a burst; many nodes are unreachable if it lasts',
  },
  ERR_ROUTE_PEER_SHARE: {
    when: '`forwardsPerPeerMax` envelopes of one peer, or `forwardBytesPerPeerMax` bytes of them, wait for a link',
    stateChanged: DROPPED,
    retry: 'yes',
    action: 'raise them for nodes that route much; else the peer is hostile',
  },
  ERR_ROUTE_PEER_RATE: {
    when: 'one peer sent more than `envelopesPerPeerMax` envelopes within a second',
    stateChanged: DROPPED,
    retry: 'yes',
    action: 'raise it for nodes that route much; else the peer is hostile',
  },
  ERR_ROUTE_DETOURS_MAX: {
    when: 'more than `detoursPerPeerMax` envelopes of one peer within a second had nobody nearer to go to',
    stateChanged: 'no; the envelope is given up, its source is told `no_route`',
    retry: 'a second later',
    action: 'raise it where few nodes can dial each other; else the peer is hostile',
  },
  ERR_ROUTE_DUPLICATE: {
    when: 'an envelope came for the second time',
    stateChanged: 'no; the second one is dropped',
    retry: 'no',
    action: 'nothing',
  },
  ERR_ROUTE_PROGRESS: {
    when: 'a peer forwarded an envelope to a node that is not nearer to the destination than itself, or where it has been, or gave back what it does not have',
    stateChanged: DROPPED,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_ROUTE_SOURCE: {
    when: 'the path of an envelope does not begin at its source and end at the peer that sent it',
    stateChanged: DROPPED,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_ROUTE_EXPIRED: {
    when: 'the time of an envelope was over on its way',
    stateChanged: 'no; it is dropped, its source has given up',
    retry: 'the source decides',
    action: 'nothing now and then',
  },
  ERR_ROUTE_RETURN_LOST: {
    when: 'an error or a receipt found no way back; nothing is said about it to anybody',
    stateChanged: 'no; the source waits for its deadline',
    retry: 'no',
    action: 'nothing now and then; the source is no server of the DHT if it lasts',
  },
  ERR_ROUTE_RETURN_UNEXPECTED: {
    when: 'an error or a receipt came for an envelope that nobody waits for, or not from where it went',
    stateChanged: 'no',
    retry: 'no',
    action: 'nothing on a slow network; else the peer is hostile',
  },
})
