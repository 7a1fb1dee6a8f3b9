/**
 * A network of tables that do not change, as a model for lookups: no core, no sockets, virtual time.
 * Tables are what joins leave behind: of every subtree that a node does not belong to, up to k nodes.
 */
import { Deadlines } from '../../../../mesh/machine/deadlines.ts'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import {
  bucketIndex,
  compareDistance,
  distanceFraction,
  keyFromWords,
  type KadKey,
} from '../../../../mesh/routing/kademlia/id.ts'
import type { LookupResult, LookupSpec } from '../../../../mesh/routing/kademlia/machine.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import type { LookupQuestion } from '../../../../mesh/routing/kademlia/paths.ts'
import { LookupPool } from '../../../../mesh/routing/kademlia/pool.ts'
import {
  routingSettings,
  type RoutingSettings,
} from '../../../../mesh/routing/kademlia/settings.ts'
import { replyTo } from './lookup-scene.ts'

/** A key drawn from a stream. */
export function randomKey(chance: RandomStream): KadKey {
  return keyFromWords(Uint32Array.from({ length: 8 }, () => chance.next()))
}

/** A node that can be asked, of that key. */
export function contactOf(key: KadKey): Contact {
  return { id: key.hex, key, host: `node-${key.hex.slice(0, 8)}`, port: 4433 }
}

/** The `count` of `contacts` that are nearest to `target`. */
export function nearest(
  contacts: readonly Contact[],
  target: KadKey,
  count: number,
): readonly Contact[] {
  // Only what is at most as far as the `count`-th, which is faster to find by numbers.
  const distances = new Float64Array(contacts.length)
  for (let i = 0; i < contacts.length; i++) {
    distances[i] = distanceFraction(target, contacts[i]!.key)
  }
  const farthest = distances.toSorted()[Math.min(count, contacts.length) - 1] ?? 0
  return contacts
    .filter((_, i) => distances[i]! <= farthest)
    .sort((a, b) => compareDistance(target, a.key, b.key))
    .slice(0, count)
}

class StaticNode {
  readonly contact: Contact
  readonly buckets: Contact[][] = []
  constructor(contact: Contact) {
    this.contact = contact
  }

  /** As a table answers: the bucket of the target, all below it, then those above one by one. */
  closest(target: KadKey, count: number): Contact[] {
    const found: Contact[] = []
    const own = bucketIndex(this.contact.key, target)
    const take = (group: Contact[]): void => {
      group.sort((a, b) => compareDistance(target, a.key, b.key))
      for (const contact of group) if (found.length < count) found.push(contact)
    }
    if (own >= 0) take([...(this.buckets[own] ?? [])])
    if (found.length < count) take(this.buckets.slice(0, Math.max(0, own)).flat())
    for (let i = own + 1; i < this.buckets.length && found.length < count; i++) {
      take([...(this.buckets[i] ?? [])])
    }
    return found
  }
}

/** How one lookup in the model went. */
export interface ModelRun {
  readonly result: LookupResult
  readonly asked: readonly string[]
  readonly inFlightMax: number
  readonly elapsedMs: number
}

/** What one asks a network for. */
export interface ModelLookup {
  readonly origin: number
  readonly target: KadKey
  readonly spec?: Partial<LookupSpec>
  /** What a liar answers; undefined for those who answer what their table holds. */
  readonly lie?: (to: Contact, asked: ReadonlySet<string>) => readonly Contact[] | undefined
  /** Who does not answer at all. */
  readonly dead?: ReadonlySet<string>
  readonly isDown?: (id: string) => boolean
  /** Default 300 ms. */
  readonly softTimeoutMs?: number
}

/** `size` nodes with full tables. */
export class StaticNetwork {
  readonly settings: RoutingSettings
  readonly contacts: readonly Contact[]
  readonly #nodes = new Map<string, StaticNode>()
  readonly #chance: RandomStream

  constructor(size: number, seed: number, settings: Partial<RoutingSettings> = {}) {
    this.settings = routingSettings(settings)
    this.#chance = new RandomStream(seed, 1)
    const contacts = Array.from({ length: size }, () => contactOf(randomKey(this.#chance)))
    contacts.sort((a, b) => (a.id < b.id ? -1 : 1))
    this.contacts = contacts
    for (const contact of contacts) {
      const node = new StaticNode(contact)
      this.#nodes.set(contact.id, node)
      // Subtrees are ranges of the sorted keys.
      let from = 0
      let to = size
      while (to - from > 1) {
        const bit = splitOf(contacts, from, to)
        const split = this.#split(from, to, bit)
        const inLow = contact.id < contacts[split]!.id
        const other = inLow ? contacts.slice(split, to) : contacts.slice(from, split)
        node.buckets[255 - bit] = this.#some(other)
        if (inLow) to = split
        else from = split
      }
      for (let i = 0; i < 256; i++) node.buckets[i] ??= []
    }
  }

  get chance(): RandomStream {
    return this.#chance
  }

  /** The true answer. */
  closest(target: KadKey, count: number): readonly Contact[] {
    return nearest(this.contacts, target, count)
  }

  /** The table of one node. */
  table(id: string, target: KadKey, count: number): readonly Contact[] {
    return this.#nodes.get(id)!.closest(target, count)
  }

  /** Runs one lookup to its end, answers taking 20 to 200 ms. */
  run(lookup: ModelLookup): ModelRun {
    const { origin, target } = lookup
    const own = this.contacts[origin]!
    const running = new Map<number, { readonly to: Contact; readonly question: LookupQuestion }>()
    const arrivals = new Deadlines()
    const asked = new Set<string>()
    let result: LookupResult | undefined
    let requests = 0
    let inFlightMax = 0
    let nowMs = 0
    const pool = new LookupPool({
      settings: this.settings,
      own: own.key,
      port: {
        request: (to, question, deadlineMs) => {
          const requestId = ++requests
          running.set(requestId, { to, question })
          asked.add(to.id)
          inFlightMax = Math.max(inFlightMax, running.size)
          const rttMs = 20 + (this.#chance.next() % 181)
          arrivals.set(requestId, lookup.dead?.has(to.id) ? deadlineMs : nowMs + rttMs)
          return requestId
        },
        cancel: (requestId) => {
          running.delete(requestId)
          arrivals.delete(requestId)
        },
        closest: (key, count) => this.table(own.id, key, count),
        isDown: lookup.isDown ?? (() => false),
        softTimeoutMs: () => lookup.softTimeoutMs ?? 300,
        event: (event) => {
          if (event.type === 'lookup_done') result = event.result
        },
      },
    })
    pool.start(nowMs, 1, { kind: 'find_node', target, ...lookup.spec })
    while (result === undefined) {
      const requestId = arrivals.first()
      nowMs = Math.min(arrivals.earliest(), pool.nextDeadline())
      if (nowMs < arrivals.earliest()) {
        pool.tick(nowMs)
        continue
      }
      const { to, question } = running.get(requestId)!
      running.delete(requestId)
      arrivals.delete(requestId)
      if (lookup.dead?.has(to.id)) {
        pool.failed(nowMs, requestId)
        continue
      }
      const contacts = lookup.lie?.(to, asked) ?? this.table(to.id, target, question.count)
      pool.answered(nowMs, requestId, to, replyTo(question, contacts))
    }
    return { result, asked: [...asked], inFlightMax, elapsedMs: nowMs }
  }

  /** Up to k of a subtree, drawn by lot. */
  #some(contacts: Contact[]): Contact[] {
    const { k } = this.settings
    for (let i = 0; i < Math.min(k, contacts.length); i++) {
      const other = i + (this.#chance.next() % (contacts.length - i))
      const drawn = contacts[other]!
      contacts[other] = contacts[i]!
      contacts[i] = drawn
    }
    return contacts.slice(0, k)
  }

  /** First place in the range whose key has the bit set. */
  #split(from: number, to: number, bit: number): number {
    let low = from
    let high = to
    while (low < high) {
      const middle = (low + high) >>> 1
      const word = this.contacts[middle]!.key.words[bit >>> 5]!
      if (((word >>> (31 - (bit & 31))) & 1) === 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The first bit in which keys of a sorted range differ. */
function splitOf(contacts: readonly Contact[], from: number, to: number): number {
  return 255 - bucketIndex(contacts[from]!.key, contacts[to - 1]!.key)
}
