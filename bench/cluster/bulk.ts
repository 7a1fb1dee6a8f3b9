/**
 * Calls to a process of another program while a gigabyte goes there over the same connection (D3): as items of one stream and
 * of eight, on the lane bulk, and as large casts to another process, on the lane of the calls themselves. Idle and busy take turns.
 * Beside them, frames of the control lane stand for keepalives, which travel there.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Ref } from 'fovea'
import { startNode, type FoveaNode } from 'fovea/dist'
import { encodeFrame, formatRealm, WireType, type Link } from 'fovea/mesh'
import { median, mostOf, percentile } from '../harness.ts'
import { Targets } from '../local/targets.ts'
import { newRealm } from '../services/lanes-side.ts'
import { publish, round, waitsChart, type Row } from '../sim/table.ts'
import { EchoContract, type EchoApi } from './echo.ts'
import { Processors } from './processors.ts'

/** Frame types that nobody answers between these two. */
export const BEAT = { ask: WireType.natProbe, answer: WireType.natProbeReply } as const
/** The procedure that takes a stream. */
export const SINK = 'bench.sink'

const PROGRAM = fileURLToPath(new URL('./bulk-program.js', import.meta.url))
const GIB = 1_073_741_824
const CAST_BYTES = 1_048_576
const ITEM_BYTES = 262_144
const STREAMS = 8
/** Large casts that the other side has not taken yet. */
const CASTS_AHEAD = 4
const ROUNDS = 3
const IDLE_MS = 5_000
const SHARED_MS = 1_500
const BEAT_MS = 100
const PAYLOAD = 'x'.repeat(64)

/** Of one phase. */
interface Phase {
  readonly callsMs: number[]
  readonly beatsMs: number[]
  /** Of bulk, per second. */
  readonly mebibytes: number
}

/** With what the machine had to give just before it. */
interface Measured extends Phase {
  readonly processors: number
}

interface Stage {
  readonly node: FoveaNode
  readonly link: Link
  readonly echo: Ref<EchoApi>
  readonly sink: Ref<EchoApi>
}

/** Calls one after the other, and beats, until the work is done. */
async function beside({ node, link, echo }: Stage, work: () => Promise<number>): Promise<Phase> {
  const [callsMs, beatsMs]: [number[], number[]] = [[], []]
  let isOver = false
  const calling = (async (): Promise<void> => {
    while (!isOver) {
      const askedMs = performance.now()
      await echo.call.echo(PAYLOAD, { timeoutMs: 60_000 })
      callsMs.push(performance.now() - askedMs)
    }
  })()
  let sentMs: number | undefined
  const answered = node.mesh.handleFrames(BEAT.answer, BEAT.answer, () => {
    beatsMs.push(performance.now() - sentMs!)
    sentMs = undefined
  })
  const beats = setInterval(() => {
    if (sentMs !== undefined) return
    sentMs = performance.now()
    link.send('control', encodeFrame(BEAT.ask, new Uint8Array(8)))
  }, BEAT_MS)
  const mebibytes = await speedOf(work)
  isOver = true
  await calling
  clearInterval(beats)
  while (sentMs !== undefined) await pause(10)
  answered()
  return { callsMs, beatsMs, mebibytes }
}

/** MiB per second. */
async function speedOf(work: () => Promise<number>): Promise<number> {
  const startedMs = performance.now()
  const bytes = await work()
  return (bytes / 1_048_576 / (performance.now() - startedMs)) * 1_000
}

const pause = (delayMs: number): Promise<void> =>
  new Promise((done) => void setTimeout(done, delayMs))

async function nothing(): Promise<number> {
  await pause(IDLE_MS)
  return 0
}

async function stream({ node }: Stage, bytes = GIB): Promise<number> {
  const sink = node.mesh.rpc.stream<never, number, Uint8Array>(SINK, undefined, { mode: 'client' })
  const item = new Uint8Array(ITEM_BYTES)
  for (let left = bytes / ITEM_BYTES; left > 0; left--) await sink.write(item)
  sink.end()
  return sink.result
}

async function streams(stage: Stage): Promise<number> {
  const each = Array.from({ length: STREAMS }, () => stream(stage, GIB / STREAMS))
  return (await Promise.all(each)).reduce((sum, bytes) => sum + bytes, 0)
}

async function casts({ sink }: Stage): Promise<number> {
  const value = new Uint8Array(CAST_BYTES)
  const before = await sink.call.seen()
  for (let left = GIB / CAST_BYTES; left > 0; left--) {
    if (!sink.cast.put(value)) throw new Error('a cast was refused')
    if (left % CASTS_AHEAD === 0) await sink.call.seen(undefined, { timeoutMs: 60_000 })
  }
  const seen = (await sink.call.seen(undefined, { timeoutMs: 60_000 })) - before
  return seen * CAST_BYTES
}

const WAYS = [
  { name: 'nothing', work: nothing },
  { name: '1 GiB of a stream', work: (stage: Stage): Promise<number> => stream(stage) },
  { name: `1 GiB of ${STREAMS} streams`, work: streams },
  { name: '1 GiB of casts of 1 MiB', work: casts },
] as const

/** `alone`: MiB per second of each way when nobody calls beside it. */
function rowsOf(phases: readonly Measured[][], alone: readonly (readonly number[])[]): Row[] {
  const of = (w: number, pick: (phase: Measured) => number): number => median(phases[w]!.map(pick))
  const p99 = ({ callsMs }: Phase): number => percentile(callsMs, 0.99)
  const to = (w: number): number =>
    median(phases[w]!.map((phase, i) => p99(phase) / p99(phases[0]![i]!)))
  return WAYS.map(({ name }, w) => ({
    beside: name,
    'MiB / s': round(
      of(w, ({ mebibytes }) => mebibytes),
      1,
    ),
    'alone, MiB / s': round(median(alone[w]!), 1),
    calls: phases[w]!.reduce((sum, { callsMs }) => sum + callsMs.length, 0),
    'p50 ms': round(of(w, ({ callsMs }) => percentile(callsMs, 0.5))),
    'p99 ms': round(of(w, p99)),
    'p99, least': round(Math.min(...phases[w]!.map(p99))),
    'p99, most': round(Math.max(...phases[w]!.map(p99))),
    'p99 to idle': round(to(w), 1),
    'max ms': round(mostOf(phases[w]!.flatMap(({ callsMs }) => callsMs)), 1),
    'beat max ms': round(mostOf(phases[w]!.flatMap(({ beatsMs }) => beatsMs)), 1),
    'processors, least': round(Math.min(...phases[w]!.map(({ processors }) => processors))),
  }))
}

function judge(rows: readonly Row[], keepaliveIntervalMs: number, losses: number): void {
  const targets = new Targets()
  for (const row of rows.slice(1)) {
    const name = String(row['beside'])
    targets.atMost(`p99 of a call beside ${name}`, Number(row['p99 ms']), 8, 'ms')
    targets.atMost(`the same, to idle`, Number(row['p99 to idle']), 6, 'x')
    targets.atMost(
      `latest beat beside ${name}`,
      Number(row['beat max ms']),
      keepaliveIntervalMs,
      'ms',
    )
  }
  targets.atMost('nodes lost', losses, 0, '')
  targets.print()
}

/** Writes bench/results/cluster-bulk.json and its plot. */
export async function benchBulk(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realm = join(folder, 'realm.json')
  writeFileSync(realm, formatRealm(newRealm()), { mode: 0o600 })
  const child: ChildProcess = fork(PROGRAM, [realm])
  const keepaliveIntervalMs = 1_000
  try {
    const { id } = await new Promise<{ id: string }>((resolve, reject) => {
      child.once('message', (message) => resolve(message as { id: string }))
      child.once('exit', (code) => reject(new Error(`the program ended: ${code}`)))
    })
    const options = { nodeName: 'pourer', realm, host: '127.0.0.1', port: 0, keepaliveIntervalMs }
    await using node = await startNode({ ...options, seeds: [id] })
    await node.cluster.waitFor(id)
    let losses = 0
    node.cluster.onNodeDown(() => (losses += 1))
    const { key } = node.cluster.getNode(id)!
    const echo = await node.remoteSpawn.spawn(EchoContract, id)
    const sink = await node.remoteSpawn.spawn(EchoContract, id)
    const stage: Stage = { node, link: node.mesh.linkTo(key.hex)!, echo, sink }
    await using machine = new Processors()
    await beside(stage, nothing)
    const phases = WAYS.map((): Measured[] => [])
    const alone = WAYS.map((): number[] => [])
    for (let i = 0; i < ROUNDS; i++) {
      for (const [w, { work }] of WAYS.entries()) {
        const processors = await machine.atOnce()
        phases[w]!.push({ ...(await beside(stage, () => work(stage))), processors })
        // Others share the way for a second after their last message.
        await pause(SHARED_MS)
        alone[w]!.push(await speedOf(() => work(stage)))
      }
    }
    const rows = rowsOf(phases, alone)
    publish('cluster-bulk', {
      title: 'Calls beside a bulk transfer over the same connection',
      how: `Two programs on loopback QUIC, median of ${ROUNDS} rounds in turns; calls of 64 bytes one after the other to one process, a gigabyte to another. A beat is a round trip on the control lane every ${BEAT_MS} ms, where keepalives travel. Processors: what two threads computed at once just before, in what one did alone.`,
      rows,
      chart: waitsChart('Calls beside a bulk transfer', rows),
    })
    judge(rows, keepaliveIntervalMs, losses)
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}
