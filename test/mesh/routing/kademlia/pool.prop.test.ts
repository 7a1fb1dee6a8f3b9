import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import { distanceOf, LookupScene, peerAt } from './lookup-scene.ts'

const K = 4
const ANSWER_MAX = 2 * K
const OWN = 1000
/** Real nodes are behind this; who is made up is nearer to the target, each nearer than the one before. */
const REAL = 1_000_000

/** What the scheduler does next; numbers choose among what is possible then. */
type Step =
  | { readonly type: 'answer'; readonly which: number; readonly told: readonly Told[] }
  | { readonly type: 'fail'; readonly which: number }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'down'; readonly distance: number }

/** A contact in an answer: a plain one, this node, who answers, one made up for the occasion. */
type Told =
  | { readonly type: 'node'; readonly distance: number }
  | { readonly type: 'self' }
  | { readonly type: 'asker' }
  | { readonly type: 'made_up' }
  | { readonly type: 'elsewhere'; readonly distance: number }

const distance = fc.integer({ min: REAL + 1, max: REAL + 60 })
const told: fc.Arbitrary<Told> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('node' as const), distance }) },
  fc.record({ type: fc.constant('self' as const) }),
  fc.record({ type: fc.constant('asker' as const) }),
  fc.record({ type: fc.constant('made_up' as const) }),
  fc.record({ type: fc.constant('elsewhere' as const), distance }),
)
const which = fc.nat({ max: 1_000 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('answer' as const),
      which,
      told: fc.array(told, { maxLength: 12 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('fail' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('wait' as const),
      ms: fc.integer({ max: 400, min: 1 }),
    }),
  },
  fc.record({ type: fc.constant('down' as const), distance }),
)

const dials = fc.record({
  table: fc.uniqueArray(distance, { maxLength: 12 }),
  alpha: fc.integer({ min: 1, max: 5 }),
  beta: fc.integer({ min: 0, max: 4 }),
  paths: fc.integer({ min: 1, max: 4 }),
  requestsMax: fc.integer({ min: 1, max: 16 }),
})

type Dials = typeof dials extends fc.Arbitrary<infer T> ? T : never

/** What an outsider knows of a lookup by watching its messages. */
class Watched {
  readonly scene: LookupScene
  readonly #dials: Dials
  /** By distance, of all that the lookup was told of. */
  readonly #peers = new Map<number, 'waiting' | 'asked' | 'answered' | 'failed'>()
  /** `distance@host` of all who were asked. */
  readonly #addresses = new Set<string>()
  /** What did not hold. */
  readonly violations: string[] = []
  #seen = 0
  #madeUp = REAL

  constructor(dialled: Dials) {
    this.#dials = dialled
    this.scene = new LookupScene(
      dialled.table.toSorted((a, b) => a - b).map((one) => peerAt(one)),
      { k: K },
    )
    for (const one of dialled.table) this.#peers.set(one, 'waiting')
    const { alpha, beta, paths, requestsMax } = dialled
    this.scene.start({ alpha, beta, paths, requestsMax, trace: true })
    this.check()
  }

  get done(): boolean {
    return this.scene.results.size > 0
  }

  step(one: Step): void {
    const open = [...this.scene.open.values()]
    if (one.type === 'wait') this.scene.advance(one.ms)
    else if (one.type === 'down') this.scene.down.add(peerAt(one.distance).id)
    else if (open.length > 0) {
      const { to } = open[one.which % open.length]!
      if (one.type === 'answer') this.answer(to, one.told)
      else this.fail(to)
    }
    this.check()
  }

  answer(to: Contact, told: readonly Told[]): void {
    const contacts = told.map((one) => this.#contact(one, to))
    this.#peers.set(distanceOf(to), 'answered')
    for (const contact of contacts.slice(0, ANSWER_MAX)) {
      const at = distanceOf(contact)
      if (at !== OWN && !this.#peers.has(at)) this.#peers.set(at, 'waiting')
    }
    this.scene.answer(distanceOf(to), contacts)
  }

  fail(to: Contact): void {
    this.#peers.set(distanceOf(to), 'failed')
    this.scene.fail(distanceOf(to))
  }

  /** What holds after every step. */
  check(): void {
    const { asked, open, nowMs, softTimeoutMs } = this.scene
    const { alpha, beta, paths, requestsMax } = this.#dials
    for (; this.#seen < asked.length; this.#seen++) {
      const to = asked[this.#seen]!
      const at = distanceOf(to)
      const before = this.#peers.get(at)
      this.#must(before === 'waiting' || before === 'failed', `${at} is asked while ${before}`)
      this.#peers.set(at, 'asked')
      this.#must(!this.#addresses.has(`${at}@${to.host}`), `${at}@${to.host} is asked twice`)
      this.#addresses.add(`${at}@${to.host}`)
    }
    this.#must(asked.length <= paths * requestsMax, `${asked.length} requests`)
    let inFlight = 0
    for (const { sentMs } of open.values()) if (sentMs + softTimeoutMs > nowMs) inFlight++
    const inFlightMax = paths * (beta === 0 ? alpha : Math.max(alpha, K))
    this.#must(inFlight <= inFlightMax, `${inFlight} in flight`)
    if (this.done) this.#checkEnd()
  }

  /** What holds at the end. */
  #checkEnd(): void {
    const { pool, results, open, asked } = this.scene
    const result = results.get(1)!
    this.#must(pool.size + pool.requests + open.size === 0, 'something is left')
    this.#must(pool.nextDeadline() === Infinity, 'a deadline is left')
    this.#must(result.requests === asked.length, 'requests are miscounted')
    const answered = [...this.#peers].filter(([, state]) => state === 'answered')
    const nearest = answered.map(([at]) => at).sort((a, b) => a - b)
    const found = result.closest.map(distanceOf).join()
    this.#must(found === nearest.slice(0, K).join(), `${found} is not the result`)
    if (result.reason === 'converged' || result.reason === 'exhausted') this.#checkLegal()
    else if (result.reason === 'requests_max') {
      this.#must(asked.length >= this.#dials.requestsMax, 'it could have asked more')
    } else this.#must(result.reason === 'deadline', result.reason)
  }

  /** The k nearest that have not failed have answered; those held for down count if there are too few. */
  #checkLegal(): void {
    const counting: number[] = []
    let spared = 0
    for (const [at, state] of this.#peers) {
      if (state === 'failed') continue
      if (state === 'waiting' && this.scene.down.has(peerAt(at).id)) spared++
      else counting.push(at)
    }
    counting.sort((a, b) => a - b)
    const open = counting.slice(0, K).filter((at) => this.#peers.get(at) !== 'answered')
    this.#must(open.length === 0, `it ended before ${open.join()} answered`)
    this.#must(counting.length >= K || spared === 0, 'it ended with nodes to ask that are down')
  }

  #must(holds: boolean, violation: string): void {
    if (!holds) this.violations.push(violation)
  }

  #contact(one: Told, from: Contact): Contact {
    switch (one.type) {
      case 'node':
        return peerAt(one.distance)
      case 'elsewhere':
        return peerAt(one.distance, 'elsewhere')
      case 'self':
        return from
      case 'asker':
        return peerAt(OWN)
      case 'made_up':
        return peerAt(--this.#madeUp)
    }
  }
}

describe('a lookup, whatever comes next', () => {
  it('K14 K15 K16 K17 keeps its bounds, asks nobody twice and ends legally', () => {
    fc.assert(
      fc.property(
        dials,
        fc.array(step, { maxLength: 50 }),
        fc.boolean(),
        (dialled, steps, kind) => {
          const watched = new Watched(dialled)
          for (const one of steps) {
            if (watched.done) break
            watched.step(one)
          }
          // Then everybody answers, or nobody does.
          let rounds = 0
          while (!watched.done) {
            const [request] = watched.scene.open.values()
            expect(request).toBeDefined()
            expect(rounds++).toBeLessThanOrEqual(dialled.paths * dialled.requestsMax)
            if (kind) watched.answer(request!.to, [])
            else watched.fail(request!.to)
            watched.check()
          }
          expect(watched.scene.results.size).toBe(1)
          expect(watched.violations).toEqual([])
        },
      ),
      { seed: 5_014, numRuns: 300 },
    )
  })

  it('K16 ends within its budget among peers that are made up without end', () => {
    fc.assert(
      fc.property(dials, fc.array(which, { minLength: 1, maxLength: 20 }), (dialled, order) => {
        const watched = new Watched(dialled)
        const told: readonly Told[] = Array.from({ length: ANSWER_MAX }, () => ({
          type: 'made_up',
        }))
        for (let i = 0; !watched.done; i++) {
          const open = [...watched.scene.open.values()]
          watched.answer(open[order[i % order.length]! % open.length]!.to, told)
          watched.check()
        }
        expect(watched.violations).toEqual([])
        const { reason } = watched.scene.results.get(1)!
        expect(reason).toBe(dialled.table.length === 0 ? 'exhausted' : 'requests_max')
      }),
      { seed: 5_016, numRuns: 100 },
    )
  })

  it('K16 ends at its deadline when nothing ever comes', () => {
    fc.assert(
      fc.property(dials, (dialled) => {
        const watched = new Watched(dialled)
        watched.scene.advance(30_000)
        watched.check()
        expect(watched.done).toBe(true)
        expect(watched.violations).toEqual([])
      }),
      { seed: 5_017, numRuns: 100 },
    )
  })

  it('K48 leaves nothing behind when it is cancelled at any time', () => {
    fc.assert(
      fc.property(dials, fc.array(step, { maxLength: 20 }), (dialled, steps) => {
        const watched = new Watched(dialled)
        for (const one of steps) if (!watched.done) watched.step(one)
        const { pool, open, results } = watched.scene
        expect(watched.violations).toEqual([])
        const ended = results.size
        pool.cancel(watched.scene.nowMs, 1)
        expect([pool.size, pool.queued, pool.requests, open.size]).toEqual([0, 0, 0, 0])
        expect(pool.nextDeadline()).toBe(Infinity)
        expect(results.size).toBe(ended)
      }),
      { seed: 5_048, numRuns: 200 },
    )
  })
})
