/** Errors of global names, and counters of what went wrong beside them. */
import { FoveaError, type ErrorCatalogue, type FoveaErrorOptions } from '../../runtime/index.ts'

/** A global name could not be registered, looked up or unregistered; `code` says why. */
export class GlobalRegistryError extends FoveaError {
  override readonly name: string = 'GlobalRegistryError'
  readonly registryName: string
  constructor(code: string, registryName: string, what: string, options: FoveaErrorOptions = {}) {
    super(code, `global name '${registryName}': ${what}`, options)
    this.registryName = registryName
  }
}

/** Nodes that a text names; of more it says how many. */
const NAMED_MAX = 3

/** Not all nodes have acknowledged a registration, or told their names, in time. */
export class GlobalTimeoutError extends GlobalRegistryError {
  override readonly name: string = 'GlobalTimeoutError'
  /** Ids of the nodes that were waited for, or their keys. */
  readonly nodeIds: readonly string[]
  constructor(registryName: string, what: string, nodeIds: readonly string[]) {
    super('ERR_GLOBAL_TIMEOUT', registryName, `${what}: ${namesOf(nodeIds)}`)
    this.nodeIds = nodeIds
  }
}

function namesOf(nodeIds: readonly string[]): string {
  const named = nodeIds.slice(0, NAMED_MAX).join(', ')
  const more = nodeIds.length - NAMED_MAX
  return more > 0 ? `${named} and ${more} more` : named
}

/** Nobody has the name. */
export class GlobalNameNotFoundError extends GlobalRegistryError {
  override readonly name: string = 'GlobalNameNotFoundError'
  constructor(registryName: string) {
    super('ERR_GLOBAL_NAME_UNKNOWN', registryName, 'nobody has it')
  }
}

/** Somebody else has the name, or was faster. */
export class GlobalNameConflictError extends GlobalRegistryError {
  override readonly name: string = 'GlobalNameConflictError'
  /** Id of the node whose process has it, or its key. */
  readonly existingNodeId: string
  constructor(registryName: string, existingNodeId: string) {
    super('ERR_GLOBAL_NAME_TAKEN', registryName, `a process on ${existingNodeId} has it`)
    this.existingNodeId = existingNodeId
  }
}

/** Codes of `dist/names`. */
export const NAMES_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_GLOBAL_NAME_UNKNOWN: {
    when: 'lookup or send of a global name that nobody has',
    stateChanged: 'no',
    retry: 'when it is registered; sync() waits for nodes that have just come',
    action: 'use whereis where it may be missing',
  },
  ERR_GLOBAL_NAME_TAKEN: {
    when: 'a global name is registered already, or another registration at the same time was chosen',
    stateChanged: 'no; the process lives on',
    retry: 'after unregister, or use reRegister',
    action: 'use the holder, which whereis gives',
  },
  ERR_GLOBAL_NAME_INVALID: {
    when: 'a global name is no text of 1 to nameBytesMax bytes',
    stateChanged: 'no',
    retry: 'no',
    action: 'choose another name',
  },
  ERR_GLOBAL_PROCESS: {
    when: 'what is to be registered is no live process, or ended before the registration was through',
    stateChanged: 'no',
    retry: 'with another process',
    action: 'look why it ended',
  },
  ERR_GLOBAL_NAMES_MAX: {
    when: 'processes of this node have ownNamesMax global names',
    stateChanged: 'no',
    retry: 'after others are gone',
    action: 'raise ownNamesMax, and nodeNamesMax on all nodes; or use a registry per node',
  },
  ERR_GLOBAL_PENDING_MAX: {
    when: 'pendingMax registrations wait for other nodes',
    stateChanged: 'no',
    retry: 'after a pause',
    action: 'await registrations in portions',
  },
  ERR_GLOBAL_BYTES_MAX: {
    when: 'the names of processes of this node, with what goes with them, have more than ownBytesMax bytes',
    stateChanged: 'no',
    retry: 'after others are gone',
    action: 'raise ownBytesMax, and nodeBytesMax on all nodes; or choose shorter names',
  },
  ERR_GLOBAL_TIMEOUT: {
    when: 'not all nodes acknowledged a registration, or told their names, within timeoutMs; nodeIds says which; also a counter',
    stateChanged: 'no; the registration is taken back',
    retry: 'yes: nodes that are gone are found within the time of the failure detector',
    action: 'raise timeoutMs above the time in which a dead node is found',
  },
  ERR_GLOBAL_ABORTED: {
    when: 'the signal of a registration or of sync was aborted',
    stateChanged: 'no; the registration is taken back',
    retry: 'as the caller likes',
    action: 'nothing',
  },
  ERR_GLOBAL_LOST: {
    when: 'the lease of a strict name was lost before its registration was through',
    stateChanged: 'the process was killed',
    retry: 'yes, with another process',
    action: 'look whether a majority of the voters can be reached',
  },
  ERR_GLOBAL_STOPPED: {
    when: 'the node stopped meanwhile',
    stateChanged: 'its names are gone',
    retry: 'no',
    action: 'nothing',
  },
  ERR_GLOBAL_REQUEST: {
    when: 'another node asked for something that is no request of global names',
    stateChanged: 'no',
    retry: 'no',
    action: 'the peer speaks another version, or is broken or hostile',
  },
  ERR_GLOBAL_CLAIM_INVALID: {
    when: 'a counter: another node said something of a name that is no claim, or one more than one',
    stateChanged: 'no; it does not count',
    retry: 'no',
    action: 'the peer speaks another version, or is broken or hostile',
  },
  ERR_GLOBAL_RESOLVER: {
    when: 'a counter: a resolver threw, or gave neither of the two; the log has its error',
    stateChanged: 'the claim with the better right keeps the name',
    retry: 'no',
    action: 'correct the resolver',
  },
  ERR_GLOBAL_HANDLER: {
    when: 'a counter: a handler of an event threw; the log has its error',
    stateChanged: 'no; the others are called',
    retry: 'no',
    action: 'correct the handler',
  },
})
