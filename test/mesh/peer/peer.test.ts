import { describe, expect, it } from 'vitest'
import { createRealm } from '../../../mesh/identity/realm.ts'
import { connect } from '../../../mesh/peer/peer.ts'
import { codeOf, membersOf, peersOf } from '../cluster.ts'
import { clientsOf, EdgeCluster, killPart, partOf } from '../gateway/edge-cluster.ts'

describe('connect', () => {
  it('gives a peer at once, which is ready when a gateway has taken it in', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1)
    const peer = await cluster.peer('p', 2, [1])
    const states: string[] = [peer.state]
    peer.onState(() => {
      throw new Error('broken')
    })
    peer.onState((state) => states.push(state))
    await cluster.during(peer.ready())
    expect(states).toEqual(['connecting', 'connected'])
    expect(peer.stats().refused).toEqual({ ERR_PEER_HANDLER: 1 })
    expect(peer.gateway()?.key.hex).toBe(g.key.hex)
    expect(clientsOf(g)).toBe('p')
  })

  it('makes nobody a member: no neighbour, no detector, no link of the gateway knows the peer', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, {}, { dht: {} })
    const m = await cluster.start('m', 2, { seeds: ['10.0.0.1:4433'], dht: {} })
    const peer = await cluster.readyPeer('p', 3, [1])
    await cluster.clock.advance(30_000)
    expect([membersOf(g), membersOf(m)]).toEqual(['m up', 'g up'])
    expect([peersOf(g), peersOf(m)]).toEqual(['m', 'g'])
    expect(g.neighbours().map(({ peer: { name } }) => name)).toEqual(['m'])
    expect(g.dht.table().map(({ contact: { key } }) => key.hex)).toEqual([m.key.hex])
    expect(clientsOf(g)).toBe('p')
    expect(peer.stats().refused).toEqual({})
    expect(g.stats().refused).toEqual({})
  })

  it('goes to the next gateway when one is gone, and comes back to a gateway that was restarted', async () => {
    await using cluster = new EdgeCluster()
    const a = await cluster.gateway('a', 1)
    const b = await cluster.gateway('b', 2)
    const peer = await cluster.readyPeer('p', 3, [1, 2])
    expect(peer.gateway()?.name).toBe('a')
    await cluster.stop(a)
    expect(peer.state).not.toBe('closed')
    await cluster.during(peer.ready())
    expect(peer.gateway()?.name).toBe('b')
    await cluster.gateway('c', 1)
    await cluster.stop(b)
    await cluster.during(peer.ready())
    expect(peer.gateway()?.name).toBe('c')
    expect(peer.stats().linksMade).toBe(3)
  })

  it('ML17 finds its way back 20 times', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1)
    const peer = await cluster.readyPeer('p', 2, [1])
    for (let round = 1; round <= 20; round++) {
      await cluster.during(g.gateway!.disconnect(peer.key.hex))
      await cluster.clock.advance(10)
      expect(peer.state).toBe('reconnecting')
      await cluster.during(peer.ready({ timeoutMs: 60_000 }))
    }
    expect(peer.stats().linksMade).toBe(21)
    expect(clientsOf(g)).toBe('p')
  })

  it('leaves a gateway that fell silent', async () => {
    await using cluster = new EdgeCluster()
    await cluster.gateway('a', 1)
    await cluster.gateway('b', 2)
    const peer = await cluster.readyPeer('p', 3, [1, 2], { keepaliveIntervalMs: 1_000 })
    cluster.network.partition('10.0.0.1', '10.0.0.3')
    await cluster.clock.advance(5_000)
    await cluster.during(peer.ready())
    expect(peer.gateway()?.name).toBe('b')
  })

  it('ML42 ML51 leaves a gateway that takes it in and does not take over what it wants, after advertiseTimeoutMs', async () => {
    await using cluster = new EdgeCluster()
    await cluster.gateway('a', 1, {}, { services: false })
    const b = await cluster.gateway('b', 2)
    const peer = await cluster.readyPeer('p', 3, [1, 2], { advertiseTimeoutMs: 2_000 })
    const heard: unknown[] = []
    peer.pubsub.subscribe('news', ({ payload }) => void heard.push(payload))
    await cluster.clock.advance(1_900)
    expect([peer.gateway()?.name, peer.stats().isAdvertised]).toEqual(['a', false])
    await cluster.clock.advance(1_000)
    expect([peer.gateway()?.name, peer.stats().isAdvertised]).toEqual(['b', true])
    expect(peer.stats().refused['ERR_PEER_ADVERTISEMENT']).toBe(1)
    await cluster.during(b.pubsub.publish('news', 1, { delivery: 'at_least_once' }))
    expect(heard).toEqual([1])
  })

  it('says why when no gateway takes it in', async () => {
    await using cluster = new EdgeCluster()
    await cluster.start('m', 1)
    const peer = await cluster.peer('p', 2, [1])
    const error = await cluster.during(
      peer.ready({ timeoutMs: 5_000 }).catch((thrown: unknown) => thrown),
    )
    expect(error).toMatchObject({
      code: 'ERR_PEER_TIMEOUT',
      cause: { code: 'ERR_LINK_REJECTED', reason: 'no_gateway' },
    })
    expect(peer.state).toBe('connecting')
  })

  it('is refused by a gateway of another realm', async () => {
    await using cluster = new EdgeCluster()
    await cluster.gateway('g', 1, {}, { realm: createRealm('com.example.other') })
    const peer = await cluster.peer('p', 2, [1])
    const error = await cluster.during(
      peer.ready({ timeoutMs: 5_000 }).catch((thrown: unknown) => thrown),
    )
    expect(error).toMatchObject({ cause: { code: 'ERR_LINK_REALM_MISMATCH' } })
  })

  it('is refused what it cannot do', async () => {
    await using cluster = new EdgeCluster()
    const { realm } = cluster
    for (const none of [undefined, null, {}, [5]]) {
      expect(await codeOf(connect(none as never, { realm }))).toBe('ERR_ARGUMENT')
    }
    expect(await codeOf(connect([], { realm }))).toBe('ERR_PEER_TARGETS')
    expect(await codeOf(connect(['a', 'b', 'c'], { realm, targetsMax: 2 }))).toBe(
      'ERR_PEER_TARGETS',
    )
    expect(await codeOf(connect('fovea://host:0', { realm }))).toBe('ERR_PEER_TARGET')
    expect(await codeOf(connect('g'))).toBe('ERR_REALM_REQUIRED')
    await expect(connect('g', { realm, dht: {} } as object)).rejects.toMatchObject({
      code: 'ERR_OPTION_UNKNOWN',
      message: expect.stringMatching(/^connect: .*realm.*reconnectBaseMs/) as string,
    })
    for (const [name, value] of [
      ['services', false],
      ['name', 'a b'],
    ] as const) {
      await expect(connect('g', { realm, [name]: value } as object)).rejects.toMatchObject({
        code: 'ERR_OPTION_INVALID',
        message: expect.stringMatching(`^connect: option '${name}'`) as string,
      })
    }
    const pauses = { reconnectBaseMs: 1_000, reconnectMaxMs: 999 }
    expect(await codeOf(connect('g', { realm, ...pauses }))).toBe('ERR_MESH_OPTIONS')
    const peer = await cluster.peer('p', 2, [1])
    for (const timeoutMs of [0, -1, Number.NaN]) {
      expect(await codeOf(peer.ready({ timeoutMs }))).toBe('ERR_OPTION_INVALID')
    }
    expect(await codeOf(peer.ready({ timeout: 5 } as object))).toBe('ERR_OPTION_RENAMED')
  })

  it('ends whoever waits when it is closed or aborted, and leaves nothing behind', async () => {
    await using cluster = new EdgeCluster()
    const peer = await cluster.peer('p', 2, [1])
    const abort = new AbortController()
    const aborted = codeOf(peer.ready({ signal: abort.signal }))
    const waiting = codeOf(peer.ready({ timeoutMs: Infinity }))
    abort.abort()
    expect(await cluster.during(aborted)).toBe('ERR_PEER_ABORTED')
    await cluster.close(peer)
    expect(await waiting).toBe('ERR_PEER_CLOSED')
    expect(await codeOf(peer.ready())).toBe('ERR_PEER_CLOSED')
    expect(peer.state).toBe('closed')
    expect([...peer.system.processes()]).toEqual([])
    await peer.close()
  })

  it('a restarted connection finds the link that stands', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1)
    const peer = await cluster.readyPeer('p', 2, [1])
    const before = partOf(peer, 'peer.connection')
    const [client] = g.gateway!.clients()
    killPart(peer, 'peer.connection')
    await cluster.clock.advance(10)
    expect(partOf(peer, 'peer.connection')).not.toBe(before)
    expect(peer.state).toBe('connected')
    expect(g.gateway!.clients()[0]).toMatchObject({ key: client!.key, sinceMs: client!.sinceMs })
    expect(peer.stats().linksMade).toBe(1)
    await cluster.during(g.gateway!.disconnect(peer.key.hex))
    await cluster.during(peer.ready())
    expect(peer.stats().linksMade).toBe(2)
  })
})
