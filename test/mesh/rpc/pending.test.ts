import { describe, expect, it } from 'vitest'
import { Pending } from '../../../mesh/rpc/pending.ts'

const entry = (id: string, node: string) => ({ id, node })

describe('what waits for answers', () => {
  it('H34 is bounded for one node: one more than its share is refused, others go on', () => {
    const pending = new Pending({ pendingMax: 10, pendingPerPeerMax: 2 })
    expect(pending.add(entry('1', 'a'))).toBe(true)
    expect(pending.add(entry('2', 'a'))).toBe(true)
    expect(pending.add(entry('3', 'a'))).toBe(false)
    expect(pending.add(entry('3', 'b'))).toBe(true)
    expect(pending.sizeOf('a')).toBe(2)
  })

  it('H34 is bounded in all', () => {
    const pending = new Pending({ pendingMax: 2, pendingPerPeerMax: 2 })
    pending.add(entry('1', 'a'))
    pending.add(entry('2', 'b'))
    expect(pending.add(entry('3', 'c'))).toBe(false)
    pending.take('1')
    expect(pending.add(entry('3', 'c'))).toBe(true)
  })

  it('R7 takes no second one with the same id', () => {
    const pending = new Pending({ pendingMax: 10, pendingPerPeerMax: 10 })
    expect(pending.add(entry('1', 'a'))).toBe(true)
    expect(pending.add(entry('1', 'b'))).toBe(false)
    expect(pending.sizeOf('b')).toBe(0)
  })

  it('gives each out once, whoever asks', () => {
    const pending = new Pending({ pendingMax: 10, pendingPerPeerMax: 10 })
    pending.add(entry('1', 'a'))
    pending.add(entry('2', 'a'))
    pending.add(entry('3', 'b'))
    expect(pending.take('2')?.id).toBe('2')
    expect(pending.takeNode('a').map(({ id }) => id)).toEqual(['1'])
    expect(pending.takeNode('a')).toEqual([])
    expect(pending.take('1')).toBeUndefined()
    expect(pending.takeAll().map(({ id }) => id)).toEqual(['3'])
    expect(pending.size).toBe(0)
  })
})
