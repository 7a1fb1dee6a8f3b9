import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketIndex, type KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import { routingSettings } from '../../../../mesh/routing/kademlia/settings.ts'
import { RoutingTable } from '../../../../mesh/routing/kademlia/table.ts'
import { byDistance, contactOf, keyOf, keys, numberOf } from './keys.ts'
import { TableModel } from './table-model.ts'

const SEED = 5_002
const HOSTS = ['10.0.0.1', '8.8.8.1', '8.8.8.2', '8.8.4.1', '2001:db8::1', 'node.example']
const BUCKETS = [255, 31, 0]

/** Keys in some buckets of `own`: many to choose from in the far half, fewer elsewhere. */
function neighbours(own: KadKey): KadKey[] {
  return BUCKETS.flatMap((bucket) => {
    const size = bucket === 255 ? 8 : Math.min(4, 2 ** bucket)
    const bit = 2n ** BigInt(bucket)
    return Array.from({ length: size }, (_, n) => keyOf(numberOf(own) ^ bit ^ BigInt(n)))
  })
}

const command = fc.record({
  type: fc.constantFrom('answered', 'answered', 'answered', 'failed', 'down', 'remove'),
  key: fc.nat(100),
  host: fc.nat(HOSTS.length - 1),
  port: fc.integer({ min: 1, max: 2 }),
  passedMs: fc.nat(2),
})

const settings = fc
  .record({
    k: fc.integer({ min: 1, max: 4 }),
    replacementsMax: fc.nat(3),
    failuresMax: fc.integer({ min: 1, max: 2 }),
    networkEntriesMax: fc.integer({ min: 1, max: 4 }),
    networkBucketMax: fc.integer({ min: 1, max: 2 }),
  })
  .map(routingSettings)

describe('RoutingTable', () => {
  it('K5 K6 K7 K8 K10 K11 K12 behaves like the model', () => {
    let promotions = 0
    let crowded = 0
    fc.assert(
      fc.property(
        keys(),
        settings,
        fc.array(command, { minLength: 20, maxLength: 60 }),
        keys(),
        (own, limits, commands, target) => {
          const pool = neighbours(own)
          const members = new Map<string, Contact>()
          const table = new RoutingTable(own, limits, {
            admitted: (contact) => {
              expect(members.has(contact.id)).toBe(false)
              members.set(contact.id, contact)
            },
            removed: (contact) => expect(members.delete(contact.id)).toBe(true),
            crowded: () => (crowded += 1),
            kept() {},
          })
          const model = new TableModel(own, limits)
          let nowMs = 0
          for (const { type, key, host, port, passedMs } of commands) {
            const contact = contactOf(pool[key % pool.length]!, HOSTS[host], port)
            nowMs += passedMs
            const before = table.replacementsSize
            if (type === 'answered') {
              table.answered(contact, nowMs)
              model.answered(contact, nowMs)
            } else if (type === 'failed') {
              table.failed(contact.id)
              model.failed(contact)
              if (table.replacementsSize < before) promotions += 1
            } else if (type === 'down') {
              table.down(contact.id)
              model.down(contact)
            } else {
              table.remove(contact.id, 'client')
              model.remove(contact)
            }
            const found = table.closest(target, key % 7, contact.id)
            // One comparison of everything: thousands of small ones would take most of the time.
            expect([shown(table), show(found), [...members.keys()].sort().join()]).toEqual([
              expected(model),
              show(model.closest(target, key % 7, contact.id)),
              ids(table.entries()).sort().join(),
            ])
            expect(faults(own, limits.k, table)).toEqual([])
          }
        },
      ),
      { seed: SEED, numRuns: 200 },
    )
    expect(promotions).toBeGreaterThan(50)
    expect(crowded).toBeGreaterThan(50)
  })

  it('K10 closest equals sorting everything, for every own key, target, count and exception', () => {
    fc.assert(
      fc.property(
        keys(),
        fc.array(keys(), { maxLength: 80 }),
        keys(),
        fc.integer({ min: 0, max: 100 }),
        fc.nat(100),
        (own, others, target, count, exception) => {
          const table = new RoutingTable(own, routingSettings({ k: 80 }), SILENT)
          for (const key of others) table.answered(contactOf(key), 0)
          const known = [...new Map(others.map((key) => [key.hex, contactOf(key)])).values()]
          const others2 = known.filter(({ id }) => id !== own.hex)
          const except = others2[exception]?.id
          const expected = byDistance(
            target,
            others2.filter(({ id }) => id !== except),
          )
          expect(table.closest(target, count, except)).toEqual(expected.slice(0, count))
        },
      ),
      { seed: SEED, numRuns: 500 },
    )
  })

  it('K7 a full bucket of those who answer never changes, whatever arrives', () => {
    fc.assert(
      fc.property(fc.array(keys(), { minLength: 1, maxLength: 100 }), (strangers) => {
        const own = keyOf(0n)
        const table = new RoutingTable(own, routingSettings({ k: 4 }), SILENT)
        const far = Array.from({ length: 4 }, (_, n) => contactOf(keyOf(2n ** 255n + BigInt(n))))
        for (const contact of far) table.answered(contact, 0)
        for (const [n, stranger] of strangers.entries()) {
          table.answered(contactOf(stranger), n)
          table.answered(far[n % 4]!, n)
        }
        const inBucket = table.entries().filter(({ bucket }) => bucket === 255)
        expect(ids(inBucket).sort()).toEqual(far.map(({ id }) => id).sort())
      }),
      { seed: SEED, numRuns: 100 },
    )
  })
})

const SILENT = { admitted() {}, removed() {}, crowded() {}, kept() {} }

function ids(entries: readonly { readonly contact: Contact }[]): string[] {
  return entries.map(({ contact }) => contact.id)
}

function show(contacts: readonly Contact[]): string {
  return contacts.map(({ id, host, port }) => `${id} ${host} ${port}`).join('\n')
}

function shown(table: RoutingTable): string {
  return JSON.stringify([
    table
      .entries()
      .map(({ contact, bucket, answeredMs, state }) => [
        bucket,
        show([contact]),
        answeredMs,
        state,
      ]),
    BUCKETS.map((bucket) => show(table.replacementsOf(bucket))),
    table.networks().sort(),
  ])
}

function expected(model: TableModel): string {
  return JSON.stringify([
    BUCKETS.flatMap((bucket) =>
      model
        .entries(bucket)
        .map(({ contact, answeredMs, failed }) => [
          bucket,
          show([contact]),
          answeredMs,
          failed ? 'failed' : 'good',
        ]),
    ),
    BUCKETS.map((bucket) => show(model.replacements(bucket).map(({ contact }) => contact))),
    [...model.networks()].sort(),
  ])
}

/** Invariants that do not follow from the model. */
function faults(own: KadKey, k: number, table: RoutingTable): string[] {
  const entries = table.entries()
  const found: string[] = []
  const check = (holds: boolean, name: string): void => void (holds || found.push(name))
  const sizes = new Map<number, number>()
  for (const { contact, bucket } of entries) {
    sizes.set(bucket, (sizes.get(bucket) ?? 0) + 1)
    check(bucketIndex(own, contact.key) === bucket, 'an entry in the wrong bucket')
    check(table.get(contact.id) === contact, 'an entry that is not found')
  }
  const failed = entries.filter(({ state }) => state === 'failed')
  const waiting = BUCKETS.reduce((sum, bucket) => sum + table.replacementsOf(bucket).length, 0)
  check(Math.max(0, ...sizes.values()) <= k, 'a bucket of more than k')
  check(new Set(ids(entries)).size === entries.length, 'an id twice')
  check(table.get(own.hex) === undefined, 'this node itself')
  check(table.size === entries.length, 'size')
  check(table.replacementsSize === waiting, 'replacements')
  check(table.failedSize === failed.length, 'failed')
  check(show(table.failedContacts()) === show(failed.map(({ contact }) => contact)), 'who failed')
  return found
}
