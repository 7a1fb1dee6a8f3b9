import { describe, expect, it } from 'vitest'
import {
  BehaviorNotFoundError,
  BehaviorRegistryError,
  ClusterNotStartedError,
  ClusterWaitError,
  ContractVersionError,
  distErrors,
  DistProtocolError,
  DistRefusedError,
  InvalidClusterConfigError,
  InvalidNodeIdError,
  MessageSerializationError,
  NodeNotReachableError,
  RemoteCallTimeoutError,
  RemoteError,
  RemoteServerNotRunningError,
  RemoteSpawnError,
  RemoteSpawnInitError,
  RemoteSpawnRegistrationError,
  RemoteSpawnTimeoutError,
} from '../../dist/errors.ts'
import { MESH_ERRORS } from '../../mesh/index.ts'
import { CallExitError, CallTimeoutError, FoveaError, runtimeErrors } from '../../runtime/index.ts'

const call = { server: 'hits', request: 'get' }
const spawn = { behaviorName: 'counter', nodeId: 'b@h:1' }

const cases: readonly [FoveaError, string, Record<string, unknown>][] = [
  [
    new RemoteCallTimeoutError(call, 50, 'b@h:1'),
    'ERR_CALL_TIMEOUT',
    { serverId: 'hits', nodeId: 'b@h:1', timeoutMs: 50, request: 'get' },
  ],
  [
    new RemoteServerNotRunningError(call, 'b@h:1'),
    'ERR_CALL_EXIT',
    { serverId: 'hits', nodeId: 'b@h:1', reason: 'noproc' },
  ],
  [
    new NodeNotReachableError(call, 'b@h:1'),
    'ERR_CALL_EXIT',
    { nodeId: 'b@h:1', reason: 'noconnection' },
  ],
  [
    new MessageSerializationError('ERR_VALUE_UNSENDABLE', 'm', 'input.x', 1),
    'ERR_VALUE_UNSENDABLE',
    { operation: 'serialize', path: 'input.x', cause: 1 },
  ],
  [new ClusterNotStartedError('Cluster.getNodes'), 'ERR_CLUSTER_NOT_STARTED', {}],
  [new InvalidClusterConfigError('twice'), 'ERR_CLUSTER_CONFIG', { reason: 'twice' }],
  [new InvalidNodeIdError('x', 'no @'), 'ERR_NODE_ID_INVALID', { value: 'x', reason: 'no @' }],
  [new BehaviorNotFoundError(spawn), 'ERR_BEHAVIOR_NOT_FOUND', spawn],
  [new RemoteSpawnTimeoutError(spawn, 9), 'ERR_SPAWN_TIMEOUT', { ...spawn, timeoutMs: 9 }],
  [new RemoteSpawnInitError(spawn, 'no'), 'ERR_SPAWN_INIT', { ...spawn, reason: 'no' }],
  [
    new RemoteSpawnRegistrationError(spawn, 'hits'),
    'ERR_SPAWN_REGISTRATION',
    { ...spawn, registeredName: 'hits' },
  ],
  [new RemoteSpawnError('ERR_SPAWN_DENIED', spawn, 'is denied'), 'ERR_SPAWN_DENIED', spawn],
  [
    new BehaviorRegistryError('ERR_BEHAVIOR_TAKEN', 'counter', 'is taken'),
    'ERR_BEHAVIOR_TAKEN',
    { behaviorName: 'counter' },
  ],
  [
    new ContractVersionError('c/1', 'c/2'),
    'ERR_CONTRACT_VERSION',
    { known: 'c/1', received: 'c/2' },
  ],
  [new DistRefusedError('ERR_PEER_BACKLOG', 'm'), 'ERR_PEER_BACKLOG', {}],
  [new DistProtocolError('ERR_DIST_MESSAGE', 'm'), 'ERR_DIST_MESSAGE', {}],
  [
    new ClusterWaitError('b@h:1', 'timeout', 5),
    'ERR_CLUSTER_WAIT_TIMEOUT',
    { nodeId: 'b@h:1', timeoutMs: 5 },
  ],
]

describe('errors', () => {
  it.each(cases)('%s has its code, fields and class name', (error, code, fields) => {
    expect(error).toBeInstanceOf(FoveaError)
    expect(error.name).toBe(error.constructor.name)
    expect(error).toMatchObject({ code, ...fields })
    expect(error.message).not.toBe('')
    const catalogues = { ...runtimeErrors, ...MESH_ERRORS, ...distErrors }
    expect(Object.keys(catalogues)).toContain(code)
  })

  it('of calls are the runtime’s errors too, so that both branches work', () => {
    expect(new RemoteCallTimeoutError(call, 50, 'b')).toBeInstanceOf(CallTimeoutError)
    expect(new RemoteServerNotRunningError(call, 'b')).toBeInstanceOf(CallExitError)
    expect(new NodeNotReachableError(call, 'b')).toBeInstanceOf(CallExitError)
  })

  it('from another node keep the name they had there', () => {
    const original = { name: 'TypeError', message: 'm', code: 'ERR_REMOTE', stack: undefined }
    expect(new RemoteError(original, 'a'.repeat(64), {})).toMatchObject({
      ...{ name: 'TypeError', code: 'ERR_REMOTE', remoteNode: 'a'.repeat(64) },
    })
  })
})
