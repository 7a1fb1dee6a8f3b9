/**
 * The plain member exchange, as a pure machine: links report up and down, peers report whom they
 * know, and out come dials, sync frames and events. It makes a full mesh of up to `membersMax`
 * nodes: a newcomer that knows one node hears of all others from it and dials them (ML11).
 *
 * Invariants:
 * - Only a node speaks for itself: state, incarnation and address of a member come from its own
 *   hello over its own link. An entry about X from Y is an address to try, and only while X is not
 *   up (H37).
 * - A member that left is not dialled until it dials us; one that went down is dialled with growing
 *   pauses until it is forgotten (`downMemberForgetMs`).
 * - Bounded: `membersMax` members; one neighbour can make us try at most `hearsayMax` strangers at a
 *   time; a stranger that does not answer `HEARSAY_ATTEMPTS_MAX` dials is forgotten. Dials begin within
 *   the shares of `dial-room.ts`, longest due first.
 */
import { Backoff } from '../link/backoff.ts'
import type { LinkDownReason } from '../link/reasons.ts'
import type { NodeKey } from '../identity/node-key.ts'
import type { TransportAddress } from '../transport/transport.ts'
import { DialRoom } from './dial-room.ts'
import type { Member, MemberEvent, MemberState } from './membership.ts'

/** Dials of {@link MemberExchange}; `mesh/options.ts` has their defaults. */
export interface ExchangeOptions {
  readonly ownKeyHex: string
  readonly membersMax: number
  /** Strangers that one neighbour may make us try at a time. */
  readonly hearsayMax: number
  /** Dials of the whole node at once; the exchange takes a share of them, see `dial-room.ts`. */
  readonly dialsMax: number
  readonly downMemberForgetMs: number
  /** One neighbour, chosen by chance, is told everything this often. */
  readonly syncIntervalMs: number
  readonly reconnectBaseMs: number
  readonly reconnectMaxMs: number
}

/** A node as its own hello describes it. */
export interface ProvenPeer {
  readonly key: NodeKey
  readonly name: string
  readonly address: TransportAddress
  readonly incarnation: number
}

/** A line of a `swim_sync` frame. */
export interface SyncEntry {
  readonly key: NodeKey
  readonly name: string
  readonly host: string
  readonly port: number
  readonly incarnation: number
}

/** What the driver does. */
export type ExchangeEffect =
  | { readonly type: 'event'; readonly event: MemberEvent }
  /** Dial; answer with `dialFailed`, or with `linkUp` when it worked. */
  | { readonly type: 'dial'; readonly key: NodeKey; readonly address: TransportAddress }
  | { readonly type: 'sync'; readonly to: string; readonly entries: readonly SyncEntry[] }
  | { readonly type: 'refused'; readonly code: RefusedEntry; readonly count: number }

/** Why entries of a sync were not taken. */
export type RefusedEntry = 'ERR_MEMBERS_FULL' | 'ERR_MEMBERS_HEARSAY_FULL'

/** A stranger that does not answer this many dials is forgotten. */
const HEARSAY_ATTEMPTS_MAX = 3

/** Addresses from hearsay kept per member, beside the proven one. */
const HINTS_MAX = 3

class Entry {
  readonly key: NodeKey
  name: string
  /** Proven when `incarnation` is not 0. */
  address: TransportAddress
  hints: TransportAddress[] = []
  incarnation = 0
  state: MemberState = 'connecting'
  sinceMs: number
  reason: LinkDownReason | undefined
  /** Who told us, while we have never been linked. */
  toldBy: string | undefined
  dialing = false
  /** The dial under way goes to a proven member where hearsay has it. */
  dialsHint = false
  dueMs = Infinity
  readonly backoff: Backoff

  constructor(key: NodeKey, name: string, address: TransportAddress, sinceMs: number, b: Backoff) {
    this.key = key
    this.name = name
    this.address = address
    this.sinceMs = sinceMs
    this.backoff = b
  }

  /** Hearsay in turn, but a proven address is tried first and every other time. */
  nextAddress(): TransportAddress {
    const { attempts } = this.backoff
    const places = this.hints.length
    if (places === 0) return this.address
    if (this.incarnation === 0) return [this.address, ...this.hints][attempts % (1 + places)]!
    return attempts % 2 === 1 ? this.address : this.hints[(attempts >> 1) % places]!
  }

  view(): Member {
    const { key, name, address, incarnation, state, sinceMs, reason } = this
    const nodeId = `${name}@${formatHostPort(address)}`
    const base = { key, nodeId, address, incarnation, state, sinceMs }
    return reason === undefined ? base : { ...base, reason }
  }
}

/** The members of one node's mesh. */
export class MemberExchange {
  readonly #options: ExchangeOptions
  readonly #chance: () => number
  readonly #entries = new Map<string, Entry>()
  /** Strangers under trial by the neighbour who told us. */
  readonly #hearsay = new Map<string, number>()
  #syncDueMs: number

  constructor(options: ExchangeOptions, chance: () => number, nowMs: number) {
    this.#options = options
    this.#chance = chance
    this.#syncDueMs = nowMs + options.syncIntervalMs * (0.5 + chance() / 2)
  }

  /** Everybody known, in order of first acquaintance. */
  members(): Member[] {
    return Array.from(this.#entries.values(), (entry) => entry.view())
  }

  /** The member with that key. */
  member(keyHex: string): Member | undefined {
    return this.#entries.get(keyHex)?.view()
  }

  /** Takes over what an earlier machine knew, as members to try again. Nobody is `up` yet. */
  restore(members: readonly Member[], nowMs: number): void {
    for (const member of members) {
      // A stranger is forgotten: whoever told us will tell us again.
      if (this.#entries.has(member.key.hex) || member.state === 'connecting') continue
      const name = member.nodeId.slice(0, member.nodeId.indexOf('@'))
      const entry = this.#add(member.key, name, member.address, nowMs)
      entry.incarnation = member.incarnation
      entry.state = member.state === 'up' ? 'down' : member.state
      entry.sinceMs = member.state === 'up' ? nowMs : member.sinceMs
      entry.reason = member.state === 'up' ? 'connection_closed' : member.reason
      entry.dueMs = entry.state === 'left' ? Infinity : nowMs + entry.backoff.nextMs(this.#chance())
    }
  }

  /** An accepted link to `peer` is up. */
  linkUp(peer: ProvenPeer, nowMs: number): ExchangeEffect[] {
    const effects: ExchangeEffect[] = []
    let entry = this.#entries.get(peer.key.hex)
    if (entry === undefined) {
      if (this.#entries.size >= this.#options.membersMax) this.#evict(effects)
      entry = this.#add(peer.key, peer.name, peer.address, nowMs)
    }
    this.#proven(entry)
    entry.name = peer.name
    entry.address = peer.address
    entry.incarnation = peer.incarnation
    entry.hints = []
    entry.dialing = false
    entry.dueMs = Infinity
    entry.reason = undefined
    entry.backoff.reset()
    effects.push({ type: 'sync', to: peer.key.hex, entries: this.#syncFor(peer.key.hex) })
    effects.push(change(entry, 'up', nowMs))
    return effects
  }

  /** The link to that member ended. */
  linkDown(keyHex: string, reason: LinkDownReason, nowMs: number): ExchangeEffect[] {
    const entry = this.#entries.get(keyHex)
    if (entry === undefined || entry.state !== 'up') return []
    const left = reason === 'graceful_shutdown'
    entry.reason = reason
    entry.dueMs = left ? Infinity : nowMs + entry.backoff.nextMs(this.#chance())
    return [change(entry, left ? 'left' : 'down', nowMs)]
  }

  /** A neighbour told whom it is linked with. */
  sync(fromHex: string, entries: readonly SyncEntry[], nowMs: number): ExchangeEffect[] {
    const effects: ExchangeEffect[] = []
    let full = 0
    let tooMuch = 0
    for (const told of entries) {
      const hex = told.key.hex
      if (hex === this.#options.ownKeyHex || hex === fromHex) continue
      const address = { host: told.host, port: told.port }
      const known = this.#entries.get(hex)
      if (known !== undefined) this.#hint(known, address, told.incarnation, nowMs)
      else if (this.#entries.size >= this.#options.membersMax) full += 1
      else if ((this.#hearsay.get(fromHex) ?? 0) >= this.#options.hearsayMax) tooMuch += 1
      else {
        const entry = this.#add(told.key, told.name, address, nowMs)
        entry.toldBy = fromHex
        entry.dueMs = nowMs
        this.#hearsay.set(fromHex, (this.#hearsay.get(fromHex) ?? 0) + 1)
        effects.push(change(entry, 'connecting', nowMs))
      }
    }
    if (full > 0) effects.push({ type: 'refused', code: 'ERR_MEMBERS_FULL', count: full })
    if (tooMuch > 0) {
      effects.push({ type: 'refused', code: 'ERR_MEMBERS_HEARSAY_FULL', count: tooMuch })
    }
    effects.push(...this.#dials(nowMs))
    return effects
  }

  /** A dial that `dial` asked for did not end in a link. `lasting` failures wait longest. */
  dialFailed(keyHex: string, lasting: boolean, nowMs: number): ExchangeEffect[] {
    const entry = this.#entries.get(keyHex)
    if (entry === undefined || !entry.dialing) return []
    entry.dialing = false
    if (entry.state === 'up' || entry.state === 'left') return []
    const chance = this.#chance()
    // Who lives at an address that somebody invented says nothing about the member.
    const waitMs =
      lasting && !entry.dialsHint ? entry.backoff.longestMs(chance) : entry.backoff.nextMs(chance)
    entry.dueMs = nowMs + waitMs
    if (entry.toldBy === undefined || entry.backoff.attempts < HEARSAY_ATTEMPTS_MAX) return []
    return [this.#forget(entry)]
  }

  /** Time has passed: dials that are due, members to forget, the periodic sync. */
  tick(nowMs: number): ExchangeEffect[] {
    const effects: ExchangeEffect[] = []
    for (const entry of this.#entries.values()) {
      if (nowMs >= this.#forgetAtMs(entry)) effects.push(this.#forget(entry))
    }
    effects.push(...this.#dials(nowMs))
    if (nowMs >= this.#syncDueMs) {
      this.#syncDueMs = nowMs + this.#options.syncIntervalMs * (0.5 + this.#chance() / 2)
      const up = Array.from(this.#entries.values()).filter((entry) => entry.state === 'up')
      const chosen = up[Math.floor(this.#chance() * up.length)]
      if (chosen !== undefined) {
        const to = chosen.key.hex
        effects.push({ type: 'sync', to, entries: this.#syncFor(to) })
      }
    }
    return effects
  }

  /** When `tick` has something to do. */
  nextDueMs(): number {
    let dueMs = this.#syncDueMs
    const room = this.#dialRoom()
    for (const entry of this.#entries.values()) {
      // Without room it waits for the end of another dial, which is reported.
      if (!entry.dialing && room.has(entry.toldBy)) dueMs = Math.min(dueMs, entry.dueMs)
      dueMs = Math.min(dueMs, this.#forgetAtMs(entry))
    }
    return dueMs
  }

  #add(key: NodeKey, name: string, address: TransportAddress, nowMs: number): Entry {
    const { reconnectBaseMs: baseMs, reconnectMaxMs: maxMs } = this.#options
    const entry = new Entry(key, name, address, nowMs, new Backoff({ baseMs, maxMs }))
    this.#entries.set(key.hex, entry)
    return entry
  }

  #dials(nowMs: number): ExchangeEffect[] {
    const effects: ExchangeEffect[] = []
    const due = Array.from(this.#entries.values()).filter((e) => !e.dialing && nowMs >= e.dueMs)
    if (due.length === 0) return effects
    const room = this.#dialRoom()
    for (const entry of due.sort((a, b) => a.dueMs - b.dueMs)) {
      if (!room.has(entry.toldBy)) continue
      room.take(entry.toldBy)
      entry.dialing = true
      entry.dueMs = Infinity
      const address = entry.nextAddress()
      entry.dialsHint = entry.incarnation > 0 && address !== entry.address
      effects.push({ type: 'dial', key: entry.key, address })
    }
    return effects
  }

  #dialRoom(): DialRoom {
    const room = new DialRoom(this.#options.dialsMax)
    for (const entry of this.#entries.values()) if (entry.dialing) room.take(entry.toldBy)
    return room
  }

  /** Hearsay about a known member: a further address, or a reason to try one that left again. */
  #hint(entry: Entry, address: TransportAddress, incarnation: number, nowMs: number): void {
    if (entry.state === 'up') return
    if (entry.state === 'left') {
      // It runs again as a newer incarnation, says Y; asking it costs one dial.
      if (incarnation > entry.incarnation && !entry.dialing && entry.dueMs === Infinity) {
        entry.dueMs = nowMs
      } else return
    }
    const known = [entry.address, ...entry.hints]
    if (known.some((a) => a.host === address.host && a.port === address.port)) return
    entry.hints = [address, ...entry.hints].slice(0, HINTS_MAX)
  }

  #forgetAtMs(entry: Entry): number {
    const gone = entry.state === 'down' || entry.state === 'left'
    return gone ? entry.sinceMs + this.#options.downMemberForgetMs : Infinity
  }

  #forget(entry: Entry): ExchangeEffect {
    this.#proven(entry)
    this.#entries.delete(entry.key.hex)
    return { type: 'event', event: { type: 'forgotten', member: entry.view() } }
  }

  /** Ends the trial of a stranger, well or badly. */
  #proven(entry: Entry): void {
    if (entry.toldBy === undefined) return
    const left = (this.#hearsay.get(entry.toldBy) ?? 1) - 1
    if (left === 0) this.#hearsay.delete(entry.toldBy)
    else this.#hearsay.set(entry.toldBy, left)
    entry.toldBy = undefined
  }

  /** Makes room for a node that is really there: a stranger goes first, then the longest gone. */
  #evict(effects: ExchangeEffect[]): void {
    let worst: Entry | undefined
    for (const entry of this.#entries.values()) {
      if (entry.state === 'up') continue
      if (worst === undefined || evictsBefore(entry, worst)) worst = entry
    }
    if (worst !== undefined) effects.push(this.#forget(worst))
  }

  #syncFor(toHex: string): SyncEntry[] {
    const entries: SyncEntry[] = []
    for (const { key, name, address, incarnation, state } of this.#entries.values()) {
      if (state !== 'up' || key.hex === toHex) continue
      entries.push({ key, name, host: address.host, port: address.port, incarnation })
    }
    return entries
  }
}

function evictsBefore(a: Entry, b: Entry): boolean {
  const strangerA = a.state === 'connecting'
  const strangerB = b.state === 'connecting'
  return strangerA === strangerB ? a.sinceMs < b.sinceMs : strangerA
}

function change(entry: Entry, state: MemberState, nowMs: number): ExchangeEffect {
  entry.state = state
  entry.sinceMs = nowMs
  return { type: 'event', event: { type: state, member: entry.view() } }
}

function formatHostPort({ host, port }: TransportAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
