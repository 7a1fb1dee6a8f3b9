/**
 * Sends messages to entities, wherever their shards are: the driver of `outgoing-shard.ts`. A call is answered with what the
 * entity says, a cast when it is in the entity's mailbox; until then they wait, bounded in number and time.
 *
 * A message whose host was lost while it was under way may have been handled: a call fails with `noconnection`, a cast is
 * counted and logged. Everything else is sent again, in order, and never handled twice.
 */
import {
  CallAbortedError,
  CallExitError,
  CallTimeoutError,
  type ClockTimer,
} from '../../runtime/index.ts'
import { NodeNotReachableError } from '../errors.ts'
import type { DistParts } from '../parts.ts'
import { ShardError } from './errors.ts'
import { MOVED, SHARDING_SERVICE, type Delivery } from './messages.ts'
import type { CheckedShardingOptions } from './options.ts'
import { OutgoingShard, type Dispatch } from './outgoing-shard.ts'
import { hostOf, shardOf } from './shard-map.ts'

/** A message of this node. */
export interface Outgoing {
  readonly id: string
  readonly kind: 'call' | 'cast'
  readonly name: string
  readonly input: unknown
  /** How long the caller waits; Infinity for a cast. */
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  resolve(value: unknown): void
  reject(error: unknown): void
}

class Waiting {
  readonly id: string
  readonly kind: 'call' | 'cast'
  readonly name: string
  readonly input: unknown
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly seq: number
  readonly shard: number
  readonly abort: AbortController = new AbortController()
  deadline: ClockTimer | undefined
  unwatch: (() => void) | undefined
  /** Ends the waiting for a host. */
  patience: ClockTimer | undefined
  /** Whether it is under way. */
  sent = false
  over = false
  readonly #outgoing: Outgoing

  constructor(outgoing: Outgoing, seq: number, shard: number) {
    this.id = outgoing.id
    this.kind = outgoing.kind
    this.name = outgoing.name
    this.input = outgoing.input
    this.timeoutMs = outgoing.timeoutMs
    this.signal = outgoing.signal
    this.seq = seq
    this.shard = shard
    this.#outgoing = outgoing
  }

  resolve(value: unknown): void {
    this.#outgoing.resolve(value)
  }
  reject(error: unknown): void {
    this.#outgoing.reject(error)
  }
}

/** Pause before what was bounced is tried again, and the longest one. */
const RETRY_MS = 20
const RETRY_MS_MAX = 500

interface Lane {
  readonly queue: OutgoingShard<Waiting>
  retry: ClockTimer | undefined
  retryMs: number
}

/** See the head of this file. */
export class Sender {
  readonly #parts: DistParts
  readonly #options: CheckedShardingOptions
  readonly #lanes = new Map<number, Lane>()
  readonly #open = new Set<Waiting>()
  readonly #firstEpoch: number
  #hosts: ReadonlySet<string> = new Set()
  #seq = 0

  constructor(parts: DistParts, options: CheckedShardingOptions) {
    this.#parts = parts
    this.#options = options
    this.#firstEpoch = Math.floor(parts.system.clock.now())
  }

  /** Messages that wait for a host, and that are under way. */
  get counts(): { readonly waiting: number; readonly underWay: number } {
    let waiting = 0
    for (const { queue } of this.#lanes.values()) waiting += queue.waiting
    return { waiting, underWay: this.#open.size - waiting }
  }

  setHosts(hosts: ReadonlySet<string>): void {
    this.#hosts = hosts
    for (const [shard, lane] of this.#lanes) {
      this.#send(shard, lane.queue.setHost(hostOf(this.#options.entity, shard, hosts)))
      this.#tend(shard, lane)
    }
  }

  send(outgoing: Outgoing): void {
    const { entity, shards, bufferMax } = this.#options
    const shard = shardOf(outgoing.id, shards)
    const lane = this.#lane(shard)
    if (lane.queue.waiting >= bufferMax) {
      this.#parts.refusals.count('ERR_SHARD_BUFFER_FULL', { entity })
      const about = { entity, id: outgoing.id }
      const what = `${bufferMax} messages wait for its shard`
      outgoing.reject(new ShardError('ERR_SHARD_BUFFER_FULL', about, what))
      return
    }
    const message = new Waiting(outgoing, ++this.#seq, shard)
    this.#open.add(message)
    this.#arm(message)
    this.#send(shard, lane.queue.add(message))
    this.#tend(shard, lane)
  }

  /** Everybody who waits is told. */
  close(): void {
    const { entity } = this.#options
    for (const { retry } of this.#lanes.values()) retry?.cancel()
    this.#lanes.clear()
    for (const message of [...this.#open]) {
      const about = { entity, id: message.id }
      this.#end(message, () =>
        message.reject(new ShardError('ERR_SHARD_STOPPED', about, 'it is not sent to any more')),
      )
      message.abort.abort('stopped')
    }
  }

  // --- waiting --------------------------------------------------------------------------------

  #lane(shard: number): Lane {
    let lane = this.#lanes.get(shard)
    if (lane === undefined) {
      lane = { queue: new OutgoingShard(this.#firstEpoch), retry: undefined, retryMs: RETRY_MS }
      lane.queue.setHost(hostOf(this.#options.entity, shard, this.#hosts))
      this.#lanes.set(shard, lane)
    }
    return lane
  }

  #arm(message: Waiting): void {
    const { system } = this.#parts
    const { timeoutMs, signal, id, name } = message
    const { entity, waitTimeoutMs } = this.#options
    const call = { server: `${entity} '${id}'`, request: name }
    if (timeoutMs !== Infinity) {
      message.deadline = system.clock.setTimer(timeoutMs, () =>
        this.#giveUp(message, new CallTimeoutError(call, timeoutMs)),
      )
    }
    if (signal !== undefined) {
      message.unwatch = system.onAbort(signal, (cause) =>
        this.#giveUp(message, new CallAbortedError(call, cause)),
      )
    }
    message.patience = system.clock.setTimer(waitTimeoutMs, () => {
      message.patience = undefined
      if (message.sent) return
      const what = `no host took a message for its shard within ${waitTimeoutMs} ms`
      this.#giveUp(message, new ShardError('ERR_SHARD_UNAVAILABLE', { entity, id }, what))
    })
  }

  #giveUp(message: Waiting, error: unknown): void {
    this.#finish(message, () => message.reject(error))
    message.abort.abort('cancelled')
  }

  /** The message is over, and the lane goes on. */
  #finish(message: Waiting, settle: () => void): void {
    if (message.over) return
    this.#end(message, settle)
    const lane = this.#lanes.get(message.shard)
    if (lane === undefined) return
    this.#send(message.shard, lane.queue.done(message))
    this.#tend(message.shard, lane)
  }

  #end(message: Waiting, settle: () => void): void {
    if (message.over) return
    message.over = true
    message.deadline?.cancel()
    message.unwatch?.()
    message.patience?.cancel()
    this.#open.delete(message)
    settle()
  }

  /** Tries again what was bounced, later each time; a lane that is not needed goes. */
  #tend(shard: number, lane: Lane): void {
    if (lane.queue.isStalled && lane.retry === undefined) {
      lane.retry = this.#parts.system.clock.setTimer(lane.retryMs, () => {
        lane.retry = undefined
        this.#send(shard, lane.queue.retry())
        this.#tend(shard, lane)
      })
      lane.retryMs = Math.min(lane.retryMs * 2, RETRY_MS_MAX)
    }
  }

  // --- under way ------------------------------------------------------------------------------

  #send(shard: number, dispatches: readonly Dispatch<Waiting>[]): void {
    for (const dispatch of dispatches) void this.#dispatch(shard, dispatch)
  }

  async #dispatch(shard: number, { message, host, epoch }: Dispatch<Waiting>): Promise<void> {
    const { peers } = this.#parts
    const { id, kind, name, input, abort } = message
    const delivery: Delivery = { entity: this.#options.entity, id, kind, name, input, epoch }
    message.sent = true
    try {
      const options = { timeoutMs: Infinity, signal: abort.signal }
      const answer = await peers.call(host, SHARDING_SERVICE, 'deliver', delivery, options)
      if (isMoved(answer)) this.#bounced(shard, message)
      else this.#delivered(shard, message, valueOf(answer))
    } catch (error) {
      this.#finish(message, () => message.reject(this.#translated(message, host, error)))
    }
  }

  #delivered(shard: number, message: Waiting, value: unknown): void {
    const lane = this.#lanes.get(shard)
    if (lane !== undefined) lane.retryMs = RETRY_MS
    this.#finish(message, () => message.resolve(value))
  }

  #bounced(shard: number, message: Waiting): void {
    if (message.over) return
    message.sent = false
    const lane = this.#lanes.get(shard)
    if (lane === undefined) return
    lane.queue.bounced(message)
    // Its time is over: nobody waits for another try.
    if (message.patience === undefined) {
      const { entity, waitTimeoutMs } = this.#options
      const what = `its shard was not taken over within ${waitTimeoutMs} ms`
      const about = { entity, id: message.id }
      this.#giveUp(message, new ShardError('ERR_SHARD_UNAVAILABLE', about, what))
      return
    }
    this.#tend(shard, lane)
  }

  #translated({ id, name }: Waiting, host: string, error: unknown): unknown {
    if (!(error instanceof CallExitError) || error.reason !== 'noconnection') return error
    const { entity } = this.#options
    const call = { server: `${entity} '${id}'`, request: name }
    return new NodeNotReachableError(call, this.#parts.directory.nameOf(host))
  }
}

function isMoved(answer: unknown): boolean {
  return Array.isArray(answer) && answer[0] === MOVED[0]
}

function valueOf(answer: unknown): unknown {
  return Array.isArray(answer) ? (answer as readonly unknown[])[1] : undefined
}
