import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../../dist/index.ts'
import type { SimNodes } from '../../../dist/simulation/index.ts'
import { startSimNodes } from '../../../dist/simulation/index.ts'
import { during, failing, probe } from '../support/world.ts'

let world: SimNodes
let a: FoveaNode
let b: FoveaNode
let c: FoveaNode
beforeAll(async () => {
  world = await startSimNodes(3, { node: { locks: { peerLocksMax: 3, pauseMs: 5 } } })
  ;[a, b, c] = world.nodes as [FoveaNode, FoveaNode, FoveaNode]
})
afterAll(() => world.stop())

const once = { retries: 0 }
const settled = <T>(promise: Promise<T>): Promise<T> => during(world, promise)

describe('a lock', () => {
  it('GL-09: is of one requester, who may set it again, and free after delLock', async () => {
    const id = { resource: 'r', requester: 'a' }
    expect(await settled(a.global.setLock(id, once))).toBe(true)
    expect(await settled(b.global.setLock({ resource: 'r', requester: 'b' }, once))).toBe(false)
    expect(await settled(a.global.setLock(id, once))).toBe(true)
    // The same requester elsewhere has it, too; it is free when both gave it back.
    expect(await settled(b.global.setLock(id, once))).toBe(true)
    expect(await settled(a.global.delLock(id))).toBe(true)
    const other = { resource: 'r', requester: 'c' }
    expect(await settled(c.global.setLock(other, once))).toBe(false)
    expect(await settled(b.global.delLock(id))).toBe(true)
    expect(await settled(c.global.setLock(other, once))).toBe(true)
    expect(await settled(a.global.delLock(other))).toBe(true)
    expect(await settled(a.global.setLock(id, once))).toBe(false)
    await settled(c.global.delLock(other))
    const sooner = b.global.setLock(id, { timeoutMs: 500 })
    expect(await settled(sooner)).toBe(true)
    await settled(b.global.delLock(id))
  })

  it('GL-11: is free when the process that set it ends, or its node is lost', async () => {
    const owner = probe(b)
    const id = { resource: 'r', requester: owner.pid }
    expect(await settled(b.global.setLock(id, { ...once, owner: owner.pid }))).toBe(true)
    const waiting = a.global.setLock({ resource: 'r', requester: 'a' })
    await world.clock.advance(50)
    b.system.exit(owner.pid, 'kill')
    expect(await settled(waiting)).toBe(true)
    await settled(a.global.delLock({ resource: 'r', requester: 'a' }))
    const ended = b.global.setLock({ resource: 'x' }, { ...once, owner: owner.pid })
    expect((await failing(world, ended)).code).toBe('ERR_LOCK_ABORTED')

    const lost = await world.start('lost')
    await world.connected()
    expect(await settled(lost.global.setLock({ resource: 'r', requester: 'l' }, once))).toBe(true)
    const next = a.global.setLock({ resource: 'r', requester: 'a' })
    world.kill(lost)
    expect(await settled(next)).toBe(true)
    await settled(a.global.delLock({ resource: 'r', requester: 'a' }))
  })

  it('GL-11: of a hidden node is free when that is lost', async () => {
    const hidden = await world.start('hidden', { hidden: true })
    await world.connected()
    expect(await settled(hidden.global.setLock({ resource: 'h', requester: 'h' }, once))).toBe(true)
    const next = a.global.setLock({ resource: 'h', requester: 'a' }, { timeoutMs: 30_000 })
    world.kill(hidden)
    expect(await settled(next)).toBe(true)
    await settled(a.global.delLock({ resource: 'h', requester: 'a' }))
  })

  it('GL-12: trans gives the result or aborted, and releases however the function ends', async () => {
    expect(await settled(a.global.trans('t', () => 42, once))).toBe(42)
    const inside = a.global.trans('t', async () => {
      expect(await b.global.trans('t', () => 1, once)).toBe('aborted')
      throw new Error('raised')
    })
    expect((await failing(world, inside)).message).toBe('raised')
    const id = { resource: 't', requester: 'me' }
    const nested = a.global.trans(id, async () => {
      expect(await a.global.trans(id, () => 'inner')).toBe('inner')
      return b.global.trans('t', () => 1, once)
    })
    expect(await settled(nested)).toBe('aborted')
    expect(await settled(c.global.trans('t', () => 'free', once))).toBe('free')
  })

  it('GL-12: transactions of one requester at once: the lock goes with the last of them', async () => {
    const id = { resource: 'shared', requester: 'both' }
    const [open, ends] = [[] as (() => void)[], [] as string[]]
    const hold = (): Promise<void> => new Promise((resolve) => void open.push(resolve))
    const both = [1, 2].map((i) => a.global.trans(id, hold).then(() => void ends.push(`end ${i}`)))
    await world.clock.advance(50)
    expect(open).toHaveLength(2)
    open[0]!()
    await world.clock.advance(50)
    expect(ends).toHaveLength(1)
    expect(await settled(b.global.trans('shared', () => 1, once))).toBe('aborted')
    open[1]!()
    await settled(Promise.all(both))
    expect(await settled(b.global.trans('shared', () => 1, once))).toBe(1)
    // What was set for itself stays when transactions under it are over.
    expect(await settled(a.global.setLock(id, once))).toBe(true)
    expect(await settled(a.global.trans(id, () => 2, once))).toBe(2)
    expect(await settled(b.global.trans('shared', () => 1, once))).toBe('aborted')
    await settled(a.global.delLock(id))
    expect(await settled(b.global.trans('shared', () => 1, once))).toBe(1)
  })

  it('GL-09: tries of one requester at once do not undo each other', async () => {
    const id = { resource: 'twice', requester: 'both' }
    const other = { resource: 'twice', requester: 'c' }
    expect(await settled(c.global.setLock(other, { ...once, nodes: [c.key] }))).toBe(true)
    // One of them fails at c and gives back what it has set; the other one asks a and b only.
    const all = a.global.setLock(id, once)
    const few = a.global.setLock(id, { ...once, nodes: [a.key, b.key] })
    expect(await settled(Promise.all([all, few]))).toEqual([false, true])
    for (const node of [a, b]) {
      const only = { ...once, nodes: [node.key] }
      expect(await settled(c.global.setLock(other, only))).toBe(false)
    }
    // And a release waits for the try before it.
    const trying = a.global.setLock(id, { ...once, nodes: [a.key, b.key] })
    await settled(Promise.all([trying, a.global.delLock(id)]))
    expect(await settled(c.global.setLock(other, { ...once, nodes: [a.key, b.key] }))).toBe(true)
    await settled(c.global.delLock(other))
  })

  it('GL-12: many transactions of all nodes exclude each other and none waits for ever', async () => {
    let inside = 0
    let most = 0
    const work = async (node: FoveaNode): Promise<void> => {
      for (let i = 0; i < 4; i++) {
        await node.global.trans('many', async () => {
          most = Math.max(most, ++inside)
          await new Promise<void>((resolve) => world.clock.setTimer(1, resolve))
          inside--
        })
      }
    }
    await settled(Promise.all([a, b, c, a].map(work)))
    expect([inside, most]).toEqual([0, 1])
  })

  it('GL-09: is set on nodes that join, so that they cannot take it, and given back there', async () => {
    const id = { resource: 'joined', requester: 'a' }
    expect(await settled(a.global.setLock(id, once))).toBe(true)
    const joined = await world.start('joined')
    await world.connected()
    await world.clock.advance(20)
    const other = { resource: 'joined', requester: 'j' }
    // Even if it asks nobody but itself.
    const alone = { ...once, nodes: [joined.key] }
    expect(await settled(joined.global.setLock(other, alone))).toBe(false)
    await settled(a.global.delLock(id))
    expect(await settled(joined.global.setLock(other, alone))).toBe(true)
    await during(world, joined.stop())
  })

  it('GL-09: may be set in both parts of a network, which is said when they meet', async () => {
    world.partition(a, b)
    world.partition(a, c)
    await world.clock.advance(15_000)
    expect(await settled(a.global.setLock({ resource: 'p', requester: 'a' }, once))).toBe(true)
    expect(await settled(b.global.setLock({ resource: 'p', requester: 'b' }, once))).toBe(true)
    world.heal()
    await world.connected()
    await world.clock.advance(100)
    const overlaps = [a, b].map((node) => node.stats().refused['ERR_LOCK_OVERLAP'] ?? 0)
    expect(Math.max(...overlaps)).toBeGreaterThan(0)
    await settled(a.global.delLock({ resource: 'p', requester: 'a' }))
    await settled(b.global.delLock({ resource: 'p', requester: 'b' }))
    expect(await settled(c.global.setLock({ resource: 'p', requester: 'c' }, once))).toBe(true)
    await settled(c.global.delLock({ resource: 'p', requester: 'c' }))
  })

  it('is refused above the limit, for wrong names, and once nobody wants it', async () => {
    const set = (resource: string): Promise<boolean> =>
      a.global.setLock({ resource, requester: 'a' }, once)
    for (const resource of ['1', '2', '3']) expect(await settled(set(resource))).toBe(true)
    expect((await failing(world, set('4'))).code).toBe('ERR_PEER_LOCKS_MAX')
    expect(await settled(b.global.trans('4', () => 'free', once))).toBe('free')
    await settled(a.global.delLock({ resource: '1', requester: 'a' }))
    expect(await settled(set('4'))).toBe(true)
    expect((await failing(world, set('x'.repeat(1_025)))).code).toBe('ERR_LOCK_NAME')
    const nobody = a.global.setLock({ resource: 'x' })
    expect((await failing(world, nobody)).code).toBe('ERR_OPTION_INVALID')
    // A process of another node: nobody here would see its end.
    const foreign = a.global.setLock({ resource: 'x' }, { owner: probe(b).pid })
    expect((await failing(world, foreign)).code).toBe('ERR_LOCK_OWNER')
    const abort = new AbortController()
    const waiting = b.global.setLock({ resource: '4', requester: 'b' }, { signal: abort.signal })
    await world.clock.advance(20)
    abort.abort('enough')
    expect((await failing(world, waiting)).code).toBe('ERR_LOCK_ABORTED')
    for (const [name, input] of [
      ['set', ['x']],
      ['set', 7],
      ['steal', ['x', 'y', 'z']],
    ] as const) {
      const bad = b.remoteCall.call({ name: '$locks', node: a.key }, name, input)
      expect((await failing(world, bad)).code).toBe('ERR_LOCK_MESSAGE')
    }
    const nowhere = { ...once, nodes: ['nobody@10.9.9.9:1'] }
    expect(await settled(b.global.setLock({ resource: 'n', requester: 'b' }, nowhere))).toBe(false)
    expect(await settled(b.global.trans('n', () => 'ran', nowhere))).toBe('aborted')
    const none = b.global.trans('n', undefined as never, once)
    expect((await failing(world, none)).code).toBe('ERR_ARGUMENT')
    // Nobody gives back what another node has set.
    const theft = ['4', 'a', 'node']
    await settled(b.remoteCall.call({ name: '$locks', node: a.key }, 'delete', theft))
    expect(await settled(b.global.trans('4', () => 'free', once))).toBe('aborted')
  })

  it('ends with its node: who waits is told, the others go on', async () => {
    const waiting = b.global.setLock({ resource: '4', requester: 'b' })
    const stopped = c.global.setLock({ resource: '4', requester: 'c' })
    const told = stopped.catch((error: unknown) => (error as { code: string }).code)
    await world.clock.advance(20)
    const stop = c.stop()
    // Nobody gets a lock because it says goodbye to those who have it.
    expect(await during(world, stop)).toBeUndefined()
    expect(await told).toBe('ERR_LOCK_ABORTED')
    await during(world, a.stop())
    expect(await settled(waiting)).toBe(true)
  })
})
