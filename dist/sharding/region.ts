/**
 * One kind of sharded entities on one node: knows the hosts, sends messages, and, if the node is a host, has shards with
 * their entities. The driver of `shard-table.ts`.
 */
import type { ClockTimer } from '../../runtime/index.ts'
import { formatReason } from '../../runtime/index.ts'
import type { Lease, StrictLeases } from '../leases/leases.ts'
import type { DistParts } from '../parts.ts'
import type { PeerOrigin } from '../peer-services.ts'
import { Entities, type EntityMessage } from './entities.ts'
import { ShardError } from './errors.ts'
import { HostBook } from './host-book.ts'
import { MOVED, SHARDING_SERVICE, type Delivery, type Hello } from './messages.ts'
import type { CheckedShardingOptions } from './options.ts'
import { Sender, type Outgoing } from './sender.ts'
import { hostOf, shardOf } from './shard-map.ts'
import { ShardTable, type ShardEffect } from './shard-table.ts'

/** Numbers of one kind of entity on one node. */
export interface ShardingStats {
  /** Ids of the nodes that host it. */
  readonly hosts: readonly string[]
  /** Shards that this node has, is taking, and is letting go. */
  readonly shardsActive: number
  readonly shardsAcquiring: number
  readonly shardsReleasing: number
  /** Entities that are active here. */
  readonly entities: number
  /** Messages of this node that wait for a host, and that are under way. */
  readonly waiting: number
  readonly underWay: number
}

/** A message that waits for its shard. */
interface Waiting {
  readonly message: EntityMessage
  readonly patience: ClockTimer
}

/** How long a host has to let go before it is asked again. It is not passed over while it is connected. */
const RELEASE_MARGIN_MS = 5_000
const RETRY_MS = 500

/** See the head of this file. */
export class ShardRegion {
  readonly options: CheckedShardingOptions
  readonly #parts: DistParts
  readonly #leases: StrictLeases | undefined
  readonly #book: HostBook
  readonly #sender: Sender
  readonly #table: ShardTable
  readonly #entities: Entities
  readonly #held = new Map<number, Lease>()
  /** Leases that are asked for. */
  readonly #leasing = new Map<number, AbortController>()
  /** Messages that wait here for their shard, in order. */
  readonly #buffers = new Map<number, Waiting[]>()
  /** The highest epoch that was bounced, by sender and its life, and shard. */
  readonly #refused = new Map<string, Map<number, number>>()
  readonly #requests = new Map<number, () => void>()
  readonly #timers = new Set<ClockTimer>()
  readonly #over = new AbortController()
  #request = 0
  #settled: (() => void) | undefined
  #stopping: Promise<void> | undefined
  /** It has nothing any more, and the other nodes are told. */
  #gone = false

  constructor(parts: DistParts, options: CheckedShardingOptions, leases: StrictLeases | undefined) {
    this.#parts = parts
    this.options = options
    this.#leases = leases
    const { entity, shards, host, mode } = options
    const self = parts.directory.ownKeyHex
    this.#table = new ShardTable({ entity, shards, self, isStrict: mode === 'strict' })
    this.#entities = new Entities(parts, options, (shard) => this.#held.get(shard)?.token)
    this.#sender = new Sender(parts, options)
    this.#book = new HostBook(parts, this.hello, () => this.#hostsChanged())
    this.#sender.setHosts(this.#book.hosts)
    if (!host) return
    const release = parts.cluster.onNodeDown((_id, _reason, { key }) => this.#forget(key.hex), {
      hidden: true,
    })
    this.#over.signal.addEventListener('abort', release, { once: true })
  }

  /** What this node says of itself. */
  get hello(): Hello {
    const { entity, shards, host } = this.options
    return { entity, shards, isHost: host && !this.#gone }
  }

  get stats(): ShardingStats {
    const { acquiring, active, releasing } = this.#table.counts
    return {
      hosts: [...this.#book.hosts].map((keyHex) => this.#parts.directory.nameOf(keyHex)),
      ...{ shardsActive: active, shardsAcquiring: acquiring, shardsReleasing: releasing },
      entities: this.#entities.count,
      ...this.#sender.counts,
    }
  }

  /** Hears of the other hosts, then takes its shards. Throws `ERR_SHARD_COUNT`. */
  async start(): Promise<void> {
    await this.#book.ready()
    if (this.options.host && !this.#over.signal.aborted)
      this.#do(this.#table.open(this.#book.hosts))
  }

  /** Id of the node that has an entity, as far as this one knows. */
  hostOf(id: string): string | undefined {
    const { entity, shards } = this.options
    const keyHex = hostOf(entity, shardOf(id, shards), this.#book.hosts)
    return keyHex === undefined ? undefined : this.#parts.directory.nameOf(keyHex)
  }

  send(outgoing: Outgoing): void {
    this.#sender.send(outgoing)
  }

  /** Lets go of its shards in good order: others take them when the entities here have ended. */
  stop(): Promise<void> {
    if (this.#gone) return Promise.resolve()
    return (this.#stopping ??= this.#letGo())
  }

  async #letGo(): Promise<void> {
    this.#over.abort('stopped')
    const settled = new Promise<void>((resolve) => (this.#settled = resolve))
    this.#do(this.#table.close())
    this.#checkSettled()
    await settled
    this.#end()
  }

  /** The node has stopped. */
  close(): void {
    this.#over.abort('stopped')
    this.#end()
    this.#settled?.()
  }

  #end(): void {
    this.#gone = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    for (const abort of this.#leasing.values()) abort.abort('stopped')
    for (const shard of [...this.#buffers.keys()]) this.#bounce(shard)
    this.#entities.close()
    // Not before its entities have ended: who hears it takes the shards without asking.
    this.#book.close()
    this.#sender.close()
    const held = [...this.#held.values()]
    this.#held.clear()
    for (const lease of held) lease.release()
    for (const answer of [...this.#requests.values()]) answer()
    this.#requests.clear()
  }

  // --- what other nodes say -------------------------------------------------------------------

  heard(keyHex: string, hello: Hello): void {
    this.#book.heard(keyHex, hello)
  }

  /** Resolves when this node has let go of the shards. */
  release(keyHex: string, shards: readonly number[]): Promise<void> {
    // Who asks hosts, whether or not it was heard of; so by this node's view, too, the shards are not its own.
    const { entity, shards: count } = this.options
    this.#book.heard(keyHex, { entity, shards: count, isHost: true })
    return new Promise((resolve) => {
      const request = ++this.#request
      this.#requests.set(request, resolve)
      this.#do(
        this.#table.asked(
          request,
          shards.filter((shard) => shard < count),
        ),
      )
    })
  }

  /** Answers `['moved']`, or `['ok', value]`; what it throws is the failure of the call. */
  deliver(origin: PeerOrigin, delivery: Delivery, signal: AbortSignal): Promise<unknown> | unknown {
    const { id, kind, name, input, epoch } = delivery
    const shard = shardOf(id, this.options.shards)
    const sender = `${origin.keyHex}/${origin.incarnation}`
    const refused = this.#refused.get(sender)
    if (epoch <= (refused?.get(shard) ?? -Infinity)) return MOVED
    const door = this.#over.signal.aborted ? 'bounce' : this.#table.door(shard)
    if (door === 'bounce') {
      this.#refuse(sender, shard, epoch)
      return MOVED
    }
    return new Promise((resolve, reject) => {
      // Written out: this is made for every message.
      const message: EntityMessage = {
        id,
        shard,
        kind,
        name,
        input,
        signal,
        reply: (value) => resolve(['ok', value]),
        fail: (error) => reject(error as Error),
        bounce: () => {
          this.#refuse(sender, shard, epoch)
          resolve(MOVED)
        },
      }
      if (door === 'deliver') this.#entities.deliver(message)
      else this.#wait(shard, message)
    })
  }

  #refuse(sender: string, shard: number, epoch: number): void {
    let refused = this.#refused.get(sender)
    if (refused === undefined) this.#refused.set(sender, (refused = new Map()))
    refused.set(shard, Math.max(epoch, refused.get(shard) ?? -Infinity))
  }

  #forget(keyHex: string): void {
    for (const sender of [...this.#refused.keys()]) {
      if (sender.startsWith(keyHex)) this.#refused.delete(sender)
    }
  }

  #wait(shard: number, message: EntityMessage): void {
    const { entity, bufferMax, waitTimeoutMs } = this.options
    const about = { entity, id: message.id }
    // Those whose callers gave up make room.
    const buffer = (this.#buffers.get(shard) ?? []).filter((each) => !each.message.signal.aborted)
    this.#buffers.set(shard, buffer)
    if (buffer.length < bufferMax) {
      const patience = this.#parts.system.clock.setTimer(waitTimeoutMs, () => {
        const left = this.#buffers.get(shard) ?? []
        this.#buffers.set(
          shard,
          left.filter((each) => each.message !== message),
        )
        const what = `its host did not get its shard within ${waitTimeoutMs} ms`
        message.fail(new ShardError('ERR_SHARD_UNAVAILABLE', about, what))
      })
      patience.unref()
      buffer.push({ message, patience })
      return
    }
    this.#parts.refusals.count('ERR_SHARD_BUFFER_FULL', { entity })
    const what = `${bufferMax} messages wait for its shard at its host`
    message.fail(new ShardError('ERR_SHARD_BUFFER_FULL', about, what))
  }

  // --- what the table wants -------------------------------------------------------------------

  #hostsChanged(): void {
    const { hosts } = this.#book
    this.#sender.setHosts(hosts)
    if (this.options.host) this.#do(this.#table.setHosts(hosts))
  }

  #do(effects: readonly ShardEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'ask':
          void this.#ask(effect.host, effect.ask, effect.shards)
          break
        case 'lease':
          void this.#lease(effect.shard, effect.ask)
          break
        case 'activate':
          this.#activate(effect.shard)
          break
        case 'stop':
          this.#stopShard(effect.shard)
          break
        case 'bounce':
          this.#bounce(effect.shard)
          break
        case 'answer':
          this.#requests.get(effect.request)?.()
          this.#requests.delete(effect.request)
          break
      }
    }
    this.#checkSettled()
  }

  /**
   * Until it has answered, or is no host any more. One that does not let this node ask keeps its shards until it comes
   * anew: to take them all the same would have their entities twice.
   */
  async #ask(host: string, ask: number, shards: readonly number[]): Promise<void> {
    const { peers, logger } = this.#parts
    const { entity, stopTimeoutMs } = this.options
    const options = { timeoutMs: stopTimeoutMs + RELEASE_MARGIN_MS, signal: this.#over.signal }
    while (this.#book.hosts.has(host) && !this.#over.signal.aborted) {
      try {
        await peers.call(host, SHARDING_SERVICE, 'acquire', { entity, shards }, options)
        if (!this.#over.signal.aborted) this.#do(this.#table.released(host, ask, shards))
        return
      } catch (error) {
        if (this.#over.signal.aborted) return
        if ((error as { readonly code?: unknown }).code === 'ERR_PEER_DENIED') {
          const fields = { peer: host, entity, shards: shards.length, error }
          this.#parts.refusals.count('ERR_SHARD_DENIED', fields, { level: 'error' })
          return
        }
        const fields = { peer: host, entity, shards: shards.length, detail: formatReason(error) }
        logger.warn(fields, 'a host has not let go of shards; it is asked again')
      }
      await this.#pause()
    }
  }

  async #lease(shard: number, ask: number): Promise<void> {
    const { entity } = this.options
    const abort = new AbortController()
    this.#leasing.get(shard)?.abort('moved')
    this.#leasing.set(shard, abort)
    const { signal } = abort
    try {
      const name = `shard:${entity}/${shard}`
      const lease = await this.#leases?.acquire(name, { signal })
      if (lease === undefined) return
      const effects = signal.aborted ? undefined : this.#table.leased(shard, ask)
      if (effects === undefined) {
        lease.release()
        return
      }
      this.#held.set(shard, lease)
      lease.lost.addEventListener('abort', () => this.#leaseLost(shard, lease), { once: true })
      this.#do(effects)
    } catch (error) {
      if (signal.aborted) return
      const fields = { entity, shard, detail: formatReason(error) }
      this.#parts.logger.warn(fields, 'the lease of a shard was not granted; it is asked for again')
      await this.#pause()
      if (!signal.aborted) void this.#lease(shard, ask)
    } finally {
      if (this.#leasing.get(shard) === abort) this.#leasing.delete(shard)
    }
  }

  #leaseLost(shard: number, lease: Lease): void {
    if (this.#held.get(shard) !== lease) return
    this.#held.delete(shard)
    this.#table.leaseLost(shard)
    // Also while it is let go: what its entities do after this would be done without the lease.
    this.#entities.stopShard(shard, () => this.#stopped(shard), true)
  }

  #activate(shard: number): void {
    for (const message of this.#takeWaiting(shard)) {
      if (message.signal.aborted) message.fail(message.signal.reason)
      else this.#entities.deliver(message)
    }
  }

  #stopShard(shard: number): void {
    this.#entities.stopShard(shard, () => this.#stopped(shard))
  }

  #stopped(shard: number): void {
    const lease = this.#held.get(shard)
    this.#held.delete(shard)
    lease?.release()
    this.#do(this.#table.stopped(shard))
  }

  #bounce(shard: number): void {
    this.#leasing.get(shard)?.abort('moved')
    for (const message of this.#takeWaiting(shard)) message.bounce()
  }

  #takeWaiting(shard: number): EntityMessage[] {
    const buffer = this.#buffers.get(shard) ?? []
    this.#buffers.delete(shard)
    for (const { patience } of buffer) patience.cancel()
    return buffer.map(({ message }) => message)
  }

  #checkSettled(): void {
    if (this.#settled === undefined) return
    const { active, releasing } = this.#table.counts
    if (active + releasing === 0) this.#settled()
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#parts.system.clock.setTimer(RETRY_MS, () => {
        this.#timers.delete(timer)
        resolve()
      })
      timer.unref()
      this.#timers.add(timer)
    })
  }
}
