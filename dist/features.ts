/**
 * Puts together the parts that stand on membership, services and processes of other nodes, under one supervisor,
 * the last of the node's tree:
 *
 *     cluster (one_for_one)
 *
 * Each may crash without the others: what must outlive a process is in a memory beside it, and the functions are
 * the same objects before and after.
 */
import { Supervisor, type ChildSpec } from '../behaviours/index.ts'
import type { NodeKey } from '../mesh/index.ts'
import { createDiscovery } from './discovery/feature.ts'
import type { DiscoveryFunctions } from './discovery/discovery.ts'
import type { DiscoveryOptions } from './discovery/options.ts'
import type { Strategy } from './discovery/strategy.ts'
import { createErpc, type ErpcFunctions } from './erpc/erpc.ts'
import type { ErpcOptions } from './erpc/options.ts'
import { createLeases } from './leases/feature.ts'
import type { StrictLeases } from './leases/leases.ts'
import type { LeaseOptions } from './leases/options.ts'
import { strictNames } from './leases/strict-names.ts'
import { createLocks, type GlobalLocks } from './locks/locks.ts'
import type { LockSettings } from './locks/options.ts'
import { createGroups } from './groups/create-groups.ts'
import type { GroupsFunctions } from './groups/groups.ts'
import type { GroupsOptions } from './groups/options.ts'
import type { GlobalRegistryFunctions } from './names/global-registry.ts'
import { createNames } from './names/names.ts'
import type { NamesOptions } from './names/options.ts'
import type { DistFeature, DistParts } from './parts.ts'
import { createSharding, type ShardingFunctions } from './sharding/sharding.ts'
import type { SingletonSettings } from './singletons/options.ts'
import type { SingletonFunctions } from './singletons/singleton.ts'
import { createSingletons } from './singletons/singletons.ts'
import {
  createDistributedSupervisor,
  type DistributedSupervisorFunctions,
} from './supervisor/distributed-supervisor.ts'

/** Options of the parts, by name. */
export interface FeatureOptions {
  /** Limits of `node.erpc`. */
  readonly erpc?: Partial<ErpcOptions> | undefined
  /** How nodes are found beside `seeds`: settings of `node.discovery`, or a list of strategies. */
  readonly discovery?: Partial<DiscoveryOptions> | readonly Strategy[] | undefined
  /**
   * Keys of the nodes whose majority grants strict names and leases; the same on all nodes. Three or five with data
   * directories. Default none: what is strict is refused with `ERR_VOTERS_REQUIRED`. Change it only while all of them
   * are stopped.
   */
  readonly voters?: readonly (NodeKey | string)[] | undefined
  /** Waits and limits of `node.global`. */
  readonly locks?: Partial<LockSettings> | undefined
  /** Waits and limits of `node.singletons`. */
  readonly singletons?: Partial<SingletonSettings> | undefined
  /** Waits and limits of `node.leases`. */
  readonly leases?: LeaseOptions | undefined
  /** Limits of `node.globalRegistry`, and how conflicts of names are resolved. */
  readonly names?: Partial<NamesOptions> | undefined
  /** Limits of `node.groups`. */
  readonly groups?: Partial<GroupsOptions> | undefined
}

/** What the parts give to users. */
export interface FeatureFunctions {
  /** Functions registered by name; see `dist/erpc`. */
  readonly erpc: ErpcFunctions
  /** Supervisors whose children run on many nodes; see `dist/supervisor`. */
  readonly distributedSupervisor: DistributedSupervisorFunctions
  /** Actors by id, spread over nodes; see `dist/sharding`. */
  readonly sharding: ShardingFunctions
  /** Who can be found, and what looks for them; see `dist/discovery`. */
  readonly discovery: DiscoveryFunctions
  /** Locks over nodes; see `dist/locks`. */
  readonly global: GlobalLocks
  /** Processes that run once in the whole cluster; see `dist/singletons`. */
  readonly singletons: SingletonFunctions
  /** The right to be the only one of a name; see `dist/leases`. */
  readonly leases: StrictLeases
  /** Names of processes that the whole cluster knows; see `dist/names`. */
  readonly globalRegistry: GlobalRegistryFunctions
  /** Processes under a name, on any nodes; see `dist/groups`. */
  readonly groups: GroupsFunctions
}

/** The parts of one node. */
export interface Features {
  readonly functions: FeatureFunctions
  readonly child: ChildSpec
  /** Before the goodbye: what others can go on with is handed over. */
  leave(): Promise<void>
  close(): void
}

/** Names of options in {@link FeatureOptions}. */
const OPTIONS: readonly (keyof FeatureOptions)[] = [
  'discovery',
  'erpc',
  'leases',
  'locks',
  'names',
  'singletons',
  'voters',
  'groups',
]

/** The options of the parts in `given`, and the rest of `given`. */
export function takeFeatureOptions<T extends object>(
  given: T,
): { readonly features: FeatureOptions; readonly rest: Omit<T, keyof FeatureOptions> } {
  const own = new Set<string>(OPTIONS)
  const entries = Object.entries(given)
  const features = Object.fromEntries(entries.filter(([name]) => own.has(name)))
  const rest = Object.fromEntries(entries.filter(([name]) => !own.has(name)))
  return { features, rest: rest as Omit<T, keyof FeatureOptions> }
}

/** One per node, before its tree starts. Throws an `OptionError`. */
export function createFeatures(parts: DistParts, options: FeatureOptions): Features {
  const erpc = createErpc(parts, options.erpc)
  const discovery = createDiscovery(parts, options.discovery)
  const locks = createLocks(parts, options.locks)
  const leases = createLeases(parts, options.voters, options.leases)
  const hasVoters = (options.voters ?? []).length > 0
  const strictLeases = hasVoters ? leases.functions : undefined
  const distributedSupervisor = createDistributedSupervisor(parts, strictLeases)
  const sharding = createSharding(parts, strictLeases)
  const singletons = createSingletons(parts, leases.functions, hasVoters, options.singletons)
  const strict = strictNames(leases.functions, hasVoters)
  const names = createNames(parts, options.names, strict)
  const groups = createGroups(parts, options.groups)
  const all: readonly DistFeature<unknown>[] = [
    locks,
    leases,
    singletons,
    discovery,
    erpc,
    distributedSupervisor,
    sharding,
    names,
    groups,
  ]
  const children = all.flatMap(({ child }) => (child === undefined ? [] : [child]))
  const restarts = { strategy: 'one_for_one', intensity: 10, periodMs: 10_000 } as const
  return {
    functions: {
      groups: groups.functions,
      global: locks.functions,
      leases: leases.functions,
      singletons: singletons.functions,
      globalRegistry: names.functions,
      distributedSupervisor: distributedSupervisor.functions,
      sharding: sharding.functions,
      discovery: discovery.functions,
      erpc: erpc.functions,
    },
    child: Supervisor.child({ ...restarts, children }, { id: 'cluster' }) as unknown as ChildSpec,
    leave: async () => {
      await Promise.all(all.map(async (feature) => feature.leave?.()))
    },
    close: () => {
      for (const feature of [...all].reverse()) feature.close()
    },
  }
}
