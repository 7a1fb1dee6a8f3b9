import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NodeTarget } from '../../../../dist/cli/control/node-target.ts'
import type { ServiceQuestion } from '../../../../dist/cli/control/service-question.ts'
import type {
  MessageRow,
  PublishRow,
  RpcCallRow,
  ServedRow,
  ServiceRow,
  TopicRow,
} from '../../../../dist/cli/operations/service-rows.ts'
import type { FoveaNode } from '../../../../dist/index.ts'
import { startSimNodes, type SimNodes } from '../../../../dist/simulation/index.ts'
import { during } from '../../support/world.ts'

let world: SimNodes
let near: FoveaNode
let far: FoveaNode
beforeEach(async () => {
  world = await startSimNodes(2, { network: { latencyMs: 5 } })
  const [first, second] = world.nodes
  near = first!
  far = second!
  await world.clock.advance(10_000)
})
afterEach(async () => {
  await during(world, world.stop())
})

/** Asks `node` as a command would. */
async function ask<T>(node: FoveaNode, question: ServiceQuestion): Promise<T> {
  const options = { timeoutMs: 5000, signal: new AbortController().signal }
  return (await during(world, new NodeTarget(node).services(question, options))) as T
}

const publish = (topic: string, payload: unknown, qos: 0 | 1 = 0): Promise<PublishRow> =>
  ask(near, { action: 'publish', topic, payload, qos, retain: false })

describe('topics of a running node', () => {
  test('a message reaches who subscribed on another node, with the name of its publisher', async () => {
    const heard: MessageRow[] = []
    const ends: Error[] = []
    const sink = {
      push: (row: MessageRow) => void heard.push(row),
      end: (problem: Error) => void ends.push(problem),
    }
    const stop = new NodeTarget(far).subscribe({ filter: 'shop.*' }, sink)
    await world.clock.advance(2000)
    expect(await publish('shop.tea', { n: 1 }, 1)).toMatchObject({
      ...{ topic: 'shop.tea', qos: 1, local: 0, nodes: 1, dropped: 0 },
    })
    expect(heard).toMatchObject([
      {
        ...{ type: 'message', topic: 'shop.tea', payload: { n: 1 }, retained: false },
        ...{ publisher: near.id, publisherKey: near.key.hex },
      },
    ])
    expect(await ask<TopicRow[]>(far, { action: 'topics' })).toEqual([
      { filter: 'shop.*', plain: 1, groups: {}, nodes: [] },
    ])
    stop()
    await world.clock.advance(2000)
    expect(await publish('shop.tea', 2)).toMatchObject({ local: 0, nodes: 0 })
    expect(ends).toEqual([])
  })

  test('a message that was not acknowledged says by whom', async () => {
    far.mesh.pubsub.subscribe('shop.tea', () => new Promise(() => {}))
    await world.clock.advance(2000)
    await expect(publish('shop.tea', 1, 1)).rejects.toMatchObject({
      code: 'ERR_PUBSUB_UNACKNOWLEDGED',
      message: `shop.tea: 1 of 1 nodes did not acknowledge: ${far.id}`,
    })
  })

  test('PS10 of the members of a group on two nodes one gets each message', async () => {
    const heard: number[] = []
    const ends: Error[] = []
    const sink = {
      push: ({ payload }: MessageRow) => void heard.push(payload as number),
      end: (problem: Error) => void ends.push(problem),
    }
    const group = { filter: 'jobs.*', group: 'workers' }
    const stops = [near, far].map((node) => new NodeTarget(node).subscribe(group, sink))
    await world.clock.advance(2000)
    const numbers = Array.from({ length: 20 }, (_none, n) => n)
    for (const n of numbers) await publish('jobs.print', n, 1)
    expect(heard.sort((a, b) => a - b)).toEqual(numbers)
    expect(await ask<TopicRow[]>(far, { action: 'topics' })).toMatchObject([
      { filter: 'jobs.*', plain: 0, groups: { workers: 1 }, nodes: [near.id] },
    ])
    for (const stop of stops) stop()
    expect(ends).toEqual([])
  })

  test('a topic or a filter that is none is refused with its code', async () => {
    await expect(publish('shop.*', 1)).rejects.toMatchObject({ code: 'ERR_TOPIC_INVALID' })
    const sink = { push: () => {}, end: () => {} }
    expect(() => new NodeTarget(near).subscribe({ filter: 'a..b' }, sink)).toThrow(
      expect.objectContaining({ code: 'ERR_FILTER_INVALID' }) as Error,
    )
  })

  test('a subscription that the node ends says why', async () => {
    const ends: Error[] = []
    const end = (problem: Error): void => void ends.push(problem)
    new NodeTarget(near).subscribe({ filter: 'a' }, { push: () => {}, end })
    await during(world, near.mesh.pubsub.drain())
    await world.clock.advance(1)
    expect(ends).toMatchObject([{ code: 'ERR_SUBSCRIPTION_ENDED', message: /drained/ }])
  })
})

describe('procedures of a running node', () => {
  test('an offer answers calls of other nodes, is listed everywhere, and ends when it is stopped', async () => {
    const served: ServedRow[] = []
    const target = new NodeTarget(far)
    const offer = { procedure: 'shop.price', reply: { euro: 3 } }
    const stop = await during(
      world,
      target.advertise(offer, (row) => void served.push(row)),
    )
    await world.clock.advance(2000)
    const call = { action: 'call', procedure: 'shop.price', input: 'tea' } as const
    const { value, elapsedMs } = await ask<RpcCallRow>(near, call)
    expect(value).toEqual({ euro: 3 })
    expect(elapsedMs).toBeGreaterThanOrEqual(10)
    expect(served).toEqual([
      {
        ...{ type: 'served', procedure: 'shop.price', input: 'tea' },
        ...{ caller: near.id, callerKey: near.key.hex },
      },
    ])
    for (const node of [near, far]) {
      for (const name of [undefined, 'shop.price', 'shop.*']) {
        const rows = await ask<ServiceRow[]>(node, { action: 'services', name })
        const shop = rows.filter(({ procedure }) => procedure.startsWith('shop.'))
        expect(shop, String(name)).toMatchObject([
          {
            procedure: 'shop.price',
            node: far.id,
            key: far.key.hex,
            kinds: ['call'],
            metadata: {},
          },
        ])
      }
    }
    stop()
    await world.clock.advance(2000)
    await expect(ask(near, call)).rejects.toMatchObject({ code: 'ERR_RPC_NO_PROVIDER' })
  })
})
