import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openMemoryStore } from '../../../mesh/store/memory.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import type { PubSubNode } from './pubsub-net.ts'
import { PubSubNet } from './pubsub-net.ts'

/** What one run does to the network. */
interface Chaos {
  readonly seed: number
  readonly lossPercent: number
  readonly steps: readonly Step[]
}

type Step =
  | { readonly type: 'publish'; readonly from: number; readonly count: number }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'cut'; readonly pair: number }
  | { readonly type: 'join'; readonly pair: number }
  | { readonly type: 'restart' }
  | { readonly type: 'crash'; readonly at: number }

const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constant('publish' as const),
        from: fc.nat(1),
        count: fc.integer({ min: 1, max: 20 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        type: fc.constant('advance' as const),
        ms: fc.integer({ min: 1, max: 3_000 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constantFrom('cut' as const, 'join' as const),
        pair: fc.nat(3),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ type: 'restart' as const }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const), at: fc.nat(3) }) },
  ),
  { minLength: 4, maxLength: 24 },
)

const chaos = fc.record({
  seed: fc.nat(1_000_000),
  lossPercent: fc.integer({ min: 0, max: 40 }),
  steps,
})

interface Publish {
  readonly id: string
  readonly topic: string
  isAccepted: boolean
}

/** Publishers 0 and 1 (the first with a store, so that it may be restarted), subscribers 2 and 3. */
class Run {
  readonly net: PubSubNet
  readonly random: () => number
  readonly nodes: PubSubNode[] = []
  readonly store = openMemoryStore()
  /** What each subscriber got, in order. */
  readonly got: Map<string, string[]> = new Map()
  readonly publishes: Publish[] = []
  /** Node and topic of what was reported as not acknowledged. */
  readonly reported: Set<string> = new Set()
  #count = 0

  constructor(seed: number) {
    this.net = new PubSubNet({
      seed: seed + 1,
      pubsub: { outboxTtlMs: 20_000, windowMessagesMax: 8, retryMaxMs: 2_000 },
    })
    this.random = () => this.net.net.entropy.random()
  }

  async begin(): Promise<void> {
    this.nodes.push(await this.net.start({ store: this.store }), ...(await this.net.startAll(3)))
    for (const node of this.nodes) this.#listen(node)
    for (const { node, pubsub } of this.nodes.slice(2)) {
      const got: string[] = []
      this.got.set(node.self, got)
      pubsub.subscribe('load.*', async ({ payload }) => {
        got.push(payload as string)
        await new Promise<void>((resolve) => this.net.clock.setTimer(this.random() * 5, resolve))
      })
    }
    await this.net.advance(10)
  }

  publish(from: number): void {
    this.#count += 1
    const publish = { id: `${from}/${this.#count}`, topic: `load.${this.#count}`, isAccepted: true }
    this.publishes.push(publish)
    this.nodes[from]!.pubsub.publish(publish.topic, publish.id, { qos: 1 }).catch(
      ({ code }: { code: string }) => {
        publish.isAccepted = code === 'ERR_PUBSUB_UNACKNOWLEDGED'
      },
    )
  }

  async crash(at: number): Promise<void> {
    this.nodes[at] = await this.net.crash(this.nodes[at]!)
  }

  /** The first publisher dies and comes back with its key and its store. */
  async restart(): Promise<void> {
    this.nodes[0] = await this.net.restart(this.nodes[0]!)
    this.#listen(this.nodes[0])
  }

  #listen({ pubsub }: PubSubNode): void {
    pubsub.onEvent((event) => {
      if (event.type !== 'unacknowledged') return
      for (const node of event.nodes) this.reported.add(`${node} ${event.topic}`)
    })
  }

  pair(index: number): readonly [PubSubNode, PubSubNode] {
    return [this.nodes[index % 2]!, this.nodes[2 + (index >> 1)]!]
  }
}

describe('accounting', () => {
  it('ML33 PS6 delivers every accepted message at least once or reports it, never twice, in the order of its publisher, whatever is lost, cut, crashed or restarted', async () => {
    await fc.assert(
      fc.asyncProperty(chaos, async ({ seed, lossPercent, steps: plan }: Chaos) => {
        const run = new Run(seed)
        await run.begin()
        const { net } = run
        const concerned = new Set<number>([WireType.publish, WireType.puback])
        net.net.loses = ({ type }) => concerned.has(type) && run.random() * 100 < lossPercent
        for (const step of plan) {
          if (step.type === 'publish') for (let i = 0; i < step.count; i++) run.publish(step.from)
          else if (step.type === 'advance') await net.advance(step.ms)
          else if (step.type === 'cut') net.net.cut(...nodesOf(run.pair(step.pair)))
          else if (step.type === 'join') net.net.join(...nodesOf(run.pair(step.pair)))
          else if (step.type === 'restart') await run.restart()
          else if (step.type === 'crash') await run.crash(step.at)
        }
        net.net.loses = () => false
        for (let pair = 0; pair < 4; pair++) net.net.join(...nodesOf(run.pair(pair)))
        await net.advance(60_000)
        const ids = run.publishes.map(({ id }) => id)
        for (const [self, got] of run.got) {
          expect(new Set(got).size, 'delivered twice').toBe(got.length)
          for (const from of ['0/', '1/']) {
            const order = got.filter((id) => id.startsWith(from))
            expect(order).toEqual(ids.filter((id) => order.includes(id)))
          }
          for (const { id, topic, isAccepted } of run.publishes) {
            const isKnown = got.includes(id) || run.reported.has(`${self} ${topic}`)
            expect(isKnown || !isAccepted, id).toBe(true)
          }
        }
        expect(run.nodes.map(({ pubsub }) => pubsub.stats().outbox)).toEqual([0, 0, 0, 0])
      }),
      { numRuns: 25, seed: 6 },
    )
  }, 60_000)
})

function nodesOf([a, b]: readonly [PubSubNode, PubSubNode]): [
  PubSubNode['node'],
  PubSubNode['node'],
] {
  return [a.node, b.node]
}
