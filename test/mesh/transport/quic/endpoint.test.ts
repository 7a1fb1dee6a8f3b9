import { createSocket } from 'node:dgram'
import type { Socket } from 'node:dgram'
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TransportAddress } from '../../../../mesh/transport/transport.ts'
import { createSeededEntropy } from '../../../../runtime/index.ts'
import { echo, Kit, Watched } from '../../../conformance/transport-world.ts'
import type { KitNode } from '../../../conformance/transport-world.ts'
import { p256Identity, rawDial } from '../../../support/raw-quic.ts'
import { quicWorld, sizesOf } from '../../../support/transport-quic.ts'
import { UdpRelay } from '../../../support/udp-relay.ts'

let kit: Kit
let stranger: Socket
let heard: Buffer[]

beforeEach(async () => {
  kit = new Kit(quicWorld())
  heard = []
  stranger = createSocket('udp4')
  await new Promise<void>((resolve) => stranger.bind(0, '127.0.0.1', resolve))
  stranger.on('message', (packet) => heard.push(packet))
})

afterEach(async () => {
  stranger.close()
  await kit.close()
})

/** Bytes in use after a full collection. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

/** Sends packets from a socket that is no endpoint, and waits until they have all arrived. */
async function sendAll(node: KitNode, packets: readonly Uint8Array[]): Promise<void> {
  const { address } = node.endpoint
  const counted = (): number => node.endpoint.stats().packetsReceived
  for (let at = 0; at < packets.length; at += 100) {
    const batch = packets.slice(at, at + 100)
    const before = counted()
    for (const packet of batch) stranger.send(packet, address.port, address.host)
    await kit.world.until(() => counted() >= before + batch.length, 'the packets to arrive')
  }
}

/** A first packet as a dialler sends it. */
async function realInitial(): Promise<Buffer> {
  const dialler = await kit.node()
  const { host, port } = stranger.address() as unknown as TransportAddress
  const before = heard.length
  const address = { host: host ?? '127.0.0.1', port }
  const dial = dialler.endpoint.dial(address, { timeoutMs: 5_000 })
  const outcome = dial.catch(() => {})
  await kit.world.until(() => heard.length > before, 'a first packet')
  await dialler.endpoint.close()
  await outcome
  return heard[before]!
}

async function expectStillServing(node: KitNode): Promise<void> {
  const dialler = await kit.node()
  const { near, far } = await kit.join(dialler, node)
  echo(far)
  const out = near.open()
  out.stream.write(Buffer.from('still here'))
  out.stream.end()
  await kit.world.until(() => out.ended === 1, 'an echo')
  expect(out.text).toBe('still here')
}

describe('QUIC and strangers', () => {
  it('H1 survives random bytes of every length at its port', async () => {
    const node = await kit.node()
    const entropy = createSeededEntropy(11)
    const packets = Array.from({ length: 3_000 }, (_, i) => entropy.bytes(1 + ((i * 7) % 1_400)))
    await sendAll(node, packets)
    const { packetsDropped, packetsReceived, connections } = node.endpoint.stats()
    expect({ connections, all: packetsReceived === packetsDropped }).toEqual({
      connections: 0,
      all: true,
    })
    expect(heard).toEqual([])
    const { port } = stranger.address()
    const told = { code: 'ERR_TRANSPORT_GARBAGE', remote: { host: '127.0.0.1', port } }
    expect(node.refusals[0]).toMatchObject(told)
    expect(node.refusals.length).toBeLessThan(100) // once a second, not once a packet
    await expectStillServing(node)
  })

  it(
    'H1 survives ten thousand flipped and truncated first packets',
    { timeout: 60_000 },
    async () => {
      const node = await kit.node({ limits: { handshakeTimeoutMs: 300 } })
      const initial = await realInitial()
      const entropy = createSeededEntropy(12)
      const damaged = Array.from({ length: 10_000 }, (_, i) => {
        if (i % 4 === 0) return initial.subarray(0, 1 + Math.floor(entropy.random() * 1_199))
        const packet = Buffer.from(initial)
        for (let flips = 1 + (i % 3); flips > 0; flips--) {
          // Half of the flips hit the header.
          const span = flips % 2 === 0 ? packet.length : 60
          packet[Math.floor(entropy.random() * span)]! ^= 1 << Math.floor(entropy.random() * 8)
        }
        return packet
      })
      await sendAll(node, damaged)
      await expectStillServing(node)
      const idle = (): boolean => sizesOf(node.endpoint)['handshakes'] === 0
      await kit.world.until(idle, 'half-open handshakes to be forgotten')
      expect(node.accepted).toHaveLength(1)
    },
  )

  it('H9 answers another version with version negotiation, smaller than what it answers', async () => {
    const node = await kit.node()
    const other = Buffer.from(await realInitial())
    other.writeUInt32BE(0x0a1a_2a3a, 1)
    heard.length = 0
    await sendAll(node, [other])
    await kit.world.until(() => heard.length === 1, 'the answer')
    expect(heard[0]!.readUInt32BE(1)).toBe(0)
    expect(heard[0]!.length).toBeLessThan(100)
    // Version negotiation itself is never answered.
    other.writeUInt32BE(0, 1)
    await sendAll(node, [other])
    expect(node.endpoint.stats().packetsDropped).toBe(1)
    expect(heard).toHaveLength(1)
  })

  it('H10 answers a first packet with at most three times its bytes', async () => {
    const node = await kit.node({ limits: { handshakeTimeoutMs: 1_000 } })
    const initial = await realInitial()
    heard.length = 0
    await sendAll(node, [initial])
    const forgotten = (): boolean => node.endpoint.stats().connections === 0
    await kit.world.until(forgotten, 'the handshake to be given up')
    const answered = heard.reduce((sum, { length }) => sum + length, 0)
    expect(answered).toBeGreaterThan(0)
    expect(answered).toBeLessThanOrEqual(3 * initial.length)
  })

  it('H7 drops a dialler that does not finish its handshake in time, and reports it', async () => {
    const node = await kit.node({ limits: { handshakeTimeoutMs: 200 } })
    await sendAll(node, [await realInitial()])
    await kit.world.until(() => node.endpoint.stats().connections === 1, 'the handshake to begin')
    await kit.world.until(() => node.endpoint.stats().connections === 0, 'the deadline')
    expect(node.refusals).toMatchObject([{ code: 'ERR_TRANSPORT_TIMEOUT' }])
    expect(node.endpoint.stats().connectionsRefused).toBe(1)
  })
})

describe('QUIC and wrong identities', () => {
  it('H3 refuses a dialler without a certificate', async () => {
    const node = await kit.node()
    const end = await rawDial(node.endpoint.address, {})
    expect(end).toMatchObject({ isApp: false, errorCode: 0x174 }) // certificate_required
    await kit.world.until(() => node.refusals.length > 0, 'the report')
    expect(node.refusals).toMatchObject([{ code: 'ERR_TRANSPORT_PEER_KEY' }])
    expect(node.accepted).toEqual([])
    await expectStillServing(node)
  })

  it('H3 refuses a dialler whose key is not Ed25519', async () => {
    const node = await kit.node()
    const end = await rawDial(node.endpoint.address, await p256Identity())
    // The listener asks for Ed25519 only, so the handshake fails on both sides.
    expect(end.isApp).toBe(false)
    expect(end.errorCode).toBeGreaterThan(0x100)
    const forgotten = (): boolean => node.endpoint.stats().connections === 0
    await kit.world.until(forgotten, 'the handshake to be forgotten')
    expect(node.accepted).toEqual([])
  })
})

describe('QUIC under load', () => {
  it('H2 demands a proven address above retryAboveHandshakes and keeps nothing before', async () => {
    kit = new Kit(quicWorld('127.0.0.1', { retryAboveHandshakes: 0 }))
    const node = await kit.node()
    const initial = await realInitial()
    heard.length = 0
    await sendAll(
      node,
      Array.from({ length: 200 }, () => initial),
    )
    await kit.world.until(() => heard.length === 200, 'two hundred retries')
    expect(heard.every((packet) => (packet[0]! & 0xf0) === 0xf0)).toBe(true)
    expect(sizesOf(node.endpoint)).toMatchObject({ ids: 0, live: 0, handshakes: 0, addresses: 0 })
    await expectStillServing(node)
  })

  it('K46 gives an address that is not proven at most three times the bytes it sent, and no connection', async () => {
    const node = await kit.node({ limits: { handshakeTimeoutMs: 1_500 } })
    const initial = await realInitial()
    heard.length = 0
    // As from a forged address: what comes back is never answered, nor is the first packet ever followed up.
    await sendAll(node, [initial])
    await kit.world.until(() => heard.length > 0, 'the beginning of a handshake')
    expect(sizesOf(node.endpoint)['handshakes']).toBe(1)
    // Longer than the first timeout of a handshake: what is sent again counts too.
    const isOver = (): boolean => sizesOf(node.endpoint)['handshakes'] === 0
    await kit.world.until(isOver, 'the handshake to be given up')
    const given = heard.reduce((sum, { length }) => sum + length, 0)
    expect(given).toBeGreaterThan(0)
    expect(given).toBeLessThanOrEqual(3 * initial.length)
    // Nobody can put a record, or ask for one, without a connection.
    expect(node.accepted).toEqual([])
    await expectStillServing(node)
  })

  it('K46 gives no more than it got while it demands a proven address', async () => {
    kit = new Kit(quicWorld('127.0.0.1', { retryAboveHandshakes: 0 }))
    const node = await kit.node()
    const initial = await realInitial()
    heard.length = 0
    await sendAll(node, [initial])
    await kit.world.until(() => heard.length === 1, 'a retry')
    expect(heard[0]!.length).toBeLessThan(initial.length)
    expect(node.accepted).toEqual([])
  })

  it('a retry token of another address opens nothing', async () => {
    kit = new Kit(quicWorld('127.0.0.1', { retryAboveHandshakes: 0 }))
    const node = await kit.node()
    const relay = await new UdpRelay(node.endpoint.address).start()
    const tokens: Buffer[] = []
    relay.isLost = (packet, way) => {
      // The second first packet carries the token: keep it from the listener.
      const isInitial = (packet[0]! & 0xf0) === 0xc0
      if (way === 'to_listener' && isInitial && relay.carried.to_listener > 0) tokens.push(packet)
      return tokens.length > 0
    }
    const dialler = await kit.node()
    const dial = kit.codeOf(dialler.endpoint.dial(relay.address, { timeoutMs: 400 }))
    await kit.world.until(() => tokens.length > 0, 'a packet with a token')
    await sendAll(node, [tokens[0]!]) // from the stranger's address
    expect(await dial).toBe('ERR_TRANSPORT_TIMEOUT')
    expect(node.endpoint.stats()).toMatchObject({ connections: 0, packetsDropped: 1 })
    expect(sizesOf(node.endpoint)['ids']).toBe(0)
    relay.stop()
  })

  it('accepts acceptsPerSecondMax diallers at once; the next is let in a little later', async () => {
    kit = new Kit(quicWorld('127.0.0.1', { acceptsPerSecondMax: 2 }))
    const node = await kit.node()
    const dialler = await kit.node()
    const dials = Array.from({ length: 3 }, () => dialler.endpoint.dial(node.endpoint.address))
    await kit.settled(Promise.all(dials))
    expect(node.refusals.map(({ code }) => code)).toContain('ERR_TRANSPORT_RATE_LIMIT')
    await kit.world.until(() => node.accepted.length === 3, 'all three')
  })
})

describe('QUIC on bad paths', () => {
  it('follows a peer whose address changes on the way', async () => {
    const listener = await kit.node()
    const dialler = await kit.node()
    const relay = await new UdpRelay(listener.endpoint.address).start()
    const near = new Watched(await kit.settled(dialler.endpoint.dial(relay.address)))
    await kit.world.until(() => listener.accepted.length === 1, 'the connection')
    const far = new Watched(listener.accepted[0]!)
    echo(far)
    const out = near.open()
    out.stream.write(Buffer.from('before '))
    await kit.world.until(() => out.text === 'before ', 'the first echo')
    const portBefore = far.connection.remote.port
    await relay.rebind()
    out.stream.write(Buffer.from('after'))
    await kit.world.until(() => out.text === 'before after', 'the second echo')
    await kit.world.until(() => far.connection.remote.port === relay.backPort, 'the new address')
    expect(far.connection.remote.port).not.toBe(portBefore)
    expect([near.closed, far.closed]).toEqual([[], []])
    relay.stop()
  })

  it('repeats its close to a peer that missed it', async () => {
    const listener = await kit.node()
    const dialler = await kit.node()
    const relay = await new UdpRelay(listener.endpoint.address).start()
    const near = new Watched(await kit.settled(dialler.endpoint.dial(relay.address)))
    await kit.world.until(() => listener.accepted.length === 1, 'the connection')
    const far = new Watched(listener.accepted[0]!)
    relay.isLost = () => true
    near.connection.close(3, 'lost at first')
    await kit.world.until(() => near.closed.length === 1, 'our side to close')
    relay.isLost = () => false
    far.open().stream.write(Buffer.from('anybody there?'))
    await kit.world.until(() => far.closed.length === 1, 'the reminder')
    expect(far.closed).toEqual([{ by: 'peer', code: 3, reason: 'lost at first' }])
    relay.stop()
  })

  it('carries 300 KB there and back although every tenth packet is lost', async () => {
    const listener = await kit.node()
    const dialler = await kit.node()
    const relay = await new UdpRelay(listener.endpoint.address).start()
    const near = new Watched(await kit.settled(dialler.endpoint.dial(relay.address)))
    await kit.world.until(() => listener.accepted.length === 1, 'the connection')
    echo(new Watched(listener.accepted[0]!))
    const entropy = createSeededEntropy(13)
    relay.isLost = () => entropy.random() < 0.1
    const out = near.open()
    const bytes = Buffer.from(entropy.bytes(300_000))
    out.stream.write(bytes)
    out.stream.end()
    await kit.world.until(() => out.ended === 1, 'the echo')
    expect(Buffer.concat(out.chunks).equals(bytes)).toBe(true)
    expect(near.connection.stats().packetsLost).toBeGreaterThan(0)
    relay.stop()
  })
})

describe('QUIC addresses', () => {
  it("'::' takes IPv6 and IPv4, and shows IPv4 peers as such", async () => {
    const listener = await kit.node({ host: '::' })
    const { port } = listener.endpoint.address
    const four = await kit.node()
    const six = await kit.node({ host: '::1' })
    await kit.settled(four.endpoint.dial({ host: '127.0.0.1', port }))
    await kit.settled(six.endpoint.dial({ host: '::1', port }))
    await kit.world.until(() => listener.accepted.length === 2, 'both')
    const remotes = listener.accepted.map(({ remote }) => remote)
    expect(remotes).toContainEqual({ host: '127.0.0.1', port: four.endpoint.address.port })
    expect(remotes).toContainEqual({ host: '::1', port: six.endpoint.address.port })
    // It dials both families, too.
    const out = await kit.settled(listener.endpoint.dial(four.endpoint.address))
    expect(out.remote).toEqual(four.endpoint.address)
    await kit.settled(listener.endpoint.dial(six.endpoint.address))
  })

  it('an endpoint bound to IPv4 says that it cannot dial IPv6', async () => {
    const four = await kit.node()
    const code = await kit.codeOf(four.endpoint.dial({ host: '::1', port: 4433 }))
    expect(code).toBe('ERR_TRANSPORT_BAD_ADDRESS')
  })

  it('does not bind an address that this machine does not have', async () => {
    expect(await kit.codeOf(kit.node({ host: '192.0.2.1' }))).toBe('ERR_TRANSPORT_BAD_ADDRESS')
  })
})

describe('QUIC acknowledgements', () => {
  const MESSAGE = Buffer.alloc(100)
  /** Exchanges. */
  const COUNT = 20

  /** Packets that the listener sends for each message; `answer` says what it does with one. */
  async function packetsPerMessage(answer: (reply: () => void) => void): Promise<number> {
    const { listener, near, far } = await kit.pair()
    far.onStream = (watched) => {
      watched.onData = () => answer(() => void watched.stream.write(MESSAGE))
    }
    const out = near.open()
    const sent = (): number => listener.endpoint.stats().packetsSent
    let before = 0
    for (let i = 0; i <= COUNT; i++) {
      // The first one ends the handshake.
      if (i === 1) before = sent()
      const [bytes, packets] = [out.bytes, sent()]
      out.stream.write(MESSAGE)
      await kit.world.until(() => sent() > packets, 'a packet of the listener')
      if (answer !== nothing) await kit.world.until(() => out.bytes > bytes, 'the answer')
    }
    return (sent() - before) / COUNT
  }
  const nothing = (): void => {}

  it('go with an answer that takes some turns of the loop', async () => {
    const inTurns = (reply: () => void, turns = 3): void => {
      if (turns === 0) reply()
      else setImmediate(() => inTurns(reply, turns - 1))
    }
    // Two if they went by themselves; on a machine that stands still now and then, they do now and then.
    expect(await packetsPerMessage(inTurns)).toBeLessThan(1.6)
  })

  it('go by themselves when there is no answer', async () => {
    expect(await packetsPerMessage(nothing)).toBeLessThanOrEqual(1.1)
  })
})

describe('QUIC leaves nothing', () => {
  it('forgets every id, timer and address after two hundred connections', async () => {
    const limits = { idleTimeoutMs: 400 }
    const listener = await kit.node({ limits })
    const dialler = await kit.node({ limits })
    for (let batch = 0; batch < 4; batch++) {
      const dials = Array.from({ length: 50 }, () =>
        dialler.endpoint.dial(listener.endpoint.address),
      )
      for (const connection of await kit.settled(Promise.all(dials))) connection.close(0, '')
    }
    const zero = { ids: 0, live: 0, dials: 0, connections: 0, handshakes: 0, addresses: 0 }
    const both = (): boolean =>
      [listener, dialler].every(({ endpoint }) =>
        Object.values(sizesOf(endpoint)).every((size) => size === 0),
      )
    await kit.world.until(both, 'the last closes to be forgotten')
    expect([sizesOf(listener.endpoint), sizesOf(dialler.endpoint)]).toEqual([zero, zero])
  })

  it('a thousand streams and fifty connections later the heap is as it was', async () => {
    const limits = { idleTimeoutMs: 400 }
    const listener = await kit.node({ limits, onConnection: (it) => echo(new Watched(it)) })
    const dialler = await kit.node({ limits })
    const round = async (): Promise<number> => {
      for (let i = 0; i < 10; i++) {
        const dialled = await kit.settled(dialler.endpoint.dial(listener.endpoint.address))
        const near = new Watched(dialled)
        const streams = Array.from({ length: 20 }, () => near.open())
        for (const { stream } of streams) {
          stream.write(Buffer.alloc(5_000))
          stream.end()
        }
        await kit.world.until(() => streams.every(({ ended }) => ended === 1), 'the echoes')
        near.connection.close(0, '')
      }
      const forgotten = (): boolean =>
        [listener, dialler].every(({ endpoint }) => sizesOf(endpoint)['ids'] === 0)
      await kit.world.until(forgotten, 'the last closes to be forgotten')
      listener.accepted.length = 0
      return heapBytes()
    }
    await round()
    const before = await round()
    for (let i = 0; i < 3; i++) await round()
    expect((await round()) - before).toBeLessThan(1_000_000)
  })

  it('two endpoints of one transport do not know of each other', async () => {
    const a = await kit.node()
    const b = await kit.node()
    const outsider = await kit.node()
    await kit.join(outsider, a)
    await a.endpoint.close()
    expect(b.endpoint.stats()).toMatchObject({ connections: 0, packetsReceived: 0 })
    await kit.join(outsider, b)
  })
})
