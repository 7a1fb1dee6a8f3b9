import { describe, expect, it } from 'vitest'
import { mayCarry } from '../../../mesh/link/lane.ts'
import { LINK_STREAMS_MAX } from '../../../mesh/link/lanes.ts'
import type { Link } from '../../../mesh/link/link.ts'
import type { Transport, TransportStream } from '../../../mesh/transport/transport.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { Cluster } from '../cluster.ts'
import { codec, DIST, Hostile, SYNC } from '../hostile.ts'
import { LinkNode } from './link-node.ts'

const LANES = ['rpc', 'pubsub', 'bulk'] as const
type Lane = (typeof LANES)[number]
const BYTE = { rpc: 0x83, pubsub: 0x84, bulk: 0x85 } as const
const TYPE = { rpc: WireType.call, pubsub: WireType.publish, bulk: WireType.reply } as const

const open = (cluster: Cluster, name: string, n: number, more: object = {}) =>
  LinkNode.open(cluster, cluster.network.transport(), name, at(n), more)
const at = (n: number) => ({ host: `10.0.0.${n}`, port: 4433 })
const frame = (lane: Lane, n: number) => encodeFrame(TYPE[lane], Uint8Array.of(n))

/** Notes what a node sees, in order. */
function record(node: LinkNode): string[] {
  const seen: string[] = []
  node.frames.handle(0x10, 0x2f, (_link, _type, payload, via) => {
    seen.push(`${via} ${payload[0]}`)
  })
  node.pool.onLink(({ type }) => void seen.push(type))
  return seen
}

/** A transport that counts the streams that its node opens. */
function counting(transport: Transport): { transport: Transport; opened: () => number } {
  let opened = 0
  const watch = <C extends { openStream: (...args: never[]) => TransportStream }>(c: C): C => {
    const openStream = c.openStream.bind(c)
    Object.defineProperty(c, 'openStream', {
      value: (...args: never[]) => {
        opened += 1
        return openStream(...args)
      },
    })
    return c
  }
  return {
    opened: () => opened,
    transport: {
      name: transport.name,
      open: async (options) => {
        const endpoint = await transport.open({
          ...options,
          onConnection: (connection) => options.onConnection(watch(connection)),
        })
        const dial = endpoint.dial.bind(endpoint)
        endpoint.dial = async (...args) => watch(await dial(...args))
        return endpoint
      },
    },
  }
}

/** A node that accepts links and does on each what a test likes, before or after it accepts. */
async function acceptor(
  cluster: Cluster,
  act: { before?: (evil: Hostile) => void; after?: (evil: Hostile) => void },
): Promise<{ evil: Hostile; streams: TransportStream[] }> {
  const streams: TransportStream[] = []
  const evil = await Hostile.open(cluster, 66, (connection) => {
    evil.connection = connection
    connection.handle({
      onStream: (stream) => {
        streams.push(stream)
        if (stream.id !== 0) return stream.handle({ onData: () => {} })
        evil.record(stream)
        act.before?.(evil)
        stream.write(encodeFrame(WireType.accepted, evil.hello()))
        act.after?.(evil)
        return undefined
      },
      onClosed: (info) => (evil.closed = info),
    })
  })
  return { evil, streams }
}

/** A link from `a` to a node made by `acceptor`. */
async function dialled(cluster: Cluster, a: LinkNode, evil: Hostile): Promise<Link> {
  const link = await cluster.during(a.dial({ address: evil.endpoint.address } as LinkNode), 1)
  await cluster.clock.advance(100)
  return link
}

describe('the lanes rpc, pubsub and bulk', () => {
  it('carry frames both ways, also when both sides use them for the first time at once', async () => {
    await using cluster = new Cluster()
    const [a, b] = [await open(cluster, 'a', 1), await open(cluster, 'b', 2)]
    const [atA, atB] = [record(a), record(b)]
    await cluster.during(b.dial(a))
    await cluster.clock.advance(100)
    for (const lane of LANES) {
      expect(a.link('b').send(lane, frame(lane, 1))).toBe(true)
      expect(b.link('a').send(lane, frame(lane, 2))).toBe(true)
    }
    for (const lane of LANES) expect(a.link('b').send(lane, frame(lane, 3))).toBe(true)
    await cluster.clock.advance(100)
    const each = (n: number) => LANES.map((lane) => `${lane} ${n}`)
    expect(atA.sort()).toEqual([...each(2), 'up'].sort())
    expect(atB.sort()).toEqual([...each(1), ...each(3), 'up'].sort())
    expect([a.refused, b.refused]).toEqual([{}, {}])
  })

  it('are opened by the side that sends, with its first frame, and not before', async () => {
    await using cluster = new Cluster()
    const [forA, forB] = [1, 2].map(() => counting(cluster.network.transport()))
    const a = await LinkNode.open(cluster, forA!.transport, 'a', at(1))
    const b = await LinkNode.open(cluster, forB!.transport, 'b', at(2))
    const opened = () => [forA!.opened(), forB!.opened()]
    const link = await cluster.during(b.dial(a))
    a.frames.handle(0x10, 0xff, () => {})
    b.frames.handle(0x10, 0xff, () => {})
    link.send('dist', encodeFrame(0xa0, new Uint8Array(1)))
    await cluster.clock.advance(100)
    expect(opened()).toEqual([0, 3])
    link.send('rpc', frame('rpc', 1))
    link.send('rpc', frame('rpc', 2))
    await cluster.clock.advance(100)
    expect(opened()).toEqual([0, 4])
    for (const lane of LANES) a.link('b').send(lane, frame(lane, 1))
    for (const lane of LANES) link.send(lane, frame(lane, 1))
    await cluster.clock.advance(100)
    expect(opened()).toEqual([3, LINK_STREAMS_MAX])
    expect([a.refused, b.refused]).toEqual([{}, {}])
  })

  it('what an acceptor says with its first breath waits for the word that it accepts', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      await using cluster = new Cluster(seed, { latencyMs: 5, jitterMs: 50 })
      const [a, b] = [await open(cluster, 'a', 1), await open(cluster, 'b', 2)]
      const seen = record(b)
      a.pool.onLink(({ type, link }) => {
        if (type !== 'up') return
        for (const lane of LANES) for (const n of [1, 2]) link.send(lane, frame(lane, n))
      })
      await cluster.during(b.dial(a))
      await cluster.clock.advance(200)
      expect(seen[0]).toBe('up')
      for (const lane of LANES) {
        expect(seen.filter((line) => line.startsWith(lane))).toEqual([`${lane} 1`, `${lane} 2`])
      }
      expect([a.refused, b.refused]).toEqual([{}, {}])
    }
  })

  it('a link that is not up sends nothing there, and opens nothing', async () => {
    await using cluster = new Cluster()
    const [a, b] = [await open(cluster, 'a', 1), await open(cluster, 'b', 2)]
    const seen = record(a)
    const link = await cluster.during(b.dial(a))
    const closed = link.close()
    for (const lane of LANES) expect(link.send(lane, frame(lane, 1))).toBe(false)
    await cluster.during(closed)
    expect(seen).toEqual(['up', 'down'])
  })
})

describe('limits of these lanes', () => {
  it('each takes bytesQueuedMax and not one byte more, and delays no other', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1, { bytesQueuedMax: 1_000_000 })
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    const streams: TransportStream[] = []
    evil.connection!.handle({
      onStream: (stream) => {
        streams.push(stream)
        stream.handle({ onData: () => {} })
        stream.pause()
      },
      onClosed: () => {},
    })
    const link = a.link('evil')
    const drained: string[] = []
    link.onDrain((lane) => void drained.push(lane))
    for (const lane of LANES) {
      const large = encodeFrame(TYPE[lane], new Uint8Array(99_992))
      // The window of the peer, then the queue.
      while (link.bytesQueuedOn(lane) + large.length <= 1_000_000) link.send(lane, large)
      const left = 1_000_000 - link.bytesQueuedOn(lane)
      const over = encodeFrame(TYPE[lane], new Uint8Array(left - 7))
      expect(() => link.send(lane, over)).toThrow(
        expect.objectContaining({ code: 'ERR_LINK_QUEUE_FULL' }),
      )
      expect(link.send(lane, encodeFrame(TYPE[lane], new Uint8Array(left - 8)))).toBe(false)
      expect(link.bytesQueuedOn(lane)).toBe(1_000_000)
    }
    expect(link.bytesQueued).toBe(3_000_000)
    expect(link.bytesQueuedOn('dist')).toBe(0)
    expect(a.refused).toEqual({ ERR_LINK_QUEUE_FULL: 3 })
    await cluster.clock.advance(500)
    expect(link.state).toBe('established')
    expect(drained).toEqual([])
    streams[1]!.resume()
    await cluster.clock.advance(500)
    expect(drained).toEqual(['pubsub'])
    expect(LANES.map((lane) => link.bytesQueuedOn(lane))).toEqual([1_000_000, 0, 1_000_000])
  })

  it('a transport that has no room for the stream ends the link, and send says so', async () => {
    await using cluster = new Cluster()
    const transport = cluster.network.transport({ streamsMax: 3 })
    const a = await LinkNode.open(cluster, transport, 'a', at(1))
    const b = await open(cluster, 'b', 2)
    const link = await cluster.during(b.dial(a))
    expect(link.send('rpc', frame('rpc', 1))).toBe(false)
    expect(link.state).toBe('closing')
    expect(b.refused).toEqual({ ERR_LINK_PROTOCOL: 1 })
  })

  it('a frame of 1 MiB passes on each', async () => {
    await using cluster = new Cluster()
    const [a, b] = [await open(cluster, 'a', 1), await open(cluster, 'b', 2)]
    const sizes: string[] = []
    a.frames.handle(0x10, 0x2f, (_link, _type, payload, via) => {
      sizes.push(`${via} ${payload.length}`)
    })
    const link = await cluster.during(b.dial(a))
    for (const lane of LANES) link.send(lane, encodeFrame(TYPE[lane], new Uint8Array(1_048_576)))
    await cluster.clock.advance(1_000)
    expect(sizes.sort()).toEqual(LANES.map((lane) => `${lane} 1048576`).sort())
  })
})

describe('what has no place on a link', () => {
  it.each([
    ['rpc', [0x20, 0x2f], [0x1f, 0x30]],
    ['pubsub', [0x10, 0x1f], [0x0f, 0x20]],
    ['bulk', [0x10, 0x2f], [0x0f, 0x30]],
    ['sync', [0x30, 0x5f], [0x2f, 0x60]],
    ['dist', [0x10, 0xff], [0x0f]],
    ['control', [0x10, 0xff], [0x0f]],
  ] as const)('%s carries the types from and to, and no other', (lane, yes, no) => {
    expect(yes.map((type) => mayCarry(lane, type))).toEqual(yes.map(() => true))
    expect(no.map((type) => mayCarry(lane, type))).toEqual(no.map(() => false))
  })

  it.each([
    ['a call on pubsub', 'pubsub', WireType.call],
    ['a publish on rpc', 'rpc', WireType.publish],
    ['a message of dist on bulk', 'bulk', WireType.distSend],
    ['a ping on rpc', 'rpc', WireType.ping],
    ['a probe on bulk', 'bulk', WireType.swimPing],
  ] as const)('%s ends the link, and is refused at the sender', async (_claim, lane, type) => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    let handled = 0
    a.frames.handle(0x10, 0xff, () => handled++)
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    const bytes = encodeFrame(type, new Uint8Array(1))
    expect(() => a.link('evil').send(lane, bytes)).toThrow(
      expect.objectContaining({ code: 'ERR_INVARIANT_LINK_LANE' }),
    )
    const stream = evil.stream()
    stream.write(Uint8Array.of(BYTE[lane]))
    stream.write(bytes)
    await cluster.clock.advance(2_000)
    expect([handled, a.peers]).toEqual([0, ''])
    expect(a.refused).toEqual({ ERR_LINK_PROTOCOL: 1 })
  })

  it.each([
    ['a second stream for a lane', [0x83, 0x83]],
    ['a lane that nobody knows', [0x86]],
    ['a second dist lane', [0x81]],
  ])('%s ends an established link', async (_claim, bytes) => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    const seen = record(a)
    for (const byte of bytes) evil.stream().write(Uint8Array.of(byte))
    await cluster.clock.advance(2_000)
    expect(seen).toEqual(['down'])
    expect(a.refused).toEqual({ ERR_LINK_PROTOCOL: 1 })
    expect(evil.received).toContain('error ERR_LINK_PROTOCOL')
  })

  it('a lane whose stream has ended can not be opened again', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const seen = record(a)
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    for (const n of [1, 2]) {
      const stream = evil.stream()
      stream.write(Uint8Array.of(BYTE.rpc))
      stream.write(frame('rpc', n))
      stream.end()
      await cluster.clock.advance(100)
    }
    await cluster.clock.advance(2_000)
    expect(seen).toEqual(['up', 'rpc 1', 'down'])
    expect(a.refused).toEqual({ ERR_LINK_PROTOCOL: 1 })
  })

  it('a dialler may open six streams, a seventh ends the link', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    evil.stream().write(SYNC)
    for (const lane of LANES) evil.stream().write(Uint8Array.of(BYTE[lane]))
    await cluster.clock.advance(100)
    expect([a.peers, a.refused]).toEqual(['evil', {}])
    evil.stream().end()
    await cluster.clock.advance(2_000)
    expect([a.peers, a.refused]).toEqual(['', { ERR_LINK_PROTOCOL: 1 }])
  })

  it('H6 one of them before the link is accepted ends the connection, and its bytes are let go', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const evil = await (await Hostile.open(cluster, 66)).dial()
    const stream = evil.stream()
    stream.write(Uint8Array.of(BYTE.rpc))
    stream.write(new Uint8Array(400_000))
    await cluster.clock.advance(50)
    expect(() => stream.write(new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: 'ERR_TRANSPORT_STREAM_ENDED' }),
    )
    await cluster.clock.advance(2_000)
    expect(a.refused).toEqual({ ERR_LINK_PROTOCOL: 1 })
    expect(evil.closed).toBeDefined()
  })

  it('H6 of an acceptor three wait unread until it accepts, a fourth ends the connection', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const seen = record(a)
    const early = (lanes: readonly Lane[]) => (evil: Hostile) => {
      for (const lane of lanes) {
        const stream = evil.connection!.openStream()
        stream.write(Uint8Array.of(BYTE[lane]))
        stream.write(frame(lane, 1))
      }
    }
    const three = await acceptor(cluster, { before: early(LANES) })
    await dialled(cluster, a, three.evil)
    expect(seen[0]).toBe('up')
    expect(seen.slice(1).sort()).toEqual(['bulk 1', 'pubsub 1', 'rpc 1'])
    await three.evil.endpoint.close()
    await cluster.clock.advance(1_000)

    const four = await acceptor(cluster, { before: early([...LANES, 'rpc']) })
    const dial = a.dial({ address: four.evil.endpoint.address } as LinkNode)
    await expect(cluster.during(dial, 1)).rejects.toMatchObject({ code: 'ERR_LINK_CLOSED' })
    expect(a.refused).toEqual({ ERR_LINK_PROTOCOL: 1 })
  })

  it.each([
    ['a dist lane', DIST],
    ['a sync lane', SYNC],
    ['a control lane', encodeFrame(WireType.ping, codec.encode({ sequence: 1 }))],
  ])('%s that an acceptor opens ends the link', async (_claim, bytes) => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const { evil } = await acceptor(cluster, {
      after: ({ connection }) => connection!.openStream().write(bytes),
    })
    await dialled(cluster, a, evil)
    expect([a.peers, a.refused]).toEqual(['', { ERR_LINK_PROTOCOL: 1 }])
  })

  it.each([
    ['answers on', (stream: TransportStream) => stream.write(frame('rpc', 1))],
    ['stops', (stream: TransportStream) => stream.stopSending(7)],
    ['resets', (stream: TransportStream) => stream.reset(7)],
  ])('a peer that %s our stream ends the link', async (_claim, act) => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const { evil, streams } = await acceptor(cluster, {})
    const link = await dialled(cluster, a, evil)
    link.send('rpc', frame('rpc', 1))
    await cluster.clock.advance(100)
    act(streams[3]!)
    await cluster.clock.advance(100)
    expect([a.peers, a.refused]).toEqual(['', { ERR_LINK_PROTOCOL: 1 }])
  })
})

describe('a goodbye', () => {
  it.each(['dialler', 'acceptor'] as const)(
    'of the %s waits for what was said before it, also on a lane that nobody has seen yet',
    async (who) => {
      for (let seed = 1; seed <= 20; seed++) {
        await using cluster = new Cluster(seed, { latencyMs: 5, jitterMs: 100 })
        const [a, b] = [await open(cluster, 'a', 1), await open(cluster, 'b', 2)]
        const [atA, atB] = [record(a), record(b)]
        await cluster.during(b.dial(a))
        await cluster.clock.advance(200)
        const [seen, link] = who === 'dialler' ? [atA, b.link('a')] : [atB, a.link('b')]
        for (const lane of LANES) for (const n of [1, 2]) link.send(lane, frame(lane, n))
        await cluster.during(link.close())
        expect([seen[0], seen.at(-1)]).toEqual(['up', 'down'])
        for (const lane of LANES) {
          expect(seen.filter((line) => line.startsWith(lane))).toEqual([`${lane} 1`, `${lane} 2`])
        }
        expect([a.refused, b.refused]).toEqual([{}, {}])
      }
    },
  )

  it('takes nothing from a lane that may not carry it', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    let handled = 0
    a.frames.handle(0x10, 0xff, () => handled++)
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    const goodbye = codec.encode({ reason: 'normal', message: '', streams: 3 })
    evil.control!.write(encodeFrame(WireType.disconnect, goodbye))
    const stream = evil.stream()
    stream.write(Uint8Array.of(BYTE.rpc))
    stream.write(encodeFrame(WireType.swimPing, new Uint8Array(1)))
    stream.write(frame('rpc', 1))
    await cluster.clock.advance(500)
    expect(handled).toBe(1)
  })

  it('that promises streams which never come is over at leaveTimeoutMs', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const seen = record(a)
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    const goodbye = codec.encode({ reason: 'normal', message: '', streams: 255 })
    evil.control!.write(encodeFrame(WireType.disconnect, goodbye))
    for (const stream of [evil.dist!, evil.control!]) stream.end()
    await cluster.clock.advance(900)
    expect(seen).toEqual(['up'])
    await cluster.clock.advance(200)
    expect(seen).toEqual(['up', 'down'])
    expect(evil.closed).toBeDefined()
  })

  it('leaves a peer that reads nothing leaveTimeoutMs for what is queued', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const { evil, streams } = await acceptor(cluster, {})
    const link = await dialled(cluster, a, evil)
    link.send('bulk', frame('bulk', 1))
    await cluster.clock.advance(100)
    streams[3]!.pause()
    for (let n = 0; n < 10; n++) link.send('bulk', encodeFrame(0x21, new Uint8Array(1_000_000)))
    expect(link.bytesQueuedOn('bulk')).toBeGreaterThan(9_000_000)
    let over = false
    const closed = link.close().then(() => (over = true))
    await cluster.clock.advance(900)
    expect(over).toBe(false)
    await cluster.clock.advance(200)
    await closed
    expect(over).toBe(true)
    expect(evil.closed?.reason).toBe('goodbye')
  })

  it('brings what waited for a sync lane that opens later', async () => {
    await using cluster = new Cluster()
    const a = await open(cluster, 'a', 1)
    const evil = await Hostile.open(cluster, 66)
    await evil.join()
    const link = a.link('evil')
    link.send('sync', encodeFrame(WireType.findNode, Uint8Array.of(7)))
    const closed = link.close()
    const received: number[] = []
    const lane = evil.connection!.openStream()
    lane.handle({ onData: (bytes) => received.push(...bytes) })
    lane.write(SYNC)
    await cluster.clock.advance(100)
    expect(received.at(-1)).toBe(7)
    await cluster.during(closed)
  })
})
