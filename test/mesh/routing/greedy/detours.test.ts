import { describe, expect, it } from 'vitest'
import { compareDistance, keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import { GreedyWorld } from './greedy-world.ts'
import type { WorldNode, WorldOptions } from './greedy-world.ts'
import type { Links } from './strict-links.ts'

/** A star: the first node has a link with each other one, and those with nobody else. */
function star(size: number, more: WorldOptions = {}): GreedyWorld {
  const links: Links = Array.from({ length: size - 1 }, (_, n) => [0, n + 1] as const)
  return new GreedyWorld(95, size, { links, ...more })
}

const NOBODY = keyFromHex('5a'.repeat(32))
const names = (world: GreedyWorld): string => {
  const of = (id: string): number => world.nodes.findIndex(({ contact }) => contact.id === id)
  return world.hops.map(({ from, to }) => `${of(from)}>${of(to)}`).join(' ')
}

/** A node that is nearer to `target` than the hub is, which it must go by. */
function lonely({ nodes }: GreedyWorld, target: KadKey = nodes[1]!.contact.key): WorldNode {
  const hub = nodes[0]!.contact.key
  return nodes.slice(2).find(({ contact: { key } }) => compareDistance(target, key, hub) < 0)!
}

describe('a detour', () => {
  it('leads by way of a node that is not nearer, and its receipt back the same way', () => {
    const world = star(12)
    const from = lonely(world)
    const n = world.nodes.indexOf(from)
    const sendId = world.send(from, world.nodes[1]!.contact.key)
    expect(world.outcomes.get(sendId)).toEqual({ type: 'delivered' })
    expect(names(world)).toBe(`${n}>0 0>1 1>0 0>${n}`)
    expect(world.hops[0]!.envelope).toMatchObject({ visited: [from.contact.id], tried: [] })
    expect(from.core.stats()).toMatchObject({ detours: 1, ways: 1, givenUp: 0 })
  })

  it('is given back from where it ends, with the name of who gave it back', () => {
    const world = star(4)
    const [hub, , , from] = world.nodes as [WorldNode, WorldNode, WorldNode, WorldNode]
    const sendId = world.send(from, NOBODY)
    expect(world.outcomes.get(sendId)).toEqual({
      ...{ type: 'failed', reason: 'no_route', at: from.contact.id },
    })
    expect(names(world)).toMatch(/^3>0 0>[12] [12]>0 0>[12] [12]>0 0>3$/)
    const last = world.hops.at(-1)!.envelope
    expect([last.visited, last.tried!.at(-1)]).toEqual([[from.contact.id], hub.contact.id])
    expect(new Set(last.tried).size).toBe(3)
  })

  it('is with hopsMax nodes and no more: the next one would be one too many', () => {
    for (const [hopsMax, reason] of [
      [5, 'no_route'],
      [4, 'max_hops_exceeded'],
    ] as const) {
      const world = star(5)
      const sendId = world.send(world.nodes[4]!, NOBODY, { hopsMax })
      expect(world.outcomes.get(sendId)).toMatchObject({ type: 'failed', reason })
    }
  })

  it('is taken detoursPerPeerMax times a second from one peer, then given up; of its own a node makes any number', () => {
    const world = star(12, { settings: { detoursPerPeerMax: 2 } })
    const from = lonely(world, NOBODY)
    const ends = (): (string | undefined)[] =>
      [0, 1, 2].map(() => {
        const end = world.outcomes.get(world.send(from, NOBODY, { hopsMax: 32 }))
        return end?.type === 'failed' && end.at === from.contact.id ? 'searched' : 'given up'
      })
    expect(ends()).toEqual(['searched', 'searched', 'given up'])
    expect(world.refusals).toEqual({ ERR_ROUTE_DETOURS_MAX: 1 })
    expect(from.core.stats().detours).toBe(3)
    world.nowMs += 1_000
    expect(ends()[0]).toBe('searched')
  })

  it('is not given back by who does not have it, nor twice', () => {
    const world = star(4)
    const [hub, a, b, from] = world.nodes as [WorldNode, WorldNode, WorldNode, WorldNode]
    world.send(from, NOBODY)
    const { envelope } = world.hops.at(-2)!
    const before = world.hops.length
    for (const { contact } of [a, b]) {
      const tried = [...envelope.tried!.filter((id) => id !== contact.id), contact.id]
      const again = { ...envelope, tried }
      world.step(hub, { type: 'envelope', from: contact.id, envelope: again })
    }
    expect(world.refusals).toEqual({ ERR_ROUTE_PROGRESS: 2 })
    expect(world.hops).toHaveLength(before)
  })

  it('of a send that was cancelled ends when it comes back', () => {
    const world = star(4, { reaches: (_from, to) => (to === from.contact.id ? undefined : true) })
    const from = world.nodes[3]!
    const sendId = world.send(from, NOBODY)
    world.step(from, { type: 'cancel', sendId })
    const back = world.nodes[0]!
    const { envelope } = world.hops.at(-1)!
    const tried = [...(envelope.tried ?? []), back.contact.id]
    const before = world.hops.length
    world.step(from, {
      ...{ type: 'envelope', from: back.contact.id },
      envelope: { ...envelope, visited: [from.contact.id], tried },
    })
    expect(world.hops).toHaveLength(before)
    expect(world.outcomes.size).toBe(0)
  })
})

describe('a way that was learnt', () => {
  it('is used until nothing has arrived on it for wayTtlMs', () => {
    const world = star(12, { settings: { wayTtlMs: 5_000 } })
    const from = lonely(world)
    const to = world.nodes[1]!.contact.key
    const detours = (): number => from.core.stats().detours
    world.send(from, to)
    expect(detours()).toBe(1)
    world.nowMs += 4_999
    world.send(from, to)
    expect(detours()).toBe(1)
    world.nowMs += 5_000
    world.send(from, to)
    expect([detours(), from.core.stats().ways]).toEqual([2, 1])
  })

  it('is forgotten by the source when nothing comes back', () => {
    let isSilent = false
    const world = star(12, { reaches: () => (isSilent ? undefined : true) })
    const from = lonely(world)
    const to = world.nodes[1]!.contact.key
    world.send(from, to)
    isSilent = true
    const sendId = world.send(from, to)
    world.advance(10_000)
    expect(world.outcomes.get(sendId)?.type).toMatch(/timeout|failed/)
    expect(from.core.stats().ways).toBe(0)
  })

  it('is learnt from a receipt that comes from where the envelope went, and from nobody else', () => {
    let isLost = true
    const world = star(12, {
      reaches: (own) => (isLost && own === world.nodes[1]!.contact.id ? undefined : true),
    })
    const from = lonely(world)
    const liar = world.nodes.slice(2).find((node) => node !== from)!.contact
    const to = world.nodes[1]!.contact
    world.send(from, to.key)
    const { id } = world.hops[0]!.envelope
    world.step(from, {
      ...{ type: 'envelope', from: liar.id },
      envelope: {
        ...{ id: '7'.repeat(32), channel: 'rpc', destination: from.contact.key, source: to.key },
        ...{ hopsMax: 10, ttlMs: 100, visited: [to.id, liar.id], tried: [] },
        ...{ via: undefined, sourceVia: undefined, content: { type: 'receipt', about: id } },
      },
    })
    expect(from.core.stats().ways).toBe(0)
    isLost = false
    world.send(from, to.key)
    expect(from.core.stats().ways).toBe(1)
  })
})
