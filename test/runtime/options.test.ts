import { describe, expect, it } from 'vitest'
import {
  booleanOption,
  functionOption,
  loggerOption,
  numberOption,
  objectOption,
  oneOfOption,
  OptionError,
  optional,
  resolveOptions,
  signalOption,
  silentLogger,
  stringOption,
} from '../../runtime/index.ts'

interface Sample {
  readonly sizeMax: number
  readonly timeoutMs: number
  readonly name: string | undefined
}
const defaults: Sample = { sizeMax: 4, timeoutMs: 100, name: undefined }
const checks = {
  sizeMax: numberOption(1, 8),
  timeoutMs: numberOption(0, Infinity, true),
  name: optional(stringOption),
}
const resolve = (given: unknown): Readonly<Sample> =>
  resolveOptions('Pool.start', defaults, checks, given)

describe('options', () => {
  it('are the defaults with what was given, frozen, the given object untouched', () => {
    const given = { sizeMax: 8, name: undefined }
    const options = resolve(given)
    expect(options).toEqual({ sizeMax: 8, timeoutMs: 100, name: undefined })
    expect(Object.isFrozen(options)).toBe(true)
    expect(given).toEqual({ sizeMax: 8, name: undefined })
    expect(resolve(undefined)).toEqual(defaults)
  })

  it.each([
    [
      { sizeMax: 0 },
      'ERR_OPTION_INVALID',
      "Pool.start: option 'sizeMax' must be a whole number from 1 to 8, received 0",
    ],
    [
      { sizeMax: 9 },
      'ERR_OPTION_INVALID',
      "Pool.start: option 'sizeMax' must be a whole number from 1 to 8, received 9",
    ],
    [
      { sizeMax: 1.5 },
      'ERR_OPTION_INVALID',
      "Pool.start: option 'sizeMax' must be a whole number from 1 to 8, received 1.5",
    ],
    [
      { name: 5 },
      'ERR_OPTION_INVALID',
      "Pool.start: option 'name' must be a string that is not empty, or nothing, received 5",
    ],
    [
      { timeout: 5 },
      'ERR_OPTION_RENAMED',
      "Pool.start: option 'timeout' is called 'timeoutMs' here",
    ],
    [
      { sizemax: 5 },
      'ERR_OPTION_UNKNOWN',
      "Pool.start: unknown option 'sizemax'; known are sizeMax, timeoutMs, name",
    ],
    [[], 'ERR_OPTION_INVALID', 'Pool.start: options must be an object, received []'],
    [null, 'ERR_OPTION_INVALID', 'Pool.start: options must be an object, received null'],
  ])('%o is refused with %s', (given, code, message) => {
    expect(() => resolve(given)).toThrow(OptionError)
    expect(() => resolve(given)).toThrow(expect.objectContaining({ code, message }))
  })

  it('names of Object.prototype are unknown options', () => {
    expect(() => resolve(JSON.parse('{"__proto__": 1}'))).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }),
    )
    expect(() => resolve({ toString: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }),
    )
  })

  it.each([
    [numberOption(0, Infinity, true), [0, 0.5, Infinity], [-1, Number.NaN, '1']],
    [oneOfOption('a', 'b'), ['a', 'b'], ['c', undefined]],
    [booleanOption, [true, false], [0, 'true']],
    [stringOption, ['x'], ['', 1]],
    [functionOption, [() => {}], [{}]],
    [objectOption, [{}, []], [null, 1]],
    [signalOption, [AbortSignal.abort()], [{}, { aborted: true }, null, 'abort']],
    [loggerOption, [silentLogger, console], [{}, { ...silentLogger, warn: 1 }, null, () => {}]],
    [optional(booleanOption), [true, undefined], [null]],
  ])('%o accepts and refuses', (check, good, bad) => {
    expect(good.map((value) => check.test(value))).toEqual(good.map(() => true))
    expect(bad.map((value) => check.test(value))).toEqual(bad.map(() => false))
  })
})
