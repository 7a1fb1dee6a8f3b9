/** Seeds written by the operator: addresses that are there from the start and never go away. */
import { isHost, isNodeName } from '../host.ts'
import { MeshError } from '../mesh-error.ts'
import type { Candidate, Discovery, DiscoverySink } from './discovery.ts'

/** Port of a seed that names none. */
export const SEED_PORT_DEFAULT = 4433

/** `name@host:port`, `host:port`, `host`, with IPv6 hosts in brackets. */
const SEED_PATTERN =
  /^(?:(?<name>[^@\s]+)@)?(?:\[(?<v6>[0-9a-fA-F:.]+)\]|(?<host>[^@:\s[\]]+))(?::(?<port>\d{1,5}))?$/

/**
 * Reads a seed, or throws `ERR_SEED_INVALID`.
 *
 * @example
 * parseSeed('shop@10.0.0.7:4433') // { name: 'shop', host: '10.0.0.7', port: 4433 }
 */
export function parseSeed(seed: string): Candidate {
  const groups = typeof seed === 'string' ? SEED_PATTERN.exec(seed)?.groups : undefined
  const host = groups?.['v6'] ?? groups?.['host']
  const port = Number(groups?.['port'] ?? SEED_PORT_DEFAULT)
  const name = groups?.['name']
  const named = name === undefined || isNodeName(name)
  if (!named || !isHost(host) || port < 1 || port > 65_535) {
    throw new MeshError(
      'ERR_SEED_INVALID',
      `a seed is written 'name@host:port' or 'host:port', received '${String(seed).slice(0, 300)}'`,
    )
  }
  return name === undefined ? { host, port } : { name, host, port }
}

/**
 * A source with fixed addresses.
 *
 * @example
 * staticDiscovery(['10.0.0.7:4433', 'b@seed.example:4433'])
 */
export function staticDiscovery(seeds: readonly (string | Candidate)[]): Discovery {
  return {
    name: 'static',
    start(sink: DiscoverySink): void {
      sink.seen(seeds.map((seed) => (typeof seed === 'string' ? parseSeed(seed) : seed)))
    },
  }
}
