/**
 * One message to many subscribers: a publisher and its subscribers in programs of their own on loopback, in rounds of
 * so many messages that end when the last subscriber has the last one. What is compared is the processor time of everybody
 * who takes part, brokers included. `mesh.pubsub` is encrypted and has no broker; the others are not, and have one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatRealm } from 'fovea/mesh'
import { median } from '../harness.ts'
import { installPeers } from '../local/peers.ts'
import { Targets } from '../local/targets.ts'
import { publish, round, type Row } from '../sim/table.ts'
import { brokerKinds, type Broker, type BrokerKind } from './brokers.ts'
import type { FanoutOrder, FanoutReply } from './fanout-program.ts'
import { newRealm } from './lanes-side.ts'
import { Program } from './program.ts'

const PROGRAM = fileURLToPath(new URL('./fanout-program.js', import.meta.url))
const PEERS = join(process.cwd(), 'bench', 'peers', 'services')
const REPETITIONS = 5
/** Messages between two answers of the subscribers: no queue of any contender overflows. */
const BURST = 250
const SHAPES = [
  { shape: '1 -> 1', programs: 1, each: 1, messages: 20_000 },
  { shape: '1 -> 100 in 4 programs', programs: 4, each: 25, messages: 4_000 },
]
const SIZES_BYTES = [128, 1_024]

type FanoutProgram = Program<FanoutOrder, FanoutReply>

interface Contender {
  readonly name: string
  readonly way: string
  /** Starts what stands between; `at` is what programs get. */
  start(): Promise<{ readonly at: string; readonly broker: Broker | undefined }>
}

interface Figures {
  readonly perSecond: number
  readonly microseconds: number
}

type Shape = (typeof SHAPES)[number]

/** Since it was asked before. */
async function cpuOf(program: FanoutProgram): Promise<number> {
  return (await program.ask({ type: 'cpu' })).microseconds ?? 0
}

/** One set of programs, several rounds; the first one warms up. */
async function measure(contender: Contender, shape: Shape, bytes: number): Promise<Figures[]> {
  const { at, broker } = await contender.start()
  const publisher: FanoutProgram = new Program(PROGRAM, [contender.way, 'publisher', at])
  const programs: FanoutProgram[] = []
  try {
    const { address } = await publisher.answer()
    for (let i = 0; i < shape.programs; i++) {
      const args = [contender.way, 'subscribers', address!, String(shape.each)]
      const program: FanoutProgram = new Program(PROGRAM, args)
      programs.push(program)
      await program.answer()
    }
    await publisher.ask({ type: 'ready', programs: shape.programs })
    const figures: Figures[] = []
    for (let i = -1; i < REPETITIONS; i++) {
      const found = await oneRound({ publisher, programs, broker }, shape, bytes)
      if (i >= 0) figures.push(found)
    }
    return figures
  } finally {
    for (const program of [publisher, ...programs]) program.stop()
    broker?.stop()
  }
}

async function oneRound(
  {
    publisher,
    programs,
    broker,
  }: { publisher: FanoutProgram; programs: readonly FanoutProgram[]; broker: Broker | undefined },
  { each, messages }: Shape,
  bytes: number,
): Promise<Figures> {
  const everybody = [publisher, ...programs]
  await Promise.all(everybody.map(cpuOf))
  const [brokerBefore, startedMs] = [broker?.cpu() ?? 0, performance.now()]
  for (let sent = 0; sent < messages; sent += BURST) {
    const taken = programs.map((program) =>
      program.ask({ type: 'expect', deliveries: BURST * each }),
    )
    await publisher.ask({ type: 'publish', messages: BURST, bytes })
    await Promise.all(taken)
  }
  const seconds = (performance.now() - startedMs) / 1_000
  const took = await Promise.all(everybody.map(cpuOf))
  const brokerTook = (broker?.cpu() ?? 0) - brokerBefore
  const deliveries = messages * each * programs.length
  const all = took.reduce((sum, microseconds) => sum + microseconds, brokerTook)
  return { perSecond: deliveries / seconds, microseconds: all / deliveries }
}

async function rowsOf(
  contenders: readonly Contender[],
  shape: Shape,
  bytes: number,
): Promise<Row[]> {
  const costs = new Map<string, number>()
  const speeds = new Map<string, number>()
  for (const contender of contenders) {
    const figures = await measure(contender, shape, bytes)
    costs.set(contender.name, median(figures.map(({ microseconds }) => microseconds)))
    speeds.set(contender.name, median(figures.map(({ perSecond }) => perSecond)))
  }
  return contenders.map(({ name }) => ({
    way: name,
    shape: shape.shape,
    'payload bytes': bytes,
    'deliveries / s': round(speeds.get(name)!, 0),
    'deliveries / CPU-s': round(1_000_000 / costs.get(name)!, 0),
    'CPU us / delivery': round(costs.get(name)!),
    'CPU to mesh': round(costs.get(name)! / costs.get('mesh.pubsub')!, 2),
  }))
}

function contendersOf(realmFile: string, kinds: readonly BrokerKind[]): readonly Contender[] {
  const none = (at: string) => (): ReturnType<Contender['start']> =>
    Promise.resolve({ at, broker: undefined })
  return [
    { name: 'mesh.pubsub', way: 'mesh', start: none(realmFile) },
    { name: 'TCP', way: 'tcp', start: none('-') },
    ...kinds.map((kind): Contender => ({
      name: kind.name,
      way: join(PEERS, kind.client),
      start: async () => {
        const broker = await kind.start(PEERS)
        return { at: broker.address, broker }
      },
    })),
  ]
}

function judge(targets: Targets, rows: readonly Row[]): void {
  for (const { shape } of SHAPES) {
    for (const bytes of SIZES_BYTES) {
      const aedes = rows.find(
        (row) => row['way'] === 'aedes' && row['shape'] === shape && row['payload bytes'] === bytes,
      )
      if (aedes === undefined) continue
      targets.atLeast(
        `aedes' cost, ${shape}, ${bytes} B`,
        Number(aedes['CPU to mesh']),
        5,
        'x ours',
      )
    }
  }
}

/** Writes bench/results/services-fanout.json and its plot. */
export async function benchFanout(): Promise<void> {
  const { present, missing } = installPeers(PEERS)
  const kinds = brokerKinds(new Set(present.map(({ name }) => name)))
  for (const { name, why } of missing) console.log(`  ${name} is missing: ${why}`)
  for (const what of kinds.missing) console.log(`  missing: ${what}`)
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realmFile = join(folder, 'realm.json')
  writeFileSync(realmFile, formatRealm(newRealm()), { mode: 0o600 })
  const contenders = contendersOf(realmFile, kinds.present)
  const rows: Row[] = []
  try {
    for (const shape of SHAPES) {
      for (const bytes of SIZES_BYTES) rows.push(...(await rowsOf(contenders, shape, bytes)))
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
  const absent = kinds.missing.length === 0 ? '' : ` Missing: ${kinds.missing.join('; ')}.`
  publish('services-fanout', {
    title: 'One message to many subscribers in other programs',
    how: `Publisher, subscribers and broker are programs of their own on loopback, rounds of ${BURST} messages, median of ${REPETITIONS}. Processor time of all of them, per delivery. MQTT subscribers are a client each; those of mesh.pubsub, NATS and TCP share what their program has.${absent}`,
    rows,
    chart: {
      title: 'Processor time of a delivery, 1 -> 100 in 4 programs',
      x: 'payload, bytes',
      y: 'microseconds',
      series: contenders.map(({ name }) => ({
        name,
        points: rows
          .filter((row) => row['way'] === name && row['shape'] === SHAPES[1]!.shape)
          .map((row) => [Number(row['payload bytes']), Number(row['CPU us / delivery'])]),
      })),
    },
  })
  const targets = new Targets()
  judge(targets, rows)
  targets.print()
}
