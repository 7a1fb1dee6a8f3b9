import { describe, expect, it } from 'vitest'
import { DatagramDoor, datagramType } from '../../../mesh/link/datagrams.ts'
import type { FrameVia } from '../../../mesh/link/link.ts'
import { MessageError } from '../../../mesh/wire/errors.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { Cluster } from '../cluster.ts'
import { Hostile } from '../hostile.ts'
import { LinkNode } from './link-node.ts'

const ping = encodeFrame(WireType.swimPing, Uint8Array.of(1, 2, 3))
const change = (at: number, value: number) => Uint8Array.from(ping).fill(value, at, at + 1)

describe('datagramType', () => {
  it.each(['swimPing', 'swimAck', 'swimPingReq', 'swimNack', 'swimGossip'] as const)(
    'one whole frame of type %s is one',
    (name) => {
      expect(datagramType(encodeFrame(WireType[name], new Uint8Array(9)))).toBe(WireType[name])
    },
  )

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['half a header', ping.subarray(0, 7)],
    ['another version', change(0, 2)],
    ['a flag', change(2, 1)],
    ['a reserved byte', change(3, 1)],
    ['a length of one less', change(7, 2)],
    ['a length of one more', change(7, 4)],
    ['a length of 2^31 more', change(4, 0x80)],
    ['two frames', Uint8Array.from([...ping, ...ping])],
    ['the type below', encodeFrame(WireType.cancel, new Uint8Array(3))],
    ['the type above', encodeFrame(WireType.swimSync, new Uint8Array(3))],
    ['a frame of the link', encodeFrame(WireType.disconnect, new Uint8Array(3))],
    ['a frame of dist', encodeFrame(WireType.distSend, new Uint8Array(3))],
  ])('%s is none', (_claim, bytes) => {
    expect(datagramType(bytes)).toBeTypeOf('string')
  })
})

describe('DatagramDoor', () => {
  it('takes perSecondMax of a second, and not one more until the next', () => {
    const seen: (number | string)[] = []
    const door = new DatagramDoor(2, {
      onFrame: (type, payload) => seen.push(type, payload.length),
      onRefused: (code) => seen.push(code),
      onThrown: (error) => expect.unreachable(String(error)),
    })
    for (const nowMs of [0, 10, 999]) door.take(ping, nowMs)
    expect(seen).toEqual([0x30, 3, 0x30, 3, 'ERR_LINK_DATAGRAM_FLOOD'])
    door.take(ping, 1_000)
    expect(seen.slice(5)).toEqual([0x30, 3])
  })
})

const open = (cluster: Cluster, name: string, n: number, more: object = {}) =>
  LinkNode.open(
    cluster,
    cluster.network.transport(),
    name,
    { host: `10.0.0.${n}`, port: 4433 },
    more,
  )

async function pair(cluster: Cluster): Promise<[LinkNode, LinkNode]> {
  const a = await open(cluster, 'a', 1)
  const b = await open(cluster, 'b', 2)
  await cluster.during(b.dial(a))
  await cluster.clock.advance(100)
  return [a, b]
}

async function scene(cluster: Cluster, more: object = {}): Promise<[LinkNode, Hostile]> {
  const a = await open(cluster, 'a', 1, more)
  return [a, await Hostile.open(cluster, 66)]
}

describe('datagrams of a link', () => {
  it('a datagram goes through whole, and its handler learns how it came', async () => {
    await using cluster = new Cluster()
    const [a, b] = await pair(cluster)
    const seen: [string, number, number, FrameVia][] = []
    a.frames.handle(0x30, 0x34, (link, type, payload, via) =>
      seen.push([link.peer.name, type, payload.length, via]),
    )
    const link = b.link('a')
    expect(link.datagramBytesMax).toBeGreaterThanOrEqual(1_200)
    const longest = new Uint8Array(link.datagramBytesMax - 8)
    expect(link.sendDatagram(encodeFrame(0x34, longest))).toBe(true)
    expect(link.sendDatagram(encodeFrame(0x34, new Uint8Array(longest.length + 1)))).toBe(false)
    expect(link.send('control', encodeFrame(0x30, new Uint8Array(1)))).toBe(true)
    await cluster.clock.advance(100)
    expect(seen).toContainEqual(['b', 0x34, longest.length, 'datagram'])
    expect(seen).toContainEqual(['b', 0x30, 1, 'control'])
    expect(seen).toHaveLength(2)
    expect(b.refused).toEqual({ ERR_LINK_DATAGRAM_UNSENT: 1 })
    await cluster.during(link.close())
    expect(link.sendDatagram(ping)).toBe(false)
    expect(b.refused).toEqual({ ERR_LINK_DATAGRAM_UNSENT: 2 })
  })

  it('a frame of another type is a bug of the sender and never leaves', async () => {
    await using cluster = new Cluster()
    const [a] = await pair(cluster)
    const link = a.link('b')
    expect(() => link.sendDatagram(encodeFrame(WireType.distSend, new Uint8Array(1)))).toThrow(
      expect.objectContaining({ code: 'ERR_INVARIANT_LINK_DATAGRAM' }),
    )
  })

  it('S43 garbage by datagram is dropped and counted, and the link goes on', async () => {
    await using cluster = new Cluster()
    const [a, evil] = await scene(cluster)
    let handled = 0
    a.frames.handle(0x30, 0x34, () => handled++)
    await evil.join()
    const garbage = [
      new Uint8Array(0),
      change(0, 9),
      Uint8Array.from([...ping, 0]),
      encodeFrame(WireType.distSend, Uint8Array.of(1)),
      encodeFrame(WireType.disconnect, new Uint8Array(3)),
    ]
    for (const bytes of garbage) evil.connection!.sendDatagram(bytes)
    await cluster.clock.advance(100)
    expect(handled).toBe(0)
    expect(a.refused).toEqual({ ERR_LINK_DATAGRAM: garbage.length })
    expect(a.peers).toBe('evil')
    evil.connection!.sendDatagram(ping)
    await cluster.clock.advance(100)
    expect(handled).toBe(1)
  })

  it('H6 a datagram before the link is accepted reaches no handler and changes nothing', async () => {
    await using cluster = new Cluster()
    const [a, evil] = await scene(cluster)
    let handled = 0
    a.frames.handle(0x30, 0x34, () => handled++)
    await evil.dial()
    evil.connection!.sendDatagram(ping)
    await cluster.clock.advance(100)
    expect(handled).toBe(0)
    expect(evil.closed).toBeUndefined()
    expect(a.refused).toEqual({ ERR_LINK_DATAGRAM: 1 })
  })

  it('a message that its guard refuses is dropped and counted under its own code', async () => {
    await using cluster = new Cluster()
    const [a, evil] = await scene(cluster)
    a.frames.handle(0x30, 0x34, () => {
      throw new MessageError('swim_ping', 'sequence', 'a whole number')
    })
    await evil.join()
    evil.connection!.sendDatagram(ping)
    await cluster.clock.advance(100)
    expect(a.refused).toEqual({ ERR_MESSAGE_INVALID: 1 })
    expect(a.peers).toBe('evil')
  })

  it('a handler with a bug ends the link, as it does on a lane', async () => {
    await using cluster = new Cluster()
    const [a, evil] = await scene(cluster)
    a.frames.handle(0x30, 0x34, () => {
      throw new Error('handler bug')
    })
    await evil.join()
    evil.connection!.sendDatagram(ping)
    await cluster.clock.advance(2_000)
    expect(evil.received.at(-1)).toBe('error ERR_LINK_HANDLER')
    expect(a.peers).toBe('')
  })

  it('H20 above datagramsPerSecondMax the rest of the second is dropped', async () => {
    await using cluster = new Cluster()
    const [a, evil] = await scene(cluster, { datagramsPerSecondMax: 20 })
    let handled = 0
    a.frames.handle(0x30, 0x34, () => handled++)
    await evil.join()
    for (let n = 0; n < 100; n++) evil.connection!.sendDatagram(ping)
    await cluster.clock.advance(100)
    expect(handled).toBe(20)
    expect(a.refused).toEqual({ ERR_LINK_DATAGRAM_FLOOD: 80 })
    await cluster.clock.advance(1_000)
    evil.connection!.sendDatagram(ping)
    await cluster.clock.advance(100)
    expect(handled).toBe(21)
  })

  it('ML41 a datagram is a sign of life', async () => {
    await using cluster = new Cluster()
    const [a, evil] = await scene(cluster)
    a.frames.handle(0x30, 0x34, () => {})
    await evil.join()
    a.link('evil').hold()
    for (let n = 0; n < 10; n++) {
      evil.connection!.sendDatagram(ping)
      await cluster.clock.advance(900)
    }
    expect(a.peers).toBe('evil')
    await cluster.clock.advance(5_000)
    expect(a.peers).toBe('')
  })
})
