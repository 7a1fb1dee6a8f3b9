/**
 * One node of `bytes.soak.ts` as an operating-system process. It never dials the nodes that it is told not to. JSON lines in, JSON
 * lines out (`test/support/json-child.ts`). It ends with its input.
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { startNode } from '../../dist/index.ts'
import { LINK_STREAMS_MAX } from '../../mesh/link/lanes.ts'
import { TransportError } from '../../mesh/transport/errors.ts'
import { createQuicTransport } from '../../mesh/transport/quic/index.ts'
import type { Transport } from '../../mesh/transport/transport.ts'
import { createSeededEntropy } from '../../runtime/index.ts'
import { BytesLoad } from './bytes-load.ts'

/** The argument of the program. */
export interface BytesOptions {
  readonly nodeName: string
  readonly port: number
  readonly seeds: readonly string[]
  readonly realm: string
  readonly dataDir: string
  /** Names this start. */
  readonly run: string
  readonly seed: number
  /** Keys of all others. */
  readonly others: readonly string[]
  /** Keys of those that cannot be dialled. */
  readonly unreachable: readonly string[]
}

const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`)
process.on('unhandledRejection', (error) => {
  say({ event: 'unhandled', message: String(error) })
  process.exit(1)
})
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const options = JSON.parse(process.argv[2]!) as BytesOptions
const { run, seed, others, unreachable, ...given } = options

/** As between two networks that share some nodes only. */
function apart(transport: Transport): Transport {
  return {
    name: transport.name,
    open: async (how) => {
      const endpoint = await transport.open(how)
      const dial = endpoint.dial.bind(endpoint)
      endpoint.dial = (address, dialled) => {
        const isApart = unreachable.includes(dialled?.expect?.hex ?? '')
        if (!isApart) return dial(address, dialled)
        return Promise.reject(new TransportError('ERR_TRANSPORT_TIMEOUT', 'out of reach'))
      }
      return endpoint
    },
  }
}

const transport = apart(createQuicTransport({ streamsMax: LINK_STREAMS_MAX }))
const node = await startNode({
  ...{ ...given, host: '127.0.0.1', membership: 'local', transport },
  // A machine that does other things is late for less.
  ...{ relayTimeoutMs: 12_000, dialTimeoutMs: 15_000 },
})
const load = new BytesLoad(node, createSeededEntropy(seed), run, others)
await load.serve()

/** What waits or is held for others. */
function held(): object {
  const { pending, running } = node.mesh.rpc.stats()
  const { outbound, inbound, bytesUnread, bytesUnacknowledged } = node.mesh.rpc.streamStats()
  const { outbox, queued } = node.mesh.pubsub.stats()
  const ofPeers = Object.values(node.stats().peers)
  const sum = (what: 'callsOut' | 'callsIn' | 'bytesWaiting'): number =>
    ofPeers.reduce((all, peer) => all + peer[what], 0)
  return {
    ...{ pending, running, outbound, inbound, bytesUnread, bytesUnacknowledged, outbox, queued },
    ...{ callsOut: sum('callsOut'), callsIn: sum('callsIn'), bytesWaiting: sum('bytesWaiting') },
    courier: node.mesh.courier?.stats().bytesWaiting,
  }
}

let isStopped = false
const commands: Readonly<Record<string, () => unknown>> = {
  start: () => load.start(),
  rest: () => load.rest(),
  view: () => {
    gc()
    gc()
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    return {
      ...load.view(),
      ...{ held: held(), refused: node.stats().refused, memory: { rss, heapUsed, arrayBuffers } },
      known: node.cluster.getNodes().length,
      links: node.mesh.links().map(({ peer }) => peer.key.hex),
      processes: [...node.system.processes()].length,
      cpuMs: Math.round((user + system) / 1_000),
      relayed: node.mesh.courier?.stats().relayed,
    }
  },
  stop: async () => {
    await load.rest()
    await node.stop()
    isStopped = true
    lines.close()
    process.stdin.destroy()
  },
}

const lines = createInterface({ input: process.stdin })
lines.on('close', () => {
  if (!isStopped) process.exit(1)
})
lines.on('line', (line) => {
  const { id, command } = JSON.parse(line) as { readonly id: number; readonly command: string }
  Promise.resolve()
    .then(() => commands[command]!())
    .then(
      (value) => say({ event: 'done', id, value: value ?? null }),
      (error: unknown) => say({ event: 'done', id, error: String(error) }),
    )
})
say({ event: 'ready', id: node.id, port: node.mesh.address.port })
