/** Addresses of gateways as people write them. */
import { parseSeed } from '../discovery/static.ts'
import type { DialTarget } from '../link/dialer.ts'
import { PeerError } from './errors.ts'

/** Schemes in front of an address; the reference writes the second, for a port that speaks QUIC all the same. */
const SCHEME_PATTERN = /^(?:fovea|https):\/\//i

/** What may follow an address with a scheme. */
const REST_PATTERN = /\/$/

/**
 * Reads where a gateway is: `fovea://host:port`, `https://host:port`, `name@host:port` or `host:port`, IPv6 hosts in
 * brackets, port 4433 when there is none. Throws `ERR_PEER_TARGET`.
 *
 * @example
 * parseTarget('fovea://gateway.example:4433') // { host: 'gateway.example', port: 4433 }
 */
export function parseTarget(target: string): DialTarget {
  const hasScheme = SCHEME_PATTERN.test(target)
  const address = hasScheme ? target.replace(SCHEME_PATTERN, '').replace(REST_PATTERN, '') : target
  try {
    const { host, port } = parseSeed(address)
    return { host, port }
  } catch (cause) {
    const text = `a gateway is written 'fovea://host:port' or 'host:port', received '${target.slice(0, 300)}'`
    throw new PeerError('ERR_PEER_TARGET', text, { cause })
  }
}
