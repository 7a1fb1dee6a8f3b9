/** Links that nobody needs are closed, and nothing that lies on a link lets it be closed. */
import { describe, expect, it } from 'vitest'
import type { Ref } from '../../behaviours/index.ts'
import type { FoveaNode } from '../../dist/index.ts'
import type { LinkEvent } from '../../mesh/index.ts'
import { VoterDisk } from './support/voters.ts'
import { CounterContract, during, probe, startWorld, type CounterApi } from './support/world.ts'

/** Nodes that keep one standing link each, probe nobody, and close what is idle for 2 s. */
async function scene(count = 6) {
  const quiet = { probeIntervalMs: 600_000, syncIntervalMs: 600_000, gossipIntervalMs: 600_000 }
  const world = await startWorld(count, {
    node: { neighbours: 1, linkIdleMs: 2_000, linkIdleMinMs: 500, membership: quiet },
  })
  const a = world.nodes[0] as FoveaNode
  await world.clock.advance(20_000)
  const far = world.nodes.find((node) => node !== a && !linked(a, node))
  if (far === undefined) throw new Error('everybody is a standing neighbour')
  return { world, a, far, [Symbol.asyncDispose]: () => world.stop() }
}

const linked = (a: FoveaNode, b: FoveaNode) => a.mesh.linkTo(b.key.hex) !== undefined

/** How the link between two nodes goes down, on both sides. */
function downs(a: FoveaNode, b: FoveaNode): string[] {
  const seen: string[] = []
  for (const [node, other] of [
    [a, b],
    [b, a],
  ] as const) {
    node.mesh.onLink((event: LinkEvent) => {
      const isIt = event.link.peer.key.hex === other.key.hex
      if (isIt && event.type === 'down') seen.push(event.reason)
    })
  }
  return seen
}

describe('an idle link', () => {
  it('is closed, tells nobody of a lost node, and is made again by the next message', async () => {
    await using t = await scene()
    const { world, a, far } = t
    const lost: string[] = []
    for (const node of [a, far]) node.cluster.onNodeDown((id) => void lost.push(id))
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, far.id, { arg: 1 }))
    expect(linked(a, far)).toBe(true)
    const reasons = downs(a, far)
    await world.clock.advance(5_000)
    expect(linked(a, far)).toBe(false)
    expect(linked(far, a)).toBe(false)
    expect(reasons).toEqual(['idle', 'idle'])
    expect(lost).toEqual([])
    expect(await during(world, ref.call.add(1))).toBe(2)
    expect(lost).toEqual([])
  })

  it('X-08 X-18 hides no restart: when there is a link again, the former life is down, the new one up', async () => {
    await using t = await scene()
    const { world, a } = t
    const dataDir = new VoterDisk(1)
    const first = await world.start('again', { dataDir })
    await world.clock.advance(20_000)
    if (linked(a, first)) throw new Error('a standing neighbour')
    const seen = probe(a)
    const single = probe(a)
    a.cluster.monitorNodes(seen.pid)
    a.cluster.monitorNode(first.key, single.pid)
    expect(a.cluster.isNodeConnected(first.key)).toBe(true)
    world.kill(first)
    const second = await world.start('again', { dataDir })
    expect(second.key.hex).toBe(first.key.hex)
    await during(world, a.cluster.connect(second.id))
    const down = {
      ...{ type: 'nodedown', node: first.id, reason: 'connection_closed', permanent: true },
    }
    const gone = { type: 'nodegone', node: first.id, reason: 'replaced' }
    expect(seen.seen).toEqual([down, gone, { type: 'nodeup', node: second.id }])
    expect(single.seen).toEqual([down])
  })

  it.each<[string, (a: FoveaNode, ref: Ref<CounterApi>) => () => void]>([
    [
      'a monitor',
      (a, ref) => {
        const owner = probe(a)
        const monitor = a.system.monitor(owner.pid, ref.pid)
        return () => {
          expect(owner.signals()).toEqual([])
          a.system.demonitor(monitor)
        }
      },
    ],
    [
      'a link of processes',
      (a, ref) => {
        const owner = probe(a)
        a.system.link(owner.pid, ref.pid)
        return () => {
          expect(owner.signals()).toEqual([])
          a.system.unlink(owner.pid, ref.pid)
        }
      },
    ],
    ['a hold', (a, ref) => a.mesh.linkTo(ref.pid.node)!.hold()],
  ])('is not closed under %s, but after it', async (_claim, take) => {
    await using t = await scene()
    const { world, a, far } = t
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, far.id, { arg: 1 }))
    const release = take(a, ref)
    const reasons = downs(a, far)
    await world.clock.advance(30_000)
    expect(reasons).toEqual([])
    expect(linked(a, far)).toBe(true)
    release()
    await world.clock.advance(5_000)
    expect(reasons).toEqual(['idle', 'idle'])
  })

  it('is not closed under a monitor of the node that was dialled', async () => {
    await using t = await scene()
    const { world, a, far } = t
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, far.id, { arg: 1 }))
    const here = await during(world, far.remoteSpawn.spawn(CounterContract, a.id, { arg: 1 }))
    const owner = probe(far)
    far.system.monitor(owner.pid, here.pid)
    const reasons = downs(a, far)
    await world.clock.advance(30_000)
    expect(reasons).toEqual([])
    expect(await during(world, ref.call.get())).toBe(1)
    expect(owner.signals()).toEqual([])
  })

  it('is not closed while a call waits for its answer', async () => {
    await using t = await scene()
    const { world, a, far } = t
    const ref = await during(world, a.remoteSpawn.spawn(CounterContract, far.id, { arg: 1 }))
    const reasons = downs(a, far)
    const waiting = ref.call.hang(undefined, { timeoutMs: 15_000 }).catch((error: unknown) => error)
    await world.clock.advance(14_000)
    expect(reasons).toEqual([])
    expect(await during(world, waiting)).toMatchObject({ code: 'ERR_CALL_TIMEOUT' })
    await world.clock.advance(5_000)
    expect(reasons).toEqual(['idle', 'idle'])
  })
})
