import { expect, it } from 'vitest'
import { exitFate } from '../../runtime/index.ts'
import type { ExitFate } from '../../runtime/index.ts'

type Row = [
  ids: string,
  trapsExit: boolean,
  viaLink: boolean,
  fromSelf: boolean,
  reason: unknown,
  fate: ExitFate,
]

it.each<Row>([
  ['L-01', false, true, false, 'normal', 'ignored'],
  ['L-02', false, true, false, 'boom', 'dies'],
  ['L-03', true, true, false, 'boom', 'message'],
  ['L-06', false, true, false, 'shutdown', 'dies'],
  ['L-06', false, true, false, { shutdown: 1 }, 'dies'],
  ['G-53', true, true, false, 'normal', 'message'],
  ['L-14', false, false, false, 'normal', 'ignored'],
  ['L-15', true, false, false, 'normal', 'message'],
  ['L-16', false, false, true, 'normal', 'dies'],
  ['L-16 trapping', true, false, true, 'normal', 'message'],
  ['L-17', false, false, false, 'boom', 'dies'],
  ['L-18', true, false, false, 'boom', 'message'],
  ['L-19', true, false, false, 'kill', 'killed'],
  ['L-19', false, false, false, 'kill', 'killed'],
  ['L-19 itself', true, false, true, 'kill', 'killed'],
  ['L-22', true, true, false, 'kill', 'message'],
  ['L-22', false, true, false, 'kill', 'dies'],
  ['L-21', false, true, false, 'killed', 'dies'],
  ['undefined', false, false, false, undefined, 'dies'],
])('%s trapping=%s link=%s self=%s %o: %s', (_ids, trapsExit, viaLink, fromSelf, reason, fate) => {
  expect(exitFate({ trapsExit, viaLink, fromSelf, reason })).toBe(fate)
})
