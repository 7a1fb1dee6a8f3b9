import { describe, expect, it } from 'vitest'
import { bareRef, defineServer, GenServer, reply } from '../../../behaviours/index.ts'
import { RpcServer } from '../../../mesh/rpc/rpc-server.ts'
import { RpcNet } from './rpc-net.ts'

describe('advertising', () => {
  it('R16 patterns are served by the best registration, near and far', async () => {
    const net = new RpcNet()
    const [caller, one, two] = [await net.rpcNode(), await net.rpcNode(), await net.rpcNode()]
    await net.told(
      one.rpc.advertise('shop.**', (_, { procedure }) => `prefix ${procedure}`),
      two.rpc.advertise('shop.*.buy', () => 'wildcard'),
      two.rpc.advertise('shop.pears.buy', () => 'exact'),
      caller.rpc.advertise('shop.#', () => 'own'),
    )
    expect(await net.during(caller.rpc.call('shop.pears.buy'))).toBe('exact')
    expect(await net.during(two.rpc.call('shop.pears.buy'))).toBe('exact')
    const options = { strategy: 'local_first' } as const
    // The prefix goes before the wildcard, as in WAMP.
    expect(await net.during(caller.rpc.call('shop.apples.buy', 1, options))).toBe('own')
    expect(await net.during(one.rpc.call('shop.sell', 1, options))).toBe('prefix shop.sell')
  })

  it('is refused for a wrong pattern, a taken one, one too many, and wrong options', async () => {
    const net = new RpcNet()
    const { rpc } = await net.rpcNode({ advertisedMax: 2 })
    const codeOf = async (name: string, options?: object): Promise<unknown> =>
      rpc.advertise(name, () => 1, options).catch((error: { code: string }) => error.code)
    expect(await codeOf('a..b')).toBe('ERR_RPC_PROCEDURE_INVALID')
    await rpc.advertise('a.**', () => 1)
    expect(await codeOf('a.#')).toBe('ERR_RPC_PROCEDURE_TAKEN')
    await rpc.advertise('b', () => 1)
    expect(await codeOf('c')).toBe('ERR_RPC_ADVERTISED_MAX')
    expect(rpc.unadvertise('b')).toBe(true)
    expect(rpc.unadvertise('b')).toBe(false)
    expect(await codeOf('c', { ttlMs: 9_999 })).toBe('ERR_OPTION_INVALID')
    expect(await codeOf('c', { metadata: { $own: 1 } })).toBe('ERR_OPTION_INVALID')
    expect(await codeOf('c', { colour: 'red' })).toBe('ERR_OPTION_UNKNOWN')
    await expect(rpc.advertise('c', 7 as never)).rejects.toMatchObject({
      code: 'ERR_RPC_PROCEDURE_INVALID',
    })
    expect(await codeOf('c', { ttlMs: 10_000 })).toMatchObject({ procedure: 'c' })
  })

  it('MG12 MG17 tells its entry again 60 s before its time, and deletes it at once', async () => {
    const net = new RpcNet()
    const [provider, other] = [await net.rpcNode(), await net.rpcNode()]
    const toldMs: number[] = []
    other.node.catalog.onChange('procedure', ({ type }) => {
      if (type !== 'removed') toldMs.push(net.clock.now())
    })
    const startMs = net.clock.now()
    const offer = await provider.rpc.advertise('lease', () => 1, { ttlMs: 100_000 })
    await net.clock.advance(120_000)
    expect(toldMs.map((ms) => ms - startMs - 1)).toEqual(
      [0, 40_000, 80_000, 120_000].slice(0, toldMs.length),
    )
    expect(toldMs.length).toBeGreaterThanOrEqual(3)
    expect(offer.unadvertise()).toBe(true)
    await net.clock.advance(1)
    expect(other.rpc.providers('lease')).toEqual([])
    await net.clock.advance(200_000)
    expect(toldMs.length).toBeLessThanOrEqual(4)
  })

  it('shows who offers what, with its metadata and what is known about it', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    const metadata = { version: 2, region: 'eu' }
    await net.told(
      provider.rpc.advertise('who.*', () => 1, { metadata }),
      caller.rpc.advertise('who.*', () => 2, { metadata: { version: 3 } }),
    )
    await net.during(caller.rpc.call('who.me', 1, { node: provider.node.self }))
    const [own, far] = caller.rpc.providers('who.me')
    expect(own).toMatchObject({ isLocal: true, metadata: { version: 3 }, latencyMs: undefined })
    expect(far).toEqual({
      ...{ node: provider.node.self, isLocal: false, via: undefined, pattern: 'who.*', metadata },
      ...{ outstanding: 0, latencyMs: 2, breaker: 'closed' },
    })
  })

  it('drain refuses new calls and resolves when those that run or wait have ended', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    const finish: (() => void)[] = []
    const offer = await provider.rpc.advertise(
      'slow',
      () => new Promise((resolve) => finish.push(() => resolve('done'))),
      { concurrency: 1 },
    )
    await net.told()
    const calls = [1, 2].map((input) => caller.rpc.call('slow', input))
    await net.clock.advance(5)
    const drained = net.watch(offer.drain())
    const refused = caller.rpc.call('slow', 3, { node: provider.node.self })
    expect((await net.errorOf(refused)).code).toBe('ERR_RPC_NO_PROVIDER')
    finish[0]!()
    await net.clock.advance(5)
    expect(drained.ended.type).toBe('pending')
    finish[1]!()
    expect(await net.during(Promise.all(calls))).toEqual(['done', 'done'])
    expect(drained.ended.type).toBe('value')
  })
})

describe('processes that serve', () => {
  const Counter = defineServer({
    name: 'counter/1',
    init: () => 0,
    call: {
      add: (count, by: number) => reply(count + by, count + by),
      fail: () => {
        throw Object.assign(new Error('broken'), { code: 'E_BROKEN' })
      },
    },
    cast: {},
  })

  it('R1 R6 a contract is called by the last segment of the name, in the order of the calls', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    const counter = await Counter.start(undefined, { system: provider.node.system })
    await net.told(provider.rpc.advertise('counter.*', counter))
    const calls = Array.from({ length: 256 }, () => caller.rpc.call('counter.add', 1))
    expect(await net.during(Promise.all(calls))).toEqual(
      Array.from({ length: 256 }, (_, at) => at + 1),
    )
    await net.told(provider.rpc.advertise('plus', counter, { method: 'add' }))
    expect(await net.during(caller.rpc.call('plus', 4))).toBe(260)
  })

  it('R5 a call that its contract does not have has an error of its own', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    const counter = await Counter.start(undefined, { system: provider.node.system })
    await net.told(provider.rpc.advertise('counter.*', counter))
    const error = await net.errorOf(caller.rpc.call('counter.divide', 0))
    expect(error).toMatchObject({ code: 'ERR_RPC_REMOTE', remote: { code: 'ERR_CALL_UNKNOWN' } })
  })

  it('a process without contract gets a request as a call', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    const { system } = provider.node
    const server = await GenServer.start(
      {
        init: () => 0,
        handleCall: (message: { type: 'rpc' }, state: number) => [message, state],
      } as never,
      { system } as never,
    )
    await net.told(
      provider.rpc.advertise('bare.ref', server as never),
      provider.rpc.advertise('bare.pid', (server as { pid: never }).pid),
    )
    for (const procedure of ['bare.ref', 'bare.pid']) {
      expect(await net.during(caller.rpc.call(procedure, 'x', { timeoutMs: 900 }))).toEqual({
        ...{ type: 'rpc', procedure, input: 'x', deadlineMs: 900 },
        caller: { node: caller.node.self, roles: [], path: 'direct', via: undefined },
      })
    }
  })

  it('ML6 its end takes what it served away at once, and calls under way are unreachable', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    const counter = await Counter.start(undefined, { system: provider.node.system })
    await net.told(provider.rpc.advertise('counter.*', counter))
    const failing = await net.errorOf(caller.rpc.call('counter.fail'))
    // What the handler threw ended the process, as it does for every caller.
    expect(failing.code).toBe('ERR_RPC_UNREACHABLE')
    await net.clock.advance(5)
    expect(caller.rpc.providers('counter.add')).toEqual([])
    expect(provider.rpc.stats().advertised).toBe(0)
    const next = await net.errorOf(caller.rpc.call('counter.add', 1))
    expect(next.code).toBe('ERR_RPC_NO_PROVIDER')
  })

  it('ML6 what a process advertises ends with it', async () => {
    const net = new RpcNet()
    const provider = await net.rpcNode()
    const { system } = provider.node
    const pid = system.spawn(async () => {
      await provider.rpc.advertise('mine', () => 1)
      await new Promise(() => {})
    })
    await net.clock.advance(1)
    expect(provider.rpc.stats().advertised).toBe(1)
    system.exit(pid, 'kill')
    await net.clock.advance(1)
    expect(provider.rpc.stats().advertised).toBe(0)
  })

  it('one that is dead already offers nothing', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    const pid = provider.node.system.spawn(() => {})
    await net.clock.advance(1)
    await net.told(provider.rpc.advertise('dead', bareRef(pid) as never))
    await net.clock.advance(2)
    expect(caller.rpc.providers('dead')).toEqual([])
  })
})

describe('the process behind', () => {
  it('ends every call when something throws inside it, also those made before it is restarted', async () => {
    const net = new RpcNet()
    const [broken, other] = [await net.rpcNode(), await net.rpcNode()]
    await net.told(
      broken.rpc.advertise('here', () => new Promise(() => {})),
      other.rpc.advertise('there', () => new Promise(() => {})),
    )
    const made = [broken.rpc.call('there'), other.rpc.call('here')].map((call) => net.watch(call))
    await net.clock.advance(5)
    const isGranted = (): boolean => {
      void broken.rpc.call('there').catch((error: unknown) => late.push(error))
      throw new Error('a defect')
    }
    const late: unknown[] = []
    Object.assign(broken.context, { isGranted })
    net.watch(other.rpc.call('here'))
    await net.clock.advance(5)
    const unreachable = { type: 'error', error: { code: 'ERR_RPC_UNREACHABLE' } }
    expect(made.map(({ ended }) => ended)).toMatchObject([unreachable, unreachable])
    expect(late).toMatchObject([{ code: 'ERR_RPC_UNREACHABLE' }])
    const after = await net.errorOf(broken.rpc.call('there'))
    expect(after.code).toBe('ERR_RPC_UNREACHABLE')
    expect(broken.rpc.stats()).toMatchObject({ pending: 0, running: 0 })
  })

  it('is restarted without losing what is offered; calls under way are unreachable on both sides', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    const log: string[] = []
    let answers = false
    await net.told(
      provider.rpc.advertise('maybe', (_, { signal }) => {
        if (answers) return 'again'
        signal.addEventListener('abort', () => log.push((signal.reason as { code: string }).code))
        return new Promise(() => {})
      }),
    )
    const call = net.watch(caller.rpc.call('maybe'))
    await net.clock.advance(5)
    const { system } = provider.node
    for (const process of Array.from(system.processes())) system.exit(process.pid, 'kill')
    await net.clock.advance(5)
    expect(call.ended).toMatchObject({ error: { code: 'ERR_RPC_UNREACHABLE' } })
    expect(log).toEqual(['ERR_RPC_UNREACHABLE'])
    const away = provider.rpc.call('maybe').catch((error: { code: string }) => error.code)
    expect(await away).toBe('ERR_RPC_UNREACHABLE')
    expect(provider.rpc.cast('maybe')).toBe(false)
    await net.during(RpcServer.start(provider.context, { system }))
    answers = true
    expect(await net.during(caller.rpc.call('maybe'))).toBe('again')
    expect(provider.rpc.stats()).toMatchObject({ running: 0, queued: 0, advertised: 1 })
  })
})
