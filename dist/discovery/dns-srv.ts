/**
 * Nodes by SRV records (RFC 2782), each with a host and a port of its own: a StatefulSet of Kubernetes, Consul's DNS.
 *
 * Weights do not choose here, for all are dialled; the order of priority, then weight, decides who is proposed first.
 * The time to live counted is the shortest of the addresses: that of SRV records is not told by Node.
 */
import { isHost } from '../../mesh/index.ts'
import { numberOption, resolveOptions, stringOption } from '../../runtime/index.ts'
import { DNS_CHECKS, addressesOf, dnsDefaults, partly, type DnsOptions } from './dns-options.ts'
import type { DnsService } from './dns-resolver.ts'
import { poll, type PollAnswer } from './poll.ts'
import type { Strategy, StrategyContext } from './strategy.ts'

/** Options of {@link dnsSrv}. */
export interface DnsSrvOptions extends DnsOptions {
  /** Default `'dns_srv'`. */
  readonly name: string
  /** The name of the records, such as `_fovea._udp.shop.example`. */
  readonly service: string
  /**
   * Records of one answer that are resolved, the first by priority and weight; then `ERR_DISCOVERY_TARGETS_MAX` is counted.
   * Default 256. Each costs a question to the servers of DNS.
   */
  readonly targetsMax: number
}

/**
 * Asks for SRV records and the addresses of their targets again and again.
 *
 * @example
 * dnsSrv({ service: '_fovea._udp.shop.default.svc.cluster.local' })
 */
export function dnsSrv(given: Partial<DnsSrvOptions> & Pick<DnsSrvOptions, 'service'>): Strategy {
  const defaults = { ...dnsDefaults(), name: 'dns_srv', service: '', targetsMax: 256 }
  const options = resolveOptions<DnsSrvOptions>(
    'dnsSrv',
    defaults,
    {
      ...DNS_CHECKS,
      name: stringOption,
      service: { expected: 'the name of SRV records', test: isHost },
      targetsMax: numberOption(1, 4_096),
    },
    // An option that must be given is wrong when it is not.
    { ...given, service: given.service ?? '' },
  )
  return {
    name: options.name,
    start: (sink, context) =>
      poll({ ...options, ask: (signal) => ask(options, signal, context) }, sink, context),
  }
}

async function ask(
  options: DnsSrvOptions,
  signal: AbortSignal,
  { refused }: Pick<StrategyContext, 'refused'>,
): Promise<PollAnswer> {
  const services = await options.resolver.services(options.service, { signal })
  const targets = [...services].sort(byPriority).filter(({ host, port }) => isTarget(host, port))
  if (targets.length > options.targetsMax) {
    const { name: strategy, service, targetsMax } = options
    const fields = { strategy, service, targets: targets.length, targetsMax }
    refused('ERR_DISCOVERY_TARGETS_MAX', fields)
  }
  let part: unknown
  const answers = await Promise.allSettled(
    targets.slice(0, options.targetsMax).map(async ({ host, port }) => {
      const { found, failed } = await addressesOf(host, options, signal)
      part ??= failed
      return found.map(({ address, ttlMs }) => ({ candidate: { host: address, port }, ttlMs }))
    }),
  )
  const { found, failed = part } = partly(answers)
  return {
    candidates: found.map(({ candidate }) => candidate),
    ttlMs: found.length === 0 ? undefined : Math.min(...found.map(({ ttlMs }) => ttlMs)),
    failed,
  }
}

function byPriority(a: DnsService, b: DnsService): number {
  return a.priority - b.priority || b.weight - a.weight
}

/** The host `.` says that there is no such service. */
function isTarget(host: string, port: number): boolean {
  return isHost(host) && port > 0
}
