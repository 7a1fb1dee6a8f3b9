/** Codes of the courier: how a message is lost, why one is not taken, and what peers sent that was dropped. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** Codes of {@link CourierError}. */
export type CourierErrorCode =
  | 'ERR_COURIER_UNREACHABLE'
  | 'ERR_COURIER_TIMEOUT'
  | 'ERR_COURIER_TOO_LARGE'
  | 'ERR_COURIER_STOPPED'

/** Options of {@link CourierError}. */
export interface CourierErrorOptions {
  readonly cause?: unknown
  /** Default false. */
  readonly mayHaveArrived?: boolean
}

/** A message was lost, or could not be taken. */
export class CourierError extends FoveaError {
  override readonly name: string = 'CourierError'
  /** It was sent through others, and nobody said what became of it. Else it certainly did not arrive. */
  readonly mayHaveArrived: boolean
  constructor(code: CourierErrorCode, message: string, options: CourierErrorOptions = {}) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
    this.mayHaveArrived = options.mayHaveArrived === true
  }
}

const HOSTILE = 'the peer is broken or hostile'
const NOT_TAKEN = 'no; the message is not taken'
const DROPPED = 'no; it is dropped'

/** Codes of `mesh/courier`. */
export const COURIER_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_COURIER_UNREACHABLE: {
    when: 'there is no way to the node: no address, no dial that succeeded, nobody who passes it on, or its key is unknown',
    stateChanged: 'no; the message is lost, and its sender is told',
    retry: 'later; what must arrive is sent again by whoever needs that',
    action:
      'look whether the node is up, and whether it can be dialled from here or from its gateway',
  },
  ERR_COURIER_TIMEOUT: {
    when: 'no way to the node was found within `waitTimeoutMs`, or nobody said that a relayed message arrived',
    stateChanged: 'unknown for a relayed message: it may have arrived',
    retry: 'as for any lost message',
    action: 'raise `waitTimeoutMs` where dials are slow',
  },
  ERR_COURIER_TOO_LARGE: {
    when: 'a message is longer than `valueBytesMax`',
    stateChanged: NOT_TAKEN,
    retry: 'no',
    action: 'send it as a stream, or raise `valueBytesMax` on both nodes',
  },
  ERR_COURIER_STOPPED: {
    when: 'the courier ended or was restarted while the message waited, or was under way through others',
    stateChanged: 'unknown for a relayed message: it may have arrived; else no',
    retry: 'yes, unless the mesh stops',
    action: 'look in the log why it was restarted',
  },
  ERR_COURIER_BACKLOG: {
    when: '`waitingBytesPerNodeMax` bytes wait for that node, `waitingBytesMax` for all, or the queue of its link is full',
    stateChanged: NOT_TAKEN,
    retry: 'after `onDrain`, or when what waits has gone',
    action: 'send slower; the node is slow or cannot be reached',
  },
  ERR_COURIER_DIALS_MAX: {
    when: 'a message wanted a link while the share of dials was in use and `dialQueueMax` nodes waited',
    stateChanged: 'no; other ways are tried',
    retry: 'the courier does',
    action: 'raise `dialsMax` if it lasts',
  },
  ERR_COURIER_CHUNK: {
    when: 'a piece of a large message does not fit what came before it, or announces what nobody takes',
    stateChanged: 'no; that message is dropped',
    retry: 'no',
    action: `${HOSTILE}; over relays a piece may have been lost`,
  },
  ERR_COURIER_ASSEMBLIES_MAX: {
    when: 'a peer has more than `assembliesPerPeerMax` large messages under way, or more bytes of them than are held',
    stateChanged: 'no; one of its messages is dropped',
    retry: 'when others are whole',
    action: 'raise the limits for nodes that send many large messages; else the peer is hostile',
  },
  ERR_COURIER_ASSEMBLY_TIMEOUT: {
    when: 'no piece of a large message came for `assemblyTimeoutMs`',
    stateChanged: DROPPED,
    retry: 'no',
    action: 'nothing on a link that broke; else the peer is slow or hostile',
  },
  ERR_COURIER_SEAL: {
    when: 'what came through others is not sealed for this node, or was changed on its way',
    stateChanged: `${DROPPED}, and its source is told that nobody took it`,
    retry: 'no',
    action: 'a node on the way changes messages; look which ways they take',
  },
  ERR_COURIER_SOURCE: {
    when: 'what came through others was sealed by another node than its envelope says',
    stateChanged: DROPPED,
    retry: 'no',
    action: 'somebody on the way claims to be another node',
  },
  ERR_COURIER_MEMBERSHIP: {
    when: 'what came through others was sealed by a node that the realm does not vouch for now',
    stateChanged: DROPPED,
    retry: 'after the membership was renewed',
    action: 'issue a new membership, if the node is one of yours',
  },
  ERR_COURIER_REPLAYED: {
    when: 'a sealed message came for the second time, or is of an earlier life of its sender',
    stateChanged: DROPPED,
    retry: 'no',
    action: 'somebody on the way repeats messages',
  },
  ERR_COURIER_STALE: {
    when: 'a sealed message is older than `sealAgeMaxMs`, or of that far ahead',
    stateChanged: DROPPED,
    retry: 'no',
    action: 'correct the wall clock of one side; else somebody repeats old messages',
  },
  ERR_COURIER_SENDERS_MAX: {
    when: 'sealed messages of `sendersMax` nodes came lately, and this one is of another node',
    stateChanged: DROPPED,
    retry: 'after `sealAgeMaxMs`',
    action: 'raise `sendersMax`; let nodes that speak much have links',
  },
  ERR_COURIER_KEY: {
    when: 'a question for a public key, or an answer, is malformed, was not asked for, or is not the key of that node',
    stateChanged: DROPPED,
    retry: 'no',
    action: `nothing for a late answer; else ${HOSTILE}`,
  },
  ERR_COURIER_UNHANDLED: {
    when: 'a message came of a type that nobody here handles',
    stateChanged: DROPPED,
    retry: 'after its service has started',
    action: 'nothing; the peer speaks of a service that this node does not run',
  },
  ERR_COURIER_HANDLER: {
    when: 'a handler threw for a message that came through others; the log holds its error',
    stateChanged: 'as far as the handler got',
    retry: 'no',
    action: 'correct the handler, if the message was in order',
  },
})
