/**
 * Expected failures of the distribution layer and their catalogue.
 *
 * One rule joins noex's error classes and OTP's reasons: a call fails the same way for a local and a
 * remote process, so what `RemoteCall` raises are *subclasses* of the runtime's call errors and keep
 * their codes. Branch on `code` and `reason` (`ERR_CALL_EXIT`, `'noconnection'`), on the runtime's
 * class, or on noex's class and fields; all three see the same failure:
 *
 * | failure of a call | code | reason | class |
 * |---|---|---|---|
 * | no reply in time | ERR_CALL_TIMEOUT | | RemoteCallTimeoutError, a CallTimeoutError |
 * | no such process | ERR_CALL_EXIT | 'noproc' | RemoteServerNotRunningError, a CallExitError |
 * | node unknown, cut off or lost | ERR_CALL_EXIT | 'noconnection' | NodeNotReachableError, a CallExitError |
 * | the process ended | ERR_CALL_EXIT | its own | CallExitError |
 * | input or answer cannot travel | ERR_VALUE_... | | MessageSerializationError |
 *
 * A ref used directly (`ref.call.add(5)`) raises the runtime's own class, with the same code and reason.
 */
import {
  CallExitError,
  CallTimeoutError,
  FoveaError,
  formatPid,
  formatReason,
  isPid,
  type ErrorCatalogue,
  type ExitReason,
  type FailedCall,
  type FoveaErrorOptions,
} from '../runtime/index.ts'
import { discoveryErrors } from './discovery/errors.ts'
import { ERPC_ERRORS } from './erpc/errors.ts'
import { LEASE_ERRORS } from './leases/errors.ts'
import { LOCK_ERRORS } from './locks/errors.ts'
import { GROUPS_ERRORS } from './groups/errors.ts'
import { NAMES_ERRORS } from './names/errors.ts'
import { SHARDING_ERRORS } from './sharding/errors.ts'
import { SINGLETON_ERRORS } from './singletons/errors.ts'
import { SUPERVISOR_ERRORS } from './supervisor/errors.ts'
import { WORKER_ERRORS } from './workers/errors.ts'
import { RELAY_ERRORS } from './relay/errors.ts'

const serverIdOf = (call: FailedCall): string =>
  isPid(call.server) ? formatPid(call.server) : String(call.server)

/** A remote call had no reply in time. */
export class RemoteCallTimeoutError extends CallTimeoutError {
  override readonly name: string = 'RemoteCallTimeoutError'
  readonly serverId: string
  /** The node id if it is known, else the node key. */
  readonly nodeId: string
  constructor(call: FailedCall, timeoutMs: number, nodeId: string) {
    super(call, timeoutMs)
    this.serverId = serverIdOf(call)
    this.nodeId = nodeId
  }
}

/** There is no such process, or no process of that name, on the node. */
export class RemoteServerNotRunningError extends CallExitError {
  override readonly name: string = 'RemoteServerNotRunningError'
  readonly serverId: string
  readonly nodeId: string
  constructor(call: FailedCall, nodeId: string) {
    super(call, 'noproc')
    this.serverId = serverIdOf(call)
    this.nodeId = nodeId
  }
}

/** The node is not known, cannot be dialled, or was lost while the answer was awaited. */
export class NodeNotReachableError extends CallExitError {
  override readonly name: string = 'NodeNotReachableError'
  readonly nodeId: string
  constructor(call: FailedCall, nodeId: string) {
    super(call, 'noconnection')
    this.message = `node ${nodeId} is not reachable: ${this.message}`
    this.nodeId = nodeId
  }
}

/** A value could not be sent; `path` names the offending part. The peer never saw the message. */
export class MessageSerializationError extends FoveaError {
  override readonly name: string = 'MessageSerializationError'
  readonly operation: 'serialize' | 'deserialize'
  /** Where in the value, e.g. `input.items[3]`; empty when the whole value is meant. */
  readonly path: string
  constructor(code: string, message: string, path: string, cause: unknown) {
    super(code, message, { cause })
    this.operation = 'serialize'
    this.path = path
  }
}

/** An error that was raised on another node. Branch on `code`; fields of the original are kept. */
export class RemoteError extends FoveaError {
  override readonly name: string
  /** Key of the node it came from. */
  readonly remoteNode: string
  /** The stack over there, if that node sends stacks. */
  readonly remoteStack: string | undefined
  constructor(
    original: { name: string; message: string; code: string; stack: string | undefined },
    remoteNode: string,
    options: FoveaErrorOptions,
  ) {
    super(original.code, original.message, options)
    this.name = original.name
    this.remoteNode = remoteNode
    this.remoteStack = original.stack
    const stack = original.stack ?? `${original.name}: ${original.message}`
    Object.defineProperty(this, 'stack', {
      value: `${stack}\n    [on node ${remoteNode.slice(0, 14)}]`,
      configurable: true,
      writable: true,
      enumerable: false,
    })
  }
}

/** A node, or this node's own limit, refused a message; `code` says which. */
export class DistRefusedError extends FoveaError {
  override readonly name: string = 'DistRefusedError'
}

/** A peer sent something that is no distribution message. Its connection is closed. */
export class DistProtocolError extends FoveaError {
  override readonly name: string = 'DistProtocolError'
}

/** A ref speaks another major version of its contract than this program knows. */
export class ContractVersionError extends FoveaError {
  override readonly name: string = 'ContractVersionError'
  readonly known: string
  readonly received: string
  constructor(known: string, received: string) {
    super('ERR_CONTRACT_VERSION', `the process speaks '${received}', this program '${known}'`)
    this.known = known
    this.received = received
  }
}

/** There is no link to a node that was to be connected with. */
export class ClusterConnectError extends FoveaError {
  override readonly name: string = 'ClusterConnectError'
  readonly nodeId: string
  constructor(nodeId: string, cause: unknown) {
    const why = cause === undefined ? 'nobody knows where it is' : formatReason(cause)
    const options = cause === undefined ? {} : { cause }
    super('ERR_CLUSTER_CONNECT', `node ${nodeId} cannot be connected with: ${why}`, options)
    this.nodeId = nodeId
  }
}

/** `Cluster`, `RemoteCall` and the others were used before `Cluster.start` or after its stop. */
export class ClusterNotStartedError extends FoveaError {
  override readonly name: string = 'ClusterNotStartedError'
  constructor(what: string) {
    super(
      'ERR_CLUSTER_NOT_STARTED',
      `${what}: the node is not started; await Cluster.start() first`,
    )
  }
}

/** `Cluster.start` was called twice, or the options contradict each other. */
export class InvalidClusterConfigError extends FoveaError {
  override readonly name: string = 'InvalidClusterConfigError'
  readonly reason: string
  constructor(reason: string, options: FoveaErrorOptions = {}) {
    super('ERR_CLUSTER_CONFIG', `invalid cluster configuration: ${reason}`, options)
    this.reason = reason
  }
}

/** `Cluster.waitFor` ended without the node. */
export class ClusterWaitError extends FoveaError {
  override readonly name: string = 'ClusterWaitError'
  readonly nodeId: string
  readonly timeoutMs: number
  constructor(nodeId: string, why: 'timeout' | 'aborted' | 'stopped', timeoutMs: number) {
    const code =
      why === 'timeout'
        ? 'ERR_CLUSTER_WAIT_TIMEOUT'
        : why === 'aborted'
          ? 'ERR_CLUSTER_WAIT_ABORTED'
          : 'ERR_CLUSTER_NOT_STARTED'
    const end = why === 'timeout' ? '; Cluster.connect tries it and says why not' : `: ${why}`
    super(code, `node ${nodeId} was not connected within ${timeoutMs} ms${end}`)
    this.nodeId = nodeId
    this.timeoutMs = timeoutMs
  }
}

/** A text is no `name@host:port`. */
export class InvalidNodeIdError extends FoveaError {
  override readonly name: string = 'InvalidNodeIdError'
  readonly value: string
  readonly reason: string
  constructor(value: unknown, reason: string) {
    super('ERR_NODE_ID_INVALID', `'${String(value)}' is no node id: ${reason}`)
    this.value = String(value)
    this.reason = reason
  }
}

/** A behaviour name is taken or malformed. */
export class BehaviorRegistryError extends FoveaError {
  override readonly name: string = 'BehaviorRegistryError'
  readonly behaviorName: string
  constructor(code: string, behaviorName: string, message: string) {
    super(code, `behaviour '${behaviorName}' ${message}`)
    this.behaviorName = behaviorName
  }
}

/** A spawn on another node failed; the subclasses and `code` say why. */
export class RemoteSpawnError extends FoveaError {
  override readonly name: string = 'RemoteSpawnError'
  readonly behaviorName: string
  readonly nodeId: string
  constructor(
    code: string,
    spawn: { readonly behaviorName: string; readonly nodeId: string },
    what: string,
    options: FoveaErrorOptions = {},
  ) {
    super(code, `spawn of '${spawn.behaviorName}' on ${spawn.nodeId} ${what}`, options)
    this.behaviorName = spawn.behaviorName
    this.nodeId = spawn.nodeId
  }
}

type SpawnNames = { readonly behaviorName: string; readonly nodeId: string }

/** The node does not offer a behaviour of that name to others. */
export class BehaviorNotFoundError extends RemoteSpawnError {
  override readonly name: string = 'BehaviorNotFoundError'
  constructor(spawn: SpawnNames) {
    super(
      'ERR_BEHAVIOR_NOT_FOUND',
      spawn,
      'failed: it is not registered there with { remote: true }',
    )
  }
}

/** No answer in time. The node kills the process if it was not up by then. */
export class RemoteSpawnTimeoutError extends RemoteSpawnError {
  override readonly name: string = 'RemoteSpawnTimeoutError'
  readonly timeoutMs: number
  constructor(spawn: SpawnNames, timeoutMs: number) {
    super('ERR_SPAWN_TIMEOUT', spawn, `was not up within ${timeoutMs} ms`)
    this.timeoutMs = timeoutMs
  }
}

/** `init` threw, stopped or ignored; `reason` is the exit reason as far as it can travel. */
export class RemoteSpawnInitError extends RemoteSpawnError {
  override readonly name: string = 'RemoteSpawnInitError'
  readonly reason: ExitReason
  constructor(spawn: SpawnNames, reason: ExitReason) {
    const text = reason instanceof Error ? reason.message : formatReason(reason)
    super('ERR_SPAWN_INIT', spawn, `failed in init: ${text}`, { cause: reason })
    this.reason = reason
  }
}

/** The name is taken over there. */
export class RemoteSpawnRegistrationError extends RemoteSpawnError {
  override readonly name: string = 'RemoteSpawnRegistrationError'
  readonly registeredName: string
  constructor(spawn: SpawnNames, registeredName: string) {
    super('ERR_SPAWN_REGISTRATION', spawn, `failed: the name '${registeredName}' is taken`)
    this.registeredName = registeredName
  }
}

/** Codes of the distribution layer. */
export const distErrors: ErrorCatalogue = Object.freeze({
  ...discoveryErrors,
  ...ERPC_ERRORS,
  ...GROUPS_ERRORS,
  ...LEASE_ERRORS,
  ...LOCK_ERRORS,
  ...NAMES_ERRORS,
  ...SHARDING_ERRORS,
  ...SINGLETON_ERRORS,
  ...SUPERVISOR_ERRORS,
  ...WORKER_ERRORS,
  ERR_CLUSTER_NOT_STARTED: {
    when: 'Cluster, RemoteCall, RemoteSpawn or RemoteMonitor was used before Cluster.start, or after the node stopped',
    stateChanged: 'no',
    retry: 'after Cluster.start',
    action: 'await Cluster.start() first, or use the functions of a node that startNode gave',
  },
  ERR_CLUSTER_CONFIG: {
    when: 'Cluster.start was called while the default node runs or starts, or a system was given to a second node',
    stateChanged: 'no',
    retry: 'after Cluster.stop',
    action: 'use startNode for a second node in one program',
  },
  ERR_CLUSTER_WAIT_TIMEOUT: {
    when: 'a node did not connect within the timeoutMs of Cluster.waitFor',
    stateChanged: 'no',
    retry: 'yes',
    action: 'look whether that node runs; Cluster.connect says what refuses it',
  },
  ERR_CLUSTER_WAIT_ABORTED: {
    when: 'the signal given to Cluster.waitFor was aborted',
    stateChanged: 'no',
    retry: 'the caller did not want to wait any more',
    action: 'nothing',
  },
  ERR_CLUSTER_CONNECT: {
    when: 'Cluster.connect made no link; the cause says why',
    stateChanged: 'no',
    retry: 'as the cause says',
    action: 'check the id, the address, the realm and the secret of that node',
  },
  ERR_NODE_ID_INVALID: {
    when: 'a text is not name@host:port',
    stateChanged: 'no',
    retry: 'no',
    action: 'write it as worker1@192.168.1.10:4369, an IPv6 host in brackets',
  },
  ERR_BEHAVIOR_INVALID: {
    when: 'a behaviour was registered without a name, or is no behaviour',
    stateChanged: 'no',
    retry: 'no',
    action: 'register a server, an object with init, or a function that makes one',
  },
  ERR_BEHAVIOR_TAKEN: {
    when: 'another behaviour is registered under that name',
    stateChanged: 'no',
    retry: 'after unregister',
    action: 'choose another name',
  },
  ERR_BEHAVIORS_MAX: {
    when: '4,096 behaviours are registered',
    stateChanged: 'no',
    retry: 'after unregister',
    action: 'register kinds of servers, not single ones',
  },
  ERR_BEHAVIOR_ARG: {
    when: 'a behaviour in the message shape was spawned with an argument, which it cannot take',
    stateChanged: 'no',
    retry: 'without the argument',
    action: 'register a function that makes the behaviour from the argument',
  },
  ERR_BEHAVIOR_NOT_FOUND: {
    when: 'a spawn named a behaviour that the node does not offer',
    stateChanged: 'no',
    retry: 'after it was registered there',
    action: 'register it there with { remote: true }',
  },
  ERR_SPAWN_DENIED: {
    when: 'the policy of the realm does not grant spawn to this node',
    stateChanged: 'no',
    retry: 'no',
    action: 'change the policy in the realm file of the other node',
  },
  ERR_SPAWN_TIMEOUT: {
    when: 'a spawned process was not up within timeoutMs',
    stateChanged: 'the process was killed if its node could be told',
    retry: 'perhaps',
    action: 'find out why init or the link is slow, or raise timeoutMs',
  },
  ERR_SPAWN_INIT: {
    when: 'init of a spawned process threw, stopped or ignored; reason says which',
    stateChanged: 'what init did before',
    retry: 'depends on reason',
    action: 'branch on reason',
  },
  ERR_SPAWN_REGISTRATION: {
    when: 'the name for a spawned process is taken on its node',
    stateChanged: 'no: init did not run',
    retry: 'after the holder ended',
    action: 'use the holder, or another name',
  },
  ERR_SPAWNER_DOWN: {
    when: 'a spawn came while the spawner of the node was being restarted',
    stateChanged: 'no',
    retry: 'yes',
    action: 'try again',
  },
  ERR_PEER_DENIED: {
    when: 'the realm does not grant call to the node that called, sent, linked or monitored; or the process belongs to the node itself',
    stateChanged: 'no',
    retry: 'no',
    action: 'change the policy in the realm file of the node that refused',
  },
  ERR_PEER_CALLS_MAX: {
    when: 'a node has peerCallsMax calls waiting at another one',
    stateChanged: 'no: the call was not queued',
    retry: 'after a pause',
    action: 'look for a server that keeps its replies back',
  },
  ERR_PEER_SPAWNS_MAX: {
    when: 'peerSpawnsMax processes of a node start or live on another one',
    stateChanged: 'no: nothing was started',
    retry: 'after processes ended',
    action: 'look for processes that are never stopped',
  },
  ERR_PEER_MONITORS_MAX: {
    when: 'a node has peerMonitorsMax monitors at another one; the monitor fires with it',
    stateChanged: 'no',
    retry: 'after monitors fired or were removed',
    action: 'monitor a supervisor or a node instead of every process',
  },
  ERR_PEER_LINKS_MAX: {
    when: 'a node has made peerLinksMax links to another one; the link breaks with it',
    stateChanged: 'the linked process gets it as an exit reason',
    retry: 'after links were removed',
    action: 'spread the processes, or monitor instead',
  },
  ERR_PEER_UNLINKS_MAX: {
    when: 'a peer owes acknowledgements of peerUnlinksMax removals of links, and one more was removed',
    stateChanged: 'the link between the nodes is closed: noconnection on both sides',
    retry: 'the mesh dials again',
    action: 'the peer does not read, or is hostile; look at its event loop',
  },
  ERR_PEER_BACKLOG: {
    when: 'more waits for a peer than outboxBytesMax bytes or dialMessagesMax messages',
    stateChanged: 'no: the message was not sent',
    retry: 'after a pause',
    action: 'slow the senders down; cast gives false',
  },
  ERR_PEER_OVERLOADED: {
    when: 'signals and answers for a peer filled the reserve beyond outboxBytesMax',
    stateChanged: 'the link is closed: noconnection on both sides',
    retry: 'the mesh dials again',
    action: 'the peer does not read; look at its event loop',
  },
  ERR_DIST_MESSAGE: {
    when: 'a frame of a peer is no message of this layer',
    stateChanged: 'the link is closed',
    retry: 'the mesh dials again',
    action: 'the peer speaks another version, or is broken or hostile',
  },
  ERR_DIST_CHUNK: {
    when: 'chunks of a peer do not make a message, or a larger one than valueBytesMax',
    stateChanged: 'the link is closed; the unfinished message is dropped',
    retry: 'the mesh dials again',
    action: 'give all nodes the same valueBytesMax',
  },
  ...RELAY_ERRORS,
  ERR_CONTRACT_VERSION: {
    when: 'a ref speaks another major version of its contract than this program',
    stateChanged: 'no: nothing was sent',
    retry: 'no',
    action: 'upgrade one of the programs',
  },
  ERR_REMOTE: {
    when: 'an error without a code of its own came from another node; name and message are those of the original',
    stateChanged: 'depends',
    retry: 'depends',
    action: 'branch on name; give errors that cross nodes a code',
  },
  ERR_SIMULATION_NOT_CONNECTED: {
    when: 'simulated nodes did not find each other in a minute of virtual time',
    stateChanged: 'no',
    retry: 'no',
    action: 'look at partitions, realms and seeds of the test',
  },
})
