import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import { afterEach, describe, expect, it } from 'vitest'
import { PortWatch } from '../../../../mesh/transport/quic/port-watch.ts'
import type { Watched } from '../../../../mesh/transport/quic/port-watch.ts'
import { createSimClock } from '../../../../runtime/index.ts'
import { Kit } from '../../../conformance/transport-world.ts'
import { quicWorld } from '../../../support/transport-quic.ts'

const HOST = '127.0.0.1'
const { world } = new Kit(quicWorld())
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close()
})

/** A port that somebody has, and what comes there. */
async function openPort(host = HOST): Promise<{ port: number; packets: Buffer[] }> {
  const socket = createSocket(host === '::1' ? 'udp6' : 'udp4')
  sockets.push(socket)
  const packets: Buffer[] = []
  socket.on('message', (packet) => packets.push(packet))
  await new Promise<void>((resolve) => socket.bind({ address: host, port: 0 }, resolve))
  return { port: socket.address().port, packets }
}

/** A port that nobody has any more. */
async function closedPort(host = HOST): Promise<number> {
  const { port } = await openPort(host)
  sockets.pop()?.close()
  return port
}

/** A connection as the watch sees it. */
class Peer implements Watched {
  packetsUsed = 0
  goneCalls = 0
  readonly remote: { readonly host: string; readonly port: number }
  constructor(port: number, host = HOST) {
    this.remote = { host, port }
  }

  gone(): void {
    this.goneCalls++
  }
}

/** A watch whose rounds come when the test says so. */
function watch(): { clock: ReturnType<typeof createSimClock>; ports: PortWatch<Peer> } {
  const clock = createSimClock()
  return { clock, ports: new PortWatch<Peer>(clock) }
}

describe('PortWatch', () => {
  it.each([HOST, '::1'])('finds that nobody has a port of %s any more', async (host) => {
    const { clock, ports } = watch()
    const peer = new Peer(await closedPort(host), host)
    ports.awaitAnswer(peer)
    await clock.advance(199)
    expect(peer.goneCalls).toBe(0)
    await clock.advance(1)
    await world.until(() => peer.goneCalls > 0, 'the answer of the kernel')
    ports.forget(peer)
    await clock.advance(1_000)
    expect([peer.goneCalls, clock.timerCount]).toEqual([1, 0])
  })

  it('asks a port that is open again and again, with empty datagrams, and says nothing', async () => {
    const { clock, ports } = watch()
    const { port, packets } = await openPort()
    const peer = new Peer(port)
    ports.awaitAnswer(peer)
    for (let n = 1; n <= 3; n++) {
      await clock.advance(200)
      await world.until(() => packets.length === n, 'the question')
    }
    expect(packets.map(({ length }) => length)).toEqual([0, 0, 0])
    peer.packetsUsed++
    await clock.advance(400)
    expect([peer.goneCalls, packets.length, clock.timerCount]).toEqual([0, 3, 0])
  })

  it('does not ask when something came, nor other machines, nor after the end', async () => {
    const { clock, ports } = watch()
    const { port, packets } = await openPort()
    const answered = new Peer(port)
    ports.awaitAnswer(answered)
    ports.awaitAnswer(new Peer(port, '192.0.2.1'))
    answered.packetsUsed++
    await clock.advance(400)
    expect(clock.timerCount).toBe(0)
    const late = new Peer(await closedPort())
    ports.awaitAnswer(late)
    await clock.advance(200)
    ports.stop()
    expect(clock.timerCount).toBe(0)
    const other = watch()
    const marker = new Peer(late.remote.port)
    other.ports.awaitAnswer(marker)
    await other.clock.advance(200)
    await world.until(() => marker.goneCalls === 1, 'an answer that was asked for later')
    expect([late.goneCalls, packets.length]).toEqual([0, 0])
    other.ports.stop()
  })

  it('has sixteen questions at a time; the rest has its turn in the next round', async () => {
    const { clock, ports } = watch()
    const peers: Peer[] = []
    for (let n = 0; n < 17; n++) peers.push(new Peer(await closedPort()))
    for (const peer of peers) ports.awaitAnswer(peer)
    const gone = (): number => peers.filter(({ goneCalls }) => goneCalls > 0).length
    await clock.advance(200)
    await world.until(() => gone() === 16, 'the first round')
    expect(peers[16]!.goneCalls).toBe(0)
    for (const peer of peers.slice(0, 16)) ports.forget(peer)
    await clock.advance(200)
    await world.until(() => gone() === 17, 'the second round')
    ports.stop()
  })
})

it('a question does an endpoint no harm, and is no garbage', async () => {
  const kit = new Kit(quicWorld())
  const { endpoint, refusals } = await kit.node()
  const socket = createSocket('udp4')
  sockets.push(socket)
  socket.send('', endpoint.address.port, HOST)
  await kit.world.until(() => endpoint.stats().packetsDropped === 1, 'the datagram')
  expect(refusals).toEqual([])
  await kit.close()
})
