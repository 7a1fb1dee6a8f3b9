/** Where a fault applies: endpoints by host, by host and port, or several of them. */
import type { TransportAddress } from '../transport.ts'

/** `'10.0.0.1'`, `'10.0.0.1:4433'`, an address, or a list of these. */
export type Place = string | TransportAddress | readonly (string | TransportAddress)[]

/** True when the endpoint at `address` is meant by `place`. */
export function isAt(place: Place, address: TransportAddress): boolean {
  if (typeof place === 'string') {
    return place === address.host || place === addressKey(address)
  }
  if (isList(place)) return place.some((one) => isAt(one, address))
  return place.host === address.host && place.port === address.port
}

/** The key of an address in tables. */
export function addressKey(address: TransportAddress): string {
  return `${address.host}:${address.port}`
}

function isList(place: Place): place is readonly (string | TransportAddress)[] {
  return Array.isArray(place)
}
