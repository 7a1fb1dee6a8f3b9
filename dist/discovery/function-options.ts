/** Checks of what the functions of discovery take: an option that is none is refused, never passed over. */
import {
  ArgumentError,
  numberOption,
  optional,
  resolveOptions,
  type OptionCheck,
} from '../../runtime/index.ts'
import type { FindNodesOptions, LookupNodeOptions, RegisterNodeOptions } from './discovery.ts'
import type { FormedOptions } from './offers.ts'
import type { CreateTicketOptions } from './ticket.ts'

type Checks<T> = { readonly [K in keyof T]-?: OptionCheck }

/** Names have an error of their own. */
const anything: OptionCheck = { expected: 'a value', test: () => true }
const SIGNAL: OptionCheck = {
  expected: 'an AbortSignal',
  test: (value) => value instanceof AbortSignal,
}
const TIME: OptionCheck = {
  expected: 'milliseconds, or Infinity',
  test: (value) => value === Infinity || numberOption(0, 2_147_483_647, true).test(value),
}

const REGISTER: Checks<RegisterNodeOptions> = { cluster: anything }
const WAIT: Checks<FindNodesOptions> = { signal: optional(SIGNAL), timeoutMs: optional(TIME) }
const LOOKUP: Checks<LookupNodeOptions> = { ...WAIT, cluster: anything }
const FORMED: Checks<FormedOptions> = WAIT
const TICKET: Checks<CreateTicketOptions> = {
  addresses: optional({ expected: 'a list of addresses', test: Array.isArray }),
  // How long it may be is said by what writes it.
  validMs: anything,
}

const check =
  <T extends object>(where: string, checks: Checks<T>) =>
  (given: T | undefined): Readonly<T> =>
    resolveOptions<T>(`discovery.${where}`, {} as T, checks, given)

/** What each function takes. Each throws an `OptionError`. */
export const registerNodeOptions: (
  given: RegisterNodeOptions | undefined,
) => Readonly<RegisterNodeOptions> = check('registerNode', REGISTER)
export const lookupNodeOptions: (
  given: LookupNodeOptions | undefined,
) => Readonly<LookupNodeOptions> = check('lookupNode', LOOKUP)
export const findNodesOptions: (given: FindNodesOptions | undefined) => Readonly<FindNodesOptions> =
  check('findNodes', WAIT)
export const formedOptions: (given: FormedOptions | undefined) => Readonly<FormedOptions> = check(
  'formed',
  FORMED,
)
export const createTicketOptions: (
  given: CreateTicketOptions | undefined,
) => Readonly<CreateTicketOptions> = check('createTicket', TICKET)

/** Somebody to be told. Throws an `ArgumentError`. */
export function checkHandler<H>(handler: H): H {
  if (typeof handler === 'function') return handler
  throw new ArgumentError('handler', 'a function', handler)
}
