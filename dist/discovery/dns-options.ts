/** What the two strategies by DNS have in common: their options, and both families of addresses of a name. */
import { numberOption, objectOption, oneOfOption, type OptionCheck } from '../../runtime/index.ts'
import type { DnsAddress, DnsResolver } from './dns-resolver.ts'
import { nodeDnsResolver } from './node-dns-resolver.ts'

/** Which addresses are asked for. */
export type DnsFamily = 'both' | 'ipv4' | 'ipv6'

/** Options of both strategies. */
export interface DnsOptions {
  /** Longest pause between two questions. Default 5,000 ms. A shorter time to live of the answer shortens it. */
  readonly intervalMs: number
  /** Shortest pause, whatever the time to live says, which may be 0. Default 1,000 ms. Lower only loads servers. */
  readonly intervalMinMs: number
  /** Wait for all answers of one round. Default 10,000 ms. */
  readonly timeoutMs: number
  /**
   * An address that no answer named for so long is not tried any more. Default 60,000 ms. Servers that give a few of
   * many records need more than some ten rounds of `intervalMs`. Links are never closed for it.
   */
  readonly forgetAfterMs: number
  /** Default `'both'`. A name with one family only is asked in vain for the other, once a round. */
  readonly family: DnsFamily
  /** Who answers. Default: the servers of the machine. */
  readonly resolver: DnsResolver
}

/** The defaults; the resolver of the machine is made once it is asked. */
export function dnsDefaults(): DnsOptions {
  return {
    ...{ intervalMs: 5_000, intervalMinMs: 1_000, timeoutMs: 10_000, forgetAfterMs: 60_000 },
    family: 'both',
    resolver: nodeDnsResolver(),
  }
}

const millis = numberOption(1, 2_147_483_647)

/** The checks. */
export const DNS_CHECKS: { readonly [K in keyof DnsOptions]-?: OptionCheck } = {
  intervalMs: millis,
  intervalMinMs: millis,
  timeoutMs: millis,
  forgetAfterMs: numberOption(0, 2_147_483_647),
  family: oneOfOption('both', 'ipv4', 'ipv6'),
  resolver: objectOption,
}

const FAMILIES: Readonly<Record<DnsFamily, readonly (4 | 6)[]>> = {
  both: [4, 6],
  ipv4: [4],
  ipv6: [6],
}

/** Addresses, and why some may be missing. */
export interface FoundAddresses {
  readonly found: readonly DnsAddress[]
  readonly failed: unknown
}

/**
 * All addresses of `host`. Many servers are broken for one family: it is passed over while the other answers, and
 * told as `failed`. When none answers, the first failure is thrown.
 */
export async function addressesOf(
  host: string,
  { family, resolver }: Pick<DnsOptions, 'family' | 'resolver'>,
  signal: AbortSignal,
): Promise<FoundAddresses> {
  const asked = FAMILIES[family].map((number) => resolver.addresses(host, number, { signal }))
  return partly(await Promise.allSettled(asked))
}

/** What came of several questions; throws what the first failed with when nothing came. */
export function partly<T>(results: readonly PromiseSettledResult<readonly T[]>[]): {
  readonly found: readonly T[]
  readonly failed: unknown
} {
  const found = results.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
  const failure = results.find((one) => one.status === 'rejected')
  if (failure !== undefined && found.length === 0) throw failure.reason
  return { found, failed: failure?.reason }
}
