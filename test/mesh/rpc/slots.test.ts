import { describe, expect, it } from 'vitest'
import { Slots } from '../../../mesh/rpc/slots.ts'

describe('places of what is under way', () => {
  it('are given out again, and hold nothing meanwhile', () => {
    const slots = new Slots<{ readonly name: string }>()
    const [a, b] = [slots.add({ name: 'a' }), slots.add({ name: 'b' })]
    expect(slots.size).toBe(2)
    slots.delete(a)
    expect([slots.size, slots.get(a), slots.get(b)]).toEqual([1, undefined, { name: 'b' }])
    expect(slots.add({ name: 'c' })).toBe(a)
    expect(slots.all()).toEqual([{ name: 'c' }, { name: 'b' }])
    for (let i = 0; i < 1_000; i++) slots.delete(slots.add({ name: 'd' }))
    expect(slots.add({ name: 'e' })).toBe(2)
  })
})
