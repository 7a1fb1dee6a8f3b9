import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PresenceEntry, TrackedPresence } from '../../../mesh/presence/presence.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { linesOf, Mirror, PresenceNet } from './presence-net.ts'
import type { PresenceNode } from './presence-net.ts'

const TOPICS = ['room', 'hall']
const NODES = 4

type Step =
  | { readonly type: 'track'; readonly node: number; readonly topic: number }
  | { readonly type: 'update' | 'untrack'; readonly node: number; readonly which: number }
  | { readonly type: 'watch' | 'restart' | 'crash' | 'loses_touch'; readonly node: number }
  | { readonly type: 'advance'; readonly ms: number }

const node = fc.nat({ max: NODES - 1 })
const which = fc.nat({ max: 20 })
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant('track' as const),
        node,
        topic: fc.nat({ max: 1 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constantFrom('update' as const, 'untrack' as const),
        node,
        which,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constantFrom('update' as const, 'untrack' as const),
        node,
        which,
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('watch' as const), node }) },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constantFrom('restart' as const, 'crash' as const, 'loses_touch' as const),
        node,
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant('advance' as const),
        ms: fc.constantFrom(1, 5, 20, 100, 1_500),
      }),
    },
  ),
  { minLength: 10, maxLength: 60 },
)

/** One node, what it tracks, and what watches of its present life have heard. */
interface Seat {
  node: PresenceNode
  tracked: TrackedPresence[]
  mirrors: { readonly topic: string; readonly mirror: Mirror }[]
}

/** A run on a network that loses, repeats and overtakes as `chance` says, until it is calm again. */
class Run {
  readonly net: PresenceNet
  readonly seats: Seat[] = []
  #isRough = true
  #changes = 0

  constructor(seed: number, logMax: number) {
    this.net = new PresenceNet({ seed, presence: { logMax } })
    this.net.net.loses = ({ type }) => {
      const { entropy } = this.net.net
      const isPresence = type >= WireType.presenceDelta && type <= WireType.presenceState
      if (!this.#isRough || !isPresence) return false
      this.net.net.latencyMs = 1 + Math.floor(entropy.random() * 40)
      return entropy.random() < 0.2
    }
  }

  async begin(): Promise<void> {
    for (const each of await this.net.startAll(NODES)) {
      this.seats.push(this.#seat(each))
    }
  }

  async do(step: Step): Promise<void> {
    if (step.type === 'advance') return this.net.advance(step.ms)
    const seat = this.seats[step.node]!
    const { presence } = seat.node
    this.#changes += 1
    switch (step.type) {
      case 'track':
        seat.tracked.push(
          presence.track(TOPICS[step.topic]!, `key ${this.#changes % 7}`, this.#changes),
        )
        break
      case 'update':
      case 'untrack': {
        const open = seat.tracked.filter(({ isTracked }) => isTracked)
        const one = open[step.which % Math.max(1, open.length)]
        if (step.type === 'update') one?.update(this.#changes)
        else one?.untrack()
        break
      }
      case 'watch':
        for (const topic of TOPICS) {
          const mirror = new Mirror()
          presence.watch(topic, mirror.take)
          seat.mirrors.push({ topic, mirror })
        }
        break
      case 'crash':
        seat.node = await this.net.crash(seat.node)
        break
      case 'restart':
        this.seats[step.node] = this.#seat(await this.net.restart(seat.node))
        break
      case 'loses_touch': {
        // Everybody takes it for dead, and hears of it again.
        const { self, catalog } = seat.node.node
        for (const { node: other } of this.seats) {
          if (other.node.self === self) continue
          other.node.catalog.forget(self)
          other.node.courier.gone(self, 'down')
          for (const entry of catalog.own()) other.node.catalog.learn(entry)
        }
        break
      }
    }
  }

  async calm(): Promise<void> {
    this.#isRough = false
    this.net.net.latencyMs = 1
    await this.net.advance(120_000)
  }

  /** What the owners say. */
  truth(topic: string): string[] {
    const nowMs = this.net.clock.now()
    const entries: PresenceEntry[] = this.seats.flatMap(({ node: { context } }) =>
      Array.from(context.memory.owner.entries(topic, nowMs), (entry) => entry.public),
    )
    return linesOf(entries)
  }

  /** Sends some frames twice. */
  #seat(of: PresenceNode): Seat {
    const { courier } = of.node
    const send = courier.send.bind(courier)
    courier.send = (to, lane, frame, options) => {
      if (this.#isRough && this.net.net.entropy.random() < 0.1) send(to, lane, frame, options)
      return send(to, lane, frame, options)
    }
    return { node: of, tracked: [], mirrors: [] }
  }
}

describe('PS14 on a network that loses, repeats and overtakes', () => {
  it('PS14 all watchers come to what the owners say, without a leave or join too many', async () => {
    let watched = 0
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.nat({ max: 1_000 }),
        fc.constantFrom(2, 16, 4_096),
        async (all, seed, logMax) => {
          const run = new Run(seed, logMax)
          await run.begin()
          for (const step of all) await run.do(step)
          await run.calm()
          for (const [topic] of TOPICS.map((each) => [each] as const)) {
            const truth = run.truth(topic)
            for (const seat of run.seats) {
              for (const { mirror } of seat.mirrors.filter((each) => each.topic === topic)) {
                expect(mirror.faults).toEqual([])
                expect(mirror.lines()).toEqual(truth)
                watched += 1
              }
              expect(seat.node.presence.stats().missing).toBe(0)
            }
          }
        },
      ),
      { seed: 14, numRuns: 60 },
    )
    expect(watched).toBeGreaterThan(100)
  }, 60_000)
})
