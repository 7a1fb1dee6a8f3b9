/**
 * A model of a pool's decisions, which only remembers who has what, and checks with every step that the
 * decisions keep their promises: bounds, one hand per worker, first come first served.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { PoolCore, type PoolRules } from '../../../behaviours/pool/pool-core.ts'

/** Something that happens to a pool. */
export type Step =
  | { readonly do: 'checkout' }
  | { readonly do: 'back'; readonly pick: number; readonly how: 'return' | 'discard' | 'kill' }
  | { readonly do: 'started' | 'failed' | 'died' | 'ended'; readonly pick: number }
  | { readonly do: 'pass'; readonly ms: number }

export const pick: fc.Arbitrary<number> = fc.nat({ max: 1000 })
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ do: 'checkout' } as const) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('back' as const),
      pick,
      how: fc.constantFrom('return', 'return', 'discard', 'kill' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('started', 'started', 'failed', 'died', 'ended' as const),
      pick,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat({ max: 30 }) }),
  },
)

export const rules: fc.Arbitrary<PoolRules> = fc
  .record({
    size: fc.nat({ max: 3 }),
    overflowMax: fc.nat({ max: 2 }),
    strategy: fc.constantFrom('lifo', 'fifo' as const),
    waitingMax: fc.nat({ max: 4 }),
    idleTimeoutMs: fc.constantFrom(0, 15),
    restartDelayMs: fc.constantFrom(0, 20),
  })
  .filter(({ size, overflowMax }) => size + overflowMax > 0)

/** See the header. */
export class Model {
  readonly core: PoolCore
  readonly #rules: PoolRules
  nowMs = 0
  readonly starting = new Set<number>()
  readonly idle = new Set<number>()
  readonly ending = new Set<number>()
  readonly lent = new Map<string, number>()
  /** In the order in which they came. */
  waiting: string[] = []
  #tickets = 0

  constructor(given: PoolRules) {
    this.#rules = given
    this.core = new PoolCore(given)
    const keys = Array.from({ length: given.size }, () => this.core.reserve())
    for (const key of keys) this.starting.add(key)
    while (this.starting.size > 0) this.run({ do: 'started', pick: 0 })
    assert.equal(keys.length, given.size)
  }

  get total(): number {
    return this.starting.size + this.idle.size + this.ending.size + this.lent.size
  }

  run(one: Step): void {
    const { core } = this
    switch (one.do) {
      case 'checkout': {
        const ticket = `t${++this.#tickets}`
        this.waiting.push(ticket)
        core.checkout(ticket, this.nowMs)
        break
      }
      case 'back': {
        const tickets = [...this.lent.keys(), ...this.waiting]
        const ticket = tickets[one.pick % tickets.length]
        if (ticket === undefined) return
        const key = this.lent.get(ticket)
        this.lent.delete(ticket)
        this.waiting = this.waiting.filter((other) => other !== ticket)
        if (key !== undefined) this.idle.add(key)
        assert.equal(core.handBack(ticket, one.how, this.nowMs), true)
        assert.equal(core.handBack(ticket, one.how, this.nowMs), false)
        break
      }
      case 'started': {
        const key = choose(this.starting, one.pick)
        if (key === undefined) return
        this.starting.delete(key)
        this.idle.add(key)
        core.started(key, this.nowMs)
        break
      }
      case 'failed': {
        const key = choose(this.starting, one.pick)
        if (key === undefined) return
        this.starting.delete(key)
        core.startFailed(key, 'failed', this.nowMs)
        break
      }
      case 'died': {
        const lent = [...this.lent].find((_entry, i) => i === one.pick % (this.lent.size + 1))
        const key = lent?.[1] ?? choose(this.idle, one.pick)
        if (key === undefined) return
        if (lent !== undefined) this.lent.delete(lent[0])
        this.idle.delete(key)
        core.died(key, 'died', this.nowMs)
        break
      }
      case 'ended': {
        const key = choose(this.ending, one.pick)
        if (key === undefined) return
        this.ending.delete(key)
        core.ended(key, this.nowMs)
        break
      }
      case 'pass':
        this.pass(one.ms)
        return
    }
    this.settle()
  }

  /** Time goes from one thing that is due to the next, as the pool's timer makes it. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms
    for (let wakes = 0; this.core.wakeAtMs <= untilMs; wakes++) {
      assert.ok(wakes < 100)
      this.nowMs = Math.max(this.nowMs, this.core.wakeAtMs)
      this.core.wake(this.nowMs)
      this.settle()
    }
    this.nowMs = untilMs
  }

  settle(): void {
    const { core } = this
    for (const effect of core.effects.splice(0)) {
      switch (effect.type) {
        case 'start':
          assert.ok(!this.starting.has(effect.key) && !this.idle.has(effect.key))
          this.starting.add(effect.key)
          break
        case 'end':
          assert.ok(this.idle.delete(effect.key))
          this.ending.add(effect.key)
          break
        case 'grant':
          // First come, first served; and only a worker that nobody has.
          assert.equal(this.waiting.shift(), effect.ticket)
          assert.ok(this.idle.delete(effect.key))
          this.lent.set(effect.ticket, effect.key)
          break
        case 'full':
          assert.equal(this.waiting.pop(), effect.ticket)
          break
        case 'broken':
          assert.ok(this.waiting.includes(effect.ticket))
          this.waiting = this.waiting.filter((ticket) => ticket !== effect.ticket)
          break
      }
    }
    const { size, overflowMax, waitingMax } = this.#rules
    assert.ok(this.total <= size + overflowMax)
    assert.ok(this.waiting.length <= waitingMax + size + overflowMax)
    assert.ok(this.waiting.length === 0 || this.idle.size === 0)
    const { available, checkedOut, starting, ending, waiting } = core.counts
    assert.deepEqual(
      { available, checkedOut, starting, ending, waiting },
      {
        available: this.idle.size,
        checkedOut: this.lent.size,
        starting: this.starting.size,
        ending: this.ending.size,
        waiting: this.waiting.length,
      },
    )
  }

  /** Everybody gives back, everything starts: the pool must come to its size, and nobody waits. */
  finish(): { readonly waiting: number; readonly idle: number; readonly total: number } {
    for (let rounds = 0; rounds < 200; rounds++) {
      const { wakeAtMs } = this.core
      if (this.starting.size > 0) this.run({ do: 'started', pick: 0 })
      else if (this.ending.size > 0) this.run({ do: 'ended', pick: 0 })
      else if (this.lent.size > 0) this.run({ do: 'back', pick: 0, how: 'return' })
      else if (wakeAtMs < Infinity) this.pass(Math.max(0, wakeAtMs - this.nowMs))
      else break
    }
    return { waiting: this.waiting.length, idle: this.idle.size, total: this.total }
  }
}

function choose(keys: ReadonlySet<number>, n: number): number | undefined {
  return [...keys][n % keys.size]
}
