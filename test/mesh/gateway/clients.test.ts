import { describe, expect, it } from 'vitest'
import type { Peer } from '../../../mesh/peer/peer.ts'
import { codeOf } from '../cluster.ts'
import { clientsOf, EdgeCluster } from './edge-cluster.ts'

async function peers(cluster: EdgeCluster, count: number, from = 2): Promise<Peer[]> {
  const made: Peer[] = []
  for (let i = 0; i < count; i++) made.push(await cluster.peer(`p${i}`, from + i, [1]))
  return made
}

describe('the clients of a gateway', () => {
  it('are as many as it may have; one more is told too_many_clients, and comes in when one goes', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { clientsMax: 2 })
    const [a, b] = await peers(cluster, 2)
    await cluster.during(Promise.all([a!.ready(), b!.ready()]))
    const c = await cluster.peer('c', 9, [1])
    const error = await cluster.during(
      c.ready({ timeoutMs: 3_000 }).catch((thrown: unknown) => thrown),
    )
    expect(error).toMatchObject({ cause: { reason: 'too_many_clients' } })
    expect(g.gateway!.stats()).toMatchObject({ clients: 2, clientsMax: 2, admitted: 2 })
    expect(g.gateway!.stats().refusedFull).toBeGreaterThan(0)
    expect(g.stats().refused['ERR_GATEWAY_CLIENTS_MAX']).toBe(g.gateway!.stats().refusedFull)
    await cluster.close(a!)
    await cluster.during(c.ready())
    expect(clientsOf(g)).toBe('c p1')
  })

  it('make room for others when they were idle for long, the one that was idle for longest first', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { clientsMax: 2, clientIdleMs: 60_000 })
    const [a, b] = await peers(cluster, 2)
    await cluster.during(Promise.all([a!.ready(), b!.ready()]))
    await cluster.clock.advance(59_000)
    const c = await cluster.peer('c', 9, [1])
    await cluster.clock.advance(100)
    expect(c.state).toBe('connecting')
    await cluster.during(c.ready())
    // Who made room comes again, too, and finds another one that was idle for long.
    const { clients, evicted } = g.gateway!.stats()
    expect(clients).toBeLessThanOrEqual(2)
    expect(evicted).toBeGreaterThan(0)
    expect(g.stats().refused['ERR_GATEWAY_CLIENT_IDLE']).toBe(evicted)
    expect(clientsOf(g)).toMatch(/^c/)
  })

  it('that make room are asked first: who waits for something stays, and the next one goes', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { clientsMax: 2, clientIdleMs: 10_000 })
    const [a, b] = await peers(cluster, 2)
    await cluster.during(Promise.all([a!.ready(), b!.ready()]))
    await cluster.during(
      g.rpc.advertise(
        'slow',
        () => new Promise((resolve) => void cluster.clock.setTimer(50_000, () => resolve('done'))),
      ),
    )
    const call = a!.rpc.call('slow', 1, { timeoutMs: 60_000 })
    await cluster.clock.advance(3_000)
    await cluster.during(b!.rpc.call('io.fovea.diagnostics.hello'))
    await cluster.clock.advance(17_000)
    const c = await cluster.peer('c', 9, [1])
    await cluster.during(c.ready())
    // The one that was idle for longer has a call under way.
    expect(clientsOf(g)).toBe('c p0')
    expect(await cluster.during(call)).toBe('done')
    expect(a!.stats().linksMade).toBe(1)
    expect(g.gateway!.stats().refusedFull).toBeGreaterThan(1)
  })

  it('that make room lose nothing of what they say at that moment', async () => {
    /** When the idle client goes that a newcomer finds, and what came of what it says at that time. */
    const run = async (saysAtMs: number) => {
      await using cluster = new EdgeCluster()
      const { clock } = cluster
      const g = await cluster.gateway('g', 1, { clientsMax: 1, clientIdleMs: 2_000 })
      const got: unknown[] = []
      g.pubsub.subscribe('said', ({ payload }) => void got.push(payload))
      const a = await cluster.readyPeer('a', 2, [1])
      // Whom it speaks to is known to it, so that it need not ask first.
      await cluster.during(a.pubsub.publish('said', 'before'))
      await clock.advance(4_000)
      let goneMs = Infinity
      a.onState(() => (goneMs = Math.min(goneMs, clock.now())))
      await cluster.peer('c', 9, [1])
      const comesMs = clock.now()
      for (let ms = 0; ms < 100; ms++) {
        if (clock.now() === saysAtMs) void a.pubsub.publish('said', 'news')
        await clock.advance(1)
      }
      return { comesMs, goneMs, got }
    }
    const { comesMs, goneMs, got } = await run(Infinity)
    expect(goneMs - comesMs).toBeGreaterThan(2)
    expect(goneMs).toBeLessThan(comesMs + 100)
    expect(got).toEqual(['before'])
    for (let ms = comesMs; ms < goneMs; ms++) {
      expect((await run(ms)).got, `${goneMs - ms} ms before`).toEqual(['before', 'news'])
    }
  })

  it('ML18 behind one address all get in, though only so many at once', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { connectsPerAddressPerSecond: 2 })
    const many = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        cluster.peer(`p${i}`, 2, [1], { port: 5_000 + i, reconnectMaxMs: 4_000 }),
      ),
    )
    await cluster.during(Promise.all(many.map((peer) => peer.ready({ timeoutMs: 60_000 }))))
    expect(g.gateway!.clients()).toHaveLength(40)
    expect(g.gateway!.stats().refusedRate).toBeGreaterThan(0)
    expect(g.stats().refused['ERR_GATEWAY_RATE']).toBe(g.gateway!.stats().refusedRate)
  })

  it('come and go, and nothing of them is left', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1)
    const events: string[] = []
    g.gateway!.onClient(({ type, name }) => events.push(`${name} ${type}`))
    g.gateway!.onClient(() => {
      throw new Error('a handler of the user')
    })
    const [a] = await peers(cluster, 1)
    await cluster.during(a!.ready())
    const before = [...g.system.processes()].length
    await cluster.close(a!)
    await cluster.clock.advance(5_000)
    expect(events).toEqual(['p0 connected', 'p0 disconnected'])
    expect(g.gateway!.clients()).toEqual([])
    expect([...g.system.processes()]).toHaveLength(before - 1)
    expect(g.stats().refused['ERR_GATEWAY_HANDLER']).toBe(2)
  })

  it('one that is not there cannot be sent away', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1)
    expect(await codeOf(g.gateway!.disconnect('ab'))).toBe('ERR_GATEWAY_UNKNOWN_CLIENT')
  })

  it('a node that is no gateway has none', async () => {
    await using cluster = new EdgeCluster()
    const m = await cluster.start('m', 1)
    expect(m.gateway).toBeUndefined()
  })
})
