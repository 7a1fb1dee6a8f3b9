import { describe, expect, it } from 'vitest'
import { Fallen } from '../../../../mesh/routing/kademlia/fallen.ts'

describe('Fallen', () => {
  it('K24 remembers who failed until its time is over or it answers', () => {
    const fallen = new Fallen()
    fallen.add('a', 100)
    fallen.add('b', 100)
    fallen.forget('b')
    expect([fallen.has('a', 99), fallen.has('b', 99)]).toEqual([true, false])
    expect([fallen.has('a', 100), fallen.size]).toEqual([false, 0])
  })

  it('K48 remembers so many, and the latest', () => {
    const fallen = new Fallen()
    for (let n = 0; n < 257; n++) fallen.add(`${n}`, 100)
    fallen.add('1', 100)
    expect([fallen.size, fallen.has('0', 0), fallen.has('1', 0)]).toEqual([256, false, true])
  })
})
