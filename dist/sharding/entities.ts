/**
 * The entities of one kind that are active on a host: started by their first message, stopped after a while without any, and
 * with their shard. They are processes of the node's spawner, so that their pids and refs may travel.
 *
 * Invariants:
 * - Messages for one entity reach its mailbox in the order in which they came; those that come while it starts or stops
 *   wait, bounded.
 * - What is in the mailbox of an entity that is stopped is handled before it ends, within `stopTimeoutMs`.
 * - Of one entity one process runs here: the next one starts after the end of the one before.
 */
import { stopProcess } from '../../behaviours/index.ts'
import { formatReason, type ClockTimer, type Pid } from '../../runtime/index.ts'
import { RemoteSpawnError } from '../errors.ts'
import type { DistParts } from '../parts.ts'
import { startFailure } from '../start-failure.ts'
import { ShardError } from './errors.ts'
import type { CheckedShardingOptions } from './options.ts'

/** A message for an entity; one of the three ends it. */
export interface EntityMessage {
  readonly id: string
  readonly shard: number
  readonly kind: 'call' | 'cast'
  readonly name: string
  readonly input: unknown
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal
  reply(value: unknown): void
  fail(error: unknown): void
  /** The shard is gone: whoever sent it finds its new host. */
  bounce(): void
}

interface Entity {
  readonly id: string
  readonly shard: number
  state: 'starting' | 'running' | 'stopping'
  pid: Pid | undefined
  /** Messages while it starts or stops. */
  readonly waiting: EntityMessage[]
  /** Ends it while it starts. */
  readonly abort: AbortController
  /** Calls that are not answered. */
  pending: number
  usedAtMs: number
}

/** See the head of this file. */
export class Entities {
  readonly #parts: DistParts
  readonly #options: CheckedShardingOptions
  readonly #tokenOf: (shard: number) => number | undefined
  readonly #all = new Map<string, Entity>()
  readonly #byShard = new Map<number, Set<Entity>>()
  /** Shards that are being stopped, and who is told. */
  readonly #stopping = new Map<number, { readonly stopped: () => void; readonly kill: boolean }>()
  #sweep: ClockTimer | undefined
  #closed = false

  constructor(
    parts: DistParts,
    options: CheckedShardingOptions,
    tokenOf: (shard: number) => number | undefined,
  ) {
    this.#parts = parts
    this.#options = options
    this.#tokenOf = tokenOf
  }

  /** Active ones. */
  get count(): number {
    return this.#all.size
  }

  /** Hands a message to its entity, which is started if it does not run. */
  deliver(message: EntityMessage): void {
    const entity = this.#all.get(message.id)
    if (entity === undefined) this.#start(message)
    else if (entity.state === 'running') this.#hand(entity, message)
    else this.#wait(entity, message)
  }

  /** Stops all entities of a shard; `stopped` is called when none is left. `kill` gives them no time. */
  stopShard(shard: number, stopped: () => void, kill = false): void {
    const entities = this.#byShard.get(shard)
    if (entities === undefined) {
      stopped()
      return
    }
    this.#stopping.set(shard, { stopped, kill })
    for (const entity of entities) this.#leave(entity)
  }

  /** The node has stopped. */
  close(): void {
    this.#closed = true
    this.#sweep?.cancel()
    for (const { waiting, pid, abort } of this.#all.values()) {
      for (const message of waiting.splice(0)) message.bounce()
      abort.abort('stopped')
      if (pid !== undefined) this.#parts.system.exit(pid, 'kill')
    }
    this.#all.clear()
    this.#byShard.clear()
    this.#stopping.clear()
  }

  // --- life -----------------------------------------------------------------------------------

  #start(first: EntityMessage): void {
    const { id, shard } = first
    const { entity: kind, entitiesMax } = this.#options
    if (this.#closed || this.#stopping.has(shard)) {
      first.bounce()
      return
    }
    if (this.#all.size >= entitiesMax) {
      this.#parts.refusals.count('ERR_SHARD_ENTITIES_MAX', { entity: kind })
      const what = `${entitiesMax} are active on its host`
      first.fail(new ShardError('ERR_SHARD_ENTITIES_MAX', { entity: kind, id }, what))
      return
    }
    const usedAtMs = this.#parts.system.clock.now()
    const entity: Entity = {
      ...{ id, shard, usedAtMs, state: 'starting' as const },
      ...{ pid: undefined, waiting: [first], abort: new AbortController(), pending: 0 },
    }
    this.#all.set(id, entity)
    const entities = this.#byShard.get(shard) ?? new Set()
    this.#byShard.set(shard, entities.add(entity))
    void this.#spawn(entity)
    this.#sweepLater()
  }

  async #spawn(entity: Entity): Promise<void> {
    const { spawner, behaviors, directory, system } = this.#parts
    const { behavior, startTimeoutMs, argOf } = this.#options
    const { id, shard } = entity
    try {
      const entry = behaviors.find(behavior, false)
      const names = { behaviorName: behavior, nodeId: directory.nameOf(directory.ownKeyHex) }
      if (entry === undefined) {
        throw new RemoteSpawnError(
          'ERR_BEHAVIOR_NOT_FOUND',
          names,
          'failed: it is not registered there',
        )
      }
      const outcome = await spawner.spawn({
        ...{ entry, arg: argOf({ id, shard, token: this.#tokenOf(shard) }), name: undefined },
        ...{ timeoutMs: startTimeoutMs, owner: directory.ownKeyHex },
        signal: entity.abort.signal,
      })
      if (outcome.spawned === undefined) throw startFailure(names, startTimeoutMs, outcome)
      const { spawned } = outcome
      if (spawned.ended !== undefined) throw spawned.ended.reason
      entity.pid = spawned.pid
      system.watch(spawned.pid, () => this.#ended(entity))
    } catch (error) {
      this.#failed(entity, error)
      return
    }
    if (this.#closed) {
      system.exit(entity.pid, 'kill')
      return
    }
    entity.state = 'running'
    for (const message of entity.waiting.splice(0)) this.#hand(entity, message)
    this.#leave(entity)
  }

  /** Ends an entity whose shard is being stopped. */
  #leave(entity: Entity): void {
    const stopping = this.#stopping.get(entity.shard)
    if (stopping === undefined) return
    this.#stop(entity, 'shutdown')
    if (!stopping.kill) return
    if (entity.pid === undefined) entity.abort.abort('killed')
    else this.#parts.system.exit(entity.pid, 'kill')
  }

  #failed(entity: Entity, cause: unknown): void {
    const { id, abort } = entity
    // Its shard was taken from it before it had begun: its messages were handled by nobody.
    if (abort.signal.aborted) for (const message of entity.waiting.splice(0)) message.bounce()
    const about = { entity: this.#options.entity, id }
    const what = `did not start: ${formatReason(cause)}`
    const error = new ShardError('ERR_SHARD_ENTITY_START', about, what, { cause })
    for (const message of entity.waiting.splice(0)) message.fail(error)
    this.#remove(entity)
  }

  #stop(entity: Entity, reason: unknown): void {
    const { system } = this.#parts
    const { pid } = entity
    if (entity.state !== 'running' || pid === undefined) return
    entity.state = 'stopping'
    const timeoutMs = this.#options.stopTimeoutMs
    stopProcess(pid, reason, { system, timeoutMs }).catch(() => {
      // It ended in its own way, which `watch` tells, or not in its time.
      system.exit(pid, 'kill')
    })
  }

  #ended(entity: Entity): void {
    const { waiting } = entity
    this.#remove(entity)
    // They came while it stopped: they start the next one, or go where the shard is now.
    for (const message of waiting.splice(0)) {
      if (this.#closed || this.#isLeaving(entity.shard)) message.bounce()
      else this.deliver(message)
    }
  }

  #isLeaving(shard: number): boolean {
    return this.#stopping.has(shard)
  }

  #remove(entity: Entity): void {
    const { id, shard } = entity
    if (this.#all.get(id) !== entity) return
    this.#all.delete(id)
    const entities = this.#byShard.get(shard)
    entities?.delete(entity)
    if (entities === undefined || entities.size > 0) return
    this.#byShard.delete(shard)
    const stopping = this.#stopping.get(shard)
    if (stopping === undefined) return
    for (const message of entity.waiting.splice(0)) message.bounce()
    this.#stopping.delete(shard)
    stopping.stopped()
  }

  // --- messages -------------------------------------------------------------------------------

  #wait(entity: Entity, message: EntityMessage): void {
    const { entity: kind, bufferMax } = this.#options
    if (entity.waiting.length >= bufferMax) {
      this.#parts.refusals.count('ERR_SHARD_BUFFER_FULL', { entity: kind })
      const about = { entity: kind, id: entity.id }
      message.fail(new ShardError('ERR_SHARD_BUFFER_FULL', about, `${bufferMax} messages wait`))
    } else entity.waiting.push(message)
  }

  #hand(entity: Entity, message: EntityMessage): void {
    const { system } = this.#parts
    const { pid } = entity
    const { kind, name, input, signal } = message
    if (pid === undefined || signal.aborted) {
      message.fail(signal.reason)
      return
    }
    entity.usedAtMs = system.clock.now()
    if (kind === 'cast') {
      if (system.cast(pid, name, input)) message.reply(undefined)
      else {
        const about = { entity: this.#options.entity, id: entity.id }
        message.fail(new ShardError('ERR_SHARD_BUFFER_FULL', about, 'its mailbox is full'))
      }
      return
    }
    entity.pending++
    const over = (): void => {
      entity.pending--
      entity.usedAtMs = system.clock.now()
    }
    system.call(pid, name, input, { timeoutMs: Infinity, signal }).then(
      (value) => {
        over()
        message.reply(value)
      },
      (error: unknown) => {
        over()
        message.fail(error)
      },
    )
  }

  // --- passivation ----------------------------------------------------------------------------

  #hasMail({ pid }: Entity): boolean {
    const process = pid === undefined ? undefined : this.#parts.system.process(pid)
    return process !== undefined && process.mailboxLength > 0
  }

  #sweepLater(): void {
    if (this.#sweep !== undefined || this.#closed || this.#all.size === 0) return
    const { passivateAfterMs } = this.#options
    const { clock } = this.#parts.system
    this.#sweep = clock.setTimer(Math.max(1, Math.ceil(passivateAfterMs / 4)), () => {
      this.#sweep = undefined
      const idleSinceMs = clock.now() - passivateAfterMs
      for (const entity of [...this.#all.values()]) {
        if (entity.pending > 0 || entity.usedAtMs > idleSinceMs) continue
        // Casts that it has not handled would be lost with it when its time for stopping is over.
        if (this.#hasMail(entity)) entity.usedAtMs = clock.now()
        else this.#stop(entity, { shutdown: 'passivated' })
      }
      this.#sweepLater()
    })
    this.#sweep.unref()
  }
}
