import { describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../dist/index.ts'
import { Counter, CounterContract, during, failing, probe, startWorld } from './support/world.ts'

describe('a process of another node, by pid or name', () => {
  it('X-06 X-11 X-12 X-16 NX-D25 send, monitor, exit, stop and isAlive work by { name, node }', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    const { clock } = world
    const { remoteCall } = a
    const box = probe(b)
    b.system.register('box', box.pid)
    const target = { name: 'box', node: b.id }
    remoteCall.send(target, 'by name')
    remoteCall.send(a.system.pidFor(b.key.hex, box.pid.id, box.pid.incarnation), 'by pid')
    remoteCall.send({ name: 'box', node: 'nobody@10.9.9.9:4433' }, 'lost')
    await clock.advance(10)
    expect(box.seen).toEqual(['by name', 'by pid'])
    expect(await during(world, remoteCall.isAlive(target))).toBe(true)
    expect(await during(world, remoteCall.isAlive({ name: 'none', node: b.id }))).toBe(false)

    const spawn = { name: 'hits', arg: 1 }
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, spawn))
    const hits = { name: 'hits', node: b.id }
    const ends: unknown[] = []
    a.remoteMonitor.monitor(hits, (_target, reason) => ends.push(reason))
    expect(await during(world, remoteCall.isAlive(ref))).toBe(true)
    await during(world, remoteCall.stop(hits))
    expect(await during(world, remoteCall.isAlive(ref))).toBe(false)
    expect(ends).toEqual(['normal'])
    expect(await failing(world, remoteCall.stop(hits))).toMatchObject({ reason: 'noproc' })
    expect(await failing(world, remoteCall.call(hits, 'get'))).toMatchObject({ reason: 'noproc' })

    const doomed = await during(world, a.remoteSpawn.spawn(CounterContract, b.id))
    a.remoteMonitor.monitor(doomed, (_target, reason) => ends.push(reason))
    remoteCall.exit(doomed, 'boom')
    await clock.advance(10)
    expect(ends).toEqual(['normal', 'boom'])
    expect(() => remoteCall.exit(target as never, 'boom')).toThrow(/a pid or a ref/)

    const nobody = { name: 'box', node: 'nobody@10.9.9.9:4433' }
    for (const ask of [() => remoteCall.isAlive(nobody), () => remoteCall.stop(nobody)]) {
      expect(await failing(world, ask())).toMatchObject({ reason: 'noconnection' })
    }
    expect(await remoteCall.isAlive({ name: 'none', node: a.id })).toBe(false)
  })

  it('a version of a behaviour is spawned by name, the latest without one', async () => {
    await using world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    b.behaviorRegistry.register('c', Counter, { remote: true, version: 1 })
    b.behaviorRegistry.register('c', Counter, { remote: true, version: 2 })
    for (const name of ['c', 'c@1', 'c@2']) {
      const ref = await during(world, a.remoteSpawn.spawn(name, b.id, { arg: 3 }))
      expect(await during(world, a.remoteCall.call(ref, 'get'))).toBe(3)
    }
    expect(await failing(world, a.remoteSpawn.spawn('c@3', b.id))).toMatchObject({
      code: 'ERR_BEHAVIOR_NOT_FOUND',
    })
  })
})
