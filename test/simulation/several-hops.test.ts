/**
 * Services over several hops: whole nodes in networks in which each reaches few others, so that who wants something and who
 * has it must be found, asked and told through others. Another seed is another set of keys, which is what routing goes by.
 */
import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../mesh/machine/random-stream.ts'
import { simulatedSignatures } from '../../mesh/identity/simulated-signatures.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { Cluster } from '../mesh/cluster.ts'
import { strictLinks } from '../mesh/routing/greedy/strict-links.ts'
import type { Links } from '../mesh/routing/greedy/strict-links.ts'
import { simulationSize } from './size.ts'

/** Nobody can probe a node two apart, nor ask others to: suspicions are many, and must be refuted in time. */
const MEMBERSHIP = { preset: 'wan', gossipIntervalMs: 100, joinRetryMs: 200 } as const
const SETTLE_MS = 30_000

const { full, seeds, firstSeed } = simulationSize()
const rows = Array.from({ length: full ? Math.min(seeds, 256) : 2 }, (_, n) => firstSeed + n + 1)
const webs = Array.from({ length: full ? Math.min(seeds, 64) : 1 }, (_, n) => firstSeed + n + 1)

/** Nodes of which each reaches only those it is linked with here. */
async function start(seed: number, size: number, links: Links) {
  const cluster = new Cluster(seed, { jitterMs: 0, signatures: simulatedSignatures() })
  const at = (n: number): string => `10.0.0.${n + 1}`
  const isLinked = (a: number, b: number): boolean =>
    links.some(([x, y]) => (x === a && y === b) || (x === b && y === a))
  for (let a = 0; a < size; a++) {
    for (let b = a + 1; b < size; b++) {
      if (!isLinked(a, b)) cluster.network.partition(at(a), at(b))
    }
  }
  const nodes: Mesh[] = []
  for (let n = 0; n < size; n++) {
    const seedsOf = links.flatMap(([a, b]) => (b === n ? [a] : a === n && b < n ? [b] : []))
    const more = { dht: {}, services: {}, membership: MEMBERSHIP }
    const known = { seeds: seedsOf.map((other) => `n${other}@${at(other)}:4433`) }
    nodes.push(await cluster.during(cluster.start(`n${n}`, n + 1, { ...more, ...known })))
  }
  return { cluster, nodes }
}

/** What `from` says reaches `to`, and a call is answered; gives what went wrong. */
async function crossed(cluster: Cluster, from: Mesh, to: Mesh, name: string): Promise<string> {
  const got: unknown[] = []
  to.pubsub.subscribe(name, ({ payload }) => void got.push(payload))
  await cluster.during(to.rpc.advertise(name, (input) => input))
  await cluster.clock.advance(SETTLE_MS)
  // Who wants it is looked for with the first message.
  await cluster.during(from.pubsub.publish(name, 'probe'))
  await cluster.clock.advance(SETTLE_MS)
  got.length = 0
  const { nodes } = await cluster.during(from.pubsub.publish(name, 'news'))
  await cluster.clock.advance(2_000)
  if (nodes !== 1 || got.join() !== 'news') return `${nodes} nodes, ${got.length} messages`
  return cluster.during(
    from.rpc.call(name, 'ok').then(String, (error: unknown) => `call: ${String(error)}`),
  )
}

describe('services over several hops', () => {
  it.each(rows)(
    'MG1 reach the other end of a row of four with keys %i',
    async (seed) => {
      const { cluster, nodes } = await start(seed, 4, [
        [0, 1],
        [1, 2],
        [2, 3],
      ])
      await using _ = cluster
      expect(await crossed(cluster, nodes[0]!, nodes[3]!, 'rooms.hall')).toBe('ok')
      expect(await crossed(cluster, nodes[3]!, nodes[0]!, 'rooms.yard')).toBe('ok')
    },
    120_000,
  )

  // 20 to 40 s each, on a loaded machine.
  it.each(full ? webs.slice(0, 4) : [])(
    'say where the DHT reaches few that nobody found is no answer, with keys %i',
    async (seed) => {
      const random = new RandomStream(seed, 11)
      const { cluster, nodes } = await start(seed, 30, strictLinks(30, 3, random))
      await using _ = cluster
      await cluster.clock.advance(SETTLE_MS)
      const from = nodes[random.below(30)]!
      const publish = from.pubsub.publish('rooms.empty', 1, { qos: 1, timeoutMs: 10_000 })
      await expect(cluster.during(publish)).rejects.toMatchObject({
        code: 'ERR_PUBSUB_UNACKNOWLEDGED',
      })
      const call = cluster.during(from.rpc.call('rooms.empty', 1, { timeoutMs: 10_000 }))
      await expect(call).rejects.toThrow(/^nobody offers 'rooms.empty', .*ERR_CATALOG_NARROW/)
      expect(from.stats().refused['ERR_CATALOG_NARROW']).toBeGreaterThan(0)
    },
    120_000,
  )

  it.each(webs)(
    'reach anybody where each of twelve has a way to two others, with keys %i',
    async (seed) => {
      const random = new RandomStream(seed, 10)
      const { cluster, nodes } = await start(seed, 12, strictLinks(12, 2, random))
      await using _ = cluster
      for (let n = 0; n < 2; n++) {
        const at = random.below(12)
        const to = (at + 1 + random.below(11)) % 12
        expect(await crossed(cluster, nodes[at]!, nodes[to]!, `rooms.r${n}`)).toBe('ok')
      }
    },
    120_000,
  )
})
