/** Some routing cores that talk to each other, on one virtual clock. No loss, no link limits: not the simulator. */
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { RoutingCore } from '../../../../mesh/routing/kademlia/core.ts'
import { keyFromWords, type KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type {
  LookupResult,
  LookupSpec,
  RoutingEvent,
  RoutingInput,
  RoutingRefusal,
  RoutingSink,
  SeedContact,
} from '../../../../mesh/routing/kademlia/machine.ts'
import type {
  Contact,
  DhtMode,
  FindNode,
  LookupReply,
  LookupRequest,
} from '../../../../mesh/routing/kademlia/message.ts'
import {
  routingSettings,
  type RoutingSettings,
} from '../../../../mesh/routing/kademlia/settings.ts'
import { byDistance, contactOf } from './keys.ts'

export const RTT_MS = 20

interface Flight {
  readonly atMs: number
  readonly run: () => void
}

/** One node: a core, and what it did. */
export class FakeNode implements RoutingSink {
  readonly contact: Contact
  core: RoutingCore
  isUp = true
  readonly events: RoutingEvent[] = []
  readonly refusals: (readonly [RoutingRefusal, string | undefined])[] = []
  /** Requests without answer, by id. */
  readonly waiting = new Map<number, LookupRequest>()
  /** All that were sent. */
  readonly sent: {
    readonly atMs: number
    readonly to: SeedContact
    readonly message: LookupRequest
  }[] = []
  /** Answers to the requests of others, by the id of the reply. */
  readonly replies = new Map<number, LookupReply>()
  readonly #network: FakeNetwork
  #tickAtMs = Infinity
  #life = 0

  constructor(network: FakeNetwork, contact: Contact, core: RoutingCore) {
    this.#network = network
    this.contact = contact
    this.core = core
    this.#schedule()
  }

  get id(): string {
    return this.contact.id
  }

  step(input: RoutingInput): void {
    if (!this.isUp) return
    this.core.step(this.#network.nowMs, input, this)
    this.#schedule()
  }

  /** From now on nobody is there. */
  stop(): void {
    this.isUp = false
    this.#life += 1
    this.waiting.clear()
  }

  /** Comes back with another core. */
  restart(core: RoutingCore): void {
    this.isUp = true
    this.core = core
    this.#tickAtMs = Infinity
    this.#schedule()
  }

  request(requestId: number, to: SeedContact, message: LookupRequest, deadlineMs: number): void {
    const life = this.#life
    this.waiting.set(requestId, message)
    this.sent.push({ atMs: this.#network.nowMs, to, message })
    const peer = this.#network.at(to)
    this.#network.later(RTT_MS / 2, () => {
      if (peer === undefined || !peer.isUp || message.type !== 'find_node') return
      if (!this.#network.isLinked(this.id, peer.id)) return
      const reply = peer.ask(this.id, message)
      this.#network.later(RTT_MS / 2, () => {
        if (this.#life !== life || !this.waiting.delete(requestId)) return
        if (reply === undefined) this.step({ type: 'request_failed', requestId })
        else this.step({ type: 'reply', requestId, from: peer.id, message: reply })
      })
    })
    this.#network.later(deadlineMs - this.#network.nowMs, () => {
      if (this.#life !== life || !this.waiting.delete(requestId)) return
      this.step({ type: 'request_failed', requestId })
    })
  }

  /** Answers at once or not at all. */
  ask(from: string, message: FindNode): LookupReply | undefined {
    const replyId = this.#network.nextId()
    this.step({ type: 'request', from, replyId, message })
    const reply = this.replies.get(replyId)
    this.replies.delete(replyId)
    return reply
  }

  cancel(requestId: number): void {
    this.waiting.delete(requestId)
  }

  reply(replyId: number, message: LookupReply): void {
    this.replies.set(replyId, message)
  }

  event(event: RoutingEvent): void {
    this.events.push(event)
  }

  refused(code: RoutingRefusal, from: string | undefined): void {
    this.refusals.push([code, from])
  }

  /** How many events of a kind there were. */
  count(type: RoutingEvent['type']): number {
    return this.events.filter((event) => event.type === type).length
  }

  refusalCount(code: RoutingRefusal): number {
    return this.refusals.filter(([each]) => each === code).length
  }

  result(lookupId: number): LookupResult | undefined {
    for (const event of this.events) {
      if (event.type === 'lookup_done' && event.lookupId === lookupId) return event.result
    }
    return undefined
  }

  #schedule(): void {
    const atMs = this.core.nextDeadline()
    if (atMs >= this.#tickAtMs || atMs === Infinity) return
    this.#tickAtMs = atMs
    this.#network.later(Math.max(0, atMs - this.#network.nowMs), () => {
      if (this.#tickAtMs !== atMs) return
      this.#tickAtMs = Infinity
      if (this.isUp && this.core.nextDeadline() <= this.#network.nowMs) this.step({ type: 'tick' })
      else if (this.isUp) this.#schedule()
    })
  }
}

export interface NodeOptions {
  readonly settings?: Partial<RoutingSettings>
  readonly mode?: DhtMode
  readonly host?: string
  readonly snapshot?: readonly Contact[]
  readonly key?: KadKey
}

/** The nodes and the clock. */
export class FakeNetwork {
  nowMs = 1_000
  readonly nodes: FakeNode[] = []
  readonly random: RandomStream
  /** Nodes of the other side of a partition. */
  readonly apart = new Set<string>()
  readonly #flights: Flight[] = []
  readonly #byAddress = new Map<string, FakeNode>()
  #id = 0

  constructor(seed: number) {
    this.random = new RandomStream(seed, 99)
  }

  nextId(): number {
    this.#id += 1
    return this.#id
  }

  key(): KadKey {
    return keyFromWords(Uint32Array.from({ length: 8 }, () => this.random.next()))
  }

  core(contact: Contact, options: NodeOptions = {}): RoutingCore {
    return new RoutingCore({
      self: { ...contact, mode: options.mode ?? 'server' },
      settings: routingSettings(options.settings),
      seed: this.random.next(),
      nowMs: this.nowMs,
      ...(options.snapshot === undefined ? {} : { snapshot: options.snapshot }),
    })
  }

  add(options: NodeOptions = {}): FakeNode {
    const contact = contactOf(
      options.key ?? this.key(),
      options.host ?? '10.0.0.1',
      1_000 + this.nodes.length,
    )
    const node = new FakeNode(this, contact, this.core(contact, options))
    this.nodes.push(node)
    this.#byAddress.set(`${contact.host} ${contact.port}`, node)
    return node
  }

  /** A network in which every one joined through the first, one after the other. */
  grow(count: number, options: NodeOptions = {}): void {
    for (let n = 0; n < count; n++) {
      const node = this.add(options)
      const seed = this.nodes[0]!
      if (node !== seed) node.step({ type: 'bootstrap', contacts: [seedOf(seed)] })
      this.run(RTT_MS * 20)
    }
  }

  at({ host, port }: { readonly host: string; readonly port: number }): FakeNode | undefined {
    return this.#byAddress.get(`${host} ${port}`)
  }

  isLinked(a: string, b: string): boolean {
    return this.apart.has(a) === this.apart.has(b)
  }

  later(delayMs: number, run: () => void): void {
    const atMs = this.nowMs + delayMs
    let place = this.#flights.length
    while (place > 0 && this.#flights[place - 1]!.atMs <= atMs) place -= 1
    this.#flights.splice(place, 0, { atMs, run })
  }

  /** Lets time pass. Of flights at the same time, the one that began first comes first. */
  run(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const next = this.#flights.at(-1)
      if (next === undefined || next.atMs > untilMs) break
      this.#flights.pop()
      this.nowMs = next.atMs
      next.run()
    }
    this.nowMs = untilMs
  }

  lookup(node: FakeNode, target: KadKey, spec: Partial<LookupSpec> = {}): number {
    const lookupId = this.nextId()
    node.step({ type: 'lookup', lookupId, spec: { kind: 'find_node', target, ...spec } })
    return lookupId
  }

  /** The truth: running nodes nearest to `target`, `except` left out. */
  nearest(target: KadKey, count: number, except: FakeNode): string[] {
    const others = this.nodes.filter((node) => node.isUp && node !== except)
    return byDistance(
      target,
      others.map(({ contact }) => contact),
    )
      .slice(0, count)
      .map(({ id }) => id)
  }
}

/** An address alone: who is there is learnt by asking. */
export function seedOf({ contact }: { readonly contact: Contact }): SeedContact {
  return { id: undefined, host: contact.host, port: contact.port }
}
