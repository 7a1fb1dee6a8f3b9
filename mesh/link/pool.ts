/**
 * The links of a node by the key of their peer: who is established, who is on the way, and who may
 * come. Synchronous; it outlives the processes of the links.
 *
 * Invariants:
 * - Never two established links to one key: `judge` tears the old one down (its `down` event first)
 *   before the new one is accepted.
 * - Never more than `linksMax` established, `handshakesMax` others.
 * - Every `up` is followed by exactly one `down` of the same link, also when link processes die.
 */
import { compareNodeKeys } from '../identity/node-key.ts'
import type { NodeKey } from '../identity/node-key.ts'
import { setNewest } from '../machine/newest.ts'
import type { Connection } from './connection.ts'
import { judgeDial } from './dial-race.ts'
import type { DialOffer } from './dial-race.ts'
import { NO_USE } from './expected-use.ts'
import type { ExpectedUse } from './expected-use.ts'
import type { RejectReason, Verdict } from './handshake.ts'
import type { Link, LinkEvent } from './link.ts'
import type { PartingEvent } from './parting.ts'
import type { LinkDownReason } from './reasons.ts'

/** Limits of {@link LinkPool}. */
export interface PoolOptions {
  readonly linksMax: number
  /** Connections that are not links yet, or no longer. */
  readonly handshakesMax: number
  /** Peers whose newest incarnation is remembered after their link is gone. */
  readonly incarnationsMax: number
}

/** Whether a dial that reached a node may send its `connect`. */
export type DialClaim =
  | { readonly type: 'go' }
  /** There is a link already. */
  | { readonly type: 'linked'; readonly link: Link }
  /** Another dial to that node is ahead. */
  | { readonly type: 'busy' }
  | { readonly type: 'self' }
  | { readonly type: 'full' }
  | { readonly type: 'stopping' }

/** All links of a node. */
export class LinkPool {
  readonly #ownKey: NodeKey
  readonly #options: PoolOptions
  readonly #onHandlerError: (error: unknown) => void
  readonly #links = new Map<string, Connection>()
  /** Dials whose `connect` was sent, by key of the peer. */
  readonly #dials = new Map<string, Connection>()
  /** Connections that are no established link: before, or lingering after. */
  readonly #pending = new Set<Connection>()
  /** Newest incarnation that a key has proven, oldest entry first. */
  readonly #incarnations = new Map<string, number>()
  readonly #handlers = new Set<(event: LinkEvent) => void>()
  readonly #partings = new Set<(event: PartingEvent<Link>) => void>()
  readonly #vetoes = new Set<(link: Link) => boolean>()
  #expectedUse: ((link: Link) => ExpectedUse) | undefined
  /** Keepalive pings sent on all links, ever. */
  pingsSent = 0
  #linksMade = 0
  #accepting = true

  constructor(ownKey: NodeKey, options: PoolOptions, onHandlerError: (error: unknown) => void) {
    this.#ownKey = ownKey
    this.#options = options
    this.#onHandlerError = onHandlerError
  }

  /** False when the mesh stops: nobody comes in and no dial goes out. */
  get accepting(): boolean {
    return this.#accepting
  }

  /** Established links that there may be. */
  get linksMax(): number {
    return this.#options.linksMax
  }

  /** Connections that are no established link. */
  get pendingCount(): number {
    return this.#pending.size
  }

  /** Every established link. */
  links(): readonly Connection[] {
    return Array.from(this.#links.values())
  }

  /** Links that came up, ever. */
  get linksMade(): number {
    return this.#linksMade
  }

  get linkCount(): number {
    return this.#links.size
  }

  /** Established links that somebody holds. */
  get heldCount(): number {
    let count = 0
    for (const { use } of this.#links.values()) if (use.held) count += 1
    return count
  }

  /** The established link in that place, by age; undefined outside. */
  linkAt(place: number): Connection | undefined {
    let at = 0
    for (const link of this.#links.values()) {
      if (at === place) return link
      at += 1
    }
    return undefined
  }

  /** The established link to that node. */
  link(keyHex: string): Connection | undefined {
    return this.#links.get(keyHex)
  }

  /** The same, for whoever has something to say now: not one that may be about to end. */
  usable(keyHex: string): Connection | undefined {
    const link = this.#links.get(keyHex)
    return link?.isParting === true ? undefined : link
  }

  /** Calls `handler` for every link that comes up or goes down; gives the way to stop. */
  onLink(handler: (event: LinkEvent) => void): () => void {
    // A wrapper, so that the same function registered twice is called and removed twice.
    const entry = (event: LinkEvent): void => handler(event)
    this.#handlers.add(entry)
    return () => void this.#handlers.delete(entry)
  }

  /** Calls `handler` for every link that may be about to end, and when it goes on; gives the way to stop. */
  onParting(handler: (event: PartingEvent<Link>) => void): () => void {
    const entry = (event: PartingEvent<Link>): void => handler(event)
    this.#partings.add(entry)
    return () => void this.#partings.delete(entry)
  }

  /** Asks `veto` before a link is closed because it is idle; gives the way to stop. */
  keepLinks(veto: (link: Link) => boolean): () => void {
    const entry = (link: Link): boolean => veto(link)
    this.#vetoes.add(entry)
    return () => void this.#vetoes.delete(entry)
  }

  /** Whether somebody still needs that link. A veto that throws counts as one. */
  isKept(link: Link): boolean {
    for (const veto of this.#vetoes) {
      try {
        if (veto(link)) return true
      } catch (error) {
        this.#onHandlerError(error)
        return true
      }
    }
    return false
  }

  /** Asks `expectedUse` when this node will speak on a link of its own accord; gives the way to stop. */
  foretell(expectedUse: (link: Link) => ExpectedUse): () => void {
    this.#expectedUse = expectedUse
    return () => {
      if (this.#expectedUse === expectedUse) this.#expectedUse = undefined
    }
  }

  /** When this node will speak on that link of its own accord. */
  expectedUse(link: Link): ExpectedUse {
    return this.#expectedUse?.(link) ?? NO_USE
  }

  /** Whether somebody needs that link, or has used it for work since the last question. */
  isNeeded(link: Connection): boolean {
    const { use } = link
    return use.takeWork() || use.watched || this.isKept(link)
  }

  /** True when one more handshake may begin. */
  hasRoom(): boolean {
    return this.#accepting && this.#pending.size < this.#options.handshakesMax
  }

  /**
   * Ends the incoming handshake that is due first, if it is due before `dueMs`: a peer that connects
   * and stays silent must not keep out one that speaks. False when there is none.
   */
  makeRoom(dueMs: number): boolean {
    if (!this.#accepting) return false
    for (const connection of this.#pending) {
      if (connection.initiator || connection.state !== 'handshaking') continue
      // In order of arrival, so this one is due first.
      if (connection.nextDueMs > dueMs) return false
      connection.giveWay()
      this.#pending.delete(connection)
      return true
    }
    return false
  }

  /** A connection begins its handshake. */
  begin(connection: Connection): void {
    this.#pending.add(connection)
    if (connection.initiator) this.#dials.set(connection.peerKey.hex, connection)
  }

  /** May a dial that has reached `key` send its `connect`? */
  claim(key: NodeKey): DialClaim {
    if (key.hex === this.#ownKey.hex) return { type: 'self' }
    const link = this.#links.get(key.hex)
    if (link !== undefined) return { type: 'linked', link }
    if (!this.#accepting) return { type: 'stopping' }
    if (this.#dials.has(key.hex)) return { type: 'busy' }
    if (this.#links.size + this.#dials.size >= this.#options.linksMax) return { type: 'full' }
    return { type: 'go' }
  }

  /** Judges a peer's complete `connect`; when it accepts, the way is already clear. */
  judge(connection: Connection, offer: DialOffer): Verdict {
    const { hex } = connection.peerKey
    if (!this.#accepting) return { type: 'reject', reason: 'not_accepting' }
    const link = this.#links.get(hex)
    const verdict = judgeDial({
      keyOrder: compareNodeKeys(this.#ownKey, connection.peerKey),
      dialing: this.#dials.has(hex),
      established:
        link === undefined
          ? undefined
          : { incarnation: link.peer.incarnation, peerDials: link.peerDials },
      incarnationProven: this.#incarnations.get(hex) ?? 0,
      offer,
    })
    if (verdict.type === 'reject') return verdict
    if (!verdict.replace && this.#links.size >= this.#options.linksMax) {
      return { type: 'reject', reason: 'too_many_links' }
    }
    // One that is about to end has ended for a peer that dials: it has said goodbye, or lost it.
    const isSameLife = link?.peer.incarnation === offer.incarnation
    const isRested = link?.isParting === true && isSameLife
    if (verdict.replace) link?.replace(isRested ? 'idle' : 'connection_closed')
    if (verdict.dropDial) this.#dials.get(hex)?.abandon()
    return verdict
  }

  /**
   * An accepted connection becomes a link, or the reason why not: a dialler learns the incarnation of
   * its peer only now, and others may have come up meanwhile.
   */
  up(connection: Connection): RejectReason | undefined {
    const { hex } = connection.peerKey
    this.dropDial(connection)
    if (this.#links.has(hex)) return 'simultaneous_dial'
    if (this.#links.size >= this.#options.linksMax) return 'too_many_links'
    if (connection.peer.incarnation < (this.#incarnations.get(hex) ?? 0)) return 'stale_incarnation'
    this.#pending.delete(connection)
    this.#links.set(hex, connection)
    this.#linksMade += 1
    const { incarnation } = connection.peer
    setNewest(this.#incarnations, hex, incarnation, this.#options.incarnationsMax)
    return undefined
  }

  /** A link went down; its connection may still say its goodbye. */
  down(connection: Connection, reason: LinkDownReason): void {
    const { hex } = connection.peerKey
    if (this.#links.get(hex) === connection) this.#links.delete(hex)
    if (connection.state !== 'closed') this.#pending.add(connection)
    this.announce({ type: 'down', link: connection, reason })
  }

  /** Nothing of the connection is left, or it lost its race. */
  forget(connection: Connection): void {
    this.#pending.delete(connection)
    this.dropDial(connection)
  }

  /** A dial that is given up must not count as under way any more. */
  dropDial(connection: Connection): void {
    if (this.#dials.get(connection.peerKey.hex) === connection) {
      this.#dials.delete(connection.peerKey.hex)
    }
  }

  /** Tells every handler; one that throws harms nobody else. */
  announce(event: LinkEvent): void {
    this.#tell(this.#handlers, event)
  }

  /** As `announce`. */
  tellParting(event: PartingEvent<Link>): void {
    this.#tell(this.#partings, event)
  }

  #tell<E>(handlers: ReadonlySet<(event: E) => void>, event: E): void {
    for (const handler of handlers) {
      try {
        handler(event)
      } catch (error) {
        this.#onHandlerError(error)
      }
    }
  }

  /** Lets nobody in any more and says goodbye to all; resolves when every connection is gone. */
  async leave(reason: string): Promise<void> {
    this.#accepting = false
    const all = [...this.#links.values(), ...this.#pending]
    await Promise.all(all.map((connection) => connection.close(reason)))
  }
}
