/**
 * What peers tell about themselves and, if they are gateways, about peers at their edge (`hearing.ts`), kept as
 * entries (`claims.ts`). Entries of a node count while it is linked, and a lease longer; they end at once when the
 * node is known to be gone, or speaks in another life. When that node is a gateway, the topics of peers at its edge are
 * *orphaned*: they count for `edgeLeaseMs`, in which they find another gateway, or the same one.
 */
import type { NodeKind } from '../wire/check.ts'
import type { CatalogChange, CatalogDetail, CatalogKind } from './catalog.ts'
import { Claims } from './claims.ts'
import type { Claim } from './claims.ts'
import type { CatalogErrorCode } from './errors.ts'
import { Hearing } from './hearing.ts'
import type { Staged } from './hearing.ts'
import type { CatalogState } from './machine.ts'
import { CATALOG_KINDS } from './message.ts'
import type { HeldMessage, Owner, StepMessage } from './message.ts'
import type { CatalogSettings } from './settings.ts'

/** Entries of peers at the edge of this node, which it tells to others. */
export interface Relay {
  /** False when there are too many. */
  set(kind: CatalogKind, owner: string, at: Age, pattern: string, detail: CatalogDetail): boolean
  delete(kind: CatalogKind, owner: string, pattern: string): void
  /** It came here, or came back. */
  renew(kind: CatalogKind, owner: string, at: Age): void
}

/** How late something was said: in which life, and where in it. */
export interface Age {
  readonly life: number
  readonly stamp: number
}

/** What a {@link Remote} needs. */
export interface RemoteParts {
  readonly self: string
  readonly settings: CatalogSettings
  readonly relay: Relay
  readonly isMember: (node: string) => boolean
  readonly send: (to: string, message: HeldMessage) => void
  readonly changed: (change: CatalogChange) => void
  readonly synced: (peer: string) => void
  readonly unsynced: (peer: string) => void
  readonly refused: (code: CatalogErrorCode, from: string, times?: number) => void
}

/** What is known of one peer. */
export interface TellerSnapshot {
  readonly peer: string
  readonly life: number
  readonly role: NodeKind
  /** Infinity while it was linked. */
  readonly leaseEndsMs: number
  readonly kinds: readonly {
    readonly kind: CatalogKind
    readonly version: number
    readonly claims: readonly { readonly node: string; readonly claim: Claim }[]
    readonly orphans: ReadonlyMap<string, number>
  }[]
}

interface Teller {
  readonly peer: string
  life: number
  role: NodeKind
  linked: boolean
  synced: boolean
  /** When its entries are forgotten; Infinity while it is linked. */
  leaseEndsMs: number
  readonly hearings: Readonly<Record<CatalogKind, Hearing>>
}

/** See the head of this file. */
export class Remote {
  readonly #parts: RemoteParts
  readonly claims: Readonly<Record<CatalogKind, Claims>>
  readonly #tellers = new Map<string, Teller>()
  /** All that something was done to since they were found quiet: nodes have many links, most of which are. */
  readonly #restless = new Set<Teller>()
  /** Whose last step is not acknowledged. */
  readonly #owed = new Set<Hearing>()
  #size = 0

  constructor(parts: RemoteParts) {
    this.#parts = parts
    const changed = (change: CatalogChange): void => parts.changed(change)
    const open = (kind: CatalogKind): Claims =>
      new Claims(kind, changed, (node, teller) => this.#ended(kind, node, teller))
    this.claims = { topic: open('topic'), procedure: open('procedure') }
  }

  /** Entries, those that do not count because another gateway says it newer included. */
  get size(): number {
    return this.#size
  }

  /** Peers with entries, or with a link. */
  get tellers(): number {
    return this.#tellers.size
  }

  /** {@link sweep} or {@link acknowledge} has something to do, sooner or later. */
  get isBusy(): boolean {
    for (const teller of this.#restless) {
      if (!isQuiet(teller)) return true
      this.#restless.delete(teller)
    }
    return false
  }

  isSynced(peer: string): boolean {
    return this.#tellers.get(peer)?.synced === true
  }

  /** Which life of a node is known; undefined when nothing is. */
  lifeOf(peer: string): number | undefined {
    return this.#tellers.get(peer)?.life
  }

  roleOf(peer: string): NodeKind | undefined {
    return this.#tellers.get(peer)?.role
  }

  /** What is held of a peer, for tests and for who is asked. */
  heldOf(peer: string, kind: CatalogKind): HeldMessage | undefined {
    return this.#tellers.get(peer)?.hearings[kind].held('ack')
  }

  /** A link came up; the peer may have said already how much it has. */
  linked(
    nowMs: number,
    peer: string,
    life: number,
    role: NodeKind,
    states?: Readonly<Record<CatalogKind, CatalogState>>,
  ): void {
    const teller = this.#tellers.get(peer) ?? this.#open(peer, life, role)
    this.#restless.add(teller)
    if (teller.life !== life) this.#end(nowMs, teller, life, role === 'gateway')
    if (teller.role !== role) {
      // Met through others it counted as a member, and what it told of peers at its edge was not heard: it is told again.
      for (const kind of CATALOG_KINDS) teller.hearings[kind].reset(life)
      this.#unsync(teller)
    }
    teller.role = role
    teller.linked = true
    teller.leaseEndsMs = Infinity
    for (const kind of CATALOG_KINDS) this.#greet(nowMs, teller, kind, states?.[kind])
    this.#settle(teller)
  }

  unlinked(nowMs: number, peer: string): void {
    const teller = this.#tellers.get(peer)
    if (teller === undefined) return
    this.#restless.add(teller)
    teller.linked = false
    this.#unsync(teller)
    for (const kind of CATALOG_KINDS) teller.hearings[kind].interrupt()
    teller.leaseEndsMs = nowMs + this.#leaseMsOf(teller.role)
    this.#release(teller)
  }

  /** The peer is gone, in order or not, and what it told is over, though a link may stand. */
  forget(nowMs: number, peer: string): void {
    const teller = this.#tellers.get(peer)
    if (teller === undefined) return
    this.#restless.add(teller)
    this.#end(nowMs, teller, teller.life, true)
    this.#release(teller)
  }

  /** Asks a linked peer for what is not known of it. */
  complete(nowMs: number, peer: string): void {
    const teller = this.#tellers.get(peer)
    if (teller?.linked !== true || teller.synced) return
    this.#restless.add(teller)
    for (const kind of CATALOG_KINDS) {
      const hearing = teller.hearings[kind]
      if (!hearing.complete && hearing.askAtMs === Infinity) this.#ask(nowMs, teller, kind, 'ask')
    }
  }

  /** Nothing of that peer is left. */
  drop(nowMs: number, peer: string): void {
    const teller = this.#tellers.get(peer)
    if (teller === undefined) return
    this.#end(nowMs, teller, teller.life)
    this.#close(teller)
  }

  /** It is a member now: what gateways say about it does not count any more. */
  isMemberNow(node: string): void {
    for (const kind of CATALOG_KINDS) {
      for (const peer of this.claims[kind].tellers(node)) {
        const teller = this.#tellers.get(peer)
        if (teller !== undefined && peer !== node) this.#dropOwner(teller, kind, node)
      }
    }
  }

  step(nowMs: number, from: string, message: StepMessage): void {
    const teller = this.#tellers.get(from)
    if (teller?.linked !== true) return this.#parts.refused('ERR_CATALOG_UNLINKED', from)
    if (teller.life !== message.life) return this.#parts.refused('ERR_CATALOG_LIFE', from)
    this.#restless.add(teller)
    const { kind, to, last } = message
    const hearing = teller.hearings[kind]
    const heard = hearing.take(nowMs, message)
    if (heard.type === 'gap') return this.#gap(nowMs, teller, hearing)
    if (heard.type === 'whole') this.#stage(teller, hearing, heard.staged, message)
    else this.#apply(nowMs, teller, hearing, message)
    if (!last) return
    if (heard.type === 'whole') this.#replace(nowMs, teller, hearing, heard.staged, to)
    const isFirst = !hearing.complete
    hearing.done(to)
    this.#owed.add(hearing)
    this.claims[kind].renew(from, from, teller.life, to)
    if (isFirst && teller.role === 'edge') {
      this.#parts.relay.renew(kind, from, { life: teller.life, stamp: to })
    }
    this.#settle(teller)
  }

  /** A node says that it has nothing that matches `name`, as of that version; it may have no link. */
  unwanted(nowMs: number, from: string, kind: CatalogKind, name: string, at: Age): void {
    const teller = this.#tellers.get(from)
    const claims = this.claims[kind]
    const known = claims.chosen(from)
    if (known === undefined) return
    const matching: string[] = []
    claims.match(name, ({ node, pattern }) => void (node === from && matching.push(pattern)))
    if (matching.length === 0) return
    const hearing = teller?.hearings[kind]
    const held = hearing === undefined ? known : { life: teller!.life, stamp: hearing.version }
    const isOlder = at.life < held.life || (at.life === held.life && at.stamp < held.stamp)
    if (isOlder) return
    if (teller?.linked === true) {
      this.#restless.add(teller)
      // Either the change that says so is on its way, or the two do not agree on what was said.
      const disagree = at.stamp === held.stamp && hearing?.complete === true
      if (disagree && hearing.distrust(nowMs)) this.#gap(nowMs, teller, hearing)
      return
    }
    for (const pattern of matching) this.#delete(known.teller, kind, from, pattern)
  }

  /** Sends the acknowledgements that are owed. */
  acknowledge(): void {
    for (const hearing of this.#owed) {
      if (!hearing.ackOwed) continue
      hearing.ackOwed = false
      this.#parts.send(hearing.peer, hearing.held('ack'))
    }
    this.#owed.clear()
  }

  get owesAcks(): boolean {
    return this.#owed.size > 0
  }

  /** Asks again for what is missing, and forgets whose lease is over. */
  sweep(nowMs: number): void {
    for (const teller of this.#restless) {
      if (teller.leaseEndsMs <= nowMs) {
        this.drop(nowMs, teller.peer)
        continue
      }
      for (const kind of CATALOG_KINDS) {
        const { askAtMs, orphans } = teller.hearings[kind]
        for (const [owner, untilMs] of orphans) {
          if (untilMs <= nowMs) this.#dropOwner(teller, kind, owner)
        }
        if (askAtMs <= nowMs) this.#ask(nowMs, teller, kind, 'ask')
      }
      this.#release(teller)
      if (isQuiet(teller)) this.#restless.delete(teller)
    }
  }

  /** What is known, for the one that comes after this. */
  snapshot(): readonly TellerSnapshot[] {
    return Array.from(this.#tellers.values(), ({ peer, life, role, leaseEndsMs, hearings }) => ({
      ...{ peer, life, role, leaseEndsMs },
      kinds: CATALOG_KINDS.map((kind) => {
        const { version, owners, orphans } = hearings[kind]
        const claims = Array.from(owners, (node) => ({
          node,
          claim: this.claims[kind].get(node, peer)!,
        }))
        return { kind, version, claims, orphans }
      }),
    }))
  }

  /**
   * Takes over what one before this knew. Its peers have no link yet; a lease that ran goes on, for a restart is no word of
   * theirs.
   */
  restore(nowMs: number, former: readonly TellerSnapshot[]): void {
    for (const { peer, life, role, leaseEndsMs, kinds } of former) {
      const teller = this.#open(peer, life, role)
      teller.leaseEndsMs = Math.min(leaseEndsMs, nowMs + this.#leaseMsOf(role))
      for (const { kind, version, claims, orphans } of kinds) {
        const hearing = teller.hearings[kind]
        hearing.version = version
        for (const { node, claim } of claims) {
          for (const { pattern, detail } of claim.entries.values()) {
            this.#set(nowMs, teller, hearing, node, claim, pattern, detail)
          }
          this.claims[kind].renew(node, peer, claim.life, claim.stamp)
        }
        for (const [owner, untilMs] of orphans) hearing.orphans.set(owner, untilMs)
      }
    }
  }

  /** Any word of a peer renews its lease. */
  heard(nowMs: number, peer: string): void {
    const teller = this.#tellers.get(peer)
    if (teller === undefined || teller.linked) return
    teller.leaseEndsMs = nowMs + this.#leaseMsOf(teller.role)
    this.#restless.add(teller)
  }

  /** How long entries of a peer of that role count without a link. */
  #leaseMsOf(role: NodeKind): number {
    const { leaseMs, edgeLeaseMs } = this.#parts.settings
    return role === 'edge' ? edgeLeaseMs : leaseMs
  }

  #close(teller: Teller): void {
    this.#tellers.delete(teller.peer)
    this.#restless.delete(teller)
  }

  #open(peer: string, life: number, role: NodeKind): Teller {
    const { settings } = this.#parts
    const hearings = {
      topic: new Hearing(peer, 'topic', life, settings),
      procedure: new Hearing(peer, 'procedure', life, settings),
    }
    const teller = {
      peer,
      life,
      role,
      linked: false,
      synced: false,
      leaseEndsMs: Infinity,
      hearings,
    }
    this.#tellers.set(peer, teller)
    this.#restless.add(teller)
    return teller
  }

  /** Asks a peer for what it has, if it has anything that is not known. */
  #greet(nowMs: number, teller: Teller, kind: CatalogKind, state: CatalogState | undefined): void {
    const hearing = teller.hearings[kind]
    hearing.interrupt()
    if (state === undefined) return this.#ask(nowMs, teller, kind, 'hello')
    if (hearing.version < state.version) {
      if (state.entries > 0) return this.#ask(nowMs, teller, kind, 'ask')
      this.#replace(nowMs, teller, hearing, new Map(), state.version)
      this.claims[kind].renew(teller.peer, teller.peer, teller.life, state.version)
    }
    hearing.agree(state.version)
  }

  /** Says so when all that a peer has is known. */
  #settle(teller: Teller): void {
    if (teller.synced || CATALOG_KINDS.some((each) => !teller.hearings[each].complete)) return
    teller.synced = true
    this.#parts.synced(teller.peer)
  }

  #ask(nowMs: number, teller: Teller, kind: CatalogKind, mode: 'hello' | 'ask'): void {
    const hearing = teller.hearings[kind]
    hearing.asked(nowMs)
    this.#parts.send(teller.peer, hearing.held(mode))
  }

  #gap(nowMs: number, teller: Teller, hearing: Hearing): void {
    this.#unsync(teller)
    hearing.complete = false
    const isNew = hearing.miss(nowMs)
    if (!isNew) return
    this.#parts.refused('ERR_CATALOG_GAP', teller.peer)
    this.#ask(nowMs, teller, hearing.kind, 'ask')
  }

  #unsync(teller: Teller): void {
    if (!teller.synced) return
    teller.synced = false
    this.#parts.unsynced(teller.peer)
  }

  /** Whether a peer may tell entries of `owner`; gives their node. */
  #nodeOf(teller: Teller, { owner }: Owner, times: number): string | undefined {
    const { self, isMember, refused } = this.#parts
    if (owner === undefined) return teller.peer
    const isFalse = owner === self || owner === teller.peer || isMember(owner)
    if (teller.role === 'gateway' && !isFalse) return owner
    if (times > 0) refused('ERR_CATALOG_FOREIGN', teller.peer, times)
    return undefined
  }

  #stage(teller: Teller, hearing: Hearing, all: Map<string, Staged>, message: StepMessage): void {
    if (message.type !== 'entries') return
    const { entriesPerNodeMax } = this.#parts.settings
    let over = 0
    for (const group of message.groups) {
      const node = this.#nodeOf(teller, group, group.items.length)
      if (node === undefined) continue
      let staged = all.get(node)
      if (staged === undefined) {
        all.set(node, (staged = { life: group.life, stamp: group.stamp, entries: new Map() }))
      }
      for (const { pattern, detail } of group.items) {
        if (!staged.entries.has(pattern)) {
          if (hearing.stagedCount >= entriesPerNodeMax) {
            over += 1
            continue
          }
          hearing.stagedCount += 1
        }
        staged.entries.set(pattern, detail)
      }
    }
    if (over > 0) this.#parts.refused('ERR_CATALOG_NODE_MAX', teller.peer, over)
  }

  #replace(
    nowMs: number,
    teller: Teller,
    hearing: Hearing,
    all: Map<string, Staged>,
    to: number,
  ): void {
    const { kind, owners, orphans } = hearing
    for (const owner of Array.from(owners)) {
      const staged = all.get(owner)
      if (staged === undefined) {
        if (!orphans.has(owner)) this.#dropOwner(teller, kind, owner)
        continue
      }
      orphans.delete(owner)
      const claim = this.claims[kind].get(owner, teller.peer)
      for (const pattern of Array.from(claim?.entries.keys() ?? [])) {
        if (!staged.entries.has(pattern)) this.#delete(teller.peer, kind, owner, pattern)
      }
    }
    for (const [owner, { life, stamp, entries }] of all) {
      const age = owner === teller.peer ? { life: teller.life, stamp: to } : { life, stamp }
      for (const [pattern, detail] of entries) {
        this.#set(nowMs, teller, hearing, owner, age, pattern, detail)
      }
      this.claims[kind].renew(owner, teller.peer, age.life, age.stamp)
      this.#moved(kind, owner)
    }
  }

  #apply(nowMs: number, teller: Teller, hearing: Hearing, message: StepMessage): void {
    const { kind } = hearing
    if (message.type === 'removals') {
      for (const group of message.groups) {
        const node = this.#nodeOf(teller, group, 0)
        if (node === undefined) continue
        for (const pattern of group.patterns) this.#delete(teller.peer, kind, node, pattern)
      }
      return
    }
    for (const group of message.groups) {
      const node = this.#nodeOf(teller, group, group.items.length)
      if (node === undefined) continue
      const isOwn = node === teller.peer
      const age = isOwn ? { life: teller.life, stamp: message.to } : group
      // It is there again, and all that it has is told with this.
      if (hearing.orphans.has(node)) this.#dropOwner(teller, kind, node)
      for (const { pattern, detail } of group.items) {
        this.#set(nowMs, teller, hearing, node, age, pattern, detail)
      }
      this.claims[kind].renew(node, teller.peer, age.life, age.stamp)
      this.#moved(kind, node)
    }
  }

  /**
   * A peer that was at this edge, and of which another gateway says something newer, is there: what it offers is not told of any
   * more. What it wants is, until its lease ends: whoever has not heard of the other gateway yet would hold it for gone.
   */
  #moved(kind: CatalogKind, node: string): void {
    if (kind === 'topic') return
    const here = this.#tellers.get(node)
    if (here?.role !== 'edge' || here.linked || this.claims[kind].chosen(node)?.teller === node)
      return
    this.#dropOwner(here, kind, node)
    // When it comes back it says all of it again.
    here.hearings[kind].reset(here.life)
    this.#release(here)
  }

  #set(
    nowMs: number,
    teller: Teller,
    hearing: Hearing,
    node: string,
    age: Age,
    pattern: string,
    detail: CatalogDetail,
  ): void {
    const { settings, refused, relay } = this.#parts
    const claims = this.claims[hearing.kind]
    if (claims.isNew(node, teller.peer, pattern)) {
      const isFull =
        hearing.count >= settings.entriesPerNodeMax || this.#size >= settings.entriesMax
      // Those who are there come first.
      if (isFull)
        for (const owner of hearing.orphans.keys()) this.#dropOwner(teller, hearing.kind, owner)
      if (hearing.count >= settings.entriesPerNodeMax) {
        return refused('ERR_CATALOG_NODE_MAX', teller.peer)
      }
      if (this.#size >= settings.entriesMax) return refused('ERR_CATALOG_FULL', teller.peer)
      hearing.count += 1
      this.#size += 1
      hearing.owners.add(node)
    }
    claims.set(node, teller.peer, pattern, detail, nowMs)
    if (teller.role !== 'edge') return
    if (!relay.set(hearing.kind, node, age, pattern, detail)) {
      refused('ERR_CATALOG_RELAYED_MAX', teller.peer)
    }
  }

  #delete(peer: string, kind: CatalogKind, node: string, pattern: string): void {
    if (!this.claims[kind].delete(node, peer, pattern)) return
    this.#gone(this.#tellers.get(peer), kind, node, 1)
    if (this.#tellers.get(peer)?.role === 'edge') this.#parts.relay.delete(kind, node, pattern)
  }

  #dropOwner(teller: Teller, kind: CatalogKind, node: string): void {
    if (teller.role === 'edge') {
      const claim = this.claims[kind].get(node, teller.peer)
      for (const pattern of claim?.entries.keys() ?? []) {
        this.#parts.relay.delete(kind, node, pattern)
      }
    }
    this.#gone(teller, kind, node, this.claims[kind].drop(node, teller.peer))
  }

  #gone(teller: Teller | undefined, kind: CatalogKind, node: string, count: number): void {
    this.#size -= count
    if (teller !== undefined) teller.hearings[kind].count -= count
  }

  /** Nothing is kept any more of what that peer says about a node. */
  #ended(kind: CatalogKind, node: string, peer: string): void {
    const hearing = this.#tellers.get(peer)?.hearings[kind]
    hearing?.owners.delete(node)
    hearing?.orphans.delete(node)
  }

  /** What it told in its life is over; topics of peers at its edge are orphaned, or over as well. */
  #end(nowMs: number, teller: Teller, life: number, orphans = false): void {
    const untilMs = nowMs + this.#parts.settings.edgeLeaseMs
    for (const kind of CATALOG_KINDS) {
      const hearing = teller.hearings[kind]
      for (const owner of Array.from(hearing.owners)) {
        // What is published is repeated until it arrives; a call would only wait for somebody who is not there.
        const mayWait = orphans && kind === 'topic'
        const isKept = mayWait && teller.role === 'gateway' && owner !== teller.peer
        if (!isKept) this.#dropOwner(teller, kind, owner)
        else if (!hearing.orphans.has(owner)) hearing.orphans.set(owner, untilMs)
      }
      hearing.reset(life)
    }
    teller.life = life
    this.#unsync(teller)
  }

  /** Without a link and with nothing told it is not remembered. */
  #release(teller: Teller): void {
    const isHeld = CATALOG_KINDS.some((kind) => teller.hearings[kind].owners.size > 0)
    if (!teller.linked && !isHeld) this.#close(teller)
  }
}

/** True when neither a sweep nor time has anything to do for it. */
function isQuiet({ leaseEndsMs, hearings }: Teller): boolean {
  if (leaseEndsMs !== Infinity) return false
  return CATALOG_KINDS.every((kind) => {
    const { askAtMs, orphans } = hearings[kind]
    return askAtMs === Infinity && orphans.size === 0
  })
}
