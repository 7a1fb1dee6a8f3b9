/** Options of discovery: their defaults, their checks, and what each dial does. */
import {
  booleanOption,
  numberOption,
  objectOption,
  oneOfOption,
  OptionError,
  resolveOptions,
  type OptionCheck,
} from '../../runtime/index.ts'
import { MESH_DEFAULTS } from '../../mesh/index.ts'
import { DiscoveryError } from './errors.ts'
import type { MdnsOptions } from './mdns-options.ts'
import type { Strategy } from './strategy.ts'

/** Where `registerNode` and the others tell and look. */
export type DiscoveryKind = 'mdns' | 'dht' | 'both'

/** The option `discovery` of a node, where it is no list of sources. */
export interface DiscoveryOptions {
  /** What proposes addresses from the start. Default: nothing; `addStrategy` adds more. At most 64. */
  readonly strategies: readonly Strategy[]
  /**
   * Where `registerNode`, `findNodes` and the others tell and look: `'mdns'` for the local network, `'dht'` for the mesh,
   * which the node must have joined, or `'both'` (default). No socket is opened before one of them is used.
   */
  readonly kind: DiscoveryKind
  /** Registers this node under its name, and dials every node found by `kind`. Default false. */
  readonly autoCluster: boolean
  /**
   * Places of nodes, this one counted, that must be known before anybody is dialled. Default 1: none. More than half of
   * all nodes keeps a minority from making a cluster of its own (D9); too many keeps all from it.
   */
  readonly requiredContacts: number
  /** How long their set must stay the same. Default 5,000 ms; only with `requiredContacts`. Lower starts sooner. */
  readonly stableMarginMs: number
  /**
   * Closes the link to a node whose address a source gives up. Default false: DNS answers are partial, and membership
   * knows who is there. It says goodbye, no more; nodes that need each other link again.
   */
  readonly prune: boolean
  /**
   * Addresses proposed at once. Default 1,024; then `ERR_DISCOVERY_ADDRESSES_MAX`. The mesh has room for so many beside
   * its own 256 seeds, unless `seedsMax` of the node says otherwise, which bounds both together.
   */
  readonly addressesMax: number
  /** Names that this node registers. Default 16, at most 64; then `ERR_DISCOVERY_NAMES_MAX`. */
  readonly namesMax: number
  /** Nodes that are listed from mDNS and the DHT. Default 1,024; then `ERR_DISCOVERY_NODES_MAX`. */
  readonly nodesMax: number
  /** How often the DHT is asked for nodes while somebody listens. Default 30,000 ms. Lower costs lookups. */
  readonly dhtIntervalMs: number
  /** How mDNS is spoken. Default: on every interface, see `mdns-options.ts`. */
  readonly mdns: MdnsOptions
}

/** The defaults. */
export const DISCOVERY_DEFAULTS: DiscoveryOptions = Object.freeze<DiscoveryOptions>({
  strategies: Object.freeze([]),
  kind: 'both',
  autoCluster: false,
  requiredContacts: 1,
  stableMarginMs: 5_000,
  prune: false,
  addressesMax: 1_024,
  namesMax: 16,
  nodesMax: 1_024,
  dhtIntervalMs: 30_000,
  mdns: Object.freeze({}),
})

/** Strategies of one node. */
export const STRATEGIES_MAX = 64

const NAME_PATTERN = /^[\x20-\x7e]{1,64}$/

const CHECKS: { readonly [K in keyof DiscoveryOptions]-?: OptionCheck } = {
  strategies: { expected: 'a list of strategies', test: Array.isArray },
  kind: oneOfOption('mdns', 'dht', 'both'),
  autoCluster: booleanOption,
  requiredContacts: numberOption(1, 16_384),
  stableMarginMs: numberOption(0, 2_147_483_647),
  prune: booleanOption,
  addressesMax: numberOption(1, 1_048_576),
  namesMax: numberOption(1, 64),
  nodesMax: numberOption(1, 1_048_576),
  dhtIntervalMs: numberOption(1_000, 2_147_483_647),
  mdns: objectOption,
}

/** Room for addresses that a mesh needs when its options name none: for seeds, and for what strategies propose. */
export function seedsMaxFor(
  given: Partial<DiscoveryOptions> | readonly Strategy[] | undefined,
): number {
  const addressesMax = (given as Partial<DiscoveryOptions> | undefined)?.addressesMax
  // What makes no sense is refused where all options are checked.
  const isCount = typeof addressesMax === 'number' && addressesMax > 0
  return MESH_DEFAULTS.seedsMax! + (isCount ? addressesMax : DISCOVERY_DEFAULTS.addressesMax)
}

/** `given` checked and completed. Throws an `OptionError`, or `ERR_DISCOVERY_STRATEGY`. */
export function resolveDiscoveryOptions(given: Partial<DiscoveryOptions> = {}): DiscoveryOptions {
  const options = resolveOptions('discovery', DISCOVERY_DEFAULTS, CHECKS, given)
  const { requiredContacts, addressesMax } = options
  if (requiredContacts > addressesMax) {
    const text = `discovery: requiredContacts (${requiredContacts}) is above addressesMax (${addressesMax})`
    throw new OptionError('ERR_OPTION_INVALID', 'requiredContacts', text)
  }
  const names = new Set<string>()
  for (const strategy of options.strategies) {
    checkStrategy(strategy, (name) => names.has(name), names.size)
    names.add(strategy.name)
  }
  return options
}

/** Throws `ERR_DISCOVERY_STRATEGY` or `ERR_DISCOVERY_STRATEGIES_MAX` unless it can be one more of `count`. */
export function checkStrategy(
  strategy: Strategy,
  isTaken: (name: string) => boolean,
  count: number,
): void {
  const { name, start } = (strategy ?? {}) as Partial<Strategy>
  if (typeof name !== 'string' || !NAME_PATTERN.test(name) || typeof start !== 'function') {
    const text = 'a strategy has a name of 1 to 64 printable characters and a function start'
    throw new DiscoveryError('ERR_DISCOVERY_STRATEGY', text)
  }
  if (isTaken(name)) {
    throw new DiscoveryError('ERR_DISCOVERY_STRATEGY', `there is a strategy '${name}' already`)
  }
  if (count >= STRATEGIES_MAX) {
    const text = `a node has at most ${STRATEGIES_MAX} strategies`
    throw new DiscoveryError('ERR_DISCOVERY_STRATEGIES_MAX', text)
  }
}
