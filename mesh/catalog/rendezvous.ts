/**
 * How nodes without a link find each other, as a synchronous machine. What this node wants or offers is published in
 * the DHT under a place (`place.ts`); who looks for a name looks up its places, links with whom it finds, and is then
 * told by them; and it is published itself where it looks, so that those who come later find it.
 *
 *     has something     publish at its place, then look up who seeks there, and link
 *     seeks a name      look up its places and link; publish at them, then look up once more
 *
 * Both write before they read, so of two that begin together one finds the other. While the entries of all members are
 * known nothing of this is needed, and none of it is done.
 *
 * In a network in which each node can dial few others the DHT is *narrow*: lookups hear of nodes that they cannot reach, and
 * whoever is published there is not found. Then that nobody was found says nothing, and it is said so (`isUnanswered`).
 */
import type { CatalogKind } from './catalog.ts'
import type { CatalogErrorCode } from './errors.ts'
import { Lookups } from './lookups.ts'
import type { Found } from './lookups.ts'
import { otherSide, PLACE_BELOW, PLACE_EXACT, placeKey, placeOf, sideOf } from './place.ts'
import { Projection } from './projection.ts'
import { Provisions } from './provisions.ts'
import { Reach } from './reach.ts'
import type { Address } from './reach.ts'
import type { CatalogSettings } from './settings.ts'
import { SoughtNames } from './sought.ts'
import type { Sought } from './sought.ts'
import { CATALOG_KINDS } from './message.ts'
import { NO_DETAIL } from './detail.ts'

/** What it wants done. */
export interface RendezvousSink {
  /** `found` is called afterwards. */
  lookup(key: string): void
  /** `provided` is called afterwards. */
  provide(key: string, bits: number): void
  withdraw(key: string): void
  /** Look whether lookups reach whom they hear of; `checked` is called afterwards. */
  check(key: string): void
  /** `linked` or `unlinked` is called afterwards. */
  link(node: string, address: Address): void
  /** A seek is over: whoever can be known is, or its time is over. */
  sought(seekId: number): void
  refused(code: CatalogErrorCode, times?: number): void
}

/** What it sees of the rest. */
export interface RendezvousView {
  readonly self: string
  /** There are no members whose entries are not known. */
  isComplete(): boolean
  isSynced(node: string): boolean
  /** Known to be down or gone. */
  isGone(node: string): boolean
  /** Members whose entries are not known, if they are no more than that. */
  unsynced(max: number): readonly (Address & { readonly node: string })[] | undefined
  /** Somebody is known for that name. */
  isKnown(kind: CatalogKind, name: string): boolean
}

/** What a {@link Rendezvous} is made of. */
export interface RendezvousOptions {
  readonly settings: CatalogSettings
  readonly view: RendezvousView
  readonly chance: () => number
  /** False without a DHT: then members are asked themselves. */
  readonly hasDht: boolean
}

interface Seek {
  readonly id: number
  readonly sought: Sought
  readonly keys: Set<string>
  readonly nodes: Set<string>
  readonly deadlineMs: number
  /** Nobody but the DHT was asked. */
  isByDht: boolean
}

/** How many have something at a place, or look for something there. */
interface Counts {
  exact: number
  below: number
}

/** Without a DHT at most so many members are asked for one name. */
const MEMBERS_MAX = 256

const SWEEP_MS = 1_000

/** While names are sought it is looked so often whether the DHT is narrow. */
const CHECK_EVERY_MS = 60_000

/** Among the keys that a seek waits for: whether the DHT is narrow; that it is worth while to ask it again. */
const CHECK = ''
const AGAIN = ' '

/** What another one published before is left alone for so long: most of it is wanted again. */
const ADOPT_MS = 10_000

/** See the head of this file. */
export class Rendezvous {
  readonly #options: RendezvousOptions
  readonly #sink: RendezvousSink
  readonly #provisions: Provisions
  readonly #lookups: Lookups
  readonly #reach: Reach
  readonly #sought: SoughtNames
  /** Own filters, cut to as many as are published. */
  readonly #offers: Readonly<Record<CatalogKind, Projection>>
  /** How often each is there: of this node, and of peers at its edge. */
  readonly #offerCounts = new Map<string, number>()
  readonly #touched = new Set<string>()
  /** Whom a key is for, by key of the own side. */
  readonly #counts = new Map<string, Counts>()
  /** Places of {@link Projection} forms that are published, with what for. */
  readonly #published = new Set<string>()
  readonly #seeks = new Map<number, Seek>()
  #sweepDueMs = Infinity
  #settleDueMs = Infinity
  #seeksBegun = 0
  #begun = false
  #isNarrow = false
  #isChecking = false
  #checkDueMs = -Infinity

  constructor(options: RendezvousOptions, sink: RendezvousSink) {
    const { settings, chance } = options
    this.#options = options
    this.#sink = sink
    this.#provisions = new Provisions(settings, {
      provide: (key, bits) => sink.provide(key, bits),
      withdraw: (key) => sink.withdraw(key),
      refused: () => sink.refused('ERR_CATALOG_PROVISION'),
    })
    this.#lookups = new Lookups(settings, (key) => sink.lookup(key))
    this.#reach = new Reach(settings, {
      link: (node, address) => sink.link(node, address),
      settled: (node) => this.#settled(node),
      full: () => sink.refused('ERR_CATALOG_LINKS_MAX'),
    })
    this.#sought = new SoughtNames(settings, chance, (sought, isForced) => {
      if (isForced) sink.refused('ERR_CATALOG_SOUGHT_MAX')
      this.#publishSought(sought, -1)
    })
    const projection = (kind: CatalogKind): Projection =>
      new Projection(settings.provisionsMax, (form) => void this.#touched.add(`${kind} ${form}`))
    this.#offers = { topic: projection('topic'), procedure: projection('procedure') }
  }

  stats(): RendezvousStats {
    return {
      seeks: this.#seeksBegun,
      seeking: this.#seeks.size,
      sought: this.#sought.size,
      lookups: this.#lookups.begun,
      published: this.#provisions.put,
      reaching: this.#reach.size,
    }
  }

  /** This node, or a peer at its edge, has something. */
  offer(nowMs: number, kind: CatalogKind, pattern: string): void {
    const id = `${kind} ${pattern}`
    const count = this.#offerCounts.get(id) ?? 0
    this.#offerCounts.set(id, count + 1)
    if (count > 0) return
    this.#offers[kind].set(pattern, NO_DETAIL)
    this.#settleDueMs = Math.min(this.#settleDueMs, nowMs + this.#options.settings.settleMs)
  }

  /** Or has it no more. */
  unoffer(nowMs: number, kind: CatalogKind, pattern: string): void {
    const id = `${kind} ${pattern}`
    const count = this.#offerCounts.get(id) ?? 0
    if (count > 1) return void this.#offerCounts.set(id, count - 1)
    this.#offerCounts.delete(id)
    this.#offers[kind].delete(pattern)
    this.#settleDueMs = Math.min(this.#settleDueMs, nowMs + this.#options.settings.settleMs)
  }

  /** Whether nobody is to be asked for that name now. */
  isSought(nowMs: number, kind: CatalogKind, name: string): boolean {
    if (this.#options.view.isComplete()) return true
    const sought = this.#sought.get(kind, name)
    if (sought === undefined) return false
    sought.usedMs = nowMs
    return nowMs < sought.freshUntilMs
  }

  /** Finds out who wants or offers `name`; `sink.sought` is called in the end, perhaps at once. */
  seek(nowMs: number, id: number, kind: CatalogKind, name: string, timeoutMs: number): void {
    const { view, settings, hasDht } = this.#options
    this.#seeksBegun += 1
    if (view.isComplete()) return this.#sink.sought(id)
    const { sought, isNew } = this.#sought.open(nowMs, kind, name)
    if (isNew) this.#publishSought(sought, 1)
    const seek: Seek = {
      ...{ id, sought, keys: new Set(), nodes: new Set(), deadlineMs: nowMs + timeoutMs },
      isByDht: false,
    }
    this.#seeks.set(id, seek)
    const few = view.unsynced(hasDht ? settings.seekMembersMax : MEMBERS_MAX)
    if (few !== undefined) for (const member of few) this.#meet(member.node, member, seek)
    else if (hasDht) {
      seek.isByDht = true
      // Who asks again and again gets no other answer at once.
      if (sought.isUnanswered === true && nowMs < sought.freshUntilMs) seek.keys.add(AGAIN)
      else this.#ask(nowMs, seek)
    }
    this.#watch(nowMs)
    this.#look(nowMs, seek)
  }

  /** Whether the last search for a name ended without anybody, in a DHT in which that says nothing. */
  isUnanswered(kind: CatalogKind, name: string): boolean {
    return this.#sought.get(kind, name)?.isUnanswered === true
  }

  /** Whether the DHT is narrow; undefined when that could not be found out. */
  checked(nowMs: number, isNarrow: boolean | undefined): void {
    this.#isChecking = false
    this.#isNarrow = isNarrow ?? this.#isNarrow
    for (const seek of this.#seeks.values()) {
      if (seek.keys.delete(CHECK)) this.#look(nowMs, seek)
    }
  }

  /** Nobody waits for that seek any more. */
  giveUp(id: number): void {
    this.#seeks.delete(id)
  }

  /** Who is under a key; undefined when the lookup failed. */
  found(nowMs: number, key: string, nodes: readonly Found[] | undefined): void {
    if (nodes === undefined) this.#sink.refused('ERR_CATALOG_LOOKUP')
    this.#lookups.ended(nowMs, key, nodes)
    const waiting = Array.from(this.#seeks.values()).filter(({ keys }) => keys.delete(key))
    this.#meetAll(key, nodes ?? [], waiting)
    for (const seek of waiting) this.#look(nowMs, seek)
    this.#watch(nowMs)
  }

  /** A put or a withdrawal is over. */
  provided(nowMs: number, key: string, ok: boolean): void {
    const isNew = this.#provisions.done(nowMs, key, ok) !== 0
    const other = otherSide(key)
    if (isNew && sideOf(key) === 'offer') this.#lookUp(nowMs, other, undefined)
    // What was looked up before this node was found there does not count: somebody may have come in between.
    else if (isNew) this.#sought.hasten(other, nowMs + this.#options.settings.seekIntervalMs)
    this.#watch(nowMs)
  }

  /** There is a link with that node. */
  linked(nowMs: number, node: string): void {
    this.#reach.linked(nowMs, node)
  }

  /** Its entries are known; or there is no link, or none any more. */
  settled(nowMs: number, node: string): void {
    this.#reach.settle(node)
    for (const seek of this.#seeks.values()) this.#look(nowMs, seek)
  }

  /** This node has found its place in the DHT: what it publishes reaches those who will be asked for it. */
  begin(nowMs: number): void {
    this.#begun = true
    this.membersChanged(nowMs)
  }

  /** Whether all members are known has changed, perhaps. */
  membersChanged(nowMs: number): void {
    const isComplete = this.#options.view.isComplete()
    this.#provisions.enable(this.#begun && !isComplete)
    if (isComplete) for (const seek of this.#seeks.values()) this.#end(nowMs, seek)
  }

  /** Whoever was here before published this; what is not wanted any more is withdrawn. */
  adopt(nowMs: number, keys: Iterable<string>): void {
    this.#provisions.adopt(keys, nowMs + ADOPT_MS)
  }

  nextDeadline(): number {
    const { hasDht } = this.#options
    const put = hasDht ? this.#provisions.nextDeadline() : Infinity
    return Math.min(this.#settleDueMs, this.#sweepDueMs, this.#reach.nextDeadline(), put)
  }

  tick(nowMs: number): void {
    if (this.#settleDueMs <= nowMs) {
      this.#settleDueMs = Infinity
      this.#settleOffers(nowMs)
    }
    this.#reach.tick(nowMs)
    if (this.#options.hasDht) this.#provisions.tick(nowMs)
    if (this.#sweepDueMs > nowMs) return
    this.#sweepDueMs = Infinity
    for (const sought of this.#sought.due(nowMs)) {
      sought.refreshAtMs = this.#sought.nextRefreshMs(nowMs)
      if (this.#options.view.isComplete() || !this.#options.hasDht) continue
      for (const key of sought.keys) this.#lookUp(nowMs, key, undefined)
    }
    for (const seek of this.#seeks.values()) {
      const isAgain = seek.sought.freshUntilMs <= nowMs && seek.keys.delete(AGAIN)
      if (isAgain) this.#ask(nowMs, seek)
      if (seek.deadlineMs <= nowMs) this.#end(nowMs, seek)
      else if (isAgain) this.#look(nowMs, seek)
    }
    this.#watch(nowMs)
  }

  #ask(nowMs: number, seek: Seek): void {
    this.#check(nowMs, seek)
    for (const key of seek.sought.keys) this.#lookUp(nowMs, key, seek)
  }

  /** A seek that asks the DHT hears what it is worth; it is known for a while. */
  #check(nowMs: number, seek: Seek): void {
    if (!this.#isChecking && this.#checkDueMs <= nowMs) {
      this.#isChecking = true
      this.#checkDueMs = nowMs + CHECK_EVERY_MS
      this.#sink.check(seek.sought.keys.at(-1)!)
    }
    if (this.#isChecking) seek.keys.add(CHECK)
  }

  #lookUp(nowMs: number, key: string, seek: Seek | undefined): void {
    const nodes = this.#lookups.want(nowMs, key)
    if (nodes === undefined) seek?.keys.add(key)
    else this.#meetAll(key, nodes, seek === undefined ? [] : [seek])
  }

  /** Meets those who were found and are of use. */
  #meetAll(key: string, nodes: readonly Found[], seeks: readonly Seek[]): void {
    const counts = this.#counts.get(otherSide(key))
    if (counts === undefined) return
    const isOffer = sideOf(key) === 'offer'
    // Who offers below a place is of use to who seeks the place itself, and the other way round.
    const exact = counts.exact > 0 ? PLACE_EXACT | (isOffer ? PLACE_BELOW : 0) : 0
    const mask = exact | (counts.below > 0 ? PLACE_BELOW : 0)
    for (const { node, host, port, bits } of nodes) {
      if ((bits & mask) === 0) continue
      if (seeks.length === 0) this.#meet(node, { host, port }, undefined)
      for (const seek of seeks) this.#meet(node, { host, port }, seek)
    }
  }

  #meet(node: string, address: Address, seek: Seek | undefined): void {
    const { view } = this.#options
    if (node === view.self || view.isSynced(node) || view.isGone(node)) return
    if (this.#reach.reach(node, address)) seek?.nodes.add(node)
  }

  #settled(node: string): void {
    for (const seek of this.#seeks.values()) seek.nodes.delete(node)
  }

  #look(nowMs: number, seek: Seek): void {
    if (seek.keys.size === 0 && seek.nodes.size === 0) this.#end(nowMs, seek)
  }

  #end(nowMs: number, seek: Seek): void {
    if (!this.#seeks.delete(seek.id)) return
    const { settings, view } = this.#options
    const { sought } = seek
    const isDone = seek.keys.size === 0 && seek.nodes.size === 0
    const isFound = view.isKnown(sought.kind, sought.name)
    const isKnown = isDone && isFound
    sought.freshUntilMs = nowMs + (isKnown ? settings.seekFreshMs : settings.seekIntervalMs)
    sought.isUnanswered = seek.isByDht && this.#isNarrow && !isFound
    if (sought.isUnanswered) this.#sink.refused('ERR_CATALOG_NARROW')
    this.#sink.sought(seek.id)
  }

  /** Publishes, or withdraws, that this node looks for a name. */
  #publishSought({ kind, name, places }: Sought, change: 1 | -1): void {
    for (const { prefix, exact } of places) {
      const key = placeKey(kind, 'seek', prefix)
      const counts = this.#count(key)
      if (exact) counts.exact += change
      counts.below += change
      this.#publish(key, counts, this.#sought.get(kind, name)?.usedMs ?? 0)
    }
  }

  #settleOffers(nowMs: number): void {
    for (const kind of CATALOG_KINDS) this.#offers[kind].settle()
    for (const id of this.#touched) {
      const space = id.indexOf(' ')
      const kind = id.slice(0, space) as CatalogKind
      const form = id.slice(space + 1)
      const is = this.#offers[kind].get(form) !== undefined
      if (is === this.#published.has(id)) continue
      if (is) this.#published.add(id)
      else this.#published.delete(id)
      const { prefix, exact } = placeOf(form)
      const key = placeKey(kind, 'offer', prefix)
      const counts = this.#count(key)
      if (exact) counts.exact += is ? 1 : -1
      else counts.below += is ? 1 : -1
      this.#publish(key, counts, nowMs)
    }
    this.#touched.clear()
  }

  #count(key: string): Counts {
    let counts = this.#counts.get(key)
    if (counts === undefined) this.#counts.set(key, (counts = { exact: 0, below: 0 }))
    return counts
  }

  #publish(key: string, { exact, below }: Counts, dueMs: number): void {
    const bits = (exact > 0 ? PLACE_EXACT : 0) | (below > 0 ? PLACE_BELOW : 0)
    if (bits === 0) this.#counts.delete(key)
    const { provisionsMax } = this.#options.settings
    const isFull = this.#provisions.size >= 2 * provisionsMax && this.#provisions.wanted(key) === 0
    if (isFull && bits !== 0) return this.#sink.refused('ERR_CATALOG_PROVISION')
    this.#provisions.want(key, bits, dueMs)
  }

  #watch(nowMs: number): void {
    if (this.#sought.size === 0) return
    let dueMs = Math.min(this.#sweepDueMs, nowMs + SWEEP_MS)
    for (const { deadlineMs } of this.#seeks.values()) dueMs = Math.min(dueMs, deadlineMs)
    this.#sweepDueMs = dueMs
  }
}

/** Numbers of a {@link Rendezvous}. */
export interface RendezvousStats {
  readonly seeks: number
  readonly seeking: number
  /** Names looked for. */
  readonly sought: number
  readonly lookups: number
  /** Keys under which this node is found. */
  readonly published: number
  readonly reaching: number
}
