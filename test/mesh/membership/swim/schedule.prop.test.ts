import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Permutation } from '../../../../mesh/membership/swim/permutation.ts'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import { Roster } from '../../../../mesh/membership/swim/roster.ts'
import { ProbeSchedule } from '../../../../mesh/membership/swim/schedule.ts'

const SEED = 4_002

describe('the keyed permutation', () => {
  it('S23 visits each number once, and its inverse says when', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (size, key) => {
        const order = new Permutation(size, key)
        const visited = Array.from({ length: size }, (_, index) => order.at(index))
        expect(new Set(visited).size).toBe(size)
        expect(Math.max(...visited)).toBe(size - 1)
        expect(visited.map((element) => order.indexOf(element))).toEqual(
          visited.map((_, index) => index),
        )
      }),
      { seed: SEED, numRuns: 500 },
    )
  })

  it('S25 puts each number everywhere equally often', () => {
    const counts = new Array<number>(8).fill(0)
    const random = new RandomStream(SEED, 1)
    for (let i = 0; i < 8_000; i++) counts[new Permutation(8, random.next()).indexOf(3)]! += 1
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
  })
})

describe('the roster', () => {
  it('S24 holds exactly the living slots in a dense order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(19), { maxLength: 200 }), (toggles) => {
        const roster = new Roster(10)
        const model = new Set(Array.from({ length: 10 }, (_, slot) => slot))
        for (const slot of toggles) {
          if (model.delete(slot)) roster.remove(slot)
          else {
            model.add(slot)
            roster.add(slot)
          }
          const slots = Array.from({ length: roster.size }, (_, at) => roster.slotAt(at))
          expect(new Set(slots)).toEqual(model)
          expect(slots.map((living) => roster.positionOf(living))).toEqual(slots.map((_, at) => at))
        }
      }),
      { seed: SEED, numRuns: 300 },
    )
  })
})

describe('the rounds', () => {
  type Command = { readonly type: 'probe' } | { readonly type: 'toggle'; readonly slot: number }
  const command: fc.Arbitrary<Command> = fc.oneof(
    { weight: 4, arbitrary: fc.constant<Command>({ type: 'probe' }) },
    { weight: 1, arbitrary: fc.nat(15).map((slot): Command => ({ type: 'toggle', slot })) },
  )

  it('S23 S24 probe each member that lives during the whole round exactly once, no dead one ever', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 300 }), fc.nat(), (commands, seed) => {
        const schedule = new ProbeSchedule(8, new RandomStream(seed, 1))
        const living = new Set([0, 1, 2, 3, 4, 5, 6, 7])
        let steady = new Set<number>()
        let probed: number[] = []
        let gaps = new Map<number, number>()
        for (const { type, ...rest } of commands) {
          if (type === 'toggle' && 'slot' in rest) {
            const { slot } = rest
            steady.delete(slot)
            if (living.delete(slot)) {
              schedule.remove(slot)
              gaps.delete(slot)
            } else {
              living.add(slot)
              schedule.add(slot)
              gaps.set(slot, 0)
            }
            continue
          }
          const round = schedule.rounds
          const slot = schedule.next()
          if (slot < 0) {
            expect(living.size).toBe(0)
            continue
          }
          expect(living.has(slot)).toBe(true)
          if (schedule.rounds !== round) {
            for (const member of steady) {
              expect(probed.filter((other) => other === member)).toEqual([member])
            }
            steady = new Set(living)
            probed = []
          }
          probed.push(slot)
          gaps = new Map([...living].map((other) => [other, (gaps.get(other) ?? 0) + 1]))
          gaps.set(slot, 0)
          // 16 members at most, each joiner adds its own turn.
          for (const gap of gaps.values()) expect(gap).toBeLessThanOrEqual(2 * 16 - 1)
        }
      }),
      { seed: SEED, numRuns: 1_000 },
    )
  })

  it('S23 are known before, this one and the next, and who asks changes no turn', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 100 }), fc.nat(), (commands, seed) => {
        const [asked, unasked] = [0, 1].map(() => new ProbeSchedule(8, new RandomStream(seed, 1)))
        const living = new Set([0, 1, 2, 3, 4, 5, 6, 7])
        for (const each of commands) {
          for (const slot of living) asked!.turnsBefore(slot)
          if (each.type === 'toggle') {
            const { slot } = each
            const isGone = living.delete(slot)
            if (!isGone) living.add(slot)
            for (const schedule of [asked!, unasked!]) schedule[isGone ? 'remove' : 'add'](slot)
          } else expect(asked!.next()).toBe(unasked!.next())
        }
        if (living.size === 0) return
        const { rounds } = asked!
        while (asked!.rounds === rounds) asked!.next()
        for (let left = seed % living.size; left > 0; left--) asked!.next()
        const turns = new Map([...living].map((slot) => [slot, asked!.turnsBefore(slot)]))
        const again = new ProbeSchedule(0, new RandomStream(0, 1))
        again.restore(asked!.state())
        const order = Array.from({ length: 2 * living.size }, () => again.next())
        for (const [slot, before] of turns) expect(order.indexOf(slot)).toBe(before)
      }),
      { seed: SEED, numRuns: 200 },
    )
  })

  it('S23 turns of those who joined in this round follow each other, and the next round follows them', () => {
    const schedule = new ProbeSchedule(2, new RandomStream(1, 1))
    schedule.next()
    for (let slot = 2; slot < 300; slot++) schedule.add(slot)
    const before = new Map(
      Array.from({ length: 300 }, (_, slot) => [slot, schedule.turnsBefore(slot)]),
    )
    const order = Array.from({ length: 600 }, () => schedule.next())
    for (const [slot, turns] of before) expect(order.indexOf(slot)).toBe(turns)
  })

  it('S23 a joiner is probed within the round', () => {
    const schedule = new ProbeSchedule(5, new RandomStream(1, 1))
    schedule.next()
    schedule.add(9)
    const rest = Array.from({ length: 5 }, () => schedule.next())
    expect(rest).toContain(9)
    expect(schedule.rounds).toBe(1)
  })

  it('S24 who joins again and again does not keep the others waiting', () => {
    const schedule = new ProbeSchedule(5, new RandomStream(1, 1))
    schedule.add(9)
    const probed = new Set<number>()
    for (let i = 0; i < 20; i++) {
      schedule.remove(9)
      schedule.add(9)
      probed.add(schedule.next())
    }
    expect([...probed].filter((slot) => slot < 5)).toHaveLength(5)
    expect(schedule.rounds).toBeGreaterThan(1)
  })
})
