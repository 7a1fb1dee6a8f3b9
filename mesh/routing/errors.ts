/**
 * Codes of the DHT: how an operation fails, why a node does not keep a record, and what peers said that
 * changed nothing. The last kind are counters only.
 */
import type { ErrorCatalogue, FoveaErrorOptions } from '../../runtime/index.ts'
import { FoveaError } from '../../runtime/index.ts'
import type { DhtContact, DhtStanding, DhtStoreRefusal } from './dht.ts'

const NOTHING = 'no; nothing is stored, no table changes'
const NOT_KEPT = 'no; the record is not kept there'
const HOSTILE = 'the peer is broken or hostile'

/** What is known about an operation that failed. */
export interface DhtErrorOptions extends FoveaErrorOptions {
  readonly holders?: readonly DhtContact[]
  readonly refusals?: readonly DhtStoreRefusal[]
  readonly standing?: DhtStanding | undefined
}

/** An operation of the DHT failed; `code` says which way, `cause` what was behind it. */
export class DhtError extends FoveaError {
  override readonly name: string = 'DhtError'
  /** Who acknowledged a put that failed all the same, this node not named: they keep it. */
  readonly holders: readonly DhtContact[]
  /** Who refused a put, and why. */
  readonly refusals: readonly DhtStoreRefusal[]
  /** What stands against a put, or the newest that a get has found and too few agree with. */
  readonly standing: DhtStanding | undefined
  constructor(code: string, message: string, options: DhtErrorOptions = {}) {
    super(code, message, options)
    this.holders = options.holders ?? []
    this.refusals = options.refusals ?? []
    this.standing = options.standing
  }
}

/** How operations fail. */
const OPERATION_ERRORS: ErrorCatalogue = {
  ERR_DHT_NOT_FOUND: {
    when: 'nobody who was asked has a record under that key',
    stateChanged: 'no',
    retry: 'when it was published',
    action: 'check key and realm; records that nobody repeats end with their time',
  },
  ERR_DHT_QUORUM: {
    when: 'fewer holders acknowledged a put, or agreed on a get, than `quorum` asks for',
    stateChanged: 'a put: those in `holders` keep it',
    retry: 'yes',
    action: 'look into `refusals` and `standing`; ask for less, or wait until the network is whole',
  },
  ERR_DHT_TIMEOUT: {
    when: 'an operation was not done within its `timeoutMs`',
    stateChanged: 'a put: some holders may keep it',
    retry: 'yes',
    action: 'raise `timeoutMs`; many nodes are slow or down',
  },
  ERR_DHT_ABORTED: {
    when: 'the `signal` of an operation was aborted; its reason is the cause',
    stateChanged: 'a put: some holders may keep it',
    retry: 'as the caller likes',
    action: 'nothing',
  },
  ERR_DHT_RESTARTED: {
    when: 'a process of the DHT ended while the operation ran',
    stateChanged: 'a put: some holders may keep it; what was published is repeated',
    retry: 'yes; the process is back within a moment',
    action: 'read the log for why it ended',
  },
  ERR_DHT_DISABLED: {
    when: 'an operation on a node that was started with `dht: false`',
    stateChanged: 'no',
    retry: 'no',
    action: "start it with `dht: { mode: 'client' }` at least",
  },
  ERR_DHT_KEY_INVALID: {
    when: 'a key is no DHT key, no node key, not 32 bytes and no text of 1 to 255 bytes, a publisher is no node key, or a node provides under its own',
    stateChanged: 'no',
    retry: 'no',
    action: 'correct the key',
  },
  ERR_DHT_VALUE_INVALID: {
    when: 'a value cannot be encoded, or is not bytes where bytes are expected; the path says where',
    stateChanged: 'no; nothing is sent',
    retry: 'no',
    action: 'make it of what travels, or pass bytes',
  },
  ERR_DHT_OPERATIONS_MAX: {
    when: '`operationsMax` operations are under way',
    stateChanged: 'no',
    retry: 'later',
    action: 'do less at once',
  },
  ERR_DHT_PUBLISHED_MAX: {
    when: 'this node publishes `publishedMax` records, provider and address records among them',
    stateChanged: 'no; with `expectedSequence` those in `holders` may keep it',
    retry: 'after withdrawing something',
    action: 'withdraw what nobody needs, put with `publish: false`, or raise the limit',
  },
  ERR_DHT_ADDRESS_UNPUBLISHED: {
    when: 'this node could not publish or withdraw where it is; a counter, the log says why',
    stateChanged: 'no; others may not find this node by key or id',
    retry: 'it is repeated with everything that this node publishes',
    action: 'look at the code in the log',
  },
  ERR_DHT_LOOKUPS_MAX: {
    when: '`lookupsMax` lookups are under way and `lookupQueueMax` wait',
    stateChanged: 'no',
    retry: 'later',
    action: 'look up less at once',
  },
}

/** Why a record is not kept; the answer to whoever offered it, and counters at the one who refuses. */
const STORE_REFUSALS: ErrorCatalogue = {
  ERR_DHT_RECORD_SIGNATURE: {
    when: 'a record is not signed by its publisher',
    stateChanged: NOT_KEPT,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_DHT_RECORD_MEMBERSHIP: {
    when: "the publisher of a provider or address record is no member by the realm's authority, or not any more",
    stateChanged: NOT_KEPT,
    retry: 'after a new membership was issued',
    action: 'issue one with `fovea realm issue`; else the peer is hostile',
  },
  ERR_DHT_RECORD_REALM: {
    when: 'a record was made for another realm',
    stateChanged: NOT_KEPT,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_DHT_RECORD_KEY: {
    when: 'the key of a record does not follow from what it holds',
    stateChanged: NOT_KEPT,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_DHT_RECORD_EXPIRED: {
    when: 'the time of a record is over',
    stateChanged: NOT_KEPT,
    retry: 'no',
    action: 'compare the wall clocks if the record is new',
  },
  ERR_DHT_RECORD_EXPIRY: {
    when: 'a record lives longer from now than `recordTtlMaxMs`',
    stateChanged: NOT_KEPT,
    retry: 'no',
    action: 'give it less time, or compare the wall clocks',
  },
  ERR_DHT_RECORD_TOO_LARGE: {
    when: 'a value is above `valueBytesMax`, or metadata of a provider above `providerBytesMax`',
    stateChanged: NOT_KEPT,
    retry: 'no',
    action: 'store where the value is found instead of the value',
  },
  ERR_DHT_RECORD_INVALID: {
    when: 'a part of a record is missing, of the wrong kind or out of range',
    stateChanged: NOT_KEPT,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_DHT_SEQUENCE_LOW: {
    when: 'a record with a higher sequence is there, or one with the same sequence that wins, or there is no higher one',
    stateChanged: NOT_KEPT,
    retry: 'with a higher sequence',
    action: 'read the record first; `standing` holds the one that is there',
  },
  ERR_DHT_SEQUENCE_UNEXPECTED: {
    when: 'compare and swap: the record that is there has not `expectedSequence`',
    stateChanged: NOT_KEPT,
    retry: 'after reading it again',
    action:
      'somebody else was first: decide anew on what is there, in `standing` if somebody has it',
  },
  ERR_DHT_STORE_FULL: {
    when: '`recordsMax` records or `bytesMax` bytes are kept, all of them nearer to the node',
    stateChanged: NOT_KEPT,
    retry: 'when there is room',
    action: 'raise the limits, or add nodes',
  },
  ERR_DHT_PROVIDERS_FULL: {
    when: '`providersPerKeyMax` providers of the key are kept',
    stateChanged: NOT_KEPT,
    retry: 'when some have expired',
    action: 'nothing: whoever looks finds enough of them',
  },
  ERR_DHT_PEER_QUOTA: {
    when: 'one peer offered more than `peerPutsMax` records within `peerWindowMs`, `peerWindowsMax` other peers did, or one publisher has `publisherRecordsMax` here',
    stateChanged: NOT_KEPT,
    retry: 'later',
    action: 'publish less at once; else the peer is hostile',
  },
  ERR_DHT_PEER_SHUNNED: {
    when: 'the offences of a peer came up to `shunScore`: forged records, lies about contacts, floods; and everything that it offers within `shunMs`',
    stateChanged: 'it is in no table and no lookup, and nothing of it is kept, until then',
    retry: 'after `shunMs`',
    action:
      'look at the counters of refusals by peer: it is hostile, or its version or its clock is broken',
  },
  ERR_DHT_STORE_FAILED: {
    when: 'a record could not be written',
    stateChanged: NOT_KEPT,
    retry: 'when the cause is gone',
    action: 'look at the log of the node that refused: its disk is full or gone',
  },
  ERR_DHT_CLIENT_MODE: {
    when: 'a node in client mode was asked to answer for the DHT',
    stateChanged: NOT_KEPT,
    retry: 'no; others are asked',
    action: 'nothing',
  },
}

/** What peers said or asked that changed nothing. */
const PEER_REFUSALS: ErrorCatalogue = {
  ERR_DHT_CONTACT_REPEATED: {
    when: 'an answer names this node, the node that answers, or a node twice',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'nothing for a few; else the peer is broken or hostile',
  },
  ERR_DHT_CONTACT_ADDRESS: {
    when: 'an answer names an address where nobody can be, or loopback though its sender is elsewhere',
    stateChanged: NOTHING,
    retry: 'no',
    action: HOSTILE,
  },
  ERR_DHT_CONTACTS_MAX: {
    when: 'an answer has more contacts than may be in one',
    stateChanged: 'the rest of them is dropped',
    retry: 'no',
    action: HOSTILE,
  },
  ERR_DHT_DIVERSITY: {
    when: '`networkEntriesMax` nodes of one IP network are in the table, or `networkBucketMax` in the bucket',
    stateChanged: NOTHING,
    retry: 'when one of them is gone',
    action: 'set the limits to 0 where many nodes live in one network',
  },
  ERR_DHT_REPLY_UNEXPECTED: {
    when: 'an answer came that nobody waits for: late, twice, of another kind or about another key',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'nothing on a slow network; else the peer is hostile',
  },
  ERR_DHT_ANSWER_RECORD: {
    when: 'an answer held a record that is not valid, or is about something else',
    stateChanged: NOTHING,
    retry: 'others are asked',
    action: HOSTILE,
  },
  ERR_DHT_REQUESTS_MAX: {
    when: 'one peer asked more than `requestsPerPeerMax` questions within a second',
    stateChanged: 'no; the question is not answered',
    retry: 'no',
    action: HOSTILE,
  },
  ERR_DHT_ANSWERS_MAX: {
    when: '1,024 questions of peers wait for an answer, 128 of one peer',
    stateChanged: 'no; the question is not answered',
    retry: 'the peer asks others',
    action: 'look at the disk: answers to puts wait for it',
  },
  ERR_DHT_CANDIDATES_MAX: {
    when: '`candidatesMax` nodes wait to be asked whether they are there',
    stateChanged: 'the oldest of them is forgotten',
    retry: 'whenever it is heard of again',
    action: 'nothing in a burst of joins',
  },
  ERR_DHT_EXCHANGES_MAX: {
    when: '`exchangesMax` requests of this node are under way, or `exchangesPerPeerMax` to one peer',
    stateChanged: 'no; the request fails at once',
    retry: 'the lookup asks others',
    action: 'look up less at once',
  },
  ERR_DHT_DIALS_MAX: {
    when: 'the DHT wanted to reach a node without a link while it dialled its share of `dialsMax` nodes and 256 waited for their turn',
    stateChanged: 'no; the request fails',
    retry: 'the lookup asks others',
    action: 'raise `dialsMax` if it lasts; many nodes are down, or the network is slow',
  },
  ERR_DHT_BACKLOG: {
    when: '64 requests wait for one dial already',
    stateChanged: 'no; the request fails',
    retry: 'the lookup asks others',
    action: 'nothing',
  },
}

/** Codes of `mesh/routing`. */
export const ROUTING_ERRORS: ErrorCatalogue = Object.freeze({
  ...OPERATION_ERRORS,
  ...STORE_REFUSALS,
  ...PEER_REFUSALS,
})
