/**
 * Conversations with nodes that cannot be dialled, over the courier of the mesh: sealed, hop by hop, at most once. It drives one
 * `RelaySession` per peer and makes a carrier of it, on which the gate speaks as on a link.
 *
 * A session ends like a link: with `noconnection` when it is lost, without a word when nobody needs it. It goes over a link
 * that comes up meanwhile by itself, because the courier does; when it is idle then, the link takes its place.
 *
 * Invariants:
 * - One session per peer. When both sides open one, that of the smaller key stays.
 * - Only a member that is held for up and has no link with us may open one, within `relaysMax`; who it is, the seal has proven.
 */
import type { Clock, Entropy } from '../../runtime/index.ts'
import {
  encodeFrame,
  HEADER_BYTES,
  WireType,
  type Courier,
  type CourierError,
  type Member,
  type Origin,
} from '../../mesh/index.ts'
import type { Carrier } from './carrier.ts'
import {
  claimsOf,
  peerOf,
  Relay,
  type Asked,
  type Opened,
  type RelayDriver,
  type Welcome,
} from './relay.ts'
import { encodeRelay, parseRelay, type RelayMessage } from './relay-wire.ts'
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

/** Nodes of which it is remembered what they were refused. */
const TURNED_AWAY_MAX = 4_096

/** Without a link, an unneeded session is kept this long: the next one costs a dial in vain. */
const IDLE_MS = 30_000

/** Who says such a thing must know that there is no session. */
const NEEDS_SESSION: ReadonlySet<RelayMessage['kind']> = new Set(['opened', 'data', 'ping', 'fin'])

/** See the file header. */
export class Relays implements RelayDriver {
  readonly #parts: RelayParts
  readonly #relays = new Map<string, Relay>()
  /** Which one each node asked for in vain last: asked for again it gets the same answer, whatever has changed, for two could cross. */
  readonly #turnedAway = new Map<string, string>()
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

  /** A link is gone: what went over it and is not acknowledged may be gone with it. */
  unlinked(keyHex: string): void {
    const relay = this.#relays.get(keyHex)
    if (relay !== undefined) this.#apply(relay, relay.session.sendAgain(this.#parts.clock.now()))
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
      if (message.kind !== 'open') this.#stays(relay)
    } else if (message.kind === 'open') this.#asked(origin, message)
    else if (NEEDS_SESSION.has(message.kind)) this.#refuse(origin.node, message)
  }

  #asked(origin: Origin, message: Welcome): void {
    const { node } = origin
    if (this.#turnedAway.get(node) === message.session) return this.#refuse(node, message)
    const known = this.#relays.get(node)
    if (known === undefined) return this.#accept({ origin, message }, undefined)
    const { isAsking } = known.session
    // Ours stays, and they take it.
    if (isAsking && this.#parts.ownKeyHex < node) return
    known.next = { origin, message }
    // Theirs takes the place of the one that was asked for here, or they have begun anew.
    if (isAsking || message.incarnation > known.peer.incarnation) {
      this.#apply(known, known.session.close())
    }
    // It is late, or they have lost the one that is here: they say which when they are asked.
    else this.#probe(known)
  }

  /** The peer speaks in it: what it asked for beside it was late. */
  #stays(relay: Relay): void {
    const { next } = relay
    relay.next = undefined
    if (next !== undefined) this.#turnAway(next)
  }

  #accept({ origin, message }: Asked, waiting: Opened | undefined): void {
    const { node } = origin
    const member = this.#parts.member(node)
    const isWelcome = member !== undefined && isThere(member) && !this.#parts.isLinked(node)
    if (this.#closed || !isWelcome || !this.#hasRoom(node)) {
      this.#turnAway({ origin, message })
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

  #turnAway({ origin, message }: Asked): void {
    const { node } = origin
    if (this.#turnedAway.size >= TURNED_AWAY_MAX) this.#turnedAway.clear()
    this.#turnedAway.set(node, message.session)
    this.#refuse(node, message)
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
    // What came behind a frame that broke it is for no channel that takes its place.
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
    this.#relays.delete(hex)
    if (relay.isUp) {
      relay.isUp = false
      this.#parts.events.down(relay, end)
    } else this.#parts.events.missed(hex)
    const { next, opened } = relay
    relay.next = undefined
    if (next !== undefined) {
      relay.opened = undefined
      this.#accept(next, opened)
    }
    this.#settle(relay, false, end === 'refused')
  }

  #settle(relay: Relay, isUp: boolean, isRefused = false): void {
    const { opened } = relay
    relay.opened = undefined
    opened?.(isUp, isRefused)
  }

  #transmit(to: string, message: RelayMessage, relay?: Relay): void {
    const frame = encodeFrame(WireType.distRelay, encodeRelay(message))
    const lost = (error?: CourierError): void => {
      // What these say, the next one says, too; if none arrives, the silence tells.
      if (relay === undefined || message.kind === 'ack' || message.kind === 'ping') return
      // It may be there, or was sent again since; if not, no progress tells.
      const isKnown = error?.mayHaveArrived !== true
      if (message.kind === 'data' && !(isKnown && relay.session.isUnderWay(message.number))) return
      this.#apply(relay, relay.session.close())
    }
    // Who opens has dialled, who answers has no reason to, and when a link is gone that it went over, others are sooner.
    const outcome = this.#parts.courier.send(to, 'pubsub', frame, {
      ...{ lost, undialable: true },
      timeoutMs: this.#parts.settings.relayTimeoutMs,
    })
    // Whoever sends is in the middle of something.
    if (outcome === 'refused') this.#parts.clock.microtask(lost)
  }

  #draw(): string {
    return Buffer.from(this.#parts.entropy.bytes(8)).toString('hex')
  }
}

function isThere({ state }: Member): boolean {
  return state === 'up' || state === 'suspect'
}
