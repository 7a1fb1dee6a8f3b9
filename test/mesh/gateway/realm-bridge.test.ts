import { describe, expect, it } from 'vitest'
import type { BridgeEntry, BridgeSide } from '../../../mesh/gateway/bridge-options.ts'
import { createRealmBridge } from '../../../mesh/gateway/realm-bridge.ts'
import { nodeKeyFromHex } from '../../../mesh/identity/node-key.ts'
import { createRealm } from '../../../mesh/identity/realm.ts'
import { createPubSubContext } from '../../../mesh/pubsub/context.ts'
import { pubsubSettings } from '../../../mesh/pubsub/options.ts'
import { PubSubFunctions } from '../../../mesh/pubsub/pubsub-functions.ts'
import { PubSubServer } from '../../../mesh/pubsub/pubsub-server.ts'
import { createRpcContext } from '../../../mesh/rpc/context.ts'
import { RpcFunctions } from '../../../mesh/rpc/rpc-functions.ts'
import { RpcServer } from '../../../mesh/rpc/rpc-server.ts'
import { codeOf } from '../cluster.ts'
import { EdgeCluster } from './edge-cluster.ts'
import { ServiceRegistry } from '../../../mesh/services/registry.ts'
import { ServiceNet } from '../services/service-net.ts'
import type { ServiceNode } from '../services/service-net.ts'

interface Node extends BridgeSide {
  readonly catalog: ServiceNode['catalog']
  readonly pubsub: PubSubFunctions
  readonly rpc: RpcFunctions
  /** `topic payload` of what it gets. */
  readonly got: string[]
}

/** Some realms, each with a network of its own. */
class Realms {
  readonly #nets = new Map<string, ServiceNet>()
  readonly #realms = new Map<string, Node['realm']>()

  async node(realm: string): Promise<Node> {
    const net = this.#nets.get(realm) ?? new ServiceNet()
    this.#nets.set(realm, net)
    const of = this.#realms.get(realm) ?? createRealm(`com.example.${realm}`)
    this.#realms.set(realm, of)
    const node = net.node()
    const pubsub = createPubSubContext(node, pubsubSettings({}))
    const rpc = createRpcContext(node)
    await this.during(PubSubServer.start(pubsub, { system: node.system }))
    await this.during(RpcServer.start(rpc, { system: node.system }))
    const functions = new PubSubFunctions(pubsub, () => {})
    const made: Node = {
      realm: of,
      catalog: node.catalog,
      key: nodeKeyFromHex(node.self),
      pubsub: functions,
      rpc: new RpcFunctions(rpc, () => {}),
      services: new ServiceRegistry(rpc, {}, () => {}),
      got: [],
    }
    return made
  }

  /** A node that gets everything. */
  async listener(realm: string): Promise<Node> {
    const node = await this.node(realm)
    node.pubsub.subscribe(
      '**',
      ({ topic, payload }) => void node.got.push(`${topic} ${String(payload)}`),
    )
    await this.advance(10)
    return node
  }

  async advance(ms: number): Promise<void> {
    for (let step = 0; step < ms; step++) {
      for (const { clock } of this.#nets.values()) await clock.advance(1)
    }
  }

  async during<T>(promise: Promise<T>): Promise<T> {
    let over = false
    promise.then(
      () => (over = true),
      () => (over = true),
    )
    for (let step = 0; step < 10_000 && !over; step++) await this.advance(1)
    return promise
  }
}

/** `a` and `from` in one realm, `to` and `b`, which listens, in another. */
const twoRealms = async () => {
  const realms = new Realms()
  return {
    realms,
    a: await realms.node('a'),
    from: await realms.node('a'),
    to: await realms.node('b'),
    b: await realms.listener('b'),
  }
}

const audited = () => {
  const entries: BridgeEntry[] = []
  return {
    entries,
    audit: (entry: BridgeEntry) => void entries.push(entry),
    lines: () => entries.map(({ kind, outcome, name, as }) => `${kind} ${outcome} ${name} ${as}`),
  }
}

describe('a realm bridge', () => {
  it('joins the meshes of two realms in one program, which hear nothing of each other without it', async () => {
    await using cluster = new EdgeCluster()
    const other = createRealm('com.example.other')
    const a = await cluster.gateway('a', 1)
    const b = await cluster.gateway('b', 2, {}, { realm: other, seeds: ['10.0.0.1:4433'] })
    const [pa, pb] = [
      await cluster.readyPeer('pa', 8, [1]),
      await cluster.readyPeer('pb', 9, [2], { realm: other }),
    ]
    const got: unknown[] = []
    pb.pubsub.subscribe('**', ({ topic, payload }) => void got.push([topic, payload]))
    await cluster.during(pb.rpc.advertise('b.name', () => 'pb'))
    await cluster.clock.advance(3_000)
    await cluster.during(pa.pubsub.publish('news', 1))
    expect(await cluster.during(codeOf(pa.rpc.call('b.name')))).toBe('ERR_RPC_NO_PROVIDER')
    expect([a.links(), b.links(), got]).toEqual([[], [], []])
    const { clock } = cluster
    await using bridge = await cluster.during(
      createRealmBridge({ from: a, to: b, topics: ['news'], procedures: ['b.name'], clock }),
    )
    // That nobody wanted or offered it is believed for a while; a publish then asks anew.
    await cluster.clock.advance(6_000)
    await cluster.during(pa.pubsub.publish('news', 2))
    await cluster.during(pa.pubsub.publish('other', 3))
    expect(await cluster.during(pa.rpc.call('b.name'))).toBe('pb')
    await cluster.clock.advance(500)
    expect(got).toEqual([['news', 2]])
    expect(bridge.stats()).toMatchObject({ bridged: 2, failed: 0 })
    expect([a.links(), b.links()]).toEqual([[], []])
  })

  it('takes nothing over that is not named', async () => {
    const { realms, a, from, to, b } = await twoRealms()
    await realms.during(a.rpc.advertise('secret.get', () => 1))
    const bridge = await realms.during(createRealmBridge({ from, to }))
    await realms.during(a.pubsub.publish('news.today', 'x'))
    await realms.advance(50)
    expect(b.got).toEqual([])
    expect(await realms.during(codeOf(b.rpc.call('secret.get')))).toBe('ERR_RPC_NO_PROVIDER')
    expect(bridge.stats().bridged).toBe(0)
  })

  it('takes over the topics that are named, under the names that they have there', async () => {
    const { realms, a, from, to, b } = await twoRealms()
    const log = audited()
    const bridge = await realms.during(
      createRealmBridge({
        ...{ from, to, audit: log.audit },
        topics: ['news.*', 'weather'],
        translate: (name) => (name === 'news.secret' ? undefined : `from_a.${name}`),
      }),
    )
    const heard: unknown[] = []
    b.pubsub.subscribe('from_a.weather', ({ headers, publisher }) => {
      heard.push([
        headers['$bridge_realm'],
        headers['$bridge_publisher'],
        headers['unit'],
        publisher,
      ])
    })
    await realms.advance(10)
    for (const topic of ['news.today', 'news.secret', 'sports', 'weather']) {
      await realms.during(a.pubsub.publish(topic, 1, { headers: { unit: 'c' } }))
    }
    await realms.advance(50)
    expect(b.got).toEqual(['from_a.news.today 1', 'from_a.weather 1'])
    expect(heard).toEqual([['com.example.a', a.key.hex, 'c', to.key.hex]])
    expect(log.lines()).toEqual([
      'publish bridged news.today from_a.news.today',
      'publish denied news.secret undefined',
      'publish bridged weather from_a.weather',
    ])
    expect(log.entries[0]).toMatchObject({
      from: 'com.example.a',
      to: 'com.example.b',
      by: a.key.hex,
    })
    expect(bridge.stats()).toMatchObject({ bridged: 2, denied: 1 })
  })

  it('takes over the calls that are named, and brings back what they give', async () => {
    const { realms, a, from, to, b } = await twoRealms()
    await realms.during(b.rpc.advertise('stock.get', (item) => `${String(item)}: 7`))
    await realms.during(
      b.rpc.advertise('stock.fail', () => {
        throw Object.assign(new Error('empty'), { code: 'ERR_EMPTY', details: { left: 0 } })
      }),
    )
    await realms.during(b.rpc.advertise('stock.hang', () => new Promise(() => {})))
    const log = audited()
    await realms.during(
      createRealmBridge({
        ...{ from, to, audit: log.audit },
        procedures: ['factory.stock.*'],
        translate: (name) =>
          name === 'factory.stock.secret' ? undefined : name.replace('factory.', ''),
      }),
    )
    await realms.advance(10)
    expect(await realms.during(a.rpc.call('factory.stock.get', 'nuts'))).toBe('nuts: 7')
    const empty = a.rpc.call('factory.stock.fail').catch((thrown: unknown) => thrown)
    const remote = { name: 'Error', message: 'empty', code: 'ERR_EMPTY', details: { left: 0 } }
    expect(await realms.during(empty)).toMatchObject({ code: 'ERR_RPC_REMOTE', remote })
    expect(await realms.during(codeOf(a.rpc.call('stock.get')))).toBe('ERR_RPC_NO_PROVIDER')
    const nobody = a.rpc.call('factory.stock.nothing').catch((thrown: unknown) => thrown)
    expect(await realms.during(nobody)).toMatchObject({ remote: { code: 'ERR_RPC_NO_PROVIDER' } })
    const denied = a.rpc.call('factory.stock.secret').catch((thrown: unknown) => thrown)
    expect(await realms.during(denied)).toMatchObject({ remote: { code: 'ERR_BRIDGE_DENIED' } })
    expect(log.entries.map(({ outcome, as, code }) => `${outcome} ${as} ${code}`)).toEqual([
      'bridged stock.get undefined',
      'bridged stock.fail undefined',
      'failed stock.fail ERR_RPC_REMOTE',
      'bridged stock.nothing undefined',
      'failed stock.nothing ERR_RPC_NO_PROVIDER',
      'denied undefined ERR_BRIDGE_DENIED',
    ])
    const late = a.rpc.call('factory.stock.hang', 'nuts', { timeoutMs: 100 })
    expect(await realms.during(codeOf(late))).toBe('ERR_RPC_TIMEOUT')
  })

  it('lets pass so much a second, and drops the rest', async () => {
    const { realms, a, from, to, b } = await twoRealms()
    await realms.during(b.rpc.advertise('p', () => 1))
    const bridge = await realms.during(
      createRealmBridge({ from, to, topics: ['t'], procedures: ['p'], ratePerSecond: 2, burst: 2 }),
    )
    await realms.advance(10)
    for (let i = 0; i < 3; i++) await realms.during(a.pubsub.publish('t', i))
    await realms.advance(20)
    expect(b.got).toEqual(['t 0', 't 1'])
    const error = await realms.during(a.rpc.call('p').catch((thrown: unknown) => thrown))
    expect(error).toMatchObject({ code: 'ERR_RPC_REMOTE', remote: { code: 'ERR_BRIDGE_RATE' } })
    expect(bridge.stats()).toMatchObject({ bridged: 2, rate_limited: 2 })
  })

  it('takes nothing back: two bridges in a circle bring each message once', async () => {
    const realms = new Realms()
    const [a, a1, a2, b1, b2, b] = [
      await realms.listener('a'),
      await realms.node('a'),
      await realms.node('a'),
      await realms.node('b'),
      await realms.node('b'),
      await realms.listener('b'),
    ]
    const there = await realms.during(createRealmBridge({ from: a1, to: b1, topics: ['t'] }))
    const back = await realms.during(createRealmBridge({ from: b2, to: a2, topics: ['t'] }))
    await realms.advance(10)
    await realms.during(a.pubsub.publish('t', 'from a'))
    await realms.during(b.pubsub.publish('t', 'from b'))
    await realms.advance(200)
    expect(a.got.sort()).toEqual(['t from a', 't from b'])
    expect(b.got.sort()).toEqual(['t from a', 't from b'])
    expect([there.stats().looped, back.stats().looped]).toEqual([1, 1])
  })

  it('three realms in a row are crossed, and a circle of three is not gone round', async () => {
    const realms = new Realms()
    const names = ['a', 'b', 'c']
    const listeners = await Promise.all(names.map((name) => realms.listener(name)))
    for (const [at, name] of names.entries()) {
      const from = await realms.node(name)
      const to = await realms.node(names[(at + 1) % 3]!)
      await realms.during(createRealmBridge({ from, to, topics: ['t'] }))
    }
    await realms.advance(10)
    await realms.during(listeners[0]!.pubsub.publish('t', 1))
    await realms.advance(300)
    expect(listeners.map(({ got }) => got)).toEqual([['t 1'], ['t 1'], ['t 1']])
  })

  it('hands no call to another bridge', async () => {
    const realms = new Realms()
    const [a, a1, a2, b1, b2] = [
      await realms.node('a'),
      await realms.node('a'),
      await realms.node('a'),
      await realms.node('b'),
      await realms.node('b'),
    ]
    const there = await realms.during(createRealmBridge({ from: a1, to: b1, procedures: ['p'] }))
    await realms.during(createRealmBridge({ from: b2, to: a2, procedures: ['p'] }))
    await realms.advance(10)
    const error = await realms.during(a.rpc.call('p').catch((thrown: unknown) => thrown))
    expect(error).toMatchObject({ code: 'ERR_RPC_REMOTE', remote: { code: 'ERR_BRIDGE_LOOP' } })
    expect(there.stats()).toMatchObject({ bridged: 1, failed: 1 })
  })

  it('hands no call to another bridge that is found only when it is looked for', async () => {
    const { realms, a, from, to, b } = await twoRealms()
    to.catalog.sought = false
    const there = await realms.during(createRealmBridge({ from, to, procedures: ['p'] }))
    await realms.advance(10)
    const call = a.rpc.call('p').catch((thrown: unknown) => thrown)
    await realms.advance(3)
    const back = await createRealmBridge({ from: b, to: a, procedures: ['p'] })
    expect(await realms.during(call)).toMatchObject({ remote: { code: 'ERR_BRIDGE_LOOP' } })
    expect([there.stats().failed, back.stats().bridged]).toEqual([1, 0])
  })

  it('takes nothing over when the audit fails', async () => {
    const { realms, a, from, to, b } = await twoRealms()
    const audit = (): void => {
      throw new Error('the disk is full')
    }
    const names = { topics: ['t'], procedures: ['p'] }
    let ran = 0
    await realms.during(b.rpc.advertise('p', () => (ran += 1)))
    const bridge = await realms.during(createRealmBridge({ from, to, audit, ...names }))
    await realms.advance(10)
    await realms.during(a.pubsub.publish('t', 1))
    const call = await realms.during(a.rpc.call('p').catch((thrown: unknown) => thrown))
    expect(call).toMatchObject({ code: 'ERR_RPC_REMOTE', remote: { code: 'ERR_BRIDGE_AUDIT' } })
    await realms.advance(20)
    expect([b.got, ran]).toEqual([[], 0])
    expect(bridge.stats().bridged).toBe(0)
  })

  it('closed takes over nothing any more, and offers nothing', async () => {
    const { realms, a, from, to, b } = await twoRealms()
    const bridge = await realms.during(
      createRealmBridge({ from, to, topics: ['t'], procedures: ['p'] }),
    )
    await bridge.close()
    await bridge.close()
    await realms.advance(20)
    await realms.during(a.pubsub.publish('t', 1))
    await realms.advance(20)
    expect(b.got).toEqual([])
    expect(await realms.during(codeOf(a.rpc.call('p')))).toBe('ERR_RPC_NO_PROVIDER')
  })

  it('leads into another realm, and is told names that can be matched', async () => {
    const realms = new Realms()
    const [from, to] = [await realms.node('a'), await realms.node('a')]
    expect(await codeOf(createRealmBridge({ from, to }))).toBe('ERR_BRIDGE_REALM')
    const other = await realms.node('b')
    const bad = createRealmBridge({ from, to: other, topics: ['a..b'] })
    expect(await codeOf(bad)).toBe('ERR_FILTER_INVALID')
    expect(await codeOf(createRealmBridge({ from, to: other, ratePerSecond: 0 }))).toBe(
      'ERR_OPTION_INVALID',
    )
  })
})
