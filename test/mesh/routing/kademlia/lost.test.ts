import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { Lost } from '../../../../mesh/routing/kademlia/lost.ts'
import type { SeedContact } from '../../../../mesh/routing/kademlia/machine.ts'
import {
  routingSettings,
  type RoutingSettings,
} from '../../../../mesh/routing/kademlia/settings.ts'

const contact = (port: number): SeedContact => ({ id: undefined, host: '10.0.0.1', port })

function create(settings: Partial<RoutingSettings> = {}): Lost {
  const lost = new Lost(
    routingSettings({ refreshIntervalMs: 1_000, ...settings }),
    new RandomStream(1, 1),
    0,
  )
  return lost
}

describe('Lost', () => {
  it('K42 names a few in turn and a seed, twice within a refresh interval', () => {
    const lost = create()
    for (const n of [1, 2, 3, 4]) lost.add(`${n}`, contact(n))
    let nowMs = 0
    const asked: number[][] = []
    while (asked.length < 3) {
      expect(lost.due(nowMs, [contact(9)])).toEqual([])
      const atMs = lost.nextDeadline()
      expect(atMs - nowMs).toBeGreaterThanOrEqual(250)
      expect(atMs - nowMs).toBeLessThanOrEqual(750)
      nowMs = atMs
      asked.push(lost.due(nowMs, [contact(9)]).map(({ port }) => port))
    }
    expect(asked).toEqual([
      [1, 2, 3, 9],
      [4, 1, 2, 9],
      [3, 4, 1, 9],
    ])
  })

  it('K42 names nobody who was found again, and no seed where there is none', () => {
    const lost = create()
    lost.add('1', contact(1))
    lost.add('2', contact(2))
    lost.forget('1')
    expect(lost.due(1_000, [])).toEqual([contact(2)])
    expect(create().due(1_000, [])).toEqual([])
  })

  it('K42 the first who was named and answers proves another side, once', () => {
    const lost = create()
    lost.named('7')
    lost.named('8')
    expect(lost.isFound('9')).toBe(false)
    expect([lost.isFound('8'), lost.isFound('7')]).toEqual([true, false])
  })

  it('K48 forgets who was named when it asks again', () => {
    const lost = create()
    lost.named('7')
    lost.due(1_000, [])
    expect(lost.isFound('7')).toBe(false)
  })

  it('K48 remembers so many, and the latest', () => {
    const lost = create({ lostMax: 2 })
    for (const n of [1, 2, 3]) lost.add(`${n}`, contact(n))
    expect(lost.size).toBe(2)
    expect(lost.due(1_000, [])).toEqual([contact(2), contact(3)])
    const none = create({ lostMax: 0 })
    none.add('1', contact(1))
    expect(none.size).toBe(0)
  })
})
