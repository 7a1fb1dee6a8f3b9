/** What the simulator itself costs. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median } from '../harness.ts'
import { round, type Row, type Scenario } from './table.ts'

interface Run {
  readonly setUpSeconds: number
  readonly usedSeconds: number
  readonly steps: number
  readonly seconds: number
  readonly rssMegabytes: number
}

const CHILD = fileURLToPath(new URL('./speed-child.js', import.meta.url))
const RUNS = 3

function measure(nodes: number, links: boolean): Run[] {
  return Array.from({ length: RUNS }, () => {
    const seconds = nodes >= 10_000 ? 20 : 60
    const args = ['--expose-gc', CHILD, String(nodes), String(seconds), links ? '1' : '0']
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Run
  })
}

/** Virtual seconds per second of processor time, and memory, of a quiet network. */
export const speed: Scenario = {
  name: 'speed',
  run: (targets) => {
    const rows: Row[] = []
    for (const links of [false, true]) {
      for (const nodes of [100, 1_000, 10_000]) {
        const runs = measure(nodes, links)
        const ofReal = median(runs.map((run) => run.seconds / run.usedSeconds))
        const megabytes = Math.max(...runs.map((run) => run.rssMegabytes))
        rows.push({
          nodes,
          links: links ? '64 per node' : 'none',
          'x real time': round(ofReal, 1),
          'steps per s': round(median(runs.map((run) => run.steps / run.usedSeconds)), 0),
          'set-up s': round(median(runs.map((run) => run.setUpSeconds))),
          'memory MB': round(megabytes, 0),
        })
        if (nodes < 10_000) continue
        const how = links ? 'with links' : 'without links'
        targets.atLeast(`10,000 nodes, quiet, ${how}`, ofReal, 10, 'x real time')
        targets.atMost(`10,000 nodes, memory, ${how}`, megabytes, 300, 'MB')
      }
    }
    const line = (name: string): [number, number][] =>
      rows
        .filter(({ links }) => links === name)
        .map((row) => [Number(row['nodes']), Number(row['x real time'])])
    return {
      title: 'Speed and memory of the simulator',
      how: 'Processor time of a process of its own, all threads counted; median of three, memory the worst.',
      rows,
      chart: {
        title: 'Virtual seconds per second of processor time, quiet network',
        x: 'nodes',
        y: 'x real time',
        logX: true,
        logY: true,
        series: [
          { name: 'without links', points: line('none') },
          { name: '64 links per node', points: line('64 per node') },
        ],
      },
    }
  },
}
