/**
 * The state of one machine process beside xstate's: who waits for what, who is subscribed. It is a
 * {@link ServerCell}, so whatever works on servers works on machines.
 *
 * Invariants: a call is in at most one list, and not after it was settled and the machine has stepped on; a
 * subscriber is monitored exactly as long as it is subscribed.
 */
import {
  pidKey,
  type Call,
  type Message,
  type MonitorRef,
  type Pid,
  type Process,
} from '../../runtime/index.ts'
import type { Ref } from '../server/contract.ts'
import { MachineLimitError } from './machine-errors.ts'
import type { Actor, MachineHost } from './machine-host.ts'
import type {
  MachineLike,
  MachineSnapshotLike,
  MachineState,
  MachineTransition,
} from './machine-types.ts'
import { ServerCell } from '../server/server-cell.ts'

/** A state as it is sent out, with the types of no machine in particular. */
export type AnyState = MachineState<MachineLike>

/** Bounds of one machine process. */
export interface CellLimits {
  readonly waitersMax: number
  readonly subscribersMax: number
}

interface Waiter {
  readonly call: Call
  /** Undefined: waits for the end. */
  readonly until: ((snapshot: MachineSnapshotLike) => boolean) | undefined
}

interface Subscriber {
  readonly pid: Pid
  readonly monitor: MonitorRef
}

/** What `process.state` of a machine holds once it has started. */
export class MachineCell extends ServerCell {
  readonly actor: Actor
  readonly host: MachineHost
  readonly #process: Process
  readonly #limits: CellLimits
  #waiters: Waiter[] = []
  readonly #subscribers = new Map<string, Subscriber>()

  constructor(
    process: Process,
    ref: Ref<unknown>,
    actor: Actor,
    host: MachineHost,
    limits: CellLimits,
  ) {
    super(undefined, ref, process.parent)
    this.actor = actor
    this.host = host
    this.#process = process
    this.#limits = limits
  }

  get waiters(): number {
    return this.#waiters.length
  }
  get subscribers(): readonly Pid[] {
    return [...this.#subscribers.values()].map(({ pid }) => pid)
  }

  /** Answers `call` when `until` holds, now or after a later step; without it when the machine is done. */
  wait(call: Call, until: Waiter['until']): void {
    if (this.#answers({ call, until }, this.actor.getSnapshot())) return
    const { waitersMax } = this.#limits
    if (this.#waiters.length >= waitersMax) {
      this.#waiters = this.#waiters.filter((waiter) => !waiter.call.settled)
    }
    if (this.#waiters.length < waitersMax) this.#waiters.push({ call, until })
    else call.fail(new MachineLimitError('ERR_MACHINE_WAITERS_MAX', 'waitersMax', waitersMax))
  }

  /** Idempotent. */
  subscribe(pid: Pid): void {
    const { pid: self, system } = this.#process
    const { subscribersMax } = this.#limits
    if (this.#subscribers.has(pidKey(pid))) return
    if (this.#subscribers.size >= subscribersMax) {
      throw new MachineLimitError('ERR_MACHINE_SUBSCRIBERS_MAX', 'subscribersMax', subscribersMax)
    }
    this.#subscribers.set(pidKey(pid), { pid, monitor: system.monitor(self, pid) })
  }

  unsubscribe(pid: Pid): boolean {
    const subscriber = this.#subscribers.get(pidKey(pid))
    if (subscriber === undefined) return false
    this.#subscribers.delete(pidKey(pid))
    this.#process.system.demonitor(subscriber.monitor, { owner: this.#process.pid, flush: true })
    return true
  }

  /** Whether a DOWN is that of a subscriber, who is none any more then. */
  dropSubscriber(item: Message): boolean {
    if (item.from === undefined) return false
    const key = pidKey(item.from)
    if (this.#subscribers.get(key)?.monitor !== item.ref) return false
    this.#subscribers.delete(key)
    return true
  }

  /** The machine took a transition: tells who is subscribed, answers who waited for this. */
  stepped(snapshot: MachineSnapshotLike): void {
    if (this.#subscribers.size > 0) {
      const { pid, system } = this.#process
      const message: MachineTransition = {
        type: 'machine_transition',
        machine: pid,
        ...stateOf(snapshot),
      }
      for (const subscriber of this.#subscribers.values()) system.send(subscriber.pid, message)
    }
    if (this.#waiters.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => !this.#answers(waiter, snapshot))
  }

  /** Whether there is nothing more to wait for. A predicate that throws is its caller's failure. */
  #answers({ call, until }: Waiter, snapshot: MachineSnapshotLike): boolean {
    if (call.settled) return true
    if (until === undefined) {
      if (snapshot.status !== 'done') return false
      call.reply(snapshot.output)
      return true
    }
    try {
      if (!until(snapshot)) return false
      call.reply(stateOf(snapshot))
    } catch (error) {
      call.fail(error)
    }
    return true
  }
}

/** What of a snapshot can be sent. */
export function stateOf(snapshot: MachineSnapshotLike): AnyState {
  const { status, value, context, tags, output } = snapshot
  return { status, value, context, tags: [...tags], output } as unknown as AnyState
}
