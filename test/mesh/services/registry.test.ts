import { describe, expect, it } from 'vitest'
import { createRpcContext } from '../../../mesh/rpc/context.ts'
import { RpcFunctions } from '../../../mesh/rpc/rpc-functions.ts'
import { ServiceRegistry } from '../../../mesh/services/registry.ts'
import type {
  ServiceChange,
  ServiceEntry,
  ServiceRegistryOptions,
} from '../../../mesh/services/registry.ts'
import { ServiceNet } from './service-net.ts'
import type { ServiceNode } from './service-net.ts'

interface Member {
  readonly node: ServiceNode
  readonly rpc: RpcFunctions
  readonly services: ServiceRegistry
}

class RegistryNet extends ServiceNet {
  member(options: ServiceRegistryOptions = {}): Member {
    const node = this.node()
    const context = createRpcContext(node)
    const rpc = new RpcFunctions(context, () => {})
    return { node, rpc, services: new ServiceRegistry(context, options, () => {}) }
  }
  async told(): Promise<void> {
    await this.clock.advance(this.latencyMs + 1)
  }
  /** Lets time pass until the promise is settled. */
  async during<T>(promise: Promise<T>): Promise<T> {
    await this.clock.advance(100)
    return promise
  }
}

function shown(entries: readonly ServiceEntry[]): readonly string[] {
  return entries.map(({ procedure, isLocal }) => `${procedure}${isLocal ? ' (own)' : ''}`)
}

describe('the service registry', () => {
  it('lists what this node and others offer, with kinds, metadata and age', async () => {
    const net = new RegistryNet()
    const [a, b] = [net.member(), net.member()]
    await b.rpc.advertise('math.sum', () => 1, { metadata: { version: 2 } })
    await b.rpc.advertiseStream('math.sum', () => 1)
    await b.rpc.advertiseStream('log.tail', () => 1, { metadata: { host: 'b' } })
    await a.rpc.advertise('math.*', () => 1)
    await net.told()
    await net.clock.advance(500)
    expect(shown(a.services.list())).toEqual(['log.tail', 'math.* (own)', 'math.sum'])
    expect(shown(a.services.own())).toEqual(['math.* (own)'])
    const [tail, own, sum] = a.services.list()
    expect(tail).toMatchObject({ node: b.node.self, kinds: ['stream'], metadata: { host: 'b' } })
    expect(own).toMatchObject({ node: a.node.self, kinds: ['call'], metadata: {}, isLocal: true })
    expect(sum).toMatchObject({
      kinds: ['call', 'stream'],
      metadata: { version: 2 },
      isLocal: false,
    })
    expect([tail?.ageMs, own?.ageMs]).toEqual([502, 502])
    expect(a.services.stats()).toMatchObject({ own: 1, known: 2, watches: 0 })
  })

  it('finds a name by the best pattern first, and by a pattern all that it matches', async () => {
    const net = new RegistryNet()
    const [a, b] = [net.member(), net.member()]
    for (const pattern of ['**', 'shop.**', 'shop.*.price', 'shop.tea.price', 'bar.tea']) {
      await b.rpc.advertise(pattern, () => 1)
    }
    await a.rpc.advertise('shop.**', () => 1)
    await net.told()
    const byName = await a.services.find('shop.tea.price')
    expect(byName.map(({ procedure }) => procedure)).toEqual([
      'shop.tea.price',
      'shop.**',
      'shop.**',
      '**',
      'shop.*.price',
    ])
    expect(shown(await a.services.find('shop.**'))).toEqual(
      ['shop.** (own)', 'shop.**', 'shop.*.price', 'shop.tea.price'].toSorted((left, right) =>
        left.split(' ')[0]! < right.split(' ')[0]! ? -1 : 1,
      ),
    )
    expect(shown(await a.services.find('*.tea'))).toEqual(['bar.tea'])
    await expect(a.services.find('a..b')).rejects.toMatchObject({
      code: 'ERR_RPC_PROCEDURE_INVALID',
    })
    await expect(a.services.find('a.b', { timeout: 1 } as object)).rejects.toMatchObject({
      code: 'ERR_OPTION_RENAMED',
    })
  })

  it('MG6 what was looked for is not looked for again within cacheTtlMs, unless refresh is given', async () => {
    const net = new RegistryNet()
    const [a, b] = [net.member({ cacheTtlMs: 60_000 }), net.member()]
    await b.rpc.advertise('math.sum', () => 1)
    await net.told()
    a.node.catalog.sought = false
    const seeks = (): number => a.node.catalog.stats().seeks
    await net.during(a.services.find('math.sum'))
    await a.services.find('math.sum')
    expect([seeks(), a.services.stats().hits, a.services.stats().searches]).toEqual([1, 1, 1])
    await net.during(a.services.find('math.sum', { refresh: true }))
    expect(seeks()).toBe(2)
    await net.clock.advance(59_904)
    await a.services.find('math.sum')
    expect(seeks()).toBe(2)
    await net.clock.advance(1)
    await net.during(a.services.find('math.sum'))
    expect(seeks()).toBe(3)
    // What nobody offered is looked for each time.
    await net.during(a.services.find('nobody'))
    await net.during(a.services.find('nobody'))
    expect(seeks()).toBe(5)
  })

  it('clear and prune forget what was looked for; findsMax names are remembered, and one more is not', async () => {
    const net = new RegistryNet()
    const a = net.member({ findsMax: 2, cacheTtlMs: 1_000 })
    await a.services.find('x.1')
    await a.services.find('x.2')
    expect(a.services.stats().finds).toBe(2)
    expect(a.node.refusals.counters()['ERR_SERVICES_FINDS_MAX']).toBeUndefined()
    await a.services.find('x.3')
    expect(a.services.stats().finds).toBe(2)
    expect(a.node.refusals.counters()['ERR_SERVICES_FINDS_MAX']).toBe(1)
    expect(a.services.prune()).toBe(0)
    await net.clock.advance(1_000)
    expect(a.services.prune()).toBe(2)
    await a.services.find('x.1')
    expect([a.services.clear(), a.services.stats().finds]).toEqual([1, 0])
  })

  it('watches without gap: what is there, then every change, own and of others', async () => {
    const net = new RegistryNet()
    const [a, b] = [net.member(), net.member()]
    await b.rpc.advertise('math.sum', () => 1)
    await b.rpc.advertise('other', () => 1)
    await net.told()
    const seen: string[] = []
    const note = ({ type, entry }: ServiceChange): void =>
      void seen.push(
        `${type} ${entry.procedure} ${entry.kinds.join('+')}${entry.isLocal ? ' own' : ''}`,
      )
    const watch = a.services.watch(note, { procedure: 'math.**' })
    expect(shown(watch.entries)).toEqual(['math.sum'])
    const late = await b.rpc.advertise('math.product', () => 1)
    const own = await a.rpc.advertise('math.own', () => 1)
    const stream = await a.rpc.advertiseStream('math.own', () => 1)
    await net.told()
    own.unadvertise()
    stream.unadvertise()
    late.unadvertise()
    await net.told()
    expect(seen).toEqual([
      'added math.own call own',
      'changed math.own call+stream own',
      'added math.product call',
      'changed math.own stream own',
      'removed math.own stream own',
      'removed math.product call',
    ])
    net.kill(b.node, 100)
    await net.clock.advance(100)
    expect(seen.at(-1)).toBe('removed math.sum call')
    expect(a.node.catalog.followed).toEqual(['math.**'])
    expect(watch.stop()).toBe(true)
    expect(watch.stop()).toBe(false)
    expect(a.node.catalog.followed).toEqual([])
    await a.rpc.advertise('math.later', () => 1)
    expect(seen.length).toBe(7)
  })

  it('a watch of a name hears of the patterns that serve it', async () => {
    const net = new RegistryNet()
    const [a, b] = [net.member(), net.member()]
    const seen: string[] = []
    a.services.watch(({ entry }) => void seen.push(entry.procedure), { procedure: 'shop.tea' })
    for (const pattern of ['shop.*', 'shop.coffee', 'shop.tea', 'bar.**']) {
      await b.rpc.advertise(pattern, () => 1)
    }
    await net.told()
    expect(seen).toEqual(['shop.*', 'shop.tea'])
  })

  it('a handler that throws is counted and disturbs nobody; watchesMax watches, and one more is refused', async () => {
    const net = new RegistryNet()
    const a = net.member({ watchesMax: 2 })
    const seen: string[] = []
    a.services.watch(() => {
      throw new Error('broken')
    })
    const second = a.services.watch(({ type }) => void seen.push(type))
    expect(() => a.services.watch(() => {})).toThrow(
      expect.objectContaining({ code: 'ERR_SERVICES_WATCHES_MAX' }),
    )
    await a.rpc.advertise('x', () => 1)
    expect([seen, a.node.refusals.counters()['ERR_SERVICES_HANDLER']]).toEqual([['added'], 1])
    second.stop()
    expect(a.services.watch(() => {}).entries.length).toBe(1)
    expect(() => a.services.watch(5 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
  })

  it('ML6 a watch ends with the process that began it, a find with its signal, all with the node', async () => {
    const net = new RegistryNet()
    const a = net.member()
    const seen: string[] = []
    const { system } = a.node
    const pid = system.spawn(async (ctx) => {
      a.services.watch(({ type }) => void seen.push(type))
      await ctx.receive()
    })
    await net.clock.settle()
    expect(a.services.stats().watches).toBe(1)
    system.exit(pid, 'kill')
    await net.clock.settle()
    expect(a.services.stats().watches).toBe(0)
    expect(a.node.catalog.followed).toEqual([])
    await a.rpc.advertise('x', () => 1)
    expect(seen).toEqual([])
    const controller = new AbortController()
    controller.abort('enough')
    await expect(a.services.find('y', { signal: controller.signal })).rejects.toMatchObject({
      ...{ code: 'ERR_SERVICES_ABORTED', cause: 'enough' },
    })
    a.node.catalog.sought = false
    Object.assign(a.node.catalog, { seek: () => Promise.reject(new Error('given up')) })
    await expect(a.services.find('y', { signal: controller.signal })).rejects.toMatchObject({
      code: 'ERR_SERVICES_ABORTED',
      cause: 'enough',
    })
    a.services.watch(({ type }) => void seen.push(type))
    a.services.close()
    await a.rpc.advertise('z', () => 1)
    expect([seen, a.services.stats().watches, a.node.catalog.followed]).toEqual([[], 0, []])
  })
})
