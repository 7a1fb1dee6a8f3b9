import { describe, expect, it } from 'vitest'
import { checkSupervisorOptions } from '../../../dist/supervisor/options.ts'
import type { DistributedSupervisorOptions } from '../../../dist/index.ts'

const x = { id: 'x', behavior: 'worker' }

describe('checkSupervisorOptions', () => {
  it('completes what is given, for the supervisor and for each child', () => {
    const checked = checkSupervisorOptions({
      nodeSelector: 'random',
      autoShutdown: 'any_significant',
      children: [
        { ...x, arg: 7, shutdown: 'brutal_kill' },
        {
          id: 'y',
          behavior: 'worker',
          restart: 'transient',
          significant: true,
          shutdown: 'infinity',
        },
      ],
    })
    expect(checked).toMatchObject({ strategy: 'one_for_one', intensity: 3, periodMs: 5_000 })
    expect(checked.children).toMatchObject([
      {
        behaviorName: 'worker',
        arg: 7,
        restart: 'permanent',
        nodeSelector: 'random',
        shutdownMs: 0,
      },
      { significant: true, shutdownMs: Infinity, handoff: false, startTimeoutMs: 10_000 },
    ])
    expect(checkSupervisorOptions(undefined).children).toEqual([])
  })

  const wrong: readonly [string, DistributedSupervisorOptions, string][] = [
    ['an old spelling', { maxRestarts: 1 } as never, 'ERR_OPTION_RENAMED'],
    ['an unknown option', { retries: 1 } as never, 'ERR_OPTION_UNKNOWN'],
    ['an unknown strategy', { strategy: 'two_for_one' as never }, 'ERR_OPTION_INVALID'],
    ['an unknown selector', { nodeSelector: 'fastest' as never }, 'ERR_OPTION_INVALID'],
    ['a selector without its node', { nodeSelector: { name: 'b' } as never }, 'ERR_OPTION_INVALID'],
    ['a negative intensity', { intensity: -1 }, 'ERR_OPTION_INVALID'],
    ['a period of 0', { periodMs: 0 }, 'ERR_OPTION_INVALID'],
    ['strict without a name', { mode: 'strict' }, 'ERR_OPTION_INVALID'],
    ['an id twice', { children: [x, x] }, 'ERR_DSUP_CHILD_DUPLICATE'],
    [
      'more children than childrenMax',
      { childrenMax: 1, children: [x, { ...x, id: 'y' }] },
      'ERR_DSUP_CHILDREN_MAX',
    ],
    ['a child without an id', { children: [{ behavior: 'worker' } as never] }, 'ERR_ARGUMENT'],
    [
      'a child without a behaviour',
      { children: [{ id: 'x', behavior: '' }] },
      'ERR_OPTION_INVALID',
    ],
    [
      'an old spelling in a child',
      { children: [{ ...x, shutdownTimeout: 1 } as never] },
      'ERR_OPTION_RENAMED',
    ],
    ['a negative shutdown', { children: [{ ...x, shutdown: -1 }] }, 'ERR_OPTION_INVALID'],
    [
      'a significant permanent child',
      { autoShutdown: 'any_significant', children: [{ ...x, significant: true }] },
      'ERR_OPTION_INVALID',
    ],
    [
      'a significant child nobody asks about',
      { children: [{ ...x, restart: 'temporary', significant: true }] },
      'ERR_OPTION_INVALID',
    ],
    ['no template', { strategy: 'simple_one_for_one' }, 'ERR_DSUP_TEMPLATE_MISSING'],
    [
      'a template for nothing',
      { childTemplate: { behavior: 'worker' } },
      'ERR_DSUP_SIMPLE_ONE_FOR_ONE',
    ],
    [
      'children beside a template',
      { strategy: 'simple_one_for_one', childTemplate: { behavior: 'worker' }, children: [x] },
      'ERR_DSUP_SIMPLE_ONE_FOR_ONE',
    ],
    [
      'a template that is none',
      { strategy: 'simple_one_for_one', childTemplate: {} as never },
      'ERR_ARGUMENT',
    ],
  ]
  it.each(wrong)('refuses %s', (_what, options, code) => {
    expect(() => checkSupervisorOptions(options)).toThrow(expect.objectContaining({ code }))
  })
})
