import { describe, expect, it } from 'vitest'
import { DrawnLetters } from '../../../mesh/pubsub/drawn.ts'
import { LETTER_BYTES } from '../../../mesh/pubsub/letter.ts'
import type { Letter } from '../../../mesh/pubsub/letter.ts'
import { pubsubSettings } from '../../../mesh/pubsub/options.ts'
import type { PubSubOptions } from '../../../mesh/pubsub/options.ts'
import type { PubSubError } from '../../../mesh/pubsub/errors.ts'
import { collect, PubSubNet } from './pubsub-net.ts'

const letterOf = (sequence: number): Letter =>
  ({ topic: 'jobs', sequence, payload: { size: 100 } }) as unknown as Letter

function kept(given: PubSubOptions) {
  const letters = new DrawnLetters(pubsubSettings(given))
  const add = (sequence: number, nowMs = 0, group = 'g'): void =>
    letters.add(
      'b',
      {
        ...{ letter: letterOf(sequence), delivery: 'at_most_once', group },
        ...{ exclude: new Set(['x']), expiresMs: 60_000 },
      },
      nowMs,
    )
  return { letters, add }
}

describe('messages for drawn members', () => {
  it('are groupLettersMax, and of one more the oldest is forgotten', () => {
    const { letters, add } = kept({ groupLettersMax: 2 })
    add(1)
    add(2)
    expect(letters.size).toBe(2)
    add(3)
    expect([letters.size, letters.take('b', 1, 'g')]).toEqual([2, undefined])
    expect(letters.take('b', 2, 'g')?.letter.sequence).toBe(2)
  })

  it('have groupLettersBytesMax together, and with one byte less room the oldest is forgotten', () => {
    const bytes = 2 * (100 + LETTER_BYTES)
    const fits = kept({ groupLettersBytesMax: bytes })
    const tight = kept({ groupLettersBytesMax: bytes - 1 })
    for (const { add } of [fits, tight]) for (const n of [1, 2]) add(n)
    expect([fits.letters.size, tight.letters.size]).toEqual([2, 1])
    expect([fits.letters.bytes, tight.letters.bytes]).toEqual([bytes, bytes / 2])
  })

  it('are kept for groupReturnMs', () => {
    const { letters, add } = kept({ groupReturnMs: 1_000 })
    expect(letters.nextDueMs).toBe(Infinity)
    add(1, 0)
    add(2, 500)
    letters.tick(999)
    expect([letters.size, letters.nextDueMs]).toEqual([2, 1_000])
    letters.tick(1_000)
    expect([letters.size, letters.nextDueMs]).toEqual([1, 1_500])
    letters.tick(1_500)
    expect([letters.size, letters.bytes]).toEqual([0, 0])
  })

  it('are given back once, by the node that has them, for the group that it was drawn for', () => {
    const { letters, add } = kept({})
    add(1)
    expect(letters.take('c', 1, 'g')).toBeUndefined()
    expect(letters.take('b', 1, 'other')).toBeUndefined()
    expect(letters.take('b', 2, 'g')).toBeUndefined()
    expect([...letters.take('b', 1, 'g')!.exclude]).toEqual(['x', 'b'])
    expect(letters.take('b', 1, 'g')).toBeUndefined()
  })
})

describe('a message that comes to a node without members', () => {
  const members = async (count: number) => {
    const net = new PubSubNet({ latencyMs: 5 })
    const nodes = await net.startAll(count + 1)
    const seen: unknown[] = []
    const subscriptions = nodes
      .slice(1)
      .map(({ pubsub }) =>
        pubsub.subscribe('jobs', ({ payload }) => void seen.push(payload), { group: 'g' }),
      )
    await net.advance(20)
    return { net, nodes, a: nodes[0]!, seen, subscriptions }
  }
  const numbers = Array.from({ length: 60 }, (_, n) => n)

  it.each(['at_most_once', 'at_least_once'] as const)(
    'PS9 goes to a member that is left, once: %s',
    async (delivery) => {
      const { net, a, seen, subscriptions } = await members(3)
      const sent = numbers.map((n) => {
        // One after the other leaves while messages are on their way to it.
        if (n === 20) subscriptions[0]!.unsubscribe()
        if (n === 40) subscriptions[1]!.unsubscribe()
        return a.pubsub.publish('jobs', n, { delivery })
      })
      await net.advance(200)
      await Promise.all(sent)
      expect(seen.toSorted((x, y) => Number(x) - Number(y))).toEqual(numbers)
      expect(a.node.refusals.counters()['ERR_PUBSUB_GROUP_EMPTY']).toBeUndefined()
      await net.advance(10_000)
      expect(a.context.memory.drawn.size).toBe(0)
    },
  )

  it.each(['at_most_once', 'at_least_once'] as const)(
    'PS6 does not come again to subscribers in no group of the node that is drawn next: %s',
    async (delivery) => {
      const { net, nodes, a, seen, subscriptions } = await members(3)
      const plain = nodes.map(({ pubsub }) => {
        const each = collect()
        pubsub.subscribe('jobs', each.handler)
        return each
      })
      await net.advance(20)
      const sent = numbers.map((n) => {
        if (n === 20) subscriptions[0]!.unsubscribe()
        return a.pubsub.publish('jobs', n, { delivery })
      })
      await net.advance(200)
      await Promise.all(sent)
      expect(plain.map(({ payloads }) => payloads)).toEqual(plain.map(() => numbers))
      expect(seen.toSorted((x, y) => Number(x) - Number(y))).toEqual(numbers)
    },
  )

  it('goes to a member of its publisher, when that is who is left', async () => {
    const { net, a, subscriptions } = await members(1)
    void a.pubsub.publish('jobs', 'work')
    const own = collect()
    a.pubsub.subscribe('jobs', own.handler, { group: 'g' })
    subscriptions[0]!.unsubscribe()
    await net.advance(50)
    expect(own.payloads).toEqual(['work'])
  })

  it('is counted when nobody is left, and told if it was to come at least once', async () => {
    const { net, a, seen, subscriptions } = await members(2)
    const events: string[] = []
    a.pubsub.onEvent((event) => void events.push(event.type))
    void a.pubsub.publish('jobs', 'one')
    const acknowledged = a.pubsub.publish('jobs', 'two', { delivery: 'at_least_once' })
    for (const subscription of subscriptions) subscription.unsubscribe()
    await net.advance(100)
    await acknowledged
    expect(seen).toEqual([])
    expect(a.node.refusals.counters()).toMatchObject({ ERR_PUBSUB_GROUP_EMPTY: 2 })
    expect(events).toEqual(['unacknowledged'])
  })

  it('of a request is not sent on: its caller hears at once that nobody is there', async () => {
    const { net, a, subscriptions } = await members(1)
    const code = a.pubsub
      .request('jobs', 'who?')
      .catch((error: unknown) => (error as PubSubError).code)
    subscriptions[0]!.unsubscribe()
    await net.advance(50)
    expect(await code).toBe('ERR_PUBSUB_NO_RESPONDERS')
    expect(a.context.memory.drawn.size).toBe(0)
  })
})
