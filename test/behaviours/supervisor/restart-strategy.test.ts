import { describe, expect, it } from 'vitest'
import {
  decideExit,
  planRestart,
  shouldShutDown,
  type ChildView,
  type RestartType,
} from '../../../behaviours/index.ts'

const view = (id: string, more: Partial<ChildView> = {}): ChildView => ({
  id,
  restart: 'permanent',
  significant: false,
  active: true,
  ...more,
})

describe('decideExit', () => {
  const clean = ['normal', 'shutdown', { shutdown: 'x' }]
  const bad = ['boom', 'killed', 'noconnection', new Error('e'), undefined]
  const rows: [RestartType, unknown, string, boolean][] = [
    ...[...clean, ...bad].map((r): [RestartType, unknown, string, boolean] => [
      'permanent',
      r,
      'restart',
      true,
    ]),
    ...clean.map((r): [RestartType, unknown, string, boolean] => ['transient', r, 'keep', false]),
    ...bad.map((r): [RestartType, unknown, string, boolean] => ['transient', r, 'restart', true]),
    ...clean.map((r): [RestartType, unknown, string, boolean] => ['temporary', r, 'remove', false]),
    ...bad.map((r): [RestartType, unknown, string, boolean] => ['temporary', r, 'remove', true]),
  ]
  it.each(rows)(
    'U-18 U-19 U-20 %s that exits %s: %s, report %s',
    (restart, reason, action, report) => {
      expect(decideExit(restart, reason)).toEqual({ action, report })
    },
  )
})

describe('planRestart', () => {
  const group = [view('a'), view('b'), view('c'), view('d')]

  it.each([
    ['one_for_one', [], ['b']],
    ['simple_one_for_one', [], ['b']],
    ['one_for_all', ['d', 'c', 'a'], ['a', 'b', 'c', 'd']],
    ['rest_for_one', ['d', 'c'], ['b', 'c', 'd']],
  ] as const)('U-21 U-23 %s: stops %j, starts %j', (strategy, stop, start) => {
    expect(planRestart(strategy, group, 'b')).toEqual({ stop, remove: [], start })
  })

  it('U-24 removes temporary bystanders instead of starting them', () => {
    const children = [view('a'), view('t', { restart: 'temporary' })]
    expect(planRestart('one_for_all', children, 'a')).toEqual({
      stop: ['t'],
      remove: ['t'],
      start: ['a'],
    })
  })

  it('U-26 U-27 starts those that do not run, and does not stop them', () => {
    const children = [view('a', { active: false }), view('b')]
    expect(planRestart('one_for_all', children, 'b')).toEqual({
      stop: [],
      remove: [],
      start: ['a', 'b'],
    })
  })
})

describe('shouldShutDown', () => {
  const ended = view('a', { significant: true, active: false, restart: 'transient' })
  const running = view('b', { significant: true, restart: 'transient' })

  it.each([
    ['never', [ended], ended, false],
    ['any_significant', [ended, running], ended, true],
    ['any_significant', [running], view('c', { active: false }), false],
    ['all_significant', [ended, running], ended, false],
    ['all_significant', [ended, view('b')], ended, true],
    ['all_significant', [ended, { ...running, active: false }], ended, true],
  ] as const)('U-45 U-48 %s', (autoShutdown, children, who, expected) => {
    expect(shouldShutDown(autoShutdown, children, who)).toBe(expected)
  })
})
