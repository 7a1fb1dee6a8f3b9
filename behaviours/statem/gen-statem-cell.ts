/**
 * One machine process: its core, and what the core wants done in terms of the runtime. It is a
 * {@link ServerCell}, so whatever works on servers (adoption by a supervisor, `ctx.self`) works on machines.
 */
import {
  formatPid,
  ItemKind,
  Message,
  type Pid,
  type Process,
  type TimerRef,
} from '../../runtime/index.ts'
import type { Ref } from '../server/contract.ts'
import { StatemCore, type StatemHost, type StatemTimer } from './gen-statem-core.ts'
import type { EventLimitError } from './gen-statem-errors.ts'
import {
  describeEvent,
  fromOf,
  insertedEvent,
  isFrom,
  OwnKind,
  timeoutEvent,
  type HeldEvent,
  type StatemContext,
} from './gen-statem-events.ts'
import type { CheckedLimits } from './gen-statem-options.ts'
import { ServerCell } from '../server/server-cell.ts'

/** What all machines of one definition share, as their cells need it. */
export interface CellRules {
  readonly label: string
  readonly limits: CheckedLimits
  readonly callbacks: { readonly hasEnter: boolean; isState(state: unknown): boolean }
}

/** What `process.state` of a machine holds once its `init` is done. */
export class StatemCell extends ServerCell implements StatemHost<HeldEvent> {
  readonly core: StatemCore<HeldEvent>
  /** What handlers of events get that nobody waits for. */
  context: StatemContext | undefined = undefined
  readonly #process: Process
  readonly #rules: CellRules

  constructor(process: Process, rules: CellRules, ref: Ref<unknown>, parent: Pid | undefined) {
    super(undefined, ref, parent)
    this.#process = process
    this.#rules = rules
    this.core = new StatemCore(this)
  }

  get label(): string {
    return this.#rules.label
  }
  get hasEnter(): boolean {
    return this.#rules.callbacks.hasEnter
  }
  get postponedMax(): number {
    return this.#rules.limits.postponedMax
  }
  get eventsMax(): number {
    return this.#rules.limits.eventsMax
  }

  isState(state: unknown): boolean {
    return this.#rules.callbacks.isState(state)
  }

  delayMs(when: number | { readonly atMs: number }): number {
    if (typeof when === 'number') return when
    return Math.max(0, when.atMs - this.#process.system.clock.now())
  }

  startTimer(timer: StatemTimer, delayMs: number): void {
    const process = this.#process
    if (!process.alive) return
    timer.handle = process.system.setTimer(process, delayMs, () => {
      process.post(new Message(ItemKind.timeout, undefined, timer))
    })
  }

  cancelTimer(timer: StatemTimer): void {
    if (timer.handle !== undefined) this.#process.system.cancelTimer(timer.handle as TimerRef)
  }

  /** Milliseconds until a timer is due. */
  leftMs(timer: StatemTimer): number {
    if (timer.handle === undefined) return 0
    const leftMs = this.#process.system.readTimer(timer.handle as TimerRef)
    return leftMs === false ? 0 : leftMs
  }

  timeoutEvent(timer: StatemTimer): HeldEvent {
    return timeoutEvent(timer.kind, timer.name, timer.payload)
  }

  insertedEvent(given: unknown): HeldEvent | undefined {
    return insertedEvent(given)
  }

  answer(event: HeldEvent, value: unknown): boolean {
    const from = fromOf(event)
    from?.reply(value)
    return from !== undefined
  }

  reply(from: unknown, value: unknown): boolean {
    if (!isFrom(from)) return false
    from.reply(value)
    return true
  }

  /** What may come from anybody is refused as a full mailbox would; the rest must not be lost. */
  refuse(event: HeldEvent, error: EventLimitError): boolean {
    switch (event.kind) {
      case ItemKind.call:
        event.fail(error)
        return true
      case OwnKind.call:
        event.from?.fail(error)
        return true
      case ItemKind.cast:
      case ItemKind.info:
      case ItemKind.timer:
      case OwnKind.cast:
        this.#process.system.logger.warn(
          {
            process: formatPid(this.#process.pid),
            label: this.label,
            ...describeEvent(event),
            error,
          },
          'event dropped: too many are postponed',
        )
        return true
      default:
        return false
    }
  }
}
