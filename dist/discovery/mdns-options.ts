/** Options of mDNS, the same for the strategy and for `registerNode`. */
import { numberOption, objectOption, optional, resolveOptions } from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import type { MdnsPort } from './mdns-port.ts'

/** How mDNS is spoken. */
export interface MdnsOptions {
  /** Opens sockets. Default: UDP port 5353 on every interface with IPv4, shared with other programs of the machine. */
  readonly port?: MdnsPort | undefined
  /** How long what this node says holds. Default 120 s; then others forget it if it left without a goodbye. */
  readonly ttlSeconds?: number | undefined
  /** Longest pause between two questions; the first come after 1, 2, 4, ... seconds. Default 60,000 ms. */
  readonly queryIntervalMaxMs?: number | undefined
  /** How often interfaces are looked at. Default 5,000 ms. */
  readonly refreshIntervalMs?: number | undefined
  /** Services of others that are remembered. Default 1,024; then `ERR_DISCOVERY_NODES_MAX`. */
  readonly instancesMax?: number | undefined
  /**
   * Datagrams taken within a second, other services' included. Default 2,000; then the socket is closed for the rest of
   * the second (`ERR_DISCOVERY_FLOOD`).
   */
  readonly datagramsPerSecondMax?: number | undefined
}

/** Options with everything decided, but for the port. */
export interface MdnsSettings {
  readonly port: MdnsPort | undefined
  readonly ttlSeconds: number
  readonly queryIntervalMaxMs: number
  readonly refreshIntervalMs: number
  readonly instancesMax: number
  readonly datagramsPerSecondMax: number
}

const DEFAULTS: MdnsSettings = Object.freeze({
  port: undefined,
  ttlSeconds: 120,
  queryIntervalMaxMs: 60_000,
  refreshIntervalMs: 5_000,
  instancesMax: 1_024,
  datagramsPerSecondMax: 2_000,
})

const CHECKS: { readonly [K in keyof MdnsSettings]-?: OptionCheck } = {
  port: optional(objectOption),
  ttlSeconds: numberOption(1, 4_500),
  queryIntervalMaxMs: numberOption(1_000, 3_600_000),
  refreshIntervalMs: numberOption(100, 3_600_000),
  instancesMax: numberOption(1, 1_048_576),
  datagramsPerSecondMax: numberOption(1, 1_048_576),
}

/** `given` checked and completed. */
export function resolveMdns(where: string, given: MdnsOptions): MdnsSettings {
  return resolveOptions<MdnsSettings>(where, DEFAULTS, CHECKS, given)
}
