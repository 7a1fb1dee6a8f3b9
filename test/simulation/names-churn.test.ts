/**
 * Names that come and go leave nothing behind (G14): after many registrations and unregistrations the state of the nodes is
 * that of nodes that have never seen any. `npm test` makes five hundred cycles, `npm run test:sim` a million on ten
 * thousand names, and looks at the heap, too.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { FoveaNode } from '../../dist/index.ts'
import { startSimNodes, type SimNodes } from '../../dist/simulation/index.ts'
import type { Pid } from '../../runtime/index.ts'
import { simulationSize } from './size.ts'

const { full } = simulationSize()
const NAMES = full ? 10_000 : 50
const ROUNDS = full ? 100 : 10
/** A number of a change takes one byte when it is small, and five at most. */
const NUMBERS_BYTES_MAX = 8

interface State {
  readonly names: readonly object[]
  readonly presence: readonly object[]
  /** What a node that joins is sent until it knows all names. */
  readonly joinerBytes: number
  readonly heapBytes: number
}

/** As OTP's tests do: what is left after all garbage is gone. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  gc()
  return process.memoryUsage().heapUsed
}

async function during(world: SimNodes, promise: Promise<unknown>): Promise<void> {
  let settled = false
  const over = (): void => void (settled = true)
  promise.then(over, over)
  for (let waitedMs = 0; !settled && waitedMs < 60_000; waitedMs += 5) await world.clock.advance(5)
  await promise
}

/** All names of node `a` are registered, at once. */
function registerAll(world: SimNodes, { globalRegistry }: FoveaNode, pid: Pid): Promise<void> {
  const all = Array.from({ length: NAMES }, (_, i) => globalRegistry.register(`name ${i}`, pid))
  return during(world, Promise.all(all))
}

/** The state of two nodes with all names, after so many rounds; and of a third one that joins then. */
async function stateAfter(rounds: number): Promise<State> {
  const before = heapBytes()
  await using world = await startSimNodes(2, { network: { latencyMs: 1 } })
  const [a, b] = world.nodes as readonly [FoveaNode, FoveaNode]
  await world.clock.advance(1_000)
  const pid = a.system.spawn((ctx) => ctx.receive(undefined, { timeoutMs: Infinity }))
  for (let round = 0; round < rounds; round++) {
    await registerAll(world, a, pid)
    const all = Array.from({ length: NAMES }, (_, i) => a.globalRegistry.unregister(`name ${i}`))
    await during(world, Promise.all(all))
  }
  await world.clock.advance(1_000)
  if (rounds > 0) expect([a, b].map((node) => node.globalRegistry.count())).toEqual([0, 0])
  await registerAll(world, a, pid)
  await world.clock.advance(1_000)
  const heap = heapBytes() - before
  const joiner = await world.start('joiner')
  await world.connected()
  await during(world, joiner.globalRegistry.sync())
  expect(joiner.globalRegistry.count()).toBe(NAMES)
  const nodes = [a, b, joiner]
  return {
    names: nodes.map(({ globalRegistry }) => {
      const { names, own, pending, contested } = globalRegistry.getStats()
      return { names, own, pending, contested }
    }),
    presence: nodes.map((node) => node.mesh.presence.stats()),
    joinerBytes: joiner.mesh.stats().endpoint?.bytesReceived ?? Number.NaN,
    heapBytes: heap,
  }
}

describe('global names that come and go', () => {
  it('G14 leave the state of nodes that have seen none: as many entries, as many bytes, as much memory', async () => {
    // Code and tables of the runtime are made by the first world: they would hide a leak of their size.
    if (full) await stateAfter(0)
    const fresh = await stateAfter(0)
    const churned = await stateAfter(ROUNDS)
    expect(churned.names).toEqual(fresh.names)
    expect(churned.presence).toEqual(fresh.presence)
    expect(churned.joinerBytes).toBeLessThan(fresh.joinerBytes + NAMES * NUMBERS_BYTES_MAX)
    expect(churned.joinerBytes).toBeGreaterThan(fresh.joinerBytes / 2)
    if (full) expect(churned.heapBytes).toBeLessThan(fresh.heapBytes * 1.1)
  }, 3_600_000)
})
