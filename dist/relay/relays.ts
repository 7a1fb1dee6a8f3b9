/**
 * Conversations with nodes that cannot be dialled, over the courier of the mesh: sealed, hop by hop, at most once. It drives one
 * `RelaySession` per peer and makes a carrier of it, on which the gate speaks as on a link.
 *
 * A session ends like a link: with `noconnection` when it is lost, without a word when nobody needs it. It goes over a link
 * that comes up meanwhile by itself, because the courier does; when it is idle then, the link takes its place.
 *
 * Invariants:
 * - One session per peer. When both sides open one, that of the smaller key stays.
 * - Only a member that is held for up may open one, within `relaysMax`; who it is, the seal has proven.
 */
import type { Clock, ClockTimer, Entropy } from '../../runtime/index.ts'
import {
  encodeFrame,
  HEADER_BYTES,
  HIDDEN_FIELD,
  WireType,
  type Courier,
  type LaneName,
  type Member,
  type Origin,
  type PeerInfo,
} from '../../mesh/index.ts'
import { LEAVE_CAPABILITY } from '../leave.ts'
import type { Carrier } from './carrier.ts'
import { encodeRelay, parseRelay, RelayKnows, type RelayMessage } from './relay-wire.ts'
import { RelaySession, type SessionEffect, type SessionEnd } from './session.ts'

/** Dials of {@link Relays}; see `DistOptions`. */
export interface RelaySettings {
  readonly relaysMax: number
  readonly relayWindowBytes: number
  readonly relayTimeoutMs: number
  /** How long the answer to an open may take. */
  readonly dialTimeoutMs: number
}

/** What becomes of sessions. */
export interface RelayEvents {
  readonly up: (carrier: Carrier) => void
  readonly frame: (carrier: Carrier, type: number, payload: Uint8Array) => void
  /** Once, after `up`. */
  readonly down: (carrier: Carrier, end: SessionEnd) => void
  /** Whether anything would break without it. */
  readonly isNeeded: (carrier: Carrier) => boolean
  /** One that was asked for, by either side, has not come up. */
  readonly missed: (keyHex: string) => void
  /** Nothing can be sent on it until it is down or stays. */
  readonly parting: (carrier: Carrier) => void
  readonly stays: (carrier: Carrier) => void
  /** Whether that node may open one now: it has no other channel with us. */
  readonly mayOpen: (keyHex: string) => boolean
}

/** What they are made of. */
export interface RelayParts {
  readonly courier: Courier
  readonly clock: Clock
  readonly entropy: Entropy
  readonly ownKeyHex: string
  readonly ownIncarnation: number
  readonly settings: RelaySettings
  readonly events: RelayEvents
  readonly member: (keyHex: string) => Member | undefined
  readonly isLinked: (keyHex: string) => boolean
  readonly refused: (code: string, fields: Readonly<Record<string, unknown>>) => void
}

/** Largest payload of a frame: what travels in one envelope with others. */
const FRAME_BYTES_MAX = 32_768

/** Without a link, an unneeded session is kept this long: the next one costs a dial in vain. */
const IDLE_MS = 30_000

type Welcome = Extract<RelayMessage, { readonly kind: 'open' | 'opened' }>

/** Who says such a thing must know that there is no session. */
const NEEDS_SESSION: ReadonlySet<RelayMessage['kind']> = new Set(['opened', 'data', 'ping', 'fin'])

/** How an open ended; a peer that refused one may have a link that is not up here yet. */
export type Opened = (isUp: boolean, isRefused: boolean) => void

/** A session, its timer, and what waits for it. */
class Relay implements Carrier {
  readonly #relays: Relays
  readonly session: RelaySession
  readonly #drains = new Set<(lane: LaneName) => void>()
  readonly acknowledges = true
  peer: PeerInfo
  isUp = false
  timer: ClockTimer | undefined
  /** Of who opens. */
  opened: Opened | undefined
  unneededSinceMs = Infinity
  isAckScheduled = false

  constructor(relays: Relays, session: RelaySession, peer: PeerInfo) {
    this.#relays = relays
    this.session = session
    this.peer = peer
  }

  get bytesQueued(): number {
    return this.session.bytesQueued
  }

  send(_lane: 'dist', frame: Uint8Array, rest?: Uint8Array): boolean {
    if (this.session.state !== 'up') return false
    this.#relays.transmitFrame(this, rest === undefined ? frame : Buffer.concat([frame, rest]))
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
    this.#relays.fail(this, code, message)
  }
}

/** See the file header. */
export class Relays {
  readonly #parts: RelayParts
  readonly #relays = new Map<string, Relay>()
  readonly #release: (() => void)[]
  #closed = false

  constructor(parts: RelayParts) {
    this.#parts = parts
    this.#release = [
      parts.courier.handle(WireType.distRelay, WireType.distRelay, (origin, _type, payload) =>
        this.#receive(origin, payload),
      ),
      parts.courier.onGone((node) => {
        const relay = this.#relays.get(node)
        if (relay !== undefined) this.#apply(relay, relay.session.close())
      }),
    ]
  }

  /** Sessions, those that are being opened included. */
  get size(): number {
    return this.#relays.size
  }

  /** Opens a session; false when none can be. `opened` is called once, later. */
  open(keyHex: string, opened: Opened): boolean {
    const member = this.#parts.member(keyHex)
    if (this.#closed || member === undefined || !isThere(member)) return false
    const known = this.#relays.get(keyHex)
    if (known !== undefined) {
      // They have asked first: whether they still want it is known soon.
      if (known.isUp || known.opened !== undefined) return false
      known.opened = opened
      return true
    }
    if (!this.#hasRoom(keyHex)) return false
    const relay = new Relay(this, this.#newSession('opener', this.#draw()), peerOf(member))
    relay.opened = opened
    this.#begin(keyHex, relay)
    return true
  }

  /** Whether one was asked for, by either side, and it is not known here yet whether the other wants it. */
  isOpening(keyHex: string): boolean {
    return this.#relays.get(keyHex)?.isUp === false
  }

  /** A link came up: what is not needed now gives way to it, and what is being opened asks again on it, as the shorter way. */
  linked(keyHex: string): void {
    const relay = this.#relays.get(keyHex)
    if (relay?.isUp === true) this.#rest(relay)
    else if (relay !== undefined) this.#probe(relay)
  }

  /** The peer speaks over the link that we both have: it has ended its session, or takes none, and so do we. */
  overtaken(keyHex: string): void {
    const relay = this.#relays.get(keyHex)
    if (relay === undefined) return
    const { state } = relay.session
    const end = state === 'closing' ? 'idle' : state === 'opening' ? 'refused' : 'lost'
    this.#apply(relay, relay.session.close(end))
  }

  /** Every session is lost. */
  close(): void {
    this.#closed = true
    for (const release of this.#release) release()
    for (const relay of [...this.#relays.values()]) this.#apply(relay, relay.session.close())
  }

  /** @internal */
  transmitFrame(relay: Relay, frame: Uint8Array): void {
    const now = this.#parts.clock.now()
    const payload = frame.subarray(HEADER_BYTES)
    this.#apply(relay, relay.session.send(frame[1]!, payload, now))
  }

  /** @internal */
  fail(relay: Relay, code: string, message: string): void {
    this.#parts.refused(code, { peer: relay.peer.nodeId, detail: message })
    this.#apply(relay, relay.session.close())
  }

  #receive(origin: Origin, payload: Uint8Array): void {
    const { clock, refused } = this.#parts
    let message: RelayMessage
    try {
      message = parseRelay(payload)
    } catch (error) {
      refused('ERR_DIST_RELAY', { peer: origin.node, err: error })
      return
    }
    const relay = this.#relays.get(origin.node)
    if (relay?.session.session === message.session) {
      if (message.kind === 'opened' && !relay.isUp) {
        // What the seal of its answer has proven.
        relay.peer = { ...relay.peer, ...claimsOf(origin, message) }
      }
      this.#apply(relay, relay.session.input(message, clock.now()))
    } else if (message.kind === 'open') this.#asked(origin, message)
    else if (NEEDS_SESSION.has(message.kind)) this.#refuse(origin.node, message)
  }

  #asked(origin: Origin, message: Welcome): void {
    const { node } = origin
    const known = this.#relays.get(node)
    if (known?.session.isAsking === true) {
      // Ours stays, and they take it.
      if (this.#parts.ownKeyHex < node) return
    } else if (known !== undefined) {
      if (message.incarnation <= known.peer.incarnation) {
        // It is late, or they have lost the one that we have: they say so when they are asked.
        this.#refuse(node, message)
        return this.#probe(known)
      }
      // They have begun anew.
      this.#apply(known, known.session.close())
    }
    this.#accept(origin, message, known)
  }

  /** Theirs takes the place of the one that was asked for here. */
  #accept(origin: Origin, message: Welcome, asked: Relay | undefined): void {
    const { node } = origin
    const waiting = asked?.opened
    if (asked !== undefined) {
      asked.opened = undefined
      this.#apply(asked, asked.session.close())
    }
    const member = this.#parts.member(node)
    const isWelcome = member !== undefined && isThere(member) && this.#parts.events.mayOpen(node)
    if (this.#closed || !isWelcome || !this.#hasRoom(node)) {
      this.#refuse(node, message)
      waiting?.(false, true)
      return
    }
    const relay = new Relay(this, this.#newSession('accepting', message.session), {
      ...peerOf(member),
      ...claimsOf(origin, message),
    })
    relay.opened = waiting
    this.#begin(node, relay)
  }

  #refuse(node: string, { session }: RelayMessage): void {
    this.#transmit(node, { kind: 'refused', session })
  }

  #probe(relay: Relay): void {
    this.#apply(relay, relay.session.probe(this.#parts.clock.now()))
  }

  #hasRoom(keyHex: string): boolean {
    if (this.#relays.size < this.#parts.settings.relaysMax) return true
    this.#parts.refused('ERR_DIST_RELAYS_MAX', { peer: keyHex })
    return false
  }

  #newSession(role: 'opener' | 'accepting', session: string): RelaySession {
    const { settings, ownIncarnation, clock } = this.#parts
    const { relayWindowBytes: windowBytes, relayTimeoutMs, dialTimeoutMs } = settings
    const times = { timeoutMs: relayTimeoutMs, openTimeoutMs: dialTimeoutMs }
    const options = { session, role, ownIncarnation, windowBytes, ...times }
    return new RelaySession(options, clock.now())
  }

  #begin(keyHex: string, relay: Relay): void {
    this.#relays.set(keyHex, relay)
    this.#apply(relay, relay.session.start())
    this.#arm(relay)
  }

  #tick(relay: Relay): void {
    this.#apply(relay, relay.session.tick(this.#parts.clock.now()))
    if (relay.session.state === 'up') this.#rest(relay)
    this.#arm(relay)
  }

  /** Whether it may end: at once beside a link, else after a while. */
  #rest(relay: Relay): void {
    const { clock, events, isLinked } = this.#parts
    const now = clock.now()
    if (events.isNeeded(relay)) {
      relay.unneededSinceMs = Infinity
      return
    }
    relay.unneededSinceMs = Math.min(relay.unneededSinceMs, now)
    if (!isLinked(relay.peer.key.hex) && now < relay.unneededSinceMs + IDLE_MS) return
    const effects = relay.session.askFin(now)
    if (effects.length > 0) events.parting(relay)
    this.#apply(relay, effects)
  }

  #arm(relay: Relay): void {
    relay.timer?.cancel()
    const dueMs = relay.session.nextDueMs
    if (dueMs === Infinity) return
    const inMs = Math.max(1, dueMs - this.#parts.clock.now())
    relay.timer = this.#parts.clock.setTimer(inMs, () => this.#tick(relay))
  }

  #apply(relay: Relay, effects: readonly SessionEffect[]): void {
    const { events, clock } = this.#parts
    let isNew = false
    for (const effect of effects) {
      switch (effect.type) {
        case 'transmit':
          this.#transmit(relay.peer.key.hex, effect.message, relay)
          break
        case 'deliver':
          this.#deliver(relay, effect.frameType, effect.payload)
          break
        case 'up':
          isNew = true
          relay.isUp = true
          this.#arm(relay)
          events.up(relay)
          this.#settle(relay, true)
          break
        case 'drained':
          relay.drained()
          break
        case 'fin_asked':
          this.#apply(relay, relay.session.fin(events.isNeeded(relay), clock.now()))
          break
        case 'fin_denied':
          relay.unneededSinceMs = Infinity
          this.#arm(relay)
          events.stays(relay)
          break
        case 'ended':
          this.#ended(relay, effect.end)
      }
    }
    // Not before what has arrived in it is delivered: nothing is while it may end.
    if (isNew && this.#parts.isLinked(relay.peer.key.hex)) this.#rest(relay)
    this.#acknowledgeSoon(relay)
  }

  #deliver(relay: Relay, type: number, payload: Uint8Array): void {
    if (relay.session.state === 'ended') return
    try {
      this.#parts.events.frame(relay, type, payload)
    } catch (error) {
      const { code, message } = error as { code?: string; message?: string }
      this.fail(relay, code ?? 'ERR_DIST_MESSAGE', String(message))
    }
  }

  /** What arrives in one turn is acknowledged at once, by data if there is some. */
  #acknowledgeSoon(relay: Relay): void {
    if (!relay.session.ackDue || relay.isAckScheduled) return
    relay.isAckScheduled = true
    this.#parts.clock.microtask(() => {
      relay.isAckScheduled = false
      this.#apply(relay, relay.session.acknowledge(this.#parts.clock.now()))
    })
  }

  #ended(relay: Relay, end: SessionEnd): void {
    const { hex } = relay.peer.key
    relay.timer?.cancel()
    if (this.#relays.get(hex) === relay) this.#relays.delete(hex)
    if (relay.isUp) {
      relay.isUp = false
      this.#parts.events.down(relay, end)
    } else this.#parts.events.missed(hex)
    this.#settle(relay, false, end === 'refused')
  }

  #settle(relay: Relay, isUp: boolean, isRefused = false): void {
    const { opened } = relay
    relay.opened = undefined
    opened?.(isUp, isRefused)
  }

  #transmit(to: string, message: RelayMessage, relay?: Relay): void {
    const frame = encodeFrame(WireType.distRelay, encodeRelay(message))
    const lost = (): void => {
      // What these say, the next one says, too; if none arrives, the silence tells.
      if (relay === undefined || message.kind === 'ack' || message.kind === 'ping') return
      this.#apply(relay, relay.session.close())
    }
    // Who opens has dialled, and who answers has no reason to.
    const undialable = message.kind === 'open' || message.kind === 'opened'
    const outcome = this.#parts.courier.send(to, 'pubsub', frame, {
      ...{ lost, undialable },
      timeoutMs: this.#parts.settings.relayTimeoutMs,
    })
    // Whoever sends is in the middle of something.
    if (outcome === 'refused') this.#parts.clock.microtask(lost)
  }

  #draw(): string {
    return Buffer.from(this.#parts.entropy.bytes(8)).toString('hex')
  }
}

/** What a peer says of itself when it opens or accepts; the seal has proven who it is, and the realm its roles. */
function claimsOf(
  { roles }: Origin,
  { incarnation, knows }: Welcome,
): Pick<PeerInfo, 'roles' | 'incarnation' | 'capabilities'> {
  const capabilities = (knows & RelayKnows.leave) === 0 ? [] : [LEAVE_CAPABILITY]
  return { roles, incarnation, capabilities }
}

function isThere({ state }: Member): boolean {
  return state === 'up' || state === 'suspect'
}

function peerOf(member: Member): PeerInfo {
  const { key, nodeId, address, metadata } = member
  return {
    ...(metadata[HIDDEN_FIELD] === true ? { hidden: true } : {}),
    ...{ key, nodeId, name: nodeId.slice(0, nodeId.indexOf('@')), kind: 'member', address },
    ...{ addressProven: false, incarnation: 0, capabilities: [], roles: [], states: [] },
    frameBytesMax: FRAME_BYTES_MAX,
  }
}
