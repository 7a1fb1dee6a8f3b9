/**
 * How many connections the QUIC endpoint of a node may have: as many as there may be links with members and with peers at
 * the edge, and some more for handshakes, and for newcomers who are told that there is no room. An endpoint that took
 * fewer would refuse peers, without a word that they understand, long before `clientsMax` are in.
 */
import { GATEWAY_DEFAULTS } from './gateway/options.ts'
import { MESH_DEFAULTS } from './options.ts'
import type { MeshOptions } from './options.ts'

/** What every endpoint may have. */
export const CONNECTIONS_MIN = 4_096

/** The most that the transport takes as its limit. */
export const CONNECTIONS_MAX = 1_000_000

/** Beside links. */
export const CONNECTIONS_SPARE = 1_024

/** See the file header. Options may be unchecked: for those that make no sense it gives what they would be without. */
export function connectionsMaxOf({
  linksMax,
  gateway,
}: Pick<MeshOptions, 'linksMax' | 'gateway'>): number {
  const links = amount(linksMax, MESH_DEFAULTS.linksMax as number)
  const all = links + clientsMaxOf(gateway) + CONNECTIONS_SPARE
  return Math.min(CONNECTIONS_MAX, Math.max(CONNECTIONS_MIN, all))
}

function clientsMaxOf(gateway: MeshOptions['gateway'] | null): number {
  if (gateway === true) return GATEWAY_DEFAULTS.clientsMax
  if (typeof gateway !== 'object' || gateway === null) return 0
  return amount(gateway.clientsMax, GATEWAY_DEFAULTS.clientsMax)
}

function amount(given: number | undefined, otherwise: number): number {
  return Number.isInteger(given) && given! > 0 ? given! : otherwise
}
