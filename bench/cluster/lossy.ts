/**
 * What a lost packet holds up: four classes of messages between two simulated nodes, each on a lane of its own, against all
 * four on one lane. Figures are of virtual time and repeat from their seed; the network loses packets of streams at
 * random and repeats them after a round trip, as a transport without congestion would.
 */
import type { LaneName } from 'fovea/mesh'
import { encodeFrame } from 'fovea/mesh'
import { startSimNodes } from 'fovea/simulation'
import { percentile } from '../harness.ts'
import { publish, round, type Row } from '../sim/table.ts'

/** Lanes, and a frame type that each may carry and no part of a node without services handles. */
const CLASSES: readonly (readonly [LaneName, number])[] = [
  ['dist', 0x50],
  ['sync', 0x51],
  ['rpc', 0x20],
  ['pubsub', 0x10],
]
/** All of them may travel on this one as well. */
const ONE_LANE: LaneName = 'dist'
const LATENCY_MS = 10
const MESSAGES = 20_000
const LOSSES = [0, 0.01, 0.05]

/** Time from `send` to the handler of each message, in ms. Classes take turns, one message per ms. */
async function delays(lossRatio: number, isSplit: boolean): Promise<readonly number[]> {
  await using world = await startSimNodes(2, {
    seed: 7,
    network: { latencyMs: LATENCY_MS },
    node: { services: false, keepaliveMissesMax: 100 },
  })
  const [a, b] = world.nodes
  if (a === undefined || b === undefined) throw new Error('there are no nodes')
  const link = a.mesh.linkTo(b.key.hex)
  if (link === undefined) throw new Error('there is no link')
  const { clock } = world
  const took: number[] = []
  const sentMs: number[] = []
  for (const [, type] of CLASSES) {
    b.mesh.handleFrames(type, type, (_link, _type, payload) => {
      const at = new DataView(payload.buffer, payload.byteOffset).getUint32(0)
      took.push(clock.now() - (sentMs[at] ?? 0))
    })
  }
  world.network.setConditions({ lossRatio }, { from: a.mesh.address, to: b.mesh.address })
  for (let i = 0; i < MESSAGES; i++) {
    const [lane, type] = CLASSES[i % CLASSES.length] ?? CLASSES[0]!
    const payload = new Uint8Array(64)
    new DataView(payload.buffer).setUint32(0, i)
    sentMs.push(clock.now())
    link.send(isSplit ? lane : ONE_LANE, encodeFrame(type, payload))
    await clock.advance(1)
  }
  await clock.advance(10_000)
  if (took.length !== MESSAGES) throw new Error(`${took.length} of ${MESSAGES} messages came`)
  return took
}

/** Prints the table and keeps it. */
export async function benchLossy(): Promise<void> {
  const rows: Row[] = []
  for (const loss of LOSSES) {
    for (const isSplit of [false, true]) {
      const took = await delays(loss, isSplit)
      const held = took.filter((ms) => ms > LATENCY_MS).length
      rows.push({
        loss: `${loss * 100} %`,
        streams: isSplit ? 'one per class' : 'one',
        'mean ms': round(took.reduce((sum, ms) => sum + ms, 0) / took.length, 2),
        'p99 ms': percentile(took, 0.99),
        'held up': `${round((100 * held) / took.length, 1)} %`,
      })
    }
  }
  publish('cluster-lossy', {
    title: 'Messages of four classes on a lossy link, on one stream and on one per class',
    how: `${MESSAGES.toLocaleString('en')} messages, one per ms, ${LATENCY_MS} ms each way; lost ones are sent again after a round trip`,
    rows,
    chart: {
      title: 'Mean delay on a lossy link',
      x: 'loss, %',
      y: 'ms',
      series: ['one', 'one per class'].map((name) => ({
        name,
        points: rows
          .filter(({ streams }) => streams === name)
          .map((row) => [parseFloat(String(row['loss'])), Number(row['mean ms'])] as const),
      })),
    },
  })
}
