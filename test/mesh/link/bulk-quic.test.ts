/**
 * On real QUIC, nothing that keeps a mesh alive waits behind bulk data. Both nodes run in this process, so
 * the figures hold the work of both; the bounds leave room for a busy machine.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { createRealm } from '../../../mesh/identity/realm.ts'
import type { FrameVia, Link } from '../../../mesh/link/link.ts'
import { LINK_STREAMS_MAX } from '../../../mesh/link/lanes.ts'
import { createQuicTransport } from '../../../mesh/transport/quic/index.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { createRealClock, createSystemEntropy, silentLogger } from '../../../runtime/index.ts'
import { LinkNode } from './link-node.ts'
import type { LinkWorld } from './link-node.ts'

const BULK_BYTES = 33_554_432
const FRAME_BYTES = 262_144
const clock = createRealClock()
const world: LinkWorld = {
  clock,
  entropy: createSystemEntropy(),
  realm: createRealm('com.example.bulk'),
  logger: () => silentLogger,
}
const nodes: LinkNode[] = []

const open = async (name: string): Promise<LinkNode> => {
  const at = { host: '127.0.0.1', port: 0 }
  const node = await LinkNode.open(
    world,
    createQuicTransport({ streamsMax: LINK_STREAMS_MAX }),
    name,
    at,
  )
  nodes.push(node)
  return node
}

afterEach(async () => {
  await Promise.all(nodes.map((node) => node.endpoint.close()))
  nodes.length = 0
})

/** Types that are free for a test: they may come on every lane, or by datagram. */
const ASK = { control: 0x10, sync: 0x40, datagram: 0x30, rpc: 0x20 } as const
const ANSWER = { control: 0x11, sync: 0x41, datagram: 0x31, rpc: 0x21 } as const
type Way = keyof typeof ASK
const WAYS: readonly Way[] = ['control', 'sync', 'datagram', 'rpc']
const BULK = { dist: 0xa0, bulk: 0x28 } as const
const PROBE = new Uint8Array(1_192)
const put = (link: Link, way: Way, frame: Uint8Array): boolean =>
  way === 'datagram' ? link.sendDatagram(frame) : link.send(way, frame)

/** Sends `bytes` on a lane as fast as the peer takes them. */
function sendBulk(link: Link, lane: 'dist' | 'bulk', bytes: number): void {
  const frame = encodeFrame(BULK[lane], new Uint8Array(FRAME_BYTES - 8))
  let left = bytes / FRAME_BYTES
  const more = (): void => {
    while (left > 0) {
      left -= 1
      if (!link.send(lane, frame)) return
    }
  }
  link.onDrain((drained) => {
    if (drained === lane) more()
  })
  more()
}

/** Round trips one after the other, on each way, until `done` holds. */
function roundTrips(node: LinkNode, link: Link, done: () => boolean): Promise<Map<Way, number[]>> {
  const samples = new Map<Way, number[]>(WAYS.map((way) => [way, []]))
  return new Promise((resolve) => {
    let open = WAYS.length
    for (const way of WAYS) {
      let sentMs = 0
      const ask = (): void => {
        sentMs = clock.now()
        put(link, way, encodeFrame(ASK[way], PROBE))
      }
      node.frames.handle(ANSWER[way], ANSWER[way], (_link, _type, _payload, via: FrameVia) => {
        expect(via).toBe(way)
        samples.get(way)!.push(clock.now() - sentMs)
        if (!done()) return clock.setTimer(1, ask)
        open -= 1
        if (open === 0) resolve(samples)
        return undefined
      })
      ask()
    }
  })
}

const quantile = (list: number[], part: number): number =>
  list.sort((x, y) => x - y)[Math.min(list.length - 1, Math.floor(list.length * part))]!

describe('a saturated lane', () => {
  it.each(['dist', 'bulk'] as const)(
    '%s delays no datagram, no call, no control frame and no keepalive by a keepalive interval',
    async (lane) => {
      const [a, b] = [await open('a'), await open('b')]
      let received = 0
      b.frames.handle(
        BULK[lane],
        BULK[lane],
        (_link, _type, payload) => (received += payload.length + 8),
      )
      for (const way of WAYS) {
        b.frames.handle(ASK[way], ASK[way], (link, _type, payload) => {
          put(link, way, encodeFrame(ANSWER[way], Uint8Array.from(payload)))
        })
      }
      const link = await a.dial(b)
      expect(link.datagramBytesMax).toBeGreaterThanOrEqual(1_200)
      const startedMs = clock.now()
      sendBulk(link, lane, BULK_BYTES)
      const samples = await roundTrips(a, link, () => received >= BULK_BYTES)
      const seconds = (clock.now() - startedMs) / 1_000
      const lines = [`${(BULK_BYTES / 1_048_576 / seconds).toFixed(0)} MiB/s on ${lane} beside`]
      for (const [way, list] of samples) {
        const [middle, high, most] = [0.5, 0.99, 1].map((part) => quantile(list, part))
        lines.push(
          `${way}: ${list.length} round trips, p50 ${middle!.toFixed(2)} ms, p99 ${high!.toFixed(2)}, max ${most!.toFixed(2)}`,
        )
        expect(list.length).toBeGreaterThan(20)
        expect(high, lines.join('\n')).toBeLessThan(250)
        expect(most, lines.join('\n')).toBeLessThan(1_000)
      }
      if (process.env['FOVEA_FIGURES'] !== undefined) process.stdout.write(`${lines.join('\n')}\n`)
      expect(received).toBe(BULK_BYTES)
      expect([a.refused, b.refused]).toEqual([{}, {}])
      expect([a.peers, b.peers]).toEqual(['b', 'a'])
    },
    60_000,
  )
})
