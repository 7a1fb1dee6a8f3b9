/**
 * Networks of addresses: who has one address of a network easily has all of them, so entries of one network
 * are counted (K12; discv5 does the same with the same numbers). A network is a /24 of IPv4 or a /48 of
 * IPv6. Loopback, private, link-local and shared addresses and host names have none and are not limited:
 * there the operator decides who gets an address.
 */
import { isIP } from 'node:net'

/** The network that `host` belongs to, as text; undefined when it is not limited. */
export function networkOf(host: string): string | undefined {
  const family = isIP(host)
  if (family === 4) return networkOfIpv4(host)
  if (family === 6) return networkOfIpv6(host)
  return undefined
}

/** How many entries each network has. */
export class NetworkCounts {
  readonly #counts = new Map<string, number>()

  /** Networks with entries. */
  get size(): number {
    return this.#counts.size
  }

  of(network: string | undefined): number {
    return network === undefined ? 0 : (this.#counts.get(network) ?? 0)
  }

  add(network: string | undefined): void {
    if (network !== undefined) this.#counts.set(network, this.of(network) + 1)
  }

  remove(network: string | undefined): void {
    if (network === undefined) return
    const left = this.of(network) - 1
    if (left > 0) this.#counts.set(network, left)
    else this.#counts.delete(network)
  }

  entries(): (readonly [string, number])[] {
    return [...this.#counts]
  }
}

function networkOfIpv4(host: string): string | undefined {
  const [first = 0, second = 0] = host.split('.', 2).map(Number)
  if (first === 0 || first === 10 || first === 127) return undefined
  if (first === 172 && second >= 16 && second < 32) return undefined
  if (first === 192 && second === 168) return undefined
  if (first === 169 && second === 254) return undefined
  if (first === 100 && second >= 64 && second < 128) return undefined
  return host.slice(0, host.lastIndexOf('.'))
}

function networkOfIpv6(host: string): string | undefined {
  const groups = groupsOf(host)
  const leadingZeros = groups.findIndex((group) => group !== 0)
  const [first = 0, second = 0, third = 0] = groups
  const [high = 0, low = 0] = groups.slice(6)
  // However it is written, ::ffff:0:0/96 is IPv4, and nobody escapes the limit by writing it so.
  if (leadingZeros === 5 && groups[5] === 0xffff) {
    return networkOfIpv4(`${high >>> 8}.${high & 0xff}.${low >>> 8}.${low & 0xff}`)
  }
  if (leadingZeros < 0 || (leadingZeros === 7 && low === 1)) return undefined
  // fc00::/7 is private, fe80::/10 link-local.
  if ((first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfe80) return undefined
  return [first, second, third].map((group) => group.toString(16)).join(':')
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(host: string): readonly number[] {
  const [head = '', tail] = host.replace(/%.*$/, '').split('::', 2)
  const before = numbersOf(head)
  if (tail === undefined) return before
  const after = numbersOf(tail)
  const gap = new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0)
  return [...before, ...gap, ...after]
}

function numbersOf(part: string): number[] {
  if (part === '') return []
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}
