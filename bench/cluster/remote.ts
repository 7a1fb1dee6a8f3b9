/**
 * Calls to a process of another node, between two programs on loopback: Fovea over QUIC (encrypted, both sides
 * authenticated, with deadlines) against plain TCP with msgpackr, moleculer over its TCP and @grpc/grpc-js, and with large
 * values against a bare stream of the same transport (`quic-peer.ts`), in turns. The processor time is that of both programs. Beside each cell stands what noex took for it over plain TCP on a machine of two
 * cores (two programs, medians of three quiet runs).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatRealm } from 'fovea/mesh'
import { median } from '../harness.ts'
import { installPeers } from '../local/peers.ts'
import { Targets } from '../local/targets.ts'
import { Contender, type Figures } from '../services/contender.ts'
import { newRealm } from '../services/lanes-side.ts'
import { publish, round, type Row } from '../sim/table.ts'

const PEERS = join(process.cwd(), 'bench', 'peers', 'services')
const ROUNDS = 5
const OURS = 'Fovea'
const FLOOR = 'TCP + msgpackr'
const TRANSPORT = 'bare QUIC stream'

/** One cell: payload, calls in flight, calls per round, and what noex did. */
interface Cell {
  readonly bytes: number
  readonly inFlight: number
  readonly calls: number
  readonly noex: { readonly perSecond?: number; readonly p50Ms?: number }
}

const CELLS: readonly Cell[] = [
  { bytes: 64, inFlight: 1, calls: 3_000, noex: { p50Ms: 0.241 } },
  { bytes: 64, inFlight: 16, calls: 10_000, noex: { perSecond: 24_400 } },
  { bytes: 64, inFlight: 256, calls: 20_000, noex: { perSecond: 32_700 } },
  { bytes: 1_024, inFlight: 256, calls: 10_000, noex: { perSecond: 26_300 } },
  { bytes: 65_536, inFlight: 16, calls: 800, noex: { perSecond: 2_100 } },
  { bytes: 1_048_576, inFlight: 16, calls: 80, noex: { perSecond: 102 } },
]
const CASTS = 50_000
const BURST = 1_000
const NOEX_CASTS = 55_000
/** gRPC takes 4 MiB, but its text fields are slow; large values are not what it is compared for. */
const PEER_BYTES_MAX = 1_024
/** What is held against the bare transport: with less, what is said beside the value counts. */
const TRANSPORT_BYTES_MIN = 65_536

async function cellRows(contenders: readonly Contender[], cell: Cell): Promise<Row[]> {
  const all = contenders.filter(({ name }) => takesPart(name, cell.bytes))
  const payload = 'x'.repeat(cell.bytes)
  const figures = all.map((): Figures[] => [])
  for (let i = -1; i < ROUNDS; i++) {
    for (const [c, contender] of all.entries()) {
      const found = await contender.measure(payload, cell.inFlight, cell.calls)
      if (i >= 0) figures[c]!.push(found)
    }
  }
  const of = (c: number, pick: (f: Figures) => number): number => median(figures[c]!.map(pick))
  const floor = all.findIndex(({ name }) => name === FLOOR)
  const transport = all.findIndex(({ name }) => name === TRANSPORT)
  /** Within each round, as all that takes turns. */
  const toTransport = (c: number): number =>
    median(figures[c]!.map((f, i) => f.perSecond / figures[transport]![i]!.perSecond))
  return all.map(({ name }, c) => ({
    way: name,
    'payload bytes': cell.bytes,
    'in flight': cell.inFlight,
    'calls / s': round(
      of(c, (f) => f.perSecond),
      0,
    ),
    'p50 ms': round(of(c, (f) => f.p50)),
    'p99 ms': round(of(c, (f) => f.p99)),
    'CPU us / call': round(
      of(c, (f) => f.microseconds),
      1,
    ),
    'CPU to TCP': round(of(c, (f) => f.microseconds) / of(floor, (f) => f.microseconds), 2),
    'calls / s to TCP': round(of(c, (f) => f.perSecond) / of(floor, (f) => f.perSecond), 2),
    'calls / s to bare QUIC': transport < 0 ? '' : round(toTransport(c), 2),
    'noex calls / s': cell.noex.perSecond ?? '',
  }))
}

function takesPart(name: string, bytes: number): boolean {
  if (name === TRANSPORT) return bytes >= TRANSPORT_BYTES_MIN
  return bytes <= PEER_BYTES_MAX || name === OURS || name === FLOOR
}

/**
 * Until the other side has taken the last one; after each `burst` the event loop has a turn, as in a program that
 * does not only cast. In a single burst nothing can leave before its end, and both sides work one after the other.
 */
async function castsPerSecond({ client }: Contender, burst: number): Promise<number> {
  const casts = client.casts!
  const payload = 'x'.repeat(64)
  const rates: number[] = []
  for (let i = -1; i < ROUNDS; i++) {
    const before = await casts.seen()
    const startedMs = performance.now()
    let refused = 0
    for (let sent = 1; sent <= CASTS; sent++) {
      if (!casts.cast(payload)) refused += 1
      if (sent % burst === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const seen = (await casts.seen()) - before
    if (seen + refused !== CASTS) console.log(`  casts lost: ${CASTS - seen - refused}`)
    if (refused > 0) console.log(`  casts refused: ${refused} of ${CASTS}`)
    if (i >= 0) rates.push((seen * 1_000) / (performance.now() - startedMs))
  }
  return median(rates)
}

function judge(rows: readonly Row[], casts: number): void {
  const targets = new Targets()
  const at = (way: string, bytes: number, inFlight: number, column: string): number =>
    Number(
      rows.find(
        (row) =>
          row['way'] === way && row['payload bytes'] === bytes && row['in flight'] === inFlight,
      )?.[column],
    )
  targets.atMost('CPU of a call, 1 in flight', at(OURS, 64, 1, 'CPU to TCP'), 4, 'x TCP')
  const share = at(OURS, 64, 256, 'calls / s to TCP')
  targets.atLeast('calls / s, 256 in flight', share, 1 / 3, 'of TCP')
  for (const peer of ['moleculer', '@grpc/grpc-js']) {
    const theirs = at(peer, 64, 256, 'calls / s')
    if (Number.isNaN(theirs)) continue
    targets.atLeast(`${peer}, 256 in flight`, at(OURS, 64, 256, 'calls / s') / theirs, 1, 'x its')
  }
  const toTransport = at(OURS, 1_048_576, 16, 'calls / s to bare QUIC')
  targets.atLeast('1 MiB, 16 in flight', toTransport, 0.5, 'of the bare transport')
  targets.atLeast('casts / s', casts, 300_000, '/ s')
  targets.atMost('p50, 64 B, 1 in flight (noex)', at(OURS, 64, 1, 'p50 ms'), 0.241, 'ms')
  for (const { bytes, inFlight, noex } of CELLS) {
    if (noex.perSecond === undefined) continue
    const ours = at(OURS, bytes, inFlight, 'calls / s')
    targets.atLeast(`${bytes} B, ${inFlight} in flight (noex)`, ours, noex.perSecond, '/ s')
  }
  targets.atLeast('casts of 64 B (noex)', casts, NOEX_CASTS, '/ s')
  targets.print()
}

/** Writes bench/results/remote.json and its plot. */
export async function benchRemote(): Promise<void> {
  const { present, missing } = installPeers(PEERS)
  for (const { name, why } of missing) console.log(`  ${name} is missing: ${why}`)
  const has = (name: string): boolean => present.some((peer) => peer.name === name)
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realmFile = join(folder, 'realm.json')
  writeFileSync(realmFile, formatRealm(newRealm()), { mode: 0o600 })
  const ways = [
    { name: OURS, way: 'dist' },
    { name: FLOOR, way: 'tcp' },
    { name: TRANSPORT, way: 'quic' },
    ...(has('moleculer') ? [{ name: 'moleculer', way: join(PEERS, 'moleculer.mjs') }] : []),
    ...(has('@grpc/grpc-js') ? [{ name: '@grpc/grpc-js', way: join(PEERS, 'grpc.mjs') }] : []),
  ]
  const contenders: Contender[] = []
  try {
    for (const { name, way } of ways) contenders.push(await Contender.start(name, way, realmFile))
    const rows: Row[] = []
    for (const cell of CELLS) rows.push(...(await cellRows(contenders, cell)))
    const casts = await castsPerSecond(contenders[0]!, BURST)
    const castsAtOnce = await castsPerSecond(contenders[0]!, CASTS)
    publish('remote', {
      title: 'Calls to a process of another node',
      how: `Two programs on loopback, median of ${ROUNDS} rounds in turns; input and result are the same text. Processor time of both programs. Only Fovea is encrypted. ${round(casts, 0)} casts of 64 bytes per second in bursts of ${BURST}, ${round(castsAtOnce, 0)} in one of ${CASTS}. noex: its own figures over plain TCP.`,
      rows,
      chart: {
        title: 'Processor time of a call of 64 bytes, both programs',
        x: 'calls in flight',
        y: 'microseconds',
        series: ways
          .filter(({ name }) => name !== TRANSPORT)
          .map(({ name }) => ({
            name,
            points: rows
              .filter((row) => row['way'] === name && row['payload bytes'] === 64)
              .map((row) => [Number(row['in flight']), Number(row['CPU us / call'])]),
          })),
      },
    })
    judge(rows, casts)
  } finally {
    for (const contender of contenders) await contender.stop()
    rmSync(folder, { recursive: true })
  }
}
