import { describe, expect, it } from 'vitest'
import { WireType } from '../../../mesh/wire/messages.ts'
import { CourierWorld, frameOf, killCourier, noting, pattern, payloadOf } from './courier-world.ts'
import type { CourierNode, NodeOptions } from './courier-world.ts'

/** Four nodes with a DHT, of which the first and the third cannot reach each other. */
async function apart(seed: number, more: NodeOptions & { real?: boolean } = {}) {
  const { real = false, ...options } = more
  const world = new CourierWorld(seed, { real })
  world.cluster.network.partition('10.0.0.1', '10.0.0.3')
  for (const n of [2, 1, 3, 4]) {
    const given = n === 2 ? {} : { seed: 2 }
    await world.start(n, { ...given, mesh: { dht: {} }, ...options })
  }
  await world.advance(15_000)
  const [b, a, c, d] = world.nodes as [CourierNode, CourierNode, CourierNode, CourierNode]
  world.trace.length = 0
  return { world, a, b, c, d }
}

/** Hops of envelopes with messages, receipts not told apart, from the trace. */
const routes = (world: CourierWorld, type: string): string[] =>
  world.trace.filter((hop) => hop.endsWith(` ${type}`)).map((hop) => hop.split(' ')[0]!)

describe('through others', () => {
  it('ML3 reaches a node that cannot be dialled: the wire shows the route', async () => {
    const { world, a, c } = await apart(41)
    await using _ = world
    expect(a.courier.send(c.key, 'pubsub', frameOf('news', WireType.publish))).toBe('waiting')
    await world.advance(10_000)
    expect(c.got).toEqual(['publish news from n1 relayed'])
    expect(c.origins[0]).toMatchObject({ node: a.key, roles: [], path: 'relayed' })
    expect(a.core.pool.link(c.key)).toBeUndefined()
    const hops = routes(world, 'pubsubRoute')
    expect(hops[0]).toMatch(/^1>[24]$/)
    expect(hops.some((hop) => /^[24]>3$/.test(hop))).toBe(true)
    expect(hops).not.toContain('1>3')
    expect(world.trace.filter((hop) => hop.endsWith(' publish'))).toEqual([])
    expect(a.courier.stats()).toMatchObject({ direct: 0, relayed: 1, lost: 0 })
  })

  it('brings an answer back the same way', async () => {
    const { world, a, c } = await apart(42)
    await using _ = world
    c.courier.handle(WireType.cancel, WireType.cancel, ({ node, via }) => {
      c.courier.send(node, 'rpc', frameOf('answer', WireType.reply), { via })
    })
    a.courier.send(c.key, 'rpc', frameOf('question', WireType.cancel))
    await world.advance(20_000)
    expect(a.got).toEqual(['reply answer from n3 relayed'])
    expect(a.lost).toEqual([])
  })

  it('puts small messages that wait together into one envelope, in order', async () => {
    const { world, a, c } = await apart(43)
    await using _ = world
    for (let n = 0; n < 200; n++) a.courier.send(c.key, 'rpc', frameOf(`m${n}`), noting(a))
    await world.advance(10_000)
    expect(c.got).toEqual(Array.from({ length: 200 }, (_each, n) => `call m${n} from n1 relayed`))
    expect(routes(world, 'rpcRoute').filter((hop) => hop.startsWith('1>'))).toHaveLength(1)
    expect(a.lost).toEqual([])
    expect(a.courier.stats()).toMatchObject({ relayed: 200, bytesWaiting: 0 })
  })

  it('remembers the way: the next message does not wait for a dial', async () => {
    const { world, a, c } = await apart(44)
    await using _ = world
    a.courier.send(c.key, 'rpc', frameOf('first'))
    await world.advance(10_000)
    a.courier.send(c.key, 'rpc', frameOf('second'))
    await world.advance(20)
    expect(c.got).toEqual(['call first from n1 relayed', 'call second from n1 relayed'])
  })

  it('brings large messages in several envelopes, with small ones between', async () => {
    const { world, a, c } = await apart(45)
    await using _ = world
    const large = frameOf(pattern(1_000_000))
    a.courier.send(c.key, 'bulk', large, noting(a))
    for (let n = 0; n < 5; n++) a.courier.send(c.key, 'rpc', frameOf(`m${n}`), noting(a))
    await world.advance(20_000)
    expect(c.got.slice(0, 5)).toEqual([0, 1, 2, 3, 4].map((n) => `call m${n} from n1 relayed`))
    expect(c.got.slice(5)).toEqual(['call 1000000 bytes from n1 relayed'])
    expect(Buffer.compare(c.payloads[5]!, payloadOf(large))).toBe(0)
    expect(a.lost).toEqual([])
  })

  it('is sealed with real keys, too, so that nobody on the way can read it', async () => {
    const { world, a, c } = await apart(46, { real: true })
    await using _ = world
    let seen = 0
    world.tamper = (_from, _to, type, payload) => {
      if (type === WireType.rpcRoute) seen += 1
      expect(Buffer.from(payload).includes('secret')).toBe(false)
      return payload
    }
    a.courier.send(c.key, 'rpc', frameOf('a secret'))
    await world.advance(10_000)
    expect(c.got).toEqual(['call a secret from n1 relayed'])
    expect(seen).toBeGreaterThan(1)
  })
})

describe('a way that changes', () => {
  it('is dialled also by the one that answers through a node that it was told', async () => {
    const { world, a, b, c } = await apart(55)
    await using _ = world
    world.cluster.network.heal()
    c.courier.send(a.key, 'rpc', frameOf('one'), noting(c, { via: b.key }))
    await world.advance(2_000)
    c.courier.send(a.key, 'rpc', frameOf('two'), noting(c, { via: b.key }))
    await world.advance(1_000)
    expect(a.got).toEqual(['call one from n3 relayed', 'call two from n3 direct'])
    expect(c.lost).toEqual([])
  })

  it('accounts for each message while nodes on the way come and go: taken once, or told lost', async () => {
    const { world, a, c } = await apart(56, { courier: { waitTimeoutMs: 4_000 } })
    await using _ = world
    const lost: number[] = []
    const certainlyLost: number[] = []
    let sent = 0
    for (let round = 0; round < 30; round++) {
      for (let n = 0; n < 3; n++) {
        const number = sent++
        a.courier.send(c.key, 'rpc', frameOf(`${number}`), {
          lost: ({ mayHaveArrived }) => {
            lost.push(number)
            if (!mayHaveArrived) certainlyLost.push(number)
          },
        })
      }
      const [cut, other] = round % 2 === 0 ? ['10.0.0.2', '10.0.0.4'] : ['10.0.0.4', '10.0.0.2']
      if (round % 4 === 1) world.cluster.network.partition(cut!, [other!, '10.0.0.3'])
      if (round % 4 === 3) {
        world.cluster.network.heal()
        world.cluster.network.partition('10.0.0.1', '10.0.0.3')
      }
      await world.advance(500)
    }
    world.cluster.network.heal()
    await world.advance(30_000)
    const taken = c.got.map((text) => Number(text.split(' ')[1]))
    expect(new Set(taken).size).toBe(taken.length)
    expect(new Set(lost).size).toBe(lost.length)
    // Of a message about which nobody said anything in time both may be true, but never neither.
    expect(certainlyLost.filter((number) => taken.includes(number))).toEqual([])
    const accounted = new Set([...taken, ...lost])
    expect(accounted.size).toBe(sent)
    expect(taken.length).toBeGreaterThan(sent / 3)
    expect(a.courier.stats()).toMatchObject({ lost: lost.length, bytesWaiting: 0 })
  })

  it('goes over the link when there is one, after everything that went through others', async () => {
    const { world, a, c } = await apart(51, { courier: { pathTtlMs: 1_000 } })
    await using _ = world
    let sent = 0
    const say = (): void => {
      a.courier.send(c.key, 'rpc', frameOf(`m${sent}`), noting(a))
      sent += 1
    }
    say()
    await world.advance(10_000)
    world.cluster.network.heal()
    for (let at = 0; at < 400; at++) {
      say()
      await world.advance(20)
    }
    await world.advance(5_000)
    expect(c.got.map((text) => text.split(' ')[1])).toEqual(
      Array.from({ length: sent }, (_each, n) => `m${n}`),
    )
    const paths = c.got.map((text) => text.split(' ').at(-1))
    const at = paths.indexOf('direct')
    expect(at).toBeGreaterThan(0)
    expect(new Set(paths.slice(at))).toEqual(new Set(['direct']))
    expect(a.lost).toEqual([])
  })

  it('tells a loss on the way once, to whoever sent it', async () => {
    const { world, a, c } = await apart(52)
    await using _ = world
    a.courier.send(c.key, 'rpc', frameOf('first'), noting(a))
    await world.advance(10_000)
    world.cluster.network.partition('10.0.0.3', ['10.0.0.1', '10.0.0.2', '10.0.0.4'])
    const mayHaveArrived: boolean[] = []
    for (const text of ['second', 'third']) {
      a.courier.send(c.key, 'rpc', frameOf(text), {
        lost: (error) => mayHaveArrived.push(error.mayHaveArrived),
      })
    }
    await world.advance(60_000)
    expect(c.got).toHaveLength(1)
    // Nobody says what became of the first one; the other waited for that for `envelopeWaitMs`, and was sent.
    expect(mayHaveArrived).toEqual([true, true])
    expect(a.courier.stats()).toMatchObject({ lost: 2, bytesWaiting: 0 })
  })

  it('says that a node nobody knows cannot be reached', async () => {
    const { world, a } = await apart(53)
    await using _ = world
    a.courier.send('ab'.repeat(32), 'rpc', frameOf('hello'), noting(a))
    await world.advance(30_000)
    expect(a.lost).toEqual(['ERR_COURIER_UNREACHABLE'])
    expect(a.gone).toEqual([`n${'ab'.repeat(32)} unreachable`])
  })

  it('a courier that was killed sends again, with numbers that were not used before', async () => {
    const { world, a, c } = await apart(54)
    await using _ = world
    a.courier.send(c.key, 'rpc', frameOf('first'), noting(a))
    await world.advance(10_000)
    killCourier(a)
    await world.advance(1_000)
    a.courier.send(c.key, 'rpc', frameOf('second'), noting(a))
    await world.advance(10_000)
    expect(c.got).toEqual(['call first from n1 relayed', 'call second from n1 relayed'])
    expect(a.lost).toEqual([])
  })
})

describe('hostile nodes on the way', () => {
  it('that change a byte of what is sealed are noticed: dropped, counted, and its sender is told', async () => {
    const { world, a, c } = await apart(61)
    await using _ = world
    a.courier.send(c.key, 'rpc', frameOf('first'), noting(a))
    await world.advance(10_000)
    world.tamper = (from, to, type, payload) => {
      if (to !== 3 || type !== WireType.rpcRoute) return payload
      const changed = Uint8Array.from(payload)
      changed[changed.length - 3]! ^= 1
      return changed
    }
    a.courier.send(c.key, 'rpc', frameOf('second'), noting(a))
    await world.advance(15_000)
    expect(c.got).toHaveLength(1)
    expect(c.core.refusals.counters()).toMatchObject({ ERR_COURIER_SEAL: 1 })
    expect(a.lost).toEqual(['ERR_COURIER_UNREACHABLE'])
  })

  it('H31 that send a sealed message again in a new envelope: dropped and counted', async () => {
    const { world, a, b, c } = await apart(62)
    await using _ = world
    const { routeProtocol } = b.core.dht!
    let recorded: Uint8Array | undefined
    world.tamper = (_from, to, type, payload) => {
      if (to === 3 && type === WireType.rpcRoute) recorded ??= Uint8Array.from(payload)
      return payload
    }
    a.courier.send(c.key, 'rpc', frameOf('once'), noting(a))
    await world.advance(10_000)
    const envelope = routeProtocol.decode(WireType.rpcRoute, recorded!)
    const again = { ...envelope, id: 'ee'.repeat(16), visited: [a.key, b.key] }
    b.core.pool.link(c.key)!.send('rpc', routeProtocol.encode(again))
    await world.advance(1_000)
    expect(c.got).toEqual(['call once from n1 relayed'])
    expect(c.core.refusals.counters()).toMatchObject({ ERR_COURIER_REPLAYED: 1 })
  })

  it('H32 that put another source on it: dropped and counted', async () => {
    const { world, a, b, c } = await apart(63)
    await using _ = world
    const { routeProtocol } = b.core.dht!
    let recorded: Uint8Array | undefined
    world.tamper = (_from, to, type, payload) => {
      if (to !== 3 || type !== WireType.rpcRoute) return payload
      recorded ??= Uint8Array.from(payload)
      return undefined
    }
    a.courier.send(c.key, 'rpc', frameOf('mine'), noting(a))
    await world.advance(9_000)
    world.tamper = (_from, _to, _type, payload) => payload
    const envelope = routeProtocol.decode(WireType.rpcRoute, recorded!)
    const source = b.core.dht!.ownKey
    const forged = { ...envelope, id: 'dd'.repeat(16), source, visited: [b.key] }
    b.core.pool.link(c.key)!.send('rpc', routeProtocol.encode(forged))
    await world.advance(1_000)
    expect(c.got).toEqual([])
    expect(c.core.refusals.counters()).toMatchObject({ ERR_COURIER_SOURCE: 1 })
  })
})
