/** Voters, dials and limits of leases: defaults and checks. */
import { isNodeKey, nodeKeyFromHex, type NodeKey } from '../../mesh/index.ts'
import { numberOption, OptionError, resolveOptions, type OptionCheck } from '../../runtime/index.ts'

/** Everything decided. The same on all nodes, except for the limits. */
export interface LeaseSettings {
  /**
   * How long a voter waits after it last heard of a holder until it votes for another: the longest time without a
   * holder after a crash. Default 10,000. Lower moves sooner, but a pause of a program or a network for three quarters
   * of it loses the lease. No request may name more.
   */
  readonly ttlMs: number
  /**
   * By how much the clocks of two nodes may differ in rate, in millionths. Default 10,000, which is 1 %; quartz
   * is below 200. A holder counts so much faster. Beyond it, two may hold one lease.
   */
  readonly clockDriftPpm: number
  /**
   * So long before the end of a lease its holder is told that it is lost: the time for stopping what it does. Default
   * 1,000, at most a quarter of the TTL counts.
   */
  readonly graceMs: number
  /** How long a candidate waits for the answers of all voters before it begins anew. Default 500; above the round trip. */
  readonly roundMs: number
  /** Leases that this node holds or waits for. Default 4,096; `ERR_LEASES_OWN_MAX`. */
  readonly ownLeasesMax: number
  /** Leases that have not ended, as a voter keeps them. Default 16,384; `ERR_LEASES_MAX`. */
  readonly leasesMax: number
  /** Those of them that one node has. Default 4,096; `ERR_PEER_LEASES_MAX`. */
  readonly peerLeasesMax: number
}

/** What differs from {@link LEASE_DEFAULTS}. */
export type LeaseOptions = Partial<LeaseSettings>

/** The defaults. */
export const LEASE_DEFAULTS: LeaseSettings = Object.freeze({
  ttlMs: 10_000,
  clockDriftPpm: 10_000,
  graceMs: 1_000,
  roundMs: 500,
  ownLeasesMax: 4_096,
  leasesMax: 16_384,
  peerLeasesMax: 4_096,
})

/** Below it, a lease would be lost in an ordinary pause of a program. */
export const TTL_MS_MIN = 100
/** More do not make it safer, only slower. */
export const VOTERS_MAX = 31

const COUNT: OptionCheck = numberOption(1, 16_777_216)

const CHECKS: { readonly [K in keyof LeaseSettings]-?: OptionCheck } = {
  ttlMs: numberOption(TTL_MS_MIN, 3_600_000),
  clockDriftPpm: numberOption(0, 200_000),
  graceMs: numberOption(0, 3_600_000),
  roundMs: numberOption(1, 3_600_000),
  ownLeasesMax: COUNT,
  leasesMax: COUNT,
  peerLeasesMax: COUNT,
}

/** Settings from options. Throws an `OptionError`. */
export function leaseSettings(given: LeaseOptions = {}): LeaseSettings {
  return resolveOptions<LeaseSettings>('leases', LEASE_DEFAULTS, CHECKS, given)
}

/** The voters as hex keys, each once. Throws an `OptionError`. */
export function voterKeys(given: readonly (NodeKey | string)[] = []): readonly string[] {
  const invalid = (what: string): OptionError =>
    new OptionError('ERR_OPTION_INVALID', 'voters', `startNode: option 'voters' must be ${what}`)
  if (!Array.isArray(given) || given.length > VOTERS_MAX) {
    throw invalid(`a list of at most ${VOTERS_MAX} node keys`)
  }
  const keys = given.map((voter: NodeKey | string) => {
    try {
      return isNodeKey(voter) ? voter.hex : nodeKeyFromHex(voter).hex
    } catch {
      throw invalid(`a list of node keys or of their 64 hex digits, not ${String(voter)}`)
    }
  })
  if (new Set(keys).size !== keys.length) throw invalid('a list in which each node key is once')
  return Object.freeze(keys)
}
