/**
 * Fovea beside the DHTs of npm on loopback: the same number of nodes, the same keys, the same origins, one
 * lookup after the other. Counted is what does not depend on the machine: whether the k nearest nodes are
 * found, and requests per lookup. Each side is a program of its own, one after the other, and killed when
 * its time is over.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { median } from '../harness.ts'
import { installPeers } from '../local/peers.ts'
import { Targets } from '../local/targets.ts'
import { publish, round, type Row } from '../sim/table.ts'

const NODES = 50
const LOOKUPS = 100
/** Fifty nodes that dial each other take their time, most of it for handshakes. */
const SIDE_TIMEOUT_MS = 480_000

/** What a side prints; see bench/peers/dht/figures.mjs. */
interface SideFigures {
  readonly name: string
  readonly version: string
  readonly nodes: number
  /** Part of the lookups that found exactly the k nearest. */
  readonly exact: number
  /** Part of all nodes to be found that were found. */
  readonly recall: number
  /** Per lookup, ascending. */
  readonly messages: readonly number[]
  readonly elapsedMs: readonly number[]
  readonly failed: number
}

interface Side {
  readonly name: string
  readonly script: string
}

/** Runs all sides; writes bench/results/dht-side-by-side.json and its plot. */
export async function benchSideBySide(): Promise<void> {
  const folder = join(process.cwd(), 'bench', 'peers', 'dht')
  const { present, missing } = installPeers(folder)
  for (const { name, why } of missing) console.log(`  ${name} is missing: ${why}`)
  const has = (name: string): boolean => present.some((peer) => peer.name === name)
  const sides: readonly Side[] = [
    { name: 'Fovea', script: fileURLToPath(new URL('./fovea-side.js', import.meta.url)) },
    { name: 'bittorrent-dht', script: join(folder, 'bittorrent-dht.mjs') },
    { name: '@libp2p/kad-dht', script: join(folder, 'kad-dht.mjs') },
  ]
  const all: SideFigures[] = []
  for (const side of sides) {
    if (side.name === 'Fovea' || has(side.name)) all.push(...(await runSide(side)))
  }
  report(all)
}

/** One program; what it printed until it ended or its time was over. */
async function runSide({ name, script }: Side): Promise<readonly SideFigures[]> {
  console.log(`  ${name}: ${NODES} nodes ...`)
  const child = spawn(process.execPath, [script, `${NODES}`, `${LOOKUPS}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), SIDE_TIMEOUT_MS)
  const ended = new Promise<void>((resolve) => {
    child.once('close', (code, signal) => {
      if (code !== 0) console.log(`  ${name} ended with ${code ?? signal}`)
      resolve()
    })
  })
  const figures: SideFigures[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) figures.push(JSON.parse(line) as SideFigures)
  })
  await ended
  clearTimeout(timer)
  return figures
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

function report(all: readonly SideFigures[]): void {
  const ours = all.find(({ name }) => name.startsWith('Fovea'))
  const rows = all.map((side): Row => ({
    side: side.name,
    version: side.version,
    'exact %': round(100 * side.exact, 1),
    'recall %': round(100 * side.recall, 1),
    'messages mean': round(mean(side.messages), 1),
    'messages max': side.messages.at(-1) ?? '',
    'messages / Fovea': ours === undefined ? '' : round(mean(side.messages) / mean(ours.messages)),
    'median ms': round(median(side.elapsedMs), 1),
    failed: side.failed,
  }))
  publish('dht-side-by-side', {
    title: `Lookups among ${NODES} nodes on loopback, side by side`,
    how: `${LOOKUPS} lookups of the same keys from the same nodes, one after the other; k is 20 everywhere. Times are those of one busy program and say little.`,
    rows,
    chart: {
      title: `Requests of a lookup, ${NODES} nodes`,
      x: 'lookups, % (ascending)',
      y: 'requests',
      series: all.map(({ name, messages }) => ({
        name,
        points: messages.map((count, i): [number, number] => [
          (100 * (i + 1)) / messages.length,
          count,
        ]),
      })),
    },
  })
  const targets = new Targets()
  for (const side of all) {
    if (!side.name.startsWith('Fovea')) continue
    targets.atLeast(`exact lookups, ${side.name}`, 100 * side.exact, 100, '%')
    targets.atMost(`requests per lookup, ${side.name}`, mean(side.messages), 26, '')
  }
  targets.print()
}
