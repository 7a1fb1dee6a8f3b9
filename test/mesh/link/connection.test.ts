import { describe, expect, it } from 'vitest'
import { nodeKeysFromSeed } from '../../../mesh/identity/keys.ts'
import { createRealm, issueMembership } from '../../../mesh/identity/realm.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { HelloMessage } from '../../../mesh/wire/check.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { Cluster, linkTo, peersOf } from '../cluster.ts'
import { codec, DIST, Hostile, SYNC } from '../hostile.ts'

const header = (type: number, length: number) => {
  const bytes = new Uint8Array(8)
  bytes.set([1, type, 0, 0])
  new DataView(bytes.buffer).setUint32(4, length)
  return bytes
}

/** Node `a`, its good neighbour `b`, and a hostile peer. */
async function scene(cluster: Cluster, more: object = {}): Promise<[Mesh, Mesh, Hostile]> {
  const a = await cluster.start('a', 1, more)
  const b = await cluster.start('b', 2, { seeds: ['10.0.0.1:4433'] })
  await cluster.clock.advance(1_000)
  cluster.events.length = 0
  return [a, b, await Hostile.open(cluster, 66)]
}

/** The good neighbour noticed nothing. */
function unharmed(cluster: Cluster, a: Mesh, b: Mesh): void {
  expect(peersOf(a).replace(' evil', '')).toBe('b')
  expect(peersOf(b)).toBe('a')
  expect(cluster.events.filter((line) => !line.includes('evil'))).toEqual([])
}

describe('before a link is accepted', () => {
  it('ML39 H7 a peer that connects and says nothing is dropped at handshakeTimeoutMs', async () => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.dial('none')
    await cluster.clock.advance(4_900)
    expect(evil.closed).toBeUndefined()
    expect(a.stats().handshakes).toBe(1)
    await cluster.clock.advance(200)
    expect(evil.closed).toMatchObject({ by: 'peer', reason: 'ERR_LINK_HANDSHAKE_TIMEOUT' })
    expect(a.stats()).toMatchObject({
      handshakes: 0,
      refused: { ERR_LINK_HANDSHAKE_TIMEOUT: 1 },
    })
    unharmed(cluster, a, b)
  })

  it('H7 a connect that comes byte by byte is too late all the same', async () => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.dial()
    const frame = encodeFrame(WireType.connect, evil.hello())
    for (let i = 0; i < 60 && evil.closed === undefined; i++) {
      evil.control!.write(frame.subarray(i, i + 1))
      await cluster.clock.advance(100)
    }
    expect(evil.closed).toMatchObject({ reason: 'ERR_LINK_HANDSHAKE_TIMEOUT' })
    unharmed(cluster, a, b)
  })

  it.each([
    ['publish on the control lane', 'control', WireType.publish],
    ['a dist frame on the control lane', 'control', WireType.distSend],
    ['a dist frame on the dist lane', 'dist', WireType.distSend],
    ['a ping', 'control', WireType.ping],
    ['an accepted', 'control', WireType.accepted],
  ] as const)(
    'H6 %s before accepted reaches no handler and ends it',
    async (_claim, lane, type) => {
      await using cluster = new Cluster()
      const [a, b, evil] = await scene(cluster)
      let handled = 0
      a.handleFrames(0x10, 0x2f, () => handled++)
      a.handleFrames(0xa0, 0xbf, () => handled++)
      await evil.dial()
      const payload = type === WireType.accepted ? evil.hello() : codec.encode({ sequence: 1 })
      evil[lane]!.write(encodeFrame(type, payload))
      // The rest of the handshake right behind it changes nothing.
      evil.control!.write(encodeFrame(WireType.connect, evil.hello()))
      await cluster.clock.advance(2_000)
      expect(handled).toBe(0)
      // Without a control lane there is no way to say so.
      expect(evil.received).toEqual(lane === 'dist' ? [] : ['error ERR_LINK_EARLY_FRAME'])
      expect(evil.closed).toBeDefined()
      expect(a.stats().refused).toEqual({ ERR_LINK_EARLY_FRAME: 1 })
      unharmed(cluster, a, b)
    },
  )

  it.each<[string, (evil: Hostile, cluster: Cluster) => Partial<HelloMessage>, string]>([
    ['another realm id', () => ({ realmId: new Uint8Array(32) }), 'realm_mismatch'],
    ['another cluster', () => ({ cluster: 'staging' }), 'cluster_mismatch'],
    ['no membership', () => ({ membership: undefined }), 'membership_invalid'],
    [
      'the membership of another node',
      (_evil, cluster) => ({
        membership: issueMembership(cluster.realm, nodeKeysFromSeed(new Uint8Array(32)).nodeKey, {
          wallNowMs: cluster.clock.wallNow(),
        }),
      }),
      'membership_invalid',
    ],
    [
      'a membership signed by another authority',
      (evil, cluster) => ({
        membership: {
          ...issueMembership(createRealm('com.example.test'), evil.keys.nodeKey, {
            wallNowMs: cluster.clock.wallNow(),
          }),
          realmId: cluster.realm.id,
        },
      }),
      'membership_invalid',
    ],
    [
      'an expired membership',
      (evil, cluster) => ({
        membership: issueMembership(cluster.realm, evil.keys.nodeKey, {
          wallNowMs: cluster.clock.wallNow() - 86_400_000,
          validMs: 1_000,
        }),
      }),
      'membership_invalid',
    ],
    [
      'the key of somebody else',
      () => ({ nodeKey: nodeKeysFromSeed(new Uint8Array(32)).nodeKey }),
      'membership_invalid',
    ],
    ['a future protocol', () => ({ versionMin: 2, versionMax: 9 }), 'version_unsupported'],
  ])('H4 H9 H32 %s is rejected with its reason', async (_claim, change, reason) => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.join(change(evil, cluster))
    expect(evil.received).toEqual([`rejected ${reason}`])
    await cluster.clock.advance(2_000)
    expect(evil.closed).toBeDefined()
    expect(a.stats()).toMatchObject({ handshakes: 0, refused: { ERR_LINK_REFUSED: 1 } })
    unharmed(cluster, a, b)
  })

  it.each<[string, Uint8Array, string]>([
    ['an unknown type', header(0x99, 0), 'ERR_FRAME_TYPE'],
    ['another version', Uint8Array.of(2, 1, 0, 0, 0, 0, 0, 0), 'ERR_FRAME_VERSION'],
    ['H11 a length of 2^32-1', header(WireType.connect, 2 ** 32 - 1), 'ERR_FRAME_TOO_LARGE'],
    [
      'garbage as a connect',
      encodeFrame(WireType.connect, Uint8Array.of(0xc1, 0xff)),
      'ERR_CODEC_TOKEN',
    ],
    [
      'a connect without fields',
      encodeFrame(WireType.connect, codec.encode({})),
      'ERR_MESSAGE_INVALID',
    ],
  ])('%s closes the connection with an error frame', async (_claim, bytes, code) => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.dial()
    evil.control!.write(bytes)
    await cluster.clock.advance(2_000)
    expect(evil.received).toEqual([`error ${code}`])
    expect(evil.closed).toBeDefined()
    expect(cluster.lines.filter((line) => line.code === code)).toHaveLength(1)
    expect(a.stats().refused).toEqual({ [code]: 1 })
    unharmed(cluster, a, b)
  })

  it('a stream of an unknown lane, or a second control lane, ends it', async () => {
    for (const bytes of [Uint8Array.of(0x86), Uint8Array.of(0x80), header(WireType.ping, 0)]) {
      await using cluster = new Cluster()
      const [a, b, evil] = await scene(cluster)
      await evil.dial()
      evil.control!.write(header(WireType.connect, 500))
      await cluster.clock.advance(10)
      evil.stream().write(bytes)
      await cluster.clock.advance(2_000)
      expect(a.stats().refused).toEqual({ ERR_LINK_PROTOCOL: 1 })
      expect(evil.closed).toBeDefined()
      unharmed(cluster, a, b)
    }
  })

  it('H16 a fourth stream ends it, also one that says nothing', async () => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.dial()
    evil.control!.write(header(WireType.connect, 500))
    evil.stream().write(SYNC)
    await cluster.clock.advance(100)
    expect(evil.closed).toBeUndefined()
    evil.stream().end()
    await cluster.clock.advance(2_000)
    expect(evil.closed).toBeDefined()
    expect(a.stats().refused).toEqual({ ERR_LINK_PROTOCOL: 1 })
    unharmed(cluster, a, b)
  })

  it.each(['control', 'dist'] as const)(
    'H11 a frame of 64 KiB may begin on the %s lane before the link is accepted, one byte more not',
    async (lane) => {
      await using cluster = new Cluster()
      const [a, b, evil] = await scene(cluster)
      await evil.dial()
      evil[lane]!.write(header(lane === 'dist' ? 0xa0 : WireType.connect, 65_536))
      await cluster.clock.advance(1_000)
      expect(evil.closed).toBeUndefined()
      const other = await (await Hostile.open(cluster, 67)).dial()
      other[lane]!.write(header(lane === 'dist' ? 0xa0 : WireType.connect, 65_537))
      await cluster.clock.advance(2_000)
      expect(other.closed).toBeDefined()
      expect(a.stats().refused).toEqual({ ERR_FRAME_TOO_LARGE: 1 })
      unharmed(cluster, a, b)
    },
  )

  it('handshakesMax silent peers are held, one more is closed at once', async () => {
    await using cluster = new Cluster()
    const [a, b] = await scene(cluster, { handshakesMax: 3 })
    const silent: Hostile[] = []
    for (let n = 70; n < 74; n++) {
      silent.push(await (await Hostile.open(cluster, n)).dial('none'))
    }
    await cluster.clock.advance(100)
    expect(a.stats().handshakes).toBe(3)
    expect(silent.map(({ closed }) => closed?.reason)).toEqual([
      undefined,
      undefined,
      undefined,
      'ERR_LINK_HANDSHAKES_FULL',
    ])
    await cluster.clock.advance(5_000)
    expect(a.stats()).toMatchObject({ handshakes: 0, links: 1 })
    unharmed(cluster, a, b)
  })

  it('H7 a silent handshake gives way to a newcomer after a tenth of its time, the oldest first', async () => {
    await using cluster = new Cluster()
    const [a, b] = await scene(cluster, { handshakesMax: 2 })
    const silent: Hostile[] = []
    const knock = async (n: number) =>
      void silent.push(await (await Hostile.open(cluster, n)).dial('none'))
    const closed = () => silent.map((peer) => peer.closed?.reason)
    await knock(70)
    await cluster.clock.advance(300)
    await knock(71)
    await cluster.clock.advance(195)
    await knock(72) // the first has waited for less than 500 ms
    await cluster.clock.advance(10)
    expect(closed()).toEqual([undefined, undefined, 'ERR_LINK_HANDSHAKES_FULL'])
    const c = await cluster.start('c', 3, { seeds: ['10.0.0.1:4433'] })
    await cluster.clock.advance(100)
    expect(peersOf(a)).toBe('b c')
    expect(peersOf(c)).toBe('a b')
    expect(closed()).toEqual(['ERR_LINK_HANDSHAKES_FULL', undefined, 'ERR_LINK_HANDSHAKES_FULL'])
    expect(a.stats().refused).toMatchObject({ ERR_LINK_HANDSHAKES_FULL: 2 })
    expect(peersOf(b)).toBe('a c')
  })

  it('a dialled peer that talks before it accepts, or opens four streams, is dropped', async () => {
    for (const act of ['early', 'streams', 'membership'] as const) {
      await using cluster = new Cluster()
      const a = await cluster.start('a', 1)
      const evil = await Hostile.open(cluster, 66, (connection) => {
        connection.handle({
          onStream: (stream) => {
            evil.record(stream)
            if (stream.id !== 0) return
            if (act === 'early') stream.write(encodeFrame(WireType.distSend, Uint8Array.of(1)))
            if (act === 'streams') for (let n = 0; n < 4; n++) connection.openStream().write(DIST)
            if (act === 'membership') {
              stream.write(encodeFrame(WireType.accepted, evil.hello({ membership: 7 })))
            }
          },
          onClosed: (info) => (evil.closed = info),
        })
      })
      const dial = cluster.during(a.connect({ host: '10.0.0.66', port: 4433 }))
      const code = act === 'early' ? 'ERR_LINK_EARLY_FRAME' : 'ERR_LINK_REFUSED'
      await expect(dial).rejects.toMatchObject({
        code: act === 'streams' ? 'ERR_LINK_CLOSED' : code,
      })
      await cluster.clock.advance(2_000)
      expect(evil.closed).toBeDefined()
      expect(a.links()).toEqual([])
    }
  })
})

describe('an established link', () => {
  it('a well-made peer is accepted', async () => {
    await using cluster = new Cluster()
    const [a, , evil] = await scene(cluster)
    await evil.join()
    expect(evil.received).toContain('accepted')
    expect(linkTo(a, 'evil').peer).toMatchObject({
      nodeId: 'evil@10.0.0.66:4433',
      incarnation: 1,
      roles: [],
    })
  })

  it('ML22 a peer that answers no ping is down within 5 s, with heartbeat_timeout', async () => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.join()
    linkTo(a, 'evil').hold()
    await cluster.clock.advance(4_500)
    expect(cluster.events).toEqual(['a up evil', 'a down evil heartbeat_timeout'])
    expect(evil.received.filter((line) => line === 'ping')).toHaveLength(3)
    expect(a.stats().refused).toMatchObject({ ERR_LINK_HEARTBEAT: 1 })
    unharmed(cluster, a, b)
  })

  it.each<[string, 'control' | 'dist', Uint8Array, string]>([
    ['H14 an unknown type', 'control', header(0x99, 0), 'ERR_FRAME_TYPE'],
    ['H14 a flag', 'dist', Uint8Array.of(1, 0xa0, 1, 0, 0, 0, 0, 0), 'ERR_FRAME_FLAGS'],
    ['H11 a length of max + 1', 'dist', header(0xa0, 1_048_577), 'ERR_FRAME_TOO_LARGE'],
    ['H11 a length of 2^32-1', 'control', header(0x35, 2 ** 32 - 1), 'ERR_FRAME_TOO_LARGE'],
    [
      'a garbage pong',
      'control',
      encodeFrame(WireType.pong, Uint8Array.of(0xc1)),
      'ERR_CODEC_TOKEN',
    ],
    [
      'a garbage member list',
      'control',
      encodeFrame(WireType.swimSync, codec.encode({ entries: [{ key: 1 }] })),
      'ERR_MESSAGE_INVALID',
    ],
    [
      'a member whose name is no name',
      'control',
      encodeFrame(
        WireType.swimSync,
        codec.encode({
          entries: [{ key: new Uint8Array(32), name: 'a@b', host: 'h', port: 1, incarnation: 1 }],
        }),
      ),
      'ERR_MESSAGE_INVALID',
    ],
    [
      'a ping on the dist lane',
      'dist',
      encodeFrame(WireType.ping, codec.encode({ sequence: 1 })),
      'ERR_LINK_PROTOCOL',
    ],
    ['a second connect', 'control', header(WireType.connect, 0), 'ERR_LINK_PROTOCOL'],
  ])('%s closes that link with an error frame and a line', async (_claim, lane, bytes, code) => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.join()
    evil[lane]!.write(bytes)
    await cluster.clock.advance(2_000)
    expect(evil.received.at(-1)).toBe(`error ${code}`)
    expect(evil.closed).toBeDefined()
    expect(cluster.events).toEqual(['a up evil', 'a down evil connection_closed'])
    expect(cluster.lines.filter((line) => line.code === code)).toHaveLength(1)
    unharmed(cluster, a, b)
  })

  it('a peer that ends or resets a lane without a goodbye is down', async () => {
    for (const act of ['end', 'reset', 'reset_dist'] as const) {
      await using cluster = new Cluster()
      const [a, b, evil] = await scene(cluster)
      await evil.join()
      if (act === 'end') evil.control!.end()
      else (act === 'reset' ? evil.control : evil.dist)!.reset(7)
      await cluster.clock.advance(500)
      expect(cluster.events).toEqual(['a up evil', 'a down evil connection_closed'])
      unharmed(cluster, a, b)
    }
  })

  it('a peer that says goodbye and never closes is closed within leaveTimeoutMs', async () => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.join()
    const goodbye = codec.encode({ reason: 'normal', message: '', streams: 2 })
    evil.control!.write(encodeFrame(WireType.disconnect, goodbye))
    await cluster.clock.advance(900)
    expect(evil.closed).toBeUndefined()
    await cluster.clock.advance(200)
    expect(evil.closed).toBeDefined()
    expect(cluster.events).toEqual(['a up evil', 'a down evil graceful_shutdown'])
    unharmed(cluster, a, b)
  })

  it('a handler that throws closes the link the frame came from, and others go on', async () => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    let good = 0
    a.handleFrames(0xa0, 0xa0, (link) => {
      if (link.peer.name === 'evil') throw new Error('handler bug')
      good += 1
    })
    await evil.join()
    evil.dist!.write(encodeFrame(0xa0, Uint8Array.of(1)))
    linkTo(b, 'a').send('dist', encodeFrame(0xa0, Uint8Array.of(1)))
    await cluster.clock.advance(2_000)
    expect(evil.received.at(-1)).toBe('error ERR_LINK_HANDLER')
    expect(good).toBe(1)
    expect(
      cluster.lines.some(({ level, code }) => level === 'error' && code === 'ERR_LINK_HANDLER'),
    ).toBe(true)
    unharmed(cluster, a, b)
  })

  it('an onLink handler that throws harms nobody', async () => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    const seen: string[] = []
    a.onLink(() => {
      throw new Error('handler bug')
    })
    a.onLink((event) => void seen.push(event.type))
    await evil.join()
    expect(seen).toEqual(['up'])
    expect(peersOf(a)).toBe('b evil')
    expect(peersOf(b)).toBe('a')
  })

  it('H20 a flood of pings is answered 32 times per interval', async () => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.join()
    // Watched by the interval; at rest it is ten times as many in ten intervals.
    const release = linkTo(a, 'evil').hold()
    for (let sequence = 0; sequence < 1_000; sequence++) {
      evil.control!.write(encodeFrame(WireType.ping, codec.encode({ sequence })))
    }
    await cluster.clock.advance(100)
    expect(evil.received.filter((line) => line === 'pong')).toHaveLength(32)
    expect(a.stats().refused).toEqual({ ERR_LINK_PING_FLOOD: 968 })
    release()
    unharmed(cluster, a, b)
  })

  it('a second connection of the same peer replaces the first: one down, one up', async () => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.join()
    await evil.join({ dials: 2 })
    expect(cluster.events).toEqual(['a up evil', 'a down evil connection_closed', 'a up evil'])
    expect(peersOf(a)).toBe('b evil')
    unharmed(cluster, a, b)
  })

  it('H32 an address is proven by who is there, not by who names it', async () => {
    await using cluster = new Cluster()
    const [a, b, evil] = await scene(cluster)
    await evil.join({ name: 'b', host: '10.0.0.2' })
    const claims = a.links().map(({ peer }) => [peer.key.hex, peer.nodeId, peer.addressProven])
    expect(claims).toEqual([
      [b.key.hex, 'b@10.0.0.2:4433', true],
      [evil.keys.nodeKey.hex, 'b@10.0.0.2:4433', false],
    ])
    expect(linkTo(b, 'a').peer.addressProven).toBe(true)
  })

  it('H31 a connect with an old dial number or an old incarnation changes nothing', async () => {
    for (const [change, reason] of [
      [{ dials: 4, incarnation: 9 }, 'simultaneous_dial'],
      [{ dials: 9, incarnation: 8 }, 'stale_incarnation'],
    ] as const) {
      await using cluster = new Cluster()
      const [a, b, evil] = await scene(cluster)
      await evil.join({ dials: 4, incarnation: 9 })
      await evil.join(change)
      expect(evil.received.at(-1)).toBe(`rejected ${reason}`)
      expect(cluster.events).toEqual(['a up evil'])
      unharmed(cluster, a, b)
    }
  })
})

describe('sending', () => {
  it('send says enough, drains, and refuses above bytesQueuedMax', async () => {
    await using cluster = new Cluster()
    const [a, , evil] = await scene(cluster, { bytesQueuedMax: 1_000_000 })
    await evil.join()
    evil.dist!.pause()
    const link = linkTo(a, 'evil')
    const frame = encodeFrame(0xa0, new Uint8Array(99_992))
    let drained = 0
    const off = link.onDrain((lane) => void (drained += lane === 'dist' ? 1 : 0))
    const answers: (boolean | string)[] = []
    for (let i = 0; i < 40; i++) {
      try {
        answers.push(link.send('dist', frame))
      } catch (error) {
        answers.push((error as { code: string }).code)
      }
    }
    expect(answers[0]).toBe(true)
    expect(answers).toContain(false)
    expect(answers.at(-1)).toBe('ERR_LINK_QUEUE_FULL')
    expect(link.bytesQueued).toBeLessThanOrEqual(1_000_000)
    expect(link.bytesQueued).toBeGreaterThan(900_000)
    expect(a.stats().refused['ERR_LINK_QUEUE_FULL']).toBeGreaterThan(0)
    // The other lane is not blocked.
    expect(link.send('control', encodeFrame(0xa1, Uint8Array.of(1)))).toBe(true)
    expect(drained).toBe(0)
    evil.dist!.resume()
    await cluster.clock.advance(1_000)
    expect(drained).toBeGreaterThan(0)
    // What the detector says waits for a sync lane, which this peer never opens.
    expect(link.bytesQueued).toBeLessThan(5_000)
    off()
  })

  it('a frame above what the peer takes is refused here, at limit it passes', async () => {
    await using cluster = new Cluster()
    const [a, , evil] = await scene(cluster)
    await evil.join({ frameBytesMax: 2_048 })
    const link = linkTo(a, 'evil')
    expect(link.peer.frameBytesMax).toBe(2_048)
    expect(link.send('dist', encodeFrame(0xa0, new Uint8Array(2_048)))).toBe(true)
    expect(() => link.send('dist', encodeFrame(0xa0, new Uint8Array(2_049)))).toThrow(
      expect.objectContaining({ code: 'ERR_LINK_FRAME_TOO_LARGE' }),
    )
  })

  it('a link that is down sends nothing and says so', async () => {
    await using cluster = new Cluster()
    const [a, , evil] = await scene(cluster)
    await evil.join()
    const link = linkTo(a, 'evil')
    const closing = link.close()
    expect(link.state).toBe('closing')
    expect(link.send('dist', encodeFrame(0xa0, Uint8Array.of(1)))).toBe(false)
    await cluster.during(closing)
    expect(link.state).toBe('closed')
    expect(evil.received).toContain('disconnect normal')
  })
})
