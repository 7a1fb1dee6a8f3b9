/** Options of a gateway: their defaults, their checks, and what each dial does. Times are milliseconds. */
import { isIP } from 'node:net'
import {
  booleanOption,
  numberOption,
  objectOption,
  optional,
  resolveOptions,
  stringOption,
} from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import { isHost } from '../host.ts'
import { GatewayError } from './errors.ts'

/** The health server of a gateway. */
export interface HealthOptions {
  /** Address to listen on. Default 127.0.0.1; another one needs a `token`. */
  readonly host?: string | undefined
  /** TCP port. Default 8080; 0 takes a free one. */
  readonly port?: number | undefined
  /**
   * Who asks for `/health` and `/metrics` must send it: `authorization: Bearer <token>`. `/live` and `/ready` say no more
   * than yes or no, to everybody. Default: none.
   */
  readonly token?: string | undefined
  /** Requests under way. Default 16; one more is answered with 503. */
  readonly requestsMax?: number | undefined
}

/** Dials of a gateway. */
export interface GatewaySettings {
  /**
   * Peers at the edge that are connected at once. Above it newcomers are told `too_many_clients`, and the one that was idle
   * for longest is asked to make room for when they come again, if it was for `clientIdleMs`. Each costs a QUIC connection.
   */
  readonly clientsMax: number
  /** A client is idle when nothing passed for so long and it wants and offers nothing. */
  readonly clientIdleMs: number
  /**
   * Bytes that may wait in one lane of the link with a client. Then messages for it are refused, which is what slow
   * consumers are handled by. `clientsMax` times this is what all slow clients together can cost.
   */
  readonly clientBytesMax: number
  /** Frames that one client may send within a second; the rest is dropped. */
  readonly clientFramesPerSecond: number
  /** Bytes that one client may send within a second; the rest is dropped. */
  readonly clientBytesPerSecond: number
  /** Connections of edge peers from one address within a second; ten times as many at once. */
  readonly connectsPerAddressPerSecond: number
  /** Connections of edge peers within a second; ten times as many at once. */
  readonly connectsPerSecond: number
  /** Links with members that are kept for clients although the mesh needs them no more. */
  readonly meshLinksMax: number
  /** One of them is let go when no client used it for so long. */
  readonly meshLinkIdleMs: number
  /** Diagnostics procedures, under our names and those of the reference. */
  readonly diagnostics: boolean
}

/** What `gateway` of `startMesh` takes, beside `true`. */
export interface GatewayOptions extends Partial<GatewaySettings> {
  /** The health server, or `false` for none. Default: on 127.0.0.1, port 8080. */
  readonly health?: false | HealthOptions | undefined
}

/** The defaults. */
export const GATEWAY_DEFAULTS: GatewaySettings = Object.freeze({
  clientsMax: 10_000,
  clientIdleMs: 600_000,
  clientBytesMax: 1_048_576,
  clientFramesPerSecond: 20_000,
  clientBytesPerSecond: 67_108_864,
  connectsPerAddressPerSecond: 50,
  connectsPerSecond: 500,
  meshLinksMax: 1_000,
  meshLinkIdleMs: 60_000,
  diagnostics: true,
})

/** The health server when nothing is said. */
export const HEALTH_DEFAULTS: Readonly<Required<Omit<HealthOptions, 'token'>>> = Object.freeze({
  host: '127.0.0.1',
  port: 8080,
  requestsMax: 16,
})

const millis: OptionCheck = numberOption(1, 2_147_483_647)
const amount: OptionCheck = numberOption(1, 2_147_483_647)

const CHECKS: { readonly [K in keyof GatewaySettings]-?: OptionCheck } = {
  clientsMax: numberOption(1, 1_048_576),
  clientIdleMs: millis,
  // Large messages travel in pieces of 64 KiB.
  clientBytesMax: numberOption(131_072, 2_147_483_647),
  clientFramesPerSecond: amount,
  clientBytesPerSecond: amount,
  connectsPerAddressPerSecond: amount,
  connectsPerSecond: amount,
  meshLinksMax: numberOption(1, 1_048_576),
  meshLinkIdleMs: millis,
  diagnostics: booleanOption,
}

const HEALTH_CHECKS: { readonly [K in keyof HealthOptions]-?: OptionCheck } = {
  host: { expected: 'an IP address or a host name', test: isHost },
  port: numberOption(0, 65_535),
  token: optional({
    expected: 'a string of at least 16 printable characters without spaces',
    test: (value) => stringOption.test(value) && /^[\x21-\x7e]{16,4096}$/.test(value as string),
  }),
  requestsMax: numberOption(1, 1_024),
}

/** What `gateway` of `startMesh` may be. */
export const gatewayOption: OptionCheck = {
  expected: 'true, false or an object with settings',
  test: (value) => typeof value === 'boolean' || objectOption.test(value),
}

/** Everything decided. */
export interface ResolvedHealthOptions extends Required<Omit<HealthOptions, 'token'>> {
  readonly host: string
  readonly port: number
  readonly requestsMax: number
  readonly token: string | undefined
}

/** See {@link GatewayOptions}. */
export interface ResolvedGatewayOptions {
  readonly settings: GatewaySettings
  readonly health: ResolvedHealthOptions | undefined
}

/**
 * Checks `given` and decides everything that is not given; undefined for no gateway. Throws an `OptionError` or
 * `ERR_GATEWAY_HEALTH_UNSAFE`.
 */
export function resolveGateway(
  given: boolean | GatewayOptions,
): ResolvedGatewayOptions | undefined {
  if (given === false) return undefined
  const { health = {}, ...rest } = given === true ? {} : given
  const settings = resolveOptions<GatewaySettings>('gateway', GATEWAY_DEFAULTS, CHECKS, rest)
  if (health === false) return Object.freeze({ settings, health: undefined })
  const merged = resolveOptions<HealthOptions>(
    'gateway.health',
    HEALTH_DEFAULTS,
    HEALTH_CHECKS,
    health,
  )
  const resolved = { token: undefined, ...merged } as ResolvedHealthOptions
  if (resolved.token === undefined && !isLoopback(resolved.host)) {
    throw new GatewayError(
      'ERR_GATEWAY_HEALTH_UNSAFE',
      `health.host '${resolved.host}' is reached by others, who could then read how this node does: set health.token`,
    )
  }
  return Object.freeze({ settings, health: resolved })
}

/** True for an address or name that means this machine and nobody else. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true
  return isIP(host) === 4 && host.startsWith('127.')
}
