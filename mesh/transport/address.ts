/**
 * Addresses as transports take and give them: an IP address and a port, checked before a socket or a
 * native binding sees them (the QUIC binding would resolve a name, blocking the whole program).
 *
 * Dual-stack sockets speak IPv6 only, so IPv4 peers appear there as `::ffff:a.b.c.d`;
 * {@link displayHost} and {@link socketHost} translate, and no layer above ever sees the mapped form.
 */
import { isIP, isIPv4, isIPv6 } from 'node:net'
import { inspect } from 'node:util'
import { TransportError } from './errors.ts'
import type { TransportAddress } from './transport.ts'

const PORT_MAX = 65_535
const MAPPED_PREFIX = '::ffff:'

/** Throws `ERR_TRANSPORT_BAD_ADDRESS` unless `address` can be dialled. */
export function checkRemoteAddress(address: TransportAddress): void {
  checkHost(address.host)
  checkPort(address.port, 1)
  if (isWildcardHost(address.host)) {
    throw badAddress(`'${address.host}' means any address; it can be bound but not dialled`)
  }
}

/** Throws `ERR_TRANSPORT_BAD_ADDRESS` unless `address` can be bound; port 0 takes a free one. */
export function checkLocalAddress(address: TransportAddress): void {
  checkHost(address.host)
  checkPort(address.port, 0)
}

/** True for `0.0.0.0` and `::`. */
export function isWildcardHost(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

/** True for addresses of this very machine, where packets of 16 KB travel whole. */
export function isLoopbackHost(host: string): boolean {
  return host === '::1' || displayHost(host).startsWith('127.')
}

/** How a peer is shown to the layers above. */
export function displayHost(host: string): string {
  return host.startsWith(MAPPED_PREFIX) && isIPv4(host.slice(MAPPED_PREFIX.length))
    ? host.slice(MAPPED_PREFIX.length)
    : host
}

/** How a socket of `family` names `host`; throws when it cannot reach that family. */
export function socketHost(host: string, family: 4 | 6): string {
  const shown = displayHost(host)
  if (family === 4) {
    if (isIPv4(shown)) return shown
    throw badAddress(`'${host}' is IPv6 and the endpoint is bound to IPv4; bind '::' for both`)
  }
  return isIPv4(shown) ? MAPPED_PREFIX + shown : shown
}

/**
 * What counts as "one address" for limits: an IPv4 address, or the /64 of an IPv6 address, because
 * one machine usually owns all of that.
 */
export function addressGroup(host: string): string {
  const shown = displayHost(host)
  if (!isIPv6(shown)) return shown
  return ipv6Prefix64(shown)
}

function ipv6Prefix64(host: string): string {
  const plain = host.split('%', 1)[0] ?? host
  const [left = '', right] = plain.split('::', 2)
  const head = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  const missing = right === undefined ? 0 : Math.max(0, 8 - head.length - tail.length)
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail]
  return `${groups.slice(0, 4).join(':')}::/64`
}

function checkHost(host: unknown): void {
  if (typeof host !== 'string' || isIP(host) === 0) {
    throw badAddress(`host must be an IP address, received ${inspect(host)}`)
  }
}

function checkPort(port: unknown, min: number): void {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < min || port > PORT_MAX) {
    throw badAddress(
      `port must be a whole number from ${min} to ${PORT_MAX}, received ${inspect(port)}`,
    )
  }
}

function badAddress(message: string): TransportError {
  return new TransportError('ERR_TRANSPORT_BAD_ADDRESS', message)
}
