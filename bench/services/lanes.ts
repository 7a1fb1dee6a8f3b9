/**
 * What a lane of a link costs: frames one way between two programs on loopback, on a lane, on a bare stream of the same
 * transport, and on a TCP socket, in turns; and round trips on the rpc lane, alone and beside a saturated bulk lane.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { encodeFrame, formatRealm, type Link } from 'fovea/mesh'
import { median, mostOf, percentile } from '../harness.ts'
import { publish, round, waitsChart, type Row } from '../sim/table.ts'
import { laneWay, newRealm, openNode, quicWay, tcpWay, TYPES } from './lanes-side.ts'
import type { Addresses, Way } from './lanes-side.ts'

const SERVER = fileURLToPath(new URL('./lanes-server.js', import.meta.url))
const HEADER_BYTES = 8
const ROUNDS = 5
/** Payload, and frames per round. */
const SIZES = [
  { bytes: 64, frames: 50_000 },
  { bytes: 1_024, frames: 10_000 },
  { bytes: 65_536, frames: 400 },
]
const ROUND_TRIPS = 3_000
const BULK_FRAME_BYTES = 65_528

/** Of one round. */
interface Figures {
  /** Wall clock, until the receiver has the last byte. */
  readonly perSecond: number
  /** Processor time of both programs, microseconds per frame. */
  readonly microseconds: number
}

/** The next message of the server. */
function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the server ended: ${code}`))
    child.once('exit', ended)
    child.once('message', (message) => {
      child.off('exit', ended)
      resolve(message as T)
    })
  })
}

/** Sends `frames` frames as fast as the way takes them. */
function pour(way: Way, drained: { fn: () => void }, frame: Uint8Array, frames: number): void {
  let left = frames
  drained.fn = (): void => {
    while (left > 0) {
      left -= 1
      if (!way.send(frame)) return
    }
  }
  drained.fn()
}

async function oneWay(
  server: ChildProcess,
  way: Way,
  bytes: number,
  frames: number,
): Promise<Figures> {
  const frame = encodeFrame(TYPES.data, new Uint8Array(bytes))
  const drained = handlers.get(way)!
  const [before, startedMs] = [process.cpuUsage(), performance.now()]
  const told = answer<{ microseconds: number }>(server)
  server.send({ way: way.name, bytes: frames * frame.length })
  pour(way, drained, frame, frames)
  const { microseconds } = await told
  const seconds = (performance.now() - startedMs) / 1_000
  const { user, system } = process.cpuUsage(before)
  return { perSecond: frames / seconds, microseconds: (user + system + microseconds) / frames }
}

/** What to call when a way takes more; a way has one handler for its life. */
const handlers = new Map<Way, { fn: () => void }>()

function watch(way: Way): Way {
  const drained = { fn: (): void => {} }
  way.onDrain(() => drained.fn())
  handlers.set(way, drained)
  return way
}

async function throughput(server: ChildProcess, ways: readonly Way[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const { bytes, frames } of SIZES) {
    const figures = ways.map((): Figures[] => [])
    for (let i = -1; i < ROUNDS; i++) {
      for (const [w, way] of ways.entries()) {
        const found = await oneWay(server, way, bytes, frames)
        if (i >= 0) figures[w]!.push(found)
      }
    }
    const of = (w: number, pick: (f: Figures) => number): number => median(figures[w]!.map(pick))
    const cost = (w: number): number => of(w, (f) => f.microseconds)
    const at = (name: Way['name']): number => cost(ways.findIndex((way) => way.name === name))
    for (const [w, { name }] of ways.entries()) {
      const perSecond = of(w, (f) => f.perSecond)
      rows.push({
        way: name === 'link' ? 'lane rpc' : name,
        'payload bytes': bytes,
        'frames / s': round(perSecond, 0),
        'MiB / s': round((perSecond * (bytes + HEADER_BYTES)) / 1_048_576, 1),
        'CPU us / frame': round(cost(w)),
        'CPU to bare QUIC': round(cost(w) / at('quic'), 2),
        'CPU to TCP': round(cost(w) / at('tcp'), 2),
      })
    }
  }
  return rows
}

/** Milliseconds of so many round trips on the rpc lane, one after the other. */
function roundTrips(
  link: Link,
  times: number,
  onAnswer: (fn: () => void) => void,
): Promise<number[]> {
  const frame = encodeFrame(TYPES.ask, new Uint8Array(64))
  const took: number[] = []
  return new Promise((resolve) => {
    let askedMs = performance.now()
    onAnswer(() => {
      const nowMs = performance.now()
      took.push(nowMs - askedMs)
      if (took.length === times) return resolve(took)
      askedMs = nowMs
      return void link.send('rpc', frame)
    })
    link.send('rpc', frame)
  })
}

async function latency(link: Link, onAnswer: (fn: () => void) => void): Promise<Row[]> {
  const row = (beside: string, took: readonly number[], seconds: number, poured: number): Row => ({
    beside,
    'p50 ms': round(percentile(took, 0.5)),
    'p99 ms': round(percentile(took, 0.99)),
    'max ms': round(mostOf(took)),
    'MiB / s on bulk': round(poured / 1_048_576 / seconds, 1),
  })
  await roundTrips(link, ROUND_TRIPS, onAnswer)
  const idle = await roundTrips(link, ROUND_TRIPS, onAnswer)
  const bulk = laneWay(link, 'bulk')
  const frame = encodeFrame(TYPES.data, new Uint8Array(BULK_FRAME_BYTES))
  let [going, poured] = [true, 0]
  const more = (): void => {
    while (going) {
      poured += frame.length
      if (!bulk.send(frame)) return
    }
  }
  bulk.onDrain(more)
  more()
  const startedMs = performance.now()
  const beside = await roundTrips(link, ROUND_TRIPS, onAnswer)
  going = false
  const seconds = (performance.now() - startedMs) / 1_000
  return [row('nothing', idle, 1, 0), row('a saturated bulk lane', beside, seconds, poured)]
}

function report(rows: readonly Row[]): void {
  const names = ['lane rpc', 'quic', 'tcp']
  publish('services-lanes', {
    title: 'Frames one way over one link',
    how: `Two programs on loopback, median of ${ROUNDS} rounds in turns. Frames of a lane are whole, checked and handed to their handler; the other two only count bytes. Processor time of both programs.`,
    rows,
    chart: {
      title: 'Processor time of a frame, both programs',
      x: 'payload, bytes',
      y: 'microseconds',
      series: names.map((name) => ({
        name,
        points: rows
          .filter((row) => row['way'] === name)
          .map((row) => [Number(row['payload bytes']), Number(row['CPU us / frame'])]),
      })),
    },
  })
}

function reportLatency(rows: readonly Row[]): void {
  publish('services-lanes-latency', {
    title: 'Round trips on the rpc lane',
    how: `Two programs on loopback, ${ROUND_TRIPS} round trips of 64 bytes one after the other, alone and while ${BULK_FRAME_BYTES} byte frames are poured into the bulk lane the same way.`,
    rows,
    chart: waitsChart('Round trips on the rpc lane', rows),
  })
}

/** Writes bench/results/services-lanes.json, services-lanes-latency.json and their plots. */
export async function benchLanes(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realm = newRealm()
  const realmFile = join(folder, 'realm.json')
  writeFileSync(realmFile, formatRealm(realm), { mode: 0o600 })
  const server = fork(SERVER, [realmFile])
  const node = await openNode('client', realm)
  try {
    const addresses = await answer<Addresses>(server)
    const [host, port] = addresses.link.slice(addresses.link.indexOf('@') + 1).split(':')
    const link = await node.connect({ host: host!, port: Number(port) })
    link.hold()
    const ways = [laneWay(link, 'rpc'), await quicWay(addresses.quic), await tcpWay(addresses.tcp)]
    report(await throughput(server, ways.map(watch)))
    let answered = (): void => {}
    node.handleFrames(TYPES.answer, TYPES.answer, () => answered())
    reportLatency(await latency(link, (fn) => (answered = fn)))
    for (const way of ways) await way.close()
  } finally {
    await node.stop()
    server.kill()
    rmSync(folder, { recursive: true })
  }
}
