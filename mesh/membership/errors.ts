/** Codes of membership: what the detector refuses, loses and cannot do. Most are counters only. */
import type { ErrorCatalogue } from '../../runtime/index.ts'

const NOTHING = 'no; no table changes'

/** Codes of `mesh/membership`. */
export const MEMBERSHIP_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_META_INVALID: {
    when: 'metadata is no flat map of strings, finite numbers and booleans; counted when a member says such',
    stateChanged: 'no; of a member nothing is shown',
    retry: 'no',
    action: 'make it flat',
  },
  ERR_META_TOO_LARGE: {
    when: 'metadata has more than `membership.metaBytesMax` bytes encoded',
    stateChanged: 'no',
    retry: 'no',
    action: 'say where the rest is found, instead of the rest',
  },
  ERR_MEMBERS_DIALS_MAX: {
    when: 'the detector wanted to reach a node without a link while it dialled a quarter of `dialsMax` nodes',
    stateChanged: 'no; the packet is lost',
    retry: 'the detector repeats what matters',
    action: 'raise `dialsMax` if it lasts; many nodes are down, or the network is slow',
  },
  ERR_MEMBERS_BACKLOG: {
    when: '16 packets wait for one dial already',
    stateChanged: 'no; the packet is lost',
    retry: 'the detector repeats what matters',
    action: 'nothing',
  },
  ERR_MEMBERS_REQUESTS_MAX: {
    when: '64 requests of the detector are under way',
    stateChanged: 'no; the request fails at once',
    retry: 'the detector repeats it',
    action: 'nothing, unless it lasts',
  },
  ERR_MEMBERS_REQUEST_FLOOD: {
    when: 'one peer sent more than 32 requests within a second',
    stateChanged: 'no; the request is not answered',
    retry: 'no',
    action: 'the peer is broken or hostile',
  },
  ERR_MEMBERS_PERSIST: {
    when: 'a higher generation of this node could not be written to its data directory',
    stateChanged: 'no; the node says nothing new about itself',
    retry: 'after a second, for ever',
    action: 'look at the cause: the disk is full or gone',
  },
  ERR_SWIM_DOWN: {
    when: 'a node was declared down while a link to it was up; the link is closed with this code',
    stateChanged: 'the link is down with `connection_closed`',
    retry: 'the node refutes as soon as it hears of it',
    action: 'look into `mesh.membership.log()` for who suspected it',
  },
  ERR_SWIM_SIGNATURE: {
    when: 'a statement about a node is not signed by it',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'the peer that passed it on is broken or hostile',
  },
  ERR_SWIM_MEMBERSHIP: {
    when: "a statement comes from a node that the realm's authority did not make a member, or not any more",
    stateChanged: NOTHING,
    retry: 'after a new membership was issued',
    action: 'issue one with `fovea realm issue`; else the peer is hostile',
  },
  ERR_SWIM_STATEMENT: {
    when: 'a statement is of another cluster or realm, or has a field out of range',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'the peer that passed it on is broken or hostile',
  },
  ERR_SWIM_ACCUSATION_AHEAD: {
    when: 'a peer suspects an incarnation that its owner never issued, as far as is known here',
    stateChanged: NOTHING,
    retry: 'the next comparison of tables brings what is missing',
    action: 'nothing now and then; a peer that does it again and again is hostile',
  },
  ERR_SWIM_ACCUSATION_UNKNOWN: {
    when: 'a peer suspects a node that is not known here',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'nothing now and then; a peer that does it again and again is hostile',
  },
  ERR_SWIM_COUNTER_CEILING: {
    when: 'a statement has a counter or a generation that no honest node reaches',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'the node that signed it is broken or hostile',
  },
  ERR_SWIM_CONFLICT: {
    when: 'two different statements of one life of a node: its key is in use twice, perhaps from a copied data directory',
    stateChanged:
      'the higher statement stays; this node begins a higher generation when it is its own key',
    retry: 'no',
    action:
      'find the second node with that key, which is in the log line, and stop it; if nobody copied the key, make a new one',
  },
  ERR_SWIM_MEMBERS_MAX: {
    when: '`membersMax` members are known',
    stateChanged: 'no; the newcomer is not taken',
    retry: 'when tombstones are gone',
    action: 'raise `membersMax`, or look who invents members',
  },
  ERR_SWIM_META_BYTES_MAX: {
    when: 'the metadata of a member is longer than `membership.metaBytesMax`',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'give all nodes the same `metaBytesMax`; else the node is hostile',
  },
  ERR_SWIM_SEQUENCE: {
    when: 'an answer came that nobody waits for: late, twice, or invented',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'nothing on a slow network; else the peer is hostile',
  },
  ERR_SWIM_RELAYS_MAX: {
    when: 'a peer asked for more than `membership.relaysPerPeerMax` probes in an interval, or all peers for more than `relaysMax`',
    stateChanged: 'no; the probe is not made',
    retry: 'the peer asks other helpers',
    action: 'give all nodes the same preset; else the peer is hostile',
  },
  ERR_SWIM_SYNCS_MAX: {
    when: '`membership.syncsMax` comparisons of tables are under way, or one peer took `membership.syncBytesPerSecondMax` bytes of the table within a second',
    stateChanged: 'no; the peer is told to ask somebody else',
    retry: 'the peer asks somebody else',
    action: 'nothing in a burst of joins',
  },
  ERR_SWIM_CHECKS_MAX: {
    when: 'one peer sent more than `membership.checksPerSecondMax` new statements within a second',
    stateChanged: 'no; the rest is not looked at',
    retry: 'the next comparison of tables brings it',
    action: 'nothing in a burst of joins; else the peer is hostile',
  },
  ERR_SWIM_SENDER_UNKNOWN: {
    when: 'a packet came from a node that is not in the table yet',
    stateChanged: NOTHING,
    retry: 'tables are exchanged with it',
    action: 'nothing',
  },
})
