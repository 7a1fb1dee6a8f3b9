import { describe, expect, it } from 'vitest'
import { contract, defineServer, implement, noreply, reply } from '../../../../behaviours/index.ts'
import type { Contract, Server, StandardSchema } from '../../../../behaviours/index.ts'
import { contractClient } from '../../../../mesh/rpc/client/client.ts'
import { methodsOf, procedureOf } from '../../../../mesh/rpc/client/contract.ts'
import { serveContract } from '../../../../mesh/rpc/client/serve.ts'
import { RpcNet } from '../rpc-net.ts'
import type { RpcNode } from '../rpc-net.ts'

interface CounterApi {
  call: { get(): number; add(by: number): number; next(): number }
  cast: { reset(): void; set(to: number): void }
}

const NAMES = {
  call: { get: true, add: true, next: true },
  cast: { reset: true, set: true },
} as const

const CounterContract: Contract<CounterApi> = contract('counter/1', NAMES)

const Counter: Server<CounterApi, number> = implement(CounterContract, {
  init: (start: number): number => start,
  call: {
    get: (n) => reply(n, n),
    add: (n, by) => reply(n + by, n + by),
    next: (n) => noreply(n),
  },
  cast: { reset: () => noreply(0), set: (_n, to) => noreply(to) },
})

const PROCEDURES = [
  'counter.1.get',
  'counter.1.add',
  'counter.1.next',
  'counter.1.reset',
  'counter.1.set',
]

async function pair(): Promise<{ net: RpcNet; caller: RpcNode; provider: RpcNode }> {
  const net = new RpcNet()
  return { net, caller: await net.rpcNode(), provider: await net.rpcNode() }
}

function evenSchema(): StandardSchema<unknown, number> {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof value === 'number' && value % 2 === 0
          ? { value: value / 2 }
          : { issues: [{ message: 'not even' }] },
    },
  }
}

describe('contracts', () => {
  it('R1 served by a process of another node are called and cast to as that process is', async () => {
    const { net, caller, provider } = await pair()
    const { system } = provider.node
    const counter = await net.during(Counter.start(10, { system }))
    const service = await net.during(serveContract(provider.rpc, system, CounterContract, counter))
    await net.told()
    expect([service.contract, service.procedures]).toEqual(['counter/1', PROCEDURES])
    const client = contractClient(caller.rpc, CounterContract)
    await expect(net.during(client.call.add(5, { timeoutMs: 100 }))).resolves.toBe(15)
    expect(client.cast.set(3)).toBe(true)
    await net.told()
    await expect(net.during(client.call.get())).resolves.toBe(3)
    expect(client.cast.reset()).toBe(true)
    await net.told()
    await expect(net.during(client.call.get())).resolves.toBe(0)
    await expect(net.during(client.call.next(undefined, { timeoutMs: 50 }))).rejects.toMatchObject({
      code: 'ERR_RPC_TIMEOUT',
    })
  })

  it('served by functions, which get the context of their call', async () => {
    const { net, caller, provider } = await pair()
    let n = 1
    const callers: string[] = []
    const service = await net.during(
      serveContract(provider.rpc, provider.node.system, CounterContract, {
        call: {
          get: () => n,
          add: (by, context) => {
            callers.push(context.caller.node)
            return (n += by)
          },
          next: () => Promise.resolve(n + 1),
        },
        cast: { reset: () => void (n = 0), set: (to) => void (n = to) },
      }),
    )
    await net.told()
    const client = contractClient(caller.rpc, CounterContract, { strategy: 'local_first' })
    await expect(net.during(client.call.add(5))).resolves.toBe(6)
    await expect(net.during(client.call.next())).resolves.toBe(7)
    expect(callers).toEqual([caller.node.self])
    expect(service.unadvertise()).toBe(true)
    expect(service.unadvertise()).toBe(false)
    await net.told()
    await expect(net.during(client.call.get())).rejects.toMatchObject({
      code: 'ERR_RPC_NO_PROVIDER',
    })
  })

  it('R4 end with the process that serves them, at once', async () => {
    const { net, caller, provider } = await pair()
    const { system } = provider.node
    const counter = await net.during(Counter.start(0, { system }))
    await net.during(serveContract(provider.rpc, system, CounterContract, counter))
    await net.told()
    const client = contractClient(caller.rpc, CounterContract)
    const seen = net.watch(client.call.next())
    await net.told()
    system.exit(counter.pid, 'kill')
    await net.told()
    expect(seen.ended).toMatchObject({ type: 'error', error: { code: 'ERR_RPC_UNREACHABLE' } })
    expect(provider.rpc.stats().advertised).toBe(0)
  })

  it('check inputs with their schemas at the door: of functions once, of processes there', async () => {
    const { net, caller, provider } = await pair()
    interface HalfApi {
      call: { half(of: number): number }
      cast: {}
    }
    const even = evenSchema()
    const HalfContract: Contract<HalfApi> = contract<HalfApi>('half/2', {
      call: { half: even },
      cast: {},
    })
    const served = await net.during(
      serveContract(provider.rpc, provider.node.system, HalfContract, {
        call: { half: (of) => of },
      }),
    )
    await net.told()
    const client = contractClient(caller.rpc, HalfContract)
    await expect(net.during(client.call.half(8))).resolves.toBe(4)
    await expect(net.during(client.call.half(7))).rejects.toMatchObject({ code: 'ERR_RPC_INPUT' })
    served.unadvertise()
    const Half: Server<HalfApi, void> = implement(HalfContract, {
      init: () => 0,
      call: { half: (state, of) => reply(of, state) },
      cast: {},
    })
    const { system } = provider.node
    const half = await net.during(Half.start(undefined, { system }))
    await net.during(serveContract(provider.rpc, system, HalfContract, half))
    await net.told()
    await expect(net.during(client.call.half(8))).resolves.toBe(4)
    await expect(net.during(client.call.half(7))).rejects.toMatchObject({ code: 'ERR_RPC_INPUT' })
  })

  it('are served whole or not at all', async () => {
    const { net, provider } = await pair()
    const { rpc, node } = provider
    await rpc.advertise('counter.1.reset', () => 1)
    const counter = await net.during(Counter.start(0, { system: node.system }))
    await expect(serveContract(rpc, node.system, CounterContract, counter)).rejects.toMatchObject({
      code: 'ERR_RPC_PROCEDURE_TAKEN',
    })
    expect(rpc.stats().advertised).toBe(1)
    const incomplete = { call: { get: () => 1 } } as never
    await expect(
      serveContract(rpc, node.system, CounterContract, incomplete),
    ).rejects.toMatchObject({
      code: 'ERR_RPC_PROCEDURE_INVALID',
      message: expect.stringContaining("'call.add'") as string,
    })
    const pid = counter.pid as never
    await expect(serveContract(rpc, node.system, CounterContract, pid)).rejects.toThrow(
      /contract\.at\(pid\)/,
    )
    expect(rpc.stats().advertised).toBe(1)
  })

  it('drain: what runs ends, what comes is refused', async () => {
    const { net, caller, provider } = await pair()
    const { system } = provider.node
    const Light = defineServer({
      name: 'light/1',
      init: () => 'off',
      call: { get: (state) => reply(state, state) },
      cast: {},
    })
    const light = await net.during(Light.start(undefined, { system }))
    const service = await net.during(serveContract(provider.rpc, system, Light.contract, light))
    await net.told()
    const client = contractClient(caller.rpc, Light.contract)
    await expect(net.during(client.call.get())).resolves.toBe('off')
    await net.during(service.drain())
    await expect(net.during(client.call.get())).rejects.toMatchObject({
      code: 'ERR_RPC_NO_PROVIDER',
    })
  })

  it('have procedures named after contract and method', () => {
    expect(
      methodsOf(CounterContract as Contract<unknown>).map(({ procedure }) => procedure),
    ).toEqual(PROCEDURES)
    expect(procedureOf('a/b/2', 'get')).toBe('a.b.2.get')
    expect(() => procedureOf('counter/1', 'a b')).toThrow(
      expect.objectContaining({ code: 'ERR_RPC_PROCEDURE_INVALID' }),
    )
    for (const none of [undefined, null, 5, {}, Counter]) {
      expect(() => methodsOf(none as never)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT', argument: 'contract' }),
      )
    }
    expect(() => procedureOf('counter//1', 'get')).toThrow(
      expect.objectContaining({ code: 'ERR_RPC_PROCEDURE_INVALID' }),
    )
    interface TwiceApi {
      call: { get(): number }
      cast: { get(): void }
    }
    const twice: Contract<TwiceApi> = contract<TwiceApi>('twice/1', {
      call: { get: true },
      cast: { get: true },
    })
    expect(() => methodsOf(twice as Contract<unknown>)).toThrow(/both named 'get'/)
  })

  it('H25 clients have what the contract names and nothing else, also by strange names', async () => {
    const { caller } = await pair()
    interface OddApi {
      call: { constructor(): number; toString(): string }
      cast: {}
    }
    const odd = contract<OddApi>('odd/1', {
      call: { constructor: true, toString: true } as never,
      cast: {},
    })
    const client = contractClient(caller.rpc, odd) as unknown as {
      readonly call: Readonly<Record<string, unknown>>
    }
    expect(Object.keys(client.call)).toEqual(['constructor', 'toString'])
    expect(client.call['hasOwnProperty']).toBeUndefined()
    expect(() => contractClient(caller.rpc, odd, { timeout: 5 } as object)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_RENAMED' }),
    )
  })
})
