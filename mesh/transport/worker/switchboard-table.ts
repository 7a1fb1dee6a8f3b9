/**
 * Which thread has which address, and who may dial from where. Pure: {@link import('./switchboard.ts')} carries what
 * it decides. A thread speaks for its own addresses only.
 */
import { isWildcardHost } from '../address.ts'
import type { TransportAddress } from '../transport.ts'

/** Free ports are looked for from here on, as systems do (RFC 6335). */
const DYNAMIC_PORT_MIN = 49_152
const PORT_MAX = 65_535

interface Place<T> {
  readonly owner: T
  readonly address: TransportAddress
}

/** See the file header. `T` stands for a thread. */
export class SwitchboardTable<T> {
  readonly #isOwnHost: (host: string) => boolean
  /** By port: of one port several hosts may be bound. */
  readonly #places = new Map<number, Place<T>[]>()
  #nextPort = DYNAMIC_PORT_MIN

  /** `isOwnHost` tells the addresses of this machine, for endpoints that are bound to any. */
  constructor(isOwnHost: (host: string) => boolean) {
    this.#isOwnHost = isOwnHost
  }

  /** Bound addresses. */
  get size(): number {
    return [...this.#places.values()].reduce((sum, places) => sum + places.length, 0)
  }

  /** Gives `owner` the address; port 0 means a free one. Undefined when it is taken. */
  bind(owner: T, { host, port }: TransportAddress): TransportAddress | undefined {
    const found = port === 0 ? this.#freePort() : port
    if (found === undefined) return undefined
    const places = this.#places.get(found) ?? []
    if (places.some(({ address }) => overlap(address.host, host))) return undefined
    const address = Object.freeze({ host, port: found })
    this.#places.set(found, [...places, { owner, address }])
    return address
  }

  /** Takes an address back, if `owner` has it. */
  unbind(owner: T, { host, port }: TransportAddress): void {
    this.#keep(port, (place) => place.owner !== owner || place.address.host !== host)
  }

  /** Takes back everything that `owner` has. */
  drop(owner: T): void {
    for (const port of [...this.#places.keys()]) this.#keep(port, (place) => place.owner !== owner)
  }

  /**
   * Who is reached at `to`, and from which address the dial seems to come; undefined when nobody here has `to`, or
   * `caller` does not have `from`.
   */
  route(
    caller: T,
    from: TransportAddress,
    to: TransportAddress,
  ):
    | { readonly owner: T; readonly at: TransportAddress; readonly source: TransportAddress }
    | undefined {
    const own = this.#places.get(from.port) ?? []
    if (!own.some(({ owner, address }) => owner === caller && address.host === from.host)) {
      return undefined
    }
    const place = (this.#places.get(to.port) ?? []).find(({ address }) => this.#hears(address, to))
    if (place === undefined) return undefined
    // As a system does for packets to itself: they come from the address that they go to.
    const host = isWildcardHost(from.host) ? to.host : from.host
    return { owner: place.owner, at: place.address, source: { host, port: from.port } }
  }

  #hears(bound: TransportAddress, to: TransportAddress): boolean {
    return bound.host === to.host || (isWildcardHost(bound.host) && this.#isOwnHost(to.host))
  }

  #keep(port: number, stays: (place: Place<T>) => boolean): void {
    const left = (this.#places.get(port) ?? []).filter(stays)
    if (left.length > 0) this.#places.set(port, left)
    else this.#places.delete(port)
  }

  #freePort(): number | undefined {
    for (let tried = DYNAMIC_PORT_MIN; tried <= PORT_MAX; tried++) {
      const port = this.#nextPort
      this.#nextPort = port === PORT_MAX ? DYNAMIC_PORT_MIN : port + 1
      if (!this.#places.has(port)) return port
    }
    return undefined
  }
}

function overlap(a: string, b: string): boolean {
  return a === b || isWildcardHost(a) || isWildcardHost(b)
}
