/**
 * Who was found where: nodes by key, each with the sources that know it. A node is discovered with its first source
 * and lost with its last; one that is elsewhere now is lost there and discovered here. Pure but for the handlers.
 *
 * Bounded: what mDNS and the DHT say is taken for `nodesMax` nodes; members are bounded by the mesh. What mDNS claims
 * gives way to what the DHT says, which is signed: a flood of claims hides nobody.
 */
import { formatNodeId, type TransportAddress } from '../../mesh/index.ts'
import { InOrder } from '../in-order.ts'
import type { NodeId } from '../node-id.ts'
import type { DiscoveredNode, DiscoveryEvent, NodeSource } from './discovery.ts'

/** What one source says about a node. */
export interface NodeWord {
  readonly key: string
  readonly name: string
  readonly cluster: string
  readonly address: TransportAddress
}

/** Later ones are believed before earlier ones: a member has proven who it is, mDNS has not. */
const TRUST: readonly NodeSource[] = ['mdns', 'dht', 'membership']

interface Entry {
  /** By name and cluster; a node may have several names. */
  readonly words: Map<NodeSource, NodeWord>
}

/** See the head of this file. */
export class NodeBook {
  readonly #nodesMax: number
  readonly #entries = new Map<string, Entry>()
  readonly #handlers = new Set<(event: DiscoveryEvent) => void>()
  readonly #order = new InOrder()
  readonly #onHandlerError: (error: unknown) => void

  constructor(nodesMax: number, onHandlerError: (error: unknown) => void) {
    this.#nodesMax = nodesMax
    this.#onHandlerError = onHandlerError
  }

  get size(): number {
    return this.#entries.size
  }

  /** Whether anybody wants to know of changes. */
  get isHeard(): boolean {
    return this.#handlers.size > 0
  }

  /** `source` knows a node; false when there is no room for it. */
  found(source: NodeSource, word: NodeWord): boolean {
    const id = idOf(word)
    const known = this.#entries.get(id)
    if (known !== undefined) {
      this.#change(known, source, word)
      return true
    }
    if (source !== 'membership' && !this.#hasRoom(source)) return false
    const entry: Entry = { words: new Map([[source, word]]) }
    this.#entries.set(id, entry)
    this.#tell('discovered', entry)
    return true
  }

  /** `source` does not know it any more. */
  lost(source: NodeSource, word: Pick<NodeWord, 'key' | 'name' | 'cluster'>): void {
    const id = idOf(word)
    const entry = this.#entries.get(id)
    if (entry === undefined || !entry.words.has(source)) return
    if (entry.words.size > 1) return this.#change(entry, source, undefined)
    this.#entries.delete(id)
    this.#tell('lost', entry)
  }

  /** Everything that `source` knows of a cluster is this; gives those for which there is no room. */
  replace(source: NodeSource, cluster: string, words: readonly NodeWord[]): NodeWord[] {
    const ids = new Set(words.map(idOf))
    for (const { words: known } of [...this.#entries.values()]) {
      const word = known.get(source)
      if (word?.cluster === cluster && !ids.has(idOf(word))) this.lost(source, word)
    }
    return words.filter((word) => !this.found(source, word))
  }

  /** By name, then by key. */
  nodes(): DiscoveredNode[] {
    const order = ({ name, key }: DiscoveredNode): string => `${name} ${key}`
    return Array.from(this.#entries.values(), nodeOf).sort((a, b) => (order(a) < order(b) ? -1 : 1))
  }

  /** Tells of everything that is known, then of every change. */
  subscribe(handler: (event: DiscoveryEvent) => void): () => void {
    const own = (event: DiscoveryEvent): void => handler(event)
    for (const node of this.nodes()) this.#call(own, { type: 'discovered', node })
    this.#handlers.add(own)
    return () => void this.#handlers.delete(own)
  }

  close(): void {
    this.#handlers.clear()
  }

  /** Whether there is room for one more node that is no member. */
  #hasRoom(source: NodeSource): boolean {
    let strangers = 0
    let claimed: string | undefined
    for (const [id, { words }] of this.#entries) {
      if (words.has('membership')) continue
      strangers++
      if (!words.has('dht')) claimed ??= id
    }
    if (strangers < this.#nodesMax) return true
    if (source === 'mdns' || claimed === undefined) return false
    const entry = this.#entries.get(claimed)!
    this.#entries.delete(claimed)
    this.#tell('lost', entry)
    return true
  }

  /** `source` says something else of a node that is known, or nothing any more. */
  #change(entry: Entry, source: NodeSource, word: NodeWord | undefined): void {
    const before = nodeOf(entry)
    if (word === undefined) entry.words.delete(source)
    else entry.words.set(source, word)
    const node = nodeOf(entry)
    if (node.id === before.id) return
    this.#tellEvent({ type: 'lost', node: before })
    this.#tellEvent({ type: 'discovered', node })
  }

  #tell(type: DiscoveryEvent['type'], entry: Entry): void {
    // Each member of the mesh passes here, mostly with nobody who wants to know.
    if (this.isHeard) this.#tellEvent({ type, node: nodeOf(entry) })
  }

  #tellEvent(event: DiscoveryEvent): void {
    this.#order.tell(this.#handlers, [event], (handler) => this.#call(handler, event))
  }

  #call(handler: (event: DiscoveryEvent) => void, event: DiscoveryEvent): void {
    try {
      handler(event)
    } catch (error) {
      this.#onHandlerError(error)
    }
  }
}

function idOf({ key, name, cluster }: Pick<NodeWord, 'key' | 'name' | 'cluster'>): string {
  return `${key} ${cluster} ${name}`
}

function nodeOf({ words }: Entry): DiscoveredNode {
  const sources = TRUST.filter((source) => words.has(source)).reverse()
  const { key, name, cluster, address } = words.get(sources[0]!)!
  const { host, port } = address
  return Object.freeze({
    ...{ key, name, cluster },
    id: formatNodeId(name, address) as NodeId,
    address: { host, port },
    sources,
    verified: sources[0] !== 'mdns',
  })
}
