/**
 * A session as a carrier, beside its machine (`session.ts`): its peer, its timer, and what waits for it or for its end. `relays.ts` drives it.
 */
import type { ClockTimer } from '../../runtime/index.ts'
import {
  HIDDEN_FIELD,
  type LaneName,
  type Member,
  type Origin,
  type PeerInfo,
} from '../../mesh/index.ts'
import { LEAVE_CAPABILITY } from '../leave.ts'
import type { Carrier } from './carrier.ts'
import { RelayKnows, type RelayMessage } from './relay-wire.ts'
import type { RelaySession } from './session.ts'

/** Largest payload of a frame: what travels in one envelope with others. */
const FRAME_BYTES_MAX = 32_768

/** What a node says of itself when it opens or accepts. */
export type Welcome = Extract<RelayMessage, { readonly kind: 'open' | 'opened' }>

/** A peer opens one. */
export interface Asked {
  readonly origin: Origin
  readonly message: Welcome
}

/** How an open ended; a peer that refused one may have a link that is not up here yet. */
export type Opened = (isUp: boolean, isRefused: boolean) => void

/** Who does what a session asks for. */
export interface RelayDriver {
  transmitFrame(relay: Relay, frame: Uint8Array): void
  fail(relay: Relay, code: string, message: string): void
}

/** See the file header. */
export class Relay implements Carrier {
  readonly #driver: RelayDriver
  readonly session: RelaySession
  readonly #drains = new Set<(lane: LaneName) => void>()
  readonly acknowledges = true
  peer: PeerInfo
  isUp = false
  timer: ClockTimer | undefined
  /** Of who opens. */
  opened: Opened | undefined
  /** What takes its place when it has ended. */
  next: Asked | undefined
  unneededSinceMs: number = Infinity
  isAckScheduled = false

  constructor(driver: RelayDriver, session: RelaySession, peer: PeerInfo) {
    this.#driver = driver
    this.session = session
    this.peer = peer
  }

  get bytesQueued(): number {
    return this.session.bytesQueued
  }

  send(_lane: 'dist', frame: Uint8Array, rest?: Uint8Array): boolean {
    if (this.session.state !== 'up') return false
    this.#driver.transmitFrame(this, rest === undefined ? frame : Buffer.concat([frame, rest]))
    return !this.session.isFull
  }

  onDrain(fn: (lane: LaneName) => void): () => void {
    this.#drains.add(fn)
    return () => void this.#drains.delete(fn)
  }

  drained(): void {
    for (const fn of this.#drains) fn('dist')
  }

  fail(code: string, message: string): void {
    this.#driver.fail(this, code, message)
  }
}

/** What a peer says of itself when it opens or accepts; the seal has proven who it is, and the realm its roles. */
export function claimsOf(
  { roles }: Origin,
  { incarnation, knows }: Welcome,
): Pick<PeerInfo, 'roles' | 'incarnation' | 'capabilities'> {
  const capabilities = (knows & RelayKnows.leave) === 0 ? [] : [LEAVE_CAPABILITY]
  return { roles, incarnation, capabilities }
}

/** What members say of a node, before it has spoken. */
export function peerOf(member: Member): PeerInfo {
  const { key, nodeId, address, metadata } = member
  return {
    ...(metadata[HIDDEN_FIELD] === true ? { hidden: true } : {}),
    ...{ key, nodeId, name: nodeId.slice(0, nodeId.indexOf('@')), kind: 'member', address },
    ...{ addressProven: false, incarnation: 0, capabilities: [], roles: [], states: [] },
    frameBytesMax: FRAME_BYTES_MAX,
  }
}
