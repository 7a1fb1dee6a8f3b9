/**
 * Exchanges on the sync lane: a request has a number of the sender and is answered with the same number by
 * the node that it was sent to, or not at all. Bounded: `requestsMax` under way, `requestsPerPeerMax` of them
 * with one peer; what comes above it fails at once, which is what an unreachable node looks like.
 *
 * A peer takes only so many requests within a second. What is above `perSecondMax` waits here, within its
 * deadline: a burst is spread, not refused over there.
 */
import type { Clock } from '../../runtime/index.ts'
import type { Link } from '../link/link.ts'
import { Deadlines } from '../machine/deadlines.ts'
import type { Refusals } from '../refusals.ts'
import type { OnDemand } from './on-demand.ts'
import { Rates } from './rates.ts'
import type { Target } from './target.ts'

/** How requests and replies are written: frames, in order; none when the peer could not take them. */
export interface ExchangeProtocol<Request, Reply> {
  request(number: number, message: Request, frameBytesMax: number): readonly Uint8Array[]
  reply(number: number, message: Reply, frameBytesMax: number): readonly Uint8Array[]
}

/** Limits of {@link Requests}. */
export interface RequestsLimits {
  /** Requests of this node under way. */
  readonly requestsMax: number
  /** The same with one peer. */
  readonly requestsPerPeerMax: number
  /** Requests to one peer within a second; `Infinity` for no bound. */
  readonly perSecondMax: number
  /** Code of a request that found no room. */
  readonly requestsCode: string
  /** Questions of peers that are not answered yet; beyond it new ones are not taken. */
  readonly owedMax: number
  /** The same of one peer; beyond it its oldest question gets no answer. */
  readonly owedPerPeerMax: number
  /** Code of a question without an answer; undefined where that is usual. */
  readonly owedCode: string | undefined
}

/** What it needs. */
export interface RequestsParts<Request, Reply> {
  readonly protocol: ExchangeProtocol<Request, Reply>
  readonly onDemand: Pick<OnDemand, 'whenLinked'>
  readonly refusals: Refusals
  readonly clock: Clock
  readonly limits: RequestsLimits
  /** A request is held back: `nextDueMs` may be another one. */
  readonly held?: () => void
  /** First number on the wire; a restarted user must not take answers to its predecessor. */
  readonly firstNumber: number
}

/** A request under way. */
interface Pending<Request> {
  readonly requestId: number
  /** Whose room it takes; undefined when only an address is known. */
  readonly to: string | undefined
  readonly message: Request
  readonly failed: () => void
  number: number
  /** Node that it was sent to, once it was. */
  peer: string | undefined
  /** Gives up the wait for a link. */
  release: () => void
}

/** An answer that is owed. */
interface Owed {
  readonly link: Link
  readonly number: number
}

/** The books of one user. */
export class Requests<Request, Reply> {
  readonly #parts: RequestsParts<Request, Reply>
  readonly #byId = new Map<number, Pending<Request>>()
  readonly #byNumber = new Map<number, Pending<Request>>()
  readonly #deadlines = new Deadlines()
  /** Requests under way by the key of their target. */
  readonly #perPeer = new Map<string, number>()
  readonly #rates: Rates
  /** Linked, but the peer had enough for this second; in order. */
  readonly #held = new Map<Pending<Request>, Link>()
  readonly #owed = new Map<number, Owed>()
  readonly #owedPerPeer = new Map<string, Set<number>>()
  #number: number
  #replyId = 0
  #sent = 0
  #failed = 0

  constructor(parts: RequestsParts<Request, Reply>) {
    this.#parts = parts
    this.#number = parts.firstNumber >>> 0
    this.#rates = new Rates(parts.clock, parts.limits.perSecondMax)
  }

  /** Requests under way. */
  get size(): number {
    return this.#byId.size
  }

  /** When `tick` has something to do. */
  get nextDueMs(): number {
    let dueMs = this.#deadlines.earliest()
    for (const { peer } of this.#held.values()) {
      dueMs = Math.min(dueMs, this.#rates.renewedMs(peer.key.hex))
    }
    return dueMs
  }

  stats(): { readonly requestsSent: number; readonly requestsFailed: number } {
    return { requestsSent: this.#sent, requestsFailed: this.#failed }
  }

  /** Sends a request as soon as there is a link; `failed` is called when none comes, or at once. */
  send(
    requestId: number,
    to: Target,
    message: Request,
    deadlineMs: number,
    failed: () => void,
  ): void {
    const { limits, refusals, onDemand } = this.#parts
    const ofPeer = to.id === undefined ? 0 : (this.#perPeer.get(to.id) ?? 0)
    if (this.#byId.size >= limits.requestsMax || ofPeer >= limits.requestsPerPeerMax) {
      this.#failed += 1
      refusals.count(limits.requestsCode, { peer: to.id }, { level: 'debug' })
      return failed()
    }
    const pending: Pending<Request> = {
      requestId,
      to: to.id,
      message,
      failed,
      number: 0,
      peer: undefined,
      release: () => {},
    }
    this.#byId.set(requestId, pending)
    this.#deadlines.set(requestId, deadlineMs)
    if (to.id !== undefined) this.#perPeer.set(to.id, ofPeer + 1)
    pending.release = onDemand.whenLinked(
      to,
      (link) => this.#linked(link, pending),
      () => this.#fail(pending),
    )
  }

  /** Sends a request whose answer nobody waits for. */
  tell(link: Link, message: Request): void {
    this.#number = (this.#number + 1) >>> 0
    const { frameBytesMax } = link.peer
    this.#write(link, this.#parts.protocol.request(this.#number, message, frameBytesMax))
  }

  /** Nobody waits for it any more. */
  cancel(requestId: number): void {
    const pending = this.#byId.get(requestId)
    if (pending !== undefined) this.#drop(pending)
  }

  /** An answer came: the request that it belongs to, or undefined. Each is given once. */
  answered(peer: string, number: number): number | undefined {
    const pending = this.#byNumber.get(number)
    if (pending === undefined || pending.peer !== peer) return undefined
    this.#drop(pending)
    return pending.requestId
  }

  /** Time has passed: sends what was held back, and gives requests whose time is over; they are forgotten. */
  tick(nowMs: number): number[] {
    for (const [pending, link] of this.#held) {
      if (this.#rates.allow(link.peer.key.hex)) this.#transmit(link, pending)
    }
    const overdue: number[] = []
    while (this.#deadlines.earliest() <= nowMs) {
      const requestId = this.#deadlines.first()
      this.cancel(requestId)
      this.#failed += 1
      overdue.push(requestId)
    }
    return overdue
  }

  /** Requests that were sent to a node whose link is gone; they are forgotten. */
  linkDown(peer: string): number[] {
    this.#rates.forget(peer)
    const taken: number[] = []
    for (const pending of this.#byId.values()) {
      if (pending.peer !== peer && this.#held.get(pending)?.peer.key.hex !== peer) continue
      this.#drop(pending)
      this.#failed += 1
      taken.push(pending.requestId)
    }
    for (const [replyId, { link }] of this.#owed) {
      if (link.peer.key.hex === peer) this.#settle(replyId)
    }
    return taken
  }

  /** A peer asks: the id under which it is answered; undefined when there is no room for it. */
  asked(link: Link, number: number): number | undefined {
    const { owedMax, owedPerPeerMax } = this.#parts.limits
    const { hex } = link.peer.key
    const ofPeer = this.#owedPerPeer.get(hex) ?? new Set()
    if (ofPeer.size >= owedPerPeerMax) {
      for (const oldest of ofPeer) {
        this.#settle(oldest)
        break
      }
      this.#unanswered(link)
    }
    if (this.#owed.size >= owedMax) {
      this.#unanswered(link)
      return undefined
    }
    this.#replyId += 1
    this.#owed.set(this.#replyId, { link, number })
    this.#owedPerPeer.set(hex, ofPeer.add(this.#replyId))
    return this.#replyId
  }

  /** Answers a peer. */
  reply(replyId: number, message: Reply): void {
    const owed = this.#settle(replyId)
    if (owed === undefined) return
    const { link, number } = owed
    this.#write(link, this.#parts.protocol.reply(number, message, link.peer.frameBytesMax))
  }

  /** Gives back the place of a question that is not answered, if it was not. */
  release(replyId: number): void {
    this.#settle(replyId)
  }

  /** Forgets everything. */
  close(): void {
    for (const { release } of this.#byId.values()) release()
    this.#byId.clear()
    this.#byNumber.clear()
    this.#deadlines.clear()
    this.#perPeer.clear()
    this.#held.clear()
    this.#owed.clear()
    this.#owedPerPeer.clear()
  }

  #linked(link: Link, pending: Pending<Request>): void {
    if (this.#byId.get(pending.requestId) !== pending) return
    if (this.#rates.allow(link.peer.key.hex)) return this.#transmit(link, pending)
    this.#held.set(pending, link)
    this.#parts.held?.()
  }

  #transmit(link: Link, pending: Pending<Request>): void {
    this.#held.delete(pending)
    this.#number = (this.#number + 1) >>> 0
    pending.number = this.#number
    pending.peer = link.peer.key.hex
    this.#byNumber.set(pending.number, pending)
    this.#sent += 1
    const { frameBytesMax } = link.peer
    const frames = this.#parts.protocol.request(pending.number, pending.message, frameBytesMax)
    if (!this.#write(link, frames)) this.#fail(pending)
  }

  /** False when a frame was not taken: the lane is full, or the frame larger than the peer takes. */
  #write(link: Link, frames: readonly Uint8Array[]): boolean {
    if (link.state !== 'established' || frames.length === 0) return false
    try {
      for (const frame of frames) link.send('sync', frame)
      return true
    } catch (error) {
      // The link has counted it under its own code.
      if (isLinkError(error)) return false
      throw error
    }
  }

  #settle(replyId: number): Owed | undefined {
    const owed = this.#owed.get(replyId)
    if (owed === undefined) return undefined
    this.#owed.delete(replyId)
    const { hex } = owed.link.peer.key
    const ofPeer = this.#owedPerPeer.get(hex)
    ofPeer?.delete(replyId)
    if (ofPeer?.size === 0) this.#owedPerPeer.delete(hex)
    return owed
  }

  #unanswered(link: Link): void {
    const { refusals, limits } = this.#parts
    if (limits.owedCode !== undefined) refusals.count(limits.owedCode, { peer: link.peer.nodeId })
  }

  #fail(pending: Pending<Request>): void {
    if (this.#byId.get(pending.requestId) !== pending) return
    this.#drop(pending)
    this.#failed += 1
    pending.failed()
  }

  #drop(pending: Pending<Request>): void {
    const { requestId, number, to } = pending
    this.#byId.delete(requestId)
    this.#deadlines.delete(requestId)
    this.#held.delete(pending)
    if (this.#byNumber.get(number) === pending) this.#byNumber.delete(number)
    if (to !== undefined) decrement(this.#perPeer, to)
    pending.release()
  }
}

function decrement(counts: Map<string, number>, key: string): void {
  const count = (counts.get(key) ?? 0) - 1
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}

function isLinkError(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return code === 'ERR_LINK_QUEUE_FULL' || code === 'ERR_LINK_FRAME_TOO_LARGE'
}
