/**
 * Numbers that a world is given, refused where they are given (`ERR_ARGUMENT`): a NaN or an endless time would
 * make a run that never ends, a share of 7 a run that proves nothing.
 */
import { ArgumentError, numberOption, type OptionCheck } from '../../runtime/index.ts'

/** Any finite number. */
export const SEED: OptionCheck = numberOption(-(2 ** 53), 2 ** 53, true)
/** Nodes of a world. */
export const NODES: OptionCheck = numberOption(1, 1_000_000)
/** Some of them. */
export const COUNT: OptionCheck = numberOption(0, 1_000_000)
/** Of all there are, from none to each. */
export const SHARE: OptionCheck = numberOption(0, 1, true)
/** A time or a length of time, which ends. */
export const FINITE_MS: OptionCheck = numberOption(0, 2 ** 53, true)
/** A length of time that may have no end. */
export const MS: OptionCheck = numberOption(0, Infinity, true)
/** A length of time that brings the world further. */
export const STEP_MS: OptionCheck = numberOption(Number.MIN_VALUE, 2 ** 53, true)

/** Refuses a value that is not what it must be. */
export function check(name: string, value: unknown, { test, expected }: OptionCheck): void {
  if (!test(value)) throw new ArgumentError(name, expected, value)
}
