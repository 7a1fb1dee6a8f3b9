import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  exit,
  ExitThrow,
  formatReason,
  FoveaError,
  isCleanExit,
  isShutdown,
  reasonOfThrown,
} from '../../runtime/index.ts'

describe('exit reasons', () => {
  it.each([
    ['normal', true, false],
    ['shutdown', true, true],
    [{ shutdown: 'x' }, true, true],
    ['killed', false, false],
    ['kill', false, false],
    [undefined, false, false],
    [null, false, false],
    [new Error('boom'), false, false],
    [Object.assign(new Error('a pool failed'), { shutdown: true }), false, false],
    [Object.create({ shutdown: () => {} }), false, false],
  ])('%o: clean %s, shutdown %s', (reason, clean, shutdown) => {
    expect([isCleanExit(reason), isShutdown(reason)]).toEqual([clean, shutdown])
  })

  it('what was thrown becomes the reason: an error itself, anything else in nocatch', () => {
    const boom = new Error('boom')
    expect(reasonOfThrown(boom)).toBe(boom)
    expect(reasonOfThrown('t')).toEqual({ nocatch: 't' })
    expect(reasonOfThrown(new ExitThrow('quit'))).toBe('quit')
  })

  it('exit throws its reason', () => {
    expect(() => exit('quit')).toThrow(expect.objectContaining({ reason: 'quit' }))
  })

  it.each([
    ['normal', 'normal'],
    [new FoveaError('ERR_X', 'went wrong'), 'ERR_X: went wrong'],
    [new TypeError('bad'), 'TypeError: bad'],
    [{ shutdown: 1 }, '{ shutdown: 1 }'],
    [
      { shutdown: { failedToStartChild: 'a', reason: new FoveaError('ERR_X', 'went wrong') } },
      "{ shutdown: { failedToStartChild: 'a', reason: ERR_X: went wrong } }",
    ],
    [
      { nocatch: { deep: { deeper: { deepest: {} } } } },
      '{ nocatch: { deep: { deeper: { deepest: {} } } } }',
    ],
  ])('%o is one line: %s', (reason, text) => {
    expect(formatReason(reason)).toBe(text)
  })

  it('is of a revoked proxy what it is of any value that was thrown', () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const reason = reasonOfThrown(proxy) as { nocatch: unknown }
    expect(reason.nocatch === proxy).toBe(true)
    expect(typeof formatReason(reason)).toBe('string')
  })

  it('prints getters without running them', () => {
    let runs = 0
    const reason = {
      get secret() {
        runs++
        return 1
      },
    }
    expect(formatReason(reason)).toBe('{ secret: [Getter] }')
    expect(runs).toBe(0)
  })

  it('a reason that cannot be printed is one line too', () => {
    const nasty = {
      [inspect.custom]() {
        throw new Error('no')
      },
    }
    expect(formatReason(nasty)).toBe('a reason that cannot be printed')
  })
})
