/** Options of the simulated network. */
import {
  functionOption,
  numberOption,
  objectOption,
  optional,
  resolveOptions,
} from '../../../runtime/index.ts'
import type { Clock, Entropy, OptionCheck } from '../../../runtime/index.ts'
import { keepaliveOf, TRANSPORT_LIMIT_CHECKS, TRANSPORT_LIMITS } from '../limits.ts'
import type { TransportLimits } from '../limits.ts'
import type { TransportAddress } from '../transport.ts'
import { CONDITION_CHECKS, LINK_CONDITIONS } from './conditions.ts'
import type { LinkConditions } from './conditions.ts'
import type { Frame } from './frame.ts'

/** Limits of an endpoint of the simulated network. */
export interface MemoryLimits extends TransportLimits {
  /** Longest datagram. Default 1,318, as with QUIC packets of 1,350 bytes. */
  readonly datagramBytesMax?: number
}

/** Options of `MemoryNetwork`; only the clock and the entropy must be given. */
export interface MemoryNetworkOptions extends Partial<LinkConditions>, MemoryLimits {
  /** All time of this network. */
  readonly clock: Clock
  /** What chance decides comes from `seed`, or else from one draw of this. */
  readonly entropy: Entropy
  /** Fixes what chance decides: the same messages have the same fate. Default: drawn from `entropy`. */
  readonly seed?: number
  /** Told what arrives where, for traces; must not change anything. */
  readonly onArrival?: (arrival: Arrival) => void
  /** Conditions that differ for some links; see also `MemoryNetwork.setConditions`. */
  readonly conditions?: (from: TransportAddress, to: TransportAddress) => Partial<LinkConditions>
}

/** A message at its destination; valid during the call. */
export interface Arrival {
  readonly from: TransportAddress
  readonly to: TransportAddress
  readonly type: Frame['type'] | 'packet'
  readonly bytes: number
}

/** {@link MemoryNetworkOptions} after defaults and checks. */
export type ResolvedMemoryOptions = Readonly<
  Required<Omit<MemoryNetworkOptions, 'seed' | 'onArrival'>>
> & {
  readonly seed: number
  readonly onArrival: MemoryNetworkOptions['onArrival'] | undefined
}

type Merged = Omit<
  ResolvedMemoryOptions,
  'keepaliveIntervalMs' | 'clock' | 'entropy' | 'seed' | 'onArrival'
> & {
  seed: number | undefined
  onArrival: MemoryNetworkOptions['onArrival'] | undefined
  clock: Clock | undefined
  entropy: Entropy | undefined
  keepaliveIntervalMs: number | undefined
}

const DEFAULTS: Merged = Object.freeze({
  clock: undefined,
  entropy: undefined,
  seed: undefined,
  onArrival: undefined,
  ...LINK_CONDITIONS,
  conditions: () => ({}),
  ...TRANSPORT_LIMITS,
  datagramBytesMax: 1_318,
})

const CHECKS: { readonly [K in keyof Merged]: OptionCheck } = {
  clock: objectOption,
  entropy: objectOption,
  seed: optional(numberOption(-(2 ** 31), 2 ** 32)),
  onArrival: optional(functionOption),
  ...CONDITION_CHECKS,
  conditions: functionOption,
  ...TRANSPORT_LIMIT_CHECKS,
  datagramBytesMax: numberOption(1, 2 ** 40),
}

/** Defaults and checks, once per network. */
export function resolveMemoryOptions(given: MemoryNetworkOptions): ResolvedMemoryOptions {
  const where = 'MemoryNetwork'
  const merged = resolveOptions(where, DEFAULTS, CHECKS, given)
  const { clock, entropy } = given
  const seed = given.seed ?? Math.floor(entropy.random() * 4_294_967_296)
  const keepaliveIntervalMs = keepaliveOf(where, merged)
  return Object.freeze({ ...merged, clock, entropy, seed, keepaliveIntervalMs })
}
