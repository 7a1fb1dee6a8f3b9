/** What every part of the distribution layer works with: names, groups, functions, placement and the others. */
import type { ChildSpec } from '../behaviours/index.ts'
import type { Logger, System } from '../runtime/index.ts'
import type { Mesh, Refusals } from '../mesh/index.ts'
import type { BehaviorRegistry } from './behavior-registry.ts'
import type { ClusterFunctions } from './cluster.ts'
import type { ContractTable } from './contract-table.ts'
import type { DistGate } from './gate.ts'
import type { NodeDirectory } from './node-directory.ts'
import type { PeerClient, PeerServices } from './peer-services.ts'
import type { RemoteCallFunctions } from './remote-call.ts'
import type { RemoteMonitorFunctions } from './remote-monitor.ts'
import type { RemoteSpawnFunctions } from './remote-spawn.ts'
import type { Spawner } from './spawner.ts'

/** Shared by the parts of one node. */
export interface DistParts {
  readonly system: System
  readonly mesh: Mesh
  readonly logger: Logger
  readonly gate: DistGate
  readonly directory: NodeDirectory
  readonly contracts: ContractTable
  readonly behaviors: BehaviorRegistry
  /** Parent of every process that was started for another node. */
  readonly spawner: Spawner
  /** Counts what is refused or dropped. */
  readonly refusals: Refusals
  readonly cluster: ClusterFunctions
  readonly remoteCall: RemoteCallFunctions
  readonly remoteSpawn: RemoteSpawnFunctions
  readonly remoteMonitor: RemoteMonitorFunctions
  /** Where a part answers the same part of other nodes. */
  readonly services: PeerServices
  /** Asks it. */
  readonly peers: PeerClient
}

/** A part: its functions for users, its process, and its end. */
export interface DistFeature<Functions> {
  readonly functions: Functions
  /** Child of the supervisor `cluster`, the last one of the node's tree. */
  readonly child?: ChildSpec | undefined
  /** The node stops, and its links are still there. Ends in a bounded time; may not be called before `close`. */
  leave?(): Promise<void>
  /** The node has stopped: who waits is told, nothing is left. Called once. */
  close(): void
}
