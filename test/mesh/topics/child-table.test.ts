import { describe, expect, it } from 'vitest'
import { ChildTable, PROBES_MAX } from '../../../mesh/topics/child-table.ts'

/** The first place of a key: the arithmetic of the table, which is no secret. */
function firstPlace(parent: number, segment: number): number {
  let mixed = Math.imul(parent, 0x9e3779b1) ^ Math.imul(segment, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d)
  return mixed ^ (mixed >>> 16)
}

/** Keys with the same first place in a table of that many: found by trying, as somebody hostile would. */
function colliding(count: number, places: number): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = []
  for (let segment = 1; found.length < count; segment++) {
    if ((firstPlace(8, segment) & (places - 1)) === places - 2) found.push([8, segment])
  }
  return found
}

describe('the table of children', () => {
  it('PS2 finds what was added and not deleted, in any order', () => {
    const table = new ChildTable()
    const model = new Map<string, number>()
    let state = 1
    const below = (limit: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return (state >>> 8) % limit
    }
    const wrong: string[] = []
    for (let step = 1; step <= 20_000; step++) {
      const [parent, segment] = [8 * below(30), 1 + below(40)]
      const key = `${parent} ${segment}`
      if (!model.has(key)) {
        table.add(parent, segment, step)
        model.set(key, step)
      } else if (below(2) === 0) {
        table.delete(parent, segment)
        model.delete(key)
      }
      const other = [8 * below(30), 1 + below(40)] as const
      const expected = model.get(other.join(' ')) ?? 0
      if (table.get(...other) !== expected) wrong.push(other.join(' '))
    }
    expect(wrong).toEqual([])
    expect(model.size).toBeGreaterThan(300)
    expect([table.size, table.beside]).toEqual([model.size, 0])
    for (const key of model.keys()) {
      const [parent, segment] = key.split(' ').map(Number)
      table.delete(parent!, segment!)
      expect(table.get(parent!, segment!)).toBe(0)
    }
    expect(table.size).toBe(0)
  })

  it('H30 keys that were chosen to stand in the way of each other make no step long, and are found', () => {
    const table = new ChildTable()
    // Room for many, so that the table does not grow for these.
    for (let i = 1; i <= 3_000; i++) table.add(i * 8, 1, i)
    for (let i = 1; i <= 3_000; i++) table.delete(i * 8, 1)
    const keys = colliding(2 * PROBES_MAX, 2 ** 13)
    for (const [at, [parent, segment]] of keys.entries()) table.add(parent, segment, at + 1)
    expect([table.size, table.beside]).toEqual([keys.length, keys.length - PROBES_MAX])
    for (const [at, [parent, segment]] of keys.entries()) {
      expect(table.get(parent, segment)).toBe(at + 1)
      expect(table.get(parent + 8, segment)).toBe(0)
    }
    for (const [parent, segment] of keys) {
      table.delete(parent, segment)
      expect(table.get(parent, segment)).toBe(0)
    }
    expect([table.size, table.beside]).toEqual([0, 0])
  })
})
