import { expect, test } from 'vitest'
import { checkNeighbours } from '../../../../dist/cli/operations/observer.ts'

const entry = { node: 'b@10.0.0.2:4433', key: 'ab'.repeat(32) }

test('neighbours of another node are taken as they are, and nothing beside them', () => {
  expect(checkNeighbours([{ ...entry, more: 1 }])).toEqual([entry])
  expect(checkNeighbours([])).toEqual([])
  expect(checkNeighbours(Array.from({ length: 256 }, () => entry))).toHaveLength(256)
})

test('what could move the cursor of a terminal is not shown', () => {
  expect(checkNeighbours([{ ...entry, node: '\u001b[2Jb\u0007@h:1' }])).toEqual([
    { ...entry, node: '?[2Jb?@h:1' },
  ])
})

test.each<[string, unknown]>([
  ['no list', {}],
  ['nothing', undefined],
  ['one node too many', Array.from({ length: 257 }, () => entry)],
  ['an entry that is none', [null]],
  ['a key that is none', [{ ...entry, key: 'AB'.repeat(32) }]],
  ['a node that is no text', [{ ...entry, node: 7 }]],
  ['a name without an end', [{ ...entry, node: 'x'.repeat(331) }]],
])('%s is ERR_TOPOLOGY_ANSWER', (_name, value) => {
  expect(() => checkNeighbours(value)).toThrow(
    expect.objectContaining({ code: 'ERR_TOPOLOGY_ANSWER' }),
  )
})
