/**
 * Any frames on any lanes, said by both sides at any moment over a network that delays, cuts up and repeats: on
 * each lane they come in the order in which they were sent, none is lost, changed or comes twice, and what a
 * side has said before it says goodbye is handled before the link is down.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LaneName, Link } from '../../../mesh/link/link.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { Cluster } from '../cluster.ts'
import { LinkNode } from './link-node.ts'

const TYPES: Readonly<Record<LaneName, number>> = {
  control: 0x10,
  sync: 0x40,
  dist: 0xa0,
  rpc: 0x20,
  pubsub: 0x11,
  bulk: 0x28,
}
const LANES = Object.keys(TYPES) as LaneName[]
const RANGES = [
  [0x10, 0x2f],
  [0x40, 0x48],
  [0xa0, 0xa0],
] as const

interface Step {
  readonly side: 0 | 1
  readonly lane: LaneName
  readonly bytes: number
  readonly frames: number
  readonly waitMs: number
}

const step: fc.Arbitrary<Step> = fc.record({
  side: fc.constantFrom(0 as const, 1 as const),
  lane: fc.constantFrom(...LANES),
  bytes: fc.oneof(fc.nat(40), fc.nat(5_000), fc.constantFrom(1_017, 8_184, 65_536, 100_000)),
  frames: fc.integer({ min: 1, max: 4 }),
  waitMs: fc.constantFrom(0, 0, 0, 1, 7, 60),
})

const world = fc.record({
  seed: fc.nat(1_000_000),
  latencyMs: fc.nat(20),
  jitterMs: fc.constantFrom(0, 5, 80),
  lossRatio: fc.constantFrom(0, 0, 0.05, 0.3),
  windowBytes: fc.constantFrom(1_024, 5_000, 524_288),
  /** Who begins the link, who ends it, and after how long. */
  dialler: fc.constantFrom(0 as const, 1 as const),
  closer: fc.constantFrom(0 as const, 1 as const),
  rest: fc.constantFrom('none', 'short', 'quiet'),
  /** The first steps are taken while the other side may not know yet that there is a link. */
  early: fc.boolean(),
  steps: fc.array(step, { maxLength: 30 }),
})

/** A frame that says who sent it as the how-manieth of its lane, and whose bytes show a mix-up. */
function frameOf(lane: LaneName, n: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(4 + bytes).fill(n & 0xff)
  new DataView(payload.buffer).setUint32(0, n)
  return encodeFrame(TYPES[lane], payload)
}

/** What came on each lane: `<n>/<bytes>`, or `changed`. */
function listen(node: LinkNode): Map<LaneName, string[]> {
  const seen = new Map<LaneName, string[]>(LANES.map((lane) => [lane, []]))
  for (const [from, to] of RANGES) {
    node.frames.handle(from, to, (_link, _type, payload, via) => {
      const n = new DataView(payload.buffer, payload.byteOffset).getUint32(0)
      const rest = payload.subarray(4)
      const intact = rest.every((byte) => byte === (n & 0xff))
      seen.get(via as LaneName)!.push(intact ? `${n}/${rest.length}` : 'changed')
    })
  }
  return seen
}

/** One side: what it has said. */
class Speaker {
  readonly said: Map<LaneName, string[]> = new Map(LANES.map((lane) => [lane, []]))

  say(link: Link, { lane, bytes, frames }: Step): void {
    for (let i = 0; i < frames; i++) {
      const list = this.said.get(lane)!
      link.send(lane, frameOf(lane, list.length, bytes))
      list.push(`${list.length}/${bytes}`)
    }
  }
}

/** Everything that was said has been heard. */
function quiet(heard: readonly Map<LaneName, string[]>[], speakers: readonly Speaker[]): boolean {
  return speakers.every(({ said }, side) =>
    LANES.every((lane) => heard[1 - side]!.get(lane)!.length === said.get(lane)!.length),
  )
}

describe('the lanes of a link', () => {
  it(
    'keep order and lose nothing that was said before a goodbye',
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(world, async (w) => {
          const { latencyMs, jitterMs, lossRatio } = w
          await using cluster = new Cluster(w.seed, { latencyMs, jitterMs })
          const nodes = await Promise.all(
            ['x', 'y'].map((name, n) =>
              LinkNode.open(
                cluster,
                cluster.network.transport({ streamWindowBytes: w.windowBytes }),
                name,
                { host: `10.0.0.${n}`, port: 4433 },
                // The tests of limits are elsewhere: here everybody has the time that it needs.
                {
                  ...{ leaveTimeoutMs: 600_000, handshakeTimeoutMs: 60_000 },
                  ...{ keepaliveMissesMax: 1_000, bulkWindowBytes: w.windowBytes },
                },
              ),
            ),
          )
          const heard = nodes.map(listen)
          const speakers = [new Speaker(), new Speaker()]
          const downs = [0, 0]
          nodes.forEach((node, side) => {
            node.pool.onLink(({ type, link }) => {
              if (type === 'down') return void (downs[side]! += 1)
              // Not before: the packets of the transport's handshake are not sent again.
              cluster.network.setConditions({ lossRatio })
              for (const s of w.early ? w.steps : []) {
                if (s.side === side) speakers[side]!.say(link, s)
              }
              return undefined
            })
          })
          await cluster.during(nodes[w.dialler]!.dial(nodes[1 - w.dialler]!))
          while (nodes.some((node) => node.pool.linkCount === 0)) await cluster.clock.advance(5)
          const links = nodes.map((node) => node.pool.linkAt(0)!)
          for (const s of w.steps) {
            speakers[s.side]!.say(links[s.side]!, s)
            if (s.waitMs > 0) await cluster.clock.advance(s.waitMs)
          }
          if (w.rest === 'short') await cluster.clock.advance(10)
          for (let i = 0; w.rest === 'quiet' && i < 10_000 && !quiet(heard, speakers); i++) {
            await cluster.clock.advance(100)
          }
          const [closer, other] = [w.closer, 1 - w.closer] as const
          await cluster.during(links[closer]!.close(), 50)
          await cluster.clock.advance(1_000)

          expect(downs).toEqual([1, 1])
          expect(nodes.map((node) => node.refused)).toEqual([{}, {}])
          expect(Object.fromEntries(heard[other]!)).toEqual(
            Object.fromEntries(speakers[closer]!.said),
          )
          for (const lane of LANES) {
            const [got, said] = [heard[closer]!.get(lane)!, speakers[other]!.said.get(lane)!]
            // Who says goodbye hears nothing afterwards; what it has heard until then is in order.
            expect(got).toEqual(w.rest === 'quiet' ? said : said.slice(0, got.length))
          }
        }),
        { seed: 6, numRuns: Number(process.env['FOVEA_MODEL_RUNS'] ?? 40) },
      )
    },
  )
})
