/**
 * Option bags: defaults in one frozen object, merged once, checked once. After that inner code reads
 * `Readonly<Required<...>>` and never writes a default again.
 *
 * Limits: an unknown name, a wrong shape or an old spelling is refused with the option's name, the
 * expected shape and the value received (`ERR_OPTION_UNKNOWN`, `ERR_OPTION_INVALID`,
 * `ERR_OPTION_RENAMED`).
 */
import { inspect } from 'node:util'
import { FoveaError } from './errors.ts'

/** An option bag was refused. */
export class OptionError extends FoveaError {
  override readonly name = 'OptionError'
  readonly option: string
  constructor(code: string, option: string, message: string) {
    super(code, message)
    this.option = option
  }
}

/** How one option is checked. */
export interface OptionCheck {
  /** Shape in words, for the message. */
  readonly expected: string
  readonly test: (value: unknown) => boolean
}

const show = (value: unknown): string => inspect(value, { depth: 1, breakLength: Infinity })

/** A number from `min` to `max`, whole unless `fractional`. */
export function numberOption(min: number, max: number, fractional = false): OptionCheck {
  return {
    expected: `a ${fractional ? '' : 'whole '}number from ${min} to ${max}`,
    test: (v) =>
      typeof v === 'number' &&
      v >= min &&
      v <= max &&
      (fractional || Number.isInteger(v) || v === Infinity),
  }
}

/** One of `values`. */
export function oneOfOption(...values: readonly unknown[]): OptionCheck {
  return { expected: `one of ${values.map(show).join(', ')}`, test: (v) => values.includes(v) }
}

/** True or false. */
export const booleanOption: OptionCheck = {
  expected: 'true or false',
  test: (v) => typeof v === 'boolean',
}

/** A string that is not empty. */
export const stringOption: OptionCheck = {
  expected: 'a string that is not empty',
  test: (v) => typeof v === 'string' && v.length > 0,
}

/** A function. */
export const functionOption: OptionCheck = {
  expected: 'a function',
  test: (v) => typeof v === 'function',
}

/** An object or array. */
export const objectOption: OptionCheck = {
  expected: 'an object',
  test: (v) => typeof v === 'object' && v !== null,
}

/** An AbortSignal; one of another realm is none of ours, but good. */
export const signalOption: OptionCheck = {
  expected: 'an AbortSignal',
  test: (v) =>
    v instanceof AbortSignal ||
    (objectOption.test(v) && 'aborted' in (v as object) && 'addEventListener' in (v as object)),
}

const LOG_METHODS = ['debug', 'info', 'warn', 'error'] as const

/** A logger; lines to a method that is not there would be lost without a word. */
export const loggerOption: OptionCheck = {
  expected: `a logger with ${LOG_METHODS.join(', ')}`,
  test: (v) =>
    objectOption.test(v) &&
    LOG_METHODS.every((name) => typeof (v as Record<string, unknown>)[name] === 'function'),
}

/** `check`, or `undefined` given on purpose. */
export function optional(check: OptionCheck): OptionCheck {
  return {
    expected: `${check.expected}, or nothing`,
    test: (v) => v === undefined || check.test(v),
  }
}

/** Old spellings of options and their present ones, as noex wrote them. */
const RENAMED: Readonly<Record<string, string>> = {
  timeout: 'timeoutMs',
  initTimeout: 'initTimeoutMs',
  withinMs: 'periodMs',
  maxRestarts: 'intensity',
  shutdownTimeout: 'shutdown',
}

/**
 * `given` over `defaults`, checked and frozen. An option given as `undefined` counts as not given.
 *
 * @example
 * resolveOptions('Pool.start', { sizeMax: 8 }, { sizeMax: numberOption(1, 1024) }, { sizeMax: 4 })
 */
export function resolveOptions<T extends object>(
  where: string,
  defaults: T,
  checks: { readonly [K in keyof T]-?: OptionCheck },
  given: unknown,
): Readonly<T> {
  if (
    given !== undefined &&
    (typeof given !== 'object' || given === null || Array.isArray(given))
  ) {
    throw new OptionError(
      'ERR_OPTION_INVALID',
      'options',
      `${where}: options must be an object, received ${show(given)}`,
    )
  }
  const merged = { ...defaults } as Record<string, unknown>
  const known = checks as Readonly<Record<string, OptionCheck>>
  for (const [name, value] of Object.entries(given ?? {})) {
    const check = Object.hasOwn(known, name) ? known[name] : undefined
    if (check === undefined) throw unknownOption(where, name, Object.keys(known))
    if (value === undefined) continue
    if (!check.test(value)) {
      throw new OptionError(
        'ERR_OPTION_INVALID',
        name,
        `${where}: option '${name}' must be ${check.expected}, received ${show(value)}`,
      )
    }
    merged[name] = value
  }
  return Object.freeze(merged) as Readonly<T>
}

/** Refuses names that are not `known`; for option bags too hot to be copied. */
export function checkOptionNames(where: string, known: readonly string[], given: object): void {
  for (const name in given) if (!known.includes(name)) throw unknownOption(where, name, known)
}

function unknownOption(where: string, name: string, known: readonly string[]): OptionError {
  const renamed = Object.hasOwn(RENAMED, name) ? RENAMED[name] : undefined
  if (renamed !== undefined && known.includes(renamed)) {
    return new OptionError(
      'ERR_OPTION_RENAMED',
      name,
      `${where}: option '${name}' is called '${renamed}' here`,
    )
  }
  return new OptionError(
    'ERR_OPTION_UNKNOWN',
    name,
    `${where}: unknown option '${name}'; known are ${known.join(', ') || 'none'}`,
  )
}
