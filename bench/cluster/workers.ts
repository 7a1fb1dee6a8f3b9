/**
 * Calls to a worker node in a thread of the same program, against the floor (the same text to and fro on a bare message
 * port) and against a node in another program over QUIC, in turns; and work for a processor, on two workers and on one.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Ref } from 'fovea'
import { startNode, type FoveaNode } from 'fovea/dist'
import { createRealm, formatRealm, nodeKeyFromHex } from 'fovea/mesh'
import { median, percentile } from '../harness.ts'
import { publish, round, type Row } from '../sim/table.ts'
import { WorkContract, type WorkApi } from './workers-module.ts'

const MODULE = new URL('./workers-module.js', import.meta.url)
const PORT = new URL('./workers-port.js', import.meta.url)
const PROGRAM = fileURLToPath(new URL('./workers-program.js', import.meta.url))
const ROUNDS = 7

const FLOOR = 'message port'
const THREAD = 'worker node'
const PROCESS = 'other program, QUIC'

/** Payload, calls in flight, calls per round. */
const CELLS = [
  { bytes: 64, inFlight: 1, calls: 3_000 },
  { bytes: 64, inFlight: 256, calls: 20_000 },
  { bytes: 1_024, inFlight: 1, calls: 3_000 },
  { bytes: 1_024, inFlight: 256, calls: 20_000 },
  { bytes: 65_536, inFlight: 1, calls: 500 },
  { bytes: 65_536, inFlight: 16, calls: 2_000 },
] as const
type Cell = (typeof CELLS)[number]

/** Rounds of the loop, and in how many pieces they are asked for. */
const SPIN_ROUNDS = 10_000_000
const SPIN_PIECES = 128

interface Way {
  readonly name: string
  readonly call: (value: string) => Promise<unknown>
  /** Processor time of another program so far, in microseconds. */
  readonly cpuElsewhere: () => Promise<number>
}

interface Figures {
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly cpuUs: number
}

const here = async (): Promise<number> => 0

/** A thread without a node. */
function floorWay(thread: Worker): Way {
  const waiting = new Map<number, (value: unknown) => void>()
  let next = 0
  thread.on('message', ({ id, value }: { readonly id: number; readonly value: string }) => {
    waiting.get(id)!(value)
    waiting.delete(id)
  })
  const call = (value: string): Promise<unknown> =>
    new Promise((resolve) => {
      waiting.set(++next, resolve)
      thread.postMessage({ id: next, value }, [])
    })
  return { name: FLOOR, call, cpuElsewhere: here }
}

const said = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve) => child.once('message', (message) => resolve(message as T)))

async function programWay(node: FoveaNode, child: ChildProcess): Promise<Way> {
  const { keyHex } = await said<{ readonly keyHex: string }>(child)
  const up = new Promise<void>((resolve) => {
    const look = (): void => {
      if (node.cluster.getConnectedNodes().some(({ key }) => key.hex === keyHex)) resolve()
    }
    node.cluster.onNodeUp(look)
    look()
  })
  await up
  const ref = await node.remoteSpawn.spawn(WorkContract, nodeKeyFromHex(keyHex))
  const cpuElsewhere = async (): Promise<number> => {
    const told = said<NodeJS.CpuUsage>(child)
    child.send({})
    const { user, system } = await told
    return user + system
  }
  return { name: PROCESS, call: (value) => ref.call.echo(value), cpuElsewhere }
}

async function measure(way: Way, cell: Cell): Promise<Figures> {
  const payload = 'x'.repeat(cell.bytes)
  const tookUs: number[] = []
  let left: number = cell.calls
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const askedMs = performance.now()
      await way.call(payload)
      tookUs.push((performance.now() - askedMs) * 1_000)
    }
  }
  const [cpu, elsewhere] = [process.cpuUsage(), await way.cpuElsewhere()]
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: cell.inFlight }, caller))
  const seconds = (performance.now() - startedMs) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  const cpuUs = user + system + (await way.cpuElsewhere()) - elsewhere
  return {
    perSecond: cell.calls / seconds,
    p50Us: percentile(tookUs, 0.5),
    p99Us: percentile(tookUs, 0.99),
    cpuUs: cpuUs / cell.calls,
  }
}

async function cellRows(ways: readonly Way[], cell: Cell): Promise<Row[]> {
  const figures = ways.map((): Figures[] => [])
  for (let i = -2; i < ROUNDS; i++) {
    for (const [w, way] of ways.entries()) {
      const found = await measure(way, cell)
      if (i >= 0) figures[w]!.push(found)
    }
  }
  // Of each round its own ratio: what slows the machine slows all ways of a round.
  const ratio = (w: number, pick: (f: Figures) => number): number =>
    median(figures[w]!.map((f, i) => pick(f) / pick(figures[0]![i]!)))
  return ways.map(({ name }, w) => ({
    way: name,
    'payload bytes': cell.bytes,
    'in flight': cell.inFlight,
    'calls / s': round(median(figures[w]!.map((f) => f.perSecond)), 0),
    'p50 us': round(median(figures[w]!.map((f) => f.p50Us)), 0),
    'p99 us': round(median(figures[w]!.map((f) => f.p99Us)), 0),
    'CPU us / call': round(median(figures[w]!.map((f) => f.cpuUs)), 1),
    'p50 to port': round(
      ratio(w, (f) => f.p50Us),
      2,
    ),
    'calls / s to port': round(
      ratio(w, (f) => f.perSecond),
      3,
    ),
  }))
}

/** Milliseconds for all pieces of work, spread over `refs`. */
async function spun(refs: readonly Ref<WorkApi>[]): Promise<number> {
  const startedMs = performance.now()
  let left = SPIN_PIECES
  const feed = async (ref: Ref<WorkApi>): Promise<void> => {
    while (left-- > 0) await ref.call.spin(SPIN_ROUNDS)
  }
  await Promise.all(refs.map(feed))
  return performance.now() - startedMs
}

async function speedOfTwo(refs: readonly Ref<WorkApi>[]): Promise<Row[]> {
  const [one, two] = [[] as number[], [] as number[]]
  for (let i = -1; i < 3; i++) {
    const [alone, both] = [await spun(refs.slice(0, 1)), await spun(refs)]
    if (i < 0) continue
    one.push(alone)
    two.push(both)
  }
  const ratio = median(one.map((ms, i) => ms / two[i]!))
  return [
    { workers: 1, ms: round(median(one), 0), 'times as fast': 1 },
    { workers: 2, ms: round(median(two), 0), 'times as fast': round(ratio, 2) },
  ]
}

/** Writes `workers` and `workers-processors` to bench/results. */
export async function benchWorkers(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realmFile = join(folder, 'realm.json')
  writeFileSync(realmFile, formatRealm(createRealm('com.example.bench')), { mode: 0o600 })
  // On a machine that does other things a thread may stand still for seconds.
  const given = { name: 'main', host: '127.0.0.1', port: 0, keepaliveMissesMax: 30 }
  const node = await startNode({ ...given, realm: realmFile })
  const workers = await node.startWorkers({ count: 2, module: MODULE })
  const child = fork(PROGRAM, [realmFile, node.id])
  const floor = new Worker(PORT)
  try {
    const refs = await Promise.all(
      workers.nodes.map(({ key }) => node.remoteSpawn.spawn(WorkContract, key)),
    )
    const thread: Way = {
      name: THREAD,
      call: (value) => refs[0]!.call.echo(value),
      cpuElsewhere: here,
    }
    const ways = [floorWay(floor), thread, await programWay(node, child)]
    const load = loadavg()[0]!
    const rows: Row[] = []
    for (const cell of CELLS) rows.push(...(await cellRows(ways, cell)))
    publish('workers', {
      title: 'Calls to a node in a thread of the same program',
      how: `Median of ${ROUNDS} rounds in turns, ratios within a round; input and result are the same text. Processor time of all threads and programs. The port does not know of deadlines, deaths or limits. Load of the machine when it began: ${round(load, 1)}.`,
      rows,
      chart: {
        title: 'Median time of a call, 1 in flight',
        x: 'bytes',
        y: 'microseconds',
        series: ways.map(({ name }) => ({
          name,
          points: rows
            .filter((row) => row['way'] === name && row['in flight'] === 1)
            .map((row) => [Number(row['payload bytes']), Number(row['p50 us'])]),
        })),
      },
    })
    const spins = await speedOfTwo(refs)
    publish('workers-processors', {
      title: 'Work for a processor on worker nodes',
      how: `${SPIN_PIECES} calls of ${SPIN_ROUNDS} rounds of a loop, median of 3; the main thread only asks. Load of the machine when it ended: ${round(loadavg()[0]!, 1)}.`,
      rows: spins,
      chart: {
        title: 'Time of the same work',
        x: 'workers',
        y: 'milliseconds',
        series: [
          {
            name: 'worker nodes',
            points: spins.map((row) => [Number(row['workers']), Number(row['ms'])]),
          },
        ],
      },
    })
  } finally {
    await floor.terminate()
    child.disconnect()
    await node.stop()
    rmSync(folder, { recursive: true })
  }
}
