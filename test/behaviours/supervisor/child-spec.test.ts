import { describe, expect, it } from 'vitest'
import { checkChildSpec, checkChildSpecs, type ChildSpec } from '../../../behaviours/index.ts'
import { TIMER_DELAY_MS_MAX } from '../../../runtime/index.ts'

const start = (): Promise<never> => Promise.reject(new Error('not started here'))

describe('checkChildSpec', () => {
  it('U-56 fills the defaults', () => {
    expect(checkChildSpec({ id: 'a', start }, 'never')).toEqual({
      id: 'a',
      start,
      args: [],
      startTimeoutMs: 60_000,
      restart: 'permanent',
      shutdown: 5000,
      type: 'worker',
      significant: false,
    })
    const supervisor = checkChildSpec({ id: 'a', start, type: 'supervisor' }, 'never')
    expect(supervisor).toMatchObject({ shutdown: 'infinity', startTimeoutMs: Infinity })
  })

  it.each([
    ['id', { id: '' }],
    ['id', { id: undefined }],
    ['id', { id: 5 }],
    ['start', { start: undefined }],
    ['restart', { restart: 'x' }],
    ['shutdown', { shutdown: -1 }],
    ['shutdown', { shutdown: Number.NaN }],
    ['shutdown', { shutdown: TIMER_DELAY_MS_MAX + 1 }],
    ['shutdown', { shutdown: 'later' }],
    ['args', { args: 'x' }],
    ['startTimeoutMs', { startTimeoutMs: -1 }],
    ['startTimeoutMs', { startTimeoutMs: 'infinity' }],
    ['type', { type: 'boss' }],
    ['significant', { significant: 1 }],
    ['significant', { significant: true, restart: 'permanent' }],
    ['shutdownTimeout', { shutdownTimeout: 5 }],
    ['surplus', { surplus: 5 }],
  ])('U-54 refuses a wrong %s: %o', (field, wrong) => {
    const spec = { id: 'a', start, ...wrong } as unknown as ChildSpec
    expect(() => checkChildSpec(spec, 'any_significant')).toThrow(
      expect.objectContaining({ code: 'ERR_CHILD_SPEC', field }),
    )
  })

  it.each([
    ['surplus', 'known are id, start, args'],
    ['shutdownTimeout', 'use shutdown'],
    ['shutdownMs', 'use shutdown'],
    ['restartType', 'use restart'],
    ['modules', 'not needed'],
  ])('says what to write instead of %s', (field, hint) => {
    const spec = { id: 'a', start, [field]: 5 } as unknown as ChildSpec
    expect(() => checkChildSpec(spec, 'never')).toThrow(hint)
  })

  it('refuses a significant child of a supervisor that never shuts itself down', () => {
    const spec: ChildSpec = { id: 'a', start, restart: 'transient', significant: true }
    expect(checkChildSpec(spec, 'all_significant').significant).toBe(true)
    expect(() => checkChildSpec(spec, 'never')).toThrow(
      expect.objectContaining({ code: 'ERR_CHILD_SPEC', field: 'significant' }),
    )
  })

  it.each([0, 1.5, TIMER_DELAY_MS_MAX, Infinity, 'infinity', 'brutal_kill'] as const)(
    'accepts shutdown %s',
    (shutdown) => {
      expect(checkChildSpec({ id: 'a', start, shutdown }, 'never').shutdown).toBe(shutdown)
    },
  )
})

describe('checkChildSpecs', () => {
  it('U-53 refuses an id that is used twice', () => {
    expect(() =>
      checkChildSpecs(
        [
          { id: 'a', start },
          { id: 'a', start },
        ],
        'never',
      ),
    ).toThrow(expect.objectContaining({ code: 'ERR_CHILD_DUPLICATE', childId: 'a' }))
  })
})
