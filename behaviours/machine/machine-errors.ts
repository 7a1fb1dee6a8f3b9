/** Expected failures of xstate machines that run as processes, and their catalogue. */
import { FoveaError, formatReason, type ErrorCatalogue } from '../../runtime/index.ts'

/**
 * What was to be a machine of xstate 5 is none.
 *
 * @example
 * assert.throws(() => fromMachine({} as never), MachineInvalidError)
 */
export class MachineInvalidError extends FoveaError {
  override readonly name = 'MachineInvalidError'
  constructor(message: string) {
    super('ERR_MACHINE_INVALID', message)
  }
}

/**
 * A machine was given an event that it must not get; it did not notice.
 *
 * @example
 * const error = new MachineEventError('ERR_MACHINE_EVENT_UNKNOWN', 'light/1', { type: 'JUMP' })
 * assert.equal(error.event, 'JUMP')
 */
export class MachineEventError extends FoveaError {
  override readonly name = 'MachineEventError'
  readonly machine: string
  /** The type of the event; undefined if it has none. */
  readonly event: string | undefined
  constructor(
    code: 'ERR_MACHINE_EVENT_UNKNOWN' | 'ERR_MACHINE_EVENT_INVALID',
    machine: string,
    event: unknown,
  ) {
    const type = (event as { readonly type?: unknown } | null | undefined)?.type
    super(
      code,
      code === 'ERR_MACHINE_EVENT_UNKNOWN'
        ? `'${machine}' has no event '${String(type)}'`
        : `'${machine}' takes events { type: string } that are not xstate's own: ${formatReason(event)}`,
    )
    this.machine = machine
    this.event = typeof type === 'string' ? type : undefined
  }
}

/**
 * More waits, subscriptions or actors than a machine may hold.
 *
 * @example
 * assert.equal(new MachineLimitError('ERR_MACHINE_WAITERS_MAX', 'waitersMax', 10).limitCount, 10)
 */
export class MachineLimitError extends FoveaError {
  override readonly name = 'MachineLimitError'
  readonly limit: 'waitersMax' | 'subscribersMax' | 'actorsMax'
  readonly limitCount: number
  constructor(
    code: 'ERR_MACHINE_WAITERS_MAX' | 'ERR_MACHINE_SUBSCRIBERS_MAX' | 'ERR_MACHINE_ACTORS_MAX',
    limit: 'waitersMax' | 'subscribersMax' | 'actorsMax',
    limitCount: number,
  ) {
    super(code, `limit reached: ${limit} is ${limitCount}`)
    this.limit = limit
    this.limitCount = limitCount
  }
}

/** The codes of this part. */
export const machineErrors: ErrorCatalogue = Object.freeze({
  ERR_MACHINE_EVENT_UNKNOWN: {
    when: 'With `strict`, a machine was sent an event of a type that none of its states names.',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Compare the event with the machine. A cast is a warning in the log instead.',
  },
  ERR_MACHINE_EVENT_INVALID: {
    when: 'A machine was sent something that is no event, or an event of xstate itself (`xstate.*`).',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Send `{ type: ... }`. A cast is a warning in the log instead.',
  },
  ERR_MACHINE_INVALID: {
    when: '`fromMachine` was given something that is no machine of xstate 5, or the installed xstate is another one.',
    stateChanged: 'No.',
    retry: 'No.',
    action: 'Give it what `createMachine` or `setup().createMachine` of xstate 5 returns.',
  },
  ERR_MACHINE_WAITERS_MAX: {
    when: '`waitersMax` callers wait for a machine with `waitFor` or `done`.',
    stateChanged: 'No.',
    retry: 'After a pause.',
    action: 'Look for waits without a deadline, or subscribe.',
  },
  ERR_MACHINE_SUBSCRIBERS_MAX: {
    when: '`subscribersMax` processes are subscribed to a machine.',
    stateChanged: 'No.',
    retry: 'After some have ended or unsubscribed.',
    action: 'Let one process subscribe and pass it on.',
  },
  ERR_MACHINE_ACTORS_MAX: {
    when: 'Exit reason: a machine invoked or spawned more than `actorsMax` actors that run at once.',
    stateChanged: 'Yes: the process ended.',
    retry: 'No.',
    action: 'Stop actors that are done with, or start processes instead.',
  },
})
