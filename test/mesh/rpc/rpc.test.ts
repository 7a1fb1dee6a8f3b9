import { describe, expect, it } from 'vitest'
import { RpcNet } from './rpc-net.ts'

describe('calls', () => {
  it('R1 reach a handler on another node and bring its result back', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    await net.told(
      provider.rpc.advertise('math.sum', ({ a, b }: { a: number; b: number }) => a + b),
    )
    expect(await net.during(caller.rpc.call('math.sum', { a: 1, b: 2 }))).toBe(3)
    expect(net.frames('call')).toBe(1)
    expect(caller.rpc.stats()).toMatchObject({ calls: 1, results: 1, errors: 0, pending: 0 })
    expect(provider.rpc.stats()).toMatchObject({ served: 1, running: 0, queued: 0, advertised: 1 })
  })

  it('MG16 R1 reach a local handler without the network, with copies of input and result', async () => {
    const net = new RpcNet()
    const { rpc } = await net.rpcNode()
    const seen: unknown[] = []
    await net.told(rpc.advertise('local.keep', (input) => (seen.push(input), input)))
    const input = { list: [1, new Map([['a', 1n]])] }
    const output = await net.during(rpc.call('local.keep', input))
    expect(output).toEqual(input)
    expect(seen[0]).toEqual(input)
    expect(seen[0]).not.toBe(input)
    expect(output).not.toBe(seen[0])
    expect(net.trace).toEqual([])
  })

  it('R5 fail at once when nobody offers the procedure and nobody is to be asked', async () => {
    const net = new RpcNet()
    const { rpc, node } = await net.rpcNode()
    const call = net.watch(rpc.call('nobody.home'))
    await net.clock.settle()
    expect(call.ended).toMatchObject({
      type: 'error',
      error: { code: 'ERR_RPC_NO_PROVIDER', procedure: 'nobody.home', attempts: 0 },
    })
    expect((call.ended as { error: Error }).error.message).toBe("nobody offers 'nobody.home'")
    // Where the search says nothing, the error does not pretend that it does.
    node.catalog.unanswered = true
    const unsure = 'as far as can be found out'
    for (const way of ['call', 'callMany'] as const) {
      await expect(net.during(rpc[way]('nobody.home'))).rejects.toThrow(unsure)
    }
    await expect(net.during(rpc.stream('nobody.home').result)).rejects.toThrow(unsure)
  })

  it('R5 look for providers when not all are known, and find those who come up meanwhile', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    caller.node.catalog.sought = false
    caller.node.catalog.seekMs = 50
    const missing = net.errorOf(caller.rpc.call('late.one'))
    expect((await missing).code).toBe('ERR_RPC_NO_PROVIDER')
    const call = caller.rpc.call('late.two')
    await provider.rpc.advertise('late.two', () => 'here')
    expect(await net.during(call)).toBe('here')
    expect(caller.node.catalog.stats().seeks).toBe(2)
  })

  it('R5 a provider that no longer has the procedure is forgotten, and another one is asked', async () => {
    const net = new RpcNet()
    const [caller, gone, there] = [await net.rpcNode(), await net.rpcNode(), await net.rpcNode()]
    const first = await gone.rpc.advertise('moved.away', () => 'old')
    await net.told(there.rpc.advertise('moved.away', () => 'new'))
    // It does not tell: what the caller knows is stale.
    gone.context.memory.procedures.end(gone.context.memory.procedures.get('call', first.procedure)!)
    const options = { strategy: 'first' } as const
    expect(await net.during(caller.rpc.call('moved.away', 1, options))).toBe('new')
    expect(await net.during(caller.rpc.call('moved.away', 1, options))).toBe('new')
    expect(caller.rpc.stats().results).toBe(2)
  })

  it('ML38 an error of a handler arrives with name, message, code and details', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    const error = Object.assign(new RangeError('no apples left'), {
      code: 'OUT_OF_STOCK',
      details: { left: 0, wanted: [1, 2] },
    })
    await net.told(
      provider.rpc.advertise('shop.buy', () => {
        throw error
      }),
    )
    expect(await net.errorOf(caller.rpc.call('shop.buy'))).toMatchObject({
      name: 'RpcError',
      code: 'ERR_RPC_REMOTE',
      message: 'no apples left',
      node: provider.node.self,
      attempts: 1,
      remote: {
        name: 'RangeError',
        message: 'no apples left',
        code: 'OUT_OF_STOCK',
        details: { left: 0, wanted: [1, 2] },
      },
    })
  })
})

describe('casts', () => {
  it('tell one provider and want no answer', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    const seen: unknown[] = []
    await net.told(provider.rpc.advertise('log.write', (line) => void seen.push(line)))
    expect(caller.rpc.cast('log.write', 'hello')).toBe(true)
    await net.clock.advance(5)
    expect(seen).toEqual(['hello'])
    expect(net.frames('reply')).toBe(0)
  })

  it('are refused when nobody offers the procedure or the input does not travel', async () => {
    const net = new RpcNet()
    const { rpc, count } = await net.rpcNode()
    expect(rpc.cast('nobody.home', 1)).toBe(false)
    expect(rpc.cast('nobody.home', () => 1)).toBe(false)
    expect(count('ERR_RPC_CAST_DROPPED')).toBe(2)
  })
})
