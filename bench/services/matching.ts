/**
 * What a topic matches among many filters: ours, the floor and qlobber, each in a process of its own, in turns. A floor
 * that does less says how much the rest costs.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from '../harness.ts'
import { installPeers } from '../local/peers.ts'
import { Targets } from '../local/targets.ts'
import { publish, round, type Row } from '../sim/table.ts'
import type { MatcherFigures } from './matching-side.ts'

const SIDE = fileURLToPath(new URL('./matching-side.js', import.meta.url))
const SIZES = [1_000, 10_000, 100_000, 1_000_000]
const RUNS = 3

interface Side {
  readonly name: string
  readonly version: string
  readonly script: string | undefined
}

function run({ name, script }: Side, subscriptions: number): MatcherFigures {
  const args = ['--expose-gc', '--max-old-space-size=4096', SIDE, name, `${subscriptions}`]
  if (script !== undefined) args.push(script)
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as MatcherFigures
}

function rowOf(side: Side, subscriptions: number, figures: readonly MatcherFigures[]): Row {
  const of = (pick: (figure: MatcherFigures) => number): number => median(figures.map(pick))
  return {
    matcher: side.version === '' ? side.name : `${side.name} ${side.version}`,
    subscriptions,
    'matches / CPU-s': round(
      of((f) => f.matchesPerSecond),
      0,
    ),
    'hot / CPU-s': round(
      of((f) => f.hotPerSecond),
      0,
    ),
    'rare / CPU-s': round(
      of((f) => f.rarePerSecond),
      0,
    ),
    'found per match': round(
      of((f) => f.found),
      2,
    ),
    'add / CPU-s': round(
      of((f) => f.addPerSecond),
      0,
    ),
    'remove / CPU-s': round(
      of((f) => f.removePerSecond),
      0,
    ),
    'bytes each': round(
      of((f) => f.bytes),
      0,
    ),
  }
}

function judge(targets: Targets, rows: readonly Row[]): void {
  const own = (subscriptions: number, column: string): number =>
    Number(
      rows.find((row) => row['matcher'] === 'Fovea' && row['subscriptions'] === subscriptions)?.[
        column
      ],
    )
  targets.atLeast(
    'PS3 matches, 10,000 subscriptions',
    own(10_000, 'matches / CPU-s'),
    1.2e6,
    '/ CPU-s',
  )
  targets.atLeast(
    'PS3 matches, 1,000,000 subscriptions',
    own(1e6, 'matches / CPU-s'),
    150_000,
    '/ CPU-s',
  )
  for (const size of [10_000, 1e6]) {
    const among = `${size.toLocaleString('en')} subscriptions`
    targets.atLeast(`PS3 add, ${among}`, own(size, 'add / CPU-s'), 400_000, '/ CPU-s')
    targets.atLeast(`PS3 remove, ${among}`, own(size, 'remove / CPU-s'), 300_000, '/ CPU-s')
    targets.atMost(`PS3 heap, ${among}`, own(size, 'bytes each'), 250, 'bytes each')
  }
}

/** Runs all sides; writes bench/results/services-matching.json and its plot. */
export function benchMatching(): Promise<void> {
  const folder = join(process.cwd(), 'bench', 'peers', 'services')
  const { present, missing } = installPeers(folder)
  for (const { name, why } of missing) console.log(`  ${name} is missing: ${why}`)
  const qlobber = present.filter(({ name }) => name === 'qlobber')
  const sides: readonly Side[] = [
    { name: 'floor', version: '', script: undefined },
    { name: 'Fovea', version: '', script: undefined },
    ...qlobber.map(({ name, version, path }) => ({ name, version, script: path })),
  ]
  const rows = SIZES.flatMap((subscriptions) => {
    const figures = sides.map((): MatcherFigures[] => [])
    for (let i = 0; i < RUNS; i++) {
      for (const [s, side] of sides.entries()) figures[s]!.push(run(side, subscriptions))
    }
    return sides.map((side, s) => rowOf(side, subscriptions, figures[s]!))
  })
  publish('services-matching', {
    title: 'Topics matched among many filters',
    how: `70 % of the filters exact, 20 % with one *, 8 % with ** at the end, 2 % with two *; half of the topics hit an exact one. 8,000 topics in turn, 1,000 (hot), 100,000 (rare). Processor time, median of ${RUNS} processes; heap with the filters themselves.`,
    rows,
    chart: {
      title: 'Matches per second of processor time',
      x: 'subscriptions, thousands',
      y: 'matches, thousands',
      series: sides.map((side) => ({
        name: side.name,
        points: rows
          .filter((row) => String(row['matcher']).startsWith(side.name))
          .map((row) => [Number(row['subscriptions']) / 1e3, Number(row['matches / CPU-s']) / 1e3]),
      })),
    },
  })
  const targets = new Targets()
  judge(targets, rows)
  targets.print()
  return Promise.resolve()
}
