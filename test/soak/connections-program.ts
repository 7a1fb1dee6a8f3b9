/**
 * One process of `connections.soak.ts`: an endpoint that echoes, or endpoints at many addresses that dial it. JSON lines in, JSON
 * lines out (`test/support/json-child.ts`). It ends with its input.
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { checkCertificate, createCertificate } from '../../mesh/identity/certificate.ts'
import { generateNodeKeys } from '../../mesh/identity/keys.ts'
import { createQuicTransport } from '../../mesh/transport/quic/index.ts'
import type {
  Endpoint,
  TransportConnection,
  TransportStream,
} from '../../mesh/transport/transport.ts'
import { createRealClock } from '../../runtime/index.ts'

interface Input {
  readonly id: number
  readonly command: string
  /** The address of the endpoint that dials. */
  readonly from: string
  readonly host: string
  readonly port: number
  readonly connections: number
}

/** Handshakes at once: each has a deadline, and all share a thread. */
const BATCH = 8
/** So long that what a loaded machine is late for ends no connection, and few packets only keep them. */
const LIMITS = { idleTimeoutMs: 600_000, handshakeTimeoutMs: 60_000, dialTimeoutMs: 60_000 }

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`)
const connectionsMax = Number(process.argv[2])
const wallNowMs = createRealClock().wallNow()
const keys = generateNodeKeys()
const { pem } = await createCertificate(keys, { wallNowMs })
const transport = createQuicTransport({ ...LIMITS, connectionsMax })
const endpoints = new Map<string, Promise<Endpoint>>()
const streams: TransportStream[] = []
const refused: string[] = []
/** Echoes that are waited for. */
let awaited = 0
let whenAll: (() => void) | undefined
let closed = 0

const onClosed = (): void => void (closed += 1)

/** Echoes what comes on every stream. */
function serve(connection: TransportConnection): void {
  connection.handle({
    onStream: (stream) =>
      stream.handle({ onData: (bytes) => void stream.write(Buffer.from(bytes)) }),
    onClosed,
  })
}

/** One for each address, also for diallers that begin at once. */
function endpointAt(host: string): Promise<Endpoint> {
  const known = endpoints.get(host)
  if (known !== undefined) return known
  const opening = transport.open({
    ...{ host, port: 0, onConnection: serve, onRefused: ({ code }) => void refused.push(code) },
    security: {
      certificatePem: pem,
      privateKeyPem: keys.privateKeyPem,
      alpn: 'fovea/1:kit',
      verifyPeer: (chain) => checkCertificate(chain, wallNowMs),
    },
  })
  endpoints.set(host, opening)
  return opening
}

/** A connection with a stream that stays, as a link has. */
async function dial({ from, host, port }: Input): Promise<void> {
  const connection = await (await endpointAt(from)).dial({ host, port })
  connection.handle({ onClosed })
  const stream = connection.openStream()
  stream.handle({
    onData: () => {
      awaited -= 1
      if (awaited === 0) whenAll?.()
    },
  })
  streams.push(stream)
}

const commands: Readonly<Record<string, (input: Input) => unknown>> = {
  listen: async ({ from }) => (await endpointAt(from)).address,
  dial: async (input) => {
    for (let left = input.connections; left > 0; left -= BATCH) {
      await Promise.all(Array.from({ length: Math.min(left, BATCH) }, () => dial(input)))
    }
  },
  /** One more; gives how that ended. */
  knock: async (input) => {
    try {
      await dial(input)
      return 'connected'
    } catch (error) {
      return (error as { readonly code: string }).code
    }
  },
  /** Says a word on every connection; resolves when every word has come back. */
  talk: async () => {
    awaited = streams.length
    const all = new Promise<void>((resolve) => (whenAll = resolve))
    for (const stream of streams) stream.write(Buffer.from('a word'))
    await all
    return streams.length
  },
  view: async () => {
    gc()
    gc()
    const { heapUsed, external, rss } = process.memoryUsage()
    const { user, system } = process.cpuUsage()
    const opened = await Promise.all(endpoints.values())
    const connections = opened.reduce((sum, endpoint) => sum + endpoint.stats().connections, 0)
    return {
      ...{ connections, closed, refused },
      ...{ heapUsed, external, rss, cpuMs: (user + system) / 1_000 },
    }
  },
  stop: async () => {
    const opened = await Promise.all(endpoints.values())
    await Promise.all(opened.map((endpoint) => endpoint.close()))
    lines.close()
    process.stdin.destroy()
  },
}

say({ event: 'ready' })
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const input = JSON.parse(line) as Input
  Promise.resolve()
    .then(() => commands[input.command]!(input))
    .then(
      (value) => say({ event: 'done', id: input.id, value }),
      (error: unknown) => say({ event: 'done', id: input.id, error: String(error) }),
    )
})
