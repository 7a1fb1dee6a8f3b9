/** Errors of realm bridges, and what each code means. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** Codes of {@link BridgeError}. */
export type BridgeErrorCode =
  | 'ERR_BRIDGE_REALM'
  | 'ERR_BRIDGE_RATE'
  | 'ERR_BRIDGE_DENIED'
  | 'ERR_BRIDGE_LOOP'
  | 'ERR_BRIDGE_AUDIT'
  | 'ERR_BRIDGE_CLOSED'

/** A bridge cannot be made, or does not take something over. */
export class BridgeError extends FoveaError {
  override readonly name: string = 'BridgeError'
  declare readonly code: BridgeErrorCode
  constructor(code: BridgeErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
  }
}

/** The catalogue of bridges. */
export const BRIDGE_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_BRIDGE_REALM: {
    when: 'a bridge should lead from a realm into itself',
    stateChanged: 'no',
    retry: 'no',
    action: 'give it meshes of two realms',
  },
  ERR_BRIDGE_RATE: {
    when: 'more comes than `ratePerSecond` allows; `burst` of it at once',
    stateChanged: 'no; a message is dropped, a call fails',
    retry: 'calls: later',
    action: 'raise `ratePerSecond`, or look who sends so much',
  },
  ERR_BRIDGE_DENIED: {
    when: '`translate` has no name in the other realm for it',
    stateChanged: 'no; a message is dropped, a call fails',
    retry: 'no',
    action: 'correct `translate`, or leave it out of `topics` and `procedures`',
  },
  ERR_BRIDGE_LOOP: {
    when: 'a message was in that realm before or came through `hopsMax` bridges; a call would go to another bridge',
    stateChanged: 'no; a message is dropped, a call fails',
    retry: 'no',
    action:
      'none: two bridges in a circle are harmless. A procedure must be offered by somebody else than bridges',
  },
  ERR_BRIDGE_AUDIT: {
    when: '`audit` threw, so nothing was taken over',
    stateChanged: 'no; a message is dropped, a call fails',
    retry: 'when the audit works again',
    action: 'read the cause',
  },
  ERR_BRIDGE_CLOSED: {
    when: 'a call came to a bridge that is closed',
    stateChanged: 'no',
    retry: 'no',
    action: 'none',
  },
})
