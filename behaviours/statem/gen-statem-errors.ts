/**
 * Expected failures of gen_statem and their catalogue; see errors.ts for the layer's.
 */
import { FoveaError, formatReason, type ErrorCatalogue } from '../../runtime/index.ts'

/** A call that the contract has, but not the state that the machine is in. The machine goes on. */
export class CallUnhandledError extends FoveaError {
  override readonly name = 'CallUnhandledError'
  readonly contract: string
  readonly request: string
  /** The state that has no handler for it. */
  readonly state: string
  constructor(contract: string, request: string, state: string) {
    super('ERR_STATEM_UNHANDLED', `'${request}' of '${contract}' is not handled in '${state}'`)
    this.contract = contract
    this.request = request
    this.state = state
  }
}

/** Exit reason of a machine whose callback returned an action that is none (S-31). */
export class BadActionError extends FoveaError {
  override readonly name = 'BadActionError'
  readonly where: string
  readonly action: unknown
  constructor(where: string, action: unknown, why: string) {
    super('ERR_STATEM_ACTION', `${where}: ${why}: ${formatReason(action)}`)
    this.where = where
    this.action = action
  }
}

/** Exit reason of a machine whose enter callback did what only an event may do (S-08, S-09). */
export class BadEnterError extends FoveaError {
  override readonly name = 'BadEnterError'
  /** The state that was entered. */
  readonly state: unknown
  constructor(code: 'ERR_STATEM_ENTER_RETURN' | 'ERR_STATEM_ENTER_ACTION', state: unknown) {
    const what =
      code === 'ERR_STATEM_ENTER_RETURN' ? 'change the state' : 'postpone or insert events'
    super(code, `the enter callback of ${formatReason(state)} must not ${what}`)
    this.state = state
  }
}

/** Exit reason of a machine that went to a state which its definition does not have. */
export class UnknownStateError extends FoveaError {
  override readonly name = 'UnknownStateError'
  readonly state: unknown
  constructor(where: string, state: unknown) {
    super('ERR_STATEM_STATE', `${where} has no state ${formatReason(state)}`)
    this.state = state
  }
}

/** More events were put aside or inserted than a machine may hold. */
export class EventLimitError extends FoveaError {
  override readonly name = 'EventLimitError'
  readonly limit: 'postponedMax' | 'eventsMax'
  readonly limitCount: number
  constructor(where: string, limit: 'postponedMax' | 'eventsMax', limitCount: number) {
    super(
      limit === 'postponedMax' ? 'ERR_STATEM_POSTPONED_MAX' : 'ERR_STATEM_EVENTS_MAX',
      `${where}: ${limit} of ${limitCount} events is reached`,
    )
    this.limit = limit
    this.limitCount = limitCount
  }
}

/** The codes of state machines; part of `behavioursErrors`. */
export const statemErrors: ErrorCatalogue = Object.freeze({
  ERR_STATEM_UNHANDLED: {
    when: 'a call came in a state that neither handles it nor postpones it',
    stateChanged: 'no; the machine goes on',
    retry: 'when the machine is in another state',
    action: 'handle it under `any`, or postpone it',
  },
  ERR_STATEM_ACTION: {
    when: 'an action is none, is not possible there, or has a wrong time',
    stateChanged: 'the process ended; replies before it in the list were sent',
    retry: 'no',
    action: 'correct the callback',
  },
  ERR_STATEM_ENTER_RETURN: {
    when: 'an enter callback changed the state',
    stateChanged: 'the process ended',
    retry: 'no',
    action: 'decide in the event handler, or use a state timeout of 0',
  },
  ERR_STATEM_ENTER_ACTION: {
    when: 'an enter callback postponed or inserted events',
    stateChanged: 'the process ended',
    retry: 'no',
    action: 'insert events in the handler that changes the state, or use a state timeout of 0',
  },
  ERR_STATEM_STATE: {
    when: 'a callback, init or replaceState named a state that is not in `states`',
    stateChanged: 'the process ended; replaceState changed nothing',
    retry: 'no',
    action: 'correct the name',
  },
  ERR_STATEM_POSTPONED_MAX: {
    when: 'an event was postponed while postponedMax events are',
    stateChanged:
      'a call is answered with this and a cast or message is dropped; for others the process ended',
    retry: 'when the machine has changed its state',
    action: 'raise postponedMax, or refuse such events in that state',
  },
  ERR_STATEM_EVENTS_MAX: {
    when: 'nextEvent was asked for while the machine holds eventsMax events',
    stateChanged: 'the process ended',
    retry: 'no',
    action: 'find the events that insert more than one event each',
  },
})
