/**
 * What a call costs between two programs: `mesh.rpc` over QUIC (encrypted, both sides authenticated, with deadlines)
 * against plain TCP with msgpackr, @grpc/grpc-js and moleculer, in turns, with 1, 16 and 256 calls in flight. The
 * processor time is that of both programs.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatRealm } from 'fovea/mesh'
import { median } from '../harness.ts'
import { installPeers } from '../local/peers.ts'
import { Targets } from '../local/targets.ts'
import { publish, round, type Row } from '../sim/table.ts'
import { Contender, type Figures } from './contender.ts'
import { newRealm } from './lanes-side.ts'

const PEERS = join(process.cwd(), 'bench', 'peers', 'services')
const PAYLOAD = 'x'.repeat(64)
const ROUNDS = 5
/** Calls in flight, and calls per round. */
const LOADS = [
  { inFlight: 1, calls: 3_000 },
  { inFlight: 16, calls: 10_000 },
  { inFlight: 256, calls: 20_000 },
]

async function inTurns(contenders: readonly Contender[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const { inFlight, calls } of LOADS) {
    const figures = contenders.map((): Figures[] => [])
    for (let i = -1; i < ROUNDS; i++) {
      for (const [c, contender] of contenders.entries()) {
        const found = await contender.measure(PAYLOAD, inFlight, calls)
        if (i >= 0) figures[c]!.push(found)
      }
    }
    const of = (c: number, pick: (f: Figures) => number): number => median(figures[c]!.map(pick))
    const cost = (c: number): number => of(c, (f) => f.microseconds)
    for (const [c, { name }] of contenders.entries()) {
      rows.push({
        way: name,
        'in flight': inFlight,
        'calls / s': round(
          of(c, (f) => f.perSecond),
          0,
        ),
        'p50 ms': round(of(c, (f) => f.p50)),
        'p99 ms': round(of(c, (f) => f.p99)),
        'CPU us / call': round(cost(c), 1),
        'CPU to TCP': round(cost(c) / cost(1), 2),
        'CPU to mesh': round(cost(c) / cost(0), 2),
      })
    }
  }
  return rows
}

function report(names: readonly string[], rows: readonly Row[]): void {
  publish('services-rpc', {
    title: 'Calls between two programs',
    how: `Two programs on loopback, ${PAYLOAD.length} byte input and result, median of ${ROUNDS} rounds in turns. Processor time of both programs. Only mesh.rpc is encrypted.`,
    rows,
    chart: {
      title: 'Processor time of a call, both programs',
      x: 'calls in flight',
      y: 'microseconds',
      series: names.map((name) => ({
        name,
        points: rows
          .filter((row) => row['way'] === name)
          .map((row) => [Number(row['in flight']), Number(row['CPU us / call'])]),
      })),
    },
  })
  const targets = new Targets()
  const at = (way: string, column: string): number =>
    Number(rows.find((row) => row['way'] === way && row['in flight'] === 256)?.[column])
  targets.atMost('CPU of mesh.rpc, 256 in flight', at('mesh.rpc', 'CPU to TCP'), 3, 'x TCP')
  for (const [name, limit] of [
    ['@grpc/grpc-js', 5],
    ['moleculer', 1],
  ] as const) {
    if (!names.includes(name)) continue
    targets.atLeast(`CPU of ${name}, 256 in flight`, at(name, 'CPU to mesh'), limit, 'x mesh.rpc')
  }
  targets.print()
}

/** Writes bench/results/services-rpc.json and its plot. */
export async function benchRpc(): Promise<void> {
  const { present, missing } = installPeers(PEERS)
  for (const { name, why } of missing) console.log(`  ${name} is missing: ${why}`)
  const has = (name: string): boolean => present.some((peer) => peer.name === name)
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realmFile = join(folder, 'realm.json')
  writeFileSync(realmFile, formatRealm(newRealm()), { mode: 0o600 })
  const ways = [
    { name: 'mesh.rpc', way: 'mesh' },
    { name: 'TCP + msgpackr', way: 'tcp' },
    ...(has('@grpc/grpc-js') ? [{ name: '@grpc/grpc-js', way: join(PEERS, 'grpc.mjs') }] : []),
    ...(has('moleculer') ? [{ name: 'moleculer', way: join(PEERS, 'moleculer.mjs') }] : []),
  ]
  const contenders: Contender[] = []
  try {
    for (const { name, way } of ways) contenders.push(await Contender.start(name, way, realmFile))
    report(
      ways.map(({ name }) => name),
      await inTurns(contenders),
    )
  } finally {
    for (const contender of contenders) await contender.stop()
    rmSync(folder, { recursive: true })
  }
}
