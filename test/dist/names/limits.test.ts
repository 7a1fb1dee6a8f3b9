/** Limits of global names, at the limit and one above; what peers may ask; and what churn leaves behind. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../../dist/index.ts'
import type { Pid } from '../../../runtime/index.ts'
import { during, failing, startWorld, type LoggedWorld } from '../support/world.ts'

function idle(node: FoveaNode): Pid {
  return node.system.spawn((ctx) => ctx.receive(undefined, { timeoutMs: Infinity }))
}

describe('limits of global names', () => {
  let world: LoggedWorld
  let a: FoveaNode
  let b: FoveaNode
  beforeAll(async () => {
    world = await startWorld(2, {
      network: { latencyMs: 2 },
      node: {
        names: {
          ...{ ownNamesMax: 4, pendingMax: 2, nodeNamesMax: 3, timeoutMs: 3_000 },
          ...{ ownBytesMax: 400, nodeBytesMax: 300, nameBytesMax: 512 },
        },
      },
    })
    ;[a, b] = world.nodes as [FoveaNode, FoveaNode]
    await world.clock.advance(1_000)
  })
  afterAll(() => world.stop())
  const codes = (promises: readonly Promise<unknown>[]): Promise<unknown[]> =>
    during(
      world,
      Promise.all(
        promises.map((each) =>
          each.then(
            () => 'ok',
            (error: { readonly code: unknown }) => error.code,
          ),
        ),
      ),
    )

  it('pendingMax, ownNamesMax and nodeNamesMax hold at the limit and refuse one above', async () => {
    const p = idle(a)
    const register = (name: string): Promise<unknown> => a.globalRegistry.register(name, p)
    expect(await codes(['1', '2', '3'].map(register))).toEqual([
      'ok',
      'ok',
      'ERR_GLOBAL_PENDING_MAX',
    ])
    expect(await codes(['3', '4'].map(register))).toEqual(['ok', 'ok'])
    expect(await codes(['5'].map(register))).toEqual(['ERR_GLOBAL_NAMES_MAX'])
    await world.clock.advance(100)
    expect(b.globalRegistry.count()).toBe(3)
    expect(b.mesh.stats().refused['ERR_PRESENCE_REMOTE_MAX']).toBeGreaterThan(0)
    a.system.exit(p, 'kill')
    await world.clock.advance(100)
    expect(b.globalRegistry.count()).toBe(0)
  })

  it('ownBytesMax and nodeBytesMax hold to the byte: one name is in, a longer one is refused, or not known', async () => {
    const p = idle(a)
    const register = (name: string): Promise<unknown> => a.globalRegistry.register(name, p)
    expect(await codes([register('x')])).toEqual(['ok'])
    const rest = a.globalRegistry.getStats().ownBytes - 1
    await during(world, a.globalRegistry.unregister('x'))
    const fill = (bytesMax: number): string => 'y'.repeat(bytesMax - rest)
    expect(await codes([register(fill(401))])).toEqual(['ERR_GLOBAL_BYTES_MAX'])
    expect(a.globalRegistry.getStats()).toMatchObject({ own: 0, ownBytes: 0, pending: 0 })
    expect(await codes([register(fill(400))])).toEqual(['ok'])
    await world.clock.advance(100)
    expect(b.globalRegistry.count()).toBe(0)
    expect(b.mesh.stats().refused['ERR_PRESENCE_REMOTE_BYTES_MAX']).toBeGreaterThan(0)
    expect(await codes([register('n')])).toEqual(['ERR_GLOBAL_BYTES_MAX'])
    await during(world, a.globalRegistry.unregister(fill(400)))
    for (const [bytes, known] of [
      [301, 0],
      [300, 1],
    ] as const) {
      expect(await codes([register(fill(bytes))])).toEqual(['ok'])
      await world.clock.advance(100)
      expect(b.globalRegistry.getStats()).toMatchObject({ names: known, knownBytes: known * 300 })
      await during(world, a.globalRegistry.unregister(fill(bytes)))
    }
    a.system.exit(p, 'kill')
    await world.clock.advance(100)
    expect(b.globalRegistry.count()).toBe(0)
  })

  it('GL-15 a registration waits for a silent node, at most timeoutMs, and then nothing is left of it', async () => {
    const p = idle(a)
    world.partition(a, b)
    const late = await failing(world, a.globalRegistry.register('x', p, { timeoutMs: 500 }))
    expect(late).toMatchObject({ code: 'ERR_GLOBAL_TIMEOUT', nodeIds: [b.id] })
    expect(late.message).toContain(b.id)
    expect(world.lines.find(({ code }) => code === 'ERR_GLOBAL_TIMEOUT')).toMatchObject({
      fields: { name: 'x', nodes: [b.id] },
    })
    expect(a.stats().refused['ERR_GLOBAL_TIMEOUT']).toBe(1)
    const there = idle(b)
    const theirs = a.globalRegistry.register('z', there, { timeoutMs: 100 })
    expect(await failing(world, theirs)).toMatchObject({
      ...{ code: 'ERR_GLOBAL_TIMEOUT', nodeIds: [b.id] },
    })
    const abort = new AbortController()
    const { signal } = abort
    const waiting = codes([
      a.globalRegistry.register('x', p, { signal }),
      a.globalRegistry.register('w', there, { signal }),
    ])
    abort.abort('enough')
    expect(await waiting).toEqual(['ERR_GLOBAL_ABORTED', 'ERR_GLOBAL_ABORTED'])
    b.system.exit(there, 'kill')
    const dying = codes([a.globalRegistry.register('y', p)])
    a.system.exit(p, 'kill')
    expect(await dying).toEqual(['ERR_GLOBAL_PROCESS'])
    expect(a.globalRegistry.getStats()).toMatchObject({ names: 0, own: 0, pending: 0 })
    world.heal()
    await world.connected()
    await world.clock.advance(3_000)
    expect(b.globalRegistry.count()).toBe(0)
  })

  it('GL-05 who had a name keeps it when another process of the node was to have it and is not through', async () => {
    const [p, q] = [idle(a), idle(a)]
    expect(await codes([a.globalRegistry.register('kept', p)])).toEqual(['ok'])
    world.partition(a, b)
    expect(await codes([a.globalRegistry.reRegister('kept', q, { timeoutMs: 200 })])).toEqual([
      'ERR_GLOBAL_TIMEOUT',
    ])
    expect(a.globalRegistry.whereis('kept')!.pid.id).toBe(p.id)
    a.system.exit(q, 'kill')
    world.heal()
    await world.connected()
    await world.clock.advance(3_000)
    for (const node of [a, b]) expect(node.globalRegistry.whereis('kept')!.pid.id).toBe(p.id)
    a.system.exit(p, 'kill')
    await world.clock.advance(100)
    expect([a, b].map((node) => node.globalRegistry.count())).toEqual([0, 0])
  })

  it.each([
    ['nonsense', null],
    ['unregister', 7],
    ['register', null],
    ['register', ['n', -1, 0, null, false, null, 'eventual', 5]],
    ['register', ['n', 1, 0, null, false, 'mine', 'eventual', 5]],
    ['register', ['n', 1, 0, null, false, null, 'eventual', 2 ** 40]],
    ['register', ['', 1, 0, null, false, null, 'eventual', 5]],
  ])('what a peer asks that is no request is refused: %s %j', async (what, input) => {
    const asked = b.remoteCall.call({ name: '$names', node: a.key }, what, input)
    const { code } = await failing(world, asked)
    expect(['ERR_GLOBAL_REQUEST', 'ERR_GLOBAL_NAME_INVALID']).toContain(code)
  })

  it('G14 registering and unregistering leaves nothing behind', async () => {
    const p = idle(a)
    for (let round = 0; round < 100; round++) {
      expect(await codes([a.globalRegistry.register('churn', p)])).toEqual(['ok'])
      await during(world, a.globalRegistry.unregister('churn'))
    }
    await world.clock.advance(1_000)
    for (const node of [a, b]) {
      expect(node.globalRegistry.getStats()).toEqual({
        ...{ names: 0, own: 0, pending: 0, contested: 0, ownBytes: 0, knownBytes: 0 },
      })
    }
  })

  it('who waits is told when the node stops', async () => {
    const c = await world.start('c')
    await world.connected()
    await world.clock.advance(1_000)
    world.partition(c, a)
    world.partition(c, b)
    const waiting = codes([
      c.globalRegistry.register('z', idle(c)),
      c.globalRegistry.sync().then(() => 'ok'),
    ])
    await world.clock.advance(10)
    void c.stop()
    // To a node that leaves nobody is connected, so it has nobody to wait for.
    expect(['ok', 'ERR_GLOBAL_STOPPED']).toContain((await waiting)[0])
    expect(c.globalRegistry.getStats().pending).toBe(0)
  })
})

describe('a node without services', () => {
  it('has no global names and no groups, and says so', async () => {
    await using world = await startWorld(1, { node: { services: false } })
    const [node] = world.nodes as [FoveaNode]
    const error = await failing(world, node.globalRegistry.register('n', idle(node)))
    expect(error).toMatchObject({ code: 'ERR_SERVICES_DISABLED' })
    expect(() => node.globalRegistry.whereis('n')).toThrow(
      expect.objectContaining({ code: 'ERR_SERVICES_DISABLED' }),
    )
    expect(() => node.groups.join('g', idle(node))).toThrow(
      expect.objectContaining({ code: 'ERR_SERVICES_DISABLED' }),
    )
  })
})
