/** Options of `connect`: their defaults, their checks, and what each dial does. */
import {
  booleanOption,
  checkOptionNames,
  numberOption,
  OptionError,
  resolveOptions,
} from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import { lookupHost } from '../lookup.ts'
import { MeshError } from '../mesh-error.ts'
import { resolveMeshOptions } from '../options.ts'
import type { MeshOptions, ResolvedMeshOptions } from '../options.ts'
import type { ServicesOptions } from '../services/options.ts'

/** Options that a peer has in common with a member; see {@link MeshOptions}. */
export type PeerMeshOptions = Pick<
  MeshOptions,
  | 'realm'
  | 'cluster'
  | 'clusterSecret'
  | 'name'
  | 'dataDir'
  | 'realmMembership'
  | 'capabilities'
  | 'host'
  | 'port'
  | 'keepaliveMissesMax'
  | 'handshakeTimeoutMs'
  | 'leaveTimeoutMs'
  | 'frameBytesMax'
  | 'bytesQueuedMax'
  | 'transport'
  | 'lookup'
  | 'clock'
  | 'entropy'
  | 'logger'
  | 'system'
> & {
  /** Limits of topics, procedures and presence; a peer has nothing else, so it cannot be without. */
  readonly services?: ServicesOptions | undefined
}

/** What is a peer's own. Times are milliseconds. */
export interface PeerSettings {
  /** Time of one try to reach one gateway. Lower fails over sooner, and gives up slow ones. */
  readonly connectTimeoutMs: number
  /** First pause after all gateways failed, doubled each time, with jitter. */
  readonly reconnectBaseMs: number
  /** Longest pause. Higher spares a gateway that comes back to thousands of peers, and costs time then. */
  readonly reconnectMaxMs: number
  /**
   * A ping goes out this often on the link with the gateway. A gateway that fell silent is left after
   * `keepaliveMissesMax` of them. Ten thousand peers at 1,000 ms cost a gateway 20,000 packets a second.
   */
  readonly keepaliveIntervalMs: number
  /** A gateway that has not acknowledged for so long what this peer wants and offers is left for another one. */
  readonly advertiseTimeoutMs: number
  /** Begins with a gateway by lot, so that many peers with one list spread over it; else with the first. */
  readonly shuffle: boolean
  /** Gateways that may be given. */
  readonly targetsMax: number
}

/** What `connect` takes. Only `realm` has no default. */
export type PeerOptions = PeerMeshOptions & Partial<PeerSettings>

/** The defaults. */
export const PEER_DEFAULTS: PeerSettings = Object.freeze({
  connectTimeoutMs: 10_000,
  reconnectBaseMs: 500,
  reconnectMaxMs: 30_000,
  keepaliveIntervalMs: 5_000,
  advertiseTimeoutMs: 60_000,
  shuffle: false,
  targetsMax: 64,
})

const millis = (min: number): OptionCheck => numberOption(min, 2_147_483_647)

const CHECKS: { readonly [K in keyof PeerSettings]-?: OptionCheck } = {
  connectTimeoutMs: millis(50),
  reconnectBaseMs: millis(10),
  reconnectMaxMs: millis(10),
  keepaliveIntervalMs: millis(50),
  advertiseTimeoutMs: millis(1_000),
  shuffle: booleanOption,
  targetsMax: numberOption(1, 1_024),
}

/** Of a mesh, what a peer lets its user decide. */
const MESH_NAMES: ReadonlySet<string> = new Set<keyof PeerMeshOptions>([
  'realm',
  'cluster',
  'clusterSecret',
  'name',
  'dataDir',
  'realmMembership',
  'capabilities',
  'host',
  'port',
  'keepaliveMissesMax',
  'handshakeTimeoutMs',
  'leaveTimeoutMs',
  'frameBytesMax',
  'bytesQueuedMax',
  'transport',
  'lookup',
  'clock',
  'entropy',
  'logger',
  'system',
  'services',
])

/** Everything decided. */
export interface ResolvedPeerOptions {
  readonly settings: PeerSettings
  readonly mesh: ResolvedMeshOptions
}

/**
 * Checks `given` and decides everything that is not given. Throws an `OptionError`, `ERR_REALM_REQUIRED` or
 * `ERR_MESH_OPTIONS`.
 */
export function resolvePeerOptions(given: PeerOptions): ResolvedPeerOptions {
  checkOptionNames('connect', [...MESH_NAMES, ...Object.keys(CHECKS)], given)
  if (given.realm === undefined) {
    const text = "connect: 'realm' is required: the path of a realm file, or what createRealm gives"
    throw new MeshError('ERR_REALM_REQUIRED', text)
  }
  const shared: Record<string, unknown> = {}
  const own: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (MESH_NAMES.has(name)) shared[name] = value
    else own[name] = value
  }
  if (shared['services'] === false) {
    const text = "connect: option 'services' must be an object, or nothing, received false"
    throw new OptionError('ERR_OPTION_INVALID', 'services', text)
  }
  const settings = resolveOptions<PeerSettings>('connect', PEER_DEFAULTS, CHECKS, own)
  const { connectTimeoutMs, keepaliveIntervalMs, reconnectBaseMs, reconnectMaxMs } = settings
  if (reconnectMaxMs < reconnectBaseMs) {
    const text = "connect: 'reconnectMaxMs' must be at least 'reconnectBaseMs'"
    throw new MeshError('ERR_MESH_OPTIONS', text)
  }
  const mesh = resolveMeshOptions(
    // Nobody dials a peer: any port will do, and it has no table that others could ask for.
    {
      name: 'peer',
      port: 0,
      ...shared,
      connectTimeoutMs,
      keepaliveIntervalMs,
      dht: false,
      neighbours: 1,
    },
    lookupHost,
    'connect',
  )
  return { settings, mesh }
}
