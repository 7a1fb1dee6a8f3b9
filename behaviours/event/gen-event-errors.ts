/**
 * Expected failures of event managers and their catalogue, which errors.ts spreads into the layer's.
 */
import {
  FoveaError,
  formatReason,
  type ErrorCatalogue,
  type ExitReason,
} from '../../runtime/index.ts'

/** Which handler of a manager: its name, and its id if it was added with one. */
export interface EventHandlerKey {
  readonly handler: string
  readonly id?: string | undefined
}

/** For messages: `log` or `log#2`. */
export function formatHandlerKey({ handler, id }: EventHandlerKey): string {
  return id === undefined ? handler : `${handler}#${id}`
}

/** The manager has no such handler. */
export class EventHandlerNotFoundError extends FoveaError {
  override readonly name = 'EventHandlerNotFoundError'
  readonly handler: EventHandlerKey
  constructor(handler: EventHandlerKey) {
    super('ERR_EVENT_HANDLER_NOT_FOUND', `no handler ${formatHandlerKey(handler)} is installed`)
    this.handler = handler
  }
}

/** The manager has a handler of that name and id already. */
export class EventHandlerDuplicateError extends FoveaError {
  override readonly name = 'EventHandlerDuplicateError'
  readonly handler: EventHandlerKey
  constructor(handler: EventHandlerKey) {
    super(
      'ERR_EVENT_HANDLER_DUPLICATE',
      `handler ${formatHandlerKey(handler)} is installed already`,
    )
    this.handler = handler
  }
}

/** A handler was not installed: its `init` stopped, threw or returned something else. */
export class EventHandlerInitError extends FoveaError {
  override readonly name = 'EventHandlerInitError'
  readonly handler: EventHandlerKey
  readonly reason: ExitReason
  constructor(handler: EventHandlerKey, reason: ExitReason) {
    super(
      'ERR_EVENT_HANDLER_INIT',
      `handler ${formatHandlerKey(handler)} did not start: ${formatReason(reason)}`,
      { cause: reason },
    )
    this.handler = handler
    this.reason = reason
  }
}

/** A handler threw or returned garbage; it is installed no more. */
export class EventHandlerCrashedError extends FoveaError {
  override readonly name = 'EventHandlerCrashedError'
  readonly handler: EventHandlerKey
  readonly reason: ExitReason
  constructor(handler: EventHandlerKey, reason: ExitReason) {
    super(
      'ERR_EVENT_HANDLER_CRASHED',
      `handler ${formatHandlerKey(handler)} crashed: ${formatReason(reason)}`,
      { cause: reason },
    )
    this.handler = handler
    this.reason = reason
  }
}

/** The manager has `handlersMax` handlers. */
export class EventHandlerLimitError extends FoveaError {
  override readonly name = 'EventHandlerLimitError'
  readonly handlersMax: number
  constructor(handlersMax: number) {
    super('ERR_EVENT_HANDLERS_MAX', `the manager has ${handlersMax} handlers already`)
    this.handlersMax = handlersMax
  }
}

/** Codes of event managers. */
export const genEventErrors: ErrorCatalogue = Object.freeze({
  ERR_EVENT_HANDLER_NOT_FOUND: {
    when: 'deleteHandler or call named a handler that the manager does not have',
    stateChanged: 'no',
    retry: 'no',
    action: 'it may have crashed or removed itself: whichHandlers shows what is installed',
  },
  ERR_EVENT_HANDLER_DUPLICATE: {
    when: 'a handler was added, or swapped in, under a name and id that are installed',
    stateChanged: 'no; in a swap the old handler is gone',
    retry: 'no',
    action: 'give each instance an id of its own',
  },
  ERR_EVENT_HANDLER_INIT: {
    when: "a handler's init stopped, threw or returned something that is no state",
    stateChanged: 'no: it was not installed; in a swap the old handler is gone',
    retry: 'if `reason` is a passing one',
    action: 'read `reason`',
  },
  ERR_EVENT_HANDLER_CRASHED: {
    when: 'a handler threw or returned garbage while it was called or deleted',
    stateChanged: 'the handler was removed; the manager and the other handlers live on',
    retry: 'after it was added again',
    action: 'read `reason`',
  },
  ERR_EVENT_HANDLERS_MAX: {
    when: 'a handler was added to a manager that has handlersMax handlers',
    stateChanged: 'no',
    retry: 'when a handler has gone',
    action: 'look for handlers that nobody deletes, or raise handlersMax',
  },
})
