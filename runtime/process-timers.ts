/**
 * Timers that send or run something for a process (TM-01 to TM-03). A timer dies with its owner and with
 * a target that is a local pid; a name is looked up when the timer fires, as in OTP.
 */
import { LimitError } from './errors.ts'
import { Signal } from './item.ts'
import { pushUserItem } from './mailbox.ts'
import { isPid } from './pid.ts'
import { checkDelay, Timer, TimerRefValue } from './timer.ts'
import type { SystemCore } from './core.ts'
import type { ItemKind } from './item.ts'
import type { ProcessCell } from './process.ts'
import type { Process } from './program.ts'
import type { Target, TimerOptions } from './system.ts'
import type { TimerRef } from './timer.ts'

/** The timer operations of one system. */
export class ProcessTimers {
  readonly #core: SystemCore

  constructor(core: SystemCore) {
    this.#core = core
  }

  /** Sends `message` as an item of `kind`. */
  message(
    delayMs: number,
    to: Target,
    message: unknown,
    kind: typeof ItemKind.info | typeof ItemKind.timer,
    options: TimerOptions = {},
  ): TimerRef {
    const core = this.#core
    const fire = (): void => {
      const cell = core.live(to)
      if (cell === undefined) core.send(to, message)
      else if (!pushUserItem(cell, new Signal(kind, undefined, message, undefined, ref))) {
        core.dropped(to, 'info', undefined, 'mailbox_full')
      }
    }
    const target = isPid(to) ? core.live(to) : undefined
    const owner = options.owner === undefined ? undefined : core.live(options.owner)
    const dead =
      (options.owner !== undefined && owner === undefined) ||
      (isPid(to) && target === undefined && core.foreign(to) === undefined)
    const ref = this.#make(delayMs, fire, owner, target, !dead)
    return ref
  }

  /** Runs `fn` in the name of `process`. */
  callback(process: Process, delayMs: number, fn: () => void): TimerRef {
    const cell = this.#core.live(process.pid)
    return this.#make(delayMs, fn, cell, undefined, cell !== undefined)
  }

  cancel(ref: TimerRef): number | false {
    const remainingMs = this.read(ref)
    if (remainingMs !== false) TimerRefValue.timerOf(ref)?.cancel()
    return remainingMs
  }

  read(ref: TimerRef): number | false {
    return TimerRefValue.timerOf(ref)?.remainingMs ?? false
  }

  /** A timer whose process is dead is never armed (TM-03). */
  #make(
    delayMs: number,
    run: () => void,
    owner: ProcessCell | undefined,
    target: ProcessCell | undefined,
    armed: boolean,
  ): TimerRef {
    checkDelay(delayMs)
    const { timers, options, node } = this.#core
    if (timers.count >= options.timersMax) {
      throw new LimitError('ERR_TIMERS_MAX', 'timersMax', options.timersMax)
    }
    const timer = new Timer(this.#core, delayMs, run, owner, target)
    if (armed && !this.#core.stopped) timer.arm()
    return new TimerRefValue(node, this.#core.nextId(), timer)
  }
}
