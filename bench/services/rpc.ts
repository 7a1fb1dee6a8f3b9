/**
 * What a call costs: `mesh.rpc` between two nodes over QUIC (encrypted, both sides authenticated, with deadlines) against
 * plain TCP and msgpackr (`cluster/tcp-peer.ts`), in turns, with 1, 16 and 256 calls in flight. Both sides of a way
 * are in this program, so its processor time is that of a whole call.
 */
import { startMesh, type Mesh } from 'fovea/mesh'
import { serveTcp, TcpClient } from '../cluster/tcp-peer.ts'
import { median } from '../harness.ts'
import { publish, round, type Row } from '../sim/table.ts'
import { newRealm } from './lanes-side.ts'

type Call = (input: string) => Promise<unknown>

const PROCEDURE = 'bench.echo'
const PAYLOAD = 'x'.repeat(64)
const ROUNDS = 5
const WAYS = ['mesh.rpc', 'TCP + msgpackr'] as const
/** Calls in flight, and calls per round. */
const LOADS = [
  { inFlight: 1, calls: 3_000 },
  { inFlight: 16, calls: 10_000 },
  { inFlight: 256, calls: 20_000 },
]

/** Of one round. */
interface Figures {
  readonly perSecond: number
  readonly microseconds: number
}

async function measure(call: Call, inFlight: number, calls: number): Promise<Figures> {
  let left = calls
  const worker = async (): Promise<void> => {
    while (left-- > 0) await call(PAYLOAD)
  }
  const [before, startedMs] = [process.cpuUsage(), performance.now()]
  await Promise.all(Array.from({ length: inFlight }, worker))
  const seconds = (performance.now() - startedMs) / 1_000
  const { user, system } = process.cpuUsage(before)
  return { perSecond: calls / seconds, microseconds: (user + system) / calls }
}

async function inTurns(ways: readonly Call[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const { inFlight, calls } of LOADS) {
    const figures = ways.map((): Figures[] => [])
    for (let i = -1; i < ROUNDS; i++) {
      for (const [w, call] of ways.entries()) {
        const found = await measure(call, inFlight, calls)
        if (i >= 0) figures[w]!.push(found)
      }
    }
    const costs = figures.map((found) => median(found.map(({ microseconds }) => microseconds)))
    for (const [w, way] of WAYS.entries()) {
      rows.push({
        way,
        'in flight': inFlight,
        'calls / s': round(median(figures[w]!.map(({ perSecond }) => perSecond)), 0),
        'calls / CPU s': round(1_000_000 / costs[w]!, 0),
        'CPU us / call': round(costs[w]!, 1),
        'CPU to TCP': round(costs[w]! / costs[1]!, 2),
      })
    }
  }
  return rows
}

function report(rows: readonly Row[]): void {
  publish('services-rpc', {
    title: 'Calls between two nodes',
    how: `Both sides in one program on loopback, ${PAYLOAD.length} byte input and result, median of ${ROUNDS} rounds in turns.`,
    rows,
    chart: {
      title: 'Processor time of a call, both sides',
      x: 'calls in flight',
      y: 'microseconds',
      series: WAYS.map((name) => ({
        name,
        points: rows
          .filter((row) => row['way'] === name)
          .map((row) => [Number(row['in flight']), Number(row['CPU us / call'])]),
      })),
    },
  })
}

/** Writes bench/results/services-rpc.json and its plot. */
export async function benchRpc(): Promise<void> {
  const options = { realm: newRealm(), host: '127.0.0.1', port: 0 }
  const provider = await startMesh({ ...options, name: 'provider' })
  const nodes: Mesh[] = [provider]
  const tcp = await TcpClient.connect(await serveTcp())
  try {
    await provider.rpc.advertise(PROCEDURE, (input) => input)
    const caller = await startMesh({ ...options, name: 'caller', seeds: [provider.nodeId] })
    nodes.push(caller)
    const found = new Promise<void>((resolve) => {
      const { entries } = caller.services.watch(() => resolve(), { procedure: PROCEDURE })
      if (entries.length > 0) resolve()
    })
    await found
    const viaMesh: Call = (input) => caller.rpc.call(PROCEDURE, input)
    const viaTcp: Call = (input) => tcp.call(PROCEDURE, input)
    report(await inTurns([viaMesh, viaTcp]))
  } finally {
    tcp.close()
    for (const node of nodes) await node.stop()
  }
}
