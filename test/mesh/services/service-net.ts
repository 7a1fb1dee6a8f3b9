/**
 * Services without links: couriers and catalogs of some nodes, joined in memory over a clock that the test moves. For
 * tests of pub/sub and procedures alone; the real couriers and catalogs have tests of their own.
 */
import {
  createSeededEntropy,
  createSimClock,
  createSystem,
  silentLogger,
} from '../../../runtime/index.ts'
import type { Entropy, SimClock } from '../../../runtime/index.ts'
import type {
  Catalog,
  CatalogChange,
  CatalogDetail,
  CatalogEntry,
  CatalogKind,
  CatalogStats,
  SeekOptions,
} from '../../../mesh/catalog/catalog.ts'
import type {
  Courier,
  CourierHandler,
  CourierOutcome,
  CourierSendOptions,
  CourierStats,
  GoneReason,
  Origin,
  ServiceLane,
} from '../../../mesh/courier/courier.ts'
import { CourierError } from '../../../mesh/courier/errors.ts'
import { Refusals } from '../../../mesh/refusals.ts'
import type { ServicesContext } from '../../../mesh/services/context.ts'
import type { Store } from '../../../mesh/store/store.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../mesh/wire/frame.ts'
import { VALUE_LIMITS } from '../../../mesh/wire/limits.ts'

/** A frame on its way, for wire traces. */
export interface NetFrame {
  readonly from: string
  readonly to: string
  readonly lane: ServiceLane
  readonly type: number
  readonly bytes: number
}

/** How the network behaves. */
export interface ServiceNetOptions {
  readonly latencyMs?: number
  readonly seed?: number
}

/** One node of it. */
export interface ServiceNode extends ServicesContext {
  readonly courier: NetCourier
  readonly catalog: NetCatalog
}

/** Options of {@link ServiceNet.node}. */
export interface ServiceNodeOptions {
  readonly incarnation?: number
  readonly store?: Store
  /** Same key as a node before it. */
  readonly key?: string
}

/** All of them. */
export class ServiceNet {
  readonly clock: SimClock = createSimClock()
  readonly entropy: Entropy
  /** Every frame that was sent, in order. */
  readonly trace: NetFrame[] = []
  /** Decides whether a frame is lost. */
  loses: (frame: NetFrame) => boolean = () => false
  latencyMs: number
  /** Of what does not get through a cut, nobody can say whether it arrived. */
  receiptLost = false
  readonly #nodes = new Map<string, ServiceNode>()
  readonly #cuts = new Set<string>()
  #count = 0

  constructor({ latencyMs = 1, seed = 1 }: ServiceNetOptions = {}) {
    this.latencyMs = latencyMs
    this.entropy = createSeededEntropy(seed)
  }

  /** One more node, known to all. */
  node({ incarnation = 1, store, key }: ServiceNodeOptions = {}): ServiceNode {
    this.#count += 1
    const self = key ?? this.#count.toString(16).padStart(2, '0').repeat(32)
    const { clock, entropy } = this
    const node: ServiceNode = {
      self,
      incarnation,
      system: createSystem({ clock, entropy, node: self, incarnation }),
      clock,
      chance: () => entropy.random(),
      entropy,
      logger: silentLogger,
      refusals: new Refusals(clock, silentLogger),
      codec: new Codec(),
      values: new Codec({ limits: VALUE_LIMITS }),
      courier: new NetCourier(this, self),
      catalog: new NetCatalog(this, self),
      isGranted: () => true,
      store,
    }
    this.#nodes.set(self, node)
    return node
  }

  nodes(): readonly ServiceNode[] {
    return Array.from(this.#nodes.values())
  }

  find(key: string): ServiceNode | undefined {
    return this.#nodes.get(key)
  }

  /** Nothing passes between two nodes until `join`. */
  cut(a: ServiceNode, b: ServiceNode): void {
    this.#cuts.add(pairOf(a.self, b.self))
  }

  join(a: ServiceNode, b: ServiceNode): void {
    this.#cuts.delete(pairOf(a.self, b.self))
  }

  isCut(a: string, b: string): boolean {
    return this.#cuts.has(pairOf(a, b))
  }

  /** The node is gone at once; the others are told after `detectMs`. */
  kill(node: ServiceNode, detectMs = 1_000): void {
    this.#nodes.delete(node.self)
    this.clock.setTimer(detectMs, () => {
      for (const other of this.nodes()) {
        other.catalog.forget(node.self)
        other.courier.gone(node.self, 'down')
      }
    })
  }
}

function pairOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

/** Hands frames over after the latency of the network, in order. */
export class NetCourier implements Courier {
  readonly self: string
  readonly #net: ServiceNet
  readonly #handlers: (CourierHandler | undefined)[] = []
  readonly #gone = new Set<(node: string, reason: GoneReason) => void>()
  readonly #drains = new Set<(node: string) => void>()
  /** Nodes that take no more for now: `send` to them gives `full`. */
  readonly full: Set<string> = new Set()
  waiting: Map<string, number> = new Map()
  #direct = 0
  #received = 0
  #lost = 0

  constructor(net: ServiceNet, self: string) {
    this.#net = net
    this.self = self
  }

  send(
    to: string,
    lane: ServiceLane,
    given: Uint8Array,
    { lost, via, rest }: CourierSendOptions = {},
  ): CourierOutcome {
    const net = this.#net
    const frame = rest === undefined ? given : Buffer.concat([given, rest])
    const traced = { from: this.self, to, lane, type: frame[1]!, bytes: frame.length }
    net.trace.push(traced)
    this.#direct += 1
    if (net.loses(traced)) return 'sent'
    const size = frame.length
    this.waiting.set(to, (this.waiting.get(to) ?? 0) + size)
    net.clock.setTimer(net.latencyMs, () => {
      this.waiting.set(to, this.waiting.get(to)! - size)
      const target = net.find(to)
      if (target === undefined || net.isCut(this.self, to)) {
        this.#lost += 1
        const { receiptLost: mayHaveArrived } = net
        lost?.(new CourierError('ERR_COURIER_UNREACHABLE', `no way to ${to}`, { mayHaveArrived }))
        return
      }
      target.courier.take({ node: this.self, roles: [], path: 'direct', via }, frame)
    })
    return this.full.has(to) ? 'full' : 'sent'
  }

  /** A frame arrives. */
  take(origin: Origin, frame: Uint8Array): void {
    this.#received += 1
    const type = frame[1]!
    const handler = this.#handlers[type]
    if (handler === undefined) throw new Error(`nobody handles type ${type}`)
    handler(origin, type, frame.slice(HEADER_BYTES))
  }

  bytesWaiting(to: string): number {
    return this.waiting.get(to) ?? 0
  }

  onDrain(handler: (node: string) => void): () => void {
    this.#drains.add(handler)
    return () => void this.#drains.delete(handler)
  }

  /** A node that was full takes messages again. */
  drain(node: string): void {
    this.full.delete(node)
    for (const handler of this.#drains) handler(node)
  }

  handle(from: number, to: number, handler: CourierHandler): () => void {
    for (let type = from; type <= to; type++) {
      if (this.#handlers[type] !== undefined) throw new Error(`type ${type} is taken`)
      this.#handlers[type] = handler
    }
    return () => {
      for (let type = from; type <= to; type++) this.#handlers[type] = undefined
    }
  }

  onGone(handler: (node: string, reason: GoneReason) => void): () => void {
    this.#gone.add(handler)
    return () => void this.#gone.delete(handler)
  }

  gone(node: string, reason: GoneReason): void {
    for (const handler of this.#gone) handler(node, reason)
  }

  hold(): () => void {
    return () => {}
  }

  stats(): CourierStats {
    const bytesWaiting = Array.from(this.waiting.values()).reduce((sum, size) => sum + size, 0)
    return {
      direct: this.#direct,
      relayed: 0,
      received: this.#received,
      lost: this.#lost,
      refused: 0,
      bytesWaiting,
    }
  }
}

/** Knows what every node of the network said, after its latency. */
export class NetCatalog implements Catalog {
  readonly self: string
  readonly #net: ServiceNet
  readonly #own = new Map<string, CatalogEntry>()
  readonly #known = new Map<string, CatalogEntry>()
  readonly #handlers = new Map<CatalogKind, Set<(change: CatalogChange) => void>>()
  /** False lets `seek` take `seekMs`. */
  sought = true
  seekMs = 5
  #seeks = 0

  constructor(net: ServiceNet, self: string) {
    this.#net = net
    this.self = self
    for (const other of net.nodes()) {
      for (const entry of other.catalog.own()) this.#known.set(idOf(entry), entry)
    }
  }

  own(): Iterable<CatalogEntry> {
    return this.#own.values()
  }

  set(kind: CatalogKind, pattern: string, detail: CatalogDetail = {}): void {
    const sinceMs = this.#net.clock.now()
    const entry: CatalogEntry = { kind, pattern, node: this.self, via: undefined, detail, sinceMs }
    this.#own.set(idOf(entry), entry)
    this.#tell((other) => other.learn(entry))
  }

  delete(kind: CatalogKind, pattern: string): void {
    const id = `${kind} ${this.self} ${pattern}`
    if (this.#own.delete(id)) this.#tell((other) => other.unlearn(id))
  }

  learn(entry: CatalogEntry): void {
    const id = idOf(entry)
    const type = this.#known.has(id) ? 'changed' : 'added'
    this.#known.set(id, entry)
    this.#announce({ type, entry })
  }

  unlearn(id: string): void {
    const entry = this.#known.get(id)
    if (entry === undefined) return
    this.#known.delete(id)
    this.#announce({ type: 'removed', entry })
  }

  /** Everything of a node is over. */
  forget(node: string): void {
    for (const [id, entry] of this.#known) if (entry.node === node) this.unlearn(id)
  }

  lookup(kind: CatalogKind, name: string): readonly CatalogEntry[] {
    return Array.from(this.#known.values()).filter(
      (entry) => entry.kind === kind && matches(entry.pattern.split('.'), name.split('.')),
    )
  }

  *entries(kind: CatalogKind): Iterable<CatalogEntry> {
    for (const entry of this.#known.values()) if (entry.kind === kind) yield entry
  }

  isSought(): boolean {
    return this.sought
  }

  /** What is followed, with each filter as often as it is. */
  readonly followed: string[] = []

  follow(_kind: CatalogKind, filter: string): () => void {
    this.followed.push(filter)
    return () => void this.followed.splice(this.followed.indexOf(filter), 1)
  }

  /** Whether searches end without an answer. */
  unanswered = false

  isUnanswered(): boolean {
    return this.unanswered
  }

  /** Whether somebody may be missing in what is known. */
  doubtful = false

  isDoubtful(): boolean {
    return this.doubtful
  }

  seek(_kind: CatalogKind, _name: string, _options?: SeekOptions): Promise<void> {
    this.#seeks += 1
    return new Promise((resolve) => this.#net.clock.setTimer(this.seekMs, resolve))
  }

  /** What nodes said that they have no use for, as `topic a.b from 0101...`. */
  readonly unwantedNames: string[] = []

  unwanted(kind: CatalogKind, name: string, from: string): void {
    this.unwantedNames.push(`${kind} ${name} from ${from}`)
  }

  onChange(kind: CatalogKind, handler: (change: CatalogChange) => void): () => void {
    const handlers = this.#handlers.get(kind) ?? new Set()
    this.#handlers.set(kind, handlers)
    handlers.add(handler)
    return () => void handlers.delete(handler)
  }

  /** Words of this node that are on their way. */
  #underWay = 0

  isTold(): boolean {
    return this.#underWay === 0
  }

  stats(): CatalogStats {
    const nodes = new Set(Array.from(this.#known.values(), ({ node }) => node)).size
    return { own: this.#own.size, known: this.#known.size, nodes, seeks: this.#seeks }
  }

  #announce(change: CatalogChange): void {
    for (const handler of this.#handlers.get(change.entry.kind) ?? []) handler(change)
  }

  #tell(say: (other: NetCatalog) => void): void {
    const { clock, latencyMs } = this.#net
    this.#underWay += 1
    clock.setTimer(latencyMs, () => {
      this.#underWay -= 1
      for (const { self, catalog } of this.#net.nodes()) {
        if (self !== this.self && !this.#net.isCut(self, this.self)) say(catalog)
      }
    })
  }
}

function idOf({ kind, node, pattern }: CatalogEntry): string {
  return `${kind} ${node} ${pattern}`
}

/** The naive rule: what the matcher is compared with, too. */
function matches(pattern: readonly string[], name: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return name.length === 0
  if (first === '**') {
    return matches(rest, name) || (name.length > 0 && matches(pattern, name.slice(1)))
  }
  if (name.length === 0 || (first !== '*' && first !== name[0])) return false
  return matches(rest, name.slice(1))
}
