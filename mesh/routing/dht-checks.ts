/** What the functions of the DHT take: option bags and named values. */
import { booleanOption, numberOption, optional } from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import type {
  DhtCallOptions,
  DhtFindOptions,
  DhtGetOptions,
  DhtPutOptions,
  NamedValue,
} from './dht.ts'
import { SEQUENCE_MAX } from './records/checks.ts'

/** How each field of an option bag is checked. */
type Checks<Options> = { readonly [K in keyof Options]-?: OptionCheck }

/** One of another realm is no instance, but does what is asked of it. */
const signalOption: OptionCheck = {
  expected: 'an AbortSignal',
  test: (v) =>
    typeof v === 'object' &&
    v !== null &&
    ['aborted', 'addEventListener', 'removeEventListener'].every((name) => name in v),
}

/** Refused with a code of its own. */
const ANYTHING: OptionCheck = { expected: 'anything', test: () => true }

export const CALL_CHECKS: Checks<DhtCallOptions> = {
  signal: optional(signalOption),
  timeoutMs: optional(numberOption(1, 2_147_483_647)),
  disjointPaths: optional(numberOption(1, 16)),
  critical: optional(booleanOption),
  alpha: optional(numberOption(1, 64)),
}

export const JOIN_CHECKS: Checks<Pick<DhtCallOptions, 'signal' | 'timeoutMs'>> = {
  signal: CALL_CHECKS.signal,
  timeoutMs: CALL_CHECKS.timeoutMs,
}

export const GET_CHECKS: Checks<DhtGetOptions> = {
  ...CALL_CHECKS,
  quorum: optional(numberOption(1, 64)),
}

export const PUT_CHECKS: Checks<DhtPutOptions> = {
  ...CALL_CHECKS,
  quorum: optional(numberOption(0, 64)),
  ttlMs: optional(numberOption(1, 2_147_483_647)),
  publish: optional(booleanOption),
}

export const FIND_CHECKS: Checks<DhtFindOptions> = {
  ...CALL_CHECKS,
  count: optional(numberOption(1, 1_048_576)),
}

export const VALUE_CHECKS: Checks<NamedValue> = {
  name: ANYTHING,
  value: ANYTHING,
  sequence: optional(numberOption(1, SEQUENCE_MAX)),
  // There is one above it.
  expectedSequence: optional(numberOption(0, SEQUENCE_MAX - 1)),
}
