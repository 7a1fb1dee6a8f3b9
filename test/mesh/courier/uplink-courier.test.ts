import { describe, expect, it } from 'vitest'
import { WireType } from '../../../mesh/wire/messages.ts'
import { CourierWorld, frameOf, killCourier, noting, pattern } from './courier-world.ts'
import type { CourierNode } from './courier-world.ts'

/** Two gateways and a member, all linked; a peer at each gateway, the fourth and the fifth node. */
async function edges(seed: number) {
  const world = new CourierWorld(seed)
  const mesh = { dht: {}, gateway: { health: false } } as const
  for (const n of [1, 2]) await world.start(n, { mesh, ...(n === 1 ? {} : { seed: 1 }) })
  await world.start(3, { mesh: { dht: {} }, seed: 1 })
  await world.advance(15_000)
  await world.startEdge(4, [1])
  await world.startEdge(5, [2])
  await world.advance(100)
  world.trace.length = 0
  const [g1, g2, member, a, b] = world.nodes as [
    CourierNode,
    CourierNode,
    CourierNode,
    CourierNode,
    CourierNode,
  ]
  return { world, g1, g2, member, a, b }
}

describe('a peer at the edge', () => {
  it('reaches a member through its gateway, sealed, and is answered the same way', async () => {
    const { world, g1, member, a } = await edges(71)
    await using _ = world
    member.courier.handle(WireType.cancel, WireType.cancel, ({ node, via }) => {
      expect(via).toBe(g1.key)
      member.courier.send(node, 'rpc', frameOf('answer', WireType.reply), { via })
    })
    a.courier.send(member.key, 'rpc', frameOf('question', WireType.cancel), noting(a))
    await world.advance(1_000)
    expect(a.got).toEqual(['reply answer from n3 relayed'])
    expect(a.lost).toEqual([])
    const routes = world.trace.filter((hop) => hop.endsWith('rpcRoute'))
    expect(routes.slice(0, 2)).toEqual(['4>1 rpcRoute', '1>3 rpcRoute'])
  })

  it('reaches a peer of another gateway by naming that, and is told what was lost', async () => {
    const { world, g1, g2, a, b } = await edges(72)
    await using _ = world
    a.courier.send(b.key, 'rpc', frameOf('hello'), noting(a, { via: g2.key }))
    await world.advance(2_000)
    expect(b.got).toEqual(['call hello from n4 relayed'])
    expect(b.origins[0]).toMatchObject({ node: a.key, via: g1.key })
    b.courier.send(a.key, 'rpc', frameOf('hello you'), noting(b, { via: g1.key }))
    await world.advance(2_000)
    expect(a.got).toEqual(['call hello you from n5 relayed'])
    await world.stop(b)
    a.courier.send(b.key, 'rpc', frameOf('anybody'), noting(a, { via: g2.key }))
    await world.advance(12_000)
    expect(a.lost).toEqual(['ERR_COURIER_UNREACHABLE'])
  })

  it('is reached by a member that knows its gateway, whom it asks for the key', async () => {
    const { world, g1, member, a } = await edges(73)
    await using _ = world
    member.courier.send(
      a.key,
      'pubsub',
      frameOf('news', WireType.publish),
      noting(member, { via: g1.key }),
    )
    await world.advance(1_000)
    expect(a.got).toEqual(['publish news from n3 relayed'])
    expect(world.trace.filter((hop) => hop.includes('key'))).toEqual([
      '3>1 keyQuery',
      '1>4 keyQuery',
      '4>1 keyReply',
      '1>3 keyReply',
    ])
    world.trace.length = 0
    member.courier.send(
      a.key,
      'pubsub',
      frameOf('more', WireType.publish),
      noting(member, { via: g1.key }),
    )
    await world.advance(1_000)
    expect(a.got).toHaveLength(2)
    expect(world.trace.filter((hop) => hop.includes('key'))).toEqual([])
    expect(member.lost).toEqual([])
  })

  it('speaks with its gateway directly', async () => {
    const { world, g1, a } = await edges(74)
    await using _ = world
    expect(a.courier.send(g1.key, 'rpc', frameOf('up'))).toBe('sent')
    expect(g1.courier.send(a.key, 'rpc', frameOf('down'))).toBe('sent')
    await world.advance(100)
    expect(g1.got).toEqual(['call up from n4 direct'])
    expect(a.got).toEqual(['call down from n1 direct'])
  })

  it('keeps what it sends while there is no gateway, and sends it to the next one', async () => {
    const { world, g1, member, a } = await edges(75)
    await using _ = world
    await world.cluster.during(a.core.pool.link(g1.key)!.close())
    expect(a.courier.send(member.key, 'rpc', frameOf('one'), noting(a))).toBe('waiting')
    a.courier.send(member.key, 'rpc', frameOf('two'), noting(a))
    await world.advance(3_000)
    expect(member.got).toEqual([])
    await world.uplink(a, 2)
    await world.advance(1_000)
    expect(member.got).toEqual(['call one from n4 relayed', 'call two from n4 relayed'])
    expect(member.origins[0]!.via).toBe(world.nodes[1]!.key)
    expect(a.lost).toEqual([])
    expect(a.gone).toEqual(['n1 left'])
  })

  it('is told that nobody took what it sent while no gateway came', async () => {
    const { world, g1, member, a } = await edges(76)
    await using _ = world
    await world.cluster.during(a.core.pool.link(g1.key)!.close())
    a.courier.send(member.key, 'rpc', frameOf('one'), noting(a))
    await world.advance(11_000)
    expect(a.lost).toEqual(['ERR_COURIER_TIMEOUT'])
    expect(a.courier.stats().bytesWaiting).toBe(0)
  })

  it('sends and gets large messages', async () => {
    const { world, g1, member, a } = await edges(77)
    await using _ = world
    a.courier.send(member.key, 'bulk', frameOf(pattern(300_000)), noting(a))
    member.courier.send(a.key, 'bulk', frameOf(pattern(200_000)), noting(member, { via: g1.key }))
    await world.advance(3_000)
    expect(member.got).toEqual(['call 300000 bytes from n4 relayed'])
    expect(a.got).toEqual(['call 200000 bytes from n3 relayed'])
  })

  it('goes on after its courier was killed', async () => {
    const { world, member, a } = await edges(78)
    await using _ = world
    killCourier(a)
    await world.advance(100)
    a.courier.send(member.key, 'rpc', frameOf('on'), noting(a))
    await world.advance(1_000)
    expect(member.got).toEqual(['call on from n4 relayed'])
  })

  it('does not wait for what its gateway took along, and is told of that in its time', async () => {
    const { world, g1, member, a } = await edges(83)
    await using _ = world
    const { tamper } = world
    world.tamper = (from, to, type, payload) =>
      to === 1 && type === WireType.rpcRoute ? undefined : tamper(from, to, type, payload)
    a.courier.send(member.key, 'rpc', frameOf('swallowed'), noting(a))
    await world.advance(100)
    a.courier.send(member.key, 'rpc', frameOf('behind it'), noting(a))
    await world.cluster.during(a.core.pool.link(g1.key)!.close())
    a.courier.send(member.key, 'rpc', frameOf('after it'), noting(a))
    await world.advance(1_000)
    expect([member.got, a.lost]).toEqual([[], []])
    await world.uplink(a, 2)
    await world.advance(500)
    const arrived = ['call behind it from n4 relayed', 'call after it from n4 relayed']
    expect([member.got, a.lost]).toEqual([arrived, []])
    await world.advance(10_000)
    expect([member.got, a.lost]).toEqual([arrived, ['ERR_COURIER_TIMEOUT']])
  })

  it('is reached by the next gateway while what the one before took along is not known to be lost', async () => {
    const { world, g1, g2, member, a } = await edges(84)
    await using _ = world
    const { tamper } = world
    world.tamper = (from, to, type, payload) =>
      to === 1 && type === WireType.rpcRoute ? undefined : tamper(from, to, type, payload)
    member.courier.send(a.key, 'rpc', frameOf('swallowed'), noting(member, { via: g1.key }))
    await world.advance(100)
    await world.cluster.during(a.core.pool.link(g1.key)!.close())
    await world.uplink(a, 2)
    await world.cluster.during(member.core.pool.link(g1.key)!.close())
    member.courier.send(a.key, 'rpc', frameOf('next'), noting(member, { via: g2.key }))
    await world.advance(500)
    expect([a.got, member.lost]).toEqual([['call next from n3 relayed'], []])
    await world.advance(10_000)
    expect([a.got, member.lost]).toEqual([['call next from n3 relayed'], ['ERR_COURIER_TIMEOUT']])
  })

  it('cannot be spoken for by its gateway, which changes what it passes on', async () => {
    const { world, g1, member, a } = await edges(79)
    await using _ = world
    a.courier.send(member.key, 'rpc', frameOf('mine'), noting(a))
    await world.advance(1_000)
    const { routeProtocol } = g1.core.dht!
    world.tamper = (_from, to, type, payload) => {
      if (to !== 3 || type !== WireType.rpcRoute) return payload
      const envelope = routeProtocol.decode(type, payload)
      if (!('payload' in envelope.content)) return payload
      const bytes = envelope.content.payload.fill(0x41, 200, 220)
      const changed = { ...envelope, content: { ...envelope.content, payload: bytes } }
      return routeProtocol.encode(changed).subarray(8)
    }
    a.courier.send(member.key, 'rpc', frameOf('changed'), noting(a))
    await world.advance(2_000)
    expect(member.got).toEqual(['call mine from n4 relayed'])
    expect(member.core.refusals.counters()).toMatchObject({ ERR_COURIER_SEAL: 1 })
    expect(a.lost).toEqual(['ERR_COURIER_UNREACHABLE'])
  })
})

describe('the client of a gateway', () => {
  it('is gone when its link is, for the gateway', async () => {
    const { world, g1, a } = await edges(81)
    await using _ = world
    await world.stop(a)
    await world.advance(100)
    expect(g1.gone).toEqual([`n${a.key} left`])
  })
})
