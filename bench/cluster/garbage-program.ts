/**
 * One side of the bench of garbage. `garbage-program listen REALM PORT` is a node with gossip, which says its processor time
 * and what it read when asked. `garbage-program pour REALM PORT` floods the group on loopback when told a rate and a kind.
 * Ends with its parent.
 */
import { createSocket } from 'node:dgram'
import { gossip, startNode, type GossipOptions } from 'fovea/dist'

/** What to pour, until the next order; nothing for 0 per second. */
export interface GarbageOrder {
  readonly perSecond: number
  readonly kind: 'random' | 'foreign'
}

/** What the listening side says since it was asked before. */
export interface GarbageReply {
  readonly microseconds: number
  readonly read: number
  readonly closed: number
}

/** What the pouring side says since it was told before. */
export interface PouredReply {
  readonly poured: number
}

const GROUP = '233.252.1.32'
const LOOPBACK = '127.0.0.1'
const SECRET = 'the secret of this cluster'
const FOREIGN_SECRET = 'the secret of another one'
const GARBAGE_BYTES = 150
const RECORDED = 16

const [role, realm, port] = process.argv.slice(2)
if (realm === undefined || port === undefined) throw new Error('usage: listen|pour REALM PORT')
process.on('disconnect', () => process.exit(0))
await (role === 'listen' ? listen(realm, Number(port)) : pour(realm, Number(port)))

function open(nodeName: string, options: Partial<GossipOptions>): ReturnType<typeof startNode> {
  const strategies = [gossip({ port: Number(port), interface: LOOPBACK, ...options })]
  return startNode({
    ...{ nodeName, realm: realm!, host: LOOPBACK, port: 0 },
    discovery: { strategies },
  })
}

async function listen(_realm: string, _port: number): Promise<void> {
  const node = await open('listener', { secret: SECRET })
  const count = (code: string): number => node.stats().refused[code] ?? 0
  let [cpu, read, closed] = [process.cpuUsage(), 0, 0]
  process.on('message', () => {
    const { user, system } = process.cpuUsage(cpu)
    const [readNow, closedNow] = [count('ERR_DISCOVERY_DATAGRAM'), count('ERR_DISCOVERY_FLOOD')]
    const reply: GarbageReply = {
      microseconds: user + system,
      read: readNow - read,
      closed: closedNow - closed,
    }
    ;[cpu, read, closed] = [process.cpuUsage(), readNow, closedNow]
    process.send!(reply)
  })
  process.send!({ ready: true })
}

/** What a node of another secret says: the right head, and a key that is not ours. */
async function foreignHeartbeats(): Promise<Uint8Array[]> {
  const said: Uint8Array[] = []
  const sockets = {
    open: () =>
      Promise.resolve({
        send: (bytes: Uint8Array) => void said.push(Uint8Array.from(bytes)),
        close: () => Promise.resolve(),
      }),
  }
  const node = await open('stranger', { secret: FOREIGN_SECRET, intervalMs: 20, sockets })
  while (said.length < RECORDED) await new Promise((done) => setTimeout(done, 20))
  await node.stop()
  return said
}

async function pour(_realm: string, groupPort: number): Promise<void> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  await new Promise<void>((done) => socket.bind(0, LOOPBACK, done))
  socket.setMulticastInterface(LOOPBACK)
  socket.setMulticastTTL(1)
  const datagrams = {
    random: Array.from({ length: RECORDED }, (_, i) => new Uint8Array(GARBAGE_BYTES).fill(i * 7)),
    foreign: await foreignHeartbeats(),
  }
  let order: GarbageOrder = { perSecond: 0, kind: 'random' }
  let [poured, sinceMs, sinceStart] = [0, performance.now(), 0]
  setInterval(() => {
    const due = Math.floor(((performance.now() - sinceMs) * order.perSecond) / 1_000)
    // What a busy machine could not pour within half a second is not made up for.
    sinceStart = Math.max(sinceStart, due - Math.floor(order.perSecond / 2))
    for (; sinceStart < due; sinceStart++) {
      socket.send(datagrams[order.kind][sinceStart % RECORDED]!, groupPort, GROUP, () => {})
      poured += 1
    }
  }, 1)
  process.on('message', (next: GarbageOrder) => {
    process.send!({ poured } satisfies PouredReply)
    order = next
    ;[poured, sinceMs, sinceStart] = [0, performance.now(), 0]
  })
  process.send!({ ready: true })
}
