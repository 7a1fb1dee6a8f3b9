/** Errors of locks. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** A lock was not tried, or not to the end; `code` says why. That another holds it is no error. */
export class LockError extends FoveaError {
  override readonly name: string = 'LockError'
}

/** Codes of `dist/locks`. */
export const LOCK_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_LOCK_NAME: {
    when: 'a resource or requester is no text of 1 to 1,024 characters',
    stateChanged: 'no',
    retry: 'no',
    action: 'correct it',
  },
  ERR_LOCK_OWNER: {
    when: 'the owner of a lock, or the process that calls, belongs to another node or system',
    stateChanged: 'no',
    retry: 'no',
    action: 'set the lock on the node of that process, or pass an owner of this node',
  },
  ERR_LOCK_ABORTED: {
    when: 'the signal of a lock was aborted, its reason is the cause; or its owner ended, or the node stopped',
    stateChanged: 'no; what was locked for it is free again',
    retry: 'as the caller likes',
    action: 'nothing',
  },
  ERR_LOCK_REFUSED: {
    when: 'a node refused to lock anything for this one; the cause says why',
    stateChanged: 'no; what was locked for it is free again',
    retry: 'no',
    action: 'change the policy of the realm, or name `nodes` without it',
  },
  ERR_PEER_LOCKS_MAX: {
    when: 'a node keeps `peerLocksMax` locks of another one',
    stateChanged: 'no; what was locked for it is free again',
    retry: 'when others were released',
    action: 'look for locks that are never released, or raise the limit on all nodes',
  },
  ERR_LOCK_MESSAGE: {
    when: 'a request of a peer about locks lacks a part, or one is of the wrong kind',
    stateChanged: 'no',
    retry: 'no',
    action: 'the peer is broken or hostile',
  },
  ERR_LOCK_OVERLAP: {
    when: 'a node came that another lock of the same resource is set on: both were set while the network was in parts',
    stateChanged: 'no; both holders go on',
    retry: 'no',
    action: 'use a lease where two holders do harm',
  },
})
