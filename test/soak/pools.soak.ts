/**
 * The pools of the reference at their size (ML6): thousands of peers at a gateway, as many procedures and subscriptions, calls of
 * callers that die, on virtual time. Each is filled to its limit, one more is refused, and twice
 * the heap is back where it was. `FOVEA_SOAK_CLIENTS` says how many peers, `FOVEA_SOAK_ROUNDS` how often all of them come.
 */
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { connectionsMaxOf } from '../../mesh/connections-max.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { Peer } from '../../mesh/peer/peer.ts'
import { EdgeCluster } from '../mesh/gateway/edge-cluster.ts'

const CLIENTS = Number(process.env['FOVEA_SOAK_CLIENTS'] ?? 1_000)
const ROUNDS = Number(process.env['FOVEA_SOAK_ROUNDS'] ?? 2)
const ADVERTISED = 10_000
const SUBSCRIPTIONS = 100_000
const CALLS = 10_000
/** Peers that come at once. */
const BATCH = 100
const MINUTES_MS = 3_600_000

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

function heapBytes(): number {
  gc()
  gc()
  return process.memoryUsage().heapUsed
}

/** Milliseconds of a processor that this process has taken since it was asked last. */
function cpuLaps(): () => number {
  let before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    before = process.cpuUsage()
    return (user + system) / 1_000
  }
}

const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`
const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** Everything of a node that grows with the work of others. */
function sizesOf(mesh: Mesh): object {
  const { subscriptions, filters, waiting, queued, outbox, requests, sessions } =
    mesh.pubsub.stats()
  const { pending, running, queued: calls } = mesh.rpc.stats()
  return {
    ...{ subscriptions, filters, waiting, queued, outbox, requests, sessions },
    ...{ pending, running, calls, presence: mesh.presence.stats() },
    clients: mesh.gateway?.stats().clients,
    meshLinks: mesh.gateway?.stats().meshLinks,
    links: mesh.links().length,
    services: mesh.services.list().length,
    processes: [...mesh.system.processes()].length,
  }
}

/** A gateway and a member that are linked. */
async function pair(cluster: EdgeCluster, clientsMax: number): Promise<readonly [Mesh, Mesh]> {
  const limits = { connectsPerSecond: 100_000, clientsMax, meshLinkIdleMs: 5_000 }
  const services = {
    // So that what is remembered of publishers is gone when a round is over.
    pubsub: { sessionTtlMs: 60_000 },
    rpc: { inboundPerPeerMax: CALLS, idsPerPeerMax: 4 * CALLS },
    // What is remembered of senders is full when the second round is over, or gone with its time.
    courier: { keysMax: CLIENTS, sendersMax: CLIENTS, sealAgeMaxMs: 60_000 },
  }
  const dht = { envelopes: { seenMax: CLIENTS } }
  // As many as QUIC takes where `clientsMax` is so high.
  const connectionsMax = connectionsMaxOf({ gateway: { clientsMax } })
  const transport = cluster.network.transport({ connectionsMax })
  const g = await cluster.gateway('g', 1, limits, { dht, services, transport })
  const m = await cluster.start('m', 2, { dht, services, seeds: ['10.0.0.1:4433'] })
  await cluster.clock.advance(3_000)
  return [g, m]
}

/** A function of its own, so that nothing of it is on the stack when the heap is measured. */
async function comeAndGo(cluster: EdgeCluster, g: Mesh, m: Mesh): Promise<void> {
  const offers = Array.from({ length: ADVERTISED }, (_, n) =>
    m.rpc.advertise(`many.p${n}`, (x) => x),
  )
  const ads = await cluster.during(Promise.all(offers))
  await expect(m.rpc.advertise('one.more', (x) => x)).rejects.toMatchObject({
    code: 'ERR_RPC_ADVERTISED_MAX',
  })
  const wishes = Array.from({ length: SUBSCRIPTIONS }, (_, n) =>
    m.pubsub.subscribe(`many.t${n % 1_000}.x${n}`, () => {}),
  )
  await cluster.clock.advance(10_000)
  expect(await cluster.during(g.rpc.call(`many.p${ADVERTISED - 1}`, 5))).toBe(5)
  const sent = await cluster.during(g.pubsub.publish('many.t7.x7', 1, { qos: 1 }))
  expect(sent).toMatchObject({ nodes: 1 })
  for (const wish of wishes) wish.unsubscribe()
  for (const ad of ads) ad.unadvertise()
}

describe('pools at their size', () => {
  it(
    `ML6 a gateway takes ${CLIENTS} peers and not one more, and keeps nothing of them, each of ${ROUNDS} times`,
    async () => {
      await using cluster = new EdgeCluster()
      const [g, m] = await pair(cluster, CLIENTS)
      const host = (n: number): string => `10.${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`
      const come = (name: string, n: number): Promise<Peer> =>
        cluster.peer(name, 9, [1], { host: host(n), port: 4433, keepaliveIntervalMs: 60_000 })
      const heaps: number[] = []
      let before: unknown
      // A few come before, so that what is loaded and made once does not count.
      for (let round = 0; round <= ROUNDS; round++) {
        const peers: Peer[] = []
        const size = round === 0 ? BATCH : CLIENTS
        const lap = cpuLaps()
        while (peers.length < size) {
          const many = Array.from({ length: BATCH }, (_, i) => peers.length + i)
          const news = await Promise.all(many.map((n) => come(`p${n}`, n)))
          await cluster.during(Promise.all(news.map((peer) => peer.ready())))
          peers.push(...news)
        }
        const cameMs = lap()
        let heard = 0
        for (const [n, peer] of peers.entries()) {
          peer.pubsub.subscribe('to.all', () => void (heard += 1))
          peer.presence.track('room', `p${n}`)
        }
        await cluster.during(
          Promise.all(peers.map((peer, n) => peer.rpc.advertise(`p${n}.echo`, (x) => x))),
        )
        await cluster.clock.advance(10_000)
        await cluster.during(m.pubsub.publish('to.all', 1, { qos: 1 }))
        await cluster.clock.advance(5_000)
        expect(heard).toBe(size)
        expect(g.gateway!.stats()).toMatchObject({ clients: size, clientsMax: CLIENTS })
        const usedMs = lap()
        const [full, { rss }] = [heapBytes(), process.memoryUsage()]
        if (round > 0) {
          const refused = g.gateway!.stats().refusedFull
          const late = await cluster.peer('late', 9, [1], { host: '10.0.0.200' })
          await cluster.clock.advance(2_000)
          expect(g.gateway!.stats().clients).toBe(CLIENTS)
          expect(g.gateway!.stats().refusedFull).toBeGreaterThan(refused)
          expect(late.state).toBe('connecting')
          await cluster.close(late)
        }
        lap()
        await cluster.closeAll(peers)
        peers.length = 0
        await cluster.clock.advance(360_000)
        const wentMs = lap()
        if (round === 0) before = [sizesOf(g), sizesOf(m)]
        else expect([sizesOf(g), sizesOf(m)]).toEqual(before)
        cluster.lines.length = cluster.events.length = 0
        heaps.push(heapBytes())
        const each = [cameMs, usedMs, wentMs].map((ms) => (ms / size).toFixed(1))
        say(
          `${size} peers: heap ${mib(full)} with them, resident ${mib(rss)}, heap ${mib(heaps.at(-1)!)} without; ` +
            `each took ${each[0]} ms of a processor to come, ${each[1]} to say and hear, ${each[2]} to go`,
        )
      }
      for (let round = 2; round <= ROUNDS; round++)
        expect(heaps[round]! / heaps[1]!).toBeLessThan(1.05)
    },
    MINUTES_MS,
  )

  it(
    `ML6 PS8 ${ADVERTISED} procedures and ${SUBSCRIPTIONS} subscriptions come and go, and one procedure more is refused`,
    async () => {
      await using cluster = new EdgeCluster()
      const [g, m] = await pair(cluster, 10)
      const heaps: number[] = []
      const before = [sizesOf(g), sizesOf(m)]
      for (let round = 0; round < 3; round++) {
        await comeAndGo(cluster, g, m)
        await cluster.clock.advance(360_000)
        expect([sizesOf(g), sizesOf(m)]).toEqual(before)
        cluster.lines.length = 0
        heaps.push(heapBytes())
      }
      say(`procedures and subscriptions: heap after each round ${heaps.map(mib).join(', ')}`)
      expect(heaps[2]! / heaps[1]!).toBeLessThan(1.05)
    },
    MINUTES_MS,
  )

  it(
    `ML6 R4 ${CALLS} calls of callers that die are forgotten at once, here and at the provider`,
    async () => {
      await using cluster = new EdgeCluster()
      const [g, m] = await pair(cluster, 10)
      let aborted = 0
      const hang = (_input: unknown, { signal }: { readonly signal: AbortSignal }): Promise<void> =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted += 1
            resolve()
          })
        })
      const options = { concurrency: 2 * CALLS, queueMax: 2 * CALLS }
      await cluster.during(m.rpc.advertise('hang', hang as never, options as never))
      await cluster.clock.advance(3_000)
      const heaps: number[] = []
      for (let round = 0; round < 3; round++) {
        const callers = Array.from({ length: CALLS }, () =>
          g.system.spawn(async () => {
            await g.rpc.call('hang', 1, { timeoutMs: 600_000 })
          }),
        )
        await cluster.clock.advance(2_000)
        say(`calls: ${JSON.stringify([g.rpc.stats().pending, m.rpc.stats().running])}`)
        expect(g.rpc.stats().pending).toBe(CALLS)
        for (const caller of callers) g.system.exit(caller, 'kill')
        await cluster.clock.advance(100)
        expect([g.rpc.stats().pending, m.rpc.stats().running]).toEqual([0, 0])
        expect(aborted).toBe((round + 1) * CALLS)
        cluster.lines.length = 0
        heaps.push(heapBytes())
      }
      say(`calls of the dead: heap after each round ${heaps.map(mib).join(', ')}`)
      expect(heaps[2]! / heaps[1]!).toBeLessThan(1.05)
    },
    MINUTES_MS,
  )
})
