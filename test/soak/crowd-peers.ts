/**
 * Many edge peers of `crowd.soak.ts` in one operating-system process, each with a socket of its own: JSON lines in, JSON lines
 * out (`test/support/json-child.ts`). It ends with its input.
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { connect, loadRealm } from '../../mesh/index.ts'
import type { Peer } from '../../mesh/index.ts'
import { crowdTransport, PATIENCE_MS } from './crowd-transport.ts'

/** The argument of the program. */
export interface CrowdPeersOptions {
  readonly realm: string
  readonly gateway: string
  readonly keepaliveIntervalMs: number
}

interface Input {
  /** Where they are, and how many. */
  readonly host: string
  readonly peers: number
}

/** This program does one thing at a time, and on a machine that does others that takes long. */
const WAIT_MS = 600_000
/** Peers that come at once: their handshakes share one thread, and each has a deadline. */
const BATCH = 8

const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`)
const { gateway, keepaliveIntervalMs, ...given } = JSON.parse(process.argv[2]!) as CrowdPeersOptions
const realm = await loadRealm(given.realm)
const peers: Peer[] = []
let heard = 0

function begin(host: string): Promise<Peer> {
  return connect(gateway, {
    ...{ realm, host, port: 0, keepaliveIntervalMs, transport: crowdTransport(16) },
    ...{ connectTimeoutMs: PATIENCE_MS, handshakeTimeoutMs: PATIENCE_MS },
  })
}

/** One peer that is in and uses what it is there for. */
async function come(host: string): Promise<void> {
  const peer = await begin(host)
  peers.push(peer)
  peer.pubsub.subscribe('to.all', () => void (heard += 1))
  await peer.ready({ timeoutMs: WAIT_MS })
  const n = peers.length
  const answer = await peer.rpc.call('echo', n, { timeoutMs: WAIT_MS })
  if (answer !== n) throw new Error(`echo of ${n} was ${String(answer)}`)
}

const commands: Readonly<Record<string, (input: Input) => unknown>> = {
  come: async ({ host, peers: wanted }) => {
    for (let left = wanted; left > 0; left -= BATCH) {
      await Promise.all(Array.from({ length: Math.min(left, BATCH) }, () => come(host)))
    }
  },
  /** One that is not waited for: there may be no room. */
  knock: async ({ host }) => void peers.push(await begin(host)),
  view: () => ({
    heard,
    isAdvertised: peers.filter((peer) => peer.stats().isAdvertised).length,
    linksMade: peers.reduce((sum, peer) => sum + peer.stats().linksMade, 0),
    last: peers.at(-1)?.state,
    rss: process.memoryUsage().rss,
  }),
  /** The last one goes. */
  leave: () => peers.pop()?.close(),
  stop: async () => {
    await Promise.all(peers.map((peer) => peer.close()))
    lines.close()
    process.stdin.destroy()
  },
}

say({ event: 'ready' })
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const { id, command, ...input } = JSON.parse(line) as Input & {
    readonly id: number
    readonly command: string
  }
  Promise.resolve()
    .then(() => commands[command]!(input))
    .then(
      (value) => say({ event: 'done', id, value }),
      (error: unknown) => say({ event: 'done', id, error: String(error) }),
    )
})
