/**
 * Remote calls between two operating-system processes on loopback: Fovea over QUIC (encrypted, both
 * sides authenticated, with deadlines) against plain TCP and msgpackr. The two take turns in every
 * round. Run by `npm run bench`; writes bench/results/remote.json.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startNode } from 'fovea/dist'
import { createRealm, formatRealm } from 'fovea/mesh'
import { median, percentile, saveResults } from '../harness.ts'
import { EchoContract } from './echo.ts'
import { TcpClient } from './tcp-peer.ts'

type Call = (input: unknown) => Promise<unknown>

const ROUNDS = 7
const LATENCY_CALLS = 2_000
const THROUGHPUT_CALLS = 20_000
const CASTS = 50_000
const PAYLOAD = 'x'.repeat(64)

interface ServerInfo {
  readonly id: string
  readonly tcpPort: number
}

interface Pair {
  readonly fovea: number
  readonly tcp: number
  readonly ratio: number
}

async function latencies(call: Call, count: number): Promise<number[]> {
  const microseconds: number[] = []
  for (let i = 0; i < count; i++) {
    const startedAt = performance.now()
    await call(PAYLOAD)
    microseconds.push((performance.now() - startedAt) * 1000)
  }
  return microseconds
}

async function callsPerSecond(call: Call, inFlight: number, count: number): Promise<number> {
  let left = count
  const worker = async (): Promise<void> => {
    while (left-- > 0) await call(PAYLOAD)
  }
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: inFlight }, worker))
  return count / ((performance.now() - startedAt) / 1000)
}

async function inTurns(
  fovea: Call,
  tcp: Call,
  measure: (call: Call) => Promise<number>,
): Promise<Pair> {
  const figures = { fovea: [] as number[], tcp: [] as number[] }
  for (let round = -1; round < ROUNDS; round++) {
    const ours = await measure(fovea)
    const theirs = await measure(tcp)
    if (round < 0) continue
    figures.fovea.push(ours)
    figures.tcp.push(theirs)
  }
  const pair = { fovea: median(figures.fovea), tcp: median(figures.tcp) }
  return { ...pair, ratio: pair.fovea / pair.tcp }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new Error('no output pipe')
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', (code) => reject(new Error(`the bench server ended with ${code}`)))
  })
}

function print(title: string, unit: string, pair: Pair): void {
  const show = (value: number): string => value.toFixed(0).padStart(9)
  console.log(
    `  ${title.padEnd(28)} fovea ${show(pair.fovea)} ${unit}   tcp ${show(pair.tcp)} ${unit}   ratio ${pair.ratio.toFixed(2)}`,
  )
}

export async function benchRemote(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realmFile = join(folder, 'realm.json')
  writeFileSync(realmFile, formatRealm(createRealm('bench.fovea')), { mode: 0o600 })
  const script = fileURLToPath(new URL('./remote-server.js', import.meta.url))
  const server = spawn(process.execPath, [script, realmFile], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const { id, tcpPort } = JSON.parse(await firstLine(server)) as ServerInfo
    const results = await measureAll(realmFile, id, tcpPort)
    saveResults('remote', results)
  } finally {
    server.stdin?.end()
    await new Promise((resolve) => server.once('exit', resolve))
    rmSync(folder, { recursive: true })
  }
}

async function measureAll(realm: string, serverId: string, tcpPort: number): Promise<object> {
  const node = await startNode({
    nodeName: 'client',
    host: '127.0.0.1',
    port: 0,
    realm,
    seeds: [serverId],
  })
  const tcp = await TcpClient.connect(tcpPort)
  try {
    await node.cluster.waitFor(serverId, { timeoutMs: 10_000 })
    const echo = await node.remoteSpawn.spawn(EchoContract, serverId)
    const viaFovea: Call = (input) => echo.call.echo(input)
    const viaTcp: Call = (input) => tcp.call('echo', input)
    const p50 = await inTurns(viaFovea, viaTcp, async (call) =>
      median(await latencies(call, LATENCY_CALLS)),
    )
    const p99 = await inTurns(viaFovea, viaTcp, async (call) =>
      percentile(await latencies(call, LATENCY_CALLS), 0.99),
    )
    const at16 = await inTurns(viaFovea, viaTcp, (call) =>
      callsPerSecond(call, 16, THROUGHPUT_CALLS),
    )
    const at256 = await inTurns(viaFovea, viaTcp, (call) =>
      callsPerSecond(call, 256, THROUGHPUT_CALLS),
    )
    const castsPerSecond = await measureCasts(echo)
    console.log('\nRemote, two processes on loopback, 64-byte payload')
    print('call, 1 in flight, p50', 'us', p50)
    print('call, 1 in flight, p99', 'us', p99)
    print('calls, 16 in flight', '/s', at16)
    print('calls, 256 in flight', '/s', at256)
    console.log(`  casts                        fovea ${castsPerSecond.toFixed(0).padStart(9)} /s`)
    return { p50, p99, at16, at256, castsPerSecond }
  } finally {
    tcp.close()
    await node.stop()
  }
}

/** Casts per second until the receiver has handled the last one. */
async function measureCasts(echo: ReturnType<typeof EchoContract.at>): Promise<number> {
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = await echo.call.seen()
    const startedAt = performance.now()
    for (let sent = 0; sent < CASTS; sent++) echo.cast.put(PAYLOAD)
    const seen = (await echo.call.seen()) - before
    if (seen !== CASTS) console.log(`  casts refused or lost: ${CASTS - seen} of ${CASTS}`)
    rates.push(seen / ((performance.now() - startedAt) / 1000))
  }
  return median(rates)
}
