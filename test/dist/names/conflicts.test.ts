/** Global names of a cluster that falls apart and comes together. */
import { describe, expect, it } from 'vitest'
import type { FoveaNode, GlobalEntry, NameResolver, RegisterOptions } from '../../../dist/index.ts'
import type { Pid } from '../../../runtime/index.ts'
import { during, probe, startWorld, type LoggedWorld, type Probe } from '../support/world.ts'

/** Who has the name, as each node sees it. */
function views(nodes: readonly FoveaNode[], name: string): string[] {
  return nodes.map((node) => {
    const pid = node.globalRegistry.whereis(name)?.pid
    if (pid === undefined) return 'nobody'
    return `${nodes.findIndex(({ key }) => key.hex === pid.node)}/${pid.id}`
  })
}

/** Who has the better right when nothing else tells two nodes apart. */
function ranked(nodes: readonly FoveaNode[]): FoveaNode[] {
  return Array.from(nodes).sort((a, b) => (a.key.hex < b.key.hex ? -1 : 1))
}

function idle(node: FoveaNode): Pid {
  return node.system.spawn((ctx) => ctx.receive(undefined, { timeoutMs: Infinity }))
}

/** Two nodes that both have `name`; a watcher between them if there are three. */
async function apart(
  count: number,
  names: readonly (readonly [string, RegisterOptions, boolean])[],
): Promise<{
  readonly world: LoggedWorld
  readonly better: FoveaNode
  readonly worse: FoveaNode
  readonly probes: ReadonlyMap<string, readonly [Probe, Probe]>
}> {
  const world = await startWorld(count, { network: { latencyMs: 2 } })
  await world.clock.advance(1_000)
  const [better, worse] = ranked(world.nodes.slice(0, 2)) as [FoveaNode, FoveaNode]
  for (const node of world.nodes) if (node !== worse) world.partition(worse, node)
  await world.clock.advance(20_000)
  const probes = new Map<string, readonly [Probe, Probe]>()
  for (const [name, options, traps] of names) {
    const pair = [probe(better, traps), probe(worse, traps)] as const
    probes.set(name, pair)
    await during(world, better.globalRegistry.register(name, pair[0].pid, options))
    await during(world, worse.globalRegistry.register(name, pair[1].pid, options))
  }
  return { world, better, worse, probes }
}

async function together({ world }: { readonly world: LoggedWorld }): Promise<void> {
  world.heal()
  await world.connected()
  await world.clock.advance(3_000)
}

describe('global names when parts meet', () => {
  it('GL-06 GL-07 GL-08 G2 G4 NX-D16 one process keeps each name everywhere, by its resolver, told once', async () => {
    const other: NameResolver = (_name, _own, rival) => rival
    const made = await apart(3, [
      ['exit', {}, false],
      ['trap', { resolver: 'exit_name' }, true],
      ['notify', { resolver: 'notify_name' }, false],
      ['all', { resolver: 'notify_all_name' }, false],
      ['function', { resolver: other }, false],
      [
        'throws',
        {
          resolver: () => {
            throw new Error('bad resolver')
          },
        },
        false,
      ],
    ])
    const { world, better, worse, probes } = made
    const alone = idle(worse)
    await during(world, worse.globalRegistry.register('alone', alone))
    const resolved: string[] = []
    better.globalRegistry.on('conflictResolved', (name, winner, losers) =>
      resolved.push(`${name} ${winner?.nodeId === better.id} ${losers.length}`),
    )
    await together(made)
    const { nodes } = world
    const at = (node: FoveaNode, name: string, which: 0 | 1): string[] =>
      nodes.map(() => `${nodes.indexOf(node)}/${probes.get(name)![which].pid.id}`)
    for (const name of ['exit', 'trap', 'notify', 'throws']) {
      expect([name, views(nodes, name)]).toEqual([name, at(better, name, 0)])
    }
    expect(views(nodes, 'function')).toEqual(at(worse, 'function', 1))
    expect(views(nodes, 'all')).toEqual(nodes.map(() => 'nobody'))
    expect(new Set(views(nodes, 'alone')).size).toBe(1)
    expect(worse.globalRegistry.isRegistered('alone')).toBe(true)
    const alive = (name: string): boolean[] => [
      better.system.isAlive(probes.get(name)![0].pid),
      worse.system.isAlive(probes.get(name)![1].pid),
    ]
    expect(alive('exit')).toEqual([true, false])
    expect(probes.get('trap')![1].seen).toMatchObject([
      { type: 'exit', reason: { shutdown: { nameConflict: { name: 'trap' } } } },
    ])
    expect(alive('trap')).toEqual([true, true])
    const message = (name: string, isTaken: boolean): object => ({
      ...{ type: 'global_name_conflict', name, isTaken },
    })
    expect(probes.get('notify')![0].seen).toEqual([])
    expect(probes.get('notify')![1].seen).toMatchObject([message('notify', true)])
    expect(probes.get('all')![0].seen).toMatchObject([message('all', false)])
    expect(probes.get('all')![1].seen).toMatchObject([message('all', false)])
    expect(probes.get('function')![0].seen).toMatchObject([message('function', true)])
    expect(probes.get('function')![1].seen).toEqual([])
    for (const name of ['notify', 'all', 'function']) expect(alive(name)).toEqual([true, true])
    expect(better.stats().refused).toMatchObject({ ERR_GLOBAL_RESOLVER: 1 })
    expect(resolved.sort()).toEqual([
      ...['all false 2', 'exit true 1', 'function false 1'],
      ...['notify true 1', 'throws true 1', 'trap true 1'],
    ])
    await world.clock.advance(5_000)
    expect(alive('trap')).toEqual([true, false])
    for (const node of nodes) expect(node.globalRegistry.getStats().contested).toBe(0)
    await world.stop()
  })

  it('G2 G4 what a resolver or a handler does to the name itself is what counts, and leaves no name of nobody', async () => {
    const acts: string[] = []
    const act = (what: string, own: GlobalEntry): void => {
      acts.push(what)
      if (what === 'withdraws') void better.globalRegistry.unregister('withdraws')
      else if (what === 'ends') better.system.exit(own.ref.pid, 'kill')
      else {
        const next = what === 'replaces' ? spare : own.ref.pid
        better.globalRegistry.reRegister(what, next).catch(() => {})
      }
    }
    const acting: NameResolver = (name, own) => {
      act(name, own)
      return own
    }
    const made = await apart(2, [
      ['withdraws', { resolver: acting }, false],
      ['ends', { resolver: acting }, false],
      ['replaces', { resolver: acting }, false],
      ['again', { resolver: (_name, _own, rival) => rival }, false],
    ])
    const { world, better, worse, probes } = made
    const spare = idle(better)
    better.globalRegistry.on('conflictResolved', (name, _winner, [loser]) => {
      if (name === 'again') act(name, loser!)
    })
    await together(made)
    expect(acts.sort()).toEqual(['again', 'ends', 'replaces', 'withdraws'])
    const { nodes } = world
    const pidsAt = (name: string): (Pid | undefined)[] =>
      nodes.map((node) => node.globalRegistry.whereis(name)?.pid)
    // Unregistered is unregistered, wherever its process is.
    expect(views(nodes, 'withdraws')).toEqual(['nobody', 'nobody'])
    const rival = `${nodes.indexOf(worse)}/${probes.get('ends')![1].pid.id}`
    expect(views(nodes, 'ends')).toEqual([rival, rival])
    for (const pid of pidsAt('replaces')) expect(pid?.id).toBe(spare.id)
    const [again] = probes.get('again')!
    for (const pid of pidsAt('again')) expect(pid?.id).toBe(again.pid.id)
    // Every name goes with its process, on both nodes.
    better.system.exit(spare, 'kill')
    for (const pair of probes.values()) {
      better.system.exit(pair[0].pid, 'kill')
      worse.system.exit(pair[1].pid, 'kill')
    }
    await world.clock.advance(1_000)
    for (const node of nodes) expect(node.globalRegistry.getNames()).toEqual([])
    await world.stop()
  })

  it('G4 NX-D16 G13 whose registration replaced more keeps the name, whatever the keys and clocks say', async () => {
    const made = await apart(2, [])
    const { world, better, worse } = made
    const [p, q] = [idle(better), idle(worse)]
    await during(world, better.globalRegistry.register('n', p))
    await during(world, worse.globalRegistry.register('n', idle(worse)))
    await during(world, worse.globalRegistry.reRegister('n', q))
    await together(made)
    expect(views(world.nodes, 'n')).toEqual(
      world.nodes.map(() => `${world.nodes.indexOf(worse)}/${q.id}`),
    )
    expect(better.system.isAlive(p)).toBe(false)
    await world.stop()
  })

  it('GL-16 sync waits for names that a node which has just come does not know yet', async () => {
    const world = await startWorld(2, { network: { latencyMs: 20 } })
    const [a] = world.nodes as [FoveaNode]
    await during(
      world,
      Promise.all(
        Array.from({ length: 200 }, (_, i) => a.globalRegistry.register(`n${i}`, idle(a))),
      ),
    )
    const c = await world.start('late')
    const synced: string[] = []
    c.globalRegistry.on('synced', (nodeId) => synced.push(nodeId))
    await world.connected()
    const before = c.globalRegistry.count()
    await during(world, c.globalRegistry.sync())
    expect(c.globalRegistry.count()).toBe(200)
    expect(before).toBeLessThan(200)
    await world.clock.advance(1_000)
    expect(synced.sort()).toEqual(
      world.nodes
        .slice(0, 2)
        .map(({ id }) => id as string)
        .sort(),
    )
    await world.stop()
  })

  it('G5 nodes that do not see each other agree through one that both see', async () => {
    const world = await startWorld(3, { network: { latencyMs: 2 } })
    const [a, b, c] = world.nodes as [FoveaNode, FoveaNode, FoveaNode]
    await world.clock.advance(1_000)
    world.partition(a, c)
    await world.clock.advance(20_000)
    const p = idle(a)
    const lost: string[] = []
    for (const node of [a, b, c]) node.cluster.onNodeDown((id) => lost.push(id))
    const [first, second] = await during(
      world,
      Promise.allSettled([
        a.globalRegistry.register('n', p),
        c.globalRegistry.register('n', idle(c)),
      ]),
    )
    expect([first.status, second.status].sort()).toEqual(['fulfilled', 'rejected'])
    await world.clock.advance(10_000)
    expect(new Set(views([a, b, c], 'n')).size).toBe(1)
    expect(views([a, b, c], 'n')[0]).not.toBe('nobody')
    expect(lost).toEqual([])
    await world.stop()
  })

  it('G3 G6 names of a node that is gone are gone, those of its next life are new, and others can have them', async () => {
    const world = await startWorld(2)
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    await world.clock.advance(1_000)
    await during(world, b.globalRegistry.register('n', idle(b)))
    await world.clock.advance(100)
    expect(a.globalRegistry.isRegistered('n')).toBe(true)
    world.kill(b)
    await world.clock.advance(30_000)
    expect(a.globalRegistry.isRegistered('n')).toBe(false)
    await during(world, a.globalRegistry.register('n', idle(a)))
    expect(views([a], 'n')[0]).toMatch(/^0\//)
    await world.stop()
  })
})
