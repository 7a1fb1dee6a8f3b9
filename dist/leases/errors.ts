/** Errors of leases, and counters of what voters refuse. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** A lease was not granted; `code` says why. */
export class LeaseError extends FoveaError {
  override readonly name: string = 'LeaseError'
}

/** Codes of `dist/leases`. */
export const LEASE_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_VOTERS_REQUIRED: {
    when: 'something strict was asked of a node that was started without `voters`',
    stateChanged: 'no',
    retry: 'no',
    action:
      'start all nodes with the same `voters`: the keys of three or five nodes with data directories',
  },
  ERR_LEASE_NAME: {
    when: 'the name of a lease is no text of 1 to 1,024 characters',
    stateChanged: 'no',
    retry: 'no',
    action: 'correct the name',
  },
  ERR_LEASE_HELD: {
    when: 'another held the lease until `timeoutMs` was over',
    stateChanged: 'no',
    retry: 'yes',
    action: 'wait longer, or let the holder do the work',
  },
  ERR_LEASE_NO_MAJORITY: {
    when: 'no majority of the voters answered until `timeoutMs` was over, or none could vote yet',
    stateChanged: 'no',
    retry: 'yes',
    action: 'look whether the voters run and are reachable, and whether the realm grants `call`',
  },
  ERR_LEASE_ABORTED: {
    when: 'the signal given to `acquire` was aborted, its reason is the cause; or the node stopped',
    stateChanged: 'no',
    retry: 'as the caller likes',
    action: 'nothing',
  },
  ERR_LEASES_OWN_MAX: {
    when: 'this node holds or waits for `ownLeasesMax` leases',
    stateChanged: 'no',
    retry: 'when others were released',
    action: 'lease shards of a thing instead of single ones, or raise the limit',
  },
  ERR_LEASES_MAX: {
    when: 'a voter keeps `leasesMax` leases that have not ended',
    stateChanged: 'no; it does not vote for another name',
    retry: 'when leases have ended',
    action: 'raise `leasesMax` on all voters',
  },
  ERR_PEER_LEASES_MAX: {
    when: 'a voter keeps `peerLeasesMax` leases of one node that have not ended',
    stateChanged: 'no; it does not vote for another one',
    retry: 'when leases have ended',
    action: 'look at the node that takes so many, or raise `peerLeasesMax` on all voters',
  },
  ERR_LEASE_MESSAGE: {
    when: 'a request of a peer about leases, or its answer, lacks a part, or one is of the wrong kind or out of range',
    stateChanged: 'no',
    retry: 'no',
    action: 'give all nodes the same `ttlMs`; else the peer is broken or hostile',
  },
  ERR_LEASE_STORE: {
    when: 'a voter could not read or write what it has promised; the cause says why',
    stateChanged: 'it does not vote for that lease',
    retry: 'the holder asks again',
    action: 'look at the disk of the data directory',
  },
})
