/**
 * DNS by Node: c-ares, which follows CNAMEs, asks again by TCP what UDP cut off, and asks the next server when one
 * fails. It tells the time to live of addresses but not of SRV records.
 */
import { Resolver } from 'node:dns/promises'
import type { DnsAddress, DnsResolver, DnsService } from './dns-resolver.ts'
import { DiscoveryError } from './errors.ts'

/** Options of {@link nodeDnsResolver}. */
export interface NodeDnsResolverOptions {
  /** Servers as `address` or `address:port`. Default: those of the machine. */
  readonly servers?: readonly string[] | undefined
  /** Wait for one answer of one server. Default 2,000 ms; c-ares doubles it at each try. */
  readonly tryTimeoutMs?: number | undefined
  /** Tries per server. Default 2. */
  readonly tries?: number | undefined
}

/** The answer that says that there is nothing of this kind under a name that exists. */
const NO_SUCH_RECORD = 'ENODATA'

/** A resolver by the operating system's servers, or by those given. */
export function nodeDnsResolver(options: NodeDnsResolverOptions = {}): DnsResolver {
  const { servers, tryTimeoutMs = 2_000, tries = 2 } = options
  const ask = async <T>(
    name: string,
    signal: AbortSignal,
    question: (resolver: Resolver) => Promise<readonly T[]>,
  ): Promise<readonly T[]> => {
    signal.throwIfAborted()
    // One per question: `cancel` ends all that its resolver is asked.
    const resolver = new Resolver({ timeout: tryTimeoutMs, tries })
    if (servers !== undefined) resolver.setServers(servers)
    const cancel = (): void => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await question(resolver)
    } catch (cause) {
      const { code } = cause as { readonly code?: unknown }
      if (code === NO_SUCH_RECORD) return []
      throw new DiscoveryError('ERR_DISCOVERY_DNS', `${name}: ${String(code)}`, { cause })
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
  return {
    addresses: (host, family, { signal }) =>
      ask<DnsAddress>(host, signal, async (resolver) => {
        const found = await (family === 4
          ? resolver.resolve4(host, { ttl: true })
          : resolver.resolve6(host, { ttl: true }))
        return found.map(({ address, ttl }) => ({ address, ttlMs: ttl * 1_000 }))
      }),
    services: (name, { signal }) =>
      ask<DnsService>(name, signal, async (resolver) => {
        const found = await resolver.resolveSrv(name)
        return found.map(({ name: host, port, priority, weight }) => ({
          ...{ host, port, priority, weight },
        }))
      }),
  }
}
