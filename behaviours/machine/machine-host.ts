/**
 * An xstate actor system inside one process. xstate expects timers, random ids and promises to call it whenever
 * they like; here everything that comes from outside a turn goes through the mailbox first.
 *
 *     timer is due, promise settled, callback sent     -> an item in the mailbox      (order, suspension, `self()`)
 *     the process handles the item: `turn`             -> xstate runs to completion   (its own queue, synchronously)
 *     end of the turn                                  -> the program looks at the snapshot
 *
 * To get there some functions of xstate's actor system are replaced, which only `tame` does and which checks
 * that they are there: `_relay` (every event between actors), `_register` and `_unregister` (who runs),
 * `_bookId` (ids count per process, not per program), `scheduler.schedule` (names delays that have none, so
 * that xstate draws no random number) and `_sendInspectionEvent` (tells of new actors; nobody else hears of it
 * while nobody inspects).
 *
 * Invariants: xstate code runs only inside a turn, or in `dispose`; a delay that was cancelled after it was due
 * is not delivered; after `dispose` no actor of the system runs and no promise actor's signal is unaborted.
 */
import {
  ItemKind,
  Message,
  TIMER_DELAY_MS_MAX,
  type Process,
  type TimerRef,
} from '../../runtime/index.ts'
import { MachineLimitError } from './machine-errors.ts'
import { guardObservers, type Observable } from './machine-observers.ts'
import type { MachineEventLike, MachineSnapshotLike } from './machine-types.ts'

/** xstate's actor, as far as it is used here. */
export interface Actor extends Observable {
  id: string
  sessionId: string
  readonly system: ActorSystem
  start(): unknown
  send(event: MachineEventLike): void
  getSnapshot(): MachineSnapshotLike
  getPersistedSnapshot(): unknown
  /** As `stop`, but children have it too. */
  _stop(): unknown
  /** 0 not started, 1 running, 2 stopped. */
  readonly _processingStatus: number
  readonly _actorScope: { sessionId: string }
}

/** xstate's system of actors, as far as it is used here. */
export interface ActorSystem {
  _relay(source: Actor | undefined, target: Actor, event: MachineEventLike): void
  _register(sessionId: string, actor: Actor): string
  _unregister(actor: Actor): void
  _bookId(): string
  _sendInspectionEvent(event: { readonly type: string; readonly actorRef: Actor }): void
  inspect(observer: unknown): unknown
  readonly scheduler: {
    schedule(
      source: Actor,
      target: Actor,
      event: MachineEventLike,
      delay: number,
      id?: string,
    ): void
  }
}

/** A delayed event that has not come yet. */
class Delay {
  readonly fire: () => void
  timer: TimerRef | undefined = undefined
  cancelled = false
  /** What is delayed, if it goes from the machine to itself. */
  own: { readonly id: string; readonly event: MachineEventLike } | undefined = undefined
  constructor(fire: () => void) {
    this.fire = fire
  }
}

/** An event between actors that came from outside a turn. */
class Arrival {
  readonly source: Actor | undefined
  readonly target: Actor
  readonly event: MachineEventLike
  constructor(source: Actor | undefined, target: Actor, event: MachineEventLike) {
    this.source = source
    this.target = target
    this.event = event
  }
}

/** A pending delay of the machine itself, as it is persisted. */
export interface PersistedDelay {
  readonly id: string
  readonly event: MachineEventLike
  readonly leftMs: number
}

/** What xstate takes as its clock. */
export interface ActorClock {
  readonly setTimeout: (fn: () => void, delayMs: number) => Delay
  readonly clearTimeout: (delay: Delay) => void
}

/** Whether xstate's system has what {@link MachineHost.tame} replaces. */
function isTameable(system: unknown): system is ActorSystem {
  const { scheduler, ...functions } = (system ?? {}) as Record<string, unknown>
  const names = ['_relay', '_register', '_unregister', '_bookId', '_sendInspectionEvent', 'inspect']
  return (
    names.every((name) => typeof functions[name] === 'function') &&
    typeof (scheduler as { readonly schedule?: unknown } | undefined)?.schedule === 'function'
  )
}

const RUNNING = 1

/** The actor system of one process. */
export class MachineHost {
  readonly clock: ActorClock
  /** What the machine failed with, or an observer in it; boxed because it may be anything. */
  failure: { readonly error: unknown } | undefined = undefined
  readonly #process: Process
  readonly #actorsMax: number
  #root: Actor | undefined
  #relay: ActorSystem['_relay'] = () => {}
  /** xstate runs. */
  #inside = false
  readonly #running = new Set<Actor>()
  /** Unregistered in this turn; xstate stops them later in the same turn, unless something throws. */
  readonly #leaving = new Set<Actor>()
  readonly #delays = new Set<Delay>()
  #scheduling: Delay['own']
  /** Has the failures while everything is stopped. */
  #report: ((error: unknown) => void) | undefined = undefined
  #ids = 0
  #delayIds = 0

  constructor(process: Process, actorsMax: number) {
    this.#process = process
    this.#actorsMax = actorsMax
    this.clock = {
      setTimeout: (fn, delayMs) => this.#setTimeout(fn, delayMs),
      clearTimeout: (delay) => this.#clearTimeout(delay),
    }
  }

  /** Actors that run, the machine included. */
  get actors(): number {
    return this.#running.size
  }
  /** Delays that are pending. */
  get delays(): number {
    return this.#delays.size
  }

  /**
   * Takes the system of `root` in hand, before the machine's first step: to be called at xstate's first
   * inspection event, which comes from the constructor of the root actor. False if this is not the xstate
   * that we know.
   */
  tame(root: Actor, isInspected: boolean): boolean {
    const { system } = root
    if (!isTameable(system)) return false
    this.#root = root
    this.#relay = system._relay
    const { _register: register, _unregister: unregister } = system
    const { schedule } = system.scheduler
    system._bookId = () => `x:${this.#ids++}`
    root.sessionId = system._bookId()
    root._actorScope.sessionId = root.sessionId
    this.#guard(root)
    this.#hear(system, isInspected)
    system._relay = (source, target, event) => this.#arrive(source, target, event)
    system._register = (sessionId, actor) => {
      this.#checkRoom()
      this.#running.add(actor)
      return register(sessionId, actor)
    }
    system._unregister = (actor) => {
      if (this.#running.delete(actor)) this.#leaving.add(actor)
      unregister(actor)
    }
    system.scheduler.schedule = (
      source,
      target,
      event,
      delay,
      id = `delay:${this.#delayIds++}`,
    ) => {
      this.#scheduling = source === root && target === root ? { id, event } : undefined
      schedule(source, target, event, delay, id)
      this.#scheduling = undefined
    }
    return true
  }

  /** The process ends with the first failure, when xstate has come to rest. */
  fail(error: unknown): void {
    if (this.#report === undefined) this.failure ??= { error }
    else this.#report(error)
  }

  /** Runs `fn`, in which xstate may run. */
  turn(fn: () => void): void {
    const before = this.#inside
    this.#inside = true
    try {
      fn()
    } finally {
      this.#inside = before
      if (this.#leaving.size > 0) this.#stopLeaving()
    }
  }

  /** Whether a mailbox item is one of this host. */
  owns(item: Message): boolean {
    return item.value instanceof Delay || item.value instanceof Arrival
  }

  /** Does what an own item brought; in a turn. */
  deliver(item: Message): void {
    const { value } = item
    if (value instanceof Delay) {
      if (value.cancelled) return
      this.#delays.delete(value)
      value.fire()
    } else if (value instanceof Arrival) {
      // The actor may have been stopped while its event was queued.
      if (value.target._processingStatus > RUNNING) return
      this.#relay(value.source, value.target, value.event)
    }
  }

  /** The machine's own pending delays. */
  persist(): PersistedDelay[] {
    const { system } = this.#process
    return [...this.#delays].flatMap(({ own, timer }) => {
      if (own === undefined) return []
      const leftMs = timer === undefined ? Infinity : system.readTimer(timer)
      return [{ ...own, leftMs: leftMs === false ? 0 : leftMs }]
    })
  }

  /** Arms delays that {@link persist} gave; in a turn. */
  resume(delays: readonly PersistedDelay[]): void {
    const root = this.#root as Actor
    for (const { id, event, leftMs } of delays) {
      root.system.scheduler.schedule(root, root, event, leftMs, id)
    }
  }

  /** Stops every actor; what xstate or a user's clean-up throws goes to `report`. Idempotent. */
  dispose(report: (error: unknown) => void): void {
    this.#report = report
    const all = new Set(this.#root === undefined ? [] : [this.#root, ...this.#running])
    const running = [...all].filter((actor) => actor._processingStatus === RUNNING)
    this.turn(() => {
      for (const actor of running) {
        try {
          actor._stop()
        } catch (error) {
          report(error)
        }
      }
    })
    for (const actor of running) {
      const { status, error } = actor.getSnapshot()
      if (status === 'error') report(error)
    }
    this.#delays.clear() // their timers end with the process
  }

  #guard(actor: Actor): void {
    guardObservers(actor, (error) => this.fail(error))
  }

  /** Actors are made anywhere in xstate, but each says so. Who inspects hears of it too, from the time he asks. */
  #hear(system: ActorSystem, isInspected: boolean): void {
    const { _sendInspectionEvent: tell, inspect } = system
    let heard = isInspected
    system._sendInspectionEvent = (event) => {
      if (event.type === '@xstate.actor') this.#guard(event.actorRef)
      if (heard) tell(event)
    }
    system.inspect = (observer) => {
      heard = true
      return inspect(observer)
    }
  }

  #setTimeout(fn: () => void, delayMs: number): Delay {
    const { alive, system } = this.#process
    const delay = new Delay(fn)
    delay.own = this.#scheduling
    if (!alive) return delay
    this.#delays.add(delay)
    // xstate lets a machine give any number: what is none or negative is now, what is beyond a timer is never.
    if (delayMs > TIMER_DELAY_MS_MAX) return delay
    delay.timer = system.setTimer(this.#process, delayMs > 0 ? delayMs : 0, () => {
      this.#process.post(new Message(ItemKind.timeout, undefined, delay))
    })
    return delay
  }

  #clearTimeout(delay: Delay): void {
    delay.cancelled = true
    this.#delays.delete(delay)
    if (delay.timer !== undefined) this.#process.system.cancelTimer(delay.timer)
  }

  #arrive(source: Actor | undefined, target: Actor, event: MachineEventLike): void {
    if (this.#inside) {
      this.#relay(source, target, event)
      return
    }
    const { alive, pid, system } = this.#process
    if (!alive) return
    const arrival = new Arrival(source, target, event)
    // The end of a promise or observable must not be lost; the rest are messages that a full mailbox refuses.
    if (isEnding(event)) this.#process.post(new Message(ItemKind.timeout, undefined, arrival))
    else system.send(pid, arrival)
  }

  #checkRoom(): void {
    if (this.#running.size < this.#actorsMax) return
    throw new MachineLimitError('ERR_MACHINE_ACTORS_MAX', 'actorsMax', this.#actorsMax)
  }

  #stopLeaving(): void {
    const leaving = [...this.#leaving]
    this.#leaving.clear()
    if (leaving.every((actor) => actor._processingStatus !== RUNNING)) return
    this.turn(() => {
      for (const actor of leaving) if (actor._processingStatus === RUNNING) actor._stop()
    })
  }
}

function isEnding({ type }: MachineEventLike): boolean {
  return type.startsWith('xstate.') && type !== 'xstate.observable.next'
}
