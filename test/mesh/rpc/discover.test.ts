import { describe, expect, it } from 'vitest'
import { RpcNet } from './rpc-net.ts'

describe('discover', () => {
  it('gives who offers a procedure, after those were looked for who are not known', async () => {
    const net = new RpcNet()
    const [a, b] = [await net.rpcNode(), await net.rpcNode()]
    await net.told(b.rpc.advertise('p', () => 1, { metadata: { zone: 'x' } }))
    const found = await net.during(a.rpc.discover('p'))
    expect(found).toMatchObject([{ node: b.node.self, isLocal: false, metadata: { zone: 'x' } }])
    expect(await net.during(a.rpc.discover('q', { timeoutMs: 100 }))).toEqual([])
  })

  it('refuses names and options that are none', async () => {
    const net = new RpcNet()
    const { rpc } = await net.rpcNode()
    expect((await net.errorOf(rpc.discover('a..b'))).code).toBe('ERR_RPC_PROCEDURE_INVALID')
    await expect(rpc.discover('a', { timeoutMs: 0 })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
    })
  })
})
