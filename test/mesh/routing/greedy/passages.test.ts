import { describe, expect, it } from 'vitest'
import { holderOf, Passages } from '../../../../mesh/routing/greedy/passages.ts'

describe('passages', () => {
  it('are one per source and id, and seenMax, the oldest forgotten first', () => {
    const passages = new Passages(2)
    expect([passages.add('s', '1', 'a'), passages.add('s', '1', 'b')]).toEqual([true, false])
    expect([passages.add('t', '1', undefined), passages.add('s', '2', 'a')]).toEqual([true, true])
    expect([passages.size, passages.get('s', '1')]).toEqual([2, undefined])
    expect(passages.get('t', '1')).toMatchObject({ from: undefined, given: [], isOut: false })
  })

  it('name the one that has it, until it gives it back', () => {
    const passage = { from: 'a', given: ['b', 'c'], isOut: true, isDetour: true, isCounted: false }
    expect(holderOf(passage)).toBe('c')
    expect(holderOf({ ...passage, isOut: false })).toBeUndefined()
  })
})
