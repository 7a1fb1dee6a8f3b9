/**
 * The catalog of one node as a synchronous machine: what it wants and offers itself (`telling.ts`), who is told
 * (`speaker.ts`), and what others want and offer (`remote.ts`). Links carry it; how nodes find each other that have
 * none is the work of `rendezvous.ts`.
 *
 *     link up        both say what they hold of the other: `held`, mode `hello`; nothing, when the handshake showed that
 *                    nothing is missing
 *     hello, ask     what is missing since then, or everything: `entries` and `removals`, the last part marked
 *     after a step   `held`, mode `ack`; when parts are missing, mode `ask`
 *     own changes    one step for all, `batchMs` after the first of them
 *
 * Links deliver in order and for sure; what is lost when one ends is said again on the next one. All the same a step
 * that was not acknowledged within `ackTimeoutMs` is repeated: processes restart on links that stand.
 */
import { setNewest } from '../machine/newest.ts'
import type { NodeKind } from '../wire/check.ts'
import type { CatalogDetail, CatalogEntry, CatalogKind } from './catalog.ts'
import { CatalogError } from './errors.ts'
import type { CatalogInput, CatalogSink, CatalogState } from './machine.ts'
import { CATALOG_KINDS } from './message.ts'
import { Remote } from './remote.ts'
import type { TellerSnapshot } from './remote.ts'
import type { CatalogSettings } from './settings.ts'
import { Speaker } from './speaker.ts'
import { Telling } from './telling.ts'

/** A link came up. */
type LinkedInput = Extract<CatalogInput, { readonly type: 'linked' }>

/** What a core is made of. */
export interface CatalogCoreOptions {
  readonly self: string
  /** Incarnation of this node. */
  readonly life: number
  readonly settings: CatalogSettings
  /** `edge` for a peer that only speaks to gateways: it learns by asking, and is told nothing. */
  readonly role: 'member' | 'edge'
  /** First version of what this node tells; higher than any that it told before in this life. */
  readonly version?: number
}

/** Own books of each kind. */
interface Books {
  readonly telling: Telling
  readonly speaker: Speaker
}

/** Time between two looks at what may be lost, while something may be. */
const SWEEP_MS = 1_000

/** Negative feedback remembered, not to repeat it within a second. */
const UNWANTED_MAX = 1_024

/** See the head of this file. */
export class CatalogCore {
  readonly #options: CatalogCoreOptions
  readonly #books: Readonly<Record<CatalogKind, Books>>
  readonly #remote: Remote
  /** Members that are there. */
  readonly #members = new Set<string>()
  /** Those of them whose entries are not all known. */
  readonly #unsynced = new Set<string>()
  readonly #unwanted = new Map<string, number>()
  readonly #sink: CatalogSink
  #restoring = false
  #stepDueMs = Infinity
  #ackDueMs = Infinity
  #sweepDueMs = Infinity
  #nowMs = 0

  constructor(options: CatalogCoreOptions, sink: CatalogSink) {
    this.#options = options
    this.#sink = sink
    this.#books = { topic: this.#openBooks('topic'), procedure: this.#openBooks('procedure') }
    const { self, settings } = options
    this.#remote = new Remote({
      self,
      settings,
      isMember: (node) => this.#members.has(node),
      relay: {
        set: (kind, owner, { life, stamp }, pattern, detail) => {
          this.#changesOwn()
          const { telling } = this.#books[kind]
          const outcome = telling.setRelayed(owner, life, stamp, pattern, detail)
          if (outcome === 'added') this.#sink.relayed(kind, pattern, true)
          return outcome !== 'full'
        },
        delete: (kind, owner, pattern) => {
          this.#changesOwn()
          const was = this.#books[kind].telling.deleteRelayed(owner, pattern)
          if (was) this.#sink.relayed(kind, pattern, false)
        },
        renew: (kind, owner, { life, stamp }) => {
          this.#changesOwn()
          this.#books[kind].telling.renewRelayed(owner, life, stamp)
        },
      },
      send: (to, message) => void this.#sink.send(to, message),
      changed: (change) => this.#restoring || this.#sink.changed(change),
      synced: (peer) => {
        this.#unsynced.delete(peer)
        this.#sink.synced(peer)
      },
      unsynced: (peer) => {
        if (this.#members.has(peer)) this.#unsynced.add(peer)
        this.#sink.unsynced(peer)
      },
      refused: (code, from, times) => this.#sink.refused(code, from, times),
    })
  }

  /** True when the entries of every member are known: nobody else is to be asked. */
  get isComplete(): boolean {
    return this.#unsynced.size === 0
  }

  /** Members that are there and whose entries are not all known. */
  unsynced(): ReadonlySet<string> {
    return this.#unsynced
  }

  isSynced(peer: string): boolean {
    return this.#remote.isSynced(peer)
  }

  /** The life in which that node told what is known of it; undefined when nothing is. */
  lifeOf(peer: string): number | undefined {
    return this.#remote.lifeOf(peer)
  }

  /** What it was then. */
  roleOf(peer: string): NodeKind | undefined {
    return this.#remote.roleOf(peer)
  }

  /** What the next hello says; undefined while there are changes that nobody was told. */
  state(kind: CatalogKind): CatalogState | undefined {
    if (this.#stepDueMs !== Infinity) return undefined
    const { telling } = this.#books[kind]
    return { version: telling.version, entries: telling.sizes().told }
  }

  /** Own entries of one kind. */
  own(kind: CatalogKind): ReadonlyMap<string, CatalogDetail> {
    return this.#books[kind].telling.own()
  }

  /** Entries of others that match, now. */
  match(kind: CatalogKind, name: string, visit: (entry: CatalogEntry) => void): void {
    this.#remote.claims[kind].match(name, visit)
  }

  entries(kind: CatalogKind): Iterable<CatalogEntry> {
    return this.#remote.claims[kind].entries()
  }

  stats(): CatalogCoreStats {
    const { topic, procedure } = this.#remote.claims
    const nodes = new Set([...topic.nodes(), ...procedure.nodes()])
    const books = CATALOG_KINDS.map((kind) => this.#books[kind])
    const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0)
    const sizes = books.map(({ telling }) => telling.sizes())
    return {
      own: sum(sizes.map(({ own }) => own)),
      told: sum(sizes.map(({ told }) => told)),
      relayed: sum(sizes.map(({ relayed }) => relayed)),
      remembered: sum(sizes.map(({ remembered }) => remembered)),
      known: topic.size + procedure.size,
      nodes: nodes.size,
      tellers: this.#remote.tellers,
      peers: this.#books.topic.speaker.size,
      unsynced: this.#unsynced.size,
    }
  }

  /** Version of what was told last, by kind. */
  version(kind: CatalogKind): number {
    return this.#books[kind].telling.version
  }

  /** True when every peer has acknowledged all that this node wants and offers. */
  get isTold(): boolean {
    return CATALOG_KINDS.every((kind) => {
      const { telling, speaker } = this.#books[kind]
      return !telling.isDirty && speaker.isQuiet
    })
  }

  /** This node wants or offers that. Throws `ERR_CATALOG_OWN_MAX`. */
  set(nowMs: number, kind: CatalogKind, pattern: string, detail: CatalogDetail): void {
    const { telling } = this.#books[kind]
    const { entriesPerNodeMax } = this.#options.settings
    const own = telling.own()
    if (own.size >= entriesPerNodeMax && !own.has(pattern)) {
      throw new CatalogError(
        'ERR_CATALOG_OWN_MAX',
        `this node has ${own.size} entries of kind ${kind}, at most ${entriesPerNodeMax} may be`,
      )
    }
    telling.set(pattern, detail)
    this.#nowMs = nowMs
    this.#changesOwn()
  }

  delete(nowMs: number, kind: CatalogKind, pattern: string): boolean {
    this.#nowMs = nowMs
    const was = this.#books[kind].telling.delete(pattern)
    if (was) this.#changesOwn()
    return was
  }

  /** Tells at once what changed, instead of together with what changes in a moment. */
  flush(nowMs: number): void {
    this.#nowMs = nowMs
    for (const kind of CATALOG_KINDS) this.#step(nowMs, kind)
    this.#stepDueMs = Infinity
  }

  /** Tells a node that this one has no use for what it sent under `name`. */
  sayUnwanted(nowMs: number, kind: CatalogKind, name: string, to: string): void {
    const { telling } = this.#books[kind]
    this.#nowMs = nowMs
    // Then it was asked for, by a filter that says more than is wanted.
    if (telling.isWidened) return
    const id = `${kind} ${to} ${name}`
    if ((this.#unwanted.get(id) ?? -Infinity) > nowMs - 1_000) return
    setNewest(this.#unwanted, id, nowMs, UNWANTED_MAX)
    // First what changed: it may say just that.
    this.#step(nowMs, kind)
    const { life } = this.#options
    this.#sink.send(to, { type: 'unwanted', kind, name, life, version: telling.version })
  }

  step(nowMs: number, input: CatalogInput): void {
    this.#nowMs = nowMs
    this.#take(nowMs, input)
    if (this.#ackDueMs === Infinity && this.#remote.owesAcks) {
      this.#ackDueMs = nowMs + this.#options.settings.ackDelayMs
    }
    this.#watch(nowMs)
  }

  /** What is known of others, for the core that comes after this. */
  snapshot(): readonly TellerSnapshot[] {
    return this.#remote.snapshot()
  }

  /** Takes over what a core before this knew of others; nobody is told of that. Before anything else. */
  restore(nowMs: number, former: readonly TellerSnapshot[]): void {
    this.#restoring = true
    this.#nowMs = nowMs
    this.#remote.restore(nowMs, former)
    this.#restoring = false
    this.#watch(nowMs)
  }

  /** When `tick` has something to do. */
  nextDeadline(): number {
    const { topic, procedure } = this.#books
    return Math.min(
      ...[this.#stepDueMs, this.#ackDueMs, this.#sweepDueMs],
      ...[topic.telling.nextForgetMs, procedure.telling.nextForgetMs],
    )
  }

  #openBooks(kind: CatalogKind): Books {
    const { life, settings, version } = this.#options
    const telling = new Telling(kind, life, settings, version)
    const speaker = new Speaker({
      ...{ telling, life, settings },
      send: (to, message) => this.#sink.send(to, message),
    })
    return { telling, speaker }
  }

  #take(nowMs: number, input: CatalogInput): void {
    switch (input.type) {
      case 'linked':
        return this.#linked(nowMs, input)
      case 'unlinked':
        for (const kind of CATALOG_KINDS) this.#books[kind].speaker.unlinked(input.peer)
        return this.#remote.unlinked(nowMs, input.peer)
      case 'member':
        return this.#member(nowMs, input.node, input.there)
      case 'message': {
        const { from, message } = input
        this.#remote.heard(nowMs, from)
        if (message.type !== 'held') return this.#remote.step(nowMs, from, message)
        this.#books[message.kind].speaker.held(nowMs, from, message)
        if (message.mode === 'hello') this.#answer(from, message.kind)
        return
      }
      case 'unwanted': {
        const { from, message } = input
        const at = { life: message.life, stamp: message.version }
        return this.#remote.unwanted(nowMs, from, message.kind, message.name, at)
      }
      case 'drained':
        for (const kind of CATALOG_KINDS) this.#books[kind].speaker.drained(nowMs, input.peer)
        return
      case 'tick':
        return this.#tick(nowMs)
    }
  }

  #linked(nowMs: number, { peer, life, role, states }: LinkedInput): void {
    const isEdge = role === 'edge'
    for (const kind of CATALOG_KINDS) {
      const { speaker } = this.#books[kind]
      if (!isEdge) speaker.linked(nowMs, peer, states?.own[kind].version)
    }
    if (this.#options.role === 'edge') return this.#helloOfEdge(nowMs, peer)
    if (this.#members.has(peer)) this.#unsynced.add(peer)
    this.#remote.linked(nowMs, peer, life, role, states?.peer)
  }

  /**
   * An edge peer holds nothing, and says so only to be asked what it has. What it tells this gateway is newer than what
   * it told the last one, so that everybody else knows where it is.
   */
  #helloOfEdge(nowMs: number, peer: string): void {
    for (const kind of CATALOG_KINDS) {
      this.#step(nowMs, kind)
      this.#books[kind].telling.bump(nowMs)
      this.#sink.send(peer, { type: 'held', kind, mode: 'hello', life: 0, version: 0 })
    }
  }

  #answer(from: string, kind: CatalogKind): void {
    const held = this.#remote.heldOf(from, kind)
    if (held !== undefined) this.#sink.send(from, { ...held, mode: 'ask' })
  }

  #member(nowMs: number, node: string, there: boolean): void {
    if (there === this.#members.has(node)) return
    if (!there) {
      this.#members.delete(node)
      this.#remote.forget(nowMs, node)
      this.#unsynced.delete(node)
      return
    }
    this.#members.add(node)
    this.#remote.isMemberNow(node)
    if (this.#remote.isSynced(node)) return
    this.#unsynced.add(node)
    this.#remote.complete(nowMs, node)
  }

  #tick(nowMs: number): void {
    if (this.#stepDueMs <= nowMs) {
      for (const kind of CATALOG_KINDS) this.#step(nowMs, kind)
      this.#stepDueMs = Infinity
    }
    if (this.#ackDueMs <= nowMs) {
      this.#ackDueMs = Infinity
      this.#remote.acknowledge()
    }
    if (this.#sweepDueMs <= nowMs) {
      this.#sweepDueMs = Infinity
      for (const kind of CATALOG_KINDS) this.#books[kind].speaker.sweep(nowMs)
      this.#remote.sweep(nowMs)
    }
    for (const kind of CATALOG_KINDS) {
      const { telling } = this.#books[kind]
      if (telling.nextForgetMs <= nowMs) telling.forget(nowMs)
    }
  }

  #step(nowMs: number, kind: CatalogKind): void {
    const { telling, speaker } = this.#books[kind]
    const step = telling.step(nowMs)
    if (step !== undefined) speaker.tell(nowMs, step)
    this.#watch(nowMs)
  }

  #changesOwn(): void {
    const dueMs = this.#nowMs + this.#options.settings.batchMs
    this.#stepDueMs = Math.min(this.#stepDueMs, dueMs)
  }

  /** Looks in time after what may get lost. */
  #watch(nowMs: number): void {
    if (this.#sweepDueMs !== Infinity) return
    const { topic, procedure } = this.#books
    const isBusy = topic.speaker.isBusy || procedure.speaker.isBusy || this.#remote.isBusy
    if (isBusy) this.#sweepDueMs = nowMs + SWEEP_MS
  }
}

/** Sizes of a {@link CatalogCore}. */
export interface CatalogCoreStats {
  readonly own: number
  /** Own ones as they are told, and those of peers at the edge. */
  readonly told: number
  readonly relayed: number
  /** Changes remembered for peers that come back. */
  readonly remembered: number
  readonly known: number
  readonly nodes: number
  /** Peers with entries, or with a link. */
  readonly tellers: number
  /** Linked peers that are told. */
  readonly peers: number
  readonly unsynced: number
}
