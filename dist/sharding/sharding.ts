/**
 * `Sharding`: actors by id, spread over the nodes that host their kind, as in Akka Cluster Sharding and Orleans. An entity is
 * started by its first message and stopped after a while without any; who sends does not know where it is.
 *
 *     id ──hash──► shard ──rendezvous──► host ──► entity, a process
 *
 * There is no coordinator: every node places shards by the hosts that it sees, and a host takes a shard only after all hosts
 * that it sees have let go of it (`shard-table.ts`). Messages meanwhile wait, in order, bounded (`outgoing-shard.ts`).
 */
import type { Contract } from '../../behaviours/index.ts'
import { ArgumentError, formatReason } from '../../runtime/index.ts'
import { LeaseError } from '../leases/errors.ts'
import type { StrictLeases } from '../leases/leases.ts'
import type { DistFeature, DistParts } from '../parts.ts'
import type { PeerOrigin } from '../peer-services.ts'
import { entityRef, type EntityRef } from './entity-ref.ts'
import { ShardError } from './errors.ts'
import { acquireOf, deliveryOf, helloOf, MOVED, SHARDING_SERVICE, type Hello } from './messages.ts'
import { checkShardingOptions, ENTITY_CHARS_MAX, nameOf, type ShardingOptions } from './options.ts'
import { ShardRegion, type ShardingStats } from './region.ts'
import type { Outgoing } from './sender.ts'
import { shardOf } from './shard-map.ts'

/** A kind of entity on this node. */
export interface Sharded<P = unknown> extends AsyncDisposable {
  readonly entity: string
  /** The entity of that id, typed by the contract that `start` was given. */
  entityRef(id: string): EntityRef<P>
  shardOf(id: string): number
  /** Id of the node that has the entity's shard, as far as this one knows; undefined without hosts. */
  hostOf(id: string): string | undefined
  stats(): ShardingStats
  /** Lets go of everything in good order; others take over when the entities here have ended. */
  stop(): Promise<void>
}

/** The functions of `Sharding` for one node. */
export interface ShardingFunctions {
  /**
   * Starts a kind of entity on this node. Resolves when the other hosts are known; shards follow.
   *
   * @example
   * const carts = await node.sharding.start({ entity: CartContract, passivateAfterMs: 60_000 })
   * await carts.entityRef('cart-7').call('add', 'milk')
   */
  start<P = unknown>(options: ShardingOptions<P>): Promise<Sharded<P>>
  /** The entity of a kind that was started here. */
  entityRef<P = unknown>(entity: Contract<P> | string, id: string): EntityRef<P>
  /** Stops a kind on this node; nothing if it does not run. */
  stop(entity: Contract<never> | string): Promise<void>
  /** Numbers by kind. */
  stats(): Readonly<Record<string, ShardingStats>>
}

/** The part of one node. `leases` are for shards in the mode `strict`. */
export function createSharding(
  parts: DistParts,
  leases: StrictLeases | undefined,
): DistFeature<ShardingFunctions> {
  const regions = new Regions(parts, leases)
  return { functions: regions.functions(), close: () => regions.close() }
}

/** The kinds of one node. */
class Regions {
  readonly #parts: DistParts
  readonly #leases: StrictLeases | undefined
  readonly #regions = new Map<string, ShardRegion>()
  readonly #close: () => void

  constructor(parts: DistParts, leases: StrictLeases | undefined) {
    this.#parts = parts
    this.#leases = leases
    this.#close = parts.services.open(SHARDING_SERVICE, {
      action: 'call',
      call: (origin, name, input, signal) => this.#asked(origin, name, input, signal),
      cast: (origin, name, input) => {
        const hello = name === 'hello' ? helloOf(input) : undefined
        if (hello === undefined) throw this.#malformed(origin)
        this.#regions.get(hello.entity)?.heard(origin.keyHex, hello)
      },
    })
  }

  functions(): ShardingFunctions {
    return Object.freeze<ShardingFunctions>({
      start: <P>(options: ShardingOptions<P>) => this.#start(options),
      entityRef: <P>(entity: Contract<P> | string, id: string) =>
        this.#ref(nameOf(entity), id) as unknown as EntityRef<P>,
      stop: async (entity) => this.#stop(nameOf(entity)),
      stats: () =>
        Object.fromEntries([...this.#regions].map(([entity, { stats }]) => [entity, stats])),
    })
  }

  close(): void {
    this.#close()
    for (const region of this.#regions.values()) region.close()
    this.#regions.clear()
  }

  async #start<P>(given: ShardingOptions<P>): Promise<Sharded<P>> {
    const options = checkShardingOptions(given as unknown as ShardingOptions<never>)
    const { entity, shards } = options
    if (this.#parts.cluster.getStatus() === 'stopped') {
      throw new ShardError('ERR_SHARD_STOPPED', { entity }, 'the node has stopped')
    }
    if (options.mode === 'strict' && this.#leases === undefined) {
      const text = `${entity}: strict entities need the option 'voters' of the node`
      throw new LeaseError('ERR_VOTERS_REQUIRED', text)
    }
    if (this.#regions.has(entity)) {
      throw new ShardError('ERR_SHARD_STARTED', { entity }, 'runs on this node already')
    }
    const region = new ShardRegion(this.#parts, options, this.#leases)
    this.#regions.set(entity, region)
    try {
      await region.start()
    } catch (error) {
      if (this.#regions.get(entity) === region) this.#regions.delete(entity)
      region.close()
      throw error
    }
    const stop = (): Promise<void> => this.#stop(entity, region)
    return Object.freeze<Sharded<P>>({
      entity,
      entityRef: (id) => this.#ref(entity, id) as unknown as EntityRef<P>,
      shardOf: (id) => shardOf(id, shards),
      hostOf: (id) => region.hostOf(id),
      stats: () => region.stats,
      stop,
      [Symbol.asyncDispose]: stop,
    })
  }

  async #stop(entity: string, only?: ShardRegion): Promise<void> {
    const region = this.#regions.get(entity)
    if (region === undefined || (only !== undefined && region !== only)) return
    await region.stop()
    if (this.#regions.get(entity) === region) this.#regions.delete(entity)
  }

  #ref(entity: string, id: string): EntityRef {
    if (typeof id !== 'string' || id === '' || id.length > ENTITY_CHARS_MAX) {
      throw new ArgumentError('id', `an id of 1 to ${ENTITY_CHARS_MAX} characters`, id)
    }
    const send = (outgoing: Outgoing): void => {
      const region = this.#regions.get(entity)
      if (region !== undefined) region.send(outgoing)
      else {
        const what = 'it is not started on this node'
        outgoing.reject(new ShardError('ERR_SHARD_STOPPED', { entity, id }, what))
      }
    }
    return entityRef(entity, id, send, (error) => this.#castLost(entity, id, error))
  }

  #castLost(entity: string, id: string, error: unknown): void {
    const { code } = error as { readonly code?: unknown }
    this.#parts.refusals.count(typeof code === 'string' ? code : 'ERR_SHARD_UNAVAILABLE', {
      entity,
    })
    const fields = { entity, id, code, detail: formatReason(error) }
    this.#parts.logger.warn(fields, 'a cast to an entity was lost, or may be')
  }

  // --- other nodes ----------------------------------------------------------------------------

  #asked(origin: PeerOrigin, name: string, input: unknown, signal: AbortSignal): unknown {
    switch (name) {
      case 'hello': {
        const hello = helloOf(input)
        if (hello === undefined) throw this.#malformed(origin)
        return this.#greeted(origin, hello)
      }
      case 'acquire': {
        const acquire = acquireOf(input)
        if (acquire === undefined) throw this.#malformed(origin)
        return this.#regions.get(acquire.entity)?.release(origin.keyHex, acquire.shards)
      }
      case 'deliver': {
        const delivery = deliveryOf(input)
        if (delivery === undefined) throw this.#malformed(origin)
        const region = this.#regions.get(delivery.entity)
        return region === undefined ? MOVED : region.deliver(origin, delivery, signal)
      }
      default:
        throw this.#malformed(origin)
    }
  }

  #greeted({ keyHex }: PeerOrigin, hello: Hello): Hello {
    const { entity, shards } = hello
    const region = this.#regions.get(entity)
    if (region === undefined) return { entity, shards, isHost: false }
    region.heard(keyHex, hello)
    return region.hello
  }

  #malformed({ keyHex }: PeerOrigin): ShardError {
    this.#parts.refusals.count('ERR_SHARD_MESSAGE', { peer: keyHex })
    return new ShardError('ERR_SHARD_MESSAGE', { entity: 'sharding' }, 'a message has no meaning')
  }
}
