/**
 * On real QUIC, both nodes of a link flood each other on every lane of the services at once: all arrives in
 * order, and the control lane stays as quick as a keepalive needs it. Both nodes run in this process, so the
 * figures hold the work of both.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { createRealm } from '../../../mesh/identity/realm.ts'
import { LINK_STREAMS_MAX } from '../../../mesh/link/lanes.ts'
import type { FrameVia, Link } from '../../../mesh/link/link.ts'
import { createQuicTransport } from '../../../mesh/transport/quic/index.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { createRealClock, createSystemEntropy, silentLogger } from '../../../runtime/index.ts'
import { LinkNode } from './link-node.ts'
import type { LinkWorld } from './link-node.ts'

const FRAMES = 10_000
const LANES = ['rpc', 'pubsub', 'bulk'] as const
const TYPES = { rpc: WireType.call, pubsub: WireType.publish, bulk: WireType.reply } as const
/** They are free for a test on the control lane. */
const [ASK, ANSWER] = [WireType.subscribe, WireType.suback]
const KEEPALIVE_MS = 1_000
const LEAVE_MS = 20_000

const clock = createRealClock()
const world: LinkWorld = {
  clock,
  entropy: createSystemEntropy(),
  realm: createRealm('com.example.lanes'),
  logger: () => silentLogger,
}
const nodes: LinkNode[] = []

const open = async (name: string, options: object = {}): Promise<LinkNode> => {
  // Packets as on any other path: with those of loopback the flood is over before control has said much.
  const transport = createQuicTransport({
    streamsMax: LINK_STREAMS_MAX,
    loopbackPayloadBytes: 1_350,
  })
  const node = await LinkNode.open(world, transport, name, { host: '127.0.0.1', port: 0 }, options)
  nodes.push(node)
  return node
}

afterEach(async () => {
  await Promise.all(nodes.map((node) => node.endpoint.close()))
  nodes.length = 0
})

const turn = (ms: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimer(ms, resolve))

/** A small frame that says the how-manieth of its lane it is. */
function numbered(lane: (typeof LANES)[number], n: number): Uint8Array {
  const payload = new Uint8Array(64)
  new DataView(payload.buffer).setUint32(0, n)
  return encodeFrame(TYPES[lane], payload)
}

/** Says `FRAMES` frames on each lane, as many at a time as the lanes take. */
function flood(link: Link): void {
  for (const lane of LANES) {
    let n = 0
    const more = (): void => {
      while (n < FRAMES && link.send(lane, numbered(lane, n++)));
    }
    link.onDrain((drained) => {
      if (drained === lane) more()
    })
    more()
  }
}

/** Counts what comes on each lane; -1 for one that came out of order. */
function count(node: LinkNode): Map<FrameVia, number> {
  const seen = new Map<FrameVia, number>(LANES.map((lane) => [lane, 0]))
  for (const lane of LANES) {
    node.frames.handle(TYPES[lane], TYPES[lane], (_link, _type, payload, via) => {
      const expected = seen.get(via)!
      const n = new DataView(payload.buffer, payload.byteOffset).getUint32(0)
      seen.set(via, n === expected ? n + 1 : -1)
    })
  }
  return seen
}

const done = (seen: Map<FrameVia, number>): boolean =>
  LANES.every((lane) => seen.get(lane) === FRAMES || seen.get(lane) === -1)

const quantile = (list: number[], part: number): number =>
  list.sort((x, y) => x - y)[Math.min(list.length - 1, Math.floor(list.length * part))]!

describe('a link whose nodes flood each other on rpc, pubsub and bulk', () => {
  it('ML21 brings all in order, and control stays quicker than a keepalive', async () => {
    const options = { keepaliveIntervalMs: KEEPALIVE_MS }
    const [a, b] = [await open('a', options), await open('b', options)]
    const seen = [count(a), count(b)]
    const link = await a.dial(b)
    b.frames.handle(ASK, ASK, (from) => void from.send('control', encodeFrame(ANSWER, PROBE)))
    const rtts: number[] = []
    let askedMs = 0
    const ask = (): void => {
      askedMs = clock.now()
      link.send('control', encodeFrame(ASK, PROBE))
    }
    a.frames.handle(ANSWER, ANSWER, () => {
      rtts.push(clock.now() - askedMs)
      clock.setTimer(1, ask)
    })
    ask()
    const startedMs = clock.now()
    for (const each of [link, b.link('a')]) flood(each)
    for (let i = 0; i < 30_000 && !seen.every(done); i++) await turn(1)
    const ms = clock.now() - startedMs
    for (const counts of seen) expect(Object.fromEntries(counts)).toEqual(ALL)
    const figures = `${Math.round((6 * FRAMES) / (ms / 1_000))} frames/s; control: ${rtts.length} round trips, p50 ${quantile(rtts, 0.5).toFixed(2)} ms, p99 ${quantile(rtts, 0.99).toFixed(2)}, max ${quantile(rtts, 1).toFixed(2)}; keepalive ${link.rttMs.toFixed(2)} ms`
    if (process.env['FOVEA_FIGURES'] !== undefined) process.stdout.write(`${figures}\n`)
    expect(rtts.length).toBeGreaterThan(5)
    expect(quantile(rtts, 0.99), figures).toBeLessThan(KEEPALIVE_MS)
    expect([a.refused, b.refused]).toEqual([{}, {}])
    expect([a.peers, b.peers]).toEqual(['b', 'a'])
    // A ping may be on its way out at any time.
    const queued = (): number => link.bytesQueued + b.link('a').bytesQueued
    for (let i = 0; i < 1_000 && queued() > 0; i++) await turn(1)
    expect(queued()).toBe(0)
  }, 60_000)

  it('loses nothing of what was queued when one side says goodbye, and ends with the last of it', async () => {
    const [a, b] = [
      await open('a', { leaveTimeoutMs: LEAVE_MS }),
      await open('b', { leaveTimeoutMs: LEAVE_MS }),
    ]
    const seen = count(b)
    let down = 0
    b.pool.onLink(({ type }) => void (down += type === 'down' ? 1 : 0))
    const link = await a.dial(b)
    for (const lane of LANES) for (let n = 0; n < FRAMES; n++) link.send(lane, numbered(lane, n))
    expect(link.bytesQueued).toBeGreaterThan(100_000)
    const startedMs = clock.now()
    await link.close()
    expect(clock.now() - startedMs).toBeLessThan(LEAVE_MS)
    expect(Object.fromEntries(seen)).toEqual(ALL)
    expect([down, a.refused, b.refused]).toEqual([1, {}, {}])
  }, 60_000)
})

const PROBE = new Uint8Array(32)
const ALL = { rpc: FRAMES, pubsub: FRAMES, bulk: FRAMES }
