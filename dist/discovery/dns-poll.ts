/** Addresses behind one name, all with the same port: libcluster's `DNSPoll`, a headless service of Kubernetes. */
import { isHost, SEED_PORT_DEFAULT } from '../../mesh/index.ts'
import { numberOption, resolveOptions, stringOption } from '../../runtime/index.ts'
import { DNS_CHECKS, dnsDefaults, addressesOf, type DnsOptions } from './dns-options.ts'
import { poll } from './poll.ts'
import type { Strategy } from './strategy.ts'

/** Options of {@link dnsPoll}. */
export interface DnsPollOptions extends DnsOptions {
  /** Default `'dns_poll'`. */
  readonly name: string
  /** The name that is asked for A and AAAA records. Without one there is nothing to do. */
  readonly host: string
  /** Port of the nodes. Default 4433. */
  readonly port: number
}

/**
 * Asks for the addresses of a name again and again. A node that is missing from an answer is not given up.
 *
 * @example
 * dnsPoll({ host: 'shop.default.svc.cluster.local' })
 */
export function dnsPoll(given: Partial<DnsPollOptions> & Pick<DnsPollOptions, 'host'>): Strategy {
  const defaults = { ...dnsDefaults(), name: 'dns_poll', host: '', port: SEED_PORT_DEFAULT }
  const options = resolveOptions<DnsPollOptions>(
    'dnsPoll',
    defaults,
    {
      ...DNS_CHECKS,
      name: stringOption,
      host: { expected: 'a host name', test: isHost },
      port: numberOption(1, 65_535),
    },
    // An option that must be given is wrong when it is not.
    { ...given, host: given.host ?? '' },
  )
  const { name, host, port } = options
  return {
    name,
    start: (sink, context) =>
      poll(
        {
          ...options,
          ask: async (signal) => {
            const { found, failed } = await addressesOf(host, options, signal)
            const ttlMs = Math.min(...found.map((one) => one.ttlMs))
            return {
              candidates: found.map(({ address }) => ({ host: address, port })),
              ttlMs: found.length === 0 ? undefined : ttlMs,
              failed,
            }
          },
        },
        sink,
        context,
      ),
  }
}
