import { expect, test } from 'vitest'
import {
  formatPresence,
  formatPresenceChange,
  type PresenceRow,
} from '../../../../dist/cli/operations/presence-rows.ts'

const plain = { tone: (_tone: string, text: string): string => text }
const ann: PresenceRow = { key: 'ann', node: 'a@h:1', nodeKey: 'a'.repeat(64), meta: { n: 1 } }
const bob: PresenceRow = { key: 'bob', nodeKey: 'b'.repeat(64), meta: null }

test('all that are present are a table; nobody is said in words, and who has not told', () => {
  expect(
    formatPresence('t', [ann, bob], true)
      .split('\n')
      .map((line) => line.trimEnd()),
  ).toEqual([
    'KEY  NODE              META',
    'ann  a@h:1             { n: 1 }',
    'bob  bbbbbbbbbbbbbbbb',
  ])
  expect(formatPresence('t', [], true)).toBe('nobody is present in t')
  expect(formatPresence('t', [], false)).toBe(
    'nobody is present in t\nsome nodes have not told who is present there',
  )
})

test('a change is one line', () => {
  const change = { type: 'joined', topic: 't' } as const
  expect(formatPresenceChange({ ...change, ...ann }, plain)).toBe('ann joined at a@h:1  { n: 1 }')
  expect(formatPresenceChange({ ...change, ...bob, type: 'left' }, plain)).toBe(
    'bob left at bbbbbbbbbbbbbbbb',
  )
})
