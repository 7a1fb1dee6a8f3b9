/**
 * The registry of nodes: under which names this node is known, and who else is there; the memory of it and its
 * functions. The process beside it (`registry-server.ts`) speaks mDNS and asks the DHT; it may be killed at any time,
 * and nothing that was registered is lost.
 *
 * Nothing is opened and nobody is asked before one of the functions that need it is used.
 */
import type { Clock } from '../../runtime/index.ts'
import {
  isClusterName,
  isNodeName,
  type DhtProvider,
  type MemberEvent,
  type Mesh,
} from '../../mesh/index.ts'
import { clusterKey, nameKey, wordsOf } from './dht-nodes.ts'
import type { DhtTold } from './dht-registrar.ts'
import type {
  DiscoveredNode,
  DiscoveryEvent,
  FindNodesOptions,
  LookupNodeOptions,
  NodeRegistration,
  RegisterNodeOptions,
} from './discovery.ts'
import { DiscoveryError } from './errors.ts'
import { ownWord } from './mdns-nodes.ts'
import { NodeBook, type NodeWord } from './node-book.ts'
import type { DiscoveryOptions } from './options.ts'
import type { DiscoverySelf } from './strategy.ts'
import { pause } from './wait.ts'

/** What the process does for the registry while it lives. */
export interface RegistryWorker {
  /** Names were registered or given up, or it has become active. */
  changed(): void
  /** Asks by mDNS now. */
  ask(): void
  /** When it began to listen by mDNS; undefined when it does not. */
  readonly listeningSinceMs: number | undefined
}

/** What the registry stands on. */
export interface RegistryContext {
  readonly options: DiscoveryOptions
  readonly self: DiscoverySelf
  readonly mesh: Mesh
  readonly clock: Clock
  refused(code: string, fields: Readonly<Record<string, unknown>>): void
  handlerFailed(error: unknown): void
}

const FIND_MS = 2_000

/** See the head of this file. */
export class NodeRegistry {
  readonly context: RegistryContext
  readonly book: NodeBook
  /** What was told to the DHT. */
  readonly told: DhtTold = new Map()
  worker: RegistryWorker | undefined
  readonly #own = new Map<string, NodeRegistration>()
  readonly #closing = new AbortController()
  readonly #stopListening: () => void
  #isActive = false

  constructor(context: RegistryContext) {
    this.context = context
    this.book = new NodeBook(context.options.nodesMax, context.handlerFailed)
    this.#stopListening = context.mesh.membership.subscribe((event) => this.#onMember(event))
  }

  /** Whether anybody has used it: before that nobody is asked. */
  get isActive(): boolean {
    return this.#isActive
  }

  get speaksMdns(): boolean {
    return this.context.options.kind !== 'dht'
  }

  get asksDht(): boolean {
    const { options, mesh } = this.context
    // With `both`, a node without a DHT does what it can.
    return options.kind === 'dht' || (options.kind === 'both' && mesh.dht.mode !== 'disabled')
  }

  get registrations(): number {
    return this.#own.size
  }

  /** What this node says of itself. */
  own(): NodeWord[] {
    return Array.from(this.#own.values(), ({ name, cluster }) => ({
      ...ownWord(this.context.self, name),
      cluster,
    }))
  }

  /** Clusters whose nodes are followed: that of the node, and those it registered in. */
  clusters(): readonly string[] {
    return [...new Set([this.context.self.cluster, ...this.own().map(({ cluster }) => cluster)])]
  }

  register(
    name: string = this.context.self.name,
    { cluster = this.context.self.cluster }: RegisterNodeOptions = {},
  ): NodeRegistration {
    this.#check(name, cluster)
    const known = this.#own.get(name)
    const { namesMax } = this.context.options
    if (known === undefined && this.#own.size >= namesMax) {
      const text = `this node has registered ${namesMax} names already (namesMax)`
      throw new DiscoveryError('ERR_DISCOVERY_NAMES_MAX', text)
    }
    const registration: NodeRegistration = Object.freeze({
      name,
      cluster,
      unregister: async () => this.#own.get(name) === registration && this.unregister(name),
    })
    this.#own.set(name, registration)
    this.activate()
    this.worker?.changed()
    return registration
  }

  unregister(name: string = this.context.self.name): boolean {
    if (!this.#own.delete(name)) return false
    this.worker?.changed()
    return true
  }

  async lookup(
    name: string,
    { cluster = this.context.self.cluster, ...options }: LookupNodeOptions = {},
  ): Promise<DiscoveredNode | undefined> {
    this.#check(name, cluster)
    const isIt = (node: DiscoveredNode): boolean => node.name === name && node.cluster === cluster
    const known = this.book.nodes().find(isIt)
    if (known !== undefined) return known
    this.activate()
    return await this.#waiting(options, async (signal, timeoutMs) => {
      const enough = new AbortController()
      const over = AbortSignal.any([signal, enough.signal])
      const heard = this.speaksMdns ? this.#hear(isIt, over) : undefined
      const asked = this.#providers(nameKey(cluster, name), over, timeoutMs).then((found) =>
        this.#nodesOf(cluster, found).find(isIt),
      )
      this.worker?.ask()
      try {
        const both = [heard, asked].map(async (one) => {
          const node = await one
          if (node === undefined) throw new DiscoveryError('ERR_DISCOVERY_TIMEOUT', 'nobody')
          return node
        })
        return await Promise.any(both).catch(() => undefined)
      } finally {
        enough.abort()
      }
    })
  }

  async find(
    cluster: string = this.context.self.cluster,
    options: FindNodesOptions = {},
  ): Promise<readonly DiscoveredNode[]> {
    this.#check(this.context.self.name, cluster)
    this.activate()
    const isIn = (node: DiscoveredNode): boolean => node.cluster === cluster
    const found = await this.#waiting(options, async (signal, timeoutMs) => {
      const { clock } = this.context
      this.worker?.ask()
      // Who has listened for that long has heard whoever is there.
      const sinceMs = this.worker?.listeningSinceMs ?? clock.now()
      const listened = this.speaksMdns ? sinceMs + timeoutMs - clock.now() : 0
      const [providers] = await Promise.all([
        this.#providers(clusterKey(cluster), signal, timeoutMs),
        listened > 0 ? pause(clock, listened, signal) : undefined,
      ])
      return this.#nodesOf(cluster, providers)
    })
    const known = this.book.nodes().filter(isIn)
    const keys = new Set(known.map(({ key, name }) => `${key} ${name}`))
    return [...known, ...found.filter(({ key, name }) => !keys.has(`${key} ${name}`))]
  }

  subscribe(handler: (event: DiscoveryEvent) => void): () => void {
    this.activate()
    return this.book.subscribe(handler)
  }

  /** From now on it listens and asks. */
  activate(): void {
    if (this.#closing.signal.aborted) throw stopped()
    if (this.#isActive) return
    this.#isActive = true
    this.worker?.changed()
  }

  /** The node is on its way out: what it said is taken back, and who waits is told. */
  close(): void {
    this.#own.clear()
    this.worker?.changed()
    this.#closing.abort(stopped())
    this.#stopListening()
    this.book.close()
  }

  /** The DHT's answer about a cluster that is followed. */
  answered(cluster: string, providers: readonly DhtProvider[]): void {
    const { mesh } = this.context
    const words = providers
      .filter(({ key }) => key.hex !== this.context.self.key.hex)
      .flatMap((provider) => wordsOf(mesh, cluster, provider))
    for (const { name } of this.book.replace('dht', cluster, words)) {
      this.context.refused('ERR_DISCOVERY_NODES_MAX', { node: name })
    }
  }

  #onMember({ type, member }: MemberEvent): void {
    const { key, nodeId, address, state } = member
    const name = nodeId.slice(0, nodeId.indexOf('@'))
    const word = { ...{ key: key.hex, name, address }, cluster: this.context.self.cluster }
    if (type === 'down' || type === 'left') this.book.lost('membership', word)
    else if (type === 'up' || (type === 'update' && (state === 'up' || state === 'suspect'))) {
      this.book.found('membership', word)
    }
  }

  /** The next node of that kind that is heard of, until the signal is aborted. */
  #hear(
    isIt: (node: DiscoveredNode) => boolean,
    signal: AbortSignal,
  ): Promise<DiscoveredNode | undefined> {
    return new Promise((resolve) => {
      const off = this.book.subscribe(({ type, node }) => {
        if (type === 'discovered' && isIt(node)) resolve(node)
      })
      signal.addEventListener(
        'abort',
        () => {
          off()
          resolve(undefined)
        },
        { once: true },
      )
    })
  }

  /** Providers in the DHT; none when it cannot be asked, which is counted. */
  async #providers(
    key: string,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<readonly DhtProvider[]> {
    if (!this.asksDht) return []
    const { mesh, refused } = this.context
    try {
      return await mesh.dht.providers(key, { signal, timeoutMs })
    } catch (error) {
      if (!signal.aborted) refused('ERR_DISCOVERY_SOURCE', { source: 'dht', err: error })
      return []
    }
  }

  /** Providers as nodes, on their own. */
  #nodesOf(cluster: string, providers: readonly DhtProvider[]): DiscoveredNode[] {
    const { options, handlerFailed, mesh, self } = this.context
    const book = new NodeBook(options.nodesMax, handlerFailed)
    const words = providers.flatMap((provider) => wordsOf(mesh, cluster, provider))
    for (const word of words) if (word.key !== self.key.hex) book.found('dht', word)
    return book.nodes()
  }

  /** Runs `work` with a signal that ends with the time, the caller's signal or the node. */
  async #waiting<T>(
    { signal, timeoutMs = FIND_MS }: FindNodesOptions,
    work: (signal: AbortSignal, timeoutMs: number) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted()
    const late = new AbortController()
    const timer = this.context.clock.setTimer(timeoutMs, () => late.abort())
    const closing = this.#closing.signal
    const given = signal === undefined ? [] : [signal]
    try {
      const result = await work(AbortSignal.any([late.signal, closing, ...given]), timeoutMs)
      closing.throwIfAborted()
      signal?.throwIfAborted()
      return result
    } finally {
      timer.cancel()
    }
  }

  #check(name: string, cluster: string): void {
    if (this.#closing.signal.aborted) throw stopped()
    if (!isNodeName(name)) {
      const text = `'${String(name).slice(0, 80)}' is no name of a node`
      throw new DiscoveryError('ERR_DISCOVERY_NAME', text)
    }
    if (!isClusterName(cluster)) {
      const text = `'${String(cluster).slice(0, 80)}' is no name of a cluster`
      throw new DiscoveryError('ERR_DISCOVERY_NAME', text)
    }
  }
}

function stopped(): DiscoveryError {
  return new DiscoveryError('ERR_DISCOVERY_STOPPED', 'the node stops')
}
