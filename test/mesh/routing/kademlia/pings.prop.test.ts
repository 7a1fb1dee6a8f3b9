import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketIndex } from '../../../../mesh/routing/kademlia/id.ts'
import { Include } from '../../../../mesh/routing/kademlia/include.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import { Pings } from '../../../../mesh/routing/kademlia/pings.ts'
import { routingSettings } from '../../../../mesh/routing/kademlia/settings.ts'
import { contactOf, keyOf } from './keys.ts'

const SEED = 5_003
const OWN = keyOf(0n)
const LIMITS = routingSettings({ pingsMax: 4, pingsPerSecondMax: 6, candidatesMax: 5 })

const command = fc.record({
  type: fc.constantFrom('evict', 'check', 'offer', 'settle', 'wait'),
  bucket: fc.nat(7),
  n: fc.nat(3),
  passedMs: fc.nat(300),
})

interface Sent {
  readonly purpose: 'probe' | 'candidate'
  readonly to: Contact
  readonly atMs: number
}

describe('Pings', () => {
  it('K9 one per bucket, so many at once and within any second, and the queues are bounded', () => {
    let most = 0
    fc.assert(
      fc.property(fc.array(command, { minLength: 20, maxLength: 150 }), (commands) => {
        let nowMs = 0
        const sent: Sent[] = []
        const running: Sent[] = []
        const include = new Include(LIMITS.candidatesMax)
        const pings = new Pings({
          own: OWN,
          settings: LIMITS,
          include,
          host: {
            ping: (purpose, to) => {
              sent.push({ purpose, to, atMs: nowMs })
              running.push(sent.at(-1)!)
            },
            wants: () => true,
            failedContacts: () => [],
          },
        })
        for (const { type, bucket, n, passedMs } of commands) {
          const contact = contactOf(keyOf(2n ** BigInt(bucket + 10) + BigInt(n)))
          if (type === 'evict') pings.evict(contact)
          if (type === 'check') pings.check(contact)
          if (type === 'offer') include.offer(contact)
          if (type === 'wait') nowMs += passedMs
          if (type === 'settle') {
            const [settled] = running.splice(n, 1)
            if (settled !== undefined) pings.settled(settled.purpose, settled.to)
          }
          pings.send(nowMs, 1, 0)
          expect(faults(running, sent, nowMs, include)).toEqual([])
          expect(pings.nextDeadline()).toBeGreaterThan(nowMs)
          most = Math.max(most, running.length)
        }
      }),
      { seed: SEED, numRuns: 150 },
    )
    expect(most).toBe(LIMITS.pingsMax)
  })

  it('K9 entries and candidates take turns', () => {
    const include = new Include(8)
    const purposes: string[] = []
    const pings = new Pings({
      own: OWN,
      settings: routingSettings({ pingsMax: 4 }),
      include,
      host: {
        ping: (purpose) => purposes.push(purpose),
        wants: () => true,
        failedContacts: () => [],
      },
    })
    for (let n = 1; n <= 4; n++) {
      include.offer(contactOf(keyOf(BigInt(n))))
      pings.check(contactOf(keyOf(2n ** BigInt(n + 10))))
    }
    pings.send(0, 1, 0)
    expect(purposes).toEqual(['probe', 'candidate', 'probe', 'candidate'])
  })

  it('K8 failed entries are asked again, ever more seldom, until none is left', () => {
    const failed = [contactOf(keyOf(1n))]
    const asked: number[] = []
    let nowMs = 0
    const pings = new Pings({
      own: OWN,
      settings: routingSettings({
        failedRetryMs: 100,
        refreshIntervalMs: 350,
        bootstrapMaxMs: 250,
      }),
      include: new Include(8),
      host: {
        ping: (purpose, to) => {
          asked.push(nowMs)
          pings.settled(purpose, to)
        },
        wants: () => true,
        failedContacts: () => failed,
      },
    })
    expect(pings.nextDeadline()).toBe(Infinity)
    pings.send(0, 1, 1)
    while (nowMs < 1_500) {
      nowMs = pings.nextDeadline()
      pings.send(nowMs, 1, 1)
    }
    expect(asked).toEqual([100, 300, 650, 1_000, 1_350, 1_700])
    pings.send(nowMs, 1, 0)
    expect(pings.nextDeadline()).toBe(Infinity)
    pings.send(2_000, 1, 1)
    expect(pings.nextDeadline()).toBe(2_100)
    // Alone with them, it does not wait longer than for a seed.
    for (let n = 0; n < 3; n++) pings.send(pings.nextDeadline(), 0, 1)
    expect(pings.nextDeadline()).toBe(2_100 + 200 + 250 + 250)
  })
})

function faults(running: readonly Sent[], sent: readonly Sent[], nowMs: number, include: Include) {
  const probes = running.filter(({ purpose }) => purpose === 'probe')
  const buckets = new Set(probes.map(({ to }) => bucketIndex(OWN, to.key)))
  const ids = new Set(running.map(({ purpose, to }) => `${purpose} ${to.id}`))
  const lately = sent.filter(({ atMs }) => atMs > nowMs - 1_000)
  const found: string[] = []
  if (buckets.size < probes.length) found.push('two in a bucket')
  if (ids.size < running.length) found.push('one twice')
  if (running.length > LIMITS.pingsMax) found.push('too many at once')
  if (lately.length > LIMITS.pingsPerSecondMax) found.push('too many in a second')
  if (include.waiting > LIMITS.candidatesMax) found.push('too many wait')
  return found
}
