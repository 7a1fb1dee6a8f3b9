/**
 * Services on real sockets, in rounds: peers come to a gateway and go, subscribe, publish, call, stream and track. Ten
 * minutes in `npm run test:soak`, two rounds in `npm test`. What is counted in the end must be zero (ML6).
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { connect, createRealm, startMesh } from '../../mesh/index.ts'
import type { Mesh, Realm } from '../../mesh/index.ts'
import { createRealClock } from '../../runtime/index.ts'

const SOAK_MS = Number(process.env['FOVEA_SOAK_SOCKETS_MS'] ?? 0)
const ROUNDS_MIN = 2
const MESSAGES = 20
/** A machine that does other things can let a call wait for seconds; one that is lost is lost after a minute, too. */
const PATIENCE_MS = 60_000
const clock = createRealClock()

/** One peer: everything that it can do, and nothing of it stays. */
async function visit(realm: Realm, gateway: Mesh, member: Mesh, round: number): Promise<number> {
  const { host, port } = gateway.address
  await using peer = await connect(`fovea://${host}:${port}`, { realm, host: '127.0.0.1' })
  await peer.ready()
  const got: unknown[] = []
  peer.pubsub.subscribe(`down.${round}`, ({ payload }) => void got.push(payload))
  const name = `peer.${round}`
  await peer.rpc.advertise(name, (input) => input)
  const entry = peer.presence.track('room', name)
  const watch = peer.presence.watch('room', () => {})
  for (let n = 0; n < MESSAGES; n++) {
    await peer.pubsub.publish('up.a', n, { qos: 1 })
    expect(await peer.rpc.call('echo', n, { timeoutMs: PATIENCE_MS })).toBe(n)
  }
  const items: unknown[] = []
  for await (const item of peer.rpc.stream('count', MESSAGES, { mode: 'server' })) items.push(item)
  expect(items).toHaveLength(MESSAGES)
  await member.pubsub.publish(`down.${round}`, 1, { qos: 1 })
  watch.close()
  entry.untrack()
  return got.length
}

/** Sizes that must be zero when nobody is there. */
function sizesOf({ pubsub, rpc, presence, gateway }: Mesh): object {
  const { waiting, queued, outbox, requests } = pubsub.stats()
  const { pending, running, queued: calls } = rpc.stats()
  const { outbound, inbound, bytesUnread, bytesWaiting } = rpc.streamStats()
  const { own, watches } = presence.stats()
  return {
    ...{ waiting, queued, outbox, requests, pending, running, calls, outbound, inbound },
    ...{ bytesUnread, bytesWaiting, own, watches, clients: gateway?.stats().clients ?? 0 },
  }
}

describe('services on real sockets', () => {
  it(
    'ML6 serve peers that come and go, and keep nothing of them',
    async () => {
      const realm = createRealm('com.example.soak')
      // What a peer that is gone had counts for so long, in case it comes to another gateway.
      const services = { catalog: { edgeLeaseMs: 500 } }
      const common = { realm, host: '127.0.0.1', port: 0, services } as const
      await using gateway = await startMesh({ ...common, name: 'g', gateway: { health: false } })
      const { host, port } = gateway.address
      await using member = await startMesh({ ...common, name: 'm', seeds: [`${host}:${port}`] })
      let up = 0
      member.pubsub.subscribe('up.*', () => void (up += 1))
      await member.rpc.advertise('echo', (input) => input)
      await member.rpc.advertiseStream('count', async function* (to) {
        for (let n = 0; n < Number(to); n++) yield n
      })
      // The first message must not be faster than the news of who wants it.
      await expect.poll(() => member.links().length, { timeout: 10_000 }).toBeGreaterThan(0)
      await member.services.told({ timeoutMs: 10_000 })
      const stalls = monitorEventLoopDelay()
      stalls.enable()
      const before = process.memoryUsage()
      const startedMs = clock.now()
      let [rounds, down] = [0, 0]
      while (rounds < ROUNDS_MIN || clock.now() - startedMs < SOAK_MS) {
        down += await visit(realm, gateway, member, rounds++)
      }
      const after = process.memoryUsage()
      stalls.disable()
      const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`
      process.stdout.write(
        `${rounds} peers, ${up} messages up, ${down} down, heap ${mib(before.heapUsed)} -> ${mib(after.heapUsed)}, ` +
          `resident ${mib(before.rss)} -> ${mib(after.rss)}, longest stall ${Math.round(stalls.max / 1e6)} ms\n`,
      )
      expect(up).toBe(rounds * MESSAGES)
      const left = (): readonly unknown[] => [
        ...[gateway, member]
          .flatMap((each) => Object.entries(sizesOf(each)))
          .filter(([, n]) => n !== 0),
        ...member.services.list().filter(({ procedure }) => procedure.startsWith('peer.')),
      ]
      await expect.poll(left, { timeout: 10_000 }).toEqual([])
    },
    SOAK_MS + 60_000,
  )
})
