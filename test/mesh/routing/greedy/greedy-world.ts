/**
 * Nodes that route envelopes among each other: cores, tables that do not change, and a queue in place of links.
 * What a link does with an envelope, and whom a node believes to be near, can be replaced.
 */
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { GreedyCore } from '../../../../mesh/routing/greedy/core.ts'
import type { Envelope, RouteType } from '../../../../mesh/routing/greedy/envelope.ts'
import type {
  GreedyInput,
  GreedySink,
  SendOutcome,
} from '../../../../mesh/routing/greedy/machine.ts'
import { greedySettings } from '../../../../mesh/routing/greedy/settings.ts'
import type { GreedySettings } from '../../../../mesh/routing/greedy/settings.ts'
import { bucketIndex, compareDistance } from '../../../../mesh/routing/kademlia/id.ts'
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import { contactOf, randomKey } from '../kademlia/static-network.ts'

/** What is unusual about a world. */
export interface WorldOptions {
  readonly settings?: Partial<GreedySettings>
  /** Entries per bucket. Default 20. */
  readonly k?: number
  /** Whether `from` can send to `to`; undefined for "it never answers". Default true. */
  readonly reaches?: (from: string, to: string) => boolean | undefined
  /** What a table says in place of the truth. */
  readonly closest?: (own: Contact, truth: readonly Contact[], key: KadKey) => readonly Contact[]
  readonly linked?: (own: string, id: string) => boolean
  /** Pairs of numbers of nodes: they alone have links, and are alone in the tables of each other. */
  readonly links?: readonly (readonly [number, number])[]
  /** What a node sends in place of what it should; only a liar does. */
  readonly alters?: (from: string, to: string, envelope: Envelope) => Envelope
  /** False when there is nobody for what arrives at that node. */
  readonly wanted?: (own: string) => boolean
}

/** One node. */
export interface WorldNode {
  readonly contact: Contact
  readonly table: Contact[]
  readonly core: GreedyCore
}

/** See the file header. */
export class GreedyWorld {
  readonly nodes: WorldNode[] = []
  readonly delivered: { readonly at: string; readonly envelope: Envelope }[] = []
  readonly outcomes = new Map<number, SendOutcome>()
  readonly refusals: Record<string, number> = {}
  /** Every envelope that went over a link, as the receiver got it. */
  readonly hops: { readonly from: string; readonly to: string; readonly envelope: Envelope }[] = []
  readonly cancelled: number[] = []
  nowMs = 0
  readonly #byId = new Map<string, WorldNode>()
  /** Gateways of peers at the edge. */
  readonly #clients = new Map<string, string>()
  readonly #links = new Map<string, Set<string>>()
  readonly #options: WorldOptions
  readonly #random: RandomStream
  readonly #queue: { readonly node: WorldNode; readonly input: GreedyInput }[] = []
  #ids = 0

  constructor(seed: number, size: number, options: WorldOptions = {}) {
    this.#options = options
    this.#random = new RandomStream(seed, 1)
    for (let i = 0; i < size; i++) this.#add(contactOf(randomKey(this.#random)))
    for (const [left, right] of options.links ?? []) {
      const [a, b] = [this.nodes[left]!, this.nodes[right]!]
      this.#linkOf(a).add(b.contact.id)
      this.#linkOf(b).add(a.contact.id)
      a.table.push(b.contact)
      b.table.push(a.contact)
    }
    if (options.links === undefined) for (const node of this.nodes) this.#fillTable(node)
  }

  /** A peer at the edge, with `gateway` only. */
  client(gateway: WorldNode): WorldNode {
    const contact = contactOf(randomKey(this.#random))
    this.#clients.set(contact.id, gateway.contact.id)
    this.#add(contact, () => [gateway.contact])
    this.nodes.pop()
    return this.node(contact.id)
  }

  node(id: string): WorldNode {
    return this.#byId.get(id)!
  }

  /** Sends from one node, and runs until nothing moves; gives the id of the send. */
  send(
    from: WorldNode,
    destination: KadKey,
    more: {
      readonly type?: RouteType
      readonly hopsMax?: number
      readonly receipt?: boolean
      readonly via?: KadKey
      readonly sourceVia?: KadKey
    } = {},
  ): number {
    const sendId = ++this.#ids
    this.step(from, {
      ...{ type: 'send', sendId, id: this.#newId(), routeType: more.type ?? 'call', destination },
      ...{ payload: Uint8Array.of(sendId), about: undefined, receipt: more.receipt ?? true },
      ...{ via: more.via, sourceVia: more.sourceVia },
      ...{ hopsMax: more.hopsMax ?? 10, deadlineMs: this.nowMs + 10_000 },
    })
    return sendId
  }

  step(node: WorldNode, input: GreedyInput): void {
    this.#queue.push({ node, input })
    this.#run()
  }

  /** Lets time pass, tick by tick. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const dueMs = Math.min(...this.nodes.map(({ core }) => core.nextDeadline()))
      if (dueMs > untilMs) break
      this.nowMs = dueMs
      for (const node of this.nodes) {
        if (node.core.nextDeadline() <= dueMs) this.step(node, { type: 'tick' })
      }
    }
    this.nowMs = untilMs
  }

  #run(): void {
    let steps = 0
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if ((steps += 1) > 100_000) throw new Error('the world does not come to rest')
      next.node.core.step(this.nowMs, next.input, this.#sink(next.node))
    }
  }

  #sink(node: WorldNode): GreedySink {
    const { reaches = () => true, wanted = () => true } = this.#options
    const own = node.contact.id
    return {
      forward: (attemptId, to, envelope) => {
        const answer = this.#byId.has(to.id) ? reaches(own, to.id) : false
        if (answer === undefined) return
        this.#queue.push({
          node,
          input: { type: answer ? 'forwarded' : 'forward_failed', attemptId },
        })
        if (!answer) return
        const said = this.#options.alters?.(own, to.id, envelope) ?? envelope
        this.hops.push({ from: own, to: to.id, envelope: said })
        this.#queue.push({
          node: this.#byId.get(to.id)!,
          input: { type: 'envelope', from: own, envelope: said },
        })
      },
      cancelForward: (attemptId) => this.cancelled.push(attemptId),
      deliver: (envelope) => {
        if (!wanted(own)) return false
        this.delivered.push({ at: own, envelope })
        return true
      },
      settled: (sendId, outcome) => {
        if (this.outcomes.has(sendId)) throw new Error(`send ${sendId} ended twice`)
        this.outcomes.set(sendId, outcome)
      },
      refused: (code) => (this.refusals[code] = (this.refusals[code] ?? 0) + 1),
    }
  }

  #linkOf({ contact: { id } }: Pick<WorldNode, 'contact'>): Set<string> {
    const links = this.#links.get(id) ?? new Set()
    this.#links.set(id, links)
    return links
  }

  #add(contact: Contact, uplinks?: () => readonly Contact[]): void {
    const table: Contact[] = []
    const { closest, linked = () => false } = this.#options
    const core = new GreedyCore({
      self: contact.key,
      settings: greedySettings(this.#options.settings),
      newId: () => this.#newId(),
      view: {
        closest: (key, count) => {
          const truth = table.toSorted((a, b) => compareDistance(key, a.key, b.key)).slice(0, count)
          return closest?.(contact, truth, key) ?? truth
        },
        linked: (id) => {
          const isLinked = linked(contact.id, id) || this.#clients.get(id) === contact.id
          return isLinked || this.#links.get(contact.id)?.has(id) === true
            ? this.#byId.get(id)?.contact
            : undefined
        },
        neighbours: () =>
          Array.from(this.#linkOf({ contact }), (id) => this.#byId.get(id)!.contact),
        isClient: (id) => this.#clients.get(id) === contact.id,
        uplinks,
      },
    })
    const node: WorldNode = { contact, table, core }
    this.nodes.push(node)
    this.#byId.set(contact.id, node)
  }

  /** Up to k nodes, by lot, of each subtree that the node is not in. */
  #fillTable({ contact, table }: WorldNode): void {
    const { k = 20 } = this.#options
    const room = new Map<number, number>()
    const order = this.nodes
      .map((other) => ({ other, lot: this.#random.next() }))
      .sort((a, b) => a.lot - b.lot)
    for (const { other } of order) {
      const bucket = bucketIndex(contact.key, other.contact.key)
      const taken = room.get(bucket) ?? 0
      if (bucket < 0 || taken >= k) continue
      room.set(bucket, taken + 1)
      table.push(other.contact)
    }
  }

  #newId(): string {
    return Array.from({ length: 4 }, () => this.#random.next().toString(16).padStart(8, '0')).join(
      '',
    )
  }
}
