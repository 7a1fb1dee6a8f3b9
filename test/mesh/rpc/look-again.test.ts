import { expect, it } from 'vitest'
import { LookAgain } from '../../../mesh/rpc/look-again.ts'
import { RpcNet } from './rpc-net.ts'

it('looks for a name once at a time, and not for one that was just looked for', async () => {
  const looked: string[] = []
  const over: (() => void)[] = []
  const fresh = new Set<string>()
  const again = new LookAgain({
    isSought: (_kind, name) => fresh.has(name),
    seek: (_kind, name) => {
      looked.push(name)
      return new Promise((resolve) => over.push(resolve))
    },
  })
  for (const name of ['a', 'a', 'b']) again.used(name)
  expect(looked).toEqual(['a', 'b'])
  over[0]!()
  await Promise.resolve()
  again.used('a')
  fresh.add('b')
  over[1]!()
  await Promise.resolve()
  again.used('b')
  expect(looked).toEqual(['a', 'b', 'a'])
})

it('calls and casts look for others who offer the same, and wait for nobody', async () => {
  const net = new RpcNet()
  const { rpc, node } = await net.rpcNode()
  await net.told(rpc.advertise('own', () => 1))
  const looked: string[] = []
  node.catalog.sought = false
  node.catalog.seek = (_kind, name) => {
    looked.push(name)
    return new Promise(() => {})
  }
  expect(await net.during(rpc.call('own', 1, { strategy: 'local_first' }))).toBe(1)
  expect(await net.during(rpc.call('own', 1, { node: node.self }))).toBe(1)
  expect(looked).toEqual([])
  expect(await net.during(rpc.call('own'))).toBe(1)
  expect(rpc.cast('own')).toBe(true)
  expect(looked).toEqual(['own'])
})

it('a call by key waits for others while it knows itself alone, and half of its time at most', async () => {
  const net = new RpcNet()
  const { rpc, node } = await net.rpcNode()
  await net.told(rpc.advertise('own', () => 1))
  node.catalog.sought = false
  node.catalog.seek = (_kind, _name, { timeoutMs = Infinity } = {}) =>
    new Promise((resolve) => void net.clock.setTimer(timeoutMs, () => resolve()))
  const startMs = net.clock.now()
  const call = rpc.call('own', 1, { strategy: 'consistent_hash', key: 'k', timeoutMs: 1_000 })
  expect(await net.during(call)).toBe(1)
  expect(net.clock.now() - startMs).toBe(500)
})
