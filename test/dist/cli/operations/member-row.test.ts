import { describe, expect, test } from 'vitest'
import {
  filterLog,
  formatMemberEvent,
  matchesEvent,
  type MemberEventRow,
  type MemberEventType,
} from '../../../../dist/cli/operations/member-row.ts'

const KEY_B = 'b0'.repeat(32)
const KEY_C = 'c0'.repeat(32)

function event(type: MemberEventType, fields: Partial<MemberEventRow> = {}): MemberEventRow {
  return {
    at: '2026-01-02T03:04:05.678Z',
    type,
    node: 'b@10.0.0.2:4433',
    key: KEY_B,
    incarnation: { generation: 3, counter: 1 },
    ...fields,
  }
}

const accused = { accuser: 'c@10.0.0.3:4433', accuserKey: KEY_C }
const told = { from: 'd@10.0.0.4:4433', fromKey: 'd0'.repeat(32) }

describe('a change as a line', () => {
  test.each<[string, MemberEventRow, string]>([
    [
      'says who suspected, and who told',
      event('suspect', { ...accused, ...told }),
      'suspect   b@10.0.0.2:4433 (3.1)  suspected by c@10.0.0.3:4433, told by d@10.0.0.4:4433',
    ],
    [
      'says when this node found out itself',
      event('suspect', accused),
      'suspect   b@10.0.0.2:4433 (3.1)  suspected by c@10.0.0.3:4433, found out here',
    ],
    [
      'says on whose accusation a node is down, and who told',
      event('down', { ...accused, ...told, reason: 'heartbeat_timeout' }),
      'down      b@10.0.0.2:4433 (3.1)  accused by c@10.0.0.3:4433, heartbeat_timeout, ' +
        'told by d@10.0.0.4:4433',
    ],
    [
      'says when this node declared the death itself',
      event('down', accused),
      'down      b@10.0.0.2:4433 (3.1)  accused by c@10.0.0.3:4433, declared here',
    ],
    ['is short when there is no more to say', event('up'), 'up        b@10.0.0.2:4433 (3.1)'],
    [
      'says what a conflict is',
      event('conflict', told),
      'conflict  b@10.0.0.2:4433 (3.1)  somebody else speaks with its key, told by d@10.0.0.4:4433',
    ],
  ])('%s', (_claim, row, text) => {
    expect(formatMemberEvent(row)).toBe(`2026-01-02T03:04:05.678Z ${text}`)
  })
})

describe('which changes are asked for', () => {
  const row = event('suspect', { ...accused, ...told })
  test.each<[string, Parameters<typeof matchesEvent>[1], boolean]>([
    ['all without a wish', { types: [] }, true],
    ['those of a type', { types: ['suspect', 'down'] }, true],
    ['not those of another type', { types: ['down'] }, false],
    ['those about a node by name', { types: [], node: 'b' }, true],
    ['by its whole id', { types: [], node: 'b@10.0.0.2:4433' }, true],
    ['by the start of its key, in any case', { types: [], node: 'B0b0' }, true],
    ['not by three digits of it', { types: [], node: 'b0b' }, false],
    ['not those about another node', { types: [], node: 'c' }, false],
    ['not those about a node whose name begins the same', { types: [], node: 'b@10.0.0.2' }, false],
    ['on the word of the accuser', { types: [], by: 'c' }, true],
    ['on the word of the one who told', { types: [], by: 'd0d0' }, true],
    ['not on the word of the accused', { types: [], by: 'b' }, false],
    ['only if all wishes are met', { types: ['suspect'], node: 'b', by: 'x' }, false],
  ])('%s', (_name, filter, expected) => {
    expect(matchesEvent(row, filter)).toBe(expected)
  })

  test('the newest of the log, after the other wishes', () => {
    const log = [event('up'), event('suspect'), event('alive'), event('suspect')]
    expect(filterLog(log, { types: ['suspect', 'alive'], last: 2 })).toEqual([log[2], log[3]])
    expect(filterLog(log, { types: [], last: 9 })).toEqual(log)
    expect(filterLog(log, { types: [] })).toEqual(log)
  })
})
