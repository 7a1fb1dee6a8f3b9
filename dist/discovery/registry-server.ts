/**
 * The process of the registry: it speaks mDNS and the DHT for it once it is active, and ends what it began with itself.
 * When it is started anew it finds in the registry what was registered, and says it again.
 */
import { contract, implement, noreply, type Contract, type Server } from '../../behaviours/index.ts'
import type { Clock, Entropy } from '../../runtime/index.ts'
import { DhtRegistrar } from './dht-registrar.ts'
import { clusterKey } from './dht-nodes.ts'
import { MdnsAgent } from './mdns-agent.ts'
import { resolveMdns, type MdnsSettings } from './mdns-options.ts'
import type { NodeRegistry, RegistryWorker } from './registry.ts'
import { pause } from './wait.ts'

/** What the process needs. */
export interface RegistryJob {
  readonly registry: NodeRegistry
  readonly clock: Clock
  readonly entropy: Entropy
}

/** It is not talked to. */
export interface RegistryApi {
  call: {}
  cast: {}
}

const RegistryContract: Contract<RegistryApi> = contract('fovea.node-registry/1', {
  call: {},
  cast: {},
})

interface State {
  readonly over: AbortController
  readonly worker: Worker
}

/** Works for the registry. Its process traps exits: its end waits for the goodbyes. */
export const RegistryServer: Server<RegistryApi, RegistryJob> = implement<
  RegistryApi,
  RegistryJob,
  State
>(RegistryContract, {
  init: (job, { signal }): State => {
    const over = new AbortController()
    const worker = new Worker(job, over.signal)
    job.registry.worker = worker
    over.signal.addEventListener('abort', () => {
      if (job.registry.worker === worker) job.registry.worker = undefined
    })
    signal.addEventListener('abort', () => over.abort())
    worker.changed()
    return { over, worker }
  },
  call: {},
  cast: {},
  info: (state) => noreply(state),
  terminate: async (_reason, { over, worker }) => {
    over.abort()
    await Promise.all(worker.ended)
  },
})

class Worker implements RegistryWorker {
  readonly #job: RegistryJob
  readonly #signal: AbortSignal
  readonly #mdns: MdnsSettings
  #agent: MdnsAgent | undefined
  #registrar: DhtRegistrar | undefined
  listeningSinceMs: number | undefined
  /** Resolve when all is let go of. */
  readonly ended: Promise<void>[] = []

  constructor(job: RegistryJob, signal: AbortSignal) {
    this.#job = job
    this.#signal = signal
    this.#mdns = resolveMdns('discovery.mdns', job.registry.context.options.mdns)
  }

  changed(): void {
    const { registry } = this.#job
    if (!registry.isActive || this.#signal.aborted) return
    if (registry.speaksMdns && this.#agent === undefined) this.#listen()
    if (registry.asksDht && this.#registrar === undefined) this.#follow()
    this.#agent?.setOwn(registry.own())
    this.#registrar?.changed()
  }

  ask(): void {
    this.#agent?.ask()
  }

  #listen(): void {
    const { registry, clock, entropy } = this.#job
    const { self, refused } = registry.context
    this.#agent = new MdnsAgent({
      ...{ settings: this.#mdns, self, clock, entropy, signal: this.#signal },
      found: (word) => {
        if (!registry.book.found('mdns', word)) {
          refused('ERR_DISCOVERY_NODES_MAX', { node: word.name })
        }
      },
      lost: (word) => registry.book.lost('mdns', word),
      failed: (error) => refused('ERR_DISCOVERY_SOURCE', { source: 'mdns', err: error }),
      refused: (code, fields = {}) => refused(code, fields),
    })
    this.listeningSinceMs = clock.now()
    this.ended.push(this.#agent.run())
  }

  #follow(): void {
    const { registry, clock, entropy } = this.#job
    const { mesh, refused } = registry.context
    this.#registrar = new DhtRegistrar(
      {
        ...{ dht: mesh.dht, clock, entropy, signal: this.#signal },
        own: () => registry.own(),
        generation: () => mesh.incarnation.generation,
        failed: (error) => refused('ERR_DISCOVERY_SOURCE', { source: 'dht', err: error }),
      },
      registry.told,
    )
    this.ended.push(this.#registrar.run(), this.#askDht())
  }

  /** Asks who is in the clusters that are followed while somebody wants to know. */
  async #askDht(): Promise<void> {
    const { registry, clock, entropy } = this.#job
    const { mesh, options, refused } = registry.context
    const signal = this.#signal
    let waitMs = 0
    while (await pause(clock, waitMs, signal)) {
      waitMs = options.dhtIntervalMs * (0.9 + 0.2 * entropy.random())
      if (!registry.book.isHeard) continue
      for (const cluster of registry.clusters()) {
        try {
          registry.answered(cluster, await mesh.dht.providers(clusterKey(cluster), { signal }))
        } catch (error) {
          if (signal.aborted) return
          refused('ERR_DISCOVERY_SOURCE', { source: 'dht', err: error })
        }
      }
    }
  }
}
