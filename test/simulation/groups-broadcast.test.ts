/** A broadcast to a group of ten thousand processes on three nodes (G8), and who of them hears it. */
import { describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../dist/index.ts'
import { startSimNodes } from '../../dist/simulation/index.ts'
import type { Pid } from '../../runtime/index.ts'
import { simulationSize } from './size.ts'

const { full } = simulationSize()
const MEMBERS = full ? 10_000 : 1_000
const ROUNDS = 3

describe('a large group', () => {
  it(`G8 each of ${MEMBERS} members on three nodes gets every broadcast once, in order, and those of a node alone if asked`, async () => {
    await using world = await startSimNodes(3, { network: { latencyMs: 1 } })
    const nodes = world.nodes as readonly FoveaNode[]
    const seen = Array.from({ length: MEMBERS }, (): unknown[] => [])
    const pids = nodes.map((): Pid[] => [])
    for (let member = 0; member < MEMBERS; member++) {
      const { system } = nodes[member % 3]!
      const pid = system.spawn(async (ctx) => {
        for (;;) seen[member]!.push(await ctx.receive(undefined, { timeoutMs: Infinity }))
      })
      pids[member % 3]!.push(pid)
    }
    for (const [i, node] of nodes.entries()) node.groups.join('all', pids[i]!)
    await world.clock.advance(5_000)
    const [a] = nodes as [FoveaNode]
    for (const node of nodes) expect(node.groups.members('all')).toHaveLength(MEMBERS)
    expect(a.groups.localMembers('all')).toHaveLength(pids[0]!.length)
    for (let round = 1; round <= ROUNDS; round++) {
      expect(a.groups.dispatch('all', round)).toBe(MEMBERS)
    }
    await world.clock.advance(5_000)
    const rounds = Array.from({ length: ROUNDS }, (_, i) => i + 1)
    expect(seen.filter((each) => each.join() !== rounds.join())).toEqual([])
    expect(a.groups.dispatch('all', 'local', { to: 'local' })).toBe(pids[0]!.length)
    await world.clock.advance(1_000)
    expect(seen.filter((each) => each.includes('local'))).toHaveLength(pids[0]!.length)
  }, 600_000)
})
