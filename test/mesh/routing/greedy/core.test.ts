import { describe, expect, it } from 'vitest'
import type { Envelope } from '../../../../mesh/routing/greedy/envelope.ts'
import type { GreedyInput } from '../../../../mesh/routing/greedy/machine.ts'
import { compareDistance, keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import { contactOf } from '../kademlia/static-network.ts'
import { GreedyWorld } from './greedy-world.ts'
import type { WorldNode, WorldOptions } from './greedy-world.ts'

/** Nodes in a row, each knowing only the next: so many hops from the first to the last. */
function line(length: number, more: WorldOptions = {}): GreedyWorld {
  const order: string[] = []
  const world: GreedyWorld = new GreedyWorld(71, length, {
    ...more,
    closest: (own, _truth, key) => {
      if (order.length === 0) return []
      const at = order.indexOf(own.id)
      const step = key.hex === order[0] ? -1 : 1
      const next = order[at + step]
      return next === undefined ? [] : [contactOf(keyFromHex(next))]
    },
  })
  const last = world.nodes[0]!.contact.key
  const sorted = world.nodes
    .map(({ contact }) => contact)
    .sort((a, b) => compareDistance(last, b.key, a.key))
  order.push(...sorted.map(({ id }) => id))
  return world
}

const first = (world: GreedyWorld): WorldNode => farthest(world, world.nodes[0]!.contact.key)

function farthest(world: GreedyWorld, from: KadKey): WorldNode {
  return world.nodes.toSorted((a, b) => compareDistance(from, b.contact.key, a.contact.key))[0]!
}

/** A whole network, and an envelope as it would come to the nearest node of it. */
function received(more: Partial<Envelope> = {}, options: WorldOptions = {}) {
  const world = new GreedyWorld(72, 40, options)
  const to = world.nodes[0]!
  const from = farthest(world, to.contact.key)
  const envelope: Envelope = {
    ...{ id: 'ab'.repeat(16), channel: 'rpc', destination: to.contact.key },
    ...{ source: from.contact.key, hopsMax: 10, ttlMs: 5_000, visited: [from.contact.id] },
    ...{ via: undefined, sourceVia: undefined, tried: undefined },
    content: { type: 'call', about: undefined, receipt: false, payload: new Uint8Array(3) },
    ...more,
  }
  const input: GreedyInput = { type: 'envelope', from: from.contact.id, envelope }
  return { world, to, from, envelope, input }
}

describe('hops', () => {
  it('MG8 delivers at the destination with as many hops made as are allowed', () => {
    const world = line(6)
    const to = world.nodes[0]!
    const sendId = world.send(first(world), to.contact.key, { hopsMax: 5 })
    expect(world.delivered[0]!.envelope.visited).toHaveLength(5)
    expect(world.delivered[0]!.at).toBe(to.contact.id)
    // Whether it comes back is another matter: nobody is nearer to the source on the way.
    expect(world.outcomes.get(sendId)).not.toMatchObject({ reason: 'max_hops_exceeded' })
  })

  it('gives up one hop before the destination with one hop less, and tells the source', () => {
    const world = line(6, { linked: (own, id) => id === first(world).contact.id && own !== id })
    const to = world.nodes[0]!
    const from = first(world)
    const sendId = world.send(from, to.contact.key, { hopsMax: 4 })
    expect(world.delivered).toEqual([])
    const at = world.hops[3]!.to
    expect(world.outcomes.get(sendId)).toEqual({ type: 'failed', reason: 'max_hops_exceeded', at })
  })

  it('says no_route where nobody is nearer, by an envelope that is routed itself', () => {
    const world = new GreedyWorld(73, 100)
    const nobody = keyFromHex('5a'.repeat(32))
    const sendId = world.send(farthest(world, nobody), nobody)
    const outcome = world.outcomes.get(sendId)!
    const nearest = world.nodes.toSorted((a, b) =>
      compareDistance(nobody, a.contact.key, b.contact.key),
    )[0]!
    expect(outcome).toEqual({ type: 'failed', reason: 'no_route', at: nearest.contact.id })
    expect(nearest.core.stats().givenUp).toBe(1)
  })

  it('delivers to itself without a hop', () => {
    const world = new GreedyWorld(74, 3)
    const own = world.nodes[1]!
    const sendId = world.send(own, own.contact.key)
    expect(world.outcomes.get(sendId)).toEqual({ type: 'delivered' })
    expect(world.delivered[0]!.envelope.visited).toEqual([])
    expect(world.hops).toEqual([])
  })

  it('takes a link to the destination before any table', () => {
    const world = line(6, { linked: (_own, id) => id === world.nodes[0]!.contact.id })
    const to = world.nodes[0]!
    world.send(first(world), to.contact.key)
    expect(world.delivered[0]!.envelope.visited).toHaveLength(1)
  })

  it('leave out a destination that was dialled in vain, at its sender only and unless there is a link', () => {
    const visited = (isLinked: boolean, isUndialable: boolean): readonly string[] => {
      const to = new GreedyWorld(84, 40).nodes[0]!.contact
      const linked = (own: string, id: string): boolean => isLinked && own !== id && id === to.id
      const world = new GreedyWorld(84, 40, { linked })
      world.step(farthest(world, to.key), {
        ...{ type: 'send', sendId: 1, id: '7'.repeat(32), routeType: 'call', isUndialable },
        ...{ destination: to.key, payload: new Uint8Array(0), about: undefined },
        ...{ receipt: false, hopsMax: 10, deadlineMs: 5_000, via: undefined, sourceVia: undefined },
      })
      return world.delivered[0]!.envelope.visited
    }
    expect(visited(false, false)).toHaveLength(1)
    expect(visited(false, true)).toHaveLength(2)
    expect(visited(true, true)).toHaveLength(1)
  })
})

describe('alternatives', () => {
  const attempts = (world: GreedyWorld, from: WorldNode): number => from.core.stats().attemptsFailed

  it('tries three next hops and not a fourth', () => {
    const tried: string[] = []
    const world = new GreedyWorld(75, 60, {
      reaches: (from, to) => {
        if (from === source) tried.push(to)
        return from !== source
      },
    })
    const to = world.nodes[0]!
    const from = farthest(world, to.contact.key)
    const source = from.contact.id
    const sendId = world.send(from, to.contact.key)
    expect(tried).toHaveLength(3)
    expect(new Set(tried).size).toBe(3)
    expect(attempts(world, from)).toBe(3)
    expect(world.outcomes.get(sendId)).toEqual({ type: 'failed', reason: 'no_route', at: source })
  })

  it('goes on with the third when the first two can not be reached', () => {
    let failed = 0
    const world = new GreedyWorld(76, 60, { reaches: () => failed++ >= 2 })
    const to = world.nodes[0]!
    const sendId = world.send(farthest(world, to.contact.key), to.contact.key)
    expect(world.outcomes.get(sendId)).toEqual({ type: 'delivered' })
  })

  it('leaves a next hop that is silent after attemptTimeoutMs, and takes nothing of it later', () => {
    let silent = 1
    const world = new GreedyWorld(77, 60, {
      reaches: () => (silent-- > 0 ? undefined : true),
      settings: { attemptTimeoutMs: 700 },
    })
    const to = world.nodes[0]!
    const from = farthest(world, to.contact.key)
    const sendId = world.send(from, to.contact.key)
    world.advance(699)
    expect(world.outcomes.size).toBe(0)
    world.advance(1)
    expect(world.cancelled).toEqual([1])
    expect(world.outcomes.get(sendId)).toEqual({ type: 'delivered' })
    world.step(from, { type: 'forward_failed', attemptId: 1 })
    world.step(from, { type: 'forwarded', attemptId: 1 })
    expect(from.core.stats()).toMatchObject({ forwarded: 1, attemptsFailed: 1 })
  })
})

describe('what comes in', () => {
  it('is delivered once, however often it comes', () => {
    const { world, to, input } = received()
    for (let i = 0; i < 3; i++) world.step(to, input)
    expect(world.delivered).toHaveLength(1)
    expect(world.refusals).toEqual({ ERR_ROUTE_DUPLICATE: 2 })
  })

  it('is remembered up to seenMax, then the oldest is forgotten', () => {
    const { world, to, from, envelope } = received({}, { settings: { seenMax: 2 } })
    const take = (digit: string): void =>
      world.step(to, {
        ...{ type: 'envelope', from: from.contact.id },
        envelope: { ...envelope, id: digit.repeat(32) },
      })
    take('1')
    take('2')
    take('1')
    expect(world.delivered).toHaveLength(2)
    take('3')
    take('1')
    expect(world.delivered).toHaveLength(4)
    expect(to.core.stats().seen).toBe(2)
  })

  it('is not taken from a peer that its path does not end at, or with a source it did not begin at', () => {
    const { world, to, envelope, input } = received()
    const other = world.nodes[1]!.contact
    world.step(to, { type: 'envelope', from: other.id, envelope })
    world.step(to, { ...input, envelope: { ...envelope, source: other.key } } as GreedyInput)
    world.step(to, { ...input, envelope: { ...envelope, visited: [] } } as GreedyInput)
    expect(world.delivered).toEqual([])
    expect(world.refusals).toEqual({ ERR_ROUTE_SOURCE: 3 })
  })

  it('is not taken where it has been, nor from a path that repeats itself', () => {
    const { world, to, from, envelope, input } = received()
    const own = to.contact.id
    const source = to.contact.key
    const visited = [own, from.contact.id]
    world.step(to, { ...input, envelope: { ...envelope, source, visited } } as GreedyInput)
    const twice = [from.contact.id, world.nodes[1]!.contact.id, from.contact.id]
    world.step(to, { ...input, envelope: { ...envelope, visited: twice } } as GreedyInput)
    expect(world.refusals).toEqual({ ERR_ROUTE_PROGRESS: 2 })
  })

  it('is not taken from a peer that is nearer to the destination, or is the destination', () => {
    const { world, to, from, envelope } = received()
    for (const sender of [to.contact, world.nodes[1]!.contact]) {
      const visited = [sender.id]
      const stray = { ...envelope, destination: to.contact.key, source: sender.key, visited }
      world.step(from, { type: 'envelope', from: sender.id, envelope: stray })
    }
    expect(world.refusals).toEqual({ ERR_ROUTE_PROGRESS: 2 })
    expect(world.hops).toEqual([])
  })

  it('is taken envelopesPerPeerMax times a second from one peer, and from others meanwhile', () => {
    const { world, to, from, envelope } = received({}, { settings: { envelopesPerPeerMax: 2 } })
    const take = (sender: WorldNode, digit: string): void =>
      world.step(to, {
        ...{ type: 'envelope', from: sender.contact.id },
        envelope: {
          ...{ ...envelope, id: digit.repeat(32) },
          ...{ source: sender.contact.key, visited: [sender.contact.id] },
        },
      })
    for (const digit of ['1', '2', '3']) take(from, digit)
    expect(world.refusals).toEqual({ ERR_ROUTE_PEER_RATE: 1 })
    take(world.nodes[1]!, '4')
    expect(world.delivered).toHaveLength(3)
    world.advance(1_000)
    take(from, '5')
    expect(world.delivered).toHaveLength(4)
  })

  it('waits for a link forwardsMax times, and is dropped the next time', () => {
    const options = { settings: { forwardsMax: 1 }, reaches: () => undefined }
    const { world, from } = received({}, options)
    const via = world.nodes[1]!
    const to = world.nodes[0]!.contact.key
    world.send(via, to)
    const refused = world.send(via, to)
    expect(world.outcomes.get(refused)).toEqual({ type: 'refused', code: 'ERR_ROUTE_FORWARDS_MAX' })
    expect(world.refusals).toEqual({ ERR_ROUTE_FORWARDS_MAX: 1 })
    expect(from.core.stats().forwards).toBe(0)
  })

  it('ends where its time is over', () => {
    const options: WorldOptions = { reaches: () => undefined }
    const { world, from, envelope } = received({}, options)
    const nobody = keyFromHex('00'.repeat(32))
    const via = world.nodes.find(
      ({ contact }) =>
        contact !== from.contact && compareDistance(nobody, contact.key, from.contact.key) < 0,
    )!
    world.step(via, {
      ...{ type: 'envelope', from: from.contact.id },
      envelope: { ...envelope, destination: nobody, ttlMs: 1_000 },
    })
    expect(via.core.stats().forwards).toBe(1)
    world.advance(1_000)
    expect(world.refusals).toEqual({ ERR_ROUTE_EXPIRED: 1 })
    expect(via.core.stats().forwards).toBe(0)
    expect(via.core.nextDeadline()).toBe(Infinity)
  })
})

describe('what comes back', () => {
  it('is an error of the destination when there is nobody for it', () => {
    const world = new GreedyWorld(78, 50, { wanted: () => false })
    const to = world.nodes[0]!.contact
    const sendId = world.send(world.nodes[1]!, to.key)
    expect(world.outcomes.get(sendId)).toEqual({
      ...{ type: 'failed', reason: 'no_handler', at: to.id },
    })
  })

  it('is in the frame of what it is about', () => {
    const world = new GreedyWorld(78, 50)
    world.send(world.nodes[1]!, world.nodes[0]!.contact.key, { type: 'publish' })
    world.send(world.nodes[1]!, world.nodes[0]!.contact.key, { type: 'reply' })
    const channels = world.hops.map(
      ({ envelope }) => `${envelope.content.type} ${envelope.channel}`,
    )
    expect(new Set(channels)).toEqual(
      new Set(['publish pubsub', 'receipt pubsub', 'reply rpc', 'receipt rpc']),
    )
  })

  it('is counted and nothing more when it finds no way', () => {
    const world = new GreedyWorld(79, 50, {
      reaches: (from) => from !== to.id,
    })
    const to = world.nodes[0]!.contact
    const from = farthest(world, to.key)
    const sendId = world.send(from, to.key)
    expect(world.delivered).toHaveLength(1)
    expect(world.refusals).toEqual({ ERR_ROUTE_RETURN_LOST: 1 })
    expect(world.outcomes.size).toBe(0)
    world.advance(10_000)
    expect(world.outcomes.get(sendId)).toEqual({ type: 'timeout' })
  })

  it('is nothing without a receipt: the send ends with its first hop', () => {
    const world = new GreedyWorld(80, 50)
    const sendId = world.send(world.nodes[1]!, world.nodes[0]!.contact.key, { receipt: false })
    expect(world.outcomes.get(sendId)).toEqual({ type: 'delivered' })
    expect(world.hops.every(({ envelope }) => envelope.content.type === 'call')).toBe(true)
  })

  it('of a call may be its reply, from the one that was called only', () => {
    const world = new GreedyWorld(81, 50, {
      // The receipt of the call does not come through.
      reaches: (from) => from !== to.contact.id || replying,
    })
    let replying = false
    const to = world.nodes[0]!
    const from = farthest(world, to.contact.key)
    const sendId = world.send(from, to.contact.key)
    const { id } = world.delivered[0]!.envelope
    replying = true
    const reply = (node: WorldNode, number: number): void =>
      world.step(node, {
        ...{ type: 'send', sendId: number, id: `${number}`.repeat(32), routeType: 'reply' },
        ...{ destination: from.contact.key, payload: new Uint8Array(0), about: id },
        ...{ receipt: false, hopsMax: 10, deadlineMs: 5_000, via: undefined, sourceVia: undefined },
      })
    reply(world.nodes[1]!, 8)
    expect(world.outcomes.has(sendId)).toBe(false)
    reply(to, 9)
    expect(world.outcomes.get(sendId)).toEqual({ type: 'delivered' })
  })

  it('is not believed from somebody else, nor for what nobody waits for', () => {
    const world = new GreedyWorld(82, 50, { reaches: (from) => from === source })
    const to = world.nodes[0]!
    const from = farthest(world, to.contact.key)
    const source = from.contact.id
    const sendId = world.send(from, to.contact.key)
    const { id } = world.hops[0]!.envelope
    const liar = world.nodes.find(
      ({ contact }) => contact !== from.contact && contact !== to.contact,
    )!.contact
    const say = (n: number, content: Envelope['content']): void =>
      world.step(from, {
        ...{ type: 'envelope', from: liar.id },
        envelope: {
          ...{ id: `${n}`.repeat(32), channel: 'rpc', destination: from.contact.key, content },
          ...{ source: liar.key, hopsMax: 10, ttlMs: 100, visited: [liar.id] },
          ...{ via: undefined, sourceVia: undefined, tried: undefined },
        },
      })
    say(1, { type: 'receipt', about: id })
    say(2, { type: 'error', about: id, reason: 'no_handler' })
    say(3, { type: 'receipt', about: '00'.repeat(16) })
    expect(world.refusals).toMatchObject({ ERR_ROUTE_RETURN_UNEXPECTED: 3 })
    expect(world.outcomes.has(sendId)).toBe(false)
    // Anybody on the way may have given up.
    say(4, { type: 'error', about: id, reason: 'no_route' })
    expect(world.outcomes.get(sendId)).toEqual({
      ...{ type: 'failed', reason: 'no_route', at: liar.id },
    })
  })
})

describe('a send', () => {
  it('is one of sendsMax that wait, and refused beyond', () => {
    const world = new GreedyWorld(83, 20, {
      settings: { sendsMax: 2 },
      reaches: () => undefined,
    })
    const [to, from] = world.nodes
    const sends = [1, 2, 3].map(() => world.send(from!, to!.contact.key))
    expect(world.outcomes.get(sends[2]!)).toEqual({ type: 'refused', code: 'ERR_ROUTE_SENDS_MAX' })
    expect(world.outcomes.size).toBe(1)
  })

  it('that is cancelled is not sent any more, and nothing is said of it', () => {
    const world = new GreedyWorld(84, 20, { reaches: () => undefined })
    const [to, from] = world.nodes
    const sendId = world.send(from!, to!.contact.key)
    world.step(from!, { type: 'cancel', sendId })
    world.step(from!, { type: 'cancel', sendId })
    expect(world.cancelled).toEqual([1])
    expect(from!.core.stats()).toMatchObject({ sends: 0, forwards: 0 })
    expect(from!.core.nextDeadline()).toBe(Infinity)
    world.advance(20_000)
    expect(world.outcomes.size).toBe(0)
  })

  it('waits for its turn when its peer would drop it, in order; what is passed on does not', () => {
    const world = line(3, { settings: { envelopesPerPeerMax: 4 } })
    const [to, from] = [world.nodes[0]!.contact, first(world)]
    const sends = [1, 2, 3, 4].map(() => world.send(from, to.key, { receipt: false }))
    const said = (): readonly number[] =>
      world.delivered.map(({ envelope }) =>
        'payload' in envelope.content ? envelope.content.payload[0]! : 0,
      )
    expect(said()).toEqual(sends.slice(0, 1))
    expect(from.core.stats()).toMatchObject({ sends: 3, forwards: 3 })
    world.advance(999)
    expect(said()).toEqual(sends.slice(0, 1))
    world.advance(1)
    expect(said()).toEqual(sends.slice(0, 2))
    world.step(from, { type: 'cancel', sendId: sends[2]! })
    world.advance(2_000)
    expect(said()).toEqual([sends[0], sends[1], sends[3]])
    expect([...world.outcomes.keys()]).toEqual([sends[0], sends[1], sends[3]])
    expect(from.core.nextDeadline()).toBe(Infinity)
    expect(world.refusals).toEqual({})
  })

  it('that has no turn before its deadline ends there, and was never sent', () => {
    const world = line(3, { settings: { envelopesPerPeerMax: 2 } })
    const [to, from] = [world.nodes[0]!.contact, first(world)]
    const sends = Array.from({ length: 12 }, () => world.send(from, to.key, { receipt: false }))
    world.advance(20_000)
    expect(world.delivered.length).toBe(10)
    for (const late of sends.slice(10))
      expect(world.outcomes.get(late)).toEqual({ type: 'timeout' })
    expect(from.core.stats()).toMatchObject({ sends: 0, forwards: 0 })
  })

  it('ends at its deadline, with the attempt that it made', () => {
    const world = new GreedyWorld(85, 20, { reaches: () => undefined })
    const [to, from] = world.nodes
    const sendId = world.send(from!, to!.contact.key)
    world.advance(10_000)
    const { type } = world.outcomes.get(sendId)!
    expect(['timeout', 'failed']).toContain(type)
    expect(from!.core.stats()).toMatchObject({ sends: 0, forwards: 0 })
    expect(world.refusals).toEqual({})
  })
})

describe('gateways', () => {
  it('hand over to a peer at the edge only on a link that stands, and never dial it', () => {
    const dialled: (number | undefined)[] = []
    const world = new GreedyWorld(91, 30)
    const gateway = world.nodes[3]!
    const peer = world.client(gateway)
    const sink = { forward: (_id: number, to: { readonly port: number }) => dialled.push(to.port) }
    gateway.core.step(
      0,
      {
        ...{ type: 'send', sendId: 1, id: 'ab'.repeat(16), routeType: 'call', receipt: true },
        ...{ destination: peer.contact.key, via: gateway.contact.key, about: undefined },
        sourceVia: undefined,
        ...{ payload: new Uint8Array(1), hopsMax: 10, deadlineMs: 1_000 },
      },
      sink as never,
    )
    expect(dialled).toEqual([0])
  })

  it('take from a peer at the edge only what is its own', () => {
    const world = new GreedyWorld(92, 30)
    const gateway = world.nodes[3]!
    const peer = world.client(gateway)
    const other = world.nodes[4]!.contact
    const envelope: Envelope = {
      ...{ id: 'cd'.repeat(16), channel: 'rpc', destination: world.nodes[5]!.contact.key },
      ...{ source: other.key, hopsMax: 10, ttlMs: 5_000, visited: [other.id, peer.contact.id] },
      ...{ via: undefined, sourceVia: undefined, tried: undefined },
      content: { type: 'call', about: undefined, receipt: false, payload: new Uint8Array(3) },
    }
    world.step(gateway, { type: 'envelope', from: peer.contact.id, envelope })
    expect(world.refusals).toEqual({ ERR_ROUTE_SOURCE: 1 })
    expect(world.hops).toEqual([])
  })

  it('let nobody but a client send away from the destination', () => {
    const { world, to, input, envelope } = received()
    const away = keyFromHex(envelope.source.hex)
    world.step(to, { ...input, envelope: { ...envelope, via: away } } as GreedyInput)
    expect(world.refusals).toEqual({ ERR_ROUTE_PROGRESS: 1 })
  })
})
