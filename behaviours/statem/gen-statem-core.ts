/**
 * The machine itself: which event is next, what a result does, which timers run. It is synchronous and
 * knows no process, clock or promise; what it wants done it tells its {@link StatemHost}. gen-statem-loop.ts
 * runs callbacks between two steps.
 *
 * One event, from `take` to `done`:
 *
 *     take/begin -> callback -> apply -> done
 *                                     -> enter -> enter callback -> apply -> done (or enter again: repeat)
 *                                     -> stop
 *
 * Order, as gen_statem's: inserted events, then postponed ones that are tried again, then timeouts of 0 in
 * the order they were started, then the mailbox (S-13, S-14, S-22, S-23). When a transition is done:
 * postponed events are queued and the state timeout ends if the state is another one, then the event
 * timeout ends, then the timeouts of its actions and of the enter callback's start, the last of a kind and
 * name counting, then inserted events go to the front.
 *
 * Invariants:
 * - `state` and `data` change only when a transition is done: a callback that fails leaves no trace.
 * - A timer that was stopped or replaced never becomes an event, also if it was due already.
 * - `postponedMax` and `eventsMax` bound what is held.
 *
 * Follows gen_statem.erl (OTP 25) loop_state_callback_result to loop_timeouts.
 */
import { TIMER_DELAY_MS_MAX } from '../../runtime/index.ts'
import { BadReturnError } from '../server/server-errors.ts'
import {
  BadActionError,
  BadEnterError,
  EventLimitError,
  UnknownStateError,
} from './gen-statem-errors.ts'
import {
  Action,
  ActionOp,
  Answer,
  Op,
  Transition,
  type TimeoutKind,
  type TimeoutTime,
} from './gen-statem-results.ts'
import { Stop } from '../server/results.ts'

/** A timer of the machine; the host keeps its own handle in it. */
export class StatemTimer {
  readonly kind: TimeoutKind
  readonly name: string | undefined
  payload: unknown
  /** Due at once: it waits in the machine and the host knows nothing of it. */
  readonly immediate: boolean
  handle: unknown = undefined
  constructor(kind: TimeoutKind, name: string | undefined, payload: unknown, immediate: boolean) {
    this.kind = kind
    this.name = name
    this.payload = payload
    this.immediate = immediate
  }
}

/** What the machine needs of who runs it. */
export interface StatemHost<E> {
  readonly label: string
  readonly postponedMax: number
  readonly eventsMax: number
  /** Whether there are enter callbacks to run. */
  readonly hasEnter: boolean
  isState(state: unknown): boolean
  /** Milliseconds from now, at least 0. */
  delayMs(when: number | { readonly atMs: number }): number
  startTimer(timer: StatemTimer, delayMs: number): void
  cancelTimer(timer: StatemTimer): void
  timeoutEvent(timer: StatemTimer): E
  /** Makes an event of what `nextEvent` was given; undefined if it is none. */
  insertedEvent(given: unknown): E | undefined
  /** Replies to the caller of `event`; false if it is no call. */
  answer(event: E, value: unknown): boolean
  /** False if `from` is nobody. */
  reply(from: unknown, value: unknown): boolean
  /** Refuses an event there is no room for; false if it must not be lost. */
  refuse(event: E, error: EventLimitError): boolean
}

// A constant of this module is folded, an imported one is loaded at each use.
const KEEP: typeof Op.keep = Op.keep

/** What comes after {@link StatemCore.apply}. */
export type Step = 'done' | 'enter' | 'stop'

/** One machine. */
export class StatemCore<E> {
  state: unknown
  data: unknown
  /** The event in hand. */
  event: E | undefined = undefined
  /** Why it stops, after a step `stop`. */
  stopReason: unknown = undefined
  readonly #host: StatemHost<E>
  /** The next event is the last one. */
  readonly #queue: E[] = []
  #postponed: E[] = []
  #eventTimer: StatemTimer | undefined = undefined
  #stateTimer: StatemTimer | undefined = undefined
  #named: Map<string, StatemTimer> | undefined = undefined
  /** Timers that are due at once, in start order. */
  readonly #immediate: StatemTimer[] = []
  // The transition in progress.
  #entering = false
  #nextState: unknown
  #nextData: unknown
  /** Whether an action has set one of the following. */
  #dirty = false
  #postpone = false
  #inserted: E[] | undefined = undefined
  #timeouts: Action[] | undefined = undefined

  constructor(host: StatemHost<E>) {
    this.#host = host
  }

  /** Whether the callback in hand is an enter callback. */
  get entering(): boolean {
    return this.#entering
  }
  /** Whether there is no callback in hand. */
  get idle(): boolean {
    return this.event === undefined && !this.#entering
  }
  /** The state that the callback in hand works for. */
  get current(): unknown {
    return this.#nextState
  }
  /** The data that the callback in hand gets. */
  get currentData(): unknown {
    return this.#nextData
  }

  /** Puts the machine into the state that `init` gave. */
  start(initial: Transition): Step {
    this.#check(initial.state)
    this.state = initial.state
    this.data = initial.data
    this.#reset()
    if (initial.actions !== undefined) this.#collect(initial.actions)
    this.#postpone = false
    return this.#leave(true)
  }

  /** Takes `event` in hand. */
  begin(event: E): void {
    this.event = event
    this.#reset()
  }

  /** Takes the next event that the machine holds; undefined if the mailbox is next. */
  take(): E | undefined {
    if (this.#queue.length > 0) {
      const queued = this.#queue.pop() as E
      this.begin(queued)
      return queued
    }
    if (this.#immediate.length === 0) return undefined
    const timer = this.#immediate[0] as StatemTimer
    this.#forget(timer)
    const event = this.#host.timeoutEvent(timer)
    this.begin(event)
    return event
  }

  /** Takes a timer in hand that the host found due; undefined if it was stopped or replaced meanwhile. */
  fire(timer: StatemTimer): E | undefined {
    if (this.#running(timer.kind, timer.name) !== timer) return undefined
    this.#forget(timer)
    const event = this.#host.timeoutEvent(timer)
    this.begin(event)
    return event
  }

  /** Drops the event in hand as if it had never come. */
  drop(): void {
    this.event = undefined
    this.#entering = false
  }

  /** Does what the callback in hand returned. Throws what ends the process; nothing has changed then. */
  apply(result: unknown): Step {
    if (result instanceof Transition) {
      if (result.op === KEEP && this.#eventTimer === undefined) {
        const { actions } = result
        if (actions === undefined) return this.#keep(result)
        if (actions instanceof Answer) {
          this.#answer(actions)
          return this.#keep(result)
        }
      }
      switch (result.op) {
        case Op.keep:
        case Op.repeat:
          return this.#transit(result, this.#nextState, result.op === Op.repeat)
        case Op.next:
          return this.#transit(result, result.state, !Object.is(result.state, this.state))
        case Op.stop:
          this.#collect(result.actions, true)
          return this.#stop(result.state, result.data, result.keepsData)
        case Op.initial:
      }
    } else if (result instanceof Stop && result.reply === undefined) {
      return this.#stop(result.reason, result.state, result.keepsState)
    }
    throw new BadReturnError(this.#where(), result)
  }

  /** For `sys`: puts another state and data in; nothing else happens. */
  replace(state: unknown, data: unknown): void {
    this.#check(state)
    this.state = state
    this.data = data
  }

  /** Postponed events, oldest first. */
  get postponed(): readonly E[] {
    return this.#postponed
  }
  /** Events that come before the mailbox, first one first. */
  get queued(): readonly E[] {
    return this.#queue.toReversed()
  }
  /** Running timers. */
  get timers(): readonly StatemTimer[] {
    const unnamed = [this.#stateTimer, this.#eventTimer].filter((timer) => timer !== undefined)
    return [...unnamed, ...(this.#named?.values() ?? [])]
  }

  // --- transitions

  #reset(): void {
    this.#entering = false
    this.#nextState = this.state
    this.#nextData = this.data
    if (!this.#dirty) return
    this.#dirty = false
    this.#postpone = false
    this.#inserted = undefined
    this.#timeouts = undefined
  }

  /** The short way of what happens most: nothing but perhaps new data. */
  #keep(result: Transition): Step {
    if (!result.keepsData) this.#nextData = result.data
    if (this.#entering || this.#dirty) return this.#leave(false)
    this.data = this.#nextData
    this.event = undefined
    return 'done'
  }

  #transit(result: Transition, next: unknown, enters: boolean): Step {
    if (this.#entering) {
      if (!Object.is(next, this.#nextState)) {
        throw new BadEnterError('ERR_STATEM_ENTER_RETURN', this.#nextState)
      }
      enters = result.op === Op.repeat
    } else if (enters && result.op === Op.next) {
      this.#check(next)
    }
    if (result.actions !== undefined) this.#collect(result.actions)
    this.#nextState = next
    if (!result.keepsData) this.#nextData = result.data
    return this.#leave(enters)
  }

  /** To the enter callback, or to the end of the transition. */
  #leave(enters: boolean): Step {
    this.#entering = enters && this.#host.hasEnter
    if (this.#entering) return 'enter'
    this.#commit()
    return 'done'
  }

  #commit(): void {
    const changed = !Object.is(this.#nextState, this.state)
    const inserted = this.#inserted
    if (inserted !== undefined) this.#checkRoom(inserted.length)
    if (this.#postpone && this.event !== undefined) this.#putAside(this.event, changed)
    if (changed) {
      if (this.#postponed.length > 0) this.#retry()
      if (this.#stateTimer !== undefined) this.#cancel(this.#stateTimer)
    }
    if (this.#eventTimer !== undefined) this.#cancel(this.#eventTimer)
    if (this.#timeouts !== undefined) this.#startTimeouts(this.#timeouts)
    if (inserted !== undefined) {
      for (let i = inserted.length - 1; i >= 0; i--) this.#queue.push(inserted[i] as E)
    }
    this.state = this.#nextState
    this.data = this.#nextData
    this.event = undefined
  }

  #stop(reason: unknown, data: unknown, keepsData: boolean): Step {
    this.state = this.#nextState
    this.data = keepsData ? this.#nextData : data
    this.event = undefined
    this.stopReason = reason
    return 'stop'
  }

  #putAside(event: E, changed: boolean): void {
    const { postponedMax, label } = this.#host
    if (this.#postponed.length >= postponedMax && !changed) {
      const error = new EventLimitError(label, 'postponedMax', postponedMax)
      if (!this.#host.refuse(event, error)) throw error
      return
    }
    this.#postponed.push(event)
  }

  /** Postponed events come before what is queued, oldest first. */
  #retry(): void {
    const again = this.#postponed
    for (let i = again.length - 1; i >= 0; i--) this.#queue.push(again[i] as E)
    this.#postponed = []
  }

  #checkRoom(count: number): void {
    const { eventsMax, label } = this.#host
    if (this.#queue.length + this.#postponed.length + count > eventsMax) {
      throw new EventLimitError(label, 'eventsMax', eventsMax)
    }
  }

  #check(state: unknown): void {
    if (!this.#host.isState(state)) throw new UnknownStateError(this.#host.label, state)
  }

  #where(): string {
    const { label } = this.#host
    return this.#entering ? `enter callback of ${label}` : `event handler of ${label}`
  }

  // --- actions

  #collect(actions: unknown, onlyReplies = false): void {
    this.#dirty = true
    if (Array.isArray(actions)) {
      for (const action of actions as readonly unknown[]) this.#act(action, onlyReplies)
    } else {
      this.#act(actions, onlyReplies)
    }
  }

  #act(action: unknown, onlyReplies: boolean): void {
    if (action instanceof Answer) return this.#answer(action)
    if (!(action instanceof Action)) throw this.#bad(action, 'not an action')
    if (onlyReplies && action.op !== ActionOp.replyTo) {
      throw this.#bad(action, 'not a reply')
    }
    switch (action.op) {
      case ActionOp.timeout:
        if (!this.#isTime(action.when)) throw this.#bad(action, 'not a time')
        if (action.kind === 'generic_timeout' && typeof action.name !== 'string') {
          throw this.#bad(action, 'not a name')
        }
        ;(this.#timeouts ??= []).push(action)
        return
      case ActionOp.postpone:
        if (this.#entering && action.value === true) throw this.#badEnter()
        this.#postpone = action.value === true
        return
      case ActionOp.nextEvent:
        return this.#insert(action)
      case ActionOp.replyTo:
        if (!this.#host.reply(action.from, action.value)) throw this.#bad(action, 'not a caller')
        return
      case ActionOp.hibernate:
    }
  }

  #answer(action: Answer): void {
    if (this.event !== undefined && this.#host.answer(this.event, action.value)) return
    throw this.#bad(action, 'nobody waits for an answer to this event')
  }

  #insert(action: Action): void {
    if (this.#entering) throw this.#badEnter()
    const event = this.#host.insertedEvent(action.value)
    if (event === undefined) throw this.#bad(action.value, 'not an event')
    ;(this.#inserted ??= []).push(event)
  }

  #bad(action: unknown, why: string): BadActionError {
    return new BadActionError(this.#where(), action, why)
  }

  #badEnter(): BadEnterError {
    return new BadEnterError('ERR_STATEM_ENTER_ACTION', this.#nextState)
  }

  // --- timers

  #isTime(when: TimeoutTime | undefined): boolean {
    if (when === 'cancel' || when === 'update' || when === Infinity) return true
    if (typeof when === 'number') return when >= 0 && when <= TIMER_DELAY_MS_MAX
    if (typeof when !== 'object' || when === null || typeof when.atMs !== 'number') return false
    return when.atMs === Infinity || this.#host.delayMs(when) <= TIMER_DELAY_MS_MAX
  }

  /** Of several actions about one timer the last counts. */
  #startTimeouts(actions: readonly Action[]): void {
    if (actions.length === 1) return this.#startTimeout(actions[0] as Action)
    const last = new Map<string, Action>()
    for (const action of actions) last.set(keyOf(action), action)
    for (const action of actions) if (last.get(keyOf(action)) === action) this.#startTimeout(action)
  }

  #startTimeout({ kind = 'event_timeout', name, when = 0, value }: Action): void {
    const running = this.#running(kind, name)
    if (when === 'update' && running !== undefined) {
      running.payload = value
      return
    }
    if (running !== undefined) this.#cancel(running)
    if (when === 'cancel' || when === Infinity) return
    if (typeof when === 'object' && when.atMs === Infinity) return
    const atOnce = when === 0 || when === 'update'
    const timer = new StatemTimer(kind, name, value, atOnce)
    this.#remember(timer)
    if (!atOnce) this.#host.startTimer(timer, this.#host.delayMs(when))
  }

  #running(kind: TimeoutKind, name: string | undefined): StatemTimer | undefined {
    if (kind === 'event_timeout') return this.#eventTimer
    if (kind === 'state_timeout') return this.#stateTimer
    return this.#named?.get(name as string)
  }

  #remember(timer: StatemTimer): void {
    if (timer.kind === 'event_timeout') this.#eventTimer = timer
    else if (timer.kind === 'state_timeout') this.#stateTimer = timer
    else (this.#named ??= new Map()).set(timer.name as string, timer)
    if (timer.immediate) this.#immediate.push(timer)
  }

  #forget(timer: StatemTimer): void {
    if (timer.kind === 'event_timeout') this.#eventTimer = undefined
    else if (timer.kind === 'state_timeout') this.#stateTimer = undefined
    else this.#named?.delete(timer.name as string)
    if (timer.immediate) this.#immediate.splice(this.#immediate.indexOf(timer), 1)
  }

  #cancel(timer: StatemTimer): void {
    this.#forget(timer)
    if (!timer.immediate) this.#host.cancelTimer(timer)
  }
}

/** Tells the timers of a machine apart. */
function keyOf({ kind, name }: Action): string {
  return name === undefined ? String(kind) : `${String(kind)} ${name}`
}
