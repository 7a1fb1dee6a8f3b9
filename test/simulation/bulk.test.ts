/**
 * Large values beside calls and keepalives, on a network with a bandwidth: 1 GB in `npm run test:sim`, a fraction of
 * it in `npm test`.
 */
import { describe, expect, it } from 'vitest'
import { contract, implement, reply, type Contract } from '../../behaviours/index.ts'
import type { FoveaNode } from '../../dist/index.ts'
import { during, startWorld } from '../dist/support/world.ts'
import { simulationSize } from './size.ts'

interface SinkApi {
  call: {
    take(data: Uint8Array): number
    ping(n: number): number
  }
  cast: {}
}
const SinkContract: Contract<SinkApi> = contract('sink/1', {
  call: { take: true, ping: true },
  cast: {},
})
const Sink = implement<SinkApi, undefined, null>(SinkContract, {
  init: () => null,
  call: {
    take: (state, data) => reply(data.length, state),
    ping: (state, n) => reply(n, state),
  },
  cast: {},
})

const MIB = 2 ** 20
const VALUE_BYTES = 4 * MIB
const TOTAL_BYTES = simulationSize().full ? 2 ** 30 : 24 * MIB
const KEEPALIVE_MS = 200
/** Less than one turn per millisecond sends, so that the network is what is waited for. */
const BYTES_PER_SECOND = 50_000_000

const percentile = (values: readonly number[], part: number): number =>
  values.toSorted((x, y) => x - y)[Math.min(values.length - 1, Math.floor(values.length * part))]!

describe('NX-D22 1 GB of large values', () => {
  it('delay no keepalive by an interval, and calls of others stay within 6 times their idle time', async () => {
    await using world = await startWorld(2, {
      node: { keepaliveIntervalMs: KEEPALIVE_MS, keepaliveMissesMax: 2 },
      network: { latencyMs: 1, bytesPerSecond: BYTES_PER_SECOND },
    })
    const { clock } = world
    const [a, b] = world.nodes as [FoveaNode, FoveaNode]
    b.behaviorRegistry.register(Sink, { remote: true })
    const spawn = async () => during(world, a.remoteSpawn.spawn(SinkContract, b.id))
    const sinks = [await spawn(), await spawn()]
    const other = await spawn()
    const links = [a.mesh.linkTo(b.key.hex)!, b.mesh.linkTo(a.key.hex)!]
    let downs = 0
    a.cluster.onNodeDown(() => (downs += 1))

    const timed = async (): Promise<number> => {
      const startedMs = clock.now()
      await during(world, other.call.ping(1))
      return clock.now() - startedMs
    }
    const idle: number[] = []
    for (let i = 0; i < 50; i++) idle.push(await timed())

    const value = new Uint8Array(VALUE_BYTES)
    let sent = 0
    let taken = 0
    const startedMs = clock.now()
    const pour = async (at: number): Promise<void> => {
      while (sent < TOTAL_BYTES) {
        sent += VALUE_BYTES
        const took = await sinks[at]!.call.take(value, { timeoutMs: Infinity })
        taken += took
      }
    }
    const pouring = Promise.all([pour(0), pour(1)])
    const busy: number[] = []
    let rttMs = 0
    let over = false
    const ended = (): void => void (over = true)
    pouring.then(ended, ended)
    while (!over) {
      busy.push(await timed())
      rttMs = Math.max(rttMs, ...links.map((link) => link.rttMs))
      await clock.advance(1)
    }
    await pouring
    const tookMs = clock.now() - startedMs
    // What was sent was bounded by the network and not by us.
    expect(taken / (tookMs / 1_000)).toBeGreaterThan(BYTES_PER_SECOND * 0.5)
    expect(busy.length).toBeGreaterThan(20)
    expect(percentile(busy, 0.99)).toBeLessThanOrEqual(6 * percentile(idle, 0.5))
    expect(rttMs).toBeGreaterThan(0)
    expect(rttMs).toBeLessThan(KEEPALIVE_MS)
    expect([downs, ...links.map(({ state }) => state)]).toEqual([0, 'established', 'established'])
  }, 600_000)
})
