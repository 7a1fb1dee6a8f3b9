import { describe, expect, it } from 'vitest'
import { OutgoingShard } from '../../../dist/sharding/outgoing-shard.ts'
import { hostOf, shardOf } from '../../../dist/sharding/shard-map.ts'
import { ShardTable } from '../../../dist/sharding/shard-table.ts'
import { createSeededEntropy } from '../../../runtime/index.ts'
import { cutAndHeal, joinsAndDeaths } from '../../simulation/shards-model.ts'

describe('ShardTable', () => {
  it.each([false, true])(
    'has each shard at one host at most in every order of joins and deaths, then at its own (strict: %s)',
    (isStrict) => {
      for (let seed = 1; seed <= 40; seed++) joinsAndDeaths(seed, isStrict)
    },
  )

  it('has each shard once in each part of a network that fell apart, and once when it healed', () => {
    for (let seed = 1; seed <= 40; seed++) cutAndHeal(seed)
  })

  it('keeps a shard until its new host asks, and then lets go before it answers', () => {
    const table = new ShardTable({ entity: 'e', shards: 64, self: 'a', isStrict: false })
    table.open(new Set(['a']))
    expect(table.counts).toMatchObject({ active: 64 })
    expect(table.setHosts(new Set(['a', 'b']))).toEqual([
      expect.objectContaining({ type: 'ask', host: 'b' }),
    ])
    expect(table.counts).toMatchObject({ active: 64 })
    const theirs = Array.from({ length: 64 }, (_, i) => i).filter(
      (shard) => hostOf('e', shard, ['a', 'b']) === 'b',
    )
    const [first] = theirs as [number]
    expect(table.asked(1, [first])).toEqual([{ type: 'stop', shard: first }])
    expect(table.door(first)).toBe('bounce')
    expect(table.stopped(first)).toEqual([
      { type: 'answer', request: 1 },
      { type: 'bounce', shard: first },
    ])
    // What it does not have is let go at once.
    expect(table.asked(2, [first])).toEqual([{ type: 'answer', request: 2 }])
  })
})

describe('OutgoingShard', () => {
  it('delivers each message once and in order, whatever hosts bounce', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const entropy = createSeededEntropy(seed)
      const chance = (count: number): number => Math.floor(entropy.random() * count)
      const lane = new OutgoingShard<{ seq: number }>(1)
      const wires = new Map<string, { message: { seq: number }; epoch: number }[]>()
      const refused = new Map<string, number>()
      const got: number[] = []
      let owner = 'a'
      const out = (all: ReturnType<typeof lane.add>): void => {
        for (const { message, host, epoch } of all) {
          const wire = wires.get(host) ?? []
          wires.set(host, wire)
          wire.push({ message, epoch })
        }
      }
      const arrive = (host: string): void => {
        const next = wires.get(host)?.shift()
        if (next === undefined) return
        const { message, epoch } = next
        if (host === owner && epoch > (refused.get(host) ?? 0)) {
          got.push(message.seq)
          out(lane.done(message))
        } else {
          refused.set(host, Math.max(epoch, refused.get(host) ?? 0))
          lane.bounced(message)
        }
      }
      for (let seq = 1; seq <= 100; seq++) {
        if (chance(10) === 0) owner = ['a', 'b', 'c'][chance(3)]!
        if (chance(10) === 0) out(lane.setHost(['a', 'b', 'c'][chance(3)]))
        out(lane.add({ seq }))
        for (let i = chance(4); i > 0; i--) arrive(['a', 'b', 'c'][chance(3)]!)
        if (chance(3) === 0) out(lane.retry())
      }
      out(lane.setHost(owner))
      for (let i = 0; lane.size > 0; i++) {
        for (const host of ['a', 'b', 'c']) arrive(host)
        out(lane.retry())
        if (i > 1_000) throw new Error(`seed ${seed} does not settle`)
      }
      expect(got).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    }
  })
})

describe('shardOf', () => {
  it('spreads ids over all shards and is the same everywhere', () => {
    const counts = new Array<number>(64).fill(0)
    for (let i = 0; i < 6_400; i++) counts[shardOf(`cart-${i}`, 64)]!++
    expect(Math.min(...counts)).toBeGreaterThan(60)
    expect(Math.max(...counts)).toBeLessThan(150)
    expect([shardOf('cart-7', 64), shardOf('cart-7', 1)]).toEqual([shardOf('cart-7', 64), 0])
  })
})
