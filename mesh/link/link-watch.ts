/**
 * What watches an established link: whether the peer is there (`keepalive.ts`), whether somebody wants the link (`link-use.ts`),
 * and whether it may end when nobody does (`parting.ts`). It drives those machines for one connection.
 *
 * - Use wakes a resting link up; what membership says is no use of that kind.
 * - While the peer owes an answer the link is watched closely: a dead peer is found as fast as on a link that is needed.
 */
import type { ConnectionContext } from './connection-context.ts'
import type { Connection } from './connection.ts'
import { isSoon } from './expected-use.ts'
import { Keepalive } from './keepalive.ts'
import type { FrameVia, LaneName, Link } from './link.ts'
import { LinkUse } from './link-use.ts'
import { Parting, PARTING_CAPABILITY } from './parting.ts'
import type { LinkPool } from './pool.ts'

/** The reason in a goodbye that only says that nobody needs the link. */
export const IDLE_REASON = 'idle'

/** The connection as its watch uses it. */
export interface WatchedLink extends Link {
  readonly pool: LinkPool
  /** For the log. */
  fields(): Record<string, unknown>
  /** Sends a frame of the link itself. */
  control(frame: Uint8Array): void
  /** Hands a frame to its lane. Throws when that is full. */
  hand(lane: LaneName, frame: Uint8Array): boolean
  /** Calls those who wait for a lane to take frames again. */
  drained(lane: LaneName): void
  /** When the watch is due has changed. */
  wake(): void
}

/** How it stands with the link when the watch was due. */
export type WatchVerdict =
  | { readonly type: 'alive' }
  /** Nothing came for too long. */
  | { readonly type: 'dead'; readonly misses: number }
  /** The peer does not say whether the link may end. */
  | { readonly type: 'unanswered' }

const ALIVE: WatchVerdict = Object.freeze({ type: 'alive' })

/** See the file header. */
export class LinkWatch {
  readonly use: LinkUse = new LinkUse()
  readonly parting: Parting
  readonly #context: ConnectionContext
  readonly #link: WatchedLink & Connection
  /** Of an established link. */
  #keepalive: Keepalive | undefined
  #dueMs = Infinity

  constructor(context: ConnectionContext, link: WatchedLink & Connection) {
    this.#context = context
    this.#link = link
    this.parting = new Parting(context.options)
  }

  /** When `tick` must be called. */
  get dueMs(): number {
    return Math.min(this.#dueMs, this.parting.dueMs)
  }

  get rttMs(): number {
    return this.#keepalive?.rttMs ?? 0
  }

  /** The link is established. */
  begin(): void {
    const isNeeded = this.#link.pool.isNeeded(this.#link)
    this.#keepalive = Keepalive.of(this.#context, this.#link, this.#now(), isNeeded)
    this.#dueMs = this.#keepalive.dueMs
  }

  /** Nothing is waited for any more: the link ends. */
  end(): void {
    this.#dueMs = Infinity
    this.parting.over()
  }

  /** Bytes came. */
  heard(): void {
    this.#keepalive?.heard()
  }

  ping(payload: Uint8Array): void {
    const { protocol } = this.#context
    const { sequence } = protocol.readPing(payload)
    if (this.#mayAnswer()) this.#link.control(protocol.pong(sequence))
  }

  pong(payload: Uint8Array): void {
    this.#keepalive?.pong(this.#context.protocol.readPong(payload).sequence, this.#now())
  }

  /** A frame or datagram of the layers above passes: what somebody waits for, or membership. */
  mark(via: FrameVia): void {
    if (via === 'datagram' || via === 'sync') return this.use.mark()
    this.use.markWork()
    this.wakeUp()
  }

  /** A question is open: what is said waits for its answer. */
  wait(lane: LaneName, frame: Uint8Array, rest: Uint8Array | undefined): false {
    return this.parting.wait(lane, frame, rest)
  }

  wakeUp(): void {
    if (this.#keepalive?.resting !== true || this.#link.state !== 'established') return
    this.#dueMs = this.#keepalive.wakeUp(this.#now())
    this.#link.wake()
  }

  /** It is due. */
  tick(nowMs: number): WatchVerdict {
    const keepalive = this.#keepalive
    if (nowMs >= this.parting.dueMs) return { type: 'unanswered' }
    if (keepalive === undefined) return ALIVE
    const { pool } = this.#link
    const verdict = keepalive.tick(nowMs, pool.isNeeded(this.#link) || this.parting.isOpen)
    this.#dueMs = keepalive.dueMs
    if (verdict.type === 'dead') return verdict
    if (verdict.type === 'ping') {
      pool.pingsSent += 1
      this.#link.control(this.#context.protocol.ping(verdict.sequence))
    }
    return ALIVE
  }

  /** Ends the link, if the peer agrees that nobody needs it; one that knows no such question is told goodbye. */
  part(): void {
    const link = this.#link
    if (link.state !== 'established' || this.parting.isOpen || link.bytesQueued > 0) return
    if (!link.peer.capabilities.includes(PARTING_CAPABILITY)) return void link.close(IDLE_REASON)
    this.wakeUp()
    link.control(this.#context.protocol.parting(this.parting.ask(this.#now())))
    link.wake()
    link.pool.tellParting({ type: 'parting', link })
  }

  /** The peer asks. */
  asked(payload: Uint8Array): void {
    const { protocol } = this.#context
    const link = this.#link
    const message = protocol.readParting(payload)
    if (!this.#mayAnswer()) return
    const isNeeded = this.use.held || link.pool.isKept(link) || this.#isUsedSoon()
    if (this.parting.mayEnd(message, isNeeded)) void link.close(IDLE_REASON)
    else link.control(protocol.staying(message.question))
  }

  /** The peer answers that the link stays. */
  answered(payload: Uint8Array): void {
    const { question } = this.#context.protocol.readStaying(payload)
    if (!this.parting.stays(question)) return
    this.#stay()
    this.use.needed()
  }

  /** A frame of the layers above came on a lane. */
  received(): void {
    if (!this.parting.received()) return
    this.use.mark()
    this.#stay()
  }

  /** What waited goes out, before anything that comes later. */
  #stay(): void {
    const link = this.#link
    if (link.state !== 'established') return
    const waited = this.parting.take()
    for (const { lane, frame } of waited) link.hand(lane, frame)
    link.pool.tellParting({ type: 'stays', link })
    for (const lane of new Set(waited.map(({ lane }) => lane))) link.drained(lane)
  }

  /** This node would dial its peer again before long. */
  #isUsedSoon(): boolean {
    return isSoon(this.#link.pool.expectedUse(this.#link), this.#context.options)
  }

  #now(): number {
    return this.#context.clock.now()
  }

  /** Questions are bounded, of both kinds together. */
  #mayAnswer(): boolean {
    if (this.#keepalive?.ping(this.#now()) === true) return true
    this.#context.refusals.count('ERR_LINK_PING_FLOOD', this.#link.fields())
    return false
  }
}
