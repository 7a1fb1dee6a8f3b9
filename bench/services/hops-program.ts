/**
 * One program of the bench of three hops: `hops-program mesh REALM_FILE [trace]`, a node that does what it is told, or
 * `hops-program tcp ROLE [PORT]`, one of a row of bare sockets. Says that it is ready, then one answer to each order. Ends
 * with its parent.
 */
import { startMesh } from 'fovea/mesh'
import { percentile } from '../harness.ts'
import type { Hop, HopOrder, HopReply } from './hop.ts'
import { startTcpHop } from './hops-tcp.ts'
import { wireTransport } from './hops-transport.ts'
import type { Wire } from './hops-transport.ts'

const PROCEDURE = 'bench.echo'
const TOPIC = 'bench.data'
const POLL_MS = 50
const DELIVERY_TIMEOUT_MS = 60_000
const REACH_TIMEOUT_MS = 30_000

async function startMeshHop(realm: string, isTraced: boolean): Promise<Hop> {
  const wire: Wire = {
    blocked: new Set(),
    frames: isTraced ? new Map() : undefined,
    mark: undefined,
  }
  const node = await startMesh({
    ...{ name: 'hop', realm, host: '127.0.0.1', port: 0 },
    // Nobody can probe a node two apart, nor ask others to: with short times, those are suspected all the time, and lost.
    membership: { preset: 'wan', gossipIntervalMs: 100, joinRetryMs: 200 },
    transport: await wireTransport(wire),
  })
  const { host, port } = node.address
  /** With the key of who is called: a node needs no entry of a catalog to be called. */
  let target = ''
  const call = (input: string): Promise<unknown> =>
    node.rpc.call(PROCEDURE, input, { node: target })
  const isReached = async (): Promise<boolean> => {
    const { nodes } = await node.pubsub.publish(TOPIC, new Uint8Array(0))
    if (nodes !== 1) return false
    return call('probe').then(
      () => true,
      () => false,
    )
  }
  return {
    about: { key: node.key.hex, nodeId: node.nodeId, address: `${host}:${port}` },
    wire,
    serve: async (take) => {
      node.pubsub.subscribe(TOPIC, ({ payload }) => take((payload as Uint8Array).length))
      await node.rpc.advertise(PROCEDURE, (input) => input)
    },
    reach: async (key) => {
      target = key
      const endMs = performance.now() + REACH_TIMEOUT_MS
      while (!(await isReached())) {
        if (performance.now() > endMs) throw new Error('not reached in time')
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
    },
    call,
    publish: (payload) => void node.pubsub.publish(TOPIC, payload),
    block: (nodes) => {
      for (const { key, address } of nodes) wire.blocked.add(key).add(address)
    },
    seed: (seed) => node.addSeed(seed),
    links: () => node.links().map(({ peer }) => peer.key.hex),
  }
}

/** Many calls, so many of them under way; how long each took. */
async function callMany(hop: Hop, order: HopOrder & { type: 'call' }): Promise<HopReply> {
  const input = 'x'.repeat(order.bytes)
  const tookMs: number[] = []
  let left = order.calls
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const askedMs = performance.now()
      await hop.call!(input)
      tookMs.push(performance.now() - askedMs)
    }
  }
  await Promise.all(Array.from({ length: order.inFlight }, worker))
  return { tookMs: [percentile(tookMs, 0.5), percentile(tookMs, 0.99)] }
}

/** Counts messages; the probes of who looks whether somebody is there are empty. */
class Count {
  #came = 0
  #wanted = Infinity
  #told: (() => void) | undefined

  readonly take = (bytes: number): void => {
    if (bytes === 0) return
    this.#came += 1
    this.#look()
  }

  expect(messages: number): Promise<HopReply> {
    return new Promise((resolve, reject) => {
      const late = (): void => reject(new Error(`${this.#came} of ${messages} messages came`))
      const timer = setTimeout(late, DELIVERY_TIMEOUT_MS)
      this.#told = () => {
        clearTimeout(timer)
        resolve({})
      }
      this.#wanted = messages
      this.#look()
    })
  }

  #look(): void {
    if (this.#came < this.#wanted) return
    this.#came = 0
    this.#wanted = Infinity
    this.#told?.()
  }
}

const count = new Count()
let before = process.cpuUsage()

async function answer(hop: Hop, order: HopOrder): Promise<HopReply> {
  switch (order.type) {
    case 'block':
      hop.block!(order.nodes)
      return {}
    case 'seed':
      hop.seed!(order.seed)
      return {}
    case 'serve':
      await hop.serve!(count.take)
      return {}
    case 'reach':
      await hop.reach?.(order.key)
      return {}
    case 'call':
      return callMany(hop, order)
    case 'publish': {
      const payload = new Uint8Array(order.bytes).fill(7)
      for (let i = 0; i < order.messages; i++) hop.publish!(payload)
      return {}
    }
    case 'expect':
      return count.expect(order.messages)
    case 'cpu': {
      const { user, system } = process.cpuUsage(before)
      before = process.cpuUsage()
      return { microseconds: user + system }
    }
    case 'watch':
      hop.wire!.frames!.clear()
      hop.wire!.mark = order.mark
      return {}
    case 'trace':
      return {
        links: hop.links?.() ?? [],
        frames: Object.fromEntries(hop.wire?.frames ?? []),
      }
  }
}

const [way, what, more] = process.argv.slice(2)
if (what === undefined) throw new Error('usage: mesh REALM_FILE [trace] | tcp ROLE [PORT]')
const say = (reply: HopReply): void => void process.send!(reply)
const hop =
  way === 'mesh' ? await startMeshHop(what, more === 'trace') : await startTcpHop(what, more)
process.on('message', (order: HopOrder) => {
  answer(hop, order).then(say, (error: unknown) => say({ error: String(error) }))
})
process.on('disconnect', () => process.exit(0))
say(hop.about)
