/**
 * Whether a peer at the edge may come in now: not too many at once from one address, nor from all together; and there must
 * be room, for which a client that was idle for long is asked to make way. Pure but for what it is given.
 */
import type { NoRoom } from '../link/handshake.ts'
import { Buckets } from './buckets.ts'
import type { GatewaySettings } from './options.ts'

/** Addresses whose rate is remembered. */
const ADDRESSES_MAX = 16_384

/** So many times the rate may come at once. */
const BURST = 10

/** Who is in. */
export interface Room {
  has(key: string): boolean
  /** Places that are taken, or kept for others than that newcomer. */
  taken(key: string, nowMs: number): number
  /**
   * Asks the client to go that was idle for longest, if it was for long, and keeps its place for that newcomer; true when
   * there is room now.
   */
  makeRoom(key: string, nowMs: number): boolean
}

/** See the file header. */
export class Admission {
  readonly #settings: Pick<
    GatewaySettings,
    'clientsMax' | 'connectsPerAddressPerSecond' | 'connectsPerSecond'
  >
  readonly #addresses: Buckets
  readonly #all: Buckets

  constructor(
    settings: Pick<
      GatewaySettings,
      'clientsMax' | 'connectsPerAddressPerSecond' | 'connectsPerSecond'
    >,
  ) {
    const { connectsPerAddressPerSecond: perAddress, connectsPerSecond: all } = settings
    this.#settings = settings
    this.#addresses = new Buckets({
      perSecond: perAddress,
      burst: BURST * perAddress,
      keysMax: ADDRESSES_MAX,
    })
    this.#all = new Buckets({ perSecond: all, burst: BURST * all, keysMax: 1 })
  }

  /** The reason why not. One that is in and comes again takes its own place. */
  judge(key: string, host: string, room: Room, nowMs: number): NoRoom | undefined {
    if (!this.#addresses.take(host, nowMs) || !this.#all.take('', nowMs)) return 'rate_limited'
    if (room.has(key) || room.taken(key, nowMs) < this.#settings.clientsMax) return undefined
    return room.makeRoom(key, nowMs) ? undefined : 'too_many_clients'
  }
}
