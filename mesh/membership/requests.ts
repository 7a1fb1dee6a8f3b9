/**
 * Exchanges on the sync lane: a request has a number of the sender and is answered with the same number by
 * the node that it was sent to, or not at all. Bounded: `REQUESTS_MAX` under way; what comes above it
 * fails at once, which is what an unreachable node looks like.
 */
import type { Link } from '../link/link.ts'
import type { Refusals } from '../refusals.ts'
import type { OnDemand } from './on-demand.ts'
import type { Contact } from './swim/machine.ts'
import type { SwimReply, SwimRequest } from './swim/message.ts'
import type { SwimProtocol } from './swim-protocol.ts'

/** Requests of this node under way. */
export const REQUESTS_MAX = 64

/** Questions of peers that the core has not answered; it answers at once, so this is never reached. */
const OWED_MAX = 64

/** What it needs. */
export interface RequestsParts {
  readonly protocol: SwimProtocol
  readonly onDemand: OnDemand
  readonly refusals: Refusals
  /** First number on the wire; a restarted detector must not take answers to its predecessor. */
  readonly firstNumber: number
}

/** A request under way. */
interface Pending {
  readonly requestId: number
  readonly deadlineMs: number
  number: number
  /** Node that it was sent to, once it was. */
  peer: string | undefined
}

/** An answer that is owed. */
interface Owed {
  readonly link: Link
  readonly number: number
}

/** The books of one detector. */
export class Requests {
  readonly #parts: RequestsParts
  readonly #byId = new Map<number, Pending>()
  readonly #byNumber = new Map<number, Pending>()
  readonly #owed = new Map<number, Owed>()
  #number: number
  #replyId = 0
  #sent = 0
  #failed = 0

  constructor(parts: RequestsParts) {
    this.#parts = parts
    this.#number = parts.firstNumber >>> 0
  }

  /** When `takeOverdue` has something to give. */
  get nextDueMs(): number {
    let dueMs = Infinity
    for (const { deadlineMs } of this.#byId.values()) dueMs = Math.min(dueMs, deadlineMs)
    return dueMs
  }

  stats(): { readonly requestsSent: number; readonly requestsFailed: number } {
    return { requestsSent: this.#sent, requestsFailed: this.#failed }
  }

  /** Sends a request as soon as there is a link; `failed` is called when none comes, or at once. */
  send(
    requestId: number,
    to: Contact,
    message: SwimRequest,
    deadlineMs: number,
    failed: () => void,
  ): void {
    if (this.#byId.size >= REQUESTS_MAX) {
      this.#failed += 1
      this.#parts.refusals.count('ERR_MEMBERS_REQUESTS_MAX', { peer: to.id })
      return failed()
    }
    const pending: Pending = { requestId, deadlineMs, number: 0, peer: undefined }
    this.#byId.set(requestId, pending)
    this.#parts.onDemand.whenLinked(
      to,
      (link) => {
        if (this.#byId.get(requestId) !== pending) return
        if (!this.#transmit(link, pending, message)) this.#fail(pending, failed)
      },
      () => this.#fail(pending, failed),
    )
  }

  /** Sends a request whose answer nobody waits for. */
  tell(link: Link, message: SwimRequest): void {
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

  /** Requests whose time is over; they are forgotten. */
  takeOverdue(nowMs: number): number[] {
    return this.#take(({ deadlineMs }) => deadlineMs <= nowMs)
  }

  /** Requests that were sent to a node whose link is gone; they are forgotten. */
  linkDown(peer: string): number[] {
    return this.#take((pending) => pending.peer === peer)
  }

  /** A peer asks: the id under which it is answered. */
  asked(link: Link, number: number): number {
    this.#replyId += 1
    this.#owed.set(this.#replyId, { link, number })
    if (this.#owed.size > OWED_MAX) this.#owed.delete(this.#replyId - OWED_MAX)
    return this.#replyId
  }

  /** Answers a peer. */
  reply(replyId: number, message: SwimReply): void {
    const owed = this.#owed.get(replyId)
    if (owed === undefined) return
    this.#owed.delete(replyId)
    const { link, number } = owed
    this.#write(link, this.#parts.protocol.reply(number, message, link.peer.frameBytesMax))
  }

  /** Forgets everything. */
  close(): void {
    this.#byId.clear()
    this.#byNumber.clear()
    this.#owed.clear()
  }

  #transmit(link: Link, pending: Pending, message: SwimRequest): boolean {
    this.#number = (this.#number + 1) >>> 0
    pending.number = this.#number
    pending.peer = link.peer.key.hex
    this.#byNumber.set(pending.number, pending)
    this.#sent += 1
    const { frameBytesMax } = link.peer
    return this.#write(link, this.#parts.protocol.request(pending.number, message, frameBytesMax))
  }

  /** False when a frame was not taken: the lane is full, or the frame larger than the peer takes. */
  #write(link: Link, frames: readonly Uint8Array[]): boolean {
    if (link.state !== 'established') return false
    try {
      for (const frame of frames) link.send('sync', frame)
      return true
    } catch (error) {
      // The link has counted it under its own code.
      if (isLinkError(error)) return false
      throw error
    }
  }

  #take(which: (pending: Pending) => boolean): number[] {
    const taken: number[] = []
    for (const pending of this.#byId.values()) {
      if (!which(pending)) continue
      this.#drop(pending)
      this.#failed += 1
      taken.push(pending.requestId)
    }
    return taken
  }

  #fail(pending: Pending, failed: () => void): void {
    if (this.#byId.get(pending.requestId) !== pending) return
    this.#drop(pending)
    this.#failed += 1
    failed()
  }

  #drop(pending: Pending): void {
    this.#byId.delete(pending.requestId)
    if (this.#byNumber.get(pending.number) === pending) this.#byNumber.delete(pending.number)
  }
}

function isLinkError(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown }
  return code === 'ERR_LINK_QUEUE_FULL' || code === 'ERR_LINK_FRAME_TOO_LARGE'
}
