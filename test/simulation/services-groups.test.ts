/** What the books ask of messages that a group shares: as much as each kind of delivery promises, and no less. */
import { describe, expect, it } from 'vitest'
import { Claims } from './services-claim.ts'
import { Life } from './services-life.ts'
import type { Participant } from './services-life.ts'
import { TopicAccount } from './services-topics.ts'

type Who = 'own' | 'other'

/** Somebody whose messages come to nobody. */
function lifeOf(number: number): Life {
  const pubsub = { publish: () => Promise.resolve() }
  return new Life(number, number, {
    key: { hex: `key${number}` },
    pubsub,
  } as unknown as Participant)
}

/** The property that is broken when a message to a group with those members came to nobody, and ended well. */
async function brokenBy(qos: 0 | 1, members: readonly Who[]): Promise<string | undefined> {
  const claims = new Claims()
  const topics = new TopicAccount(
    claims.claim,
    () => 60_000,
    () => true,
  )
  const lives = { own: lifeOf(0), other: lifeOf(1) }
  for (const who of members) topics.subscribe(lives[who], 'jobs.*', 'workers')
  await topics.publish(lives.own, 'jobs.a', { qos })
  try {
    topics.settle()
  } catch (error) {
    if (error !== claims.broken) throw error
  }
  return claims.broken?.code
}

describe('PS9: a message that came to nobody of its group', () => {
  it.each<[0 | 1, readonly Who[], string | undefined]>([
    // Drawn was the other one, and it was lost on its way.
    [0, ['own', 'other'], undefined],
    [0, ['other'], undefined],
    // Nothing can be lost on the way to oneself.
    [0, ['own'], 'PS9'],
    [0, ['own', 'own'], 'PS9'],
    [1, ['own', 'other'], 'PS9'],
    [1, ['other'], 'PS9'],
    [1, ['own'], 'PS9'],
  ])('with QoS %i and members %j breaks %s', async (qos, members, property) => {
    expect(await brokenBy(qos, members)).toBe(property)
  })
})
