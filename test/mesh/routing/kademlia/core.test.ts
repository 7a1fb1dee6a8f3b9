import { describe, expect, it } from 'vitest'
import type { RoutingEvent } from '../../../../mesh/routing/kademlia/machine.ts'
import { FakeNetwork, RTT_MS, seedOf, type FakeNode } from './fake-network.ts'
import { contactOf } from './keys.ts'

/** Nodes that have joined, and time to calm down. */
function grown(seed: number, count: number): FakeNetwork {
  const network = new FakeNetwork(seed)
  network.grow(count)
  network.run(5_000)
  return network
}

function ids(contacts: readonly { readonly id: string }[]): string[] {
  return contacts.map(({ id }) => id)
}

/** Looks up some random keys from everywhere; how many found exactly the nearest nodes. */
function exactLookups(network: FakeNetwork, count: number): number {
  const origins = network.nodes.filter(({ isUp }) => isUp)
  let exact = 0
  for (let n = 0; n < count; n++) {
    const origin = origins[n % origins.length]!
    const target = network.key()
    const lookupId = network.lookup(origin, target)
    network.run(4_000)
    const found = ids(origin.result(lookupId)?.closest ?? [])
    if (found.join() === network.nearest(target, 20, origin).join()) exact += 1
  }
  return exact
}

function tableOf({ core }: FakeNode): string[] {
  return core
    .entries()
    .filter(({ state }) => state === 'good')
    .map(({ contact }) => contact.id)
    .sort()
}

describe('joining', () => {
  it('K40 K19 ML11 nodes that join through one seed find the nearest of all', () => {
    const network = grown(1, 50)
    for (const node of network.nodes) expect(node.count('bootstrapped')).toBeGreaterThan(0)
    expect(exactLookups(network, 50)).toBe(50)
  })

  it('K40 6.2#13 seeds that are dead for an hour are found soon after they come', () => {
    const network = grown(2, 5)
    for (const node of network.nodes) node.stop()
    const node = network.add()
    node.step({ type: 'bootstrap', contacts: network.nodes.slice(0, 5).map(seedOf) })
    network.run(3_600_000)
    expect([node.core.entries().length, node.waiting.size]).toEqual([0, 0])
    expect(node.sent.length).toBeLessThan(600)
    const seed = network.nodes[3]!
    seed.restart(network.core(seed.contact))
    network.run(70_000 * 2)
    expect(tableOf(node)).toEqual([seed.id])
    expect([node.count('bootstrapped'), node.count('isolated')]).toEqual([1, 0])
  })

  it('K40 6.2#10 a node alone looks up nothing and finds nothing, without an error', () => {
    const network = new FakeNetwork(3)
    const node = network.add()
    // 6.2#10: its own key among them.
    for (const target of [network.key(), node.contact.key]) {
      const lookupId = network.lookup(node, target)
      expect(node.result(lookupId)).toMatchObject({ closest: [], requests: 0 })
    }
    expect([node.core.stats().lookupsRunning, node.refusals]).toEqual([0, []])
  })

  it('K40 a node that lists itself as a seed does not ask itself', () => {
    const network = new FakeNetwork(4)
    const node = network.add()
    const named = { id: node.id, host: '10.9.9.9', port: 1 }
    node.step({ type: 'bootstrap', contacts: [seedOf(node), named] })
    network.run(10_000)
    expect(node.sent).toEqual([])
  })

  it('K40 joins again through its seed when everybody else is gone', () => {
    const network = grown(5, 4)
    const [seed, node] = network.nodes
    for (const each of network.nodes) if (each !== node) each.stop()
    network.lookup(node!, network.key())
    network.run(60_000)
    expect([tableOf(node!), node!.count('isolated')]).toEqual([[], 1])
    seed!.restart(network.core(seed!.contact))
    network.run(120_000)
    expect(tableOf(node!)).toEqual([seed!.id])
    expect(node!.count('bootstrapped')).toBe(2)
  })

  it('K13 comes back from a snapshot, without those who are dead', () => {
    const network = grown(6, 40)
    const node = network.nodes[20]!
    const snapshot = node.core.snapshot()
    const target = network.key()
    node.stop()
    const dead = network.nodes.filter((_, n) => n % 4 === 1)
    for (const each of dead) each.stop()
    node.restart(network.core(node.contact, { snapshot }))
    expect(node.core.entries()).toEqual([])
    network.run(60_000)
    const living = snapshot.filter(({ id }) => !dead.some((each) => each.id === id))
    const found = ids(node.core.closest(target, 40))
    expect(found.length).toBeGreaterThanOrEqual(living.length)
    expect(ids(living).filter((id) => !found.includes(id))).toEqual([])
    expect(dead.filter(({ id }) => found.includes(id))).toEqual([])
    expect(found).toEqual(network.nearest(target, found.length, node))
    // Once in each life.
    expect(node.count('bootstrapped')).toBe(2)
  })

  it('K42 both sides of a partition find each other within a refresh interval', () => {
    const network = grown(7, 40)
    for (const [n, { id }] of network.nodes.entries()) if (n % 2 === 0) network.apart.add(id)
    network.run(3 * 3_600_000)
    const [even] = network.nodes
    const across = (): number => tableOf(even!).filter((id) => !network.apart.has(id)).length
    expect(across()).toBe(0)
    network.apart.clear()
    network.run(3_600_000)
    expect(exactLookups(network, 20)).toBe(20)
  })

  it('K42 a node whose table others have filled meanwhile joins again through the lost', () => {
    const network = new FakeNetwork(19)
    network.grow(30, { settings: { k: 3 } })
    for (const [n, { id }] of network.nodes.entries()) if (n % 2 === 0) network.apart.add(id)
    network.run(3 * 3_600_000)
    const joins = (): number =>
      network.nodes.reduce((sum, { core }) => sum + core.stats().bootstraps, 0)
    const before = joins()
    network.apart.clear()
    network.run(3_600_000)
    expect(joins()).toBeGreaterThan(before)
  })

  it('K42 in a network that is whole, seeds outside of the table cause no join', () => {
    const network = new FakeNetwork(20)
    network.grow(30, { settings: { k: 3 } })
    for (const node of network.nodes) {
      const known = new Set(node.core.entries().map(({ contact }) => contact.id))
      const outside = network.nodes.find(({ id }) => id !== node.id && !known.has(id))!
      node.step({ type: 'bootstrap', contacts: [seedOf(outside)] })
    }
    network.run(2 * 3_600_000)
    const joins = (): number =>
      network.nodes.reduce((sum, { core }) => sum + core.stats().bootstraps, 0)
    const before = joins()
    network.run(8 * 3_600_000)
    expect(joins()).toBe(before)
  })

  it('K40 a node without seeds that was cut off for hours is back minutes after', () => {
    const network = grown(18, 10)
    const node = network.nodes[0]!
    network.apart.add(node.id)
    network.run(5 * 3_600_000)
    expect([tableOf(node), node.count('isolated')]).toEqual([[], 1])
    network.apart.clear()
    network.run(300_000)
    expect(tableOf(node)).toHaveLength(9)
  })

  it('K42 6.2#2 an idle node looks up every bucket again and again', () => {
    const network = grown(8, 20)
    const node = network.nodes[7]!
    const before = node.core.stats().refreshes
    network.run(10 * 3_600_000)
    const buckets = new Set(node.core.entries().map(({ bucket }) => bucket)).size
    expect(node.core.stats().refreshes - before).toBeGreaterThanOrEqual(buckets * 6)
    expect(node.core.stats().refreshes - before).toBeLessThanOrEqual(buckets * 40)
  })
})

describe('lookups', () => {
  it('K24 K8 whoever dies is in no answer after it failed once, and lookups are exact again', () => {
    const network = grown(9, 50)
    const dead = network.nodes.filter((_, n) => n % 3 === 1)
    for (const each of dead) each.stop()
    // Every node finds out about those it knows.
    exactLookups(network, 70)
    network.run(2 * 3_600_000)
    expect(exactLookups(network, 20)).toBe(20)
    for (const node of network.nodes.filter(({ isUp }) => isUp)) {
      const answer = node.core.closest(network.key(), 40)
      expect(answer.filter(({ id }) => dead.some((each) => each.id === id))).toEqual([])
    }
  })

  it('K24 somebody who is late when a lookup ends still counts as failed when no answer comes', () => {
    const network = grown(10, 30)
    const node = network.nodes[5]!
    const dead = network.nodes[9]!
    dead.stop()
    const lookupId = network.lookup(node, dead.contact.key, { count: 3 })
    network.run(1_500)
    node.step({ type: 'stop_lookup', lookupId })
    expect(node.result(lookupId)?.closest).toHaveLength(3)
    expect(node.core.stats()).toMatchObject({ lookupsRunning: 0, requestsRunning: 1 })
    network.run(2_000)
    expect(tableOf(node)).not.toContain(dead.id)
    expect(node.core.stats().requestsRunning).toBe(0)
    expect(node.waiting.size).toBe(0)
  })

  it('ML13 6.2#1 one black hole delays no lookup by more than a late answer takes', () => {
    const network = grown(11, 30)
    network.nodes[9]!.stop()
    for (let n = 0; n < 10; n++) {
      const node = network.nodes[n === 9 ? 10 : n]!
      const lookupId = network.lookup(node, network.nodes[9]!.contact.key, { alpha: 10 })
      network.run(5_000)
      expect(node.result(lookupId)!.closest).toHaveLength(20)
      expect(node.result(lookupId)!.elapsedMs).toBeLessThan(2_000 + 20 * RTT_MS)
    }
  })

  it('6.2#1 a lookup asks at once, however many candidates wait for a ping', () => {
    const network = grown(12, 20)
    const node = network.nodes[3]!
    for (let n = 0; n < 200; n++) {
      const contact = contactOf(network.key(), '10.0.0.1', 40_000 + n)
      node.step({ type: 'candidate', contact })
    }
    expect(node.core.stats().candidates).toBeGreaterThan(100)
    const before = node.sent.length
    const lookupId = network.lookup(node, network.key(), { alpha: 3 })
    expect(node.sent.length - before).toBe(3)
    network.run(RTT_MS * 12)
    // The other nineteen, without a ping of one of the two hundred before it.
    expect(node.result(lookupId)?.closest).toHaveLength(19)
  })

  it('K48 6.2#3 thousands of lookups, cancelled ones too, leave nothing behind', () => {
    const network = grown(13, 20)
    const dead = network.nodes.filter((_, n) => n % 5 === 4)
    for (const each of dead) each.stop()
    const before = network.nodes.map(({ core }) => core.stats())
    const most = { requests: 0, candidates: 0, lookups: 0 }
    const open: (readonly [FakeNode, number])[] = []
    for (let n = 0; n < 2_000; n++) {
      const node = network.nodes[network.random.below(20)]!
      if (!node.isUp) continue
      const lookupId = network.lookup(node, network.key())
      const fate = network.random.below(4)
      if (fate === 0) node.step({ type: 'cancel_lookup', lookupId })
      if (fate === 1) node.step({ type: 'stop_lookup', lookupId })
      if (fate === 2) open.push([node, lookupId])
      if (n % 5 === 0) network.run(RTT_MS)
      if (n % 50 === 0) {
        for (const [each, id] of open.splice(0)) each.step({ type: 'cancel_lookup', lookupId: id })
        const { requestsRunning, candidates, lookupsRunning } = node.core.stats()
        most.requests = Math.max(most.requests, requestsRunning)
        most.candidates = Math.max(most.candidates, candidates)
        most.lookups = Math.max(most.lookups, lookupsRunning)
      }
    }
    network.run(40_000)
    expect(most.lookups).toBeGreaterThan(0)
    expect(most.candidates).toBeLessThanOrEqual(256)
    for (const [n, node] of network.nodes.entries()) {
      if (!node.isUp) continue
      const { lookupsRunning, requestsRunning, candidates } = node.core.stats()
      expect([lookupsRunning, requestsRunning, candidates]).toEqual([0, 0, 0])
      expect(node.waiting.size).toBe(0)
      expect(node.core.stats().lookups).toBeGreaterThan(before[n]!.lookups)
      // Nothing is due but what is always due: refreshes, failed entries, the lost.
      expect(node.core.nextDeadline()).toBeGreaterThan(network.nowMs)
    }
  })

  it('K14 one lookup more than may run and wait is refused, and says so', () => {
    const network = new FakeNetwork(14)
    const first = network.add()
    const node = network.add({ settings: { lookupsMax: 1, lookupQueueMax: 1 } })
    node.step({ type: 'candidate', contact: first.contact })
    network.run(1_000)
    const lookupIds = [1, 2, 3].map(() => network.lookup(node, network.key()))
    expect(lookupIds.map((id) => node.result(id)?.reason)).toEqual([
      undefined,
      undefined,
      'refused',
    ])
    expect(node.refusals).toEqual([['ERR_DHT_LOOKUPS_MAX', undefined]])
    network.run(1_000)
    expect(lookupIds.map((id) => node.result(id)?.reason === undefined)).toEqual([
      false,
      false,
      false,
    ])
  })

  it('K44 lookups tell how many nodes there are', () => {
    const network = grown(15, 60)
    exactLookups(network, 120)
    for (const node of network.nodes.slice(0, 10)) {
      expect(node.core.networkSize()).toBeGreaterThan(60 * 0.6)
      expect(node.core.networkSize()).toBeLessThan(60 * 1.6)
    }
  })

  it('K47 the same seed gives the same run', () => {
    const run = (seed: number): string => {
      const network = grown(seed, 12)
      network.nodes[4]!.stop()
      for (let n = 0; n < 10; n++) network.lookup(network.nodes[n]!, network.key())
      network.run(10_000)
      const trace = (event: RoutingEvent): string =>
        event.type === 'lookup_done' ? ids(event.result.closest).join() : event.type
      return network.nodes.map(({ events, sent }) => [events.map(trace), sent.length]).join('\n')
    }
    expect(run(16)).toBe(run(16))
    expect(run(16)).not.toBe(run(17))
  })
})
