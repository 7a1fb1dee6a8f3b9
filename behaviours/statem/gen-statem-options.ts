/** What a definition of a machine may limit. */
import { numberOption, OptionError, resolveOptions, type OptionCheck } from '../../runtime/index.ts'

/** How many events a machine may hold. */
export interface StatemLimits {
  /**
   * Postponed events. One more is refused as by a full mailbox: a call fails with
   * `ERR_STATEM_POSTPONED_MAX`, a cast or message is dropped with a warning; an event that must not be
   * lost (a signal, a timeout, an internal one) ends the machine. Default 10,000. Raise it with the number
   * of clients that may wait for a state change, which tries all of them again; lower sheds load earlier.
   */
  readonly postponedMax?: number | undefined
  /**
   * Postponed events, those being tried again and inserted ones, together; above `postponedMax`. One more
   * `nextEvent` ends the machine with `ERR_STATEM_EVENTS_MAX`. Default 100,000.
   */
  readonly eventsMax?: number | undefined
}

/** {@link StatemLimits} with their defaults. */
export interface CheckedLimits {
  readonly postponedMax: number
  readonly eventsMax: number
}

const defaults: StatemLimits = Object.freeze({ postponedMax: 10_000, eventsMax: 100_000 })

const checks: { readonly [K in keyof StatemLimits]-?: OptionCheck } = {
  postponedMax: numberOption(0, Number.MAX_SAFE_INTEGER),
  eventsMax: numberOption(1, Number.MAX_SAFE_INTEGER),
}

/** Checks the limits of the machine called `where`. */
export function resolveLimits(where: string, given: StatemLimits | undefined): CheckedLimits {
  const limits = resolveOptions(where, defaults, checks, given) as CheckedLimits
  if (limits.eventsMax <= limits.postponedMax) {
    throw new OptionError(
      'ERR_OPTION_INVALID',
      'eventsMax',
      `${where}: option 'eventsMax' must be above postponedMax, which is ${limits.postponedMax}`,
    )
  }
  return limits
}
