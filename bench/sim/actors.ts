/** What a whole node costs in a simulation, and what it does when nobody works. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { round, type Row, type Scenario } from './table.ts'

interface Run {
  readonly nodes: number
  readonly joinedSeconds: number
  readonly settledSeconds: number
  readonly settledMs: number
  readonly virtualSeconds: number
  readonly usedSeconds: number
  readonly links: number
  readonly held: number
  readonly rssMegabytes: number
  readonly rates: Readonly<
    Record<'made' | 'pings' | 'packets' | 'message' | 'arrival' | 'timer', number>
  >
}

const CHILD = fileURLToPath(new URL('./actors-child.js', import.meta.url))
const VIRTUAL_SECONDS = 10
const CALLS_PER_SECOND = 1
/**
 * A young generation of its default size is collected before what arrives in it has been answered. 500 nodes take 5 GB, more than
 * the heap may have by default.
 */
const NODE_OPTIONS = ['--max-semi-space-size=64', '--max-old-space-size=9000']

function measure(nodes: number): Run {
  const args = [
    ...NODE_OPTIONS,
    CHILD,
    String(nodes),
    String(VIRTUAL_SECONDS),
    String(CALLS_PER_SECOND),
  ]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Run
}

function rowOf(run: Run): Row {
  const { nodes, rates, usedSeconds, virtualSeconds } = run
  return {
    nodes,
    'x real time': round(virtualSeconds / usedSeconds, 2),
    'CPU s per virtual s': round(usedSeconds / virtualSeconds),
    MB: round(run.rssMegabytes, 0),
    'start CPU s': round(run.joinedSeconds, 1),
    'quiet after virtual s': round(run.settledMs / 1_000, 0),
    'quiet after CPU s': round(run.settledSeconds, 1),
    links: round(run.links, 1),
    held: round(run.held, 1),
    'links made /s': round(rates.made, 2),
    'pings /s': round(rates.pings, 1),
    'packets /s': round(rates.packets, 1),
    'messages /s': round(rates.message, 1),
    'arrivals /s': round(rates.arrival, 1),
    'timers /s': round(rates.timer, 1),
  }
}

/** Nodes with supervisors and actors that call each other once a second, after the news of the start went round. */
export const actors: Scenario = {
  name: 'actors',
  run: (targets) => {
    const runs = [50, 100, 200, 500].map(measure)
    const rows = runs.map(rowOf)
    const last = rows.at(-1)!
    targets.atLeast('500 whole nodes', Number(last['x real time']), 1, 'x real time')
    return {
      title: 'Whole nodes with supervisors and actors',
      how:
        'A process of its own each, all its threads counted, a young generation of 64 MB; ten virtual seconds after ' +
        'the news of the start went round. Each node calls another one once a second; figures per node and second.',
      rows,
      chart: {
        title: 'Virtual seconds per second of processor time, whole nodes',
        x: 'nodes',
        y: 'x real time',
        logX: true,
        logY: true,
        series: [
          {
            name: 'whole nodes',
            points: rows.map((row) => [Number(row['nodes']), Number(row['x real time'])]),
          },
        ],
      },
    }
  },
}
