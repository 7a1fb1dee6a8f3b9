/**
 * The gateway of `crowd.soak.ts` as an operating-system process, on QUIC: JSON lines in, JSON lines out
 * (`test/support/json-child.ts`). It ends with its input.
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { connectionsMaxOf } from '../../mesh/connections-max.ts'
import { startMesh } from '../../mesh/index.ts'
import { crowdTransport, PATIENCE_MS } from './crowd-transport.ts'

/** The argument of the program. */
export interface CrowdGatewayOptions {
  readonly realm: string
  readonly clientsMax: number
  readonly keepaliveIntervalMs: number
}

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`)
const { realm, clientsMax, keepaliveIntervalMs } = JSON.parse(
  process.argv[2]!,
) as CrowdGatewayOptions
const gateway = { clientsMax, health: false } as const
const mesh = await startMesh({
  ...{ realm, name: 'gateway', host: '127.0.0.1', port: 0, keepaliveIntervalMs, gateway },
  ...{ services: {}, handshakeTimeoutMs: PATIENCE_MS },
  // As many as a gateway has that is given no transport.
  transport: crowdTransport(connectionsMaxOf({ gateway })),
})
await mesh.rpc.advertise('echo', (input) => input)

function view(): object {
  const { heapUsed, external, rss } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const { clients, refusedFull } = mesh.gateway!.stats()
  const { endpoint, refused } = mesh.stats()
  return {
    ...{ clients, refusedFull, refused, connections: endpoint?.connections },
    ...{ heapUsed, external, rss, cpuMs: Math.round((user + system) / 1_000) },
  }
}

const commands: Readonly<Record<string, () => unknown>> = {
  /** What there is now, and what it takes. */
  view,
  /** The same without garbage, which takes long to look for among thousands of peers. */
  weigh: () => {
    gc()
    gc()
    return view()
  },
  tell: () => mesh.pubsub.publish('to.all', 1, { qos: 1 }),
  stop: async () => {
    await mesh.stop()
    lines.close()
    process.stdin.destroy()
  },
}

say({ event: 'ready', port: mesh.address.port })
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const { id, command } = JSON.parse(line) as { readonly id: number; readonly command: string }
  Promise.resolve()
    .then(() => commands[command]!())
    .then(
      (value) => say({ event: 'done', id, value }),
      (error: unknown) => say({ event: 'done', id, error: String(error) }),
    )
})
