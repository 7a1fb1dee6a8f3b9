/** Questions to DNS, as far as strategies ask any. Simulated nodes and tests pass their own. */

/** An address and how long it holds. */
export interface DnsAddress {
  readonly address: string
  readonly ttlMs: number
}

/** A record of RFC 2782. */
export interface DnsService {
  readonly host: string
  readonly port: number
  /** Lower is tried first. */
  readonly priority: number
  readonly weight: number
}

/**
 * A resolver. A name that exists without such records gives an empty list; a name that does not exist, and
 * servers that fail, reject: that is no answer (D1).
 */
export interface DnsResolver {
  /** A records for family 4, AAAA for 6; CNAMEs are followed. */
  addresses(
    host: string,
    family: 4 | 6,
    options: { readonly signal: AbortSignal },
  ): Promise<readonly DnsAddress[]>
  services(name: string, options: { readonly signal: AbortSignal }): Promise<readonly DnsService[]>
}
