import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AttemptBudget } from '../../../mesh/rpc/budget.ts'
import { Breaker } from '../../../mesh/rpc/breaker.ts'
import { Gate } from '../../../mesh/rpc/gate.ts'
import type { GateJob } from '../../../mesh/rpc/gate.ts'
import { comparePatterns, PatternMap } from '../../../mesh/rpc/patterns.ts'
import { WindowedCounts } from '../../../mesh/rpc/windowed-counts.ts'
import { selectProvider } from '../../../mesh/rpc/selector.ts'
import type { Selectable } from '../../../mesh/rpc/selector.ts'
import { checkFilter, matchesFilter } from '../../../mesh/topics/topic.ts'

const RUNS = { numRuns: 200, seed: 1_107 }
const segment = fc.constantFrom('a', 'b', 'c')
const name = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'))
const pattern = fc
  .array(fc.oneof(segment, fc.constant('*'), fc.constant('**')), { minLength: 1, maxLength: 4 })
  .map((parts) => checkFilter(parts.join('.')))

describe('policies', () => {
  it('R16 the map finds what a comparison of all that match finds', () => {
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), name, (patterns, called) => {
        const map = new PatternMap<string>()
        for (const each of patterns) map.add(each, each)
        const [best] = patterns.filter((each) => matchesFilter(each, called)).sort(comparePatterns)
        expect(map.match(called)?.value).toBe(best)
      }),
      RUNS,
    )
  })

  it('R16 of any three patterns the order is total', () => {
    fc.assert(
      fc.property(pattern, pattern, pattern, (a, b, c) => {
        expect(Math.sign(comparePatterns(a, b)) + Math.sign(comparePatterns(b, a))).toBe(0)
        const isChain = comparePatterns(a, b) <= 0 && comparePatterns(b, c) <= 0
        if (isChain) expect(comparePatterns(a, c)).toBeLessThanOrEqual(0)
      }),
      RUNS,
    )
  })

  it('R15 a gate never runs or keeps more than it may, and ends empty', () => {
    const step = fc.record({
      what: fc.constantFrom('offer', 'done', 'leave'),
      priority: fc.constantFrom<GateJob['priority']>('low', 'normal', 'high'),
      time: fc.integer({ min: 0, max: 50 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const gate = new Gate({ concurrency: 2, queueMax: 3, queueDelayMaxMs: 100 })
        let nowMs = 0
        let running = 0
        const waiting: GateJob[] = []
        const left = (job: GateJob): void => void waiting.splice(waiting.indexOf(job), 1)
        for (const { what, priority, time } of steps) {
          nowMs += time
          if (what === 'offer') {
            const job: GateJob = {
              ...{ priority, dueMs: nowMs + 60 },
              run: () => {
                left(job)
                running += 1
              },
              dropped: () => left(job),
            }
            const { type } = gate.offer(job, nowMs)
            if (type === 'run') running += 1
            if (type === 'queued') waiting.push(job)
          } else if (what === 'done' && running > 0) {
            running -= 1
            gate.done(time, nowMs)
          } else if (waiting.length > 0) gate.leave(waiting.shift()!)
          expect([gate.running, gate.queued]).toEqual([running, waiting.length])
          expect(running).toBeLessThanOrEqual(2)
          expect(waiting.length).toBeLessThanOrEqual(3)
          if (waiting.length > 0) expect(running).toBe(2)
        }
        for (; running > 0; running -= 1) gate.done(1, nowMs)
        expect([gate.running, gate.queued]).toEqual([0, 0])
      }),
      RUNS,
    )
  })

  it('R13 a breaker that is not closed lets at most one call through per openMs', () => {
    const step = fc.record({ isFailure: fc.boolean(), time: fc.integer({ min: 0, max: 3_000 }) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const breaker = new Breaker({
          ...{ breakerCallsMin: 5, breakerRatio: 0.5 },
          ...{ breakerWindowMs: 10_000, breakerOpenMs: 5_000 },
        })
        let nowMs = 0
        for (const { isFailure, time } of steps) {
          nowMs += time
          const state = breaker.state(nowMs)
          if (state === 'open') expect(breaker.admits(nowMs)).toBe(false)
          if (!breaker.admits(nowMs)) continue
          breaker.began(nowMs)
          if (state === 'half_open') expect(breaker.admits(nowMs)).toBe(false)
          breaker.ended(isFailure, nowMs, nowMs)
          if (state === 'half_open')
            expect(breaker.state(nowMs)).toBe(isFailure ? 'open' : 'closed')
        }
      }),
      RUNS,
    )
  })

  it('R11 a budget never gives more than its part of the calls and what it began with', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 400 }),
        fc.constantFrom(0, 0.05, 0.1, 1),
        (steps, ratio) => {
          const budget = new AttemptBudget(ratio)
          let earned = 0
          let spent = 0
          for (const isCall of steps) {
            if (isCall) {
              budget.earn()
              earned += 1
            } else if (budget.spend()) spent += 1
          }
          expect(spent).toBeLessThanOrEqual(
            Math.floor(earned * ratio + 1e-6) + (ratio === 0 ? 0 : 10),
          )
          expect(budget.tokens).toBeGreaterThanOrEqual(0)
        },
      ),
      RUNS,
    )
  })

  it('windowed counts are those of a list, to a tenth of the window', () => {
    const step = fc.record({ marked: fc.boolean(), time: fc.integer({ min: 0, max: 400 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const counts = new WindowedCounts(1_000)
        const all: { readonly atMs: number; readonly marked: boolean }[] = []
        let nowMs = 5
        for (const { marked, time } of steps) {
          nowMs += time
          counts.add(marked, nowMs)
          all.push({ atMs: nowMs, marked })
          const part = Math.floor(nowMs / 100)
          const kept = all.filter(({ atMs }) => Math.floor(atMs / 100) > part - 10)
          expect(counts.total(nowMs)).toBe(kept.length)
          expect(counts.marked(nowMs)).toBe(kept.filter((each) => each.marked).length)
        }
      }),
      RUNS,
    )
  })

  it('R14 every strategy finds one of the candidates', () => {
    const strategy = fc.constantFrom(
      ...(['first', 'random', 'round_robin', 'least_outstanding'] as const),
      ...(['p2c_ewma', 'local_first', 'closest', 'consistent_hash'] as const),
    )
    const candidate = fc.record({ outstanding: fc.nat(5), cost: fc.nat(9), known: fc.boolean() })
    fc.assert(
      fc.property(
        ...([strategy, fc.array(candidate, { minLength: 1, maxLength: 8 })] as const),
        ...([fc.nat(1_000), fc.double({ min: 0, max: 0.999_999, noNaN: true })] as const),
        (chosen, given, turn, lot) => {
          const candidates: Selectable[] = given.map(({ outstanding, cost, known }, at) => ({
            ...{ node: at.toString(16).repeat(64), isLocal: at === 3, outstanding },
            ...{ latencyMs: known ? cost : undefined, cost: () => cost },
          }))
          const at = selectProvider(chosen, candidates, {
            ...{ self: '3'.repeat(64), nowMs: 0, chance: () => lot, turn, key: `${turn}` },
          })
          expect(candidates[at]).toBeDefined()
        },
      ),
      RUNS,
    )
  })
})
