/** The workers of a node: what they need of it, taken from how it was started. */
import type { Logger } from '../../runtime/index.ts'
import { createNodeDoor, Door, MESH_DEFAULTS } from '../../mesh/index.ts'
import type { Mesh, MeshOptions } from '../../mesh/index.ts'
import type { ClusterFunctions } from '../cluster.ts'
import { inheritedOptions } from './inherited-options.ts'
import { NodeWorkers } from './workers.ts'

/** The JavaScript file that runs in a thread, beside this one in the package. */
const THREAD_MAIN = './thread-main.js'

/** A door for the node; undefined when the options make no sense, which the mesh will say. */
export function doorOf(given: Omit<MeshOptions, 'discovery'>): Door | undefined {
  const { transport = 'quic', clock, entropy, logger, linksMax, gateway } = given
  if (transport instanceof Door) return transport
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null
  if (transport !== 'quic' && !isObject(transport)) return undefined
  const parts = [clock, entropy, logger].filter((part) => part !== undefined)
  return parts.every(isObject)
    ? createNodeDoor({ transport, clock, entropy, logger, linksMax, gateway })
    : undefined
}

/** What workers need of a running node. */
export interface NodeOfWorkers {
  readonly mesh: Mesh
  readonly cluster: ClusterFunctions
  readonly logger: Logger
  readonly door: Door | undefined
}

/** None runs yet. */
export function createNodeWorkers(
  { mesh, cluster, logger, door }: NodeOfWorkers,
  given: Omit<MeshOptions, 'discovery'>,
  entry: URL = new URL(THREAD_MAIN, import.meta.url),
): NodeWorkers {
  const { transport = 'quic', dataDir } = given
  return new NodeWorkers({
    ...{ mesh, cluster, logger, door, entry },
    system: mesh.system,
    name: given.nodeName ?? given.name ?? (MESH_DEFAULTS.name as string),
    host: given.host ?? (MESH_DEFAULTS.host as string),
    quic: transport === 'quic',
    dataDir: typeof dataDir === 'string' ? dataDir : undefined,
    options: inheritedOptions(given),
  })
}
