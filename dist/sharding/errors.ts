/** Expected failures of sharded entities, and their catalogue. */
import { FoveaError, type ErrorCatalogue, type FoveaErrorOptions } from '../../runtime/index.ts'

/** A message did not reach an entity, or a kind of entity could not be started; `code` says why. */
export class ShardError extends FoveaError {
  override readonly name: string = 'ShardError'
  readonly entity: string
  /** The entity, if one was meant. */
  readonly id: string | undefined
  constructor(
    code: string,
    about: { readonly entity: string; readonly id?: string | undefined },
    what: string,
    options: FoveaErrorOptions = {},
  ) {
    const { entity, id } = about
    super(code, `${id === undefined ? entity : `${entity} '${id}'`}: ${what}`, options)
    this.entity = entity
    this.id = id
  }
}

/** The codes of this folder. */
export const SHARDING_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_SHARD_UNAVAILABLE: {
    when: 'no host took a message for a shard within waitTimeoutMs: none is known, or the shard is being handed over',
    stateChanged: 'no: the message was not executed',
    retry: 'yes',
    action: 'look whether hosts run; raise waitTimeoutMs if entities take long to stop',
  },
  ERR_SHARD_BUFFER_FULL: {
    when: 'bufferMax messages wait for one shard, at the sender or at its host, or for one entity that starts',
    stateChanged: 'no: the message was not executed',
    retry: 'after a pause',
    action: 'send more slowly, or raise bufferMax',
  },
  ERR_SHARD_DENIED: {
    when: 'a counter: a host does not let this node ask it for shards, by the policy of the realm',
    stateChanged: 'no; it keeps them, and this node does not ask it again until it comes anew',
    retry: 'no',
    action: 'grant `call` to all hosts of a kind, or start this node with host: false',
  },
  ERR_SHARD_ENTITIES_MAX: {
    when: 'entitiesMax entities of a kind are active on a host',
    stateChanged: 'no',
    retry: 'after some were passivated',
    action: 'add hosts, lower passivateAfterMs, or raise entitiesMax',
  },
  ERR_SHARD_ENTITY_START: {
    when: 'an entity did not start; the cause says why',
    stateChanged: 'what its init did before',
    retry: 'depends on the cause; the next message tries again',
    action: 'branch on cause.code',
  },
  ERR_SHARD_COUNT: {
    when: 'two nodes start one kind of entity with different numbers of shards',
    stateChanged: 'no',
    retry: 'no',
    action: 'give all nodes the same number',
  },
  ERR_SHARD_STARTED: {
    when: 'Sharding.start of a kind of entity that this node has started already',
    stateChanged: 'no',
    retry: 'after its stop',
    action: 'use the region that runs',
  },
  ERR_SHARD_STOPPED: {
    when: 'a message to a kind of entity that this node does not know, has stopped, or whose node stops',
    stateChanged: 'no',
    retry: 'after Sharding.start',
    action: 'start it on this node, with host: false if it only sends',
  },
  ERR_SHARD_MESSAGE: {
    when: 'a peer said something to the part for sharded entities that has no meaning; counted',
    stateChanged: 'no',
    retry: 'no',
    action: 'give all nodes the same version; else the peer is hostile',
  },
})
